//! A device that is lost gets no keys of what is written from then on.

use belay_proto::steps::{self, *};

use crate::life::Home;
use crate::rollback::{empty, of, watch};
use crate::support::{OTHER_PASSWORD, PASSWORD};

#[tokio::test]
async fn a_new_password_begins_keys_that_a_lost_device_does_not_get() {
    let home = Home::of_two().await;
    // This device is none: its owner stands here, whatever a cloud says.
    let lost = Some(vec![home.certificate(0).device, home.tablet_id()]);
    let input = NewPasswordInput {
        devices: home.devices.clone(),
        new_epoch: false,
        lost,
        ..Default::default()
    };
    for (subject, certificates) in [("", vec![]), (NEW_ROOT, vec![false, false])] {
        let set = home
            .warden
            .change_password(&home.account, subject, OTHER_PASSWORD, input.encode())
            .await
            .unwrap();
        let next = home.account.after(&set, OTHER_PASSWORD).keyring();
        assert_eq!(next.key_epoch(), 2, "{subject}");
        assert_eq!(empty(&set.boxes), [false, true], "{subject}");
        assert_eq!(empty(&set.delegates), [false, false], "{subject}");
        assert_eq!(empty(&set.certificates), certificates, "{subject}");
    }
}

#[tokio::test]
async fn neither_a_removal_nor_a_recovery_code_gives_keys_to_a_lost_device_which_gets_them_with_the_password()
{
    let mut home = Home::of_two().await;
    let (_watch, _) = watch(&mut home).await;
    let lost = Some(vec![home.tablet_id()]);
    let subject = remove_device_subject(home.certificate(2).device);
    let ticket = home
        .warden
        .proved_with(&home.account, Purpose::RemoveDevice, &subject)
        .await
        .unwrap();
    let input = RemoveDeviceInput {
        devices: of(&home, &[0, 1]),
        lost: lost.clone(),
        ..Default::default()
    };
    let output = home
        .warden
        .use_ticket(&ticket, steps::REMOVE_DEVICE, input.encode())
        .await;
    let removed = RemoveDeviceOutput::decode(&output.unwrap()).unwrap();
    assert_eq!(empty(&removed.boxes), [false, true]);
    // The others may lack what is kept here alone.
    assert!(home.warden.take_keyring(&removed.boxes[0]).await);
    let ticket = home
        .warden
        .proved_with(&home.account, Purpose::RecoveryCode, "")
        .await
        .unwrap();
    let input = NewRecoveryCodeInput {
        devices: of(&home, &[0, 1]),
        lost,
        ..Default::default()
    };
    let output = home
        .warden
        .use_ticket(&ticket, steps::NEW_RECOVERY_CODE, input.encode())
        .await;
    let output = NewRecoveryCodeOutput::decode(&output.unwrap()).unwrap();
    let set = NewCredentialsSet::decode(&output.set).unwrap();
    assert_eq!(empty(&set.boxes), [false, true]);
    // Found again, its owner proves the password there.
    let account = home.account.after(&set, PASSWORD);
    assert_eq!(home.other.key_epochs().await, [1]);
    home.other
        .proved_with(&account, Purpose::Reauthenticate, "")
        .await
        .unwrap();
    assert_eq!(home.other.key_epochs().await, [1, 2]);
}
