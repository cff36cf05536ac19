//! What the owner does with versions beside records in the second family of histories, and the book of it.

use std::collections::BTreeSet;

use super::super::super::model::{Choice, Put, Shown};
use super::Chance;
use super::book::{Edit, root, tokens};
use super::owner::Draft;
use super::world::World;
use crate::store::sync::Listed;

/// So many of a hundred steps have to do with versions.
const OF_VERSIONS: usize = 25;
/// Nobody puts more beside what a device shows.
const MOST_BESIDE: usize = 4;

impl World<'_> {
    /// A step of this number, where its owner has to do with versions too; else it is the one that the number means by itself.
    pub fn step_with_versions(&mut self, number: u64) {
        let mut chance = Chance(!number);
        if !chance.percent(OF_VERSIONS) {
            return self.step(&mut Chance(number));
        }
        let who = chance.below(self.devices.len());
        match chance.below(100) {
            0..=39 => self.edits_a_version(who, &mut chance),
            40..=59 => self.puts_beside(who, &mut chance),
            60..=71 => self.puts_beside_again(who, &mut chance),
            _ => self.chooses_any(who, &mut chance),
        }
    }

    /// What the device shows of versions, with what they say.
    fn versions(&mut self, who: usize) -> Vec<(Listed, String)> {
        let mut all = self.devices[who].has();
        all.retain(|(listed, _)| listed.held.is_sibling());
        all
    }

    /// A version says something else from now on, where it lies.
    fn edits_a_version(&mut self, who: usize, chance: &mut Chance) {
        let mut all = self.versions(who);
        if all.is_empty() {
            return;
        }
        let (listed, saw) = all.swap_remove(chance.below(all.len()));
        let natural = &listed.held.content.natural;
        let token = self.token();
        let draft = Draft {
            natural: root(natural),
            revision: listed.held.revision,
            saw,
        };
        let content = self.content(&draft, &token, chance);
        let put = Put {
            id: Some(listed.id),
            natural: None,
            ..self.put(&draft, &content)
        };
        let edit = Edit {
            what: format!("{token} put by device {who} in the version {natural:?}"),
            of: draft.natural,
            wrote: Some(token),
            dropped: &tokens(&draft.saw) - &tokens(&content),
            kept: BTreeSet::new(),
            instead: false,
            answered: true,
        };
        self.stores(who, put, edit, chance);
    }

    /// Somebody puts a content who hasn't seen what there is.
    fn puts_beside(&mut self, who: usize, chance: &mut Chance) {
        let natural = format!("n{}", chance.below(self.natures));
        let token = self.token();
        let unseen = Draft {
            natural: natural.clone(),
            revision: 0,
            saw: String::new(),
        };
        let content = self.content(&unseen, &token, chance);
        if self.keeps_both(who, (natural.clone(), content.clone()), token, chance) {
            self.beside.push((natural, content));
        }
    }

    /// The same once more, on any device.
    fn puts_beside_again(&mut self, who: usize, chance: &mut Chance) {
        if self.beside.is_empty() {
            return;
        }
        let again = self.beside[chance.below(self.beside.len())].clone();
        // It bears one.
        let token = tokens(&again.1).pop_first().unwrap();
        self.keeps_both(who, again, token, chance);
    }

    /// Puts it beside what the device shows of the record, or as the record where there is none; whether that was done.
    fn keeps_both(
        &mut self,
        who: usize,
        (natural, content): (String, String),
        token: String,
        chance: &mut Chance,
    ) -> bool {
        if self.versions(who).len() >= MOST_BESIDE {
            return false;
        }
        let mut draft = self.draft(who, natural);
        // Any revision but the present one, which would be replaced.
        if draft.revision > 0 {
            draft.revision += 1;
        }
        let put = Put {
            keep_both: true,
            ..self.put(&draft, &content)
        };
        let edit = Edit {
            what: format!("{token} put by device {who} beside {}", draft.natural),
            of: draft.natural,
            wrote: Some(token),
            dropped: BTreeSet::new(),
            kept: BTreeSet::new(),
            instead: false,
            answered: true,
        };
        self.stores(who, put, edit, chance);
        true
    }

    fn stores(&mut self, who: usize, put: Put, edit: Edit, chance: &mut Chance) {
        let desk = self.devices[who].desk.clone();
        let answer = self.devices[who].does(desk.put_many(self.collection, vec![put]));
        self.notes(who, edit, answer.map(drop), chance);
    }

    /// The owner, who has both before him, ends a conflict in any way.
    fn chooses_any(&mut self, who: usize, chance: &mut Chance) {
        let mut all = self.versions(who);
        if all.is_empty() {
            return;
        }
        let (listed, text) = all.swap_remove(chance.below(all.len()));
        let natural = &listed.held.content.natural;
        let original = natural.rsplit_once('\0').unwrap().0.to_owned();
        let other = self.draft(who, original);
        let choice = [Choice::Mine, Choice::Theirs, Choice::Both][chance.below(3)];
        let shown = Shown {
            revision: Some(listed.held.revision),
            other: Some(other.revision),
        };
        let desk = self.devices[who].desk.clone();
        let resolved = desk.resolve(self.collection, listed.id, choice, shown);
        let answer = self.devices[who].does(resolved).map(drop);
        let (version, record) = (tokens(&text), tokens(&other.saw));
        let (dropped, kept) = match choice {
            Choice::Mine => (&record - &version, version),
            Choice::Theirs => (version, BTreeSet::new()),
            Choice::Both => (BTreeSet::new(), version),
        };
        let edit = Edit {
            what: format!("{natural:?} chosen by device {who}: {choice:?}"),
            of: root(natural),
            wrote: None,
            dropped,
            kept,
            instead: choice == Choice::Mine,
            answered: true,
        };
        self.notes(who, edit, answer, chance);
    }
}
