//! Names that come from other devices, and which names are mirrored at all.

use belay_proto::sync::version_name;

use crate::model::{Binding, sibling_parts};

/// The longest path below a root, bytes: with the root it has to stay below `PATH_MAX`, 4,096.
const LONGEST_PATH: usize = 3000;
/// The longest name of a file, bytes (`NAME_MAX`).
const LONGEST_NAME: usize = 255;
/// Folders in folders.
const DEEPEST: usize = 64;

/// Begins the names of files that are being written.
pub(crate) const OURS: &str = ".belay-";
/// Ends them, and those of other programs; vdir asks that they are left alone.
const UNFINISHED: [&str; 4] = ["tmp", "part", "crdownload", "partial"];
/// Letters that some file systems haven't, as FAT and exFAT.
const RARE: [char; 8] = ['"', '*', ':', '<', '>', '?', '\\', '|'];

/// Whether an entry is mirrored by its name: not hidden, not unfinished, not an editor's copy.
#[must_use]
pub fn is_mirrored(name: &str) -> bool {
    let ends_unfinished = || {
        name.rsplit_once('.')
            .is_some_and(|(_, end)| UNFINISHED.iter().any(|word| end.eq_ignore_ascii_case(word)))
    };
    !name.is_empty()
        && !name.starts_with('.')
        && !name.ends_with('~')
        && name.len() <= LONGEST_NAME
        && !name.chars().any(|letter| letter.is_control() || letter == '/')
        && !ends_unfinished()
}

/// Whether a path below a root is one that a scan would show: then writing it is safe, and what was written isn't taken
/// for removed.
#[must_use]
pub fn is_mirrored_path(path: &str) -> bool {
    path.len() <= LONGEST_PATH && path.split('/').count() <= DEEPEST && path.split('/').all(is_mirrored)
}

/// A name for a file that is being written.
#[must_use]
pub fn unfinished() -> String {
    let random: [u8; 8] = belay_proto::keys::random();
    format!("{OURS}{}.tmp", hex(&random))
}

/// A hidden name with the letters of this one that some file systems haven't; none where it is without.
#[must_use]
pub fn with_letters_of(name: &str) -> Option<String> {
    let rare: String = RARE.iter().filter(|letter| name.contains(**letter)).collect();
    let random: [u8; 8] = belay_proto::keys::random();
    (!rare.is_empty()).then(|| format!("{OURS}{}{rare}.tmp", hex(&random)))
}

/// Whether it is one of [`unfinished`] or [`with_letters_of`].
#[must_use]
pub fn is_ours(name: &str) -> bool {
    name.strip_prefix(OURS)
        .and_then(|rest| rest.strip_suffix(".tmp"))
        .map(|middle| middle.trim_end_matches(RARE))
        .is_some_and(|middle| middle.len() == 16 && middle.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// A name for the file that a record of this revision comes into, part by part. Under another binding the same revision may be
/// another content; of another boot it may lack what was written last.
#[must_use]
pub fn part(id: &str, revision: u64, binding: &Binding, boot: &str) -> String {
    let content = format!("{revision} {} {}", binding.account, binding.since);
    format!("{}{}-{}.part", parts_of(id), short(&content, 16), short(boot, 8))
}

/// What begins the names of all parts of a record.
#[must_use]
pub fn parts_of(id: &str) -> String {
    format!("{OURS}{}-", short(id, 16))
}

/// Whether it is one of [`part`].
#[must_use]
pub fn is_part(name: &str) -> bool {
    boot_of(name).is_some()
}

/// Whether it is one of [`part`] that another boot left.
#[must_use]
pub fn is_old_part(name: &str, boot: &str) -> bool {
    boot_of(name).is_some_and(|of| of != short(boot, 8))
}

/// What one of [`part`] says of its boot.
fn boot_of(name: &str) -> Option<&str> {
    let middle = name.strip_prefix(OURS)?.strip_suffix(".part")?;
    let parts: [&str; 3] = middle.split('-').collect::<Vec<&str>>().try_into().ok()?;
    let [id, _, of] = parts;
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    (id.len() == 16 && of.len() == 8 && parts.into_iter().all(is_hex)).then_some(of)
}

fn short(text: &str, digits: usize) -> String {
    let mut digest = digest(text);
    digest.truncate(digits);
    digest
}

/// The ending, lower case.
#[must_use]
pub fn ending(name: &str) -> String {
    let name = name.rsplit('/').next().unwrap_or_default();
    name.rsplit_once('.')
        .map(|(_, end)| end.to_ascii_lowercase())
        .unwrap_or_default()
}

/// The file of another version beside its original: `letter (version 1a2b3c4d).txt`. By the key that it has here, see
/// [`sibling_key`](crate::model::sibling_key).
#[must_use]
pub fn beside(key: &str) -> Option<String> {
    let (original, id) = sibling_parts(key)?;
    Some(version_name(original, &id.parse().ok()?))
}

/// A file's name for something whose own name may be anything.
#[must_use]
pub fn harmless(natural: &str, ending: &str) -> String {
    // A name that a file has elsewhere is kept: without a UID it is what the item is known by.
    let fits = (1..=200).contains(&natural.len()) && !natural.starts_with(['.', '-']);
    let named = format!("{natural}.{ending}");
    match fits && is_mirrored(&named) && !natural.contains("..") {
        true => named,
        false => format!("{}.{ending}", digest(natural)),
    }
}

/// A file's name that no other natural key leads to.
#[must_use]
pub fn digest(natural: &str) -> String {
    let hash = ring::digest::digest(&ring::digest::SHA256, natural.as_bytes());
    hex(hash.as_ref().get(..16).unwrap_or_default())
}

/// A name without its case: where a file system can't tell that, names that are alike so may be one. It takes letters one by one,
/// as such file systems do; others would keep a Greek word apart from its capitals, for the form of its last letter.
#[must_use]
pub fn folded(name: &str) -> String {
    fn only(mut letters: impl Iterator<Item = char>, letter: char) -> char {
        let first = letters.next();
        first.filter(|_| letters.next().is_none()).unwrap_or(letter)
    }
    let fold = |letter: char| {
        let upper = only(letter.to_uppercase(), letter);
        only(upper.to_lowercase(), upper)
    };
    name.chars().map(fold).collect()
}

/// Lower-case hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::sibling_key;

    #[test]
    fn hostile_paths_are_refused() {
        for path in [
            "",
            "/etc/passwd",
            "..",
            "../a",
            "a/../b",
            "a/..",
            ".",
            "a/./b",
            "a//b",
            "a/",
            "a\0b",
            "a\nb",
            ".hidden",
            "a/.hidden/b",
            "a.tmp",
            "a.PART",
            "film.mp4.crdownload",
            "a~",
            "\u{7f}",
            "a\u{9b}b",
        ] {
            assert!(!is_mirrored_path(path), "{path:?}");
        }
        assert!(!is_mirrored_path(&"a".repeat(256)));
        assert!(!is_mirrored_path(&"a/".repeat(100)));
        assert!(!is_mirrored_path(&format!("{}a", "abcdefgh/".repeat(340))));
        for path in [
            "a",
            "Fotos/Köln 2026/IMG 1.jpg",
            "con.txt",
            "a:b",
            "a\\b",
            "...a".trim_start_matches('.'),
        ] {
            assert!(is_mirrored_path(path), "{path:?}");
        }
    }

    #[test]
    fn another_version_lies_beside_its_original() {
        let id = "0123456789abcdef".repeat(2);
        let named = |original: &str| beside(&sibling_key(original, &id));
        assert_eq!(named("a/b.txt").as_deref(), Some("a/b (version 01234567).txt"));
        assert_eq!(named("README").as_deref(), Some("README (version 01234567)"));
        assert_eq!(beside("a.txt"), None);
        assert_eq!(beside("a.txt\0../../b"), None);
    }

    #[test]
    fn our_unfinished_files_are_known_and_not_mirrored() {
        let name = unfinished();
        assert!(is_ours(&name) && !is_mirrored(&name));
        let letters = with_letters_of("12:30 \"what?\"").unwrap();
        assert!([':', '"', '?'].iter().all(|letter| letters.contains(*letter)));
        assert!(is_ours(&letters) && !is_mirrored(&letters));
        assert_eq!(with_letters_of("12.30 'what'"), None);
        let part = part("0f", 18, &Binding::default(), "boot one");
        assert!(!is_mirrored(&part) && !is_ours(&part) && part.starts_with(&parts_of("0f")));
        assert!(is_old_part(&part, "boot two") && !is_old_part(&part, "boot one"));
        assert!(is_part(&part) && !is_part(".belay-thesis-of-mine.part"));
        assert!(!is_old_part(".belay-thesis-of-mine.part", "boot two"));
        assert!(!is_ours(".belay-important.tmp") && !is_ours(".belay-0123456789abcdeg.tmp"));
    }

    #[test]
    fn names_that_differ_in_case_alone_are_alike_whatever_their_script() {
        for (one, other) in [
            ("Photo.JPG", "photo.jpg"),
            ("KÄSE", "käse"),
            ("ΟΔΌΣ.txt", "Οδός.txt"),
            ("ПАПКА", "Папка"),
        ] {
            assert_eq!(folded(one), folded(other));
        }
        assert_ne!(folded("straße"), folded("strasse"));
        assert_ne!(folded("a"), folded("á"));
    }

    proptest! {
        #[test]
        fn any_uid_has_a_file_name_that_is_mirrored_and_stays_in_its_folder(uid in any::<String>()) {
            let name = harmless(&uid, "vcf");
            prop_assert!(is_mirrored(&name), "{name:?}");
            prop_assert!(!name.contains('/') && name.ends_with(".vcf"));
        }
    }
}
