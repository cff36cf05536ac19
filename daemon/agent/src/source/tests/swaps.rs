//! What lies in the place of what was there.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use belay_proto::clock::{BoottimeClock, BoxFuture, Clock};
use rustix::io::Errno;

use super::super::{Cards, Folder, Vdir, Which};
use super::{folder, naturals, record, write};
use crate::ports::{Arrival, Source, SourceError};
use crate::state::Stop;

/// A clock that puts another folder in a root's place when it is asked for the boot: once a walk has begun.
struct Swapping(PathBuf);

impl Clock for Swapping {
    fn boottime(&self) -> Duration {
        Duration::ZERO
    }

    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }

    fn boot_id(&self) -> String {
        fs::rename(&self.0, self.0.with_extension("medium")).unwrap();
        fs::create_dir(&self.0).unwrap();
        String::new()
    }

    fn sleep_until(&self, _boottime: Duration) -> BoxFuture<'_, ()> {
        Box::pin(std::future::pending())
    }
}

#[test]
fn a_medium_that_is_taken_away_during_a_scan_isnt_one_that_was_emptied() {
    let home = tempfile::tempdir().unwrap();
    let root = home.path().join("root");
    fs::create_dir(&root).unwrap();
    fs::write(root.join("a"), "a").unwrap();
    let clock = Arc::new(Swapping(root.clone()));
    let source = Folder::new(root, Which::All, Vec::new(), clock);
    assert_eq!(source.scan(true, false), Err(Stop::Replaced));
}

#[test]
fn a_link_or_a_pipe_in_a_files_place_says_nothing_of_the_file() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    fs::create_dir(at("away")).unwrap();
    fs::write(at("away/x"), "x").unwrap();
    symlink("away", at("folder")).unwrap();
    symlink("away/x", at("file")).unwrap();
    symlink("nowhere", at("dangling")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, at("pipe"), rustix::fs::Mode::RWXU).unwrap();
    let source = folder(root.path(), Which::All);
    let mut scan = source.scan(true, false).unwrap();
    scan.unseen.sort();
    assert_eq!(naturals(&scan), ["away/x"]);
    assert_eq!(scan.unseen, ["dangling", "file", "folder", "pipe"]);
    for place in ["dangling", "file", "folder", "folder/x", "pipe"] {
        assert!(!source.is_gone(place, place), "{place}");
    }
}

#[test]
fn a_folder_in_a_files_place_and_a_file_in_a_folders_are_in_nobodys_way() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    fs::create_dir(at("was a file")).unwrap();
    fs::write(at("was a folder"), "").unwrap();
    fs::write(at("is there"), "").unwrap();
    let source = folder(root.path(), Which::All);
    for place in [
        "was a file",
        "was a folder/x",
        "was a folder/x/y",
        "gone",
        "gone/x",
    ] {
        assert!(source.is_gone(place, place), "{place}");
    }
    assert!(!source.is_gone("is there", "is there"));
    fs::remove_dir_all(root.path()).unwrap();
    assert!(!source.is_gone("gone", "gone"), "nothing is known without a root");
}

#[test]
fn what_a_folder_answers_to_and_doesnt_list_isnt_gone_and_nothing_is_written_below_it() {
    // As a folder of a network may, /proc lists less than it has: the number of a thread isn't there.
    let looks = std::thread::spawn(|| {
        let source = folder(Path::new("/proc"), Which::All);
        let thread = rustix::thread::gettid().as_raw_nonzero();
        let place = format!("{thread}/comm");
        assert!(Path::new("/proc").join(&place).is_file());
        assert!(!source.is_gone(&place, &place));
        let process = format!("{}/comm", std::process::id());
        assert!(!source.is_gone(&process, &process));
        // It would be shown under another name, or under none.
        let written = write(&source, &format!("{thread}/new"), &[], "text", None);
        match written {
            Err(SourceError::Io(error)) => assert_eq!(Errno::from_io_error(&error), Some(Errno::AGAIN)),
            other => panic!("{other:?}"),
        }
    });
    looks.join().unwrap();
}

/// A content of which nothing may be read.
pub(super) struct Untouched;

impl Read for Untouched {
    fn read(&mut self, _room: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("it was begun"))
    }
}

fn refused_unread(source: &dyn Source, root: &Path) -> SourceError {
    let mut record = record(&[], 0);
    record.length = 1 << 62;
    let arrival = Arrival {
        natural: "a",
        record: &record,
        content: &mut Untouched,
        from: None,
    };
    let error = source.write(arrival, None).unwrap_err();
    assert_eq!(fs::read_dir(root).unwrap().count(), 0);
    assert_ne!(error.to_string(), "it was begun");
    error
}

#[test]
fn what_cant_fit_isnt_begun() {
    let root = tempfile::tempdir().unwrap();
    refused_unread(&folder(root.path(), Which::All), root.path());
    let clock = Arc::new(BoottimeClock::new());
    let contacts = Vdir::new(root.path().to_owned(), Cards::Contacts, clock);
    let error = refused_unread(&contacts, root.path());
    assert!(matches!(error, SourceError::Refused(_)), "{error}");
}

#[test]
fn what_is_set_aside_for_a_file_doesnt_lengthen_it() {
    let root = tempfile::tempdir().unwrap();
    let source = folder(root.path(), Which::All);
    let written = write(&source, "a", &[], "five!", None).unwrap();
    assert_eq!(written.mark.size, 5);
    assert_eq!(write(&source, "b", &[], "", None).unwrap().mark.size, 0);
}

#[test]
fn a_half_written_contact_isnt_a_removed_one_and_one_of_another_uid_is() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("ann.vcf");
    let card = |uid: &str| format!("BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{uid}\r\nEND:VCARD\r\n");
    fs::write(&path, card("ann")).unwrap();
    let clock = Arc::new(BoottimeClock::new());
    let source = Vdir::new(root.path().to_owned(), Cards::Contacts, clock);
    assert_eq!(source.scan(true, false).unwrap().unseen, [""; 0]);
    let cut_off = |text: &str| card("ann").split_once(text).unwrap().0.to_owned();
    for text in [
        String::new(),
        card("ann").repeat(2),
        cut_off("END:"),
        cut_off("n\r\nEND:"),
    ] {
        fs::write(&path, text).unwrap();
        let scan = source.scan(false, false).unwrap();
        assert_eq!(
            (naturals(&scan).len(), &scan.unseen[..]),
            (0, &["ann.vcf".to_owned()][..])
        );
        assert!(!source.is_gone("ann", "ann.vcf"));
    }
    fs::write(&path, card("bob")).unwrap();
    let scan = source.scan(false, false).unwrap();
    assert_eq!((naturals(&scan), scan.unseen.len()), (vec!["bob"], 0));
    assert!(source.is_gone("ann", "ann.vcf") && !source.is_gone("bob", "ann.vcf"));
}
