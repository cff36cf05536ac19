//! What a command asks for.

use crate::cbor::{Malformed, MapReader, MapWriter, Value};
use crate::id::CommandId;
use crate::text::misleads;

/// The longest message, in characters.
const MESSAGE_CHARACTERS: usize = 200;

/// A command's action with its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Lock the device and show a message and a number to call.
    Lock {
        /// At most 200 characters, none of which [`clean_message`] would take away.
        message: String,
        /// E.164, or empty.
        phone: String,
    },
    /// End lost mode.
    Unlock,
    /// Destroy the data.
    Wipe {
        /// Memory cards too.
        external: bool,
        /// Leave the eSIM profiles.
        keep_esim: bool,
    },
    /// Ring aloud.
    Ring {
        /// For how long, s.
        seconds: u64,
    },
    /// Stop ringing.
    StopRing,
    /// Report where the device is.
    Locate,
    /// Show a message.
    Message {
        /// As in `Lock`.
        text: String,
    },
    /// Sign out.
    SignOut,
    /// Void another command.
    Cancel {
        /// The other command.
        id: CommandId,
    },
}

/// An action without its arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the same names as in `Action`")]
pub enum Verb {
    Lock,
    Unlock,
    Wipe,
    Ring,
    StopRing,
    Locate,
    Message,
    SignOut,
    Cancel,
}

impl Verb {
    /// All verbs.
    pub const ALL: [Self; 9] = [
        Self::Lock,
        Self::Unlock,
        Self::Wipe,
        Self::Ring,
        Self::StopRing,
        Self::Locate,
        Self::Message,
        Self::SignOut,
        Self::Cancel,
    ];

    /// The name in a command.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Lock => "lock",
            Self::Unlock => "unlock",
            Self::Wipe => "wipe",
            Self::Ring => "ring",
            Self::StopRing => "stop-ring",
            Self::Locate => "locate",
            Self::Message => "message",
            Self::SignOut => "sign-out",
            Self::Cancel => "cancel",
        }
    }

    /// From the name in a command.
    ///
    /// # Errors
    /// [`Malformed`] for any other text.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        Self::ALL
            .into_iter()
            .find(|verb| verb.as_str() == text)
            .ok_or_else(|| Malformed::new("an unknown action"))
    }

    /// Whether the owner may let another key ask for it.
    pub fn may_be_delegated(&self) -> bool {
        matches!(
            self,
            Self::Ring | Self::StopRing | Self::Locate | Self::Message | Self::Lock
        )
    }
}

impl Action {
    /// The action's name.
    pub fn verb(&self) -> Verb {
        match self {
            Self::Lock { .. } => Verb::Lock,
            Self::Unlock => Verb::Unlock,
            Self::Wipe { .. } => Verb::Wipe,
            Self::Ring { .. } => Verb::Ring,
            Self::StopRing => Verb::StopRing,
            Self::Locate => Verb::Locate,
            Self::Message { .. } => Verb::Message,
            Self::SignOut => Verb::SignOut,
            Self::Cancel { .. } => Verb::Cancel,
        }
    }

    /// The arguments alone, as one canonical CBOR map; what they are arguments of, the verb says.
    pub fn encode_arguments(&self) -> Vec<u8> {
        self.arguments().encode()
    }

    /// Reads what [`Action::encode_arguments`] wrote for this verb.
    ///
    /// # Errors
    /// [`Malformed`] for anything else.
    pub fn decode(verb: Verb, arguments: &[u8]) -> Result<Self, Malformed> {
        Self::read(verb, MapReader::new(arguments)?)
    }

    pub(super) fn arguments(&self) -> Value {
        let map = MapWriter::new();
        let map = match self {
            Self::Lock { message, phone } => map.put("message", message).put("phone", phone),
            Self::Wipe { external, keep_esim } => map.put("external", external).put("keep_esim", keep_esim),
            Self::Ring { seconds } => map.put("seconds", seconds),
            Self::Message { text } => map.put("text", text),
            Self::Cancel { id } => map.put("id", id),
            Self::Unlock | Self::StopRing | Self::Locate | Self::SignOut => map,
        };
        map.into_value()
    }

    pub(super) fn read(verb: Verb, mut map: MapReader) -> Result<Self, Malformed> {
        let action = match verb {
            Verb::Lock => Self::Lock {
                message: message(map.take("message")?)?,
                phone: phone(map.take("phone")?)?,
            },
            Verb::Unlock => Self::Unlock,
            Verb::Wipe => Self::Wipe {
                external: map.take("external")?,
                keep_esim: map.take("keep_esim")?,
            },
            Verb::Ring => Self::Ring {
                seconds: map.take("seconds")?,
            },
            Verb::StopRing => Self::StopRing,
            Verb::Locate => Self::Locate,
            Verb::Message => Self::Message {
                text: message(map.take("text")?)?,
            },
            Verb::SignOut => Self::SignOut,
            Verb::Cancel => Self::Cancel { id: map.take("id")? },
        };
        map.finish()?;
        Ok(action)
    }
}

/// A message as a command may carry it: line breaks and tabs as spaces, without what [`misleads`], at most 200
/// characters. A signed message that isn't clean is malformed: who signed it means it to look like something else.
pub fn clean_message(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let shown = text
        .chars()
        .map(|c| if matches!(c, '\n' | '\t') { ' ' } else { c });
    shown.filter(|c| !misleads(*c)).take(MESSAGE_CHARACTERS).collect()
}

fn message(text: String) -> Result<String, Malformed> {
    if text.chars().any(misleads) {
        return Err(Malformed::new("a message with characters that mislead"));
    }
    match text.chars().count() <= MESSAGE_CHARACTERS {
        true => Ok(text),
        false => Err(Malformed::new("a message over 200 characters")),
    }
}

fn phone(text: String) -> Result<String, Malformed> {
    match text.is_empty() || crate::identifier::is_e164(&text) {
        true => Ok(text),
        false => Err(Malformed::new("not an E.164 number")),
    }
}
