//! Times of another zone: cards keep local ones.

use std::collections::{BTreeMap, BTreeSet};

use super::{EMPTIED, Effect, PutOff, State, Work};
use crate::model::{Known, Mark};

/// Times that all moved alike, and may be those of another zone.
pub(super) struct Zone {
    /// By how much, nanoseconds.
    by: i64,
    /// The natural keys of what they are of.
    moved: Vec<String>,
    /// Those of a few by which an edit is told: whoever edits files and dates them may date all by as much.
    samples: BTreeSet<String>,
}

/// What came of comparing an item with its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// It says the same.
    Same,
    /// It says something else.
    Differs,
    /// Nobody can tell yet, as while belayd is busy, or ever, as of a file that the card spoilt.
    Nothing,
}

impl Zone {
    /// Whether what is in this state differs from what it was by the zone alone.
    pub(super) const fn explains(&self, now: &Mark, before: &Mark) -> bool {
        now.is_of_another_zone(before) && now.modified.saturating_sub(before.modified) == self.by
    }
}

impl State {
    /// The zone that may explain why everything that is as long as it was has another time; none where a sample says something else than
    /// its record does, can't be compared, or nothing can be a sample.
    pub(super) fn find_zone(&mut self) -> Option<Zone> {
        let Some((by, moved)) = self.moved_alike() else {
            // Once the first of what was edited is put, the rest of it hasn't moved alike any more: its time is meant all the same.
            self.told.retain(|_, (_, told)| *told == Told::Differs);
            return None;
        };
        let samples = self.samples(&moved);
        let may_differ = |natural: &String| self.told_of(natural).is_some_and(|told| told != Told::Same);
        let is_refuted = samples.is_empty() || samples.iter().any(may_differ);
        (!is_refuted).then_some(Zone { by, moved, samples })
    }

    /// Once all samples turned out to say what their records do nothing was edited, and what moved is remembered by the time that it has
    /// now; until then they are asked for, and nothing else is begun. Whether it was done.
    pub(super) fn follow_zone(&mut self, zone: Zone, effects: &mut Vec<Effect>) -> bool {
        let is_open = |natural: &&String| self.told_of(natural).is_none();
        let open: Vec<String> = zone.samples.iter().filter(is_open).cloned().collect();
        self.is_asking = !open.is_empty();
        if self.is_asking {
            for natural in open {
                self.ask(natural, effects);
            }
            return false;
        }
        self.told.clear();
        for natural in zone.moved {
            let item = self.local.as_ref().and_then(|local| local.get(&natural));
            if let (Some(item), Some(known)) = (item, self.memory.known().get(&natural)) {
                let mark = item.mark;
                let known = Known {
                    mark,
                    ..known.clone()
                };
                self.memory.remember(natural, known);
            }
        }
        effects.push(Effect::Save);
        true
    }

    /// What nobody could tell may be told by now: else a card that lacks a file as well would be taken for another one as long as it is in.
    pub(super) fn forget_untold(&mut self) {
        self.told.retain(|_, (_, told)| *told != Told::Nothing);
    }

    /// Whether what all moved alike was edited, so that its times are meant.
    pub(super) fn is_dated(&self) -> bool {
        let differs = |natural: &String| self.told_of(natural) == Some(Told::Differs);
        self.told.keys().any(differs)
    }

    /// By how much the times of all that is as long as it was moved, and of what. What a timer writes anew each hour has moved alike too,
    /// but all of it was written within one: it lies no further apart than it moved.
    fn moved_alike(&self) -> Option<(i64, Vec<String>)> {
        let local = self.local.as_ref()?;
        let (mut all, mut by): (Vec<String>, Option<i64>) = (Vec::new(), None);
        let (mut first, mut last) = (i64::MAX, i64::MIN);
        for (natural, known) in self.memory.known() {
            let Some(mark) = local.get(natural).map(|item| item.mark) else {
                continue;
            };
            if mark == known.mark {
                return None;
            }
            if mark.is_of_another_zone(&known.mark) {
                let before = known.mark.modified;
                let moved = mark.modified.saturating_sub(before);
                (first, last) = (first.min(before), last.max(before));
                if *by.get_or_insert(moved) != moved {
                    return None;
                }
                all.push(natural.clone());
            }
        }
        let by = by?;
        let lies_apart = last.saturating_sub(first) > by.saturating_abs();
        (all.len() >= EMPTIED && lies_apart).then_some((by, all))
    }

    /// A few of each kind, since one program edits pictures and another texts: the first, the last and the middle one by their names, and
    /// the shortest. Their records have to be as they were.
    fn samples(&self, moved: &[String]) -> BTreeSet<String> {
        let (Some(local), Some(remote)) = (&self.local, &self.remote) else {
            return BTreeSet::new();
        };
        let mut kinds: BTreeMap<&str, Vec<(u64, &String)>> = BTreeMap::new();
        for natural in moved {
            let known = self.memory.known().get(natural);
            if let (Some(known), Some(item)) = (known, local.get(natural))
                && let Some(record) = remote.get(natural)
                && record.id == known.id
                && record.revision == known.revision
            {
                let of_kind = kinds.entry(item.kind.as_str()).or_default();
                of_kind.push((item.mark.size, natural));
            }
        }
        let picked = kinds.values().flat_map(|all| {
            let middle = all.get(all.len() / 2);
            [all.first(), middle, all.last(), all.iter().min()]
        });
        picked.flatten().map(|(_, natural)| (*natural).clone()).collect()
    }

    /// What came of comparing an item with its record since it is as it is.
    fn told_of(&self, natural: &str) -> Option<Told> {
        let item = self.local.as_ref()?.get(natural)?;
        let (mark, told) = self.told.get(natural)?;
        (*mark == item.mark).then_some(*told)
    }

    fn ask(&mut self, natural: String, effects: &mut Vec<Effect>) {
        let (Some(local), Some(remote)) = (&self.local, &self.remote) else {
            return;
        };
        let is_looked_at_first = matches!(self.put_off.get(&natural), Some(PutOff::Scan | PutOff::List));
        if let (Some(item), Some(record)) = (local.get(&natural), remote.get(&natural))
            && !is_looked_at_first
            && !self.busy.contains_key(&natural)
        {
            let work = Work::Compare {
                item: item.clone(),
                record: record.clone(),
            };
            self.busy.insert(natural.clone(), work.clone());
            effects.push(Effect::Work(natural, Box::new(work)));
        }
    }
}
