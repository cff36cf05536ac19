//! Wiring: load the state, export the object, own the name, leave when there is nothing to do.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use belay_proto::clock::Clock;
use belay_proto::dbus::WipeClass;
use belay_proto::dbus::names::{WARDEN_NAME, WARDEN_PATH};
use belay_proto::signed::LoginStatement;
use rustix::fs::FlockOperation;
use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use zbus::Connection;
use zbus::connection::Builder;
use zbus::fdo::RequestNameFlags;

use crate::actor::{Facts, Warden};
use crate::bus::interface::WardenInterface;
use crate::bus::peers::Peers;
use crate::config::{BusKind, Config, Enforcement};
use crate::device::{assurance, hardware};
use crate::disk::files::Disk;
use crate::disk::places::Places;
use crate::disk::vault::Vault;
use crate::enforce::exec::{Exec, first_word_of};
use crate::enforce::systemd::Systemd;
use crate::enforce::{Enforcer, Nothing};
use crate::handle::Handle;

/// There while systemd runs the system (sd_booted(3)).
const SYSTEMD_RUNS: &str = "/run/systemd/system";
const WIPE_CLASS: [&str; 2] = ["/usr/libexec/belay-wipe", "--class"];
/// 2026-01-01: this program is no older.
const EARLIEST: u64 = 1_767_225_600_000;
/// How long calls under way may take to end.
const FAREWELL: Duration = Duration::from_millis(1500);

/// Why serving ended otherwise than by being done.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The state's folder can't be locked.
    #[error("the state's folder can't be locked")]
    State(#[source] std::io::Error),
    /// No bus, or the name is taken.
    #[error("the bus can't be used")]
    Bus(#[from] zbus::Error),
    /// The system has no signals for us.
    #[error("signals can't be awaited")]
    Signals(#[from] std::io::Error),
    /// The actor panicked: leave, so that the state is read from disk again.
    #[error("the warden's actor stopped")]
    ActorStopped,
}

/// Serves until idle, until SIGTERM, or until the bus goes away.
///
/// # Errors
/// [`ServeError`].
pub async fn serve(config: &Config, places: Places, clock: Arc<dyn Clock>) -> Result<(), ServeError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let enforcement = enforcement_of(config);
    let mut hardware = hardware::read(&config.sysfs, config.model.as_deref());
    hardware.wipe_class = wipe_class(config, enforcement);
    let own = assurance::Own {
        credential: places.credential.is_some(),
        reset_proof: places.reset_proof.is_some(),
        unprinted: hardware.locked,
        enforced: enforcement != Enforcement::None,
    };
    let mountinfo = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let assurance = assurance::judge(&config.sysfs, &mountinfo, own);
    let facts = Facts {
        hardware: hardware.clone(),
        origin: config
            .cloud_url
            .as_deref()
            .map(LoginStatement::origin_of)
            .unwrap_or_default(),
        new_account_kdf: config.new_account_kdf,
        idle_exit: config.idle_exit,
        build_time: build_time(),
        wipe_journal: config.wipe_journal.clone(),
    };

    let _alone = sole_instance(&places)?;
    let (vault, state) = Vault::open(Box::new(Disk), places);
    let builder = match config.bus {
        BusKind::System => Builder::system(),
        BusKind::Session => Builder::session(),
    };
    let connection = builder.build().await?;
    let enforcer = enforcer(config, enforcement, &connection);
    let (warden, handle) = Warden::new(vault, state, facts, Arc::clone(&clock), enforcer);
    let mut actor = tokio::spawn(warden.run());

    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let peers = Peers::new(&config.lost_screen_user, &passwd);
    let interface = WardenInterface::new(handle.clone(), peers, clock, hardware, assurance);
    // The object first, the name last: whoever sees the name may call.
    connection.object_server().at(WARDEN_PATH, interface).await?;
    connection
        .request_name_with_flags(WARDEN_NAME, RequestNameFlags::DO_NOT_QUEUE)
        .await?;
    let (stays, leaves) = oneshot::channel::<()>();
    let mut announcer = tokio::spawn(announce(connection.clone(), handle.clone(), leaves));
    tracing::info!("the warden serves");

    let (outcome, goes_on) = tokio::select! {
        () = handle.idle() => { tracing::info!("nothing to do: leaving"); (Ok(()), true) }
        _ = terminate.recv() => (Ok(()), false),
        _ = interrupt.recv() => (Ok(()), false),
        () = connection.closed() => (Ok(()), false),
        _ = &mut actor => (Err(ServeError::ActorStopped), true),
    };
    // Time may have changed something in the moment in which it left nothing to stay for: nobody asks who wasn't told.
    drop(stays);
    if tokio::time::timeout(FAREWELL, &mut announcer).await.is_err() {
        // The connection ends with its last handle, and this has one.
        announcer.abort();
    }
    // So that systemd starts the next warden after us when somebody calls meanwhile.
    if let Err(error) = sd_notify::notify(&[NotifyState::Stopping]) {
        tracing::debug!(%error, "systemd isn't told");
    }
    // Nobody new finds us; who is being served still gets an answer.
    let _ = connection.release_name(WARDEN_NAME).await;
    let farewell = async {
        // The device may be on its way down. Who leaves for want of work loses nothing: the boot goes on.
        let kept = async { if goes_on { Ok(()) } else { handle.stop().await } };
        let (kept, ()) = tokio::join!(kept, connection.graceful_shutdown());
        if let Err(refusal) = kept {
            tracing::debug!(%refusal, "what was counted isn't written down");
        }
    };
    let _ = tokio::time::timeout(FAREWELL, farewell).await;
    outcome
}

/// Who makes the operating system follow, once `auto` is decided.
fn enforcement_of(config: &Config) -> Enforcement {
    match config.enforcement {
        Enforcement::Auto if Path::new(SYSTEMD_RUNS).exists() => Enforcement::Systemd,
        Enforcement::Auto if !config.exec.is_empty() => Enforcement::Exec,
        Enforcement::Auto => Enforcement::None,
        decided => decided,
    }
}

fn enforcer(config: &Config, enforcement: Enforcement, connection: &Connection) -> Arc<dyn Enforcer> {
    let journal = config.wipe_journal.clone();
    match enforcement {
        Enforcement::Systemd => Arc::new(Systemd::new(
            connection.clone(),
            config.lost_screen_user.clone(),
            journal,
        )),
        Enforcement::Exec => Arc::new(Exec::new(config.exec.clone(), journal)),
        Enforcement::Auto | Enforcement::None => Arc::new(Nothing),
    }
}

/// What a wipe is worth here, as `belay-wipe` reads it from its plan; `none` without one, or with nobody to run it.
fn wipe_class(config: &Config, enforcement: Enforcement) -> String {
    let command = match (enforcement, config.exec.wipe_class.is_empty()) {
        (Enforcement::None | Enforcement::Auto, _) => Vec::new(),
        (_, false) => config.exec.wipe_class.clone(),
        (Enforcement::Exec, true) => Vec::new(),
        (Enforcement::Systemd, true) => WIPE_CLASS.map(str::to_owned).to_vec(),
    };
    let said = first_word_of(&command).map_or(WipeClass::None, |word| WipeClass::from(word.as_str()));
    match said {
        WipeClass::Unknown => WipeClass::None,
        class => class,
    }
    .as_str()
    .to_owned()
}

/// No clock that can be set takes part in judging commands; this is where time begins. Packagers give
/// `SOURCE_DATE_EPOCH`, s since the Unix epoch, at build time.
fn build_time() -> u64 {
    let said = option_env!("SOURCE_DATE_EPOCH").and_then(|text| text.parse::<u64>().ok());
    said.map_or(0, |seconds| seconds.saturating_mul(1000))
        .max(EARLIEST)
}

/// Waits until the warden before us, which has given its name up but may still answer somebody, is
/// gone: two must never write one state. Without a state there is nothing to guard.
fn sole_instance(places: &Places) -> Result<Option<File>, ServeError> {
    let folder = match File::open(&places.folders[0]) {
        Ok(folder) => folder,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ServeError::State(error)),
    };
    rustix::fs::flock(&folder, FlockOperation::LockExclusive)
        .map_err(|error| ServeError::State(error.into()))?;
    Ok(Some(folder))
}

/// Emits `PropertiesChanged` for what the actor changes, until the warden `leaves` and all is told.
async fn announce(connection: Connection, handle: Handle, mut leaves: oneshot::Receiver<()>) {
    let mut changes = handle.watch();
    let mut before = changes.borrow_and_update().clone();
    let Ok(object) = connection
        .object_server()
        .interface::<_, WardenInterface>(WARDEN_PATH)
        .await
    else {
        return;
    };
    loop {
        tokio::select! {
            biased;
            changed = changes.changed() => {
                if changed.is_err() {
                    return;
                }
            }
            _ = &mut leaves => return,
        }
        let now = changes.borrow_and_update().clone();
        if let Err(error) = object
            .get()
            .await
            .announce(&before, object.signal_emitter())
            .await
        {
            tracing::warn!(%error, "a change couldn't be announced");
        }
        before = now;
    }
}
