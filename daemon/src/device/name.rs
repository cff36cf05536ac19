//! What a device may be called.

use belay_proto::text::misleads;

/// A name that can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// Nothing but white space.
    #[error("expected a name that isn't empty")]
    Empty,
    /// More than [`LONGEST`] characters.
    #[error("expected at most 64 characters")]
    TooLong,
    /// A control character, or one that changes the direction of text and so could fake other text.
    #[error("expected no control or direction characters")]
    Control,
}

/// The most characters of a name.
pub const LONGEST: usize = 64;

/// Checks a name that somebody typed and returns it without the white space around it.
///
/// # Errors
/// [`BadName`]. Characters that [mislead](misleads) are refused: the name is shown to the owner beside a *Wipe*
/// button and must not be able to look like another.
pub fn check(name: &str) -> Result<&str, BadName> {
    let name = name.trim();
    if name.is_empty() {
        return Err(BadName::Empty);
    }
    if name.chars().count() > LONGEST {
        return Err(BadName::TooLong);
    }
    if name.chars().any(misleads) {
        return Err(BadName::Control);
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::{BadName, check};

    #[test]
    fn a_name_is_trimmed_and_kept() {
        assert_eq!(check("  Ada's phone 📱 "), Ok("Ada's phone 📱"));
        assert_eq!(check(&"ü".repeat(64)).map(str::len), Ok(128));
    }

    #[test]
    fn empty_long_and_disguised_names_are_refused() {
        assert_eq!(check(" \t"), Err(BadName::Empty));
        assert_eq!(check(&"x".repeat(65)), Err(BadName::TooLong));
        for name in ["a\nb", "a\0", "a\u{202e}b", "\u{2067}x", "a\u{2028}b", "a\u{7f}"] {
            assert_eq!(check(name), Err(BadName::Control), "{name:?}");
        }
    }
}
