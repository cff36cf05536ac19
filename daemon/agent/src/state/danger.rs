//! What is gone all at once, and isn't taken for the owner's wish.

use super::zone::Zone;
use super::{Doubt, EMPTIED, Effect, Moved, PutOff, State, Stop};
use crate::model::{Known, Mark};

type Entry<'a> = (&'a String, &'a Known);

/// What the owner says of what is gone from one side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gone {
    /// Nothing: what is gone all at once isn't removed on the other side.
    #[default]
    Unsaid,
    /// That it may go on the other side too.
    Meant,
    /// That what is gone all at once was to stay: it comes back from the other side.
    ByMistake,
    /// Likewise, and into the folder where it lies now, though the medium that it lay on isn't mounted.
    ByMistakeHere,
}

impl Gone {
    /// Whether it is done all the same.
    pub(super) const fn overrules(self, stop: Stop) -> bool {
        match self {
            Self::Unsaid => false,
            // The place of a medium says nothing of it: filling it would fill the disk above, and what is gone there is on the
            // medium.
            Self::Meant | Self::ByMistake => !matches!(stop, Stop::Unmounted),
            Self::ByMistakeHere => true,
        }
    }

    /// Whether it comes back.
    pub(super) const fn was_mistaken(self) -> bool {
        matches!(self, Self::ByMistake | Self::ByMistakeHere)
    }
}

impl State {
    /// What speaks against doing anything at all: this may be another folder than the one that is remembered. What has the time of
    /// another zone alone is as it was.
    pub(super) fn danger(&self, zone: Option<&Zone>) -> Option<Stop> {
        let (local, remote) = (self.local.as_ref()?, self.remote.as_ref()?);
        let visible = || self.visible();
        let here = |(natural, _): &Entry<'_>| local.contains_key(*natural);
        // What is doubted is removed nowhere, so that it is gone is no danger; that it is here tells the folder all the same.
        let counted = || visible().filter(|(_, known)| !known.is_doubted);
        let missing = counted()
            .filter(|entry| !here(entry) && remote.contains_key(entry.0))
            .count();
        // What is kept here without a record tells the folder too: another card hasn't got it.
        let tells = |(natural, known): &Entry<'_>| !known.is_doubted || !remote.contains_key(*natural);
        let (is_replaced, is_unmounted) = match (&self.memory.root, &self.root) {
            (Some(before), Some(now)) => (now.differs(before), now.is_unmounted(before)),
            _ => (false, false),
        };
        // Files that are kept without their records are nowhere else: in another folder they would be forgotten, and put again once the
        // first is back.
        let is_kept_alone =
            |entry: Entry<'_>| entry.1.is_doubted && !here(&entry) && !remote.contains_key(entry.0);
        let lacks_kept = visible().any(is_kept_alone);
        let lacks = missing > 0 || lacks_kept;
        if is_unmounted && self.is_lacking() {
            Some(Stop::Unmounted)
        } else if is_replaced && lacks && !visible().any(|entry| self.is_the_same_medium(entry, zone)) {
            Some(Stop::Replaced)
        } else if self.is_fixed() {
            None
        } else if missing >= EMPTIED && !visible().any(|entry| here(&entry)) {
            Some(Stop::Emptied)
        } else if (missing > 0 || (lacks_kept && !local.is_empty()))
            && visible().filter(tells).count() >= EMPTIED
            && !visible().any(|entry| self.is_unedited(entry, zone))
        {
            // The roots of all cards are the same folder, and what a camera writes has the same names on each.
            Some(Stop::Replaced)
        } else {
            None
        }
    }

    /// Notes what is gone all at once from one side, so that it isn't removed on the other, and what is back. It stays noted
    /// when others come meanwhile, and when the program ends.
    pub(super) fn note_doubts(&mut self, moved: &Moved, effects: &mut Vec<Effect>) {
        let (Some(local), Some(remote)) = (&self.local, &self.remote) else {
            return;
        };
        let known = || self.memory.known().iter();
        let (mut doubted, mut cleared) = (Vec::new(), Vec::new());
        if self.gone != Gone::Meant {
            // What has another name now isn't gone, and tells that it is the same folder.
            let here = |(natural, known): &Entry<'_>| {
                local.contains_key(*natural) || (known.mark.inode != 0 && moved.holds(&known.mark))
            };
            let has_item = |(natural, _): &Entry<'_>| local.contains_key(*natural);
            let there = |(natural, _): &Entry<'_>| remote.contains_key(*natural);
            let visible = self.visible().filter(|(_, known)| !known.is_doubted);
            doubted.extend(all_gone(visible, here, there));
            let known = known().filter(|(_, known)| !known.is_doubted);
            doubted.extend(all_gone(known, there, has_item));
        }
        for (natural, _) in known().filter(|(_, known)| known.is_doubted) {
            if self.gone == Gone::Meant || (local.contains_key(natural) && remote.contains_key(natural)) {
                cleared.push(natural.clone());
            }
        }
        if !doubted.is_empty() || !cleared.is_empty() {
            effects.push(Effect::Save);
        }
        // What belayd said of a removal ends with the doubt about it, and answers none that comes later.
        let known = self.memory.known();
        let is_doubted = |natural: &String| known.get(natural).is_some_and(|known| known.is_doubted);
        self.put_off
            .retain(|natural, off| *off != PutOff::Kept || is_doubted(natural));
        for natural in &doubted {
            self.memory.set_doubted(natural, true);
        }
        for natural in &cleared {
            self.memory.set_doubted(natural, false);
        }
        if self.gone.was_mistaken() {
            self.forget_all(|_, (_, known)| known.is_doubted, effects);
        }
        let doubt = self.present_doubt();
        if let Some(doubt) = doubt.filter(|_| doubt != self.doubt) {
            effects.push(Effect::SayDoubt(doubt));
        }
        self.doubt = doubt;
    }

    /// Work that ended may have answered the last of what was doubted.
    pub(super) fn forget_answered_doubt(&mut self) {
        if self.doubt.is_some() {
            self.doubt = self.present_doubt();
        }
    }

    /// In a folder that may be another one nothing is in common but what is as it was: what it lacks is fetched, and of two
    /// contents both are kept.
    pub(super) fn forget_what_differs(&mut self, zone: Option<&Zone>, effects: &mut Vec<Effect>) {
        self.forget_all(
            |state, entry| !state.is_unseen(&entry.1.place) && !state.is_unedited(entry, zone),
            effects,
        );
    }

    fn forget_all(&mut self, is_meant: impl Fn(&Self, Entry<'_>) -> bool, effects: &mut Vec<Effect>) {
        let known = self.memory.known().iter();
        let meant: Vec<String> = known
            .filter(|entry| is_meant(self, *entry))
            .map(|(natural, _)| natural.clone())
            .collect();
        if !meant.is_empty() {
            effects.push(Effect::Save);
        }
        for natural in &meant {
            self.memory.forget(natural);
        }
    }

    fn present_doubt(&self) -> Option<Doubt> {
        let (local, remote) = (self.local.as_ref()?, self.remote.as_ref()?);
        let doubted = || self.memory.known().iter().filter(|(_, known)| known.is_doubted);
        let stands = |(natural, _): Entry<'_>| (local.contains_key(natural), remote.contains_key(natural));
        if doubted().any(|entry| stands(entry) == (false, true)) {
            Some(Doubt::Emptied)
        } else if doubted().any(|entry| stands(entry) == (true, false)) {
            Some(Doubt::CollectionEmptied)
        } else {
            None
        }
    }

    /// What is known of places that the last look says something of.
    fn visible(&self) -> impl Iterator<Item = Entry<'_>> {
        self.memory
            .known()
            .iter()
            .filter(move |(_, known)| !self.is_unseen(&known.place))
    }

    /// Whether something that was here isn't, whatever became of its record; or there is nothing by which to tell.
    fn is_lacking(&self) -> bool {
        let Some(local) = &self.local else {
            return false;
        };
        let is_missing = |(natural, _): Entry<'_>| !local.contains_key(natural);
        self.memory.known().is_empty() || self.visible().any(is_missing)
    }

    /// Whether no other medium can have come under the root's path: it lies on the file system that holds the memory.
    fn is_fixed(&self) -> bool {
        let device = self.root.as_ref().map(|root| root.device);
        device.is_some() && device == self.kept_on
    }

    /// Where each mount draws inodes anew, the root's too, a medium is told by what lies on it.
    fn is_the_same_medium(&self, (natural, known): Entry<'_>, zone: Option<&Zone>) -> bool {
        let item = self.local.as_ref().and_then(|local| local.get(natural));
        let is_moved = |now: &Mark| zone.is_some_and(|zone| zone.explains(now, &known.mark));
        known.mark.inode == 0 && item.is_some_and(|item| item.mark == known.mark || is_moved(&item.mark))
    }

    fn is_unedited(&self, (natural, known): Entry<'_>, zone: Option<&Zone>) -> bool {
        let item = self.local.as_ref().and_then(|local| local.get(natural));
        item.is_some_and(|item| {
            (item.mark.size, item.mark.modified) == (known.mark.size, known.mark.modified)
                || zone.is_some_and(|zone| zone.explains(&item.mark, &known.mark))
        })
    }
}

/// Of these, what one side lacks and the other has, if that is much and the one side has nothing of them.
fn all_gone<'a>(
    known: impl Iterator<Item = Entry<'a>>,
    is_left: impl Fn(&Entry<'a>) -> bool,
    other_has: impl Fn(&Entry<'a>) -> bool,
) -> Vec<String> {
    let mut gone = Vec::new();
    for entry in known {
        if is_left(&entry) {
            return Vec::new();
        }
        if other_has(&entry) {
            gone.push(entry.0.clone());
        }
    }
    match gone.len() >= EMPTIED {
        true => gone,
        false => Vec::new(),
    }
}
