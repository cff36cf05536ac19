//! A cloud that asks for rest gets it: `Retry-After` with an answer that is about the cloud, not about one call.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::cloud::transport::Answer;

/// The longest rest of everything. A wait for one call, such as for another code, holds up that call alone.
const LONGEST_REST: Duration = Duration::from_secs(5 * 60);

/// Until when the cloud asked to be left alone, in boot time.
#[derive(Debug, Default)]
pub(super) struct Hold {
    until: Mutex<Duration>,
}

impl Hold {
    /// What is left of the rest.
    pub fn left(&self, now: Duration) -> Option<Duration> {
        let until = *self.until.lock().unwrap_or_else(PoisonError::into_inner);
        until.checked_sub(now).filter(|left| !left.is_zero())
    }

    /// Takes note of what `answer` asks for: a success or an outage (503) speaks for the whole cloud.
    pub fn learn(&self, answer: &Answer, now: Duration) {
        if let Some(asked) = answer
            .retry_after
            .filter(|_| matches!(answer.status, 200..=299 | 503))
        {
            let until = now.saturating_add(asked.min(LONGEST_REST));
            *self.until.lock().unwrap_or_else(PoisonError::into_inner) = until;
        }
    }
}
