//! Devices of one account, and a cloud between them that is honest until a test says otherwise.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use belay_proto::Secret;
use belay_proto::clock::FakeClock;
use belay_proto::dbus::{BindingState, LockState};
use belay_proto::id::AccountId;
use belay_proto::signed::EpochKeys;
use belay_proto::steps::{COLLECTION_KEYS, CollectionKeysInput, CollectionKeysOutput};
use belay_proto::sync::{Attributes, ChunkId, CollectionId};
use belay_proto::wire::{
    ChangesAnswer, MISSING_CHUNKS, MissingAnswer, MissingChunk, PushAnswer, PushRecord, PushRequest,
};
use futures_util::FutureExt;
use futures_util::future::ready;
use tokio::sync::watch;

use super::super::ports::{Moving, Reply, SealedChunk, SyncCloud, SyncFailure};
use super::super::*;
pub use super::kept::Kept;
use super::longs::Longs;
use super::news::Elsewhere;
pub use super::said::{all, text};
use crate::actor::Supervisor;
use crate::store::{SealingKey, Store};
use crate::warden::testing::FakeWarden;
use crate::warden::{Identity, WardenView};

pub const ACCOUNT: AccountId = AccountId::from_bytes([7; 16]);
pub const CONTACTS: &str = "contacts";

/// A lie told about an answer.
type Lie<T> = Mutex<Option<Box<dyn FnMut(&mut T) + Send>>>;

/// The cloud.
#[derive(Default)]
pub struct Cloud {
    pub kept: Mutex<Kept>,
    pub about_changes: Lie<ChangesAnswer>,
    pub about_results: Lie<PushAnswer>,
    /// The answer of the next push is lost, though it was carried out.
    pub loses: Mutex<bool>,
    /// The next push arrives after the next time that somebody asks for changes.
    pub is_late: Mutex<bool>,
    pub late: Mutex<Vec<PushRecord>>,
    pub refuses: Mutex<Option<SyncFailure>>,
    /// How often it was asked for changes, and how many records were pushed.
    pub counted: Mutex<(usize, usize)>,
    /// In which key epoch long contents are taken; 0: there are none.
    pub epoch_of_longs: Mutex<u64>,
    /// Whether there is no room for any, and how many were tried.
    pub is_full_of_longs: Mutex<bool>,
    pub tried_longs: Mutex<usize>,
    /// Chunks that it doesn't have, and how often it was asked after any.
    pub lost: Mutex<BTreeSet<ChunkId>>,
    pub asked_after: Mutex<usize>,
    /// Where this is said, it has no other chunks than these.
    pub whole: Mutex<Option<BTreeSet<ChunkId>>>,
    /// The next question after chunks gets no answer.
    pub is_silent: Mutex<bool>,
    /// How much is done of the long contents.
    pub moving: watch::Sender<Moving>,
    /// A push in an older key epoch is refused (412).
    pub least_epoch: Mutex<u64>,
    /// A page's records.
    pub page: Mutex<usize>,
}

impl std::fmt::Debug for Cloud {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cloud")
    }
}

impl SyncCloud for Cloud {
    fn push(&self, request: PushRequest) -> Reply<'_, PushAnswer> {
        if let Some(failure) = *self.refuses.lock().unwrap() {
            return ready(Err(failure)).boxed();
        }
        let least = *self.least_epoch.lock().unwrap();
        if request.records.iter().any(|push| push.record.key_epoch < least) {
            return ready(Err(SyncFailure::KeyEpochOld)).boxed();
        }
        // As a cloud takes a body (`GET /v1/config`).
        if rmp_serde::to_vec_named(&request).unwrap().len() > 1024 * 1024 {
            return ready(Err(SyncFailure::Refused)).boxed();
        }
        if std::mem::take(&mut *self.is_late.lock().unwrap()) {
            *self.late.lock().unwrap() = request.records;
            return ready(Err(SyncFailure::Offline(None))).boxed();
        }
        self.counted.lock().unwrap().1 += request.records.len();
        let mut answer = self.kept.lock().unwrap().push(request);
        if let Some(lie) = &mut *self.about_results.lock().unwrap() {
            lie(&mut answer);
        }
        match std::mem::take(&mut *self.loses.lock().unwrap()) {
            true => ready(Err(SyncFailure::Offline(None))).boxed(),
            false => ready(Ok(answer)).boxed(),
        }
    }

    fn changes<'a>(
        &'a self,
        cursor: Option<&'a str>,
        collection: CollectionId,
        _: usize,
    ) -> Reply<'a, ChangesAnswer> {
        if let Some(failure) = *self.refuses.lock().unwrap() {
            return ready(Err(failure)).boxed();
        }
        let kept = self.kept.lock().unwrap().clone();
        for record in self.late.lock().unwrap().drain(..) {
            self.kept.lock().unwrap().take(record);
        }
        self.counted.lock().unwrap().0 += 1;
        let mut answer = match kept.changes(cursor, collection, *self.page.lock().unwrap()) {
            Ok(answer) => answer,
            Err(failure) => return ready(Err(failure)).boxed(),
        };
        if let Some(lie) = &mut *self.about_changes.lock().unwrap() {
            lie(&mut answer);
        }
        ready(Ok(answer)).boxed()
    }

    fn missing(&self, chunks: Vec<ChunkId>) -> Reply<'_, MissingAnswer> {
        *self.asked_after.lock().unwrap() += 1;
        if std::mem::take(&mut *self.is_silent.lock().unwrap()) {
            return ready(Err(SyncFailure::Offline(None))).boxed();
        }
        assert!(chunks.len() <= MISSING_CHUNKS);
        let (lost, whole) = (self.lost.lock().unwrap(), self.whole.lock().unwrap());
        let is_there = |id: &ChunkId| whole.as_ref().is_none_or(|whole| whole.contains(id));
        let lost = chunks.into_iter().filter(|id| lost.contains(id) || !is_there(id));
        let missing = lost.map(|id| MissingChunk { id, offset: 0 }).collect();
        ready(Ok(MissingAnswer { missing })).boxed()
    }

    fn put_chunk(&self, _: ChunkId, _: u64, _: SealedChunk) -> Reply<'_, ()> {
        ready(Err(SyncFailure::Refused)).boxed()
    }

    fn get_chunk(&self, _: ChunkId) -> Reply<'_, Vec<u8>> {
        ready(Err(SyncFailure::Refused)).boxed()
    }
}

pub struct Phone {
    pub handle: SyncHandle,
    pub store: Store,
    pub clock: FakeClock,
    pub warden: watch::Sender<WardenView>,
    pub conditions: watch::Sender<Conditions>,
    pub hinted: watch::Sender<u64>,
    _reached: watch::Sender<u64>,
    /// The key epochs that the warden knows, and how often it was asked.
    pub epochs: Arc<Mutex<(Vec<u64>, usize)>>,
    /// How often the account went on with keys of nothing that was.
    pub anew: Arc<AtomicU8>,
    /// Key epochs that the owner made on another device, until this one fetches them.
    pub made_elsewhere: Arc<Mutex<Vec<u64>>>,
    /// Whether the warden keeps who asks for keys waiting.
    pub holds: watch::Sender<bool>,
    supervisor: Supervisor,
    folder: tempfile::TempDir,
}

pub fn bound(account: AccountId) -> WardenView {
    WardenView {
        binding: BindingState::Bound,
        lock: LockState::Unlocked,
        identity: Identity {
            account: Some(account),
            ..Identity::default()
        },
        is_current: true,
        ..WardenView::default()
    }
}

pub fn keys_of(collection: &str, epochs: &[u64]) -> CollectionKeysOutput {
    keys_anew(collection, epochs, 0)
}

/// The same where the account went on with keys of nothing that was, so often.
fn keys_anew(collection: &str, epochs: &[u64], times: u8) -> CollectionKeysOutput {
    let name = collection.bytes().next().unwrap() ^ times.rotate_right(1);
    let key = |epoch: &u64| (*epoch, Secret::new([name ^ u8::try_from(*epoch).unwrap(); 32]));
    CollectionKeysOutput {
        keys: EpochKeys::new(epochs.iter().map(key).collect()).unwrap(),
        index: Secret::new([name; 32]),
    }
}

/// A device on which contacts are synced.
pub async fn phone(cloud: &Arc<Cloud>) -> Phone {
    let phone = begin(cloud, tempfile::tempdir().unwrap()).await;
    phone.switches_on().await;
    phone
}

/// A device with what is in a folder; where that is empty nothing is synced yet.
pub async fn begin(cloud: &Arc<Cloud>, folder: tempfile::TempDir) -> Phone {
    let store = Store::open(folder.path(), SealingKey::default()).await.unwrap();
    let epochs = Arc::new(Mutex::new((vec![1], 0)));
    let known = Arc::clone(&epochs);
    let anew = Arc::<AtomicU8>::default();
    let times = Arc::clone(&anew);
    let steps = move |_: &str, step: &str, input: &[u8]| {
        assert_eq!(step, COLLECTION_KEYS);
        let mut known = known.lock().unwrap();
        known.1 += 1;
        let collection = CollectionKeysInput::decode(input).unwrap().collection;
        Ok(keys_anew(&collection, &known.0, times.load(Ordering::Relaxed)).encode())
    };
    let (warden, view, holds) = FakeWarden::holding(bound(ACCOUNT), steps);
    let made_elsewhere = Arc::default();
    let clock = FakeClock::new();
    let (hinted, reached) = (watch::Sender::new(0), watch::Sender::new(0));
    let conditions = watch::Sender::new(Conditions::default());
    let parts = Parts {
        cloud: Arc::<Cloud>::clone(cloud),
        longs: Arc::new(Longs(Arc::clone(cloud))),
        newer: Arc::new(Elsewhere {
            made: Arc::clone(&made_elsewhere),
            known: Arc::clone(&epochs),
        }),
        warden,
        store: store.clone(),
        clock: Arc::new(clock.clone()),
        conditions: conditions.subscribe(),
        hinted: hinted.subscribe(),
        reached: reached.subscribe(),
    };
    let mut supervisor = Supervisor::default();
    let handle = SyncHandle::start(&mut supervisor, parts);
    handle.watch().wait_for(|view| view.bound).await.unwrap();
    Phone {
        handle,
        store,
        clock,
        warden: view,
        conditions,
        hinted,
        _reached: reached,
        epochs,
        anew,
        made_elsewhere,
        holds,
        supervisor,
        folder,
    }
}

impl Phone {
    /// Contacts are synced from now on.
    pub async fn switches_on(&self) {
        self.handle.set_enabled(CONTACTS, true).await.unwrap();
        // What is switched on is synced by itself once: that isn't to come upon what follows.
        let mut watch = self.handle.watch();
        let is_done = |view: &View| view.phase != Phase::Syncing;
        watch.wait_for(is_done).await.unwrap();
    }

    /// Its owner has signed out.
    pub async fn is_nobodys(&self) {
        self.warden.send_replace(WardenView {
            binding: BindingState::Unbound,
            is_current: true,
            ..WardenView::default()
        });
        self.handle.watch().wait_for(|view| !view.bound).await.unwrap();
    }

    /// It has become this account's.
    pub async fn becomes(&self, account: AccountId) {
        self.warden.send_replace(bound(account));
        self.handle.watch().wait_for(|view| view.bound).await.unwrap();
    }

    /// belayd stops and starts again.
    pub async fn restarts(mut self, cloud: &Arc<Cloud>) -> Self {
        self.supervisor.stop().await;
        self.store.close().await;
        begin(cloud, self.folder).await
    }

    pub async fn syncs(&self) {
        self.handle.sync_now(vec![CONTACTS]).await.unwrap();
    }

    /// A contact is put in place of what there is.
    pub async fn puts(&self, natural: &str, text: &str) {
        let revision = self.entry(natural).await.map_or(0, |entry| entry.revision);
        self.handle
            .put(CONTACTS, put(natural, revision, text))
            .await
            .unwrap();
    }

    pub async fn removes(&self, natural: &str) {
        let entry = self.entry(natural).await.unwrap();
        self.handle
            .delete(CONTACTS, entry.id, entry.revision)
            .await
            .unwrap();
    }

    pub async fn entry(&self, natural: &str) -> Option<Entry> {
        let all = self.handle.list(CONTACTS, 0, 10_000).await.unwrap();
        all.into_iter().find(|entry| entry.natural == natural)
    }

    /// All that is there, by natural key.
    pub async fn has(&self) -> BTreeMap<String, String> {
        let all = self.handle.list(CONTACTS, 0, 10_000).await.unwrap();
        let ids = all.into_iter().map(|entry| entry.id).collect();
        let got = self.handle.get_many(CONTACTS, ids).await.unwrap();
        got.into_iter()
            .map(|got| (got.entry.natural.clone(), text(&got)))
            .collect()
    }

    /// The phase, once it is this one.
    pub async fn comes_to(&self, phase: Phase) -> View {
        let mut watch = self.handle.watch();
        let view = watch.wait_for(|view| view.phase == phase);
        tokio::time::timeout(Duration::from_secs(60), view)
            .await
            .expect("the phase comes")
            .unwrap()
            .clone()
    }
}

pub fn put(natural: &str, revision: u64, text: &str) -> Put {
    Put {
        id: None,
        revision,
        natural: Some(natural.to_owned()),
        kind: "text/plain".to_owned(),
        attributes: Attributes::default(),
        keep_both: false,
        body: Secret::new(text.as_bytes().to_vec()),
    }
}
