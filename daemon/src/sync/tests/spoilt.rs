//! Rows of this device that can't be read, and what the cloud won't have, keep nobody from the others.

use std::sync::Arc;

use belay_proto::sync::RecordId;
use belay_proto::wire::PushStatus;

use super::super::{Phase, SyncError};
use super::guard::{asked, two_with};
use super::rig::{CONTACTS, Cloud, Phone, all, phone, put};

/// A bit of what is kept in `table` of a record is another.
async fn spoil(phone: &Phone, table: &str, id: RecordId) {
    let sql = format!("UPDATE {table} SET content = x'00' WHERE id = ?1");
    let spoilt = phone.store.call(move |db| Ok(db.execute(&sql, [id.as_bytes()])?));
    assert_eq!(spoilt.await.unwrap(), 1);
}

#[tokio::test]
async fn a_row_that_can_t_be_read_keeps_the_others_neither_from_the_cloud_nor_from_a_list() {
    let cloud = Arc::new(Cloud::default());
    let (one, two) = (phone(&cloud).await, phone(&cloud).await);
    one.handle.pause().await.unwrap();
    let puts = (0..20).map(|n| put(&format!("n{n}"), 0, "a")).collect();
    one.handle.put_many(CONTACTS, puts).await.unwrap();
    for n in 0..18 {
        spoil(&one, "record", one.entry(&format!("n{n}")).await.unwrap().id).await;
    }
    one.handle.resume().await.unwrap();
    let view = one.comes_to(Phase::Attention).await;
    assert_eq!(view.last_error, "Storage");
    assert_eq!(
        one.handle.sync_now(vec![]).await,
        Err(SyncError::Storage),
        "and it stays so"
    );
    let left = all(&[("n18", "a"), ("n19", "a")]);
    assert_eq!(one.has().await, left);
    two.syncs().await;
    assert_eq!(two.has().await, left);
    let one = one.restarts(&cloud).await;
    one.comes_to(Phase::Attention).await;
    // Their source brings them again.
    let puts = (0..18).map(|n| put(&format!("n{n}"), 0, "b")).collect();
    one.handle.put_many(CONTACTS, puts).await.unwrap();
    one.syncs().await;
    two.syncs().await;
    assert_eq!(one.comes_to(Phase::Idle).await.last_error, "");
    assert_eq!((two.has().await.len(), two.has().await["n7"].as_str()), (20, "b"));
}

#[tokio::test]
async fn what_comes_for_a_row_that_can_t_be_read_stands_in_its_place() {
    let cloud = Arc::new(Cloud::default());
    let (one, two) = two_with(&cloud, 3).await;
    spoil(&two, "record", two.entry("n0").await.unwrap().id).await;
    one.puts("n0", "b").await;
    one.puts("n1", "b").await;
    one.syncs().await;
    two.syncs().await;
    assert_eq!(two.has().await, all(&[("n0", "b"), ("n1", "b"), ("n2", "a")]));
    assert_eq!(two.comes_to(Phase::Idle).await.last_error, "");
}

#[tokio::test]
async fn what_is_put_where_a_row_can_t_be_read_isnt_taken_for_what_was_pushed_of_that() {
    let cloud = Arc::new(Cloud::default());
    let (one, two) = (phone(&cloud).await, phone(&cloud).await);
    one.syncs().await;
    one.puts("n", "a").await;
    *cloud.loses.lock().unwrap() = true;
    assert_eq!(one.handle.sync_now(vec![]).await, Err(SyncError::Offline));
    // Its source brings it again, not knowing what was there: it is the first of its kind on this device, as that was.
    spoil(&one, "record", one.entry("n").await.unwrap().id).await;
    one.puts("n", "b").await;
    one.syncs().await;
    two.syncs().await;
    assert_eq!(
        (one.has().await, two.has().await),
        (all(&[("n", "b")]), all(&[("n", "b")]))
    );
}

#[tokio::test]
async fn a_removal_that_waits_and_can_t_be_read_is_fetched_again() {
    let cloud = Arc::new(Cloud::default());
    let (one, two) = two_with(&cloud, 30).await;
    for n in 0..25 {
        one.removes(&format!("n{n}")).await;
    }
    one.handle.confirm(asked(&one).await.id, true).await.unwrap();
    one.syncs().await;
    two.syncs().await;
    let question = two.comes_to(Phase::Attention).await.question.unwrap();
    spoil(&two, "arrived", two.entry("n7").await.unwrap().id).await;
    two.handle.confirm(question.id, true).await.unwrap();
    assert_eq!(two.has().await.len(), 6);
    two.syncs().await;
    assert_eq!((two.has().await.len(), one.has().await.len()), (5, 5));
}

#[tokio::test]
async fn a_removal_that_can_t_be_read_keeps_no_answer_from_the_others() {
    let cloud = Arc::new(Cloud::default());
    let (one, two) = two_with(&cloud, 30).await;
    let spoilt = one.entry("n7").await.unwrap().id;
    for n in 0..25 {
        one.removes(&format!("n{n}")).await;
    }
    let question = asked(&one).await;
    spoil(&one, "record", spoilt).await;
    one.handle.confirm(question.id, false).await.unwrap();
    assert_eq!(one.handle.sync_now(vec![]).await, Err(SyncError::Storage));
    two.syncs().await;
    assert_eq!((one.has().await.len(), two.has().await.len()), (29, 30));
}

#[tokio::test]
async fn what_the_cloud_won_t_have_is_told_and_tried_again_when_it_is_asked_for_by_name() {
    let cloud = Arc::new(Cloud::default());
    let one = phone(&cloud).await;
    *cloud.about_results.lock().unwrap() =
        Some(Box::new(|answer| answer.results.fill(PushStatus::Bad.into())));
    *cloud.about_changes.lock().unwrap() = Some(Box::new(|answer| answer.records.clear()));
    one.puts("n", "a").await;
    assert_eq!(one.handle.sync_now(vec![]).await, Err(SyncError::CloudRefused));
    *cloud.about_results.lock().unwrap() = None;
    *cloud.about_changes.lock().unwrap() = None;
    let pushed = cloud.counted.lock().unwrap().1;
    assert_eq!(one.handle.sync_now(vec![]).await, Err(SyncError::CloudRefused));
    let one = one.restarts(&cloud).await;
    let view = one.comes_to(Phase::Attention).await;
    assert_eq!(
        (
            view.last_error,
            view.collections[CONTACTS].pending,
            cloud.counted.lock().unwrap().1
        ),
        ("CloudRefused", 1, pushed)
    );
    one.syncs().await;
    let view = one.comes_to(Phase::Idle).await;
    assert_eq!((view.last_error, view.collections[CONTACTS].pending), ("", 0));
}

#[tokio::test]
async fn only_what_was_removed_here_or_elsewhere_is_told_to_be_and_nothing_that_merely_isnt_listed() {
    let cloud = Arc::new(Cloud::default());
    let (one, two) = two_with(&cloud, 3).await;
    let naturals = ["n0", "n1", "n2", "n3"].map(str::to_owned);
    let ids = one.handle.identify(CONTACTS, naturals.to_vec()).await.unwrap();
    let removed = async |phone: &Phone| phone.handle.removed(CONTACTS, ids.clone()).await.unwrap();
    assert_eq!(removed(&two).await, []);
    spoil(&two, "record", ids[0]).await;
    let entry = one.entry("n1").await.unwrap();
    one.handle.delete(CONTACTS, ids[1], entry.revision).await.unwrap();
    assert_eq!(removed(&one).await, [ids[1]]);
    one.syncs().await;
    two.syncs().await;
    assert_eq!(two.has().await.len(), 1);
    assert_eq!(removed(&two).await, [ids[1]]);
}
