use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use belay_proto::dbus::names::{WARDEN_NAME, WARDEN_PATH};
use belay_proto::dbus::{AssuranceLevel, BindingState, LockState, WipeClass};
use tokio::sync::watch;
use zbus::fdo::Properties;
use zbus::object_server::{Interface, SignalEmitter};
use zbus::{Connection, OwnedVariant, interface};

use super::{BusWarden, WardenError, WardenHandle, WardenView, Watcher};
use crate::actor::Supervisor;
use crate::bus::testing::PrivateBus;

/// How long an answer may take that nothing holds up. Both of them together last no longer than a reading that hangs is given.
const AT_LAST: Duration = Duration::from_secs(25);

/// What the test's warden shows; `reads` counts how often it was asked.
#[derive(Clone)]
struct Stage {
    binding: Arc<Mutex<String>>,
    reads: Arc<AtomicU32>,
    /// False while it hangs.
    answers: watch::Sender<bool>,
}

impl Default for Stage {
    fn default() -> Self {
        Self {
            binding: Arc::default(),
            reads: Arc::default(),
            answers: watch::Sender::new(true),
        }
    }
}

struct StagedWarden(Stage);

#[interface(name = "org.belay1.Warden")]
impl StagedWarden {
    #[zbus(property)]
    async fn binding_state(&self) -> String {
        self.0.reads.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.0.answers.subscribe();
        answers.wait_for(|answers| *answers).await.unwrap();
        self.0.binding.lock().unwrap().clone()
    }

    #[zbus(property)]
    fn lock_state(&self) -> &str {
        "unlocked"
    }

    fn identity(&self) -> HashMap<String, OwnedVariant> {
        let text = |text: &str| OwnedVariant::try_from(zbus::Variant::from(text)).unwrap();
        [
            ("hardware".to_owned(), text(&"ab".repeat(32))),
            ("assurance-level".to_owned(), text("C")),
            ("wipe-class".to_owned(), text("levitate")),
            ("hardware-locked".to_owned(), true.into()),
            ("generation".to_owned(), 3_u64.into()),
            ("a-later-key".to_owned(), 1_u8.into()),
        ]
        .into()
    }

    #[zbus(name = "Use")]
    fn use_step(
        &self,
        ticket: &str,
        step: &str,
        input: Vec<u8>,
    ) -> Result<Vec<u8>, belay_proto::dbus::Error> {
        if ticket == "good" {
            Ok([step.as_bytes(), &input].concat())
        } else {
            Err(belay_proto::dbus::Error::BadTicket("no such ticket".into()))
        }
    }
}

async fn stage(bus: &PrivateBus, stage: &Stage) -> Connection {
    let connection = bus.connect().await;
    connection
        .object_server()
        .at(WARDEN_PATH, StagedWarden(stage.clone()))
        .await
        .unwrap();
    connection.request_name(WARDEN_NAME).await.unwrap();
    connection
}

async fn handle(bus: &PrivateBus) -> (WardenHandle, Supervisor) {
    let (handle, supervisor, _) = client(bus).await;
    (handle, supervisor)
}

async fn client(bus: &PrivateBus) -> (WardenHandle, Supervisor, Connection) {
    let connection = bus.connect().await;
    let mut supervisor = Supervisor::default();
    let (view, shown) = watch::channel(WardenView::default());
    let watcher = supervisor.start("warden", Watcher::new(connection.clone(), view));
    let calls = BusWarden::new(&connection, watcher, watch::channel(true).1)
        .await
        .unwrap();
    (WardenHandle::new(Arc::new(calls), shown), supervisor, connection)
}

async fn say_changed(from: &Connection, to: Option<&Connection>, binding: &str) {
    let mut emitter = SignalEmitter::new(from, WARDEN_PATH).unwrap();
    if let Some(to) = to {
        emitter = emitter.set_destination(to.unique_name().unwrap().clone().into());
    }
    let changed = [("BindingState", binding.into())].into();
    Properties::properties_changed(&emitter, StagedWarden::name(), changed, (&[]).into())
        .await
        .unwrap();
}

#[tokio::test]
async fn the_view_shows_what_the_warden_shows_and_follows_it() {
    let bus = PrivateBus::start();
    let staged = Stage::default();
    *staged.binding.lock().unwrap() = "unbound".into();
    let warden_side = stage(&bus, &staged).await;
    let (warden, _supervisor) = handle(&bus).await;
    let mut view = warden.watch();
    let first = view
        .wait_for(|view| view.binding == BindingState::Unbound)
        .await
        .unwrap()
        .clone();
    assert_eq!(first.lock, LockState::Unlocked);
    assert_eq!(first.identity.assurance_level, AssuranceLevel::C);
    assert_eq!(
        first.identity.wipe_class,
        WipeClass::Unknown,
        "a later word is unknown"
    );
    assert!(first.identity.hardware.is_some() && first.identity.hardware_locked);
    assert_eq!(first.identity.generation, 3);

    *staged.binding.lock().unwrap() = "bound".into();
    say_changed(&warden_side, None, "bound").await;
    view.wait_for(|view| view.binding == BindingState::Bound)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_forged_signal_changes_nothing() {
    let bus = PrivateBus::start();
    let staged = Stage::default();
    *staged.binding.lock().unwrap() = "bound".into();
    let _warden_side = stage(&bus, &staged).await;
    let (warden, _supervisor) = handle(&bus).await;
    let mut view = warden.watch();
    view.wait_for(|view| view.binding == BindingState::Bound)
        .await
        .unwrap();

    let forger = bus.connect().await;
    let reads = staged.reads.load(Ordering::SeqCst);
    say_changed(&forger, None, "unbound").await;
    // Even one that is sent to belayd alone, which the bus lets through, is a reason to ask at most.
    let daemon = bus.connect().await;
    say_changed(&forger, Some(&daemon), "unbound").await;
    let seen = warden.refresh().await.unwrap();
    assert_eq!(seen.binding, BindingState::Bound);
    assert!(
        staged.reads.load(Ordering::SeqCst) > reads,
        "the property was read from the warden itself"
    );
    assert!(!view.has_changed().unwrap());
}

#[tokio::test]
async fn a_warden_that_leaves_for_want_of_work_is_still_believed_and_not_woken() {
    let bus = PrivateBus::start();
    let staged = Stage::default();
    *staged.binding.lock().unwrap() = "bound".into();
    let warden_side = stage(&bus, &staged).await;
    let (warden, _supervisor) = handle(&bus).await;
    let mut view = warden.watch();
    view.wait_for(|view| view.binding == BindingState::Bound)
        .await
        .unwrap();
    let reads = staged.reads.load(Ordering::SeqCst);
    warden_side.release_name(WARDEN_NAME).await.unwrap();
    // A call that fails comes after the bus's word that the name is free.
    assert!(matches!(warden.refresh().await, Err(WardenError::Unreachable(_))));
    assert_eq!(warden.view().binding, BindingState::Bound);
    assert_eq!(staged.reads.load(Ordering::SeqCst), reads);

    // The next one may show something else.
    *staged.binding.lock().unwrap() = "tampered".into();
    warden_side.request_name(WARDEN_NAME).await.unwrap();
    view.wait_for(|view| view.binding == BindingState::Tampered && view.is_lost())
        .await
        .unwrap();
}

#[tokio::test]
async fn without_a_warden_everything_is_unknown_and_calls_say_so() {
    let bus = PrivateBus::start();
    let (warden, _supervisor) = handle(&bus).await;
    assert!(matches!(warden.refresh().await, Err(WardenError::Unreachable(_))));
    assert_eq!(warden.view(), WardenView::default());
    assert!(matches!(
        warden.use_step("t", "release", &[]).await,
        Err(WardenError::Unreachable(_))
    ));
}

#[tokio::test]
async fn a_warden_that_could_not_be_read_is_read_again_when_somebody_asks() {
    let bus = PrivateBus::start();
    // It owns its name and shows nothing: no later signal tells that it does.
    let warden_side = bus.connect().await;
    let staged = Stage::default();
    *staged.binding.lock().unwrap() = "bound".into();
    warden_side
        .object_server()
        .at("/elsewhere", StagedWarden(staged.clone()))
        .await
        .unwrap();
    warden_side.request_name(WARDEN_NAME).await.unwrap();
    let (warden, _supervisor) = handle(&bus).await;
    assert!(warden.refresh().await.is_err());
    warden_side
        .object_server()
        .at(WARDEN_PATH, StagedWarden(staged.clone()))
        .await
        .unwrap();
    assert_eq!(warden.view().binding, BindingState::Unknown);
    let mut view = warden.watch();
    warden.retry_if_unheard();
    view.wait_for(|view| view.binding == BindingState::Bound)
        .await
        .unwrap();
    let reads = staged.reads.load(Ordering::SeqCst);
    warden.retry_if_unheard();
    warden.refresh().await.unwrap();
    assert_eq!(
        staged.reads.load(Ordering::SeqCst),
        reads + 1,
        "what is current isn't read for being looked at"
    );
}

#[tokio::test]
async fn a_warden_that_hangs_under_a_flood_of_signals_stops_neither_the_actor_nor_the_connection() {
    let bus = PrivateBus::start();
    let staged = Stage::default();
    let _warden_side = stage(&bus, &staged).await;
    let (warden, supervisor, daemon) = client(&bus).await;
    warden.refresh().await.unwrap();

    let reads = staged.reads.load(Ordering::SeqCst);
    staged.answers.send_replace(false);
    let asked = tokio::spawn({
        let warden = warden.clone();
        async move { warden.refresh().await }
    });
    while staged.reads.load(Ordering::SeqCst) == reads {
        tokio::task::yield_now().await;
    }
    let forger = bus.connect().await;
    // Twice what a stream's queue holds.
    for _ in 0..128 {
        say_changed(&forger, Some(&daemon), "unbound").await;
    }
    let dbus = zbus::fdo::DBusProxy::new(&daemon).await.unwrap();
    tokio::time::timeout(AT_LAST, dbus.get_id())
        .await
        .expect("the connection still reads answers")
        .unwrap();
    supervisor.ask_all(AT_LAST).await.unwrap();
    staged.answers.send_replace(true);
    asked.await.unwrap().unwrap();
    // The one that hung, the one that all the signals asked for, and this question's own.
    warden.refresh().await.unwrap();
    let readings = staged.reads.load(Ordering::SeqCst) - reads;
    assert!(readings <= 3, "{readings} readings");
}

#[tokio::test]
async fn a_step_answers_bytes_or_the_warden_s_own_error() {
    let bus = PrivateBus::start();
    let _warden_side = stage(&bus, &Stage::default()).await;
    let (warden, _supervisor) = handle(&bus).await;
    assert_eq!(
        warden.use_step("good", "release", &[7]).await.unwrap(),
        b"release\x07"
    );
    let error = warden.use_step("bad", "release", &[]).await.unwrap_err();
    let name = |error: belay_proto::dbus::Error| error.name_str();
    assert_eq!(
        name(error.into()),
        "org.belay1.Error.BadTicket",
        "the name passes through belayd"
    );
}
