//! What a device says of itself (service 180A).

/// The most characters that are kept of a text.
const LIMIT: usize = 64;

/// A text: what can be printed of it, without white space around.
#[must_use]
pub fn text(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let printable: String = text.chars().filter(|one| !one.is_control()).take(LIMIT).collect();
    printable.trim().to_owned()
}

/// A version, without its leading V.
#[must_use]
pub fn version(bytes: &[u8]) -> String {
    let text = text(bytes);
    text.strip_prefix(['V', 'v']).unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_loses_its_v() {
        assert_eq!(version(b"V1.0.1.81"), "1.0.1.81");
        assert_eq!(version(b"1.0.1.81\0"), "1.0.1.81");
        assert_eq!(text(b" D8F9\x01\xff \0"), "D8F9\u{fffd}");
        assert_eq!(text(&[b'a'; 500]).len(), 64);
    }
}
