//! A device whose every transaction, and whose every poll, the history has it do.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use belay_proto::clock::FakeClock;
use belay_proto::steps::CollectionKeysInput;
use belay_proto::sync::CollectionKeys;
use belay_sync::record;
use futures_util::future::BoxFuture;
use tokio::sync::{broadcast, mpsc, watch};

use super::super::super::desk::Desk;
use super::super::super::keys::{Keys, Whose};
use super::super::super::round::{Report, Round};
use super::super::super::state::Failure;
use super::super::longs::Longs;
use super::super::news::Elsewhere;
use super::super::rig::{ACCOUNT, bound, keys_of};
use super::network::Line;
use crate::store::sync::{self as rows, Listed};
use crate::store::testing::ByHand;
use crate::warden::WardenView;
use crate::warden::testing::FakeWarden;

/// The newest key epoch that there may be.
pub const NEWEST: u64 = 3;
const WHOSE: Whose = Whose {
    account: ACCOUNT,
    owner: None,
};

pub struct Device {
    pub desk: Desk,
    pub line: Arc<Line>,
    pub hand: ByHand,
    pub round: Option<BoxFuture<'static, Result<Report, Failure>>>,
    pub clock: FakeClock,
    /// Key epochs that its owner made on another device, until this one hears of them.
    pub made: Arc<Mutex<Vec<u64>>>,
    /// Those that its warden has, from the first on.
    known: Arc<Mutex<(Vec<u64>, usize)>>,
    warden: watch::Sender<WardenView>,
    collection: &'static str,
}

/// The keys of a collection in all key epochs that there may be.
pub fn all_keys(collection: &str) -> CollectionKeys {
    let epochs: Vec<u64> = (1..=NEWEST).collect();
    let keys = keys_of(collection, &epochs);
    CollectionKeys::new(ACCOUNT, collection.to_owned(), keys.keys, keys.index)
}

impl Device {
    pub fn new(collection: &'static str) -> Self {
        let (store, hand) = ByHand::open();
        let made = Arc::default();
        let known = Arc::new(Mutex::new((vec![1], 0)));
        let has = Arc::clone(&known);
        let steps = move |_: &str, _: &str, input: &[u8]| {
            let collection = CollectionKeysInput::decode(input).unwrap().collection;
            let epochs = has.lock().unwrap().0.clone();
            Ok(keys_of(&collection, &epochs).encode())
        };
        let (warden, view) = FakeWarden::handle(bound(ACCOUNT), steps);
        let newer = Elsewhere {
            made: Arc::clone(&made),
            known: Arc::clone(&known),
        };
        let clock = FakeClock::new();
        let desk = Desk {
            store,
            keys: Keys::new(warden, Arc::new(newer)),
            longs: Arc::new(Longs(Arc::default())),
            allowed: watch::channel(Ok(())).1,
            clock: Arc::new(clock.clone()),
            changed: broadcast::channel(8).0,
            edits: watch::Sender::default(),
            enabled: watch::channel([collection].into()).1,
            without_room: watch::channel([].into()).1,
            found: mpsc::channel(1).0,
        };
        desk.keys.begin(Some(WHOSE));
        let mut device = Self {
            desk,
            line: Arc::default(),
            hand,
            round: None,
            clock,
            made,
            known,
            warden: view,
            collection,
        };
        device.anew(collection);
        device
    }

    /// As it was when it came out of its box.
    pub fn anew(&mut self, collection: &'static str) {
        self.round = None;
        self.hand.drops();
        self.line = Arc::default();
        self.collection = collection;
        self.has_the_first_keys();
        let transaction = self.hand.connection().transaction().unwrap();
        rows::forget(&transaction).unwrap();
        rows::adopt(&transaction, ACCOUNT).unwrap();
        rows::enable(&transaction, collection, true).unwrap();
        transaction.commit().unwrap();
        // How the records are called is settled once, by whoever asks for the keys first, and others wait for that: a round that
        // isn't polled meanwhile would have its owner's call wait for ever.
        let desk = self.desk.clone();
        self.does(desk.keys(collection)).unwrap();
    }

    /// Whatever keys were made since.
    fn has_the_first_keys(&self) {
        self.made.lock().unwrap().clear();
        let mut known = self.known.lock().unwrap();
        if known.0.len() > 1 {
            known.0.truncate(1);
            self.warden.send_replace(bound(ACCOUNT));
            self.desk.keys.begin(Some(WHOSE));
        }
    }

    /// The warden gets the keys that were made elsewhere, and shows it; the newest epoch of all it has.
    pub fn hears_of_keys(&self) -> u64 {
        let mut known = self.known.lock().unwrap();
        known.0.append(&mut self.made.lock().unwrap());
        let newest = *known.0.last().unwrap();
        self.warden.send_modify(|view| view.identity.key_epoch = newest);
        newest
    }

    /// A round begins, unless one is under way; its requests have so many records at most.
    pub fn begins(&mut self, records: usize) {
        if self.round.is_none() {
            let round = Round {
                cloud: Arc::<Line>::clone(&self.line),
                desk: self.desk.clone(),
                account: ACCOUNT,
                collection: self.collection,
                progress: watch::Sender::default(),
                records,
                full: None,
                tries_in_the_way: false,
            };
            self.round = Some(Box::pin(round.run()));
        }
    }

    /// Does one transaction that waits, or has the round go on until it waits for one or for the network; the round's end.
    pub fn goes_on(&mut self) -> Option<Result<Report, Failure>> {
        if self.hand.gather() > 0 {
            self.hand.does(false);
            return None;
        }
        let round = self.round.as_mut()?;
        match round.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(done) => {
                self.round = None;
                Some(done)
            }
            Poll::Pending => None,
        }
    }

    /// What one call of its owner does, before all transactions that wait.
    pub fn does<T>(&mut self, call: impl Future<Output = T>) -> T {
        self.hand.gather();
        let mut call = pin!(call);
        loop {
            if let Poll::Ready(done) = call.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                return done;
            }
            self.hand.gather();
            self.hand.does(true);
        }
    }

    /// belayd dies; the transaction that waits is done just before it or not at all.
    pub fn dies(&mut self, done: bool) {
        self.leaves(done);
        self.hand.drops();
    }

    /// The round is left; what it has asked of the database is done all the same.
    pub fn leaves(&mut self, done: bool) {
        self.round = None;
        while done && self.hand.gather() > 0 {
            self.hand.does(false);
        }
    }

    pub fn keys(&mut self) -> Arc<CollectionKeys> {
        let (keys, collection) = (self.desk.keys.clone(), self.collection);
        self.does(keys.of(collection)).unwrap()
    }

    /// All records that are there, with their contents.
    pub fn has(&mut self) -> Vec<(Listed, String)> {
        let sealer = self.desk.store.sealer().clone();
        let all = rows::list(self.hand.connection(), &sealer, self.collection, 0, 10_000).unwrap();
        all.into_iter()
            .map(|listed| {
                let bytes = record::bytes(&listed.held.content).unwrap();
                let text = String::from_utf8(bytes.expose().clone()).unwrap();
                (listed, text)
            })
            .collect()
    }

    /// How many records wait for the cloud.
    pub fn pending(&mut self) -> u64 {
        let all = rows::collections(self.hand.connection()).unwrap();
        all.iter().map(|kept| kept.pending).sum()
    }
}
