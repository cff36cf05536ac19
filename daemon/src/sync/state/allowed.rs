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
        match (self.may_sync(), self.trouble()) {
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

    /// Whether nothing is left to do, of whatever may be synced, and nothing went wrong.
    pub(in crate::sync) fn is_done(&self) -> bool {
        let is_idle = self.session.is_some() && self.busy.is_none() && self.trouble().is_none();
        is_idle && self.wanted.is_empty() && self.edited.is_empty()
    }

    /// What went wrong last, until it goes right.
    pub(in crate::sync) fn trouble(&self) -> Option<SyncError> {
        let of_records = self.trouble.or_else(|| self.troubles.values().next().copied());
        of_records.or_else(|| self.enabled.iter().find_map(|name| self.lacks_room(name)))
    }
}
