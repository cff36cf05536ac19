//! Where a record goes in a folder: by what it is by nature, and never anywhere else.
//!
//! A natural key is what another program of the owner's wrote, perhaps on another device: it may hold slashes, dots and
//! anything else. A path that is made of it only goes down, and each part of it is a name that shows what it is.

use std::path::PathBuf;

use belay_proto::dbus::records::Listed;
use belay_proto::text::misleads;

/// The longest name, bytes (Linux, `NAME_MAX`), with room for an ending and an id.
const LONGEST: usize = 200;
/// Folders in folders at most.
const DEEPEST: usize = 32;
/// What is written without an ending of its own.
const ENDINGS: [(&str, &str); 6] = [
    ("text/vcard", "vcf"),
    ("text/calendar", "ics"),
    ("text/markdown", "md"),
    ("text/plain", "txt"),
    ("application/json", "json"),
    ("image/jpeg", "jpg"),
];

/// The path of a record below its collection's folder.
pub fn path(record: &Listed) -> PathBuf {
    let mut names: Vec<String> = record
        .natural
        .split('/')
        .filter(|name| !name.is_empty())
        .map(name)
        .collect();
    if names.len() > DEEPEST {
        let rest = names.split_off(DEEPEST - 1).join("_");
        names.push(cut(&rest).to_owned());
    }
    let last = names.pop().unwrap_or_else(|| record.id.to_string());
    names.into_iter().chain([ended(last, &record.kind)]).collect()
}

/// The path where that name is taken already, or is a folder.
pub fn other(record: &Listed) -> PathBuf {
    let first = path(record);
    let name = first
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    PathBuf::from(format!("{}-{name}", record.id))
}

/// A name that isn't another path, and looks like what it is.
fn name(part: &str) -> String {
    let safe = |letter: char| match letter {
        '\\' => '_',
        letter if misleads(letter) => '_',
        letter => letter,
    };
    let name: String = part.chars().map(safe).collect();
    match name.chars().all(|letter| letter == '.' || letter == ' ') {
        true => "_".repeat(name.chars().count().min(LONGEST)),
        false => cut(&name).to_owned(),
    }
}

/// So much of it as a name may have.
fn cut(name: &str) -> &str {
    let fits = |end: &usize| name.is_char_boundary(*end);
    let end = (0..=name.len().min(LONGEST)).rfind(fits).unwrap_or(0);
    name.get(..end).unwrap_or_default()
}

fn ended(name: String, kind: &str) -> String {
    // Parameters, as in `text/vcard;version=4.0`.
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let ending = ENDINGS.iter().find(|(known, _)| kind.eq_ignore_ascii_case(known));
    match ending {
        Some((kind, ending)) => {
            let has = name.rsplit_once('.').is_some_and(|(stem, has)| {
                !stem.is_empty() && (has.eq_ignore_ascii_case(ending) || !is_card(kind) && !has.is_empty())
            });
            match has {
                true => name,
                false => format!("{name}.{ending}"),
            }
        }
        None => name,
    }
}

/// Whether a name is a UID, in which a point says nothing.
fn is_card(kind: &str) -> bool {
    matches!(kind, "text/vcard" | "text/calendar")
}

#[cfg(test)]
mod tests {
    use std::path::{Component, Path};

    use belay_proto::sync::{Attributes, RecordId};
    use proptest::prelude::*;

    use super::*;

    fn record(natural: &str, kind: &str) -> Listed {
        Listed {
            id: RecordId::from_bytes([7; 16]),
            revision: 1,
            position: 1,
            natural: natural.to_owned(),
            kind: kind.to_owned(),
            length: 0,
            attributes: Attributes::default(),
            conflict_with: None,
            lacking: false,
            changed_at: 1,
            is_long: false,
        }
    }

    /// Goes down and nowhere else, in names that a file system takes.
    fn stays(path: &Path) -> bool {
        let mut all = 0;
        path.components().all(|part| {
            all += 1;
            matches!(part, Component::Normal(name) if name.len() <= 255) && all <= DEEPEST
        }) && all > 0
    }

    #[test]
    fn a_record_goes_where_its_nature_says() {
        let at = |natural: &str, kind: &str| path(&record(natural, kind)).to_string_lossy().into_owned();
        assert_eq!(at("ada@example.org", "text/vcard"), "ada@example.org.vcf");
        assert_eq!(at("work/1234", "text/calendar"), "work/1234.ics");
        assert_eq!(at("Trips/Rome.md", "text/markdown"), "Trips/Rome.md");
        assert_eq!(at("2026/11/IMG_1.JPG", "image/jpeg"), "2026/11/IMG_1.JPG");
        assert_eq!(at("a.vcf", "text/vcard;version=4.0"), "a.vcf");
        assert_eq!(at("notes", "application/pdf"), "notes");
        assert_eq!(at("", "text/vcard"), format!("{}.vcf", "07".repeat(16)));
    }

    #[test]
    fn no_name_leads_out_of_the_folder_or_pretends() {
        for (natural, expected) in [
            ("../../etc/passwd", "__/__/etc/passwd"),
            ("/etc/passwd", "etc/passwd"),
            ("a/./b//c", "a/_/b/c"),
            (". ./x", "___/x"),
            ("a\\..\\b", "a_.._b"),
            ("in\nvoice\u{202e}fdp.exe", "in_voice_fdp.exe"),
            ("/", "07070707070707070707070707070707"),
            ("...", "___"),
        ] {
            let made = path(&record(natural, "application/octet-stream"));
            assert_eq!(made, Path::new(expected), "{natural:?}");
            assert!(stays(&made), "{natural:?}");
        }
        assert!(stays(&path(&record(&"ü/".repeat(2000), "text/vcard"))));
        assert!(stays(&path(&record(&"ü".repeat(2000), "text/vcard"))));
    }

    proptest! {
        #[test]
        fn every_natural_key_has_a_place_in_the_folder(natural in "[\\PC/.\\x00 ]{0,300}", kind in ".{0,20}") {
            let record = record(&natural, &kind);
            prop_assert!(stays(&path(&record)), "{:?}", path(&record));
            prop_assert!(stays(&other(&record)) && other(&record).components().count() == 1);
        }
    }
}
