//! The modem: SIMs, texts, calls, and what it knows of its place.

mod borrowed;
mod cell;
mod gnss;
mod incoming;
mod manager;
mod voice;

use std::fmt::{self, Debug};

use belay_proto::wire::Cell;
use futures_util::future::BoxFuture;
use serde::Deserialize;
use tokio::sync::{mpsc, watch};

use super::{Answer, Fix, PlatformError};
pub(super) use manager::ModemManager;

/// What is known of the modems. The default: none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct ModemView {
    /// There is a modem, whether or not a SIM can be read.
    pub present: bool,
    /// Modems that are registered with another network than their SIM's own, by their names at the service.
    #[serde(skip)]
    pub roaming: Vec<String>,
    /// The SIMs that are in the device and can be read.
    pub sims: Vec<Sim>,
    /// The texts that have arrived whole and begin as [`ModemView::COMMANDS`] says. They stay until they are deleted.
    pub texts: Vec<Text>,
}

/// A SIM. `Debug` shows no number: they belong in no log.
#[derive(Clone, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Sim {
    /// The modem it is in: its IMEI.
    pub imei: String,
    /// The card's number.
    pub iccid: String,
    /// The subscriber; empty while the card wants its PIN.
    pub imsi: String,
    /// The operator's name or code; empty: not known.
    pub operator: String,
}

/// A text that was received. `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Text {
    /// Its name at the modem, as [`Modem::delete_text`] takes it.
    pub id: String,
    /// What it says.
    pub text: String,
}

/// What comes in. `Debug` shows nothing of whom it is from, or of what it says.
#[derive(Clone, PartialEq, Eq)]
pub enum Incoming {
    /// A call rings.
    Call {
        /// Its name at the modem.
        call: String,
        /// Who calls, as the network says it; empty: it doesn't.
        number: String,
    },
    /// It rings no longer: taken, declined, or given up.
    CallOver {
        /// Its name at the modem.
        call: String,
    },
    /// A text has arrived whole.
    Text {
        /// Who sent it, as the network says it.
        number: String,
        /// What it says.
        text: String,
    },
}

impl ModemView {
    /// How a text begins that belayd has to do with. All others are nobody's business but the user's, and are left
    /// alone.
    pub const COMMANDS: &'static str = "belay:";
}

/// The modem of the device.
pub trait Modem: Debug + Send + Sync + 'static {
    /// What is known, with its changes.
    fn view(&self) -> watch::Receiver<ModemView>;

    /// Dials `number` (E.164). Answers once the call is under way.
    fn call<'a>(&'a self, number: &'a str) -> Answer<'a>;

    /// Ends the call that was dialled last; done too where there is none.
    fn hang_up(&self) -> Answer<'_>;

    /// Whether there is anything to send a text with; the error says why not.
    fn can_text(&self) -> Answer<'_>;

    /// Sends `text` to `number` (E.164). Answers once the network has taken it.
    fn send_text<'a>(&'a self, number: &'a str, text: &'a str) -> Answer<'a>;

    /// Deletes a received text; done too where it is gone.
    fn delete_text<'a>(&'a self, id: &'a str) -> Answer<'a>;

    /// The cells in reach, the serving one first.
    fn cells(&self) -> Answer<'_, Vec<Cell>>;

    /// Calls and texts that come in from now on, whoever else takes them; the stream ends where they can't be followed
    /// any longer. Nothing of a text is looked at before this is called, and none after it was dropped.
    fn incoming(&self) -> Answer<'_, mpsc::Receiver<Incoming>> {
        Box::pin(async { Err(PlatformError::NotSupported("nothing tells of calls")) })
    }

    /// Declines every call that comes in; done too where there is none.
    fn decline(&self) -> Answer<'_> {
        Box::pin(async { Err(PlatformError::NotSupported("nothing declines a call")) })
    }

    /// As [`Position::track`](super::Position::track), by satellites alone.
    fn track(&self, fixes: mpsc::Sender<Fix>) -> Answer<'_>;

    /// belayd ends: no search begins any more, and those under way end. Answers once the modem is as they found it.
    fn settle(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

/// Lets through what is a telephone number, and nothing that a network would take for an order to itself, such as
/// `*100#`.
pub(super) fn dialable(number: &str) -> Result<(), PlatformError> {
    let digits = number.strip_prefix('+').unwrap_or(number);
    let is_number = (2..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    match is_number {
        true => Ok(()),
        false => Err(PlatformError::Refused("not a telephone number")),
    }
}

impl Debug for Sim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sim").finish_non_exhaustive()
    }
}

impl Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Text")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Call { .. } => "Call",
            Self::CallOver { .. } => "CallOver",
            Self::Text { .. } => "Text",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::dialable;

    #[test]
    fn only_telephone_numbers_are_dialled() {
        for number in ["+491701234567", "112", "0301234567"] {
            assert!(dialable(number).is_ok(), "{number}");
        }
        for number in [
            "*100#",
            "**21*123#",
            "+",
            "",
            "1",
            "12345678901234567",
            "+49 170",
            "+49,1",
            "tel:1",
            "٣٤٥",
        ] {
            assert!(dialable(number).is_err(), "{number}");
        }
    }
}
