//! Commands that come by text message.

use std::time::Duration;

use belay_proto::dbus::LockState;
use belay_proto::sms::{SmsAction, SmsCommand};
use belay_proto::{DeviceId, Epoch};

use crate::owner::{Owner, bound, stranger};

const MINUTE: u64 = 60 * 1000;

fn sms(owner: &Owner, action: SmsAction, episode: u16) -> SmsCommand {
    let life = action
        .life()
        .map(|life| owner.now + u64::try_from(life.as_millis()).unwrap());
    SmsCommand {
        action,
        counter: owner.now,
        epoch: owner.certificate.epoch,
        presence_or_episode: episode,
        expiry_minutes: SmsCommand::expiry_of(life),
        device_tag: SmsCommand::tag_of(&owner.certificate.device),
    }
}

#[tokio::test]
async fn a_text_locks_and_another_unlocks_and_each_works_once() {
    let (_device, warden, mut owner) = bound().await;
    let locks = sms(&owner, SmsAction::Lock, 0);
    let text = locks.sign(&owner.key);
    let answer = warden.sms(&text).await;
    assert_eq!(
        (answer.disposition.as_str(), answer.command),
        ("accepted", Some(locks.id()))
    );
    assert_eq!(warden.handle.snapshot().lock, LockState::Lost);
    assert_eq!(warden.sms(&text).await.disposition, "replayed");
    owner.now += 1000;
    let wrong = sms(&owner, SmsAction::Unlock, 2).sign(&owner.key);
    assert_eq!(warden.sms(&wrong).await.disposition, "stale");
    let unlocks = sms(&owner, SmsAction::Unlock, 1).sign(&owner.key);
    assert_eq!(warden.sms(&format!(" {unlocks}\n")).await.disposition, "accepted");
    assert_eq!(warden.handle.snapshot().lock, LockState::Unlocked);
}

#[tokio::test]
async fn a_text_that_is_not_for_this_device_or_not_the_owners_is_refused_by_name() {
    let (_device, warden, owner) = bound().await;
    let good = sms(&owner, SmsAction::Lock, 0);
    let elsewhere = SmsCommand {
        device_tag: SmsCommand::tag_of(&DeviceId::random()),
        ..good
    };
    let before = SmsCommand {
        epoch: Epoch::random(),
        ..good
    };
    for (text, name) in [
        ("belay:hello".to_owned(), "malformed"),
        ("good morning".to_owned(), "malformed"),
        (elsewhere.sign(&owner.key), "wrong-device"),
        (before.sign(&owner.key), "wrong-epoch"),
        (good.sign(&stranger()), "bad-signature"),
    ] {
        let answer = warden.sms(&text).await;
        assert_eq!((answer.disposition.as_str(), answer.command), (name, None));
    }
    assert_eq!(warden.handle.snapshot().lock, LockState::Unlocked);
    assert!(warden.outcomes(0).await.is_empty());
}

#[tokio::test]
async fn a_text_takes_no_message_off_the_lost_screen() {
    let (_device, warden, mut owner) = bound().await;
    let (_, locks) = owner.signed(crate::owner::lock());
    warden.command(locks).await;
    owner.now += 1000;
    let text = sms(&owner, SmsAction::Lock, 0).sign(&owner.key);
    assert_eq!(warden.sms(&text).await.disposition, "already");
    let lost = warden.handle.snapshot().lost.unwrap();
    assert_eq!(lost.message, "Please call me");
}

#[tokio::test]
async fn a_text_kept_for_later_is_over() {
    let (device, warden, owner) = bound().await;
    warden
        .sms(&sms(&owner, SmsAction::Locate, 0).sign(&owner.key))
        .await;
    let kept = SmsCommand {
        counter: owner.now + 1,
        ..sms(&owner, SmsAction::Ring, 0)
    };
    device.clock.advance(Duration::from_millis(12 * MINUTE));
    assert_eq!(warden.sms(&kept.sign(&owner.key)).await.disposition, "expired");
    let endless = SmsCommand {
        expiry_minutes: 0,
        ..kept
    };
    assert_eq!(warden.sms(&endless.sign(&owner.key)).await.disposition, "expired");
}
