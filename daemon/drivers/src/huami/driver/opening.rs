//! From the connection to a band that is ready: authentication, clock, subscriptions, what the band is and has.

use uuid::Uuid;

use super::auth::{Auth, To, Verdict};
use super::core::{AUTHENTICATION, Core, Purpose, Settling};
use super::requests::{Serial, failure};
use crate::driver::{Event, Failure, Information, Opening as How};
use crate::gatt::{Operation, OperationError};
use crate::huami::codec::information;
use crate::huami::model::Scheme;
use crate::huami::uuids;
use crate::huami::v2021::{endpoint, messages};
use crate::moment::Moment;

/// What a band notifies of itself.
const VALUES: [(Uuid, Uuid); 4] = [
    (uuids::BAND, uuids::CONFIGURATION),
    (uuids::BAND, uuids::BATTERY),
    (uuids::BAND, uuids::DEVICE_EVENT),
    (uuids::BAND, uuids::STEPS),
];
/// What it notifies when it is asked.
const ANSWERS: [(Uuid, Uuid); 3] = [
    (uuids::BAND, uuids::FETCH_CONTROL),
    (uuids::BAND, uuids::FETCH_DATA),
    (uuids::HEART_RATE, uuids::HEART_RATE_MEASUREMENT),
];
/// What it says of itself.
const INFORMATION: [(Uuid, Uuid, Settling); 3] = [
    (uuids::INFORMATION, uuids::SERIAL_NUMBER, Settling::Serial),
    (uuids::INFORMATION, uuids::HARDWARE_REVISION, Settling::Hardware),
    (uuids::INFORMATION, uuids::SOFTWARE_REVISION, Settling::Firmware),
];
/// What it would notify only when it changes.
const FIRST_VALUES: [(Uuid, Uuid, Settling); 2] = [
    (uuids::BAND, uuids::BATTERY, Settling::Battery),
    (uuids::BAND, uuids::STEPS, Settling::Steps),
];
/// The same for one with Zepp OS, which answers later.
const QUESTIONS: [(u16, &[u8]); 4] = [
    (endpoint::CONNECTION, &messages::ASK_MTU),
    (endpoint::BATTERY, &messages::ASK_BATTERY),
    (endpoint::STEPS, &messages::ASK_STEPS),
    (endpoint::STEPS, &messages::FOLLOW_STEPS),
];

/// An opening under way.
pub(super) struct Opening {
    serial: Serial,
    /// What the band's clock is set to; `None`: it is left alone.
    clock: Option<Moment>,
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
    pub(super) fn begin(core: &mut Core, serial: Serial, how: How, clock: Option<Moment>) -> Option<Self> {
        core.requests.hold(serial);
        let scheme = core.scheme();
        let auth = match Auth::new(scheme, how, &core.entropy) {
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
        if scheme == Scheme::Agreed {
            core.tunnel();
        }
        core.operation(Purpose::Authentication, Operation::Subscribe(listened));
        // The band lets go of whoever isn't authenticated after some 20 seconds; this is well before.
        core.wake(AUTHENTICATION, std::time::Duration::from_secs(10));
        Some(Self {
            serial,
            clock,
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
            Verdict::Passed(session) => {
                core.sleep(AUTHENTICATION);
                if let Some(session) = session {
                    core.secure(session);
                }
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
        let part = Purpose::Authentication;
        for value in values {
            let written = match self.auth.writes() {
                To::Endpoint(endpoint) => core.message(part, endpoint, value),
                To::Characteristic(service, uuid) => core
                    .find(service, uuid)
                    .ok_or(Failure::NotSupported)
                    .map(|to| core.write(part, to, value)),
            };
            if let Err(failure) = written {
                return core.fail(failure);
            }
        }
        core.wake(AUTHENTICATION, self.auth.patience());
    }

    fn settle(&mut self, core: &mut Core) -> Progress {
        let before = core.under_way(is_settling);
        if let (Some(to), Some(clock)) = (core.find(uuids::BAND, uuids::CURRENT_TIME), self.clock) {
            let value = core.clock(clock).encode();
            core.write(Purpose::Settling(Settling::Silent), to, &value);
        }
        let is_zepp = core.is_zepp();
        let values = if is_zepp { &[][..] } else { &VALUES };
        for (service, uuid) in values.iter().chain(&ANSWERS) {
            if let Some(from) = core.find(*service, *uuid) {
                core.operation(Purpose::Settling(Settling::Silent), Operation::Subscribe(from));
            }
        }
        let values = if is_zepp { &[][..] } else { &FIRST_VALUES };
        for (service, uuid, what) in INFORMATION.iter().chain(values) {
            if let Some(from) = core.find(*service, *uuid) {
                core.operation(Purpose::Settling(*what), Operation::Read(from));
            }
        }
        if is_zepp {
            for (endpoint, data) in QUESTIONS {
                // What can't be asked isn't known.
                let _ = core.message(Purpose::Settling(Settling::Silent), endpoint, data);
            }
        }
        let left = core.under_way(is_settling).saturating_sub(before);
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

const fn is_settling(purpose: Purpose) -> bool {
    matches!(purpose, Purpose::Settling(_))
}
