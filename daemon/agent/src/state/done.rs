//! What follows from work that ended.

use std::collections::{BTreeMap, BTreeSet};

use super::{Effect, Moved, Outcome, PutOff, State, Told, Work, is_refusal};
use crate::model::{Known, Local, Remote, is_sibling};
use crate::names::folded;

impl State {
    pub(super) fn done(mut self, outcomes: Vec<(String, Outcome)>) -> (Self, Vec<Effect>) {
        let mut effects = Vec::new();
        let mut wishes = Wishes::default();
        for (natural, outcome) in outcomes {
            let Some(work) = self.busy.remove(&natural) else {
                continue;
            };
            // What was only compared is as it was, whenever it was looked at.
            if !matches!(work, Work::Compare { .. }) {
                self.now = self.now.saturating_add(1);
                self.ended.insert(natural.clone(), self.now);
            }
            let outcome = match self.foreign.remove(&natural) {
                true => {
                    (wishes.scan, wishes.list) = (true, true);
                    Outcome::Later
                }
                false => outcome,
            };
            let is_refused_sibling =
                outcome == Outcome::Refused && matches!(work, Work::Join { .. }) && is_sibling(&natural);
            self.end(&natural, work, outcome, &mut wishes);
            if is_refused_sibling {
                self.become_own(&natural, &Moved::Unknown, &mut effects);
            } else if self.can_act() {
                self.act(&natural, &Moved::Unknown, &mut effects);
            }
        }
        self.lift_refusals(&wishes.removed);
        if wishes.save {
            effects.push(Effect::Save);
        }
        if wishes.list && self.on {
            effects.push(Effect::List);
        }
        if wishes.scan && self.on {
            effects.push(Effect::Scan { make: false });
        }
        let is_comparison = |work: &Work| matches!(work, Work::Compare { .. });
        let is_answered = self.is_asking && !self.busy.values().any(is_comparison);
        if is_answered || (self.held_back && self.busy.is_empty()) {
            self.look(&mut effects);
        }
        self.forget_answered_doubt();
        (self, effects)
    }

    fn end(&mut self, natural: &str, work: Work, outcome: Outcome, wishes: &mut Wishes) {
        let natural = natural.to_owned();
        match (outcome, work) {
            (Outcome::Stored { id, revision }, Work::Put { item, .. } | Work::Join { item, .. }) => {
                self.stored(natural, id, revision, item);
                wishes.save = true;
            }
            (Outcome::Beside, Work::Join { item, record }) => {
                let known = Known {
                    id: record.id,
                    revision: 0,
                    place: item.place,
                    mark: item.mark,
                    is_doubted: false,
                };
                self.memory.remember(natural, known);
                wishes.save = true;
                wishes.list = true;
            }
            (Outcome::Written { revision, item }, Work::Fetch { record, .. }) => {
                wishes.list |= self.written(natural, Remote { revision, ..record }, item);
                wishes.save = true;
            }
            (
                Outcome::Moved { revision, item },
                Work::Fetch {
                    record,
                    like: Some(like),
                    ..
                },
            ) => {
                self.moved_away(&like.item);
                wishes.removed.insert(like.item.place);
                wishes.list |= self.written(natural, Remote { revision, ..record }, item);
                wishes.save = true;
                wishes.scan = true;
            }
            (Outcome::Gone, Work::Delete { .. }) => {
                self.memory.forget(&natural);
                if let Some(remote) = &mut self.remote {
                    remote.remove(&natural);
                }
                wishes.save = true;
            }
            (Outcome::Gone, Work::Remove { .. }) => {
                self.memory.forget(&natural);
                if let Some(local) = &mut self.local {
                    local.remove(&natural);
                }
                wishes.removed.insert(natural);
                wishes.save = true;
            }
            // Nothing says any more what was in common: both sides are joined, as without a memory.
            (Outcome::NotDeleted, Work::Remove { .. } | Work::Ask { .. }) => {
                self.memory.forget(&natural);
                wishes.save = true;
            }
            (Outcome::Deleted, Work::Ask { .. }) => {
                // The doubt may be over since it was asked: it says nothing of a later one.
                let known = self.memory.known().get(&natural);
                if known.is_some_and(|known| known.is_doubted) {
                    self.put_off.insert(natural, PutOff::Kept);
                }
            }
            (Outcome::Same, Work::Compare { item, .. }) => {
                self.told.insert(natural, (item.mark, Told::Same));
            }
            (Outcome::Differs, Work::Compare { item, .. }) => {
                self.told.insert(natural, (item.mark, Told::Differs));
            }
            // It isn't asked for again at once: what else there is isn't held up by it.
            (Outcome::Refused | Outcome::Later, Work::Compare { item, .. }) if self.local.is_some() => {
                self.told.insert(natural, (item.mark, Told::Nothing));
            }
            // A file whose name differs in its case alone, or is its folder's, may have been in the way: both looks tell whether it still
            // is.
            (Outcome::Refused, Work::Fetch { over: None, .. })
                if self.is_rid_of_what_was_in_its_way(&natural) =>
            {
                (wishes.scan, wishes.list) = (true, true);
                self.put_off.insert(natural, PutOff::Scan);
            }
            (Outcome::ItemChanged, _) => {
                wishes.scan = true;
                self.put_off.insert(natural, PutOff::Scan);
            }
            (Outcome::RecordChanged, _) => {
                wishes.list = true;
                self.put_off.insert(natural, PutOff::List);
            }
            (Outcome::Later, _) => {
                self.put_off.insert(natural, PutOff::Later);
            }
            // An outcome that doesn't belong to its work is none that can be believed.
            (
                Outcome::Refused
                | Outcome::Stored { .. }
                | Outcome::Beside
                | Outcome::Written { .. }
                | Outcome::Moved { .. }
                | Outcome::Gone
                | Outcome::NotDeleted
                | Outcome::Deleted
                | Outcome::Same
                | Outcome::Differs,
                _,
            ) => {
                let off = self.refusal(&natural);
                self.put_off.insert(natural, off);
            }
        }
    }

    /// Notes it; whether a list that came meanwhile says that the record was changed or deleted since it was read.
    fn written(&mut self, natural: String, record: Remote, item: Local) -> bool {
        let (id, revision) = (record.id.clone(), record.revision);
        let known = Known {
            id: record.id.clone(),
            revision: record.revision,
            place: item.place.clone(),
            mark: item.mark,
            is_doubted: false,
        };
        // What it is listed with may be older than what was read.
        let remote = self.remote.as_mut();
        let listed = remote.map(|remote| remote.insert(natural.clone(), record));
        self.memory.remember(natural.clone(), known);
        if let Some(local) = &mut self.local {
            local.insert(natural, item);
        }
        let is_other = |listed: Remote| listed.id != id || listed.revision > revision;
        listed.is_some_and(|listed| listed.is_none_or(is_other))
    }

    /// An item became another one. Nothing of it is to be removed: what lies there from now on is its owner's, also where that is the
    /// same file.
    fn moved_away(&mut self, item: &Local) {
        let is_it = |known: &Known| known.place == item.place && known.mark == item.mark;
        let mut known = self.memory.known().iter();
        let Some((natural, _)) =
            known.find(|(natural, known)| is_it(known) && !self.busy.contains_key(*natural))
        else {
            return;
        };
        let natural = natural.clone();
        self.memory.forget(&natural);
        self.put_off.remove(&natural);
        if let Some(local) = &mut self.local {
            local.remove(&natural);
        }
        self.ended.insert(natural, self.now);
    }

    fn stored(&mut self, natural: String, id: String, revision: u64, item: Local) {
        if let Some(remote) = &mut self.remote {
            let record = remote.entry(natural.clone()).or_insert_with(|| Remote {
                id: id.clone(),
                revision,
                kind: item.kind,
                length: item.mark.size,
                attributes: item.attributes,
                conflict_with: None,
                lacking: false,
            });
            record.revision = revision;
            record.lacking = false;
        }
        let known = Known {
            id,
            revision,
            place: item.place,
            mark: item.mark,
            is_doubted: false,
        };
        self.memory.remember(natural, known);
    }

    /// A file that was removed makes room for what lies in a folder of its name. Where a file system can't tell letters' case, it does so
    /// for one of another case, or in a folder of another case, too.
    pub(super) fn lift_refusals(&mut self, removed: &BTreeSet<String>) {
        if removed.is_empty() {
            return;
        }
        let names: BTreeSet<String> = removed.iter().map(|name| folded(name)).collect();
        let folders = removed.iter().flat_map(|name| folders_above(name));
        let folders: BTreeMap<String, &str> = folders.map(|folder| (folded(folder), folder)).collect();
        let is_lifted = |natural: &str| {
            let mut above = folders_above(natural);
            let is_free = |above: &str| {
                let folded = folded(above);
                names.contains(&folded) || folders.get(&folded).is_some_and(|other| *other != above)
            };
            names.contains(&folded(natural)) || above.any(is_free)
        };
        let before = self.put_off.len();
        self.put_off
            .retain(|natural, off| !is_refusal(off) || !is_lifted(natural));
        self.held_back |= self.put_off.len() < before;
    }

    /// Whether a file was removed since the last looks that had the name of a folder of this one, or whose name, or whose folder's, differs
    /// from this in its case alone.
    fn is_rid_of_what_was_in_its_way(&self, natural: &str) -> bool {
        let is_here = |other: &str| self.local.as_ref().is_some_and(|local| local.contains_key(other));
        // Of many that ended few are as long.
        let is_alike = |one: &str, other: &str| one.len() == other.len() && folded(one) == folded(other);
        let is_another_case = |one: &str, other: &str| one != other && is_alike(one, other);
        let mut others = self.ended.keys();
        others.any(|other| {
            let is_beside = |folder: &str| folders_above(natural).any(|above| is_another_case(folder, above));
            let is_in_its_way = is_another_case(other, natural)
                || folders_above(natural).any(|above| is_alike(other, above))
                || folders_above(other).any(is_beside);
            is_in_its_way && !is_here(other)
        })
    }

    pub(super) fn refusal(&self, natural: &str) -> PutOff {
        let mark = self.local.as_ref().and_then(|local| local.get(natural));
        let revision = self.remote.as_ref().and_then(|remote| remote.get(natural));
        PutOff::Refused(mark.map(|item| item.mark), revision.map(|record| record.revision))
    }
}

/// The folders that what has this name lies in.
fn folders_above(natural: &str) -> impl Iterator<Item = &str> {
    let slashes = natural.match_indices('/');
    slashes.filter_map(|(slash, _)| natural.get(..slash))
}

#[derive(Default)]
struct Wishes {
    save: bool,
    list: bool,
    scan: bool,
    /// Names of files that were removed.
    removed: BTreeSet<String>,
}
