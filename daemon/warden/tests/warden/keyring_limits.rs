//! An account's keys grow with each key epoch, and nothing ever takes one away: what happens where there is no room for more.

use belay_proto::cbor::MAX_BYTES;
use belay_proto::id::device_id;
use belay_proto::keys::SigningKey;
use belay_proto::signed::*;
use belay_proto::steps::{self, *};
use belay_proto::{DeviceId, Epoch};
use belay_warden::core::refusal::Refusal;

use crate::holding::allowed;
use crate::life::{Home, bound};
use crate::rollback::{MOST, both_changed, key_in, of, takes};
use crate::support::{Account, OTHER_PASSWORD, PASSWORD};

/// The account's keys with as many key epochs.
fn grown(account: &Account, is_enough: impl Fn(&Keyring) -> bool) -> Keyring {
    let mut keyring = account.keyring();
    while !is_enough(&keyring) {
        keyring = keyring.with_new_epoch(keyring.generation);
    }
    keyring
}

/// The home with that keyring at its cloud.
fn with_keyring(home: Home, keyring: &Keyring) -> Home {
    let account = home.account.with_keyring(keyring);
    Home { account, ..home }
}

/// Another device of the owner's.
fn certified(home: &Home) -> Vec<u8> {
    let (key, epoch) = (SigningKey::generate().public(), Epoch::random());
    let certificate = DeviceCertificate {
        warden_key: key,
        epoch,
        device: device_id(&key, &epoch),
        ..home.certificate(1)
    };
    Signed::seal(&certificate, &home.account.root().owner_key()).encode()
}

async fn removes(home: &Home, device: DeviceId, stay: Vec<Vec<u8>>) -> Result<RemoveDeviceOutput, Refusal> {
    let subject = remove_device_subject(device);
    let ticket = home
        .warden
        .proved_with(&home.account, Purpose::RemoveDevice, &subject)
        .await?;
    let input = RemoveDeviceInput {
        devices: stay,
        ..Default::default()
    };
    let output = home
        .warden
        .use_ticket(&ticket, steps::REMOVE_DEVICE, input.encode())
        .await?;
    Ok(RemoveDeviceOutput::decode(&output).unwrap())
}

async fn changes(home: &Home, subject: &str, devices: &[Vec<u8>]) -> Result<NewCredentialsSet, Refusal> {
    let input = NewPasswordInput {
        devices: devices.to_vec(),
        new_epoch: true,
        ..Default::default()
    };
    home.warden
        .change_password(&home.account, subject, OTHER_PASSWORD, input.encode())
        .await
}

fn is_full<T>(answer: Result<T, Refusal>, why: &str) {
    match answer {
        Err(Refusal::Storage(text)) => assert!(text.contains(why), "{text}"),
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("made"),
    }
}

#[tokio::test]
async fn where_there_were_as_many_as_are_kept_none_is_made_and_nothing_is_signed_without() {
    let home = Home::of_two().await;
    let almost = grown(&home.account, |keyring| {
        keyring.key_epoch() == u64::try_from(MOST_EPOCHS).unwrap() - 1
    });
    let home = with_keyring(home, &almost);
    let tablet = home.tablet_id();
    let own = vec![home.devices[0].clone()];
    let made = removes(&home, tablet, own.clone()).await.unwrap();
    assert_eq!(made.key_epoch, almost.key_epoch() + 1, "the last one");

    let full = almost.with_new_epoch(almost.generation);
    let home = with_keyring(home, &full);
    let signed = home.warden.count("order-signed").await;
    let often = "changed as often as its devices can keep";
    is_full(removes(&home, certified_id(&home), own.clone()).await, often);
    assert_eq!(home.warden.count("order-signed").await, signed);
    assert_eq!(bound(&home.phone).removed, Some(vec![tablet]), "and no other");
    is_full(changes(&home, steps::NEW_ROOT, &own).await, often);
    // A password that somebody else may know doesn't stay for that, and nobody who has forgotten it stays outside.
    let set = changes(&home, "", &own).await.unwrap();
    let account = home.account.after(&set, OTHER_PASSWORD);
    assert_eq!(account.keyring().key_epoch(), full.key_epoch());
    let code = home.warden.written_down(&home.account).await;
    let input = home.account.recover_input(&own);
    let set = home
        .warden
        .recover(code.expose(), OTHER_PASSWORD, input)
        .await
        .unwrap();
    let account = home.account.after(&set, OTHER_PASSWORD);
    assert_eq!(account.keyring().key_epoch(), full.key_epoch());
}

fn certified_id(home: &Home) -> DeviceId {
    let certificate: DeviceCertificate = Signed::decode(&certified(home))
        .unwrap()
        .open(&home.account.owner)
        .unwrap();
    certificate.device
}

#[tokio::test]
async fn beyond_the_last_number_that_a_cloud_takes_none_is_made_and_all_else_is_signed_without() {
    let home = Home::of_two().await;
    let own = vec![home.devices[0].clone()];
    let almost = home.account.keyring().with_epoch_after(1, EPOCHS_END - 3);
    let home = with_keyring(home, &almost);
    let made = removes(&home, home.tablet_id(), own.clone()).await.unwrap();
    assert_eq!(made.key_epoch, EPOCHS_END - 1, "the last one");
    let last = almost.with_new_epoch(1);
    let home = with_keyring(home, &last);
    let (signed, lost) = (home.warden.count("order-signed").await, certified_id(&home));
    let made = removes(&home, lost, own.clone()).await.unwrap();
    assert_eq!(made.key_epoch, last.key_epoch());
    assert_eq!(home.warden.count("order-signed").await, signed + 1);
    let (root, record) = (home.account.root(), home.account.record());
    let after = Keyring::open(&root, &record.account, record.generation, &made.keyring).unwrap();
    assert!(after.removed().contains(&lost), "no keys to it from here on");
    for subject in [steps::NEW_ROOT, ""] {
        let set = changes(&home, subject, &own).await.unwrap();
        assert_eq!(set.succession.is_some(), subject == steps::NEW_ROOT);
        let account = home.account.after(&set, OTHER_PASSWORD);
        assert_eq!(account.keyring().key_epoch(), last.key_epoch());
    }
    // Whoever has forgotten everything else stays outside as little.
    let (_, set) = {
        home.warden.set_policies(&allowed(true)).await.unwrap();
        assert!(takes(&home, 0, &last).await);
        home.warden.renewed(&home.account, OTHER_PASSWORD).await.unwrap()
    };
    let account = home.account.after(&set, OTHER_PASSWORD);
    assert_eq!(account.keyring().key_epoch(), last.key_epoch());
}

#[tokio::test]
async fn whatever_a_cloud_has_once_counted_there_are_new_keys_for_a_removal_and_a_new_root() {
    for counted in [MOST - 1, MOST, EPOCHS_END - 2, EPOCHS_END - 1, u64::MAX] {
        let home = Home::of_two().await;
        let input = NewPasswordInput {
            devices: home.devices.clone(),
            new_epoch: true,
            key_epoch: Some(counted),
            ..Default::default()
        };
        let set = home
            .warden
            .change_password(&home.account, "", OTHER_PASSWORD, input.encode())
            .await
            .unwrap();
        let lured = home.account.after(&set, OTHER_PASSWORD).keyring();
        let home = with_keyring(home, &lured.for_generation(1));
        let own = vec![home.devices[0].clone()];
        let next = lured.key_epoch() + 1;
        let made = removes(&home, home.tablet_id(), own.clone()).await.unwrap();
        assert_eq!(made.key_epoch, next, "{counted}");
        let set = changes(&home, steps::NEW_ROOT, &own).await.unwrap();
        let account = home.account.after(&set, OTHER_PASSWORD);
        assert_eq!(account.keyring().key_epoch(), next, "{counted}");
    }
}

#[tokio::test]
async fn a_password_makes_keys_where_the_cloud_counts_higher_than_they_go_unless_there_is_no_room() {
    let home = Home::of_two().await;
    let counting = |key_epoch: u64| {
        let input = NewPasswordInput {
            devices: home.devices.clone(),
            key_epoch: Some(key_epoch),
            ..Default::default()
        };
        input.encode()
    };
    // Of a number that is too high none would be left for later.
    for (counted, newest, boxes) in [(0, 1, 0), (1, 1, 0), (2, 3, 2), (7, 8, 2), (MOST, 1, 0)] {
        let set = home
            .warden
            .change_password(&home.account, "", OTHER_PASSWORD, counting(counted))
            .await
            .unwrap();
        let next = home.account.after(&set, OTHER_PASSWORD).keyring();
        assert_eq!((next.key_epoch(), set.boxes.len()), (newest, boxes), "{counted}");
    }
    let most = u64::try_from(MOST_EPOCHS).unwrap();
    let full = grown(&home.account, |keyring| keyring.key_epoch() == most);
    let account = home.account.with_keyring(&full);
    let set = home
        .warden
        .change_password(&account, "", OTHER_PASSWORD, counting(most + 1))
        .await
        .unwrap();
    let next = account.after(&set, OTHER_PASSWORD).keyring();
    assert_eq!(next.key_epoch(), most, "the password isn't refused for that");
}

#[tokio::test]
async fn where_they_fit_no_answer_for_all_devices_the_owner_is_told_and_nothing_is_signed() {
    let home = Home::of_two().await;
    let keyring = grown(&home.account, |keyring| keyring.key_epoch() == 150);
    let home = with_keyring(home, &keyring);
    let mut devices = vec![home.devices[0].clone()];
    devices.extend((0..14).map(|_| certified(&home)));
    let tablet = home.tablet_id();
    is_full(
        removes(&home, tablet, devices.clone()).await,
        "for so many devices",
    );
    assert_eq!(home.warden.count("order-signed").await, 0);
    assert_eq!(bound(&home.phone).removed, None);
    is_full(
        changes(&home, steps::NEW_ROOT, &devices).await,
        "for so many devices",
    );
    let set = changes(&home, "", &devices).await.unwrap();
    assert!(
        set.boxes.is_empty(),
        "a password isn't refused for want of room for keys"
    );
    // With fewer of them there is room.
    devices.truncate(3);
    removes(&home, tablet, devices).await.unwrap();
}

/// The password and the recovery code are changed where this device and the cloud have two keys of one number, and no other follows.
async fn goes_on_with_its_own(epochs: u64, others: usize) {
    let home = Home::of_two().await;
    let almost = grown(&home.account, |keyring| keyring.key_epoch() == epochs - 1);
    let (own, clouds) = (almost.with_new_epoch(1), almost.with_new_epoch(1));
    assert!(takes(&home, 0, &own).await);
    let mut devices = of(&home, &[0, 1]);
    devices.extend((0..others).map(|_| certified(&home)));
    let account = home.account.with_keyring(&clouds);
    for (set, password) in both_changed(&home.warden, &account, devices).await {
        let next = account.after(&set, password).keyring();
        assert_eq!(next.key_epoch(), epochs, "{password}");
        assert_eq!(key_in(&next, epochs), key_in(&own, epochs), "{password}");
        assert!(set.boxes.is_empty(), "{password}: nobody takes them");
    }
}

#[tokio::test]
async fn no_password_and_no_recovery_code_holds_on_for_want_of_a_key_above_two_of_one_number() {
    goes_on_with_its_own(u64::try_from(MOST_EPOCHS).unwrap(), 0).await;
}

#[tokio::test]
async fn nor_where_such_a_key_fits_no_answer_for_all_devices() {
    goes_on_with_its_own(150, 14).await;
}

#[tokio::test]
async fn of_two_keys_of_one_number_the_account_goes_on_with_the_one_that_no_removed_device_has() {
    let home = Home::of_two().await;
    let most = u64::try_from(MOST_EPOCHS).unwrap();
    let almost = grown(&home.account, |keyring| keyring.key_epoch() == most - 1);
    let own = almost.with_new_epoch(1);
    // Made elsewhere by a removal of which nobody here has heard: that device may have the other one.
    let clouds = almost.with_new_epoch(1).without(DeviceId::random());
    assert!(takes(&home, 0, &own).await);
    let devices = of(&home, &[0, 1]);
    let account = home.account.with_keyring(&clouds);
    for (set, password) in both_changed(&home.warden, &account, devices).await {
        let next = account.after(&set, password).keyring();
        assert_eq!(key_in(&next, most), key_in(&clouds, most), "{password}");
        assert_eq!(next.removed(), clouds.removed(), "{password}");
    }
}

#[tokio::test]
async fn one_that_fits_no_file_is_refused_before_the_file_that_is_there_is_touched() {
    let home = Home::of_two().await;
    let huge = grown(&home.account, |keyring| keyring.encode().len() > MAX_BYTES - 1024);
    let boxed = huge.seal_to(&home.account.root().owner_key(), &home.certificate(0).box_key);
    let input = TakeKeyringInput { keyring: boxed };
    let before = home.phone.snapshot();
    let taken = home
        .warden
        .use_ticket("", steps::TAKE_KEYRING, input.encode())
        .await;
    is_full(taken, "binding");
    assert!(home.phone.snapshot() == before, "nothing was written");
    assert_eq!(home.warden.key_epochs().await, [1]);
    let Home { phone, warden, .. } = home;
    drop(warden);
    let warden = phone.start();
    assert_eq!(warden.key_epochs().await, [1]);
    warden.unlock(PASSWORD).await.unwrap();
}
