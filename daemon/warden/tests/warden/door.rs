//! The door of a tampered device: only the owner's root opens it.

use std::fs;

use belay_proto::signed::{DeviceCertificate, Signed};
use belay_proto::steps::{self, PendingInput, Purpose};
use belay_proto::{AccountId, Epoch, HardwareId};
use belay_warden::core::refusal::Refusal;
use belay_warden::core::state::Binding;
use belay_warden::core::throttle::Presenter;
use belay_warden::disk::files::Disk;
use belay_warden::disk::places::Places;

use crate::stopping_disk::StoppingDisk;
use crate::support::{Account, Device, LOGIN, PASSWORD};

/// A bound device whose binding is broken in one way or the other.
async fn broken(keep_a_copy: bool) -> (Device, Account) {
    let device = Device::initialised();
    let account = device.start().register().await;
    let gone = if keep_a_copy { "throttle" } else { "binding" };
    for folder in ["state/a", "state/b"] {
        fs::remove_file(device.path(folder).join(gone)).unwrap();
    }
    assert!(matches!(device.load().binding, Binding::Tampered(_)));
    (device, account)
}

async fn thief() -> Account {
    Device::initialised().other_hardware().start().register().await
}

/// Both copies of these files as they once were.
fn put_back(device: &Device, files: &[(std::path::PathBuf, Vec<u8>)], names: &[&str]) {
    for (path, bytes) in files {
        if names.iter().any(|name| path.ends_with(name)) {
            fs::write(device.path(path.to_str().unwrap()), bytes).unwrap();
        }
    }
}

fn bound_to(device: &Device, account: &Account) -> bool {
    matches!(device.load().binding, Binding::Bound(bound) if bound.owner == account.owner)
}

#[tokio::test]
async fn the_owner_of_the_surviving_copy_signs_in_again() {
    let (device, account) = broken(true).await;
    let warden = device.start();
    warden.sign_in(&account, None).await.unwrap();
    assert!(bound_to(&device, &account));
    assert_eq!(warden.count("door-opened").await, 1);
    assert_eq!(warden.unlock(PASSWORD).await, Ok(()));
    drop(warden);
    assert!(device.start().sign_out(PASSWORD).await.is_ok());
}

#[tokio::test]
async fn another_account_stays_outside_whatever_certificate_it_brings() {
    let (device, account) = broken(true).await;
    let thief = thief().await;
    let warden = device.start();
    for certificate in [
        None,
        Some(account.certificate.clone()),
        Some(thief.certificate.clone()),
    ] {
        assert_eq!(
            warden.sign_in(&thief, certificate).await.map(drop),
            Err(Refusal::Tampered)
        );
    }
    assert!(matches!(device.load().binding, Binding::Tampered(_)));
}

#[tokio::test]
async fn without_a_surviving_copy_the_certificate_for_this_hardware_decides() {
    let (device, account) = broken(false).await;
    let thief = thief().await;
    let warden = device.start();
    let refused = [
        (&account, None),
        (&account, Some(thief.certificate.clone())),
        (&account, Some(vec![0; 40])),
        (&thief, Some(account.certificate.clone())),
        // The thief's own certificate is for the thief's own hardware.
        (&thief, Some(thief.certificate.clone())),
    ];
    for (who, certificate) in refused {
        assert_eq!(
            warden.sign_in(who, certificate).await.map(drop),
            Err(Refusal::Tampered)
        );
    }
    warden
        .sign_in(&account, Some(account.certificate.clone()))
        .await
        .unwrap();
    assert!(bound_to(&device, &account));
}

#[tokio::test]
async fn a_certificate_of_the_owners_for_something_else_opens_nothing() {
    let (device, account) = broken(false).await;
    let owner_key = account.root().owner_key();
    let own: DeviceCertificate = Signed::decode(&account.certificate)
        .unwrap()
        .open(&account.owner)
        .unwrap();
    let others = [
        DeviceCertificate {
            account: AccountId::random(),
            ..own.clone()
        },
        DeviceCertificate {
            hardware: HardwareId::from_bytes([1; 32]),
            ..own.clone()
        },
        DeviceCertificate {
            epoch: Epoch::random(),
            ..own
        },
    ];
    let warden = device.start();
    for other in others {
        let certificate = Signed::seal(&other, &owner_key).encode();
        assert_eq!(
            warden.sign_in(&account, Some(certificate)).await.map(drop),
            Err(Refusal::Tampered),
            "{other:?}"
        );
    }
}

#[tokio::test]
async fn the_reset_proof_record_outvotes_an_older_copy() {
    let device = Device::with_reset_proof();
    let warden = device.start();
    let seller = warden.register().await;
    drop(warden);
    let sellers: Vec<_> = device
        .snapshot()
        .into_iter()
        .filter(|(path, _)| path.starts_with("state"))
        .collect();
    let warden = device.start();
    warden.sign_out(PASSWORD).await.unwrap();
    let buyer = thief().await;
    warden.sign_in(&buyer, None).await.unwrap();
    drop(warden);
    // The seller steals the device back and puts the old files in place.
    device.put_back(&sellers);
    let warden = device.start();
    assert_eq!(
        warden
            .sign_in(&seller, Some(seller.certificate.clone()))
            .await
            .map(drop),
        Err(Refusal::Tampered)
    );
    warden.sign_in(&buyer, None).await.unwrap();
    assert!(bound_to(&device, &buyer));
}

#[tokio::test]
async fn a_binding_that_was_put_back_is_no_survivor() {
    let device = Device::initialised();
    let seller = device.start().register().await;
    let old = device.snapshot();
    let buyer = thief().await;
    let warden = device.start();
    warden.sign_out(PASSWORD).await.unwrap();
    let bought = warden.sign_in(&buyer, None).await.unwrap();
    drop(warden);
    put_back(&device, &old, &["binding"]);
    let warden = device.start();
    assert_eq!(
        warden.sign_in(&seller, None).await.map(drop),
        Err(Refusal::Tampered)
    );
    warden.sign_in(&buyer, Some(bought.certificate)).await.unwrap();
    assert!(bound_to(&device, &buyer));
}

#[tokio::test]
async fn a_power_cut_in_the_door_never_leaves_the_device_free() {
    let device = Device::initialised();
    let unbound = device.snapshot();
    let warden = device.start();
    let account = warden.register().await;
    let pending = account.pending;
    warden
        .use_ticket(
            &pending.to_string(),
            steps::ACKNOWLEDGE,
            PendingInput { pending }.encode(),
        )
        .await
        .unwrap();
    drop(warden);
    put_back(&device, &unbound, &["binding", "pending"]);
    let broken = device.snapshot();
    for after in [false, true] {
        for write in 1.. {
            device.put_back(&broken);
            assert!(matches!(device.load().binding, Binding::Tampered(_)));
            let disk = StoppingDisk::new(write, after);
            let warden = device.start_on(Box::new(disk.clone()));
            let opened = warden.sign_in(&account, Some(account.certificate.clone())).await;
            drop(warden);
            let binding = device.load().binding;
            assert!(
                !matches!(binding, Binding::Unbound { .. }),
                "write {write} after {after}"
            );
            if !disk.stopped() {
                assert!(opened.is_ok() && bound_to(&device, &account));
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_lost_sealing_key_is_made_anew_when_the_owner_comes() {
    let device = Device::initialised();
    let account = device.start().register().await;
    fs::remove_file(device.path("state/sealing.key")).unwrap();
    let warden = device.start();
    warden
        .sign_in(&account, Some(account.certificate.clone()))
        .await
        .unwrap();
    drop(warden);
    assert!(bound_to(&device, &account));
}

#[tokio::test]
async fn a_key_that_nobody_keeps_opens_no_door() {
    let device = Device::initialised();
    let account = device.start().register().await;
    let before = device.snapshot();
    // The key is the system's to keep, and the system gives none.
    let places = Places {
        credential: Some(device.path("credential")),
        ..device.places()
    };
    let warden = device.start_in(Box::new(Disk), places);
    let opened = warden.sign_in(&account, Some(account.certificate.clone())).await;
    assert!(
        matches!(opened, Err(Refusal::Storage(_))),
        "{:?}",
        opened.map(drop)
    );
    drop(warden);
    assert_eq!(device.snapshot(), before);
    assert!(bound_to(&device, &account));
}

#[tokio::test]
async fn the_door_is_on_the_lost_screen_and_only_for_signing_in() {
    let (device, _) = broken(true).await;
    let warden = device.start();
    let session = warden
        .present_as(Presenter::Session, Purpose::SignIn, LOGIN, PASSWORD)
        .await;
    assert_eq!(session, Err(Refusal::Tampered));
    for purpose in [
        Purpose::Register,
        Purpose::SignOut,
        Purpose::Reset,
        Purpose::Reauthenticate,
    ] {
        assert_eq!(
            warden.present(purpose, LOGIN, PASSWORD).await,
            Err(Refusal::Tampered)
        );
    }
}

#[tokio::test]
async fn a_broken_log_is_put_aside_not_lost() {
    let device = Device::initialised();
    let account = device.start().register().await;
    let log = device.places().audit_log();
    fs::write(&log, "broken\n").unwrap();
    let warden = device.start();
    warden.sign_in(&account, None).await.unwrap();
    let kept = fs::read_dir(device.path("state/a")).unwrap().filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().starts_with("audit.log.")
    });
    assert_eq!(kept.count(), 1);
    assert!(bound_to(&device, &account));
}
