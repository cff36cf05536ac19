//! A cloud that shows what was before: a keyring of before a removal, the certificate of a device that was removed.

use belay_proto::signed::{DeviceCertificate, EPOCHS_END, Keyring, MOST_REMOVED};
use belay_proto::steps::{self, *};
use belay_warden::core::refusal::Refusal;

use crate::life::Home;
use crate::support::{Account, Device, OTHER_PASSWORD, PASSWORD, Running};

/// From here on a cloud's count of key epochs is left aside.
pub const MOST: u64 = EPOCHS_END - (1 << 20);

/// A third device of the account; its certificate is the last of the home's.
pub async fn watch(home: &mut Home) -> (Device, Running) {
    let watch = Device::initialised().other_hardware();
    let warden = watch.start();
    let certified = warden.sign_in(&home.account, None).await.unwrap();
    home.devices.push(certified.certificate);
    (watch, warden)
}

/// The owner removes a device at the phone; the others stay.
async fn removes(home: &Home, account: &Account, which: usize) -> Result<RemoveDeviceOutput, Refusal> {
    let subject = remove_device_subject(home.certificate(which).device);
    let ticket = home
        .warden
        .proved_with(account, Purpose::RemoveDevice, &subject)
        .await?;
    let mut devices = home.devices.clone();
    devices.remove(which);
    let input = RemoveDeviceInput {
        devices,
        ..Default::default()
    }
    .encode();
    let output = home
        .warden
        .use_ticket(&ticket, steps::REMOVE_DEVICE, input)
        .await?;
    Ok(RemoveDeviceOutput::decode(&output).unwrap())
}

/// The key of a key epoch, as belayd gets it.
pub async fn key_of(warden: &Running, epoch: u64) -> [u8; 32] {
    let collection = steps::ACCESSORIES.to_owned();
    let input = CollectionKeysInput { collection }.encode();
    let output = warden
        .use_ticket("", steps::COLLECTION_KEYS, input)
        .await
        .unwrap();
    let keys = CollectionKeysOutput::decode(&output).unwrap().keys;
    *keys.get(epoch).unwrap().expose()
}

/// The same of a keyring.
pub fn key_in(keyring: &Keyring, epoch: u64) -> Option<[u8; 32]> {
    let keys = keyring.collection_keys(steps::ACCESSORIES);
    keys.get(epoch).map(|key| *key.expose())
}

/// The certificates of these devices.
pub fn of(home: &Home, which: &[usize]) -> Vec<Vec<u8>> {
    which.iter().map(|which| home.devices[*which].clone()).collect()
}

fn password_with(devices: Vec<Vec<u8>>) -> Vec<u8> {
    let new_epoch = true;
    NewPasswordInput {
        devices,
        new_epoch,
        ..Default::default()
    }
    .encode()
}

/// The same where no device is lost.
pub fn password_alone(devices: Vec<Vec<u8>>) -> Vec<u8> {
    let new_epoch = false;
    NewPasswordInput {
        devices,
        new_epoch,
        ..Default::default()
    }
    .encode()
}

/// Another recovery code and, beside it, another password, each with the password that it leaves the account with.
pub async fn both_changed(
    warden: &Running,
    account: &Account,
    devices: Vec<Vec<u8>>,
) -> [(NewCredentialsSet, &'static str); 2] {
    let (_, code) = warden.new_recovery_code(account, &devices).await.unwrap();
    let password = warden
        .change_password(account, "", OTHER_PASSWORD, password_alone(devices))
        .await
        .unwrap();
    [(code, PASSWORD), (password, OTHER_PASSWORD)]
}

#[tokio::test]
async fn whatever_the_owner_does_goes_on_from_the_newest_keyring_though_the_cloud_shows_an_older_one() {
    let mut home = Home::of_two().await;
    let (_watch, _) = watch(&mut home).await;
    let code = home.warden.written_down(&home.account).await;
    let removed = removes(&home, &home.account, 2).await.unwrap();
    assert!(home.warden.take_keyring(&removed.boxes[0]).await);
    let kept = key_of(&home.warden, 2).await;
    let devices = of(&home, &[0, 1]);
    // The account as it was before the removal, which is what the cloud shows.
    let before = &home.account;
    assert_eq!(before.keyring().key_epoch(), 1);

    for subject in ["", NEW_ROOT] {
        let set = home
            .warden
            .change_password(before, subject, OTHER_PASSWORD, password_with(devices.clone()))
            .await
            .unwrap();
        let next = before.after(&set, OTHER_PASSWORD).keyring();
        assert_eq!((next.key_epoch(), key_in(&next, 2)), (3, Some(kept)), "{subject}");
        assert_eq!(set.boxes.len(), 2, "{subject}");
    }
    let (_, set) = home.warden.new_recovery_code(before, &devices).await.unwrap();
    let next = before.after(&set, PASSWORD).keyring();
    assert_eq!((next.key_epoch(), key_in(&next, 2)), (2, Some(kept)));
    assert_eq!(set.boxes.len(), 2, "the others may have as little as the cloud");
    let again = removes(&home, before, 2).await.unwrap();
    let again = Account {
        keyring: again.keyring,
        ..before.after(&set, PASSWORD)
    };
    let next = Keyring::open(&again.root(), &before.record().account, 1, &again.keyring).unwrap();
    assert_eq!((next.key_epoch(), key_in(&next, 2)), (3, Some(kept)));
    let set = home
        .warden
        .recover(code.expose(), OTHER_PASSWORD, before.recover_input(&devices))
        .await
        .unwrap();
    let next = before.after(&set, OTHER_PASSWORD).keyring();
    assert_eq!((next.key_epoch(), key_in(&next, 2)), (3, Some(kept)));
}

#[tokio::test]
async fn a_keyring_that_is_newer_than_the_kept_one_is_built_on() {
    let home = Home::of_two().await;
    let devices = of(&home, &[0, 1]);
    let newer = home.account.keyring().with_new_epoch(1);
    let key = key_in(&newer, 2);
    let account = home.account.with_keyring(&newer);
    let (_, set) = home.warden.new_recovery_code(&account, &devices).await.unwrap();
    let next = account.after(&set, PASSWORD).keyring();
    assert_eq!((next.key_epoch(), key_in(&next, 2)), (2, key));
    assert_eq!(
        set.boxes.len(),
        2,
        "others may have got them as little as this one"
    );
    assert!(home.warden.take_keyring(&set.boxes[0]).await);
    let account = account.after(&set, PASSWORD);
    let (_, set) = home.warden.new_recovery_code(&account, &devices).await.unwrap();
    assert!(set.boxes.is_empty(), "each has them");
}

#[tokio::test]
async fn a_removed_device_that_a_cloud_brings_back_gets_neither_keys_nor_a_certificate() {
    let mut home = Home::of_two().await;
    let (_watch, _) = watch(&mut home).await;
    // Whether anybody carries the order out isn't known here.
    removes(&home, &home.account, 2).await.unwrap();
    let (phone, warden) = (home.phone, home.warden);
    drop(warden);
    let warden = phone.start();
    for subject in ["", NEW_ROOT] {
        let set = warden
            .change_password(
                &home.account,
                subject,
                OTHER_PASSWORD,
                password_with(home.devices.clone()),
            )
            .await
            .unwrap();
        assert_eq!(set.certificates.len(), 3 * usize::from(subject == NEW_ROOT));
        for list in [&set.boxes, &set.delegates, &set.certificates] {
            let empty: Vec<bool> = list.iter().map(Vec::is_empty).collect();
            assert!(
                list.is_empty() || empty == [false, false, true],
                "{subject}: {empty:?}"
            );
        }
        assert_eq!(set.boxes.len(), 3);
    }
    // What the owner removes next doesn't bring it back either.
    let subject = remove_device_subject(certificate(&home.devices[1], &home.account).device);
    let ticket = warden
        .proved_with(&home.account, Purpose::RemoveDevice, &subject)
        .await
        .unwrap();
    let devices = vec![home.devices[0].clone(), home.devices[2].clone()];
    let input = RemoveDeviceInput {
        devices,
        ..Default::default()
    }
    .encode();
    let output = warden.use_ticket(&ticket, steps::REMOVE_DEVICE, input).await;
    let output = RemoveDeviceOutput::decode(&output.unwrap()).unwrap();
    let empty: Vec<bool> = output.boxes.iter().map(Vec::is_empty).collect();
    assert_eq!(empty, [false, true]);
}

fn certificate(signed: &[u8], account: &Account) -> DeviceCertificate {
    belay_proto::signed::Signed::decode(signed)
        .unwrap()
        .open(&account.owner)
        .unwrap()
}

#[tokio::test]
async fn whoever_has_the_keys_that_followed_a_removal_knows_the_removed_device() {
    let mut home = Home::of_two().await;
    let (_watch, _) = watch(&mut home).await;
    let removed = removes(&home, &home.account, 2).await.unwrap();
    assert!(home.other.take_keyring(&removed.boxes[1]).await);
    let account = Account {
        keyring: removed.keyring,
        ..home.account
    };
    let fresh = Device::initialised().other_hardware();
    let signed_in = fresh.start();
    let own = signed_in.sign_in(&account, None).await.unwrap().certificate;
    for (warden, own) in [(&home.other, None), (&signed_in, Some(own))] {
        let mut devices = home.devices.clone();
        devices.extend(own);
        let set = warden
            .change_password(&account, NEW_ROOT, OTHER_PASSWORD, password_with(devices))
            .await
            .unwrap();
        let without: Vec<usize> = (0..set.boxes.len())
            .filter(|which| set.boxes[*which].is_empty() && set.certificates[*which].is_empty())
            .collect();
        assert_eq!(without, [2]);
    }
}

#[tokio::test]
async fn a_recovery_with_the_code_makes_keys_that_no_lost_device_has() {
    let home = Home::of_two().await;
    let code = home.warden.written_down(&home.account).await;
    let before = home.account.keyring();
    let stranger = Device::initialised().other_hardware();
    let strangers = stranger.start();
    for (warden, told, epoch) in [
        (&home.warden, None, 2),
        (&strangers, None, 2),
        // Of which nothing came here yet.
        (&strangers, Some(7), 8),
        // No honest cloud counts that far, and of the keys that followed none would be left for later.
        (&strangers, Some(u64::MAX), 2),
        (&strangers, Some(EPOCHS_END), 2),
        (&strangers, Some(EPOCHS_END - 2), 2),
        (&strangers, Some(MOST), 2),
        (&strangers, Some(MOST - 1), MOST),
    ] {
        let input = RecoverInput {
            credentials: home.account.credentials.clone(),
            keyring: home.account.keyring.clone(),
            devices: home.devices.clone(),
            key_epoch: told,
            lost: Some(vec![home.tablet_id()]),
        };
        let set = warden
            .recover(code.expose(), OTHER_PASSWORD, input.encode())
            .await
            .unwrap();
        let next = home.account.after(&set, OTHER_PASSWORD).keyring();
        assert_eq!(next.key_epoch(), epoch, "{told:?}");
        assert_eq!(key_in(&next, 1), key_in(&before, 1), "old records stay readable");
        assert_eq!(empty(&set.boxes), [false, true]);
        assert_eq!(empty(&set.delegates), [false, false]);
    }
}

pub fn empty(list: &[Vec<u8>]) -> Vec<bool> {
    list.iter().map(Vec::is_empty).collect()
}

/// The data roots of these numbers, of which the account has the first.
pub fn up_to(home: &Home, newest: u64) -> Keyring {
    let first = home.account.keyring();
    (first.key_epoch()..newest).fold(first, |keyring, _| keyring.with_new_epoch(1))
}

/// Brings a keyring in the box of one of the devices.
pub async fn takes(home: &Home, which: usize, keyring: &Keyring) -> bool {
    let sealed = keyring.seal_to(&home.account.root().owner_key(), &home.certificate(which).box_key);
    let warden = [&home.warden, &home.other][which];
    warden.take_keyring(&sealed).await
}

#[tokio::test]
async fn a_password_without_new_keys_gives_the_newest_to_whoever_may_lack_them() {
    let home = Home::of_two().await;
    let devices = of(&home, &[0, 1]);
    let same = home
        .warden
        .change_password(&home.account, "", OTHER_PASSWORD, password_alone(devices.clone()))
        .await
        .unwrap();
    assert!(same.boxes.is_empty(), "each has them");
    assert!(takes(&home, 0, &up_to(&home, 2)).await);
    let set = home
        .warden
        .change_password(&home.account, "", OTHER_PASSWORD, password_alone(devices))
        .await
        .unwrap();
    let next = home.account.after(&set, OTHER_PASSWORD).keyring();
    assert_eq!((next.key_epoch(), set.boxes.len()), (2, 2));
}

#[tokio::test]
async fn a_device_whose_removal_came_to_nothing_is_its_own_owners_still() {
    let home = Home::of_two().await;
    removes(&home, &home.account, 1).await.unwrap();
    let set = home
        .warden
        .change_password(&home.account, "", OTHER_PASSWORD, home.all(true))
        .await
        .unwrap();
    let account = home.account.after(&set, OTHER_PASSWORD);
    assert_eq!(account.keyring().removed(), [home.tablet_id()]);
    // The cloud has it still, and so the owner can do there what is to be done.
    let other = &home.other;
    assert_eq!(other.handle.credentials(set.credentials.clone()).await, Ok(true));
    let set = other
        .change_password(&account, "", PASSWORD, home.all(true))
        .await
        .unwrap();
    assert!(set.boxes.iter().all(|sealed| !sealed.is_empty()));
    assert!(account.after(&set, PASSWORD).keyring().removed().is_empty());
}

#[tokio::test]
async fn a_removal_that_was_signed_here_counts_though_the_keyring_names_as_many_as_it_can() {
    let home = Home::of_two().await;
    let many: Vec<_> = (0..MOST_REMOVED)
        .map(|_| belay_proto::DeviceId::random())
        .collect();
    removes(&home, &home.account, 1).await.unwrap();
    let full = home.account.keyring().remembering(&many);
    let devices = home.all(true);
    let account = home.account.with_keyring(&full);
    let set = home
        .warden
        .change_password(&account, "", OTHER_PASSWORD, devices)
        .await
        .unwrap();
    let next = account.after(&set, OTHER_PASSWORD).keyring();
    assert_eq!(next.removed(), many, "older ones take no newer one's place");
    assert!(!set.boxes[0].is_empty() && set.boxes[1].is_empty());
}
