//! Files that become others: another device renamed them.

use super::*;
use crate::model::Mark;

#[test]
fn a_file_that_was_renamed_elsewhere_is_moved_and_gets_the_permissions_that_it_has_there() {
    let root = tempfile::tempdir().unwrap();
    let source = folder(root.path(), Which::All);
    write(&source, "a/film", &[(MODE, "600")], "film", None).unwrap();
    let film = item(&source, "a/film");
    let renamed = record(&[(MODE, "755"), (MODIFIED, "5.000000001")], 4);
    let moved = source.relocate(&film, "b/c/film", &renamed).unwrap();
    assert_eq!(moved, item(&source, "b/c/film"));
    let mode = 0o755;
    assert_eq!(moved.mark, Mark { mode, ..film.mark });
    assert_eq!(tree(root.path()), ["a", "b", "b/c", "b/c/film"]);
}

#[test]
fn a_file_that_was_edited_or_has_no_place_there_stays_where_it_is() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    fs::write(at("film"), "film").unwrap();
    fs::write(at("taken"), "theirs").unwrap();
    fs::create_dir(at("folder")).unwrap();
    let source = folder(root.path(), Which::All);
    let film = item(&source, "film");
    let to = |natural: &str| source.relocate(&film, natural, &record(&[], 4));
    assert!(matches!(to("taken"), Err(SourceError::Changed)));
    for natural in ["folder", "../film", ".film", "others/film"] {
        assert!(matches!(to(natural), Err(SourceError::Refused(_))), "{natural}");
    }
    fs::write(at("film"), "film, edited").unwrap();
    assert!(matches!(to("new"), Err(SourceError::Changed)));
    assert_eq!(tree(root.path()), ["film", "folder", "taken"]);
    assert_eq!(fs::read(at("taken")).unwrap(), b"theirs");
}
