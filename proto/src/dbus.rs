//! The bus: names, errors, enumerations, proxies, secrets in descriptors, and the client call that
//! presents a password to the warden and uses the ticket.

mod arguments;
pub mod client;
mod error;
pub mod fd;
pub mod names;
mod proxies;
mod values;

pub use arguments::{action_arguments, read_arguments};
pub use error::Error;
pub use names::INTERFACES;
pub use proxies::{
    AccessoryManagerProxy, AccessoryProxy, AccountProxy, AuditEntries, CommandEntries, Details,
    DeviceEntries, DeviceProxy, IdentifierEntry, ManagerProxy, Options, WardenProxy,
};
pub use values::{
    AccountState, Activation, AssuranceLevel, BindingState, LocationFix, LocationSource, LockState,
    VerificationChannel, VerificationState, WipeClass,
};

#[cfg(test)]
mod tests;
