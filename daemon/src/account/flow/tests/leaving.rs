//! A device that leaves with its deleted account, however long that takes the warden, and whatever became of the order.

use std::time::Duration;

use belay_proto::dbus::{LockState, Membership};
use belay_proto::signed::Deed;

use super::cloud::problem;
use super::deletion::delete;
use super::kills::{PROVED, has_data, in_time, keeps_data, killed_after};
use super::*;
use crate::cloud::CloudError;

/// The account is deleted by the order of its owner here, and nobody has heard of it yet.
async fn deleted_unheard(world: &World, life: &Life) {
    world.cloud.with(|cloud| cloud.losses.insert("delete", 3));
    let lost = delete(world, life).await.unwrap_err();
    assert_eq!(name(lost), "Offline");
    world.cloud.with(|cloud| cloud.tells = true);
}

/// An order to delete the account leaves, and comes to nothing that anybody hears of.
async fn sent_in_vain(world: &World, life: &Life) {
    deleted_unheard(world, life).await;
    world
        .cloud
        .with(|cloud| (cloud.tells, cloud.deleted) = (false, false));
}

/// The next life of a belayd that was killed after so many messages of a deletion; the warden has no time to hear of the account
/// before it is looked at here.
async fn killed_while_deleting(world: &World, first: Life, length: u32) -> Option<Life> {
    world.warden.refuse_to_stay(vec![Error::Busy(String::new()); 5]);
    let ticket = world.warden.order_ticket(Deed::DeleteAccount);
    let account = first.account.clone();
    killed_after(world, first, length, account.delete_account(ticket)).await
}

/// The cloud says that the account is deleted, whether it is so or not.
fn claim_deleted(world: &World) {
    world
        .cloud
        .with(|cloud| (cloud.tells, cloud.deleted) = (true, true));
    world.hint();
}

pub(super) async fn hears_of_it(world: &World, life: &Life) {
    in_time(world, life, || {
        life.account.view().membership == Membership::AccountDeleted
    })
    .await;
}

async fn hours_pass(world: &World, life: &Life) {
    for _ in 0..40 {
        world.clock.advance(Duration::from_secs(15 * 60));
        tokio::task::yield_now().await;
        life.store.call(|_| Ok(())).await.unwrap();
    }
}

async fn has_sent_deletion(life: &Life) -> bool {
    let session = life.rows.load().await.unwrap().session;
    session.is_none_or(|session| session.deletion_sent)
}

#[tokio::test]
async fn a_warden_that_cannot_let_go_now_is_asked_again_until_it_can() {
    let (world, life) = World::bound().await;
    deleted_unheard(&world, &life).await;
    let (busy, full) = (Error::Busy(String::new()), Error::Storage(String::new()));
    world.warden.refuse_to_leave(vec![busy.clone(), full, busy]);
    // Nobody hints at it twice.
    world.hint();
    in_time(&world, &life, || life.state() == AccountState::Unbound).await;
    assert_eq!((world.warden.bound(), world.warden.leaves()), (None, 4));
}

#[tokio::test]
async fn a_warden_that_refuses_for_good_is_not_asked_again() {
    let (world, life) = World::bound().await;
    deleted_unheard(&world, &life).await;
    // As where its owner has had a command carried out there since.
    world
        .warden
        .refuse_to_leave(vec![Error::BadTicket(String::new())]);
    world.hint();
    hears_of_it(&world, &life).await;
    hours_pass(&world, &life).await;
    assert_eq!(world.warden.leaves(), 1);
    assert!(world.warden.bound().is_some());
    assert!(!has_sent_deletion(&life).await, "the order is over here too");
}

#[tokio::test]
async fn a_lost_device_leaves_with_its_account_once_it_is_found() {
    let (world, life) = World::bound().await;
    deleted_unheard(&world, &life).await;
    world.warden.set_lock(LockState::Lost);
    world.hint();
    hears_of_it(&world, &life).await;
    assert!(world.warden.bound().is_some());
    world.warden.set_lock(LockState::Unlocked);
    in_time(&world, &life, || life.state() == AccountState::Unbound).await;
}

#[tokio::test]
async fn a_deletion_whose_device_cannot_go_at_once_is_finished_by_itself() {
    let (world, life) = World::bound().await;
    world.cloud.with(|cloud| cloud.tells = true);
    world.warden.refuse_to_leave(vec![Error::Storage(String::new())]);
    let stuck = delete(&world, &life).await.unwrap_err();
    assert_eq!(name(stuck), "Storage");
    in_time(&world, &life, || life.state() == AccountState::Unbound).await;
}

#[tokio::test]
async fn an_order_that_was_signed_and_never_left_is_withdrawn_as_belayd_begins_anew() {
    for is_second in [false, true] {
        let (mut withdrawn, mut sent) = (0, 0);
        for length in 1.. {
            let (world, first) = World::bound().await;
            if is_second {
                sent_in_vain(&world, &first).await;
            }
            let second = killed_while_deleting(&world, first, length).await;
            let was_ready = world.warden.is_leaving();
            let Some(second) = second else { break };
            if has_sent_deletion(&second).await {
                sent += 1;
                assert!(was_ready || world.warden.bound().is_none(), "{length}");
                continue;
            }
            in_time(&world, &second, || !world.warden.is_leaving()).await;
            withdrawn += u32::from(was_ready);
            // What the cloud says then frees nothing.
            claim_deleted(&world);
            hears_of_it(&world, &second).await;
            assert!(world.warden.bound().is_some(), "{length}");
        }
        assert!(withdrawn >= 1 && sent >= 1, "{is_second}: {withdrawn} {sent}");
    }
}

/// A life at whose beginning the warden is ready to leave for an order that never left.
async fn with_a_forgotten_order() -> (World, Life) {
    for length in 1.. {
        let (world, first) = World::bound().await;
        let second = killed_while_deleting(&world, first, length).await;
        if world.warden.is_leaving() {
            return (world, second.unwrap());
        }
    }
    unreachable!("one of them is killed right after the order")
}

#[tokio::test]
async fn a_warden_without_time_is_asked_again_to_stay_and_a_lost_one_once_it_is_found() {
    let (world, life) = with_a_forgotten_order().await;
    in_time(&world, &life, || !world.warden.is_leaving()).await;

    let (world, life) = with_a_forgotten_order().await;
    world.warden.set_lock(LockState::Lost);
    hours_pass(&world, &life).await;
    assert!(world.warden.is_leaving());
    world.warden.set_lock(LockState::Unlocked);
    in_time(&world, &life, || !world.warden.is_leaving()).await;
}

#[tokio::test]
async fn a_device_that_is_still_ready_for_an_order_that_never_left_goes_by_no_word_of_the_cloud() {
    let (world, life) = with_a_forgotten_order().await;
    claim_deleted(&world);
    life.until(|view| view.membership == Membership::AccountDeleted)
        .await;
    assert!(world.warden.is_leaving());
    assert_eq!(world.warden.leaves(), 0);
    assert!(world.warden.bound().is_some());
}

#[tokio::test]
async fn an_order_of_this_life_is_withdrawn_by_nothing_that_was_meant_for_one_before() {
    let (world, life) = with_a_forgotten_order().await;
    deleted_unheard(&world, &life).await;
    // Nobody who asks hears of it yet.
    world.cloud.with(|cloud| cloud.tells = false);
    hours_pass(&world, &life).await;
    assert!(world.warden.is_leaving());
    world.cloud.with(|cloud| cloud.tells = true);
    world.hint();
    in_time(&world, &life, || life.state() == AccountState::Unbound).await;
}

#[tokio::test]
async fn a_deletion_that_gets_no_further_than_the_password_keeps_no_earlier_order_from_being_withdrawn() {
    let (world, life) = with_a_forgotten_order().await;
    let wrong = world.warden.ticket("delete-account", false);
    let refused = life.account.delete_account(wrong).await.unwrap_err();
    assert_eq!(name(refused), "WrongPassword");
    assert!(world.warden.is_leaving());
    in_time(&world, &life, || !world.warden.is_leaving()).await;
}

#[tokio::test]
async fn a_warden_that_has_no_time_to_hear_that_the_cloud_refused_is_told_later() {
    let (world, life) = World::bound().await;
    world.warden.refuse_to_stay(vec![Error::Busy(String::new()); 6]);
    let refusal = problem(409, "devices-still-bound");
    world.cloud.with(|cloud| cloud.refusals.insert("delete", refusal));
    let refused = delete(&world, &life).await.unwrap_err();
    assert_eq!(name(refused), "DevicesStillBound");
    assert!(world.warden.is_leaving());
    in_time(&world, &life, || !world.warden.is_leaving()).await;
}

#[tokio::test]
async fn a_deletion_that_was_carried_out_unheard_is_done_when_it_is_asked_for_again() {
    for session_went_along in [false, true] {
        let (world, life) = World::bound().await;
        // Neither the answer comes, nor can the cloud be asked about it.
        let (losses, lost) = match session_went_along {
            true => (1, "ReauthenticationRequired"),
            false => (3, "Offline"),
        };
        world.cloud.with(|cloud| {
            cloud.sessions_go = session_went_along;
            cloud.losses.insert("delete", losses)
        });
        assert_eq!(name(delete(&world, &life).await.unwrap_err()), lost);
        assert!(world.warden.bound().is_some());
        world.cloud.with(|cloud| cloud.tells = true);
        delete(&world, &life).await.unwrap();
        assert_eq!(world.warden.bound(), None);
        assert_eq!(life.state(), AccountState::Unbound);
    }
}

#[tokio::test]
async fn a_deletion_without_a_session_that_was_not_carried_out_still_takes_the_password_first() {
    let (world, life) = World::bound().await;
    let ended = CloudError::SessionEnded;
    world.cloud.with(|cloud| cloud.refusals.insert("delete", ended));
    for _ in 0..2 {
        let refused = delete(&world, &life).await.unwrap_err();
        assert_eq!(name(refused), "ReauthenticationRequired");
        world.cloud.with(|cloud| cloud.tells = true);
    }
    assert!(world.warden.bound().is_some());
}

#[tokio::test]
async fn data_that_a_sign_out_is_to_leave_here_stays_though_the_cloud_tells_meanwhile_that_the_account_is_gone()
 {
    for is_killed in [false, true] {
        let (world, life) = World::bound().await;
        has_data(&life).await;
        deleted_unheard(&world, &life).await;
        // The call has left, and the warden hasn't done it.
        world.fuse.set(PROVED + 1);
        let (account, ticket) = (life.account.clone(), world.warden.ticket("sign-out", true));
        let signing_out = tokio::spawn(async move { account.sign_out(ticket, Leaving::Data).await });
        world.fuse.burnt().await;
        world.fuse.remove();
        if is_killed {
            signing_out.abort();
            life.kill().await;
            let life = world.live().await;
            // Nobody works on it any more, and it may come about still.
            life.until(|view| view.state == AccountState::Unbound).await;
            assert_eq!(world.warden.leaves(), 1);
            assert!(keeps_data(&life).await);
            continue;
        }
        world.hint();
        in_time(&world, &life, || {
            life.account.view().membership != Membership::Member
        })
        .await;
        assert_eq!(world.warden.leaves(), 0, "whoever signs out gets the release");
        world.warden.release_late();
        life.until(|view| view.state == AccountState::Unbound).await;
        assert!(keeps_data(&life).await);
    }
}

#[tokio::test]
async fn data_that_a_sign_out_is_to_leave_here_stays_though_the_device_is_freed_by_something_else_first() {
    let (world, life) = World::bound().await;
    has_data(&life).await;
    world.warden.let_go_first();
    let ticket = world.warden.ticket("sign-out", true);
    let late = life.account.sign_out(ticket, Leaving::Data).await.unwrap_err();
    assert_eq!(name(late), "NotBound");
    life.until(|view| view.state == AccountState::Unbound).await;
    assert!(keeps_data(&life).await);
}
