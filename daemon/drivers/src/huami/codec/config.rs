//! Configuration commands (H-0003) and their replies.

use super::{Malformed, bytes_at};
use crate::settings::{ClockFormat, Units};

/// Tells the band that its search for the phone is heard.
pub const FIND_PHONE_HEARD: [u8; 4] = [0x06, 0x14, 0x00, 0x00];
/// Tells the band that the phone is found.
pub const PHONE_FOUND: [u8; 4] = [0x06, 0x14, 0x00, 0x01];

/// How the clock is shown.
#[must_use]
pub const fn clock(format: ClockFormat) -> [u8; 4] {
    match format {
        ClockFormat::Twelve => [0x06, 0x02, 0x00, 0x00],
        ClockFormat::TwentyFour => [0x06, 0x02, 0x00, 0x01],
    }
}

/// How distances are shown.
#[must_use]
pub const fn units(units: Units) -> [u8; 4] {
    match units {
        Units::Metric => [0x06, 0x03, 0x00, 0x00],
        Units::Imperial => [0x06, 0x03, 0x00, 0x01],
    }
}

/// What a band answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// To a command of two bytes, as `10 endpoint command 00 status`.
    Setting {
        /// Endpoint and command.
        command: [u8; 2],
        /// 1 where it is set.
        status: u8,
    },
    /// To a request of one byte, as `10 command status`; status 5 is most probably "not supported".
    Request {
        /// The command.
        command: u8,
        /// The status.
        status: u8,
    },
}

impl Reply {
    /// Whether it went well.
    #[must_use]
    pub const fn is_ok(self) -> bool {
        match self {
            Self::Setting { status, .. } | Self::Request { status, .. } => status == 1,
        }
    }
}

/// Reads an answer.
///
/// # Errors
/// [`Malformed`]: neither form.
pub fn decode(bytes: &[u8]) -> Result<Reply, Malformed> {
    match (bytes, bytes_at(bytes, 0)) {
        (_, Some([0x10, endpoint, command, _, status])) => Ok(Reply::Setting {
            command: [endpoint, command],
            status,
        }),
        ([0x10, command, status], _) => Ok(Reply::Request {
            command: *command,
            status: *status,
        }),
        _ => Err(Malformed),
    }
}
