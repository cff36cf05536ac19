//! An accessory for tests of drivers: it performs what a driver puts out and keeps what came of it.

use std::collections::{HashMap, HashSet, VecDeque};

use jiff::tz::Offset;
use uuid::Uuid;

use crate::driver::{Driver, Event, Failure, Input, Opening, Output, Request, RequestId, Timer};
use crate::gatt::{Characteristic, Gatt, Operation, OperationError, Properties};
use crate::moment::Moment;

/// 2026-03-29T02:30:15+03:00.
pub(crate) fn now() -> Moment {
    Moment::at(1_774_740_615, Offset::from_seconds(10_800).unwrap()).unwrap()
}

/// A characteristic with everything that a letter of `properties` names: `r`, `w`, `c` (write command), `n`, `i`.
pub(crate) fn characteristic(service: Uuid, uuid: Uuid, properties: &str) -> Characteristic {
    let has = |letter| properties.contains(letter);
    let properties = Properties {
        read: has('r'),
        write: has('w'),
        write_without_response: has('c'),
        notify: has('n'),
        indicate: has('i'),
    };
    Characteristic {
        service,
        uuid,
        properties,
    }
}

/// A connected accessory and its driver.
pub(crate) struct Bench<D> {
    driver: D,
    gatt: Gatt,
    /// What reads answer.
    pub(crate) values: HashMap<Uuid, Vec<u8>>,
    /// What is refused.
    pub(crate) refused: HashSet<Uuid>,
    /// Everything that the domain was told.
    pub(crate) events: Vec<Event>,
    /// Everything that was written.
    pub(crate) written: Vec<(Uuid, Vec<u8>)>,
    /// What sends.
    pub(crate) subscribed: HashSet<Uuid>,
    /// The timers that run.
    pub(crate) timers: HashSet<Timer>,
    pub(crate) failed: Option<Failure>,
}

impl<D: Driver> Bench<D> {
    pub(crate) fn new(driver: D, characteristics: Vec<Characteristic>) -> Self {
        Self {
            driver,
            gatt: Gatt {
                characteristics,
                mtu: 247,
            },
            values: HashMap::new(),
            refused: HashSet::new(),
            events: Vec::new(),
            written: Vec::new(),
            subscribed: HashSet::new(),
            timers: HashSet::new(),
            failed: None,
        }
    }

    /// Gives the driver an input, and performs all that follows from it.
    pub(crate) fn step(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            for output in self.driver.step(input) {
                match output {
                    Output::Gatt(operation) => {
                        let result = self.perform(&operation);
                        inputs.push_back(Input::Answered { operation, result });
                    }
                    Output::Wake(timer, _) => drop(self.timers.insert(timer)),
                    Output::Sleep(timer) => drop(self.timers.remove(&timer)),
                    Output::Event(event) => self.events.push(event),
                    Output::Fail(failure) => self.failed = Some(failure),
                }
            }
        }
    }

    fn perform(&mut self, operation: &Operation) -> Result<Vec<u8>, OperationError> {
        let uuid = operation.characteristic().uuid;
        if self.refused.contains(&uuid) {
            return Err(OperationError::Refused);
        }
        match operation {
            Operation::Read(_) => return Ok(self.values.get(&uuid).cloned().unwrap_or_default()),
            Operation::Write { value, .. } => self.written.push((uuid, value.clone())),
            Operation::Subscribe(_) => drop(self.subscribed.insert(uuid)),
            Operation::Unsubscribe(_) => drop(self.subscribed.remove(&uuid)),
        }
        Ok(Vec::new())
    }

    pub(crate) fn connect(&mut self) {
        self.step(Input::Connected(self.gatt.clone()));
    }

    /// Connects and opens, as request 0.
    pub(crate) fn open(&mut self) {
        self.connect();
        let opening = Opening::Resume(None);
        self.request(
            0,
            Request::Open {
                opening,
                now: now(),
                sets_clock: true,
            },
        );
    }

    pub(crate) fn request(&mut self, id: u32, request: Request) {
        let id = RequestId(id);
        self.step(Input::Request { id, request });
    }

    pub(crate) fn notify(&mut self, uuid: Uuid, value: &[u8]) {
        let mut all = self.gatt.characteristics.iter();
        let from = *all.find(|one| one.uuid == uuid).unwrap();
        let value = value.to_vec();
        self.step(Input::Notified { from, value });
    }

    /// How the request ended; `None`: it runs. It must not have ended twice.
    pub(crate) fn outcome(&self, id: u32) -> Option<Result<(), Failure>> {
        let mut ends = self.events.iter().filter_map(|event| match event {
            Event::Finished {
                id: RequestId(one),
                outcome,
            } if *one == id => Some(*outcome),
            _ => None,
        });
        let end = ends.next();
        assert_eq!(ends.next(), None, "request {id} ended twice");
        end
    }
}
