//! Activity by the minute, as it comes over the bus and as it is understood.

use belay_drivers::Kind;
use belay_drivers::huami::activity::{Activity, classify};
use belay_proto::dbus::Options;

use super::bus::{self, Entry};
use crate::ctl::client::Client;
use crate::ctl::error::Error;

/// A minute over the bus: its beginning, the band's code, intensity, steps, heart rate.
pub type Raw = (u64, u8, u8, u8, u8);

/// How far before the first minute to look for what it continues: a band says what has changed alone, and a night is
/// shorter than that.
const LEAD: u64 = 12 * 3_600;
/// How much is asked for at once: a message of a few hundred kB.
const AT_ONCE: u64 = 14 * 86_400;
/// Longer without a minute: what was before doesn't go on.
const GAP: u64 = 10 * 60;

/// What happened in a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Minute {
    /// Its beginning, in seconds since the epoch.
    pub start: u64,
    /// What the wearer did.
    pub activity: Activity,
    /// How much they moved.
    pub intensity: u8,
    /// Steps.
    pub steps: u8,
    /// Beats a minute, where known.
    pub heart_rate: Option<u8>,
}

/// The minutes of an accessory that begin from `from` to before `to`.
///
/// # Errors
/// What belayd says.
pub async fn fetch(client: &Client, entry: &Entry, from: u64, to: u64) -> Result<Vec<Minute>, Error> {
    let accessory = bus::proxy_to_read(client, entry.id).await?;
    let mut all = Vec::new();
    let mut begin = from.saturating_sub(LEAD);
    while begin < to {
        let end = begin.saturating_add(AT_ONCE).min(to);
        all.extend(accessory.activity(begin, end, &Options::new()).await?);
        begin = end;
    }
    let kind = entry.text("kind").parse().unwrap_or_default();
    Ok(understood(kind, from, &all))
}

/// What the codes mean, for the minutes from `from` on.
fn understood(kind: Kind, from: u64, all: &[Raw]) -> Vec<Minute> {
    let mut last = (0_u64, Activity::Unknown);
    let mut minutes = Vec::with_capacity(all.len());
    for (start, code, intensity, steps, rate) in all.iter().copied() {
        let previous = if start.saturating_sub(last.0) > GAP {
            Activity::Unknown
        } else {
            last.1
        };
        let activity = classify(kind, code, previous);
        last = (start, activity);
        if start >= from {
            minutes.push(Minute {
                start,
                activity,
                intensity,
                steps,
                heart_rate: (rate != 0 && rate != 255).then_some(rate),
            });
        }
    }
    minutes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_before_the_first_says_what_goes_on() {
        let raw = [(0, 11, 1, 0, 60), (60, 0, 2, 3, 255), (120, 9, 0, 0, 0)];
        let told = understood(Kind::MiBand2, 60, &raw);
        assert_eq!(
            told,
            [
                Minute {
                    start: 60,
                    activity: Activity::DeepSleep,
                    intensity: 2,
                    steps: 3,
                    heart_rate: None,
                },
                Minute {
                    start: 120,
                    activity: Activity::LightSleep,
                    intensity: 0,
                    steps: 0,
                    heart_rate: None,
                },
            ]
        );
    }

    #[test]
    fn nothing_goes_on_across_a_gap() {
        let raw = [(0, 11, 0, 0, 60), (GAP + 60, 0, 0, 0, 61)];
        let told = understood(Kind::MiBand2, 0, &raw);
        assert_eq!(told[0].activity, Activity::DeepSleep);
        assert_eq!(
            (told[1].activity, told[1].heart_rate),
            (Activity::Unknown, Some(61))
        );
    }
}
