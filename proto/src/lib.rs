//! The contracts of Belay: what its programs say to each other, and the keys they say it with.
//!
//! Everything here is pure, except reading and writing descriptors ([`dbus::fd`], [`dbus::client`]), asking the
//! kernel for random bytes and for the time ([`clock`]).
//!
//! | feature | adds |
//! |---|---|
//! | – | identifiers, secrets, canonical CBOR, keys, sealing, signed objects, the warden's steps, clocks |
//! | `dbus` | bus names, errors, enumerations, proxies, secrets in descriptors, the client calls |
//! | `records` | `dbus`, and records in descriptors and streams |
//! | `cloud` | JSON wire types, DPoP proofs |
//! | `simulated` | a clock that a test moves through a file |

pub mod accessory;
pub mod backoff;
pub mod cbor;
pub mod clock;
pub mod hardware;
pub mod id;
pub mod identifier;
pub mod keys;
pub mod padding;
pub mod seal;
pub mod secret;
pub mod signed;
pub mod sms;
pub mod steps;
pub mod sync;
pub mod sysexits;
pub mod text;

#[cfg(feature = "dbus")]
pub mod dbus;
#[cfg(feature = "cloud")]
pub mod dpop;
#[cfg(feature = "cloud")]
pub mod wire;

#[cfg(test)]
mod vectors;

pub use id::{
    AccessoryId, AccountId, CommandId, DeviceId, Epoch, HardwareId, OrderId, PendingId, ReportId, TicketId,
};
pub use secret::Secret;
