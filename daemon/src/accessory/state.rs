//! What becomes of the accessories: pure.
//!
//! After each event [`State`] is brought in line with itself (`settle`): whether to scan, whom to
//! listen to and whom to connect follow from what is known, not from what happened last.

mod asking;
mod clock;
mod connection;
mod discovery;
mod early;
mod event;
mod pairing;
mod registry;
mod reports;
mod trial;
mod wishes;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use belay_drivers::{Address, Key, KeyNeed, Kind, Opening, Reading};
use belay_proto::id::{AccessoryId, AccountId};
use jiff::tz::Offset;

use super::error::AccessoryError;
use super::model::{Saved, Wishes};
use super::ports::AdapterView;
use clock::Clock;
pub use clock::Seen;
use connection::Connection;
use discovery::Discovery;
pub use event::{Answer, Asker, At, Effect, Event, Question, SessionId, Sighting, TimerOf, What};
pub use pairing::Preparation;
use trial::Trial;
pub(super) use wishes::{Records, Wishing};

/// The first wait after a connection that failed; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_secs(8);
/// The longest.
const LONGEST_WAIT: Duration = Duration::from_secs(64);
/// A link that breaks so shortly before the radio is off broke for that.
const AT_ONCE: Duration = Duration::from_secs(10);
/// How long an unpaired accessory stays after it was last heard.
const STAYS: Duration = Duration::from_secs(60);
/// The most devices that aren't paired: a room full of sensors, or a hostile transmitter that makes addresses up.
const MOST_STRANGERS: usize = 64;

/// Everything that is known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// Whose the device is.
    pub account: Option<AccountId>,
    /// The adapter.
    pub adapter: AdapterView,
    /// The accessories, paired or just heard.
    pub accessories: BTreeMap<AccessoryId, Accessory>,
    discoveries: BTreeMap<Asker, Discovery>,
    /// What the radio was last told.
    scanning: Option<bool>,
    listening: BTreeSet<AccessoryId>,
    /// A scan has failed: nobody is listened to before its timer has run out, or the adapter came.
    resting: bool,
    sessions: u64,
    /// Keys that accessories at these addresses may hold: they were given one, and it isn't known what came of it.
    pending: BTreeMap<Address, Key>,
    /// How far sensors have counted.
    counters: BTreeMap<AccessoryId, u32>,
    clock: Clock,
}

/// One accessory.
#[derive(Clone, Debug, PartialEq)]
pub struct Accessory {
    /// Its address.
    pub address: Address,
    /// Which it is.
    pub kind: Kind,
    /// The key it wants.
    pub need: KeyNeed,
    /// The name it advertises.
    pub name: String,
    /// dBm; 127: not known, as in BlueZ.
    pub rssi: i16,
    /// BlueZ holds a bond with it.
    pub bonded: bool,
    /// What belongs to a paired one.
    pub paired: Option<Paired>,
    /// Its connection, from the first try on.
    pub(super) connection: Option<Connection>,
    /// What its clock is ahead of UTC, where it doesn't say so itself; `None`: not known yet.
    clock_offset: Option<Offset>,
    /// Who waits for it to be on disk, where there is no connection to wait for.
    adopting: Vec<Asker>,
    /// What the disk has of it, while something else is on its way there.
    before: Option<Paired>,
    /// Another key is tried.
    trial: Option<Trial>,
    /// When it was last heard, boot time.
    heard_at: Option<Duration>,
    /// How often in a row no connection came about.
    pub(super) failures: u32,
    /// A retry waits.
    pub(super) waiting: bool,
    /// Somebody had it disconnected: it isn't connected by itself.
    pub held: bool,
    /// When its link broke by itself, boot time; `None`: it is up, or ended otherwise.
    pub(super) lost_at: Option<Duration>,
    /// What its owner has switched on.
    pub wishes: Wishes,
    /// What is being switched on or off.
    pub(super) wishing: Wishing,
    /// The records that it keeps are to be fetched.
    pub(super) records: Records,
    /// What is wrong.
    pub problem: Option<AccessoryError>,
    /// Percent.
    pub battery: Option<u8>,
    /// Whether it charges.
    pub charging: bool,
    /// Its serial number, as it says.
    pub serial: String,
    /// As it says.
    pub firmware: String,
    /// Records done and in all, of the fetch that runs or the last one.
    pub progress: (u64, u64),
    /// The newest reading of each quantity, with its time in seconds since the epoch.
    pub latest: Vec<(u64, Reading)>,
    /// What it told before it was itself on disk.
    early: early::Early,
}

/// What belongs to a paired accessory.
#[derive(Clone, Debug, PartialEq)]
pub struct Paired {
    /// Its key.
    pub key: Option<Key>,
    /// Its serial number.
    pub serial: String,
    /// The last minute of its history that is stored.
    pub synced_to: u64,
    /// When a sync last ended.
    pub synced_at: u64,
}

/// One step: what is known after `event`, and what is to be done.
#[must_use]
pub fn step(state: &State, event: Event) -> (State, Vec<Effect>) {
    let mut next = state.clone();
    let mut effects = Vec::new();
    let at = next.seen(event.at);
    next.settle_marks(&at, &mut effects);
    match event.what {
        What::Recalled { pending, counters } => (next.pending, next.counters) = (pending, counters),
        What::Account(account) => next.account_changed(account, &mut effects),
        What::Wishes(all) => next.wished(&all, &mut effects),
        What::WishesStored(id, asker, wishes, outcome) => {
            next.wishes_stored(id, asker, wishes, outcome, &mut effects);
        }
        What::Adapter(adapter) => next.adapter_changed(adapter, &at, &mut effects),
        What::Timekeeping(kept) => next.clock.kept(kept),
        What::ClockSet => {}
        What::Heard(sighting) => next.heard(sighting, &at, &mut effects),
        What::Measured {
            id,
            readings,
            counter,
        } => next.measured(id, &at, (readings, counter), &mut effects),
        What::Tried(id, outcome) => next.tried(id, outcome, &mut effects),
        What::Prepared(id, session, what, outcome) => {
            next.prepared(id, session, what, outcome, &mut effects);
        }
        What::Unheard(id, error) => next.unheard(id, error),
        What::ScanFailed(error) => next.scan_failed(error.into(), &at, &mut effects),
        What::Elapsed(timer) => next.elapsed(timer, &mut effects),
        What::Asked(asker, question) => next.asked(asker, question, &at, &mut effects),
        What::Left(asker) => next.left(asker, &mut effects),
        What::Reported(id, session, report) => next.reported(id, session, report, &at, &mut effects),
        What::Stored(id, session, outcome) => next.stored(id, session, outcome, &at, &mut effects),
        What::Saved(id, outcome) => next.saved(id, outcome, &at, &mut effects),
        What::Removed(id, asker, outcome) => next.removed(id, asker, outcome, &mut effects),
        What::Registered(saved) => next.registered(saved, &mut effects),
        What::Unregistered(id) => next.unregistered(id, &mut effects),
    }
    // What happened may have told of the clock, or brought a mark of an earlier one.
    let at = next.seen(at);
    next.settle_marks(&at, &mut effects);
    next.settle_clocks(&at, &mut effects);
    next.settle(&at, &mut effects);
    (next, effects)
}

impl State {
    /// A binding begins or ends, or the accessories were read again.
    fn account_changed(&mut self, account: Option<(AccountId, Vec<Saved>)>, effects: &mut Vec<Effect>) {
        let id = account.as_ref().map(|(id, _)| *id);
        if id != self.account {
            // Another owner begins with nothing of the last one's: no connection, no key.
            for (id, accessory) in std::mem::take(&mut self.accessories) {
                accessory.leave(id, AccessoryError::NotBound, effects);
            }
            self.account = id;
        }
        if id.is_none() {
            (self.pending, self.counters) = Default::default();
        }
        for saved in account.map(|(_, saved)| saved).unwrap_or_default() {
            self.know(saved, effects);
        }
    }

    fn adapter_changed(&mut self, adapter: AdapterView, at: &At, effects: &mut Vec<Effect>) {
        let came = adapter.powered && !self.adapter.powered;
        self.adapter = adapter;
        if came && std::mem::take(&mut self.resting) {
            effects.push(Effect::Sleep(TimerOf::Listening));
        }
        for (id, one) in &mut self.accessories {
            // Its link broke because the radio was switched off, which is told a moment later.
            let at_once = |lost: Duration| at.boot.saturating_sub(lost) < AT_ONCE;
            if !adapter.powered && one.lost_at.is_some_and(at_once) {
                one.lost_at = None;
            }
            if came && one.waiting {
                // Whoever switched the radio on wants to see the band connect, not wait for its turn.
                one.waiting = false;
                one.failures = 0;
                effects.push(Effect::Sleep(TimerOf::Retry(*id)));
            }
            let adapters = one.problem.is_some_and(AccessoryError::is_the_adapters);
            if adapter.powered && adapters {
                one.problem = None;
            }
        }
    }

    fn elapsed(&mut self, timer: TimerOf, effects: &mut Vec<Effect>) {
        match timer {
            TimerOf::Listening => self.resting = false,
            TimerOf::Clock => self.clock.elapsed(),
            TimerOf::Discovery(asker) => self.end_discovery(asker, effects),
            TimerOf::Leaving(id) => {
                let leaves = |one: &mut Accessory| one.paired.is_none() && one.connection.is_none();
                if self.accessories.get_mut(&id).is_some_and(leaves) {
                    self.accessories.remove(&id);
                }
            }
            TimerOf::Retry(id) => {
                if let Some(one) = self.accessories.get_mut(&id) {
                    one.waiting = false;
                }
            }
            TimerOf::Trial(id) => self.tried(id, Err(AccessoryError::Unreachable), effects),
        }
    }

    /// Has the radio do what follows from what is known.
    fn settle(&mut self, at: &At, effects: &mut Vec<Effect>) {
        self.settle_listening(at, effects);
        self.settle_scan(effects);
        let usable = self.adapter.powered && self.account.is_some();
        let mut sessions = self.sessions;
        for (id, one) in &mut self.accessories {
            let Some(paired) = &one.paired else { continue };
            let connects = one.kind.connects() || one.records.are_due();
            let wanted = connects && usable && !one.held && !one.stopped();
            if wanted && one.connection.is_none() && !one.waiting {
                sessions += 1;
                let opening = Opening::Resume(paired.key.clone());
                one.connect(*id, SessionId(sessions), opening, effects);
            }
        }
        self.sessions = sessions;
    }

    fn get(&mut self, id: AccessoryId) -> Result<&mut Accessory, AccessoryError> {
        self.accessories.get_mut(&id).ok_or(AccessoryError::NotFound)
    }

    fn next_session(&mut self) -> SessionId {
        self.sessions += 1;
        SessionId(self.sessions)
    }
}

impl Accessory {
    fn new(address: Address, kind: Kind, name: String) -> Self {
        Self {
            address,
            kind,
            need: kind.key_need(),
            name,
            rssi: 127,
            bonded: false,
            paired: None,
            connection: None,
            clock_offset: None,
            adopting: Vec::new(),
            before: None,
            trial: None,
            heard_at: None,
            failures: 0,
            waiting: false,
            held: false,
            lost_at: None,
            wishes: Wishes::default(),
            wishing: Wishing::default(),
            records: Records::default(),
            problem: None,
            battery: None,
            charging: false,
            serial: String::new(),
            firmware: String::new(),
            progress: (0, 0),
            latest: Vec::new(),
            early: early::Early::default(),
        }
    }

    /// Only its owner can help: trying again would do nothing, or harm.
    fn stopped(&self) -> bool {
        self.problem.is_some_and(AccessoryError::is_the_owners)
    }

    /// The word for the property `State`.
    #[must_use]
    pub fn state(&self) -> &'static str {
        if let Some(connection) = &self.connection {
            return connection.state();
        }
        if self.trial.is_some() {
            return "pairing";
        }
        match (&self.paired, self.problem) {
            (_, Some(AccessoryError::KeyRequired)) => "key-required",
            (Some(_), Some(_)) if self.stopped() => "error",
            (Some(_), _) => "paired",
            (None, _) => "discovered",
        }
    }

    /// Whether it can be asked something now.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.connection.as_ref().is_some_and(Connection::is_ready)
    }

    /// Takes a reading for `Latest`.
    fn remember(&mut self, second: u64, reading: Reading) {
        let quantity = std::mem::discriminant(&reading);
        let same = |(_, old): &(u64, Reading)| std::mem::discriminant(old) == quantity;
        match self.latest.iter_mut().find(|entry| same(entry)) {
            Some(entry) if entry.0 <= second => *entry = (second, reading),
            Some(_) => {}
            None => self.latest.push((second, reading)),
        }
    }

    /// Ends everything of it.
    fn leave(mut self, id: AccessoryId, why: AccessoryError, effects: &mut Vec<Effect>) {
        if self.waiting {
            effects.push(Effect::Sleep(TimerOf::Retry(id)));
        }
        self.end_trial(id, Err(why), effects);
        for asker in self.adopting {
            effects.push(Effect::Answer(asker, Err(why)));
        }
        self.wishing.fail(why, effects);
        self.records.fail(why, effects);
        if let Some(connection) = self.connection {
            connection.fail_all(why, effects);
            effects.push(Effect::Close(id));
        }
    }
}

/// How long to wait before the next try: 8 s, doubled with each failure up to 64 s, a quarter of it by chance.
fn wait(failures: u32, dice: u16) -> Duration {
    let longest = FIRST_WAIT
        .saturating_mul(1 << failures.saturating_sub(1).min(6))
        .min(LONGEST_WAIT);
    by_chance(longest, dice)
}

/// Shortens a wait by up to a quarter, by chance.
fn by_chance(longest: Duration, dice: u16) -> Duration {
    longest.mul_f64(0.75 + 0.25 * f64::from(dice) / f64::from(u16::MAX))
}

#[cfg(test)]
mod tests;
