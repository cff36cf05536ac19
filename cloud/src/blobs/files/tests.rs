//! What is said to be there is there after a power cut.

use std::cell::RefCell;

use super::*;

thread_local! {
    /// The folders whose say of their files was had on disk.
    pub(super) static SYNCED: RefCell<Vec<PathBuf>> = const { RefCell::new(Vec::new()) };
}

/// Those since the last look.
fn synced() -> Vec<PathBuf> {
    SYNCED.take()
}

/// A chunk's file is written, and said to be there.
fn writes(files: &Files, name: FileName) {
    let (mut file, _) = files.append(name).unwrap();
    file.write_all(b"sealed").unwrap();
    files.settle(name, &file).unwrap();
}

#[test]
fn a_folder_is_on_disk_before_its_first_file_is_said_to_be_whoever_made_it() {
    let data = tempfile::tempdir().unwrap();
    let files = Files::open(data.path()).unwrap();
    assert_eq!(synced(), [data.path()]);
    // Who made the one died before he had it on disk; the other is made by whoever writes into it first.
    let names = [[7; 16], [8; 16]].map(FileName::from_bytes);
    fs::create_dir(files.folder_of(names[0])).unwrap();
    for name in names {
        writes(&files, name);
        assert_eq!(synced(), [files.folder_of(name), files.folder().to_owned()]);
        writes(&files, name);
        assert_eq!(synced(), [files.folder_of(name)], "it is known to be");
    }
    // Who begins anew knows of none, not even of the folder of all of them.
    let files = Files::open(data.path()).unwrap();
    assert_eq!(synced(), [data.path()]);
    writes(&files, names[0]);
    assert_eq!(synced(), [files.folder_of(names[0]), files.folder().to_owned()]);
}
