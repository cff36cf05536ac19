use std::sync::{Arc, Mutex};
use std::time::Duration;

use belay_proto::DeviceId;
use belay_proto::clock::{Clock, FakeClock};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use tokio::sync::{Notify, watch};

use super::courier::{Courier, DeviceList, Undelivered};
use super::tests::{Device, device, refuse};
use crate::store;

/// A list of devices that notes what it is told.
struct Noted {
    told: Mutex<Vec<(DeviceId, String)>>,
    answer: Mutex<Result<(), Undelivered>>,
    asked: Notify,
}

impl DeviceList for Noted {
    fn rename<'a>(&'a self, device: DeviceId, name: &'a str) -> BoxFuture<'a, Result<(), Undelivered>> {
        self.told.lock().unwrap().push((device, name.to_owned()));
        self.asked.notify_one();
        ready(*self.answer.lock().unwrap()).boxed()
    }
}

impl Noted {
    fn names(&self) -> Vec<String> {
        self.told
            .lock()
            .unwrap()
            .iter()
            .map(|(_, name)| name.clone())
            .collect()
    }

    fn answers(&self, answer: Result<(), Undelivered>) {
        *self.answer.lock().unwrap() = answer;
    }
}

struct Stage {
    device: Device,
    list: Arc<Noted>,
    clock: Arc<FakeClock>,
    reached: watch::Sender<u64>,
}

async fn stage() -> Stage {
    let mut device = device(refuse).await;
    let list = Arc::new(Noted {
        told: Mutex::default(),
        answer: Mutex::new(Ok(())),
        asked: Notify::new(),
    });
    let clock = Arc::new(FakeClock::new());
    let to: Arc<dyn DeviceList> = Arc::<Noted>::clone(&list);
    let by: Arc<dyn Clock> = Arc::<FakeClock>::clone(&clock);
    let (reached, seen) = watch::channel(0);
    let courier = Courier::new(device.handle.clone(), device.store.clone(), to, by, seen);
    device.supervisor.start("courier", courier);
    Stage {
        device,
        list,
        clock,
        reached,
    }
}

impl Stage {
    async fn bind(&self) {
        let id = DeviceId::random();
        self.device
            .warden
            .send_modify(|warden| warden.identity.device = Some(id));
        let mut view = self.device.handle.watch();
        view.wait_for(|view| view.id == Some(id)).await.unwrap();
        self.settled().await;
    }

    /// Until each actor has done what it could do by now.
    async fn settled(&self) {
        self.device
            .supervisor
            .ask_all(Duration::from_secs(30))
            .await
            .unwrap();
    }

    /// Until nothing is left to be delivered.
    async fn delivered(&self) {
        loop {
            let row = self
                .device
                .store
                .call(|db| store::device::load(db))
                .await
                .unwrap();
            if !row.name_dirty {
                return;
            }
        }
    }
}

#[tokio::test]
async fn a_name_is_brought_to_the_cloud_once_the_device_is_bound() {
    let stage = stage().await;
    stage.device.handle.set_name("one".into()).await.unwrap();
    stage.settled().await;
    assert!(
        stage.list.names().is_empty(),
        "an unbound device is in nobody's list"
    );
    stage.bind().await;
    stage.delivered().await;
    stage.device.handle.set_name("two".into()).await.unwrap();
    stage.delivered().await;
    assert_eq!(stage.list.names(), ["one", "two"]);
}

#[tokio::test]
async fn offline_it_is_tried_again_until_it_arrives() {
    let stage = stage().await;
    stage
        .list
        .answers(Err(Undelivered::Later(Some(Duration::from_secs(60)))));
    stage.bind().await;
    stage.device.handle.set_name("one".into()).await.unwrap();
    stage.list.asked.notified().await;
    stage.settled().await;
    stage.clock.advance(Duration::from_secs(59));
    stage.settled().await;
    assert_eq!(stage.list.names().len(), 1, "not sooner than the cloud asked for");
    stage.list.answers(Ok(()));
    stage.clock.advance(Duration::from_secs(15 * 60));
    stage.delivered().await;
    assert_eq!(stage.list.names(), ["one", "one"]);
}

#[tokio::test]
async fn a_cloud_that_can_be_reached_again_is_told_at_once() {
    let stage = stage().await;
    stage
        .list
        .answers(Err(Undelivered::Later(Some(Duration::from_secs(600)))));
    stage.bind().await;
    stage.device.handle.set_name("one".into()).await.unwrap();
    stage.list.asked.notified().await;
    stage.settled().await;
    stage.list.answers(Ok(()));
    // No clock is moved.
    stage.reached.send_replace(1);
    stage.delivered().await;
    assert_eq!(stage.list.names(), ["one", "one"]);
}

#[tokio::test]
async fn a_refused_name_is_kept_and_the_next_one_is_offered() {
    let stage = stage().await;
    stage.list.answers(Err(Undelivered::Refused));
    stage.bind().await;
    stage.device.handle.set_name("one".into()).await.unwrap();
    stage.list.asked.notified().await;
    stage.settled().await;
    stage.clock.advance(Duration::from_secs(86_400));
    stage.settled().await;
    assert_eq!(stage.list.names(), ["one"], "asking again would be told the same");
    stage.list.answers(Ok(()));
    stage.device.handle.set_name("two".into()).await.unwrap();
    stage.delivered().await;
    assert_eq!(stage.list.names(), ["one", "two"]);
}
