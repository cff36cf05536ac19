//! How a sync goes on: how much is done, how fast, and how long it still takes.

use std::collections::VecDeque;
use std::time::Duration;

use super::bytes_words;
use crate::ctl::text::wait_words;

/// The time over which the rate is taken.
const SPAN: Duration = Duration::from_secs(20);

/// What was done when.
#[derive(Debug, Default)]
pub struct Rate {
    seen: VecDeque<(Duration, u64)>,
}

impl Rate {
    /// So many bytes were done at this time. Fewer than before: another round has begun.
    pub fn note(&mut self, now: Duration, done: u64) {
        if self.seen.back().is_some_and(|(_, before)| *before > done) {
            self.seen.clear();
        }
        self.seen.push_back((now, done));
        while self.seen.len() > 2 && self.seen.front().is_some_and(|(then, _)| now - *then > SPAN) {
            self.seen.pop_front();
        }
    }

    /// Bytes a second; `None` while there is too little to say.
    fn rate(&self) -> Option<u64> {
        let ((first, from), (last, to)) = (self.seen.front()?, self.seen.back()?);
        let millis = u64::try_from((*last - *first).as_millis()).ok()?;
        let rate = u128::from(to - from) * 1000 / u128::from(millis.max(1));
        (millis >= 500 && rate > 0).then(|| u64::try_from(rate).unwrap_or(u64::MAX))
    }

    /// A line about it.
    pub fn line(&self, done: u64, all: u64) -> String {
        let done = done.min(all);
        let percent = u128::from(done) * 100 / u128::from(all.max(1));
        let mut line = format!("{percent:>3} %  {} of {}", bytes_words(done), bytes_words(all));
        if let Some(rate) = self.rate() {
            let left = Duration::from_secs((all - done).div_ceil(rate));
            line.push_str(&format!("  {}/s", bytes_words(rate)));
            if done < all {
                line.push_str(&format!("  {} left", wait_words(left)));
            }
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_rate_and_the_time_left_follow_the_last_seconds() {
        let mut rate = Rate::default();
        assert_eq!(rate.line(0, 0), "  0 %  0 B of 0 B");
        rate.note(at(0), 0);
        assert_eq!(rate.line(0, 90_000_000), "  0 %  0 B of 90.0 MB");
        rate.note(at(10), 10_000_000);
        assert_eq!(
            rate.line(10_000_000, 90_000_000),
            " 11 %  10.0 MB of 90.0 MB  1.0 MB/s  1 min 20 s left"
        );
        // It got faster, and what was slow is long ago.
        (11..=40).for_each(|now| rate.note(at(now), 10_000_000 + (now - 10) * 2_000_000));
        assert_eq!(
            rate.line(70_000_000, 90_000_000),
            " 77 %  70.0 MB of 90.0 MB  2.0 MB/s  10 s left"
        );
        assert!(rate.line(90_000_000, 90_000_000).ends_with("MB/s"));
    }

    #[test]
    fn another_round_and_numbers_that_make_no_sense_break_nothing() {
        let mut rate = Rate::default();
        rate.note(at(0), u64::MAX);
        rate.note(at(1), 5);
        assert_eq!(rate.line(9, 3), "100 %  3 B of 3 B");
        rate.note(at(2), u64::MAX);
        assert!(rate.line(u64::MAX, u64::MAX).starts_with("100 %"));
    }
}
