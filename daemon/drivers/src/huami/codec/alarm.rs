//! Alarms, as they are written to H-0003.

use super::{Malformed, bytes_at};

/// On which days an alarm rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Days {
    /// Once, at the next time.
    Once,
    /// On these days: bit 0 is Monday, bit 6 Sunday.
    Weekly(u8),
}

/// One alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// Its place, 0 to 63; bands have about ten.
    pub slot: u8,
    /// Whether it rings.
    pub enabled: bool,
    /// Whether it can be put off.
    pub snooze: bool,
    /// Hour, 0 to 23.
    pub hour: u8,
    /// Minute, 0 to 59.
    pub minute: u8,
    /// On which days.
    pub days: Days,
}

impl Alarm {
    /// What is written.
    #[must_use]
    pub fn encode(self) -> [u8; 5] {
        let mut flags = self.slot & 0x3f;
        if self.enabled {
            flags |= 0x80;
        }
        if !self.snooze {
            flags |= 0x40;
        }
        let days = match self.days {
            Days::Once => 0x80,
            Days::Weekly(days) => days & 0x7f,
        };
        [0x02, flags, self.hour, self.minute, days]
    }

    /// Reads what is written.
    ///
    /// # Errors
    /// [`Malformed`]: another command, too short, or no time of a day.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let [0x02, flags, hour, minute, days] = bytes_at(bytes, 0).ok_or(Malformed)? else {
            return Err(Malformed);
        };
        if hour > 23 || minute > 59 {
            return Err(Malformed);
        }
        Ok(Self {
            slot: flags & 0x3f,
            enabled: flags & 0x80 != 0,
            snooze: flags & 0x40 == 0,
            hour,
            minute,
            days: if days & 0x80 != 0 {
                Days::Once
            } else {
                Days::Weekly(days)
            },
        })
    }
}
