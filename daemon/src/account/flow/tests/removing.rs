//! What a removal is believed by, and when a new password makes new keys.

use belay_proto::id::DeviceId;
use belay_proto::keys::SigningKey;
use belay_proto::secret::Secret;
use belay_proto::signed::{Action, CommandState, Deed};
use belay_proto::steps::NewCredentialsSet;
use belay_proto::wire::{CredentialsAnswer, Grant};

use super::cloud::{Inner, problem};
use super::commands::{lock, phone, send_checked, tell, until};
use super::kills::in_time;
use super::recovering::{begin, complete};
use super::upkeep::{account, calls, list_both};
use super::warden::Ring;
use super::{Life, World, name};
use crate::account::flow::password::request;
use crate::account::phone::Phone;
use crate::account::{AccountError, MOST_COMMANDS};
use crate::cloud::CloudError;
use crate::sync::NewerKeys;

async fn remove(world: &World, life: &Life, device: DeviceId) -> Result<(), AccountError> {
    let ticket = world.warden.order_ticket(Deed::RemoveDevice(device));
    life.account.remove_device(device, ticket).await
}

/// The cloud gives this device what it had, or these keys.
fn tells(world: &World, ring: Option<&Ring>) {
    let told = CredentialsAnswer {
        credentials: account(world).as_bytes().to_vec().into(),
        keyring: ring.map(|ring| ring.boxed().into()),
        ..CredentialsAnswer::default()
    };
    world
        .cloud
        .with(|cloud| (cloud.tells, cloud.told) = (true, Some(told)));
}

/// What the owner made elsewhere meanwhile, without another device.
fn theirs() -> Ring {
    Ring::default().without(DeviceId::random())
}

#[tokio::test]
async fn a_removal_is_done_once_the_cloud_gives_the_keys_that_name_the_device() {
    let (world, life) = World::bound().await;
    let other = list_both(&world);
    world.cloud.with(|cloud| cloud.tells = true);
    remove(&world, &life, other).await.unwrap();
    let view = world.warden.handle().view();
    assert_eq!(view.identity.removed, [other]);
}

#[tokio::test]
async fn a_removal_that_the_cloud_refused_is_not_done_by_newer_keys_that_came_meanwhile() {
    for (refusal, says) in [
        (problem(409, "generation-conflict"), "Conflict"),
        (CloudError::SessionEnded, "ReauthenticationRequired"),
    ] {
        let (world, life) = World::bound().await;
        let other = list_both(&world);
        tells(&world, Some(&theirs()));
        world.cloud.with(|cloud| cloud.refusals.insert("remove", refusal));
        let refused = remove(&world, &life, other).await.unwrap_err();
        assert_eq!(name(refused), says);
        assert_eq!(
            world.warden.handle().view().identity.key_epoch,
            1,
            "they are kept"
        );
    }
}

#[tokio::test]
async fn a_refusal_counts_though_the_kept_keys_name_the_device_already() {
    let (world, life) = World::bound().await;
    let other = list_both(&world);
    tells(
        &world,
        Some(&Ring::default().without(other).without(DeviceId::random())),
    );
    world.cloud.with(|cloud| {
        cloud
            .refusals
            .insert("remove", problem(409, "generation-conflict"))
    });
    assert_eq!(name(remove(&world, &life, other).await.unwrap_err()), "Conflict");
}

#[tokio::test]
async fn a_removal_that_the_cloud_says_to_have_done_and_gives_no_keys_of_is_none() {
    for told in [None, Some(theirs())] {
        let (world, life) = World::bound().await;
        let other = list_both(&world);
        tells(&world, told.as_ref());
        let refused = remove(&world, &life, other).await.unwrap_err();
        assert_eq!(name(refused), "CloudRefused", "{told:?}");
    }
}

#[tokio::test]
async fn of_a_removal_whose_answers_are_lost_the_keys_tell_whether_it_is_done() {
    for (told, done) in [(None, true), (Some(theirs()), false)] {
        let (world, life) = World::bound().await;
        let other = list_both(&world);
        match &told {
            Some(theirs) => tells(&world, Some(theirs)),
            None => world.cloud.with(|cloud| cloud.tells = true),
        }
        world.cloud.with(|cloud| cloud.losses.insert("remove", 99));
        let removed = remove(&world, &life, other).await;
        assert_eq!(calls(&world, "remove").1, 1);
        match done {
            true => removed.unwrap(),
            false => assert_eq!(name(removed.unwrap_err()), "Offline"),
        }
    }
}

#[tokio::test]
async fn the_keys_of_a_removal_that_was_done_unheard_come_once_the_cloud_can_be_asked() {
    let (world, life) = World::bound().await;
    let other = list_both(&world);
    // What was to be looked at before is.
    life.account.fetch().await;
    world.cloud.with(|cloud| {
        cloud.losses.insert("remove", 99);
        cloud.tells = true;
        cloud.when_lost = Some(Box::new(|cloud: &mut Inner| {
            let offline = CloudError::offline("no network");
            cloud.refusals.insert("credentials", offline);
        }));
    });
    assert_eq!(name(remove(&world, &life, other).await.unwrap_err()), "Offline");
    // Nobody hints at them, and nobody asks for them.
    let removed = || world.warden.handle().view().identity.removed;
    in_time(&world, &life, || removed() == [other]).await;
}

async fn change(world: &World, life: &Life) -> bool {
    let ticket = world.warden.ticket("change-password", true);
    life.account.change_password(ticket, false).await.unwrap();
    *world.warden.new_epochs().last().unwrap()
}

#[tokio::test]
async fn new_keys_begin_above_what_the_cloud_counts() {
    let (world, life) = World::bound().await;
    let other = list_both(&world);
    world
        .cloud
        .with(|cloud| (cloud.tells, cloud.key_epoch) = (true, 7));
    change(&world, &life).await;
    world.cloud.with(|cloud| cloud.key_epoch = 8);
    let ticket = world.warden.ticket("recovery-code", true);
    life.account.create_recovery_code(ticket).await.unwrap();
    world.cloud.with(|cloud| cloud.key_epoch = 9);
    remove(&world, &life, other).await.unwrap();
    assert_eq!(world.warden.key_epochs(), [7, 8, 9].map(Some));
}

#[tokio::test]
async fn a_new_password_makes_new_keys_while_a_device_is_lost_whoever_says_so() {
    let (world, life) = World::bound().await;
    let phone = phone(&world).await;
    let device = phone.certificate.device;
    assert!(!change(&world, &life).await);
    world.cloud.with(|cloud| cloud.listed[0].lost = true);
    assert!(change(&world, &life).await);
    world.cloud.with(|cloud| cloud.listed[0].lost = false);
    assert!(!change(&world, &life).await);
    // The cloud may keep to itself what became of it.
    let id = send_checked(&world, &life, device, lock()).await.unwrap();
    assert!(change(&world, &life).await);
    tell(&world, &phone, &phone.warden, id, 5, CommandState::Accepted);
    until(&life, "accepted").await;
    assert!(change(&world, &life).await);
    let id = send_checked(&world, &life, device, Action::Unlock).await.unwrap();
    assert!(change(&world, &life).await, "not before it is found");
    tell(&world, &phone, &phone.warden, id, 6, CommandState::Done);
    until(&life, "done").await;
    assert!(!change(&world, &life).await);
    let id = send_checked(&world, &life, device, lock()).await.unwrap();
    tell(&world, &phone, &phone.warden, id, 7, CommandState::Refused);
    until(&life, "refused").await;
    assert!(!change(&world, &life).await, "it never took hold");
}

#[tokio::test]
async fn whatever_makes_keys_names_the_devices_that_are_lost() {
    let (world, life) = World::bound().await;
    let phone = phone(&world).await;
    let device = phone.certificate.device;
    change(&world, &life).await;
    assert_eq!(world.warden.lost(), []);
    world.cloud.with(|cloud| cloud.listed[0].lost = true);
    change(&world, &life).await;
    assert_eq!(world.warden.lost(), [device]);
    world.cloud.with(|cloud| cloud.listed[0].lost = false);
    let id = send_checked(&world, &life, device, lock()).await.unwrap();
    change(&world, &life).await;
    assert_eq!(world.warden.lost(), [device], "whatever the cloud says");
    let ticket = world.warden.ticket("recovery-code", true);
    life.account.create_recovery_code(ticket).await.unwrap();
    assert_eq!(world.warden.lost(), [device]);
    tell(&world, &phone, &phone.warden, id, 5, CommandState::Refused);
    until(&life, "refused").await;
    let recovery = begin(&life).await;
    world.cloud.with(|cloud| cloud.lost = vec![device]);
    complete(&world, &life, &recovery).await.unwrap();
    assert_eq!(
        world.warden.lost(),
        [device],
        "as whoever proved the address is told"
    );
}

#[tokio::test]
async fn a_removal_gives_no_keys_to_a_device_that_is_lost() {
    let (world, life) = World::bound().await;
    let other = list_both(&world);
    world.cloud.with(|cloud| {
        cloud.tells = true;
        cloud.listed[0].lost = true;
    });
    remove(&world, &life, other).await.unwrap();
    let own = world.warden.handle().view().identity.device;
    assert_eq!(world.warden.lost(), own.as_slice());
}

#[tokio::test]
async fn a_device_that_the_owner_gave_up_is_lost_though_the_cloud_lists_it_no_more() {
    let (world, life) = World::bound().await;
    let phone = phone(&world).await;
    let device = phone.certificate.device;
    send_checked(&world, &life, device, lock()).await.unwrap();
    world.cloud.with(|cloud| cloud.listed.clear());
    assert!(change(&world, &life).await);
    assert_eq!(world.warden.lost(), [device]);
    // Its removal has made keys of its own.
    tells(&world, Some(&Ring::default().without(device)));
    life.account.fetch().await;
    world.cloud.with(|cloud| cloud.told = None);
    assert!(!change(&world, &life).await);
    assert_eq!(world.warden.lost(), []);
}

#[tokio::test]
async fn a_device_stays_given_up_however_much_is_sent_after() {
    let (world, life) = World::bound().await;
    let phone = phone(&world).await;
    let device = phone.certificate.device;
    let lock = send_checked(&world, &life, device, lock()).await.unwrap();
    for _ in 0..=MOST_COMMANDS {
        send_checked(&world, &life, device, Action::Locate).await.unwrap();
    }
    assert_eq!(life.account.view().commands.len(), MOST_COMMANDS);
    assert!(change(&world, &life).await);
    // What became of the order is heard of still.
    tell(&world, &phone, &phone.warden, lock, 5, CommandState::Refused);
    while world.warden.lost() == [device] {
        change(&world, &life).await;
    }
    let found = send_checked(&world, &life, device, Action::Unlock).await.unwrap();
    tell(&world, &phone, &phone.warden, found, 6, CommandState::Done);
    until(&life, "done").await;
    assert!(!change(&world, &life).await);
}

#[test]
fn a_device_without_a_box_gets_the_rest_and_a_removed_one_nothing() {
    let devices = [1, 2, 3].map(|of| (vec![of], Phone::new().certificate));
    let list = |what: &str| -> Vec<Vec<u8>> { vec![what.into(), what.into(), Vec::new()] };
    let made = NewCredentialsSet {
        credentials: b"record".to_vec(),
        owner: SigningKey::generate().public(),
        keyring: b"keyring".to_vec(),
        share: Secret::new([1; 32]),
        succession: None,
        certificates: list("certificate"),
        boxes: vec![b"box".to_vec(), Vec::new(), Vec::new()],
        delegates: list("delegate"),
        on_hold: None,
    };
    let asked = request(&devices, made, [1; 32], None).unwrap();
    let bytes = |what: &str| Some(what.as_bytes().to_vec().into());
    let grant = |of: usize, keyring| Grant {
        device: devices[of].1.device,
        keyring,
        delegate: bytes("delegate"),
        certificate: bytes("certificate"),
    };
    assert_eq!(asked.grants, [grant(0, bytes("box")), grant(1, None)]);
}
