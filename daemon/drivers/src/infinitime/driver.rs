//! The driver of a watch with InfiniTime.
//!
//! The watch wants no key and no pairing. It keeps no history: what counts is today's steps, which begin again at
//! midnight and after a restart of the watch.

use std::time::Duration;

use super::alert::{CALL, Notification, SIMPLE};
use super::{CALL_ANSWER, MOTION, STEPS, motion};
use crate::alert::{Alert, AlertKind};
use crate::desk::{Need, Ticket};
use crate::driver::{Driver, Event, Failure, Input, Output, Request, Timer};
use crate::gatt::{Gatt, Operation};
use crate::measure::{DailyTotals, Reading};
use crate::moment::Moment;
use crate::settings::Settings;
use crate::standard::session::{Session, Tag};
use crate::standard::{pulse, uuids};

/// Runs out when the watch is to make itself noticed again: one alert is one short vibration.
const FIND: Timer = Timer(1);
/// How often that is.
const FIND_EVERY: Duration = Duration::from_secs(5);
/// The level of an alert that is to be noticed.
const HIGH: u8 = 2;

/// Speaks with one watch.
#[derive(Debug)]
pub struct InfiniTime {
    session: Session,
    finding: bool,
    steps: Option<u32>,
}

impl Default for InfiniTime {
    fn default() -> Self {
        Self::new()
    }
}

impl InfiniTime {
    /// One that isn't connected yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            session: Session::new(),
            finding: false,
            steps: None,
        }
    }

    fn request(&mut self, ticket: Ticket, request: Request, out: &mut Vec<Output>) {
        match request {
            Request::Open { now, sets_clock, .. } => self.open(ticket, now, sets_clock, out),
            Request::SetTime(now) => self.session.set_time(ticket, now, out),
            Request::MeasureHeartRate => self.session.measure(ticket, out),
            Request::FollowHeartRate(on) => self.session.follow(ticket, on, out),
            Request::Alert(Alert::Find) => self.find(ticket, out),
            Request::Alert(Alert::Message { title, body }) => {
                self.show(ticket, SIMPLE, title, body, out);
            }
            Request::Alert(Alert::Call { caller }) => self.show(ticket, CALL, caller, String::new(), out),
            Request::StopAlert(AlertKind::Find) => self.found(ticket, out),
            // The watch ends those by itself; there is nothing that would.
            Request::StopAlert(_) | Request::Forget => self.session.end(ticket, Ok(()), out),
            Request::Settings(settings) if settings == Settings::default() => {
                self.session.end(ticket, Ok(()), out);
            }
            Request::Fetch { .. } | Request::Settings(_) | Request::PhoneFound => {
                self.session.end(ticket, Err(Failure::NotSupported), out);
            }
        }
    }

    fn open(&mut self, ticket: Ticket, now: Moment, sets_clock: bool, out: &mut Vec<Output>) {
        self.session.open(ticket, now, out);
        if sets_clock {
            self.session.set_clock(ticket, Need::May, now, out);
        }
        if let Some(steps) = self.session.find(MOTION, STEPS) {
            self.session
                .may(ticket, Operation::Subscribe(steps), Tag::Plain, out);
            self.session.may(ticket, Operation::Read(steps), Tag::Steps, out);
        }
        if let Some(answer) = self.session.find(uuids::ALERT_NOTIFICATION, CALL_ANSWER) {
            self.session
                .may(ticket, Operation::Subscribe(answer), Tag::Plain, out);
        }
        self.session.release(ticket, out);
    }

    fn show(&mut self, ticket: Ticket, category: u8, title: String, body: String, out: &mut Vec<Output>) {
        let Some(to) = self.session.find(uuids::ALERT_NOTIFICATION, uuids::NEW_ALERT) else {
            return self.session.end(ticket, Err(Failure::NotSupported), out);
        };
        let notification = Notification {
            category,
            count: 1,
            title,
            body,
        };
        let value = notification.encode(self.session.payload());
        // The watch shows nothing for an empty text: so nothing is to be sent.
        if !value.is_empty() {
            self.session
                .must(ticket, Operation::write(to, value), Tag::Plain, out);
        }
        self.session.release(ticket, out);
    }

    fn find(&mut self, ticket: Ticket, out: &mut Vec<Output>) {
        if !self.session.alert_level(Some(ticket), HIGH, out) {
            return self.session.end(ticket, Err(Failure::NotSupported), out);
        }
        self.finding = true;
        out.push(Output::Wake(FIND, FIND_EVERY));
        self.session.release(ticket, out);
    }

    fn found(&mut self, ticket: Ticket, out: &mut Vec<Output>) {
        if self.finding {
            self.finding = false;
            out.push(Output::Sleep(FIND));
            self.session.alert_level(Some(ticket), 0, out);
        }
        self.session.release(ticket, out);
    }

    fn find_again(&mut self, out: &mut Vec<Output>) {
        if !self.finding {
            return;
        }
        // A watch that is slow to answer gets no queue of them.
        if !self.session.desk.waits(|tag| *tag == Tag::Find) {
            self.session.alert_level(None, HIGH, out);
        }
        out.push(Output::Wake(FIND, FIND_EVERY));
    }

    /// The counter as it is: that it fell says that a new day, or another life of the watch, has begun.
    fn stepped(&mut self, value: &[u8], out: &mut Vec<Output>) {
        let Ok(steps) = motion::steps(value) else {
            return;
        };
        if self.steps.replace(steps) == Some(steps) {
            return;
        }
        let reading = Reading::Totals(DailyTotals {
            steps,
            ..DailyTotals::default()
        });
        out.push(Output::Event(Event::Reading { at: None, reading }));
    }

    fn notified(&mut self, from: uuid::Uuid, value: &[u8], out: &mut Vec<Output>) {
        match from {
            uuids::HEART_RATE_MEASUREMENT => self.session.beat(value, out),
            uuids::BATTERY_LEVEL => self.session.battery(value, out),
            STEPS => self.stepped(value, out),
            CALL_ANSWER => match value {
                [0] => out.push(Output::Event(Event::DeclineCall)),
                [2] => out.push(Output::Event(Event::IgnoreCall)),
                // 1 takes the call, which a phone doesn't let a watch do.
                _ => {}
            },
            _ => {}
        }
    }
}

/// Whether it is a watch: old versions have no motion service.
fn understood(gatt: &Gatt) -> bool {
    gatt.has_service(MOTION) || gatt.find(uuids::ALERT_NOTIFICATION, uuids::NEW_ALERT).is_some()
}

impl Driver for InfiniTime {
    fn step(&mut self, input: Input) -> Vec<Output> {
        let mut out = Vec::new();
        if self.session.desk.closed() && !matches!(input, Input::Request { .. }) {
            return out;
        }
        match input {
            Input::Connected(gatt) => self.session.connected(gatt, understood, &mut out),
            Input::Request { id, request } => {
                if let Some(ticket) = self.session.desk.begin(id, &mut out) {
                    self.request(ticket, request, &mut out);
                }
            }
            Input::Answered { operation, result } => {
                if let Some(pending) = self.session.desk.answered(&operation) {
                    match (pending.tag, &result) {
                        (Tag::Steps, Ok(value)) => self.stepped(value, &mut out),
                        (tag, _) => self.session.use_answer(tag, &result, &mut out),
                    }
                    self.session.settle(&pending, result, &mut out);
                }
            }
            Input::Notified { from, value } => self.notified(from.uuid, &value, &mut out),
            Input::Elapsed(pulse::PULSE) => self.session.measured(Err(Failure::TimedOut), &mut out),
            Input::Elapsed(FIND) => self.find_again(&mut out),
            Input::Cancel(id) => self.session.cancel(id, &mut out),
            Input::Disconnected => self.session.desk.close(Failure::Lost, &mut out),
            Input::Elapsed(_) | Input::Committed => {}
        }
        out
    }
}

#[cfg(test)]
mod tests;
