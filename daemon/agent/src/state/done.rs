//! What follows from work that ended.

use super::{Effect, Moved, Outcome, PutOff, State, Work};
use crate::model::{Known, Local, Remote, is_sibling};

impl State {
    pub(super) fn done(mut self, outcomes: Vec<(String, Outcome)>) -> (Self, Vec<Effect>) {
        let mut effects = Vec::new();
        let mut wishes = Wishes::default();
        for (natural, outcome) in outcomes {
            let Some(work) = self.busy.remove(&natural) else {
                continue;
            };
            self.now = self.now.saturating_add(1);
            self.ended.insert(natural.clone(), self.now);
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
        if wishes.save {
            effects.push(Effect::Save);
        }
        if wishes.list && self.on {
            effects.push(Effect::List);
        }
        if wishes.scan && self.on {
            effects.push(Effect::Scan { make: false });
        }
        if self.held_back && self.busy.is_empty() {
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
                let known = Known {
                    id: record.id.clone(),
                    revision,
                    place: item.place.clone(),
                    mark: item.mark,
                    is_doubted: false,
                };
                // What it is listed with may be older than what was read.
                if let Some(remote) = &mut self.remote {
                    remote.insert(natural.clone(), Remote { revision, ..record });
                }
                self.memory.remember(natural.clone(), known);
                if let Some(local) = &mut self.local {
                    local.insert(natural, item);
                }
                wishes.save = true;
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
                wishes.save = true;
            }
            // Nothing says any more what was in common: both sides are joined, as without a memory.
            (Outcome::NotDeleted, Work::Remove { .. } | Work::Ask { .. }) => {
                self.memory.forget(&natural);
                wishes.save = true;
            }
            (Outcome::Deleted, Work::Ask { .. }) => {
                self.put_off.insert(natural, PutOff::Kept);
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
                | Outcome::Gone
                | Outcome::NotDeleted
                | Outcome::Deleted,
                _,
            ) => {
                let off = self.refusal(&natural);
                self.put_off.insert(natural, off);
            }
        }
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

    pub(super) fn refusal(&self, natural: &str) -> PutOff {
        let mark = self.local.as_ref().and_then(|local| local.get(natural));
        let revision = self.remote.as_ref().and_then(|remote| remote.get(natural));
        PutOff::Refused(mark.map(|item| item.mark), revision.map(|record| record.revision))
    }
}

#[derive(Default)]
struct Wishes {
    save: bool,
    list: bool,
    scan: bool,
}
