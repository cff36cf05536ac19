//! Why a round came to nothing.

use std::time::Duration;

use super::{Effect, LONGEST_PAUSE, State};
use crate::sync::error::SyncError;
use crate::sync::ports::SyncFailure;

/// Why a round came to nothing. What it did until then stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sync) enum Failure {
    /// The cloud.
    Cloud(SyncFailure),
    /// This device.
    Here(SyncError),
}

impl From<SyncFailure> for Failure {
    fn from(failure: SyncFailure) -> Self {
        Self::Cloud(failure)
    }
}

impl From<SyncError> for Failure {
    fn from(error: SyncError) -> Self {
        Self::Here(error)
    }
}

impl Failure {
    /// As whoever waits is told.
    pub(super) fn error(self) -> SyncError {
        match self {
            // With keys that were asked for anew: it never has enough of them.
            Self::Cloud(SyncFailure::KeyEpochOld) => SyncError::CloudRefused,
            Self::Cloud(failure) => failure.into(),
            Self::Here(error) => error,
        }
    }

    /// For how long the cloud asked to be left alone (`Retry-After`).
    pub(super) fn asked(self) -> Option<Duration> {
        match self {
            Self::Cloud(SyncFailure::Offline(asked)) => asked,
            _ => None,
        }
    }

    /// Whether whatever else is tried comes to nothing in the same way.
    pub(super) fn is_everyones(self) -> bool {
        matches!(
            self.error(),
            SyncError::Offline | SyncError::ReauthenticationRequired
        )
    }
}

impl State {
    /// A round came to nothing; after this time it may be tried again.
    pub(super) fn failed(
        &mut self,
        now: Duration,
        failure: Failure,
        wait: Duration,
        effects: &mut Vec<Effect>,
    ) {
        let Some(collection) = self.busy.take() else {
            return;
        };
        let error = failure.error();
        if self.enabled.contains(collection) {
            self.wanted.insert(collection);
        }
        if !failure.is_everyones() {
            self.trouble = None;
            self.troubles.insert(collection, error);
            self.left.insert(collection, now + wait);
            self.retries.came_to_nothing(collection, now);
            self.waiting.drop_out(collection, error, effects);
            return;
        }
        self.trouble = Some(error);
        self.waiting.end(error, effects);
        if failure == Failure::Cloud(SyncFailure::NotConfigured) {
            // Whatever would be tried next ends the same way.
            self.wanted.clear();
            return;
        }
        let is_a_persons = error == SyncError::ReauthenticationRequired;
        let wait = if is_a_persons { LONGEST_PAUSE } else { wait };
        self.retry = Some(now + wait);
        self.asked = failure.asked().map(|asked| now + asked);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use belay_proto::AccountId;

    use super::super::*;
    use crate::sync::ports::SyncFailure;

    const HOUR: Duration = Duration::from_secs(3600);
    const SOON: Duration = Duration::from_secs(90);

    /// A device whose contacts are synced, and whose cloud answers that.
    fn failed(answer: SyncFailure) -> State {
        let session = Session {
            account: AccountId::from_bytes([1; 16]),
            owner: None,
            generation: 1,
            presence: 0,
        };
        let event = Event::Session(Some(session), BTreeSet::from(["contacts"]));
        let state = step(&State::default(), Duration::ZERO, event).0;
        step(&state, Duration::ZERO, Event::Failed(answer.into(), HOUR)).0
    }

    #[test]
    fn a_cloud_that_asked_for_a_while_has_it_whatever_comes_back() {
        let offline = Conditions {
            online: Some(false),
            ..Conditions::default()
        };
        let events = [
            vec![Event::Reached],
            vec![Event::NewKeys],
            vec![
                Event::Conditions(offline),
                Event::Conditions(Conditions::default()),
            ],
        ];
        for events in events {
            let after = |answer, at| {
                let mut state = failed(answer);
                let mut effects = Vec::new();
                for event in &events {
                    (state, effects) = step(&state, at, event.clone());
                }
                (state.due(), effects)
            };
            let drawn = SyncFailure::Offline(None);
            assert_eq!(after(drawn, SOON).1, [Effect::Sync("contacts")], "{events:?}");
            let asked = SyncFailure::Offline(Some(HOUR));
            assert_eq!(after(asked, SOON), (Some(HOUR), vec![]), "{events:?}");
            assert_eq!(after(asked, HOUR).1, [Effect::Sync("contacts")], "{events:?}");
            // It asked for less than was drawn.
            let asked = SyncFailure::Offline(Some(2 * SOON));
            assert_eq!(after(asked, SOON), (Some(2 * SOON), vec![]), "{events:?}");
        }
    }

    #[test]
    fn who_asks_for_it_has_it_synced_and_what_the_cloud_asked_for_before_is_over() {
        let state = failed(SyncFailure::Offline(Some(HOUR)));
        let asked = Event::Asked {
            waiter: 1,
            collections: vec![],
            anyway: false,
        };
        let (state, effects) = step(&state, SOON, asked);
        assert_eq!(effects, [Effect::Sync("contacts")]);
        let failure = SyncFailure::Offline(None).into();
        let state = step(&state, SOON, Event::Failed(failure, HOUR)).0;
        assert_eq!(
            step(&state, 2 * SOON, Event::Reached).1,
            [Effect::Sync("contacts")]
        );
    }
}
