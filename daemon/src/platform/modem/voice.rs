//! Calls through ModemManager.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::StreamExt;
use tokio::sync::Mutex;
use zbus::{OwnedObjectPath, Variant};

use super::manager::VOICE;
use crate::platform::PlatformError;
use crate::platform::service::{Properties, Service, Signal, take};

pub(super) const CALL: &str = "org.freedesktop.ModemManager1.Call";
/// `MMCallState`: it is over.
const TERMINATED: i32 = 7;

/// `MMCallState`: a call that comes in rings, or waits beside another one.
pub(super) const RINGING_IN: [i32; 2] = [3, 6];

/// Declines the calls that come in at any of the modems.
pub(super) async fn decline(
    service: &Service,
    modems: Vec<(OwnedObjectPath, HashMap<String, Properties>)>,
) -> Result<(), PlatformError> {
    for (_, mut parts) in modems {
        let calls: Vec<OwnedObjectPath> = parts
            .get_mut(VOICE)
            .and_then(|voice| take(voice, "Calls"))
            .unwrap_or_default();
        for path in calls {
            let mut call = match service.all(path.as_str(), CALL).await {
                // Over meanwhile.
                Err(PlatformError::NotSupported(_)) => continue,
                call => call?,
            };
            if take(&mut call, "State").is_some_and(|state| RINGING_IN.contains(&state)) {
                let ended: Result<(), _> = service.call(path.as_str(), CALL, "Hangup", &()).await;
                ended?;
            }
        }
    }
    Ok(())
}

/// The call that was dialled last, until it is forgotten.
pub(super) type Dialled = Arc<Mutex<Option<Call>>>;

/// A call that belayd has made.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// The ModemManager that knows it.
    service: Service,
    modem: String,
    path: OwnedObjectPath,
}

impl Call {
    /// Makes a call, which isn't dialled yet.
    pub(super) async fn create(
        service: &Service,
        modem: String,
        number: &str,
    ) -> Result<Self, PlatformError> {
        let service = service.running().await?;
        let properties = HashMap::from([("number", Variant::from(number))]);
        let path = service.call(&modem, VOICE, "CreateCall", &properties).await?;
        Ok(Self { service, modem, path })
    }

    /// Dials.
    pub(super) async fn start(&self) -> Result<(), PlatformError> {
        self.service.call(self.path.as_str(), CALL, "Start", &()).await
    }

    /// Ends it and takes it off the modem's list.
    pub(super) async fn hang_up(self) {
        let ended: Result<(), _> = self.service.call(self.path.as_str(), CALL, "Hangup", &()).await;
        if let Err(error) = ended {
            // It had ended by itself.
            tracing::debug!(error = &error as &dyn std::error::Error, "ending a call");
        }
        self.forget().await;
    }

    /// Takes it off the modem's list once it has ended by itself: the number stays on the device no longer than the
    /// call.
    pub(super) async fn forget_after_end(self, dialled: Dialled) {
        if let Err(error) = self.end().await {
            tracing::debug!(error = &error as &dyn std::error::Error, "following a call");
            return;
        }
        let mut dialled = dialled.lock().await;
        // Else it was hung up meanwhile, and is forgotten.
        if dialled.as_ref().is_some_and(|now| now.is(&self)) {
            *dialled = None;
            self.forget().await;
        }
    }

    /// Waits for its end.
    async fn end(&self) -> Result<(), PlatformError> {
        let path = self.path.as_str();
        let mut changes = self.service.signals(Signal::changes(CALL).at(path)).await?;
        let mut owners = self.service.owners().await?;
        loop {
            let state = match self.service.all(path, CALL).await {
                Ok(mut call) => take::<i32>(&mut call, "State"),
                // Somebody else took it off the list.
                Err(PlatformError::NotSupported(_)) => return Ok(()),
                Err(error) => return Err(error),
            };
            if state == Some(TERMINATED) {
                return Ok(());
            }
            tokio::select! {
                change = changes.next() => {
                    if change.is_none() {
                        return Ok(());
                    }
                }
                // Its list went with ModemManager.
                _ = owners.next() => return Ok(()),
            }
        }
    }

    async fn forget(self) {
        let deleted: Result<(), _> = self
            .service
            .call(&self.modem, VOICE, "DeleteCall", &self.path)
            .await;
        if let Err(error) = deleted {
            tracing::debug!(error = &error as &dyn std::error::Error, "forgetting a call");
        }
    }

    fn is(&self, other: &Self) -> bool {
        self.service.name() == other.service.name() && self.path == other.path
    }
}
