//! Cloud, warden, store and the domain between them, which can be killed and started again.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use belay_proto::clock::Clock;
use belay_proto::id::CommandId;
use belay_proto::signed::{Action, CommandState};
use futures_util::FutureExt;
use tokio::sync::{broadcast, watch};

use super::cloud::Cloud;
use super::relay::Counted;
use super::warden::Warden;
use crate::actor::Supervisor;
use crate::cloud::CloudClient;
use crate::cloud::tests::clock::SkippingClock;
use crate::cloud::tests::server::Server;
use crate::cloud::tests::vault::MemoryVault;
use crate::find::deeds::Done;
use crate::find::{
    Announcement, Conditions, DeedFailed, Deeds, FindHandle, LocateRequest, Outbox, Parts, Position,
};
use crate::store::{self, SealingKey, Store};
use crate::warden::testing::{FakeRecords, passwords};

/// Notes what it is asked for; what it answers is a test's to say.
#[derive(Debug, Default)]
pub struct Noted {
    pub done: Mutex<Vec<String>>,
    pub fails: Mutex<Option<&'static str>>,
    pub hangs: Mutex<bool>,
    pub ringing: watch::Sender<bool>,
    pub sim_changes: watch::Sender<u64>,
}

impl Noted {
    fn deed(&self, what: String) -> Done<'_> {
        self.done.lock().unwrap().push(what);
        let fails = *self.fails.lock().unwrap();
        let hangs = *self.hangs.lock().unwrap();
        async move {
            if hangs {
                std::future::pending::<()>().await;
            }
            fails.map_or(Ok(()), |reason| Err(DeedFailed::new(reason)))
        }
        .boxed()
    }
}

impl Deeds for Noted {
    fn ring(&self, seconds: u64) -> Done<'_> {
        self.deed(format!("ring {seconds}"))
    }

    fn stop_ring(&self) -> Done<'_> {
        self.deed("stop-ring".into())
    }

    fn ringing(&self) -> watch::Receiver<bool> {
        self.ringing.subscribe()
    }

    fn locate(&self, _: LocateRequest) -> Done<'_> {
        self.deed("locate".into())
    }

    fn call_owner(&self, number: &str) -> Done<'_> {
        self.deed(format!("call {number}"))
    }

    fn location(&self) -> Done<'_, Position> {
        let fails = *self.fails.lock().unwrap();
        async move { Err(DeedFailed::new(fails.unwrap_or("no-fix"))) }.boxed()
    }

    fn sim_changes(&self) -> watch::Receiver<u64> {
        self.sim_changes.subscribe()
    }
}

pub struct Rig {
    pub cloud: Cloud,
    pub warden: Warden,
    pub clock: Arc<SkippingClock>,
    pub deeds: Arc<Noted>,
    pub conditions: watch::Sender<Conditions>,
    pub reached: watch::Sender<u64>,
    pub store: Store,
    pub outbox: Outbox,
    pub handle: FindHandle,
    pub announced: broadcast::Receiver<Announcement>,
    supervisor: Supervisor,
    vault: Arc<MemoryVault>,
    server: Server,
    /// Calls that the cloud hasn't answered yet.
    under_way: watch::Sender<usize>,
    _folder: tempfile::TempDir,
}

pub async fn rig() -> Rig {
    rig_with(Cloud::new()).await
}

pub async fn rig_with(cloud: Cloud) -> Rig {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), SealingKey::default()).await.unwrap();
    let server = cloud.serve().await;
    let warden = Warden::new();
    let clock = Arc::new(SkippingClock::default());
    let deeds = Arc::new(Noted::default());
    let conditions = watch::Sender::new(Conditions::default());
    let reached = watch::Sender::new(0);
    let vault = Arc::new(MemoryVault::default());
    let under_way = watch::Sender::new(0);
    let outbox = Outbox::new(store.clone());
    let mut supervisor = Supervisor::default();
    let parts = parts(
        &server,
        &warden,
        &clock,
        &deeds,
        &conditions,
        &reached,
        &store,
        &outbox,
        &vault,
        &under_way,
    );
    let handle = FindHandle::start(&mut supervisor, parts);
    Rig {
        cloud,
        warden,
        clock,
        deeds,
        conditions,
        reached,
        announced: handle.announcements(),
        handle,
        store,
        outbox,
        supervisor,
        vault,
        server,
        under_way,
        _folder: folder,
    }
}

#[expect(clippy::too_many_arguments, reason = "each is shared with the rig")]
fn parts(
    server: &Server,
    warden: &Warden,
    clock: &Arc<SkippingClock>,
    deeds: &Arc<Noted>,
    conditions: &watch::Sender<Conditions>,
    reached: &watch::Sender<u64>,
    store: &Store,
    outbox: &Outbox,
    vault: &Arc<MemoryVault>,
    under_way: &watch::Sender<usize>,
) -> Parts {
    let by: Arc<dyn Clock> = Arc::<SkippingClock>::clone(clock);
    let client = CloudClient::new(Some(&server.url()), None, vault.clone(), Arc::clone(&by));
    Parts {
        relay: Arc::new(Counted::new(client, under_way.clone())),
        warden: warden.handle.clone(),
        passwords: passwords(&warden.handle, FakeRecords::None),
        store: store.clone(),
        outbox: outbox.clone(),
        deeds: Arc::<Noted>::clone(deeds),
        conditions: conditions.subscribe(),
        reached: reached.clone(),
        hinted: watch::Sender::new(0),
        account_hinted: watch::Sender::new(0),
        clock: by,
    }
}

impl Rig {
    /// Kills the domain and starts it again over the same store.
    pub fn restart(&mut self) {
        // Dropping it aborts the task wherever it is.
        self.supervisor = Supervisor::default();
        self.cloud.end_streams();
        let parts = parts(
            &self.server,
            &self.warden,
            &self.clock,
            &self.deeds,
            &self.conditions,
            &self.reached,
            &self.store,
            &self.outbox,
            &self.vault,
            &self.under_way,
        );
        self.handle = FindHandle::start(&mut self.supervisor, parts);
        self.announced = self.handle.announcements();
    }

    pub async fn connected(&self, connected: bool) {
        let mut view = self.handle.watch();
        view.wait_for(|view| view.connected == connected).await.unwrap();
    }

    /// Queues a lock.
    pub fn lock(&self) -> CommandId {
        let action = Action::Lock {
            message: "m".into(),
            phone: String::new(),
        };
        let (device, epoch) = self.warden.with(|warden| (warden.device, warden.epoch));
        self.cloud.command(device, epoch, action)
    }

    /// Until the cloud has heard that `command` is done.
    pub async fn done(&self, command: CommandId) {
        self.cloud
            .until(|cloud| {
                cloud
                    .outcomes
                    .iter()
                    .any(|outcome| outcome.command == command && outcome.state == CommandState::Done)
            })
            .await;
    }

    /// The row of the present binding.
    pub async fn row(&self) -> store::find::FindRow {
        let epoch = self.warden.with(|warden| warden.epoch);
        self.store
            .transaction(move |transaction| store::find::adopt(transaction, epoch))
            .await
            .unwrap()
    }

    /// Until nothing waits for the cloud.
    pub async fn posted(&self) {
        while self
            .store
            .call(|db| store::find::next(db))
            .await
            .unwrap()
            .is_some()
        {
            tokio::task::yield_now().await;
        }
    }

    /// Until the row is as `look` wants it.
    pub async fn kept(&self, look: impl Fn(&store::find::FindRow) -> bool) {
        while !look(&self.row().await) {
            tokio::task::yield_now().await;
        }
    }

    /// Until the actor has done what it could do by now.
    pub async fn settled(&self) {
        self.supervisor.ask_all(Duration::from_secs(60)).await.unwrap();
    }

    /// Lets five seconds pass.
    pub async fn five_seconds(&self) {
        self.begun().await;
        self.clock.advance(Duration::from_secs(5));
    }

    /// The same once the cloud has answered all that it was asked. It has to do so by itself; then no call waits longer, or is given
    /// up, because the machine is busy.
    pub async fn five_quiet_seconds(&self) {
        self.begun().await;
        let mut under_way = self.under_way.subscribe();
        under_way.wait_for(|calls| *calls == 0).await.unwrap();
        self.clock.advance(Duration::from_secs(5));
    }

    /// Until the actor has begun what is to be done now.
    async fn begun(&self) {
        self.settled().await;
        // What is on its way through the socket gets its turns.
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
    }

    /// Lets time pass until `work` is done.
    pub async fn passing<T>(&self, work: impl Future<Output = T>) -> T {
        let time = async {
            loop {
                self.five_seconds().await;
            }
        };
        tokio::select! {
            done = work => done,
            () = time => unreachable!("time passes without end"),
        }
    }

    /// Until the warden knows the ends of so many effects.
    pub async fn ended(&self, count: usize) {
        self.passing(async {
            while self.warden.with(|warden| warden.ended.len()) < count {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    pub async fn announcement(&mut self) -> Announcement {
        self.announced.recv().await.unwrap()
    }
}
