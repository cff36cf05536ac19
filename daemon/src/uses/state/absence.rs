//! When a band counts as lost.
//!
//! Only a band that was in reach while the policy was on, and whose link broke by itself, counts; not one that was
//! disconnected, unpaired or never there, and none while Bluetooth is off. After [`GRACE`] the phone rings, after
//! [`ALARM`] more the warden is told. A phone that slept meanwhile couldn't look for it: then time begins anew.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use belay_proto::id::AccessoryId;

use super::Band;

/// How long a link may be broken before anything is heard of it: links break often, and are back in seconds.
pub(super) const GRACE: Duration = Duration::from_secs(120);
/// How long the phone rings before it is locked.
pub(super) const ALARM: Duration = Duration::from_secs(60);
/// How often it is looked at.
const EACH: Duration = Duration::from_secs(10);
/// Who looks so late slept.
const SLEPT: Duration = Duration::from_secs(30);

/// The bands that are gone.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Absences {
    /// In reach at some time since the policy is on.
    near: BTreeSet<AccessoryId>,
    /// Gone since.
    gone: BTreeMap<AccessoryId, Gone>,
    looked: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Gone {
    since: Duration,
    /// Whoever heard of it has had enough; it is locked all the same.
    silenced: bool,
    /// The warden knows.
    told: bool,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// No band is gone.
    Nothing,
    /// It may come back.
    Waiting,
    /// The phone is to be heard.
    Alarm,
    /// The warden is to be told.
    Lock,
}

impl Absences {
    /// Looks at the bands. Unless `guarded` nothing counts, and nothing of it counts later.
    pub(super) fn look(&mut self, bands: &BTreeMap<AccessoryId, Band>, guarded: bool, at: Duration) -> Due {
        if !guarded {
            *self = Self::default();
            return Due::Nothing;
        }
        if at.saturating_sub(self.looked) > SLEPT {
            for gone in self.gone.values_mut() {
                gone.since = at;
            }
        }
        self.looked = at;
        for (id, band) in bands {
            if band.ready && band.worn {
                self.near.insert(*id);
            }
            if band.away && self.near.contains(id) {
                let gone = Gone {
                    since: at,
                    silenced: false,
                    told: false,
                };
                self.gone.entry(*id).or_insert(gone);
            }
        }
        let is_away = |id: &AccessoryId| bands.get(id).is_some_and(|band| band.away);
        self.gone.retain(|id, _| is_away(id));
        self.near.retain(|id| bands.contains_key(id));
        let untold = || self.gone.values().filter(|gone| !gone.told);
        let long = |gone: &Gone| at.saturating_sub(gone.since);
        match untold().map(long).max() {
            None => Due::Nothing,
            Some(longest) if longest >= GRACE + ALARM => Due::Lock,
            Some(_) if untold().any(|gone| !gone.silenced && long(gone) >= GRACE) => Due::Alarm,
            Some(_) => Due::Waiting,
        }
    }

    /// The phone rings no more for those that it rang for.
    pub(super) fn silence(&mut self) {
        let looked = self.looked;
        for gone in self.gone.values_mut() {
            gone.silenced |= looked.saturating_sub(gone.since) >= GRACE;
        }
    }

    /// The warden knows of all that are overdue.
    pub(super) fn told(&mut self) {
        let looked = self.looked;
        for gone in self.gone.values_mut() {
            gone.told |= looked.saturating_sub(gone.since) >= GRACE + ALARM;
        }
    }

    /// When to look again.
    pub(super) fn next_tick(&self, now: Duration) -> Option<Duration> {
        let waits = self.gone.values().any(|gone| !gone.told);
        waits.then(|| (self.looked + EACH).max(now))
    }
}
