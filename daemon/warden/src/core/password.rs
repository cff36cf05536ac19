//! What can be said of a password without knowing the right one.

use belay_proto::Secret;
use belay_proto::keys::nfkc;
use unicode_normalization::UnicodeNormalization as _;

use super::records::Bound;

const SHORTEST: usize = 8;
const STRONG_ENOUGH: u8 = 3;
/// Characters that zxcvbn looks at.
const LOOKED_AT: usize = 100;
/// Letters of a word that is worth a guess.
const SHORTEST_WORD: usize = 3;
/// What stands for the hidden part of a masked login.
const HIDDEN: char = '•';

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
/// zxcvbn, which also knows what can be told from `login` (the account's identifier, whole or masked).
#[must_use]
pub fn acceptable(password: &Secret<String>, login: &str) -> bool {
    score(password, login) >= STRONG_ENOUGH
}

/// Strength from 0 to 4 as advice to who chooses a password; below 3 it wouldn't be accepted.
#[must_use]
pub fn score(password: &Secret<String>, login: &str) -> u8 {
    let normalised = nfkc(password);
    let normalised = normalised.expose();
    let words = own_words(normalised, login);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let score = u8::from(zxcvbn::zxcvbn(normalised, &words).score());
    let well_formed = long_enough(normalised)
        && normalised.chars().any(char::is_alphabetic)
        && normalised.chars().any(char::is_numeric);
    if well_formed {
        score
    } else {
        score.min(STRONG_ENOUGH - 1)
    }
}

/// What somebody tries first who knows the owner's login: it, its parts, and of one that is masked what in the password
/// may be it. The registration page has the same rule for one that is whole, in `ownWords`.
fn own_words(password: &str, login: &str) -> Vec<String> {
    let login = login.to_lowercase();
    let mut words = match (login.contains(HIDDEN), login.strip_prefix('+')) {
        (true, _) => fitting(password, &login),
        (false, Some(digits)) => of_number(digits),
        (false, None) => of_address(&login),
    };
    words.push(login);
    words
}

/// Name and domain, and the words that they are made of.
fn of_address(login: &str) -> Vec<String> {
    let (name, domain) = login.rsplit_once('@').unwrap_or((login, ""));
    let words = login.split(|letter: char| !letter.is_alphanumeric());
    [name, domain]
        .into_iter()
        .chain(words)
        .filter(|word| word.chars().nth(SHORTEST_WORD - 1).is_some())
        .map(str::to_owned)
        .collect()
}

/// A number as it is dialled from abroad and, whichever of its digits are the country's, at home.
fn of_number(digits: &str) -> Vec<String> {
    let at_home = (1..=3_usize).filter_map(|country| digits.get(country..));
    let mut numbers: Vec<String> = at_home
        .flat_map(|number| [number.to_owned(), format!("0{number}")])
        .collect();
    numbers.push(digits.to_owned());
    numbers
}

/// What in the password may be the login of which only the mask is known.
fn fitting(password: &str, masked: &str) -> Vec<String> {
    let looked_at: String = password.chars().take(LOOKED_AT).collect();
    let text = looked_at.to_lowercase();
    let shown: Vec<&str> = masked.split(HIDDEN).filter(|part| !part.is_empty()).collect();
    match shown.as_slice() {
        // A number begins at home with digits that aren't shown, in many countries with no 0 before them.
        [_, end] => stretches(&text, "", end)
            .into_iter()
            .filter(|found| is_number(found))
            .map(str::to_owned)
            .collect(),
        [start, middle, end] => stretches(&text, start, end)
            .into_iter()
            .filter(|found| found.contains(*middle))
            .map(str::to_owned)
            .collect(),
        _ => Vec::new(),
    }
}

/// Each part of `text` that begins and ends so.
fn stretches<'a>(text: &'a str, start: &str, end: &str) -> Vec<&'a str> {
    let places = |part: &str| -> Vec<usize> {
        let all = text.char_indices().map(|(place, _)| place);
        all.filter(|place| text[*place..].starts_with(part)).collect()
    };
    let (starts, ends) = (places(start), places(end));
    let pairs = starts
        .iter()
        .flat_map(|from| ends.iter().map(move |to| (*from, to + end.len())));
    pairs.filter_map(|(from, to)| text.get(from..to)).collect()
}

/// Whether it may be a telephone number, as E.164 bounds their length.
fn is_number(text: &str) -> bool {
    (7..=15).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
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
    use belay_proto::identifier::Identifier;

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
    fn what_the_owners_login_is_made_of_is_no_password() {
        for (password, login) in [
            ("jane.doe1970", "jane.doe@example.org"),
            ("Marigold.Finch-8", "marigold.finch@example.org"),
            ("example.org-4711", "jane@example.org"),
            ("4915112345667x", "+4915112345667"),
            ("015112345667x", "+4915112345667"),
            ("15112345667x", "+4915112345667"),
        ] {
            let password = Secret::of_text(password);
            assert!(!acceptable(&password, login), "{login}");
            assert!(acceptable(&Secret::of_text("grumpy-walrus-44-lantern"), login));
        }
    }

    #[test]
    fn nor_is_a_login_of_which_only_the_mask_is_known() {
        for (password, login) in [
            ("jane@example.org1", "jane@example.org"),
            ("JANE@EXAMPLE.ORG-1", "jane@example.org"),
            ("1jane.doe@example.co.uk", "jane.doe@example.co.uk"),
            ("4915112345667x", "+4915112345667"),
            ("015112345667x", "+4915112345667"),
            ("15112345667x", "+4915112345667"),
            ("3401234567x", "+393401234567"),
            ("9876501234x", "+919876501234"),
            ("2125550167x", "+12125550167"),
        ] {
            let masked = Identifier::parse(login).unwrap().masked();
            assert!(!acceptable(&Secret::of_text(password), &masked), "{password}");
        }
        let masked = Identifier::parse("jane@example.org").unwrap().masked();
        for password in ["jolly-walrus-44-lantern@", "jolly@walrus-44-lantern.org"] {
            assert!(acceptable(&Secret::of_text(password), &masked), "{password}");
        }
        let masked = Identifier::parse("+4915112345667").unwrap().masked();
        for password in ["84715029368xk", "walrus-0915167-lantern"] {
            assert!(acceptable(&Secret::of_text(password), &masked), "{password}");
        }
    }

    #[test]
    fn composed_and_decomposed_typing_count_alike() {
        assert!(!long_enough("e\u{301}e\u{301}e\u{301}e\u{301}"));
        assert!(long_enough("\u{e9}234567\u{e9}"));
    }
}
