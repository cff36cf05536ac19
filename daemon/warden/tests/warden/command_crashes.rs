//! Killed at every single write while a command is carried out: once it was accepted it is done, once, and what
//! wasn't accepted can be brought again.

use belay_proto::CommandId;
use belay_proto::signed::*;
use belay_warden::core::state::{Binding, Lock};
use belay_warden::disk::files::Disk;
use belay_warden::disk::vault::Vault;
use belay_warden::enforce::Job;

use crate::each_write::at_each_write;
use crate::owner::{Owner, bound, lock, ring, wipe};
use crate::support::{Device, PASSWORD, Running};

/// Brings `envelope` with the disk stopping at each write in turn, on either side of it; then starts again, brings
/// it again as a cloud does that heard nothing, and has `judge` look.
pub async fn at_every_write(
    device: &Device,
    envelope: &[u8],
    judge: impl AsyncFn(&Running, Option<Disposition>, Disposition),
) {
    at_each_write(
        device,
        async |warden| warden.handle.command(envelope.to_vec()).await.ok(),
        async |device, first, kill| {
            let warden = device.start();
            let second = warden.command(envelope.to_vec()).await;
            let is_accepted = first == Some(Disposition::Accepted);
            if is_accepted {
                assert_eq!(second, Disposition::Replayed, "accepted is remembered: {kill}");
            }
            judge(&warden, first, second).await;
            assert!(is_accepted || !kill.is_none);
        },
    )
    .await;
}

/// Accepted once in all, whenever the power went.
pub fn once(first: Option<Disposition>, second: Disposition) {
    assert!(matches!(
        (first, second),
        (None, Disposition::Accepted | Disposition::Replayed)
            | (Some(Disposition::Accepted), Disposition::Replayed)
    ));
}

#[tokio::test]
async fn a_lock() {
    let (device, warden, mut owner) = bound().await;
    drop(warden);
    let (id, locks) = owner.signed(lock());
    at_every_write(&device, &locks, async |warden, first, second| {
        once(first, second);
        assert_eq!(warden.handle.snapshot().episode, 1, "locked once");
        assert_eq!(warden.until_told(id, "done").await.last().unwrap(), "done");
    })
    .await;
}

#[tokio::test]
async fn an_unlock() {
    let (device, warden, mut owner) = bound().await;
    let (id, locks) = owner.signed(lock());
    warden.command(locks).await;
    warden.until_told(id, "done").await;
    drop(warden);
    let (id, unlocks) = owner.signed(Action::Unlock);
    at_every_write(&device, &unlocks, async |warden, first, second| {
        once(first, second);
        assert_eq!(warden.until_told(id, "done").await, ["running", "done"]);
    })
    .await;
}

#[tokio::test]
async fn a_ring() {
    let (device, warden, mut owner) = bound().await;
    drop(warden);
    let (id, rings) = owner.signed(ring());
    at_every_write(&device, &rings, async |warden, first, second| {
        once(first, second);
        let effects = warden.effects().await;
        assert_eq!(effects.waiting.len(), 1);
        assert_eq!(warden.life(id).await, ["accepted"]);
    })
    .await;
}

#[tokio::test]
async fn a_beginning_is_on_disk_before_belayd_acts() {
    let (device, warden, mut owner) = bound().await;
    let (id, rings) = owner.signed(ring());
    warden.command(rings).await;
    drop(warden);
    at_each_write(
        &device,
        async |warden| warden.begin(id).await.is_ok(),
        async |device, begun, _| {
            let effects = device.start().effects().await;
            assert!(!begun || (effects.waiting.is_empty() && effects.begun == [id]));
            assert_eq!(effects.waiting.len() + effects.begun.len(), 1);
        },
    )
    .await;
}

#[tokio::test]
async fn a_wipe() {
    let (device, warden, mut owner) = bound().await;
    drop(warden);
    let (id, wipes) = owner.signed(wipe());
    at_every_write(&device, &wipes, async |warden, first, second| {
        once(first, second);
        assert_eq!(warden.life(id).await, ["running"]);
        let before = device.system.jobs().len();
        device.clock.advance(std::time::Duration::from_secs(10));
        assert_eq!(device.system.job(before + 1).await, Job::Prepare(id));
        assert_eq!(device.system.job(before + 2).await, Job::Wipe(id));
    })
    .await;
}

#[tokio::test]
async fn a_sign_out() {
    let (device, warden, mut owner) = bound().await;
    let (locked, locks) = owner.signed(lock());
    warden.command(locks).await;
    warden.until_told(locked, "done").await;
    drop(warden);
    let (id, leaves) = owner.signed(Action::SignOut);
    at_each_write(
        &device,
        async |warden| warden.handle.command(leaves.clone()).await.ok(),
        async |device, first, _| {
            let warden = device.start();
            if !is_free(device) {
                assert_eq!(first, None);
                assert_eq!(warden.command(leaves.clone()).await, Disposition::Accepted);
            }
            assert!(is_free(device) && device.load().lock == Lock::Unlocked);
            assert!(warden.saved_release().await.is_some());
            assert_eq!(last_told(&warden, id).await, "done");
        },
    )
    .await;
}

#[tokio::test]
async fn a_password_that_unlocks_while_the_power_goes() {
    let (device, warden, mut owner) = bound().await;
    let (id, locks) = owner.signed(lock());
    warden.command(locks).await;
    warden.until_told(id, "done").await;
    drop(warden);
    crate::crashes::at_every_write(
        &device,
        async |warden| warden.unlock_at_screen(PASSWORD).await.is_ok(),
        async |device, state, answered| {
            assert!(!answered || state.lock == Lock::Unlocked);
            if state.lock != Lock::Unlocked {
                let warden = device.start();
                assert_eq!(warden.unlock_at_screen(PASSWORD).await, Ok(()));
            }
        },
    )
    .await;
}

fn is_free(device: &Device) -> bool {
    let (_, state) = Vault::read(Box::new(Disk), device.places());
    matches!(state.binding, Binding::Unbound { release: Some(_) })
}

async fn last_told(warden: &Running, id: CommandId) -> String {
    warden.life(id).await.pop().unwrap()
}

/// What belayd has is given up only when it says so.
#[tokio::test]
async fn outcomes_wait_until_belayd_says_that_it_has_them() {
    let (device, warden, owner) = bound().await;
    let mut owner: Owner = owner;
    let (first, rings) = owner.signed(ring());
    warden.command(rings).await;
    let (second, rings) = owner.signed(ring());
    warden.command(rings).await;
    let told = warden.outcomes(0).await;
    assert_eq!(
        told.iter().map(|outcome| outcome.command).collect::<Vec<_>>(),
        [first, second]
    );
    assert!(told[0].sequence < told[1].sequence);
    drop(warden);
    let warden = device.start();
    assert_eq!(warden.outcomes(0).await, told);
    assert_eq!(warden.outcomes(told[0].sequence).await, told[1..]);
    assert_eq!(warden.outcomes(0).await, told[1..], "forgotten for good");
}
