//! When the registry is fetched and what waits is brought: pure. One thing at a time; fetching goes first, since what
//! it finds may be what a change would run into.

use std::time::Duration;

use belay_proto::id::AccountId;
use belay_proto::keys::PublicKey;

use crate::find::Pace;

/// A whole list this often, besides the one at each start: what a cloud lost is brought again.
const WHOLE_EACH: Duration = Duration::from_secs(24 * 3600);

/// Whose registry it is, and what would make a try that failed come to something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// The account.
    pub account: AccountId,
    /// Whose root its keys are under: another one may be of the same generation, with keys of the same numbers.
    pub owner: Option<PublicKey>,
    /// The credentials' generation.
    pub generation: u64,
    /// How often the password was proved: a session that ended may have begun again.
    pub presence: u64,
    /// The newest of the keys that the warden keeps, and how many: nothing is sealed under older ones, which a removed device may have,
    /// and what lacked a key opens once it is there.
    pub held_keys: (u64, u64),
}

/// What is known.
#[derive(Clone, Debug, Default)]
pub struct State {
    session: Option<Session>,
    /// What is under way.
    busy: Option<Effect>,
    /// There may be something to fetch.
    fetch: bool,
    /// All of it, not only what is new.
    whole: bool,
    /// There may be something to bring.
    bring: bool,
    /// Nothing is tried before this boot time.
    paused: Option<Duration>,
    /// When a hint is followed that came too soon after others.
    hinted: Option<Duration>,
    /// When all of it is to be fetched again.
    again: Option<Duration>,
    pace: Pace,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The device is this session's, or, `None`, nobody's, or lost.
    Session(Option<Session>),
    /// The cloud says that another device brought something.
    Hinted,
    /// The cloud can be reached again, or another network came.
    Reached,
    /// Something was changed here.
    Changed,
    /// The time that [`State::due`] named has come.
    Woken,
    /// What was fetched is on disk.
    Fetched,
    /// A change was brought, or the cloud won't have it; there may be another.
    Brought,
    /// Nothing waits to be brought.
    NothingToBring,
    /// It came to nothing. The cloud may be asked again after this wait.
    Failed(Duration),
    /// The cloud has another revision than was thought, or has forgotten something.
    Conflicted(Duration),
    /// There is no cloud to ask.
    NotConfigured,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Leave what is under way, and forget keys and cursor: they were another session's.
    Leave,
    /// Fetch what is new, or all of it; answered by an event.
    Fetch {
        /// All of it.
        whole: bool,
    },
    /// Bring the first change that waits; answered by an event.
    Bring,
}

/// The state after `event`, which happened at this boot time, and what is to be done.
#[must_use]
pub fn step(state: &State, now: Duration, event: Event) -> (State, Vec<Effect>) {
    let mut next = state.clone();
    let mut effects = Vec::new();
    match event {
        Event::Session(session) => next.follow(session, &mut effects),
        Event::Hinted if next.session.is_some() => next.hinted = Some(next.pace.take(now)),
        // Where there is no stream of hints, nobody else says that there is something new.
        Event::Reached => {
            (next.paused, next.fetch) = (None, next.session.is_some());
            // One that found no cloud has never had the whole list.
            next.whole |= next.fetch && next.again.is_none();
        }
        Event::Changed => next.bring = true,
        Event::Hinted | Event::Woken => {}
        Event::Fetched => {
            if next.busy.take() == Some(Effect::Fetch { whole: true }) {
                next.whole = false;
                next.again = Some(now + WHOLE_EACH);
            }
            // What the list lacks is to be brought again.
            next.bring = true;
        }
        // What was brought is listed too: so the next look shows a cloud that has forgotten it.
        Event::Brought => (next.busy, next.fetch, next.bring) = (None, true, true),
        Event::NothingToBring => next.busy = None,
        Event::Failed(wait) => next.pause(now, wait),
        Event::Conflicted(wait) => {
            (next.fetch, next.whole) = (true, true);
            // A cloud that disagrees without end must not keep a device awake.
            let pace = next.pace.take(now).saturating_sub(now);
            next.pause(now, wait.max(pace));
        }
        // Whatever would be tried next ends the same way.
        Event::NotConfigured => {
            (next.busy, next.fetch, next.whole, next.bring) = (None, false, false, false);
        }
    }
    next.go_on(now, &mut effects);
    (next, effects)
}

impl State {
    /// When [`Event::Woken`] is wanted, boot time.
    #[must_use]
    pub fn due(&self) -> Option<Duration> {
        if self.session.is_none() || self.busy.is_some() {
            return None;
        }
        if let Some(paused) = self.paused {
            return Some(paused);
        }
        self.hinted.into_iter().chain(self.again).min()
    }

    fn follow(&mut self, session: Option<Session>, effects: &mut Vec<Effect>) {
        if session == self.session {
            return;
        }
        *self = Self {
            session,
            fetch: true,
            whole: true,
            bring: true,
            pace: self.pace,
            ..Self::default()
        };
        effects.push(Effect::Leave);
    }

    fn pause(&mut self, now: Duration, wait: Duration) {
        match self.busy.take() {
            Some(Effect::Fetch { .. }) => self.fetch = true,
            Some(Effect::Bring) => self.bring = true,
            Some(Effect::Leave) | None => {}
        }
        self.paused = Some(now + wait);
    }

    fn go_on(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        let is_over = |until: Option<Duration>| until.is_some_and(|until| until <= now);
        if is_over(self.paused) {
            self.paused = None;
        }
        if self.session.is_none() || self.busy.is_some() || self.paused.is_some() {
            return;
        }
        let is_due = is_over(self.again);
        if self.fetch || self.whole || is_due || is_over(self.hinted) {
            self.whole |= is_due;
            // What happens from here on is to be looked at again.
            (self.fetch, self.hinted, self.again) = (false, None, self.again.filter(|_| !is_due));
            self.start(Effect::Fetch { whole: self.whole }, effects);
        } else if std::mem::take(&mut self.bring) {
            self.start(Effect::Bring, effects);
        }
    }

    fn start(&mut self, effect: Effect, effects: &mut Vec<Effect>) {
        self.busy = Some(effect);
        effects.push(effect);
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
