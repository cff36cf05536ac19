//! Devices and a cloud in memory: whatever happens in whatever order, they end alike and nothing is lost.

use std::collections::{BTreeMap, BTreeSet};

use belay_proto::AccountId;
use belay_proto::signed::EpochKeys;
use belay_proto::sync::{CollectionKeys, RecordId};
use proptest::prelude::*;

use super::*;

mod cards;
mod joined;
mod restored;
mod unanswered;

fn keys() -> CollectionKeys {
    let keys = EpochKeys::new(vec![(1, Secret::new([1; 32]))]).unwrap();
    CollectionKeys::new(
        AccountId::from_bytes([2; 16]),
        "notes".to_owned(),
        keys,
        Secret::new([3; 32]),
    )
}

fn new(natural: &str, kind: &str, text: &str) -> New {
    New {
        natural: natural.to_owned(),
        kind: kind.to_owned(),
        attributes: Attributes::default(),
        body: Body::Short(Secret::new(text.as_bytes().to_vec())),
    }
}

fn stored(edited: Edited) -> Held {
    match edited {
        Edited::Stored(held) => *held,
        other => panic!("{other:?}"),
    }
}

fn copy(content: &Content) -> Content {
    Content::decode(&content.encode()).unwrap()
}

fn duplicate(held: &Held) -> Held {
    let copied = |common: &Common| Common {
        revision: common.revision,
        content: copy(&common.content),
    };
    Held {
        content: copy(&held.content),
        common: held.common.as_ref().map(copied),
        offered: held.offered.as_ref().map(copied),
        ..*held
    }
}

fn text(content: &Content) -> String {
    String::from_utf8(bytes(content).unwrap().expose().clone()).unwrap()
}

/// Records by id, each as the cloud has it.
type Cloud = BTreeMap<RecordId, (Revision, Vec<u8>)>;

#[derive(Default)]
struct Device {
    records: BTreeMap<RecordId, Held>,
}

impl Device {
    fn put(&mut self, natural: &str, kind: &str, body: &str) {
        let id = keys().record_id(natural);
        let before = self.records.remove(&id);
        let revision = before
            .as_ref()
            .filter(|held| held.is_there())
            .map_or(0, |held| held.revision);
        let kept = before.as_ref().map(duplicate);
        match put(before, revision, new(natural, kind, body), 0) {
            Edited::Stored(held) => drop(self.records.insert(id, *held)),
            Edited::Same(_) => drop(kept.map(|kept| self.records.insert(id, kept))),
            Edited::Stale(_) | Edited::Said => panic!("stale"),
        }
    }

    fn remove(&mut self, natural: &str) {
        let id = keys().record_id(natural);
        if let Some(held) = self.records.remove(&id) {
            let revision = held.revision;
            let held = match held.is_there() {
                true => stored(remove(Some(held), revision, 0)),
                false => held,
            };
            self.records.insert(id, held);
        }
    }

    fn take(&mut self, id: RecordId, revision: Revision, theirs: Content) {
        let before = self.records.get(&id).map(duplicate);
        let is_beside = before.as_ref().is_some_and(|held| self.is_beside(held, &id));
        let Some(taken) = take(before, &id, theirs, revision, is_beside, 0) else {
            return;
        };
        let held = match taken.held.is_sibling() && self.has_replaced(&taken.held.content) {
            true => {
                let revision = taken.held.revision;
                stored(remove(Some(taken.held), revision, 0))
            }
            false => taken.held,
        };
        self.records.insert(id, held);
        if let Some(sibling) = taken.sibling {
            let id = keys().record_id(&sibling.natural);
            let before = self.records.get(&id).map(duplicate);
            let sealed = Revision::of(&sibling.encode());
            if let Some(held) = beside(before, sibling, Some(sealed)) {
                self.records.insert(id, held);
            }
        }
    }

    fn is_beside(&self, held: &Held, id: &RecordId) -> bool {
        version_of(held, id).is_some_and(|version| {
            let beside = self.records.get(&keys().record_id(&version.natural));
            let sealed = Revision::of(&version.encode());
            beside.is_some_and(|beside| lies_beside(&version, Some(&sealed), beside))
        })
    }

    fn has_replaced(&self, sibling: &Content) -> bool {
        let with = sibling.attributes.0[CONFLICT_WITH].parse().unwrap();
        self.records
            .get(&with)
            .is_some_and(|held| is_replaced(sibling, held))
    }

    fn take_all(&mut self, cloud: &Cloud) {
        for (id, (revision, sealed)) in cloud {
            self.take(*id, *revision, Content::decode(sealed).unwrap());
        }
    }

    /// A cloud that forgot is told again; finding out what it lacks is the engine's.
    fn bring(&mut self, cloud: &Cloud) {
        for (id, held) in &mut self.records {
            if !cloud.contains_key(id) {
                *held = absent(duplicate(held));
            }
        }
    }

    /// Fetches all and pushes what is pending; a conflict is taken and left for the next time.
    fn sync(&mut self, cloud: &mut Cloud) {
        self.take_all(cloud);
        let pending: Vec<RecordId> = self
            .records
            .iter()
            .filter(|(_, held)| held.pending)
            .map(|(id, _)| *id)
            .collect();
        for id in pending {
            let mut held = duplicate(&self.records[&id]);
            let bytes = held.content.encode();
            let revision = Revision::of(&bytes);
            assert!(
                held.known.is_none_or(|known| known == revision),
                "another content"
            );
            held.known = Some(revision);
            let there = cloud.get(&id).map(|(revision, _)| *revision);
            let held = if there == held.base.map(|base| base.revision) {
                cloud.insert(id, (revision, bytes));
                let number = held.content.number;
                pushed(held, number, revision)
            } else if there.is_none() {
                absent(held)
            } else {
                held
            };
            self.records.insert(id, held);
        }
    }

    fn shown(&self) -> BTreeSet<String> {
        let there = self.records.values().filter(|held| held.is_there());
        there.map(|held| text(&held.content)).collect()
    }

    fn main(&self) -> Option<String> {
        let held = self.records.get(&keys().record_id("n"))?;
        held.is_there().then(|| text(&held.content))
    }
}

#[test]
fn an_edit_names_the_revision_it_replaces() {
    let held = stored(put(None, 0, new("n", "text/plain", "a"), 0));
    assert!(matches!(
        put(None, 1, new("n", "x/y", "a"), 0),
        Edited::Stale(None)
    ));
    assert!(matches!(
        put(Some(duplicate(&held)), 0, new("n", "x/y", "b"), 0),
        Edited::Stale(Some(1))
    ));
    assert!(matches!(
        put(Some(duplicate(&held)), 1, new("n", "text/plain", "a"), 0),
        Edited::Same(1)
    ));
    assert!(matches!(
        remove(Some(duplicate(&held)), 2, 0),
        Edited::Stale(Some(1))
    ));
    let gone = stored(remove(Some(held), 1, 0));
    assert!(!gone.is_there() && gone.content.number == 2);
    assert!(matches!(
        remove(Some(duplicate(&gone)), 2, 0),
        Edited::Stale(None)
    ));
    let back = stored(put(Some(gone), 0, new("n", "text/plain", "a"), 0));
    assert_eq!((back.content.number, back.revision), (3, 3));
}

#[test]
fn a_change_made_while_another_is_pushed_stays_pending() {
    let held = stored(put(None, 0, new("n", "x/y", "a"), 0));
    let revision = Revision::from_bytes([1; 16]);
    let later = stored(put(Some(held), 1, new("n", "x/y", "b"), 0));
    let held = pushed(later, 1, revision);
    assert!(held.pending);
    // Who has what was pushed may take the change in its place.
    assert!(held.content.ancestors.has(&revision));
    assert_eq!(held.base, Some(Base { revision, number: 1 }));
    let (number, later) = (held.content.number, Revision::from_bytes([2; 16]));
    let sent = Held {
        known: Some(later),
        ..held
    };
    assert!(!pushed(sent, number, later).pending);
}

#[test]
fn what_only_has_the_number_of_what_was_pushed_stays_pending() {
    // A record was pushed, couldn't be read any more, and was put again.
    let again = stored(put(None, 0, new("n", "x/y", "another"), 0));
    let (number, revision) = (again.content.number, Revision::from_bytes([1; 16]));
    let held = pushed(again, number, revision);
    assert!(held.pending && held.known.is_none());
    assert!(held.content.ancestors.has(&revision) && held.content.number > number);
    assert_eq!(held.base, Some(Base { revision, number }));
}

#[test]
fn two_notes_of_which_different_lines_were_changed_become_one() {
    let (mut cloud, mut one, mut two) = (Cloud::new(), Device::default(), Device::default());
    one.put("n", "text/plain", "a\nb\nc\n");
    one.sync(&mut cloud);
    two.sync(&mut cloud);
    one.put("n", "text/plain", "A\nb\nc\n");
    two.put("n", "text/plain", "a\nb\nC\n");
    for _ in 0..2 {
        one.sync(&mut cloud);
        two.sync(&mut cloud);
    }
    assert_eq!(one.shown(), BTreeSet::from(["A\nb\nC\n".to_owned()]));
    assert_eq!(two.shown(), one.shown());
}

#[test]
fn what_doesnt_go_together_is_kept_beside_and_names_what_it_is_a_version_of() {
    let (mut cloud, mut one, mut two) = (Cloud::new(), Device::default(), Device::default());
    one.put("n", "x/y", "mine");
    two.put("n", "x/y", "theirs");
    for _ in 0..2 {
        one.sync(&mut cloud);
        two.sync(&mut cloud);
    }
    assert_eq!(
        one.shown(),
        BTreeSet::from(["mine".to_owned(), "theirs".to_owned()])
    );
    assert_eq!(one.shown(), two.shown());
    let siblings: Vec<_> = one.records.values().filter(|held| held.is_sibling()).collect();
    let named = siblings[0].content.attributes.0[CONFLICT_WITH].clone();
    assert_eq!((siblings.len(), named), (1, keys().record_id("n").to_string()));
}

#[test]
fn a_change_that_outlives_a_removal_takes_the_place_of_what_was_removed_everywhere() {
    let mut cloud = Cloud::new();
    let (mut one, mut two, mut three) = (Device::default(), Device::default(), Device::default());
    one.put("n", "x/y", "removed");
    one.sync(&mut cloud);
    three.sync(&mut cloud);
    two.put("n", "x/y", "new");
    one.remove("n");
    one.sync(&mut cloud);
    two.sync(&mut cloud);
    three.sync(&mut cloud);
    assert_eq!(three.shown(), BTreeSet::from(["new".to_owned()]));
    // And so does the removal of that change, for who has heard of neither.
    let mut one = Device::default();
    one.put("m", "x/y", "removed");
    one.sync(&mut cloud);
    let mut three = Device::default();
    three.sync(&mut cloud);
    two.put("m", "x/y", "new");
    one.remove("m");
    one.sync(&mut cloud);
    two.sync(&mut cloud);
    two.remove("m");
    two.sync(&mut cloud);
    three.sync(&mut cloud);
    assert_eq!(three.shown(), BTreeSet::from(["new".to_owned()]));
}

#[derive(Debug, Clone)]
enum Step {
    Put(usize),
    Remove(usize),
    Sync(usize),
    Keep,
    RollBack,
    Forget,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..3_usize).prop_map(Step::Put),
        1 => (0..3_usize).prop_map(Step::Remove),
        5 => (0..3_usize).prop_map(Step::Sync),
        1 => Just(Step::Keep),
        1 => Just(Step::RollBack),
        1 => Just(Step::Forget),
    ];
    let steps = prop::collection::vec(step, 0..40);
    (steps, any::<bool>()).prop_map(|(mut steps, is_lost_once)| {
        let mut lost = 0;
        steps.retain(|step| {
            lost += usize::from(is_loss(step));
            !is_lost_once || !is_loss(step) || lost == 1
        });
        steps
    })
}

/// Whether the cloud loses what it had been told.
const fn is_loss(step: &Step) -> bool {
    matches!(step, Step::RollBack | Step::Forget)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.max(1) * 2))]

    /// Three devices edit one record that can't be merged, while the cloud is also played back and emptied. In the end they
    /// show the same: each text that nobody who saw it replaced or removed, and no other. Where the cloud loses things more
    /// than once, two versions may each be said again with the other as an ancestor: then both stay, and the owner is asked
    /// about one that had been replaced.
    #[test]
    fn devices_end_alike_and_no_edit_is_lost_or_back(steps in steps()) {
        let mut devices = [Device::default(), Device::default(), Device::default()];
        let (mut cloud, mut older) = (Cloud::new(), Cloud::new());
        let mut alive: BTreeSet<String> = BTreeSet::new();
        for (index, step) in steps.iter().enumerate() {
            match step {
                Step::Put(device) => {
                    if let Some(seen) = devices[*device].main() {
                        alive.remove(&seen);
                    }
                    let body = format!("text {index}");
                    devices[*device].put("n", "x/y", &body);
                    alive.insert(body);
                }
                Step::Remove(device) => {
                    if let Some(seen) = devices[*device].main() {
                        alive.remove(&seen);
                    }
                    devices[*device].remove("n");
                }
                Step::Sync(device) => devices[*device].sync(&mut cloud),
                Step::Keep => older = cloud.clone(),
                Step::RollBack => cloud = older.clone(),
                Step::Forget => cloud.clear(),
            }
        }
        devices.iter_mut().for_each(|device| device.bring(&cloud));
        for _ in 0..8 {
            devices.iter_mut().for_each(|device| device.sync(&mut cloud));
        }
        for device in &devices {
            prop_assert_eq!(device.shown(), devices[0].shown());
            prop_assert!(alive.is_subset(&device.shown()), "{:?} of {:?}", device.shown(), alive);
            if steps.iter().filter(|step| is_loss(step)).count() < 2 {
                prop_assert_eq!(&alive, &device.shown());
            }
        }
    }
}
