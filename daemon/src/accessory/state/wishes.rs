//! What an owner switches on for an accessory, and the records of those that are connected only to be read.

use std::collections::VecDeque;
use std::time::Duration;

use belay_drivers::Reading;
use belay_proto::id::AccessoryId;

use super::super::error::AccessoryError;
use super::super::model::{WishChanges, Wishes};
use super::{Accessory, Answer, Asker, At, Effect, State};

/// A scale's records are fetched at most so often, but for whoever asks.
const RECORDS_EACH: Duration = Duration::from_secs(600);
/// So many changes wait for the disk; who brings more is told to try again.
pub(super) const MOST_WISHING: usize = 16;

/// Whether the records that an accessory keeps are to be fetched. It is connected for that alone.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Records {
    due: bool,
    /// When they were last fetched or tried, boot time.
    at: Option<Duration>,
    /// Who waits for them.
    askers: Vec<Asker>,
}

impl Records {
    pub(super) const fn are_due(&self) -> bool {
        self.due || !self.askers.is_empty()
    }

    /// It is there, and has something new.
    fn news(&mut self, at: Duration) {
        self.due |= self.at.is_none_or(|last| at >= last + RECORDS_EACH);
    }

    pub(super) fn wait_for(&mut self, asker: Asker) {
        self.askers.push(asker);
    }

    pub(super) fn left(&mut self, asker: Asker) {
        self.askers.retain(|one| *one != asker);
    }

    /// They are about to be fetched, for these.
    pub(super) fn begin(&mut self, at: Duration) -> Vec<Asker> {
        self.due = false;
        self.at = Some(at);
        std::mem::take(&mut self.askers)
    }

    /// They can't be.
    pub(super) fn fail(&mut self, why: AccessoryError, effects: &mut Vec<Effect>) {
        self.due = false;
        for asker in std::mem::take(&mut self.askers) {
            effects.push(Effect::Answer(asker, Err(why)));
        }
    }
}

/// What is being switched on or off: one change after the other, since each is made to what the one before has left. Made
/// to what is known already, the later of two would take back the earlier.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Wishing {
    /// A change is on its way to the disk.
    under_way: bool,
    waiting: VecDeque<(Asker, WishChanges)>,
}

impl Wishing {
    /// Nothing of it comes about.
    pub(super) fn fail(&mut self, why: AccessoryError, effects: &mut Vec<Effect>) {
        for (asker, _) in std::mem::take(&mut self.waiting) {
            effects.push(Effect::Answer(asker, Err(why)));
        }
    }
}

impl Accessory {
    /// A weighing was heard of: the scale is awake, and may keep others from when nobody listened.
    pub(super) fn heard_records(&mut self, kept: &[(u64, Reading)], at: &At) {
        let weighed = kept
            .iter()
            .any(|(_, reading)| matches!(reading, Reading::Weight(_)));
        if weighed && self.kind.keeps_records() && !self.held && self.connection.is_none() {
            self.records.news(at.boot);
        }
    }
}

impl State {
    /// What is switched on was read.
    pub(super) fn wished(&mut self, all: &[(AccessoryId, Wishes)], effects: &mut Vec<Effect>) {
        for (id, wishes) in all {
            if let Some(one) = self.accessories.get_mut(id) {
                one.wish(*id, *wishes, effects);
            }
        }
    }

    pub(super) fn wish(
        &mut self,
        asker: Asker,
        id: AccessoryId,
        changes: WishChanges,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<Answer>, AccessoryError> {
        let one = self.get(id)?;
        if one.paired.is_none() {
            return Err(AccessoryError::NotFound);
        }
        // There is nothing that it could show or be asked for.
        if !one.kind.connects() {
            return Err(AccessoryError::NotSupported);
        }
        if one.wishing.waiting.len() >= MOST_WISHING {
            return Err(AccessoryError::Busy);
        }
        one.wishing.waiting.push_back((asker, changes));
        if !one.wishing.under_way {
            one.next_wish(id, effects);
        }
        Ok(None)
    }

    /// What is switched on is on disk, or not.
    pub(super) fn wishes_stored(
        &mut self,
        id: AccessoryId,
        asker: Asker,
        wishes: Wishes,
        outcome: Result<(), AccessoryError>,
        effects: &mut Vec<Effect>,
    ) {
        effects.push(Effect::Answer(asker, outcome.map(|()| Answer::Done)));
        if let Some(one) = self.accessories.get_mut(&id) {
            if outcome.is_ok() {
                one.wish(id, wishes, effects);
            }
            one.next_wish(id, effects);
        }
    }
}

impl Accessory {
    /// Has the next change written, made to what is known by now.
    fn next_wish(&mut self, id: AccessoryId, effects: &mut Vec<Effect>) {
        if self.paired.is_none() {
            // Unpaired meanwhile: there is nothing to keep it with.
            self.wishing.fail(AccessoryError::NotFound, effects);
        }
        let next = self.wishing.waiting.pop_front();
        self.wishing.under_way = next.is_some();
        if let Some((asker, changes)) = next {
            effects.push(Effect::StoreWishes(id, asker, self.wishes.with(changes)));
        }
    }

    fn wish(&mut self, id: AccessoryId, wishes: Wishes, effects: &mut Vec<Effect>) {
        let before = std::mem::replace(&mut self.wishes, wishes);
        if before.heart_rate != wishes.heart_rate {
            self.follow_heart(id, wishes.heart_rate, effects);
        }
    }
}
