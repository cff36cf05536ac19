//! The handle to the sync domain.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use belay_proto::DeviceId;
use belay_proto::sync::RecordId;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use super::actor::{Parts, Shown, SyncActor};
use super::desk::Desk;
use super::error::SyncError;
use super::health::{self, HEALTH};
use super::keys::Keys;
use super::model::{Change, Choice, Content, Entry, Got, PolicyChanges, Put, PutLong, Shown as Versions};
use super::view::View;
use crate::actor::Supervisor;

/// Changes that may wait for a slow listener before it misses the oldest.
const CHANGES: usize = 64;

/// What the handle sends.
#[derive(Debug)]
pub enum Message {
    /// Sync these collections, all that are on without any; answers when done.
    SyncNow {
        /// Which.
        collections: Vec<&'static str>,
        /// Whatever the policy says.
        anyway: bool,
        /// Where the answer goes.
        answer: Answer,
        /// Ends when whoever asked is gone.
        hangs_up: oneshot::Receiver<()>,
    },
    /// Stop until it is resumed.
    Pause(bool, Answer),
    /// Change the policy.
    Policy(PolicyChanges, Answer),
    /// The owner has answered the question about this collection.
    Answered(&'static str, Answer),
    /// Switch a collection on or off.
    Enable {
        /// Which.
        collection: &'static str,
        /// Whether it is synced.
        enabled: bool,
        /// Where the answer goes.
        answer: Answer,
    },
}

/// Where an answer goes.
pub type Answer = oneshot::Sender<Result<(), SyncError>>;

/// The handle; clones share everything.
#[derive(Clone, Debug)]
pub struct SyncHandle {
    actor: mpsc::Sender<Message>,
    view: watch::Receiver<View>,
    desk: Desk,
}

impl SyncHandle {
    /// Starts the domain's actor.
    pub fn start(supervisor: &mut Supervisor, parts: Parts) -> Self {
        let (view, shown) = watch::channel(View::default());
        let (allowed, may) = watch::channel(Err(SyncError::NotBound));
        let (changed, _) = broadcast::channel(CHANGES);
        let (on, enabled) = watch::channel(BTreeSet::new());
        let (full, without_room) = watch::channel(BTreeMap::new());
        let (finds, found) = mpsc::channel(CHANGES);
        let desk = Desk {
            store: parts.store.clone(),
            keys: Keys::new(parts.warden.clone(), Arc::clone(&parts.newer)),
            longs: Arc::clone(&parts.longs),
            allowed: may,
            clock: Arc::clone(&parts.clock),
            changed,
            edits: watch::Sender::default(),
            enabled,
            without_room,
            found: finds,
        };
        let shown_in = Shown {
            view,
            allowed,
            on,
            full,
        };
        let actor = SyncActor::new(parts, desk.clone(), shown_in, found);
        Self {
            actor: supervisor.start("sync", actor),
            view: shown,
            desk,
        }
    }

    /// What is known.
    #[must_use]
    pub fn view(&self) -> View {
        self.view.borrow().clone()
    }

    /// The view with its changes.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<View> {
        self.view.clone()
    }

    /// What changes in the collections from now on. Whoever is too slow misses the oldest.
    #[must_use]
    pub fn changes(&self) -> broadcast::Receiver<Change> {
        self.desk.changes()
    }

    /// Syncs these collections, all that are on without any; answers when done. Ends when the caller drops it. What the
    /// accessories have brought goes with them.
    ///
    /// # Errors
    /// [`SyncError`], as in every method here. [`SyncError::NotFound`] for a collection that is off.
    pub async fn sync_now(&self, collections: Vec<&'static str>) -> Result<(), SyncError> {
        self.sync_now_as(collections, false).await
    }

    /// The same once on a metered network, while roaming and on a low battery too, where the policy says not to. Its owner's
    /// pause isn't the policy's.
    ///
    /// # Errors
    /// As [`SyncHandle::sync_now`].
    pub async fn sync_anyway(&self, collections: Vec<&'static str>) -> Result<(), SyncError> {
        self.sync_now_as(collections, true).await
    }

    async fn sync_now_as(&self, collections: Vec<&'static str>, anyway: bool) -> Result<(), SyncError> {
        self.share_if_asked(&collections).await;
        // Dropped with this future: that is how the actor learns that nobody waits any more.
        let (_here, hangs_up) = oneshot::channel();
        self.ask(|answer| Message::SyncNow {
            collections,
            anyway,
            answer,
            hangs_up,
        })
        .await
    }

    /// Stops until [`SyncHandle::resume`], a restart included.
    ///
    /// # Errors
    /// [`SyncError`].
    pub async fn pause(&self) -> Result<(), SyncError> {
        self.ask(|answer| Message::Pause(true, answer)).await
    }

    /// Goes on.
    ///
    /// # Errors
    /// [`SyncError`].
    pub async fn resume(&self) -> Result<(), SyncError> {
        self.ask(|answer| Message::Pause(false, answer)).await
    }

    /// Changes when to sync.
    ///
    /// # Errors
    /// [`SyncError`].
    pub async fn set_policy(&self, changes: PolicyChanges) -> Result<(), SyncError> {
        self.ask(|answer| Message::Policy(changes, answer)).await
    }

    /// Answers [`View::question`]: removes the records, or keeps them.
    ///
    /// # Errors
    /// [`SyncError::NotFound`] for another question than the one that is asked.
    pub async fn confirm(&self, question: String, yes: bool) -> Result<(), SyncError> {
        let collection = self.desk.confirm(question, yes).await?;
        self.ask(|answer| Message::Answered(collection, answer)).await
    }

    /// Switches a collection on or off. Its records stay.
    ///
    /// # Errors
    /// [`SyncError`].
    pub async fn set_enabled(&self, collection: &'static str, enabled: bool) -> Result<(), SyncError> {
        self.ask(|answer| Message::Enable {
            collection,
            enabled,
            answer,
        })
        .await
    }

    /// The ids of the records that are this by nature, whether they are there or not.
    ///
    /// # Errors
    /// [`SyncError`].
    pub async fn identify(
        &self,
        collection: &'static str,
        naturals: Vec<String>,
    ) -> Result<Vec<RecordId>, SyncError> {
        self.desk.identify(collection, naturals).await
    }

    /// Those of the records that this device knows to have been removed.
    ///
    /// # Errors
    /// [`SyncError`].
    pub async fn removed(
        &self,
        collection: &'static str,
        ids: Vec<RecordId>,
    ) -> Result<Vec<RecordId>, SyncError> {
        self.desk.removed(collection, ids).await
    }

    /// The records after a position, 0: from the start, at most `limit`.
    ///
    /// # Errors
    /// [`SyncError`].
    pub async fn list(
        &self,
        collection: &'static str,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Entry>, SyncError> {
        self.desk.list(collection, after, limit).await
    }

    /// Likewise what was removed, here or on another device, as far as this one knows: what it was by nature, its kind, and as
    /// when it was changed last when it was removed. Another version of a record isn't among them: it goes with the choice.
    ///
    /// # Errors
    /// [`SyncError`].
    pub async fn list_removed(
        &self,
        collection: &'static str,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Entry>, SyncError> {
        self.desk.list_removed(collection, after, limit).await
    }

    /// Stores a content; answers the record's revision here once it is on disk. One that doesn't fit a record is brought to
    /// the cloud first.
    ///
    /// # Errors
    /// [`SyncError::Conflict`] where [`Put::revision`] isn't the present one, and what ends a [`SyncHandle::put_long`].
    pub async fn put(&self, collection: &'static str, put: Put) -> Result<u64, SyncError> {
        let (_, revision) = self.desk.put(collection, put).await?;
        Ok(revision)
    }

    /// Stores contents, all or none, without the cloud; answers ids and revisions in their order.
    ///
    /// # Errors
    /// [`SyncError::LongFrame`] for one that doesn't fit a record, and [`SyncError::Conflict`] as [`SyncHandle::put`].
    pub async fn put_many(
        &self,
        collection: &'static str,
        puts: Vec<Put>,
    ) -> Result<Vec<(RecordId, u64)>, SyncError> {
        self.desk.put_many(collection, puts).await
    }

    /// Brings a content of any length to the cloud and stores its record; answers the record's revision once both are
    /// done.
    ///
    /// # Errors
    /// As [`SyncHandle::put`], and [`SyncError::Offline`], [`SyncError::Paused`] also where the collection is off, and what
    /// else ends a transfer.
    pub async fn put_long(&self, collection: &'static str, put: PutLong) -> Result<u64, SyncError> {
        let (_, revision) = self.desk.put_long(collection, put).await?;
        Ok(revision)
    }

    /// A record with its content. A long one is still being fetched when this answers.
    ///
    /// # Errors
    /// [`SyncError::NotFound`]; [`SyncError::Offline`] and [`SyncError::Paused`] for a long one.
    pub async fn get(&self, collection: &'static str, id: RecordId) -> Result<Got, SyncError> {
        self.desk.get(collection, id, None).await
    }

    /// What is left of the content of a record of this revision after so many bytes.
    ///
    /// # Errors
    /// As [`SyncHandle::get`]; [`SyncError::Conflict`] for another revision, [`SyncError::InvalidArgument`] for more bytes than
    /// it has.
    pub async fn get_from(
        &self,
        collection: &'static str,
        id: RecordId,
        (revision, from): (u64, u64),
    ) -> Result<Content, SyncError> {
        let got = self.desk.get(collection, id, Some((revision, from))).await?;
        Ok(got.content)
    }

    /// Whether a record has this revision still, is long, and says what `content` does: a file that lies under another name
    /// needn't be fetched. Nothing is brought anywhere.
    ///
    /// # Errors
    /// [`SyncError::NotFound`], [`SyncError::Conflict`] where it has another revision, [`SyncError::InvalidArgument`] for what
    /// is no content, [`SyncError::Paused`] where others are read that don't end.
    pub async fn matches(
        &self,
        collection: &'static str,
        at: (RecordId, u64),
        content: OwnedFd,
    ) -> Result<bool, SyncError> {
        self.desk.matches(collection, at, content).await
    }

    /// The first of these records with their contents, in the order of their ids here; each has to be short. One at least,
    /// and no more after 8 MiB: whoever wants the rest asks again.
    ///
    /// # Errors
    /// [`SyncError::NotFound`] where one isn't there, [`SyncError::InvalidArgument`] where one is long.
    pub async fn get_many(
        &self,
        collection: &'static str,
        ids: Vec<RecordId>,
    ) -> Result<Vec<Got>, SyncError> {
        self.desk.get_many(collection, ids).await
    }

    /// Removes a record.
    ///
    /// # Errors
    /// [`SyncError::NotFound`], [`SyncError::Conflict`] where `revision` isn't the present one.
    pub async fn delete(
        &self,
        collection: &'static str,
        id: RecordId,
        revision: u64,
    ) -> Result<(), SyncError> {
        self.desk.delete(collection, id, revision).await
    }

    /// Ends a conflict; `id` is the sibling's: the entry with [`Entry::conflict_with`]. Answers ids and revisions of what is
    /// there then, the record's first.
    ///
    /// # Errors
    /// [`SyncError::NotFound`] where it waits for no choice, [`SyncError::Conflict`] where another revision is present than
    /// was `shown`.
    pub async fn resolve(
        &self,
        collection: &'static str,
        id: RecordId,
        choice: Choice,
        shown: Versions,
    ) -> Result<Vec<(RecordId, u64)>, SyncError> {
        self.desk.resolve(collection, id, choice, shown).await
    }

    /// Puts the days of health data that have changed since they were last put; answers how many.
    ///
    /// # Errors
    /// [`SyncError`].
    pub async fn share_health(&self, device: DeviceId) -> Result<usize, SyncError> {
        self.desk.share_health(device).await
    }

    /// Puts what accessories brought, where health is among `collections`. What isn't put now is at its time.
    async fn share_if_asked(&self, collections: &[&'static str]) {
        let is_on = health::is_on(&self.view.borrow());
        let is_asked = collections.is_empty() || collections.contains(&HEALTH);
        if let Some(device) = self.desk.keys.device().filter(|_| is_on && is_asked) {
            let _ = self.share_health(device).await;
        }
    }

    async fn ask(&self, message: impl FnOnce(Answer) -> Message) -> Result<(), SyncError> {
        let (answer, answered) = oneshot::channel();
        self.actor
            .send(message(answer))
            .await
            .map_err(|_| SyncError::Gone)?;
        answered.await.map_err(|_| SyncError::Gone)?
    }
}
