//! Killed at every single write of a hold: it begins or it doesn't, it never counts what nobody lived through, and the pin is at
//! one owner or the other, with the password that goes with it.

use std::fs;
use std::time::Duration;

use belay_proto::keys::{PublicKey, sha256};
use belay_proto::steps::{self, *};
use belay_warden::core::state::Binding;
use belay_warden::disk::copies::Concern;

use crate::crashes::at_every_write;
use crate::each_write::at_each_write;
use crate::holding::Held;
use crate::joining::{joined, moved, with_another_code};
use crate::life::bound;
use crate::support::{Account, Device, OTHER_PASSWORD, PASSWORD, Running};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn a_hold_that_begins() {
    let held = Held::ready().await;
    let (device, account) = held.at_rest();
    begins(&device, account.owner, async |warden| {
        warden.forgotten(&account, OTHER_PASSWORD).await.is_ok()
    })
    .await;
}

#[tokio::test]
async fn a_hold_of_a_device_that_was_left_behind_that_begins() {
    let held = Held::ready().await;
    let moved = moved(&held).await;
    let (device, account) = held.at_rest();
    begins(&device, account.owner, async |warden| {
        let Ok(ticket) = warden.opens(&moved, OTHER_PASSWORD).await else {
            return false;
        };
        warden.begins(&ticket).await.is_ok()
    })
    .await;
}

/// Has it begin by `story`, whose tickets don't outlive their process.
async fn begins(device: &Device, owner: PublicKey, story: impl AsyncFn(&Running) -> bool) {
    at_every_write(device, story, async |device, _, begun| {
        let warden = device.start();
        let runs = warden.held().await.left.is_some();
        assert!(runs || !begun, "said to run");
        assert_eq!(bound(device).owner, owner);
        assert_eq!(warden.unlock(PASSWORD).await, Ok(()));
    })
    .await;
}

#[tokio::test]
async fn a_hold_that_is_over() {
    let (held, waiting) = Held::begun().await;
    is_over(held, &waiting).await;
}

#[tokio::test]
async fn a_hold_of_a_device_that_was_left_behind_that_is_over() {
    let (held, moved) = joined().await;
    is_over(held, &moved).await;
}

async fn is_over(held: Held, waiting: &Account) {
    held.pass(71).await;
    let (device, _) = held.at_rest();
    device.clock.advance(HOUR);
    at_each_write(
        &device,
        async |warden| drop(warden.use_ticket("", steps::TICK, Done {}.encode()).await),
        async |device, (), kill| {
            assert!(matches!(device.load().binding, Binding::Bound(_)), "{kill}");
            // The next one goes on, and is at the end of it.
            let warden = device.start();
            warden.tick(device).await;
            assert_eq!(bound(device).owner, waiting.owner, "{kill}");
            assert!(warden.hold_end().await.unwrap().over, "{kill}");
            assert_eq!(warden.unlock(OTHER_PASSWORD).await, Ok(()), "{kill}");
            assert!(warden.unlock(PASSWORD).await.is_err());
        },
    )
    .await;
}

#[tokio::test]
async fn an_old_password_that_was_answered_has_ended_it_for_good() {
    for held in [Held::begun().await.0, joined().await.0] {
        let (device, account) = held.at_rest();
        at_every_write(
            &device,
            async |warden| warden.unlock(PASSWORD).await.is_ok(),
            async |device, _, typed| {
                assert!(!typed || device.start().held().await.left.is_none());
                assert_eq!(bound(device).owner, account.owner);
            },
        )
        .await;
    }
}

#[tokio::test]
async fn a_hold_that_is_led_on_leads_to_one_record_or_the_other() {
    let (held, moved) = joined().await;
    let again = with_another_code(&moved);
    let (device, _) = held.at_rest();
    let leads_to = |account: &Account| Some(sha256(&account.credentials));
    at_every_write(
        &device,
        async |warden| warden.handle.credentials(again.credentials.clone()).await.is_ok(),
        async |device, _, answered| {
            let warden = device.start();
            let towards = warden.held().await.towards;
            assert!(towards == leads_to(&again) || !answered && towards == leads_to(&moved));
            warden
                .handle
                .credentials(again.credentials.clone())
                .await
                .unwrap();
            assert_eq!(warden.held().await.towards, leads_to(&again));
        },
    )
    .await;
}

#[tokio::test]
async fn a_changed_file_of_a_hold_is_tampered_and_moves_nothing() {
    let (held, _) = Held::begun().await;
    let (device, account) = held.at_rest();
    let files = device.snapshot();
    let path = |folder: &str| device.path(folder).join(Concern::Lock.name());
    let length = fs::read(path("state/a")).unwrap().len();
    for position in (0..length).step_by(97) {
        device.put_back(&files);
        for folder in ["state/a", "state/b"] {
            let mut bytes = fs::read(path(folder)).unwrap();
            bytes[position] ^= 1;
            fs::write(path(folder), bytes).unwrap();
        }
        assert!(
            matches!(device.load().binding, Binding::Tampered(_)),
            "byte {position}"
        );
    }
    // Put back to before it was ended: the neighbours remember.
    device.put_back(&files);
    let old: Vec<_> = ["state/a", "state/b"]
        .map(|folder| fs::read(path(folder)).unwrap())
        .to_vec();
    let warden = device.start();
    warden.unlock(PASSWORD).await.unwrap();
    warden.set_find(false).await.unwrap();
    warden.unlock(PASSWORD).await.unwrap();
    drop(warden);
    for (folder, bytes) in ["state/a", "state/b"].iter().zip(old) {
        fs::write(path(folder), bytes).unwrap();
    }
    match device.load().binding {
        Binding::Tampered(door) => assert_eq!(door.owner, Some(account.owner)),
        other => panic!("{other:?}"),
    }
}
