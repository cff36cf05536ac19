//! The task behind the accessories: keeps the state, has its effects done, and tells what came of them.

mod hearing;
mod learning;
mod linking;
mod storing;
mod timers;
mod wall;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use belay_proto::clock::Clock;
use belay_proto::dbus::BindingState;
use belay_proto::id::{AccessoryId, AccountId};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{broadcast, oneshot, watch};

use self::hearing::Hearing;
use self::linking::{Line, Next, next};
use self::storing::writes;
use self::timers::Timers;
use self::wall::Wall;
use super::error::AccessoryError;
use super::handle::{Announcement, Message};
use super::ports::{Radio, Report};
use super::state::{Answer, Asker, Effect, Event, State, TimerOf, What, step};
use super::view::View;
use crate::actor::{Actor, Inbox};
use crate::platform::TimeView;
use crate::store::Store;
use crate::store::accessory as rows;
use crate::warden::{WardenHandle, WardenView};

/// What the domain works with.
#[derive(Clone)]
pub struct Parts {
    /// The radio.
    pub radio: Arc<dyn Radio>,
    /// The warden, which knows whose the device is.
    pub warden: WardenHandle,
    /// The database.
    pub store: Store,
    /// The boot clock.
    pub clock: Arc<dyn Clock>,
    /// Who keeps the wall clock right.
    pub time: watch::Receiver<TimeView>,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts")
            .field("radio", &self.radio)
            .finish_non_exhaustive()
    }
}

/// The actor, to be started by the supervisor.
#[derive(Debug)]
pub struct AccessoryActor {
    parts: Parts,
    view: watch::Sender<View>,
    announcements: broadcast::Sender<Announcement>,
    /// Counts what the account's registry may have to learn.
    changes: watch::Sender<u64>,
}

impl AccessoryActor {
    pub(super) fn new(
        parts: Parts,
        view: watch::Sender<View>,
        announcements: broadcast::Sender<Announcement>,
        changes: watch::Sender<u64>,
    ) -> Self {
        Self {
            parts,
            view,
            announcements,
            changes,
        }
    }
}

impl Actor for AccessoryActor {
    type Message = Message;

    async fn run(&mut self, inbox: &mut Inbox<Message>) {
        let mut warden = self.parts.warden.watch();
        let mut adapter = self.parts.radio.adapter();
        let mut time = self.parts.time.clone();
        let mut desk = Desk::new(self);
        let view = warden.borrow_and_update().clone();
        desk.follow_binding(&view).await;
        let view = *adapter.borrow_and_update();
        desk.happens(What::Adapter(view)).await;
        let kept = time.borrow_and_update().kept;
        desk.happens(What::Timekeeping(kept)).await;
        loop {
            tokio::select! {
                message = inbox.recv() => match message {
                    Some(message) => desk.asked(message).await,
                    None => return,
                },
                Ok(()) = warden.changed() => {
                    let view = warden.borrow_and_update().clone();
                    desk.follow_binding(&view).await;
                }
                Ok(()) = adapter.changed() => {
                    let view = *adapter.borrow_and_update();
                    desk.happens(What::Adapter(view)).await;
                }
                Ok(()) = time.changed() => {
                    let kept = time.borrow_and_update().kept;
                    desk.happens(What::Timekeeping(kept)).await;
                }
                () = desk.wall.when_set() => desk.happens(What::ClockSet).await,
                what = desk.hearing.next() => desk.happens(what).await,
                Some(next) = desk.reports.next(), if !desk.reports.is_empty() => desk.reported(next).await,
                Some(what) = desk.work.next(), if !desk.work.is_empty() => desk.happens(what).await,
                Some(asker) = desk.leaving.next(), if !desk.leaving.is_empty() => desk.left(asker).await,
                timer = desk.timers.next() => desk.happens(What::Elapsed(timer)).await,
            }
        }
    }
}

struct Desk {
    parts: Parts,
    view: watch::Sender<View>,
    announcements: broadcast::Sender<Announcement>,
    changes: watch::Sender<u64>,
    state: State,
    account: Option<AccountId>,
    /// Nothing of an earlier binding is left on the disk: it was looked for since the start.
    swept: bool,
    askers: u64,
    waiting: HashMap<Asker, oneshot::Sender<Result<Answer, AccessoryError>>>,
    /// The discovery of each caller on the bus.
    callers: BTreeMap<String, Asker>,
    lines: BTreeMap<AccessoryId, Line>,
    reports: FuturesUnordered<BoxFuture<'static, Next>>,
    work: FuturesUnordered<BoxFuture<'static, What>>,
    leaving: FuturesUnordered<BoxFuture<'static, Asker>>,
    timers: Timers,
    hearing: Hearing,
    wall: Wall,
}

impl Desk {
    fn new(actor: &AccessoryActor) -> Self {
        let parts = actor.parts.clone();
        Self {
            view: actor.view.clone(),
            announcements: actor.announcements.clone(),
            changes: actor.changes.clone(),
            state: State::default(),
            account: None,
            swept: false,
            askers: 0,
            waiting: HashMap::new(),
            callers: BTreeMap::new(),
            lines: BTreeMap::new(),
            reports: FuturesUnordered::new(),
            work: FuturesUnordered::new(),
            leaving: FuturesUnordered::new(),
            timers: Timers::new(Arc::clone(&parts.clock)),
            hearing: Hearing::new(Arc::clone(&parts.radio), Arc::clone(&parts.clock)),
            wall: Wall::new(Arc::clone(&parts.clock), parts.time.clone()),
            parts,
        }
    }

    /// Reads the account's accessories when a binding begins, and forgets them when it has ended. A warden that
    /// can't be heard, or whose state can't be trusted, ends nothing.
    async fn follow_binding(&mut self, view: &WardenView) {
        let account = match view.binding {
            BindingState::Bound => view.identity.account,
            BindingState::Unbound if view.is_current => None,
            _ => return,
        };
        if account == self.account && (account.is_some() || self.swept) {
            return;
        }
        self.swept = account.is_none();
        let what = match account {
            None => {
                // What was saved while the sign-out went through goes too, and what waits to be saved isn't: also where an
                // earlier belayd was killed between the two.
                self.work.clear();
                writes(&self.parts.store, |transaction, _| rows::forget_keys(transaction)).await;
                What::Account(None)
            }
            Some(account) => {
                self.recall(account).await;
                let sealer = self.parts.store.sealer().clone();
                let read =
                    move |connection: &mut rusqlite::Connection| rows::load(connection, &sealer, account);
                match self.parts.store.call(read).await {
                    Ok(saved) => What::Account(Some((account, saved))),
                    Err(error) => {
                        tracing::error!(
                            error = &error as &dyn std::error::Error,
                            "reading the accessories"
                        );
                        What::Account(Some((account, Vec::new())))
                    }
                }
            }
        };
        self.account = account;
        self.happens(what).await;
        if account.is_some() {
            self.read_wishes().await;
            return;
        }
        // Those who waited for what isn't saved.
        for (_, waiting) in self.waiting.drain() {
            let _ = waiting.send(Err(AccessoryError::NotBound));
        }
    }

    async fn asked(&mut self, message: Message) {
        match message {
            Message::Ask {
                question,
                answer,
                hangs_up,
            } => {
                let asker = self.next_asker();
                self.waiting.insert(asker, answer);
                self.leaving.push(Box::pin(async move {
                    // Nothing is ever sent: it ends when whoever asked is gone, or was answered.
                    let _ = hangs_up.await;
                    asker
                }));
                self.happens(What::Asked(asker, *question)).await;
            }
            Message::Discover {
                caller,
                question,
                answer,
            } => {
                let asker = self.next_asker();
                self.waiting.insert(asker, answer);
                if let Some(before) = self.callers.insert(caller, asker) {
                    self.happens(What::Left(before)).await;
                }
                self.happens(What::Asked(asker, *question)).await;
            }
            Message::Learn { what, answer } => self.learn(what, answer).await,
            Message::EndDiscovery { caller } => {
                if let Some(asker) = self.callers.remove(&caller) {
                    self.happens(What::Left(asker)).await;
                }
            }
        }
    }

    async fn left(&mut self, asker: Asker) {
        if self.waiting.remove(&asker).is_some() {
            self.happens(What::Left(asker)).await;
        }
    }

    async fn reported(&mut self, (id, session, report, rest): Next) {
        let Some(report) = report else { return };
        if matches!(report, Report::Ended(_)) {
            if self.lines.get(&id).is_some_and(|line| line.session == session) {
                self.lines.remove(&id);
            }
        } else {
            self.reports.push(Box::pin(next(id, session, rest)));
        }
        self.happens(What::Reported(id, session, report)).await;
    }

    /// One step, its effects, and what is shown after it.
    async fn happens(&mut self, what: What) {
        let (state, effects) = step(
            &self.state,
            Event {
                at: self.wall.now(),
                what,
            },
        );
        self.state = state;
        // Those that are answered see what is shown after their answer.
        let (answers, others): (Vec<_>, Vec<_>) = effects
            .into_iter()
            .partition(|effect| matches!(effect, Effect::Answer(..)));
        for effect in others {
            self.perform(effect).await;
        }
        let view = View::of(&self.state);
        self.view.send_if_modified(|shown| {
            let changed = *shown != view;
            if changed {
                *shown = view;
            }
            changed
        });
        for effect in answers {
            if let Effect::Answer(asker, answer) = effect
                && let Some(waiting) = self.waiting.remove(&asker)
            {
                // Whoever has left isn't interested.
                let _ = waiting.send(answer);
            }
        }
    }

    async fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Scan { power_on } => self.hearing.scan(power_on),
            Effect::EndScan => self.hearing.end_scan(),
            Effect::Listen {
                id,
                kind,
                address,
                key,
                offset,
                counter,
            } => {
                self.hearing.listen(id, (kind, address), key, counter);
                self.hearing.offset(id, offset);
            }
            Effect::Offset(id, offset) => self.hearing.offset(id, offset),
            Effect::Deafen(id) => self.hearing.deafen(id),
            Effect::Try {
                id,
                kind,
                address,
                key,
            } => self.hearing.try_key(id, (kind, address), key),
            Effect::EndTry(id) => self.hearing.end_try(id),
            Effect::Unbond(id, session, address) => self.unbond(id, session, address),
            Effect::Connect {
                id,
                session,
                address,
                kind,
                ..
            } => self.connect(id, session, address, kind),
            Effect::Order(id, order) => {
                // A connection that takes no orders any more reports its end.
                if let Some(line) = self.lines.get(&id)
                    && line.orders.try_send(order).is_err()
                {
                    tracing::warn!("an accessory's connection takes no more orders and is ended");
                    self.lines.remove(&id);
                }
            }
            Effect::Close(id) => {
                self.lines.remove(&id);
            }
            Effect::Save(_)
            | Effect::SaveSerial(..)
            | Effect::Remove(..)
            | Effect::StoreMinutes(..)
            | Effect::StoreTransfer(..)
            | Effect::StoreWishes(..)
            | Effect::StoreReadings(..)
            | Effect::BeginPending(..)
            | Effect::EndPending(..)
            | Effect::StoreCounter(..)
            | Effect::StoreMark(..)
            | Effect::StoreSynced(..) => self.store(effect).await,
            // The zone may be another one earlier.
            Effect::Wake(TimerOf::Clock, after) => {
                self.timers
                    .wake(TimerOf::Clock, after.min(self.wall.until_turn()));
            }
            Effect::Wake(timer, after) => self.timers.wake(timer, after),
            Effect::Sleep(timer) => self.timers.sleep(timer),
            Effect::FindPhone(on) => self.announce(Announcement::FindPhone(on)),
            Effect::DeclineCall => self.announce(Announcement::DeclineCall),
            Effect::IgnoreCall => self.announce(Announcement::IgnoreCall),
            Effect::MeasurementChanged(id) => self.announce(Announcement::Measured(id)),
            // Answered last, in `happens`.
            Effect::Answer(..) => {}
        }
    }

    fn announce(&self, announcement: Announcement) {
        // Nobody may be listening.
        let _ = self.announcements.send(announcement);
    }

    fn next_asker(&mut self) -> Asker {
        self.askers += 1;
        Asker(self.askers)
    }
}
