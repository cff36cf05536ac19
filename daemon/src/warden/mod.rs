//! The client of the warden: what belayd may ask of it, and what it shows of itself.
//!
//! Secrets never come this way, in neither direction: a client gives its password to the warden itself and hands
//! belayd a ticket, and it fetches a recovery code from the warden itself with the claim that belayd hands it.

mod dbus;
mod error;
mod password;
mod view;

use std::fmt::Debug;
use std::sync::Arc;

use belay_proto::dbus::AuditEntries;
pub use dbus::{BusWarden, Watcher};
pub use error::WardenError;
use futures_util::future::BoxFuture;
pub use password::{PasswordSteps, Records};
use tokio::sync::watch;
pub use view::{HoldView, Identity, PoliciesView, WardenView};

/// What belayd asks of the warden; over D-Bus [`BusWarden`], in tests whatever a test needs.
pub trait Calls: Debug + Send + Sync + 'static {
    /// Walks one step of a ticket's purpose (names and encodings: `belay_proto::steps`). For the steps of a
    /// pending registration the ticket is its id in hex.
    fn use_step<'a>(
        &'a self,
        ticket: &'a str,
        step: &'a str,
        input: &'a [u8],
    ) -> BoxFuture<'a, Result<Vec<u8>, WardenError>>;

    /// Hands over an encoded signed credentials record; `true` when the warden took it.
    fn credentials<'a>(&'a self, record: &'a [u8]) -> BoxFuture<'a, Result<bool, WardenError>>;

    /// Has an encoded command envelope judged; answers the judgement's name (`belay_proto::signed::Disposition`).
    fn command<'a>(&'a self, envelope: &'a [u8]) -> BoxFuture<'a, Result<String, WardenError>>;

    /// Says that the cloud was heard from just now.
    fn beat(&self) -> BoxFuture<'_, Result<(), WardenError>>;

    /// Says what may be a reason to lock, such as `sim-change`: the warden's policies judge it.
    fn tighten<'a>(&'a self, reason: &'a str) -> BoxFuture<'a, Result<(), WardenError>>;

    /// The audit log's entries since `since` (seconds since the epoch).
    fn history(&self, since: u64) -> BoxFuture<'_, Result<AuditEntries, WardenError>>;

    /// Reads the properties afresh, so that the view shows what the warden's last answer meant.
    fn refresh(&self) -> BoxFuture<'_, Result<(), WardenError>>;

    /// Has the properties read afresh without waiting for it.
    fn retry(&self);
}

/// The handle to the warden; clones share it.
#[derive(Clone, Debug)]
pub struct WardenHandle {
    calls: Arc<dyn Calls>,
    view: watch::Receiver<WardenView>,
    signs: watch::Receiver<u64>,
}

impl WardenHandle {
    /// A handle that asks `calls` and shows what `view` holds. It counts no signs of life.
    pub fn new(calls: Arc<dyn Calls>, view: watch::Receiver<WardenView>) -> Self {
        let signs = watch::channel(0).1;
        Self { calls, view, signs }
    }

    /// The same with a count of the readings.
    #[must_use]
    pub fn with_signs(self, signs: watch::Receiver<u64>) -> Self {
        Self { signs, ..self }
    }

    /// See [`Calls::use_step`].
    ///
    /// # Errors
    /// [`WardenError`].
    pub async fn use_step(&self, ticket: &str, step: &str, input: &[u8]) -> Result<Vec<u8>, WardenError> {
        self.calls.use_step(ticket, step, input).await
    }

    /// See [`Calls::credentials`].
    ///
    /// # Errors
    /// [`WardenError`].
    pub async fn credentials(&self, record: &[u8]) -> Result<bool, WardenError> {
        self.calls.credentials(record).await
    }

    /// See [`Calls::command`].
    ///
    /// # Errors
    /// [`WardenError`].
    pub async fn command(&self, envelope: &[u8]) -> Result<String, WardenError> {
        self.calls.command(envelope).await
    }

    /// See [`Calls::beat`].
    ///
    /// # Errors
    /// [`WardenError`].
    pub async fn beat(&self) -> Result<(), WardenError> {
        self.calls.beat().await
    }

    /// See [`Calls::tighten`].
    ///
    /// # Errors
    /// [`WardenError`].
    pub async fn tighten(&self, reason: &str) -> Result<(), WardenError> {
        self.calls.tighten(reason).await
    }

    /// See [`Calls::history`].
    ///
    /// # Errors
    /// [`WardenError`].
    pub async fn history(&self, since: u64) -> Result<AuditEntries, WardenError> {
        self.calls.history(since).await
    }

    /// Reads the properties afresh and returns them.
    ///
    /// # Errors
    /// [`WardenError`]; the view then stays as it was.
    pub async fn refresh(&self) -> Result<WardenView, WardenError> {
        self.calls.refresh().await?;
        Ok(self.view())
    }

    /// Has the properties read again, without waiting, where the last reading failed: after that nobody but whoever
    /// asks next makes belayd look, since a warden that couldn't be started sends no signal.
    pub fn retry_if_unheard(&self) {
        if !self.view.borrow().is_current {
            self.calls.retry();
        }
    }

    /// What the warden last showed of itself; [`WardenView::default`] until it was first reached.
    pub fn view(&self) -> WardenView {
        self.view.borrow().clone()
    }

    /// The view with its changes: `changed().await` answers after each.
    pub fn watch(&self) -> watch::Receiver<WardenView> {
        self.view.clone()
    }

    /// Counts the readings that followed the warden's signs of life. After one of them the view may be the same, and
    /// what the warden shows nowhere (outcomes, effects) still be another.
    pub fn signs(&self) -> watch::Receiver<u64> {
        self.signs.clone()
    }
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
