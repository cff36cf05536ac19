//! A disk that fails in the middle of something, under a warden that lives on: what it goes by then is what the disk says, as the next
//! one would.

use std::cell::Cell;

use belay_proto::steps::{self, *};
use belay_warden::core::refusal::Refusal;
use belay_warden::handle::Snapshot;

use crate::each_write::at_each_write;
use crate::holding::Held;
use crate::stopping_disk::StoppingDisk;
use crate::support::{Device, OTHER_PASSWORD, PASSWORD, Running};

/// Another warden, which reads what is there and writes nothing.
fn at_a_start(device: &Device) -> Running {
    device.start_on(Box::new(StoppingDisk::new(0, false)))
}

fn shown(warden: &Running) -> Snapshot {
    let shown = warden.handle.snapshot();
    // Whether commands are taken follows from the binding until its owner says so, and one that can write nothing doesn't show it.
    let find = false;
    Snapshot { find, ..shown }
}

/// Judges what is shown after `story` on a disk that fails at each write in turn.
async fn goes_by_the_disk(device: &Device, story: impl AsyncFn(&Running)) {
    let (failures, moved) = (Cell::new(0), Cell::new(0));
    let before = shown(&at_a_start(device));
    at_each_write(
        device,
        async |warden| {
            story(warden).await;
            let now = shown(warden);
            assert_eq!(now, shown(&at_a_start(device)));
            now
        },
        async |_, now, kill| {
            failures.set(failures.get() + u32::from(!kill.is_none));
            moved.set(moved.get() + u32::from(!kill.is_none && now != before));
        },
    )
    .await;
    let (failures, moved) = (failures.get(), moved.get());
    assert!(
        failures > moved && moved > 0,
        "{moved} of {failures} after a part was written"
    );
}

#[tokio::test]
async fn of_a_sign_out() {
    let device = Device::initialised();
    device.start().register().await;
    goes_by_the_disk(&device, async |warden| drop(warden.sign_out(PASSWORD).await)).await;
}

#[tokio::test]
async fn of_a_registration_and_of_a_sign_in() {
    let device = Device::initialised();
    let founded = device.start().found().await.unwrap();
    goes_by_the_disk(&device, async |warden| {
        drop(warden.bind_pending(founded.pending).await)
    })
    .await;
    let account = Device::initialised().start().register().await;
    let device = Device::initialised();
    goes_by_the_disk(&device, async |warden| drop(warden.sign_in(&account, None).await)).await;
}

#[tokio::test]
async fn of_other_credentials_and_of_a_lock_and_its_end() {
    let device = Device::initialised();
    let account = device.start().register().await;
    let newer = account.with_password(OTHER_PASSWORD);
    goes_by_the_disk(&device, async |warden| {
        drop(warden.handle.credentials(newer.credentials.clone()).await);
    })
    .await;
    goes_by_the_disk(&device, async |warden| {
        drop(warden.handle.tighten("owner-asked".to_owned()).await);
        drop(warden.unlock(PASSWORD).await);
    })
    .await;
}

#[tokio::test]
async fn of_a_hold_that_is_over() {
    let (held, _) = Held::begun().await;
    held.pass(71).await;
    let (device, _) = held.at_rest();
    device.clock.advance(std::time::Duration::from_secs(3600));
    // Its last write is tried again whenever the warden wakes.
    goes_by_the_disk(&device, async |warden| {
        drop(warden.use_ticket("", steps::TICK, Done {}.encode()).await);
    })
    .await;
}

#[tokio::test]
async fn whoever_is_told_that_a_sign_out_failed_finds_the_device_free_where_it_is() {
    let device = Device::initialised();
    let account = device.start().register().await;
    let files = device.snapshot();
    let mut freed = 0;
    for write in 1.. {
        device.put_back(&files);
        let disk = StoppingDisk::new(write, false);
        let warden = device.start_on(Box::new(disk.clone()));
        let answer = warden.sign_out(PASSWORD).await;
        if !disk.stopped() {
            break;
        }
        assert!(matches!(answer, Err(Refusal::Storage(_))), "{answer:?}");
        disk.revive();
        match warden.sign_out(PASSWORD).await {
            Err(Refusal::NotBound) => {
                freed += 1;
                assert!(warden.saved_release().await.is_some());
                warden.sign_in(&account, None).await.unwrap();
            }
            again => drop(again.unwrap()),
        }
    }
    assert!(freed > 0, "some of it was written");
}
