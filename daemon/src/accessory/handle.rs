//! The handle to the accessories domain.

use std::sync::Arc;
use std::time::Duration;

use belay_drivers::alert::AlertKind;
use belay_drivers::{ActivityMinute, Alert, Key, Kind, Reading, Settings};
use belay_proto::clock::{Clock, unix_seconds};
use belay_proto::id::{AccessoryId, AccountId};
use belay_proto::keys::random;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use super::actor::{AccessoryActor, Parts};
use super::error::AccessoryError;
use super::model::WishChanges;
use super::registry::Learned;
use super::state::{Answer, Question};
use super::view::View;
use crate::actor::Supervisor;
use crate::store::{Store, accessory as rows};

/// Announcements that may wait for a slow listener before it misses the oldest.
const ANNOUNCEMENTS: usize = 64;
/// The most minutes that one call of `Activity` answers: 100 days.
pub const MOST_MINUTES: usize = 144_000;
/// How many days back the newest readings are looked for.
const NEWEST_WITHIN: u32 = 30;

/// What happens without being a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announcement {
    /// `Latest` of this accessory has news.
    Measured(AccessoryId),
    /// A band looks for the phone (true), or has found it.
    FindPhone(bool),
    /// The wearer declines the call that rings.
    DeclineCall,
    /// The wearer wants it silent.
    IgnoreCall,
}

/// What the handle sends.
#[derive(Debug)]
pub enum Message {
    /// Somebody asks.
    Ask {
        /// What.
        question: Box<Question>,
        /// Where the answer goes.
        answer: oneshot::Sender<Result<Answer, AccessoryError>>,
        /// Ends when whoever asked is gone.
        hangs_up: oneshot::Receiver<()>,
    },
    /// A caller on the bus begins a discovery, in place of its last one.
    Discover {
        /// Its unique name.
        caller: String,
        /// [`Question::Discover`].
        question: Box<Question>,
        /// Where the answer goes.
        answer: oneshot::Sender<Result<Answer, AccessoryError>>,
    },
    /// A caller ends its discovery, or has left.
    EndDiscovery {
        /// Its unique name.
        caller: String,
    },
    /// The owner's other devices have paired, changed or unpaired accessories.
    Learn {
        /// Which.
        what: Learning,
        /// Where the answer goes, once it is on disk.
        answer: oneshot::Sender<Result<(), AccessoryError>>,
    },
}

/// Records of an account's registry.
#[derive(Debug)]
pub struct Learning {
    /// The account.
    pub account: AccountId,
    /// What its devices sealed.
    pub records: Vec<Learned>,
}

/// The handle; clones share everything.
#[derive(Clone)]
pub struct AccessoryHandle {
    actor: mpsc::Sender<Message>,
    view: watch::Receiver<View>,
    announcements: broadcast::Sender<Announcement>,
    changes: watch::Receiver<u64>,
    store: Store,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for AccessoryHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AccessoryHandle")
    }
}

impl AccessoryHandle {
    /// Starts the domain's actor.
    pub fn start(supervisor: &mut Supervisor, parts: Parts) -> Self {
        let (view, shown) = watch::channel(View::default());
        let (announcements, _) = broadcast::channel(ANNOUNCEMENTS);
        let (changed, changes) = watch::channel(0);
        let (store, clock) = (parts.store.clone(), Arc::clone(&parts.clock));
        let actor = AccessoryActor::new(parts, view, announcements.clone(), changed);
        Self {
            actor: supervisor.start("accessories", actor),
            view: shown,
            announcements,
            changes,
            store,
            clock,
        }
    }

    /// Takes what a device of `account` says of its accessories; on disk once this answers.
    ///
    /// # Errors
    /// [`AccessoryError::NotBound`] while the device isn't that account's, [`AccessoryError::Storage`].
    pub async fn learn(&self, account: AccountId, records: Vec<Learned>) -> Result<(), AccessoryError> {
        let (answer, answered) = oneshot::channel();
        let what = Learning { account, records };
        self.send(Message::Learn { what, answer }).await?;
        answered.await.map_err(|_| AccessoryError::Gone)?
    }

    /// Counts what the account's registry may have to learn.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.clone()
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

    /// What is announced from now on.
    #[must_use]
    pub fn announcements(&self) -> broadcast::Receiver<Announcement> {
        self.announcements.subscribe()
    }

    /// Begins `caller`'s discovery, in place of its last one; it ends after `lasting`, or with
    /// [`AccessoryHandle::end_discovery`].
    ///
    /// # Errors
    /// [`AccessoryError`], as in every method here.
    pub async fn discover(
        &self,
        caller: String,
        kinds: Vec<Kind>,
        lasting: Duration,
        power_on: bool,
    ) -> Result<(), AccessoryError> {
        let (answer, answered) = oneshot::channel();
        let question = Box::new(Question::Discover {
            kinds,
            lasting,
            power_on,
        });
        self.send(Message::Discover {
            caller,
            question,
            answer,
        })
        .await?;
        answered.await.map_err(|_| AccessoryError::Gone)?.map(|_| ())
    }

    /// Ends `caller`'s discovery; done too where there is none.
    ///
    /// # Errors
    /// [`AccessoryError`].
    pub async fn end_discovery(&self, caller: String) -> Result<(), AccessoryError> {
        self.send(Message::EndDiscovery { caller }).await
    }

    /// Makes an accessory the account's. Ends when the caller drops it.
    ///
    /// # Errors
    /// [`AccessoryError`].
    pub async fn pair(&self, id: AccessoryId, key: Option<Key>, replace: bool) -> Result<(), AccessoryError> {
        let fresh = Key::new(random());
        self.done(Question::Pair {
            id,
            key,
            fresh,
            replace,
        })
        .await
    }

    /// Ends a pairing.
    ///
    /// # Errors
    /// [`AccessoryError`].
    pub async fn cancel_pairing(&self, id: AccessoryId) -> Result<(), AccessoryError> {
        self.done(Question::CancelPairing(id)).await
    }

    /// Connects; answers when it can be used.
    ///
    /// # Errors
    /// [`AccessoryError`].
    pub async fn connect(&self, id: AccessoryId) -> Result<(), AccessoryError> {
        self.done(Question::Connect(id)).await
    }

    /// Disconnects; it isn't connected again by itself before [`AccessoryHandle::connect`] or a restart.
    ///
    /// # Errors
    /// [`AccessoryError`].
    pub async fn disconnect(&self, id: AccessoryId) -> Result<(), AccessoryError> {
        self.done(Question::Disconnect(id)).await
    }

    /// Forgets an accessory and its key; whoever calls has used the owner's ticket.
    ///
    /// # Errors
    /// [`AccessoryError`].
    pub async fn unpair(&self, id: AccessoryId) -> Result<(), AccessoryError> {
        self.done(Question::Unpair(id)).await
    }

    /// Fetches what is new of an accessory's history; answers how many records came.
    ///
    /// # Errors
    /// [`AccessoryError`].
    pub async fn sync(&self, id: AccessoryId) -> Result<u64, AccessoryError> {
        match self.ask(Question::Sync(id)).await? {
            Answer::Records(records) => Ok(records),
            _ => Ok(0),
        }
    }

    /// Measures the heart rate, beats a minute.
    ///
    /// # Errors
    /// [`AccessoryError`].
    pub async fn measure_heart_rate(&self, id: AccessoryId) -> Result<u16, AccessoryError> {
        match self.ask(Question::MeasureHeartRate(id)).await? {
            Answer::HeartRate(beats) => Ok(beats),
            _ => Err(AccessoryError::NotSupported),
        }
    }

    /// Shows an alert.
    ///
    /// # Errors
    /// [`AccessoryError`].
    pub async fn alert(&self, id: AccessoryId, alert: Alert) -> Result<(), AccessoryError> {
        self.done(Question::Alert(id, alert)).await
    }

    /// Ends it.
    ///
    /// # Errors
    /// [`AccessoryError`].
    pub async fn stop_alert(&self, id: AccessoryId, kind: AlertKind) -> Result<(), AccessoryError> {
        self.done(Question::StopAlert(id, kind)).await
    }

    /// Changes settings.
    ///
    /// # Errors
    /// [`AccessoryError`].
    pub async fn set(&self, id: AccessoryId, settings: Settings) -> Result<(), AccessoryError> {
        self.done(Question::Settings(id, settings)).await
    }

    /// Switches on or off what an accessory is used for; answers once it is on disk.
    ///
    /// # Errors
    /// [`AccessoryError`].
    pub async fn wish(&self, id: AccessoryId, changes: WishChanges) -> Result<(), AccessoryError> {
        self.done(Question::Wish(id, changes)).await
    }

    /// Tells every band that looks for the phone that it was found.
    ///
    /// # Errors
    /// [`AccessoryError`].
    pub async fn phone_found(&self) -> Result<(), AccessoryError> {
        self.done(Question::PhoneFound).await
    }

    /// The newest readings of a paired accessory, with their times in seconds since the epoch; those that the owner's other
    /// devices shared too.
    ///
    /// # Errors
    /// [`AccessoryError::NotFound`] where there are none, [`AccessoryError::Storage`].
    pub async fn latest(&self, id: AccessoryId) -> Result<Vec<(u64, Reading)>, AccessoryError> {
        let fresh = self.paired(id)?;
        let now = unix_seconds(self.clock.wall());
        let sealer = self.store.sealer().clone();
        let read = move |connection: &mut rusqlite::Connection| {
            rows::newest_readings(connection, &sealer, id, NEWEST_WITHIN, now)
        };
        let mut all = fresh;
        for (second, reading) in self.store.call(read).await.map_err(failed)? {
            let quantity = std::mem::discriminant(&reading);
            if !all.iter().any(|(_, one)| std::mem::discriminant(one) == quantity) {
                all.push((second, reading));
            }
        }
        if all.is_empty() {
            Err(AccessoryError::NotFound)
        } else {
            Ok(all)
        }
    }

    /// The minutes that begin from `from` to before `to`, in seconds since the epoch, at most [`MOST_MINUTES`]; those that
    /// the owner's other devices shared too.
    ///
    /// # Errors
    /// [`AccessoryError::NotFound`] for an accessory that isn't the account's, [`AccessoryError::Storage`].
    pub async fn activity(
        &self,
        id: AccessoryId,
        from: u64,
        to: u64,
    ) -> Result<Vec<ActivityMinute>, AccessoryError> {
        self.paired(id)?;
        let sealer = self.store.sealer().clone();
        let read = move |connection: &mut rusqlite::Connection| {
            rows::activity(connection, &sealer, id, (from, to), MOST_MINUTES)
        };
        self.store.call(read).await.map_err(failed)
    }

    /// What a paired accessory last said, unless it isn't one.
    fn paired(&self, id: AccessoryId) -> Result<Vec<(u64, Reading)>, AccessoryError> {
        let view = self.view.borrow();
        let one = view.accessories.get(&id).filter(|one| one.paired);
        Ok(one.ok_or(AccessoryError::NotFound)?.latest.clone())
    }

    async fn done(&self, question: Question) -> Result<(), AccessoryError> {
        self.ask(question).await.map(|_| ())
    }

    async fn ask(&self, question: Question) -> Result<Answer, AccessoryError> {
        let (answer, answered) = oneshot::channel();
        // Dropped with this future: that is how the actor learns that nobody waits any more.
        let (_here, hangs_up) = oneshot::channel();
        let question = Box::new(question);
        self.send(Message::Ask {
            question,
            answer,
            hangs_up,
        })
        .await?;
        answered.await.map_err(|_| AccessoryError::Gone)?
    }

    async fn send(&self, message: Message) -> Result<(), AccessoryError> {
        self.actor.send(message).await.map_err(|_| AccessoryError::Gone)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` hands over")]
fn failed(error: crate::store::StoreError) -> AccessoryError {
    tracing::error!(
        error = &error as &dyn std::error::Error,
        "reading an accessory's data"
    );
    AccessoryError::Storage
}
