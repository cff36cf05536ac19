//! What the find domain needs of the cloud.

use std::time::Duration;

use belay_proto::wire::{Hint, QueueAnswer};
use futures_util::future::BoxFuture;

use crate::cloud::CloudError;
use crate::store::find::Letter;

/// A reply of the cloud that outlives the question's borrow, so that it can wait among others.
pub type Reply<T> = BoxFuture<'static, Result<T, CloudError>>;

/// The cloud, as far as the owner's commands go through it. It needs the device key alone.
pub trait Relay: Send + Sync + 'static {
    /// Opens the stream of hints with a sign of life each `heartbeat`, from the event after `last_event` on.
    fn open(&self, heartbeat: Duration, last_event: Option<String>) -> Reply<Box<dyn Signs>>;

    /// The commands after number `after`; where there are none the cloud may wait up to `wait` for one.
    fn commands(&self, after: u64, wait: Duration) -> Reply<QueueAnswer>;

    /// Hands a letter over.
    fn post(&self, letter: Letter) -> Reply<()>;

    /// Hands over an outcome of a binding that has ended, whose device key is forgotten.
    fn post_last(&self, letter: Letter) -> Reply<()>;

    /// Leaves the connections there are for new ones: they may be dead without a word.
    fn renew(&self);
}

/// A stream that is open. Dropping it closes it.
pub trait Signs: Send {
    /// The next sign; `None` once the cloud has ended the stream. Cancelling the call loses nothing.
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Sign>, CloudError>>;
}

/// A sign of life of the cloud.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sign {
    /// The stream's first comment: how often a sign comes from now on.
    Greeting(Duration),
    /// How long to wait before the stream is opened again, once it has ended.
    Retry(Duration),
    /// Nothing happened.
    Alive,
    /// Something happened.
    Hint {
        /// Where to look; `None` for a place that this version doesn't know.
        hint: Option<Hint>,
        /// The event, to go on after.
        id: Option<String>,
    },
}
