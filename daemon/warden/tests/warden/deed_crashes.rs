//! Killed at every single write of what follows a command, of what belayd tells, and of what the device does by itself.

use std::time::Duration;

use belay_proto::dbus::LockState;
use belay_proto::signed::*;
use belay_proto::steps::{self, *};
use belay_warden::core::command::wipe::TELLING;
use belay_warden::enforce::Job;

use crate::command_crashes::{at_every_write, once};
use crate::crashes;
use crate::owner::{bound, lock, ring, wipe};
use crate::policies::{pass, wipe_after_two_days};
use crate::support::Running;

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn a_message() {
    let (device, warden, mut owner) = bound().await;
    let (locked, locks) = owner.signed(lock());
    warden.command(locks).await;
    warden.until_told(locked, "done").await;
    drop(warden);
    let text = "Still lost".to_owned();
    let (id, says) = owner.signed(Action::Message { text });
    at_every_write(&device, &says, async |warden, first, second| {
        once(first, second);
        assert_eq!(warden.handle.snapshot().lost.unwrap().message, "Still lost");
        assert_eq!(warden.life(id).await, ["done"]);
    })
    .await;
}

#[tokio::test]
async fn a_cancel() {
    let (device, warden, mut owner) = bound().await;
    let (waiting, rings) = owner.signed(ring());
    warden.command(rings).await;
    drop(warden);
    let (id, cancels) = owner.signed(Action::Cancel { id: waiting });
    at_every_write(&device, &cancels, async |warden, first, second| {
        once(first, second);
        assert!(warden.effects().await.waiting.is_empty());
        assert_eq!(warden.life(waiting).await, ["accepted", "failed cancelled"]);
        assert_eq!(warden.life(id).await, ["done"]);
    })
    .await;
}

#[tokio::test]
async fn a_cancel_that_comes_first() {
    let (device, warden, mut owner) = bound().await;
    drop(warden);
    let (id, rings) = owner.signed(ring());
    let (_, cancels) = owner.signed(Action::Cancel { id });
    at_every_write(&device, &cancels, async |warden, first, second| {
        once(first, second);
        assert_eq!(warden.command(rings.clone()).await, Disposition::Cancelled);
        assert!(warden.effects().await.waiting.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_refusal() {
    let (device, warden, owner) = bound().await;
    drop(warden);
    let mut away = owner.command(wipe());
    away.presence = 1;
    let wipes = owner.sign(&away);
    crashes::at_every_write(
        &device,
        async |warden| warden.handle.command(wipes.clone()).await == Ok(Disposition::Stale),
        async |device, _, answered| {
            let warden = device.start();
            assert!(!answered || warden.life(away.id).await == ["refused stale"]);
            assert_eq!(warden.command(wipes.clone()).await, Disposition::Stale);
            assert_eq!(warden.life(away.id).await, ["refused stale"], "once and for good");
        },
    )
    .await;
}

#[tokio::test]
async fn the_end_of_an_effect() {
    let (device, warden, mut owner) = bound().await;
    let (id, rings) = owner.signed(ring());
    warden.command(rings).await;
    warden.begin(id).await.unwrap();
    drop(warden);
    crashes::at_every_write(
        &device,
        async |warden| warden.end(id, true, "").await.is_ok(),
        async |device, _, answered| {
            let warden = device.start();
            let begun = warden.effects().await.begun;
            assert!(!answered || begun.is_empty());
            if !begun.is_empty() {
                warden.end(id, true, "").await.unwrap();
            }
            assert!(warden.effects().await.begun.is_empty());
            assert_eq!(warden.life(id).await, ["accepted", "running", "done"]);
        },
    )
    .await;
}

#[tokio::test]
async fn outcomes_that_belayd_has() {
    let (device, warden, mut owner) = bound().await;
    for _ in 0..3 {
        let (_, rings) = owner.signed(ring());
        warden.command(rings).await;
    }
    let told = warden.outcomes(0).await;
    drop(warden);
    let (after, rest) = (told[0].sequence, told[1..].to_vec());
    crashes::at_every_write(
        &device,
        async |warden| {
            let input = OutcomesInput { after }.encode();
            warden.use_ticket("", steps::OUTCOMES, input).await.is_ok()
        },
        async |device, _, answered| {
            let left = device.start().outcomes(0).await;
            assert!(left == rest || (!answered && left == told), "none is lost");
        },
    )
    .await;
}

#[tokio::test]
async fn find_turned_off() {
    let (device, warden, mut owner) = bound().await;
    drop(warden);
    let (_, locks) = owner.signed(lock());
    crashes::at_every_write(
        &device,
        async |warden| warden.set_find(false).await.is_ok(),
        async |device, _, answered| {
            let warden = device.start();
            let find = warden.handle.snapshot().find;
            assert!(!answered || !find);
            let judged = warden.command(locks.clone()).await;
            let expected = match find {
                true => Disposition::Accepted,
                false => Disposition::Unsupported,
            };
            assert_eq!(judged, expected, "all of it or nothing");
        },
    )
    .await;
}

#[tokio::test]
async fn policies_that_are_set() {
    let (device, warden, _) = bound().await;
    drop(warden);
    let changes = PolicyChanges {
        lock_on_sim_change: Some(true),
        ..wipe_after_two_days()
    };
    let wanted = Policies::default().changed(&changes).unwrap();
    crashes::at_every_write(
        &device,
        async |warden| warden.set_policies(&changes).await.is_ok(),
        async |device, state, answered| {
            let found = state.book.policies;
            assert!(found == wanted || (!answered && found == Policies::default()));
            device.start().set_policies(&changes).await.unwrap();
            assert_eq!(device.load().book.policies, wanted);
        },
    )
    .await;
}

#[tokio::test]
async fn a_policy_that_locks() {
    let (device, warden, _) = bound().await;
    let changes = PolicyChanges {
        lock_after_offline: Some(24 * 3600 * 1000),
        ..PolicyChanges::default()
    };
    warden.set_policies(&changes).await.unwrap();
    drop(warden);
    device.clock.advance(24 * HOUR);
    crashes::at_every_write(&device, ticks, async |device, state, answered| {
        assert!(!answered || state.lock != belay_warden::core::state::Lock::Unlocked);
        let warden = device.start();
        warden.tick(device).await;
        let snapshot = warden.handle.snapshot();
        assert_eq!((snapshot.lock, snapshot.episode), (LockState::Lost, 1));
        // Logged before it is done, and so once more where that came to nothing.
        assert!((1..=2).contains(&warden.count("locked").await));
    })
    .await;
}

#[tokio::test]
async fn a_policy_that_counts_down_and_wipes() {
    let (device, warden, mut owner) = bound().await;
    warden.set_policies(&wipe_after_two_days()).await.unwrap();
    let (_, locks) = owner.signed(lock());
    warden.command(locks).await;
    device.system.job(1).await;
    pass(&device, &warden, 72 + 48 - 1).await;
    drop(warden);
    device.clock.advance(HOUR);
    crashes::at_every_write(&device, ticks, async |device, _, _| {
        let warden = device.start();
        warden.tick(device).await;
        assert_eq!(warden.handle.snapshot().lock, LockState::Lost);
        assert_eq!(warden.effects().await.waiting.len(), 1, "heard once");
    })
    .await;

    let warden = device.start();
    warden.tick(&device).await;
    drop(warden);
    device.clock.advance(HOUR);
    crashes::at_every_write(&device, ticks, async |device, _, _| {
        let before = device.system.jobs().len();
        let warden = device.start();
        warden.tick(device).await;
        assert_eq!(warden.handle.snapshot().lock, LockState::Wiping);
        device.clock.advance(TELLING);
        let mut job = device.system.job(before + 1).await;
        if job == Job::Lost {
            job = device.system.job(before + 2).await;
        }
        assert!(matches!(job, Job::Prepare(_)), "{job:?}");
    })
    .await;
}

async fn ticks(warden: &Running) -> bool {
    warden.use_ticket("", steps::TICK, Done {}.encode()).await.is_ok()
}

/// The end of the story on the system's side: it followed, and the power goes before that is noted.
#[tokio::test]
async fn a_system_that_followed() {
    let (device, warden, mut owner) = bound().await;
    drop(warden);
    let (id, locks) = owner.signed(lock());
    crashes::at_every_write(
        &device,
        async |warden| {
            let accepted = warden.handle.command(locks.clone()).await == Ok(Disposition::Accepted);
            // As long as the disk does as it is told, the end is told too.
            accepted && ended(warden).await
        },
        async |device, _, _| {
            let warden = device.start();
            warden.command(locks.clone()).await;
            let life = warden.until_told(id, "done").await;
            assert_eq!(life.iter().filter(|told| *told == "done").count(), 1);
        },
    )
    .await;
}

/// Whether the lock is told to hold within a while; not, where the disk has stopped.
async fn ended(warden: &Running) -> bool {
    for _ in 0..1000 {
        let input = OutcomesInput { after: 0 }.encode();
        let Ok(output) = warden.use_ticket("", steps::OUTCOMES, input).await else {
            return false;
        };
        let outcomes = OutcomesOutput::decode(&output).unwrap().outcomes;
        let is_done = |bytes: &Vec<u8>| {
            let outcome: Outcome = Signed::decode(bytes).unwrap().peek_unverified().unwrap();
            outcome.state == CommandState::Done
        };
        if outcomes.last().is_some_and(is_done) {
            return true;
        }
        tokio::task::yield_now().await;
    }
    false
}
