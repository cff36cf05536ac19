//! What the warden says no to, each by its own name, audited, and without a trace in the device's state.

use std::time::Duration;

use belay_proto::keys::{SigningKey, random};
use belay_proto::signed::*;
use belay_proto::{AccountId, DeviceId, Epoch, Secret};
use belay_warden::core::refusal::Refusal;

use crate::owner::{Owner, bound, envelope, lock, ring, stranger, wipe};
use crate::support::{PASSWORD, Running};

const DAY: u64 = 24 * 60 * 60 * 1000;

/// Judged so, audited under that name, told as often as given, and nothing else has changed.
async fn refused(warden: &Running, bytes: Vec<u8>, name: Disposition, told: usize) {
    let before = warden.handle.snapshot();
    let outcomes = warden.outcomes(0).await.len();
    assert_eq!(warden.command(bytes).await, name);
    let entries = warden.handle.history(0).await.unwrap();
    let last = entries.last().unwrap();
    assert_eq!(last.event, "command-refused");
    assert!(last.detail.starts_with(name.as_str()), "{name}: {}", last.detail);
    let after = warden.handle.snapshot();
    assert_eq!(
        (before.lock, before.episode, before.deeds),
        (after.lock, after.episode, after.deeds)
    );
    assert_eq!(warden.outcomes(0).await.len() - outcomes, told, "{name}");
}

#[tokio::test]
async fn what_does_not_prove_itself_is_refused_by_name_and_nothing_is_told_of_it() {
    let (_device, warden, owner) = bound().await;
    let good = owner.command(lock());
    let signed = owner.sign(&good);
    let cases = [
        (Vec::new(), Disposition::Malformed),
        (vec![0xa0], Disposition::Malformed),
        (signed[..signed.len() - 1].to_vec(), Disposition::Malformed),
        ([&signed[..], &[0]].concat(), Disposition::Malformed),
        (vec![0x41; 70_000], Disposition::Malformed),
        (envelope(&good, &stranger(), None), Disposition::BadSignature),
        (
            owner.sign(&Command {
                device: DeviceId::random(),
                ..good.clone()
            }),
            Disposition::WrongDevice,
        ),
        (
            owner.sign(&Command {
                account: AccountId::random(),
                ..good.clone()
            }),
            Disposition::WrongDevice,
        ),
        (
            owner.sign(&Command {
                epoch: Epoch::random(),
                ..good.clone()
            }),
            Disposition::WrongEpoch,
        ),
    ];
    for (bytes, name) in cases {
        refused(&warden, bytes, name, 0).await;
    }
    assert_eq!(
        warden.command(signed).await,
        Disposition::Accepted,
        "the good one still is"
    );
}

#[tokio::test]
async fn a_message_that_means_to_mislead_is_malformed_though_signed() {
    let (_device, warden, owner) = bound().await;
    let action = Action::Lock {
        message: "call \u{202e}me".to_owned(),
        phone: String::new(),
    };
    let bytes = owner.sign(&owner.command(action));
    refused(&warden, bytes, Disposition::Malformed, 0).await;
}

#[tokio::test]
async fn what_is_the_owners_and_out_of_place_is_refused_by_name_told_once_and_for_good() {
    let (_device, warden, mut owner) = bound().await;
    let mut unlock = owner.command(Action::Unlock);
    unlock.episode = 0;
    let mut early = owner.command(ring());
    early.expires_at = early.issued_at - 1;
    let mut away = owner.command(wipe());
    away.presence = 1;
    let mut message = owner.command(Action::Message {
        text: "hello".to_owned(),
    });
    // After the unlock, which has its place in the register though there was nothing to unlock.
    message.counter += 1;
    for (command, name) in [
        (unlock, Disposition::Already),
        (early, Disposition::Expired),
        (away, Disposition::Stale),
        (message, Disposition::Unsupported),
    ] {
        let bytes = owner.sign(&command);
        refused(&warden, bytes.clone(), name, 1).await;
        refused(&warden, bytes, name, 0).await;
    }
    let older = owner.command(lock());
    let (_, newer) = owner.signed(lock());
    warden.command(newer).await;
    let bytes = owner.sign(&older);
    refused(&warden, bytes, Disposition::Superseded, 1).await;
}

#[tokio::test]
async fn ten_thousand_mutations_of_a_good_command_are_all_refused() {
    let (device, warden, owner) = bound().await;
    let good = owner.sign(&owner.command(lock()));
    // The judgement alone, without a disk: it is what every envelope meets first.
    let state = device.load();
    let belay_warden::core::state::Binding::Bound(bound) = &state.binding else {
        panic!("bound")
    };
    let at = belay_warden::moment::Moment::now(&device.clock);
    let judge =
        |bytes: &[u8]| belay_warden::core::command::judge::open_envelope(bound, &state.book.time, &at, bytes);
    assert!(judge(&good).is_ok());
    for _ in 0..10_000 {
        let mut bytes = good.clone();
        for _ in 0..=random::<1>()[0] % 3 {
            let [a, b, how, value] = random::<4>();
            let place = usize::from(u16::from_be_bytes([a, b])) % bytes.len();
            match how % 4 {
                0 => bytes[place] ^= 1 << (value % 8),
                1 => bytes[place] = bytes[place].wrapping_add(value | 1),
                2 => drop(bytes.remove(place)),
                _ => bytes.insert(place, value),
            }
        }
        assert!(bytes == good || judge(&bytes).is_err(), "{bytes:02x?}");
    }
    assert_eq!(warden.command(good).await, Disposition::Accepted);
}

#[tokio::test]
async fn ids_are_remembered_over_a_restart() {
    let (device, warden, mut owner) = bound().await;
    let (_, rings) = owner.signed(ring());
    assert_eq!(warden.command(rings.clone()).await, Disposition::Accepted);
    drop(warden);
    let warden = device.start();
    refused(&warden, rings, Disposition::Replayed, 0).await;
}

#[tokio::test]
async fn the_register_keeps_the_newest_of_lock_unlock_message_and_stop_ring_in_any_order() {
    let (_device, warden, mut owner) = bound().await;
    let (_, locks) = owner.signed(lock());
    let (_, stops) = owner.signed(Action::StopRing);
    let (_, says) = owner.signed(Action::Message {
        text: "hello".to_owned(),
    });
    let (_, unlocks) = owner.signed(Action::Unlock);
    let (_, rings) = owner.signed(ring());
    let mut held_back = owner.command(lock());
    held_back.counter = owner.now - 10_000;
    for (bytes, name) in [
        (locks, Disposition::Accepted),
        (unlocks, Disposition::Accepted),
        (says, Disposition::Superseded),
        (stops, Disposition::Superseded),
        (owner.sign(&held_back), Disposition::Superseded),
        (rings, Disposition::Accepted),
    ] {
        assert_eq!(warden.command(bytes).await, name);
    }
}

#[tokio::test]
async fn a_wipe_held_back_is_stale_once_the_owner_was_at_the_device() {
    let (_device, warden, mut owner) = bound().await;
    let (_, wipes) = owner.signed(wipe());
    let (_, leaves) = owner.signed(Action::SignOut);
    warden.unlock_at_screen(PASSWORD).await.unwrap();
    refused(&warden, wipes, Disposition::Stale, 1).await;
    refused(&warden, leaves, Disposition::Stale, 1).await;
    let mut asked_again = owner.command(wipe());
    asked_again.presence = warden.report().await.presence;
    assert_eq!(
        warden.command(owner.sign(&asked_again)).await,
        Disposition::Accepted
    );
}

#[tokio::test]
async fn an_unlock_held_back_never_ends_a_later_episode() {
    let (_device, warden, mut owner) = bound().await;
    let (_, locks) = owner.signed(lock());
    warden.command(locks).await;
    let (_, held_back) = owner.signed(Action::Unlock);
    warden.unlock_at_screen(PASSWORD).await.unwrap();
    warden.handle.tighten("stolen".to_owned()).await.unwrap();
    refused(&warden, held_back, Disposition::Stale, 1).await;
    let mut second = owner.command(Action::Unlock);
    second.counter += 1;
    second.episode = 2;
    assert_eq!(warden.command(owner.sign(&second)).await, Disposition::Accepted);
}

#[tokio::test]
async fn an_unlock_held_back_never_undoes_a_later_lock_that_changed_nothing() {
    let (device, warden, mut owner) = bound().await;
    let (_, locks) = owner.signed(lock());
    warden.command(locks).await;
    let (_, held_back) = owner.signed(Action::Unlock);
    let (_, again) = owner.signed(lock());
    refused(&warden, again, Disposition::Already, 1).await;
    drop(warden);
    let warden = device.start();
    refused(&warden, held_back, Disposition::Superseded, 1).await;
}

#[tokio::test]
async fn a_cancel_voids_what_has_not_begun_even_before_it_comes() {
    let (_device, warden, mut owner) = bound().await;
    let (id, locks) = owner.signed(lock());
    let (first, cancels) = owner.signed(Action::Cancel { id });
    assert_eq!(warden.command(cancels).await, Disposition::Accepted);
    assert_eq!(warden.life(first).await, ["done"]);
    refused(&warden, locks.clone(), Disposition::Cancelled, 1).await;
    refused(&warden, locks, Disposition::Cancelled, 0).await;

    let (id, rings) = owner.signed(ring());
    warden.command(rings.clone()).await;
    let (second, cancels) = owner.signed(Action::Cancel { id });
    warden.command(cancels).await;
    assert_eq!(warden.life(second).await, ["done"]);
    assert_eq!(warden.life(id).await, ["accepted", "failed cancelled"]);
    assert_eq!(warden.begin(id).await, Err(Refusal::NotFound));
    refused(&warden, rings, Disposition::Replayed, 0).await;

    let (id, rings) = owner.signed(ring());
    warden.command(rings).await;
    warden.begin(id).await.unwrap();
    let (third, cancels) = owner.signed(Action::Cancel { id });
    warden.command(cancels).await;
    assert_eq!(warden.life(third).await, ["failed too-late"]);
}

#[tokio::test]
async fn with_find_off_only_what_ends_something_is_obeyed() {
    let (device, warden, mut owner) = bound().await;
    let (_, locks) = owner.signed(lock());
    warden.command(locks).await;
    warden.unlock_at_screen(PASSWORD).await.unwrap();
    warden.set_find(false).await.unwrap();
    assert!(!warden.handle.snapshot().find);
    drop(warden);
    let warden = device.start();
    let presence = warden.report().await.presence;
    for action in [lock(), ring(), Action::Locate, wipe()] {
        owner.now += 1000;
        let mut command = owner.command(action);
        command.presence = presence;
        refused(&warden, owner.sign(&command), Disposition::Unsupported, 1).await;
    }
    let (_, stops) = owner.signed(Action::StopRing);
    assert_eq!(warden.command(stops).await, Disposition::Accepted);
}

#[tokio::test]
async fn the_book_stays_bounded_and_the_owner_is_never_shut_out_by_a_delegate() {
    let (_device, warden, mut owner) = bound().await;
    let key = SigningKey::from_seed(&Secret::new([0x55; 32]));
    let certificate = Signed::seal(&owner.delegate(&key, &[Verb::Ring, Verb::Lock]), &owner.key);
    for _ in 0..400 {
        let rings = envelope(&owner.command(ring()), &key, Some(certificate.clone()));
        warden.command(rings).await;
    }
    let rings = envelope(&owner.command(ring()), &key, Some(certificate.clone()));
    assert_eq!(warden.command(rings).await, Disposition::Unsupported);
    let mut far = owner.command(lock());
    far.counter = u64::MAX;
    let far = envelope(&far, &key, Some(certificate));
    assert_eq!(warden.command(far).await, Disposition::NoSuchDelegate);
    let (_, rings) = owner.signed(ring());
    assert_eq!(warden.command(rings).await, Disposition::Accepted);
    let (_, locks) = owner.signed(lock());
    assert_eq!(warden.command(locks).await, Disposition::Accepted);
}

#[tokio::test]
async fn a_delegate_is_never_shut_out_by_commands_that_are_over() {
    let (device, warden, mut owner) = bound().await;
    let key = SigningKey::from_seed(&Secret::new([0x55; 32]));
    let certificate = DelegateCertificate {
        expires_at: 0,
        ..owner.delegate(&key, &[Verb::Ring])
    };
    for _ in 0..400 {
        warden.command(asked(&owner, &key, &certificate, ring())).await;
    }
    device.clock.advance(Duration::from_secs(11 * 60));
    owner.now += 11 * 60 * 1000;
    let (_, locates) = owner.signed(Action::Locate);
    warden.command(locates).await;
    let bytes = asked(&owner, &key, &certificate, ring());
    assert_eq!(warden.command(bytes).await, Disposition::Accepted);
}

/// A delegate's command under this certificate.
fn asked(owner: &Owner, key: &SigningKey, delegate: &DelegateCertificate, action: Action) -> Vec<u8> {
    let certificate = Signed::seal(delegate, &owner.key);
    envelope(&owner.command(action), key, Some(certificate))
}

#[tokio::test]
async fn a_delegate_speaks_within_its_verbs_its_time_and_its_generation() {
    let (device, warden, mut owner) = bound().await;
    let key = SigningKey::from_seed(&Secret::new([0x55; 32]));
    let good = owner.delegate(&key, &[Verb::Ring, Verb::Locate]);
    let table = [
        DelegateCertificate {
            account: AccountId::random(),
            ..good.clone()
        },
        DelegateCertificate {
            generation: 2,
            ..good.clone()
        },
        DelegateCertificate {
            expires_at: good.expires_at + 1,
            ..good.clone()
        },
        DelegateCertificate {
            expires_at: 0,
            ..good.clone()
        },
        DelegateCertificate {
            expires_at: good.issued_at - 1,
            ..good.clone()
        },
    ];
    for bad in table {
        let bytes = asked(&owner, &key, &bad, ring());
        refused(&warden, bytes, Disposition::NoSuchDelegate, 0).await;
    }
    let bytes = asked(&owner, &key, &good, lock());
    refused(&warden, bytes, Disposition::NoSuchDelegate, 0).await;
    let bytes = asked(&owner, &stranger(), &good, ring());
    refused(&warden, bytes, Disposition::BadSignature, 0).await;
    let forged = Signed::seal(&good, &stranger());
    let bytes = envelope(&owner.command(ring()), &key, Some(forged));
    refused(&warden, bytes, Disposition::NoSuchDelegate, 0).await;

    let bytes = asked(&owner, &key, &good, ring());
    assert_eq!(warden.command(bytes).await, Disposition::Accepted);
    let id = warden.effects().await.waiting[0].command;
    warden.begin(id).await.unwrap();
    device.clock.advance(Duration::from_millis(DAY / 2 + 1000));
    owner.now += 1000;
    let bytes = asked(&owner, &key, &good, Action::Locate);
    refused(&warden, bytes, Disposition::NoSuchDelegate, 0).await;
}

#[tokio::test]
async fn a_new_password_ends_each_delegation() {
    let device = crate::support::Device::initialised();
    let warden = device.start();
    let account = warden.register().await;
    let owner = Owner::of(&device, &account);
    let key = SigningKey::from_seed(&Secret::new([0x55; 32]));
    let delegate = owner.delegate(&key, &[Verb::Ring]);
    let bytes = asked(&owner, &key, &delegate, ring());
    assert_eq!(warden.command(bytes).await, Disposition::Accepted);
    let newer = account.with_password(crate::support::OTHER_PASSWORD);
    assert_eq!(warden.handle.credentials(newer.credentials).await, Ok(true));
    let bytes = asked(&owner, &key, &delegate, ring());
    refused(&warden, bytes, Disposition::NoSuchDelegate, 0).await;
}
