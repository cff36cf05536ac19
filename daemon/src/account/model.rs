//! What the account domain remembers: plain values, kept sealed in the store.

use std::time::Duration;

use belay_proto::clock::millis;
use belay_proto::id::{AccountId, DeviceId, Epoch, PendingId};
use belay_proto::keys::PublicKey;
use belay_proto::wire::Bytes;
use serde::{Deserialize, Serialize};

use crate::account::command::SentCommand;
use crate::account::new_code::NewCode;
use crate::account::proving::Proving;

/// What the owner told about themself; part of it may be unset.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Profile {
    /// The name to show.
    pub display_name: Option<String>,
    /// ISO 3166-1 alpha-2, upper case.
    pub country: Option<String>,
    /// A BCP 47 language tag.
    pub language: Option<String>,
    /// Whether news may be sent.
    pub newsletter: bool,
}

/// A way to reach the owner, without the address itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identifier {
    /// The cloud's id of it, empty until the cloud has told.
    pub id: String,
    /// `email` or `phone`.
    pub kind: String,
    /// The masked address.
    pub masked: String,
    /// Whether the owner has proved it theirs.
    pub verified: bool,
}

/// How a code or its counterpart travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Channel {
    /// A code and a link by e-mail.
    Email,
    /// A code by SMS.
    Sms,
    /// No code: an SMS that this device sends.
    SmsOut,
}

impl Channel {
    /// The word of the contracts.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sms => "sms",
            Self::SmsOut => "sms-out",
        }
    }
}

/// An SMS that proves the number it comes from, as the cloud wants it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnSms {
    /// Where it goes: the cloud's number.
    pub number: String,
    /// What it says.
    pub text: String,
}

/// What is known of a verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verification {
    /// Waits for its code or link.
    Pending,
    /// The link was opened, or the code was right.
    Confirmed,
    /// Over.
    Expired,
}

impl Verification {
    /// The word of the contracts.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Confirmed => "confirmed",
            Self::Expired => "expired",
        }
    }
}

/// A point in boot time that means nothing in another boot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deadline {
    /// The boot it counts in.
    pub boot: String,
    /// When, in ms of that boot.
    pub at_ms: u64,
    /// How far away it was when it was set, in ms.
    pub span_ms: u64,
}

impl Deadline {
    /// A deadline `span` from `now`, in boot `boot`.
    #[must_use]
    pub fn after(span: Duration, now: Duration, boot: &str) -> Self {
        Self {
            boot: boot.to_owned(),
            at_ms: millis(now.saturating_add(span)),
            span_ms: millis(span),
        }
    }

    /// Whether it has passed, or was set in another boot, where nobody here can know.
    #[must_use]
    pub fn is_over(&self, now: Duration, boot: &str) -> bool {
        self.boot != boot || self.at_ms <= millis(now)
    }

    /// What is left of it. After a reboot nobody knows; then the whole span, so that nothing is promised
    /// earlier than it comes.
    #[must_use]
    pub fn left(&self, now: Duration, boot: &str) -> Duration {
        let left = if self.boot == boot {
            self.at_ms.saturating_sub(millis(now))
        } else {
            self.span_ms
        };
        Duration::from_millis(left)
    }
}

/// How far a registration has come. Each stage is durable before the next step is taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "at", rename_all = "kebab-case")]
pub enum Stage {
    /// The warden has made the keys; the cloud hasn't been asked to verify the address.
    Prepared,
    /// The cloud verifies the address.
    Waiting,
    /// The address is proved: the cloud gave this ticket for the code with this digest.
    Proved {
        /// The cloud's ticket.
        ticket: String,
        /// Of the code that was right, see [`Registration::code_digest`].
        code: [u8; 32],
    },
    /// The account is asked for with exactly this body and key, so that a repetition is one.
    Submitting {
        /// The request's body.
        body: String,
        /// Its idempotency key.
        key: String,
        /// As in [`Stage::Proved`].
        code: [u8; 32],
    },
    /// The cloud has made the account; the warden is to bind.
    Accepted {
        /// As in [`Stage::Proved`].
        code: [u8; 32],
    },
    /// The device is bound; the recovery code waits to be written down.
    Bound {
        /// As in [`Stage::Proved`].
        code: [u8; 32],
    },
}

impl Stage {
    /// The digest of the code that was right, from [`Stage::Proved`] on.
    #[must_use]
    pub fn code(&self) -> Option<&[u8; 32]> {
        match self {
            Self::Prepared | Self::Waiting => None,
            Self::Proved { code, .. } | Self::Submitting { code, .. } => Some(code),
            Self::Accepted { code } | Self::Bound { code } => Some(code),
        }
    }

    /// Whether the cloud may already hold the account.
    #[must_use]
    pub fn is_committed(&self) -> bool {
        matches!(
            self,
            Self::Submitting { .. } | Self::Accepted { .. } | Self::Bound { .. }
        )
    }
}

/// A registration under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// The cloud's id of the verification, which is also what callers name; empty while [`Stage::Prepared`].
    pub id: String,
    /// The warden's id of the keys it keeps for it.
    pub pending: PendingId,
    /// The account that will be.
    pub account: AccountId,
    /// How the code travels.
    pub channel: Channel,
    /// The address in clear: the login of the account that will be.
    pub login: String,
    /// With [`Channel::SmsOut`] the SMS to send, once the cloud has told it.
    #[serde(default)]
    pub own_sms: Option<OwnSms>,
    /// What the owner told.
    pub profile: Profile,
    /// What the warden made, for the cloud.
    pub material: Material,
    /// What is known of the verification.
    pub verification: Verification,
    /// When another code may be sent.
    pub resend: Deadline,
    /// When the verification is over.
    pub expires: Deadline,
    /// The code that was last sent and not answered for.
    pub attempt: Option<Attempt>,
    /// How far it has come.
    pub stage: Stage,
}

impl Registration {
    /// Whether it waits for an SMS of this device's to arrive at the cloud.
    #[must_use]
    pub fn awaits_own_sms(&self) -> bool {
        self.channel == Channel::SmsOut
            && self.stage == Stage::Waiting
            && self.verification == Verification::Pending
    }

    /// The digest under which a code is remembered, so that only who knew it is told the claim to the
    /// recovery code again.
    #[must_use]
    pub fn code_digest(&self, code: &str) -> [u8; 32] {
        belay_proto::keys::hmac_sha256(self.pending.as_bytes(), code.as_bytes())
    }
}

/// A code on its way to the cloud. It is kept so that the same code, sent again after a lost answer or a kill, is
/// one try.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Of the code, see [`Registration::code_digest`].
    pub code: [u8; 32],
    /// The request's idempotency key.
    pub key: String,
}

/// What the warden made for the cloud.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Material {
    /// The signed credentials record.
    pub credentials: Bytes,
    /// The owner's public key.
    pub owner: PublicKey,
    /// The sealed keyring.
    pub keyring: Bytes,
    /// The signed device certificate.
    pub certificate: Bytes,
    /// The cloud's share of the wrapping key, 32 bytes.
    pub share: Bytes,
    /// The signed release of an earlier binding that the cloud hasn't seen.
    pub release: Option<Bytes>,
}

impl Material {
    /// What is left to remember once the cloud has it all: which release went along. The share and the record
    /// together would let a thief of this disk guess at the password.
    #[must_use]
    pub fn brought(self) -> Self {
        Self {
            credentials: Bytes::default(),
            keyring: Bytes::default(),
            certificate: Bytes::default(),
            share: Bytes::default(),
            ..self
        }
    }
}

/// The account this device is bound to, or is about to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The account.
    pub account: AccountId,
    /// The ways to reach the owner; the first is the login.
    pub identifiers: Vec<Identifier>,
    /// What the owner told.
    pub profile: Profile,
    /// When this device was bound, in seconds since the epoch by the wall clock, for display.
    pub since: u64,
    /// Whether the account has a recovery code.
    pub recovery_code_set: bool,
    /// Whether the warden has bound the device to it.
    pub bound: bool,
    /// Whether the cloud has ended it, so that the password is needed again.
    pub ended: bool,
    /// Why no password begins another one here before a sign-out, as the cloud last told.
    #[serde(default)]
    pub departure: Option<Departure>,
    /// The recovery code that was made here last, until somebody has said that it is written down.
    #[serde(default)]
    pub new_code: Option<NewCode>,
    /// Whether the sign-out under way leaves the owner's data here, as they asked.
    #[serde(default)]
    pub leaves_data: bool,
    /// Whether an order to delete the account may have left this device, so that the warden stays ready to leave with it.
    #[serde(default)]
    pub deletion_sent: bool,
}

impl Session {
    /// Whether the account has a recovery code that its owner can know of: one that nobody has seen is none.
    #[must_use]
    pub fn has_known_code(&self) -> bool {
        let is_unseen = |code: &NewCode| code.holds != Some(false);
        self.recovery_code_set && !self.new_code.as_ref().is_some_and(is_unseen)
    }
}

/// Why the device is none of the account's any more, though it is bound to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Departure {
    /// The owner removed it.
    Removed,
    /// The owner deleted the account.
    AccountDeleted,
}

/// The cloud says that this hardware is another account's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Locked {
    /// The masked login of its owner, where the cloud tells it.
    pub login: Option<String>,
}

/// Which release: one epoch of one device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReleaseKey {
    /// The device that was released.
    pub device: DeviceId,
    /// The epoch that ended.
    pub epoch: Epoch,
}

/// A release that the cloud hasn't acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Which.
    pub key: ReleaseKey,
    /// The signed release, as the warden gave it.
    pub signed: Vec<u8>,
}

/// All that is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Saved {
    /// The account, when there is one.
    pub session: Option<Session>,
    /// The registration under way.
    pub registration: Option<Registration>,
    /// The address under proof.
    pub proving: Option<Proving>,
    /// That the hardware is another account's.
    pub locked: Option<Locked>,
    /// The releases that wait for the cloud.
    pub releases: Vec<ReleaseKey>,
    /// The commands that were sent from here, newest first.
    pub commands: Vec<SentCommand>,
}
