//! What the device does by itself: counted in boot time over reboots, rehearsed when asked to.

use std::time::Duration;

use belay_proto::clock::Clock;
use belay_proto::dbus::LockState;
use belay_proto::signed::Action;
use belay_proto::steps::{
    Policies, PolicyChanges, Purpose, SET_FIND, SET_POLICIES, SetFindInput, policies_subject,
};
use belay_warden::core::command::wipe::TELLING;
use belay_warden::core::refusal::Refusal;
use belay_warden::enforce::{EnforceError, Job};

use crate::owner::{bound, lock, wipe};
use crate::support::{Device, PASSWORD, Running};

const HOUR: Duration = Duration::from_secs(3600);
const DAY_MS: u64 = 24 * 3600 * 1000;

fn lock_after_a_day() -> PolicyChanges {
    PolicyChanges {
        lock_after_offline: Some(DAY_MS),
        ..PolicyChanges::default()
    }
}

pub fn wipe_after_two_days() -> PolicyChanges {
    PolicyChanges {
        wipe_after_offline: Some(2 * DAY_MS),
        ..PolicyChanges::default()
    }
}

/// Lets time pass as the watch does: asks again whenever the warden says so.
pub async fn pass(device: &Device, warden: &Running, hours: u32) {
    for _ in 0..hours {
        device.clock.advance(HOUR);
        warden.tick(device).await;
    }
}

#[tokio::test]
async fn a_device_locks_itself_after_its_time_without_contact_and_not_before() {
    let (device, warden, _) = bound().await;
    assert_eq!(warden.tick(&device).await, None, "nothing is armed");
    warden.set_policies(&lock_after_a_day()).await.unwrap();
    assert_eq!(
        warden.tick(&device).await,
        Some(HOUR / 8),
        "so that counts are written down"
    );
    pass(&device, &warden, 20).await;
    warden.handle.beat().await.unwrap();
    pass(&device, &warden, 23).await;
    device.clock.advance(HOUR - Duration::from_secs(90));
    assert_eq!(warden.tick(&device).await, Some(Duration::from_secs(90)));
    assert_eq!(warden.handle.snapshot().lock, LockState::Unlocked);
    device.clock.advance(Duration::from_secs(90));
    warden.tick(&device).await;
    assert_eq!(warden.handle.snapshot().lock, LockState::Lost);
    assert_eq!(device.system.job(1).await, Job::Lost);
    warden.unlock_at_screen(PASSWORD).await.unwrap();
    warden.tick(&device).await;
    assert_eq!(
        warden.handle.snapshot().lock,
        LockState::Unlocked,
        "the owner being here is contact too"
    );
}

#[tokio::test]
async fn reboots_take_nothing_from_the_count_and_add_nothing() {
    let (device, mut warden, _) = bound().await;
    warden.set_policies(&lock_after_a_day()).await.unwrap();
    for _ in 0..3 {
        pass(&device, &warden, 7).await;
        drop(warden);
        device.new_boot();
        warden = device.start();
        assert_eq!(warden.handle.snapshot().lock, LockState::Unlocked);
    }
    pass(&device, &warden, 2).await;
    assert_eq!(warden.handle.snapshot().lock, LockState::Unlocked, "after 23 h");
    pass(&device, &warden, 1).await;
    assert_eq!(warden.handle.snapshot().lock, LockState::Lost);
}

#[tokio::test]
async fn a_wipe_needs_72_hours_lost_then_its_time_then_an_hour_that_is_heard() {
    let (device, warden, mut owner) = bound().await;
    warden.set_policies(&wipe_after_two_days()).await.unwrap();
    pass(&device, &warden, 100).await;
    let (_, locks) = owner.signed(lock());
    warden.command(locks).await;
    device.system.job(1).await;
    pass(&device, &warden, 72 + 48 - 1).await;
    assert!(warden.effects().await.waiting.is_empty());
    pass(&device, &warden, 1).await;
    let rings = warden.effects().await.waiting;
    assert_eq!(
        Action::of_effect(&rings[0]).unwrap(),
        Action::Ring { seconds: 3600 }
    );
    assert_eq!(warden.handle.snapshot().lock, LockState::Lost);
    device.clock.advance(HOUR - Duration::from_secs(1));
    assert_eq!(warden.tick(&device).await, Some(Duration::from_secs(1)));
    assert_eq!(warden.handle.snapshot().lock, LockState::Lost);
    device.clock.advance(Duration::from_secs(1));
    warden.tick(&device).await;
    assert_eq!(warden.handle.snapshot().lock, LockState::Wiping);
    device.clock.advance(Duration::from_secs(10));
    assert!(matches!(device.system.job(2).await, Job::Prepare(_)));
    assert!(matches!(device.system.job(3).await, Job::Wipe(_)));
    assert_eq!(warden.count("wipe-countdown").await, 1);
}

#[tokio::test]
async fn contact_stops_the_countdown_and_silences_it() {
    let (device, warden, mut owner) = bound().await;
    warden.set_policies(&wipe_after_two_days()).await.unwrap();
    let (_, locks) = owner.signed(lock());
    warden.command(locks).await;
    pass(&device, &warden, 72 + 48).await;
    let ring = warden.effects().await.waiting[0].command;
    warden.begin(ring).await.unwrap();
    warden.handle.beat().await.unwrap();
    let waiting = warden.effects().await.waiting;
    assert_eq!(Action::of_effect(&waiting[0]).unwrap(), Action::StopRing);
    warden.end(ring, true, "").await.unwrap();
    pass(&device, &warden, 47).await;
    assert_eq!(warden.handle.snapshot().lock, LockState::Lost);
    assert_eq!(warden.count("wipe-countdown").await, 1);
}

#[tokio::test]
async fn a_reboot_silences_no_countdown() {
    let (device, warden, mut owner) = bound().await;
    warden.set_policies(&wipe_after_two_days()).await.unwrap();
    let (_, locks) = owner.signed(lock());
    warden.command(locks).await;
    pass(&device, &warden, 72 + 48).await;
    let ring = warden.effects().await.waiting[0].command;
    warden.begin(ring).await.unwrap();
    device.clock.advance(HOUR / 2);
    warden.report().await;
    drop(warden);
    device.new_boot();
    let warden = device.start();
    let effects = warden.effects().await;
    let rings: Vec<_> = effects.waiting.iter().map(Action::of_effect).collect();
    assert!(
        matches!(rings[..], [Ok(Action::Ring { seconds: 1..=1800 })]),
        "{rings:?}"
    );
    assert!(effects.begun.is_empty());
    warden.begin(ring).await.unwrap();
    assert_eq!(warden.effects().await.begun, [ring], "once a boot");
}

#[tokio::test]
async fn after_a_wipe_that_was_refused_and_an_unlock_the_device_still_locks_itself() {
    let (device, warden, mut owner) = bound().await;
    warden.set_policies(&lock_after_a_day()).await.unwrap();
    let (_, locks) = owner.signed(lock());
    warden.command(locks).await;
    device.system.job(1).await;
    device
        .system
        .answers(Err(EnforceError::Refused("mounted".to_owned())));
    owner.now += 1000;
    let mut wipes = owner.command(wipe());
    wipes.presence = warden.report().await.presence;
    warden.command(owner.sign(&wipes)).await;
    device.clock.advance(TELLING);
    warden.until_told(wipes.id, "failed mounted").await;
    device.system.answers(Ok(()));
    warden.unlock_at_screen(PASSWORD).await.unwrap();
    pass(&device, &warden, 24).await;
    assert_eq!(warden.handle.snapshot().lock, LockState::Lost);
}

/// Restarts the device each time it was up for so long, until it locks itself; answers for how long it was up in all.
async fn up_until_locked(each: Duration) -> Duration {
    let (device, mut warden, _) = bound().await;
    warden.set_policies(&lock_after_a_day()).await.unwrap();
    drop(warden);
    let mut up = Duration::ZERO;
    loop {
        device.new_boot();
        warden = device.start();
        let end = device.clock.boottime() + each;
        // As the watch asks.
        while let Some(wait) = warden.tick(&device).await {
            let left = end - device.clock.boottime();
            device.clock.advance(wait.min(left));
            if wait >= left {
                break;
            }
        }
        up += each;
        if warden.handle.snapshot().lock == LockState::Lost {
            return up;
        }
        assert!(up < 2 * 24 * HOUR, "the policy doesn't apply");
        drop(warden);
    }
}

#[tokio::test]
async fn whoever_restarts_the_device_again_and_again_gains_an_eighth_at_most() {
    let each = Duration::from_secs(50 * 60);
    let up = up_until_locked(each).await;
    assert!(up <= 24 * HOUR * 8 / 7 + each, "{up:?}");
}

#[tokio::test]
async fn a_warden_that_is_told_to_end_has_written_down_what_was_counted() {
    let (device, warden, _) = bound().await;
    warden.set_policies(&lock_after_a_day()).await.unwrap();
    pass(&device, &warden, 23).await;
    let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
    device.clock.advance(minutes(9));
    warden.handle.stop().await.unwrap();
    drop(warden);
    device.new_boot();
    let warden = device.start();
    device.clock.advance(minutes(51));
    warden.tick(&device).await;
    assert_eq!(warden.handle.snapshot().lock, LockState::Lost);
}

#[tokio::test]
async fn a_rehearsal_only_says_what_would_happen() {
    let (device, warden, mut owner) = bound().await;
    let changes = PolicyChanges {
        wipe_after_offline: Some(2 * DAY_MS),
        lock_on_sim_change: Some(true),
        dry_run: Some(true),
        ..lock_after_a_day()
    };
    warden.set_policies(&changes).await.unwrap();
    pass(&device, &warden, 60).await;
    assert_eq!(warden.handle.snapshot().lock, LockState::Unlocked);
    assert_eq!(warden.count("policy-rehearsed").await, 1, "once for one silence");
    assert_eq!(
        warden.tick(&device).await,
        Some(HOUR / 6),
        "to write down what was counted"
    );
    warden.handle.tighten("sim-change".to_owned()).await.unwrap();
    assert_eq!(warden.handle.snapshot().lock, LockState::Unlocked);
    let (_, locks) = owner.signed(lock());
    warden.command(locks).await;
    pass(&device, &warden, 200).await;
    assert_eq!(warden.handle.snapshot().lock, LockState::Lost);
    assert!(warden.effects().await.waiting.is_empty());
    assert_eq!(warden.count("policy-rehearsed").await, 3);
}

#[tokio::test]
async fn another_sim_locks_only_when_the_owner_said_so() {
    let (_device, warden, _) = bound().await;
    warden.handle.tighten("sim-change".to_owned()).await.unwrap();
    warden.handle.tighten("accessory-lost".to_owned()).await.unwrap();
    assert_eq!(warden.handle.snapshot().lock, LockState::Unlocked);
    let changes = PolicyChanges {
        lock_on_sim_change: Some(true),
        ..PolicyChanges::default()
    };
    warden.set_policies(&changes).await.unwrap();
    warden.handle.tighten("accessory-lost".to_owned()).await.unwrap();
    assert_eq!(warden.handle.snapshot().lock, LockState::Unlocked);
    warden.handle.tighten("sim-change".to_owned()).await.unwrap();
    assert_eq!(warden.handle.snapshot().lock, LockState::Lost);
}

#[tokio::test]
async fn with_find_off_nothing_locks_the_device_by_itself_and_once_it_is_on_again_counting_begins_anew() {
    let (device, warden, _) = bound().await;
    let changes = PolicyChanges {
        lock_on_sim_change: Some(true),
        lock_on_accessory_lost: Some(true),
        ..lock_after_a_day()
    };
    warden.set_policies(&changes).await.unwrap();
    pass(&device, &warden, 20).await;
    warden.set_find(false).await.unwrap();
    assert_eq!(warden.tick(&device).await, None, "nothing is waited for");
    pass(&device, &warden, 30).await;
    for reason in ["sim-change", "accessory-lost", "stolen"] {
        warden.handle.tighten(reason.to_owned()).await.unwrap();
    }
    drop(warden);
    device.new_boot();
    let warden = device.start();
    pass(&device, &warden, 30).await;
    assert_eq!(warden.handle.snapshot().lock, LockState::Unlocked);
    assert!(
        warden.handle.snapshot().policies.lock_on_sim_change,
        "they are kept"
    );
    warden.set_find(true).await.unwrap();
    pass(&device, &warden, 23).await;
    assert_eq!(warden.handle.snapshot().lock, LockState::Unlocked);
    pass(&device, &warden, 1).await;
    assert_eq!(warden.handle.snapshot().lock, LockState::Lost);
    warden.unlock_at_screen(PASSWORD).await.unwrap();
    warden.handle.tighten("sim-change".to_owned()).await.unwrap();
    assert_eq!(warden.handle.snapshot().lock, LockState::Lost);
}

#[tokio::test]
async fn policies_change_one_by_one_and_survive_a_restart() {
    let (device, warden, _) = bound().await;
    warden.set_policies(&lock_after_a_day()).await.unwrap();
    let number = PolicyChanges {
        trusted_number: Some("+41791234567".to_owned()),
        ..PolicyChanges::default()
    };
    warden.set_policies(&number).await.unwrap();
    drop(warden);
    let expected = Policies {
        lock_after_offline: DAY_MS,
        trusted_number: "+41791234567".to_owned(),
        ..Policies::default()
    };
    assert_eq!(device.start().handle.snapshot().policies, expected);
}

#[tokio::test]
async fn a_ticket_sets_what_it_was_given_for_and_nothing_else() {
    let (_device, warden, _) = bound().await;
    let subject = policies_subject(&lock_after_a_day());
    let ticket = warden
        .present(Purpose::Policies, &subject, PASSWORD)
        .await
        .unwrap();
    let other = wipe_after_two_days().encode();
    let answer = warden.use_ticket(&ticket, SET_POLICIES, other).await;
    assert_eq!(answer, Err(Refusal::BadTicket));
    let ticket = warden.present(Purpose::Find, "on", PASSWORD).await.unwrap();
    let off = SetFindInput { enabled: false }.encode();
    assert_eq!(
        warden.use_ticket(&ticket, SET_FIND, off).await,
        Err(Refusal::BadTicket)
    );
    let wrong = warden
        .present(Purpose::Find, "off", "quiet-heron-71-umbrella")
        .await
        .unwrap();
    let off = SetFindInput { enabled: false }.encode();
    assert_eq!(
        warden.use_ticket(&wrong, SET_FIND, off).await,
        Err(Refusal::WrongPassword)
    );
    assert!(warden.handle.snapshot().find);
    let soon = PolicyChanges {
        lock_after_offline: Some(DAY_MS - 1),
        ..PolicyChanges::default()
    };
    assert!(matches!(
        warden.set_policies(&soon).await,
        Err(Refusal::InvalidArgument(_))
    ));
}

#[tokio::test]
async fn somebody_watches_while_there_is_something_to_watch() {
    let (device, warden, _) = bound().await;
    warden.report().await;
    assert_eq!(device.system.watches(), 0);
    warden.set_policies(&lock_after_a_day()).await.unwrap();
    device.system.watched(1).await;
    drop(warden);
    let warden = device.start();
    device.system.watched(2).await;
    drop(warden);
    let warden = device.start();
    warden.set_find(false).await.unwrap();
    let before = device.system.watches();
    drop(warden);
    let warden = device.start();
    warden.report().await;
    assert_eq!(device.system.watches(), before, "with find off there is nothing");
}
