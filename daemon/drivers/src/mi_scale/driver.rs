//! The driver of a Mi scale: it sets the clock and fetches the history.
//!
//! A scale keeps one read pointer for every number that asks. `01` asks how many records there are behind it, `02`
//! has them sent, `03` ends the transfer, and `04` moves the pointer: only then are they forgotten.

use std::time::Duration;

use jiff::tz::Offset;
use uuid::Uuid;

use super::listener::Told;
use super::{Frame, Model};
use crate::desk::{Need, Ticket};
use crate::driver::{Driver, Event, Failure, Input, Output, Request, Timer};
use crate::gatt::{Characteristic, Gatt, Operation, OperationError};
use crate::measure::Reading;
use crate::moment::Moment;
use crate::settings::Settings;
use crate::standard::session::{Session, Tag};
use crate::standard::time::CurrentTime;
use crate::standard::uuids;

/// The history.
const HISTORY: Uuid = Uuid::from_u128(0x0000_2a2f_0000_3512_2118_0009_af10_0700);
/// Runs out when the scale has fallen silent in a transfer.
const SILENCE: Timer = Timer(2);
/// How long that is.
const PATIENCE: Duration = Duration::from_secs(10);

/// Speaks with one scale.
#[derive(Debug)]
pub struct MiScale {
    session: Session,
    model: Model,
    reader: u32,
    told: Told,
    fetch: Option<Fetch>,
}

/// One transfer.
#[derive(Debug)]
struct Fetch {
    ticket: Ticket,
    now: Moment,
    /// The scale may forget what is on disk.
    forgets: bool,
    step: Step,
    announced: u16,
    arrived: u16,
    readings: Vec<(Option<u64>, Reading)>,
}

/// What a transfer waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// The scale to send notifications.
    Subscribing,
    /// How many records there are.
    Counting,
    /// Records.
    Receiving,
    /// The scale to take the end.
    Ending,
    /// The disk.
    Committing,
    /// The scale to move its pointer.
    Forgetting,
}

impl MiScale {
    /// One that isn't connected yet. `reader` is the number that its history is read under: always the same for one
    /// account, so that no record comes twice.
    #[must_use]
    pub fn new(model: Model, reader: u32) -> Self {
        Self {
            session: Session::new(),
            model,
            reader,
            told: Told::default(),
            fetch: None,
        }
    }

    fn request(&mut self, ticket: Ticket, request: Request, out: &mut Vec<Output>) {
        match request {
            Request::Open { now, sets_clock, .. } => {
                self.session.open(ticket, now, out);
                if sets_clock {
                    self.set_clock(ticket, Need::May, now, out);
                }
                if let Some(from) = self.session.find(self.model.service(), self.model.measurement()) {
                    self.session
                        .may(ticket, Operation::Subscribe(from), Tag::Plain, out);
                }
                self.session.release(ticket, out);
            }
            Request::SetTime(now) => {
                if self.set_clock(ticket, Need::Must, now, out) {
                    self.session.release(ticket, out);
                } else {
                    self.session.end(ticket, Err(Failure::NotSupported), out);
                }
            }
            Request::Fetch { now, forgets, .. } => self.begin(ticket, now, forgets, out),
            Request::Forget => self.session.end(ticket, Ok(()), out),
            Request::Settings(settings) if settings == Settings::default() => {
                self.session.end(ticket, Ok(()), out);
            }
            Request::MeasureHeartRate
            | Request::FollowHeartRate(_)
            | Request::Alert(_)
            | Request::StopAlert(_)
            | Request::Settings(_)
            | Request::PhoneFound => self.session.end(ticket, Err(Failure::NotSupported), out),
        }
    }

    fn set_clock(&mut self, ticket: Ticket, need: Need, now: Moment, out: &mut Vec<Output>) -> bool {
        self.session.set_now(now);
        let Some(to) = self.session.find(self.model.service(), uuids::CURRENT_TIME) else {
            return false;
        };
        // It knows no day of the week; 1 says that the clock was set by hand.
        let time = CurrentTime {
            day_of_week: 0,
            reason: 1,
            ..CurrentTime::set_to(now)
        };
        let operation = Operation::write(to, time.encode().to_vec());
        self.session
            .desk
            .put((Some(ticket), need), operation, Tag::Plain, out);
        true
    }

    fn history(&self) -> Option<Characteristic> {
        self.session.find(self.model.service(), HISTORY)
    }

    fn begin(&mut self, ticket: Ticket, now: Moment, forgets: bool, out: &mut Vec<Output>) {
        if self.fetch.is_some() {
            return self.session.end(ticket, Err(Failure::Busy), out);
        }
        let Some(history) = self.history() else {
            return self.session.end(ticket, Err(Failure::NotSupported), out);
        };
        self.session.set_now(now);
        self.fetch = Some(Fetch {
            ticket,
            now,
            forgets,
            step: Step::Subscribing,
            announced: 0,
            arrived: 0,
            readings: Vec::new(),
        });
        let operation = Operation::Subscribe(history);
        self.session
            .desk
            .put((None, Need::Must), operation, Tag::History, out);
    }

    /// Writes a command of the history, and goes on to a step.
    fn command(&mut self, value: Vec<u8>, step: Step, out: &mut Vec<Output>) {
        if let Some(fetch) = &mut self.fetch {
            fetch.step = step;
        }
        if let Some(history) = self.history() {
            let operation = Operation::write(history, value);
            self.session
                .desk
                .put((None, Need::Must), operation, Tag::History, out);
        }
    }

    fn with_reader(&self, command: u8) -> Vec<u8> {
        let mut value = vec![command];
        value.extend(self.reader.to_be_bytes());
        value
    }

    /// An operation of the transfer has ended.
    fn performed(&mut self, written: Option<u8>, result: Result<(), OperationError>, out: &mut Vec<Output>) {
        let Some(fetch) = &self.fetch else {
            return;
        };
        match (fetch.step, result) {
            (_, Err(error)) => self.end(Err(error.into()), out),
            (Step::Subscribing, Ok(())) => {
                let value = self.with_reader(1);
                self.command(value, Step::Counting, out);
                out.push(Output::Wake(SILENCE, PATIENCE));
            }
            (Step::Ending, Ok(())) if written == Some(3) => {
                if fetch.announced == 0 {
                    self.end(Ok(()), out);
                } else if let Some(fetch) = &mut self.fetch {
                    // The disk takes the time that it takes.
                    fetch.step = Step::Committing;
                    let readings = std::mem::take(&mut fetch.readings);
                    out.push(Output::Sleep(SILENCE));
                    out.push(Output::Event(Event::Readings(readings)));
                }
            }
            (Step::Forgetting, Ok(())) if written == Some(4) => self.end(Ok(()), out),
            (_, Ok(())) => {}
        }
    }

    fn received(&mut self, value: &[u8], out: &mut Vec<Output>) {
        let model = self.model;
        let Some(fetch) = &mut self.fetch else {
            return;
        };
        match (fetch.step, value) {
            (Step::Counting, [1, low, high, ..]) => {
                fetch.announced = u16::from_le_bytes([*low, *high]);
                if fetch.announced == 0 {
                    self.command(vec![3], Step::Ending, out);
                } else {
                    self.command(vec![2], Step::Receiving, out);
                }
                out.push(Output::Wake(SILENCE, PATIENCE));
            }
            (Step::Receiving, [3]) if fetch.arrived == fetch.announced => {
                self.command(vec![3], Step::Ending, out);
                out.push(Output::Wake(SILENCE, PATIENCE));
            }
            (Step::Receiving, records)
                if !records.is_empty() && records.len().is_multiple_of(model.length()) =>
            {
                for record in records.chunks_exact(model.length()) {
                    let Some(arrived) = fetch
                        .arrived
                        .checked_add(1)
                        .filter(|arrived| *arrived <= fetch.announced)
                    else {
                        return self.end(Err(Failure::Nonsense), out);
                    };
                    fetch.arrived = arrived;
                    if let Ok(frame) = Frame::decode(model, record).map(Frame::remembered) {
                        let at = frame.time(fetch.now.offset, Some(fetch.now));
                        let readings = frame.weight().into_iter().chain(frame.impedance());
                        fetch.readings.extend(readings.map(|reading| (at, reading)));
                    }
                }
                let (done, total) = (u64::from(fetch.arrived), u64::from(fetch.announced));
                out.push(Output::Event(Event::Progress { done, total }));
                out.push(Output::Wake(SILENCE, PATIENCE));
            }
            (Step::Counting | Step::Receiving, _) => self.end(Err(Failure::Nonsense), out),
            _ => {}
        }
    }

    fn committed(&mut self, out: &mut Vec<Output>) {
        match &self.fetch {
            Some(fetch) if fetch.step == Step::Committing && fetch.forgets => {
                let value = self.with_reader(4);
                self.command(value, Step::Forgetting, out);
                out.push(Output::Wake(SILENCE, PATIENCE));
            }
            Some(fetch) if fetch.step == Step::Committing => self.end(Ok(()), out),
            _ => {}
        }
    }

    /// Ends the transfer. A scale that was asked for its history is told that this is the end of it.
    fn end(&mut self, outcome: Result<(), Failure>, out: &mut Vec<Output>) {
        let Some(fetch) = self.fetch.take() else {
            return;
        };
        out.push(Output::Sleep(SILENCE));
        let open = matches!(fetch.step, Step::Counting | Step::Receiving);
        if let Some(history) = self.history().filter(|_| open) {
            let operation = Operation::write(history, vec![3]);
            self.session
                .desk
                .put((None, Need::May), operation, Tag::Plain, out);
        }
        self.session.end(fetch.ticket, outcome, out);
    }

    /// A frame that comes while the scale is connected.
    fn weighed(&mut self, value: &[u8], out: &mut Vec<Output>) {
        let Ok(frame) = Frame::decode(self.model, value) else {
            return;
        };
        let now = self.session.now();
        let offset = now.map_or(Offset::UTC, |now| now.offset);
        let at = now.and_then(|_| frame.time(offset, now));
        let news = self.told.news(&frame).into_iter();
        out.extend(news.map(|reading| Output::Event(Event::Reading { at, reading })));
    }

    fn answered(
        &mut self,
        operation: &Operation,
        result: Result<Vec<u8>, OperationError>,
        out: &mut Vec<Output>,
    ) {
        let Some(pending) = self.session.desk.answered(operation) else {
            return;
        };
        if pending.tag == Tag::History {
            let written = match operation {
                Operation::Write { value, .. } => value.first().copied(),
                _ => None,
            };
            self.performed(written, result.map(drop), out);
        } else {
            self.session.use_answer(pending.tag, &result, out);
            self.session.settle(&pending, result, out);
        }
    }

    fn cancel(&mut self, id: crate::driver::RequestId, out: &mut Vec<Output>) {
        let ticket = self.session.desk.ticket(id);
        if self
            .fetch
            .as_ref()
            .is_some_and(|fetch| Some(fetch.ticket) == ticket)
        {
            self.end(Err(Failure::Cancelled), out);
        } else {
            self.session.cancel(id, out);
        }
    }
}

impl Driver for MiScale {
    fn step(&mut self, input: Input) -> Vec<Output> {
        let mut out = Vec::new();
        if self.session.desk.closed() && !matches!(input, Input::Request { .. }) {
            return out;
        }
        match input {
            Input::Connected(gatt) => {
                let service = self.model.service();
                let enough = |gatt: &Gatt| gatt.has_service(service);
                self.session.connected(gatt, enough, &mut out);
            }
            Input::Request { id, request } => {
                if let Some(ticket) = self.session.desk.begin(id, &mut out) {
                    self.request(ticket, request, &mut out);
                }
            }
            Input::Answered { operation, result } => self.answered(&operation, result, &mut out),
            Input::Notified { from, value } => {
                if from.uuid == HISTORY {
                    self.received(&value, &mut out);
                } else if from.uuid == self.model.measurement() {
                    self.weighed(&value, &mut out);
                } else if from.uuid == uuids::BATTERY_LEVEL {
                    self.session.battery(&value, &mut out);
                }
            }
            Input::Elapsed(SILENCE) => self.end(Err(Failure::TimedOut), &mut out),
            Input::Committed => self.committed(&mut out),
            Input::Cancel(id) => self.cancel(id, &mut out),
            Input::Disconnected => self.session.desk.close(Failure::Lost, &mut out),
            Input::Elapsed(_) => {}
        }
        out
    }
}

#[cfg(test)]
mod tests;
