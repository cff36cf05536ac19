//! The driver against a band that is played.

mod agreed;
mod anything;
mod clock;
mod hand;
mod history;
mod minutes;
mod opening;
mod values;

use std::collections::VecDeque;
use std::time::Duration;

use jiff::tz::Offset;
use uuid::Uuid;

use super::Band;
use crate::driver::{Driver, Event, Failure, Input, Opening, Output, Request, RequestId, Timer};
use crate::gatt::{Characteristic, Gatt, Operation, OperationError, Properties, WriteKind};
use crate::huami::uuids;
use crate::key::Key;
use crate::kind::Kind;
use crate::measure::ActivityMinute;
use crate::moment::Moment;

const KEY: [u8; 16] = *b"0123456789@ABCDE";
/// 2026-06-21 18:00 at an offset of one hour.
const NOW: u64 = 1_782_061_200;

fn key() -> Option<Key> {
    Some(Key::new(KEY))
}

fn moment(seconds: u64) -> Moment {
    Moment::at(seconds, Offset::from_seconds(3600).unwrap()).unwrap()
}

/// Every characteristic of a band, with the properties that were measured on a Mi Band 4.
fn all() -> Vec<(Uuid, Uuid, &'static str)> {
    vec![
        (uuids::BAND, uuids::CURRENT_TIME, "rwn"),
        (uuids::BAND, uuids::CONFIGURATION, "cn"),
        (uuids::BAND, uuids::FETCH_CONTROL, "cn"),
        (uuids::BAND, uuids::FETCH_DATA, "n"),
        (uuids::BAND, uuids::BATTERY, "rn"),
        (uuids::BAND, uuids::STEPS, "rn"),
        (uuids::BAND, uuids::USER_SETTINGS, "wn"),
        (uuids::BAND, uuids::DEVICE_EVENT, "n"),
        (uuids::BAND, uuids::CHUNKED, "rcn"),
        (uuids::AUTHENTICATION_SERVICE, uuids::AUTHENTICATION, "rcn"),
        (uuids::HEART_RATE, uuids::HEART_RATE_MEASUREMENT, "n"),
        (uuids::HEART_RATE, uuids::HEART_RATE_CONTROL, "rw"),
        (uuids::INFORMATION, uuids::SERIAL_NUMBER, "r"),
        (uuids::INFORMATION, uuids::HARDWARE_REVISION, "r"),
        (uuids::INFORMATION, uuids::SOFTWARE_REVISION, "r"),
        (uuids::IMMEDIATE_ALERT, uuids::ALERT_LEVEL, "c"),
        (uuids::ALERTS, uuids::NEW_ALERT, "rw"),
    ]
}

fn gatt(without: &[Uuid]) -> Gatt {
    let characteristics = all()
        .into_iter()
        .filter(|(_, uuid, _)| !without.contains(uuid))
        .map(|(service, uuid, can)| Characteristic {
            service,
            uuid,
            properties: Properties {
                read: can.contains('r'),
                write: can.contains('w'),
                write_without_response: can.contains('c'),
                notify: can.contains('n'),
                indicate: false,
            },
        })
        .collect();
    Gatt {
        characteristics,
        mtu: 23,
    }
}

/// A driver, and a link that performs its operations when it is told to.
struct Played {
    driver: Band,
    gatt: Gatt,
    /// Operations without an answer.
    queue: VecDeque<Operation>,
    /// What was written, and how.
    written: Vec<(Uuid, Vec<u8>, WriteKind)>,
    subscribed: Vec<Uuid>,
    timers: Vec<(Timer, Duration)>,
    events: Vec<Event>,
    failed: Option<Failure>,
    /// What reads bring.
    values: Vec<(Uuid, Vec<u8>)>,
    next: u32,
}

impl Played {
    fn new(kind: Kind) -> Self {
        Self::without(kind, &[])
    }

    fn without(kind: Kind, without: &[Uuid]) -> Self {
        let mut this = Self::bare(kind, without);
        let gatt = this.gatt.clone();
        this.step(Input::Connected(gatt));
        this
    }

    /// One that isn't connected yet.
    fn bare(kind: Kind, without: &[Uuid]) -> Self {
        Self {
            driver: Band::new(kind).unwrap(),
            gatt: gatt(without),
            queue: VecDeque::new(),
            written: Vec::new(),
            subscribed: Vec::new(),
            timers: Vec::new(),
            events: Vec::new(),
            failed: None,
            values: vec![
                (uuids::SERIAL_NUMBER, b"0123456789ab".to_vec()),
                (uuids::HARDWARE_REVISION, b"V0.1.3.2".to_vec()),
                (uuids::SOFTWARE_REVISION, b"V1.0.1.81".to_vec()),
                (uuids::BATTERY, vec![0x0f, 48, 0]),
                (uuids::STEPS, vec![0x0c, 12, 0, 0, 0]),
            ],
            next: 0,
        }
    }

    /// A band that is ready.
    fn ready(kind: Kind) -> Self {
        Self::ready_without(kind, &[])
    }

    fn ready_without(kind: Kind, without: &[Uuid]) -> Self {
        let mut this = Self::without(kind, without);
        let id = this.open(Opening::Resume(key()));
        this.told(uuids::AUTHENTICATION, &[&[0x10, 0x02, 1], &[9; 16][..]].concat());
        this.told(uuids::AUTHENTICATION, &[0x10, 0x03, 1]);
        assert_eq!(this.outcome(id), Some(Ok(())));
        this.events.clear();
        this.written.clear();
        this
    }

    fn open(&mut self, opening: Opening) -> RequestId {
        let now = moment(NOW);
        self.request(Request::Open {
            opening,
            now,
            sets_clock: true,
        })
    }

    /// Asks, and has all operations that follow answered.
    fn request(&mut self, request: Request) -> RequestId {
        let id = self.ask(request);
        self.perform();
        id
    }

    /// Only asks.
    fn ask(&mut self, request: Request) -> RequestId {
        let id = RequestId(self.next);
        self.next += 1;
        self.step(Input::Request { id, request });
        id
    }

    fn told(&mut self, uuid: Uuid, value: &[u8]) {
        let from = self.characteristic(uuid);
        let value = value.to_vec();
        self.step(Input::Notified { from, value });
        self.perform();
    }

    fn elapse(&mut self, timer: Timer) -> Duration {
        let at = self.timers.iter().position(|(one, _)| *one == timer);
        let (_, after) = self.timers.remove(at.expect("the timer runs"));
        self.step(Input::Elapsed(timer));
        self.perform();
        after
    }

    fn runs(&self, timer: Timer) -> bool {
        self.timers.iter().any(|(one, _)| *one == timer)
    }

    fn characteristic(&self, uuid: Uuid) -> Characteristic {
        let mut all = self.gatt.characteristics.iter();
        *all.find(|one| one.uuid == uuid).expect("the band has it")
    }

    /// Answers every operation, well.
    fn perform(&mut self) {
        while let Some(operation) = self.queue.pop_front() {
            let value = match &operation {
                Operation::Read(from) => {
                    let known = self.values.iter().find(|(uuid, _)| *uuid == from.uuid);
                    known.map(|(_, value)| value.clone()).unwrap_or_default()
                }
                _ => Vec::new(),
            };
            let result = Ok(value);
            self.step(Input::Answered { operation, result });
        }
    }

    /// Answers the next operation with an error.
    fn refuse(&mut self, error: OperationError) {
        let operation = self.queue.pop_front().expect("an operation is under way");
        let result = Err(error);
        self.step(Input::Answered { operation, result });
    }

    fn step(&mut self, input: Input) {
        for output in self.driver.step(input) {
            match output {
                Output::Gatt(operation) => {
                    match &operation {
                        Operation::Write { to, kind, value } => {
                            assert!(value.len() <= self.gatt.payload(), "{operation:?}");
                            self.written.push((to.uuid, value.clone(), *kind));
                        }
                        Operation::Subscribe(from) => self.subscribed.push(from.uuid),
                        _ => {}
                    }
                    self.queue.push_back(operation);
                }
                Output::Wake(timer, after) => {
                    self.timers.retain(|(one, _)| *one != timer);
                    self.timers.push((timer, after));
                }
                Output::Sleep(timer) => self.timers.retain(|(one, _)| *one != timer),
                Output::Event(event) => self.events.push(event),
                Output::Fail(failure) => {
                    assert_eq!(self.failed.replace(failure), None, "a driver fails once");
                }
            }
        }
    }

    /// How a request ended; it must not have ended twice.
    fn outcome(&self, wanted: RequestId) -> Option<Result<(), Failure>> {
        let mut ends = self.events.iter().filter_map(|event| match event {
            Event::Finished { id, outcome } if *id == wanted => Some(*outcome),
            _ => None,
        });
        let first = ends.next();
        assert_eq!(ends.next(), None, "a request ends once");
        first
    }

    /// What was written to `uuid`.
    fn writes(&self, uuid: Uuid) -> Vec<Vec<u8>> {
        let all = self.written.iter().filter(|(to, _, _)| *to == uuid);
        all.map(|(_, value, _)| value.clone()).collect()
    }

    /// The transfers that were handed over.
    fn history(&self) -> Vec<ActivityMinute> {
        let all = self.events.iter().filter_map(|event| match event {
            Event::History(minutes) => Some(minutes.clone()),
            _ => None,
        });
        all.flatten().collect()
    }

    fn has(&self, event: &Event) -> bool {
        self.events.contains(event)
    }
}
