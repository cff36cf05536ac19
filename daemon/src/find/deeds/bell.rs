//! The device's bell, for what rings without an owner's command.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use super::DeedFailed;
use super::ring::Message;

/// Rings the device aloud; clones share it. It takes no part in what a command has ring: neither ends or shortens the
/// other.
#[derive(Clone, Debug)]
pub struct Bell {
    pub(super) ringer: mpsc::Sender<Message>,
    pub(super) ringing: watch::Receiver<bool>,
}

impl Bell {
    /// Rings aloud for `lasting`, whatever the volume and the profile are. Answers once it is heard; ringing again
    /// starts the time anew.
    ///
    /// # Errors
    /// [`DeedFailed`] where nothing makes a sound, or it was stopped before it was heard.
    pub async fn ring(&self, lasting: Duration) -> Result<(), DeedFailed> {
        self.tell(|answer| Message::Seek(lasting, answer)).await
    }

    /// Rings no more; what a command has ring goes on.
    ///
    /// # Errors
    /// [`DeedFailed`] where belayd ends.
    pub async fn silence(&self) -> Result<(), DeedFailed> {
        self.tell(Message::Sought).await
    }

    /// Whether the device rings, for whomever.
    #[must_use]
    pub fn ringing(&self) -> watch::Receiver<bool> {
        self.ringing.clone()
    }

    pub(super) async fn tell(
        &self,
        message: impl FnOnce(oneshot::Sender<Result<(), DeedFailed>>) -> Message,
    ) -> Result<(), DeedFailed> {
        let (answer, answered) = oneshot::channel();
        let gone = || DeedFailed::new(DeedFailed::INTERRUPTED);
        self.ringer.send(message(answer)).await.map_err(|_| gone())?;
        answered.await.unwrap_or_else(|_| Err(gone()))
    }
}
