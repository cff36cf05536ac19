//! The way to a wipe: told first, called off in time, begun once and for all.

use std::fs;
use std::time::Duration;

use belay_proto::CommandId;
use belay_proto::dbus::LockState;
use belay_proto::signed::*;
use belay_warden::core::command::wipe::TELLING;
use belay_warden::core::refusal::Refusal;
use belay_warden::core::state::Lock;
use belay_warden::enforce::{EnforceError, Job};

use crate::owner::{bound, lock, wipe};
use crate::stopping_disk::StoppingDisk;
use crate::support::{Device, PASSWORD};

fn intent(device: &Device) -> Option<serde_json::Value> {
    let text = fs::read(device.places().wipe_intent()).ok()?;
    Some(serde_json::from_slice(&text).unwrap())
}

fn bury(device: &Device, state: &str, command: CommandId) {
    fs::create_dir_all(device.path("wipe")).unwrap();
    let text = serde_json::json!({"state": state, "command": command.to_string()});
    fs::write(device.path("wipe/tombstone"), text.to_string()).unwrap();
}

#[tokio::test]
async fn a_wipe_begins_once_its_news_is_acknowledged_and_its_intent_is_on_disk() {
    let (device, warden, mut owner) = bound().await;
    let (id, wipes) = owner.signed(wipe());
    assert_eq!(warden.command(wipes).await, Disposition::Accepted);
    assert_eq!(warden.handle.snapshot().lock, LockState::Wiping);
    let told = warden.outcomes(0).await;
    assert_eq!(told.len(), 1, "told, and not acknowledged yet");
    assert_eq!(
        device.system.job(1).await,
        Job::Lost,
        "nobody is to get in its way"
    );
    warden.report().await;
    assert!(device.system.jobs() == [Job::Lost] && intent(&device).is_none());
    warden.outcomes(told[0].sequence).await;
    assert_eq!(device.system.job(2).await, Job::Wipe(id));
    let expected = serde_json::json!({"command": id.to_string(), "external": true, "keep_esim": false});
    assert_eq!(intent(&device), Some(expected));
    let Lock::Wiping(wipe) = device.load().lock else {
        panic!("wiping")
    };
    assert!(wipe.started && wipe.command == id);
}

#[tokio::test]
async fn a_wipe_that_fails_is_tried_again_and_the_owner_hears_why() {
    let (device, warden, mut owner) = bound().await;
    let (id, wipes) = owner.signed(wipe());
    warden.command(wipes).await;
    device.system.job(1).await;
    device
        .system
        .answers(Err(EnforceError::failed("unit-failed", "test")));
    device.clock.advance(TELLING);
    warden.until_told(id, "deferred unit-failed").await;
    device.system.answers(Ok(()));
    device.clock.advance(Duration::from_secs(61));
    let life = warden.until_told(id, "done").await;
    assert_eq!(life, ["running", "running", "deferred unit-failed", "done"]);
    assert_eq!(device.system.jobs(), [Job::Lost, Job::Wipe(id), Job::Wipe(id)]);
    assert_eq!(warden.handle.snapshot().lock, LockState::Wiping);
}

#[tokio::test]
async fn a_wipe_waits_ten_seconds_for_a_belayd_that_does_not_ask() {
    let (device, warden, mut owner) = bound().await;
    let (id, wipes) = owner.signed(wipe());
    warden.command(wipes).await;
    device.clock.advance(TELLING - Duration::from_millis(1));
    warden.report().await;
    assert_eq!(device.system.jobs(), [Job::Lost]);
    device.clock.advance(Duration::from_millis(1));
    assert_eq!(device.system.job(2).await, Job::Wipe(id));
}

#[tokio::test]
async fn a_cancel_in_time_leaves_the_lock_as_it_was() {
    let (device, warden, mut owner) = bound().await;
    let (_, locks) = owner.signed(lock());
    warden.command(locks).await;
    device.system.job(1).await;
    let (id, wipes) = owner.signed(wipe());
    warden.command(wipes).await;
    let (cancel, cancels) = owner.signed(Action::Cancel { id });
    warden.command(cancels).await;
    assert_eq!(warden.life(cancel).await, ["done"]);
    assert_eq!(warden.life(id).await, ["running", "failed cancelled"]);
    let shown = warden.handle.snapshot();
    assert_eq!((shown.lock, shown.episode), (LockState::Lost, 1));
    assert_eq!(shown.lost.unwrap().message, "Please call me");
    device.clock.advance(TELLING * 2);
    warden.report().await;
    assert_eq!(device.system.jobs(), [Job::Lost]);
}

#[tokio::test]
async fn a_cancel_in_time_sets_a_device_free_that_was_not_lost_before() {
    let (device, warden, mut owner) = bound().await;
    let (id, wipes) = owner.signed(wipe());
    warden.command(wipes).await;
    assert_eq!(device.system.job(1).await, Job::Lost);
    let (_, cancels) = owner.signed(Action::Cancel { id });
    warden.command(cancels).await;
    assert_eq!(device.system.job(2).await, Job::Unlock);
    assert_eq!(warden.handle.snapshot().lock, LockState::Unlocked);
    device.clock.advance(TELLING * 2);
    warden.report().await;
    assert_eq!(device.system.jobs(), [Job::Lost, Job::Unlock]);
}

#[tokio::test]
async fn a_lost_target_that_takes_its_time_holds_up_no_wipe() {
    let (device, warden, mut owner) = bound().await;
    let hung = device.system.hangs();
    let (id, wipes) = owner.signed(wipe());
    warden.command(wipes).await;
    assert_eq!(device.system.job(1).await, Job::Lost);
    device.clock.advance(TELLING);
    assert_eq!(device.system.job(2).await, Job::Wipe(id));
    drop(hung);
    warden.until_told(id, "done").await;
    assert_eq!(device.system.jobs(), [Job::Lost, Job::Wipe(id)]);
}

#[tokio::test]
async fn a_device_is_set_free_only_after_the_lost_target_that_a_wipe_overtook_has_ended() {
    let (device, warden, mut owner) = bound().await;
    let hung = device.system.hangs();
    let (id, wipes) = owner.signed(wipe());
    warden.command(wipes).await;
    assert_eq!(device.system.job(1).await, Job::Lost);
    let refused = EnforceError::Refused("no-such-disk".to_owned());
    device.system.answers(Err(refused));
    device.clock.advance(TELLING);
    warden.until_told(id, "failed no-such-disk").await;
    device.system.answers(Ok(()));
    device.clock.advance(Duration::from_secs(61));
    warden.report().await;
    assert_eq!(device.system.jobs(), [Job::Lost, Job::Wipe(id)]);
    drop(hung);
    assert_eq!(device.system.job(3).await, Job::Unlock);
    assert_eq!(warden.handle.snapshot().lock, LockState::Unlocked);
}

#[tokio::test]
async fn a_wipe_whose_beginning_cannot_be_stored_is_tried_again_after_pauses() {
    let (device, warden, mut owner) = bound().await;
    drop(warden);
    let disk = StoppingDisk::new(usize::MAX, false);
    let warden = device.start_on(Box::new(disk.clone()));
    let (id, wipes) = owner.signed(wipe());
    warden.command(wipes).await;
    assert_eq!(device.system.job(1).await, Job::Lost);
    warden.report().await;
    disk.stop();
    device.clock.advance(TELLING);
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    let tried = disk.failed();
    assert!((1..20).contains(&tried), "{tried} writes at one moment");
    device.clock.advance(Duration::from_secs(10));
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(disk.failed() > tried);
    disk.revive();
    device.clock.advance(Duration::from_secs(10));
    assert_eq!(device.system.job(2).await, Job::Wipe(id));
}

#[tokio::test]
async fn the_password_calls_a_wipe_off_until_it_has_begun() {
    let (device, warden, mut owner) = bound().await;
    let (id, wipes) = owner.signed(wipe());
    warden.command(wipes).await;
    assert_eq!(warden.unlock_at_screen(PASSWORD).await, Ok(()));
    assert_eq!(warden.life(id).await, ["running", "failed unlocked"]);
    assert_eq!(warden.handle.snapshot().lock, LockState::Unlocked);
    assert_eq!(device.system.job(2).await, Job::Unlock);
    owner.now += 1000;
    let mut again = owner.command(wipe());
    again.presence = warden.report().await.presence;
    warden.command(owner.sign(&again)).await;
    assert_eq!(device.system.job(3).await, Job::Lost);
    device.clock.advance(TELLING);
    assert_eq!(device.system.job(4).await, Job::Wipe(again.id));
    assert_eq!(warden.unlock_at_screen(PASSWORD).await, Err(Refusal::DeviceLost));
    let (cancel, cancels) = owner.signed(Action::Cancel { id: again.id });
    warden.command(cancels).await;
    assert_eq!(warden.life(cancel).await, ["failed too-late"]);
    assert_eq!(warden.handle.snapshot().lock, LockState::Wiping);
}

#[tokio::test]
async fn nothing_but_a_cancel_in_time_comes_between() {
    let (device, warden, mut owner) = bound().await;
    let (_, locks) = owner.signed(lock());
    warden.command(locks).await;
    let (_, wipes) = owner.signed(wipe());
    warden.command(wipes).await;
    let actions = [lock(), Action::Unlock, wipe(), Action::SignOut];
    for (number, action) in actions.into_iter().enumerate() {
        if number == 3 {
            device.clock.advance(TELLING);
        }
        let (_, asked) = owner.signed(action);
        assert_eq!(warden.command(asked).await, Disposition::Already);
        assert_eq!(warden.handle.snapshot().lock, LockState::Wiping);
    }
}

#[tokio::test]
async fn a_lock_that_comes_during_a_wipe_holds_when_the_wipe_is_refused() {
    let (device, warden, mut owner) = bound().await;
    let (wiped, wipes) = owner.signed(wipe());
    warden.command(wipes).await;
    let (locked, locks) = owner.signed(lock());
    assert_eq!(warden.command(locks).await, Disposition::Accepted);
    assert_eq!(warden.handle.snapshot().lock, LockState::Wiping);
    assert_eq!(device.system.job(1).await, Job::Lost);
    warden.until_told(locked, "done").await;
    device
        .system
        .answers(Err(EnforceError::Refused("no-such-disk".to_owned())));
    device.clock.advance(TELLING);
    warden.until_told(wiped, "failed no-such-disk").await;
    let shown = warden.handle.snapshot();
    assert_eq!((shown.lock, shown.episode), (LockState::Lost, 1));
    assert_eq!(shown.lost.unwrap().message, "Please call me");
    drop(warden);
    assert!(matches!(device.load().lock, Lock::Lost { episode: 1, .. }));
}

#[tokio::test]
async fn a_preflight_that_says_no_changes_nothing_and_says_why() {
    let (device, warden, mut owner) = bound().await;
    let (id, wipes) = owner.signed(wipe());
    warden.command(wipes).await;
    device.system.job(1).await;
    device
        .system
        .answers(Err(EnforceError::Refused("no-such-disk".to_owned())));
    device.clock.advance(TELLING);
    let life = warden.until_told(id, "failed no-such-disk").await;
    assert_eq!(life, ["running", "running", "failed no-such-disk"]);
    assert_eq!(warden.handle.snapshot().lock, LockState::Unlocked);
    assert!(intent(&device).is_none());
    device.system.answers(Ok(()));
    device.clock.advance(Duration::from_secs(600));
    warden.report().await;
    assert_eq!(device.system.jobs()[..2], [Job::Lost, Job::Wipe(id)]);
    assert_eq!(device.system.job(3).await, Job::Unlock);
    let wipes = |job: &&Job| matches!(job, Job::Wipe(_));
    assert_eq!(device.system.jobs().iter().filter(wipes).count(), 1);
}

#[tokio::test]
async fn a_wipe_cut_short_goes_on_after_a_reboot_even_untold() {
    let (device, warden, mut owner) = bound().await;
    let (id, wipes) = owner.signed(wipe());
    warden.command(wipes).await;
    device.system.job(1).await;
    drop(warden);
    device.new_boot();
    let warden = device.start();
    assert_eq!(device.system.job(2).await, Job::Wipe(id));
    drop(warden);
    device.new_boot();
    let _warden = device.start();
    assert_eq!(device.system.job(3).await, Job::Wipe(id));
}

#[tokio::test]
async fn the_tombstone_has_the_last_word_and_a_wiped_device_is_not_wiped_again() {
    let (device, warden, mut owner) = bound().await;
    let (id, wipes) = owner.signed(wipe());
    warden.command(wipes).await;
    device.clock.advance(TELLING);
    device.system.job(2).await;
    drop(warden);
    device.new_boot();
    bury(&device, "wiped", id);
    let warden = device.start();
    assert_eq!(warden.handle.snapshot().lock, LockState::Wiped);
    warden.report().await;
    assert_eq!(device.system.jobs().len(), 2);
}

#[tokio::test]
async fn a_warden_that_outlives_the_wipe_opens_for_the_password() {
    let (device, warden, mut owner) = bound().await;
    let (id, wipes) = owner.signed(wipe());
    warden.command(wipes).await;
    device.clock.advance(TELLING);
    warden.until_told(id, "done").await;
    assert_eq!(warden.unlock_at_screen(PASSWORD).await, Err(Refusal::DeviceLost));
    drop(warden);
    bury(&device, "wiped", id);
    let warden = device.start();
    assert_eq!(
        warden.unlock_at_screen("quiet-heron-71-umbrella").await,
        Err(Refusal::WrongPassword)
    );
    assert_eq!(warden.handle.snapshot().lock, LockState::Wiped);
    assert_eq!(warden.unlock_at_screen(PASSWORD).await, Ok(()));
    assert_eq!(warden.handle.snapshot().lock, LockState::Unlocked);
    assert_eq!(warden.life(id).await.last().unwrap(), "done");
    assert!(intent(&device).is_none());
    owner.now += 1000;
    let mut again = owner.command(wipe());
    again.presence = warden.report().await.presence;
    warden.command(owner.sign(&again)).await;
    device.clock.advance(TELLING);
    warden.until_told(again.id, "done").await;
    assert_eq!(warden.unlock_at_screen(PASSWORD).await, Err(Refusal::DeviceLost));
}

#[tokio::test]
async fn a_wipe_that_has_changed_something_never_counts_as_refused() {
    let (device, warden, mut owner) = bound().await;
    let (id, wipes) = owner.signed(wipe());
    device
        .system
        .answers(Err(EnforceError::Refused("no-plan".to_owned())));
    bury(&device, "wiping", id);
    warden.command(wipes).await;
    device.clock.advance(TELLING);
    warden.until_told(id, "deferred no-plan").await;
    assert_eq!(warden.handle.snapshot().lock, LockState::Wiping);
    assert!(intent(&device).is_some());
    device.system.answers(Ok(()));
    device.clock.advance(Duration::from_secs(61));
    warden.until_told(id, "done").await;
}

#[tokio::test]
async fn an_intent_that_nobody_has_is_taken_back() {
    let (device, warden, _) = bound().await;
    drop(warden);
    let stale = serde_json::json!({"command": CommandId::new(), "external": true, "keep_esim": false});
    fs::write(device.places().wipe_intent(), stale.to_string()).unwrap();
    let warden = device.start();
    warden.report().await;
    assert!(intent(&device).is_none());
}

#[tokio::test]
async fn what_is_left_of_a_wiped_warden_says_so() {
    let device = Device::blank();
    bury(&device, "wiped", CommandId::new());
    assert_eq!(device.start().handle.snapshot().lock, LockState::Wiped);
    device.init().unwrap();
    let warden = device.start();
    assert_eq!(warden.handle.snapshot().lock, LockState::Unlocked);
    warden.register().await;
    assert_eq!(
        device.start().handle.snapshot().lock,
        LockState::Unlocked,
        "an earlier owner's wipe"
    );
}

#[tokio::test]
async fn without_a_plan_a_wipe_is_unsupported() {
    let (mut device, warden, mut owner) = bound().await;
    drop(warden);
    device.wipe_class = "none";
    let warden = device.start();
    let (_, wipes) = owner.signed(wipe());
    assert_eq!(warden.command(wipes).await, Disposition::Unsupported);
}
