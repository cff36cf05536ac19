//! What the owner does on a device, and the book of it.

use std::collections::BTreeSet;

use belay_proto::Secret;
use belay_proto::sync::Attributes;
use belay_sync::record::CONFLICT_WITH;

use super::super::super::SyncError;
use super::super::super::model::{Choice, Put, Shown};
use super::Chance;
use super::book::{Edit, root, tokens};
use super::world::World;

/// Where a card has something to say.
const PROPERTIES: [&str; 3] = ["ORG", "TITLE", "NOTE"];

/// An edit that is about to be made.
pub struct Draft {
    pub natural: String,
    pub revision: u64,
    pub saw: String,
}

impl World<'_> {
    /// What the device shows of something.
    pub fn draft(&mut self, who: usize, natural: String) -> Draft {
        let all = self.devices[who].has();
        let found = all
            .into_iter()
            .find(|(listed, _)| listed.held.content.natural == natural);
        let (revision, saw) = found.map_or((0, String::new()), |(listed, text)| (listed.held.revision, text));
        Draft {
            natural,
            revision,
            saw,
        }
    }

    /// What the next edit bears.
    pub fn token(&self) -> String {
        format!("tok-{}", self.book.0.len())
    }

    /// What an edit makes of what it saw.
    pub fn content(&self, draft: &Draft, token: &str, chance: &mut Chance) -> String {
        match self.collection {
            "contacts" => card(draft, PROPERTIES[chance.below(PROPERTIES.len())], token),
            _ => format!("{token} is what it says\n"),
        }
    }

    /// A content to put where the draft was made of.
    pub fn put(&self, draft: &Draft, content: &str) -> Put {
        Put {
            id: None,
            revision: draft.revision,
            natural: Some(draft.natural.clone()),
            kind: match self.collection {
                "contacts" => "text/vcard",
                _ => "application/x-note",
            }
            .to_owned(),
            attributes: Attributes::default(),
            keep_both: false,
            body: Secret::new(content.as_bytes().to_vec()),
        }
    }

    pub fn edits(&mut self, who: usize, chance: &mut Chance) {
        let token = self.token();
        let draft = self.draft(who, format!("n{}", chance.below(self.natures)));
        let content = self.content(&draft, &token, chance);
        let put = self.put(&draft, &content);
        let desk = self.devices[who].desk.clone();
        let answer = self.devices[who].does(desk.put_many(self.collection, vec![put]));
        let edit = Edit {
            what: format!("{token} put by device {who} in {}", draft.natural),
            of: root(&draft.natural),
            wrote: Some(token),
            dropped: &tokens(&draft.saw) - &tokens(&content),
            kept: BTreeSet::new(),
            instead: false,
            answered: true,
        };
        self.notes(who, edit, answer.map(drop), chance);
    }

    pub fn deletes(&mut self, who: usize, chance: &mut Chance) {
        let draft = self.draft(who, format!("n{}", chance.below(self.natures)));
        if draft.revision == 0 {
            return;
        }
        let id = self.devices[who].keys().record_id(&draft.natural);
        let desk = self.devices[who].desk.clone();
        let answer = self.devices[who].does(desk.delete(self.collection, id, draft.revision));
        let edit = Edit {
            what: format!("{} deleted by device {who}", draft.natural),
            of: root(&draft.natural),
            wrote: None,
            dropped: tokens(&draft.saw),
            kept: BTreeSet::new(),
            instead: false,
            answered: true,
        };
        self.notes(who, edit, answer, chance);
    }

    /// The owner ends a conflict: the other version goes, or is a record of its own.
    pub fn chooses(&mut self, who: usize, chance: &mut Chance) {
        let mut all = self.devices[who].has();
        all.retain(|(listed, _)| listed.held.content.attributes.0.contains_key(CONFLICT_WITH));
        if all.is_empty() {
            return;
        }
        let (listed, text) = all.swap_remove(chance.below(all.len()));
        let goes = chance.percent(50);
        let choice = if goes { Choice::Theirs } else { Choice::Both };
        let desk = self.devices[who].desk.clone();
        let resolved = desk.resolve(self.collection, listed.id, choice, Shown::default());
        let answer = self.devices[who].does(resolved).map(drop);
        let edit = Edit {
            what: format!(
                "{:?} chosen by device {who}: {choice:?}",
                listed.held.content.natural
            ),
            of: root(&listed.held.content.natural),
            wrote: None,
            dropped: if goes { tokens(&text) } else { BTreeSet::new() },
            kept: if goes { BTreeSet::new() } else { tokens(&text) },
            instead: false,
            answered: true,
        };
        self.notes(who, edit, answer, chance);
    }

    pub fn notes(&mut self, who: usize, mut edit: Edit, answer: Result<(), SyncError>, chance: &mut Chance) {
        answer.unwrap();
        if chance.percent(5) {
            // It dies before it answers.
            edit.answered = false;
            self.devices[who].dies(true);
        }
        self.tells(|| format!("{} (answered: {})", edit.what, edit.answered));
        self.book.0.push(edit);
    }
}

/// The card with another text in one property.
fn card(draft: &Draft, property: &str, token: &str) -> String {
    let kept = draft.saw.lines().map(str::trim_end).filter(|line| {
        PROPERTIES
            .iter()
            .any(|p| *p != property && line.starts_with(&format!("{p}:")))
    });
    let mut lines = vec!["BEGIN:VCARD", "VERSION:4.0"];
    let (natural, said) = (format!("UID:{}", draft.natural), format!("{property}:{token}"));
    lines.extend([natural.as_str(), "FN:Somebody"]);
    lines.extend(kept);
    lines.extend([said.as_str(), "END:VCARD", ""]);
    lines.join("\r\n")
}
