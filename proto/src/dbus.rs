//! The bus: names, errors, enumerations, proxies, secrets and records in descriptors, and the client calls.

mod arguments;
pub mod client;
mod error;
pub mod fd;
pub mod names;
mod proxies;
#[cfg(feature = "records")]
pub mod records;
pub mod told;
mod values;

pub use arguments::{action_arguments, read_arguments};
pub use error::Error;
pub use names::INTERFACES;
pub use proxies::{
    AccessoryManagerProxy, AccessoryProxy, AccountProxy, AuditEntries, CollectionProxy, CommandEntries,
    Details, DeviceEntries, DeviceProxy, IdentifierEntry, ManagerProxy, Options, RecordEntry, SyncProxy,
    WardenProxy,
};
pub use values::{
    AccountState, Activation, AssuranceLevel, BindingState, BootloaderUnlock, LocationFix, LocationSource,
    LockState, Membership, SyncState, VerificationChannel, VerificationState, WipeClass,
};

#[cfg(test)]
mod tests;
