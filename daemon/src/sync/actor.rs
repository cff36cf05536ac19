//! The task that syncs: it keeps the state, has its effects done and shows what is known.

mod messages;
mod rounds;
mod session;
mod showing;

use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use belay_proto::backoff::Backoff;
use belay_proto::clock::Clock;
use belay_proto::keys::random;
use belay_proto::wire::Quota;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{mpsc, watch};

use super::desk::{Desk, Edits, Found};
use super::error::SyncError;
use super::handle::{Answer, Message};
use super::model::{Conditions, collection};
use super::ports::{LongContents, Moving, NewerKeys, SyncCloud};
use super::round::{self, Report};
use super::state::{Effect, Event, Failure, Session, State, step};
use super::view::View;
use crate::actor::{Actor, Inbox};
use crate::store::sync as rows;
use crate::store::{Store, StoreError};
use crate::warden::WardenHandle;

/// Waits between tries that fail: at first, and at most.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);

/// What sync works with.
#[derive(Clone)]
pub struct Parts {
    /// The cloud.
    pub cloud: Arc<dyn SyncCloud>,
    /// Whoever moves long contents.
    pub longs: Arc<dyn LongContents>,
    /// Whoever brings the warden what the owner made elsewhere.
    pub newer: Arc<dyn NewerKeys>,
    /// The warden, which has the keys, and knows whose the device is.
    pub warden: WardenHandle,
    /// The database.
    pub store: Store,
    /// The boot clock.
    pub clock: Arc<dyn Clock>,
    /// What the policy looks at.
    pub conditions: watch::Receiver<Conditions>,
    /// Counts the cloud's hints that another device brought something.
    pub hinted: watch::Receiver<u64>,
    /// Counts how often the cloud could be reached again.
    pub reached: watch::Receiver<u64>,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").finish_non_exhaustive()
    }
}

/// Where the actor shows what is known.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    /// To the bus.
    pub(super) view: watch::Sender<View>,
    /// To what moves long contents: whether it may,
    pub(super) allowed: watch::Sender<Result<(), SyncError>>,
    /// and of which collections,
    pub(super) on: watch::Sender<BTreeSet<&'static str>>,
    /// and of which there was no room.
    pub(super) full: watch::Sender<BTreeMap<&'static str, bool>>,
}

/// The actor.
#[derive(Debug)]
pub(super) struct SyncActor {
    parts: Parts,
    desk: Desk,
    shown: Shown,
    found: mpsc::Receiver<Found>,
}

impl SyncActor {
    pub(super) const fn new(parts: Parts, desk: Desk, shown: Shown, found: mpsc::Receiver<Found>) -> Self {
        Self {
            parts,
            desk,
            shown,
            found,
        }
    }
}

impl Actor for SyncActor {
    type Message = Message;

    async fn run(&mut self, inbox: &mut Inbox<Message>) {
        let parts = &self.parts;
        let mut warden = parts.warden.watch();
        let mut conditions = parts.conditions.clone();
        let (mut hinted, mut reached) = (parts.hinted.clone(), parts.reached.clone());
        let mut edits = self.desk.edits.subscribe();
        let mut forgotten = parts.store.forgotten();
        let mut engine = Engine::new(parts.clone(), self.desk.clone(), self.shown.clone());
        engine.recall().await;
        let now = *conditions.borrow_and_update();
        engine.happens(Event::Conditions(now)).await;
        let shown = warden.borrow_and_update().clone();
        engine.follow(&shown).await;
        loop {
            tokio::select! {
                message = inbox.recv() => match message {
                    Some(message) => {
                        // Who asks after an edit asks for what follows from it.
                        engine.heed().await;
                        engine.take(message).await;
                    }
                    None => return,
                },
                Ok(()) = edits.changed() => engine.heed().await,
                Some(Found { collection, room }) = self.found.recv() => {
                    let event = if room { Event::Room } else { Event::NoRoom };
                    engine.happens(event(collection)).await;
                }
                Ok(()) = warden.changed() => {
                    let shown = warden.borrow_and_update().clone();
                    engine.follow(&shown).await;
                }
                Ok(()) = conditions.changed() => {
                    let now = *conditions.borrow_and_update();
                    engine.happens(Event::Conditions(now)).await;
                }
                // What was shown of it, and what its owner chose, is gone too.
                Ok(()) = forgotten.changed() => engine.recall().await,
                Ok(()) = hinted.changed() => engine.happens(Event::Hinted).await,
                Ok(()) = reached.changed() => engine.happens(Event::Reached).await,
                heard = engine.next() => engine.hear(heard).await,
            }
        }
    }
}

/// What the engine waits for.
enum Heard {
    Event(Event),
    /// More is done of what is under way.
    Progress,
    /// What it comes to may be counted again.
    Count,
    /// The rows may be had now.
    Adopt,
}

struct Engine {
    parts: Parts,
    desk: Desk,
    shown: Shown,
    state: State,
    /// The edits that were heeded.
    edits: Edits,
    session: Option<Session>,
    /// When it is tried again to have the rows be the account's, where that failed; boot time.
    unadopted: Option<Duration>,
    /// The newest of the keys that the warden kept, and how many, when it last told.
    held_keys: (u64, u64),
    /// The device is an account's, lost or not.
    is_bound: bool,
    /// What is under way.
    work: Option<(&'static str, BoxFuture<'static, Result<Report, Failure>>)>,
    progress: watch::Sender<(u64, u64)>,
    progressed: watch::Receiver<(u64, u64)>,
    /// Of long contents.
    moving: watch::Receiver<Moving>,
    /// When records may be counted again while some come, boot time; and whether more came since they were.
    count_at: Duration,
    is_uncounted: bool,
    pauses: Backoff,
    quota: Quota,
    /// What it told with the last round.
    told: Option<Quota>,
    /// What it told of its room when it last had none for a collection.
    full: BTreeMap<&'static str, Quota>,
    /// Who waits, by number, and who of them has left.
    waiting: BTreeMap<u64, Answer>,
    leaving: FuturesUnordered<BoxFuture<'static, u64>>,
    waiters: u64,
}

impl Engine {
    fn new(parts: Parts, desk: Desk, shown: Shown) -> Self {
        let (progress, progressed) = watch::channel((0, 0));
        let edits = desk.edits.borrow().clone();
        let moving = parts.longs.moving();
        Self {
            parts,
            desk,
            shown,
            state: State::spread(random::<1>()[0]),
            edits,
            session: None,
            unadopted: None,
            held_keys: (0, 0),
            is_bound: false,
            work: None,
            progress,
            progressed,
            moving,
            count_at: Duration::ZERO,
            is_uncounted: false,
            pauses: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE),
            quota: Quota::default(),
            told: None,
            full: BTreeMap::new(),
            waiting: BTreeMap::new(),
            leaving: FuturesUnordered::new(),
            waiters: 0,
        }
    }

    /// Waits for whatever is under way. Cancelling the call loses nothing.
    async fn next(&mut self) -> Heard {
        let (due, clock, adopt) = (self.state.due(), &self.parts.clock, self.unadopted);
        let (collection, outcome) = tokio::select! {
            done = async {
                match &mut self.work {
                    Some((collection, work)) => (*collection, work.await),
                    None => pending().await,
                }
            } => done,
            Some(waiter) = self.leaving.next() => return Heard::Event(Event::HungUp(waiter)),
            Ok(()) = self.progressed.changed() => return Heard::Progress,
            Ok(()) = self.moving.changed() => return Heard::Progress,
            () = async {
                match due {
                    Some(due) => clock.sleep_until(due).await,
                    None => pending().await,
                }
            } => return Heard::Event(Event::Woken),
            () = clock.sleep_until(adopt.unwrap_or_default()), if adopt.is_some() => return Heard::Adopt,
            () = clock.sleep_until(self.count_at), if self.is_uncounted => return Heard::Count,
        };
        self.work = None;
        self.progress.send_replace((0, 0));
        Heard::Event(self.came(collection, outcome))
    }

    async fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Event(event) => {
                if let Event::HungUp(waiter) = event {
                    self.waiting.remove(&waiter);
                }
                if let Some(quota) = self.told.take() {
                    let left = quota.total.saturating_sub(quota.used);
                    self.happens(Event::Told(left)).await;
                }
                self.happens(event).await;
            }
            Heard::Adopt => {
                self.unadopted = None;
                let shown = self.parts.warden.view();
                self.follow(&shown).await;
            }
            Heard::Progress => {
                self.progressed.mark_unchanged();
                let is_moving = self.moving.borrow_and_update().contents > 0;
                match is_moving == self.state.is_moving() {
                    true => self.show_progress().await,
                    false => self.happens(Event::Moving(is_moving)).await,
                }
            }
            Heard::Count => self.count().await,
        }
    }

    /// Heeds what was edited.
    async fn heed(&mut self) {
        let edits = self.desk.edits.borrow().clone();
        let before = std::mem::replace(&mut self.edits, edits.clone());
        for (collection, count) in edits {
            if before.get(collection) != Some(&count) {
                self.happens(Event::Edited(collection)).await;
            }
        }
    }

    async fn happens(&mut self, event: Event) {
        let ended = matches!(event, Event::Done(None | Some(SyncError::Unopened)));
        let (state, effects) = step(&self.state, self.parts.clock.boottime(), event);
        self.state = state;
        if ended && self.state.is_done() {
            let now = self.desk.now();
            let note = move |connection: &rusqlite::Connection| match asks(connection, now)? {
                true => Ok(()),
                false => rows::synced(connection, now),
            };
            // What isn't noted is shown a round later.
            let _ = write(&self.parts.store, note).await;
        }
        let allowed = self.state.allowed();
        self.shown
            .allowed
            .send_if_modified(|before| std::mem::replace(before, allowed) != allowed);
        let full = self.state.without_room();
        self.shown
            .full
            .send_if_modified(|before| std::mem::replace(before, full.clone()) != full);
        self.shown.on.send_if_modified(|before| {
            let is_other = before != self.state.enabled();
            before.clone_from(self.state.enabled());
            is_other
        });
        let mut answers = Vec::new();
        for effect in effects {
            match effect {
                Effect::Leave => {
                    self.work = None;
                    self.progress.send_replace((0, 0));
                }
                Effect::Sync(collection) => self.begin(collection),
                Effect::Answer(waiter, outcome) => answers.push((waiter, outcome)),
            }
        }
        // Who is told that it is done finds it shown.
        self.show().await;
        for (waiter, outcome) in answers {
            if let Some(answer) = self.waiting.remove(&waiter) {
                let _ = answer.send(outcome);
            }
        }
    }
}

/// Whether records of a collection that is on wait for the owner's answer.
fn asks(connection: &rusqlite::Connection, now: u64) -> Result<bool, StoreError> {
    for kept in rows::collections(connection)? {
        if kept.enabled
            && let Some(name) = collection(&kept.name)
            && round::question(connection, name, now)?.is_some()
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Writes, and tells the log where that fails.
async fn write(
    store: &Store,
    work: impl FnOnce(&rusqlite::Connection) -> Result<(), StoreError> + Send + 'static,
) -> Result<(), SyncError> {
    let written = store.call(move |connection| work(connection)).await;
    written.inspect_err(unread).map_err(|_| SyncError::Storage)
}

fn unread(error: &StoreError) {
    tracing::error!(error = error as &dyn std::error::Error, "what is kept of sync");
}
