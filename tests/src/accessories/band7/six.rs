//! Mi Band 6 with newer firmware: the tunnel of a Mi Band 7 for commands, and the rest on characteristics as before.

use uuid::Uuid;

use super::Band7;
use crate::accessories::band::wire;
use crate::bluez::{Air, AttError};

/// What it has besides the characteristics of a Mi Band 7.
pub(super) const MORE: [(Uuid, &str); 6] = [
    (wire::CONFIG, "cn"),
    (wire::BATTERY, "rn"),
    (wire::STEPS, "rn"),
    (wire::USER, "wn"),
    (wire::EVENTS, "n"),
    (wire::CHUNKED, "rcn"),
];

impl Band7 {
    /// The same band as a Mi Band 6.
    #[must_use]
    pub const fn six(mut self) -> Self {
        self.is_six = true;
        self
    }

    /// Something happens at it, by its number.
    pub fn event(&self, air: &mut Air, number: u8) {
        if self.trusted {
            self.notify(air, wire::EVENTS, vec![number]);
        }
    }

    /// A configuration command came through the tunnel.
    pub(super) fn configure(&mut self, air: &mut Air, command: &[u8]) {
        self.configuration.push(command.to_vec());
        if let [endpoint, number, ..] = *command {
            self.tell(air, 0x0090, true, &[1, 0x10, endpoint, number, 0, 1]);
        }
    }

    pub(super) fn read_six(&self, characteristic: Uuid) -> Result<Vec<u8>, AttError> {
        match characteristic {
            wire::BATTERY => Ok(vec![0x0f, self.battery.0, u8::from(self.battery.1)]),
            wire::STEPS => Ok(self.steps()),
            _ => Err(AttError::READ_NOT_PERMITTED),
        }
    }

    /// Monday is 1 and Sunday 7, and there is no reason.
    pub(super) const fn takes_time(&self, [.., weekday, _, reason, _]: &[u8; 11]) -> bool {
        match self.is_six {
            true => matches!(weekday, 1..=7) && *reason == 0,
            false => *weekday <= 6 && *reason == 8,
        }
    }
}
