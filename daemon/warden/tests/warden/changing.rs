//! Another password, chosen at this device, and how it reaches the owner's others.

use belay_proto::keys::SigningKey;
use belay_proto::signed::*;
use belay_proto::steps::{self, *};
use belay_warden::ceremony::Secrets;
use belay_warden::core::refusal::Refusal;
use belay_warden::core::throttle::Presenter;

use crate::life::{Home, bound, change};
use crate::support::{Account, Device, LOGIN, OTHER_PASSWORD, PASSWORD, secret};

#[tokio::test]
async fn a_new_password_holds_at_each_device_once_its_record_is_brought_and_the_old_one_no_more() {
    let home = Home::of_two().await;
    let set = home
        .warden
        .change_password(&home.account, "", OTHER_PASSWORD, home.all(false))
        .await
        .unwrap();
    assert_eq!(home.warden.count("password-changed").await, 1);
    assert_eq!(
        bound(&home.phone).generation,
        1,
        "nothing before the cloud has it"
    );
    let account = home.account.after(&set, OTHER_PASSWORD);
    let (old, new) = (home.account.record(), account.record());
    assert_eq!((new.generation, new.account), (2, old.account));
    assert_eq!(account.root().owner_key().public(), home.account.owner);
    assert_eq!(new.recovery_wrap, old.recovery_wrap, "the code goes on");
    assert_ne!(new.salt, old.salt);
    assert_ne!(account.share, home.account.share);
    assert_eq!(account.keyring().key_epoch(), 1);
    assert!(set.succession.is_none() && set.certificates.is_empty() && set.boxes.is_empty());

    for (warden, which) in [(&home.warden, 0), (&home.other, 1)] {
        assert!(!warden.take_delegate(&set.delegates[which]).await, "not yet");
        assert_eq!(warden.handle.credentials(set.credentials.clone()).await, Ok(true));
        assert_eq!(warden.unlock(PASSWORD).await, Err(Refusal::WrongPassword));
        assert_eq!(warden.unlock(OTHER_PASSWORD).await, Ok(()));
        assert!(
            !warden.take_delegate(&set.delegates[1 - which]).await,
            "another's"
        );
        assert!(warden.take_delegate(&set.delegates[which]).await);
        assert!(!warden.take_delegate(&set.delegates[which]).await, "nothing new");
    }
}

#[tokio::test]
async fn the_old_delegate_is_void_until_the_new_one_is_taken() {
    let home = Home::of_two().await;
    let set = home
        .warden
        .change_password(&home.account, "", OTHER_PASSWORD, home.all(false))
        .await
        .unwrap();
    assert!(bound(&home.phone).delegate.is_some());
    home.warden
        .handle
        .credentials(set.credentials.clone())
        .await
        .unwrap();
    assert_eq!(bound(&home.phone).delegate, None);
    assert!(home.warden.take_delegate(&set.delegates[0]).await);
    assert_eq!(bound(&home.phone).delegate.as_ref(), Some(&set.delegates[0]));
}

#[tokio::test]
async fn a_new_key_epoch_reaches_the_devices_in_their_boxes() {
    let home = Home::of_two().await;
    let set = home
        .warden
        .change_password(&home.account, "", OTHER_PASSWORD, home.all(true))
        .await
        .unwrap();
    assert!(!home.other.take_keyring(&set.boxes[0]).await, "another's box");
    for (warden, which) in [(&home.warden, 0), (&home.other, 1)] {
        assert_eq!(warden.key_epochs().await, [1]);
        assert!(warden.take_keyring(&set.boxes[which]).await);
        assert!(!warden.take_keyring(&set.boxes[which]).await, "the same epoch");
        assert_eq!(warden.key_epochs().await, [1, 2]);
    }
    let account = home.account.after(&set, OTHER_PASSWORD);
    let (keyring, owner) = (account.keyring(), account.root().owner_key());
    let own = home.certificate(0).box_key;
    let older = home.account.keyring().seal_to(&owner, &own);
    let forged = keyring.with_new_epoch(3).seal_to(&SigningKey::generate(), &own);
    let foreign = Keyring::generate(belay_proto::AccountId::random(), 9)
        .with_new_epoch(9)
        .with_new_epoch(9)
        .seal_to(&owner, &own);
    for bytes in [older, forged, foreign, Vec::new(), vec![7; 90]] {
        assert!(!home.warden.take_keyring(&bytes).await);
    }
    let (phone, warden) = (home.phone, home.warden);
    drop(warden);
    assert_eq!(phone.start().key_epochs().await, [1, 2], "on disk");
}

#[tokio::test]
async fn parameters_of_a_new_password_are_no_weaker_than_any_seen() {
    let home = Home::of_two().await;
    let mut strong = home.account.record().parameters;
    strong.iterations += 1;
    let master = belay_proto::keys::Master::derive(&secret(PASSWORD), &[8; 16], &strong).unwrap();
    let (root, share) = (home.account.root(), belay_proto::Secret::new([5; 32]));
    let credentials = home.account.with_record(|record| {
        record.generation = 2;
        record.salt = [8; 16];
        record.parameters = strong;
        record.login = master.login_key().public();
        record.verify_digest = master.verify_digest();
        record.wrapped_root = root.wrap(&master.wrap_key(&share), &record.account, 2);
    });
    let account = Account {
        share: *share.expose(),
        credentials,
        keyring: home.account.keyring().for_generation(2).seal(&root),
        password: PASSWORD.to_owned(),
        certificate: home.account.certificate.clone(),
        ..home.account
    };
    let input = NewPasswordInput {
        devices: home.devices.clone(),
        new_epoch: false,
        ..Default::default()
    };
    let set = home
        .warden
        .change_password(&account, "", OTHER_PASSWORD, input.encode())
        .await
        .unwrap();
    let record = account.after(&set, OTHER_PASSWORD).record();
    assert_eq!((record.parameters, record.generation), (strong, 3));
}

#[tokio::test]
async fn secrets_that_can_not_be_are_refused_before_a_ticket_is_made() {
    let home = Home::of_two().await;
    let weak = Err(Refusal::WeakPassword);
    let short = Err(Refusal::WrongPassword);
    let invalid = Err(Refusal::InvalidArgument(String::new()));
    let password = || Secrets::Password(secret(PASSWORD));
    let recovery = || Secrets::Recovery {
        new: secret(OTHER_PASSWORD),
        code: crate::life::a_code(),
    };
    let code = "0".repeat(32);
    let table = [
        (Purpose::ChangePassword, "", change(PASSWORD, "password1"), &weak),
        (
            Purpose::ChangePassword,
            "",
            change(PASSWORD, &format!("{LOGIN}1")),
            &weak,
        ),
        (Purpose::ChangePassword, "", change(PASSWORD, PASSWORD), &weak),
        (
            Purpose::ChangePassword,
            "",
            change("short", OTHER_PASSWORD),
            &short,
        ),
        (Purpose::ChangePassword, "", change("", OTHER_PASSWORD), &invalid),
        (Purpose::ChangePassword, "", change(PASSWORD, ""), &invalid),
        (
            Purpose::ChangePassword,
            "root",
            change(PASSWORD, OTHER_PASSWORD),
            &invalid,
        ),
        (Purpose::ChangePassword, "", password(), &invalid),
        (Purpose::ChangePassword, "", recovery(), &invalid),
        (Purpose::SignOut, "", change(PASSWORD, OTHER_PASSWORD), &invalid),
        (Purpose::RecoveryCode, "x", password(), &invalid),
        (Purpose::RecoveryCode, "", recovery(), &invalid),
        (Purpose::Identifier, "", password(), &invalid),
        (Purpose::Identifier, "delete-account", password(), &invalid),
        (
            Purpose::Identifier,
            "add-identifier jane@EXAMPLE.org",
            password(),
            &invalid,
        ),
        (Purpose::DeleteAccount, "", password(), &invalid),
        (
            Purpose::RemoveDevice,
            &format!("remove-device {}x", &code[1..]),
            password(),
            &invalid,
        ),
    ];
    for (purpose, subject, secrets, expected) in table {
        let answer = home
            .warden
            .handle
            .present(purpose, subject.to_owned(), Presenter::Screen, secrets)
            .await
            .map(drop);
        let same = match (&answer, expected) {
            (Err(Refusal::InvalidArgument(_)), Err(Refusal::InvalidArgument(_))) => true,
            (answer, expected) => answer == expected,
        };
        assert!(same, "{purpose} {subject}: {answer:?}");
    }
    assert_eq!(
        home.warden.count("password-check").await,
        0,
        "nothing was counted"
    );
}

#[tokio::test]
async fn a_wrong_old_password_is_counted_and_changes_nothing() {
    let home = Home::of_two().await;
    let wrong = change("wrong-heron-71-umbrella", OTHER_PASSWORD);
    let answer = home
        .warden
        .proved(&home.account, Purpose::ChangePassword, "", wrong)
        .await;
    assert_eq!(answer, Err(Refusal::WrongPassword));
    assert_eq!(home.phone.load().throttle.screen.failures, 1);
}

#[tokio::test]
async fn devices_that_the_owner_did_not_certify_get_nothing() {
    let home = Home::of_two().await;
    let stranger = Device::initialised().start().register().await;
    let (own, tablet) = (home.devices[0].clone(), home.certificate(1));
    let forged = Signed::seal(&tablet, &SigningKey::generate()).encode();
    let owner = home.account.root().owner_key();
    let other_account = DeviceCertificate {
        account: belay_proto::AccountId::random(),
        ..tablet.clone()
    };
    let misnamed = DeviceCertificate {
        epoch: belay_proto::Epoch::random(),
        ..tablet
    };
    let lists = [
        vec![],
        vec![home.devices[1].clone()],
        vec![own.clone(), own.clone()],
        vec![own.clone(), stranger.certificate],
        vec![own.clone(), forged],
        vec![own.clone(), Signed::seal(&other_account, &owner).encode()],
        vec![own.clone(), Signed::seal(&misnamed, &owner).encode()],
        vec![own.clone(), Vec::new()],
    ];
    let secrets = change(PASSWORD, OTHER_PASSWORD);
    let ticket = home
        .warden
        .proved(&home.account, Purpose::ChangePassword, "", secrets)
        .await
        .unwrap();
    for devices in lists {
        let input = NewPasswordInput {
            devices,
            new_epoch: true,
            ..Default::default()
        };
        let answer = home
            .warden
            .use_ticket(&ticket, steps::NEW_PASSWORD, input.encode())
            .await;
        assert!(matches!(answer, Err(Refusal::CloudRefused(_))), "{answer:?}");
    }
    assert_eq!(home.warden.count("password-changed").await, 0);
}

#[tokio::test]
async fn another_owners_root_and_older_credentials_sign_nothing() {
    let home = Home::of_two().await;
    let stranger = Device::initialised().start().register().await;
    let secrets = change(PASSWORD, OTHER_PASSWORD);
    let answer = home
        .warden
        .proved(&stranger, Purpose::ChangePassword, "", secrets)
        .await;
    assert!(matches!(answer, Err(Refusal::CloudRefused(_))), "{answer:?}");

    // The same password under the next generation; the cloud shows the one before.
    let newer = home.account.with_record(|record| record.generation = 2);
    assert_eq!(home.warden.handle.credentials(newer).await, Ok(true));
    let answer = home
        .warden
        .change_password(&home.account, "", OTHER_PASSWORD, home.all(false))
        .await;
    assert!(matches!(answer, Err(Refusal::CloudRefused(_))), "{answer:?}");
}

/// The cloud may have been put back to a day before keys that others have, and this device have never heard of them.
#[tokio::test]
async fn new_keys_get_a_number_above_each_that_is_known_to_be_in_use() {
    let home = Home::of_two().await;
    let root = home.account.root();
    let certified = |key_epoch| {
        let certificate = DeviceCertificate {
            key_epoch,
            ..home.certificate(1)
        };
        Signed::seal(&certificate, &root.owner_key()).encode()
    };
    let made = async |subject: &str, new_epoch, other: Vec<u8>, key_epoch| {
        let input = NewPasswordInput {
            devices: vec![home.devices[0].clone(), other],
            new_epoch,
            key_epoch,
            ..Default::default()
        };
        let set = home
            .warden
            .change_password(&home.account, subject, OTHER_PASSWORD, input.encode())
            .await
            .unwrap();
        home.account.after(&set, OTHER_PASSWORD).keyring().key_epoch()
    };
    assert_eq!(made("", true, certified(1), None).await, 2);
    for subject in ["", steps::NEW_ROOT] {
        assert_eq!(made(subject, true, certified(1), Some(7)).await, 8);
        assert_eq!(made(subject, true, certified(12), Some(7)).await, 13);
        // None would be left for later.
        assert_eq!(made(subject, true, certified(1), Some(u64::MAX)).await, 2);
    }
    assert_eq!(made("", false, certified(12), Some(1)).await, 1, "as they were");
    assert_eq!(made("", false, certified(12), Some(7)).await, 13);

    let subject = remove_device_subject(home.tablet_id());
    let purpose = Purpose::RemoveDevice;
    let ticket = home.warden.proved_with(&home.account, purpose, &subject).await;
    let input = RemoveDeviceInput {
        devices: vec![home.devices[0].clone()],
        key_epoch: Some(7),
        ..Default::default()
    };
    let removed = home
        .warden
        .use_ticket(&ticket.unwrap(), steps::REMOVE_DEVICE, input.encode())
        .await
        .unwrap();
    assert_eq!(RemoveDeviceOutput::decode(&removed).unwrap().key_epoch, 8);
}
