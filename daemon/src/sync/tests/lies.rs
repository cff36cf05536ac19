//! What the cloud says besides what a device sealed changes nothing.

use std::sync::Arc;
use std::time::Duration;

use belay_proto::sync::Revision;
use belay_proto::wire::{Bytes, PushStatus};

use super::super::{Phase, SyncError};
use super::rig::{CONTACTS, Cloud, Phone, all, phone};

async fn two(cloud: &Arc<Cloud>) -> (Phone, Phone) {
    let (one, two) = (phone(cloud).await, phone(cloud).await);
    one.puts("n", "a").await;
    one.puts("m", "b").await;
    one.syncs().await;
    (one, two)
}

#[tokio::test]
async fn a_record_that_doesn_t_open_is_left_aside_and_the_rest_of_its_page_is_taken() {
    let cloud = Arc::new(Cloud::default());
    let (_one, two) = two(&cloud).await;
    let [n] = two.handle.identify(CONTACTS, vec!["n".into()]).await.unwrap()[..] else {
        panic!("one id")
    };
    *cloud.about_changes.lock().unwrap() = Some(Box::new(move |answer| {
        for record in answer.records.iter_mut().filter(|record| record.id == n) {
            let mut sealed = record.sealed.0.clone();
            sealed[40] ^= 1;
            record.revision = Revision::of(&sealed);
            record.sealed = Bytes(sealed);
        }
    }));
    two.handle.sync_now(vec![CONTACTS]).await.unwrap_err();
    assert_eq!(two.has().await, all(&[("m", "b")]));
}

#[tokio::test]
async fn a_cloud_that_says_of_a_record_that_it_was_removed_removes_nothing() {
    let cloud = Arc::new(Cloud::default());
    let (one, two) = two(&cloud).await;
    two.syncs().await;
    one.puts("n", "aa").await;
    one.syncs().await;
    *cloud.about_changes.lock().unwrap() = Some(Box::new(|answer| {
        answer.records.iter_mut().for_each(|record| record.removed = true);
    }));
    two.handle.sync_now(vec![CONTACTS]).await.unwrap_err();
    assert_eq!(two.has().await, all(&[("n", "a"), ("m", "b")]));
}

#[tokio::test]
async fn a_cloud_that_swaps_records_is_not_believed() {
    let cloud = Arc::new(Cloud::default());
    let (_one, two) = two(&cloud).await;
    *cloud.about_changes.lock().unwrap() = Some(Box::new(|answer| {
        if let [first, second] = &mut answer.records[..] {
            std::mem::swap(&mut first.id, &mut second.id);
        }
    }));
    two.handle.sync_now(vec![CONTACTS]).await.unwrap_err();
    assert_eq!(two.has().await, all(&[]));
}

#[tokio::test]
async fn a_cloud_with_pages_without_end_is_left_alone() {
    let cloud = Arc::new(Cloud::default());
    let (_one, two) = two(&cloud).await;
    *cloud.about_changes.lock().unwrap() = Some(Box::new(|answer| {
        answer.records.clear();
        answer.more = true;
    }));
    assert_eq!(two.handle.sync_now(vec![]).await, Err(SyncError::CloudRefused));
    two.comes_to(Phase::Attention).await;
    assert!(cloud.counted.lock().unwrap().0 < 40);
}

#[tokio::test]
async fn a_push_that_is_answered_for_other_records_than_were_sent_is_nonsense() {
    let cloud = Arc::new(Cloud::default());
    let one = phone(&cloud).await;
    one.handle.pause().await.unwrap();
    one.puts("n", "a").await;
    *cloud.about_results.lock().unwrap() = Some(Box::new(|answer| answer.results.clear()));
    one.handle.resume().await.unwrap();
    let view = one.comes_to(Phase::Attention).await;
    assert!(view.last_error.ends_with("CloudRefused"), "{}", view.last_error);
    *cloud.about_results.lock().unwrap() = None;
    one.syncs().await;
    assert_eq!(one.handle.view().collections[CONTACTS].pending, 0);
}

#[tokio::test]
async fn pages_are_taken_one_after_another() {
    let cloud = Arc::new(Cloud::default());
    *cloud.page.lock().unwrap() = 1;
    let (_one, two) = two(&cloud).await;
    two.syncs().await;
    assert_eq!(two.has().await, all(&[("n", "a"), ("m", "b")]));
}

#[tokio::test]
async fn a_cloud_that_is_never_content_is_left_alone_for_a_while_and_asked_again() {
    let cloud = Arc::new(Cloud::default());
    let one = phone(&cloud).await;
    one.syncs().await;
    *cloud.about_results.lock().unwrap() = Some(Box::new(|answer| {
        answer.results = vec![PushStatus::Conflict.into(); answer.results.len()];
        answer.contiguous = false;
    }));
    *cloud.about_changes.lock().unwrap() = Some(Box::new(|answer| answer.records.clear()));
    one.puts("n", "a").await;
    let before = cloud.counted.lock().unwrap().1;
    assert_eq!(one.handle.sync_now(vec![]).await, Err(SyncError::CloudRefused));
    assert!(cloud.counted.lock().unwrap().1 < before + 9);
    *cloud.about_results.lock().unwrap() = None;
    *cloud.about_changes.lock().unwrap() = None;
    one.clock.advance(Duration::from_secs(60));
    let view = one.comes_to(Phase::Idle).await;
    assert_eq!(view.collections[CONTACTS].pending, 0);
}

#[tokio::test]
async fn a_conflict_without_its_record_has_that_fetched_whatever_is_said_to_lie_between() {
    for is_before_the_cursor in [false, true] {
        let cloud = Arc::new(Cloud::default());
        let (one, two) = two(&cloud).await;
        let [n] = two.handle.identify(CONTACTS, vec!["n".into()]).await.unwrap()[..] else {
            panic!("one id")
        };
        if is_before_the_cursor {
            *cloud.about_changes.lock().unwrap() = Some(Box::new(move |answer| {
                answer.records.retain(|record| record.id != n);
            }));
        }
        two.syncs().await;
        *cloud.about_changes.lock().unwrap() = None;
        if !is_before_the_cursor {
            one.puts("n", "aa").await;
            one.syncs().await;
        }
        *cloud.about_results.lock().unwrap() = Some(Box::new(|answer| {
            for result in &mut answer.results {
                if result.status == PushStatus::Conflict {
                    (result.current, answer.contiguous) = (None, true);
                }
            }
        }));
        two.puts("n", "b").await;
        two.syncs().await;
        assert_eq!(two.handle.view().collections[CONTACTS].pending, 0);
        one.syncs().await;
        assert_eq!((one.has().await, one.has().await.len()), (two.has().await, 3));
    }
}
