//! A point on the only clock the warden trusts: time since boot, and which boot.

use std::time::Duration;

use belay_proto::cbor::{Item, Malformed, Value};
use belay_proto::cbor_map;
use belay_proto::clock::Clock;

/// `CLOCK_BOOTTIME` (suspend included) together with the kernel's boot id. The wall clock plays no
/// part in any decision, so it isn't here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Time since boot.
    pub boottime: Duration,
    /// `/proc/sys/kernel/random/boot_id`.
    pub boot_id: String,
}

impl Moment {
    /// Reads the clock.
    #[must_use]
    pub fn now(clock: &dyn Clock) -> Self {
        Self {
            boottime: clock.boottime(),
            boot_id: clock.boot_id(),
        }
    }

    /// How much of `span`, started at `self`, is left at `now`. Another boot, or a clock that ran
    /// backwards, leaves all of it: an attacker who restarts the device never gains time.
    #[must_use]
    pub fn left_of(&self, span: Duration, now: &Self) -> Duration {
        if self.boot_id != now.boot_id {
            return span;
        }
        match now.boottime.checked_sub(self.boottime) {
            Some(passed) => span.saturating_sub(passed),
            None => span,
        }
    }

    /// Milliseconds since boot, as stored and signed.
    #[must_use]
    pub fn boottime_ms(&self) -> u64 {
        u64::try_from(self.boottime.as_millis()).unwrap_or(u64::MAX)
    }
}

cbor_map! {
    struct Stored {
        boot: String,
        boottime_ms: u64,
    }
}

impl Item for Moment {
    fn to_value(&self) -> Value {
        let stored = Stored {
            boot: self.boot_id.clone(),
            boottime_ms: self.boottime_ms(),
        };
        Value::Bytes(stored.encode())
    }

    fn from_value(value: Value) -> Result<Self, Malformed> {
        let stored = Stored::decode(&Vec::<u8>::from_value(value)?)?;
        Ok(Self {
            boottime: Duration::from_millis(stored.boottime_ms),
            boot_id: stored.boot,
        })
    }
}
