//! UUIDs and moments as a band knows them.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use uuid::Uuid;

use crate::bluez::sig;

/// A UUID of Huami.
#[must_use]
pub const fn huami(short: u16) -> Uuid {
    Uuid::from_u128(((short as u128) << 96) | 0x3512_2118_0009_af10_0700)
}

/// Current time.
pub const TIME: Uuid = sig(0x2a2b);
/// Configuration.
pub const CONFIG: Uuid = huami(0x0003);
/// Control of a transfer.
pub const FETCH: Uuid = huami(0x0004);
/// Data of a transfer.
pub const DATA: Uuid = huami(0x0005);
/// Battery.
pub const BATTERY: Uuid = huami(0x0006);
/// Steps of today.
pub const STEPS: Uuid = huami(0x0007);
/// User settings.
pub const USER: Uuid = huami(0x0008);
/// Authentication.
pub const AUTH: Uuid = huami(0x0009);
/// Device events.
pub const EVENTS: Uuid = huami(0x0010);
/// The old chunked transfer.
pub const CHUNKED: Uuid = huami(0x0020);
/// Heart rate.
pub const HEART: Uuid = sig(0x2a37);
/// Heart rate control.
pub const HEART_CONTROL: Uuid = sig(0x2a39);
/// Alert level.
pub const LEVEL: Uuid = sig(0x2a06);
/// New alert.
pub const ALERT: Uuid = sig(0x2a46);
/// Serial number.
pub const SERIAL: Uuid = sig(0x2a25);
/// Hardware revision.
pub const HARDWARE: Uuid = sig(0x2a27);
/// Software revision: the firmware's version.
pub const SOFTWARE: Uuid = sig(0x2a28);
/// System ID.
pub const SYSTEM: Uuid = sig(0x2a23);
/// PnP ID.
pub const PNP: Uuid = sig(0x2a50);
/// Device name.
pub const NAME: Uuid = sig(0x2a00);

/// Year, month, day, hour, minute, second at the head of `bytes`, as a number of seconds since 1970 by a clock without
/// time zone.
pub(crate) fn seconds(bytes: &[u8]) -> Option<i64> {
    let [a, b, month, day, hour, minute, second, ..] = *bytes else {
        return None;
    };
    let year = i16::try_from(u16::from_le_bytes([a, b])).ok()?;
    let part = |byte: u8| i8::try_from(byte).ok();
    let moment = DateTime::new(
        year,
        part(month)?,
        part(day)?,
        part(hour)?,
        part(minute)?,
        part(second)?,
        0,
    );
    let moment = TimeZone::UTC.to_timestamp(moment.ok()?).ok()?;
    Some(moment.as_second())
}

/// The seven bytes of a number of seconds.
pub(crate) fn date(seconds: i64) -> Vec<u8> {
    let moment = Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH);
    let moment = TimeZone::UTC.to_datetime(moment);
    let mut bytes = moment.year().to_le_bytes().to_vec();
    let parts = [
        moment.month(),
        moment.day(),
        moment.hour(),
        moment.minute(),
        moment.second(),
    ];
    bytes.extend(parts.map(|part| part.unsigned_abs()));
    bytes
}

/// The seconds of an offset in quarter hours.
pub(crate) fn quarters(byte: u8) -> i64 {
    i64::from(i8::from_le_bytes([byte])) * 15 * 60
}
