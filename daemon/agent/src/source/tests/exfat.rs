//! Folders on a real exFAT, which can't tell letters' case, and whose FUSE driver has an inode for each way of writing a name.

use std::io;

use super::super::{Cards, Vdir};
use super::swaps::Untouched;
use super::*;
use crate::exfat::Card;

fn kind(error: &SourceError) -> &'static str {
    match error {
        SourceError::Changed => "changed",
        SourceError::Refused(_) => "refused",
        SourceError::Io(error) if error.kind() == io::ErrorKind::InvalidInput => "invalid",
        _ => "else",
    }
}

#[test]
fn a_name_in_another_case_is_free_for_a_removal_and_taken_for_a_new_file() {
    let Some(card) = Card::new() else { return };
    fs::create_dir(card.at("DCIM")).unwrap();
    fs::write(card.at("DCIM/Käse.jpg"), "cheese").unwrap();
    fs::write(card.at("ΟΔΌΣ.txt"), "road").unwrap();
    let source = folder(&card.root(), Which::All);
    for place in ["dcim/Käse.jpg", "DCIM/KÄSE.JPG", "Οδός.txt", "DCIM/gone.jpg"] {
        assert!(source.is_gone(place, place), "{place}");
    }
    for place in ["DCIM/Käse.jpg", "ΟΔΌΣ.txt"] {
        assert!(!source.is_gone(place, place), "{place}");
    }
    for place in ["DCIM/KÄSE.JPG", "dcim/new.jpg", "Οδός.txt"] {
        let record = record(&[], 5);
        let arrival = Arrival {
            natural: place,
            record: &record,
            content: &mut Untouched,
            from: None,
        };
        let error = source.write(arrival, None).unwrap_err();
        assert_eq!(kind(&error), "refused", "{place}: {error}");
        let error = source.has_place_for(place).unwrap_err();
        assert_eq!(kind(&error), "refused", "{place}: {error}");
    }
    let error = write(&source, "DCIM/Käse.jpg", &[], "other", None).unwrap_err();
    assert_eq!(kind(&error), "changed");
    let error = source.has_place_for("DCIM/Käse.jpg").unwrap_err();
    assert_eq!(kind(&error), "changed");
    assert_eq!(card.files(), ["DCIM/Käse.jpg", "ΟΔΌΣ.txt"]);
    assert_eq!(fs::read(card.at("DCIM/Käse.jpg")).unwrap(), b"cheese");
}

#[test]
fn what_was_removed_makes_room_at_once_for_a_name_in_another_case() {
    let Some(card) = Card::new() else { return };
    let source = folder(&card.root(), Which::All);
    write(&source, "DCIM/Trip/Photo.jpg", &[], "photo", None).unwrap();
    for (from, to) in [
        ("DCIM/Trip/Photo.jpg", "DCIM/Trip/photo.jpg"),
        ("DCIM/Trip/photo.jpg", "dcim/trip/Photo.JPG"),
    ] {
        // Both ways of writing it are known to the kernel.
        write(&source, to, &[], "photo", None).unwrap_err();
        assert!(card.at(to).exists());
        source.remove(&item(&source, from)).unwrap();
        card.rest();
        let written = write(&source, to, &[], "photo", None).unwrap();
        assert_eq!(written, item(&source, to));
        assert_eq!(card.files(), [to]);
    }
}

#[test]
fn what_lies_in_a_folder_that_changed_its_case_is_read_no_more_by_its_old_name() {
    let Some(card) = Card::new() else { return };
    let source = folder(&card.root(), Which::All);
    let a = write(&source, "DCIM/Trip/a", &[], "a", None).unwrap();
    source.open(&a).unwrap();
    fs::rename(card.at("DCIM"), card.at("dcim")).unwrap();
    assert_eq!(kind(&source.open(&a).unwrap_err()), "changed");
    source.open(&item(&source, "dcim/Trip/a")).unwrap();
}

#[test]
fn nothing_is_written_into_a_folder_by_its_old_name_once_a_look_has_seen_it_in_another_case() {
    let Some(card) = Card::new() else { return };
    let source = folder(&card.root(), Which::All);
    for name in ["DCIM/a", "DCIM/b"] {
        write(&source, name, &[], name, None).unwrap();
    }
    fs::rename(card.at("DCIM"), card.at("dcim")).unwrap();
    source.scan(false, false).unwrap();
    let error = write(&source, "DCIM/c", &[], "c", None).unwrap_err();
    assert_eq!(kind(&error), "refused", "{error}");
    assert_eq!(card.files(), ["dcim/a", "dcim/b"]);
}

#[test]
fn a_folder_with_a_hidden_file_isnt_removed_for_one_in_another_case() {
    let Some(card) = Card::new() else { return };
    fs::create_dir_all(card.at("DCIM/Trip")).unwrap();
    fs::write(card.at("DCIM/Trip/.nomedia"), "").unwrap();
    let source = folder(&card.root(), Which::All);
    let error = write(&source, "dcim/Trip/a", &[], "a", None).unwrap_err();
    assert_eq!(kind(&error), "refused");
    assert_eq!(card.files(), ["DCIM/Trip/.nomedia"]);
}

#[test]
fn a_file_is_written_replaced_moved_and_removed_as_elsewhere() {
    let Some(card) = Card::new() else { return };
    let source = folder(&card.root(), Which::All);
    let attributes = [(MODIFIED, "1700000001.123456789"), (MODE, "640")];
    let first = write(&source, "a/b.txt", &attributes, "first", None).unwrap();
    assert_eq!(first, item(&source, "a/b.txt"));
    assert_eq!(first.mark.modified, 1_700_000_001_000_000_000);
    let second = write(&source, "a/b.txt", &attributes, "the second", Some(&first)).unwrap();
    assert_eq!(second, item(&source, "a/b.txt"));
    let error = write(&source, "a/b.txt", &attributes, "third", Some(&first)).unwrap_err();
    assert_eq!(kind(&error), "changed");
    let moved = source
        .relocate(&second, "c/d.txt", &record(&attributes, 10))
        .unwrap();
    assert_eq!(
        (&moved, card.files()),
        (&item(&source, "c/d.txt"), vec!["c/d.txt".to_owned()])
    );
    assert_eq!(fs::read(card.at("c/d.txt")).unwrap(), b"the second");
    source.remove(&moved).unwrap();
    assert_eq!(card.files(), [""; 0]);
}

#[test]
fn names_that_end_in_dots_or_blanks_are_each_their_own() {
    let Some(card) = Card::new() else { return };
    let source = folder(&card.root(), Which::All);
    let names = ["a", "a ", "a.", "a..", "b./c ", "\u{1f600}.jpg"];
    for name in names {
        write(&source, name, &[], name, None).unwrap();
    }
    let scan = source.scan(false, false).unwrap();
    assert_eq!(naturals(&scan), names);
    for (name, item) in &scan.items {
        assert!(!source.is_gone(name, name));
        source.remove(item).unwrap();
        assert!(source.is_gone(name, name), "{name:?}");
    }
    assert_eq!(card.files(), [""; 0]);
}

#[test]
fn a_name_that_the_file_system_has_no_letters_for_is_refused_and_nothing_is_left_of_it() {
    let Some(card) = Card::new() else { return };
    let source = folder(&card.root(), Which::All);
    for name in ["12:30.jpg", "what?", "2026 12:30/a", "a/b*/c"] {
        let error = source.has_place_for(name).unwrap_err();
        assert_eq!(kind(&error), "invalid", "{name}: {error}");
        let error = write(&source, name, &[], "text", None).unwrap_err();
        assert_eq!(kind(&error), "invalid", "{name}: {error}");
    }
    for name in ["12.30.jpg", "a/Käse", "b/(c)"] {
        source.has_place_for(name).unwrap();
    }
    assert_eq!(card.files(), [""; 0]);
    write(&source, "film", &[], "film", None).unwrap();
    let film = item(&source, "film");
    for name in ["film: the second", "12:30/film"] {
        let error = source.relocate(&film, name, &record(&[], 4)).unwrap_err();
        assert_eq!(kind(&error), "invalid", "{name}: {error}");
    }
    assert_eq!(card.files(), ["film"]);
}

#[test]
fn what_the_card_has_no_room_for_isnt_begun() {
    let Some(card) = Card::new() else { return };
    let source = folder(&card.root(), Which::All);
    assert!(source.has_room(16 << 20) && !source.has_room(64 << 20));
    let mut record = record(&[], 0);
    record.length = 64 << 20;
    let mut content = std::io::repeat(7);
    let arrival = Arrival {
        natural: "film",
        record: &record,
        content: &mut content,
        from: None,
    };
    let error = source.write(arrival, None).unwrap_err();
    assert!(
        matches!(&error, SourceError::Io(error) if error.kind() == io::ErrorKind::StorageFull),
        "{error}"
    );
    assert_eq!(card.files(), [""; 0]);
}

#[test]
fn where_the_card_is_somebody_elses_files_are_written_without_their_times() {
    let Some(card) = Card::new() else { return };
    fs::set_permissions(card.home(), fs::Permissions::from_mode(0o755)).unwrap();
    let root = card.root();
    // Of this thread alone.
    let writes = std::thread::spawn(move || {
        let nobody = rustix::process::Uid::from_raw(65534);
        rustix::thread::set_thread_res_uid(nobody, nobody, nobody).unwrap();
        let source = folder(&root, Which::All);
        let attributes = [(MODIFIED, "1700000001.123456789"), (MODE, "640")];
        let written = write(&source, "a/b", &attributes, "text", None).unwrap();
        assert_eq!(written, item(&source, "a/b"));
        let mut record = record(&attributes, 4);
        record.id = "long".to_owned();
        let arrival = Arrival {
            natural: "film",
            record: &record,
            content: &mut "film".as_bytes(),
            from: Some(0),
        };
        let film = source.write(arrival, None).unwrap();
        let moved = source.relocate(&film, "a/film", &record).unwrap();
        for item in [written, moved] {
            source.remove(&item).unwrap();
        }
    });
    writes.join().unwrap();
    assert_eq!(card.files(), [""; 0]);
}

#[test]
fn a_contact_whose_uid_is_no_name_there_or_is_one_in_another_case_has_a_name_of_its_own() {
    let Some(card) = Card::new() else { return };
    let source = Vdir::new(card.root(), Cards::Contacts, Arc::new(BoottimeClock::new()));
    let uids = ["ANN", "ann", "urn:uuid:1"];
    for uid in uids {
        let text = format!("BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{uid}\r\nEND:VCARD\r\n");
        let written = write(&source, uid, &[], &text, None).unwrap();
        assert_eq!(written, item(&source, uid));
    }
    assert_eq!(source.scan(true, false).unwrap().items.len(), uids.len());
    fs::rename(card.at("ANN.vcf"), card.at("Ann.vcf")).unwrap();
    for uid in uids {
        let item = item(&source, uid);
        assert!(!source.is_gone(uid, &item.place));
        source.remove(&item).unwrap();
        assert!(source.is_gone(uid, &item.place));
    }
    assert_eq!(card.files(), [""; 0]);
}
