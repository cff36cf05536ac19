//! Two folders mirrored into one collection, with another device's changes in it, by random histories: they converge, and
//! no content is lost that nobody replaced or removed. Where the owners said nothing before, they say in the end what they meant.

mod collection;
mod world;

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::model::is_sibling;
use crate::names::beside;
use world::World;

#[derive(Clone, Debug)]
pub(super) enum Act {
    Write(usize, u8),
    Remove(usize, usize),
    Rename(usize, usize, u8),
    OthersPut(u8),
    OthersDelete(usize),
    /// The owner keeps a sibling as a record of its own.
    OthersKeepBoth(usize),
    TakeScan(usize),
    GiveScan(usize),
    TakeList(usize),
    GiveList(usize),
    Work(usize, usize),
    Again(usize),
    Save(usize),
    /// Ends at once; the work is done, and its answer never heard.
    Crash(usize, usize),
    LoseMemory(usize),
    SwitchOff(usize),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let (agent, which, name) = (0..2_usize, 0..8_usize, 0..5_u8);
    let act = prop_oneof![
        4 => (agent.clone(), name.clone()).prop_map(|(agent, name)| Act::Write(agent, name)),
        2 => (agent.clone(), which.clone()).prop_map(|(agent, which)| Act::Remove(agent, which)),
        2 => (agent.clone(), which.clone(), name.clone()).prop_map(|(agent, which, name)| Act::Rename(agent, which, name)),
        2 => name.prop_map(Act::OthersPut),
        1 => which.clone().prop_map(Act::OthersDelete),
        1 => which.clone().prop_map(Act::OthersKeepBoth),
        5 => agent.clone().prop_map(Act::TakeScan),
        5 => agent.clone().prop_map(Act::GiveScan),
        5 => agent.clone().prop_map(Act::TakeList),
        5 => agent.clone().prop_map(Act::GiveList),
        12 => (agent.clone(), which.clone()).prop_map(|(agent, which)| Act::Work(agent, which)),
        2 => agent.clone().prop_map(Act::Again),
        2 => agent.clone().prop_map(Act::Save),
        1 => (agent.clone(), which).prop_map(|(agent, which)| Act::Crash(agent, which)),
        1 => agent.clone().prop_map(Act::LoseMemory),
        1 => agent.prop_map(Act::SwitchOff),
    ];
    prop::collection::vec(act, 1..120)
}

fn both(one: Gone, other: Gone) -> impl Strategy<Value = [Gone; 2]> {
    prop::array::uniform2(prop_oneof![Just(one), Just(other)])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn both_folders_and_the_collection_come_to_the_same_and_nothing_is_lost(
        acts in acts(),
        is_fixed in any::<[bool; 2]>(),
        first in both(Gone::Unsaid, Gone::Meant),
        then in both(Gone::Meant, Gone::ByMistake),
    ) {
        let mut world = World::new(is_fixed, first);
        acts.iter().for_each(|act| world.act(act));
        let restless = world.settle();
        prop_assert!(restless.is_empty(), "no rest: {:#?}", restless);
        // Until then what was gone all at once from one side may be left on the other.
        world.say(then);
        let restless = world.settle();
        prop_assert!(restless.is_empty(), "no rest then: {:#?}", restless);
        let records = &world.collection.records;
        let (siblings, plain): (Vec<_>, Vec<_>) = records.iter().partition(|(natural, _)| is_sibling(natural));
        let mut shown: BTreeMap<String, u64> =
            plain.into_iter().map(|(natural, record)| (natural.clone(), record.content)).collect();
        for (natural, record) in &siblings {
            shown.entry(beside(natural).unwrap()).or_insert(record.content);
        }
        for agent in &world.agents {
            let files: BTreeMap<String, u64> =
                agent.files.iter().map(|(place, (content, _))| (place.clone(), *content)).collect();
            prop_assert_eq!(&files, &shown);
        }
        let kept: BTreeSet<u64> = records.values().map(|record| record.content).collect();
        let lost: Vec<&u64> = world.alive.difference(&kept).collect();
        prop_assert!(lost.is_empty(), "lost {:?} of {:?}", lost, records);
        // Another version comes of two changes of one thing, and of nothing else.
        let changes = acts.iter().filter(|act| matches!(act, Act::Write(..) | Act::OthersPut(_)));
        prop_assert!(siblings.len() < changes.count().max(1));
    }
}
