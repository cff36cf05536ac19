//! Killed at every single write of the account's life: what was answered holds, nothing is half moved, the next try works.

use belay_proto::steps::{self, *};
use belay_warden::core::state::Binding;

use crate::crashes::at_every_write;
use crate::holding::Held;
use crate::life::{Home, bound};
use crate::support::{Device, OTHER_PASSWORD, PASSWORD};

/// A registered device at rest, and its account.
async fn at_rest(device: &Device) -> crate::support::Account {
    device.start().register().await
}

fn alone(account: &crate::support::Account) -> Vec<u8> {
    NewPasswordInput {
        devices: vec![account.certificate.clone()],
        new_epoch: true,
        ..Default::default()
    }
    .encode()
}

#[tokio::test]
async fn a_password_chosen() {
    let device = Device::initialised();
    let account = at_rest(&device).await;
    at_every_write(
        &device,
        async |warden| {
            warden
                .change_password(&account, "", OTHER_PASSWORD, alone(&account))
                .await
                .is_ok()
        },
        async |device, _, _| {
            assert_eq!(bound(device).generation, 1);
            let warden = device.start();
            let set = warden
                .change_password(&account, "", OTHER_PASSWORD, alone(&account))
                .await
                .unwrap();
            assert_eq!(warden.handle.credentials(set.credentials).await, Ok(true));
        },
    )
    .await;
}

#[tokio::test]
async fn a_recovery_code_made_and_its_record_brought() {
    let device = Device::initialised();
    let account = at_rest(&device).await;
    let own = [account.certificate.clone()];
    at_every_write(
        &device,
        async |warden| {
            let Ok((made, set)) = warden.new_recovery_code(&account, &own).await else {
                return false;
            };
            assert!(
                device
                    .load()
                    .pending
                    .is_some_and(|pending| pending.id == made.pending),
                "kept before it is answered"
            );
            warden.handle.credentials(set.credentials).await == Ok(true)
                && warden.recovery_code(&made.claim).await.is_ok()
        },
        async |device, state, answered| {
            assert!(!answered || state.pending.is_some_and(|pending| pending.is_settled()));
            if bound(device).generation == 1 {
                let warden = device.start();
                let (made, set) = warden.new_recovery_code(&account, &own).await.unwrap();
                assert_eq!(warden.handle.credentials(set.credentials).await, Ok(true));
                assert!(warden.recovery_code(&made.claim).await.is_ok());
            }
        },
    )
    .await;
}

#[tokio::test]
async fn a_record_brought_again_after_its_answer_was_lost_still_tells_its_code() {
    let device = Device::initialised();
    let account = at_rest(&device).await;
    let (made, set) = device
        .start()
        .new_recovery_code(&account, std::slice::from_ref(&account.certificate))
        .await
        .unwrap();
    at_every_write(
        &device,
        async |warden| warden.handle.credentials(set.credentials.clone()).await == Ok(true),
        async |device, _, _| {
            let warden = device.start();
            let _ = warden.handle.credentials(set.credentials.clone()).await;
            assert!(warden.recovery_code(&made.claim).await.is_ok());
        },
    )
    .await;
}

#[tokio::test]
async fn a_succession_and_its_keys() {
    for reset_proof in [false, true] {
        let device = match reset_proof {
            true => Device::with_reset_proof(),
            false => Device::initialised(),
        };
        let account = at_rest(&device).await;
        let warden = device.start();
        let set = warden
            .change_password(&account, steps::NEW_ROOT, OTHER_PASSWORD, alone(&account))
            .await
            .unwrap();
        drop(warden);
        at_every_write(
            &device,
            async |warden| {
                warden
                    .use_ticket("", steps::SUCCEED, succession(&set))
                    .await
                    .is_ok()
                    && warden
                        .use_ticket(
                            "",
                            steps::TAKE_KEYRING,
                            TakeKeyringInput {
                                keyring: set.boxes[0].clone(),
                            }
                            .encode(),
                        )
                        .await
                        .is_ok()
                    && warden
                        .use_ticket(
                            "",
                            steps::TAKE_DELEGATE,
                            TakeDelegateInput {
                                delegate: set.delegates[0].clone(),
                            }
                            .encode(),
                        )
                        .await
                        .is_ok()
            },
            async |device, _, answered| {
                let now = bound(device);
                let moved = now.owner == set.owner;
                assert_eq!(now.generation == 2, moved, "all of it or nothing");
                let taken = now.delegate.as_ref() == Some(&set.delegates[0]);
                assert!(taken || !answered);
                assert!(taken || now.delegate.is_none() == moved, "the old one is void");
                assert!(moved || !answered);
                let right = if moved { OTHER_PASSWORD } else { PASSWORD };
                let warden = device.start();
                assert_eq!(warden.unlock(right).await, Ok(()));
                // belayd brings everything again, whatever of it was taken.
                warden.take(steps::SUCCEED, succession(&set)).await;
                warden.take_keyring(&set.boxes[0]).await;
                warden.take_delegate(&set.delegates[0]).await;
                drop(warden);
                let now = bound(device);
                assert_eq!((now.owner, now.generation), (set.owner, 2));
                assert_eq!(now.delegate.as_ref(), Some(&set.delegates[0]));
                assert_eq!(device.start().key_epochs().await, [1, 2]);
            },
        )
        .await;
    }
}

fn succession(set: &NewCredentialsSet) -> Vec<u8> {
    SucceedInput {
        succession: set.succession.clone().unwrap(),
        credentials: set.credentials.clone(),
        certificate: set.certificates[0].clone(),
    }
    .encode()
}

#[tokio::test]
async fn a_removal_and_a_recovery() {
    let home = Home::of_two().await;
    let code = home.warden.written_down(&home.account).await;
    let Home {
        phone,
        warden,
        account,
        devices,
        tablet,
        ..
    } = home;
    let subject = remove_device_subject(bound(&tablet).device);
    drop(warden);
    let input = || {
        RemoveDeviceInput {
            devices: vec![devices[0].clone()],
            ..Default::default()
        }
        .encode()
    };
    at_every_write(
        &phone,
        async |warden| {
            let Ok(ticket) = warden
                .proved_with(&account, Purpose::RemoveDevice, &subject)
                .await
            else {
                return false;
            };
            let Ok(output) = warden.use_ticket(&ticket, steps::REMOVE_DEVICE, input()).await else {
                return false;
            };
            let keyring = RemoveDeviceOutput::decode(&output).unwrap().boxes.remove(0);
            let recovered = warden
                .recover(code.expose(), OTHER_PASSWORD, account.recover_input(&devices))
                .await;
            recovered.is_ok()
                && warden
                    .use_ticket("", steps::TAKE_KEYRING, TakeKeyringInput { keyring }.encode())
                    .await
                    .is_ok()
        },
        async |device, _, answered| {
            let warden = device.start();
            let epochs = warden.key_epochs().await;
            assert!(epochs == [1, 2] || !answered);
            let ticket = warden
                .proved_with(&account, Purpose::RemoveDevice, &subject)
                .await
                .unwrap();
            assert!(
                warden
                    .use_ticket(&ticket, steps::REMOVE_DEVICE, input())
                    .await
                    .is_ok()
            );
        },
    )
    .await;
}

#[tokio::test]
async fn an_account_deleted() {
    let device = Device::initialised();
    let account = at_rest(&device).await;
    at_every_write(
        &device,
        async |warden| {
            let Ok(ticket) = warden
                .proved_with(&account, Purpose::DeleteAccount, "delete-account")
                .await
            else {
                return false;
            };
            let ordered = warden
                .use_ticket(&ticket, steps::ORDER, Done {}.encode())
                .await
                .is_ok();
            ordered && warden.leave().await.is_ok()
        },
        async |device, state, answered| match state.binding {
            Binding::Unbound { release } => assert!(release.is_some()),
            _ => {
                assert!(!answered);
                // Whoever heard of the order only once the cloud had carried it out.
                let left = device.start().leave().await.is_ok();
                assert!(left || device.start().sign_out(PASSWORD).await.is_ok());
            }
        },
    )
    .await;
}

#[tokio::test]
async fn a_hold_that_is_over_moves_the_pin_and_no_code_of_the_root_before_is_told_then() {
    let (held, waiting) = Held::begun().await;
    held.pass(71).await;
    let Held { device, warden, .. } = held;
    drop(warden);
    assert!(device.load().pending.is_some(), "of the registration");
    device.clock.advance(std::time::Duration::from_secs(3600));
    at_every_write(
        &device,
        async |warden| warden.handle.beat().await.is_ok(),
        async |device, state, _| {
            let has_moved = state.bound().unwrap().owner == waiting.owner;
            assert!(!has_moved || state.pending.is_none());
            device.start().handle.beat().await.unwrap();
            assert_eq!(bound(device).owner, waiting.owner);
        },
    )
    .await;
}
