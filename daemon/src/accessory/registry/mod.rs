//! The account's registry of accessories: what lets the owner's other devices connect to a band without a tap.
//!
//! A change is on disk here first and goes to the cloud when it can be reached. What comes from there is believed only
//! as far as a device of the account sealed it: an entry that doesn't open, an older revision, and an entry that is
//! missing change nothing. `state.rs` decides when to fetch and to bring, `merge.rs` what a record changes, `actor.rs`
//! does it; the rows are `store/registry.rs`, and the accessories' own actor is the only one to write them.

mod actor;
pub mod merge;
pub mod ports;
mod record;
pub mod state;
mod work;

pub use actor::{Parts, RegistryActor};
pub use merge::{Known, Learned, Taken};
pub use ports::{NotBrought, Registry};

#[cfg(test)]
mod tests;
