//! When what is synced: pure. One collection at a time, in the order in which a new device restores them.

mod allowed;
mod failure;
mod following;
mod retries;
mod waiting;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use belay_proto::id::AccountId;
use belay_proto::keys::PublicKey;
use belay_proto::steps::SYNCED;

use super::error::SyncError;
use super::model::{Conditions, Policy};
use crate::find::Pace;
pub(super) use failure::Failure;
use retries::Retries;
use waiting::Waiting;

/// An edit is pushed so long after it, since it may be one of many,
const DEBOUNCE: Duration = Duration::from_secs(2);
/// and after the first of them at the latest.
const LONGEST_DEBOUNCE: Duration = Duration::from_secs(10);
/// All is looked at this often without a hint: where there is no stream nobody else says that there is something new.
const EACH: Duration = Duration::from_secs(6 * 3600);
/// The wait after what only a person or another version can help with.
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);

/// Whose records they are, and what would make a try that failed come to something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Session {
    /// The account.
    pub(super) account: AccountId,
    /// Whose root its keys are under: another one may be of the same generation.
    pub(super) owner: Option<PublicKey>,
    /// The credentials' generation.
    pub(super) generation: u64,
    /// How often the password was proved: a session that ended may have begun again.
    pub(super) presence: u64,
}

/// What is known.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    session: Option<Session>,
    enabled: BTreeSet<&'static str>,
    is_paused: bool,
    policy: Policy,
    conditions: Conditions,
    /// What is under way.
    busy: Option<&'static str>,
    /// Contents are moved.
    is_moving: bool,
    /// Collections that may have something to push or to pull.
    wanted: BTreeSet<&'static str>,
    /// Collections that were edited, since when, and when they are pushed.
    edited: BTreeSet<&'static str>,
    debounce: Option<(Duration, Duration)>,
    /// When a hint is followed.
    hinted: Option<Duration>,
    /// When all is looked at without one.
    again: Option<Duration>,
    /// Nothing is tried before this boot time.
    retry: Option<Duration>,
    /// The cloud asked to be left alone until this boot time.
    asked: Option<Duration>,
    /// Collections that came to nothing by themselves, each left alone until then: they must not keep the others from being
    /// synced.
    left: BTreeMap<&'static str, Duration>,
    /// What went wrong last, of whatever would have been synced,
    trouble: Option<SyncError>,
    /// and of a collection, until it goes right there.
    troubles: BTreeMap<&'static str, SyncError>,
    retries: Retries,
    waiting: Waiting,
    pace: Pace,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Event {
    /// The device is this session's and these collections are on, or it is nobody's, or lost.
    Session(Option<Session>, BTreeSet<&'static str>),
    /// A collection was switched on or off.
    Enabled(&'static str, bool),
    /// Its owner pauses sync, or resumes it.
    Paused(bool),
    /// When to sync has changed.
    Policy(Policy),
    /// The surroundings have.
    Conditions(Conditions),
    /// The cloud says that another device brought something.
    Hinted,
    /// The cloud can be reached again, or another network came.
    Reached,
    /// The warden keeps newer keys: what couldn't be read, or pushed, may be so now.
    NewKeys,
    /// A record was put or deleted here.
    Edited(&'static str),
    /// Somebody waits for these to be synced; for all that are on without any. `anyway`: whatever the policy says.
    Asked {
        /// Who.
        waiter: u64,
        /// Which.
        collections: Vec<&'static str>,
        /// Whatever the policy says.
        anyway: bool,
    },
    /// Nobody does any more.
    HungUp(u64),
    /// The time that [`State::due`] named has come.
    Woken,
    /// What was under way is done; what didn't fit or was refused is told.
    Done(Option<SyncError>),
    /// Likewise, where what is told hides that records of the cloud that don't open are in the way of some.
    DoneButInTheWay(SyncError),
    /// It came to nothing. The cloud may be asked again after this wait.
    Failed(Failure, Duration),
    /// The owner has answered the question about a collection: there may be something to push.
    Answered(&'static str),
    /// The cloud had no room for a content.
    NoRoom(&'static str),
    /// It had, of a collection that had none before.
    Room(&'static str),
    /// It tells how many bytes are left.
    Told(u64),
    /// Contents are moved, or none is any more.
    Moving(bool),
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Leave what is under way: it stands as far as it came.
    Leave,
    /// Sync a collection; answered by an event.
    Sync(&'static str),
    /// Tell who waits.
    Answer(u64, Result<(), SyncError>),
}

/// The state after `event`, which happened at this boot time, and what is to be done.
#[must_use]
pub(super) fn step(state: &State, now: Duration, event: Event) -> (State, Vec<Effect>) {
    let mut next = state.clone();
    let mut effects = Vec::new();
    next.retries.pass(now);
    match event {
        Event::Session(session, enabled) => next.follow(session, enabled, &mut effects),
        Event::Enabled(collection, true) => {
            if next.enabled.insert(collection) {
                next.wanted.insert(collection);
            }
        }
        Event::Enabled(collection, false) => next.switch_off(collection, &mut effects),
        Event::Paused(is_paused) => {
            next.is_paused = is_paused;
            next.want_all();
        }
        Event::Policy(policy) => {
            next.policy = policy;
            next.want_all();
        }
        Event::Conditions(conditions) => {
            let before = next.allowed();
            next.conditions = conditions;
            if before.is_err() && next.allowed().is_ok() {
                next.try_again();
            }
        }
        Event::Hinted if next.session.is_some() => next.hinted = Some(next.pace.take(now)),
        Event::Reached | Event::NewKeys => next.try_again(),
        Event::Edited(collection) => next.edit(collection, now),
        Event::Answered(collection) if next.enabled.contains(collection) => {
            next.wanted.insert(collection);
        }
        Event::Asked {
            waiter,
            collections,
            anyway,
        } => next.ask(waiter, collections, anyway, &mut effects),
        Event::HungUp(waiter) => next.waiting.hang_up(waiter),
        Event::Hinted | Event::Woken | Event::Answered(_) => {}
        Event::NoRoom(collection) => next.find_no_room(collection, now),
        Event::Room(collection) => next.retries.found_room(collection),
        Event::Told(left) => next.retries.told(left),
        Event::Moving(is_moving) => next.is_moving = is_moving,
        Event::Done(trouble) => {
            let is_in_the_way = trouble == Some(SyncError::InTheWay);
            next.done(now, (trouble, is_in_the_way), &mut effects);
        }
        Event::DoneButInTheWay(trouble) => next.done(now, (Some(trouble), true), &mut effects),
        Event::Failed(failure, wait) => next.failed(now, failure, wait, &mut effects),
    }
    next.go_on(now, &mut effects);
    (next, effects)
}

impl State {
    /// Which collections are on.
    pub(super) const fn enabled(&self) -> &BTreeSet<&'static str> {
        &self.enabled
    }

    /// What the policy is.
    pub(super) const fn policy(&self) -> Policy {
        self.policy
    }

    /// When [`Event::Woken`] is wanted, boot time.
    pub(super) fn due(&self) -> Option<Duration> {
        if self.busy.is_some() || self.may_sync().is_err() {
            return None;
        }
        let debounce = self.debounce.map(|(_, at)| at);
        let left = self.wanted.iter().filter_map(|name| self.left.get(name)).min();
        let due = self.hinted.into_iter().chain(debounce).chain(self.again);
        let due = due.chain(left.copied()).chain(self.retries.due()).min();
        match self.retry {
            // Nothing is tried before, whatever is due.
            Some(retry) if !self.wanted.is_empty() => Some(retry),
            Some(retry) => due.map(|due| due.max(retry)),
            None => due,
        }
    }

    /// What made a try come to nothing may be over; what the cloud asked for holds all the same.
    fn try_again(&mut self) {
        self.retry = self.asked;
        self.left.clear();
        self.want_all();
    }

    fn want_all(&mut self) {
        if self.session.is_some() {
            self.wanted.extend(&self.enabled);
        }
    }

    fn edit(&mut self, collection: &'static str, now: Duration) {
        if !self.enabled.contains(collection) {
            return;
        }
        self.edited.insert(collection);
        let first = self.debounce.map_or(now, |(first, _)| first);
        self.debounce = Some((first, (now + DEBOUNCE).min(first + LONGEST_DEBOUNCE)));
    }

    fn ask(&mut self, waiter: u64, collections: Vec<&'static str>, anyway: bool, effects: &mut Vec<Effect>) {
        let is_named = !collections.is_empty();
        let all = match is_named {
            false => self.enabled.clone(),
            true => collections.into_iter().collect(),
        };
        let may = if anyway { self.possible() } else { self.allowed() };
        let answer = match may {
            Err(error) => Err(error),
            Ok(()) if !all.is_subset(&self.enabled) => Err(SyncError::NotFound),
            Ok(()) if !all.is_empty() => {
                (self.retry, self.asked) = (None, None);
                all.iter().for_each(|name| self.retries.lets_through(name));
                self.left.retain(|name, _| !all.contains(name));
                self.wanted.extend(&all);
                self.waiting.wait(waiter, all, (anyway, is_named));
                return;
            }
            Ok(()) => Ok(()),
        };
        effects.push(Effect::Answer(waiter, answer));
    }

    fn done(
        &mut self,
        now: Duration,
        (trouble, is_in_the_way): (Option<SyncError>, bool),
        effects: &mut Vec<Effect>,
    ) {
        let Some(collection) = self.busy.take() else {
            return;
        };
        // What doesn't open hides nothing else.
        let graver = trouble.filter(|trouble| *trouble != SyncError::Unopened);
        let outcome = graver.or_else(|| self.lacks_room(collection)).or(trouble);
        let outcome = outcome.map_or(Ok(()), Err);
        self.waiting.done(collection, outcome, effects);
        self.again = Some(now + EACH);
        self.trouble = None;
        self.retries.came(collection, (trouble, is_in_the_way), now);
        match trouble {
            Some(error) => self.troubles.insert(collection, error),
            None => self.troubles.remove(collection),
        };
    }

    /// What is under way is done when it may be.
    fn leave(&mut self, effects: &mut Vec<Effect>) {
        if let Some(collection) = self.busy.take() {
            self.wanted.insert(collection);
            effects.push(Effect::Leave);
        }
    }

    fn go_on(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        if let Err(error) = self.may_sync() {
            self.waiting.end(error, effects);
            self.leave(effects);
            return;
        }
        // Then for who asked for it anyway, and for nobody else.
        let allowed = self.allowed();
        if let Err(error) = allowed {
            self.waiting.end_others(error, effects);
            if self.busy.is_some_and(|name| !self.waiting.is_anyway_for(name)) {
                self.leave(effects);
            }
        }
        if self.busy.is_some() || self.retry.is_some_and(|retry| now < retry) {
            return;
        }
        (self.retry, self.asked) = (None, None);
        let is_over = |time: Option<Duration>| time.is_some_and(|time| time <= now);
        if is_over(self.hinted) {
            self.hinted = None;
            self.want_all();
        }
        if is_over(self.again) {
            self.again = None;
            self.want_all();
        }
        self.wanted.extend(self.retries.take(now));
        if is_over(self.debounce.map(|(_, at)| at)) {
            self.debounce = None;
            self.wanted.append(&mut self.edited);
        }
        let may = |name: &str| allowed.is_ok() || self.waiting.is_anyway_for(name);
        let is_left = |name| self.left.get(name).is_some_and(|until| now < *until);
        let mut wanted = SYNCED.into_iter().filter(|name| self.wanted.contains(name));
        if let Some(collection) = wanted.find(|name| may(name) && !is_left(*name)) {
            self.wanted.remove(collection);
            self.left.remove(collection);
            // What was edited until now goes along.
            self.edited.remove(collection);
            if self.edited.is_empty() {
                self.debounce = None;
            }
            self.busy = Some(collection);
            self.waiting.begin(collection);
            effects.push(Effect::Sync(collection));
        }
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
