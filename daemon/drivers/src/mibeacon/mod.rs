//! Xiaomi MiBeacon: what sensors, buttons and newer scales say in service data of FE95.
//!
//! Versions 2 to 5, plain or encrypted. Versions 4 and 5 authenticate what they encrypt; the older ones don't, so
//! that a wrong key shows only as nonsense.

mod cipher;
mod frame;
mod listener;
mod objects;

pub use cipher::{OpenError, Payload};
pub use frame::{Frame, Invalid};
pub use listener::MiBeaconListener;
pub use objects::{Object, objects};

use uuid::Uuid;

use crate::gatt::sig;

/// The service of the advertised data.
pub const SERVICE: Uuid = sig(0xfe95);
