//! What a device says without a connection.

use jiff::tz::Offset;
use uuid::Uuid;

use crate::address::Address;
use crate::key::KeyNeed;
use crate::kind::Kind;
use crate::measure::Reading;

/// One advertisement, as BlueZ puts it together.
#[derive(Clone, Debug, PartialEq)]
pub struct Advertisement {
    /// Who.
    pub address: Address,
    /// Its local name.
    pub name: Option<String>,
    /// The services it lists.
    pub services: Vec<Uuid>,
    /// Manufacturer data: the company id and what follows it.
    pub manufacturer: Vec<(u16, Vec<u8>)>,
    /// Service data: the service and what follows it.
    pub service_data: Vec<(Uuid, Vec<u8>)>,
    /// dBm.
    pub rssi: Option<i16>,
}

/// What an advertisement tells of its device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identified {
    /// Which accessory it is.
    pub kind: Kind,
    /// The key it wants.
    pub key: KeyNeed,
}

/// Hears one accessory's advertisements, one after the other, and knows which it has heard before. Pure as a
/// [`Driver`](crate::Driver) is.
pub trait Listener: Send {
    /// Tells how far the civil time is ahead of UTC. Accessories whose clock shows civil time need it to date their
    /// readings; until it is told those have no time. The others don't care.
    fn set_offset(&mut self, _offset: Offset) {}

    /// The counter of the newest encrypted frame, once there was one; `None` for accessories that don't count, or whose
    /// counter proves nothing.
    fn counter(&self) -> Option<u32> {
        None
    }

    /// Tells the [`counter`](Self::counter) of an earlier listener: frames up to it are old.
    fn resume(&mut self, _counter: u32) {}

    /// The readings that are new, each with the accessory's own time in seconds since the epoch where it has one that
    /// makes sense.
    ///
    /// # Errors
    /// [`Unheard`]; the accessory stays as it was.
    fn hear(&mut self, advertisement: &Advertisement) -> Result<Vec<(Option<u64>, Reading)>, Unheard>;
}

/// Why an advertisement says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unheard {
    /// It is encrypted and there is no key.
    #[error("the sensor's key is needed")]
    KeyRequired,
    /// It is encrypted with another key.
    #[error("the sensor uses another key")]
    KeyMismatch,
    /// It is encrypted with the key, and from before one that was heard: somebody plays a recording, or the sensor counts
    /// anew.
    #[error("an old frame")]
    Replayed,
    /// It isn't what the kind sends.
    #[error("malformed")]
    Malformed,
}
