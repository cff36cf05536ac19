//! The D-Bus face: one file an interface, which only authorises, parses, asks a handle and maps the error.

pub mod accessories;
pub mod accessory;
pub mod account;
mod arguments;
pub mod authorise;
mod caller;
mod changes;
pub mod collection;
pub mod device;
mod error;
mod find;
pub mod manager;
pub mod options;
mod policies;
pub mod sync;

pub use accessory::AccessoryAnnouncer;
pub use authorise::{ACTIONS, Action, Authority};
pub use belay_proto::dbus::Error;
pub use changes::DeviceAnnouncer;
pub use find::FindAnnouncer;
pub use options::Options;
pub use sync::SyncAnnouncer;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
