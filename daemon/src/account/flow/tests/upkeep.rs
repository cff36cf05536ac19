//! What becomes of an account after sign-in.

use belay_proto::dbus::{AccountState, BootloaderUnlock};
use belay_proto::id::{AccountId, DeviceId, Epoch, HardwareId, device_id};
use belay_proto::keys::{BoxKey, SigningKey};
use belay_proto::secret::Secret;
use belay_proto::signed::{DeviceCertificate, Signed};
use belay_proto::wire::{CredentialsAnswer, ProfileChanges, SuccessionAnswer};

use super::cloud::problem;
use super::kills::{in_time, killed_after};
use super::warden::OWNER;
use super::{CODE, Identifier, Life, World, name};
use crate::account::AccountError;
use crate::account::ports::ListedDevice;
use crate::cloud::CloudError;

async fn change(world: &World, life: &Life, right: bool) -> Result<(), AccountError> {
    let ticket = world.warden.ticket("change-password", right);
    life.account.change_password(ticket, false).await
}

/// The account that the device is bound to.
fn account(world: &World) -> AccountId {
    world.warden.bound().unwrap()
}

/// A device of the account beside this one.
fn list_another(world: &World) -> DeviceId {
    let (warden_key, epoch) = (SigningKey::generate().public(), Epoch::random());
    let certificate = DeviceCertificate {
        account: account(world),
        device: device_id(&warden_key, &epoch),
        epoch,
        device_key: SigningKey::generate().public(),
        warden_key,
        box_key: BoxKey::generate().public(),
        hardware: HardwareId::from_bytes([1; 32]),
        hardware_locked: false,
        model: "Phone 5".into(),
        wipe_class: "none".into(),
        key_epoch: 1,
    };
    let owner = SigningKey::from_seed(&Secret::new(OWNER));
    let listed = ListedDevice {
        certificate: Signed::seal(&certificate, &owner).encode(),
        name: "Another".into(),
        last_seen: 1,
        lost: false,
        current: false,
    };
    world.cloud.with(|cloud| cloud.listed = vec![listed]);
    certificate.device
}

/// The calls by this name as they came, and how many of them did something.
pub(super) fn calls(world: &World, name: &str) -> (Vec<String>, usize) {
    world.cloud.with(|cloud| {
        let keys = |(_, key): &(&str, String)| key.clone();
        let of = |list: &[(&'static str, String)]| -> Vec<String> {
            list.iter().filter(|(call, _)| *call == name).map(keys).collect()
        };
        (of(&cloud.changes), of(&cloud.done).len())
    })
}

#[tokio::test]
async fn another_password_reaches_cloud_and_warden_and_the_session_goes_on() {
    let (world, life) = World::bound().await;
    change(&world, &life, true).await.unwrap();
    assert_eq!(world.warden.generation(), 2);
    assert_eq!(life.state(), AccountState::Bound);
    assert!(life.has_tokens().await);
    change(&world, &life, true).await.unwrap();
    assert_eq!(world.warden.generation(), 3);
}

#[tokio::test]
async fn a_wrong_old_password_changes_nothing() {
    let (world, life) = World::bound().await;
    assert_eq!(
        name(change(&world, &life, false).await.unwrap_err()),
        "WrongPassword"
    );
    assert_eq!(calls(&world, "put"), (vec![], 0));
    assert_eq!(world.warden.generation(), 1);
}

#[tokio::test]
async fn a_ticket_that_says_another_thing_of_the_root_is_a_bad_one() {
    let (world, life) = World::bound().await;
    let ticket = world.warden.ticket("change-password", true);
    let refused = life.account.change_password(ticket, true).await.unwrap_err();
    assert_eq!(name(refused), "BadTicket");
    assert_eq!(calls(&world, "put"), (vec![], 0));
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_by_the_same_key() {
    for lost in [1, 2] {
        let (world, life) = World::bound().await;
        world.cloud.with(|cloud| cloud.losses.insert("put", lost));
        change(&world, &life, true).await.unwrap();
        let (keys, done) = calls(&world, "put");
        assert_eq!((keys.len(), done), (lost as usize + 1, 1));
        assert!(keys.iter().all(|key| *key == keys[0]));
        assert_eq!(world.warden.generation(), 2);
    }
}

#[tokio::test]
async fn answers_that_are_lost_for_good_are_made_up_for_by_what_the_cloud_keeps() {
    let (world, life) = World::bound().await;
    world.cloud.with(|cloud| {
        cloud.losses.insert("put", 99);
        cloud.tells = true;
    });
    assert_eq!(name(change(&world, &life, true).await.unwrap_err()), "Offline");
    assert_eq!(
        world.warden.generation(),
        2,
        "the cloud has taken it, so it counts here"
    );
}

#[tokio::test]
async fn whoever_changed_it_first_elsewhere_wins() {
    let (world, life) = World::bound().await;
    let mut theirs = account(&world).as_bytes().to_vec();
    theirs.push(2);
    world.cloud.with(|cloud| {
        cloud.tells = true;
        cloud.refusals.insert("put", problem(409, "generation-conflict"));
        cloud.record = Some(theirs);
    });
    assert_eq!(name(change(&world, &life, true).await.unwrap_err()), "Conflict");
    assert_eq!(world.warden.generation(), 2, "theirs was brought");
    assert_eq!(life.state(), AccountState::Bound);
}

#[tokio::test]
async fn a_change_that_is_killed_anywhere_leaves_cloud_and_warden_of_one_mind() {
    let mut kills = 0;
    for length in 1.. {
        let (world, first) = World::bound().await;
        world.cloud.with(|cloud| cloud.tells = true);
        let account = first.account.clone();
        let ticket = world.warden.ticket("change-password", true);
        let work = account.change_password(ticket, false);
        let Some(second) = killed_after(&world, first, length, work).await else {
            break;
        };
        kills += 1;
        let generation = || {
            world
                .cloud
                .with(|cloud| super::warden::generation(&cloud.present()))
        };
        in_time(&world, &second, || world.warden.generation() == generation()).await;
        let before = generation();
        change(&world, &second, true).await.unwrap();
        assert_eq!(world.warden.generation(), before + 1, "{length}");
        assert_eq!(second.state(), AccountState::Bound);
    }
    assert!(kills >= 10, "{kills}");
}

#[tokio::test]
async fn another_recovery_code_is_told_to_whoever_asked_and_dropped_where_the_cloud_refuses() {
    let (world, life) = World::bound().await;
    let ticket = world.warden.ticket("recovery-code", true);
    let claim = life.account.create_recovery_code(ticket).await.unwrap();
    assert_eq!(
        *claim.text().expose(),
        world.warden.pending().unwrap().to_string()
    );
    assert_eq!(world.warden.generation(), 2);

    let (world, life) = World::bound().await;
    let refusal = problem(422, "bad-credentials");
    world.cloud.with(|cloud| cloud.refusals.insert("put", refusal));
    let ticket = world.warden.ticket("recovery-code", true);
    let refused = life.account.create_recovery_code(ticket).await.unwrap_err();
    assert_eq!(name(refused), "CloudRefused");
    assert_eq!(world.warden.pending(), None);
    assert_eq!(world.warden.generation(), 1);
}

#[tokio::test]
async fn what_was_changed_elsewhere_is_brought_in_its_order_at_a_hint() {
    let (world, life) = World::bound().await;
    let mut record = account(&world).as_bytes().to_vec();
    record.push(3);
    let told = CredentialsAnswer {
        credentials: record.clone().into(),
        successions: vec![SuccessionAnswer {
            succession: b"succession".to_vec().into(),
            credentials: b"between".to_vec().into(),
            certificate: b"certificate".to_vec().into(),
        }],
        keyring: Some(b"sealed keyring".to_vec().into()),
        delegate: Some(b"delegate".to_vec().into()),
        removed: false,
        deleted: false,
    };
    world
        .cloud
        .with(|cloud| (cloud.tells, cloud.told) = (true, Some(told)));
    world.hints.send_modify(|hints| *hints += 1);
    in_time(&world, &life, || world.warden.brought().len() >= 4).await;
    let steps: Vec<_> = world.warden.brought().into_iter().map(|(step, _)| step).collect();
    assert_eq!(
        steps[..4],
        ["succeed", "credentials", "take-keyring", "take-delegate"]
    );
    assert_eq!(world.warden.generation(), 3);
    assert_eq!(life.state(), AccountState::Bound);
}

#[tokio::test]
async fn a_device_that_was_removed_or_whose_account_was_deleted_says_that_its_session_is_over() {
    for (removed, deleted) in [(true, false), (false, true)] {
        let (world, life) = World::bound().await;
        let told = CredentialsAnswer {
            credentials: account(&world).as_bytes().to_vec().into(),
            successions: Vec::new(),
            keyring: None,
            delegate: None,
            removed,
            deleted,
        };
        world
            .cloud
            .with(|cloud| (cloud.tells, cloud.told) = (true, Some(told)));
        world.hints.send_modify(|hints| *hints += 1);
        life.until(|view| view.state == AccountState::ReauthenticationRequired)
            .await;
        assert!(world.warden.bound().is_some(), "only its owner lets it go");
    }
}

#[tokio::test]
async fn a_session_that_ended_is_said_by_whatever_needs_it_next() {
    let (world, life) = World::bound().await;
    let ended = CloudError::SessionEnded;
    world.cloud.with(|cloud| cloud.refusals.insert("put", ended));
    let refused = change(&world, &life, true).await.unwrap_err();
    assert_eq!(name(refused), "ReauthenticationRequired");
    assert_eq!(life.state(), AccountState::ReauthenticationRequired);
}

#[tokio::test]
async fn a_recovery_ends_the_session_of_the_password_before() {
    let (world, life) = World::bound().await;
    let address = Identifier::parse(super::ADA).unwrap();
    let id = life.account.begin_recovery(address).await.unwrap();
    let recover = |code: &str, right| {
        let ticket = world.warden.ticket("recover", right);
        life.account
            .complete_recovery(id.clone(), Secret::of_text(code), ticket)
    };
    assert_eq!(name(recover("654321", true).await.unwrap_err()), "WrongCode");
    assert_eq!(name(recover(CODE, false).await.unwrap_err()), "WrongCode");
    assert_eq!(calls(&world, "recover"), (vec![], 0));
    world.cloud.with(|cloud| {
        cloud.losses.insert("recover", 1);
        cloud.tells = true;
    });
    recover(CODE, true).await.unwrap();
    let (keys, done) = calls(&world, "recover");
    assert_eq!((keys.len(), done), (2, 1));
    assert_eq!(keys[0], keys[1]);
    assert_eq!(world.warden.generation(), 2);
    assert_eq!(life.state(), AccountState::ReauthenticationRequired);
}

#[tokio::test]
async fn a_device_is_removed_once_though_the_answer_is_lost() {
    let (world, life) = World::bound().await;
    let other = list_another(&world);
    let remove = |device| {
        let ticket = world.warden.ticket("remove-device", true);
        life.account.remove_device(device, ticket)
    };
    assert_eq!(name(remove(DeviceId::random()).await.unwrap_err()), "NotFound");
    world.cloud.with(|cloud| cloud.losses.insert("remove", 1));
    remove(other).await.unwrap();
    let (keys, done) = calls(&world, "remove");
    assert_eq!((keys.len(), done), (2, 1));
    assert_eq!(keys[0], keys[1]);
}

async fn delete(world: &World, life: &Life) -> Result<(), AccountError> {
    let ticket = world.warden.ticket("delete-account", true);
    life.account.delete_account(ticket).await
}

#[tokio::test]
async fn an_account_with_other_devices_stays_and_one_without_is_deleted_and_the_device_let_go() {
    let (world, life) = World::bound().await;
    let refusal = problem(409, "devices-still-bound");
    world.cloud.with(|cloud| cloud.refusals.insert("delete", refusal));
    assert_eq!(
        name(delete(&world, &life).await.unwrap_err()),
        "DevicesStillBound"
    );
    assert_eq!(life.state(), AccountState::Bound);
    world.cloud.with(|cloud| cloud.losses.insert("delete", 1));
    delete(&world, &life).await.unwrap();
    assert_eq!(calls(&world, "delete").1, 1);
    assert_eq!(world.warden.bound(), None);
    assert_eq!(life.state(), AccountState::Unbound);
    in_time(&world, &life, || {
        world.cloud.with(|cloud| !cloud.releases.is_empty())
    })
    .await;
}

#[tokio::test]
async fn profile_token_and_unlock_request_are_asked_of_the_cloud() {
    let (world, life) = World::bound().await;
    life.account.set_profile(ProfileChanges::default()).await.unwrap();
    let token = life.account.service_token("photos".into()).await.unwrap();
    assert_eq!(token.token.expose(), "a.b.c");
    let unknown = problem(404, "not-found");
    world
        .cloud
        .with(|cloud| cloud.refusals.insert("service", unknown));
    let refused = life.account.service_token("photos".into()).await.unwrap_err();
    assert_eq!(name(refused), "NotFound");
    let ticket = world.warden.ticket("bootloader", true);
    world.cloud.with(|cloud| cloud.losses.insert("unlock", 1));
    life.account
        .request_unlock(ticket, "why not".into())
        .await
        .unwrap();
    assert_eq!(calls(&world, "unlock").1, 1);
    assert_eq!(life.account.view().unlock, BootloaderUnlock::Pending);
}
