//! What accepted commands have belayd do.

use std::time::Duration;

use belay_proto::signed::Action;
use belay_proto::steps::INTERRUPTED;

use super::rig::rig;

#[tokio::test]
async fn a_ring_is_begun_done_and_ended_at_the_warden() {
    let rig = rig().await;
    rig.settled().await;
    let ring = rig.warden.wants(&Action::Ring { seconds: 30 });
    let stop = rig.warden.wants(&Action::StopRing);
    rig.ended(2).await;
    assert_eq!(*rig.deeds.done.lock().unwrap(), ["ring 30", "stop-ring"]);
    let ended = rig.warden.with(|warden| warden.ended.clone());
    assert_eq!(ended, [(ring, true, String::new()), (stop, true, String::new())]);
}

#[tokio::test]
async fn an_effect_that_fails_ends_with_its_reason_and_one_that_hangs_with_a_timeout() {
    let rig = rig().await;
    *rig.deeds.fails.lock().unwrap() = Some("no-fix");
    rig.warden.wants(&Action::Locate);
    rig.ended(1).await;
    *rig.deeds.hangs.lock().unwrap() = true;
    rig.warden.wants(&Action::Ring { seconds: 1 });
    rig.ended(2).await;
    let reasons: Vec<_> = rig
        .warden
        .with(|warden| warden.ended.iter().map(|end| end.2.clone()).collect());
    assert_eq!(reasons, ["no-fix", "timeout"]);
    let done = rig.deeds.done.lock().unwrap().clone();
    assert_eq!(done, ["locate", "ring 1", "stop-ring"], "it mustn't begin later");
}

#[tokio::test]
async fn what_was_begun_before_a_kill_ends_as_interrupted_and_isnt_done_again() {
    let mut rig = rig().await;
    *rig.deeds.hangs.lock().unwrap() = true;
    let ring = rig.warden.wants(&Action::Ring { seconds: 30 });
    while rig.deeds.done.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    rig.restart();
    rig.ended(1).await;
    let ended = rig.warden.with(|warden| warden.ended.clone());
    assert_eq!(ended, [(ring, false, INTERRUPTED.to_owned())]);
    assert_eq!(rig.deeds.done.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn an_effect_is_done_once_though_every_answer_of_the_warden_may_be_lost() {
    for lost in 1..5 {
        let rig = rig().await;
        rig.connected(true).await;
        rig.posted().await;
        rig.settled().await;
        rig.warden.with(|warden| warden.lose = lost);
        let ring = rig.warden.wants(&Action::Ring { seconds: 30 });
        rig.ended(1).await;
        rig.settled().await;
        rig.clock.advance(Duration::from_secs(900));
        rig.settled().await;
        assert!(rig.deeds.done.lock().unwrap().len() <= 1);
        let ended = rig.warden.with(|warden| warden.ended.clone());
        assert_eq!(ended.len(), 1);
        assert_eq!(ended[0].0, ring);
    }
}

#[tokio::test]
async fn an_effect_whose_beginning_or_end_can_t_be_written_down_is_begun_and_ended_later() {
    for full in 1..4 {
        let rig = rig().await;
        rig.settled().await;
        rig.warden.with(|warden| warden.full = full);
        let ring = rig.warden.wants(&Action::Ring { seconds: 30 });
        rig.ended(1).await;
        let ended = rig.warden.with(|warden| warden.ended.clone());
        assert_eq!(ended, [(ring, true, String::new())], "{full} times");
        assert_eq!(*rig.deeds.done.lock().unwrap(), ["ring 30"]);
    }
}

#[tokio::test]
async fn an_end_that_can_t_be_written_down_is_told_again() {
    let rig = rig().await;
    rig.settled().await;
    *rig.deeds.hangs.lock().unwrap() = true;
    let ring = rig.warden.wants(&Action::Ring { seconds: 30 });
    while rig.deeds.done.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    rig.warden.with(|warden| warden.full = 2);
    rig.ended(1).await;
    let ended = rig.warden.with(|warden| warden.ended.clone());
    assert_eq!(ended, [(ring, false, "timeout".to_owned())]);
    assert_eq!(rig.deeds.done.lock().unwrap()[0], "ring 30");
}
