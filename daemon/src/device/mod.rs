//! The device domain: identity, name and state of this device.

mod actor;
mod courier;
mod error;
pub mod name;
mod view;

use belay_proto::dbus::AuditEntries;
use tokio::sync::{mpsc, oneshot, watch};

pub use actor::DeviceActor;
use actor::Message;
pub use courier::{Courier, DeviceList, Undelivered};
pub use error::DeviceError;
pub use view::DeviceView;

use crate::warden::WardenHandle;

/// The handle to the device; clones share it.
#[derive(Clone, Debug)]
pub struct DeviceHandle {
    actor: mpsc::Sender<Message>,
    view: watch::Receiver<DeviceView>,
    warden: WardenHandle,
}

impl DeviceHandle {
    /// A handle to the actor behind `actor`, which shows itself in `view` and follows `warden`.
    pub fn new(
        actor: mpsc::Sender<Message>,
        view: watch::Receiver<DeviceView>,
        warden: WardenHandle,
    ) -> Self {
        Self { actor, view, warden }
    }

    /// What is known of the device.
    pub fn view(&self) -> DeviceView {
        self.view.borrow().clone()
    }

    /// The same for a client that reads it: its question has a warden that couldn't be heard asked again, which
    /// the next reader sees, and whoever follows the signals.
    pub fn view_for_reader(&self) -> DeviceView {
        self.warden.retry_if_unheard();
        self.view()
    }

    /// The view with its changes.
    pub fn watch(&self) -> watch::Receiver<DeviceView> {
        self.view.clone()
    }

    /// Refuses while the device is lost.
    ///
    /// # Errors
    /// [`DeviceError::Lost`].
    pub fn not_lost(&self) -> Result<(), DeviceError> {
        if self.view.borrow().lost {
            Err(DeviceError::Lost)
        } else {
            Ok(())
        }
    }

    /// Names the device; the cloud is told when it can be reached.
    ///
    /// # Errors
    /// [`DeviceError::Name`], [`DeviceError::Store`].
    pub async fn set_name(&self, name: String) -> Result<(), DeviceError> {
        self.ask(|answer| Message::SetName { name, answer }).await
    }

    /// Has the warden allow a factory reset for this boot, 10 minutes, and, with `release`, sign out too.
    /// Answers the encoded signed authorisation.
    ///
    /// # Errors
    /// [`DeviceError::Warden`] with what the warden refused. A release that the store refuses is no error: the
    /// warden has signed out, and keeps the release as well.
    pub async fn authorise_reset(&self, ticket: String, release: bool) -> Result<Vec<u8>, DeviceError> {
        self.ask(|answer| Message::AuthoriseReset {
            ticket,
            release,
            answer,
        })
        .await
    }

    /// The entries of the audit log since `since` (seconds since the epoch).
    ///
    /// # Errors
    /// [`DeviceError::Warden`].
    pub async fn history(&self, since: u64) -> Result<AuditEntries, DeviceError> {
        self.ask(|answer| Message::History { since, answer }).await
    }

    async fn ask<T>(
        &self,
        message: impl FnOnce(oneshot::Sender<Result<T, DeviceError>>) -> Message,
    ) -> Result<T, DeviceError> {
        let (answer, answered) = oneshot::channel();
        self.actor
            .send(message(answer))
            .await
            .map_err(|_| DeviceError::Gone)?;
        answered.await.map_err(|_| DeviceError::Gone)?
    }
}

#[cfg(test)]
mod courier_tests;
#[cfg(test)]
mod tests;
