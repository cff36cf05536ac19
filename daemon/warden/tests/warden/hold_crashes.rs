//! Killed at every single write of a hold: it begins or it doesn't, it never counts what nobody lived through, and the pin is at
//! one owner or the other, with the password that goes with it.

use std::fs;
use std::time::Duration;

use belay_proto::steps::{self, *};
use belay_warden::core::state::Binding;
use belay_warden::disk::copies::Concern;

use crate::holding::Held;
use crate::life::bound;
use crate::policies::pass;
use crate::stopping_disk::StoppingDisk;
use crate::support::{OTHER_PASSWORD, PASSWORD};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn a_hold_that_begins() {
    let Held {
        device,
        warden,
        account,
        ..
    } = Held::ready().await;
    drop(warden);
    let files = device.snapshot();
    for after in [false, true] {
        for write in 1.. {
            assert!(write < 100, "the story ends");
            device.put_back(&files);
            let warden = device.start();
            let (ticket, _) = warden.renewed(&account, OTHER_PASSWORD).await.unwrap();
            drop(warden);
            // The ticket doesn't outlive its process: another one, on the disk that stops.
            let disk = StoppingDisk::new(write, after);
            let warden = device.start_on(Box::new(disk.clone()));
            let begun = warden.forgotten(&account, OTHER_PASSWORD).await;
            drop((warden, ticket));
            let warden = device.start();
            let runs = warden.held().await.left.is_some();
            assert!(runs || begun.is_err(), "said to run: write {write}");
            assert_eq!(bound(&device).owner, account.owner);
            assert_eq!(warden.unlock(PASSWORD).await, Ok(()));
            if !disk.stopped() {
                assert!(begun.is_ok());
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_hold_that_is_over() {
    let (held, waiting) = Held::begun().await;
    pass(&held.device, &held.warden, 71).await;
    let Held {
        device,
        warden,
        account,
        ..
    } = held;
    drop(warden);
    device.clock.advance(HOUR);
    let files = device.snapshot();
    for after in [false, true] {
        for write in 1.. {
            assert!(write < 100, "the story ends");
            device.put_back(&files);
            let disk = StoppingDisk::new(write, after);
            let warden = device.start_on(Box::new(disk.clone()));
            let _ = warden.use_ticket("", steps::TICK, Done {}.encode()).await;
            drop(warden);
            assert!(
                matches!(device.load().binding, Binding::Bound(_)),
                "write {write}"
            );
            // The next one goes on, and is at the end of it.
            let warden = device.start();
            warden.tick(&device).await;
            assert_eq!(bound(&device).owner, waiting.owner, "write {write}");
            assert!(warden.hold_end().await.unwrap().over, "write {write}");
            assert_eq!(warden.unlock(OTHER_PASSWORD).await, Ok(()), "write {write}");
            assert!(warden.unlock(PASSWORD).await.is_err());
            if !disk.stopped() {
                break;
            }
        }
    }
    assert_ne!(account.owner, waiting.owner);
}

#[tokio::test]
async fn an_old_password_that_was_answered_has_ended_it_for_good() {
    let (held, _) = Held::begun().await;
    let Held {
        device,
        warden,
        account,
        ..
    } = held;
    drop(warden);
    let files = device.snapshot();
    for after in [false, true] {
        for write in 1.. {
            assert!(write < 100, "the story ends");
            device.put_back(&files);
            let disk = StoppingDisk::new(write, after);
            let warden = device.start_on(Box::new(disk.clone()));
            let typed = warden.unlock(PASSWORD).await;
            drop(warden);
            let warden = device.start();
            assert!(
                typed.is_err() || warden.held().await.left.is_none(),
                "write {write}"
            );
            assert_eq!(bound(&device).owner, account.owner);
            if !disk.stopped() {
                assert_eq!(typed, Ok(()));
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_changed_file_of_a_hold_is_tampered_and_moves_nothing() {
    let (held, _) = Held::begun().await;
    let Held {
        device,
        warden,
        account,
        ..
    } = held;
    drop(warden);
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
