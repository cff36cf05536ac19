//! The task that brings commands in and outcomes out.

mod hearing;
mod leaving;

use std::collections::BTreeMap;
use std::time::Duration;

use belay_proto::clock::unix_seconds;
use belay_proto::dbus::BindingState;
use belay_proto::id::{DeviceId, Epoch};
use futures_util::StreamExt;
use futures_util::future::{BoxFuture, pending};
use futures_util::stream::FuturesUnordered;
use tokio::sync::{broadcast, watch};

use self::hearing::{Stream, hear};
use self::leaving::{Leaving, Left};
use super::conditions::{Conditions, NetworkKey};
use super::link::Order;
use super::state::{Announcement, Beginning, Effect, Event, State};
use super::{FindView, Parts, work};
use crate::actor::{Actor, Inbox, Never};
use crate::store::{Store, StoreError, find};
use crate::warden::WardenView;

/// How long to wait before the store is asked again after it failed.
const STORE_AGAIN: Duration = Duration::from_secs(60);

/// The actor, to be started by the supervisor. Nobody sends it anything: it follows warden, cloud, surroundings and
/// the outbox.
pub struct FindActor {
    parts: Parts,
    view: watch::Sender<FindView>,
    announcements: broadcast::Sender<Announcement>,
}

impl FindActor {
    pub(super) fn new(
        parts: Parts,
        view: watch::Sender<FindView>,
        announcements: broadcast::Sender<Announcement>,
    ) -> Self {
        Self {
            parts,
            view,
            announcements,
        }
    }
}

impl Actor for FindActor {
    type Message = Never;

    async fn run(&mut self, inbox: &mut Inbox<Never>) {
        let (mut warden, mut signs) = (self.parts.warden.watch(), self.parts.warden.signs());
        let mut conditions = self.parts.conditions.clone();
        conditions.mark_unchanged();
        // After the marks: what changes from here on is heard.
        let mut desk = Desk::new(self);
        let outbox = self.parts.outbox.clone();
        desk.look().await;
        loop {
            tokio::select! {
                message = inbox.recv() => match message {
                    Some(never) => match never {},
                    None => return,
                },
                Ok(()) = warden.changed() => desk.look().await,
                Ok(()) = signs.changed() => desk.look().await,
                Ok(()) = conditions.changed() => desk.surrounded().await,
                () = outbox.put() => desk.take(Event::Put),
                happening = desk.next() => match happening {
                    Happening::Event(Some(event)) => desk.take(event),
                    Happening::Event(None) => {}
                    Happening::Left(left) => desk.left(&left),
                    Happening::Look => desk.look().await,
                },
            }
        }
    }
}

/// What the desk waited for.
enum Happening {
    Event(Option<Event>),
    Left(Left),
    /// The store or the cloud is to be asked again.
    Look,
}

/// The present binding, its state, and what is under way for it.
struct Desk {
    parts: Parts,
    view: watch::Sender<FindView>,
    announcements: broadcast::Sender<Announcement>,
    binding: Option<Bound>,
    /// What is left of the binding before, while there is none.
    leaving: Leaving,
    /// When the store or the cloud is to be asked again.
    again: Option<Duration>,
    conditions: Conditions,
    stream: Stream,
    fetch: Option<BoxFuture<'static, Event>>,
    tasks: FuturesUnordered<BoxFuture<'static, Option<Event>>>,
}

struct Bound {
    device: DeviceId,
    epoch: Epoch,
    state: State,
}

impl Desk {
    fn new(actor: &FindActor) -> Self {
        Self {
            parts: actor.parts.clone(),
            view: actor.view.clone(),
            announcements: actor.announcements.clone(),
            binding: None,
            leaving: Leaving::default(),
            again: None,
            conditions: actor.parts.conditions.borrow().clone(),
            stream: Stream::Closed,
            fetch: None,
            tasks: FuturesUnordered::new(),
        }
    }

    /// Waits for whatever is under way. Cancelling the call loses nothing.
    async fn next(&mut self) -> Happening {
        let clock = &self.parts.clock;
        let due = self.binding.as_ref().and_then(|bound| bound.state.due());
        let (stream, fetch, tasks) = (&mut self.stream, &mut self.fetch, &mut self.tasks);
        let leaving = &mut self.leaving;
        let again = self.again;
        tokio::select! {
            event = hear(stream) => Happening::Event(Some(event)),
            event = async {
                match fetch {
                    Some(fetch) => fetch.await,
                    None => pending().await,
                }
            } => {
                self.fetch = None;
                Happening::Event(Some(event))
            }
            Some(event) = tasks.next() => Happening::Event(event),
            left = leaving.next() => Happening::Left(left),
            () = async {
                match due {
                    Some(due) => clock.sleep_until(due).await,
                    None => pending().await,
                }
            } => Happening::Event(Some(Event::Woken)),
            () = async {
                match again {
                    Some(again) => clock.sleep_until(again).await,
                    None => pending().await,
                }
            } => Happening::Look,
        }
    }

    /// Follows the warden: another binding, the end of one, or a sign that there may be something to fetch.
    async fn look(&mut self) {
        self.again = None;
        let view = self.parts.warden.view();
        let wanted = match (view.binding, view.identity.device, view.identity.epoch) {
            (BindingState::Bound, Some(device), Some(epoch)) => Some((device, epoch)),
            // What the warden said before it couldn't be heard still counts, and so does what it can't read any more.
            (BindingState::Unbound, ..) if view.is_current => None,
            _ => return,
        };
        let present = self.binding.as_ref().map(|bound| (bound.device, bound.epoch));
        if present.is_some() && wanted == present {
            return self.take(Event::WardenSpoke { said: said(&view) });
        }
        if present.is_some() {
            self.end();
        }
        let outcome = match wanted {
            Some((device, epoch)) => self.begin(device, epoch, &view).await,
            None => {
                self.leaving.go_on(&self.parts);
                Ok(())
            }
        };
        if let Err(error) = outcome {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the store of the command channel"
            );
            self.again = Some(self.parts.clock.boottime() + STORE_AGAIN);
        }
        self.show();
    }

    async fn begin(&mut self, device: DeviceId, epoch: Epoch, view: &WardenView) -> Result<(), StoreError> {
        self.leaving = Leaving::default();
        let row = self
            .parts
            .store
            .transaction(move |transaction| find::adopt(transaction, epoch))
            .await?;
        let heartbeat = remembered(&self.parts.store.clone(), self.conditions.network).await;
        let wall = unix_seconds(self.parts.clock.wall());
        let age = wall.checked_sub(row.reported_at).filter(|_| row.reported_at > 0);
        let beginning = Beginning {
            row,
            report_age: age.map(Duration::from_secs),
            said: said(view),
            conditions: self.conditions.clone(),
            heartbeat,
            wipe: work::untold_wipe(&self.parts.store).await?,
        };
        let (state, effects) = State::begin(self.parts.clock.boottime(), beginning);
        self.binding = Some(Bound { device, epoch, state });
        self.carry_out(epoch, effects);
        Ok(())
    }

    /// Leaves everything of the present binding.
    fn end(&mut self) {
        self.binding = None;
        self.stream = Stream::Closed;
        self.fetch = None;
        self.tasks.clear();
    }

    /// Takes how far the leaving came, and tells of what ended with the binding.
    fn left(&mut self, left: &Left) {
        let pause = self.leaving.came(left);
        self.again = pause.map(|pause| self.parts.clock.boottime() + pause);
        for told in left.told.iter().filter(|told| told.state.is_final()) {
            self.announce(Announcement::Finished(told.clone()));
        }
    }

    async fn surrounded(&mut self) {
        let conditions = self.parts.conditions.borrow().clone();
        let is_news = conditions.is_news_after(&self.conditions);
        if is_news {
            self.parts.reach();
        }
        self.conditions = conditions.clone();
        if is_news && self.binding.is_none() {
            return self.look().await;
        }
        let heartbeat = remembered(&self.parts.store.clone(), self.conditions.network).await;
        self.take(Event::Surrounded {
            conditions,
            heartbeat,
        });
    }

    fn take(&mut self, event: Event) {
        let Some(bound) = &mut self.binding else { return };
        let epoch = bound.epoch;
        self.parts.pass_on(&event);
        let effects = bound.state.step(self.parts.clock.boottime(), event);
        self.carry_out(epoch, effects);
        self.show();
    }

    fn carry_out(&mut self, epoch: Epoch, effects: Vec<Effect>) {
        for effect in effects {
            self.perform(epoch, effect);
        }
    }

    fn perform(&mut self, epoch: Epoch, effect: Effect) {
        let parts = self.parts.clone();
        let event = |work: BoxFuture<'static, Event>| Box::pin(async move { Some(work.await) });
        match effect {
            Effect::Link(order) => self.link(order),
            Effect::Fetch { after, wait } => self.fetch = Some(Box::pin(work::fetch(parts, after, wait))),
            Effect::Judge(command) => self
                .tasks
                .push(event(Box::pin(work::judge(parts, epoch, command)))),
            Effect::KeepCursor(cursor) => self.tasks.push(Box::pin(work::keep(parts, epoch, cursor))),
            Effect::ReadOutcomes { after, acknowledge } => {
                let work = work::read_outcomes(parts, epoch, after, acknowledge);
                self.tasks.push(event(Box::pin(work)));
            }
            Effect::ListEffects => self.tasks.push(event(Box::pin(work::list_effects(parts)))),
            Effect::Perform(effect) => self.tasks.push(event(Box::pin(work::perform(parts, effect)))),
            Effect::End(end) => self.tasks.push(event(Box::pin(work::end(parts, end)))),
            Effect::Report(said) => self.tasks.push(event(Box::pin(work::report(parts, epoch, said)))),
            Effect::Post => self.tasks.push(event(Box::pin(work::post(parts)))),
            Effect::Beat => self.tasks.push(Box::pin(work::beat(parts))),
            Effect::Reached => parts.reach(),
            Effect::Announce(announcement) => self.announce(announcement),
        }
    }

    fn link(&mut self, order: Order) {
        match order {
            Order::Open {
                heartbeat,
                last_event,
            } => {
                self.stream = Stream::Opening(self.parts.relay.open(heartbeat, last_event));
            }
            Order::Close => self.stream = Stream::Closed,
            Order::Renew => self.parts.relay.renew(),
            Order::Remember(network, row) => {
                let store = self.parts.store.clone();
                let network = *network.as_bytes();
                self.tasks.push(Box::pin(async move {
                    let kept = store
                        .transaction(move |transaction| find::set_heartbeat(transaction, &network, row))
                        .await;
                    if let Err(error) = kept {
                        tracing::warn!(error = &error as &dyn std::error::Error, "keeping a heartbeat");
                    }
                    None
                }));
            }
            // The state keeps these to itself.
            Order::Fetch { .. } | Order::Heard { .. } => {}
        }
    }

    fn announce(&mut self, announcement: Announcement) {
        if let Announcement::Refused(disposition) = &announcement {
            self.view
                .send_modify(|view| *view.refused.entry(disposition.as_str()).or_default() += 1);
            tracing::warn!(reason = %disposition, "a command was refused");
        }
        // Where nobody listens nobody is told.
        let _ = self.announcements.send(announcement);
    }

    fn show(&self) {
        let connected = self
            .binding
            .as_ref()
            .is_some_and(|bound| bound.state.is_connected());
        let is_bound = self.binding.is_some();
        self.view.send_if_modified(|view| {
            let refused = if is_bound {
                view.refused.clone()
            } else {
                BTreeMap::new()
            };
            let new = FindView { connected, refused };
            let changed = *view != new;
            *view = new;
            changed
        });
    }
}

/// What is remembered of `network`.
async fn remembered(store: &Store, network: Option<NetworkKey>) -> Option<find::HeartbeatRow> {
    let network = *network?.as_bytes();
    let row = store
        .call(move |connection| find::heartbeat(connection, &network))
        .await;
    row.unwrap_or_else(|error| {
        tracing::warn!(error = &error as &dyn std::error::Error, "reading a heartbeat");
        None
    })
}

/// What a state report would say, so that another one goes out when that is something else.
fn said(view: &WardenView) -> String {
    let identity = &view.identity;
    format!(
        "{} {} {} {}",
        identity.presence, identity.episode, view.lock, identity.find
    )
}
