//! The heart rate sensor and its modes.

use std::time::Duration;

/// How often it tells while it measures continuously.
const EVERY: Duration = Duration::from_secs(1);

/// The sensor.
#[derive(Debug)]
pub struct Heart {
    /// What it would measure now.
    pub rate: u8,
    /// How long one measurement takes.
    pub takes: Duration,
    /// How long it measures continuously without a sign of life.
    pub alive: Duration,
    once: Option<Duration>,
    continuous: Option<(Duration, Duration)>,
    /// Every so many minutes by itself.
    every: u8,
}

impl Default for Heart {
    fn default() -> Self {
        Self {
            rate: 68,
            takes: Duration::ZERO,
            alive: Duration::from_secs(15),
            once: None,
            continuous: None,
            every: 0,
        }
    }
}

impl Heart {
    /// Whether it measures continuously.
    #[must_use]
    pub const fn continuous(&self) -> bool {
        self.continuous.is_some()
    }

    /// Every how many minutes it measures by itself.
    #[must_use]
    pub const fn every(&self) -> u8 {
        self.every
    }

    pub(super) const fn stop(&mut self) {
        self.once = None;
        self.continuous = None;
    }

    /// A command; whether it is one.
    pub(super) fn command(&mut self, value: &[u8], now: Duration) -> bool {
        match value {
            [0x15, 0x02, on] => self.once = (*on == 1).then(|| now + self.takes),
            [0x15, 0x01, on] => self.continuous = (*on == 1).then(|| (now, now + self.alive)),
            [0x15, 0x00, _] => {}
            [0x14, minutes] => self.every = *minutes,
            [0x16] => {
                if let Some((_, until)) = &mut self.continuous {
                    *until = now + self.alive;
                }
            }
            _ => return false,
        }
        true
    }

    pub(super) fn deadline(&self) -> Option<Duration> {
        let continuous = self.continuous.map(|(next, until)| next.min(until));
        self.once.into_iter().chain(continuous).min()
    }

    /// What it has measured by now.
    pub(super) fn tick(&mut self, now: Duration) -> Vec<Vec<u8>> {
        let mut measured = Vec::new();
        if self.once.is_some_and(|at| at <= now) {
            self.once = None;
            measured.push(vec![0, self.rate]);
        }
        if let Some((next, until)) = self.continuous {
            if until <= now {
                self.continuous = None;
            } else if next <= now {
                self.continuous = Some((now + EVERY, until));
                measured.push(vec![0, self.rate]);
            }
        }
        measured
    }
}
