//! Devices of one account, and a cloud between them that is honest until a test says otherwise.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use belay_drivers::{Address, Driver, Key, Kind};
use belay_proto::clock::FakeClock;
use belay_proto::dbus::{BindingState, Error, LockState};
use belay_proto::id::{AccessoryId, AccountId};
use belay_proto::secret::Secret;
use belay_proto::signed::EpochKeys;
use belay_proto::steps::{COLLECTION_KEYS, CollectionKeysInput, CollectionKeysOutput};
use belay_proto::wire::{AccessoriesAnswer, AccessoryEntry, AccessoryRequest};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use tokio::sync::{mpsc, watch};

use super::super::*;
use crate::accessory::model::Saved;
use crate::accessory::ports::{AdapterView, Radio, RadioError, Reply as RadioReply, Scan, Session};
use crate::accessory::{self, AccessoryHandle};
use crate::actor::Supervisor;
use crate::store::{SealingKey, Store, accessory as rows, registry};
use crate::sync::NewerKeys;
use crate::warden::testing::FakeWarden;
use crate::warden::{Identity, WardenView};

pub const ACCOUNT: AccountId = AccountId::from_bytes([7; 16]);
pub const NOW: u64 = 1_800_000_000;

/// A device without Bluetooth.
#[derive(Debug)]
pub struct Silence;

impl Radio for Silence {
    fn adapter(&self) -> watch::Receiver<AdapterView> {
        watch::channel(AdapterView::default()).1
    }

    fn scan(&self, _: bool) -> RadioReply<'_, Scan> {
        ready(Err(RadioError::AdapterMissing)).boxed()
    }

    fn connect(&self, _: Address, _: Box<dyn Driver>) -> Session {
        let ((orders, _), (_, reports)) = (mpsc::channel(1), mpsc::channel(1));
        Session { orders, reports }
    }

    fn forget(&self, _: Address) -> RadioReply<'_> {
        ready(Ok(())).boxed()
    }
}

/// The registry at the cloud.
#[derive(Default)]
pub struct Shelf {
    pub kept: Mutex<Kept>,
    /// Counts what it was asked.
    pub asked: watch::Sender<usize>,
    /// What it makes of an answer.
    #[expect(clippy::type_complexity, reason = "a test's closure")]
    pub lie: Mutex<Option<Box<dyn FnMut(&mut AccessoriesAnswer) + Send>>>,
    /// What it refuses.
    pub refuses: Mutex<Option<NotBrought>>,
    /// What is sealed in an older key epoch is refused (412).
    pub least_epoch: Mutex<u64>,
}

#[derive(Clone, Default)]
pub struct Kept {
    pub entries: BTreeMap<AccessoryId, (u64, AccessoryEntry)>,
    pub last: u64,
}

impl Shelf {
    fn asked(&self) {
        self.asked.send_modify(|times| *times += 1);
    }
}

impl Registry for Shelf {
    fn changes(&self, after: u64) -> ports::Reply<'_, AccessoriesAnswer> {
        let kept = self.kept.lock().unwrap().clone();
        let mut all: Vec<_> = kept.entries.into_values().collect();
        all.retain(|(number, _)| *number > after);
        all.sort_by_key(|(number, _)| *number);
        let mut answer = AccessoriesAnswer {
            accessories: all.into_iter().map(|(_, entry)| entry).collect(),
            last: kept.last,
            more: false,
        };
        if let Some(lie) = &mut *self.lie.lock().unwrap() {
            lie(&mut answer);
        }
        self.asked();
        ready(Ok(answer)).boxed()
    }

    fn put(&self, id: AccessoryId, record: AccessoryRequest) -> ports::Reply<'_, ()> {
        let mut kept = self.kept.lock().unwrap();
        let present = kept.entries.get(&id).map_or(0, |(_, entry)| entry.revision);
        let outcome = match *self.refuses.lock().unwrap() {
            Some(why) => Err(why),
            None if record.key_epoch < *self.least_epoch.lock().unwrap() => Err(NotBrought::KeysOld),
            None if record.revision <= record.base => Err(NotBrought::Refused),
            None if present != record.base => Err(NotBrought::Conflict),
            None => Ok(()),
        };
        if outcome.is_ok() {
            kept.last += 1;
            let entry = AccessoryEntry {
                id,
                revision: record.revision,
                removed: record.removed,
                key_epoch: record.key_epoch,
                sealed: record.sealed,
            };
            let number = kept.last;
            kept.entries.insert(id, (number, entry));
        }
        self.asked();
        ready(outcome).boxed()
    }
}

/// The warden gets the key epochs that were made elsewhere, and shows them.
struct Elsewhere {
    made: Arc<Mutex<Vec<u64>>>,
    known: Arc<Mutex<Vec<u64>>>,
    view: watch::Sender<WardenView>,
}

impl NewerKeys for Elsewhere {
    fn fetch(&self) -> BoxFuture<'_, ()> {
        let mut known = self.known.lock().unwrap();
        known.append(&mut self.made.lock().unwrap());
        let newest = known.last().copied().unwrap_or_default();
        self.view.send_modify(|view| view.identity.key_epoch = newest);
        ready(()).boxed()
    }
}

pub struct Phone {
    pub store: Store,
    pub clock: FakeClock,
    pub warden: watch::Sender<WardenView>,
    pub hinted: watch::Sender<u64>,
    pub reached: watch::Sender<u64>,
    pub handle: AccessoryHandle,
    pub shelf: Arc<Shelf>,
    /// How often the warden was asked for the keys, and whether it gives them.
    pub keys: Arc<Mutex<(usize, bool)>>,
    /// Key epochs that the owner made on another device, until this one fetches them.
    pub made_elsewhere: Arc<Mutex<Vec<u64>>>,
    _supervisor: Supervisor,
    _folder: tempfile::TempDir,
}

pub fn bound() -> WardenView {
    WardenView {
        binding: BindingState::Bound,
        lock: LockState::Unlocked,
        identity: Identity {
            account: Some(ACCOUNT),
            ..Identity::default()
        },
        is_current: true,
        ..WardenView::default()
    }
}

pub async fn phone(shelf: &Arc<Shelf>) -> Phone {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), SealingKey::default()).await.unwrap();
    let keys = Arc::new(Mutex::new((0, true)));
    let given = Arc::clone(&keys);
    let (known, made_elsewhere) = (Arc::new(Mutex::new(vec![1])), Arc::default());
    let epochs = Arc::clone(&known);
    let steps = move |ticket: &str, step: &str, input: &[u8]| {
        assert_eq!((ticket, step), ("", COLLECTION_KEYS));
        assert_eq!(
            CollectionKeysInput::decode(input).unwrap().collection,
            "accessories"
        );
        let mut given = given.lock().unwrap();
        given.0 += 1;
        let key = |epoch: &u64| (*epoch, Secret::new([u8::try_from(*epoch).unwrap(); 32]));
        let keys = EpochKeys::new(epochs.lock().unwrap().iter().map(key).collect()).unwrap();
        match given.1 {
            true => Ok(CollectionKeysOutput {
                keys,
                index: Secret::new([0; 32]),
            }
            .encode()),
            false => Err(Error::Internal("no".into())),
        }
    };
    let (warden, view) = FakeWarden::handle(bound(), steps);
    let clock = FakeClock::new();
    let mut supervisor = Supervisor::default();
    let parts = accessory::Parts {
        radio: Arc::new(Silence),
        warden: warden.clone(),
        store: store.clone(),
        clock: Arc::new(clock.clone()),
        time: watch::Sender::default().subscribe(),
    };
    let handle = AccessoryHandle::start(&mut supervisor, parts);
    let (hinted, reached) = (watch::Sender::new(0), watch::Sender::new(0));
    let parts = Parts {
        cloud: Arc::<Shelf>::clone(shelf),
        warden,
        newer: Arc::new(Elsewhere {
            made: Arc::clone(&made_elsewhere),
            known,
            view: view.clone(),
        }),
        accessories: handle.clone(),
        store: store.clone(),
        clock: Arc::new(clock.clone()),
        hinted: hinted.subscribe(),
        reached: reached.subscribe(),
    };
    supervisor.start("registry", RegistryActor::new(parts));
    let phone = Phone {
        store,
        clock,
        warden: view,
        hinted,
        reached,
        handle,
        shelf: Arc::clone(shelf),
        keys,
        made_elsewhere,
        _supervisor: supervisor,
        _folder: folder,
    };
    phone.settles().await;
    phone
}

impl Phone {
    /// Until nothing happens any more: the actors, the store's thread and the shelf have had their turns.
    pub async fn settles(&self) {
        let mut quiet = 0;
        while quiet < 3 {
            let before = *self.shelf.asked.borrow();
            for _ in 0..50 {
                tokio::task::yield_now().await;
                self.store.call(|_| Ok(())).await.unwrap();
            }
            quiet = if *self.shelf.asked.borrow() == before {
                quiet + 1
            } else {
                0
            };
        }
    }

    /// Something is changed while nobody looks; the cloud can be reached afterwards.
    pub async fn pairs(&self, saved: &Saved, now: u64) {
        let (sealer, saved) = (self.store.sealer().clone(), saved.clone());
        let save = move |db: &rusqlite::Transaction<'_>| registry::save(db, &sealer, ACCOUNT, &saved, now);
        self.store.transaction(save).await.unwrap();
    }

    pub async fn unpairs(&self, id: AccessoryId) {
        let remove = move |db: &rusqlite::Transaction<'_>| registry::remove(db, ACCOUNT, id, NOW);
        self.store.transaction(remove).await.unwrap();
    }

    pub async fn reaches(&self) {
        self.reached.send_modify(|times| *times += 1);
        self.settles().await;
    }

    /// The long waits pass.
    pub async fn waits(&self) {
        self.clock.advance(Duration::from_secs(16 * 60));
        self.settles().await;
    }

    pub async fn kept(&self) -> Vec<Saved> {
        let sealer = self.store.sealer().clone();
        let load = move |db: &mut rusqlite::Connection| rows::load(db, &sealer, ACCOUNT);
        self.store.call(load).await.unwrap()
    }

    /// What the accessories' own actor shows.
    pub fn shown(&self) -> Vec<AccessoryId> {
        self.handle.view().accessories.into_keys().collect()
    }
}

pub fn id(number: u8) -> AccessoryId {
    AccessoryId::from_bytes([number; 16])
}

pub fn band(number: u8, key: u8) -> Saved {
    Saved {
        id: id(number),
        kind: Kind::MiBand2,
        address: Address([0xc8, 0, 0, 0, 0, number]),
        name: "Band".into(),
        serial: String::new(),
        key: Some(Key::new([key; 16])),
        synced_to: 0,
        synced_at: 0,
    }
}
