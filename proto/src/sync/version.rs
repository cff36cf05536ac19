//! What another version of a record is called.

use super::RecordId;

/// Digits of its id that tell a version from others.
const DIGITS: usize = 8;

/// The name of another version of what is called `natural`, a path or any name: `letter (version 1a2b3c4d).odt`. Every
/// device makes the same of a version's id, so its file lies where its own record would, once the owner keeps it as one.
#[must_use]
pub fn version_name(natural: &str, id: &RecordId) -> String {
    let id = id.to_string();
    let version = id.get(..DIGITS).unwrap_or_default();
    let (folder, name) = match natural.rfind('/') {
        Some(slash) => natural.split_at(slash + 1),
        None => ("", natural),
    };
    match name.rsplit_once('.') {
        Some((stem, end)) if !stem.is_empty() => format!("{folder}{stem} (version {version}).{end}"),
        _ => format!("{folder}{name} (version {version})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_called_like_its_original_and_keeps_folder_and_ending() {
        let id = RecordId::from_bytes([0x1a; 16]);
        for (natural, expected) in [
            ("letter.odt", "letter (version 1a1a1a1a).odt"),
            ("a.b/c.d/README", "a.b/c.d/README (version 1a1a1a1a)"),
            ("a/.bashrc", "a/.bashrc (version 1a1a1a1a)"),
            ("a/b.tar.gz", "a/b.tar (version 1a1a1a1a).gz"),
            ("", " (version 1a1a1a1a)"),
        ] {
            assert_eq!(version_name(natural, &id), expected);
        }
    }
}
