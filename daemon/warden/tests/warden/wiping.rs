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

pub fn intent(device: &Device) -> Option<serde_json::Value> {
    let text = fs::read(device.places().wipe_intent()).ok()?;
    Some(serde_json::from_slice(&text).unwrap())
}

pub fn bury(device: &Device, state: &str, command: CommandId) {
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
    warden.report().await;
    assert!(device.system.jobs().is_empty() && intent(&device).is_none());
    assert!(!warden.handle.snapshot().kept, "it may still be called off");
    warden.outcomes(told[0].sequence).await;
    assert_eq!(device.system.job(1).await, Job::Prepare(id));
    assert_eq!(device.system.job(2).await, Job::Wipe(id));
    assert!(warden.handle.snapshot().kept);
    let expected = serde_json::json!({"command": id.to_string(), "external": true, "keep_esim": false});
    assert_eq!(intent(&device), Some(expected));
    let Lock::Wiping(wipe) = device.load().lock else {
        panic!("wiping")
    };
    assert!(wipe.started && wipe.prepared && wipe.command == id);
}

#[tokio::test]
async fn a_wipe_that_fails_is_tried_again_and_the_owner_hears_why() {
    let (device, warden, mut owner) = bound().await;
    let (id, wipes) = owner.signed(wipe());
    warden.command(wipes).await;
    device
        .system
        .wipes(Err(EnforceError::failed("unit-failed", "test")));
    device.clock.advance(TELLING);
    warden.until_told(id, "deferred unit-failed").await;
    device.system.wipes(Ok(()));
    device.clock.advance(Duration::from_secs(61));
    let life = warden.until_told(id, "done").await;
    assert_eq!(life, ["running", "running", "deferred unit-failed", "done"]);
    assert_eq!(
        device.system.jobs(),
        [Job::Prepare(id), Job::Wipe(id), Job::Wipe(id)]
    );
    assert_eq!(warden.handle.snapshot().lock, LockState::Wiping);
}

#[tokio::test]
async fn a_wipe_waits_ten_seconds_for_a_belayd_that_does_not_ask() {
    let (device, warden, mut owner) = bound().await;
    let (id, wipes) = owner.signed(wipe());
    warden.command(wipes).await;
    device.clock.advance(TELLING - Duration::from_millis(1));
    warden.report().await;
    assert_eq!(device.system.jobs(), []);
    device.clock.advance(Duration::from_millis(1));
    assert_eq!(device.system.job(2).await, Job::Wipe(id));
}

#[tokio::test]
async fn a_lost_target_that_takes_its_time_holds_up_no_wipe() {
    let (device, warden, mut owner) = bound().await;
    let hung = device.system.hangs();
    let (_, locks) = owner.signed(lock());
    warden.command(locks).await;
    assert_eq!(device.system.job(1).await, Job::Lost);
    let (id, wipes) = owner.signed(wipe());
    warden.command(wipes).await;
    device.clock.advance(TELLING);
    assert_eq!(device.system.job(2).await, Job::Prepare(id));
    assert_eq!(device.system.job(3).await, Job::Wipe(id));
    drop(hung);
    warden.until_told(id, "done").await;
    assert_eq!(device.system.jobs(), [Job::Lost, Job::Prepare(id), Job::Wipe(id)]);
}

#[tokio::test]
async fn a_wipe_whose_beginning_cannot_be_stored_is_tried_again_after_pauses() {
    let (device, warden, mut owner) = bound().await;
    drop(warden);
    let disk = StoppingDisk::new(usize::MAX, false);
    let warden = device.start_on(Box::new(disk.clone()));
    let (id, wipes) = owner.signed(wipe());
    warden.command(wipes).await;
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
    owner.now += 1000;
    let mut again = owner.command(wipe());
    again.presence = warden.report().await.presence;
    warden.command(owner.sign(&again)).await;
    device.clock.advance(TELLING);
    assert_eq!(device.system.job(1).await, Job::Prepare(again.id));
    assert_eq!(device.system.job(2).await, Job::Wipe(again.id));
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
async fn what_is_prepared_is_not_asked_again_after_a_restart() {
    let (device, warden, mut owner) = bound().await;
    let (id, wipes) = owner.signed(wipe());
    warden.command(wipes).await;
    device.clock.advance(TELLING);
    warden.until_told(id, "done").await;
    drop(warden);
    device.new_boot();
    let _warden = device.start();
    assert_eq!(device.system.job(3).await, Job::Wipe(id));
}

#[tokio::test]
async fn a_wipe_cut_short_goes_on_after_a_reboot_even_untold() {
    let (device, warden, mut owner) = bound().await;
    let (id, wipes) = owner.signed(wipe());
    warden.command(wipes).await;
    warden.report().await;
    drop(warden);
    device.new_boot();
    let warden = device.start();
    assert_eq!(device.system.job(1).await, Job::Prepare(id));
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
