//! The protocols of accessories: bytes and events in, bytes and events out.
//!
//! Nothing here reads a clock, waits, or talks to an adapter: a [`Driver`] is told what happened as an [`Input`] and
//! answers what is to be done as [`Output`]s, so that every exchange with a band can be written down as a test. The
//! link of the daemon performs the outputs over BlueZ, one GATT operation after the other, and its accessory
//! domain keeps what the [`Event`]s bring.
//!
//! [`advertisement`] is what a device says without a connection, which tells which [`Kind`] it is.

#![forbid(unsafe_code)]

pub mod address;
pub mod advertisement;
pub mod alert;
#[cfg(test)]
mod bench;
mod cursor;
mod desk;
pub mod driver;
pub mod entropy;
pub mod gatt;
pub mod huami;
pub mod identify;
pub mod infinitime;
pub mod key;
pub mod kind;
pub mod measure;
pub mod mi_scale;
pub mod mibeacon;
pub mod moment;
pub mod registry;
pub mod settings;
pub mod standard;

pub use address::Address;
pub use advertisement::{Advertisement, Listener};
pub use alert::Alert;
pub use driver::{Driver, Event, Failure, Input, Opening, Output, Request, RequestId, Timer};
pub use entropy::Entropy;
pub use gatt::{Characteristic, Gatt, Operation, OperationError, Properties, WriteKind};
pub use identify::identify;
pub use key::{Key, KeyNeed};
pub use kind::Kind;
pub use measure::{ActivityMinute, DailyTotals, Reading};
pub use moment::Moment;
pub use registry::{Setup, driver, listener};
pub use settings::Settings;
