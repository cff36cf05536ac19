//! Measuring the heart rate of a device with the standard service: it sends while it is subscribed to.

use std::time::Duration;

use super::session::{Session, Tag};
use super::{heart_rate, uuids};
use crate::desk::{Need, Ticket};
use crate::driver::{Event, Failure, Output, Timer};
use crate::gatt::Operation;
use crate::measure::Reading;

/// Runs out when a single measurement takes too long.
pub(crate) const PULSE: Timer = Timer(0);
/// How long one takes at most; a strap needs a second, a watch half a minute.
const PATIENCE: Duration = Duration::from_secs(60);

/// Who wants the heart rate.
#[derive(Debug)]
pub(crate) struct Pulse {
    following: bool,
    measuring: Option<Ticket>,
    subscribed: bool,
}

impl Pulse {
    pub(super) const fn new() -> Self {
        Self {
            following: false,
            measuring: None,
            subscribed: false,
        }
    }
}

impl Session {
    /// Answers `Request::MeasureHeartRate`.
    pub(crate) fn measure(&mut self, ticket: Ticket, out: &mut Vec<Output>) {
        if self.pulse.measuring.is_some() {
            return self.end(ticket, Err(Failure::Busy), out);
        }
        if !self.subscribe(None, out) {
            return self.end(ticket, Err(Failure::NotSupported), out);
        }
        self.pulse.measuring = Some(ticket);
        out.push(Output::Wake(PULSE, PATIENCE));
    }

    /// Answers `Request::FollowHeartRate`.
    pub(crate) fn follow(&mut self, ticket: Ticket, on: bool, out: &mut Vec<Output>) {
        if on && !self.subscribe(Some(ticket), out) {
            return self.end(ticket, Err(Failure::NotSupported), out);
        }
        self.pulse.following = on;
        self.quieten(Some(ticket), out);
        self.release(ticket, out);
    }

    /// Has it sent. False: it can't.
    fn subscribe(&mut self, ticket: Option<Ticket>, out: &mut Vec<Output>) -> bool {
        let Some(from) = self.find(uuids::HEART_RATE, uuids::HEART_RATE_MEASUREMENT) else {
            return false;
        };
        if !self.pulse.subscribed {
            self.pulse.subscribed = true;
            let operation = Operation::Subscribe(from);
            self.desk.put((ticket, Need::Must), operation, Tag::Pulse, out);
        }
        true
    }

    /// Has it sent no more, if nobody wants it.
    fn quieten(&mut self, ticket: Option<Ticket>, out: &mut Vec<Output>) {
        let wanted = self.pulse.following || self.pulse.measuring.is_some();
        if wanted || !self.pulse.subscribed {
            return;
        }
        if let Some(from) = self.find(uuids::HEART_RATE, uuids::HEART_RATE_MEASUREMENT) {
            self.pulse.subscribed = false;
            let operation = Operation::Unsubscribe(from);
            self.desk.put((ticket, Need::May), operation, Tag::Plain, out);
        }
    }

    /// Ends the single measurement, if there is one.
    pub(crate) fn measured(&mut self, outcome: Result<(), Failure>, out: &mut Vec<Output>) {
        if let Some(ticket) = self.pulse.measuring.take() {
            out.push(Output::Sleep(PULSE));
            self.quieten(None, out);
            self.end(ticket, outcome, out);
        }
    }

    /// Whether this request is the single measurement.
    pub(crate) fn measures(&self, ticket: Ticket) -> bool {
        self.pulse.measuring == Some(ticket)
    }

    /// It can't be had sent.
    pub(super) fn pulse_refused(&mut self, failure: Failure, out: &mut Vec<Output>) {
        self.pulse.subscribed = false;
        self.pulse.following = false;
        self.measured(Err(failure), out);
    }

    /// Takes a Heart Rate Measurement.
    pub(crate) fn beat(&mut self, value: &[u8], out: &mut Vec<Output>) {
        if !self.pulse.following && self.pulse.measuring.is_none() {
            return;
        }
        let Ok(rate) = heart_rate::measurement(value) else {
            return;
        };
        // 255 in a byte is how some say that there is none, and nobody's heart beats 300 times.
        if !(1..300).contains(&rate.bpm)
            || value.first().is_some_and(|flags| flags & 1 == 0) && rate.bpm == 255
        {
            return;
        }
        if rate.contact == Some(false) {
            return;
        }
        let reading = Reading::HeartRate(rate.bpm);
        out.push(Output::Event(Event::Reading { at: None, reading }));
        self.measured(Ok(()), out);
    }
}
