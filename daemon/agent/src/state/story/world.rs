//! Two agents, their folders, and their collection.

use std::collections::BTreeSet;

use super::super::*;
use super::Act;
use super::collection::{Collection, dated, length};
use crate::model::{Known, is_sibling};
use crate::names::beside;

const DEVICE: u64 = 1;

#[derive(Default)]
pub(super) struct Agent {
    pub(super) files: BTreeMap<String, (u64, Mark)>,
    /// Whether its folder lies on the file system of its memory.
    is_fixed: bool,
    gone: Gone,
    state: State,
    saved: Memory,
    works: Vec<(String, Work)>,
    scan: Option<(u64, Scan)>,
    list: Option<(u64, Vec<(String, Remote)>)>,
}

pub(super) struct World {
    pub(super) agents: [Agent; 2],
    pub(super) collection: Collection,
    last: u64,
    /// What somebody wrote and nobody replaced or removed.
    pub(super) alive: BTreeSet<u64>,
}

/// Where a record is written.
fn place(natural: &str) -> String {
    beside(natural).unwrap_or_else(|| natural.to_owned())
}

fn local(place: &str, content: u64, mark: Mark) -> Local {
    Local {
        place: place.to_owned(),
        kind: String::new(),
        attributes: dated(content),
        mark,
    }
}

fn mark(inode: u64, content: u64) -> Mark {
    Mark {
        modified: i64::try_from(inode).unwrap(),
        size: length(content),
        inode,
        mode: 0,
    }
}

impl Agent {
    fn event(&mut self, event: Event) {
        let (state, effects) = step(std::mem::take(&mut self.state), event);
        self.state = state;
        for effect in effects {
            if let Effect::Work(natural, work) = effect {
                self.works.push((natural, *work));
            }
        }
    }

    fn begin(&mut self) {
        self.works.clear();
        (self.scan, self.list) = (None, None);
        let device = self.is_fixed.then_some(DEVICE);
        self.state = State::new(self.saved.clone(), true, self.gone).kept_on(device);
        self.event(Event::On(Binding::default()));
    }

    fn take_scan(&mut self) {
        let items = self
            .files
            .iter()
            .map(|(place, (content, mark))| (place.clone(), local(place, *content, *mark)));
        let scan = Scan {
            root: Root {
                device: DEVICE,
                inode: 1,
                boot: String::new(),
                below_mount: None,
            },
            items: items.collect(),
            unseen: Vec::new(),
            is_watched: true,
            left: Left::default(),
        };
        self.scan = Some((self.state.now(), scan));
    }

    fn give_scan(&mut self) {
        if let Some((at, scan)) = self.scan.take() {
            self.event(Event::Scanned(at, scan));
        }
    }

    fn give_list(&mut self) {
        if let Some((at, list)) = self.list.take() {
            self.event(Event::Listed(at, list));
        }
    }

    fn is_still(&self, item: &Local) -> bool {
        self.files
            .get(&item.place)
            .is_some_and(|(_, mark)| *mark == item.mark)
    }

    /// Whether a file becomes what a record says, its own being deleted.
    fn can_move(&self, item: &Local, natural: &str, collection: &Collection) -> bool {
        let content = self.files.get(&item.place).map(|(content, _)| *content);
        let record = collection.records.get(natural);
        self.is_to_go(item, collection)
            && record.is_some_and(|record| content == Some(record.content))
            && !self.files.contains_key(&place(natural))
    }

    fn relocate(&mut self, from: &str, natural: &str, collection: &Collection) -> Outcome {
        let (content, mark) = self.files.remove(from).unwrap();
        self.files.insert(place(natural), (content, mark));
        Outcome::Moved {
            revision: collection.records[natural].revision,
            item: local(&place(natural), content, mark),
        }
    }

    /// Whether a file is only left to write another record from it.
    fn is_to_go(&self, item: &Local, collection: &Collection) -> bool {
        let goes = |(natural, known): (&String, &Known)| {
            known.place == item.place
                && known.mark == item.mark
                && !known.is_doubted
                && collection.is_deleted(natural)
        };
        self.is_still(item) && self.state.memory.known().iter().any(goes)
    }
}

impl World {
    pub(super) fn new(is_fixed: [bool; 2], gone: [Gone; 2]) -> Self {
        let mut world = Self {
            agents: Default::default(),
            collection: Collection::default(),
            last: 0,
            alive: BTreeSet::new(),
        };
        for (agent, (is_fixed, gone)) in world.agents.iter_mut().zip(is_fixed.into_iter().zip(gone)) {
            (agent.is_fixed, agent.gone) = (is_fixed, gone);
            agent.begin();
        }
        world
    }

    /// The owners say what they meant by what was gone all at once.
    pub(super) fn say(&mut self, gone: [Gone; 2]) {
        for (agent, gone) in self.agents.iter_mut().zip(gone) {
            if agent.gone == Gone::Unsaid {
                agent.gone = gone;
                agent.saved = agent.state.memory.clone();
                agent.begin();
            }
        }
    }

    fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// Does a piece of work as a worker would.
    fn perform(&mut self, agent: usize, natural: &str, work: &Work) -> Outcome {
        let fresh = self.next();
        let Self {
            agents, collection, ..
        } = self;
        let agent = &mut agents[agent];
        match work {
            // As belayd does.
            Work::Put { over: None, .. } if is_sibling(natural) => Outcome::Refused,
            Work::Put { item, over } => match agent.files.get(&item.place) {
                Some((content, mark)) if *mark == item.mark => {
                    let over = over.as_ref().map(|(_, revision)| *revision);
                    match collection.put(natural, *content, over, false) {
                        Ok(record) => Outcome::Stored {
                            id: record.id,
                            revision: record.revision,
                        },
                        Err(()) => Outcome::RecordChanged,
                    }
                }
                _ => Outcome::ItemChanged,
            },
            Work::Join { item, .. } => {
                match (agent.files.get(&item.place), collection.records.get(natural)) {
                    (Some((content, mark)), Some(record)) if *mark == item.mark => {
                        match record.content == *content {
                            true => Outcome::Stored {
                                id: record.id.clone(),
                                revision: record.revision,
                            },
                            // As belayd does.
                            false if is_sibling(natural) => Outcome::Refused,
                            false => collection
                                .put(natural, *content, None, true)
                                .map_or(Outcome::RecordChanged, |_| Outcome::Beside),
                        }
                    }
                    (_, None) => Outcome::RecordChanged,
                    _ => Outcome::ItemChanged,
                }
            }
            // There is no room for it before the other one goes.
            Work::Fetch { like: Some(like), .. }
                if collection.is_large(natural) && agent.is_to_go(&like.item, collection) =>
            {
                Outcome::Later
            }
            Work::Fetch { like: Some(like), .. }
                if like.spare.is_some() && agent.can_move(&like.item, natural, collection) =>
            {
                agent.relocate(&like.item.place, natural, collection)
            }
            Work::Fetch { over, .. } => {
                let Some(record) = collection.records.get(natural) else {
                    return Outcome::RecordChanged;
                };
                let place = match over {
                    Some(over) => over.place.clone(),
                    None => place(natural),
                };
                let is_still = match over {
                    Some(over) => agent.is_still(over),
                    None => !agent.files.contains_key(&place),
                };
                if !is_still {
                    return Outcome::ItemChanged;
                }
                let mark = mark(fresh, record.content);
                agent.files.insert(place.clone(), (record.content, mark));
                Outcome::Written {
                    revision: record.revision,
                    item: local(&place, record.content, mark),
                }
            }
            Work::Delete { revision, place, .. } => match agent.files.contains_key(place) {
                true => Outcome::ItemChanged,
                false => match collection.delete(natural, *revision) {
                    Ok(()) => Outcome::Gone,
                    Err(()) => Outcome::RecordChanged,
                },
            },
            Work::Remove { .. } | Work::Ask { .. } if !collection.is_deleted(natural) => Outcome::NotDeleted,
            Work::Ask { .. } => Outcome::Deleted,
            // Here nothing is dated anew.
            Work::Compare { .. } => Outcome::Differs,
            Work::Remove { item, .. } => match agent.is_still(item) {
                true => {
                    agent.files.remove(&item.place);
                    Outcome::Gone
                }
                false => Outcome::ItemChanged,
            },
        }
    }

    fn work(&mut self, agent: usize, which: usize) -> Option<(String, Outcome)> {
        let works = &mut self.agents[agent].works;
        let which = which.checked_rem(works.len())?;
        let (natural, work) = works.remove(which);
        let outcome = self.perform(agent, &natural, &work);
        Some((natural, outcome))
    }

    pub(super) fn act(&mut self, act: &Act) {
        match *act {
            Act::Write(agent, name) => {
                let content = self.next();
                let before = self.agents[agent]
                    .files
                    .insert(format!("{name}"), (content, mark(content, content)));
                if let Some((before, _)) = before {
                    self.alive.remove(&before);
                }
                self.alive.insert(content);
            }
            Act::Remove(agent, which) => {
                let files = &mut self.agents[agent].files;
                let Some(place) = files.keys().nth(which % files.len().max(1)).cloned() else {
                    return;
                };
                if let Some((content, _)) = files.remove(&place) {
                    self.alive.remove(&content);
                }
            }
            Act::Rename(agent, which, name) => {
                let files = &mut self.agents[agent].files;
                let Some(place) = files.keys().nth(which % files.len().max(1)).cloned() else {
                    return;
                };
                if !files.contains_key(&format!("{name}"))
                    && let Some(file) = files.remove(&place)
                {
                    files.insert(format!("{name}"), file);
                }
            }
            Act::OthersPut(name) => {
                let content = self.next();
                let natural = format!("{name}");
                let over = self
                    .collection
                    .records
                    .get(&natural)
                    .map(|record| record.revision);
                if let Some(record) = self.collection.records.get(&natural) {
                    self.alive.remove(&record.content);
                }
                self.collection.put(&natural, content, over, false).unwrap();
                self.alive.insert(content);
            }
            Act::OthersDelete(which) => {
                let records = &self.collection.records;
                let Some(natural) = records.keys().nth(which % records.len().max(1)).cloned() else {
                    return;
                };
                let record = records[&natural].clone();
                self.alive.remove(&record.content);
                self.collection.delete(&natural, record.revision).unwrap();
            }
            Act::OthersKeepBoth(which) => {
                let records = &self.collection.records;
                let siblings: Vec<&String> = records.keys().filter(|natural| is_sibling(natural)).collect();
                if let Some(sibling) = siblings.get(which % siblings.len().max(1)) {
                    self.collection.keep_both(&(*sibling).clone());
                }
            }
            Act::TakeScan(agent) => self.agents[agent].take_scan(),
            Act::GiveScan(agent) => self.agents[agent].give_scan(),
            Act::TakeList(agent) => {
                let agent = &mut self.agents[agent];
                agent.list = Some((agent.state.now(), self.collection.list()));
            }
            Act::GiveList(agent) => self.agents[agent].give_list(),
            Act::Work(agent, which) => {
                if let Some(done) = self.work(agent, which) {
                    self.agents[agent].event(Event::Done(vec![done]));
                }
            }
            Act::Again(agent) => self.agents[agent].event(Event::Again),
            Act::Save(agent) => self.agents[agent].saved = self.agents[agent].state.memory.clone(),
            Act::Crash(agent, which) => {
                self.work(agent, which);
                self.agents[agent].begin();
            }
            Act::LoseMemory(agent) => {
                self.agents[agent].saved = Memory::default();
                self.agents[agent].begin();
            }
            Act::SwitchOff(agent) => {
                let agent = &mut self.agents[agent];
                (agent.scan, agent.list) = (None, None);
                agent.event(Event::Off);
                let left = std::mem::take(&mut agent.works);
                let left = left.into_iter().map(|(natural, _)| (natural, Outcome::Later));
                agent.event(Event::Done(left.collect()));
                agent.event(Event::On(Binding::default()));
            }
        }
    }

    /// Lets everything come to rest; what is still done where it doesn't.
    pub(super) fn settle(&mut self) -> Vec<(String, Work)> {
        let mut worked = Vec::new();
        for _ in 0..20 {
            worked.clear();
            for agent in 0..2 {
                let look = [
                    Act::TakeScan(agent),
                    Act::TakeList(agent),
                    Act::GiveScan(agent),
                    Act::GiveList(agent),
                ];
                look.iter().for_each(|act| self.act(act));
                self.act(&Act::Again(agent));
                while let Some(work) = self.agents[agent].works.first() {
                    worked.push(work.clone());
                    self.act(&Act::Work(agent, 0));
                }
            }
            if worked.is_empty() {
                break;
            }
        }
        worked
    }
}
