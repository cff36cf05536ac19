//! What lies beside its record as another version isn't there as the record as well.

use std::sync::Arc;

use super::super::ports::SyncFailure;
use super::super::{Choice, Shown, SyncError};
use super::guard::two_with;
use super::rig::{CONTACTS, Cloud, Kept, Phone, all, phone, put};

/// Two phones that have the same contact, and the cloud went on without it; a third one, that never heard of it, made
/// another of its name. The first has put its own beside that.
async fn two_and_a_version_beside(cloud: &Arc<Cloud>) -> (Phone, Phone) {
    let (one, two) = (phone(cloud).await, phone(cloud).await);
    one.puts("n", "mine").await;
    one.syncs().await;
    two.syncs().await;
    cloud.goes_on_with(&Kept::default());
    let three = phone(cloud).await;
    three.puts("n", "theirs").await;
    three.syncs().await;
    one.syncs().await;
    assert_eq!(one.has().await.len(), 2);
    assert_eq!(one.has().await["n"], "theirs");
    (one, two)
}

#[tokio::test]
async fn what_lies_beside_a_record_already_isnt_there_twice_where_the_record_is_removed() {
    let cloud = Arc::new(Cloud::default());
    let (one, two) = two_and_a_version_beside(&cloud).await;
    one.removes("n").await;
    one.syncs().await;
    for phone in [&two, &one, &two] {
        phone.syncs().await;
        let has = phone.has().await;
        assert_eq!(has.values().collect::<Vec<_>>(), ["mine"]);
        assert!(!has.contains_key("n"), "it still waits beside");
        assert_eq!(phone.handle.view().collections[CONTACTS].pending, 0);
    }
}

#[tokio::test]
async fn what_was_removed_beside_a_record_and_as_the_record_is_back_as_neither() {
    let cloud = Arc::new(Cloud::default());
    let (one, two) = two_and_a_version_beside(&cloud).await;
    for natural in one.has().await.into_keys() {
        one.removes(&natural).await;
    }
    one.syncs().await;
    for phone in [&two, &one, &two] {
        phone.syncs().await;
        assert_eq!(phone.has().await, all(&[]));
        assert_eq!(phone.handle.view().collections[CONTACTS].pending, 0);
    }
}

#[tokio::test]
async fn what_was_changed_where_it_lies_beside_elsewhere_outlives_the_removal_of_its_record() {
    let cloud = Arc::new(Cloud::default());
    let (one, two) = two_and_a_version_beside(&cloud).await;
    one.removes("n").await;
    one.syncs().await;
    two.puts("n", "mine, longer").await;
    for phone in [&two, &one, &two] {
        phone.syncs().await;
        let has = phone.has().await;
        // Made of what lies beside, it takes the place of that too: nobody has to choose any more.
        assert_eq!(has, all(&[("n", "mine, longer")]));
        assert_eq!(phone.handle.view().collections[CONTACTS].pending, 0);
    }
}

/// Somebody puts a contact who doesn't know of the present one.
async fn puts_beside(phone: &Phone, natural: &str, text: &str) {
    let mut beside = put(natural, 9, text);
    beside.keep_both = true;
    phone.handle.put(CONTACTS, beside).await.unwrap();
}

/// The one version that lies beside a contact says something else from now on; what it is by nature.
async fn changes_what_lies_beside(phone: &Phone, text: &str) -> String {
    let entries = phone.handle.list(CONTACTS, 0, 9).await.unwrap();
    let beside = entries.iter().find(|entry| entry.conflict_with.is_some());
    let beside = beside.unwrap();
    let mut changed = put("n", beside.revision, text);
    (changed.id, changed.natural) = (Some(beside.id), None);
    phone.handle.put(CONTACTS, changed).await.unwrap();
    beside.natural.clone()
}

/// The cloud goes on without what the second phone knows alone, and the first brings its own again as the record.
async fn the_record_says_what_lies_beside(cloud: &Arc<Cloud>, one: &Phone, two: &Phone) {
    cloud.goes_on_with(&Kept::default());
    two.syncs().await;
    one.syncs().await;
    two.syncs().await;
}

#[tokio::test]
async fn a_version_goes_that_is_the_record_again_and_the_other_one_waits_beside() {
    let cloud = Arc::new(Cloud::default());
    let (one, two) = two_and_a_version_beside(&cloud).await;
    the_record_says_what_lies_beside(&cloud, &one, &two).await;
    for phone in [&one, &two, &one] {
        phone.syncs().await;
        let has = phone.has().await;
        assert_eq!(has["n"], "mine");
        assert_eq!(has.values().collect::<Vec<_>>(), ["mine", "theirs"]);
        assert_eq!(phone.handle.view().collections[CONTACTS].pending, 0);
    }
}

#[tokio::test]
async fn versions_that_go_by_themselves_are_none_that_the_owner_is_asked_about_however_many_they_are() {
    const MANY: usize = 25;
    let cloud = Arc::new(Cloud::default());
    let (one, two) = two_with(&cloud, MANY).await;
    cloud.goes_on_with(&Kept::default());
    let three = phone(&cloud).await;
    let theirs = (0..MANY).map(|n| put(&format!("n{n}"), 0, "theirs")).collect();
    three.handle.put_many(CONTACTS, theirs).await.unwrap();
    three.syncs().await;
    one.syncs().await;
    assert_eq!(one.has().await.len(), 2 * MANY);
    the_record_says_what_lies_beside(&cloud, &one, &two).await;
    for phone in [&one, &two, &one] {
        phone.syncs().await;
        let view = phone.handle.view();
        assert_eq!((view.question, view.collections[CONTACTS].pending), (None, 0));
        let has = phone.has().await;
        for text in ["a", "theirs"] {
            assert_eq!(has.values().filter(|said| *said == text).count(), MANY, "{text}");
        }
    }
}

#[tokio::test]
async fn a_version_that_went_is_there_again_where_its_record_says_something_else_again() {
    let cloud = Arc::new(Cloud::default());
    let (one, two) = two_and_a_version_beside(&cloud).await;
    let backup = cloud.kept.lock().unwrap().clone();
    the_record_says_what_lies_beside(&cloud, &one, &two).await;
    cloud.goes_on_with(&backup);
    for phone in [&one, &two, &one, &two, &one] {
        phone.syncs().await;
        let has = phone.has().await;
        let mut texts: Vec<_> = has.values().collect();
        texts.sort();
        assert_eq!(texts, ["mine", "theirs"]);
    }
    assert_eq!(one.has().await, two.has().await);
    for phone in [&one, &two] {
        assert_eq!(phone.handle.view().collections[CONTACTS].pending, 0);
    }
}

#[tokio::test]
async fn a_version_whose_push_was_lost_stays_beside_whatever_becomes_of_its_record() {
    let cloud = Arc::new(Cloud::default());
    let one = phone(&cloud).await;
    // What another phone puts is made without this: the first one brings that again with what it replaced itself.
    one.puts("n", "zero").await;
    one.syncs().await;
    cloud.goes_on_with(&Kept::default());
    let two = phone(&cloud).await;
    one.puts("n", "mine").await;
    *cloud.is_late.lock().unwrap() = true;
    one.handle.sync_now(vec![CONTACTS]).await.unwrap_err();
    cloud.late.lock().unwrap().clear();
    two.puts("n", "theirs").await;
    two.puts("o", "another").await;
    two.syncs().await;
    // The first one hears of the record, and of no more: nothing is pushed before its owner changes that.
    *cloud.page.lock().unwrap() = 1;
    let weak = Arc::downgrade(&cloud);
    *cloud.about_changes.lock().unwrap() = Some(Box::new(move |_| {
        let cloud = weak.upgrade().unwrap();
        *cloud.refuses.lock().unwrap() = Some(SyncFailure::Offline(None));
    }));
    assert_eq!(one.handle.sync_now(vec![]).await, Err(SyncError::Offline));
    *cloud.about_changes.lock().unwrap() = None;
    *cloud.refuses.lock().unwrap() = None;
    let has = one.has().await;
    assert_eq!(has["n"], "theirs");
    assert!(has.len() == 2 && !has.contains_key("o"), "{has:?}");
    one.puts("n", "theirs, longer").await;
    one.syncs().await;
    let three = phone(&cloud).await;
    for phone in [&two, &three, &one, &two] {
        phone.syncs().await;
        let has = phone.has().await;
        assert_eq!(has["n"], "theirs, longer");
        assert!(has.values().any(|text| text == "mine"), "{has:?}");
    }
}

#[tokio::test]
async fn a_version_that_was_changed_stays_where_one_comes_that_says_what_its_record_has_replaced() {
    let cloud = Arc::new(Cloud::default());
    let (one, two) = (phone(&cloud).await, phone(&cloud).await);
    one.puts("n", "mine").await;
    one.syncs().await;
    two.syncs().await;
    one.puts("n", "another").await;
    one.syncs().await;
    // The second phone, which hasn't heard of that, puts what was replaced beside what a third one made.
    cloud.goes_on_with(&Kept::default());
    let three = phone(&cloud).await;
    three.puts("n", "theirs").await;
    three.syncs().await;
    two.syncs().await;
    // On the first one somebody puts the same beside, and changes it there.
    puts_beside(&one, "n", "mine").await;
    let natural = changes_what_lies_beside(&one, "mine, longer").await;
    assert!(two.entry(&natural).await.is_some(), "it is the same one");
    for phone in [&one, &two, &three, &one] {
        phone.syncs().await;
        let has = phone.has().await;
        assert!(has.values().any(|text| text == "mine, longer"), "{has:?}");
    }
}

#[tokio::test]
async fn a_version_whose_push_arrives_after_it_went_stays_gone() {
    let cloud = Arc::new(Cloud::default());
    let (one, two) = (phone(&cloud).await, phone(&cloud).await);
    one.puts("n", "zero").await;
    one.syncs().await;
    two.syncs().await;
    puts_beside(&one, "n", "mine").await;
    *cloud.is_late.lock().unwrap() = true;
    assert_eq!(one.handle.sync_now(vec![]).await, Err(SyncError::Offline));
    // It is on its way still while the other phone says the same as the record.
    let late = std::mem::take(&mut *cloud.late.lock().unwrap());
    two.puts("n", "mine").await;
    two.syncs().await;
    *cloud.late.lock().unwrap() = late;
    for phone in [&one, &two, &one] {
        phone.syncs().await;
        assert_eq!(phone.has().await, all(&[("n", "mine")]));
        assert_eq!(phone.handle.view().collections[CONTACTS].pending, 0);
    }
}

#[tokio::test]
async fn a_version_that_another_phone_let_go_stays_where_its_record_was_removed_meanwhile() {
    let cloud = Arc::new(Cloud::default());
    let (one, two) = two_and_a_version_beside(&cloud).await;
    // As the record it comes to the second phone before the version beside does, to the first after it.
    two.syncs().await;
    cloud.goes_on_with(&Kept::default());
    two.puts("n", "mine").await;
    two.syncs().await;
    one.handle.pause().await.unwrap();
    let beside = two.has().await;
    assert!(beside.values().all(|text| text == "mine"), "{beside:?}");
    two.removes("n").await;
    one.handle.resume().await.unwrap();
    for phone in [&one, &two, &one, &two] {
        phone.syncs().await;
    }
    for phone in [&one, &two] {
        assert!(phone.has().await.values().any(|text| text == "mine"));
    }
}

#[tokio::test]
async fn a_version_that_was_let_go_before_its_record_was_removed_stays_gone_where_both_are_heard_of_at_once()
{
    let cloud = Arc::new(Cloud::default());
    let (one, two) = (phone(&cloud).await, phone(&cloud).await);
    // Several: of each, either removal may wait before the other one.
    let naturals: Vec<String> = (0..8).map(|n| format!("n{n}")).collect();
    for natural in &naturals {
        one.puts(natural, "zero").await;
        puts_beside(&one, natural, "mine").await;
    }
    one.syncs().await;
    two.syncs().await;
    let three = phone(&cloud).await;
    three.syncs().await;
    for natural in &naturals {
        three.puts(natural, "mine").await;
    }
    three.syncs().await;
    one.syncs().await;
    assert_eq!(
        one.has().await.len(),
        naturals.len(),
        "no version is there any more"
    );
    for natural in &naturals {
        one.removes(natural).await;
    }
    one.syncs().await;
    for phone in [&two, &three, &one, &two] {
        phone.syncs().await;
        assert_eq!(phone.has().await, all(&[]));
        assert_eq!(phone.handle.view().collections[CONTACTS].pending, 0);
    }
}

#[tokio::test]
async fn a_version_that_was_changed_stays_where_what_it_said_is_put_beside_its_record_again() {
    let one = phone(&Arc::new(Cloud::default())).await;
    one.puts("n", "zero").await;
    puts_beside(&one, "n", "mine").await;
    changes_what_lies_beside(&one, "mine, longer").await;
    for _ in 0..2 {
        puts_beside(&one, "n", "mine").await;
        let has = one.has().await;
        let mut texts: Vec<_> = has.values().collect();
        texts.sort();
        assert_eq!(texts, ["mine", "mine, longer", "zero"]);
    }
}

#[tokio::test]
async fn a_version_that_was_changed_stays_where_its_record_that_says_what_it_said_comes_to_lie_beside() {
    let cloud = Arc::new(Cloud::default());
    let (one, two) = (phone(&cloud).await, phone(&cloud).await);
    one.puts("n", "zero").await;
    puts_beside(&one, "n", "mine").await;
    changes_what_lies_beside(&one, "mine, longer").await;
    one.puts("n", "mine").await;
    two.puts("n", "theirs").await;
    two.syncs().await;
    for phone in [&one, &two, &one, &two] {
        phone.syncs().await;
        let has = phone.has().await;
        let mut texts: Vec<_> = has.values().collect();
        texts.sort();
        assert_eq!(texts, ["mine", "mine, longer", "theirs"]);
        assert_eq!(phone.handle.view().collections[CONTACTS].pending, 0);
    }
}

#[tokio::test]
async fn a_version_that_another_one_beside_it_is_chosen_instead_of_stays_a_version_of_its_record() {
    let one = phone(&Arc::new(Cloud::default())).await;
    one.puts("n", "zero").await;
    puts_beside(&one, "n", "mine").await;
    let natural = changes_what_lies_beside(&one, "mine, longer").await;
    puts_beside(&one, "n", "mine").await;
    let beside = one.handle.list(CONTACTS, 0, 9).await.unwrap();
    let below = beside
        .iter()
        .find(|entry| entry.natural.starts_with(&format!("{natural}\0")));
    let resolved = one
        .handle
        .resolve(CONTACTS, below.unwrap().id, Choice::Mine, Shown::default());
    resolved.await.unwrap();
    let has = one.has().await;
    assert_eq!(has.values().collect::<Vec<_>>(), ["zero", "mine"]);
    let record = one.entry("n").await.unwrap();
    assert_eq!(one.entry(&natural).await.unwrap().conflict_with, Some(record.id));
}
