//! What somebody kept and brings at another time, in another order, for another binding or without its signature, and
//! clocks that lie meanwhile: nothing expires early, nothing late.

use std::time::{Duration, SystemTime};

use belay_proto::cbor::{MapWriter, Value};
use belay_proto::dbus::LockState;
use belay_proto::signed::*;
use belay_proto::steps::PolicyChanges;

use crate::owner::{Owner, bound, lock, ring, wipe};
use crate::support::{Device, PASSWORD, Running};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// What a network, a modem or a battery that ran out makes of the wall clock, s since 1970.
const LIES: [u64; 5] = [0, 4_102_444_800, 1_000_000_000, 253_402_300_799, 1_767_225_600];

/// Lets time pass while the wall clock jumps by years.
fn pass(device: &Device, long: Duration) {
    for lie in LIES {
        device
            .clock
            .set_wall(SystemTime::UNIX_EPOCH + Duration::from_secs(lie));
        device.clock.advance(long / 10);
        device
            .clock
            .set_wall(SystemTime::UNIX_EPOCH + Duration::from_secs(lie / 2));
        device.clock.advance(long / 10);
    }
}

/// A lost device whose warden knows what time it is.
async fn lost() -> (Device, Running, Owner) {
    let (device, warden, mut owner) = bound().await;
    let (_, locks) = owner.signed(lock());
    warden.command(locks).await;
    (device, warden, owner)
}

#[tokio::test]
async fn each_command_lives_to_the_millisecond_whatever_the_wall_clock_says() {
    let lives = [
        (ring(), 10 * MINUTE),
        (Action::Locate, 10 * MINUTE),
        (Action::Unlock, 7 * DAY),
        (wipe(), 7 * DAY),
        (Action::SignOut, 7 * DAY),
    ];
    for (action, life) in lives {
        for (late, name) in [(0, Disposition::Accepted), (1, Disposition::Expired)] {
            let (device, warden, mut owner) = lost().await;
            owner.now += 1000;
            let command = owner.command(action.clone());
            // The one before made known what time it was then.
            let until = life + Duration::from_secs(1) + Duration::from_millis(late);
            pass(&device, until);
            let judged = warden.command(owner.sign(&command)).await;
            assert_eq!(judged, name, "{action:?}, {late} ms late");
        }
    }
}

#[tokio::test]
async fn three_days_offline_over_reboots_with_lying_clocks_end_nothing_early_and_nothing_late() {
    let (device, mut warden, mut owner) = lost().await;
    let started = warden.report().await.time;
    owner.now += 1000;
    let text = "Still lost".to_owned();
    let [ring, message, unlock, late] = [ring(), Action::Message { text }, Action::Unlock, Action::Unlock]
        .map(|action| owner.command(action));
    for lie in LIES.iter().cycle().take(6) {
        // Twelve hours each; the watch asks each hour, and then the power fails.
        for _ in 0..12 {
            device.clock.advance(HOUR);
            warden.tick(&device).await;
        }
        drop(warden);
        device.new_boot();
        device
            .clock
            .set_wall(SystemTime::UNIX_EPOCH + Duration::from_secs(*lie));
        warden = device.start();
    }
    let passed = Duration::from_millis(warden.report().await.time - started);
    assert_eq!(passed, 3 * DAY);
    assert_eq!(warden.handle.snapshot().lock, LockState::Lost);
    assert_eq!(warden.command(owner.sign(&ring)).await, Disposition::Expired);
    assert_eq!(warden.command(owner.sign(&message)).await, Disposition::Accepted);
    let mut unlock = unlock;
    unlock.counter += 1;
    assert_eq!(warden.command(owner.sign(&unlock)).await, Disposition::Accepted);
    pass(&device, 4 * DAY + 2 * Duration::from_secs(1));
    assert_eq!(warden.command(owner.sign(&late)).await, Disposition::Expired);
}

#[tokio::test]
async fn a_policys_time_is_counted_to_the_second_whatever_the_wall_clock_says() {
    let (device, warden, _) = bound().await;
    let changes = PolicyChanges {
        lock_after_offline: Some(24 * 3600 * 1000),
        ..PolicyChanges::default()
    };
    warden.set_policies(&changes).await.unwrap();
    pass(&device, DAY - Duration::from_secs(1));
    warden.tick(&device).await;
    assert_eq!(warden.handle.snapshot().lock, LockState::Unlocked);
    device.clock.advance(Duration::from_secs(1));
    warden.tick(&device).await;
    assert_eq!(warden.handle.snapshot().lock, LockState::Lost);
}

#[tokio::test]
async fn a_command_of_an_earlier_binding_is_nothing_to_the_next() {
    let device = Device::initialised();
    let warden = device.start();
    let account = warden.register().await;
    let mut owner = Owner::of(&device, &account);
    let kept = [lock(), wipe(), Action::SignOut, ring()].map(|action| owner.signed(action).1);
    warden.sign_out(PASSWORD).await.unwrap();
    let certified = warden.sign_in(&account, None).await.unwrap();
    for envelope in &kept {
        assert_eq!(warden.command(envelope.clone()).await, Disposition::WrongDevice);
    }
    // Nor one that the owner signed for this device and the binding before.
    let mut mixed = owner.command(lock());
    mixed.device = certified.device;
    assert_eq!(warden.command(owner.sign(&mixed)).await, Disposition::WrongEpoch);
    assert_eq!(warden.handle.snapshot().lock, LockState::Unlocked);
    assert_eq!(warden.count("command-refused").await, kept.len() + 1);
}

#[tokio::test]
async fn a_command_without_its_signature_is_nobodys() {
    let (_device, warden, owner) = bound().await;
    let command = owner.command(wipe());
    let good = CommandEnvelope::decode(&owner.sign(&command)).unwrap();
    let payload = good.command.payload.clone();
    let without = |signature: Option<Vec<u8>>| {
        let mut signed = MapWriter::new().put("payload", &payload);
        if let Some(signature) = signature {
            signed = signed.put("signature", &signature);
        }
        let command: Value = signed.into_value();
        MapWriter::versioned().put("command", &command).finish()
    };
    // The map is an envelope's: only the signature is another one.
    let zeros = without(Some(vec![0; 64]));
    assert_eq!(zeros.len(), owner.sign(&command).len());
    for (envelope, name) in [
        (zeros, Disposition::BadSignature),
        (without(Some(vec![0; 63])), Disposition::Malformed),
        (without(Some(Vec::new())), Disposition::Malformed),
        (without(None), Disposition::Malformed),
        (payload.clone(), Disposition::Malformed),
        (good.command.encode(), Disposition::Malformed),
    ] {
        assert_eq!(warden.command(envelope).await, name);
    }
    assert_eq!(warden.handle.snapshot().lock, LockState::Unlocked);
    assert_eq!(warden.count("command-refused").await, 6);
}

#[tokio::test]
async fn in_whatever_order_good_commands_are_brought_the_last_word_is_the_owners_last() {
    // Lock, unlock, lock again: what a cloud that shuffles them could make of it.
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    for order in orders {
        let (_device, warden, mut owner) = bound().await;
        let commands = [
            lock(),
            Action::Unlock,
            Action::Lock {
                message: "second".to_owned(),
                phone: String::new(),
            },
        ]
        .map(|action| owner.signed(action).1);
        for place in order {
            warden.command(commands[place].clone()).await;
        }
        let snapshot = warden.handle.snapshot();
        assert_eq!(snapshot.lock, LockState::Lost, "{order:?}");
        assert_eq!(snapshot.lost.unwrap().message, "second", "{order:?}");
        for envelope in commands {
            assert_ne!(warden.command(envelope).await, Disposition::Accepted, "{order:?}");
        }
    }
}
