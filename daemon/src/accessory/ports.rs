//! What the accessories domain needs of the radio.

use std::fmt::Debug;

use belay_drivers::{Address, Advertisement, Driver, Event, Failure, Request, RequestId};
use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, watch};

/// What a method of the radio answers.
pub type Reply<'a, T = ()> = BoxFuture<'a, Result<T, RadioError>>;

/// Why the radio didn't do it. Nothing is tried again by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RadioError {
    /// There is no adapter, or no BlueZ.
    #[error("there is no Bluetooth adapter")]
    AdapterMissing,
    /// There is one, but BlueZ gives it no device id, and btleplug doesn't see it.
    #[error("BlueZ has no device id")]
    NoDeviceId,
    /// The adapter is switched off, and nobody has asked for it to be switched on.
    #[error("Bluetooth is switched off")]
    PoweredOff,
    /// BlueZ refused.
    #[error("BlueZ refused")]
    Refused,
    /// BlueZ doesn't answer.
    #[error("BlueZ doesn't answer")]
    TimedOut,
}

/// The adapter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AdapterView {
    /// There is one.
    pub available: bool,
    /// It is switched on.
    pub powered: bool,
    /// There would be one, but for BlueZ's device id, see [`RadioError::NoDeviceId`].
    pub without_id: bool,
}

/// How a connection ended, or why there was none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkEnd {
    /// It was let go of.
    #[error("disconnected")]
    Closed,
    /// The driver gave up.
    #[error(transparent)]
    Driver(Failure),
    /// The accessory isn't in reach: no connection in time.
    #[error("the accessory isn't in reach")]
    Unreachable,
    /// The connection was lost, or BlueZ went away.
    #[error("the connection was lost")]
    Lost,
    /// The radio can't.
    #[error(transparent)]
    Radio(RadioError),
}

/// What is told of a connection, in order. The last is [`Report::Ended`].
#[derive(Clone, Debug, PartialEq)]
pub enum Report {
    /// BlueZ holds a bond with it. Comes first.
    Bonded,
    /// The link is up and the services are known; the driver has begun.
    Connected,
    /// What the driver tells.
    Event(Event),
    /// It is over; BlueZ has been told to let go of the device.
    Ended(LinkEnd),
}

/// What a connection is told. All but the first only reach a driver once the link is up.
#[derive(Clone, Debug, PartialEq)]
pub enum Order {
    /// Ask the driver.
    Request(RequestId, Request),
    /// The history it delivered last is on disk.
    Committed,
    /// End a request early.
    Cancel(RequestId),
}

/// A connection that is made or up. Dropping it disconnects; who drops `orders` alone hears of the end as well.
#[derive(Debug)]
pub struct Session {
    /// Bounded; an order that finds no place waits.
    pub orders: mpsc::Sender<Order>,
    /// Bounded; a connection whose reports nobody takes waits, and so in the end does the accessory.
    pub reports: mpsc::Receiver<Report>,
}

/// A device that was heard, or one that BlueZ keeps bonded.
#[derive(Clone, Debug, PartialEq)]
pub struct Heard {
    /// What it said. A reading of the signal strength means that it was said just now.
    pub advertisement: Advertisement,
    /// BlueZ holds a bond with it. Bands need none, and a stale one keeps them from connecting.
    pub bonded: bool,
}

/// A scan that runs; dropping it ends it.
#[derive(Debug)]
pub struct Scan {
    /// What is heard. Bounded: where nobody takes them the oldest news of a device give way to its newest.
    pub heard: mpsc::Receiver<Heard>,
}

/// The Bluetooth radio of the device.
pub trait Radio: Debug + Send + Sync + 'static {
    /// The adapter, with its changes. Looking at it never starts BlueZ.
    fn adapter(&self) -> watch::Receiver<AdapterView>;

    /// Scans. `power_on`: switch the adapter on if it is off; else that is [`RadioError::PoweredOff`].
    fn scan(&self, power_on: bool) -> Reply<'_, Scan>;

    /// Connects to `address`, which must have been heard or be known to BlueZ, and runs `driver` over it. Answers at
    /// once; what becomes of it are its reports. Never switches the adapter on. One session a device: a second one
    /// waits for the end of the first.
    fn connect(&self, address: Address, driver: Box<dyn Driver>) -> Session;

    /// Removes what BlueZ keeps of the device, a bond included; done too where it keeps nothing.
    fn forget(&self, address: Address) -> Reply<'_>;
}
