//! Before much is deleted its owner is asked.

use std::sync::Arc;

use super::super::{Phase, Question, SyncError, View};
use super::rig::{CONTACTS, Cloud, Phone, phone, put};

async fn two_with(cloud: &Arc<Cloud>, records: usize) -> (Phone, Phone) {
    let (one, two) = (phone(cloud).await, phone(cloud).await);
    let puts = (0..records).map(|n| put(&format!("n{n}"), 0, "a")).collect();
    one.handle.put_many(CONTACTS, puts).await.unwrap();
    one.syncs().await;
    two.syncs().await;
    (one, two)
}

/// What a device asks once it has heard of the removal of 25 records.
async fn asked(phone: &Phone) -> Question {
    let mut watch = phone.handle.watch();
    let all = |view: &View| {
        view.question
            .as_ref()
            .is_some_and(|question| question.removed == 25)
    };
    watch.wait_for(all).await.unwrap().question.clone().unwrap()
}

#[tokio::test]
async fn a_device_that_deletes_much_asks_before_the_others_hear_of_it() {
    let cloud = Arc::new(Cloud::default());
    let (one, two) = two_with(&cloud, 30).await;
    for n in 0..25 {
        one.removes(&format!("n{n}")).await;
    }
    one.puts("n29", "b").await;
    one.syncs().await;
    let view = one.comes_to(Phase::Attention).await;
    let question = view.question.unwrap();
    assert_eq!(
        (question.removed, question.present, question.from_cloud),
        (25, 30, false)
    );
    two.syncs().await;
    assert_eq!(two.has().await.len(), 30);
    assert_eq!(two.has().await["n29"], "b", "what isn't asked about goes on");
    let other = "contacts-device-00".to_owned();
    assert_eq!(one.handle.confirm(other, true).await, Err(SyncError::NotFound));
    one.handle.confirm(question.id, true).await.unwrap();
    one.syncs().await;
    // The other one asks too: it can't know who agreed.
    two.syncs().await;
    let question = two.comes_to(Phase::Attention).await.question.unwrap();
    assert!(question.from_cloud);
    assert_eq!(two.has().await.len(), 30);
    two.handle.confirm(question.id, true).await.unwrap();
    assert_eq!((one.has().await.len(), two.has().await.len()), (5, 5));
}

#[tokio::test]
async fn what_was_deleted_by_mistake_comes_back() {
    let cloud = Arc::new(Cloud::default());
    let (one, two) = two_with(&cloud, 30).await;
    for n in 0..25 {
        one.removes(&format!("n{n}")).await;
    }
    let question = asked(&one).await;
    one.handle.confirm(question.id, false).await.unwrap();
    one.syncs().await;
    two.syncs().await;
    assert_eq!((one.has().await.len(), two.has().await.len()), (30, 30));
    assert_eq!(one.handle.view().question, None);
}

#[tokio::test]
async fn what_another_device_deleted_can_be_kept() {
    let cloud = Arc::new(Cloud::default());
    let (one, two) = two_with(&cloud, 30).await;
    for n in 0..25 {
        one.removes(&format!("n{n}")).await;
    }
    let question = asked(&one).await;
    one.handle.confirm(question.id, true).await.unwrap();
    one.syncs().await;
    two.syncs().await;
    let question = two.comes_to(Phase::Attention).await.question.unwrap();
    // belayd may be started again before its owner answers.
    let two = two.restarts(&cloud).await;
    two.comes_to(Phase::Attention).await;
    two.handle.confirm(question.id, false).await.unwrap();
    two.syncs().await;
    one.syncs().await;
    assert_eq!((one.has().await.len(), two.has().await.len()), (30, 30));
}
