//! What anybody may ask the cloud about somebody.

use std::time::Duration;

/// Longer than anything is counted.
const DAY: Duration = Duration::from_secs(25 * 60 * 60);
/// After this another code may be asked for.
const RESEND: Duration = Duration::from_secs(16 * 60);

/// A public call that takes an address or an account, or leads from one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// `POST /v1/login/challenge`, by the account.
    ChallengeOfId,
    /// `POST /v1/login`, by the account, with a signature of some key.
    LoginOfId,
    /// `POST /v1/holds`: the end of a hold at a device of the account, signed by some key.
    Hold,
    /// `POST /v1/releases`: the release of a device of the account, signed by some key.
    Release,
    /// `POST /v1/login/challenge`.
    Challenge,
    /// `POST /v1/login`, with a signature of some key.
    Login,
    /// `POST /v1/verifications`, to register.
    Registration,
    /// `GET /v1/verifications/{id}`.
    Standing,
    /// `POST /v1/verifications/{id}/code`, with a guess.
    Code,
    /// `POST /v1/recoveries`.
    Recovery,
    /// `POST /v1/recoveries/{id}/code`, with a guess.
    Guess,
    /// `PUT /v1/recoveries/{id}/credentials`, with an invented ticket.
    Credentials,
    /// `POST /v1/verifications/{id}/resend`, to register.
    Resend,
    /// `POST /v1/verifications/{id}/resend`, of a recovery.
    ResendRecovery,
}

impl Question {
    /// All of them, in an order in which each has what it needs of those before.
    pub const ALL: [Self; 14] = [
        Self::ChallengeOfId,
        Self::LoginOfId,
        Self::Hold,
        Self::Release,
        Self::Challenge,
        Self::Login,
        Self::Registration,
        Self::Standing,
        Self::Code,
        Self::Recovery,
        Self::Guess,
        Self::Credentials,
        Self::Resend,
        Self::ResendRecovery,
    ];

    /// The call.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ChallengeOfId => "POST /v1/login/challenge, by account",
            Self::LoginOfId => "POST /v1/login, by account",
            Self::Hold => "POST /v1/holds",
            Self::Release => "POST /v1/releases",
            Self::Challenge => "POST /v1/login/challenge",
            Self::Login => "POST /v1/login",
            Self::Registration => "POST /v1/verifications",
            Self::Standing => "GET /v1/verifications/{id}",
            Self::Code => "POST /v1/verifications/{id}/code",
            Self::Recovery => "POST /v1/recoveries",
            Self::Guess => "POST /v1/recoveries/{id}/code",
            Self::Credentials => "PUT /v1/recoveries/{id}/credentials",
            Self::Resend => "POST /v1/verifications/{id}/resend",
            Self::ResendRecovery => "the same, of a recovery",
        }
    }

    /// Whether it wants a solved challenge.
    pub(super) const fn costs(self) -> bool {
        matches!(
            self,
            Self::Registration | Self::Recovery | Self::Resend | Self::ResendRecovery
        )
    }

    /// What passes before it is asked, so that no budget is used up and no wait is on.
    pub(super) const fn after(self) -> Duration {
        match self {
            Self::ChallengeOfId | Self::Challenge => DAY,
            Self::Resend => RESEND,
            _ => Duration::ZERO,
        }
    }
}
