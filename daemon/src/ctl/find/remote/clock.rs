//! Whether this computer's clock can be right: commands are dated by it, and a device judges them by its own time.

use std::time::Duration;

use belay_proto::clock::millis;

use crate::ctl::text::{time_words, wait_words};

/// How far clocks may differ before that is said. A ring and a position are good for ten minutes.
const TOLERATED: Duration = Duration::from_secs(2 * 60);

/// What is to be said about this computer's clock; nothing where nothing speaks against it. `now` is that clock, `told` the
/// time in the device's last signed report (0 = none), both ms since the Unix epoch, and `ahead` by how many ms the
/// cloud's clock is ahead: that is no proof, and only said.
pub fn doubt(now: u64, told: u64, ahead: Option<i64>) -> Option<String> {
    let wait = |ms: u64| wait_words(Duration::from_secs(ms / 1000));
    let behind = told.saturating_sub(now);
    if behind > millis(TOLERATED) {
        return Some(format!(
            "This computer's clock is wrong: it is at least {} behind, by what the device signed at {}. Commands are dated \
             by the device's time instead.",
            wait(behind),
            time_words(told / 1000)
        ));
    }
    let ahead = ahead.filter(|ahead| ahead.unsigned_abs() > millis(TOLERATED))?;
    let side = if ahead > 0 { "behind" } else { "ahead of" };
    Some(format!(
        "This computer's clock looks wrong: it is {} {side} the cloud's. A device refuses commands whose time is over.",
        wait(ahead.unsigned_abs())
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_795_000_000_000;
    const MINUTE: u64 = 60_000;

    #[test]
    fn a_clock_that_agrees_is_not_talked_about() {
        for (told, ahead) in [
            (0, None),
            (NOW, Some(0)),
            (NOW + MINUTE, Some(-90_000)),
            (NOW - 90 * MINUTE, None),
        ] {
            assert_eq!(doubt(NOW, told, ahead), None, "{told} {ahead:?}");
        }
    }

    #[test]
    fn a_clock_behind_what_the_device_signed_is_wrong_whatever_the_cloud_says() {
        let text = doubt(NOW, NOW + 10 * MINUTE, Some(0)).unwrap();
        assert!(
            text.contains("is wrong") && text.contains("10 min behind"),
            "{text}"
        );
    }

    #[test]
    fn a_clock_that_differs_from_the_clouds_looks_wrong() {
        let behind = doubt(NOW, 0, Some(600_000)).unwrap();
        assert!(behind.contains("10 min behind the cloud's"), "{behind}");
        let ahead = doubt(NOW, 0, Some(-600_000)).unwrap();
        assert!(ahead.contains("10 min ahead of the cloud's"), "{ahead}");
    }
}
