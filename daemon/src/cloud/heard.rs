//! What the cloud says, made fit to be believed: bounded, and without what would harm a path, a header or a
//! property.

use std::time::Duration;

use belay_proto::wire;
use zeroize::Zeroize;

use crate::account::{AccountDetails, Identifier, Profile, Waits};
use crate::cloud::error::CloudError;
use crate::cloud::problem::printable;
use crate::cloud::retry::LONGEST_WAIT;
use crate::cloud::vault::Tokens;

/// Entries that are read of a list; the contract has no pages of these.
pub(super) const LONGEST_LIST: usize = 1000;

/// Bytes of the longest id and ticket that is believed.
const LONGEST_ID: usize = 128;

/// Bytes of the longest token that is believed: it has to fit a header of each call.
pub(super) const LONGEST_TOKEN: usize = 4096;

/// Characters of the longest text that is shown.
const LONGEST_TEXT: usize = 128;

/// Tokens that can be shown to the cloud again. One that can't must not take the place of one that can.
pub(super) fn tokens(tokens: wire::Tokens) -> Result<Tokens, CloudError> {
    let fits = |token: &str| {
        !token.is_empty() && token.len() <= LONGEST_TOKEN && token.bytes().all(|byte| byte.is_ascii_graphic())
    };
    if !fits(tokens.access_token.expose()) || !fits(tokens.refresh_token.expose()) {
        return Err(CloudError::Nonsense("a token that is none".into()));
    }
    Ok(Tokens {
        access: tokens.access_token.into_secret(),
        refresh: tokens.refresh_token.into_secret(),
    })
}

/// Text that goes to a property: a single NUL would make all of them unreadable.
pub(super) fn shown(text: &str) -> String {
    printable(text, LONGEST_TEXT)
}

/// The times of a verification. Nothing of it lasts longer than its link, whatever the cloud says.
pub(super) fn waits(resend_in_ms: u64, expires_in_ms: u64) -> Waits {
    Waits {
        resend_in: Duration::from_millis(resend_in_ms).min(LONGEST_WAIT),
        expires_in: Duration::from_millis(expires_in_ms).min(LONGEST_WAIT),
    }
}

/// An id of the cloud, fit for a path.
pub(super) fn id(mut text: String) -> Result<String, CloudError> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if text.is_empty() || text.len() > LONGEST_ID || !text.bytes().all(fits) {
        text.zeroize();
        return Err(CloudError::Nonsense("an id that is none".into()));
    }
    Ok(text)
}

/// An address of the account.
pub(super) fn identifier(told: wire::IdentifierAnswer) -> Identifier {
    Identifier {
        id: shown(&told.id),
        kind: told.kind.as_str().to_owned(),
        masked: shown(&told.masked),
        verified: told.verified,
    }
}

pub(super) fn details(
    identifiers: Vec<wire::IdentifierAnswer>,
    profile: wire::Profile,
) -> Result<AccountDetails, CloudError> {
    if identifiers.len() > LONGEST_LIST {
        return Err(CloudError::Nonsense("too many identifiers".into()));
    }
    let identifiers = identifiers.into_iter().map(identifier);
    let profile = Profile {
        display_name: profile.display_name.as_deref().map(shown),
        country: profile.country.as_deref().map(shown),
        language: profile.language.as_deref().map(shown),
        newsletter: profile.newsletter,
    };
    Ok(AccountDetails {
        identifiers: identifiers.collect(),
        profile,
    })
}

#[cfg(test)]
mod tests {
    use belay_proto::identifier::IdentifierKind;
    use belay_proto::wire::IdentifierAnswer;

    use super::*;

    #[test]
    fn a_token_that_no_header_can_carry_is_none() {
        let pair = |access: &str, refresh: &str| wire::Tokens {
            access_token: access.to_owned().into(),
            refresh_token: refresh.to_owned().into(),
            expires_in: 1,
        };
        assert!(tokens(pair("a.b-c_d~e+f/g=", "r")).is_ok());
        for bad in ["", "a b", "a\nb", "a\u{0}", "é", &"x".repeat(5000)] {
            assert!(tokens(pair(bad, "r")).is_err() && tokens(pair("a", bad)).is_err());
        }
    }

    #[test]
    fn what_is_shown_of_an_account_is_bounded_and_has_no_control_characters() {
        let long = "x".repeat(1 << 16);
        let identifier = IdentifierAnswer {
            id: "a\u{0}b".into(),
            kind: IdentifierKind::Email,
            masked: "j\u{202e}•••".into(),
            verified: true,
        };
        let profile = wire::Profile {
            display_name: Some(long),
            country: Some("\u{0}DE".into()),
            language: None,
            newsletter: false,
        };
        let read = details(vec![identifier], profile).unwrap();
        assert_eq!(
            (
                read.identifiers[0].id.as_str(),
                read.identifiers[0].masked.as_str()
            ),
            ("ab", "j•••")
        );
        assert_eq!(read.profile.display_name.unwrap().len(), LONGEST_TEXT);
        assert_eq!(read.profile.country.unwrap(), "DE");
    }

    #[test]
    fn no_verification_lasts_longer_than_a_day() {
        let longest = waits(u64::MAX, u64::MAX);
        assert_eq!(
            (longest.resend_in, longest.expires_in),
            (LONGEST_WAIT, LONGEST_WAIT)
        );
        assert_eq!(waits(1, 2).expires_in, Duration::from_millis(2));
    }
}
