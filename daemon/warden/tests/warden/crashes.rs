//! Killed at every single write of every story: what was answered holds, nothing is half done, and
//! the next try works.

use belay_proto::steps::{self, *};
use belay_warden::core::state::{Binding, State};

use crate::each_write::at_each_write;
use crate::stopping_disk::StoppingDisk;
use crate::support::{Account, Device, OTHER_PASSWORD, PASSWORD, Running};

/// Runs `story` with the disk stopping at each write in turn, on either side of it, and judges what
/// the next start finds.
pub async fn at_every_write(
    device: &Device,
    story: impl AsyncFn(&Running) -> bool,
    judge: impl AsyncFn(&Device, State, bool),
) {
    at_each_write(device, story, async |device, answered, kill| {
        let state = device.load();
        assert!(!matches!(state.binding, Binding::Tampered(_)), "{kill}");
        judge(device, state, answered).await;
        assert!(answered || !kill.is_none);
    })
    .await;
}

fn is_bound(state: &State) -> bool {
    matches!(state.binding, Binding::Bound(_))
}

#[tokio::test]
async fn a_sign_out() {
    let device = Device::initialised();
    device.start().register().await;
    at_every_write(
        &device,
        async |warden| warden.sign_out(PASSWORD).await.is_ok(),
        async |device, state, answered| match &state.binding {
            Binding::Unbound { release } => {
                assert!(release.is_some(), "free with a release");
                assert_eq!(device.start().saved_release().await, *release);
            }
            _ => {
                assert!(!answered);
                assert!(device.start().sign_out(PASSWORD).await.is_ok());
            }
        },
    )
    .await;
}

#[tokio::test]
async fn a_wrong_sign_out() {
    let device = Device::initialised();
    device.start().register().await;
    at_every_write(
        &device,
        async |warden| {
            let refusal = warden.sign_out(OTHER_PASSWORD).await.unwrap_err();
            refusal == belay_warden::core::refusal::Refusal::WrongPassword
        },
        async |_, state, answered| {
            assert!(is_bound(&state));
            assert!(
                !answered || state.throttle.screen.failures == 1,
                "a verdict is counted"
            );
        },
    )
    .await;
}

#[tokio::test]
async fn a_registration_bound() {
    let device = Device::initialised();
    let account = device.start().found().await.unwrap();
    at_every_write(
        &device,
        async |warden| warden.bind_pending(account.pending).await.is_ok(),
        async |device, state, answered| {
            assert!(is_bound(&state) || !answered);
            let warden = device.start();
            let bound = warden.bind_pending(account.pending).await.unwrap();
            assert!(warden.recovery_code(&bound.claim).await.is_ok());
        },
    )
    .await;
}

#[tokio::test]
async fn a_registration_founded() {
    let device = Device::initialised();
    at_every_write(
        &device,
        async |warden| warden.found().await.is_ok(),
        async |device, state, answered| {
            assert!(!is_bound(&state) && (state.pending.is_some() || !answered));
            device.start().register().await;
        },
    )
    .await;
}

#[tokio::test]
async fn a_sign_in() {
    let account = Device::initialised().start().register().await;
    let device = Device::initialised();
    at_every_write(
        &device,
        async |warden| warden.sign_in(&account, None).await.is_ok(),
        async |device, state, answered| {
            assert!(is_bound(&state) || !answered);
            if !is_bound(&state) {
                device.start().sign_in(&account, None).await.unwrap();
            }
        },
    )
    .await;
}

#[tokio::test]
async fn new_credentials_and_their_first_use() {
    let device = Device::initialised();
    let account = device.start().register().await;
    let newer = account.with_password(OTHER_PASSWORD);
    at_every_write(
        &device,
        async |warden| warden.handle.credentials(newer.credentials.clone()).await == Ok(true),
        async |device, state, answered| {
            let Binding::Bound(bound) = &state.binding else {
                panic!("still the owner's")
            };
            assert!(bound.generation == 2 || !answered);
            let right = if bound.generation == 2 {
                OTHER_PASSWORD
            } else {
                PASSWORD
            };
            assert_eq!(device.start().unlock(right).await, Ok(()));
        },
    )
    .await;
}

#[tokio::test]
async fn a_reset_that_signs_out() {
    let device = Device::initialised();
    device.start().register().await;
    let reset = async |warden: &Running| {
        let ticket = warden
            .present(Purpose::Reset, RESET_AND_RELEASE, PASSWORD)
            .await?;
        let input = AuthorizeResetInput { release: true }.encode();
        warden.use_ticket(&ticket, steps::AUTHORIZE_RESET, input).await
    };
    at_every_write(
        &device,
        async |warden| reset(warden).await.is_ok(),
        async |device, state, answered| {
            if is_bound(&state) {
                assert!(!answered);
                assert!(reset(&device.start()).await.is_ok());
            }
        },
    )
    .await;
}

#[tokio::test]
async fn a_lock_and_an_unlock() {
    let device = Device::initialised();
    device.start().register().await;
    at_every_write(
        &device,
        async |warden| {
            let locked = warden.handle.tighten("owner-asked".to_owned()).await.is_ok();
            locked && warden.unlock(PASSWORD).await.is_ok()
        },
        async |device, state, _| {
            assert!(is_bound(&state));
            assert_eq!(device.start().unlock(PASSWORD).await, Ok(()));
        },
    )
    .await;
}

#[tokio::test]
async fn a_disk_that_works_again_works_again() {
    let device = Device::initialised();
    let account: Account = device.start().register().await;
    let disk = StoppingDisk::new(4, false);
    let warden = device.start_on(Box::new(disk.clone()));
    assert!(warden.sign_out(PASSWORD).await.is_err());
    disk.revive();
    assert!(warden.sign_out(PASSWORD).await.is_ok());
    drop(warden);
    let warden = device.start();
    warden.sign_in(&account, None).await.unwrap();
    assert!(
        belay_warden::commands::verify_log(&device.places())
            .unwrap()
            .is_ok()
    );
}

#[tokio::test]
async fn the_door_opened() {
    let device = Device::initialised();
    let account = device.start().register().await;
    for folder in ["state/a", "state/b"] {
        std::fs::remove_file(device.path(folder).join("throttle")).unwrap();
    }
    at_each_write(
        &device,
        async |warden| warden.sign_in(&account, None).await.is_ok(),
        async |device, answered, _| match device.load().binding {
            Binding::Bound(bound) => assert_eq!(bound.owner, account.owner),
            Binding::Tampered(_) => {
                assert!(!answered);
                device.start().sign_in(&account, None).await.unwrap();
            }
            other => panic!("{other:?}"),
        },
    )
    .await;
}
