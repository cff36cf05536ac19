//! The task that fetches the registry and brings what was changed here.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use belay_proto::backoff::Backoff;
use belay_proto::clock::Clock;
use belay_proto::dbus::BindingState;
use belay_proto::id::AccessoryId;
use futures_util::future::BoxFuture;
use tokio::sync::{OnceCell, watch};

use super::ports::{NotBrought, Registry};
use super::state::{Effect, Event, Session, State, step};
use super::work::{Keys, Outcome, Work};
use crate::accessory::AccessoryHandle;
use crate::actor::{Actor, Inbox, Never};
use crate::store::Store;
use crate::sync::NewerKeys;
use crate::warden::{WardenHandle, WardenView};

/// Waits between tries that fail: at first, and at most.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);

/// What the registry works with.
#[derive(Clone)]
pub struct Parts {
    /// The cloud.
    pub cloud: Arc<dyn Registry>,
    /// The warden, which has the keys, and knows whose the device is.
    pub warden: WardenHandle,
    /// Who brings the keys that the owner made elsewhere to it.
    pub newer: Arc<dyn NewerKeys>,
    /// The accessories.
    pub accessories: AccessoryHandle,
    /// The database.
    pub store: Store,
    /// The boot clock.
    pub clock: Arc<dyn Clock>,
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

/// The actor, to be started by the supervisor. Nobody sends it anything: it follows the warden, the accessories and the
/// cloud's hints.
#[derive(Debug)]
pub struct RegistryActor {
    parts: Parts,
}

impl RegistryActor {
    /// One that works with `parts`.
    #[must_use]
    pub const fn new(parts: Parts) -> Self {
        Self { parts }
    }
}

impl Actor for RegistryActor {
    type Message = Never;

    async fn run(&mut self, inbox: &mut Inbox<Never>) {
        let mut warden = self.parts.warden.watch();
        let (mut hinted, mut reached) = (self.parts.hinted.clone(), self.parts.reached.clone());
        let mut changes = self.parts.accessories.changes();
        changes.mark_unchanged();
        let mut desk = Desk::new(self.parts.clone());
        let view = warden.borrow_and_update().clone();
        desk.follow(&view);
        loop {
            tokio::select! {
                message = inbox.recv() => match message {
                    Some(never) => match never {},
                    None => return,
                },
                Ok(()) = warden.changed() => {
                    let view = warden.borrow_and_update().clone();
                    desk.follow(&view);
                }
                Ok(()) = hinted.changed() => desk.happens(Event::Hinted),
                Ok(()) = reached.changed() => desk.happens(Event::Reached),
                Ok(()) = changes.changed() => desk.happens(Event::Changed),
                event = desk.next() => desk.happens(event),
            }
        }
    }
}

struct Desk {
    parts: Parts,
    state: State,
    /// What is under way.
    work: Option<BoxFuture<'static, Outcome>>,
    /// The keys of this session, once they were asked for.
    keys: Keys,
    /// What to ask the cloud for after next time.
    cursor: u64,
    /// Changes that the cloud refused as they are.
    skipped: BTreeMap<AccessoryId, u64>,
    session: Option<Session>,
    pauses: Backoff,
}

impl Desk {
    fn new(parts: Parts) -> Self {
        Self {
            parts,
            state: State::default(),
            work: None,
            keys: Arc::new(OnceCell::new()),
            cursor: 0,
            skipped: BTreeMap::new(),
            session: None,
            pauses: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE),
        }
    }

    /// Follows the warden. One that can't be heard, or whose state can't be trusted, begins and ends nothing.
    fn follow(&mut self, view: &WardenView) {
        let session = match (view.binding, view.identity.account) {
            _ if view.is_lost() => None,
            (BindingState::Bound, Some(account)) => Some(Session {
                account,
                owner: view.identity.owner,
                generation: view.identity.generation,
                presence: view.identity.presence,
                held_keys: view.identity.held_keys(),
            }),
            (BindingState::Unbound, _) if view.is_current => None,
            _ => return,
        };
        self.session = session;
        self.happens(Event::Session(session));
    }

    /// Waits for whatever is under way. Cancelling the call loses nothing.
    async fn next(&mut self) -> Event {
        let (due, clock) = (self.state.due(), &self.parts.clock);
        let outcome = tokio::select! {
            outcome = async {
                match &mut self.work {
                    Some(work) => work.await,
                    None => pending().await,
                }
            } => outcome,
            () = async {
                match due {
                    Some(due) => clock.sleep_until(due).await,
                    None => pending().await,
                }
            } => return Event::Woken,
        };
        self.work = None;
        self.came(outcome)
    }

    fn came(&mut self, outcome: Outcome) -> Event {
        match outcome {
            // More than anybody has: the rest comes after a while.
            Outcome::Fetched { is_whole: false, .. } => Event::Failed(self.pause(None)),
            Outcome::Fetched { cursor, .. } => {
                self.pauses.reset();
                self.cursor = cursor;
                Event::Fetched
            }
            Outcome::Brought => {
                self.pauses.reset();
                Event::Brought
            }
            Outcome::Skipped(id, change) => {
                self.skipped.insert(id, change);
                Event::Brought
            }
            Outcome::Nothing => Event::NothingToBring,
            Outcome::Failed(NotBrought::Conflict) => Event::Conflicted(self.pause(None)),
            Outcome::Failed(NotBrought::NotConfigured) => Event::NotConfigured,
            Outcome::Failed(NotBrought::Later(asked)) => Event::Failed(self.pause(asked)),
            Outcome::Failed(NotBrought::KeysOld) => Event::Failed(self.pause(None)),
            Outcome::Failed(NotBrought::Refused) => Event::Failed(LONGEST_PAUSE),
        }
    }

    fn pause(&mut self, asked: Option<Duration>) -> Duration {
        let pause = self.pauses.next().unwrap_or(LONGEST_PAUSE);
        pause.max(asked.unwrap_or_default())
    }

    fn happens(&mut self, event: Event) {
        let (state, effects) = step(&self.state, self.parts.clock.boottime(), event);
        self.state = state;
        for effect in effects {
            self.perform(effect);
        }
    }

    fn perform(&mut self, effect: Effect) {
        if effect == Effect::Leave {
            self.work = None;
            self.keys = Arc::new(OnceCell::new());
            self.cursor = 0;
            self.skipped.clear();
            self.pauses.reset();
            return;
        }
        let Some(session) = self.session else { return };
        let work = Work {
            parts: self.parts.clone(),
            account: session.account,
            keys: Arc::clone(&self.keys),
        };
        self.work = Some(match effect {
            Effect::Fetch { whole: true } => Box::pin(work.fetch(None)),
            Effect::Fetch { whole: false } => Box::pin(work.fetch(Some(self.cursor))),
            Effect::Bring | Effect::Leave => Box::pin(work.bring(self.skipped.clone())),
        });
    }
}
