//! What can be said of a password without knowing the right one.

use belay_proto::Secret;
use belay_proto::keys::nfkc;
use unicode_normalization::UnicodeNormalization as _;

use super::records::Bound;

const SHORTEST: usize = 8;
const STRONG_ENOUGH: u8 = 3;

/// What is kept of a password for its owner's security check: never more than this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strength {
    /// From 0 to 4, see [`score`].
    pub score: u32,
    /// When it was seen, s since the epoch by the wall clock.
    pub since: u64,
}

/// A password that its owner has just chosen here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// SHA-256(verify) of the credentials that it is in.
    pub verify_digest: [u8; 32],
    /// How good it is.
    pub strength: Strength,
}

/// Whether a password of this length could ever have been accepted. Counted after NFKC, as the
/// key derivation sees it, so that composed and decomposed typing count alike.
#[must_use]
pub fn long_enough(password: &str) -> bool {
    password.nfkc().nth(SHORTEST - 1).is_some()
}

/// Whether a new password may be used: 8 characters with a letter and a digit, and 3 of 4 by
/// zxcvbn, which also knows `context` (the account's identifier).
#[must_use]
pub fn acceptable(password: &Secret<String>, context: &str) -> bool {
    score(password, context) >= STRONG_ENOUGH
}

/// Strength from 0 to 4 as advice to who chooses a password; below 3 it wouldn't be accepted.
#[must_use]
pub fn score(password: &Secret<String>, context: &str) -> u8 {
    let normalised = nfkc(password);
    let normalised = normalised.expose();
    let score = u8::from(zxcvbn::zxcvbn(normalised, &[context]).score());
    let well_formed = long_enough(normalised)
        && normalised.chars().any(char::is_alphabetic)
        && normalised.chars().any(char::is_numeric);
    if well_formed {
        score
    } else {
        score.min(STRONG_ENOUGH - 1)
    }
}

impl Bound {
    /// What is known of the password's strength.
    #[must_use]
    pub fn strength(&self) -> Option<Strength> {
        let (score, since) = self.password_score.zip(self.password_since)?;
        Some(Strength { score, since })
    }

    /// Keeps what is known of it.
    pub fn set_strength(&mut self, strength: Option<Strength>) {
        self.password_score = strength.map(|strength| strength.score);
        self.password_since = strength.map(|strength| strength.since);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_good_password_needs_length_a_letter_a_digit_and_to_be_hard_to_guess() {
        let table = [
            ("", false),
            ("a1b2c3", false),
            ("password1", false),
            ("nodigitsbutratherlongandodd", false),
            ("8371649926480172", false),
            ("grumpy-walrus-44-lantern", true),
        ];
        for (password, good) in table {
            assert_eq!(
                acceptable(&Secret::of_text(password), "jane@example.org"),
                good,
                "{password}"
            );
        }
    }

    #[test]
    fn the_accounts_own_name_is_no_password() {
        assert!(!acceptable(
            &Secret::of_text("marigoldfinch77"),
            "marigoldfinch77"
        ));
    }

    #[test]
    fn composed_and_decomposed_typing_count_alike() {
        assert!(!long_enough("e\u{301}e\u{301}e\u{301}e\u{301}"));
        assert!(long_enough("\u{e9}234567\u{e9}"));
    }
}
