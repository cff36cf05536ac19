//! A verification's life: decisions over times and counts, without database and HTTP.

use crate::clock::{DAY, MINUTE, Millis};

/// How long a code is good.
pub const CODE_LIFE: Millis = 10 * MINUTE;
/// How often a code may be tried.
pub const TRIES: u32 = 5;
/// How long a link is good, and with it the verification.
pub const LIFE: Millis = DAY;
/// How long after a code another one may be asked for, unless the last is spent.
pub const RESEND_WAIT: Millis = 15 * MINUTE;

/// How the address is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// A mail with code and link.
    Email,
    /// A text message with a code.
    Sms,
    /// The owner's own text message to this cloud.
    SmsOut,
}

/// What an address is proved for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A new account.
    Registration,
    /// One more address of an account.
    Identifier,
    /// A new password.
    Recovery,
}

/// What decides about a verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verification {
    /// How the address is reached.
    pub channel: Channel,
    /// When the last code was sent.
    pub sent_at: Millis,
    /// Tries that the last code has left.
    pub tries_left: u32,
    /// Whether code, link or message came.
    pub confirmed: bool,
    /// When all of it is over.
    pub until: Millis,
}

/// What the one who opened it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Waits for code, link or message.
    Pending,
    /// The address is proved.
    Confirmed,
    /// Too late.
    Expired,
}

/// What a code is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the one, or none is needed any more.
    Confirmed,
    /// It is another; so many tries are left.
    Wrong(u32),
    /// It can't be one and costs nothing.
    Impossible(u32),
    /// The code or the verification is over.
    Expired,
    /// Nothing was typed, and nothing was confirmed elsewhere yet.
    Unconfirmed,
}

impl Verification {
    /// Where it stands.
    #[must_use]
    pub fn stage(&self, now: Millis) -> Stage {
        match self {
            _ if now >= self.until => Stage::Expired,
            Self { confirmed: true, .. } => Stage::Confirmed,
            _ => Stage::Pending,
        }
    }

    /// How long until another code may be asked for; 0 when it may.
    #[must_use]
    pub fn resend_in(&self, now: Millis) -> Millis {
        if self.channel != Channel::SmsOut && self.tries_left == 0 {
            return 0;
        }
        self.sent_at.saturating_add(RESEND_WAIT).saturating_sub(now)
    }

    /// How long until all of it is over.
    #[must_use]
    pub fn expires_in(&self, now: Millis) -> Millis {
        self.until.saturating_sub(now)
    }

    /// Judges a code. `equal` says whether `code` is the one that was sent.
    #[must_use]
    pub fn judge(&self, code: &str, equal: bool, now: Millis) -> Verdict {
        match self.stage(now) {
            Stage::Expired => Verdict::Expired,
            Stage::Confirmed => Verdict::Confirmed,
            Stage::Pending if code.is_empty() => Verdict::Unconfirmed,
            Stage::Pending if self.channel == Channel::SmsOut => Verdict::Unconfirmed,
            Stage::Pending if self.tries_left == 0 || now >= self.sent_at.saturating_add(CODE_LIFE) => {
                Verdict::Expired
            }
            Stage::Pending if code.len() != 6 || !code.bytes().all(|byte| byte.is_ascii_digit()) => {
                Verdict::Impossible(self.tries_left)
            }
            Stage::Pending if equal => Verdict::Confirmed,
            Stage::Pending => Verdict::Wrong(self.tries_left.saturating_sub(1)),
        }
    }
}

/// A code as somebody typed it, without the spaces and dashes that people put in.
#[must_use]
pub fn typed(code: &str) -> String {
    code.chars().filter(|c| !c.is_whitespace() && *c != '-').collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENT: Millis = 1_000_000;

    fn pending(tries_left: u32) -> Verification {
        Verification {
            channel: Channel::Email,
            sent_at: SENT,
            tries_left,
            confirmed: false,
            until: SENT + LIFE,
        }
    }

    #[test]
    fn a_code_is_good_for_ten_minutes_and_five_tries() {
        assert_eq!(pending(5).judge("123456", true, SENT), Verdict::Confirmed);
        assert_eq!(
            pending(5).judge("123456", true, SENT + CODE_LIFE - 1),
            Verdict::Confirmed
        );
        assert_eq!(
            pending(5).judge("123456", true, SENT + CODE_LIFE),
            Verdict::Expired
        );
        assert_eq!(pending(5).judge("123456", false, SENT), Verdict::Wrong(4));
        assert_eq!(pending(1).judge("123456", false, SENT), Verdict::Wrong(0));
        assert_eq!(pending(0).judge("123456", true, SENT), Verdict::Expired);
    }

    #[test]
    fn what_can_not_be_a_code_costs_nothing() {
        for text in ["12345", "1234567", "abcdef", "12345٣"] {
            assert_eq!(
                pending(5).judge(text, false, SENT),
                Verdict::Impossible(5),
                "{text}"
            );
        }
        assert_eq!(pending(5).judge("", false, SENT), Verdict::Unconfirmed);
        assert_eq!(typed(" 123-456 "), "123456");
    }

    #[test]
    fn once_confirmed_no_code_is_needed() {
        let confirmed = Verification {
            confirmed: true,
            ..pending(0)
        };
        assert_eq!(confirmed.judge("", false, SENT + CODE_LIFE), Verdict::Confirmed);
        assert_eq!(confirmed.judge("", false, SENT + LIFE), Verdict::Expired);
    }

    #[test]
    fn another_code_comes_after_a_quarter_of_an_hour_or_when_the_last_is_spent() {
        assert_eq!(pending(5).resend_in(SENT), RESEND_WAIT);
        assert_eq!(pending(5).resend_in(SENT + RESEND_WAIT), 0);
        assert_eq!(pending(0).resend_in(SENT), 0);
    }
}
