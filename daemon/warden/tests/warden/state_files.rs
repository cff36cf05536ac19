//! Tampering with the files: a device that was somebody's never becomes nobody's.

use std::fs;
use std::path::{Path, PathBuf};

use belay_warden::core::state::Binding;
use belay_warden::disk::copies::Concern;

use crate::support::{Device, PASSWORD};

type Files = Vec<(PathBuf, Vec<u8>)>;

/// A bound device at rest, and its files.
async fn bound() -> (Device, Files) {
    let device = Device::initialised();
    device.start().register().await;
    let files = device.snapshot();
    assert_eq!(state_of(&device), "bound");
    (device, files)
}

fn state_of(device: &Device) -> &'static str {
    device.load().binding.name()
}

fn both(concern: Concern) -> [PathBuf; 2] {
    ["state/a", "state/b"].map(|folder| Path::new(folder).join(concern.name()))
}

#[tokio::test]
async fn any_byte_flipped_in_one_copy_is_repaired_from_the_other() {
    let (device, files) = bound().await;
    for concern in Concern::ALL {
        for copy in both(concern) {
            let good = fs::read(device.path(copy.to_str().unwrap())).unwrap();
            for position in (0..good.len()).step_by(7).chain([good.len() - 1]) {
                let mut bad = good.clone();
                bad[position] ^= 0x10;
                fs::write(device.path(copy.to_str().unwrap()), bad).unwrap();
                assert_eq!(state_of(&device), "bound", "{} byte {position}", copy.display());
                assert_eq!(fs::read(device.path(copy.to_str().unwrap())).unwrap(), good);
            }
        }
    }
    assert_eq!(device.snapshot(), files);
}

#[tokio::test]
async fn any_byte_flipped_in_both_copies_is_tampered() {
    let (device, files) = bound().await;
    for concern in Concern::ALL {
        let length = fs::read(device.path("state/a").join(concern.name()))
            .unwrap()
            .len();
        for position in 0..length {
            for copy in both(concern) {
                let path = device.path(copy.to_str().unwrap());
                let mut bytes = fs::read(&path).unwrap();
                bytes[position] ^= 0x01;
                fs::write(path, bytes).unwrap();
            }
            assert_eq!(
                state_of(&device),
                "tampered",
                "{} byte {position}",
                concern.name()
            );
            device.put_back(&files);
        }
    }
}

#[tokio::test]
async fn both_copies_cut_short_at_any_length_are_tampered() {
    let (device, files) = bound().await;
    let length = fs::read(device.path("state/a/binding")).unwrap().len();
    for length in 0..length {
        for copy in both(Concern::Binding) {
            let path = device.path(copy.to_str().unwrap());
            let bytes = fs::read(&path).unwrap();
            fs::write(path, &bytes[..length]).unwrap();
        }
        assert_eq!(state_of(&device), "tampered", "length {length}");
        device.put_back(&files);
    }
}

#[tokio::test]
async fn any_byte_flipped_in_the_key_or_the_log_is_never_unbound() {
    let (device, files) = bound().await;
    for file in ["state/sealing.key", "state/a/audit.log"] {
        let good = fs::read(device.path(file)).unwrap();
        for position in 0..good.len() {
            let mut bad = good.clone();
            bad[position] ^= 0x01;
            fs::write(device.path(file), bad).unwrap();
            assert_eq!(state_of(&device), "tampered", "{file} byte {position}");
        }
        fs::write(device.path(file), &good).unwrap();
    }
    device.put_back(&files);
    assert_eq!(state_of(&device), "bound");
}

#[tokio::test]
async fn deleting_any_set_of_files_never_frees_the_device() {
    let (device, files) = bound().await;
    for (gone, _) in &files {
        device.put_back(&files);
        fs::remove_file(device.path(gone.to_str().unwrap())).unwrap();
        let state = state_of(&device);
        let has_twin = gone.parent() != Some(Path::new("state")) && !gone.ends_with("audit.log");
        assert_eq!(
            state,
            if has_twin { "bound" } else { "tampered" },
            "{}",
            gone.display()
        );
    }
    for concern in Concern::ALL {
        device.put_back(&files);
        both(concern)
            .iter()
            .for_each(|copy| fs::remove_file(device.path(copy.to_str().unwrap())).unwrap());
        assert_eq!(state_of(&device), "tampered", "{}", concern.name());
    }
    for (folder, expected) in [
        ("state/a", "tampered"),
        ("state/b", "bound"),
        ("state", "unknown"),
    ] {
        device.put_back(&files);
        fs::remove_dir_all(device.path(folder)).unwrap();
        assert_eq!(state_of(&device), expected, "{folder}");
    }
}

#[tokio::test]
async fn an_old_copy_put_back_is_noticed_and_repaired() {
    let device = Device::initialised();
    let free = device.snapshot();
    device.start().register().await;
    let mine = device.snapshot();
    for (old, bytes) in free.iter().filter(|(path, _)| !path.ends_with("audit.log")) {
        device.put_back(&mine);
        fs::write(device.path(old.to_str().unwrap()), bytes).unwrap();
        assert_eq!(state_of(&device), "bound", "{}", old.display());
    }
}

#[tokio::test]
async fn a_concern_put_back_in_both_copies_is_tampered() {
    let device = Device::initialised();
    let free = device.snapshot();
    let warden = device.start();
    warden.register().await;
    assert!(warden.unlock("a wrong password").await.is_err());
    drop(warden);
    let mine = device.snapshot();
    for concern in [Concern::Binding, Concern::Throttle, Concern::AuditHead] {
        device.put_back(&mine);
        for copy in both(concern) {
            let (_, bytes) = free.iter().find(|(path, _)| *path == copy).unwrap();
            fs::write(device.path(copy.to_str().unwrap()), bytes).unwrap();
        }
        assert_eq!(state_of(&device), "tampered", "{}", concern.name());
    }
}

#[tokio::test]
async fn everything_put_back_is_noticed_where_there_is_a_reset_proof_place() {
    let device = Device::with_reset_proof();
    let free: Files = device
        .snapshot()
        .into_iter()
        .filter(|(path, _)| path.starts_with("state"))
        .collect();
    device.start().register().await;
    device.put_back(&free);
    assert_eq!(state_of(&device), "tampered");
}

#[tokio::test]
async fn both_copies_from_another_device_are_tampered() {
    let (device, files) = bound().await;
    let other = Device::initialised();
    for (path, bytes) in other
        .snapshot()
        .iter()
        .filter(|(path, _)| path.parent() != Some(Path::new("state")))
    {
        fs::write(device.path(path.to_str().unwrap()), bytes).unwrap();
    }
    assert_eq!(state_of(&device), "tampered");
    device.put_back(&files);
    assert_eq!(state_of(&device), "bound");
}

#[tokio::test]
async fn a_reset_proof_record_that_was_changed_is_tampered() {
    let device = Device::with_reset_proof();
    device.start().register().await;
    let record = device.path("proof/belay-binding");
    let good = fs::read(&record).unwrap();
    for position in 0..good.len() {
        let mut bad = good.clone();
        bad[position] ^= 0x01;
        fs::write(&record, bad).unwrap();
        assert_eq!(state_of(&device), "tampered", "byte {position}");
    }
    fs::write(&record, good).unwrap();
    assert_eq!(state_of(&device), "bound");
}

#[tokio::test]
async fn a_reset_proof_place_that_is_not_mounted_is_tampered_until_it_is() {
    let device = Device::with_reset_proof();
    device.start().register().await;
    fs::rename(device.path("proof"), device.path("elsewhere")).unwrap();
    assert_eq!(state_of(&device), "tampered");
    fs::rename(device.path("elsewhere"), device.path("proof")).unwrap();
    assert_eq!(state_of(&device), "bound");
}

#[tokio::test]
async fn a_tampered_warden_lets_nobody_unlock_or_sign_out() {
    let (device, _) = bound().await;
    fs::remove_file(device.path("state/sealing.key")).unwrap();
    let warden = device.start();
    let tampered = Err(belay_warden::core::refusal::Refusal::Tampered);
    assert_eq!(warden.unlock(PASSWORD).await, tampered);
    assert_eq!(warden.sign_out(PASSWORD).await.map(drop), tampered);
    assert!(matches!(device.load().binding, Binding::Tampered(_)));
}
