//! Sources on real folders, with the real inotify.

mod exfat;
mod moves;
mod parts;
mod swaps;
mod vdirs;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;

use belay_proto::clock::BoottimeClock;

use super::*;
use crate::model::{Attributes, Local, MODE, MODIFIED, Remote, Scan};
use crate::ports::{Arrival, Source, SourceError};
use crate::state::Stop;

fn folder(root: &Path, which: Which) -> Folder {
    Folder::new(
        root.to_owned(),
        which,
        vec!["others".to_owned()],
        Arc::new(BoottimeClock::new()),
    )
}

fn record(attributes: &[(&str, &str)], length: usize) -> Remote {
    let attribute = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Remote {
        id: "1d".to_owned(),
        revision: 1,
        kind: "text/plain".to_owned(),
        length: length as u64,
        attributes: attributes.iter().map(attribute).collect::<Attributes>(),
        conflict_with: None,
        lacking: false,
    }
}

fn write(
    source: &dyn Source,
    natural: &str,
    attributes: &[(&str, &str)],
    text: &str,
    over: Option<&Local>,
) -> Result<Local, SourceError> {
    let record = record(attributes, text.len());
    let mut content = text.as_bytes();
    let arrival = Arrival {
        natural,
        record: &record,
        content: &mut content,
        from: None,
    };
    source.write(arrival, over)
}

fn naturals(scan: &Scan) -> Vec<&str> {
    scan.items.iter().map(|(natural, _)| natural.as_str()).collect()
}

fn item(source: &dyn Source, natural: &str) -> Local {
    let scan = source.scan(false, false).unwrap();
    let found = scan.items.into_iter().find(|(known, _)| known == natural);
    found.unwrap_or_else(|| panic!("{natural:?} isn't there")).1
}

fn tree(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            found.push(path.strip_prefix(root).unwrap().display().to_string());
            if path.is_dir() && !path.is_symlink() {
                folders.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn a_folder_shows_its_regular_files_and_nothing_else() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    fs::create_dir_all(at("a/b")).unwrap();
    fs::create_dir_all(at("others")).unwrap();
    fs::create_dir_all(at(".git")).unwrap();
    for name in [
        "a/b/c.txt",
        "d.jpg",
        "others/x",
        ".git/config",
        ".hidden",
        "e.part",
        "f.tmp",
        "g~",
    ] {
        fs::write(at(name), name).unwrap();
    }
    symlink("/etc", at("etc")).unwrap();
    symlink("/etc/passwd", at("passwd")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, at("pipe"), rustix::fs::Mode::RWXU).unwrap();
    let source = folder(root.path(), Which::All);
    let scan = source.scan(true, false).unwrap();
    assert_eq!(naturals(&scan), ["a/b/c.txt", "d.jpg"]);
    assert_eq!(scan.items[1].1.kind, "image/jpeg");
    let notes = folder(root.path(), Which::Notes).scan(true, false).unwrap();
    assert_eq!(naturals(&notes), ["a/b/c.txt"]);
}

#[test]
fn what_an_earlier_run_left_half_done_is_swept_away_and_nothing_else() {
    let root = tempfile::tempdir().unwrap();
    for name in [".belay-0123456789abcdef.tmp", ".belay-notes.tmp", "other.tmp"] {
        fs::write(root.path().join(name), "x").unwrap();
    }
    let source = folder(root.path(), Which::All);
    source.scan(false, false).unwrap();
    assert_eq!(tree(root.path()).len(), 3);
    source.scan(true, false).unwrap();
    assert_eq!(tree(root.path()), [".belay-notes.tmp", "other.tmp"]);
}

#[test]
fn a_missing_root_is_missing_until_it_may_be_made() {
    let home = tempfile::tempdir().unwrap();
    let source = folder(&home.path().join("a/Pictures"), Which::All);
    assert_eq!(source.scan(true, false), Err(Stop::Missing));
    assert!(source.scan(true, true).unwrap().items.is_empty());
    assert_eq!(source.scan(true, false).map(|scan| scan.items.len()), Ok(0));
}

#[test]
fn a_folder_that_cant_be_read_is_unseen_and_not_empty() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("a/b")).unwrap();
    fs::write(root.path().join("a/b/c"), "c").unwrap();
    let mounted = root.path().join("a");
    fs::set_permissions(&mounted, fs::Permissions::from_mode(0o000)).unwrap();
    let scan = folder(root.path(), Which::All).scan(true, false).unwrap();
    fs::set_permissions(&mounted, fs::Permissions::from_mode(0o700)).unwrap();
    // Root reads everything.
    if !rustix::process::geteuid().is_root() {
        assert_eq!((scan.items.len(), scan.unseen), (0, vec!["a".to_owned()]));
    }
}

#[test]
fn names_from_elsewhere_lead_nowhere_but_below_the_root() {
    let home = tempfile::tempdir().unwrap();
    let root = home.path().join("root");
    fs::create_dir_all(root.join("sub")).unwrap();
    fs::create_dir_all(home.path().join("outside")).unwrap();
    symlink(home.path().join("outside"), root.join("link")).unwrap();
    symlink(home.path().join("outside/new"), root.join("dangling")).unwrap();
    fs::write(root.join("file"), "mine").unwrap();
    let before = tree(home.path());
    let source = folder(&root, Which::All);
    let long = "n".repeat(300);
    let deep = "d/".repeat(2000) + "f";
    for natural in [
        "",
        "/",
        ".",
        "..",
        "../outside/x",
        "/etc/x",
        "sub/../../outside/x",
        "sub/./x",
        "sub//x",
        "sub/",
        "a\0b",
        "x\n",
        ".bashrc",
        "sub/.hidden",
        ".belay-0123456789abcdef.tmp",
        "x.tmp",
        "x.part",
        "x~",
        &long,
        &deep,
        "link/x",
        "dangling",
        "link",
        "sub",
        "file/x",
        "others/x",
        "a\0nothexadecimal",
    ] {
        let refused = write(&source, natural, &[], "theirs", None);
        let is_refused = match &refused {
            Err(SourceError::Refused(_)) => true,
            // The way there is no folder.
            Err(SourceError::Io(error)) => matches!(
                rustix::io::Errno::from_io_error(error),
                Some(rustix::io::Errno::NOTDIR | rustix::io::Errno::LOOP)
            ),
            _ => false,
        };
        assert!(is_refused, "{natural:?}: {refused:?}");
        assert_eq!(tree(home.path()), before, "{natural:?}");
    }
    // What is there and differs isn't overwritten.
    assert!(matches!(
        write(&source, "file", &[], "theirs", None),
        Err(SourceError::Changed)
    ));
    assert_eq!(fs::read(root.join("file")).unwrap(), b"mine");
    // An item that claims to lie elsewhere isn't read or removed there either.
    fs::write(home.path().join("outside/secret"), "s").unwrap();
    for place in ["../outside/secret", "link/secret", "dangling"] {
        let item = Local {
            place: place.to_owned(),
            ..item(&source, "file")
        };
        assert!(
            source.open(&item).is_err() && source.remove(&item).is_err(),
            "{place}"
        );
    }
    assert!(home.path().join("outside/secret").exists());
}

#[test]
fn a_file_arrives_with_its_time_and_its_permissions_but_for_dangerous_ones() {
    let root = tempfile::tempdir().unwrap();
    let source = folder(root.path(), Which::All);
    let attributes = [(MODE, "6777"), (MODIFIED, "1700000000.123456789")];
    let written = write(&source, "a/b/c.sh", &attributes, "text", None).unwrap();
    assert_eq!(written, item(&source, "a/b/c.sh"));
    assert_eq!(written.attributes[MODIFIED], "1700000000.123456789");
    assert_eq!(written.mark.mode, 0o755);
    let mode = fs::metadata(root.path().join("a/b/c.sh"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o7777, 0o755);
    // Nonsense is passed over.
    let attributes = [(MODE, "rwx"), (MODIFIED, "99999999999999999999.000000000")];
    let written = write(&source, "d", &attributes, "text", None).unwrap();
    assert_eq!(written.mark.mode, 0o600);
    assert_eq!(tree(root.path()), ["a", "a/b", "a/b/c.sh", "d"]);
}

#[test]
fn only_what_is_still_as_it_was_is_replaced_or_removed() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("a");
    let source = folder(root.path(), Which::All);
    fs::write(&path, "one").unwrap();
    let seen = item(&source, "a");
    fs::write(&path, "one, edited").unwrap();
    assert!(matches!(
        write(&source, "a", &[], "theirs", Some(&seen)),
        Err(SourceError::Changed)
    ));
    assert!(matches!(source.remove(&seen), Err(SourceError::Changed)));
    assert!(matches!(source.open(&seen), Err(SourceError::Changed)));
    assert!(!source.is_still(&seen) && !source.is_gone("a", "a") && source.is_gone("b", "b"));
    assert_eq!(fs::read(&path).unwrap(), b"one, edited");
    let seen = item(&source, "a");
    let written = write(&source, "a", &[], "theirs", Some(&seen)).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"theirs");
    source.remove(&written).unwrap();
    assert!(matches!(
        write(&source, "a", &[], "again", Some(&written)),
        Err(SourceError::Changed)
    ));
    assert_eq!(tree(root.path()), Vec::<String>::new());
}

#[test]
fn a_content_that_is_cut_off_or_too_long_leaves_everything_as_it_was() {
    let root = tempfile::tempdir().unwrap();
    let source = folder(root.path(), Which::All);
    for length in [3, 5] {
        let record = record(&[], length);
        let mut content = "text".as_bytes();
        let arrival = Arrival {
            natural: "a",
            record: &record,
            content: &mut content,
            from: None,
        };
        let written = source.write(arrival, None);
        assert!(
            matches!(written, Err(SourceError::CutOff | SourceError::Io(_))),
            "{written:?}"
        );
    }
    assert_eq!(tree(root.path()), Vec::<String>::new());
}

#[test]
fn another_version_lies_beside_the_original() {
    let root = tempfile::tempdir().unwrap();
    let source = folder(root.path(), Which::All);
    let natural = format!("a/letter.txt\0{}", "0123456789abcdef".repeat(2));
    write(&source, &natural, &[], "mine", None).unwrap();
    assert_eq!(tree(root.path()), ["a", "a/letter (version 01234567).txt"]);
}

#[tokio::test]
async fn changes_are_told_also_in_folders_that_came_later() {
    let root = tempfile::tempdir().unwrap();
    let source = folder(root.path(), Which::All);
    let mut watch = source.watch().unwrap();
    source.scan(true, false).unwrap();
    fs::create_dir(root.path().join("new")).unwrap();
    watch.changed().await.unwrap();
    source.scan(false, false).unwrap();
    // What the scan itself did may be told too.
    for name in ["a", "b"] {
        fs::write(root.path().join("new").join(name), name).unwrap();
        watch.changed().await.unwrap();
    }
    fs::remove_file(root.path().join("new/a")).unwrap();
    watch.changed().await.unwrap();
}
