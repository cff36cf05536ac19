//! The driver of devices with standard services only: heart rate straps, scales, and whatever has a battery.

use super::session::{Session, Tag};
use super::{composition, pulse, uuids, weight};
use crate::alert::{Alert, AlertKind};
use crate::desk::{Need, Ticket};
use crate::driver::{Driver, Event, Failure, Input, Output, Request};
use crate::gatt::{Gatt, Operation};
use crate::measure::Reading;
use crate::moment::Moment;
use crate::settings::Settings;
use jiff::civil::DateTime;

/// The level of an alert that is to be noticed.
const HIGH: u8 = 2;
/// More readings than this are in no packet.
const MOST_READINGS: usize = 8;

/// Whether it must measure the heart rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    HeartRate,
    Anything,
}

/// Speaks with one device.
#[derive(Debug)]
pub struct Standard {
    session: Session,
    wanted: Wanted,
    /// What the last packet of a measurement in several packets brought.
    before: Vec<Reading>,
}

impl Standard {
    /// For a strap, which must have the heart rate service.
    #[must_use]
    pub const fn heart_rate_monitor() -> Self {
        Self {
            session: Session::new(),
            wanted: Wanted::HeartRate,
            before: Vec::new(),
        }
    }

    /// For anything that has one of the services that are understood.
    #[must_use]
    pub const fn generic() -> Self {
        Self {
            session: Session::new(),
            wanted: Wanted::Anything,
            before: Vec::new(),
        }
    }

    fn request(&mut self, ticket: Ticket, request: Request, out: &mut Vec<Output>) {
        match request {
            Request::Open { now, sets_clock, .. } => self.open(ticket, now, sets_clock, out),
            Request::SetTime(now) => self.session.set_time(ticket, now, out),
            Request::MeasureHeartRate => self.session.measure(ticket, out),
            Request::FollowHeartRate(on) => self.session.follow(ticket, on, out),
            Request::Alert(Alert::Find) => self.level(ticket, HIGH, out),
            Request::StopAlert(AlertKind::Find) => self.level(ticket, 0, out),
            Request::Forget => self.session.end(ticket, Ok(()), out),
            Request::Settings(settings) if settings == Settings::default() => {
                self.session.end(ticket, Ok(()), out);
            }
            Request::Fetch { .. }
            | Request::Alert(_)
            | Request::StopAlert(_)
            | Request::Settings(_)
            | Request::PhoneFound => self.session.end(ticket, Err(Failure::NotSupported), out),
        }
    }

    fn open(&mut self, ticket: Ticket, now: Moment, sets_clock: bool, out: &mut Vec<Output>) {
        self.session.open(ticket, now, out);
        if sets_clock {
            self.session.set_clock(ticket, Need::May, now, out);
        }
        // Scales keep what they have weighed and send it to whoever subscribes, so the clock is set before.
        for (service, uuid) in [
            (uuids::WEIGHT_SCALE, uuids::WEIGHT_MEASUREMENT),
            (uuids::BODY_COMPOSITION, uuids::BODY_COMPOSITION_MEASUREMENT),
        ] {
            if let Some(from) = self.session.find(service, uuid) {
                self.session
                    .must(ticket, Operation::Subscribe(from), Tag::Plain, out);
            }
        }
        self.session.release(ticket, out);
    }

    fn level(&mut self, ticket: Ticket, level: u8, out: &mut Vec<Output>) {
        if self.session.alert_level(Some(ticket), level, out) {
            self.session.release(ticket, out);
        } else {
            self.session.end(ticket, Err(Failure::NotSupported), out);
        }
    }

    fn notified(&mut self, from: uuid::Uuid, value: &[u8], out: &mut Vec<Output>) {
        match from {
            uuids::HEART_RATE_MEASUREMENT => self.session.beat(value, out),
            uuids::BATTERY_LEVEL => self.session.battery(value, out),
            uuids::WEIGHT_MEASUREMENT => {
                if let Ok(weight) = weight::measurement(value) {
                    self.weighed(weight.time, weight.readings(), out);
                }
            }
            uuids::BODY_COMPOSITION_MEASUREMENT => {
                if let Ok(composition) = composition::measurement(value) {
                    self.composed(&composition, out);
                }
            }
            _ => {}
        }
    }

    /// Every packet of a measurement has the body fat in it; it is told once.
    fn composed(&mut self, composition: &composition::Composition, out: &mut Vec<Output>) {
        let mut readings = composition.readings();
        if composition.multiple_packets {
            readings.retain(|reading| !self.before.contains(reading));
            self.before.extend_from_slice(&readings);
            let surplus = self.before.len().saturating_sub(MOST_READINGS);
            self.before.drain(..surplus);
        } else {
            self.before.clear();
        }
        self.weighed(composition.time, readings, out);
    }

    fn weighed(&self, time: Option<DateTime>, readings: Vec<Reading>, out: &mut Vec<Output>) {
        let at = time.and_then(|civil| believable(civil, self.session.now()?));
        out.extend(
            readings
                .into_iter()
                .map(|reading| Output::Event(Event::Reading { at, reading })),
        );
    }
}

/// The time that a scale's clock shows, in seconds since the epoch, if it can have been set: not long ago, and not
/// more than a day ahead of `now`.
fn believable(civil: DateTime, now: Moment) -> Option<u64> {
    let offset = now.offset;
    let time = Moment { civil, offset }.epoch()?;
    let now = now.epoch()?;
    (civil.year() >= 2015 && time <= now.saturating_add(86_400)).then_some(time)
}

/// Whether there is something that the driver understands.
fn understood(gatt: &Gatt, wanted: Wanted) -> bool {
    let has = |(service, uuid)| gatt.find(service, uuid).is_some();
    let strap = has((uuids::HEART_RATE, uuids::HEART_RATE_MEASUREMENT));
    let others = [
        (uuids::WEIGHT_SCALE, uuids::WEIGHT_MEASUREMENT),
        (uuids::BODY_COMPOSITION, uuids::BODY_COMPOSITION_MEASUREMENT),
        (uuids::BATTERY, uuids::BATTERY_LEVEL),
    ];
    strap || wanted == Wanted::Anything && others.into_iter().any(has)
}

impl Driver for Standard {
    fn step(&mut self, input: Input) -> Vec<Output> {
        let mut out = Vec::new();
        if self.session.desk.closed() && !matches!(input, Input::Request { .. }) {
            return out;
        }
        match input {
            Input::Connected(gatt) => {
                let wanted = self.wanted;
                self.session
                    .connected(gatt, |gatt| understood(gatt, wanted), &mut out);
            }
            Input::Request { id, request } => {
                if let Some(ticket) = self.session.desk.begin(id, &mut out) {
                    self.request(ticket, request, &mut out);
                }
            }
            Input::Answered { operation, result } => {
                if let Some(pending) = self.session.desk.answered(&operation) {
                    self.session.use_answer(pending.tag, &result, &mut out);
                    self.session.settle(&pending, result, &mut out);
                }
            }
            Input::Notified { from, value } => self.notified(from.uuid, &value, &mut out),
            Input::Elapsed(pulse::PULSE) => self.session.measured(Err(Failure::TimedOut), &mut out),
            Input::Cancel(id) => self.session.cancel(id, &mut out),
            Input::Disconnected => self.session.desk.close(Failure::Lost, &mut out),
            Input::Elapsed(_) | Input::Committed => {}
        }
        out
    }
}

#[cfg(test)]
mod tests;
