//! Tests of what is remembered.

use std::os::unix::fs::PermissionsExt as _;

use super::fixture::memory;
use super::*;

#[test]
fn what_is_remembered_is_read_again_and_is_its_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("session");
    let mut kept = memory(&path, 100);
    kept.saw(DeviceId::from_bytes([2; 16]), 9);
    kept.save().unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let read = Memory::load(&path).unwrap();
    assert_eq!(read.device_key().public(), kept.device_key().public());
    assert_eq!(read.tokens().refresh.expose(), "refresh");
    assert_eq!(read.reported(&DeviceId::from_bytes([2; 16])), 9);
    assert!(read.delegate(99).is_ok());
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing lies beside it");
}

#[tokio::test]
async fn a_new_one_takes_the_place_of_nothing_or_of_an_older_one_and_of_no_other_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("session");
    Memory::may_lie_in(&path).unwrap();
    let mut first = memory(&path, 100);
    assert!(first.begin().await.unwrap().is_none());
    first.saw(DeviceId::from_bytes([2; 16]), 9);
    first.save().unwrap();
    Memory::may_lie_in(&path).unwrap();
    let mut second = memory(&path, 100);
    let old = second.begin().await.unwrap().unwrap();
    assert_eq!(old.device_key().public(), first.device_key().public());
    let read = Memory::load(&path).unwrap();
    assert_eq!(read.device_key().public(), second.device_key().public());
    assert_eq!(read.reported(&DeviceId::from_bytes([2; 16])), 9);

    let notes = folder.path().join("notes");
    write(&notes, b"What I wrote").unwrap();
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(folder.path().join("none"), &link).unwrap();
    for (other, exit) in [(&notes, 65), (&link, 74)] {
        assert_eq!(Memory::may_lie_in(other).unwrap_err().exit_code(), exit);
        let error = memory(other, 100).begin().await.unwrap_err();
        assert_eq!(error.exit_code(), exit);
    }
    assert_eq!(std::fs::read(&notes).unwrap(), b"What I wrote");
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 3, "nothing lies beside them");
}

#[test]
fn a_file_that_others_can_read_or_that_is_a_link_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("session");
    memory(&path, 100).save().unwrap();
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert_eq!(Memory::load(&link).unwrap_err().exit_code(), 74);
    for mode in [0o640, 0o604, 0o620] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let error = Memory::load(&path).unwrap_err();
        assert_eq!(error.json()["error"]["name"], "FileExposed", "{mode:o}");
    }
}

#[test]
fn a_key_that_is_over_or_not_the_owners_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("session");
    let mut kept = memory(&path, 100);
    let error = kept.delegate(100).unwrap_err();
    assert_eq!(error.json()["error"]["name"], "RememberedOver");
    kept.content.owner = SigningKey::generate().public();
    assert_eq!(kept.delegate(99).unwrap_err().exit_code(), 65);
}

#[test]
fn anything_else_is_no_remembered_session() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("session");
    write(&path, b"{}").unwrap();
    assert_eq!(Memory::load(&path).unwrap_err().exit_code(), 65);
    let missing = Memory::load(&folder.path().join("none")).unwrap_err();
    assert_eq!(missing.exit_code(), 74);
}

#[test]
fn nothing_of_it_is_shown() {
    let kept = memory(Path::new("/tmp/none"), 100);
    let seed = belay_proto::text::base64url(kept.device_key().seed().expose());
    let shown = format!("{kept:?}");
    assert!(!shown.contains(&seed) && !shown.contains("refresh\""), "{shown}");
}
