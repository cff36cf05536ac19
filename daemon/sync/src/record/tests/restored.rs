//! A cloud that was restored from a backup gets again what it lost, and nothing that was replaced or removed is back.

use super::*;

const KIND: &str = "x/y";

/// Devices that know one state of a note more each, the last one all of them; and the cloud with the first.
fn behind(texts: &[&str]) -> (Vec<Device>, Cloud) {
    let (mut cloud, mut devices) = (Cloud::new(), Vec::new());
    let mut first = None;
    for text in texts {
        let mut device = Device::default();
        device.sync(&mut cloud);
        device.put("n", KIND, text);
        device.sync(&mut cloud);
        first.get_or_insert_with(|| cloud.clone());
        devices.push(device);
    }
    (devices, first.unwrap_or_default())
}

/// All sync again and again, in this order; what they show then.
fn rest(devices: &mut [Device], order: &[usize], cloud: &mut Cloud) -> BTreeSet<String> {
    devices.iter_mut().for_each(|device| device.bring(cloud));
    for _ in 0..4 {
        for index in order {
            devices[*index].sync(cloud);
        }
    }
    let rests = cloud.clone();
    devices.iter_mut().for_each(|device| device.sync(cloud));
    assert_eq!(&rests, cloud, "they go on and on");
    for device in &*devices {
        assert_eq!(device.shown(), devices[0].shown());
    }
    devices[0].shown()
}

fn all(texts: &[&str]) -> BTreeSet<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// Each order of three.
const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

/// What those that know these texts show, whoever of them comes first once something has happened.
fn in_each_order(texts: &[&str], happens: impl Fn(&mut [Device], &mut Cloud), shown: &[&str]) {
    for order in ORDERS {
        let (mut devices, mut cloud) = behind(texts);
        happens(&mut devices, &mut cloud);
        let rest = rest(&mut devices, &order, &mut cloud);
        assert_eq!(rest, all(shown), "{order:?}");
    }
}

const THREE: [&str; 3] = ["first", "second", "third"];

#[test]
fn what_was_replaced_since_is_replaced_again_whoever_comes_first() {
    in_each_order(&THREE, |_, _| {}, &["third"]);
    in_each_order(&THREE, |_, cloud| cloud.clear(), &["third"]);
}

#[test]
fn what_was_removed_since_stays_removed_whoever_comes_first() {
    in_each_order(&THREE, |devices, _| devices[2].remove("n"), &[]);
    let clears = |devices: &mut [Device], cloud: &mut Cloud| {
        devices[2].remove("n");
        cloud.clear();
    };
    in_each_order(&THREE, clears, &[]);
}

/// The first one, which knows the oldest alone, changes it and syncs.
fn changes_the_oldest(devices: &mut [Device], cloud: &mut Cloud) {
    devices[0].put("n", KIND, "other");
    devices[0].sync(cloud);
}

#[test]
fn a_change_of_the_old_one_costs_the_newest_nothing_and_brings_none_of_those_between_back() {
    in_each_order(&THREE, changes_the_oldest, &["other", "third"]);
}

#[test]
fn a_removal_of_the_old_one_is_outlived_by_the_newest_alone() {
    let removes = |devices: &mut [Device], cloud: &mut Cloud| {
        devices[0].remove("n");
        devices[0].sync(cloud);
    };
    in_each_order(&THREE, removes, &["third"]);
}

#[test]
fn a_change_of_the_old_one_outlives_a_removal_since_and_brings_none_of_those_between_back() {
    let removes = |devices: &mut [Device], cloud: &mut Cloud| {
        devices[2].remove("n");
        changes_the_oldest(devices, cloud);
    };
    in_each_order(&THREE, removes, &["other"]);
}

#[test]
fn a_text_that_was_replaced_and_written_again_is_kept_beside_another() {
    let writes = |devices: &mut [Device], cloud: &mut Cloud| {
        devices[2].put("n", KIND, "again");
        changes_the_oldest(devices, cloud);
    };
    in_each_order(&["first", "again", "third"], writes, &["other", "again"]);
}

#[test]
fn a_version_that_the_owner_chose_against_isnt_beside_again_through_who_hadnt_heard() {
    for order in ORDERS {
        let (mut devices, mut cloud) = behind(&["first", "second"]);
        // Another one that has the second.
        let mut away = Device::default();
        let mut newest = Cloud::new();
        devices[1].bring(&newest);
        devices[1].sync(&mut newest);
        away.sync(&mut newest);
        devices[0].put("n", KIND, "other");
        for _ in 0..2 {
            devices[0].sync(&mut cloud);
            devices[1].sync(&mut cloud);
        }
        assert_eq!(devices[0].shown(), all(&["other", "second"]));
        let sibling = devices[0].records.values().find(|held| held.is_sibling());
        let natural = sibling.unwrap().content.natural.clone();
        devices[0].remove(&natural);
        devices[0].sync(&mut cloud);
        devices.push(away);
        assert_eq!(
            rest(&mut devices, &order, &mut cloud),
            all(&["other"]),
            "{order:?}"
        );
    }
}

#[test]
fn what_is_sealed_anew_says_what_it_is() {
    let (mut devices, mut cloud) = behind(&["first", "second", "third"]);
    // Its keys were made since: the same has other bytes.
    let id = keys().record_id("n");
    let held = &devices[1].records[&id];
    let again = renewed(copy(&held.content), &held.known.unwrap());
    cloud.insert(id, (Revision::of(&again.encode()), again.encode()));
    assert_eq!(rest(&mut devices, &[0, 1, 2], &mut cloud), all(&["third"]));
}
