//! The keys of the accessories' registry: belayd has them while the device is bound and not lost, and nothing they are
//! made of.

use belay_proto::Secret;
use belay_proto::signed::EpochKeys;
use belay_proto::steps::{self, *};
use belay_proto::sync::index_key;
use belay_warden::core::refusal::Refusal;

use crate::credentials::reauthenticate;
use crate::support::{Account, Device, PASSWORD, Running};

/// (key epoch, key) pairs that a test compares.
fn pairs(keys: &EpochKeys) -> Vec<(u64, [u8; 32])> {
    keys.iter().map(|(epoch, key)| (*epoch, *key.expose())).collect()
}

async fn ask(warden: &Running, collection: &str) -> Result<Vec<(u64, [u8; 32])>, Refusal> {
    let collection = collection.to_owned();
    let input = CollectionKeysInput { collection }.encode();
    let output = warden.use_ticket("", steps::COLLECTION_KEYS, input).await?;
    Ok(pairs(&CollectionKeysOutput::decode(&output).unwrap().keys))
}

async fn keys(warden: &Running) -> Result<Vec<(u64, [u8; 32])>, Refusal> {
    ask(warden, ACCESSORIES).await
}

fn expected(account: &Account) -> Vec<(u64, [u8; 32])> {
    pairs(&account.keyring().collection_keys(ACCESSORIES))
}

#[tokio::test]
async fn each_device_of_the_account_has_the_same_keys_across_a_restart() {
    let (first, second) = (Device::initialised(), Device::initialised().other_hardware());
    let account = first.start().register().await;
    assert_eq!(keys(&first.start()).await.unwrap(), expected(&account));
    second.start().sign_in(&account, None).await.unwrap();
    assert_eq!(keys(&second.start()).await.unwrap(), expected(&account));
}

#[tokio::test]
async fn nobody_has_keys_before_the_binding_after_it_or_while_the_device_is_lost() {
    let device = Device::initialised();
    let warden = device.start();
    assert_eq!(keys(&warden).await, Err(Refusal::NotBound));
    warden.register().await;
    warden.handle.tighten("stolen".to_owned()).await.unwrap();
    assert_eq!(keys(&warden).await, Err(Refusal::DeviceLost));
    warden.unlock(PASSWORD).await.unwrap();
    assert!(keys(&warden).await.is_ok());
    warden.sign_out(PASSWORD).await.unwrap();
    assert_eq!(keys(&warden).await, Err(Refusal::NotBound));
}

#[tokio::test]
async fn the_keys_of_other_collections_stay_with_the_warden() {
    let device = Device::initialised();
    let warden = device.start();
    warden.register().await;
    for other in ["", "Contacts", "accessories ", "Accessories"] {
        assert!(matches!(
            ask(&warden, other).await,
            Err(Refusal::InvalidArgument(_))
        ));
    }
    for garbage in [Vec::new(), vec![0xff], Done {}.encode()] {
        let answer = warden.use_ticket("", steps::COLLECTION_KEYS, garbage).await;
        assert!(matches!(answer, Err(Refusal::InvalidArgument(_))));
    }
}

#[tokio::test]
async fn each_collection_has_keys_of_its_own() {
    let device = Device::initialised();
    let warden = device.start();
    let account = warden.register().await;
    let mut seen = std::collections::HashSet::new();
    for name in SYNCED {
        let collection = name.to_owned();
        let input = CollectionKeysInput { collection }.encode();
        let output = warden
            .use_ticket("", steps::COLLECTION_KEYS, input)
            .await
            .unwrap();
        let output = CollectionKeysOutput::decode(&output).unwrap();
        assert_eq!(
            pairs(&output.keys),
            pairs(&account.keyring().collection_keys(name))
        );
        let index = index_key(&account.keyring().index_key, name);
        assert_eq!(output.index.expose(), index.expose());
        assert!(seen.insert(pairs(&output.keys)[0].1) && seen.insert(*output.index.expose()));
    }
}

#[tokio::test]
async fn a_keyring_of_a_newer_epoch_comes_with_the_password_and_an_older_one_never() {
    let device = Device::initialised();
    let account = device.start().register().await;
    let before = expected(&account);
    let mut keyring = account.keyring();
    let copy = |keys: &EpochKeys| -> Vec<(u64, Secret<[u8; 32]>)> {
        keys.iter()
            .map(|(epoch, key)| (*epoch, key.duplicate()))
            .collect()
    };
    let older = account.keyring();
    let mut roots = copy(&keyring.data_roots);
    roots.push((2, Secret::new([8; 32])));
    keyring.data_roots = EpochKeys::new(roots).unwrap();
    let account = account.with_keyring(&keyring);
    reauthenticate(&device, &account).await.unwrap();
    let both = keys(&device.start()).await.unwrap();
    assert_eq!(
        (both.len(), &both[..1]),
        (2, &before[..]),
        "old records stay readable"
    );
    assert_eq!(both, expected(&account));
    reauthenticate(&device, &account.with_keyring(&older))
        .await
        .unwrap();
    assert_eq!(keys(&device.start()).await.unwrap(), both);
}
