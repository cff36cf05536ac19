//! CompleteRecovery, asked again by an owner who doesn't know what became of it.

use belay_proto::secret::Secret;

use super::cloud::problem;
use super::kills::{in_time, killed_after};
use super::upkeep::calls;
use super::*;

pub(super) async fn begin(life: &Life) -> String {
    let address = Identifier::parse(ADA).unwrap();
    life.account.begin_recovery(address).await.unwrap()
}

pub(super) async fn complete(world: &World, life: &Life, id: &str) -> Result<(), AccountError> {
    let ticket = world.warden.ticket("recover", true);
    life.account
        .complete_recovery(id.to_owned(), Secret::of_text(CODE), ticket)
        .await
}

fn cloud_generation(world: &World) -> u8 {
    world
        .cloud
        .with(|cloud| super::warden::generation(&cloud.present()))
}

#[tokio::test]
async fn a_recovery_that_was_carried_out_unheard_is_done_when_it_is_asked_for_again() {
    for tells in [false, true] {
        let (world, life) = World::bound().await;
        let id = begin(&life).await;
        // Neither the answer comes, nor can the cloud be asked what it keeps.
        world.cloud.with(|cloud| cloud.losses.insert("recover", 3));
        let lost = complete(&world, &life, &id).await.unwrap_err();
        assert_eq!(name(lost), "Offline");
        assert_eq!((cloud_generation(&world), world.warden.generation()), (2, 1));
        world.cloud.with(|cloud| cloud.tells = tells);
        complete(&world, &life, &id).await.unwrap();
        assert_eq!(calls(&world, "recover").1, 1, "done once");
        assert_eq!(world.warden.generation(), 2, "the new password holds here too");
        assert_eq!(life.state(), AccountState::ReauthenticationRequired);
        assert_eq!(life.account.view().pending, None);
    }
}

#[tokio::test]
async fn one_that_was_carried_out_unheard_is_not_said_to_be_done_with_another_password() {
    for is_bound in [true, false] {
        let (world, life) = World::bound().await;
        if !is_bound {
            world.sign_out(&life).await.unwrap();
        }
        let id = begin(&life).await;
        world.cloud.with(|cloud| cloud.losses.insert("recover", 3));
        let lost = complete(&world, &life, &id).await.unwrap_err();
        assert_eq!(name(lost), "Offline");
        let other = world.warden.ticket_for_another_password();
        let code = Secret::of_text(CODE);
        let refused = life.account.complete_recovery(id.clone(), code, other).await;
        assert_eq!(name(refused.unwrap_err()), "Conflict");
        assert_eq!(calls(&world, "recover").1, 1);
        let wrong = world.warden.ticket("recover", false);
        let code = Secret::of_text(CODE);
        let refused = life.account.complete_recovery(id.clone(), code, wrong).await;
        assert_eq!(name(refused.unwrap_err()), "WrongCode");
        complete(&world, &life, &id).await.unwrap();
        assert_eq!(calls(&world, "recover").1, 1);
        if is_bound {
            assert_eq!(world.warden.generation(), 2, "the first one's holds here too");
        }
    }
}

#[tokio::test]
async fn the_same_goes_for_a_device_that_is_nobodys() {
    let (world, life) = World::bound().await;
    world.sign_out(&life).await.unwrap();
    let id = begin(&life).await;
    world.cloud.with(|cloud| cloud.losses.insert("recover", 3));
    let lost = complete(&world, &life, &id).await.unwrap_err();
    assert_eq!(name(lost), "Offline");
    complete(&world, &life, &id).await.unwrap();
    assert_eq!((calls(&world, "recover").1, world.warden.bound()), (1, None));
}

#[tokio::test]
async fn a_recovery_that_never_arrived_is_made_anew_when_it_is_asked_for_again() {
    let (world, life) = World::bound().await;
    let id = begin(&life).await;
    let offline = crate::cloud::CloudError::NotConfigured;
    world
        .cloud
        .with(|cloud| cloud.refusals.insert("recover", offline));
    complete(&world, &life, &id).await.unwrap_err();
    assert_eq!(cloud_generation(&world), 1);
    world.cloud.with(|cloud| cloud.tells = true);
    complete(&world, &life, &id).await.unwrap();
    assert_eq!((cloud_generation(&world), world.warden.generation()), (2, 2));
}

#[tokio::test]
async fn a_recovery_that_is_killed_anywhere_is_done_when_it_is_asked_for_again() {
    let mut kills = 0;
    for length in 1.. {
        let (world, first) = World::bound().await;
        world.cloud.with(|cloud| cloud.tells = true);
        let id = begin(&first).await;
        let (account, ticket) = (first.account.clone(), world.warden.ticket("recover", true));
        let work = account.complete_recovery(id.clone(), Secret::of_text(CODE), ticket);
        let Some(second) = killed_after(&world, first, length, work).await else {
            break;
        };
        kills += 1;
        complete(&world, &second, &id)
            .await
            .unwrap_or_else(|error| panic!("{length}: {error}"));
        in_time(&world, &second, || world.warden.generation() == 2).await;
        assert_eq!((cloud_generation(&world), calls(&world, "recover").1), (2, 1));
    }
    assert!(kills >= 6, "{kills}");
}

#[tokio::test]
async fn a_ticket_that_is_spent_takes_another_code() {
    let (world, life) = World::bound().await;
    let id = begin(&life).await;
    let spent = problem(403, "bad-ticket");
    world.cloud.with(|cloud| cloud.refusals.insert("recover", spent));
    let refused = complete(&world, &life, &id).await.unwrap_err();
    assert_eq!(name(refused), "CodeExpired");
    assert_eq!(life.account.view().pending, None);
    let id = begin(&life).await;
    world.cloud.with(|cloud| cloud.tells = true);
    complete(&world, &life, &id).await.unwrap();
}
