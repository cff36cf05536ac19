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
        let control = control(core)?;
        core.requests.hold(serial);
        core.wake(MEASURE, PATIENCE);
        self.measuring = Some(serial);
        if !self.following {
            for command in [&STOP_FOLLOWING, &STOP_ONCE, &START_ONCE] {
                core.write(Purpose::Part(serial), control, command);
            }
        }
        Ok(())
    }

    /// Begins or ends to measure without pause.
    pub(super) fn follow(&mut self, core: &mut Core, serial: Serial, on: bool) -> Result<(), Failure> {
        let control = control(core)?;
        if on {
            if self.is_measuring(core) && !self.following {
                return Err(Failure::Busy);
            }
            for command in [&STOP_ONCE, &STOP_FOLLOWING, &START_FOLLOWING] {
                core.write(Purpose::Part(serial), control, command);
            }
            self.following = true;
            self.beginning = Some(serial);
            core.wake(FOLLOW, KEEP);
            return Ok(());
        }
        self.forget_following(core);
        core.write(Purpose::Part(serial), control, &STOP_FOLLOWING);
        if self.is_measuring(core) {
            core.write(Purpose::Aside, control, &START_ONCE);
        }
        Ok(())
    }

    /// Ends all of it, as far as `purpose` goes.
    pub(super) fn stop(&mut self, core: &mut Core, purpose: Purpose) {
        if self.following
            && let Ok(control) = control(core)
        {
            core.write(purpose, control, &STOP_FOLLOWING);
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
            && let Ok(control) = control(core)
        {
            core.write_again(Purpose::KeepFollowing, control, &KEEP_FOLLOWING);
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
            && let Ok(control) = control(core)
        {
            core.write_again(Purpose::Aside, control, &STOP_ONCE);
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

fn control(core: &Core) -> Result<Characteristic, Failure> {
    core.find(HEART_RATE, HEART_RATE_MEASUREMENT)
        .and_then(|_| core.find(HEART_RATE, HEART_RATE_CONTROL))
        .ok_or(Failure::NotSupported)
}
