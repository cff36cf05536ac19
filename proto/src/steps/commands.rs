//! Commands at the warden: signing one for another device, and the steps that belayd walks without a ticket to
//! carry out what its own warden accepted.

use crate::cbor::{Item, Malformed, Value};
use crate::id::{CommandId, DeviceId};
use crate::keys::sha256;
use crate::signed::Action;
use crate::text::base64url;

/// Signs a command: [`SignCommandInput`] → [`SignCommandOutput`]. With a `command` ticket by the owner key,
/// after [`LOGIN_SIGNATURE`](super::LOGIN_SIGNATURE) and [`OPEN_ROOT`](super::OPEN_ROOT); the ticket's subject is [`command_subject`]. With an empty ticket `ring`
/// and `stop-ring` alone, by the warden key as the owner's delegate.
pub const SIGN_COMMAND: &str = "sign-command";
/// What became of commands: [`OutcomesInput`] → [`OutcomesOutput`].
pub const OUTCOMES: &str = "outcomes";
/// How the device stands, signed: [`Done`](super::Done) → [`StateReportOutput`].
pub const STATE_REPORT: &str = "state-report";
/// What belayd has to do: [`Done`](super::Done) → [`EffectsOutput`].
pub const EFFECTS: &str = "effects";
/// belayd is about to do an effect: [`BeginInput`] → [`Done`](super::Done). On disk before the answer, so that
/// it is done at most once.
pub const BEGIN: &str = "begin";
/// belayd has done an effect, or given up: [`EndInput`] → [`Done`](super::Done). Makes the outcome.
pub const END: &str = "end";
/// A text message that may be a command: [`SmsInput`] → [`SmsOutput`].
pub const SMS: &str = "sms";
/// Time has passed; the warden judges its policies: [`Done`](super::Done) → [`TickOutput`]. Root may walk it
/// too.
pub const TICK: &str = "tick";

/// The reason of an effect that was begun and not ended when belayd started again.
pub const INTERRUPTED: &str = "interrupted";

crate::cbor_map! {
    /// Into [`SIGN_COMMAND`].
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct SignCommandInput {
        /// The target's device certificate, signed bytes; believed under the owner's key alone.
        pub certificate: Vec<u8>,
        /// The newest [`Outcome`](crate::signed::Outcome) or [`StateReport`](crate::signed::StateReport) of the
        /// target, signed bytes; believed under the certificate's warden key alone. Absent before the first.
        pub report: Option<Vec<u8>>,
        /// What to ask for: a [`Verb`](crate::signed::Verb)'s name.
        pub action: String,
        /// Its arguments, as [`Action::encode_arguments`] writes them.
        pub arguments: Vec<u8>,
    }

    /// Out of [`SIGN_COMMAND`].
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct SignCommandOutput {
        /// The [`CommandEnvelope`](crate::signed::CommandEnvelope)'s bytes.
        pub envelope: Vec<u8>,
        /// The command.
        pub id: CommandId,
    }

    /// Into [`OUTCOMES`].
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct OutcomesInput {
        /// belayd has stored everything up to this sequence, and the warden may forget it; 0 = nothing yet. Of a wipe that
        /// is about to begin it doesn't say so before the cloud has the news.
        pub after: u64,
    }

    /// Out of [`OUTCOMES`].
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct OutcomesOutput {
        /// [`Outcome`](crate::signed::Outcome)s with a sequence above, ascending, signed bytes; as many as fit an
        /// answer. Empty = there are no more.
        pub outcomes: Vec<Vec<u8>>,
    }

    /// Out of [`STATE_REPORT`].
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct StateReportOutput {
        /// A fresh [`StateReport`](crate::signed::StateReport), signed bytes.
        pub report: Vec<u8>,
    }

    /// Something for belayd to do: `ring`, `stop-ring` or `locate`. The warden does the rest itself.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Effect {
        /// The command that asked for it.
        pub command: CommandId,
        /// A [`Verb`](crate::signed::Verb)'s name.
        pub action: String,
        /// Its arguments, as [`Action::encode_arguments`] writes them.
        pub arguments: Vec<u8>,
        /// The issuer's clock: ms since the Unix epoch.
        pub issued_at: u64,
        /// Not to be begun later: ms of boot time; 0 = whenever.
        pub deadline: u64,
    }

    /// Out of [`EFFECTS`].
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct EffectsOutput {
        /// To be begun, in the order of their acceptance.
        pub waiting: Vec<Effect>,
        /// Begun and not ended. A belayd that has just started ends these as failed, [`INTERRUPTED`].
        pub begun: Vec<CommandId>,
    }

    /// Into [`BEGIN`].
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct BeginInput {
        /// The command of a waiting effect.
        pub command: CommandId,
    }

    /// Into [`END`].
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct EndInput {
        /// The command of an effect that was begun.
        pub command: CommandId,
        /// Whether it was done.
        pub done: bool,
        /// Why not, as a code; empty when done.
        pub reason: String,
    }

    /// Into [`SMS`].
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct SmsInput {
        /// The message's text as it came.
        pub text: String,
    }

    /// Out of [`SMS`].
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct SmsOutput {
        /// A [`Disposition`](crate::signed::Disposition)'s name.
        pub disposition: String,
        /// The command, when the text was one.
        pub command: Option<CommandId>,
    }

    /// Out of [`TICK`].
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct TickOutput {
        /// When to ask again, ms of boot time; 0 = no policy is armed.
        pub next: u64,
    }
}

/// The subject of a `command` ticket: `<verb> <device> <base64url of SHA-256 over the arguments' CBOR>`. The
/// client makes it from what the owner asked for, so belayd can't turn a ring into a wipe.
pub fn command_subject(device: &DeviceId, action: &Action) -> String {
    let digest = base64url(&sha256(&action.encode_arguments()));
    format!("{} {device} {digest}", action.verb().as_str())
}

impl Action {
    /// An effect's action.
    ///
    /// # Errors
    /// [`Malformed`] for a name or arguments that this version doesn't know.
    pub fn of_effect(effect: &Effect) -> Result<Self, Malformed> {
        Self::decode(crate::signed::Verb::parse(&effect.action)?, &effect.arguments)
    }
}

impl Item for Vec<Vec<u8>> {
    fn to_value(&self) -> Value {
        Value::Array(self.iter().map(Item::to_value).collect())
    }

    fn from_value(value: Value) -> Result<Self, Malformed> {
        items(value, Item::from_value)
    }
}

impl Item for Vec<CommandId> {
    fn to_value(&self) -> Value {
        Value::Array(self.iter().map(Item::to_value).collect())
    }

    fn from_value(value: Value) -> Result<Self, Malformed> {
        items(value, Item::from_value)
    }
}

impl Item for Vec<DeviceId> {
    fn to_value(&self) -> Value {
        Value::Array(self.iter().map(Item::to_value).collect())
    }

    fn from_value(value: Value) -> Result<Self, Malformed> {
        items(value, Item::from_value)
    }
}

/// Each as the bytes of its own encoding.
impl Item for Vec<Effect> {
    fn to_value(&self) -> Value {
        Value::Array(self.iter().map(|effect| Value::Bytes(effect.encode())).collect())
    }

    fn from_value(value: Value) -> Result<Self, Malformed> {
        items(value, |effect| Effect::decode(&Vec::from_value(effect)?))
    }
}

fn items<T>(value: Value, read: impl Fn(Value) -> Result<T, Malformed>) -> Result<Vec<T>, Malformed> {
    Vec::<Value>::from_value(value)?.into_iter().map(read).collect()
}

#[cfg(test)]
mod tests;
