//! Nothing but the owner's signature and the boot clock tells the warden what time it is.

use std::time::{Duration, SystemTime};

use belay_proto::signed::*;

use crate::owner::{bound, lock, ring};

const MINUTE: u64 = 60 * 1000;
const DAY: u64 = 24 * 60 * MINUTE;

#[tokio::test]
async fn the_wall_clock_moves_nothing() {
    let (device, warden, mut owner) = bound().await;
    let before = warden.report().await.time;
    for years in [0, 30, 400] {
        device
            .clock
            .set_wall(SystemTime::UNIX_EPOCH + Duration::from_millis(years * 365 * DAY));
        assert_eq!(warden.report().await.time, before);
    }
    let (_, rings) = owner.signed(ring());
    assert_eq!(warden.command(rings).await, Disposition::Accepted);
}

#[tokio::test]
async fn a_command_lives_its_life_in_boot_time_not_less_and_not_more() {
    let (device, warden, mut owner) = bound().await;
    // The warden hears what time it is.
    let (_, locks) = owner.signed(Action::StopRing);
    warden.command(locks).await;
    let in_time = owner.command(ring());
    let too_late = owner.command(ring());
    device.clock.advance(Duration::from_millis(10 * MINUTE));
    assert_eq!(warden.command(owner.sign(&in_time)).await, Disposition::Accepted);
    device.clock.advance(Duration::from_millis(1));
    assert_eq!(warden.command(owner.sign(&too_late)).await, Disposition::Expired);
    let effects = warden.effects().await;
    assert!(
        effects.waiting.iter().all(|effect| effect.command != in_time.id),
        "too late to begin"
    );
    assert_eq!(warden.life(in_time.id).await, ["accepted", "failed expired"]);
}

#[tokio::test]
async fn a_longer_life_than_the_longest_is_cut() {
    let (device, warden, mut owner) = bound().await;
    let (_, stops) = owner.signed(Action::StopRing);
    warden.command(stops).await;
    let mut lasting = owner.command(Action::SignOut);
    lasting.expires_at = 0;
    device.clock.advance(Duration::from_millis(30 * DAY + 1));
    assert_eq!(warden.command(owner.sign(&lasting)).await, Disposition::Expired);
}

#[tokio::test]
async fn a_lock_never_expires() {
    let (device, warden, mut owner) = bound().await;
    let (_, locks) = owner.signed(lock());
    device.clock.advance(Duration::from_millis(5000 * DAY));
    assert_eq!(warden.command(locks).await, Disposition::Accepted);
}

#[tokio::test]
async fn a_signature_far_ahead_moves_nothing_and_one_that_is_near_moves_it_for_good() {
    let (device, warden, mut owner) = bound().await;
    let start = warden.report().await.time;
    let mut far = owner.command(ring());
    far.issued_at = start + 400 * DAY + 1;
    far.expires_at = far.issued_at + MINUTE;
    warden.command(owner.sign(&far)).await;
    assert_eq!(warden.report().await.time, start);
    owner.now = start + 399 * DAY;
    let (_, rings) = owner.signed(ring());
    warden.command(rings).await;
    assert_eq!(warden.report().await.time, owner.now);
    drop(warden);
    device.new_boot();
    device.clock.advance(Duration::from_secs(30));
    assert_eq!(device.start().report().await.time, owner.now + 30_000);
}

#[tokio::test]
async fn time_goes_on_over_a_reboot_from_where_it_was_written_down() {
    let (device, warden, mut owner) = bound().await;
    let (_, stops) = owner.signed(Action::StopRing);
    warden.command(stops).await;
    let held_back = owner.command(ring());
    device.clock.advance(Duration::from_millis(6 * MINUTE));
    warden.report().await;
    drop(warden);
    device.new_boot();
    let warden = device.start();
    device.clock.advance(Duration::from_millis(4 * MINUTE + 1));
    assert_eq!(warden.command(owner.sign(&held_back)).await, Disposition::Expired);
}

#[tokio::test]
async fn a_delegates_clock_tells_nothing() {
    let (_device, warden, owner) = bound().await;
    let key = crate::owner::stranger();
    let delegate = Signed::seal(&owner.delegate(&key, &[Verb::Ring]), &owner.key);
    let before = warden.report().await.time;
    let mut ahead = owner.command(ring());
    ahead.issued_at += 11 * 60 * MINUTE;
    ahead.expires_at = ahead.issued_at + MINUTE;
    let bytes = crate::owner::envelope(&ahead, &key, Some(delegate));
    assert_eq!(warden.command(bytes).await, Disposition::Accepted);
    assert_eq!(warden.report().await.time, before);
}
