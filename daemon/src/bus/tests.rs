use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use belay_proto::dbus::names::{BUS_NAME, DEVICE_PATH, PATH};
use belay_proto::dbus::{DeviceProxy, Error, LockState};
use tokio::sync::watch;
use zbus::fdo::{ObjectManager, ObjectManagerProxy, PropertiesProxy};
use zbus::proxy::{CacheProperties, MethodFlags};
use zbus::{Connection, OwnedVariant, Variant, interface};

use super::testing::PrivateBus;
use super::{ACTIONS, Authority, DeviceAnnouncer, FindAnnouncer, device::Device, manager::Manager};
use crate::actor::Supervisor;
use crate::device::{DeviceActor, DeviceHandle, DeviceView};
use crate::find::FindHandle;
use crate::find::tests::rig::Noted;
use crate::store::{SealingKey, Store};
use crate::warden::WardenView;
use crate::warden::testing::{FakeRecords, FakeWarden, passwords};

mod find;

const TICKET: &str = "00112233445566778899aabbccddeeff";

/// A polkit that answers has all the time that a busy machine takes for it.
const PATIENCE: Duration = Duration::from_secs(60);

/// belayd's objects, without an account, on a bus of their own.
struct Daemon {
    bus: PrivateBus,
    warden: watch::Sender<WardenView>,
    deeds: Arc<Noted>,
    _connection: Connection,
    _supervisor: Supervisor,
    _folder: tempfile::TempDir,
}

async fn daemon() -> Daemon {
    daemon_that_waits(PATIENCE).await
}

/// The same, where a polkit that doesn't answer within this time counts as none.
async fn daemon_that_waits(for_polkit: Duration) -> Daemon {
    let bus = PrivateBus::start();
    let connection = bus.connect().await;
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), SealingKey::default()).await.unwrap();
    let refuse = |_: &str, _: &str, _: &[u8]| Err(Error::BadTicket("no".into()));
    let (warden_handle, warden) = FakeWarden::handle(WardenView::default(), refuse);
    let (view, shown) = watch::channel(DeviceView::default());
    let passwords = passwords(&warden_handle, FakeRecords::None);
    let (name, model) = ("host".into(), "Phone".into());
    let deeds = Arc::new(Noted::default());
    let find = find::parts(&store, &warden_handle, &passwords, &deeds);
    let actor = DeviceActor::new(store, warden_handle.clone(), passwords, view, name, model);
    let mut supervisor = Supervisor::default();
    let device = DeviceHandle::new(supervisor.start("device", actor), shown, warden_handle);
    supervisor.start(
        "announcer",
        DeviceAnnouncer::new(connection.clone(), device.clone()),
    );
    let find = FindHandle::start(&mut supervisor, find);
    supervisor.start(
        "find announcer",
        FindAnnouncer::new(connection.clone(), device.clone(), find.clone()),
    );
    let own_uid = rustix::process::geteuid().as_raw();
    // Whoever runs the tests, root or not, sits before the lost screen.
    let authority = Authority::new(connection.clone())
        .impatient(for_polkit, own_uid)
        .with_screen("screen", &format!("screen:x:{own_uid}:"));
    let objects = connection.object_server();
    objects.at(PATH, ObjectManager).await.unwrap();
    objects.at(PATH, Manager).await.unwrap();
    objects
        .at(DEVICE_PATH, Device::new(device, find, authority))
        .await
        .unwrap();
    connection.request_name(BUS_NAME).await.unwrap();
    Daemon {
        bus,
        warden,
        deeds,
        _connection: connection,
        _supervisor: supervisor,
        _folder: folder,
    }
}

impl Daemon {
    async fn device(&self) -> DeviceProxy<'static> {
        let client = self.bus.connect().await;
        DeviceProxy::builder(&client)
            .cache_properties(CacheProperties::No)
            .build()
            .await
            .unwrap()
    }

    async fn properties(&self) -> HashMap<String, OwnedVariant> {
        let client = self.bus.connect().await;
        let properties = PropertiesProxy::new(&client, BUS_NAME, DEVICE_PATH)
            .await
            .unwrap();
        properties
            .get_all("org.belay1.Device".try_into().unwrap())
            .await
            .unwrap()
    }
}

/// A polkit that always answers the same, or never.
struct Polkit {
    answer: Option<(bool, bool)>,
    asked: Mutex<Vec<(String, u32)>>,
}

#[interface(name = "org.freedesktop.PolicyKit1.Authority")]
impl Polkit {
    #[zbus(out_args("result"))]
    async fn check_authorization(
        &self,
        subject: (String, HashMap<String, OwnedVariant>),
        action: String,
        _details: HashMap<String, String>,
        flags: u32,
        _cancellation: String,
    ) -> ((bool, bool, HashMap<String, String>),) {
        assert_eq!(subject.0, "system-bus-name");
        assert!(
            subject.1["name"].to_string().contains(":1."),
            "the sender's unique name"
        );
        self.asked.lock().unwrap().push((action, flags));
        match self.answer {
            // With a dialogue allowed, the person says yes.
            Some((_, true)) if flags == 1 => ((true, false, HashMap::new()),),
            Some((yes, challenge)) => ((yes, challenge, HashMap::new()),),
            None => std::future::pending().await,
        }
    }
}

async fn polkit(bus: &PrivateBus, answer: Option<(bool, bool)>) -> Connection {
    let connection = bus.connect().await;
    let polkit = Polkit {
        answer,
        asked: Mutex::default(),
    };
    connection
        .object_server()
        .at("/org/freedesktop/PolicyKit1/Authority", polkit)
        .await
        .unwrap();
    connection
        .request_name("org.freedesktop.PolicyKit1")
        .await
        .unwrap();
    connection
}

async fn asked(polkit: &Connection) -> Vec<(String, u32)> {
    let authority = polkit
        .object_server()
        .interface::<_, Polkit>("/org/freedesktop/PolicyKit1/Authority")
        .await
        .unwrap();
    let polkit = authority.get().await;
    let asked = polkit.asked.lock().unwrap();
    asked.clone()
}

fn name_of(outcome: Result<impl Sized, Error>) -> &'static str {
    match outcome {
        Ok(_) => "",
        Err(error) => error.name_str().rsplit('.').next().unwrap(),
    }
}

#[tokio::test]
async fn the_device_shows_itself_and_takes_a_name() {
    let daemon = daemon().await;
    let device = daemon.device().await;
    device.set_name("Ada's phone", &HashMap::new()).await.unwrap();
    assert_eq!(device.name().await.unwrap(), "Ada's phone");
    assert_eq!(device.lock_state().await.unwrap(), LockState::Unknown);
    assert_eq!(daemon.properties().await.len(), 13);
    assert_eq!(device.history(5, &HashMap::new()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn bad_arguments_and_options_are_named() {
    let daemon = daemon().await;
    let device = daemon.device().await;
    let unknown = HashMap::from([("colour", Variant::from("red"))]);
    let wrong = HashMap::from([("release", Variant::from("yes"))]);
    let big = "x".repeat(1 << 20);
    for outcome in [
        name_of(device.set_name("", &HashMap::new()).await),
        name_of(device.set_name(&big, &HashMap::new()).await),
        name_of(device.set_name("a", &unknown).await),
        name_of(device.history(0, &unknown).await),
        name_of(device.authorize_reset(TICKET, &unknown).await),
        name_of(device.authorize_reset(TICKET, &wrong).await),
        name_of(device.authorize_reset(&big, &HashMap::new()).await),
    ] {
        assert_eq!(outcome, "InvalidArgument");
    }
    assert_eq!(
        name_of(device.authorize_reset(TICKET, &HashMap::new()).await),
        "BadTicket"
    );
    assert_eq!(device.name().await.unwrap(), "host");
}

#[tokio::test]
async fn polkit_decides_and_is_asked_for_the_right_action() {
    let daemon = daemon().await;
    let device = daemon.device().await;
    let polkit = polkit(&daemon.bus, Some((false, false))).await;
    assert_eq!(
        name_of(device.set_name("a", &HashMap::new()).await),
        "NotAuthorized"
    );
    assert_eq!(name_of(device.history(0, &HashMap::new()).await), "NotAuthorized");
    assert_eq!(
        name_of(device.authorize_reset(TICKET, &HashMap::new()).await),
        "NotAuthorized"
    );
    let actions: Vec<_> = asked(&polkit).await;
    let expected = [
        "org.belay1.device.manage",
        "org.belay1.data.read",
        "org.belay1.account.remove",
    ];
    assert_eq!(
        actions,
        expected.map(|action| (action.to_owned(), 0)),
        "and never with a dialogue unasked"
    );
    assert_eq!(device.name().await.unwrap(), "host", "reading is free");
}

#[tokio::test]
async fn a_dialogue_opens_only_where_the_message_allows_it() {
    let daemon = daemon().await;
    let device = daemon.device().await;
    let polkit = polkit(&daemon.bus, Some((false, true))).await;
    let refused = name_of(device.set_name("a", &HashMap::new()).await);
    assert_eq!(refused, "InteractiveAuthorizationRequired");
    let options: HashMap<&str, Variant<'_>> = HashMap::new();
    let flags = MethodFlags::ALLOW_INTERACTIVE_AUTH;
    let allowed: Option<()> = device
        .inner()
        .call_with_flags("SetName", flags, &("a", options))
        .await
        .unwrap();
    assert_eq!(allowed, Some(()));
    let flags: Vec<_> = asked(&polkit).await.into_iter().map(|(_, flags)| flags).collect();
    assert_eq!(flags, [0, 0, 1]);
    assert_eq!(device.name().await.unwrap(), "a");
}

#[tokio::test]
async fn a_polkit_that_hangs_counts_as_none() {
    let daemon = daemon_that_waits(Duration::from_millis(200)).await;
    let _polkit = polkit(&daemon.bus, None).await;
    // This process runs as belayd's own user, which may.
    daemon
        .device()
        .await
        .set_name("a", &HashMap::new())
        .await
        .unwrap();
}

#[tokio::test]
async fn while_lost_only_the_state_and_what_is_for_the_finder_is_told() {
    let daemon = daemon().await;
    let device = daemon.device().await;
    let client = daemon.bus.connect().await;
    let properties = PropertiesProxy::new(&client, BUS_NAME, DEVICE_PATH)
        .await
        .unwrap();
    let mut changes = properties.receive_properties_changed().await.unwrap();
    daemon.warden.send_modify(|warden| warden.lock = LockState::Lost);
    // The channel's and the device's own properties are told of one after the other.
    let mut gone = BTreeSet::new();
    while gone.len() < 9 {
        let change = futures_util::StreamExt::next(&mut changes).await.unwrap();
        let change = change.args().unwrap();
        if let Some(state) = change.changed_properties.get("LockState") {
            assert_eq!(*state, "lost".into());
        }
        gone.extend(change.invalidated_properties.iter().map(ToString::to_string));
    }
    assert!(gone.contains("Connected") && gone.contains("Policies"));
    for outcome in [
        name_of(device.set_name("", &HashMap::new()).await),
        name_of(device.history(0, &HashMap::new()).await),
        name_of(device.authorize_reset("", &HashMap::new()).await),
        name_of(device.name().await),
        name_of(device.device_id().await),
        name_of(device.model().await),
        name_of(device.assurance_level().await),
        name_of(device.assurance_notes().await),
        name_of(device.wipe_class().await),
        name_of(device.find_enabled().await),
        name_of(device.connected().await),
        name_of(device.policies().await),
    ] {
        assert_eq!(outcome, "DeviceLost");
    }
    assert_eq!(device.lock_state().await.unwrap(), LockState::Lost);
    let told: BTreeSet<_> = daemon.properties().await.into_keys().collect();
    let expected = ["LockState", "LostMessage", "OwnerPhone", "Ringing"].map(str::to_owned);
    assert_eq!(told, BTreeSet::from(expected));
}

#[tokio::test]
async fn guessing_and_a_tampered_state_are_security_events() {
    let daemon = daemon().await;
    let client = daemon.bus.connect().await;
    let proxy = zbus::Proxy::new(&client, BUS_NAME, DEVICE_PATH, "org.belay1.Device")
        .await
        .unwrap();
    let mut events = proxy.receive_signal("SecurityEvent").await.unwrap();
    daemon.warden.send_modify(|warden| warden.tries_left = Some(1));
    daemon.warden.send_modify(|warden| warden.tries_left = Some(0));
    let event = futures_util::StreamExt::next(&mut events).await.unwrap();
    assert_eq!(event.body().deserialize::<String>().unwrap(), "password-check");
    daemon
        .warden
        .send_modify(|warden| warden.lock = LockState::Tampered);
    let event = futures_util::StreamExt::next(&mut events).await.unwrap();
    assert_eq!(
        event.body().deserialize::<String>().unwrap(),
        "tampered",
        "once for each"
    );
}

#[tokio::test]
async fn the_object_manager_lists_what_is_there() {
    let daemon = daemon().await;
    let client = daemon.bus.connect().await;
    let manager = ObjectManagerProxy::new(&client, BUS_NAME, PATH).await.unwrap();
    let objects = manager.get_managed_objects().await.unwrap();
    let paths: Vec<_> = objects.keys().map(|path| path.as_str()).collect();
    assert_eq!(paths, [DEVICE_PATH]);
    let proxy = belay_proto::dbus::ManagerProxy::new(&client).await.unwrap();
    assert_eq!(proxy.version().await.unwrap(), env!("CARGO_PKG_VERSION"));
    assert_eq!(proxy.capabilities().await.unwrap(), ["accessories"]);
}

#[test]
fn the_actions_are_those_of_the_installed_policy() {
    let policy = include_str!("../../../systemd/polkit-1/actions/org.belay1.policy");
    let installed: BTreeSet<&str> = policy
        .split("<action id=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    let known: BTreeSet<&str> = ACTIONS.iter().map(|action| action.id()).collect();
    assert_eq!(installed, known);
}
