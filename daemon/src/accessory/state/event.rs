//! What happens to the accessories, and what is done about it.

use std::collections::BTreeMap;
use std::time::Duration;

use belay_drivers::alert::AlertKind;
use belay_drivers::{
    ActivityMinute, Address, Alert, Key, KeyNeed, Kind, Moment, Opening, Reading, Request, Settings,
};
use belay_proto::id::{AccessoryId, AccountId};
use jiff::tz::Offset;

use super::super::error::AccessoryError;
use super::super::model::{Saved, WishChanges, Wishes};
use super::super::ports::{AdapterView, Order, RadioError, Report};
use super::clock::Seen;
use super::pairing::Preparation;
use crate::platform::Timekeeping;

/// Whoever waits for an answer; the actor knows them by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Asker(pub u64);

/// One connection; a later one of the same accessory has a higher number, so that what an earlier one still reports is
/// told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u64);

/// When something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At {
    /// By the clock that counts suspend.
    pub boot: Duration,
    /// What the clock on the wall shows.
    pub wall: Moment,
    /// A random number, for jitter.
    pub dice: u16,
    /// How far the wall clock is believed; `step` sees to that.
    pub seen: Seen,
}

/// Something happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// When.
    pub at: At,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// What earlier pairings of the account that comes next may have left on accessories, and how far its sensors have
    /// counted, were read.
    Recalled {
        /// Keys, by the addresses that they were drawn for.
        pending: BTreeMap<Address, Key>,
        /// The counters of the newest frames.
        counters: BTreeMap<AccessoryId, u32>,
    },
    /// The account's accessories were read; `None`: the device is nobody's.
    Account(Option<(AccountId, Vec<Saved>)>),
    /// What the owner has switched on was read.
    Wishes(Vec<(AccessoryId, Wishes)>),
    /// What the owner switches on is on disk, or not.
    WishesStored(AccessoryId, Asker, Wishes, Result<(), AccessoryError>),
    /// The disk has forgotten an accessory that its owner unpairs, or not.
    Removed(AccessoryId, Asker, Result<(), AccessoryError>),
    /// The adapter changed.
    Adapter(AdapterView),
    /// Who keeps the wall clock right was read again.
    Timekeeping(Timekeeping),
    /// The wall clock was set, or shows the time of another zone: what `at` tells is looked at.
    ClockSet,
    /// A device was heard that is of a kind, at most once a second each.
    Heard(Sighting),
    /// Paired accessories that advertise what they measure said something new.
    Measured {
        /// Whose.
        id: AccessoryId,
        /// Readings with the accessory's own time.
        readings: Vec<(Option<u64>, Reading)>,
        /// The counter of the frame that said it, where frames are counted.
        counter: Option<u32>,
    },
    /// A key that is tried has opened what an accessory says, or hasn't.
    Tried(AccessoryId, Result<(), AccessoryError>),
    /// What comes before a connection is done, or can't be.
    Prepared(AccessoryId, SessionId, Preparation, Result<(), AccessoryError>),
    /// Such an accessory can't be understood any more.
    Unheard(AccessoryId, AccessoryError),
    /// The scan couldn't begin, or has ended by itself.
    ScanFailed(RadioError),
    /// A timer has run out.
    Elapsed(TimerOf),
    /// Somebody asks.
    Asked(Asker, Question),
    /// Whoever asked has left.
    Left(Asker),
    /// A connection reports.
    Reported(AccessoryId, SessionId, Report),
    /// History that was to be stored is stored, or not.
    Stored(AccessoryId, SessionId, Result<u64, AccessoryError>),
    /// A paired accessory is on disk, or not.
    Saved(AccessoryId, Result<(), AccessoryError>),
    /// Another device of the account paired this accessory, or changed it; it is on disk.
    Registered(Saved),
    /// Another device of the account unpaired this one; it isn't on disk any more.
    Unregistered(AccessoryId),
}

/// A device that was heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// The id it gets if it is new.
    pub fresh: AccessoryId,
    /// Who.
    pub address: Address,
    /// Which.
    pub kind: Kind,
    /// The key it wants.
    pub need: KeyNeed,
    /// Its name, or empty.
    pub name: String,
    /// dBm; `None`: BlueZ only remembers it.
    pub rssi: Option<i16>,
    /// BlueZ holds a bond with it.
    pub bonded: bool,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Question {
    /// Discover; answered when it has begun.
    Discover {
        /// Only these; empty: all.
        kinds: Vec<Kind>,
        /// For how long.
        lasting: Duration,
        /// Switch the adapter on.
        power_on: bool,
    },
    /// End the discovery of this asker.
    EndDiscovery(Asker),
    /// Make an accessory the account's.
    Pair {
        /// Which.
        id: AccessoryId,
        /// What was brought, else what is drawn for this pairing.
        key: Option<Key>,
        /// Drawn for this pairing.
        fresh: Key,
        /// Though it holds another key.
        replace: bool,
    },
    /// End a pairing.
    CancelPairing(AccessoryId),
    /// Connect.
    Connect(AccessoryId),
    /// Disconnect, and stay so until asked to connect.
    Disconnect(AccessoryId),
    /// Forget it; the ticket has been used.
    Unpair(AccessoryId),
    /// Fetch its history.
    Sync(AccessoryId),
    /// Measure the heart rate.
    MeasureHeartRate(AccessoryId),
    /// Show an alert.
    Alert(AccessoryId, Alert),
    /// End it.
    StopAlert(AccessoryId, AlertKind),
    /// Change settings.
    Settings(AccessoryId, Settings),
    /// Switch on or off what it is used for.
    Wish(AccessoryId, WishChanges),
    /// The phone that a band looked for was found.
    PhoneFound,
}

/// What an asker is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Done.
    Done,
    /// So many new records.
    Records(u64),
    /// Beats a minute.
    HeartRate(u16),
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimerOf {
    /// The next try to listen after a scan that failed.
    Listening,
    /// The end of somebody's discovery.
    Discovery(Asker),
    /// An unpaired accessory that wasn't heard again leaves.
    Leaving(AccessoryId),
    /// The next try to connect.
    Retry(AccessoryId),
    /// The end of the wait for a word that a key which is tried opens.
    Trial(AccessoryId),
    /// The accessories' clocks are due. Where the zone's offset changes earlier, it runs out then.
    Clock,
}

/// What is to be done, in this order.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Scan from now on; replaces a scan without `power_on`.
    Scan {
        /// Switch the adapter on.
        power_on: bool,
    },
    /// Stop scanning.
    EndScan,
    /// Listen to what a paired accessory advertises.
    Listen {
        /// Which.
        id: AccessoryId,
        /// Its kind.
        kind: Kind,
        /// Its address.
        address: Address,
        /// Its key.
        key: Option<Key>,
        /// Frames up to this counter are old.
        counter: Option<u32>,
        /// What its clock shows is that much ahead of UTC.
        offset: Offset,
    },
    /// Its clock shows the time of another offset from now on.
    Offset(AccessoryId, Offset),
    /// Stop that.
    Deafen(AccessoryId),
    /// Try another key on what it advertises; answered by [`What::Tried`].
    Try {
        /// Which.
        id: AccessoryId,
        /// Its kind.
        kind: Kind,
        /// Its address.
        address: Address,
        /// The key.
        key: Key,
    },
    /// Stop that.
    EndTry(AccessoryId),
    /// Have BlueZ forget the device; for a connection answered by [`What::Prepared`].
    Unbond(AccessoryId, Option<SessionId>, Address),
    /// Keep a key before it is given to an accessory; answered by [`What::Prepared`].
    BeginPending(AccessoryId, SessionId, Address, Key),
    /// It isn't the accessory's. Nobody waits for it.
    EndPending(Address),
    /// Remember how far a sensor has counted; `None`: it counts anew. Nobody waits for it.
    StoreCounter(AccessoryId, Option<u32>),
    /// Connect, and open with this.
    Connect {
        /// Which.
        id: AccessoryId,
        /// The connection's number.
        session: SessionId,
        /// Its address.
        address: Address,
        /// Its kind.
        kind: Kind,
        /// How it begins.
        opening: Opening,
    },
    /// Tell the connection.
    Order(AccessoryId, Order),
    /// End the connection.
    Close(AccessoryId),
    /// Keep a paired accessory, and nothing of its pairing any more; answered by [`What::Saved`].
    Save(Saved),
    /// Keep what a paired accessory says its serial number is. Nobody waits for it.
    SaveSerial(AccessoryId, String),
    /// Forget it: its owner unpairs it; answered by [`What::Removed`].
    Remove(AccessoryId, Asker),
    /// Store a transfer; answered by [`What::Stored`].
    StoreMinutes(AccessoryId, SessionId, Vec<ActivityMinute>),
    /// Store a transfer of readings; answered by [`What::Stored`].
    StoreTransfer(AccessoryId, SessionId, Vec<(u64, Reading)>),
    /// Store readings, with their times in seconds since the epoch. Nobody waits for it.
    StoreReadings(AccessoryId, Vec<(u64, Reading)>),
    /// Keep what the owner switches on; answered by [`What::WishesStored`].
    StoreWishes(AccessoryId, Asker, Wishes),
    /// The last minute that counts as stored is this one, in seconds since the epoch, though later ones are.
    StoreMark(AccessoryId, u64),
    /// Remember when a sync ended.
    StoreSynced(AccessoryId, u64),
    /// Answer.
    Answer(Asker, Result<Answer, AccessoryError>),
    /// Tell [`What::Elapsed`] after this long.
    Wake(TimerOf, Duration),
    /// Don't.
    Sleep(TimerOf),
    /// A band looks for the phone, or has found it.
    FindPhone(bool),
    /// The wearer declines the call that rings.
    DeclineCall,
    /// The wearer wants it silent.
    IgnoreCall,
    /// `Latest` has news.
    MeasurementChanged(AccessoryId),
}

/// What a connection was asked for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Errand {
    /// The opening.
    Open,
    /// A fetch of the history.
    Fetch,
    /// The heart rate, for this asker.
    HeartRate(Asker),
    /// The clock to be set.
    Clock,
    /// Anything that is done when it is finished.
    Other(Asker),
    /// Nobody waits.
    Nobody,
}

impl Errand {
    pub(super) const fn asker(&self) -> Option<Asker> {
        match self {
            Self::HeartRate(asker) | Self::Other(asker) => Some(*asker),
            Self::Open | Self::Fetch | Self::Clock | Self::Nobody => None,
        }
    }
}

/// A request for a connection.
pub(super) fn order(id: u32, request: Request) -> Order {
    Order::Request(belay_drivers::RequestId(id), request)
}
