//! The heart rate: once, or without pause.

use std::time::Duration;

use super::core::{Core, FOLLOW, MEASURE, Purpose};
use super::requests::Serial;
use crate::driver::{Event, Failure};
use crate::gatt::Characteristic;
use crate::huami::codec::heart_rate::{
    KEEP_FOLLOWING, START_FOLLOWING, START_ONCE, STOP_FOLLOWING, STOP_ONCE, decode,
};
use crate::huami::uuids::{HEART_RATE, HEART_RATE_CONTROL, HEART_RATE_MEASUREMENT};
use crate::huami::v2021::endpoint;
use crate::huami::v2021::messages::{HEART_KEEP, HEART_START, HEART_STOP};
use crate::measure::Reading;

/// How long one measurement may take; 15 seconds are usual.
const PATIENCE: Duration = Duration::from_secs(30);
/// A band stops by itself when it isn't told to go on for longer.
const KEEP: Duration = Duration::from_secs(12);

/// What is measured.
#[derive(Default)]
pub(super) struct Heart {
    measuring: Option<Serial>,
    following: bool,
    /// The request that began to follow, until it is answered.
    beginning: Option<Serial>,
}

impl Heart {
    /// Measures once. A measurement without pause brings the value as well.
    pub(super) fn measure(&mut self, core: &mut Core, serial: Serial) -> Result<(), Failure> {
        let sensor = Sensor::of(core)?;
        core.requests.hold(serial);
        core.wake(MEASURE, PATIENCE);
        self.measuring = Some(serial);
        if !self.following {
            sensor.measure(core, Purpose::Part(serial));
        }
        Ok(())
    }

    /// Begins or ends to measure without pause.
    pub(super) fn follow(&mut self, core: &mut Core, serial: Serial, on: bool) -> Result<(), Failure> {
        let sensor = Sensor::of(core)?;
        if on {
            if self.is_measuring(core) && !self.following {
                return Err(Failure::Busy);
            }
            sensor.follow(core, Purpose::Part(serial));
            self.following = true;
            self.beginning = Some(serial);
            core.wake(FOLLOW, KEEP);
            return Ok(());
        }
        self.forget_following(core);
        sensor.end_following(core, Purpose::Part(serial));
        if self.is_measuring(core) {
            sensor.measure_on(core, Purpose::Aside);
        }
        Ok(())
    }

    /// Ends all of it, as far as `purpose` goes.
    pub(super) fn stop(&mut self, core: &mut Core, purpose: Purpose) {
        if self.following
            && let Ok(sensor) = Sensor::of(core)
        {
            sensor.end_following(core, purpose);
        }
        self.forget_following(core);
    }

    /// A measurement came.
    pub(super) fn told(&mut self, core: &mut Core, value: &[u8]) {
        let Ok(Some(rate)) = decode(value) else {
            return;
        };
        let measuring = self.measuring.take().filter(|one| core.requests.is_open(*one));
        if measuring.is_some() || self.following {
            core.event(Event::Reading {
                at: None,
                reading: Reading::HeartRate(rate),
            });
        }
        if let Some(serial) = measuring {
            core.sleep(MEASURE);
            if !self.following
                && let Ok(sensor) = Sensor::of(core)
            {
                sensor.has_measured(core);
            }
            core.finish(serial, Ok(()));
        }
    }

    /// No measurement came.
    pub(super) fn silent(&mut self, core: &mut Core) {
        self.give_up(core, Failure::TimedOut);
    }

    /// The measurement isn't wanted any more.
    pub(super) fn cancel(&mut self, core: &mut Core) {
        core.sleep(MEASURE);
        self.give_up(core, Failure::Cancelled);
    }

    /// Time to say that we are still there.
    pub(super) fn keep(&self, core: &mut Core) {
        if self.following
            && let Ok(sensor) = Sensor::of(core)
        {
            sensor.keep(core);
            core.wake(FOLLOW, KEEP);
        }
    }

    /// A request ended before its time: if it was to begin following, that is off.
    pub(super) fn ended_early(&mut self, core: &mut Core, serial: Serial) {
        if self.beginning == Some(serial) {
            self.forget_following(core);
        }
        if self.measuring == Some(serial) {
            self.measuring = None;
            core.sleep(MEASURE);
        }
    }

    fn give_up(&mut self, core: &mut Core, why: Failure) {
        let Some(serial) = self.measuring.take() else {
            return;
        };
        if !self.following
            && let Ok(sensor) = Sensor::of(core)
        {
            sensor.give_up(core);
        }
        core.finish(serial, Err(why));
    }

    fn forget_following(&mut self, core: &mut Core) {
        if self.following {
            core.sleep(FOLLOW);
        }
        self.following = false;
        self.beginning = None;
    }

    fn is_measuring(&self, core: &Core) -> bool {
        self.measuring.is_some_and(|one| core.requests.is_open(one))
    }
}

/// How the sensor is told. With Zepp OS it knows one way to measure only, without pause, and is stopped.
#[derive(Clone, Copy)]
enum Sensor {
    Characteristic(Characteristic),
    Endpoint,
}

impl Sensor {
    fn of(core: &Core) -> Result<Self, Failure> {
        let control = core
            .find(HEART_RATE, HEART_RATE_MEASUREMENT)
            .and_then(|_| match core.is_zepp() {
                true => Some(Self::Endpoint),
                false => core
                    .find(HEART_RATE, HEART_RATE_CONTROL)
                    .map(Self::Characteristic),
            });
        control.ok_or(Failure::NotSupported)
    }

    fn measure(self, core: &mut Core, purpose: Purpose) {
        self.tell(
            core,
            purpose,
            &[&STOP_FOLLOWING, &STOP_ONCE, &START_ONCE],
            &HEART_START,
        );
    }

    /// After following has ended.
    fn measure_on(self, core: &mut Core, purpose: Purpose) {
        self.tell(core, purpose, &[&START_ONCE], &HEART_START);
    }

    fn follow(self, core: &mut Core, purpose: Purpose) {
        self.tell(
            core,
            purpose,
            &[&STOP_ONCE, &STOP_FOLLOWING, &START_FOLLOWING],
            &HEART_START,
        );
    }

    fn end_following(self, core: &mut Core, purpose: Purpose) {
        self.tell(core, purpose, &[&STOP_FOLLOWING], &HEART_STOP);
    }

    /// One value came, which ends one measurement by itself but not one without pause.
    fn has_measured(self, core: &mut Core) {
        self.tell(core, Purpose::Aside, &[], &HEART_STOP);
    }

    fn give_up(self, core: &mut Core) {
        match self {
            Self::Characteristic(control) => core.write_again(Purpose::Aside, control, &STOP_ONCE),
            Self::Endpoint => core.message_again(Purpose::Aside, endpoint::HEART_RATE, &HEART_STOP),
        }
    }

    fn keep(self, core: &mut Core) {
        let purpose = Purpose::KeepFollowing;
        match self {
            Self::Characteristic(control) => core.write_again(purpose, control, &KEEP_FOLLOWING),
            Self::Endpoint => core.message_again(purpose, endpoint::HEART_RATE, &HEART_KEEP),
        }
    }

    fn tell(self, core: &mut Core, purpose: Purpose, words: &[&[u8]], message: &[u8]) {
        match self {
            Self::Characteristic(control) => {
                for word in words {
                    core.write(purpose, control, word);
                }
            }
            // It fits any MTU.
            Self::Endpoint => drop(core.message(purpose, endpoint::HEART_RATE, message)),
        }
    }
}
