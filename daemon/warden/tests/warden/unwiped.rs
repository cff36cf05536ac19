//! A wipe of which nothing comes: called off, refused, or not to be prepared yet. It costs nobody anything.

use std::time::Duration;

use belay_proto::dbus::LockState;
use belay_proto::signed::*;
use belay_warden::core::command::wipe::TELLING;
use belay_warden::core::state::Lock;
use belay_warden::enforce::{EnforceError, Job};

use crate::owner::{bound, lock, wipe};
use crate::support::PASSWORD;
use crate::wiping::{bury, intent};

fn failed() -> EnforceError {
    EnforceError::failed("unit-not-started", "test")
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
async fn a_cancel_in_time_costs_a_device_that_was_not_lost_before_nothing() {
    let (device, warden, mut owner) = bound().await;
    let (id, wipes) = owner.signed(wipe());
    warden.command(wipes).await;
    let (_, cancels) = owner.signed(Action::Cancel { id });
    warden.command(cancels).await;
    assert_eq!(warden.handle.snapshot().lock, LockState::Unlocked);
    device.clock.advance(TELLING * 2);
    warden.report().await;
    assert_eq!(device.system.jobs(), []);
}

#[tokio::test]
async fn a_device_is_set_free_only_after_the_lost_target_that_a_wipe_overtook_has_ended() {
    let (device, warden, mut owner) = bound().await;
    let hung = device.system.hangs();
    let (_, locks) = owner.signed(lock());
    warden.command(locks).await;
    assert_eq!(device.system.job(1).await, Job::Lost);
    let (id, wipes) = owner.signed(wipe());
    warden.command(wipes).await;
    let refused = EnforceError::Refused("no-such-disk".to_owned());
    device.system.answers(Err(refused));
    device.clock.advance(TELLING);
    warden.until_told(id, "failed no-such-disk").await;
    assert_eq!(warden.unlock_at_screen(PASSWORD).await, Ok(()));
    device.clock.advance(Duration::from_secs(61));
    warden.report().await;
    assert_eq!(device.system.jobs(), [Job::Lost, Job::Prepare(id)]);
    drop(hung);
    assert_eq!(device.system.job(3).await, Job::Unlock);
    assert_eq!(warden.handle.snapshot().lock, LockState::Unlocked);
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
    device
        .system
        .answers(Err(EnforceError::Refused("no-such-disk".to_owned())));
    device.clock.advance(TELLING);
    let life = warden.until_told(id, "failed no-such-disk").await;
    assert_eq!(life, ["running", "running", "failed no-such-disk"]);
    let shown = warden.handle.snapshot();
    assert_eq!((shown.lock, shown.kept), (LockState::Unlocked, false));
    assert!(intent(&device).is_none());
    device.system.answers(Ok(()));
    device.clock.advance(Duration::from_secs(600));
    warden.report().await;
    assert_eq!(
        device.system.jobs(),
        [Job::Prepare(id)],
        "no session ended, and nothing is put back"
    );
}

#[tokio::test]
async fn the_wipe_after_one_that_was_refused_is_asked_at_once() {
    let (device, warden, mut owner) = bound().await;
    let (first, wipes) = owner.signed(wipe());
    warden.command(wipes).await;
    device
        .system
        .answers(Err(EnforceError::Refused("no-such-disk".to_owned())));
    device.clock.advance(TELLING);
    warden.until_told(first, "failed no-such-disk").await;
    device.system.answers(Ok(()));
    owner.now += 1000;
    let (second, wipes) = owner.signed(wipe());
    warden.command(wipes).await;
    let told = warden.outcomes(0).await;
    warden.outcomes(told.last().unwrap().sequence).await;
    assert_eq!(device.system.job(2).await, Job::Prepare(second));
}

#[tokio::test]
async fn a_wipe_that_cannot_be_prepared_is_tried_again_and_nobody_has_the_device_meanwhile() {
    let (device, warden, mut owner) = bound().await;
    let (id, wipes) = owner.signed(wipe());
    warden.command(wipes).await;
    device.system.prepares(Err(failed()));
    device.clock.advance(TELLING);
    warden.until_told(id, "deferred unit-not-started").await;
    assert_eq!(device.system.job(2).await, Job::Lost);
    assert!(warden.handle.snapshot().kept);
    device.clock.advance(Duration::from_secs(61));
    assert_eq!(device.system.job(3).await, Job::Prepare(id));
    // Told once, and kept after a restart too.
    let told = ["running", "running", "deferred unit-not-started"];
    assert_eq!(warden.life(id).await, told);
    drop(warden);
    device.new_boot();
    let warden = device.start();
    assert_eq!(device.system.job(4).await, Job::Lost);
    assert_eq!(device.system.job(5).await, Job::Prepare(id));
    device.system.prepares(Ok(()));
    device.clock.advance(Duration::from_secs(61));
    warden.until_told(id, "done").await;
    assert_eq!(device.system.jobs()[5..], [Job::Prepare(id), Job::Wipe(id)]);
}

#[tokio::test]
async fn what_could_not_be_prepared_and_is_refused_then_gives_the_device_back() {
    let (device, warden, mut owner) = bound().await;
    let (id, wipes) = owner.signed(wipe());
    warden.command(wipes).await;
    device.system.prepares(Err(failed()));
    device.clock.advance(TELLING);
    assert_eq!(device.system.job(2).await, Job::Lost);
    warden.report().await;
    let refused = EnforceError::Refused("no-such-disk".to_owned());
    device.system.prepares(Err(refused));
    device.clock.advance(Duration::from_secs(61));
    warden.until_told(id, "failed no-such-disk").await;
    assert_eq!(device.system.job(4).await, Job::Unlock);
    assert!(!warden.handle.snapshot().kept);
}

#[tokio::test]
async fn a_lock_holds_though_a_wipe_after_it_cannot_be_prepared() {
    let (device, warden, mut owner) = bound().await;
    let (_, locks) = owner.signed(lock());
    warden.command(locks).await;
    assert_eq!(device.system.job(1).await, Job::Lost);
    let (id, wipes) = owner.signed(wipe());
    warden.command(wipes).await;
    device.system.prepares(Err(failed()));
    device.clock.advance(TELLING);
    warden.until_told(id, "deferred unit-not-started").await;
    drop(warden);
    // Another boot, in which nobody is locked out yet.
    device.new_boot();
    let _warden = device.start();
    let jobs = [device.system.job(3).await, device.system.job(4).await];
    assert_eq!(jobs, [Job::Lost, Job::Prepare(id)]);
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
