//! What happens at the device (H-0010).

use super::{Malformed, u16_at};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceEvent {
    /// It fell asleep with its wearer (true), or woke up.
    Asleep(bool),
    /// The step goal is reached.
    GoalReached,
    /// The button was pressed.
    Button,
    /// Taken off.
    NotWorn,
    /// The call is to be declined.
    DeclineCall,
    /// The call is to be silent.
    IgnoreCall,
    /// The phone is looked for (true), or no more.
    FindPhone(bool),
    /// Alarms were changed.
    Alarms,
    /// Half an hour has gone by: there is more history.
    Tick,
    /// The ATT MTU that the band would take, bytes.
    Mtu(u16),
    /// Anything else.
    Other(u8),
}

/// Reads an event.
///
/// # Errors
/// [`Malformed`]: empty, or without what its kind should have.
pub fn decode(bytes: &[u8]) -> Result<DeviceEvent, Malformed> {
    Ok(match *bytes.first().ok_or(Malformed)? {
        0x01 => DeviceEvent::Asleep(true),
        0x02 => DeviceEvent::Asleep(false),
        0x03 => DeviceEvent::GoalReached,
        0x04 | 0x0b => DeviceEvent::Button,
        0x06 => DeviceEvent::NotWorn,
        0x07 => DeviceEvent::DeclineCall,
        0x09 => DeviceEvent::IgnoreCall,
        0x08 => DeviceEvent::FindPhone(true),
        0x0f => DeviceEvent::FindPhone(false),
        0x0a | 0x1a => DeviceEvent::Alarms,
        0x0e => DeviceEvent::Tick,
        0x16 => DeviceEvent::Mtu(u16_at(bytes, 1).ok_or(Malformed)?),
        other => DeviceEvent::Other(other),
    })
}
