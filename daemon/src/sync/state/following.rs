//! Whose the records are, and which collections are synced.

use std::collections::BTreeSet;

use super::{Effect, Session, State};
use crate::sync::error::SyncError;

impl State {
    pub(super) fn follow(
        &mut self,
        session: Option<Session>,
        enabled: BTreeSet<&'static str>,
        effects: &mut Vec<Effect>,
    ) {
        let whose = |session: Option<Session>| {
            session.map(|session| (session.account, session.owner, session.generation))
        };
        if whose(session) == whose(self.session) {
            // A sign-out and a sign-in to the same account may come as one, and nothing is on after that.
            let off: Vec<_> = self.enabled.difference(&enabled).copied().collect();
            for collection in off {
                self.switch_off(collection, effects);
            }
            if session == self.session {
                return;
            }
            // The password was proved, and nothing else has changed: what is under way goes on, and what came to nothing for
            // want of it needn't any more.
            (self.session, self.enabled) = (session, enabled);
            self.trouble = self
                .trouble
                .filter(|trouble| *trouble != SyncError::ReauthenticationRequired);
            self.try_again();
            return;
        }
        self.waiting.end(SyncError::Cancelled, effects);
        *self = Self {
            session,
            wanted: enabled.clone(),
            enabled,
            is_paused: self.is_paused,
            is_moving: self.is_moving,
            policy: self.policy,
            conditions: self.conditions,
            pace: self.pace,
            retries: self.retries.anew(),
            ..Self::default()
        };
        effects.push(Effect::Leave);
    }

    pub(super) fn switch_off(&mut self, collection: &'static str, effects: &mut Vec<Effect>) {
        self.enabled.remove(collection);
        self.wanted.remove(collection);
        self.edited.remove(collection);
        self.left.remove(collection);
        self.troubles.remove(collection);
        self.retries.drop_out(collection);
        if self.busy == Some(collection) {
            self.busy = None;
            effects.push(Effect::Leave);
        }
        self.waiting.drop_out(collection, SyncError::Cancelled, effects);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use belay_proto::AccountId;

    use super::super::{Event, step};
    use super::*;
    use crate::sync::ports::SyncFailure;

    const SESSION: Session = Session {
        account: AccountId::from_bytes([1; 16]),
        owner: None,
        generation: 1,
        presence: 1,
    };

    /// A device that syncs its contacts, and somebody waits for that.
    fn waited_for() -> State {
        let asked = Event::Asked {
            waiter: 1,
            collections: vec!["contacts"],
            anyway: false,
        };
        let session = Event::Session(Some(SESSION), BTreeSet::from(["contacts"]));
        let state = step(&State::default(), Duration::ZERO, session).0;
        let state = step(&state, Duration::ZERO, Event::Done(None)).0;
        let (state, effects) = step(&state, Duration::ZERO, asked);
        assert_eq!(effects, [Effect::Sync("contacts")]);
        state
    }

    #[test]
    fn a_password_that_is_proved_ends_nothing_and_has_all_looked_at_again() {
        let proved = Session {
            presence: 2,
            ..SESSION
        };
        let event = Event::Session(Some(proved), BTreeSet::from(["contacts"]));
        let (state, effects) = step(&waited_for(), Duration::ZERO, event.clone());
        assert_eq!(effects, []);
        let (state, effects) = step(&state, Duration::ZERO, Event::Done(None));
        assert_eq!(effects, [Effect::Answer(1, Ok(())), Effect::Sync("contacts")]);
        // It is what the cloud wanted, and isn't asked for any more.
        let failed = Event::Failed(SyncFailure::Reauthentication.into(), Duration::ZERO);
        let state = step(&state, Duration::ZERO, failed).0;
        assert_eq!(state.trouble(), Some(SyncError::ReauthenticationRequired));
        let again = Session {
            presence: 3,
            ..SESSION
        };
        let event = Event::Session(Some(again), BTreeSet::from(["contacts"]));
        let (state, effects) = step(&state, Duration::ZERO, event);
        assert_eq!((effects, state.trouble()), (vec![Effect::Sync("contacts")], None));
    }

    #[test]
    fn what_isnt_on_any_more_after_a_sign_out_and_a_sign_in_that_came_as_one_is_synced_no_more() {
        for presence in [SESSION.presence, SESSION.presence + 1] {
            let again = Session { presence, ..SESSION };
            let event = Event::Session(Some(again), BTreeSet::new());
            let (state, effects) = step(&waited_for(), Duration::ZERO, event);
            let cancelled = Effect::Answer(1, Err(SyncError::Cancelled));
            assert_eq!(effects, [Effect::Leave, cancelled]);
            assert_eq!((state.busy, state.wanted.len()), (None, 0));
        }
    }

    #[test]
    fn other_credentials_end_what_is_under_way() {
        let other = Session {
            generation: 2,
            ..SESSION
        };
        let event = Event::Session(Some(other), BTreeSet::from(["contacts"]));
        let (_, effects) = step(&waited_for(), Duration::ZERO, event);
        let cancelled = Effect::Answer(1, Err(SyncError::Cancelled));
        assert_eq!(effects, [cancelled, Effect::Leave, Effect::Sync("contacts")]);
    }
}
