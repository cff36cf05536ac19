//! What becomes of an account after sign-in.

use belay_proto::dbus::{AccountState, BootloaderUnlock, Membership};
use belay_proto::id::{AccountId, DeviceId, Epoch, HardwareId, device_id};
use belay_proto::keys::{BoxKey, SigningKey};
use belay_proto::secret::Secret;
use belay_proto::signed::{Deed, DeviceCertificate, Signed};
use belay_proto::steps::{self, SucceedInput};
use belay_proto::wire::{CredentialsAnswer, ProfileChanges, SuccessionAnswer};

use super::cloud::{Inner, problem};
use super::kills::{in_time, killed_after};
use super::warden::{DEVICE, OWNER};
use super::{CODE, Identifier, Life, World, name};
use crate::account::AccountError;
use crate::account::ports::ListedDevice;
use crate::cloud::CloudError;
use crate::sync::NewerKeys;

async fn change(world: &World, life: &Life, right: bool) -> Result<(), AccountError> {
    let ticket = world.warden.ticket("change-password", right);
    life.account.change_password(ticket, false).await
}

/// The account that the device is bound to.
pub(super) fn account(world: &World) -> AccountId {
    world.warden.bound().unwrap()
}

/// A device of the account beside this one.
pub(super) fn list_another(world: &World) -> DeviceId {
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
        kind: belay_proto::wire::DeviceKind::Phone,
        last_seen: 1,
        lost: false,
        current: false,
    };
    world.cloud.with(|cloud| cloud.listed = vec![listed]);
    certificate.device
}

/// This device in the cloud's list, and another of the account.
pub(super) fn list_both(world: &World) -> DeviceId {
    world.warden.list_itself(world);
    let own = world.cloud.with(|cloud| cloud.listed.remove(0));
    let other = list_another(world);
    world.cloud.with(|cloud| cloud.listed.insert(0, own));
    other
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
    change(&world, &life, true).await.unwrap();
    assert_eq!(
        world.warden.generation(),
        2,
        "the cloud has taken it, so it counts here"
    );
    let ticket = world.warden.ticket("recovery-code", true);
    let claim = life.account.create_recovery_code(ticket).await.unwrap();
    let pending = world.warden.pending().unwrap();
    assert_eq!(*claim.text().expose(), pending.to_string());
    assert_eq!(world.warden.generation(), 3);
}

#[tokio::test]
async fn credentials_that_the_cloud_took_unheard_come_to_the_warden_once_it_can_be_asked() {
    let (world, life) = World::bound().await;
    // What was to be looked at before is.
    life.account.fetch().await;
    world.cloud.with(|cloud| {
        cloud.losses.insert("put", 99);
        cloud.tells = true;
        cloud.when_lost = Some(Box::new(|cloud: &mut Inner| {
            let offline = CloudError::offline("no network");
            cloud.refusals.insert("credentials", offline);
        }));
    });
    assert_eq!(name(change(&world, &life, true).await.unwrap_err()), "Offline");
    // Nobody hints at it, and nobody asks for it.
    in_time(&world, &life, || world.warden.generation() == 2).await;
}

#[tokio::test]
async fn credentials_that_the_cloud_says_to_have_taken_and_does_not_keep_are_none() {
    let (world, life) = World::bound().await;
    let before = CredentialsAnswer {
        credentials: account(&world).as_bytes().to_vec().into(),
        ..CredentialsAnswer::default()
    };
    world
        .cloud
        .with(|cloud| (cloud.tells, cloud.told) = (true, Some(before)));
    let refused = change(&world, &life, true).await.unwrap_err();
    assert_eq!(name(refused), "CloudRefused");
    assert_eq!(world.warden.generation(), 1, "the password before opens it still");
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
async fn a_new_root_that_the_cloud_took_comes_to_the_warden_though_the_cloud_tells_nothing_more() {
    let (world, life) = World::bound().await;
    world.warden.list_itself(&world);
    let ticket = world.warden.ticket("change-password", true);
    world.warden.make_new_roots();
    life.account.change_password(ticket, true).await.unwrap();
    let brought = world.warden.brought();
    let succeeded: Vec<_> = brought
        .iter()
        .filter(|(step, _)| step == steps::SUCCEED)
        .collect();
    let input = SucceedInput::decode(&succeeded[0].1).unwrap();
    assert_eq!(
        (input.succession.as_slice(), input.certificate.as_slice()),
        (&b"succession"[..], &b"certified again"[..])
    );
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
        ..CredentialsAnswer::default()
    };
    world
        .cloud
        .with(|cloud| (cloud.tells, cloud.told) = (true, Some(told)));
    world.hint();
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
    for (removed, deleted, membership) in [
        (true, false, Membership::Removed),
        (false, true, Membership::AccountDeleted),
    ] {
        let (world, life) = World::bound().await;
        let told = CredentialsAnswer {
            credentials: account(&world).as_bytes().to_vec().into(),
            removed,
            deleted,
            ..CredentialsAnswer::default()
        };
        world
            .cloud
            .with(|cloud| (cloud.tells, cloud.told) = (true, Some(told)));
        world.hint();
        life.until(|view| view.state == AccountState::ReauthenticationRequired)
            .await;
        assert!(world.warden.bound().is_some(), "only its owner lets it go");
        assert_eq!(life.account.view().membership, membership);
        let found = life.account.security_check().await.unwrap();
        let ids: Vec<_> = found.iter().map(|finding| finding.id.as_str()).collect();
        assert_eq!(ids, [membership.as_str()]);
        let refused = life.account.set_profile(ProfileChanges::default()).await;
        assert_eq!(name(refused.unwrap_err()), "ReauthenticationRequired");
        // It is said after a restart too, and a cloud that takes it back is believed that.
        life.kill().await;
        let life = world.live().await;
        assert_eq!(life.account.view().membership, membership);
        world.cloud.with(|cloud| cloud.told = None);
        life.account.fetch().await;
        life.until(|view| view.membership == Membership::Member).await;
        assert_eq!(life.state(), AccountState::ReauthenticationRequired);
        world.sign_out(&life).await.unwrap();
        assert_eq!(life.account.view().membership, Membership::None);
    }
}

#[tokio::test]
async fn whoever_needs_newer_keys_has_them_fetched_without_a_hint() {
    let (world, life) = World::bound().await;
    world.cloud.with(|cloud| {
        cloud.tells = true;
        cloud.told = Some(CredentialsAnswer {
            credentials: account(&world).as_bytes().to_vec().into(),
            keyring: Some(b"sealed keyring".to_vec().into()),
            ..CredentialsAnswer::default()
        });
    });
    let brought = || {
        world
            .warden
            .brought()
            .iter()
            .any(|(step, _)| step == "take-keyring")
    };
    assert!(!brought());
    life.account.fetch().await;
    assert!(brought());
    // A device that is nobody's has nothing to fetch, and nobody waits for it.
    world.sign_out(&life).await.unwrap();
    life.account.fetch().await;
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
    let deed = Deed::UnlockBootloader(DeviceId::from_bytes(DEVICE));
    let ticket = world.warden.order_ticket(deed);
    world.cloud.with(|cloud| cloud.losses.insert("unlock", 1));
    life.account
        .request_unlock(ticket, "why not".into())
        .await
        .unwrap();
    assert_eq!(calls(&world, "unlock").1, 1);
    assert_eq!(life.account.view().unlock, BootloaderUnlock::Pending);
}
