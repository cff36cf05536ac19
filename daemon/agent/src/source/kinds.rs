//! Media types by a file's ending, of what phones hold; everything else is bytes.

use crate::names::ending;

const KINDS: [(&str, &str); 34] = [
    ("aac", "audio/aac"),
    ("avif", "image/avif"),
    ("csv", "text/csv"),
    ("dng", "image/x-adobe-dng"),
    (
        "docx",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ),
    ("epub", "application/epub+zip"),
    ("flac", "audio/flac"),
    ("gif", "image/gif"),
    ("heic", "image/heic"),
    ("html", "text/html"),
    ("ics", "text/calendar"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("json", "application/json"),
    ("jxl", "image/jxl"),
    ("m4a", "audio/mp4"),
    ("md", "text/markdown"),
    ("mkv", "video/matroska"),
    ("mov", "video/quicktime"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("odp", "application/vnd.oasis.opendocument.presentation"),
    ("ods", "application/vnd.oasis.opendocument.spreadsheet"),
    ("odt", "application/vnd.oasis.opendocument.text"),
    ("ogg", "audio/ogg"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("svg", "image/svg+xml"),
    ("txt", "text/plain"),
    ("vcf", "text/vcard"),
    ("webm", "video/webm"),
    ("webp", "image/webp"),
    (
        "xlsx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ),
    ("zip", "application/zip"),
];

/// The media type of a file of this name.
pub(super) fn kind_of(name: &str) -> &'static str {
    let ending = ending(name);
    KINDS
        .binary_search_by(|(known, _)| (*known).cmp(ending.as_str()))
        .ok()
        .and_then(|at| KINDS.get(at))
        .map_or("application/octet-stream", |(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_are_found_whatever_their_case() {
        assert!(KINDS.is_sorted());
        for (ending, kind) in KINDS {
            assert_eq!(kind_of(&format!("a.b/c.{}", ending.to_uppercase())), kind);
        }
        assert_eq!(kind_of("Makefile"), "application/octet-stream");
        assert_eq!(kind_of("jpg"), "application/octet-stream");
    }
}
