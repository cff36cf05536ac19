//! Whether anything may be synced, and what is shown of that.

use super::State;
use crate::sync::error::SyncError;
use crate::sync::model::{Paused, Phase};

impl State {
    /// Whether contents may be moved now, and why not.
    pub(in crate::sync) fn allowed(&self) -> Result<(), SyncError> {
        match self.possible() {
            Ok(()) | Err(SyncError::Offline) if self.policy.stops(&self.conditions).is_some() => {
                Err(SyncError::Paused)
            }
            possible => possible,
        }
    }

    /// The same, whatever the policy says.
    pub(super) fn possible(&self) -> Result<(), SyncError> {
        if self.session.is_none() {
            Err(SyncError::NotBound)
        } else if self.is_paused {
            Err(SyncError::Paused)
        } else if self.conditions.online == Some(false) {
            Err(SyncError::Offline)
        } else {
            Ok(())
        }
    }

    /// Whether anything may be synced: as the policy says, or for who asked for it whatever it says.
    pub(super) fn may_sync(&self) -> Result<(), SyncError> {
        match self.allowed() {
            Err(_) if self.waiting.is_anyway() => self.possible(),
            allowed => allowed,
        }
    }

    /// What sync is doing, while a question is asked or not.
    pub(in crate::sync) fn phase(&self, is_asking: bool) -> Phase {
        match (self.may_sync(), self.serious()) {
            (Err(SyncError::NotBound), _) => Phase::Unknown,
            (Err(SyncError::Paused), _) => Phase::Paused,
            (Err(_), _) => Phase::Offline,
            (Ok(()), _) if self.busy.is_some() || self.moves() => Phase::Syncing,
            (Ok(()), Some(SyncError::Offline)) => Phase::Offline,
            (Ok(()), _) if is_asking => Phase::Attention,
            (Ok(()), Some(SyncError::QuotaExceeded)) => Phase::QuotaExceeded,
            (Ok(()), Some(_)) => Phase::Attention,
            (Ok(()), None) => Phase::Idle,
        }
    }

    /// Whether contents are moved: those that may not be are about to end.
    fn moves(&self) -> bool {
        self.is_moving && self.allowed().is_ok()
    }

    /// Whether contents were moved when that was last told.
    pub(in crate::sync) const fn is_moving(&self) -> bool {
        self.is_moving
    }

    /// What pauses sync; its owner first, since nothing else would have it go on then.
    pub(in crate::sync) fn paused_by(&self) -> Option<Paused> {
        match self.may_sync() {
            Err(SyncError::Paused) if self.is_paused => Some(Paused::Owner),
            Err(SyncError::Paused) => self.policy.stops(&self.conditions),
            _ => None,
        }
    }

    /// Whether nothing is left to do, of whatever may be synced, and nothing went wrong but what nobody can do anything about.
    pub(in crate::sync) fn is_done(&self) -> bool {
        let is_idle = self.session.is_some() && self.busy.is_none() && self.serious().is_none();
        is_idle && self.wanted.is_empty() && self.edited.is_empty()
    }

    /// What went wrong last, until it goes right.
    pub(in crate::sync) fn trouble(&self) -> Option<SyncError> {
        self.serious().or_else(|| self.troubles.values().next().copied())
    }

    /// The same without records of the cloud that don't open: a cloud, or a device that was removed, makes one whenever it
    /// likes, and nobody could ever be done with it.
    fn serious(&self) -> Option<SyncError> {
        let mut of_records = self.troubles.values().copied();
        self.trouble
            .or_else(|| of_records.find(|error| *error != SyncError::Unopened))
            .or_else(|| self.enabled.iter().find_map(|name| self.lacks_room(name)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use belay_proto::AccountId;

    use super::super::{Effect, Event, Session, step};
    use super::*;

    const NOW: Duration = Duration::from_secs(60);

    /// A device whose contacts and notes were synced, with this left of the one and of the other, and what who waited is told.
    fn synced(
        named: &[&'static str],
        of_contacts: SyncError,
        of_notes: Option<SyncError>,
    ) -> (State, Vec<Effect>) {
        let session = Session {
            account: AccountId::from_bytes([1; 16]),
            owner: None,
            generation: 1,
            presence: 0,
        };
        let enabled = BTreeSet::from(["contacts", "notes"]);
        let state = step(&State::default(), NOW, Event::Session(Some(session), enabled)).0;
        let asked = Event::Asked {
            waiter: 1,
            collections: named.to_vec(),
            anyway: false,
        };
        let mut state = step(&state, NOW, asked).0;
        let (mut left, mut answers) = (3, Vec::new());
        while let Some(name) = state.busy.filter(|_| left > 0) {
            left -= 1;
            let trouble = if name == "notes" {
                of_notes
            } else {
                Some(of_contacts)
            };
            let effects;
            (state, effects) = step(&state, NOW, Event::Done(trouble));
            let is_answer = |effect: &Effect| matches!(effect, Effect::Answer(..));
            answers.extend(effects.into_iter().filter(is_answer));
        }
        (state, answers)
    }

    #[test]
    fn records_that_don_t_open_are_told_and_keep_nothing_from_being_done() {
        let (state, answers) = synced(&[], SyncError::Unopened, None);
        assert_eq!(state.trouble(), Some(SyncError::Unopened));
        assert_eq!((state.phase(false), state.is_done()), (Phase::Idle, true));
        assert_eq!(answers, [Effect::Answer(1, Ok(()))]);
        // Who names their collection is told.
        let (_, answers) = synced(&["contacts", "notes"], SyncError::Unopened, None);
        assert_eq!(answers, [Effect::Answer(1, Err(SyncError::Unopened))]);
        let (_, answers) = synced(&["notes"], SyncError::Unopened, None);
        assert_eq!(answers, [Effect::Answer(1, Ok(()))]);
    }

    #[test]
    fn records_that_don_t_open_hide_nothing_that_the_owner_can_do_something_about() {
        for (error, phase) in [
            (SyncError::QuotaExceeded, Phase::QuotaExceeded),
            (SyncError::Lacking, Phase::Attention),
            (SyncError::InTheWay, Phase::Attention),
        ] {
            for named in [&[][..], &["contacts", "notes"][..]] {
                let (state, answers) = synced(named, SyncError::Unopened, Some(error));
                assert_eq!(state.trouble(), Some(error));
                assert_eq!((state.phase(false), state.is_done()), (phase, false));
                assert_eq!(answers, [Effect::Answer(1, Err(error))]);
            }
        }
    }
}
