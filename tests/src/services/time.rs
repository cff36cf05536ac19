//! A simulated timedated: `org.freedesktop.timedate1`. Like the real one it says that the clock is synchronised only to
//! whoever asks.

use std::path::Path;

use futures_util::future::BoxFuture;

use super::puppet::{Behaviour, Call, Puppet, Refusal, Strings, Values, props};
use crate::Outcome;

const NAME: &str = "org.freedesktop.timedate1";
const PATH: &str = "/org/freedesktop/timedate1";

/// Who keeps the device's time.
#[derive(Debug)]
pub struct Timedate(Strings);

struct Nothing;

impl Timedate {
    /// Joins the bus with a clock that is set by hand, in the zone of the system's files.
    ///
    /// # Errors
    /// Where the bus refuses.
    pub async fn start(bus: &Path) -> Outcome<Self> {
        let strings = Strings::attach(bus, NAME, Nothing, async |puppet| {
            let time = props([
                ("Timezone", "".into()),
                ("NTP", false.into()),
                ("NTPSynchronized", false.into()),
            ])?;
            puppet.add(PATH, NAME, time).await
        });
        Ok(Self(strings.await?))
    }

    /// The service itself.
    #[must_use]
    pub fn puppet(&self) -> &Puppet {
        self.0.puppet()
    }

    /// The network is to keep the time, or not.
    ///
    /// # Errors
    /// Where the bus has gone.
    pub async fn network(&self, on: bool) -> Outcome {
        self.puppet().set(PATH, NAME, "NTP", on).await
    }

    /// The clock is synchronised, or not. Nobody is told.
    ///
    /// # Errors
    /// None that can happen.
    pub fn synchronised(&self, synchronised: bool) -> Outcome {
        self.puppet().put(PATH, NAME, "NTPSynchronized", synchronised)
    }

    /// The device is in this zone.
    ///
    /// # Errors
    /// Where the bus has gone.
    pub async fn zone(&self, zone: &'static str) -> Outcome {
        self.puppet().set(PATH, NAME, "Timezone", zone).await
    }
}

impl Behaviour for Nothing {
    fn answer(&self, _puppet: Puppet, call: Call) -> BoxFuture<'static, Result<Values, Refusal>> {
        Box::pin(std::future::ready(Err(Refusal::unknown_method(&call))))
    }
}
