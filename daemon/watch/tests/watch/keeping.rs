//! What is kept while the device is lost, and put back once it isn't.

use std::time::Duration;

use crate::services::Picture;
use crate::stage::{Stage, released, time_of};

/// What the owner would find: everything but who is logged in.
fn owners(picture: &Picture) -> (bool, bool, bool, String) {
    (
        picture.networking,
        picture.wireless,
        picture.wwan,
        picture.usb.clone(),
    )
}

fn kept(picture: &Picture) -> bool {
    picture.networking
        && picture.wireless
        && picture.wwan
        && picture.usb == "block"
        && picture.sessions.keys().eq(["c2"])
        && picture.inhibited.len() == 1
}

#[tokio::test]
async fn a_lost_device_is_kept_until_it_is_unlocked_and_then_as_before() {
    let mut stage = Stage::new("lost").await;
    let before = stage.shared.get(owners);
    let watch = stage.start();
    stage.until("kept", kept).await;
    assert!(stage.before().exists());
    let inhibitor = stage.inhibitor().await;
    let inhibited = stage.shared.get(|picture| picture.inhibited.clone());
    assert_eq!(
        inhibited,
        ["shutdown:sleep:handle-power-key:handle-lid-switch:block"]
    );

    stage.lock("unlocked").await;
    assert!(watch.ended().await.success(), "nothing is left to watch");
    assert_eq!(stage.shared.get(owners), before);
    assert!(!stage.before().exists());
    released(inhibitor).await;
}

#[tokio::test]
async fn radios_that_somebody_switches_off_are_on_again_within_two_seconds() {
    let mut stage = Stage::new("lost").await;
    let _watch = stage.start();
    stage.until("kept", kept).await;
    for name in ["WirelessEnabled", "WwanEnabled", "WirelessEnabled"] {
        let took = time_of(async {
            stage.switch(name, false).await;
            stage.until(name, kept).await;
        })
        .await;
        assert!(took < Duration::from_secs(2), "{name}: {took:?}");
    }
    let took = time_of(async {
        stage.network_off().await;
        stage.until("networking", kept).await;
    })
    .await;
    assert!(took < Duration::from_secs(2), "{took:?}");
    // A restart isn't a way around it.
    stage.restart_network(false).await;
    stage.until("after a restart", kept).await;
}

#[tokio::test]
async fn whoever_logs_in_is_logged_out_but_for_the_lost_screen() {
    let stage = Stage::new("wiping").await;
    let _watch = stage.start();
    stage.until("kept", kept).await;
    stage.log_in("c9", "eve").await;
    stage
        .until("logged out", |picture| picture.ended == ["c1", "c9"])
        .await;
    stage.log_in("c10", "belay-screen").await;
    stage.log_in("c11", "root").await;
    stage
        .until("root as well", |picture| picture.ended == ["c1", "c9", "c11"])
        .await;
    assert!(stage.shared.get(|picture| picture.sessions.contains_key("c10")));
}

#[tokio::test]
async fn a_wipe_that_may_still_be_refused_ends_no_session_and_switches_nothing() {
    let stage = Stage::new("wiping").await;
    // A policy keeps the watch.
    stage
        .shared
        .change(|picture| (picture.kept, picture.next) = (false, u64::MAX));
    stage.stop_target().await;
    let before = stage.shared.get(owners);
    let watch = stage.start();
    stage.until("asked", |picture| picture.asked == 1).await;
    stage.log_in("c9", "eve").await;
    stage.hint().await;
    stage.until("asked again", |picture| picture.asked == 2).await;
    assert!(
        stage
            .shared
            .get(|picture| picture.ended.is_empty() && picture.starts.is_empty())
    );
    assert_eq!(stage.shared.get(owners), before);
    // Nothing refuses it any more.
    stage.shared.change(|picture| picture.kept = true);
    stage.hint().await;
    stage
        .until("kept", |picture| picture.ended == ["c1", "c9"] && picture.target)
        .await;
    drop(watch);
}

#[tokio::test]
async fn the_lost_screens_target_is_started_again() {
    let stage = Stage::new("lost").await;
    let _watch = stage.start();
    stage.until("kept", kept).await;
    stage.stop_target().await;
    stage
        .until("started", |picture| {
            picture.target && picture.starts == ["belay-lost.target isolate"]
        })
        .await;
}

#[tokio::test]
async fn a_target_that_goes_as_the_owner_unlocks_stays_down() {
    let stage = Stage::new("lost").await;
    let watch = stage.start();
    stage.until("kept", kept).await;
    // The warden's own word comes later than the target's end.
    stage
        .shared
        .change(|picture| picture.lock = "unlocked".to_owned());
    stage.stop_target().await;
    assert!(watch.ended().await.success());
    assert!(stage.shared.get(|picture| picture.starts.is_empty()));
}

#[tokio::test]
async fn a_killed_watch_goes_on_and_still_knows_how_it_was() {
    let stage = Stage::new("lost").await;
    let before = stage.shared.get(owners);
    let mut watch = stage.start();
    stage.until("kept", kept).await;
    watch.kill();
    stage.switch("WirelessEnabled", false).await;
    let mut watch = stage.start();
    stage
        .until("kept again", |picture| {
            picture.wireless && picture.inhibited.len() == 2
        })
        .await;
    // Unlocked while nobody watches.
    watch.kill();
    stage.lock("unlocked").await;
    assert!(stage.start().ended().await.success());
    assert_eq!(stage.shared.get(owners), before);
    assert!(!stage.before().exists());
}

#[tokio::test]
async fn told_to_end_it_leaves_a_lost_device_as_it_is_and_puts_an_unlocked_one_back() {
    let stage = Stage::new("lost").await;
    let before = stage.shared.get(owners);
    let watch = stage.start();
    stage.until("kept", kept).await;
    watch.terminate();
    assert!(watch.ended().await.success());
    assert!(stage.before().exists() && stage.shared.get(|picture| picture.wwan));

    stage.shared.change(|picture| picture.inhibited.clear());
    let watch = stage.start();
    stage
        .until("kept again", |picture| picture.inhibited.len() == 1)
        .await;
    stage.lock("unlocked").await;
    watch.terminate();
    watch.ended().await;
    // Whichever came first: what it didn't get done, the next one does.
    assert!(stage.start().ended().await.success());
    assert_eq!(stage.shared.get(owners), before);
}

#[tokio::test]
async fn while_a_policy_is_armed_it_stays_and_touches_nothing() {
    let stage = Stage::new("unlocked").await;
    let before = stage.shared.get(owners);
    // Of this boot, and long past: asked again and again, if not at once.
    stage.shared.change(|picture| picture.next = 1);
    let mut watch = stage.start();
    stage.until("two ticks", |picture| picture.ticks >= 2).await;
    assert!(watch.runs());
    assert_eq!(stage.shared.get(owners), before);
    assert!(
        stage
            .shared
            .get(|picture| picture.inhibited.is_empty() && picture.ended.is_empty())
    );
    stage.shared.change(|picture| picture.next = 0);
    stage.hint().await;
    assert!(watch.ended().await.success());
}

#[tokio::test]
async fn a_device_with_nothing_to_watch_is_left_at_once() {
    let stage = Stage::new("unlocked").await;
    assert!(stage.start().ended().await.success());
    assert_eq!(
        stage.shared.get(|picture| picture.ticks),
        2,
        "and once more while it leaves"
    );
}

#[tokio::test]
async fn a_device_that_is_lost_while_the_watch_leaves_is_not_left_alone() {
    let stage = Stage::new("unlocked").await;
    stage
        .shared
        .change(|picture| picture.then = Some("lost".to_owned()));
    assert!(
        !stage.start().ended().await.success(),
        "the service manager starts the next one"
    );
    let _watch = stage.start();
    stage.until("kept", kept).await;
}

#[tokio::test]
async fn a_policy_that_is_armed_while_the_watch_leaves_is_watched() {
    let stage = Stage::new("unlocked").await;
    stage
        .shared
        .change(|picture| picture.then_next = Some(u64::from(u32::MAX)));
    assert!(
        !stage.start().ended().await.success(),
        "the service manager starts the next one"
    );
    assert!(stage.shared.get(|picture| picture.ticks) >= 2);
}

#[tokio::test]
async fn a_lost_device_is_kept_though_nobody_knows_what_was_before() {
    let stage = Stage::new("lost").await;
    std::fs::create_dir_all(stage.before().parent().unwrap()).unwrap();
    std::fs::write(stage.before(), "{\"radios\":").unwrap();
    let _watch = stage.start();
    stage.until("kept", kept).await;
    assert!(stage.before().with_extension("unreadable").exists());
}
