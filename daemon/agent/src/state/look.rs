//! Looking over all items, once source and collection are known.

use std::collections::{BTreeMap, BTreeSet};

use super::likes::{of_item, of_record};
use super::{Choice, Effect, Moved, PutOff, State, Stop, Work, decide, is_refusal};
use crate::left_out::Why;
use crate::model::{Known, Local, Remote, Scan, folder_of, is_sibling};
use crate::names::beside;

impl State {
    pub(super) fn scanned(&mut self, at: u64, scan: Scan, effects: &mut Vec<Effect>) {
        let Scan {
            root,
            items,
            unseen,
            mut left,
            ..
        } = scan;
        // A sibling's file is told by where it lies: what it says would name the original.
        let siblings: BTreeMap<&str, &String> = self
            .memory
            .known()
            .iter()
            .filter(|(natural, _)| is_sibling(natural))
            .map(|(natural, known)| (known.place.as_str(), natural))
            .collect();
        let mut local = BTreeMap::new();
        for (natural, item) in items {
            let natural = siblings
                .get(item.place.as_str())
                .map_or(natural, |known| (*known).clone());
            // Two items of one natural key: the one that is known goes on, else the first. The other is left alone.
            let was = self.memory.known().get(&natural).map(|known| &known.place);
            if !local.contains_key(&natural) || was == Some(&item.place) {
                if let Some(other) = local.insert(natural, item) {
                    left.add(&other.place, Why::Double);
                }
            } else {
                left.add(&item.place, Why::Double);
            }
        }
        self.left = left;
        if let Some(before) = &mut self.local {
            let later = self.ended.iter().filter(|(_, ended)| **ended > at);
            let is_news = |kept: Option<&Local>, seen: Option<&Local>| kept != seen;
            if keep(later.map(|(natural, _)| natural), before, &mut local, is_news) {
                effects.push(Effect::Scan { make: false });
            }
            let gone = before.keys().filter(|natural| !local.contains_key(*natural));
            let gone = gone.cloned().collect();
            self.lift_refusals(&gone);
        }
        self.scanned_at = self.scanned_at.max(at);
        self.forget_ended();
        self.local = Some(local);
        self.unseen = unseen.into_iter().collect();
        self.root = Some(root);
        self.put_off.retain(|_, off| *off != PutOff::Scan);
        self.tell_siblings();
    }

    /// Nothing can be said of what is there.
    pub(super) fn not_scanned(&mut self, stop: Stop, effects: &mut Vec<Effect>) {
        self.local = None;
        self.root = None;
        // What was being compared may have been taken away, and what was in a record's way may be gone once it is seen again.
        self.told.clear();
        self.put_off
            .retain(|_, off| !matches!(off, PutOff::Refused(None, _)));
        self.stop(stop, effects);
    }

    pub(super) fn listed(&mut self, at: u64, records: Vec<(String, Remote)>, effects: &mut Vec<Effect>) {
        let shows = self.shows_siblings;
        let shown = |natural: &String| shows || !is_sibling(natural);
        let mut remote = records
            .into_iter()
            .filter(|(natural, _)| shown(natural))
            .collect();
        if let Some(before) = &mut self.remote {
            let later = self.ended.iter().filter(|(_, ended)| **ended > at);
            let is_news = |kept: Option<&Remote>, seen: Option<&Remote>| match (kept, seen) {
                (Some(kept), Some(seen)) => kept.id != seen.id || seen.revision > kept.revision,
                // What went here may be back.
                (kept, seen) => kept.is_some() || seen.is_some(),
            };
            if keep(later.map(|(natural, _)| natural), before, &mut remote, is_news) {
                effects.push(Effect::List);
            }
        }
        self.listed_at = self.listed_at.max(at);
        self.forget_ended();
        self.remote = Some(remote);
        self.put_off.retain(|_, off| *off != PutOff::List);
        self.tell_siblings();
    }

    /// Looks of a kind follow each other: none that began before the last one is still to come.
    fn forget_ended(&mut self) {
        let both = self.scanned_at.min(self.listed_at);
        self.ended.retain(|_, ended| *ended > both);
    }

    /// A sibling's file that was written and isn't remembered is told by its name, so that it doesn't become a record of
    /// its own.
    fn tell_siblings(&mut self) {
        let (Some(local), Some(remote)) = (&mut self.local, &self.remote) else {
            return;
        };
        for natural in remote.keys().filter(|natural| is_sibling(natural)) {
            if let Some(place) = beside(natural)
                && !local.contains_key(natural)
                && !remote.contains_key(&place)
                && !self.memory.known().contains_key(&place)
                && !self.busy.contains_key(&place)
                && let Some(item) = local.remove(&place)
            {
                local.insert(natural.clone(), item);
            }
        }
    }

    pub(super) fn stop(&mut self, stop: Stop, effects: &mut Vec<Effect>) {
        if self.stopped != Some(stop) {
            self.stopped = Some(stop);
            effects.push(Effect::Say(stop));
        }
    }

    pub(super) fn can_act(&self) -> bool {
        self.on && self.stopped.is_none() && !self.is_asking && self.local.is_some() && self.remote.is_some()
    }

    /// A sibling that its owner kept is a record of its own, under the name that its file has: so that isn't removed to be
    /// written again. Where the version came up once more, the name is the record's all the same.
    fn follow_kept(&mut self, effects: &mut Vec<Effect>) {
        let (Some(local), Some(remote)) = (&mut self.local, &self.remote) else {
            return;
        };
        let known = self.memory.known();
        let is_kept = |natural: &str, known_as: &Known| {
            is_sibling(natural)
                && remote.contains_key(&known_as.place)
                && !known.contains_key(&known_as.place)
        };
        let kept: Vec<(String, Known)> = known
            .iter()
            .filter(|(natural, known)| is_kept(natural, known))
            .filter(|(natural, known)| {
                !self.busy.contains_key(*natural) && !self.busy.contains_key(&known.place)
            })
            .map(|(natural, known)| (natural.clone(), known.clone()))
            .collect();
        for (natural, known) in kept {
            let place = known.place.clone();
            if let Some(item) = local.remove(&natural) {
                local.entry(place.clone()).or_insert(item);
            }
            self.memory.forget(&natural);
            self.memory.remember(place, Known { revision: 0, ..known });
            effects.push(Effect::Save);
        }
    }

    /// Decides about every item that nothing is under way for.
    pub(super) fn look(&mut self, effects: &mut Vec<Effect>) {
        if self.on {
            self.follow_kept(effects);
        }
        if !self.on || self.local.is_none() || self.remote.is_none() {
            return;
        }
        self.is_asking = false;
        let zone = self.find_zone();
        match self.danger(zone.as_ref()) {
            Some(stop) if !self.gone.overrules(stop) => {
                self.stop(stop, effects);
                return;
            }
            Some(_) if self.gone.was_mistaken() => self.forget_what_differs(zone.as_ref(), effects),
            _ => {}
        }
        if self.stopped.take().is_some() {
            // What waited when it stopped was taken back, and wasn't tried.
            self.put_off.retain(|_, off| *off != PutOff::Later);
        }
        if self.memory.root != self.root {
            self.memory.root.clone_from(&self.root);
            effects.push(Effect::Save);
        }
        if let Some(zone) = zone
            && !self.follow_zone(zone, effects)
        {
            return;
        }
        let renamed = self.moved(false);
        self.note_doubts(&renamed, effects);
        // A refused one's content is nowhere but in the record of its old name, which stays as long.
        let moved = self.moved(true);
        let (Some(local), Some(remote)) = (&self.local, &self.remote) else {
            return;
        };
        self.likes = self.likes();
        let known = self.memory.known();
        let naturals: BTreeSet<&String> = known.keys().chain(local.keys()).chain(remote.keys()).collect();
        let naturals: Vec<String> = naturals.into_iter().cloned().collect();
        let remembered = known.len();
        // Where neither side has it any more nothing is left to be told of it.
        self.put_off
            .retain(|natural, off| !is_refusal(off) || naturals.binary_search(natural).is_ok());
        self.held_back = false;
        for natural in &naturals {
            self.act(natural, &moved, effects);
        }
        if self.memory.known().len() != remembered {
            effects.push(Effect::Save);
        }
    }

    /// The new items, with those that are refused or without.
    fn moved(&self, with_refused: bool) -> Moved {
        let is_new = |natural: &String| {
            let is_refused = || self.put_off.get(natural).is_some_and(is_refusal);
            !self.memory.known().contains_key(natural) && (with_refused || !is_refused())
        };
        let new = self
            .local
            .iter()
            .flatten()
            .filter(|&(natural, _)| is_new(natural));
        Moved::of(new.map(|(_, item)| &item.mark))
    }

    pub(super) fn is_unseen(&self, place: &str) -> bool {
        let mut above = place
            .match_indices('/')
            .filter_map(|(slash, _)| place.get(..slash));
        self.unseen.contains(place) || above.any(|folder| self.unseen.contains(folder))
    }

    /// An edited sibling whose record is gone, or says something else, becomes a record of its own: belayd alone makes
    /// siblings.
    pub(super) fn become_own(&mut self, natural: &str, moved: &Moved, effects: &mut Vec<Effect>) {
        let Some(local) = &mut self.local else {
            return;
        };
        let Some(item) = local.remove(natural) else {
            return;
        };
        let place = item.place.clone();
        local.entry(place.clone()).or_insert(item);
        if self.memory.forget(natural) {
            effects.push(Effect::Save);
        }
        if self.can_act() {
            self.act(&place, moved, effects);
        }
    }

    /// Whether a sibling's file can't be written because a file or a record has its name.
    pub(super) fn is_taken(&self, natural: &str) -> bool {
        let (local, remote) = (self.local.as_ref(), self.remote.as_ref());
        beside(natural).is_some_and(|place| {
            local.is_some_and(|local| local.contains_key(&place))
                || remote.is_some_and(|remote| remote.contains_key(&place))
        })
    }

    /// Decides about one item.
    pub(super) fn act(&mut self, natural: &str, moved: &Moved, effects: &mut Vec<Effect>) {
        if self.busy.contains_key(natural) {
            return;
        }
        let known = self.memory.known().get(natural);
        let item = self.local.as_ref().and_then(|local| local.get(natural));
        let record = self.remote.as_ref().and_then(|remote| remote.get(natural));
        if item.is_none() && known.is_some_and(|known| self.is_unseen(&known.place)) {
            return;
        }
        let choice = decide(known, item, record);
        if is_sibling(natural) && choice == Choice::Put(None) {
            self.become_own(natural, moved, effects);
            return;
        }
        if choice == Choice::Nothing {
            // A file of another name in the same folder is the same item.
            if let (Some(known), Some(item)) = (known, item)
                && known.place != item.place
            {
                let place = item.place.clone();
                let known = Known {
                    place,
                    ..known.clone()
                };
                self.memory.remember(natural.to_owned(), known);
                effects.push(Effect::Save);
            }
            return;
        }
        let is_doubted = known.is_some_and(|known| known.is_doubted);
        if choice == Choice::Delete && is_doubted {
            return;
        }
        match self.put_off.get(natural) {
            Some(PutOff::Kept) if choice != Choice::Remove || !is_doubted => {}
            Some(off @ PutOff::Refused(..)) if *off != self.refusal(natural) => {}
            Some(_) => return,
            None => {}
        }
        let work = match (choice, item, record) {
            (Choice::Forget, ..) => {
                self.memory.forget(natural);
                return;
            }
            (Choice::Put(over), Some(item), _) => {
                let mut item = item.clone();
                // Said of it as before, it is a new revision only where its content is another: no device fetches it for a journey. In
                // another folder that would say where it lay.
                if over.is_some()
                    && let (Some(known), Some(record)) = (known, record)
                    && item.mark.is_of_another_zone(&known.mark)
                    && !self.is_dated()
                    && folder_of(&item.place) == folder_of(&known.place)
                {
                    item.attributes.clone_from(&record.attributes);
                }
                Work::Put { item, over }
            }
            (Choice::Join, Some(item), Some(record)) => Work::Join {
                item: item.clone(),
                record: record.clone(),
            },
            // Its place is another item's.
            (Choice::Fetch, None, _) if self.is_taken(natural) => return,
            (Choice::Fetch, item, Some(record)) => Work::Fetch {
                record: record.clone(),
                over: item.cloned(),
                like: match item {
                    Some(_) => None,
                    None => of_record(record).find_map(|like| self.likes.get(&like).cloned()),
                },
            },
            // What was renamed elsewhere is written under its new name from this one first.
            (Choice::Remove, Some(item), _)
                if !is_doubted && of_item(item).is_some_and(|like| self.likes.contains_key(&like)) =>
            {
                self.held_back = true;
                return;
            }
            (Choice::Remove, Some(item), _) => {
                let id = known.map(|known| known.id.clone()).unwrap_or_default();
                match is_doubted {
                    // What belayd lost, or can't read, nobody deleted: it is put again.
                    true => Work::Ask { id },
                    false => Work::Remove {
                        id,
                        item: item.clone(),
                    },
                }
            }
            // What was renamed is put first under its new name: the cloud keeps its chunks as long as somebody needs them.
            (Choice::Delete, ..) if known.is_some_and(|known| moved.holds(&known.mark)) => {
                self.held_back = true;
                return;
            }
            (Choice::Delete, _, Some(record)) => Work::Delete {
                id: record.id.clone(),
                revision: record.revision,
                place: known.map(|known| known.place.clone()).unwrap_or_default(),
            },
            _ => return,
        };
        self.put_off.remove(natural);
        self.busy.insert(natural.to_owned(), work.clone());
        effects.push(Effect::Work(natural.to_owned(), Box::new(work)));
    }
}

/// Takes over from `before` how these were: `now` was seen earlier than their work ended. Whether some were seen otherwise than they are
/// kept: that may be from before their work, or a change that it came too early for, and another look tells.
fn keep<'a, T>(
    naturals: impl Iterator<Item = &'a String>,
    before: &mut BTreeMap<String, T>,
    now: &mut BTreeMap<String, T>,
    is_news: impl Fn(Option<&T>, Option<&T>) -> bool,
) -> bool {
    let mut has_news = false;
    for natural in naturals {
        let kept = before.remove(natural);
        has_news |= is_news(kept.as_ref(), now.get(natural));
        match kept {
            Some(value) => now.insert(natural.clone(), value),
            None => now.remove(natural),
        };
    }
    has_news
}
