//! What the registry needs of the cloud.

use std::time::Duration;

use belay_proto::id::AccessoryId;
use belay_proto::wire::{AccessoriesAnswer, AccessoryRequest};
use futures_util::future::BoxFuture;

/// Why nothing was fetched or brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotBrought {
    /// Trying again may help; with the wait that was asked for.
    Later(Option<Duration>),
    /// The cloud has another revision than was thought, or has forgotten something.
    Conflict,
    /// It is sealed in an older key epoch than the account's: nobody who was removed is to read it.
    KeysOld,
    /// The cloud won't have this change, whenever it comes.
    Refused,
    /// There is no cloud to ask.
    NotConfigured,
}

/// What the cloud answers.
pub type Reply<'a, T> = BoxFuture<'a, Result<T, NotBrought>>;

/// Whoever keeps the account's registry.
pub trait Registry: Send + Sync + 'static {
    /// What changed after the number `after`.
    fn changes(&self, after: u64) -> Reply<'_, AccessoriesAnswer>;

    /// Brings a record.
    fn put(&self, id: AccessoryId, record: AccessoryRequest) -> Reply<'_, ()>;
}
