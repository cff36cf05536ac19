//! What becomes of a command: the state in an outcome, and the warden's judgement.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use crate::cbor::{Item, Malformed, Value};

/// How far a command is. The cloud says `queued` and `delivered`, the warden the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum CommandState {
    /// Not known, or not known to this version.
    #[default]
    Unknown,
    /// In the cloud.
    Queued,
    /// Fetched by the device.
    Delivered,
    /// Judged good, and on the device's disk.
    Accepted,
    /// Can't be done now; the outcome says why, and when it is tried again.
    Deferred,
    /// Being done.
    Running,
    /// Done.
    Done,
    /// Tried, and given up; the outcome's reason says why.
    Failed,
    /// Judged bad; the outcome's reason is a [`Disposition`].
    Refused,
}

impl CommandState {
    /// All states, `Unknown` first.
    pub const ALL: [Self; 9] = [
        Self::Unknown,
        Self::Queued,
        Self::Delivered,
        Self::Accepted,
        Self::Deferred,
        Self::Running,
        Self::Done,
        Self::Failed,
        Self::Refused,
    ];

    /// The name in an outcome and in the cloud's JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Queued => "queued",
            Self::Delivered => "delivered",
            Self::Accepted => "accepted",
            Self::Deferred => "deferred",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Refused => "refused",
        }
    }

    /// Whether nothing comes after it.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Refused)
    }
}

impl fmt::Display for CommandState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<&str> for CommandState {
    fn from(text: &str) -> Self {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .unwrap_or_default()
    }
}

impl FromStr for CommandState {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self::from(text))
    }
}

impl serde::Serialize for CommandState {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> serde::Deserialize<'de> for CommandState {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Ok(Self::from(text.as_ref()))
    }
}

/// A text. One that this version doesn't know reads as [`CommandState::Unknown`], so that an owner can
/// read the outcomes of a newer device; the signature is over the bytes, which nobody encodes again.
impl Item for CommandState {
    fn to_value(&self) -> Value {
        Value::Text(self.as_str().to_owned())
    }

    fn from_value(value: Value) -> Result<Self, Malformed> {
        Ok(Self::from(String::from_value(value)?.as_str()))
    }
}

/// The warden's judgement of a command: what `Warden.Command` answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Disposition {
    /// It is done, or will be.
    Accepted,
    /// Neither the owner nor a delegate signed it.
    BadSignature,
    /// It is for another device or account.
    WrongDevice,
    /// It is for another binding of this device.
    WrongEpoch,
    /// Its id was seen before in this epoch.
    Replayed,
    /// A newer command stands in the register that it shares.
    Superseded,
    /// The owner has been at the device since, or the lost episode that it ends is over.
    Stale,
    /// The owner took it back.
    Cancelled,
    /// Its time is over.
    Expired,
    /// Its bytes aren't a command.
    Malformed,
    /// This device can't do it, or find-device is off.
    Unsupported,
    /// The delegate's certificate is void, or doesn't cover it.
    NoSuchDelegate,
    /// It is so already.
    Already,
}

/// No judgement of this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an unknown disposition")]
pub struct UnknownDisposition;

impl Disposition {
    /// All judgements.
    pub const ALL: [Self; 13] = [
        Self::Accepted,
        Self::BadSignature,
        Self::WrongDevice,
        Self::WrongEpoch,
        Self::Replayed,
        Self::Superseded,
        Self::Stale,
        Self::Cancelled,
        Self::Expired,
        Self::Malformed,
        Self::Unsupported,
        Self::NoSuchDelegate,
        Self::Already,
    ];

    /// The name on the bus and, but for `accepted`, the reason in a `refused` outcome.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::BadSignature => "bad-signature",
            Self::WrongDevice => "wrong-device",
            Self::WrongEpoch => "wrong-epoch",
            Self::Replayed => "replayed",
            Self::Superseded => "superseded",
            Self::Stale => "stale",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::Malformed => "malformed",
            Self::Unsupported => "unsupported",
            Self::NoSuchDelegate => "no-such-delegate",
            Self::Already => "already",
        }
    }
}

impl fmt::Display for Disposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Disposition {
    type Err = UnknownDisposition;

    fn from_str(text: &str) -> Result<Self, UnknownDisposition> {
        Self::ALL
            .into_iter()
            .find(|disposition| disposition.as_str() == text)
            .ok_or(UnknownDisposition)
    }
}
