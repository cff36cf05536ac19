//! What anybody may ask the cloud about somebody.

use std::path::Path;
use std::time::Duration;

use belay_proto::wire::Channel;

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
    /// `POST /v1/outcomes`: what became of a command at a device of the account, signed by some key.
    Outcome,
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
    /// `DELETE /v1/verifications/{id}`.
    Cancel,
    /// `DELETE /v1/verifications/{id}`, of a recovery.
    CancelRecovery,
    /// `POST /v1/verifications`, to register with an SMS of one's own.
    SmsOut,
    /// `GET /verify/{token}`, with the token of that SMS: who asks has no other.
    Link,
    /// `POST /verify/{token}`, the same.
    Button,
}

/// A public call about which there is no question.
#[derive(Debug, Clone, Copy)]
pub struct Unasked {
    /// Method and path.
    pub call: &'static str,
    /// Why it can't tell who has an account, or why it may.
    pub why: &'static str,
}

impl Unasked {
    /// All of them.
    pub const ALL: [Self; 20] = [
        Self::new("GET /healthz", "takes nothing"),
        Self::new("GET /metrics", "takes nothing, and counts without persons"),
        Self::new("GET /style.css", FILE),
        Self::new("GET /icon.svg", FILE),
        Self::new("GET /register", FILE),
        Self::new("GET /register/{file}", FILE),
        Self::new("GET /register/vendor/{file}", FILE),
        Self::new("GET /.well-known/jwks.json", "takes nothing"),
        Self::new("GET /v1/config", "takes nothing"),
        Self::new("POST /v1/challenges", "takes nothing"),
        Self::new(
            "POST /v1/inbound-sms",
            "is the gateway's, which signs it, and answers the same whatever the message meant",
        ),
        Self::new(
            "POST /v1/accounts",
            "takes no address but the one that its ticket proves, whose owner may hear that it is taken; an account's id that is \
             taken is 16 random bytes, and of hardware `POST /v1/hardware/check` tells as much",
        ),
        Self::new("GET /v1/account/credentials", KEY),
        Self::new("GET /v1/account/bootloader-unlocks", KEY),
        Self::new("GET /v1/stream", KEY),
        Self::new("GET /v1/commands", KEY),
        Self::new("POST /v1/reports", KEY),
        Self::new("POST /v1/token", TOKEN),
        Self::new("POST /v1/revoke", TOKEN),
        Self::new(
            "POST /v1/hardware/check",
            "is there to tell whether hardware is locked, by an id with a part that is printed nowhere",
        ),
    ];

    const fn new(call: &'static str, why: &'static str) -> Self {
        Self { call, why }
    }
}

const FILE: &str = "a file, the same for everybody";
const KEY: &str = "goes by the key of the proof, which nobody but the device has";
const TOKEN: &str = "takes a token that the cloud alone can make, and nothing else";

impl Question {
    /// All of them, in an order in which each has what it needs of those before.
    pub const ALL: [Self; 20] = [
        Self::ChallengeOfId,
        Self::LoginOfId,
        Self::Hold,
        Self::Release,
        Self::Outcome,
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
        Self::Cancel,
        Self::CancelRecovery,
        Self::SmsOut,
        Self::Link,
        Self::Button,
    ];

    /// The settings of a cloud that can be asked all of them: little work, and a number for the SMS of others, whose gateway signs with
    /// the secret in the file `secret`.
    #[must_use]
    pub fn settings(secret: &Path) -> String {
        let secret = secret.display();
        format!(
            "[proof-of-work]\nrounds = 1\nprefix = \"0\"\n[sms-out]\nnumber = \"+4915100000\"\nsecret-file = \"{secret}\"\n"
        )
    }

    /// The call: method and path.
    #[must_use]
    pub const fn call(self) -> &'static str {
        match self {
            Self::ChallengeOfId | Self::Challenge => "POST /v1/login/challenge",
            Self::LoginOfId | Self::Login => "POST /v1/login",
            Self::Hold => "POST /v1/holds",
            Self::Release => "POST /v1/releases",
            Self::Outcome => "POST /v1/outcomes",
            Self::Registration | Self::SmsOut => "POST /v1/verifications",
            Self::Standing => "GET /v1/verifications/{id}",
            Self::Code => "POST /v1/verifications/{id}/code",
            Self::Recovery => "POST /v1/recoveries",
            Self::Guess => "POST /v1/recoveries/{id}/code",
            Self::Credentials => "PUT /v1/recoveries/{id}/credentials",
            Self::Resend | Self::ResendRecovery => "POST /v1/verifications/{id}/resend",
            Self::Cancel | Self::CancelRecovery => "DELETE /v1/verifications/{id}",
            Self::Link => "GET /verify/{token}",
            Self::Button => "POST /verify/{token}",
        }
    }

    /// The call, told from others of the same.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ChallengeOfId => "POST /v1/login/challenge, by account",
            Self::LoginOfId => "POST /v1/login, by account",
            Self::ResendRecovery | Self::CancelRecovery => "the same, of a recovery",
            Self::SmsOut => "POST /v1/verifications, by sms-out",
            other => other.call(),
        }
    }

    /// Whether it can be asked about somebody whom a code reaches so.
    pub(super) const fn fits(self, channel: Channel) -> bool {
        match self {
            Self::SmsOut | Self::Link | Self::Button => matches!(channel, Channel::Sms),
            _ => true,
        }
    }

    /// Whether it wants a solved challenge.
    pub(super) const fn costs(self) -> bool {
        matches!(
            self,
            Self::Registration | Self::Recovery | Self::Resend | Self::ResendRecovery | Self::SmsOut
        )
    }

    /// What passes before it is asked, so that no budget is used up and no wait is on.
    pub(super) const fn after(self) -> Duration {
        match self {
            Self::ChallengeOfId | Self::Challenge | Self::SmsOut => DAY,
            Self::Resend => RESEND,
            _ => Duration::ZERO,
        }
    }
}
