//! Versions that lie beside one that was changed where they would lie.

use std::sync::Arc;

use super::super::{Choice, Shown};
use super::rig::{CONTACTS, Cloud, Kept, all, phone};
use super::twice::{changes_what_lies_beside, puts_beside};

#[tokio::test]
async fn a_version_of_a_version_that_is_chosen_waits_beside_the_record_in_its_place() {
    for is_removed in [false, true] {
        let one = phone(&Arc::new(Cloud::default())).await;
        one.puts("n", "zero").await;
        puts_beside(&one, "n", "mine").await;
        let natural = changes_what_lies_beside(&one, "mine, longer").await;
        puts_beside(&one, "n", "mine").await;
        let (record, version) = (one.entry("n").await.unwrap(), one.entry(&natural).await.unwrap());
        let entries = one.handle.list(CONTACTS, 0, 9).await.unwrap();
        let of_it = entries
            .iter()
            .find(|entry| entry.conflict_with == Some(version.id));
        let of_it = of_it.unwrap().id;
        if is_removed {
            one.removes(&natural).await;
        }
        let chosen = one
            .handle
            .resolve(CONTACTS, of_it, Choice::Mine, Shown::default());
        chosen.await.unwrap();
        assert_eq!(one.has().await, all(&[("n", "zero"), (natural.as_str(), "mine")]));
        let chosen = one.entry(&natural).await.unwrap();
        assert_eq!(chosen.conflict_with, Some(record.id));
        let chosen = one
            .handle
            .resolve(CONTACTS, chosen.id, Choice::Mine, Shown::default());
        chosen.await.unwrap();
        assert_eq!(one.has().await, all(&[("n", "mine")]));
    }
}

#[tokio::test]
async fn what_lies_beside_a_version_that_was_in_its_way_isnt_there_twice_where_the_record_is_removed() {
    let cloud = Arc::new(Cloud::default());
    let (one, two) = (phone(&cloud).await, phone(&cloud).await);
    one.puts("n", "zero").await;
    puts_beside(&one, "n", "mine").await;
    changes_what_lies_beside(&one, "mine, longer").await;
    one.puts("n", "mine").await;
    one.syncs().await;
    two.syncs().await;
    cloud.goes_on_with(&Kept::default());
    let three = phone(&cloud).await;
    three.puts("n", "theirs").await;
    three.syncs().await;
    one.syncs().await;
    assert_eq!(one.has().await.len(), 3);
    one.removes("n").await;
    one.syncs().await;
    for phone in [&two, &one, &two] {
        phone.syncs().await;
        let has = phone.has().await;
        assert!(!has.contains_key("n"), "{has:?}");
        let mut texts: Vec<_> = has.values().collect();
        texts.sort();
        assert_eq!(texts, ["mine", "mine, longer"]);
        assert_eq!(phone.handle.view().collections[CONTACTS].pending, 0);
    }
}

#[tokio::test]
async fn what_waits_beside_a_version_that_went_isnt_put_beside_the_record_as_well() {
    let one = phone(&Arc::new(Cloud::default())).await;
    one.puts("n", "zero").await;
    puts_beside(&one, "n", "mine").await;
    let natural = changes_what_lies_beside(&one, "mine, longer").await;
    puts_beside(&one, "n", "mine").await;
    one.removes(&natural).await;
    for _ in 0..2 {
        puts_beside(&one, "n", "mine").await;
        let has = one.has().await;
        let mut texts: Vec<_> = has.values().collect();
        texts.sort();
        assert_eq!(texts, ["mine", "zero"]);
    }
}
