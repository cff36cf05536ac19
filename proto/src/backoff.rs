//! Waiting between tries: exponential, with full jitter, capped.

use std::time::Duration;

use crate::keys::random;

/// An endless iterator of waits: the n-th is drawn evenly from zero to min(cap, base · 2ⁿ), so that
/// many who failed together don't come back together.
#[derive(Debug, Clone)]
pub struct Backoff {
    base: Duration,
    cap: Duration,
    tries: u32,
}

impl Backoff {
    /// Waits that start within `base` and never exceed `cap`.
    pub fn new(base: Duration, cap: Duration) -> Self {
        Self { base, cap, tries: 0 }
    }

    /// Starts over, after a success.
    pub fn reset(&mut self) {
        self.tries = 0;
    }
}

impl Iterator for Backoff {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let factor = 1_u32.checked_shl(self.tries).unwrap_or(u32::MAX);
        let most = self.base.saturating_mul(factor).min(self.cap);
        self.tries = self.tries.saturating_add(1);
        let drawn = f64::from(u32::from_le_bytes(random())) / f64::from(u32::MAX);
        Some(most.mul_f64(drawn))
    }
}

#[cfg(test)]
mod tests {
    use super::Backoff;
    use std::time::Duration;

    #[test]
    fn waits_grow_up_to_the_cap_and_no_further() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
        for most in [100, 200, 400, 800, 1000, 1000] {
            assert!(backoff.next() <= Some(Duration::from_millis(most)));
        }
        assert!(
            backoff
                .by_ref()
                .take(100)
                .all(|wait| wait <= Duration::from_secs(1))
        );
        backoff.reset();
        assert!(backoff.next() <= Some(Duration::from_millis(100)));
    }
}
