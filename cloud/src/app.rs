//! What every call has at hand.

use std::fs::DirBuilder;
use std::net::IpAddr;
use std::ops::Deref;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::{OptionalExtension, params};
use tokio::sync::Notify;

use crate::alarm::Alarms;
use crate::blobs;
use crate::blobs::files::Files;
use crate::channel::hub::Hub;
use crate::clock::{CloudClock, Millis};
use crate::config::Settings;
use crate::http::metrics::Metrics;
use crate::http::nonce::Era;
use crate::http::places::Places;
use crate::http::{Caller, call};
use crate::identifiers::forms;
use crate::login::dummy::Dummy;
use crate::net;
use crate::store::{self, Store, StoreError};
use crate::sweep;
use crate::sync::cursor;
use crate::vault::{Vault, VaultError};

/// The shared parts of one running cloud; cloning is cheap.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// See [`App`].
pub struct Parts {
    /// The effective configuration.
    pub settings: Settings,
    /// The database.
    pub store: Store,
    /// The files of chunks.
    pub files: Files,
    /// The server's keys.
    pub vault: Vault,
    /// The time.
    pub clock: CloudClock,
    /// Waits that share one timer.
    pub alarms: Alarms,
    /// Who waits for news of which device.
    pub hub: Hub,
    /// Places for bodies that are being read.
    pub bodies: Places,
    /// Told when a message was put into the queue.
    pub messages_due: Notify,
    /// What `/metrics` tells.
    pub metrics: Metrics,
    /// What stands in for an account that doesn't exist.
    pub dummy: Dummy,
    /// Another one after a restore, and after the machine started.
    pub era: Era,
    swept_at: AtomicU64,
}

/// Why a cloud can't start on its data.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The data folder can't be made.
    #[error("the data folder can't be made")]
    Folder(#[source] std::io::Error),
    /// The server key can't be used.
    #[error("the server key can't be used")]
    Vault(#[from] VaultError),
    /// The database can't be used.
    #[error("the database can't be used")]
    Store(#[from] StoreError),
    /// The numbers for `/metrics` can't be kept: a mistake in this program.
    #[error("the numbers for the operator can't be kept")]
    Metrics(#[from] prometheus::Error),
    /// A restore that didn't end.
    #[error("a restore into this folder didn't end: empty it, and restore again")]
    HalfRestored,
}

/// A file that is in the data folder while a backup is restored into it.
pub const RESTORING: &str = "restoring";

impl OpenError {
    /// Whether another program only has the database at this moment.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_busy())
    }
}

impl App {
    /// Opens the data folder and puts the parts together.
    ///
    /// # Errors
    /// When the folder, the server key or the database can't be used.
    pub fn open(settings: Settings, clock: CloudClock) -> Result<Self, OpenError> {
        let vault = open_data(&settings.data)?;
        let database = settings.data.join(store::FILE);
        let files = Files::open(&settings.data).map_err(OpenError::Folder)?;
        let connection = store::connect(&database)?;
        blobs::table::settle(&connection, &files)?;
        let era = Era::new(cursor::epoch(&connection)?, &clock.boot_id());
        drop(connection);
        let store = Store::open(&database)?;
        let dummy = Dummy::new(&vault);
        Ok(Self(Arc::new(Parts {
            settings,
            store,
            files,
            vault,
            alarms: Alarms::new(clock.clone()),
            hub: Hub::default(),
            clock,
            bodies: Places::new(call::BODIES),
            messages_due: Notify::new(),
            metrics: Metrics::new()?,
            dummy,
            era,
            swept_at: AtomicU64::new(0),
        })))
    }

    /// The present time.
    #[must_use]
    pub fn now(&self) -> Millis {
        self.clock.now()
    }

    /// The network that budgets count a caller by; `None` for this machine's own programs, when nobody else
    /// calls. Behind a proxy that doesn't say for whom it calls, all callers are one network.
    #[must_use]
    pub fn budget_network(&self, caller: Caller) -> Option<IpAddr> {
        let own = self.settings.local && caller.0.to_canonical().is_loopback();
        (!own).then(|| net::budget_network(caller.0))
    }

    /// When [`Self::sweep_is_due`] again, if nobody's turn came before.
    #[must_use]
    pub fn next_sweep(&self) -> Millis {
        self.swept_at.load(Ordering::Relaxed).saturating_add(sweep::PAUSE)
    }

    /// Whether it is this call's turn to forget what is over.
    #[must_use]
    pub fn sweep_is_due(&self, now: Millis) -> bool {
        let last = self.swept_at.load(Ordering::Relaxed);
        now.saturating_sub(last) >= sweep::PAUSE
            && self
                .swept_at
                .compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// Makes the data folder, reads or makes the server key, and checks that database and key belong together.
///
/// # Errors
/// As [`App::open`].
pub fn open_data(data: &Path) -> Result<Vault, OpenError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data)
        .map_err(OpenError::Folder)?;
    if data.join(RESTORING).exists() {
        return Err(OpenError::HalfRestored);
    }
    let database = data.join(store::FILE);
    let vault = Vault::open(data, !database.exists())?;
    let connection = store::connect(&database)?;
    let check = vault.mac("key-check", &[]);
    let known: Option<Vec<u8>> = connection
        .query_row("SELECT value FROM meta WHERE name = 'key-check'", [], |row| {
            row.get(0)
        })
        .optional()
        .map_err(StoreError::from)?;
    match known {
        Some(known) if known == check => {}
        Some(_) => return Err(StoreError::OtherKey.into()),
        None => {
            connection
                .execute(
                    "INSERT INTO meta (name, value) VALUES ('key-check', ?1)",
                    params![check],
                )
                .map_err(StoreError::from)?;
        }
    }
    if let Some(settled) = forms::settle(&vault, &connection)? {
        let forms::Settled {
            moved,
            collided,
            unreadable,
            forgotten,
            damaged,
        } = settled;
        if moved + forgotten > 0 {
            tracing::info!(
                moved,
                forgotten,
                "addresses are compared in another form than before"
            );
        }
        if collided > 0 {
            tracing::warn!(
                collided,
                "addresses that are another account's in this form find none"
            );
        }
        if unreadable > 0 {
            tracing::error!(
                unreadable,
                "addresses that don't open stay with their accounts: their owners have to remove them"
            );
        }
        if damaged > 0 {
            tracing::warn!(damaged, "verifications that don't open were forgotten");
        }
    }
    Ok(vault)
}
