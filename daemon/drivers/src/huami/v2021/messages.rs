//! What is in the messages, without their encryption.

use super::endpoint;
use super::tunnel::{Seal, Told};
use crate::huami::codec::battery::Battery;
use crate::huami::codec::{Malformed, battery, bytes_at, steps, u16_at, user};
use crate::measure::DailyTotals;
use crate::settings::Wearer;

/// To [`endpoint::CONNECTION`]: which MTU the band would take.
pub const ASK_MTU: [u8; 1] = [0x01];
/// To [`endpoint::CONNECTION`]: that we are still there, where the band asks for it.
pub const STILL_HERE: [u8; 1] = [0x04];
/// To [`endpoint::STEPS`]: how many there are today.
pub const ASK_STEPS: [u8; 1] = [0x03];
/// To [`endpoint::STEPS`]: tell of every change.
pub const FOLLOW_STEPS: [u8; 2] = [0x05, 0x01];
/// To [`endpoint::BATTERY`]: how full it is.
pub const ASK_BATTERY: [u8; 1] = [0x03];
/// To [`endpoint::HEART_RATE`]: stop measuring.
pub const HEART_STOP: [u8; 2] = [0x04, 0x00];
/// To [`endpoint::HEART_RATE`]: measure without pause; the values come on 2A37.
pub const HEART_START: [u8; 2] = [0x04, 0x01];
/// To [`endpoint::HEART_RATE`]: go on.
pub const HEART_KEEP: [u8; 2] = [0x04, 0x02];
/// To [`endpoint::FIND`]: vibrate.
pub const FIND: [u8; 1] = [0x03];
/// To [`endpoint::FIND`]: no more.
pub const FIND_STOP: [u8; 1] = [0x06];
/// To [`endpoint::FIND`]: the search for the phone is heard.
pub const FIND_PHONE_HEARD: [u8; 2] = [0x12, 0x01];
/// To [`endpoint::FIND`]: the phone is found.
pub const PHONE_FOUND: [u8; 1] = [0x14];

/// How messages of an endpoint go: what is in clear is so on the bands, the rest is encrypted.
#[must_use]
pub const fn seal(endpoint: u16) -> Seal {
    match endpoint {
        endpoint::CONNECTION
        | endpoint::STEPS
        | endpoint::HEART_RATE
        | endpoint::BATTERY
        | endpoint::AUTHENTICATION => Seal::Open,
        _ => Seal::Sealed,
    }
}

/// To [`endpoint::WEARER`]: who wears it. `None` where a band can't take that. The region isn't told, nor a name.
#[must_use]
pub fn wearer(wearer: &Wearer) -> Option<Vec<u8>> {
    // As for the bands before, with 7 for 0, four bytes more for the number, and two texts.
    let [_, _, _, body @ ..] = user::wearer(wearer)?;
    let mut all = vec![0x01, 0x4f, 0x07, 0x00, 0x00];
    all.extend(body);
    all.extend([0; 4]);
    all.extend(b"unknown\0");
    all.extend([0x09, 0x00]);
    Some(all)
}

/// To [`endpoint::COMPATIBILITY`]: a configuration command of the bands before.
#[must_use]
pub fn configuration(command: &[u8]) -> Vec<u8> {
    [&[0x01], command].concat()
}

/// To [`endpoint::COMPATIBILITY`]: what went over the chunked channel of the bands before, of the type `kind`.
#[must_use]
pub fn chunked(kind: u8, data: &[u8]) -> Vec<u8> {
    [&[0x00, 0x00, 0xc0 | (kind & 0x0f), 0x00], data].concat()
}

/// What a band says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// The ATT MTU that it would take, bytes.
    Mtu(u16),
    /// It asks whether we are still there.
    StillThere,
    /// Today's counters.
    Steps(DailyTotals),
    /// It has taken who wears it.
    WearerTaken,
    /// Its wearer has found it.
    Found,
    /// Its wearer looks for the phone (true), or has it.
    FindPhone(bool),
    /// It fell asleep with its wearer (true), or woke up.
    Asleep(bool),
    /// The call is to be declined.
    DeclineCall,
    /// The call is to be silent.
    IgnoreCall,
    /// Its battery.
    Battery(Battery),
    /// What the bands before say on the characteristic of the configuration.
    Configuration(Vec<u8>),
    /// Nothing that is used.
    Nothing,
}

/// Reads what a band says. What comes in clear from an endpoint that is encrypted says nothing: anybody can have sent
/// it.
///
/// # Errors
/// [`Malformed`]: shorter than what it says needs, or out of range.
pub fn decode(told: &Told) -> Result<Said, Malformed> {
    if told.seal == Seal::Open && seal(told.endpoint) == Seal::Sealed {
        return Ok(Said::Nothing);
    }
    let (command, content) = told.data.split_first().ok_or(Malformed)?;
    Ok(match (told.endpoint, command) {
        // Without the 3 bytes of ATT.
        (endpoint::CONNECTION, 0x02) => Said::Mtu(u16_at(content, 0).ok_or(Malformed)?.saturating_add(3)),
        (endpoint::CONNECTION, 0x03) => Said::StillThere,
        // A status comes first.
        (endpoint::STEPS, 0x04) => Said::Steps(steps::decode(content.get(1..).ok_or(Malformed)?)?),
        (endpoint::STEPS, 0x07) => Said::Steps(steps::decode(content)?),
        // What its status means isn't known.
        (endpoint::WEARER, 0x02) => Said::WearerTaken,
        (endpoint::FIND, 0x07) => Said::Found,
        (endpoint::FIND, 0x11) => Said::FindPhone(true),
        (endpoint::FIND, 0x13) => Said::FindPhone(false),
        (endpoint::HEART_RATE, 0x06) => match bytes_at(content, 0).ok_or(Malformed)? {
            [0x01] => Said::Asleep(true),
            [0x00] => Said::Asleep(false),
            [_] => Said::Nothing,
        },
        (endpoint::NOTIFICATIONS, 0x05) => match bytes_at(content, 0).ok_or(Malformed)? {
            [0x01] => Said::DeclineCall,
            [0x02] => Said::IgnoreCall,
            [_] => Said::Nothing,
        },
        (endpoint::BATTERY, 0x04) => Said::Battery(battery::decode(content)?),
        (endpoint::COMPATIBILITY, 0x01) => Said::Configuration(content.to_vec()),
        _ => Said::Nothing,
    })
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;
    use crate::settings::Sex;

    fn said(endpoint: u16, data: &[u8]) -> Result<Said, Malformed> {
        let data = data.to_vec();
        decode(&Told {
            endpoint,
            seal: seal(endpoint),
            data,
        })
    }

    #[test]
    fn each_message_is_told_apart() {
        let totals = DailyTotals {
            steps: 300,
            distance: None,
            energy: None,
        };
        for (endpoint, data, expected) in [
            (endpoint::CONNECTION, &[2, 244, 0][..], Said::Mtu(247)),
            (endpoint::CONNECTION, &[2, 255, 255], Said::Mtu(u16::MAX)),
            (endpoint::CONNECTION, &[3], Said::StillThere),
            (endpoint::STEPS, &[4, 1, 12, 44, 1, 0, 0], Said::Steps(totals)),
            (endpoint::STEPS, &[7, 12, 44, 1, 0, 0], Said::Steps(totals)),
            (endpoint::WEARER, &[2, 1], Said::WearerTaken),
            (endpoint::FIND, &[4], Said::Nothing),
            (endpoint::FIND, &[7], Said::Found),
            (endpoint::FIND, &[0x11], Said::FindPhone(true)),
            (endpoint::FIND, &[0x13], Said::FindPhone(false)),
            (endpoint::HEART_RATE, &[6, 1], Said::Asleep(true)),
            (endpoint::HEART_RATE, &[6, 0], Said::Asleep(false)),
            (endpoint::NOTIFICATIONS, &[5, 1], Said::DeclineCall),
            (endpoint::NOTIFICATIONS, &[5, 2], Said::IgnoreCall),
            (endpoint::NOTIFICATIONS, &[5, 3, 1, 0, 0, 0], Said::Nothing),
            (
                endpoint::COMPATIBILITY,
                &[1, 0x10, 6],
                Said::Configuration(vec![0x10, 6]),
            ),
            (0x4711, &[1], Said::Nothing),
        ] {
            assert_eq!(said(endpoint, data), Ok(expected), "{endpoint:04x} {data:?}");
        }
        for (endpoint, data) in [
            (endpoint::FIND, &[][..]),
            (endpoint::CONNECTION, &[2, 1]),
            (endpoint::STEPS, &[4]),
            (endpoint::STEPS, &[7, 12, 1]),
            (endpoint::HEART_RATE, &[6]),
            (endpoint::NOTIFICATIONS, &[5]),
            (endpoint::BATTERY, &[4, 15, 101, 0]),
        ] {
            assert_eq!(said(endpoint, data), Err(Malformed), "{endpoint:04x} {data:?}");
        }
    }

    #[test]
    fn what_should_be_encrypted_and_is_not_says_nothing() {
        for (endpoint, data) in [
            (endpoint::FIND, &[0x11][..]),
            (endpoint::NOTIFICATIONS, &[5, 1]),
            (endpoint::WEARER, &[2, 1]),
            (endpoint::COMPATIBILITY, &[1, 0x10, 6, 2, 0, 1]),
        ] {
            let told = Told {
                endpoint,
                seal: Seal::Open,
                data: data.to_vec(),
            };
            assert_eq!(decode(&told), Ok(Said::Nothing));
        }
    }

    #[test]
    fn the_wearer_is_told_without_a_name() {
        let told = wearer(&Wearer {
            birth: date(1985, 7, 23),
            height: 178,
            weight: 74,
            sex: Sex::Female,
            id: 0x1234_5678,
        });
        let head = [1, 0x4f, 7, 0, 0, 0xc1, 7, 7, 23, 1, 178, 0, 0xd0, 0x39];
        let tail = b"\x78\x56\x34\x12\0\0\0\0unknown\0\x09\0";
        assert_eq!(told, Some([&head[..], tail].concat()));
    }

    proptest! {
        #[test]
        fn no_message_panics(endpoint in 0x10_u16..0x30, sealed: bool, data in prop::collection::vec(any::<u8>(), 0..40)) {
            for endpoint in [endpoint, endpoint::AUTHENTICATION, endpoint::COMPATIBILITY] {
                let seal = if sealed { Seal::Sealed } else { Seal::Open };
                let _ = decode(&Told { endpoint, seal, data: data.clone() });
            }
        }
    }
}
