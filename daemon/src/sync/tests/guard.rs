//! Before much is deleted its owner is asked.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use super::super::{Phase, Question, SyncError, View};
use super::rig::{CONTACTS, Cloud, Kept, Phone, phone, put};

pub async fn two_with(cloud: &Arc<Cloud>, records: usize) -> (Phone, Phone) {
    let (one, two) = (phone(cloud).await, phone(cloud).await);
    let puts = (0..records).map(|n| put(&format!("n{n}"), 0, "a")).collect();
    one.handle.put_many(CONTACTS, puts).await.unwrap();
    one.syncs().await;
    two.syncs().await;
    (one, two)
}

/// What a device asks once it has heard of the removal of 25 records.
pub async fn asked(phone: &Phone) -> Question {
    let mut watch = phone.handle.watch();
    let all = |view: &View| {
        view.question
            .as_ref()
            .is_some_and(|question| question.removed == 25)
    };
    watch.wait_for(all).await.unwrap().question.clone().unwrap()
}

/// A device that asks after the removal of 25 of 30 records, and is paused.
async fn asked_and_paused() -> (Arc<Cloud>, Phone, Question) {
    let cloud = Arc::new(Cloud::default());
    let (one, _two) = two_with(&cloud, 30).await;
    for n in 0..25 {
        one.removes(&format!("n{n}")).await;
    }
    let question = asked(&one).await;
    one.handle.pause().await.unwrap();
    (cloud, one, question)
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

/// Ten records more go than went before, and it is asked after them.
async fn ten_more_are_asked_after(one: &Phone, gone: usize) -> Question {
    for n in gone..gone + 10 {
        one.removes(&format!("n{n}")).await;
    }
    one.syncs().await;
    let question = one.comes_to(Phase::Attention).await.question.unwrap();
    assert_eq!(question.removed, 10, "what has gone is gone");
    question
}

#[tokio::test]
async fn what_empties_a_few_records_a_round_is_asked_after_all_the_same() {
    let cloud = Arc::new(Cloud::default());
    let (one, two) = two_with(&cloud, 40).await;
    for n in 0..15 {
        one.removes(&format!("n{n}")).await;
    }
    one.syncs().await;
    two.syncs().await;
    assert_eq!(two.has().await.len(), 25, "so few go unasked");
    let question = ten_more_are_asked_after(&one, 15).await;
    let one = one.restarts(&cloud).await;
    assert_eq!(
        one.comes_to(Phase::Attention).await.question.as_ref(),
        Some(&question)
    );
    one.handle.confirm(question.id, true).await.unwrap();
    one.syncs().await;
    // The other one has heard of fifteen before.
    two.syncs().await;
    let question = two.comes_to(Phase::Attention).await.question.unwrap();
    assert_eq!((question.removed, question.from_cloud), (10, true));
    two.handle.confirm(question.id, false).await.unwrap();
    assert_eq!(two.has().await.len(), 25);
}

#[tokio::test]
async fn a_push_of_removals_whose_answer_is_lost_counts_once_it_is_known() {
    let cloud = Arc::new(Cloud::default());
    let (one, _two) = two_with(&cloud, 40).await;
    for n in 0..15 {
        one.removes(&format!("n{n}")).await;
    }
    *cloud.loses.lock().unwrap() = true;
    assert_eq!(one.handle.sync_now(vec![]).await, Err(SyncError::Offline));
    one.syncs().await;
    assert_eq!(one.handle.view().collections[CONTACTS].pending, 0);
    ten_more_are_asked_after(&one, 15).await;
}

#[tokio::test]
async fn removals_that_meet_an_older_revision_at_the_cloud_count_once_they_are_there() {
    let cloud = Arc::new(Cloud::default());
    let (one, _two) = two_with(&cloud, 40).await;
    let older = cloud.kept.lock().unwrap().records.clone();
    for n in 0..15 {
        one.puts(&format!("n{n}"), "b").await;
    }
    one.syncs().await;
    for n in 0..15 {
        one.removes(&format!("n{n}")).await;
    }
    // Without a word the cloud goes back: what is pushed meets what was there before, and goes once more.
    cloud.kept.lock().unwrap().records = older;
    one.syncs().await;
    assert_eq!(one.handle.view().collections[CONTACTS].pending, 0);
    ten_more_are_asked_after(&one, 15).await;
}

#[tokio::test]
async fn the_owner_s_answer_and_a_day_later_end_what_is_counted() {
    let cloud = Arc::new(Cloud::default());
    let (one, _two) = two_with(&cloud, 60).await;
    for n in 0..15 {
        one.removes(&format!("n{n}")).await;
    }
    one.syncs().await;
    let question = ten_more_are_asked_after(&one, 15).await;
    one.handle.confirm(question.id, true).await.unwrap();
    for n in 25..40 {
        one.removes(&format!("n{n}")).await;
        one.syncs().await;
    }
    assert_eq!(one.handle.view().question, None);
    one.clock.advance(Duration::from_secs(24 * 3600));
    for n in 40..55 {
        one.removes(&format!("n{n}")).await;
    }
    one.syncs().await;
    let view = one.handle.view();
    assert_eq!((view.question, view.collections[CONTACTS].pending), (None, 0));
}

#[tokio::test]
async fn a_warden_that_takes_its_time_over_the_keys_of_an_answer_keeps_nobody_else_waiting() {
    let (cloud, one, question) = asked_and_paused().await;
    // No keys are known after a start.
    let one = one.restarts(&cloud).await;
    one.holds.send_replace(true);
    let mut confirming = pin!(one.handle.confirm(question.id, false));
    let other = async {
        let pausing = one.handle.pause();
        tokio::time::timeout(Duration::from_secs(60), pausing)
            .await
            .unwrap()
    };
    tokio::select! {
        biased;
        answered = &mut confirming => panic!("{answered:?}"),
        paused = other => paused.unwrap(),
    }
    one.holds.send_replace(false);
    confirming.await.unwrap();
    assert_eq!((one.has().await.len(), one.handle.view().question), (30, None));
}

#[tokio::test]
async fn a_question_stands_until_it_is_answered_however_long_ago_what_counts_with_it_went() {
    let cloud = Arc::new(Cloud::default());
    let (one, two) = two_with(&cloud, 40).await;
    for n in 0..15 {
        one.removes(&format!("n{n}")).await;
    }
    one.syncs().await;
    two.syncs().await;
    let here = ten_more_are_asked_after(&one, 15).await;
    one.clock.advance(Duration::from_secs(25 * 3600));
    one.syncs().await;
    let one = one.restarts(&cloud).await;
    one.clock.advance(Duration::from_secs(25 * 3600));
    one.syncs().await;
    let view = one.comes_to(Phase::Attention).await;
    assert_eq!(
        (view.question.as_ref(), view.collections[CONTACTS].pending),
        (Some(&here), 10)
    );
    two.syncs().await;
    assert_eq!(two.has().await.len(), 25);
    one.handle.confirm(here.id, true).await.unwrap();
    one.syncs().await;
    // What was removed elsewhere, likewise.
    two.syncs().await;
    let there = two.comes_to(Phase::Attention).await.question;
    two.clock.advance(Duration::from_secs(25 * 3600));
    two.syncs().await;
    assert_eq!(
        (two.has().await.len(), two.handle.view().question),
        (25, there.clone())
    );
    two.handle.confirm(there.unwrap().id, true).await.unwrap();
    assert_eq!(two.has().await.len(), 15);
}

#[tokio::test]
async fn a_question_ends_when_what_it_is_about_is_put_back() {
    let cloud = Arc::new(Cloud::default());
    let (one, _two) = two_with(&cloud, 30).await;
    for n in 0..25 {
        one.removes(&format!("n{n}")).await;
    }
    asked(&one).await;
    for n in 0..10 {
        one.puts(&format!("n{n}"), "b").await;
    }
    one.syncs().await;
    let view = one.handle.view();
    assert_eq!((view.question, view.collections[CONTACTS].pending), (None, 0));
}

#[tokio::test]
async fn what_was_changed_and_then_deleted_by_mistake_comes_back_as_it_was_last() {
    let cloud = Arc::new(Cloud::default());
    let (one, two) = two_with(&cloud, 30).await;
    one.handle.pause().await.unwrap();
    one.puts("n0", "b").await;
    one.puts("n1", "b").await;
    one.puts("n1", "c").await;
    for n in 0..25 {
        one.removes(&format!("n{n}")).await;
    }
    // One that was put back meanwhile isn't other than it is.
    one.puts("n2", "d").await;
    one.removes("n2").await;
    one.puts("n2", "e").await;
    one.removes("n2").await;
    let one = one.restarts(&cloud).await;
    let question = asked(&one).await;
    one.handle.resume().await.unwrap();
    one.handle.confirm(question.id, false).await.unwrap();
    one.syncs().await;
    two.syncs().await;
    for phone in [&one, &two] {
        let has = phone.has().await;
        let said = |n: &str| has[n].clone();
        assert_eq!(
            (has.len(), [said("n0"), said("n1"), said("n2"), said("n3")]),
            (30, ["b", "c", "e", "a"].map(str::to_owned))
        );
    }
}

#[tokio::test]
async fn however_many_removals_wait_all_are_taken_or_undone() {
    const MANY: usize = 280;
    for yes in [true, false] {
        let cloud = Arc::new(Cloud::default());
        let (one, two) = two_with(&cloud, MANY).await;
        for n in 0..MANY {
            one.removes(&format!("n{n}")).await;
        }
        one.syncs().await;
        let question = one.comes_to(Phase::Attention).await.question.unwrap();
        one.handle.confirm(question.id, true).await.unwrap();
        one.syncs().await;
        two.syncs().await;
        let question = two.comes_to(Phase::Attention).await.question.unwrap();
        assert_eq!((question.removed, question.from_cloud), (MANY as u64, true));
        two.handle.confirm(question.id, yes).await.unwrap();
        let left = if yes { 0 } else { MANY };
        assert_eq!(two.has().await.len(), left);
        two.syncs().await;
        one.syncs().await;
        assert_eq!(one.has().await.len(), left);
    }
}

#[tokio::test]
async fn an_answer_is_there_after_a_restart_before_anything_came_of_it_and_answers_once() {
    for (yes, gone) in [(true, 25), (false, 0)] {
        let (cloud, one, question) = asked_and_paused().await;
        one.handle.confirm(question.id.clone(), yes).await.unwrap();
        let one = one.restarts(&cloud).await;
        let again = one.handle.confirm(question.id, !yes).await;
        assert_eq!(again, Err(SyncError::NotFound));
        one.handle.resume().await.unwrap();
        one.syncs().await;
        assert_eq!(one.handle.view().question, None);
        assert_eq!(one.has().await.len(), 30 - gone);
        let kept = cloud.kept.lock().unwrap();
        let removed = kept.records.values().filter(|(_, record)| record.removed);
        assert_eq!(removed.count(), gone);
    }
}

#[tokio::test]
async fn versions_that_were_replaced_here_before_they_came_go_unasked_however_many_they_are() {
    const MANY: usize = 25;
    let cloud = Arc::new(Cloud::default());
    let (one, two) = two_with(&cloud, MANY).await;
    for n in 0..MANY {
        one.puts(&format!("n{n}"), "another").await;
    }
    one.syncs().await;
    // The second phone, which hasn't heard of that, puts what was replaced beside what a third one made.
    cloud.goes_on_with(&Kept::default());
    let three = phone(&cloud).await;
    let theirs = (0..MANY).map(|n| put(&format!("n{n}"), 0, "theirs")).collect();
    three.handle.put_many(CONTACTS, theirs).await.unwrap();
    three.syncs().await;
    two.syncs().await;
    assert_eq!(two.has().await.len(), 2 * MANY);
    one.syncs().await;
    let view = one.handle.view();
    assert_eq!((view.question, view.collections[CONTACTS].pending), (None, 0));
    let has = one.has().await;
    for (text, many) in [("a", 0), ("another", MANY), ("theirs", MANY)] {
        assert_eq!(has.values().filter(|said| *said == text).count(), many, "{text}");
    }
}
