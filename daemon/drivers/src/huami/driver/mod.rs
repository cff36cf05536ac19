//! The driver of a band over one connection.

mod agreed;
mod auth;
mod commands;
mod core;
mod fetch;
mod heart;
mod messages;
mod opening;
mod requests;
mod settings;
mod show;
mod transfer;

#[cfg(test)]
mod tests;

use self::core::{Core, Purpose, Settling};
use self::fetch::Fetch;
use self::heart::Heart;
use self::opening::{Opening, Progress};
use self::requests::{Serial, Sort};
use self::settings::Replies;
use self::show::Show;
use super::codec::event::DeviceEvent;
use super::codec::{battery, config, event, steps};
use super::v2021::{self, endpoint};
use super::{model, uuids};
use crate::driver::{Driver, Event, Failure, Input, Output, Request, RequestId, Timer};
use crate::entropy::Entropy;
use crate::gatt::{Characteristic, Operation, OperationError};
use crate::kind::Kind;
use crate::measure::{DailyTotals, Reading};
use crate::moment::Moment;

/// The driver of one of Huami's bands.
pub struct Band {
    core: Core,
    phase: Phase,
    fetch: Option<Fetch>,
    heart: Heart,
    show: Show,
    replies: Replies,
    /// The band looked for the phone once more before it was told that it is heard.
    is_sought_again: bool,
    battery: Option<(u8, bool)>,
    totals: Option<DailyTotals>,
}

enum Phase {
    /// Not connected, or not asked to open.
    Idle,
    /// It opens.
    Opening(Box<Opening>),
    /// The band is ready.
    Ready,
}

impl Band {
    /// The driver for a band of `kind`; `None` where it is none of these bands.
    #[must_use]
    pub fn new(kind: Kind) -> Option<Self> {
        Some(Self {
            core: Core::new(model::of(kind)?),
            phase: Phase::Idle,
            fetch: None,
            heart: Heart::default(),
            show: Show::default(),
            replies: Replies::default(),
            is_sought_again: false,
            battery: None,
            totals: None,
        })
    }

    /// Draws what it needs of chance from there.
    #[must_use]
    pub fn with_entropy(mut self, entropy: Entropy) -> Self {
        self.core.entropy = entropy;
        self
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Connected(gatt) => self.core.connected(gatt),
            Input::Answered { operation, result } => self.answered(&operation, result),
            Input::Notified { from, value } => self.notified(from, &value),
            Input::Elapsed(timer) => self.elapsed(timer),
            Input::Request { id, request } => self.request(id, request),
            Input::Committed => {
                if let Some(fetch) = &mut self.fetch {
                    fetch.committed(&mut self.core);
                }
            }
            Input::Cancel(id) => self.cancel(id),
            Input::Disconnected => self.core.disconnected(),
        }
    }

    fn answered(&mut self, operation: &Operation, result: Result<Vec<u8>, OperationError>) {
        let Some(purpose) = self.core.answered(operation) else {
            return;
        };
        let plain = result.as_ref().map(|_| ()).map_err(|error| *error);
        match purpose {
            Purpose::Authentication => {
                if let Phase::Opening(opening) = &mut self.phase {
                    opening.authentication_answered(&mut self.core, plain);
                }
            }
            Purpose::Settling(what) => {
                match (what, &result) {
                    (Settling::Battery, Ok(value)) => self.told_battery(value),
                    (Settling::Steps, Ok(value)) => self.told_steps(value),
                    _ => {}
                }
                if let Phase::Opening(opening) = &mut self.phase {
                    let progress = opening.settled(&mut self.core, what, result);
                    self.opened(progress);
                }
            }
            Purpose::Part(serial) => {
                self.core.part_done(serial, plain);
                if plain.is_err() {
                    self.heart.ended_early(&mut self.core, serial);
                }
            }
            Purpose::Fetch => {
                if let Some(fetch) = &mut self.fetch {
                    fetch.answered(&mut self.core, plain);
                }
            }
            Purpose::FindPhoneHeard => self.search_was_answered(),
            Purpose::Aside | Purpose::KeepFollowing | Purpose::Find | Purpose::StillHere => {}
        }
    }

    fn opened(&mut self, progress: Progress) {
        if progress == Progress::Ready {
            self.phase = Phase::Ready;
        }
    }

    fn notified(&mut self, from: Characteristic, value: &[u8]) {
        if from.uuid == uuids::MESSAGES_FROM {
            return self.heard(value);
        }
        if let Phase::Opening(opening) = &mut self.phase
            && !opening.is_authenticated()
        {
            if from.uuid == uuids::AUTHENTICATION {
                let progress = opening.told(&mut self.core, value);
                self.opened(progress);
            }
            return;
        }
        if matches!(self.phase, Phase::Idle) {
            return;
        }
        match from.uuid {
            uuids::BATTERY => self.told_battery(value),
            uuids::STEPS => self.told_steps(value),
            uuids::DEVICE_EVENT => self.told_event(value),
            uuids::CONFIGURATION => self.replies.told(&mut self.core, value),
            uuids::HEART_RATE_MEASUREMENT => self.heart.told(&mut self.core, value),
            uuids::FETCH_CONTROL => {
                if let Some(fetch) = &mut self.fetch {
                    fetch.told(&mut self.core, value);
                }
            }
            uuids::FETCH_DATA => {
                if let Some(fetch) = &mut self.fetch {
                    fetch.data(&mut self.core, value);
                }
            }
            _ => {}
        }
    }

    fn told_battery(&mut self, value: &[u8]) {
        if let Ok(told) = battery::decode(value) {
            self.has_battery(told.level, told.charging);
        }
    }

    fn has_battery(&mut self, level: u8, charging: bool) {
        if self.battery.replace((level, charging)) != Some((level, charging)) {
            self.core.event(Event::Battery { level, charging });
        }
    }

    fn told_steps(&mut self, value: &[u8]) {
        if let Ok(totals) = steps::decode(value) {
            self.has_totals(totals);
        }
    }

    fn has_totals(&mut self, totals: DailyTotals) {
        if self.totals.replace(totals) != Some(totals) {
            let reading = Reading::Totals(totals);
            self.core.event(Event::Reading { at: None, reading });
        }
    }

    fn told_event(&mut self, value: &[u8]) {
        let event = match event::decode(value) {
            Ok(DeviceEvent::Asleep(asleep)) => Event::Asleep(asleep),
            Ok(DeviceEvent::Button) => Event::Button,
            Ok(DeviceEvent::NotWorn) => Event::NotWorn,
            Ok(DeviceEvent::DeclineCall) => Event::DeclineCall,
            Ok(DeviceEvent::IgnoreCall) => Event::IgnoreCall,
            Ok(DeviceEvent::Tick) => Event::HistoryGrew,
            Ok(DeviceEvent::FindPhone(wanted)) => {
                self.looks_for_phone(wanted);
                Event::FindPhone(wanted)
            }
            Ok(DeviceEvent::Mtu(mtu)) => {
                self.core.announced = Some(mtu);
                return;
            }
            _ => return,
        };
        self.core.event(event);
    }

    fn elapsed(&mut self, timer: Timer) {
        let core = &mut self.core;
        match timer {
            self::core::AUTHENTICATION => {
                if let Phase::Opening(opening) = &self.phase {
                    opening.silent(core);
                }
            }
            self::core::FETCH => {
                if let Some(fetch) = &mut self.fetch {
                    fetch.elapsed(core);
                }
            }
            self::core::MEASURE => self.heart.silent(core),
            self::core::FOLLOW => self.heart.keep(core),
            self::core::FIND => self.show.again(core),
            self::core::SETTINGS => self.replies.silent(core),
            self::core::MESSAGE => core.give_up_message(),
            _ => {}
        }
    }

    fn request(&mut self, id: RequestId, request: Request) {
        let sort = match &request {
            Request::Open { .. } => Sort::Open,
            Request::SetTime(_) => Sort::SetTime,
            Request::Fetch { .. } => Sort::Fetch,
            Request::MeasureHeartRate => Sort::Measure,
            Request::FollowHeartRate(_) => Sort::Follow,
            Request::Alert(alert) => Sort::Alert(alert.kind()),
            Request::StopAlert(kind) => Sort::StopAlert(*kind),
            Request::Settings(_) => Sort::Settings,
            Request::PhoneFound => Sort::PhoneFound,
            Request::Forget => Sort::Forget,
        };
        let right = match (&self.phase, sort) {
            (Phase::Idle, Sort::Open) => true,
            (_, Sort::Open) | (Phase::Idle | Phase::Opening(_), _) => false,
            (Phase::Ready, _) => !self.core.is_crowded(),
        };
        if !right {
            return self.core.refuse(id, Failure::Busy);
        }
        let Some(serial) = self.core.begin(id, sort) else {
            return;
        };
        if let Err(failure) = self.perform(serial, request) {
            self.core.finish(serial, Err(failure));
        }
    }

    fn perform(&mut self, serial: Serial, request: Request) -> Result<(), Failure> {
        let core = &mut self.core;
        match request {
            Request::Open {
                opening,
                now,
                sets_clock,
            } => {
                let clock = sets_clock.then_some(now);
                if let Some(opening) = Opening::begin(core, serial, opening, clock) {
                    self.phase = Phase::Opening(Box::new(opening));
                }
                Ok(())
            }
            Request::SetTime(now) => set_time(core, serial, now),
            Request::Fetch { since, now, forgets } => {
                let fetch = Fetch::begin(core, serial, since, now, forgets)?;
                self.fetch = Some(fetch);
                Ok(())
            }
            Request::MeasureHeartRate => self.heart.measure(core, serial),
            Request::FollowHeartRate(on) => self.heart.follow(core, serial, on),
            Request::Alert(alert) => self.show.alert(core, serial, &alert),
            Request::StopAlert(kind) => self.show.stop(core, serial, kind),
            Request::Settings(settings) => self.replies.set(core, serial, &settings),
            Request::PhoneFound if core.is_zepp() => {
                let found = v2021::messages::PHONE_FOUND;
                core.message(Purpose::Part(serial), endpoint::FIND, &found)
            }
            Request::PhoneFound => core.config(Purpose::Part(serial), &config::PHONE_FOUND),
            // There is no word for that. A band keeps its key until another one is confirmed with a tap; a reset
            // would take more from its wearer than our key.
            Request::Forget => {
                let part = Purpose::Part(serial);
                self.heart.stop(core, part);
                self.show.stop_finding(core, part);
                core.finish_if_complete(serial);
                Ok(())
            }
        }
    }

    fn cancel(&mut self, id: RequestId) {
        let core = &mut self.core;
        let Some((serial, sort)) = core.requests.find(id) else {
            return;
        };
        match (sort, &mut self.fetch) {
            (Sort::Open, _) => core.fail(Failure::Cancelled),
            (Sort::Fetch, Some(fetch)) => fetch.cancel(core),
            (Sort::Measure, _) => self.heart.cancel(core),
            _ => {}
        }
        core.finish(serial, Err(Failure::Cancelled));
        self.heart.ended_early(core, serial);
    }
}

impl Driver for Band {
    fn step(&mut self, input: Input) -> Vec<Output> {
        if self.core.over {
            if let Input::Request { id, .. } = input {
                self.core.refuse(id, Failure::Lost);
            }
        } else {
            self.take(input);
            if self.core.is_stuck() && !self.core.over {
                self.core.fail(Failure::TimedOut);
            }
        }
        if self.fetch.as_ref().is_some_and(Fetch::is_over) {
            self.fetch = None;
        }
        std::mem::take(&mut self.core.out)
    }
}

fn set_time(core: &mut Core, serial: Serial, now: Moment) -> Result<(), Failure> {
    let to = core
        .find(uuids::BAND, uuids::CURRENT_TIME)
        .ok_or(Failure::NotSupported)?;
    let value = core.clock(now).encode();
    core.write(Purpose::Part(serial), to, &value);
    Ok(())
}
