//! The owner's commands from envelope to outcome.

use belay_proto::dbus::LockState;
use belay_proto::signed::*;
use belay_warden::core::refusal::Refusal;
use belay_warden::core::state::{Binding, Lock};
use belay_warden::enforce::{EnforceError, Job};

use crate::owner::{bound, lock, ring};
use crate::support::{OTHER_PASSWORD, PASSWORD};

fn states(life: &[String]) -> Vec<&str> {
    life.iter().map(String::as_str).collect()
}

#[tokio::test]
async fn a_lock_holds_at_once_is_carried_out_and_told() {
    let (device, warden, mut owner) = bound().await;
    let (id, envelope) = owner.signed(lock());
    assert_eq!(warden.command(envelope.clone()).await, Disposition::Accepted);
    let shown = warden.handle.snapshot();
    assert_eq!((shown.lock, shown.episode), (LockState::Lost, 1));
    let lost = shown.lost.unwrap();
    assert_eq!(
        (lost.message.as_str(), lost.phone.as_str()),
        ("Please call me", "+41791234567")
    );
    assert!(matches!(device.load().lock, Lock::Lost { .. }), "on disk");
    assert_eq!(device.system.job(1).await, Job::Lost);
    let life = warden.until_told(id, "done").await;
    assert_eq!(states(&life), ["running", "done"]);
    assert_eq!(warden.command(envelope).await, Disposition::Replayed);
    assert_eq!(warden.life(id).await.len(), 2, "a replay tells nothing");
}

#[tokio::test]
async fn a_signed_unlock_ends_the_episode_that_it_names() {
    let (device, warden, mut owner) = bound().await;
    let (_, locks) = owner.signed(lock());
    warden.command(locks).await;
    device.system.job(1).await;
    let (id, unlocks) = owner.signed(Action::Unlock);
    assert_eq!(warden.command(unlocks).await, Disposition::Accepted);
    assert_eq!(warden.handle.snapshot().lock, LockState::Unlocked);
    assert_eq!(device.system.job(2).await, Job::Unlock);
    assert_eq!(states(&warden.until_told(id, "done").await), ["running", "done"]);
}

#[tokio::test]
async fn the_password_unlocks_and_the_operating_system_follows() {
    let (device, warden, mut owner) = bound().await;
    let (id, locks) = owner.signed(lock());
    warden.command(locks).await;
    device.system.job(1).await;
    warden.until_told(id, "done").await;
    assert_eq!(
        warden.unlock_at_screen(OTHER_PASSWORD).await,
        Err(Refusal::WrongPassword)
    );
    assert_eq!(warden.handle.snapshot().lock, LockState::Lost);
    assert_eq!(warden.unlock_at_screen(PASSWORD).await, Ok(()));
    assert_eq!(warden.handle.snapshot().lock, LockState::Unlocked);
    assert_eq!(device.system.job(2).await, Job::Unlock);
}

#[tokio::test]
async fn what_does_not_hold_is_tried_again_over_a_restart_until_it_does() {
    let (device, warden, mut owner) = bound().await;
    let failed = EnforceError::failed("unit-failed", "test");
    device.system.answers(Err(failed));
    let (id, locks) = owner.signed(lock());
    warden.command(locks).await;
    device.system.job(1).await;
    let life = warden.until_told(id, "deferred unit-failed").await;
    assert_eq!(states(&life), ["running", "deferred unit-failed"]);
    drop(warden);
    device.system.answers(Ok(()));
    let warden = device.start();
    assert_eq!(device.system.job(2).await, Job::Lost);
    assert_eq!(
        warden.until_told(id, "done").await.last().map(String::as_str),
        Some("done")
    );
}

#[tokio::test]
async fn a_failing_system_is_asked_again_as_time_passes() {
    let (device, warden, mut owner) = bound().await;
    device
        .system
        .answers(Err(EnforceError::failed("unit-failed", "test")));
    let (id, locks) = owner.signed(lock());
    warden.command(locks).await;
    for number in 2..6 {
        device.system.job(number - 1).await;
        warden.until_told(id, "deferred unit-failed").await;
        device.clock.advance(std::time::Duration::from_secs(61));
        assert_eq!(device.system.job(number).await, Job::Lost);
    }
    assert_eq!(warden.life(id).await.len(), 2, "told once for one reason");
    assert_eq!(warden.count("enforcement-failed").await, 1);
}

#[tokio::test]
async fn a_ring_is_begun_at_most_once_and_its_end_is_told() {
    let (device, warden, mut owner) = bound().await;
    let (id, rings) = owner.signed(ring());
    assert_eq!(warden.command(rings).await, Disposition::Accepted);
    let effects = warden.effects().await;
    assert_eq!(effects.waiting.len(), 1);
    assert_eq!(
        Action::of_effect(&effects.waiting[0]).unwrap(),
        Action::Ring { seconds: 60 }
    );
    warden.begin(id).await.unwrap();
    assert_eq!(warden.begin(id).await, Err(Refusal::NotFound));
    drop(warden);
    let warden = device.start();
    let effects = warden.effects().await;
    assert_eq!((effects.waiting.len(), effects.begun), (0, vec![id]));
    warden.end(id, true, "").await.unwrap();
    assert_eq!(warden.end(id, true, "").await, Err(Refusal::NotFound));
    assert_eq!(states(&warden.life(id).await), ["accepted", "running", "done"]);
}

#[tokio::test]
async fn a_remote_sign_out_frees_the_device_and_its_end_can_still_be_fetched() {
    let (device, warden, mut owner) = bound().await;
    let (_, locks) = owner.signed(lock());
    warden.command(locks).await;
    let (id, signs_out) = owner.signed(Action::SignOut);
    assert_eq!(warden.command(signs_out).await, Disposition::Accepted);
    assert!(matches!(
        device.load().binding,
        Binding::Unbound { release: Some(_) }
    ));
    assert_eq!(warden.handle.snapshot().lock, LockState::Unlocked);
    assert!(warden.saved_release().await.is_some());
    assert_eq!(states(&warden.life(id).await), ["running", "done"]);
    drop(warden);
    let warden = device.start();
    let outcomes = warden.outcomes(0).await;
    let last = outcomes.last().unwrap();
    assert_eq!((last.command, last.state), (id, CommandState::Done));
    assert!(warden.outcomes(last.sequence).await.is_empty());
}

#[tokio::test]
async fn a_state_report_says_how_the_device_stands_under_a_new_sequence_each_time() {
    let (device, warden, mut owner) = bound().await;
    let first = warden.report().await;
    assert_eq!(
        (first.lock.as_str(), first.episode, first.find),
        ("unlocked", 0, true)
    );
    let (_, locks) = owner.signed(lock());
    warden.command(locks).await;
    drop(warden);
    let report = device.start().report().await;
    assert!(report.sequence > first.sequence);
    assert_eq!((report.lock.as_str(), report.episode), ("lost", 1));
    assert_eq!(report.counter, owner.now);
    assert_eq!(
        report.time, owner.now,
        "the owner's own signature is all it believes"
    );
}
