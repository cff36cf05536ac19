//! The sync domain: the owner's records, on the device and at the cloud.
//!
//! What edits and the cloud do to a record is the package `belay-sync`, pure; the rows are `store/sync.rs`. `handle.rs` is
//! what the bus calls: an edit is a row, pending, before it answers, and so is its own outbox. `state.rs` decides when
//! what is synced, `actor.rs` has it done, `round/` pushes and pulls one collection, `long.rs` moves contents that don't
//! fit a record, and `ports.rs` is what all of it needs of the cloud. Nothing that comes from there is believed but what
//! a device of the account sealed.

mod actor;
mod desk;
pub mod error;
mod handle;
pub mod health;
mod kept;
mod keys;
pub mod long;
pub mod model;
pub mod ports;
mod round;
mod state;
pub mod view;

pub use actor::Parts;
pub use desk::longest_short;
pub use error::SyncError;
pub use handle::{Message, SyncHandle};
pub use health::HEALTH;
pub use model::{
    Change, Choice, Conditions, Content, Entry, Got, Paused, Phase, Policy, PolicyChanges, Put, PutLong,
    Shown,
};
pub use ports::NewerKeys;
pub use view::{CollectionView, Question, View};

#[cfg(test)]
mod tests;
