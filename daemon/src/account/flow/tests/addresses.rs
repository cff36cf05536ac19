//! More addresses of an account.

use belay_proto::id::DeviceId;
use belay_proto::secret::Secret;
use belay_proto::signed::Deed;
use belay_proto::wire::ProfileChanges;

use super::cloud::problem;
use super::kills::{in_time, killed_after};
use super::recovering::{begin, complete};
use super::upkeep::calls;
use super::warden::DEVICE;
use super::{CODE, Identifier, Life, World, name};
use crate::account::AccountError;
use crate::cloud::CloudError;
use crate::sync::NewerKeys;

async fn add(world: &World, life: &Life) -> Result<String, AccountError> {
    let address = Identifier::parse("ada@example.com").unwrap();
    let deed = Deed::AddIdentifier("ada@example.com".into());
    let ticket = world.warden.order_ticket(deed);
    life.account.add_address(address, ticket).await
}

#[tokio::test]
async fn an_address_is_added_by_its_code_and_a_lost_answer_adds_it_once() {
    let (world, life) = World::bound().await;
    let id = add(&world, &life).await.unwrap();
    let confirm = |code: &str| life.account.confirm_address(id.clone(), Secret::of_text(code));
    assert_eq!(name(confirm("654321").await.unwrap_err()), "WrongCode");
    world.cloud.with(|cloud| cloud.losses.insert("add", 99));
    assert_eq!(name(confirm(CODE).await.unwrap_err()), "Offline");
    world.cloud.with(|cloud| cloud.losses.clear());
    confirm(CODE).await.unwrap();
    let (keys, done) = calls(&world, "add");
    assert_eq!(done, 1);
    assert!(keys.iter().all(|key| *key == keys[0]));
    assert_eq!(name(confirm(CODE).await.unwrap_err()), "NotFound");
}

/// Whatever is asked with this id, there is no such verification.
async fn is_given_up(world: &World, life: &Life, id: &str) {
    let own = || id.to_owned();
    let answers = [
        life.account.resend(own()).await,
        life.account.verification(own()).await.map(drop),
        life.account.cancel(own()).await,
        life.account.confirm_address(own(), Secret::of_text(CODE)).await,
        complete(world, life, id).await,
    ];
    for answer in answers {
        assert_eq!(name(answer.unwrap_err()), "NotFound", "{id}");
    }
}

#[tokio::test]
async fn an_address_and_a_recovery_give_up_the_one_that_was_verified_before() {
    let (world, life) = World::bound().await;
    let shown = || life.account.view().pending.map(|pending| pending.id);
    let address = add(&world, &life).await.unwrap();
    let recovery = begin(&life).await;
    is_given_up(&world, &life, &address).await;
    assert_eq!(shown().as_ref(), Some(&recovery));
    let address = add(&world, &life).await.unwrap();
    is_given_up(&world, &life, &recovery).await;
    assert_eq!(shown().as_ref(), Some(&address));
    let code = Secret::of_text(CODE);
    life.account.confirm_address(address, code).await.unwrap();
}

#[tokio::test]
async fn a_registration_gives_up_what_was_verified_before_and_a_recovery_leaves_it_alone() {
    let world = World::new();
    let life = world.live().await;
    let shown = || life.account.view().pending.map(|pending| pending.id);
    let registration = world.register(&life).await.unwrap();
    let recovery = begin(&life).await;
    assert_eq!(shown().as_ref(), Some(&recovery));
    life.account.verification(registration.clone()).await.unwrap();
    life.account.cancel(recovery).await.unwrap();
    assert_eq!(shown().as_ref(), Some(&registration));
    let recovery = begin(&life).await;
    let other = world.register(&life).await.unwrap();
    for id in [registration, recovery] {
        let gone = life.account.verification(id).await.unwrap_err();
        assert_eq!(name(gone), "NotFound");
    }
    assert_eq!(shown().as_ref(), Some(&other));
}

#[tokio::test]
async fn an_address_that_is_killed_anywhere_is_confirmed_when_it_is_asked_for_again() {
    let mut kills = 0;
    for length in 1.. {
        let (world, first) = World::bound().await;
        let id = add(&world, &first).await.unwrap();
        let account = first.account.clone();
        let work = account.confirm_address(id.clone(), Secret::of_text(CODE));
        let Some(second) = killed_after(&world, first, length, work).await else {
            break;
        };
        kills += 1;
        let again = second.account.confirm_address(id, Secret::of_text(CODE)).await;
        // Done before the kill, or now.
        assert!(again.is_ok() || calls(&world, "add").1 == 1, "{length}");
        assert_eq!(calls(&world, "add").1, 1, "{length}");
    }
    assert!(kills >= 4, "{kills}");
}

#[tokio::test]
async fn the_refusals_of_addresses_have_their_names() {
    for (call, refusal, expected) in [
        ("add", problem(409, "identifier-taken"), "IdentifierTaken"),
        ("add", problem(507, "quota-exceeded"), "QuotaExceeded"),
        ("add", problem(403, "bad-order"), "CloudRefused"),
        ("add", problem(409, "order-used"), "Conflict"),
        ("remove-address", problem(409, "identifier-is-login"), "Conflict"),
        ("remove-address", problem(404, "not-found"), "NotFound"),
        ("set-login", problem(404, "not-found"), "NotFound"),
    ] {
        let (world, life) = World::bound().await;
        let id = add(&world, &life).await.unwrap();
        world.cloud.with(|cloud| cloud.refusals.insert(call, refusal));
        let ticket = |deed| world.warden.order_ticket(deed);
        let other = "0".repeat(32);
        let answer = match call {
            "add" => life.account.confirm_address(id, Secret::of_text(CODE)).await,
            "set-login" => {
                let ticket = ticket(Deed::SetLogin(other.clone()));
                life.account.set_login(other, ticket).await
            }
            _ => {
                let ticket = ticket(Deed::RemoveIdentifier(other.clone()));
                life.account.remove_address(other, ticket).await
            }
        };
        assert_eq!(name(answer.unwrap_err()), expected, "{call}");
    }
}

#[tokio::test]
async fn an_address_that_a_slow_line_or_a_page_kept_from_the_cloud_is_added_when_that_is_asked_for_again() {
    for (status, why) in [(408, "request-timeout"), (426, "update-required"), (403, "")] {
        let (world, life) = World::bound().await;
        let id = add(&world, &life).await.unwrap();
        let refusal = problem(status, why);
        world.cloud.with(|cloud| cloud.refusals.insert("add", refusal));
        let confirm = || life.account.confirm_address(id.clone(), Secret::of_text(CODE));
        assert_eq!(name(confirm().await.unwrap_err()), "CloudRefused", "{status}");
        confirm().await.unwrap();
        assert_eq!(calls(&world, "add").1, 1, "{status}");
    }
}

#[tokio::test]
async fn where_nobody_knows_whether_something_was_changed_the_cloud_is_asked_for_it_later() {
    for call in ["add", "remove-address", "set-login", "profile", "unlock"] {
        let (world, life) = World::bound().await;
        world.cloud.with(|cloud| cloud.tells = true);
        let adding = add(&world, &life).await.unwrap();
        // What was to be looked at before is.
        life.account.fetch().await;
        let page = CloudError::Nonsense("status 200".into());
        world.cloud.with(|cloud| cloud.refusals.insert(call, page));
        let offline = CloudError::offline("no network");
        world
            .cloud
            .with(|cloud| cloud.refusals.insert("credentials", offline));
        let other = "0".repeat(32);
        let answer = match call {
            "add" => life.account.confirm_address(adding, Secret::of_text(CODE)).await,
            "profile" => life.account.set_profile(ProfileChanges::default()).await,
            "unlock" => {
                let deed = Deed::UnlockBootloader(DeviceId::from_bytes(DEVICE));
                let ticket = world.warden.order_ticket(deed);
                life.account.request_unlock(ticket, "why not".into()).await
            }
            "set-login" => {
                let ticket = world.warden.order_ticket(Deed::SetLogin(other.clone()));
                life.account.set_login(other, ticket).await
            }
            _ => {
                let ticket = world.warden.order_ticket(Deed::RemoveIdentifier(other.clone()));
                life.account.remove_address(other, ticket).await
            }
        };
        assert_eq!(name(answer.unwrap_err()), "CloudRefused", "{call}");
        let is_asked = || {
            world
                .cloud
                .with(|cloud| !cloud.refusals.contains_key("credentials"))
        };
        in_time(&world, &life, is_asked).await;
    }
}

#[tokio::test]
async fn a_ticket_for_another_deed_than_the_one_that_is_asked_for_is_a_bad_one() {
    let (one, other) = ("1".repeat(32), "2".repeat(32));
    let ada = Identifier::parse("ada@example.com").unwrap();
    let (world, life) = World::bound().await;
    for deed in [
        Deed::SetLogin(one.clone()),
        Deed::RemoveIdentifier(one),
        Deed::AddIdentifier("eve@example.com".into()),
    ] {
        let ticket = || world.warden.order_ticket(deed.clone());
        let answers = [
            life.account.set_login(other.clone(), ticket()).await,
            life.account.remove_address(other.clone(), ticket()).await,
            life.account.add_address(ada.clone(), ticket()).await.map(drop),
        ];
        for answer in answers {
            assert_eq!(name(answer.unwrap_err()), "BadTicket", "{deed}");
        }
    }
    for call in ["set-login", "remove-address", "add"] {
        assert_eq!(calls(&world, call).0, Vec::<String>::new(), "{call}");
    }
}
