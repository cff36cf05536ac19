//! An account that its owner deletes, and the device that goes with it.

use belay_proto::dbus::told;
use belay_proto::id::DeviceId;
use belay_proto::signed::Deed;
use belay_proto::wire::CredentialsAnswer;

use super::cloud::{Inner, problem};
use super::kills::{in_time, killed_after};
use super::leaving::hears_of_it;
use super::upkeep::{account, calls, list_another};
use super::*;
use crate::cloud::{CloudError, Problem};

pub(super) async fn delete(world: &World, life: &Life) -> Result<(), AccountError> {
    let ticket = world.warden.order_ticket(Deed::DeleteAccount);
    life.account.delete_account(ticket).await
}

/// What the cloud tells this device of its account, which was deleted or wasn't.
fn told_of(world: &World, deleted: bool) -> CredentialsAnswer {
    CredentialsAnswer {
        credentials: account(world).as_bytes().to_vec().into(),
        deleted,
        ..CredentialsAnswer::default()
    }
}

#[tokio::test]
async fn what_keeps_an_account_from_being_deleted_is_told_by_its_ids() {
    let (world, life) = World::bound().await;
    let (device, accessory) = ("ab".repeat(16), "cd".repeat(16));
    let refusal = CloudError::Problem(Problem::read(
        409,
        serde_json::json!({
            "type": "urn:belay:problem:devices-still-bound", "devices": [device], "accessories": [accessory],
        })
        .to_string()
        .as_bytes(),
        None,
    ));
    world.cloud.with(|cloud| cloud.refusals.insert("delete", refusal));
    let refused = Error::from(delete(&world, &life).await.unwrap_err());
    assert_eq!(refused.name_str(), "org.belay1.Error.DevicesStillBound");
    assert_eq!(
        told::bound_of(refused.message()),
        (vec![device.parse().unwrap()], vec![accessory.parse().unwrap()])
    );
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
async fn a_deletion_that_is_killed_anywhere_frees_the_device_by_itself_or_can_be_asked_for_again() {
    let mut kills = 0;
    for length in 1.. {
        let (world, first) = World::bound().await;
        world.cloud.with(|cloud| cloud.tells = true);
        let account = first.account.clone();
        let ticket = world.warden.ticket("delete-account", true);
        let work = account.delete_account(ticket);
        let Some(second) = killed_after(&world, first, length, work).await else {
            break;
        };
        kills += 1;
        if !world.cloud.with(|cloud| cloud.deleted) {
            assert_eq!(second.state(), AccountState::Bound, "{length}");
            delete(&world, &second).await.unwrap();
        }
        in_time(&world, &second, || second.state() == AccountState::Unbound).await;
        assert_eq!(world.warden.bound(), None, "{length}");
        assert!(!second.has_tokens().await, "{length}");
        let is_released = || world.cloud.with(|cloud| !cloud.releases.is_empty());
        in_time(&world, &second, is_released).await;
    }
    assert!(kills >= 8, "{kills}");
}

#[tokio::test]
async fn a_deletion_that_nobody_answered_takes_the_device_along_once_the_cloud_tells_of_it() {
    for is_hinted_at in [true, false] {
        let (world, life) = World::bound().await;
        life.kill().await;
        // The look with which a bound device begins: were it still to come it would have the answer that the deletion is to miss.
        world.cloud.with(|cloud| {
            cloud.tells = true;
            cloud.while_telling = Some(Box::new(|| ()));
        });
        let life = world.live().await;
        let is_told = || world.cloud.with(|cloud| cloud.while_telling.is_none());
        in_time(&world, &life, is_told).await;
        let offline = CloudError::offline("no network");
        world.cloud.with(|cloud| {
            cloud.losses.insert("delete", 3);
            cloud.refusals.insert("credentials", offline);
        });
        assert_eq!(name(delete(&world, &life).await.unwrap_err()), "Offline");
        if is_hinted_at {
            world.hint();
        }
        in_time(&world, &life, || life.state() == AccountState::Unbound).await;
        assert_eq!(world.warden.bound(), None);
    }
}

#[tokio::test]
async fn a_hint_that_nobody_could_follow_is_followed_once_the_cloud_answers_again() {
    let (world, life) = World::bound().await;
    world.cloud.with(|cloud| cloud.losses.insert("delete", 3));
    assert_eq!(name(delete(&world, &life).await.unwrap_err()), "Offline");
    let offline = CloudError::offline("no network");
    world.cloud.with(|cloud| {
        cloud.tells = true;
        cloud.refusals.insert("credentials", offline);
    });
    world.hint();
    in_time(&world, &life, || {
        world
            .cloud
            .with(|cloud| !cloud.refusals.contains_key("credentials"))
    })
    .await;
    // Nobody hints any more.
    in_time(&world, &life, || life.state() == AccountState::Unbound).await;
    assert_eq!(world.warden.bound(), None);
}

#[tokio::test]
async fn a_cloud_that_refuses_and_says_later_that_it_was_done_lets_no_device_go() {
    for refusal in [problem(422, "bad-credentials"), problem(429, "too-many")] {
        let (world, life) = World::bound().await;
        world.cloud.with(|cloud| cloud.refusals.insert("delete", refusal));
        delete(&world, &life).await.unwrap_err();
        let told = told_of(&world, true);
        world
            .cloud
            .with(|cloud| (cloud.tells, cloud.told) = (true, Some(told)));
        world.hint();
        hears_of_it(&world, &life).await;
        assert!(world.warden.bound().is_some());
    }
}

/// What an order is answered that was carried out, though the cloud refuses it: the cloud says so at once, or upon a hint
/// only. The device is let go either way.
async fn carried_out_though_refused(refusal: CloudError, is_told_at_once: bool) -> Result<(), AccountError> {
    let (world, life) = World::bound().await;
    let told = told_of(&world, true);
    world.cloud.with(|cloud| {
        cloud.refusals.insert("delete", refusal);
        (cloud.tells, cloud.told) = (is_told_at_once, Some(told));
    });
    let deleted = delete(&world, &life).await;
    if deleted.is_err() {
        assert_eq!(life.state(), AccountState::Bound);
        world.cloud.with(|cloud| cloud.tells = true);
        world.hint();
    }
    in_time(&world, &life, || life.state() == AccountState::Unbound).await;
    assert_eq!(world.warden.bound(), None);
    deleted
}

#[tokio::test]
async fn an_order_whose_proof_was_refused_may_have_been_carried_out_by_a_copy_of_the_call() {
    for is_told_at_once in [true, false] {
        let deleted = carried_out_though_refused(problem(401, "invalid-dpop-proof"), is_told_at_once).await;
        assert_eq!(deleted.is_ok(), is_told_at_once, "{deleted:?}");
    }
}

#[tokio::test]
async fn a_refusal_without_a_name_of_the_contract_may_come_after_the_order_was_passed_on_and_carried_out() {
    let pages = [
        "",
        "<html>",
        r#"{"type":"about:blank"}"#,
        r#"{"type":"bad-order"}"#,
    ];
    for (status, page) in [400, 403, 409, 429].into_iter().zip(pages) {
        for is_told_at_once in [true, false] {
            let refusal = CloudError::Problem(Problem::read(status, page.as_bytes(), None));
            let deleted = carried_out_though_refused(refusal, is_told_at_once).await;
            assert_eq!(deleted.is_ok(), is_told_at_once, "{status} {page}: {deleted:?}");
            if let Err(error) = deleted {
                assert_eq!(name(error), "Offline", "it may be done");
            }
        }
    }
}

#[tokio::test]
async fn an_order_that_a_proxy_has_stopped_is_given_again() {
    let (world, life) = World::bound().await;
    world.cloud.with(|cloud| {
        cloud.tells = true;
        cloud.refusals.insert("delete", problem(405, ""));
    });
    assert_eq!(name(delete(&world, &life).await.unwrap_err()), "Offline");
    assert_eq!(life.state(), AccountState::Bound);
    delete(&world, &life).await.unwrap();
    assert_eq!(world.warden.bound(), None);
}

/// The order is carried out unheard, and the same call again is refused so.
fn refused_after_a_loss(
    world: &World,
    refusal: CloudError,
    and_then: impl FnOnce(&mut Inner) + Send + 'static,
) {
    world.cloud.with(|cloud| {
        cloud.losses.insert("delete", 1);
        cloud.when_lost = Some(Box::new(move |cloud: &mut Inner| {
            cloud.refusals.insert("delete", refusal);
            and_then(cloud);
        }));
    });
}

#[tokio::test]
async fn a_refusal_that_does_not_judge_the_order_says_nothing_of_a_copy_that_went_before() {
    for (status, refusal) in [(429, "too-many"), (429, ""), (403, "")] {
        for is_told_at_once in [true, false] {
            let (world, life) = World::bound().await;
            world.cloud.with(|cloud| cloud.tells = true);
            refused_after_a_loss(&world, problem(status, refusal), move |cloud| {
                if !is_told_at_once {
                    let lost = CloudError::offline("the answer is lost");
                    cloud.refusals.insert("credentials", lost);
                }
            });
            let deleted = delete(&world, &life).await;
            assert_eq!(deleted.is_ok(), is_told_at_once, "{refusal}: {deleted:?}");
            if let Err(error) = deleted {
                assert_eq!(name(error), "Offline", "it may be done");
            }
            // Nobody hints at it.
            in_time(&world, &life, || life.state() == AccountState::Unbound).await;
            assert_eq!(world.warden.bound(), None);
        }
    }
}

#[tokio::test]
async fn what_answers_in_the_clouds_place_says_nothing_of_the_order_and_the_cloud_is_asked_until_it_is_known()
{
    let (world, life) = World::bound().await;
    world.cloud.with(|cloud| cloud.tells = true);
    let page = CloudError::Nonsense("status 200".into());
    refused_after_a_loss(&world, page, |cloud| {
        let lost = CloudError::offline("the answer is lost");
        cloud.refusals.insert("credentials", lost);
    });
    let deleted = delete(&world, &life).await;
    assert_eq!(name(deleted.unwrap_err()), "CloudRefused");
    // Nobody hints at it.
    in_time(&world, &life, || life.state() == AccountState::Unbound).await;
    assert_eq!(world.warden.bound(), None);
}

#[tokio::test]
async fn a_refusal_that_judges_the_order_is_its_end_whatever_went_before() {
    for refusal in ["devices-still-bound", "generation-conflict", "bad-order"] {
        let (world, life) = World::bound().await;
        refused_after_a_loss(&world, problem(409, refusal), |_| {});
        let refused = name(delete(&world, &life).await.unwrap_err());
        assert_ne!(refused, "Offline", "{refusal}");
        // It says later that it was done, after all.
        world.cloud.with(|cloud| cloud.tells = true);
        world.hint();
        hears_of_it(&world, &life).await;
        assert!(world.warden.bound().is_some(), "{refusal}");
    }
}

#[tokio::test]
async fn an_order_that_never_left_is_over_whatever_the_cloud_says_later() {
    for ticket_is_for_it in [true, false] {
        let (world, life) = World::bound().await;
        if ticket_is_for_it {
            world
                .cloud
                .with(|cloud| cloud.refusals.insert("delete", CloudError::NotConfigured));
            assert_eq!(name(delete(&world, &life).await.unwrap_err()), "Offline");
        } else {
            // The warden signs for something else than was asked.
            let ticket = world.warden.ticket("delete-account", true);
            let account = life.account.clone();
            assert_eq!(
                name(account.delete_account(ticket).await.unwrap_err()),
                "BadTicket"
            );
        }
        world
            .cloud
            .with(|cloud| (cloud.tells, cloud.deleted) = (true, true));
        world.hint();
        hears_of_it(&world, &life).await;
        assert!(world.warden.bound().is_some());
    }
}

#[tokio::test]
async fn an_account_that_was_deleted_by_a_call_whose_answer_was_lost_lets_its_device_go() {
    for is_told in [true, false] {
        let (world, life) = World::bound().await;
        let told = told_of(&world, is_told);
        world.cloud.with(|cloud| {
            (cloud.tells, cloud.told) = (true, Some(told));
            cloud.refusals.insert("delete", CloudError::SessionEnded);
        });
        let deleted = delete(&world, &life).await;
        assert_eq!(deleted.is_ok(), is_told, "{deleted:?}");
        assert_eq!(world.warden.bound().is_none(), is_told);
    }
}

#[tokio::test]
async fn a_device_is_removed_once_though_the_answer_is_lost() {
    let (world, life) = World::bound().await;
    let other = list_another(&world);
    let remove = |device| {
        let ticket = world.warden.order_ticket(Deed::RemoveDevice(device));
        life.account.remove_device(device, ticket)
    };
    assert_eq!(name(remove(DeviceId::random()).await.unwrap_err()), "NotFound");
    world.cloud.with(|cloud| cloud.losses.insert("remove", 1));
    remove(other).await.unwrap();
    let (keys, done) = calls(&world, "remove");
    assert_eq!((keys.len(), done), (2, 1));
    assert_eq!(keys[0], keys[1]);
}
