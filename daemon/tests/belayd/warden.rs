//! What belayd tells while its warden is lost, late or silent.

use std::collections::HashMap;
use std::future::pending;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use zbus::Connection;
use zbus::object_server::Interface;

use super::{STOPS_WITHIN, Stage, TRIES, terminate};

/// Where belayd looks for the warden.
const PATH: &str = "/org/belay1/warden";

/// Puts a warden on the bus: its `object` lies at `path` before its name is owned.
async fn warden(stage: &Stage, path: &str, object: impl Interface) -> Connection {
    let warden = stage.connect().await;
    warden.object_server().at(path, object).await.unwrap();
    warden.request_name("org.belay1.Warden").await.unwrap();
    warden
}

/// A warden of a lost device, which notes whether belayd was there for others when it first asked.
#[derive(Default)]
struct LostWarden {
    /// Of the first reading alone: belayd's actors read again later, when the name is owned as it should be.
    too_early: Arc<OnceLock<bool>>,
}

#[zbus::interface(name = "org.belay1.Warden")]
impl LostWarden {
    #[zbus(property)]
    async fn binding_state(&self, #[zbus(connection)] connection: &Connection) -> &str {
        let bus = zbus::fdo::DBusProxy::new(connection).await.unwrap();
        let owned = bus
            .name_has_owner("org.belay1".try_into().unwrap())
            .await
            .unwrap();
        self.too_early.get_or_init(|| owned);
        "bound"
    }

    #[zbus(property)]
    fn lock_state(&self) -> &str {
        "lost"
    }

    fn identity(&self) -> HashMap<String, zbus::OwnedVariant> {
        HashMap::new()
    }
}

#[tokio::test]
async fn a_lost_device_is_lost_to_the_first_reader() {
    let stage = Stage::new();
    let too_early = Arc::new(OnceLock::new());
    let object = LostWarden {
        too_early: Arc::clone(&too_early),
    };
    let _warden = warden(&stage, PATH, object).await;
    // A blocking wait would keep the warden above from answering.
    let stage = Arc::new(stage);
    let starting = Arc::clone(&stage);
    let mut child = tokio::task::spawn_blocking(move || starting.start())
        .await
        .unwrap();
    let device = stage.device().await;
    let error = device.name().await.unwrap_err();
    assert_eq!(error.name_str(), "org.belay1.Error.DeviceLost");
    assert_eq!(device.lock_state().await.unwrap().to_string(), "lost");
    assert_eq!(
        too_early.get(),
        Some(&false),
        "the name was owned before the warden was heard"
    );
    terminate(&child);
    child.wait().unwrap();
}

#[tokio::test]
async fn a_warden_that_could_not_be_asked_at_the_start_is_asked_by_the_next_reader() {
    let stage = Stage::new();
    // It has its name, so nothing tells when it is of use at last.
    let warden = warden(&stage, "/elsewhere", LostWarden::default()).await;
    let stage = Arc::new(stage);
    let starting = Arc::clone(&stage);
    let mut child = tokio::task::spawn_blocking(move || starting.start())
        .await
        .unwrap();
    let device = stage.device().await;
    assert_eq!(device.lock_state().await.unwrap().to_string(), "unknown");
    warden
        .object_server()
        .at(PATH, LostWarden::default())
        .await
        .unwrap();
    let recovered = async {
        while device.lock_state().await.unwrap().to_string() != "lost" {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), recovered)
        .await
        .unwrap();
    terminate(&child);
    child.wait().unwrap();
}

/// A warden that never answers, and tells when it is asked.
struct SilentWarden {
    asked: Arc<Notify>,
}

#[zbus::interface(name = "org.belay1.Warden")]
impl SilentWarden {
    #[zbus(property)]
    async fn binding_state(&self) -> &str {
        self.asked.notify_one();
        pending().await
    }
}

/// How long belayd takes to stop while it waits for such a warden's first word.
async fn stopped_at_the_start() -> Duration {
    let stage = Stage::new();
    let asked = Arc::new(Notify::new());
    let object = SilentWarden {
        asked: Arc::clone(&asked),
    };
    let _warden = warden(&stage, PATH, object).await;
    let mut child = stage.command().spawn().unwrap();
    asked.notified().await;
    let told = Instant::now();
    terminate(&child);
    assert_eq!(stage.told(), "STOPPING=1", "it was never ready");
    assert!(child.wait().unwrap().success());
    told.elapsed()
}

#[tokio::test]
async fn a_stop_waits_for_no_word_of_a_warden_that_hangs() {
    let mut took = Vec::<Duration>::new();
    while took.iter().all(|took| *took >= STOPS_WITHIN) {
        assert!(took.len() < TRIES, "{took:?}");
        took.push(stopped_at_the_start().await);
    }
}
