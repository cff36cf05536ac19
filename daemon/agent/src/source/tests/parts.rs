//! Contents that don't come whole at once.

use belay_proto::clock::FakeClock;

use super::*;
use crate::queue::SMALL;

/// Writes on after what was kept of a record of this revision, which is so long.
fn write_on(source: &dyn Source, revision: u64, length: usize, text: &str) -> Result<Local, SourceError> {
    let record = Remote {
        revision,
        ..record(&[], length)
    };
    let from = source.kept("a.bin", &record, None);
    let mut content = &text.as_bytes()[usize::try_from(from).unwrap()..];
    let arrival = Arrival {
        natural: "a.bin",
        record: &record,
        content: &mut content,
        from: Some(from),
    };
    source.write(arrival, None)
}

/// What lies there of the record that [`write_on`] writes.
fn parts(root: &Path) -> Vec<String> {
    let all = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let parts = all.filter(|path| path.extension().is_some_and(|end| end == "part"));
    parts.map(|path| fs::read_to_string(path).unwrap()).collect()
}

#[test]
fn a_content_that_was_cut_off_goes_on_where_it_ended() {
    let root = tempfile::tempdir().unwrap();
    let source = folder(root.path(), Which::All);
    for (text, kept) in [("lo", "lo"), ("long", "long")] {
        let cut = write_on(&source, 7, 9, text);
        assert!(matches!(cut, Err(SourceError::CutOff)), "{cut:?}");
        assert_eq!(parts(root.path()), [kept]);
    }
    // It is neither an item nor swept away when the program begins anew.
    assert!(source.scan(true, false).unwrap().items.is_empty());
    // What came isn't asked for again.
    write_on(&source, 7, 9, "XXXX text").unwrap();
    assert_eq!(
        fs::read_to_string(root.path().join("a.bin")).unwrap(),
        "long text"
    );
    assert_eq!(tree(root.path()), ["a.bin"]);
}

#[test]
fn what_came_of_another_revision_or_before_a_power_cut_or_too_long_is_none_of_it() {
    let root = tempfile::tempdir().unwrap();
    let source = folder(root.path(), Which::All);
    assert!(write_on(&source, 7, 9, "long").is_err());
    assert!(write_on(&source, 8, 9, "lang").is_err());
    assert_eq!(parts(root.path()), ["lang"], "the other one is gone");
    // Longer than the record is.
    assert!(write_on(&source, 8, 3, "la").is_err());
    assert_eq!(parts(root.path()), ["la"]);
    // A longer content than was announced is none.
    let long = write_on(&source, 8, 3, "lang");
    assert!(matches!(long, Err(SourceError::Io(_))), "{long:?}");
    assert_eq!(parts(root.path()), Vec::<String>::new());
    assert!(write_on(&source, 8, 9, "lang").is_err());
    let clock = FakeClock::new();
    clock.set_boot_id("another");
    let source = Folder::new(root.path().to_owned(), Which::All, Vec::new(), Arc::new(clock));
    source.scan(true, false).unwrap();
    assert_eq!(parts(root.path()), Vec::<String>::new());
}

#[test]
fn what_came_of_a_content_goes_once_it_is_written_from_a_file_that_was_here() {
    let root = tempfile::tempdir().unwrap();
    let source = folder(root.path(), Which::All);
    let film = "f".repeat(usize::try_from(SMALL).unwrap() + 1);
    assert!(write_on(&source, 7, film.len(), "ff").is_err());
    assert_eq!(parts(root.path()), ["ff"]);
    write(&source, "a.bin", &[], &film, None).unwrap();
    assert_eq!(tree(root.path()), ["a.bin"]);
}

#[test]
fn a_part_that_somebody_else_put_there_isn_t_gone_on_from() {
    let root = tempfile::tempdir().unwrap();
    let source = folder(root.path(), Which::All);
    assert!(write_on(&source, 7, 9, "long").is_err());
    let is_part = |path: &std::path::PathBuf| path.extension().is_some_and(|end| end == "part");
    let mut all = fs::read_dir(root.path())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let part = all.find(is_part).unwrap();
    fs::write(root.path().join("theirs"), "evil").unwrap();
    fs::remove_file(&part).unwrap();
    std::os::unix::fs::symlink(root.path().join("theirs"), &part).unwrap();
    write_on(&source, 7, 9, "long text").unwrap();
    fs::hard_link(root.path().join("theirs"), &part).unwrap();
    fs::remove_file(root.path().join("a.bin")).unwrap();
    write_on(&source, 7, 9, "long text").unwrap();
    assert_eq!(
        fs::read_to_string(root.path().join("a.bin")).unwrap(),
        "long text"
    );
    assert_eq!(fs::read_to_string(root.path().join("theirs")).unwrap(), "evil");
}

#[test]
fn a_part_that_a_kill_left_beside_the_file_that_it_became_goes_with_the_next_start() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    let source = folder(root.path(), Which::All);
    assert!(write_on(&source, 7, 9, "long").is_err());
    let part = fs::read_dir(root.path()).unwrap().next().unwrap();
    fs::hard_link(part.unwrap().path(), at("a.bin")).unwrap();
    // The owner's, whatever it is called.
    fs::write(at(".belay-thesis.part"), "mine").unwrap();
    fs::hard_link(at(".belay-thesis.part"), at("thesis")).unwrap();
    source.scan(false, false).unwrap();
    assert_eq!(parts(root.path()).len(), 2, "at work it may be in use");
    source.scan(true, false).unwrap();
    assert_eq!(tree(root.path()), [".belay-thesis.part", "a.bin", "thesis"]);
    assert_eq!(fs::read_to_string(at("a.bin")).unwrap(), "long");
}
