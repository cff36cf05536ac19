//! What the fuzz targets share: a link and an accessory that do anything to a driver, and a collection's keys.

#![forbid(unsafe_code)]

/// Whether a gateway's message is its, and what it proves, by the cloud's own source, as below.
#[path = "../../../cloud/src/inbound_sms/message.rs"]
pub mod inbound_sms;
/// How the cloud reads a body of JSON.
#[path = "../../../cloud/src/http/json.rs"]
pub mod json;
/// How belayd reads a refusal, by its own source: as a dependency the daemon would bring all that it is made of.
#[path = "../../../daemon/src/cloud/problem.rs"]
pub mod problem;
/// How belayd reads when to come again.
#[path = "../../../daemon/src/cloud/retry.rs"]
pub mod retry;

use std::collections::HashMap;

use arbitrary::{Arbitrary, Unstructured};
use belay_drivers::alert::AlertKind;
use belay_drivers::settings::{ClockFormat, Sex, Units, Wearer, Wrist};
use belay_drivers::{
    Alert, Characteristic, Entropy, Event, Gatt, Input, Key, Kind, Moment, Opening, Operation,
    OperationError, Output, Properties, Request, RequestId, Settings, Setup, Timer, driver,
};
use belay_proto::AccountId;
use belay_proto::Secret;
use belay_proto::signed::EpochKeys;
use belay_proto::sync::CollectionKeys;
use uuid::Uuid;

/// The operations a driver may have put out and not been answered yet: what it keeps is bounded.
const MOST_UNDER_WAY: usize = 256;
/// The minutes and measurements that one transfer may bring: over a year of them.
const MOST_IN_A_TRANSFER: usize = 600_000;

/// What is done to a driver.
#[derive(Arbitrary, Debug)]
pub enum Deed {
    /// A notification.
    Notify(u8, Vec<u8>),
    /// The oldest operation is answered.
    Answer(Vec<u8>),
    /// The oldest operation fails.
    Fail(u8),
    /// A timer runs out, whether it was set or not.
    Elapse(u8),
    /// Something is asked.
    Ask(u8, String),
    /// What came is on disk.
    Commit,
    /// A request is to end.
    Cancel(u8),
}

/// Drives the driver of `kind` over `gatt` through everything that `data` says, and a lost connection.
///
/// # Panics
/// When a request doesn't end exactly once, a write is longer than the link takes, or something piles up.
pub fn converse(kind: Kind, gatt: &Gatt, data: &[u8]) {
    let mut unstructured = Unstructured::new(data);
    let mut setup = Setup::default();
    setup.entropy = Entropy::new([0x42; 24]);
    let Some(mut driver) = driver(kind, &setup) else {
        return;
    };
    let mut conversation = Conversation::default();
    conversation.note(gatt, driver.step(Input::Connected(gatt.clone())));
    // Most of what a driver does comes after its opening.
    conversation.asked += 1;
    let open = Input::Request {
        id: RequestId(0),
        request: request(0, ""),
    };
    conversation.note(gatt, driver.step(open));
    while let Ok(deed) = Deed::arbitrary(&mut unstructured) {
        if unstructured.is_empty() {
            break;
        }
        if let Some(input) = conversation.input(gatt, deed) {
            conversation.note(gatt, driver.step(input));
        }
    }
    conversation.note(gatt, driver.step(Input::Disconnected));
    for id in 0..conversation.asked {
        assert_eq!(conversation.ended.get(&id), Some(&1), "request {id}");
    }
}

#[derive(Default)]
struct Conversation {
    under_way: std::collections::VecDeque<Operation>,
    ended: HashMap<u32, usize>,
    asked: u32,
}

impl Conversation {
    fn input(&mut self, gatt: &Gatt, deed: Deed) -> Option<Input> {
        Some(match deed {
            Deed::Notify(from, value) => Input::Notified {
                from: gatt.characteristics[usize::from(from) % gatt.characteristics.len()],
                value,
            },
            Deed::Answer(value) => Input::Answered {
                operation: self.under_way.pop_front()?,
                result: Ok(value),
            },
            Deed::Fail(how) => Input::Answered {
                operation: self.under_way.pop_front()?,
                result: Err(match how % 3 {
                    0 => OperationError::Refused,
                    1 => OperationError::TimedOut,
                    _ => OperationError::Lost,
                }),
            },
            Deed::Elapse(timer) => Input::Elapsed(Timer(timer % 8)),
            Deed::Ask(what, text) => {
                let id = RequestId(self.asked);
                self.asked += 1;
                Input::Request {
                    id,
                    request: request(what, &text),
                }
            }
            Deed::Commit => Input::Committed,
            Deed::Cancel(id) => Input::Cancel(RequestId(u32::from(id))),
        })
    }

    fn note(&mut self, gatt: &Gatt, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Gatt(operation) => {
                    if let Operation::Write { value, .. } = &operation {
                        assert!(value.len() <= gatt.payload(), "{operation:?}");
                    }
                    self.under_way.push_back(operation);
                }
                Output::Event(Event::Finished { id, .. }) => *self.ended.entry(id.0).or_default() += 1,
                Output::Event(Event::History(minutes)) => assert!(minutes.len() <= MOST_IN_A_TRANSFER),
                Output::Event(Event::Readings(readings)) => assert!(readings.len() <= MOST_IN_A_TRANSFER),
                _ => {}
            }
        }
        assert!(self.under_way.len() <= MOST_UNDER_WAY, "operations pile up");
    }
}

fn request(what: u8, text: &str) -> Request {
    let now = now();
    let key = || Key::from_slice(&[0x42; 16]).ok();
    match what % 15 {
        0 => Request::Open {
            opening: Opening::Pair(key()),
            now,
            sets_clock: true,
        },
        1 => Request::Open {
            opening: Opening::Claim(key()),
            now,
            sets_clock: true,
        },
        2 => Request::Open {
            opening: Opening::Resume(key()),
            now,
            sets_clock: true,
        },
        3 => Request::SetTime(now),
        4 => Request::Fetch {
            since: None,
            now,
            forgets: true,
        },
        5 => Request::Fetch {
            since: earlier(now),
            now,
            forgets: true,
        },
        6 => Request::MeasureHeartRate,
        7 => Request::FollowHeartRate(what < 128),
        8 => Request::Alert(Alert::Find),
        9 => Request::Alert(Alert::Message {
            title: text.to_owned(),
            body: text.to_owned(),
        }),
        10 => Request::Alert(Alert::Call {
            caller: text.to_owned(),
        }),
        11 => Request::StopAlert(AlertKind::Find),
        12 => Request::PhoneFound,
        13 => Request::Settings(settings()),
        _ => Request::Forget,
    }
}

fn settings() -> Settings {
    Settings {
        step_goal: Some(9000),
        wearer: Some(Wearer {
            birth: jiff::civil::date(1990, 2, 28),
            height: 180,
            weight: 80,
            sex: Sex::Other,
            id: 7,
        }),
        wrist: Some(Wrist::Left),
        clock: Some(ClockFormat::Twelve),
        units: Some(Units::Metric),
    }
}

/// What every clock shows.
pub fn now() -> Moment {
    let civil = jiff::civil::date(2026, 3, 28).at(23, 30, 15, 0);
    Moment {
        civil,
        offset: jiff::tz::Offset::UTC,
    }
}

fn earlier(now: Moment) -> Option<Moment> {
    Moment::at(now.epoch()?.checked_sub(3 * 24 * 3600)?, now.offset)
}

/// An accessory with these characteristics, each of which can do everything.
pub fn gatt(all: &[(Uuid, Uuid)], mtu: u16) -> Gatt {
    let properties = Properties {
        read: true,
        write: true,
        write_without_response: true,
        notify: true,
        indicate: true,
    };
    let characteristic = |&(service, uuid): &(Uuid, Uuid)| Characteristic {
        service,
        uuid,
        properties,
    };
    Gatt {
        characteristics: all.iter().map(characteristic).collect(),
        mtu,
    }
}

/// The key of epoch 1 of [`collection_keys`].
pub fn collection_key() -> Secret<[u8; 32]> {
    Secret::new([1; 32])
}

/// A collection's keys, the same each time.
pub fn collection_keys() -> Option<CollectionKeys> {
    let keys = EpochKeys::new(vec![(1, collection_key())]).ok()?;
    let account = AccountId::from_bytes([9; 16]);
    Some(CollectionKeys::new(
        account,
        "contacts".to_owned(),
        keys,
        Secret::new([3; 32]),
    ))
}
