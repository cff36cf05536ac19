//! Vdirs and KPeople's folder.

use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use belay_proto::clock::BoottimeClock;

use super::super::{Cards, Vdir, Which};
use super::{folder, item, naturals, tree, write};
use crate::left_out::{LeftOut, Why};
use crate::model::{FOLDER, Scan};
use crate::ports::Source;

fn vdir(root: &Path, cards: Cards) -> Vdir {
    Vdir::new(root.to_owned(), cards, Arc::new(BoottimeClock::new()))
}

const CARD: &str = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:ann-1\r\nFN:Ann\r\nEND:VCARD\r\n";

#[test]
fn a_vdir_knows_its_items_by_what_they_say_and_leaves_other_files_alone() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("work")).unwrap();
    fs::create_dir_all(root.path().join("work/deeper")).unwrap();
    for (name, text) in [
        ("anything.vcf", CARD.to_owned()),
        ("work/x.VCF", CARD.replace("ann-1", "bob-1")),
        ("work/nameless.vcf", CARD.replace("UID:ann-1\r\n", "")),
        ("work/two.vcf", CARD.repeat(2)),
        ("work/deeper/y.vcf", CARD.replace("ann-1", "eve-1")),
        ("work/displayname", "Work".to_owned()),
        ("work/color", "#ff0000".to_owned()),
        ("noise.vcf.tmp", CARD.to_owned()),
    ] {
        fs::write(root.path().join(name), text).unwrap();
    }
    // Of another time than what it becomes, whatever steps the file system counts it in.
    let anything = root.path().join("anything.vcf");
    let open = fs::File::options().write(true).open(&anything);
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    open.unwrap().set_modified(long_ago).unwrap();
    let source = vdir(root.path(), Cards::Contacts);
    let scan = source.scan(true, false).unwrap();
    assert_eq!(naturals(&scan), ["ann-1", "nameless", "bob-1"]);
    assert_eq!(
        scan.items[2].1.attributes.get(FOLDER).map(String::as_str),
        Some("work")
    );
    let left = |scan: &Scan| (scan.left.count, scan.left.examples.clone());
    let two = LeftOut {
        place: "work/two.vcf".to_owned(),
        why: Why::NotOne,
    };
    assert_eq!(left(&scan), (1, vec![two]));
    // Read once, and again when it is another.
    assert_eq!(source.scan(false, false).unwrap(), scan);
    fs::write(&anything, CARD.replace("ann-1", "ann-2")).unwrap();
    assert_eq!(naturals(&source.scan(false, false).unwrap())[0], "ann-2");
}

#[test]
fn a_contact_keeps_its_files_name_and_goes_where_its_collection_is() {
    let root = tempfile::tempdir().unwrap();
    let source = vdir(root.path(), Cards::Contacts);
    fs::write(root.path().join("my own name.vcf"), CARD).unwrap();
    let seen = item(&source, "ann-1");
    let edited = CARD.replace("FN:Ann", "FN:Anne");
    let written = write(&source, "ann-1", &[], &edited, Some(&seen)).unwrap();
    assert_eq!(written.place, "my own name.vcf");
    let written = write(&source, "ann-1", &[(FOLDER, "work")], &edited, Some(&written)).unwrap();
    assert_eq!(tree(root.path()), ["work", "work/ann-1.vcf"]);
    assert_eq!(item(&source, "ann-1"), written);
    let mut text = String::new();
    source.open(&written).unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, edited);
}

#[test]
fn a_hostile_uid_or_collection_names_no_file_elsewhere() {
    let home = tempfile::tempdir().unwrap();
    let root = home.path().join("contacts");
    fs::create_dir(&root).unwrap();
    let source = vdir(&root, Cards::Contacts);
    for (natural, folder) in [
        ("../../x", ".."),
        ("/etc/passwd", "/etc"),
        ("a/b", "a/b"),
        ("..", "."),
        ("\n", ".hidden"),
        ("-rf", ""),
    ] {
        let written = write(&source, natural, &[(FOLDER, folder)], "x", None).unwrap();
        assert!(
            !written.place.contains('/') && written.place.ends_with(".vcf"),
            "{written:?}"
        );
    }
    assert_eq!(tree(home.path()).len(), 1 + 6);
    // Two UIDs that make one name.
    write(&source, "same", &[], "x", None).unwrap();
    fs::rename(root.join("same.vcf"), root.join("taken")).unwrap();
    fs::write(root.join("same.vcf"), CARD).unwrap();
    let written = write(&source, "same", &[], "x", None).unwrap();
    assert_ne!(written.place, "same.vcf");
}

#[test]
fn calendars_are_told_apart_by_their_folders() {
    let root = tempfile::tempdir().unwrap();
    let event = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:e1\nEND:VEVENT\nEND:VCALENDAR\n";
    for folder in ["home", "work"] {
        fs::create_dir(root.path().join(folder)).unwrap();
        fs::write(root.path().join(folder).join("x.ics"), event).unwrap();
    }
    let source = vdir(root.path(), Cards::Calendars);
    assert_eq!(
        naturals(&source.scan(true, false).unwrap()),
        ["home/e1", "work/e1"]
    );
    let written = write(
        &source,
        "work/e2",
        &[(FOLDER, "work")],
        &event.replace("e1", "e2"),
        None,
    )
    .unwrap();
    assert_eq!(written.place, "work/e2.ics");
    assert_eq!(item(&source, "work/e2"), written);
}

#[test]
fn kpeoples_own_contacts_lie_in_its_own_folder_and_those_of_other_devices_are_left_alone() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("kdeconnect-abc")).unwrap();
    fs::write(
        root.path().join("kdeconnect-abc/x.vcf"),
        CARD.replace("ann-1", "theirs"),
    )
    .unwrap();
    let source = vdir(root.path(), Cards::KPeople);
    write(&source, "ann-1", &[(FOLDER, "work")], CARD, None).unwrap();
    let scan = source.scan(true, false).unwrap();
    assert_eq!(naturals(&scan), ["ann-1"]);
    assert_eq!(
        (scan.items[0].1.place.as_str(), scan.items[0].1.attributes.len()),
        ("own/ann-1.vcf", 0)
    );
}

#[test]
fn a_contact_without_a_uid_is_the_same_one_on_the_next_device() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let text = CARD.replace("UID:ann-1\r\n", "");
    let long = "ü".repeat(100);
    let names = ["Anna Müller (home)", "a:b & c", "张伟", "x,y", &long];
    for name in names {
        fs::write(here.path().join(format!("{name}.vcf")), &text).unwrap();
    }
    let (first, second) = (
        vdir(here.path(), Cards::Contacts),
        vdir(there.path(), Cards::Contacts),
    );
    let scan = first.scan(true, false).unwrap();
    assert_eq!(naturals(&scan).len(), names.len());
    for natural in naturals(&scan) {
        write(&second, natural, &[], &text, None).unwrap();
    }
    assert_eq!(naturals(&second.scan(true, false).unwrap()), naturals(&scan));
    assert_eq!(tree(there.path()), tree(here.path()));
}

#[test]
fn a_contact_with_a_long_photograph_is_read_to_its_end() {
    let root = tempfile::tempdir().unwrap();
    let photograph = format!("PHOTO:{}\r\nEND:", "A".repeat(5 << 20));
    fs::write(root.path().join("ann.vcf"), CARD.replace("END:", &photograph)).unwrap();
    let source = vdir(root.path(), Cards::Contacts);
    assert_eq!(naturals(&source.scan(true, false).unwrap()), ["ann-1"]);
}

#[test]
fn a_name_that_isnt_utf8_is_told_of_only_where_another_name_would_be_mirrored() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &[u8]| root.path().join(OsStr::from_bytes(name));
    for name in [
        &b"\xff.vcf"[..],
        b".\xff.vcf",
        b"\xff.vcf~",
        b"\xff.tmp",
        b"\xff.txt",
    ] {
        fs::write(at(name), CARD).unwrap();
    }
    for folder in [&b"f\xfflder"[..], b".f\xfflder", b"sub", b"sub/f\xfflder"] {
        fs::create_dir(at(folder)).unwrap();
    }
    let places = |scan: Scan| {
        let mut places: Vec<String> = scan.left.examples.into_iter().map(|left| left.place).collect();
        places.sort();
        assert_eq!(places.len(), scan.left.count);
        places
    };
    let cards = vdir(root.path(), Cards::Contacts).scan(true, false).unwrap();
    assert_eq!(places(cards), ["f\u{fffd}lder", "\u{fffd}.vcf"]);
    let notes = folder(root.path(), Which::Notes).scan(true, false).unwrap();
    assert_eq!(
        places(notes),
        ["f\u{fffd}lder", "sub/f\u{fffd}lder", "\u{fffd}.txt"]
    );
}
