//! Groups of a vCard: lines that are one thing, as a number and what it is called (RFC 6350 §3.3).

use std::collections::{BTreeMap, BTreeSet};

use super::component::Property;
use super::properties::annotates;

/// What each group says, by its name in lower case.
pub type Groups = BTreeMap<String, Group>;

/// What a group says.
#[derive(Debug, Default)]
pub struct Group {
    lines: BTreeSet<String>,
    /// A line of it says something of the others.
    is_annotated: bool,
}

/// The groups of these lines.
pub fn groups<'a>(lines: impl Iterator<Item = &'a Property>) -> Groups {
    let mut groups = Groups::new();
    for line in lines {
        if let (Some(name), Some(group)) = (line.name(), line.group()) {
            let group = groups.entry(group).or_default();
            group.lines.insert(line.meaning());
            group.is_annotated |= annotates(&name);
        }
    }
    groups
}

/// Whether what both made of a group doesn't go together: its lines would be taken for one another's, or what is said of one of
/// them lost or left without it.
pub fn clash(before: &Groups, ours: &Groups, others: &Groups) -> bool {
    let none = Group::default();
    let names: BTreeSet<&String> = ours.keys().chain(others.keys()).collect();
    names.into_iter().any(|name| {
        let [was, mine, theirs] = [before, ours, others].map(|groups| groups.get(name).unwrap_or(&none));
        wrote_both(was, mine, theirs)
            || [was, mine, theirs]
                .iter()
                .any(|group| group.is_annotated && group.lines.len() > 1)
                && (is_parted(was, mine, theirs) || is_parted(was, theirs, mine))
    })
}

/// Whether both wrote something into it, and not the same.
fn wrote_both(was: &Group, mine: &Group, theirs: &Group) -> bool {
    let [mine, theirs] = [mine, theirs].map(|group| &group.lines - &was.lines);
    !mine.is_empty() && !theirs.is_empty() && mine != theirs
}

/// Whether one wrote something beside what the other took out.
fn is_parted(was: &Group, one: &Group, other: &Group) -> bool {
    let kept = &one.lines & &was.lines;
    let wrote = one
        .lines
        .iter()
        .any(|line| !was.lines.contains(line) && !other.lines.contains(line));
    wrote && kept.iter().any(|line| !other.lines.contains(line))
}
