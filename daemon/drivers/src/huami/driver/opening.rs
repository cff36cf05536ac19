//! From the connection to a band that is ready: authentication, clock, subscriptions, what the band is and has.

use super::auth::{Auth, Verdict};
use super::core::{AUTHENTICATION, Core, Purpose, Settling};
use super::requests::{Serial, failure};
use crate::driver::{Event, Failure, Information, Opening as How};
use crate::gatt::{Operation, OperationError};
use crate::huami::codec::{information, time};
use crate::huami::uuids;
use crate::moment::Moment;

/// An opening under way.
pub(super) struct Opening {
    serial: Serial,
    now: Moment,
    auth: Auth,
    stage: Stage,
    information: Information,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The answers of the band are subscribed to.
    Subscribing,
    /// The band is asked; `shown`: its wearer was told to tap.
    Asking { shown: bool },
    /// So many operations are to be answered before it is ready.
    Settling { left: usize },
}

/// How far an opening is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// It goes on, or has failed.
    Going,
    /// The band is ready.
    Ready,
}

impl Opening {
    /// Begins; `None` where it failed at once.
    pub(super) fn begin(core: &mut Core, serial: Serial, how: How, now: Moment) -> Option<Self> {
        core.requests.hold(serial);
        let auth = match Auth::new(&core.model, how) {
            Ok(auth) => auth,
            Err(failure) => {
                core.fail(failure);
                return None;
            }
        };
        let (service, uuid) = auth.listens();
        let Some(listened) = core.find(service, uuid) else {
            core.fail(Failure::NotSupported);
            return None;
        };
        core.operation(Purpose::Authentication, Operation::Subscribe(listened));
        // The band lets go of whoever isn't authenticated after some 20 seconds; this is well before.
        core.wake(AUTHENTICATION, std::time::Duration::from_secs(10));
        Some(Self {
            serial,
            now,
            auth,
            stage: Stage::Subscribing,
            information: Information::default(),
        })
    }

    /// Whether the band knows us.
    pub(super) const fn is_authenticated(&self) -> bool {
        matches!(self.stage, Stage::Settling { .. })
    }

    /// An operation of the authentication was answered.
    pub(super) fn authentication_answered(&mut self, core: &mut Core, result: Result<(), OperationError>) {
        match (self.stage, result) {
            (Stage::Settling { .. }, _) => {}
            (_, Err(error)) => core.fail(failure(error)),
            (Stage::Subscribing, Ok(())) => {
                self.stage = Stage::Asking { shown: false };
                self.write(core, &self.auth.begin());
            }
            (Stage::Asking { shown: false }, Ok(())) if self.auth.awaits_tap() => {
                self.stage = Stage::Asking { shown: true };
                core.event(Event::AwaitingConfirmation);
            }
            (Stage::Asking { .. }, Ok(())) => {}
        }
    }

    /// The band has said something where the authentication listens.
    pub(super) fn told(&mut self, core: &mut Core, value: &[u8]) -> Progress {
        if !matches!(self.stage, Stage::Asking { .. }) {
            return Progress::Going;
        }
        match self.auth.told(value) {
            Verdict::Nothing => Progress::Going,
            Verdict::Write(values) => {
                self.write(core, &values);
                Progress::Going
            }
            Verdict::Failed(failure) => {
                core.fail(failure);
                Progress::Going
            }
            Verdict::Passed => {
                core.sleep(AUTHENTICATION);
                self.settle(core)
            }
        }
    }

    /// The band has said nothing for too long.
    pub(super) fn silent(&self, core: &mut Core) {
        if !self.is_authenticated() {
            core.fail(Failure::TimedOut);
        }
    }

    /// An operation after the authentication was answered. What the band refuses of these it does without.
    pub(super) fn settled(
        &mut self,
        core: &mut Core,
        what: Settling,
        result: Result<Vec<u8>, OperationError>,
    ) -> Progress {
        match (what, result) {
            (Settling::Serial, Ok(value)) => self.information.serial = information::text(&value),
            (Settling::Hardware, Ok(value)) => self.information.hardware = information::version(&value),
            (Settling::Firmware, Ok(value)) => {
                self.information.firmware = information::version(&value);
                core.firmware.clone_from(&self.information.firmware);
            }
            _ => {}
        }
        if let Stage::Settling { left } = &mut self.stage {
            *left = left.saturating_sub(1);
        }
        self.progress(core)
    }

    fn write(&self, core: &mut Core, values: &[Vec<u8>]) {
        let (service, uuid) = self.auth.writes();
        let Some(to) = core.find(service, uuid) else {
            core.fail(Failure::NotSupported);
            return;
        };
        for value in values {
            core.write(Purpose::Authentication, to, value);
        }
        core.wake(AUTHENTICATION, self.auth.patience());
    }

    fn settle(&mut self, core: &mut Core) -> Progress {
        let mut left = 0;
        if let Some(to) = core.find(uuids::BAND, uuids::CURRENT_TIME) {
            let value = time::Clock::showing(self.now).encode();
            core.write(Purpose::Settling(Settling::Silent), to, &value);
            left += 1;
        }
        for (service, uuid) in [
            (uuids::BAND, uuids::CONFIGURATION),
            (uuids::BAND, uuids::BATTERY),
            (uuids::BAND, uuids::DEVICE_EVENT),
            (uuids::BAND, uuids::STEPS),
            (uuids::BAND, uuids::FETCH_CONTROL),
            (uuids::BAND, uuids::FETCH_DATA),
            (uuids::HEART_RATE, uuids::HEART_RATE_MEASUREMENT),
        ] {
            if let Some(from) = core.find(service, uuid) {
                core.operation(Purpose::Settling(Settling::Silent), Operation::Subscribe(from));
                left += 1;
            }
        }
        for (service, uuid, what) in [
            (uuids::INFORMATION, uuids::SERIAL_NUMBER, Settling::Serial),
            (uuids::INFORMATION, uuids::HARDWARE_REVISION, Settling::Hardware),
            (uuids::INFORMATION, uuids::SOFTWARE_REVISION, Settling::Firmware),
            (uuids::BAND, uuids::BATTERY, Settling::Battery),
            (uuids::BAND, uuids::STEPS, Settling::Steps),
        ] {
            if let Some(from) = core.find(service, uuid) {
                core.operation(Purpose::Settling(what), Operation::Read(from));
                left += 1;
            }
        }
        self.stage = Stage::Settling { left };
        self.progress(core)
    }

    fn progress(&mut self, core: &mut Core) -> Progress {
        if self.stage != (Stage::Settling { left: 0 }) {
            return Progress::Going;
        }
        core.event(Event::Information(std::mem::take(&mut self.information)));
        core.event(Event::Ready);
        core.finish(self.serial, Ok(()));
        Progress::Ready
    }
}
