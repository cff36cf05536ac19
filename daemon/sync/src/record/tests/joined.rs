//! Removals that devices made without hearing of each other.

use super::*;

/// A note that two devices have and the cloud has lost; and a third one has removed there what it had put itself by that name.
fn with_a_removal_of_another() -> (Device, Device, Cloud) {
    let (mut cloud, mut one, mut two) = (Cloud::new(), Device::default(), Device::default());
    one.put("n", "x/y", "a");
    one.sync(&mut cloud);
    two.sync(&mut cloud);
    let (mut cloud, mut three) = (Cloud::new(), Device::default());
    three.put("n", "x/y", "b");
    three.remove("n");
    three.sync(&mut cloud);
    assert_eq!(cloud.len(), 1);
    (one, two, cloud)
}

/// These sync in turn for so many rounds, after which another one tells the cloud nothing.
fn rest<const N: usize>(mut devices: [&mut Device; N], rounds: usize, cloud: &mut Cloud) {
    for _ in 0..rounds {
        for device in &mut devices {
            device.sync(cloud);
        }
    }
    let rests = cloud.clone();
    for device in &mut devices {
        device.sync(cloud);
    }
    assert_eq!(*cloud, rests);
}

#[test]
fn what_its_owner_removed_stays_so_though_it_was_brought_again_over_a_removal_of_something_else() {
    let (mut one, mut two, mut cloud) = with_a_removal_of_another();
    one.remove("n");
    one.take_all(&cloud);
    // It never heard of the one removal and outlives the other.
    two.sync(&mut cloud);
    assert_eq!(two.main().as_deref(), Some("a"));
    rest([&mut one, &mut two], 2, &mut cloud);
    for device in [&one, &two] {
        assert_eq!(device.main(), None);
    }
}

#[test]
fn what_nobody_removed_outlives_a_removal_of_something_else() {
    let (mut one, mut two, mut cloud) = with_a_removal_of_another();
    for _ in 0..2 {
        one.sync(&mut cloud);
        two.sync(&mut cloud);
    }
    for device in [&one, &two] {
        assert_eq!(device.main().as_deref(), Some("a"));
    }
}

#[test]
fn where_each_of_two_devices_brought_again_what_the_other_ones_removal_had_removed_neither_is_back() {
    let (mut cloud, mut one, mut two) = (Cloud::new(), Device::default(), Device::default());
    one.put("n", "x/y", "a");
    one.sync(&mut cloud);
    two.sync(&mut cloud);
    let (mut cloud, mut three) = (Cloud::new(), Device::default());
    three.put("n", "x/y", "b");
    three.sync(&mut cloud);
    // It removes the one and gets the other, which was made without that one, and brings it again.
    one.remove("n");
    one.take_all(&cloud);
    assert_eq!(one.main().as_deref(), Some("b"));
    // The other is removed, too, and the second device brings the one again.
    three.remove("n");
    three.sync(&mut cloud);
    two.sync(&mut cloud);
    assert_eq!(two.main().as_deref(), Some("a"));
    rest([&mut one, &mut two, &mut three], 3, &mut cloud);
    for device in [&one, &two, &three] {
        assert!(device.shown().is_empty());
    }
}

#[test]
fn a_version_that_one_device_let_go_and_whose_owner_chose_against_it_on_another_stays_chosen() {
    let id = keys().record_id("n");
    let (mut cloud, mut one, mut two) = (Cloud::new(), Device::default(), Device::default());
    let sibling = version(new("n", "x/y", "a"), &id, 0);
    let beside_it = keys().record_id(&sibling.natural);
    let natural = sibling.natural.clone();
    one.records
        .insert(beside_it, beside(None, sibling, None).unwrap());
    one.sync(&mut cloud);
    two.sync(&mut cloud);
    // One device lets it go, and the cloud has that first; on the other its owner has chosen meanwhile.
    let gone = let_go(duplicate(&two.records[&beside_it]), 0);
    two.records.insert(beside_it, gone);
    one.remove(&natural);
    two.sync(&mut cloud);
    rest([&mut one, &mut two], 2, &mut cloud);
    for device in [&one, &two] {
        let held = &device.records[&beside_it];
        assert!(held.content.removed && !held.pending);
        assert!(!held.content.attributes.0.contains_key(CONFLICT_WITH));
    }
}
