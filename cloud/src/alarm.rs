//! Waits of many at one timer: ten thousand streams with a heartbeat each take one of the kernel's.
//!
//! Whoever waits for the same second shares a place; one task, which lives only while anybody waits, sleeps
//! until the earliest.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

use crate::clock::{CloudClock, Millis, SECOND};

/// Wakes at times; cloning gives another handle to the same.
#[derive(Clone)]
pub struct Alarms(Arc<Shared>);

struct Shared {
    clock: CloudClock,
    slots: Mutex<Slots>,
    /// Told when a slot became the earliest.
    earlier: Notify,
}

#[derive(Default)]
struct Slots {
    due: BTreeMap<Millis, Arc<Notify>>,
    running: bool,
}

impl Alarms {
    /// Alarms by this clock.
    #[must_use]
    pub fn new(clock: CloudClock) -> Self {
        Self(Arc::new(Shared {
            clock,
            slots: Mutex::default(),
            earlier: Notify::new(),
        }))
    }

    /// Ends at `then`, or up to a second later. Counts from this call on, not from the first poll.
    pub fn at(&self, then: Millis) -> OwnedNotified {
        let slot = then.div_ceil(SECOND).saturating_mul(SECOND);
        let mut slots = self.0.slots();
        let first = slots.due.first_key_value().map(|(first, _)| *first);
        let wait = Arc::clone(slots.due.entry(slot).or_default()).notified_owned();
        if !slots.running {
            slots.running = true;
            tokio::spawn(run(Arc::clone(&self.0)));
        } else if first.is_none_or(|first| slot < first) {
            self.0.earlier.notify_one();
        }
        wait
    }
}

impl Shared {
    /// A plain lock: it is held for one look at the map.
    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes who is due; the next slot, or `None` when nobody waits and the task ends.
    fn ring(&self) -> Option<Millis> {
        let mut slots = self.slots();
        let later = slots.due.split_off(&self.clock.now().saturating_add(1));
        for due in std::mem::replace(&mut slots.due, later).into_values() {
            due.notify_waiters();
        }
        let next = slots.due.first_key_value().map(|(next, _)| *next);
        slots.running = next.is_some();
        next
    }
}

async fn run(shared: Arc<Shared>) {
    while let Some(next) = shared.ring() {
        tokio::select! {
            () = shared.clock.sleep_until(next) => {}
            () = shared.earlier.notified() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use belay_proto::clock::FakeClock;
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn those_who_are_due_wake_and_the_others_sleep_on() {
        let fake = Arc::new(FakeClock::new());
        let clock = CloudClock::new(fake.clone());
        let (alarms, now) = (Alarms::new(clock.clone()), clock.now());
        let late = tokio::spawn(alarms.at(now + 60 * SECOND));
        // A slot before the earliest one counts although the task sleeps already.
        tokio::task::yield_now().await;
        let (early, beside) = (alarms.at(now + 1500), alarms.at(now + 2 * SECOND));
        fake.advance(Duration::from_millis(1999));
        tokio::task::yield_now().await;
        let mut early = Box::pin(early);
        assert!((&mut early).now_or_never().is_none(), "a slot is a whole second");
        fake.advance(Duration::from_millis(1));
        tokio::join!(early, beside);
        assert!(!late.is_finished());
        fake.advance(Duration::from_secs(58));
        late.await.unwrap();
        assert!(!alarms.0.slots().running, "nobody waits, nothing runs");
        alarms.at(0).await;
    }
}
