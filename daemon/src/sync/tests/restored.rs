//! A cloud that goes on with its backup gets again what came since, and nobody sees again what went since.

use std::sync::Arc;

use super::super::{Phase, SyncError};
use super::guard::asked;
use super::rig::{CONTACTS, Cloud, Kept, Phone, all, phone, put};

/// Two phones that have what came since a backup of the cloud, and the backup.
async fn two(cloud: &Arc<Cloud>) -> (Phone, Phone, Kept) {
    let (one, two) = (phone(cloud).await, phone(cloud).await);
    one.puts("n", "the first").await;
    one.puts("gone", "the first").await;
    one.syncs().await;
    two.syncs().await;
    let backup = cloud.kept.lock().unwrap().clone();
    one.puts("n", "the second").await;
    one.puts("gone", "the second").await;
    one.syncs().await;
    two.syncs().await;
    (one, two, backup)
}

/// The same, once the first phone has replaced the one and removed the other, and the cloud goes on with its backup.
async fn two_and_a_restored(cloud: &Arc<Cloud>) -> (Phone, Phone) {
    let (one, two, backup) = two(cloud).await;
    one.puts("n", "the third").await;
    one.removes("gone").await;
    one.syncs().await;
    cloud.goes_on_with(&backup);
    (one, two)
}

/// Both phones come and come again, and both end with what the first one did.
async fn both_end_with_the_third(one: &Phone, two: &Phone) {
    for _ in 0..2 {
        one.syncs().await;
        two.syncs().await;
    }
    for phone in [one, two] {
        assert_eq!(phone.has().await, all(&[("n", "the third")]));
        assert_eq!(phone.handle.view().collections[CONTACTS].pending, 0);
    }
}

impl Cloud {
    pub fn goes_on_with(&self, backup: &Kept) {
        let mut kept = self.kept.lock().unwrap();
        *kept = Kept {
            epoch: kept.epoch + 1,
            ..backup.clone()
        };
    }
}

#[tokio::test]
async fn what_was_replaced_or_removed_since_a_backup_stays_so_though_another_phone_brings_it_first() {
    let cloud = Arc::new(Cloud::default());
    let (one, two) = two_and_a_restored(&cloud).await;
    two.syncs().await;
    let brought = all(&[("n", "the second"), ("gone", "the second")]);
    assert_eq!(two.has().await, brought);
    both_end_with_the_third(&one, &two).await;
}

#[tokio::test]
async fn a_question_stands_though_the_cloud_lists_nothing_of_what_it_is_about() {
    let cloud = Arc::new(Cloud::default());
    let one = phone(&cloud).await;
    let puts = (0..30).map(|n| put(&format!("n{n}"), 0, "a")).collect();
    one.handle.put_many(CONTACTS, puts).await.unwrap();
    one.syncs().await;
    one.handle.pause().await.unwrap();
    one.puts("n0", "b").await;
    for n in 1..25 {
        one.removes(&format!("n{n}")).await;
    }
    cloud.goes_on_with(&Kept {
        room: Some(0),
        ..Kept::default()
    });
    one.handle.resume().await.unwrap();
    assert_eq!(one.handle.sync_now(vec![]).await, Err(SyncError::QuotaExceeded));
    // The cloud has no state of it, so the newest is kept here.
    one.removes("n0").await;
    let question = asked(&one).await;
    cloud.goes_on_with(&Kept::default());
    one.syncs().await;
    assert_eq!(
        one.comes_to(Phase::Attention).await.question,
        Some(question.clone())
    );
    one.handle.confirm(question.id, false).await.unwrap();
    one.syncs().await;
    let other = phone(&cloud).await;
    other.syncs().await;
    assert_eq!((one.has().await.len(), other.has().await), (30, one.has().await));
    assert_eq!(other.has().await["n0"], "b");
}

#[tokio::test]
async fn what_is_brought_again_is_the_same_at_the_cloud() {
    let cloud = Arc::new(Cloud::default());
    let (one, two, backup) = two(&cloud).await;
    let revisions = || {
        let kept = cloud.kept.lock().unwrap();
        let mut all: Vec<_> = kept.records.values().map(|(_, record)| record.revision).collect();
        all.sort_by_key(|revision| *revision.as_bytes());
        all
    };
    let before = revisions();
    cloud.goes_on_with(&backup);
    assert_ne!(revisions(), before);
    for phone in [&two, &one] {
        phone.syncs().await;
        assert_eq!(revisions(), before);
    }
    // And where all of it is lost.
    cloud.goes_on_with(&Kept::default());
    for phone in [&two, &one] {
        phone.syncs().await;
        assert_eq!(revisions(), before);
    }
}

#[tokio::test]
async fn what_is_brought_again_under_newer_keys_is_known_for_what_it_was() {
    let cloud = Arc::new(Cloud::default());
    let (one, two) = two_and_a_restored(&cloud).await;
    *cloud.least_epoch.lock().unwrap() = 2;
    for phone in [&one, &two] {
        phone.made_elsewhere.lock().unwrap().push(2);
    }
    two.syncs().await;
    both_end_with_the_third(&one, &two).await;
}

#[tokio::test]
async fn what_was_removed_with_the_owner_s_word_is_removed_again_without_asking() {
    let cloud = Arc::new(Cloud::default());
    let (one, two) = (phone(&cloud).await, phone(&cloud).await);
    for n in 0..30 {
        one.puts(&format!("n{n}"), "a").await;
    }
    one.syncs().await;
    two.syncs().await;
    let backup = cloud.kept.lock().unwrap().clone();
    for n in 0..25 {
        one.removes(&format!("n{n}")).await;
    }
    for phone in [&one, &two] {
        phone.syncs().await;
        let question = phone.comes_to(Phase::Attention).await.question.unwrap();
        phone.handle.confirm(question.id, true).await.unwrap();
        phone.syncs().await;
    }
    cloud.goes_on_with(&backup);
    for phone in [&one, &two] {
        phone.syncs().await;
        let view = phone.handle.view();
        assert_eq!((view.question, view.collections[CONTACTS].pending), (None, 0));
        assert_eq!(phone.has().await.len(), 5);
    }
    let kept = cloud.kept.lock().unwrap();
    let removed = kept.records.values().filter(|(_, record)| record.removed);
    assert_eq!(removed.count(), 25);
}

#[tokio::test]
async fn removals_that_come_upon_what_is_brought_again_wait_for_the_owner() {
    let cloud = Arc::new(Cloud::default());
    let (one, two) = (phone(&cloud).await, phone(&cloud).await);
    let mut backup = Kept::default();
    for text in ["a", "b"] {
        for n in 0..30 {
            one.puts(&format!("n{n}"), text).await;
        }
        one.syncs().await;
        two.syncs().await;
        if text == "a" {
            backup = cloud.kept.lock().unwrap().clone();
        }
    }
    for n in 0..30 {
        one.removes(&format!("n{n}")).await;
    }
    one.syncs().await;
    let question = one.comes_to(Phase::Attention).await.question.unwrap();
    one.handle.confirm(question.id, true).await.unwrap();
    one.syncs().await;
    // The first phone comes while the second one knows what it has to bring again, and hasn't.
    let removed = cloud.kept.lock().unwrap().records.clone();
    cloud.goes_on_with(&backup);
    let (weak, mut removed) = (Arc::downgrade(&cloud), Some(removed));
    *cloud.about_changes.lock().unwrap() = Some(Box::new(move |answer| {
        if let (false, Some(removed)) = (answer.records.is_empty(), removed.take()) {
            let cloud = weak.upgrade().unwrap();
            let mut kept = cloud.kept.lock().unwrap();
            kept.last += removed.len() as u64;
            kept.records = removed;
        }
    }));
    two.syncs().await;
    let view = two.comes_to(Phase::Attention).await;
    assert_eq!(view.collections[CONTACTS].pending, 0);
    let has = two.has().await;
    assert!(has.len() == 30 && has.values().all(|text| text == "b"), "{has:?}");
    let question = view.question.unwrap();
    assert_eq!((question.removed, question.from_cloud), (30, true));
    two.handle.confirm(question.id, true).await.unwrap();
    two.syncs().await;
    assert_eq!(two.has().await, all(&[]));
}

#[tokio::test]
async fn what_was_answered_before_a_restore_is_brought_again_by_a_phone_that_had_fetched_nothing_yet() {
    let cloud = Arc::new(Cloud::default());
    let (one, other) = (phone(&cloud).await, phone(&cloud).await);
    other.puts("m", "b").await;
    other.syncs().await;
    one.handle.put("notes", put("n", 0, "a")).await.unwrap();
    // The first answer is of the cloud before, and comes when that has gone on with its backup.
    let (weak, mut is_before) = (Arc::downgrade(&cloud), true);
    *cloud.about_results.lock().unwrap() = Some(Box::new(move |_| {
        if std::mem::take(&mut is_before) {
            weak.upgrade().unwrap().goes_on_with(&Kept::default());
        }
    }));
    one.handle.set_enabled("notes", true).await.unwrap();
    one.handle.sync_now(vec!["notes"]).await.unwrap();
    assert_eq!(cloud.kept.lock().unwrap().epoch, 1);
    assert_eq!(cloud.kept.lock().unwrap().records.len(), 1);
}

#[tokio::test]
async fn nor_does_a_restore_between_two_requests_of_the_first_round_keep_anything_from_the_cloud() {
    let cloud = Arc::new(Cloud::default());
    *cloud.page.lock().unwrap() = 1000;
    let (one, other) = (phone(&cloud).await, phone(&cloud).await);
    other.puts("m", "b").await;
    other.syncs().await;
    let notes = (0..2600).map(|n| put(&format!("n{n}"), 0, "a"));
    one.handle.put_many("notes", notes.collect()).await.unwrap();
    let (weak, mut is_before) = (Arc::downgrade(&cloud), true);
    *cloud.about_results.lock().unwrap() = Some(Box::new(move |_| {
        if std::mem::take(&mut is_before) {
            weak.upgrade().unwrap().goes_on_with(&Kept::default());
        }
    }));
    one.handle.set_enabled("notes", true).await.unwrap();
    one.handle.sync_now(vec!["notes"]).await.unwrap();
    assert!(
        cloud.counted.lock().unwrap().1 > 2600,
        "it was more than one request"
    );
    assert_eq!(cloud.kept.lock().unwrap().records.len(), 2600);
}

/// So many contacts, put at once.
async fn puts_many(phone: &Phone, count: usize) {
    let all = (0..count).map(|n| put(&format!("n{n}"), 0, "a"));
    phone.handle.put_many(CONTACTS, all.collect()).await.unwrap();
}

#[tokio::test]
async fn a_collection_that_is_longer_than_a_write_is_brought_again_as_a_whole() {
    let cloud = Arc::new(Cloud::default());
    let one = phone(&cloud).await;
    puts_many(&one, 2600).await;
    one.syncs().await;
    cloud.goes_on_with(&Kept::default());
    one.syncs().await;
    assert_eq!(cloud.kept.lock().unwrap().records.len(), 2600);
    assert_eq!(one.handle.view().collections[CONTACTS].pending, 0);
}

#[tokio::test]
async fn removals_that_are_taken_in_parts_are_as_many_as_they_were_and_nobody_is_asked() {
    let cloud = Arc::new(Cloud::default());
    *cloud.page.lock().unwrap() = 1000;
    let (one, two) = (phone(&cloud).await, phone(&cloud).await);
    puts_many(&one, 3000).await;
    one.syncs().await;
    two.syncs().await;
    let all = one.handle.list(CONTACTS, 0, 590).await.unwrap();
    for entry in &all {
        one.handle
            .delete(CONTACTS, entry.id, entry.revision)
            .await
            .unwrap();
    }
    one.syncs().await;
    two.syncs().await;
    let view = two.handle.view();
    assert_eq!((view.collections[CONTACTS].records, view.question), (2410, None));
    // With a few more it would be too many in a day.
    for entry in one.handle.list(CONTACTS, 0, 21).await.unwrap() {
        one.handle
            .delete(CONTACTS, entry.id, entry.revision)
            .await
            .unwrap();
    }
    one.syncs().await;
    assert_eq!(one.comes_to(Phase::Attention).await.question.unwrap().removed, 21);
}

#[tokio::test]
async fn a_removal_that_the_cloud_has_forgotten_isnt_told_again_and_keeps_what_was_removed_from_coming_back()
{
    let cloud = Arc::new(Cloud::default());
    let (one, two) = (phone(&cloud).await, phone(&cloud).await);
    one.puts("old", "a").await;
    one.puts("kept", "a").await;
    one.syncs().await;
    two.syncs().await;
    one.removes("old").await;
    one.syncs().await;
    one.puts("new", "a").await;
    one.syncs().await;
    let half_a_year = std::time::Duration::from_secs(181 * 24 * 3600);
    one.clock.advance(half_a_year);
    one.removes("new").await;
    one.syncs().await;
    // The cloud forgets the one; and no cursor of before reaches.
    {
        let mut kept = cloud.kept.lock().unwrap();
        let oldest = kept.records.iter().filter(|(_, (_, record))| record.removed);
        let oldest = oldest.min_by_key(|(_, (number, _))| *number).map(|(key, _)| *key);
        kept.records.remove(&oldest.unwrap());
        kept.epoch += 1;
    }
    let pushed = cloud.counted.lock().unwrap().1;
    one.syncs().await;
    assert_eq!(cloud.counted.lock().unwrap().1, pushed);
    // Another phone was away all the while, and brings again what it has.
    two.syncs().await;
    for phone in [&one, &two] {
        phone.syncs().await;
        assert_eq!(phone.has().await, all(&[("kept", "a")]));
    }
}
