//! How long a subject has to wait after wrong proofs: the decision, without database and HTTP.
//!
//! Never for good: a lock that others can turn is a way to keep somebody out.

use crate::clock::{HOUR, Millis, SECOND};

/// Failures that cost no wait.
const FREE: u32 = 4;
/// The wait after the first failure that costs one.
const FIRST_WAIT: Millis = 30 * SECOND;
/// The longest wait.
const LONGEST_WAIT: Millis = HOUR;

/// The wait after the n-th failure in a row: none up to the fourth, 30 s after the fifth, then twice as
/// long each time, at most an hour.
#[must_use]
pub fn wait_after(failures: u32) -> Millis {
    match failures.checked_sub(FREE + 1) {
        None => 0,
        Some(doublings) => {
            let wait = 1u64
                .checked_shl(doublings)
                .and_then(|factor| FIRST_WAIT.checked_mul(factor));
            wait.map_or(LONGEST_WAIT, |wait| wait.min(LONGEST_WAIT))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_after_the_fifth_failure_and_end_at_an_hour() {
        let waits: Vec<_> = (0..=14).map(|n| wait_after(n) / SECOND).collect();
        assert_eq!(
            waits,
            [0, 0, 0, 0, 0, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]
        );
        for many in [68, 69, 70, 1000, u32::MAX] {
            assert_eq!(wait_after(many), LONGEST_WAIT);
        }
    }
}
