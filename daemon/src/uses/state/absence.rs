//! When a band counts as lost.
//!
//! Only a band that was in reach while the policy was on, and whose link broke by itself, counts; not one that was
//! disconnected, unpaired or never there, and none while Bluetooth is off. After [`GRACE`] the phone rings, after
//! [`ALARM`] more the warden is told. Only time counts in which the phone could look for the band: not while it slept, nor
//! until [`SETTLE`] after it woke or belayd began. What was counted before isn't forgotten for that, nor by a restart
//! ([`Kept`]), or whoever takes the phone would put it to sleep or restart it. A band that was in reach just before a
//! restart, and isn't after it, counts as one whose link broke.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use belay_proto::clock::millis;
use belay_proto::id::AccessoryId;
use serde::{Deserialize, Serialize};

use super::Band;

/// How long a link may be broken before anything is heard of it: links break often, and are back in seconds.
pub(super) const GRACE: Duration = Duration::from_secs(120);
/// How long the phone rings before it is locked.
pub(super) const ALARM: Duration = Duration::from_secs(60);
/// How long a phone that woke, or a belayd that began, looks for a band before its time counts.
pub(super) const SETTLE: Duration = Duration::from_secs(60);
/// How often it is looked at.
const EACH: Duration = Duration::from_secs(10);
/// Who looks so late slept.
const SLEPT: Duration = Duration::from_secs(30);
/// So long a band is remembered as in reach that isn't and whose link didn't break: a shutdown ends links before it ends
/// belayd.
const PARTING: Duration = Duration::from_secs(60);

/// The bands that are gone.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Absences {
    /// In reach at some time since the policy is on; those that aren't, with the first look at which they weren't.
    near: BTreeMap<AccessoryId, Option<Duration>>,
    /// Gone.
    gone: BTreeMap<AccessoryId, Gone>,
    /// The last look since belayd began.
    looked: Option<Duration>,
    /// The paired accessories are known.
    loaded: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Gone {
    /// What was counted before `from`.
    counted: Duration,
    /// From when on time counts, boot time.
    from: Duration,
    /// Whoever heard of it has had enough; it is locked all the same.
    silenced: bool,
    /// The warden knows.
    told: bool,
    /// What was known of it before belayd began; since then it wasn't seen.
    before: Option<Before>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    /// It was gone.
    Gone,
    /// It was in reach.
    Near,
}

/// What outlives belayd and the boot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::uses) struct Kept {
    near: BTreeSet<AccessoryId>,
    gone: BTreeMap<AccessoryId, KeptGone>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct KeptGone {
    counted_ms: u64,
    silenced: bool,
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

impl Gone {
    /// From this look on.
    const fn beginning(at: Duration) -> Self {
        Self {
            counted: Duration::ZERO,
            from: at,
            silenced: false,
            told: false,
            before: None,
        }
    }

    fn long(&self, at: Duration) -> Duration {
        self.counted.saturating_add(at.saturating_sub(self.from))
    }

    /// The same, as far as anything follows from it now: not while the band is still looked for.
    fn due(&self, at: Duration) -> Duration {
        if at < self.from {
            Duration::ZERO
        } else {
            self.long(at)
        }
    }

    /// What passed until the last look counts, and nothing until `from`.
    fn rest(&mut self, looked: Option<Duration>, from: Duration) {
        self.counted = looked.map_or(self.counted, |looked| self.long(looked));
        self.from = from;
    }

    /// Whether it may be there, and nobody can tell: its list isn't read yet, or Bluetooth was off ever since.
    fn is_out_of_sight(&self, loaded: bool, powered: bool) -> bool {
        match self.before {
            None => false,
            Some(Before::Gone) => !loaded,
            Some(Before::Near) => !loaded || !powered,
        }
    }
}

impl Absences {
    /// Goes on from what was kept.
    pub(super) fn restored(kept: &Kept) -> Self {
        let gone = kept.gone.iter().map(|(id, gone)| {
            let gone = Gone {
                counted: Duration::from_millis(gone.counted_ms),
                silenced: gone.silenced,
                told: gone.told,
                before: Some(Before::Gone),
                ..Gone::beginning(Duration::ZERO)
            };
            (*id, gone)
        });
        let near = kept.near.iter().map(|id| {
            let gone = Gone {
                before: Some(Before::Near),
                ..Gone::beginning(Duration::ZERO)
            };
            (*id, gone)
        });
        Self {
            gone: near.chain(gone).collect(),
            ..Self::default()
        }
    }

    /// What is to outlive belayd.
    pub(super) fn kept(&self) -> Kept {
        let at = self.looked.unwrap_or_default();
        let lately =
            |parted: Option<Duration>| parted.is_none_or(|parted| at.saturating_sub(parted) < PARTING);
        let near = self.near.iter().filter(|(_, parted)| lately(**parted));
        let mut near: BTreeSet<_> = near.map(|(id, _)| *id).collect();
        let mut gone = BTreeMap::new();
        for (id, one) in &self.gone {
            // Whose count hasn't begun was in reach as far as is known.
            if one.before == Some(Before::Near) && one.long(at).is_zero() {
                near.insert(*id);
                continue;
            }
            near.remove(id);
            let kept = KeptGone {
                counted_ms: millis(one.long(at).min(GRACE + ALARM)),
                silenced: one.silenced,
                told: one.told,
            };
            gone.insert(*id, kept);
        }
        Kept { near, gone }
    }

    /// Looks at the bands. Unless `guarded` nothing counts, and nothing of it counts later.
    pub(super) fn look(
        &mut self,
        bands: &BTreeMap<AccessoryId, Band>,
        powered: bool,
        guarded: bool,
        at: Duration,
    ) -> Due {
        if !guarded {
            *self = Self::default();
            return Due::Nothing;
        }
        self.loaded |= !bands.is_empty();
        let slept = self.looked.is_none_or(|looked| at.saturating_sub(looked) > SLEPT);
        for gone in self.gone.values_mut() {
            if slept || gone.is_out_of_sight(self.loaded, powered) {
                gone.rest(self.looked, at + SETTLE);
            }
        }
        self.looked = Some(at);
        for (id, band) in bands {
            if band.ready && band.worn {
                self.near.insert(*id, None);
            } else if let Some(parted) = self.near.get_mut(id) {
                parted.get_or_insert(at);
            }
            if band.away && self.near.contains_key(id) {
                self.gone.entry(*id).or_insert(Gone::beginning(at));
            }
        }
        if self.loaded {
            let is_gone = |id: &AccessoryId, gone: &Gone| {
                let unseen = |band: &Band| gone.before.is_some() && !band.ready && !band.held;
                bands.get(id).is_some_and(|band| band.away || unseen(band))
            };
            self.gone.retain(|id, gone| is_gone(id, gone));
            self.near.retain(|id, _| bands.contains_key(id));
        }
        let untold = || self.gone.values().filter(|gone| !gone.told);
        match untold().map(|gone| gone.due(at)).max() {
            None => Due::Nothing,
            Some(longest) if longest >= GRACE + ALARM => Due::Lock,
            Some(_) if untold().any(|gone| !gone.silenced && gone.due(at) >= GRACE) => Due::Alarm,
            Some(_) => Due::Waiting,
        }
    }

    /// The phone rings no more for those that it rang for.
    pub(super) fn silence(&mut self) {
        let looked = self.looked.unwrap_or_default();
        for gone in self.gone.values_mut() {
            gone.silenced |= gone.long(looked) >= GRACE;
        }
    }

    /// The warden knows of all that are overdue.
    pub(super) fn told(&mut self) {
        let looked = self.looked.unwrap_or_default();
        for gone in self.gone.values_mut() {
            gone.told |= gone.long(looked) >= GRACE + ALARM;
        }
    }

    /// When to look again.
    pub(super) fn next_tick(&self, now: Duration) -> Option<Duration> {
        let looked = self.looked?;
        let waits = self.gone.values().any(|gone| !gone.told);
        let parted = self.near.iter().filter(|(id, _)| !self.gone.contains_key(id));
        let parted = parted.filter_map(|(_, parted)| parted.map(|parted| parted + PARTING));
        let parted = parted.filter(|end| *end > looked).min();
        let look = waits.then_some(looked + EACH);
        look.into_iter().chain(parted).min().map(|at| at.max(now))
    }
}
