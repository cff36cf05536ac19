//! A state that is led from event to event.

use std::time::Duration;

use belay_drivers::{Event as Told, Failure, Key, Kind, Moment, RequestId};
use belay_proto::id::{AccessoryId, AccountId};
use jiff::tz::Offset;

use super::super::*;
use crate::accessory::ports::{LinkEnd, Order, Report};

pub const NOW: u64 = 1_790_000_000;

pub struct Rig {
    pub state: State,
    /// What the last event had done.
    pub effects: Vec<Effect>,
    /// When it happens.
    pub at: At,
    /// What has to come before a connection is done at once.
    pub prepares: bool,
    asked: u64,
}

pub fn at() -> At {
    At {
        boot: Duration::from_secs(1000),
        wall: Moment::at(NOW, Offset::UTC).unwrap(),
        dice: u16::MAX,
        seen: Seen::default(),
    }
}

pub fn sighting(kind: Kind, address: u8) -> Sighting {
    Sighting {
        fresh: AccessoryId::from_bytes([address; 16]),
        address: Address([0xc8, 0, 0, 0, 0, address]),
        kind,
        need: kind.key_need(),
        name: "band".into(),
        rssi: Some(-60),
        bonded: false,
    }
}

pub fn saved(kind: Kind, address: u8) -> Saved {
    Saved {
        id: AccessoryId::from_bytes([address; 16]),
        kind,
        address: Address([0xc8, 0, 0, 0, 0, address]),
        name: "band".into(),
        serial: String::new(),
        key: Some(Key::new([9; 16])),
        synced_to: 0,
        synced_at: 0,
    }
}

pub const ACCOUNT: AccountId = AccountId::from_bytes([1; 16]);

impl Rig {
    /// A device of an account, with an adapter that is on, and these paired accessories.
    pub fn new(accessories: Vec<Saved>) -> Self {
        let mut rig = Self::at(at());
        rig.power(true);
        rig.happens(What::Account(Some((ACCOUNT, accessories))));
        rig
    }

    /// Nobody's device.
    pub fn at(at: At) -> Self {
        Self {
            state: State::default(),
            effects: Vec::new(),
            at,
            prepares: true,
            asked: 0,
        }
    }

    pub fn passes(&mut self, seconds: u64) {
        self.at.boot += Duration::from_secs(seconds);
        let wall = self.at.wall.epoch().unwrap() + seconds;
        self.at.wall = Moment::at(wall, self.at.wall.offset).unwrap();
    }

    pub fn power(&mut self, powered: bool) {
        let available = true;
        self.happens(What::Adapter(AdapterView {
            available,
            powered,
            without_id: false,
        }));
    }

    pub fn happens(&mut self, what: What) -> &[Effect] {
        self.effects = self.step(what);
        for prepared in self.preparations() {
            let more = self.step(prepared);
            self.effects.extend(more);
        }
        &self.effects
    }

    fn step(&mut self, what: What) -> Vec<Effect> {
        let (state, effects) = step(&self.state, Event { at: self.at, what });
        self.state = state;
        effects
    }

    /// The answers to what the last step wants done before a connection.
    fn preparations(&self) -> Vec<What> {
        let effects = self.effects.iter().filter(|_| self.prepares);
        let done = effects.filter_map(|effect| match effect {
            Effect::BeginPending(id, session, ..) => {
                Some(What::Prepared(*id, *session, Preparation::Key, Ok(())))
            }
            Effect::Unbond(id, Some(session), _) => {
                Some(What::Prepared(*id, *session, Preparation::Bond, Ok(())))
            }
            _ => None,
        });
        done.collect()
    }

    /// The opening that the last step connects with.
    pub fn opening(&self) -> Option<Opening> {
        self.effects.iter().find_map(|effect| match effect {
            Effect::Connect { opening, .. } => Some(opening.clone()),
            _ => None,
        })
    }

    /// Connects, and the opening ends so.
    pub fn fails(&mut self, session: (AccessoryId, SessionId), failure: Failure) {
        self.reports(session, Report::Connected);
        let (open, _) = self.requests().remove(0);
        self.finishes(session, open, Err(failure));
    }

    pub fn ask(&mut self, question: Question) -> Asker {
        self.asked += 1;
        let asker = Asker(self.asked);
        self.happens(What::Asked(asker, question));
        asker
    }

    /// What the asker was answered in the last step.
    pub fn answer(&self, asker: Asker) -> Option<Result<Answer, AccessoryError>> {
        self.effects.iter().find_map(|effect| match effect {
            Effect::Answer(whose, answer) if *whose == asker => Some(*answer),
            _ => None,
        })
    }

    /// The connection that the last step began.
    pub fn session(&self) -> Option<(AccessoryId, SessionId)> {
        self.effects.iter().find_map(|effect| match effect {
            Effect::Connect { id, session, .. } => Some((*id, *session)),
            _ => None,
        })
    }

    /// The requests that the last step sent.
    pub fn requests(&self) -> Vec<(RequestId, belay_drivers::Request)> {
        let request = |effect: &Effect| match effect {
            Effect::Order(_, Order::Request(id, request)) => Some((*id, request.clone())),
            _ => None,
        };
        self.effects.iter().filter_map(request).collect()
    }

    pub fn reports(&mut self, session: (AccessoryId, SessionId), report: Report) {
        self.happens(What::Reported(session.0, session.1, report));
    }

    pub fn tells(&mut self, session: (AccessoryId, SessionId), event: Told) {
        self.reports(session, Report::Event(event));
    }

    pub fn finishes(
        &mut self,
        session: (AccessoryId, SessionId),
        id: RequestId,
        outcome: Result<(), Failure>,
    ) {
        self.tells(session, Told::Finished { id, outcome });
    }

    pub fn ends(&mut self, session: (AccessoryId, SessionId), end: LinkEnd) {
        self.reports(session, Report::Ended(end));
    }

    /// Connects and opens; answers the fetch that begins by itself.
    pub fn opens(&mut self, session: (AccessoryId, SessionId)) -> Option<RequestId> {
        self.reports(session, Report::Connected);
        let (open, _) = self.requests().remove(0);
        self.finishes(session, open, Ok(()));
        self.requests().first().map(|(id, _)| *id)
    }

    pub fn one(&self, id: AccessoryId) -> &Accessory {
        &self.state.accessories[&id]
    }

    /// The wait that the last step asked for before the next try.
    pub fn retry(&self) -> Option<Duration> {
        self.effects.iter().find_map(|effect| match effect {
            Effect::Wake(TimerOf::Retry(_), wait) => Some(*wait),
            _ => None,
        })
    }
}
