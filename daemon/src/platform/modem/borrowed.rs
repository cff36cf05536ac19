//! What a search has switched on at a modem: on disk before it is, so that a belayd that is killed in the midst of it
//! has the next one take it back.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use belay_proto::backoff::Backoff;
use serde::{Deserialize, Serialize};

use super::gnss::{GPS_RAW, setup, standing};
use crate::platform::PlatformError;
use crate::platform::clock::Time;
use crate::platform::service::Service;

/// The file's name in belayd's folder.
const FILE: &str = "receiver.json";
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(5 * 60);

/// A receiver that a search has switched on, and how it was before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Borrowed {
    /// The bus's id, another one after each start of it: unique names come again on another bus.
    bus: String,
    /// ModemManager's unique name. Another one has set up its modems anew, so there is nothing to take back.
    manager: String,
    /// The modem's path.
    modem: String,
    /// `MMModemLocationSource`s that were on before.
    enabled: u32,
}

impl Borrowed {
    /// Of the modem at this path, with those sources on, of ModemManager as it runs now.
    pub(super) async fn of(running: &Service, modem: &str, enabled: u32) -> Result<Self, PlatformError> {
        Ok(Self {
            bus: running.bus_id().await?,
            manager: running.name().to_owned(),
            modem: modem.to_owned(),
            enabled,
        })
    }

    /// Puts back what was changed, and leaves everything else as it is by now: other clients of the modem, such as
    /// GeoClue, come and go meanwhile. Signals that were on before are theirs to switch on again; whoever wanted them may
    /// be gone.
    pub(super) async fn give_back(&self, running: &Service) -> Result<(), PlatformError> {
        let now = match standing(running, &self.modem).await {
            // The modem is gone, and its setup with it.
            Err(PlatformError::NotSupported(_)) => return Ok(()),
            now => now?,
        };
        let wanted = now.enabled & !GPS_RAW | self.enabled & GPS_RAW;
        match wanted == now.enabled {
            true => Ok(()),
            false => setup(running, &self.modem, wanted, now.signals).await,
        }
    }

    /// Whether it was ModemManager as it runs now.
    async fn is_of(&self, running: &Service) -> Result<bool, PlatformError> {
        Ok(self.manager == running.name() && self.bus == running.bus_id().await?)
    }
}

/// Where it is written down.
#[derive(Clone, Debug)]
pub(super) struct Note(PathBuf);

impl Note {
    /// In belayd's folder.
    pub(super) fn new(state: &Path) -> Self {
        Self(state.join(FILE))
    }

    /// Writes it down, durably.
    pub(super) async fn keep(&self, borrowed: &Borrowed) -> Result<(), PlatformError> {
        let text = serde_json::to_vec(borrowed).map_err(|_| PlatformError::Unreadable("a note"))?;
        let kept = self.on_disk(move |path| save(path, &text)).await;
        kept.map_err(|error| {
            tracing::warn!(%error, "a search that can't be noted isn't begun");
            PlatformError::Refused("it can't be noted")
        })
    }

    /// It was given back. A note that stays is looked at once more, and that is all.
    pub(super) async fn forget(&self) {
        let removed = self.on_disk(|path| match fs::remove_file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        });
        if let Err(error) = removed.await {
            tracing::warn!(%error, "the note of a search stays");
        }
    }

    /// Takes back what an earlier search left, where it still is so.
    ///
    /// # Errors
    /// ModemManager doesn't answer, or refuses: the note stays.
    pub(super) async fn settle(&self, service: &Service) -> Result<(), PlatformError> {
        let Some(borrowed) = self.read().await else {
            return Ok(());
        };
        match service.running().await {
            // Whoever has it now isn't who it was borrowed from.
            Err(PlatformError::NotSupported(_)) => {}
            Err(error) => return Err(error),
            Ok(running) => {
                if borrowed.is_of(&running).await? {
                    borrowed.give_back(&running).await?;
                    tracing::info!("took back an earlier search's setup of the modem's receiver");
                }
            }
        }
        self.forget().await;
        Ok(())
    }

    /// The same, again until it is done.
    pub(super) async fn settle_in_time(
        self,
        service: Service,
        clock: Time,
        turn: std::sync::Arc<tokio::sync::Mutex<()>>,
    ) {
        let mut waits = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
        loop {
            let settled = {
                let _turn = turn.lock().await;
                self.settle(&service).await
            };
            let Err(error) = settled else { return };
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "an earlier search's setup of the modem's receiver"
            );
            let wait = waits.next().unwrap_or(LONGEST_WAIT);
            clock.sleep_until(clock.boottime() + wait).await;
        }
    }

    /// What can't be read tells of nothing that could be taken back.
    async fn read(&self) -> Option<Borrowed> {
        let text = self.on_disk(|path| match fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            text => text.map(Some),
        });
        let text = text.await.unwrap_or_else(|error| {
            tracing::warn!(%error, "the note of a search");
            None
        })?;
        serde_json::from_slice(&text)
            .inspect_err(|error| tracing::warn!(%error, "the note of a search"))
            .ok()
    }

    async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let path = self.0.clone();
        let done = tokio::task::spawn_blocking(move || work(&path)).await;
        done.unwrap_or_else(|_| Err(io::Error::other("the work was cut off")))
    }
}

/// Replaces the file in one step: it is the old one or the new one, whenever the power goes.
fn save(path: &Path, text: &[u8]) -> io::Result<()> {
    let draft = path.with_extension("new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)?;
    file.write_all(text)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all()
}
