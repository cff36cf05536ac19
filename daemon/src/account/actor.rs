//! The task that owns the account's state: it takes events, writes what they change, and does what follows.

mod expiry;
mod follow;
mod own_sms;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use belay_proto::backoff::Backoff;
use belay_proto::dbus::BindingState;
use belay_proto::failpoint;
use belay_proto::id::CommandId;
use belay_proto::text::with_causes;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{oneshot, watch};

use self::expiry::Lapse;
use self::follow::Following;
use self::own_sms::Awaiting;
use crate::account::errand::{self, Done};
use crate::account::error::AccountError;
use crate::account::handle::Parts;
use crate::account::model::ReleaseKey;
use crate::account::state::{Binding, Effect, Event, State, Word, step};
use crate::account::view::View;
use crate::actor::{Actor, Inbox};
use crate::warden::WardenView;

/// The first wait before a release is offered again, or a warden that was late is asked again.
const FIRST_PAUSE: Duration = Duration::from_secs(2);

/// The longest such wait.
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);

/// How long the warden may take to repeat that the device is free, before it is asked again later: nobody is answered meanwhile.
const WORD_WITHIN: Duration = Duration::from_secs(5);

/// An event for the actor; the answer comes once what it changes is durable.
#[derive(Debug)]
pub struct Message {
    pub(super) event: Event,
    pub(super) answer: oneshot::Sender<Result<(), AccountError>>,
}

/// The actor, to be started by the supervisor.
pub struct AccountActor {
    parts: Arc<Parts>,
    view: watch::Sender<View>,
}

impl AccountActor {
    /// An actor over `parts` that shows itself in `view`.
    pub fn new(parts: Arc<Parts>, view: watch::Sender<View>) -> Self {
        Self { parts, view }
    }
}

impl Actor for AccountActor {
    type Message = Message;

    async fn run(&mut self, inbox: &mut Inbox<Message>) {
        let mut desk = Desk::new(Arc::clone(&self.parts), self.view.clone());
        if let Err(error) = desk.open().await {
            // Nothing is known then, and nothing is admitted: the state stays `unknown` until it can be read.
            tracing::error!(error = %with_causes(&error), "reading the account");
        }
        let mut word = self.parts.warden.watch();
        let (rows, clock) = (self.parts.rows.clone(), Arc::clone(&self.parts.clock));
        loop {
            let expiry = desk.expiry();
            let expired = async {
                match expiry {
                    Some((at, over)) => {
                        clock.sleep_until(at).await;
                        over
                    }
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                message = inbox.recv() => match message {
                    Some(message) => desk.take(message).await,
                    None => return,
                },
                Ok(()) = word.changed() => desk.listen().await,
                () = rows.release_put() => desk.look_for_releases().await,
                Some(done) = desk.errands.next() => desk.finish(done).await,
                over = expired => desk.expire(over).await,
            }
        }
    }
}

/// The state, and what is being done about it.
struct Desk {
    parts: Arc<Parts>,
    view: watch::Sender<View>,
    state: State,
    errands: FuturesUnordered<BoxFuture<'static, Done>>,
    opened: bool,
    /// Whether a release is on its way.
    offering: bool,
    /// How often one was sent, so that a pause before a later offer is known to be over.
    offers: u64,
    pauses: Backoff,
    /// Whether the warden is about to be asked again whether the device is free.
    asks_again: bool,
    questions: Backoff,
    /// Whether another delivery was asked for while one was on its way.
    offer_again: bool,
    /// When a verification may next be called over, in boot time.
    not_again_before: Duration,
    /// How long a sign-out that nobody works on is waited for still.
    lapse: Option<Lapse>,
    /// The commands whose news are waited for.
    following: BTreeMap<CommandId, Following>,
    /// The SMS that is waited for.
    awaiting: Option<Awaiting>,
}

impl Desk {
    fn new(parts: Arc<Parts>, view: watch::Sender<View>) -> Self {
        let pauses = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        let questions = pauses.clone();
        Self {
            parts,
            view,
            state: State::default(),
            errands: FuturesUnordered::new(),
            opened: false,
            offering: false,
            offers: 0,
            pauses,
            asks_again: false,
            questions,
            offer_again: false,
            not_again_before: Duration::ZERO,
            lapse: None,
            following: BTreeMap::new(),
            awaiting: None,
        }
    }

    async fn open(&mut self) -> Result<(), AccountError> {
        let saved = self.parts.rows.load().await?;
        self.apply(Event::Loaded(Box::new(saved))).await?;
        self.opened = true;
        self.count_from_this_boot().await;
        self.listen().await;
        Ok(())
    }

    async fn take(&mut self, Message { event, answer }: Message) {
        let ended = if let Event::Ended(job) = &event {
            Some(*job)
        } else {
            None
        };
        let opened = if self.opened { Ok(()) } else { self.open().await };
        self.listen().await;
        let brought = self.brought_already(&event).await;
        let outcome = match opened {
            Ok(()) => self.apply(event).await,
            Err(error) => Err(error),
        };
        if let Some(key) = brought {
            self.note(Event::Delivered(key)).await;
        }
        if let Some(job) = ended {
            // Over it is, even where the disk doesn't take what follows from it; that follows from the next end.
            self.state.running.remove(&job);
            self.follow();
            self.await_lapse();
        }
        // Whoever left needs no answer.
        let _ = answer.send(outcome);
    }

    /// The release of a sign-out that was found in the store, and brought to the cloud, before the sign-out could
    /// report it.
    async fn brought_already(&mut self, event: &Event) -> Option<ReleaseKey> {
        let Event::Released(release) = event else {
            return None;
        };
        let last = self.parts.rows.last_delivered().await.ok().flatten();
        last.filter(|key| *key == release.key)
    }

    /// Follows the warden's properties.
    async fn listen(&mut self) {
        if !self.opened {
            return;
        }
        let mut word = word(&self.parts.warden.view());
        if word == self.state.word {
            // Whatever was to be asked again has settled itself.
            self.questions.reset();
            return;
        }
        let forgets =
            word.binding == Binding::Unbound && self.state.session.as_ref().is_some_and(|s| s.bound);
        if forgets {
            // An account is forgotten on the warden's fresh word only: the view may lag behind a binding.
            match tokio::time::timeout(WORD_WITHIN, self.parts.warden.refresh()).await {
                Ok(Ok(view)) => word = self::word(&view),
                // What it says later is what the view shows already: no change of that brings it here.
                Ok(Err(_)) | Err(_) => return self.ask_again_later(),
            }
        }
        self.questions.reset();
        self.note(Event::Warden(word)).await;
    }

    fn ask_again_later(&mut self) {
        if self.asks_again {
            return;
        }
        self.asks_again = true;
        let pause = self.questions.next().unwrap_or(LONGEST_PAUSE);
        let clock = Arc::clone(&self.parts.clock);
        self.errands.push(Box::pin(async move {
            clock.sleep_until(clock.boottime().saturating_add(pause)).await;
            Done::AskAgain
        }));
    }

    /// A release was put into the store from elsewhere, such as with a reset.
    async fn look_for_releases(&mut self) {
        match self.parts.rows.load().await {
            Ok(saved) => self.note(Event::Waiting(saved.releases)).await,
            Err(error) => tracing::warn!(error = %with_causes(&error), "reading the releases"),
        }
        self.listen().await;
    }

    /// Applies an event that nobody waits for.
    async fn note(&mut self, event: Event) {
        if let Err(error) = self.apply(event).await {
            tracing::warn!(error = %with_causes(&error), "an event of the account was not kept");
        }
    }

    async fn apply(&mut self, event: Event) -> Result<(), AccountError> {
        let (next, effects) = step(&self.state, event);
        let mut changes = Vec::new();
        let mut rest = Vec::new();
        let mut refusal = None;
        for effect in effects {
            match effect {
                Effect::Keep(change) => changes.push(change),
                Effect::Refuse(why) => refusal = Some(why),
                other => rest.push(other),
            }
        }
        if !changes.is_empty() {
            self.parts.rows.commit(changes).await?;
        }
        self.state = next;
        for effect in rest {
            self.perform(effect);
        }
        self.follow();
        self.await_own_sms();
        self.await_lapse();
        self.show();
        refusal.map_or(Ok(()), |refusal| Err(refusal.into()))
    }

    fn show(&self) {
        let view = View::of(
            &self.state,
            self.parts.warden.view().identity.masked_login.as_deref(),
        );
        self.view.send_if_modified(|shown| {
            let changed = *shown != view;
            *shown = view;
            changed
        });
    }

    fn perform(&mut self, effect: Effect) {
        let parts = Arc::clone(&self.parts);
        match effect {
            Effect::Discard(pending) => self.errands.push(Box::pin(errand::discard(parts, pending))),
            Effect::Abandon(id) => self.errands.push(Box::pin(errand::abandon(parts, id))),
            Effect::WithdrawDeletion => self.errands.push(Box::pin(errand::withdraw(parts))),
            Effect::TellHold => self.errands.push(Box::pin(errand::tell_hold(parts))),
            Effect::Recover => self.errands.push(Box::pin(errand::recover(parts))),
            Effect::Refresh => self
                .errands
                .push(Box::pin(errand::refresh(parts, self.state.word))),
            Effect::Deliver => {
                self.pauses.reset();
                self.deliver();
            }
            Effect::Start(_) | Effect::Refuse(_) | Effect::Keep(_) => {}
        }
    }

    fn deliver(&mut self) {
        self.offer_again = self.offering;
        if !self.offering {
            self.offering = true;
            self.offers += 1;
            self.errands
                .push(Box::pin(errand::deliver(Arc::clone(&self.parts))));
        }
    }

    async fn finish(&mut self, done: Done) {
        match done {
            Done::Nothing => {}
            Done::AskAgain => {
                self.asks_again = false;
                self.listen().await;
            }
            Done::Learnt(event) => self.note(event).await,
            Done::Heard(id, life) => self.heard(id, life).await,
            Done::WardenIdle { is_bound } => self.lapsed(is_bound).await,
            Done::Looked(id, answer) => self.asked_for_own_sms(id, answer).await,
            Done::Recovered(release) => match self.parts.rows.last_delivered().await {
                Ok(delivered) if delivered == Some(release.key) => {}
                Ok(_) => self.note(Event::Found(release)).await,
                Err(error) => tracing::warn!(error = %with_causes(&error), "reading the last delivery"),
            },
            Done::Delivered(key) => {
                self.offering = false;
                self.note(Event::Delivered(key)).await;
                failpoint!("belayd.release.kept");
                if self.state.releases.contains(&key) {
                    // The disk didn't take it: without a pause it would be brought again and again.
                    self.pause(None);
                    return;
                }
                self.pauses.reset();
                if !self.state.releases.is_empty() {
                    self.deliver();
                }
            }
            Done::NothingToDeliver => {
                self.offering = false;
                // What was put into the store after it was looked into.
                if self.offer_again {
                    self.deliver();
                }
            }
            Done::PauseOver(offer) => {
                if offer == self.offers && !self.state.releases.is_empty() {
                    self.deliver();
                }
            }
            Done::NotDelivered(asked) => {
                self.offering = false;
                self.pause(asked);
            }
        }
    }

    /// Waits before another delivery, for as long as the cloud `asked` at least.
    fn pause(&mut self, asked: Option<Duration>) {
        let offer = self.offers;
        let pause = self.pauses.next().unwrap_or(LONGEST_PAUSE);
        let pause = pause.max(asked.unwrap_or_default());
        let clock = Arc::clone(&self.parts.clock);
        self.errands.push(Box::pin(async move {
            clock.sleep_until(clock.boottime().saturating_add(pause)).await;
            Done::PauseOver(offer)
        }));
    }
}

/// What the warden's properties mean for the account.
fn word(view: &WardenView) -> Word {
    Word {
        binding: match view.binding {
            BindingState::Unknown => Binding::Unknown,
            BindingState::Unbound => Binding::Unbound,
            BindingState::Bound => Binding::Bound,
            BindingState::Tampered => Binding::Tampered,
        },
        account: view.identity.account,
        lost: view.is_lost(),
        hold: view.identity.hold,
    }
}

#[cfg(test)]
mod tests;
