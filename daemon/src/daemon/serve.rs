//! From the first connection to the last answer.

use std::sync::Arc;
use std::time::Duration;

use belay_proto::clock::system_clock;
use belay_proto::dbus::names::{ACCESSORIES_PATH, ACCOUNT_PATH, BUS_NAME, DEVICE_PATH, PATH, SYNC_PATH};
use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Mutex, watch};
use tokio::time::timeout;
use zbus::fdo::{ObjectManager, RequestNameFlags};
use zbus::{Connection, connection};

use super::DaemonError;
use super::watchdog::{self, notify};
use crate::accessory::link::Link;
use crate::accessory::registry::{Parts as RegistryParts, RegistryActor};
use crate::accessory::{self, AccessoryHandle};
use crate::account::{AccountHandle, NewestRecord, Parts};
use crate::actor::Supervisor;
use crate::bus::accessories::AccessoryManager;
use crate::bus::accessory::Desk;
use crate::bus::account::{Account, AccountAnnouncer};
use crate::bus::collection::Contents;
use crate::bus::device::Device;
use crate::bus::manager::Manager;
use crate::bus::sync::{Sync, SyncDesk};
use crate::bus::{AccessoryAnnouncer, Authority, DeviceAnnouncer, FindAnnouncer, SyncAnnouncer};
use crate::cloud::CloudClient;
use crate::config::{BusKind, Config};
use crate::device::{Courier, DeviceActor, DeviceHandle, DeviceList, DeviceView};
use crate::find::{self, FindHandle, Machine, MachineParts, Outbox};
use crate::platform::{self, Modem, Platform, Surroundings};
use crate::store::account::AccountRows;
use crate::store::{SealingKey, Store};
use crate::sync::health::HealthActor;
use crate::sync::long::Long;
use crate::sync::ports::SyncCloud;
use crate::sync::{self, SyncHandle};
use crate::uses::{self, UsesActor};
use crate::warden::{BusWarden, PasswordSteps, WardenHandle, WardenView, Watcher};

/// Where the lost screen's user is looked up.
const PASSWD: &str = "/etc/passwd";
/// How long the start waits for the actors' first reading: the warden may have to be started for it, on a machine that boots.
const FIRST_WORD_WITHIN: Duration = Duration::from_secs(5);
/// Half of what the contract allows for a stop goes to the actors; the rest is for the database.
const ACTORS_STOP_WITHIN: Duration = Duration::from_millis(1000);
const STORE_CLOSES_WITHIN: Duration = Duration::from_millis(600);

/// Serves until a signal ends it.
pub(super) async fn serve(config: &Config) -> Result<(), DaemonError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(DaemonError::Runtime)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(DaemonError::Runtime)?;
    // The disk and the bus are waited for at the same time.
    let key = SealingKey::new(std::env::var_os("CREDENTIALS_DIRECTORY").map(Into::into));
    let (store, connection) = tokio::join!(Store::open(&config.paths.state, key), connect(config.bus));
    let (store, connection) = (store?, connection?);
    let mut supervisor = Supervisor::default();
    let (named, is_named) = watch::channel(false);
    let modem = start(config, &store, &connection, &mut supervisor, is_named).await?;
    // An actor answers once it has read what it begins with: so the first reader finds the state as it is,
    // and a lost device lost. A warden that hangs keeps nobody from being told that all is unknown.
    let heard = tokio::select! {
        heard = supervisor.ask_all(FIRST_WORD_WITHIN) => Some(heard),
        _ = terminate.recv() => None,
        _ = interrupt.recv() => None,
    };
    match heard {
        Some(Ok(())) => {}
        Some(Err(error)) => tracing::warn!(%error, "starting without its word"),
        None => {
            notify(&[NotifyState::Stopping]);
            stop(&connection, &mut supervisor, &*modem, &store).await;
            return Ok(());
        }
    }
    own_name(&connection).await?;
    named.send_replace(true);
    notify(&[NotifyState::Ready]);
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "ready");

    let interval = sd_notify::watchdog_enabled();
    let outcome = tokio::select! {
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
        () = connection.closed() => Err(DaemonError::BusClosed),
        () = watchdog::run(&supervisor, interval) => Ok(()),
    };
    notify(&[NotifyState::Stopping]);
    stop(&connection, &mut supervisor, &*modem, &store).await;
    outcome
}

async fn connect(kind: BusKind) -> Result<Connection, DaemonError> {
    let builder = match kind {
        BusKind::System => connection::Builder::system(),
        BusKind::Session => connection::Builder::session(),
    };
    builder.build().await.map_err(DaemonError::NoBus)
}

/// Starts the actors and exports the objects, all before the name is owned. Answers the modem, which is to be left as it
/// was found.
async fn start(
    config: &Config,
    store: &Store,
    connection: &Connection,
    supervisor: &mut Supervisor,
    is_named: watch::Receiver<bool>,
) -> Result<Arc<dyn Modem>, DaemonError> {
    let (view, shown) = watch::channel(WardenView::default());
    let watcher = Watcher::new(connection.clone(), view);
    let signs = watcher.signs();
    let watcher = supervisor.start("warden", watcher);
    let calls = BusWarden::new(connection, watcher, is_named)
        .await
        .map_err(DaemonError::Export)?;
    let warden = WardenHandle::new(Arc::new(calls), shown).with_signs(signs);

    let host = platform::host(config.backend);
    let or = |configured: &str, found: String| {
        if configured.is_empty() {
            found
        } else {
            configured.to_owned()
        }
    };
    let name = or(&config.device.name, host.name());
    let model = or(&config.device.model, host.model());
    let kind = config.device.kind.told().unwrap_or_else(|| host.kind());
    let clock = system_clock();
    let rows = AccountRows::new(store.clone());
    let url = config.cloud.url.as_ref().map(reqwest::Url::as_str);
    let cloud = Arc::new(CloudClient::new(
        url,
        config.cloud.ca.clone(),
        Arc::new(rows.clone()),
        Arc::clone(&clock),
    ));
    let records = NewestRecord::new(Arc::<CloudClient>::clone(&cloud), warden.clone());
    let passwords = PasswordSteps::new(warden.clone(), Arc::new(records), Arc::clone(&clock));

    let (view, shown) = watch::channel(DeviceView::default());
    let device = DeviceActor::new(
        store.clone(),
        warden.clone(),
        passwords.clone(),
        view,
        name.clone(),
        model,
    );
    device.load().await?;
    let device = DeviceHandle::new(supervisor.start("device", device), shown, warden.clone());
    supervisor.start(
        "announcer",
        DeviceAnnouncer::new(connection.clone(), device.clone()),
    );

    let list: Arc<dyn DeviceList> = Arc::<CloudClient>::clone(&cloud);
    let reached = watch::Sender::new(0);
    let seen = reached.subscribe();
    let courier = Courier::new(device.clone(), store.clone(), list, Arc::clone(&clock), seen);
    supervisor.start("courier", courier);
    let platform = Platform::start(config, supervisor, Arc::clone(&clock)).await;
    let (surroundings, conditions) = Surroundings::new(&platform);
    let for_sync = surroundings.for_sync();
    supervisor.start("surroundings", surroundings);
    let modem = Arc::clone(&platform.modem);
    let time = platform.time.clone();
    let outbox = Outbox::new(store.clone());
    let machine = MachineParts {
        platform,
        warden: warden.clone(),
        outbox: outbox.clone(),
        store: store.clone(),
        clock: Arc::clone(&clock),
        device: device.watch(),
    };
    let machine = Arc::new(Machine::start(supervisor, machine));
    let accessories = config.accessories.clone();
    let radio = Link::open(accessories.enabled, accessories.adapter, supervisor).await;
    let accessories = accessory::Parts {
        radio: Arc::new(radio),
        warden: warden.clone(),
        store: store.clone(),
        clock: Arc::clone(&clock),
        time,
    };
    let accessories = AccessoryHandle::start(supervisor, accessories);
    let (hinted, account_hinted) = (watch::Sender::new(0), watch::Sender::new(0));
    let parts = Parts {
        cloud: Arc::<CloudClient>::clone(&cloud),
        warden: warden.clone(),
        passwords: passwords.clone(),
        modem: Arc::clone(&modem),
        rows,
        clock: Arc::clone(&clock),
        device_name: name,
        device_kind: kind,
        hinted: account_hinted.subscribe(),
        reached: reached.subscribe(),
        stale: Arc::default(),
        orders: Mutex::default(),
    };
    let account = AccountHandle::start(supervisor, parts);
    let registry = RegistryParts {
        cloud: Arc::<CloudClient>::clone(&cloud),
        warden: warden.clone(),
        newer: Arc::new(account.clone()),
        accessories: accessories.clone(),
        store: store.clone(),
        clock: Arc::clone(&clock),
        hinted: hinted.subscribe(),
        reached: reached.subscribe(),
    };
    supervisor.start("registry", RegistryActor::new(registry));
    let records: Arc<dyn SyncCloud> = Arc::<CloudClient>::clone(&cloud);
    let sync = sync::Parts {
        newer: Arc::new(account.clone()),
        longs: Arc::new(Long::new(Arc::clone(&records), Arc::clone(&clock))),
        cloud: records,
        warden: warden.clone(),
        store: store.clone(),
        clock: Arc::clone(&clock),
        conditions: for_sync,
        hinted: hinted.subscribe(),
        reached: reached.subscribe(),
    };
    let sync = SyncHandle::start(supervisor, sync);
    let health = HealthActor::new(
        sync.clone(),
        accessories.clone(),
        warden.clone(),
        Arc::clone(&clock),
    );
    supervisor.start("health", health);
    let uses = uses::Parts {
        accessories: accessories.clone(),
        bell: machine.bell(),
        modem: Arc::clone(&modem),
        warden: warden.clone(),
        store: store.clone(),
        clock: Arc::clone(&clock),
    };
    supervisor.start("uses", UsesActor::new(uses));
    let steps = passwords.clone();
    let find = find::Parts {
        relay: cloud,
        warden,
        passwords,
        store: store.clone(),
        outbox,
        deeds: Arc::<Machine>::clone(&machine),
        conditions,
        reached,
        hinted,
        account_hinted,
        clock,
    };
    let find = FindHandle::start(supervisor, find);
    supervisor.start("endings", machine.endings(find.announcements()));
    supervisor.start(
        "account announcer",
        AccountAnnouncer::new(connection.clone(), account.clone()),
    );

    supervisor.start(
        "find announcer",
        FindAnnouncer::new(connection.clone(), device.clone(), find.clone()),
    );

    let passwd = std::fs::read_to_string(PASSWD).unwrap_or_default();
    let authority = Authority::new(connection.clone()).with_screen(&config.warden.lost_screen_user, &passwd);
    let desk = Desk {
        accessories: accessories.clone(),
        device: device.clone(),
        passwords: steps,
        authority: authority.clone(),
    };
    let announcer = AccessoryAnnouncer::new(connection.clone(), desk);
    supervisor.start("accessory announcer", announcer);
    let desk = SyncDesk {
        sync,
        device: device.clone(),
        authority: authority.clone(),
        contents: Contents::default(),
    };
    let announcer = SyncAnnouncer::new(connection.clone(), desk.clone());
    let collections = announcer.served();
    supervisor.start("sync announcer", announcer);
    let manager = AccessoryManager::new(accessories, device.clone(), authority.clone());
    let objects = connection.object_server();
    let export = async {
        objects.at(PATH, ObjectManager).await?;
        objects.at(PATH, Manager).await?;
        objects
            .at(
                ACCOUNT_PATH,
                Account::new(account, authority.clone(), collections),
            )
            .await?;
        objects.at(ACCESSORIES_PATH, manager).await?;
        objects.at(SYNC_PATH, Sync::new(desk)).await?;
        objects
            .at(DEVICE_PATH, Device::new(device, find, authority))
            .await?;
        Ok(())
    };
    export.await.map_err(DaemonError::Export)?;
    Ok(modem)
}

async fn own_name(connection: &Connection) -> Result<(), DaemonError> {
    let flags = RequestNameFlags::DO_NOT_QUEUE;
    match connection.request_name_with_flags(BUS_NAME, flags).await {
        Ok(_) => Ok(()),
        Err(zbus::Error::NameTaken) => Err(DaemonError::NameTaken(BUS_NAME)),
        Err(source) => Err(DaemonError::NameRefused {
            name: BUS_NAME,
            source,
        }),
    }
}

/// Ends within 2 s with nothing lost: what was asked before is done and answered, or was stored before it was
/// begun.
async fn stop(connection: &Connection, supervisor: &mut Supervisor, modem: &dyn Modem, store: &Store) {
    // From here on a new caller gets the next belayd.
    let _ = timeout(ACTORS_STOP_WITHIN / 4, connection.release_name(BUS_NAME)).await;
    let (stopped, settled) = tokio::join!(
        timeout(ACTORS_STOP_WITHIN, supervisor.stop()),
        timeout(ACTORS_STOP_WITHIN, modem.settle())
    );
    if stopped.is_err() {
        tracing::warn!("an actor was still at work and is cut off");
    }
    if settled.is_err() {
        tracing::warn!("the modem's receiver is left to the next start");
    }
    // The last answers are ready and only need their turn to be written.
    for _ in 0..64 {
        tokio::task::yield_now().await;
    }
    if timeout(STORE_CLOSES_WITHIN, store.close()).await.is_err() {
        tracing::warn!("the database didn't close in time; it is whole all the same");
    }
}
