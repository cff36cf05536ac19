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
//! | `simulated` | a clock that a test moves through a file, points at which it has a program die |

pub mod accessory;
pub mod backoff;
pub mod cbor;
pub mod clock;
#[cfg(feature = "simulated")]
pub mod failpoint;
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

/// Names a point at which a test can have the program die; see `failpoint`, the module. Without the feature `simulated` nothing.
#[cfg(feature = "simulated")]
#[macro_export]
macro_rules! failpoint {
    ($name:literal) => {
        $crate::failpoint::pass($name)
    };
}

/// Names a point at which a test can have the program die; see `failpoint`, the module. Without the feature `simulated` nothing.
#[cfg(not(feature = "simulated"))]
#[macro_export]
macro_rules! failpoint {
    ($name:literal) => {};
}
