//! Actors: a task a domain, with a bounded mailbox, restarted when it panics.
//!
//! What an [`Actor`] needs to live (handles to store, warden, cloud) is in `self` and stays across restarts;
//! its state is local to [`Actor::run`], read from the store whenever that begins, so that a restart can't
//! carry a half-made change on. The mailbox outlives a panic too: what was waiting in it is worked on by the
//! restarted actor; only the caller whose message was in hand is told that nobody answered.

mod inbox;
mod supervisor;

use std::future::Future;

pub use inbox::Inbox;
pub use supervisor::{Supervisor, Unanswered};

/// One domain's task.
pub trait Actor: Send + 'static {
    /// What its handle sends.
    type Message: Send + 'static;

    /// Works through `inbox` until [`Inbox::recv`] answers `None`, which is how it learns that belayd stops.
    /// Called again, with the same mailbox, after a panic.
    fn run(&mut self, inbox: &mut Inbox<Self::Message>) -> impl Future<Output = ()> + Send;
}

/// A message that can't be sent: of an actor that only follows what others show.
#[derive(Clone, Copy, Debug)]
pub enum Never {}

#[cfg(test)]
mod tests;
