//! One accessory's connection: what it was asked, and what it reports.

use std::collections::BTreeMap;
use std::time::Duration;

use belay_drivers::{Moment, Opening, Request};
use belay_proto::id::AccessoryId;

use super::super::error::AccessoryError;
use super::super::ports::Order;
use super::clock::{Belief, SetClock};
use super::event::{Errand, order};
use super::pairing::Pairing;
use super::{Accessory, Answer, Asker, At, Effect, SessionId, TimerOf};

/// A connection that is made or up.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Connection {
    pub(super) session: SessionId,
    pub(super) stage: Stage,
    pub(super) opening: Opening,
    /// It pairs.
    pub(super) pairing: Option<Pairing>,
    /// BlueZ holds a bond with the accessory.
    pub(super) bonded: bool,
    /// When it was ready, boot time.
    pub(super) ready_at: Option<Duration>,
    /// Who waits for it to be ready.
    pub(super) waiting: Vec<Asker>,
    pub(super) errands: BTreeMap<u32, Errand>,
    next: u32,
    pub(super) fetch: Option<Fetch>,
    /// The answer to the heart rate that was asked for.
    pub(super) heart_rate: Option<u16>,
    /// When a heart rate that nobody asked for was last kept, seconds since the epoch.
    pub(super) kept_at: u64,
    /// What its clock was set to.
    pub(super) clock: Option<SetClock>,
    /// How often in a row it couldn't be set.
    pub(super) clock_failures: u32,
    /// The last fetch had the accessory forget nothing.
    pub(super) held_back: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Something has to be done before the accessory hears of it.
    Preparing,
    Connecting,
    Opening,
    AwaitingConfirmation,
    /// Paired, and on its way to the disk.
    Saving,
    Ready,
}

/// A fetch that runs.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fetch {
    pub(super) askers: Vec<Asker>,
    pub(super) new: u64,
    /// The last minute of the transfer that is on its way to the disk, seconds since the epoch.
    pub(super) reaches: Option<u64>,
    /// The accessory forgets what is stored: the clock by which it was fetched is right.
    pub(super) forgets: bool,
    /// What the phone's clock showed when it began, seconds since the epoch.
    pub(super) began: u64,
    /// The transfer couldn't be stored: the accessory keeps it.
    pub(super) failed: Option<AccessoryError>,
}

impl Connection {
    /// One that is to be made.
    pub(super) fn new(session: SessionId, opening: Opening, pairing: Option<Pairing>) -> Self {
        Self {
            session,
            stage: Stage::Preparing,
            opening,
            pairing,
            bonded: false,
            ready_at: None,
            waiting: Vec::new(),
            errands: BTreeMap::new(),
            next: 0,
            fetch: None,
            heart_rate: None,
            kept_at: 0,
            clock: None,
            clock_failures: 0,
            held_back: false,
        }
    }

    pub(super) fn state(&self) -> &'static str {
        let pairing = self.pairing.is_some();
        match self.stage {
            Stage::Preparing | Stage::Connecting => "connecting",
            Stage::AwaitingConfirmation => "awaiting-confirmation",
            Stage::Opening | Stage::Saving if pairing => "pairing",
            Stage::Opening | Stage::Saving => "connecting",
            Stage::Ready if self.fetch.is_some() => "syncing",
            Stage::Ready => "connected",
        }
    }

    pub(super) fn is_ready(&self) -> bool {
        self.stage == Stage::Ready
    }

    pub(super) fn is_pairing(&self) -> bool {
        self.pairing.is_some() && self.stage != Stage::Ready
    }

    /// Its clock is being set.
    pub(super) fn sets_clock(&self) -> bool {
        self.errands.values().any(|errand| *errand == Errand::Clock)
    }

    /// Tells everybody who waits for something.
    pub(super) fn fail_all(self, why: AccessoryError, effects: &mut Vec<Effect>) {
        let errands = self.errands.into_values().filter_map(|errand| errand.asker());
        let fetch = self.fetch.into_iter().flat_map(|fetch| fetch.askers);
        for asker in self.waiting.into_iter().chain(errands).chain(fetch) {
            effects.push(Effect::Answer(asker, Err(why)));
        }
    }

    pub(super) fn request(
        &mut self,
        id: AccessoryId,
        errand: Errand,
        request: Request,
        effects: &mut Vec<Effect>,
    ) {
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        self.errands.insert(number, errand);
        effects.push(Effect::Order(id, order(number, request)));
    }
}

impl Accessory {
    /// Begins a connection.
    pub(super) fn connect(
        &mut self,
        id: AccessoryId,
        session: SessionId,
        opening: Opening,
        effects: &mut Vec<Effect>,
    ) {
        self.connection = Some(Connection::new(session, opening, None));
        self.go_on(id, effects);
    }

    /// Somebody waits for the connection to be ready.
    pub(super) fn await_ready(&mut self, asker: Asker, effects: &mut Vec<Effect>) {
        match &mut self.connection {
            Some(connection) if connection.is_ready() => {
                effects.push(Effect::Answer(asker, Ok(Answer::Done)));
            }
            Some(connection) => connection.waiting.push(asker),
            None => effects.push(Effect::Answer(asker, Err(AccessoryError::Unreachable))),
        }
    }

    /// Asks the connection; `None`: it isn't ready.
    pub(super) fn ask(
        &mut self,
        id: AccessoryId,
        asker: Asker,
        request: Request,
        effects: &mut Vec<Effect>,
    ) -> Option<()> {
        let connection = self.connection.as_mut().filter(|one| one.is_ready())?;
        let errand = if request == Request::MeasureHeartRate {
            connection.heart_rate = None;
            Errand::HeartRate(asker)
        } else {
            Errand::Other(asker)
        };
        connection.request(id, errand, request, effects);
        Some(())
    }

    /// Asks without anybody waiting.
    pub(super) fn tell(&mut self, id: AccessoryId, request: Request, effects: &mut Vec<Effect>) {
        if let Some(connection) = self.connection.as_mut().filter(|one| one.is_ready()) {
            connection.request(id, Errand::Nobody, request, effects);
        }
    }

    /// Has it measure without pause, or end that.
    pub(super) fn follow_heart(&mut self, id: AccessoryId, on: bool, effects: &mut Vec<Effect>) {
        self.tell(id, Request::FollowHeartRate(on), effects);
    }

    /// Fetches the history, or joins the fetch that runs.
    pub(super) fn fetch(
        &mut self,
        id: AccessoryId,
        asker: Option<Asker>,
        at: &At,
        effects: &mut Vec<Effect>,
    ) {
        let synced_to = self.paired.as_ref().map_or(0, |paired| paired.synced_to);
        let now = self.clock_shows(at);
        let forgets = at.belief() == Belief::Right;
        let Some(connection) = self.connection.as_mut().filter(|one| one.is_ready()) else {
            if let Some(asker) = asker {
                effects.push(Effect::Answer(asker, Err(AccessoryError::Unreachable)));
            }
            return;
        };
        if let Some(fetch) = &mut connection.fetch {
            fetch.askers.extend(asker);
            return;
        }
        connection.fetch = Some(Fetch {
            askers: asker.into_iter().collect(),
            new: 0,
            reaches: None,
            forgets,
            began: now.epoch().unwrap_or(0),
            failed: None,
        });
        connection.held_back = !forgets;
        let since = (synced_to > 0)
            .then(|| Moment::at(synced_to, now.offset))
            .flatten();
        let request = Request::Fetch { since, now, forgets };
        connection.request(id, Errand::Fetch, request, effects);
        self.progress = (0, 0);
    }

    /// Whoever asked is gone: what runs for them alone ends.
    pub(super) fn asker_left(&mut self, id: AccessoryId, asker: Asker, effects: &mut Vec<Effect>) {
        self.records.left(asker);
        self.trial_left(id, asker, effects);
        let Some(connection) = &mut self.connection else {
            return;
        };
        let waited = connection.waiting.contains(&asker);
        connection.waiting.retain(|one| *one != asker);
        if let Some(fetch) = &mut connection.fetch {
            fetch.askers.retain(|one| *one != asker);
        }
        let theirs = |errand: &Errand| errand.asker() == Some(asker);
        for (number, errand) in &mut connection.errands {
            if theirs(errand) {
                // A measurement can be ended; an alert or a setting is done anyway.
                if matches!(errand, Errand::HeartRate(_)) {
                    let request = belay_drivers::RequestId(*number);
                    effects.push(Effect::Order(id, Order::Cancel(request)));
                }
                *errand = Errand::Nobody;
            }
        }
        if connection.is_pairing() && waited && connection.waiting.is_empty() {
            self.end_connection(id, AccessoryError::Cancelled, effects);
        }
    }

    /// Ends the connection.
    pub(super) fn end_connection(&mut self, id: AccessoryId, why: AccessoryError, effects: &mut Vec<Effect>) {
        if let Some(connection) = self.connection.take() {
            if let Some(pairing) = connection.pairing.as_ref().filter(|_| self.paired.is_some()) {
                self.problem = pairing.before;
            }
            connection.fail_all(why, effects);
            effects.push(Effect::Close(id));
        }
        self.records.fail(why, effects);
        if self.paired.is_none() {
            effects.push(Effect::Wake(TimerOf::Leaving(id), super::STAYS));
        }
    }
}
