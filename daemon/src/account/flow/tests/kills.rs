//! A kill before or after any message to or from warden and cloud.

use std::time::Duration;

use belay_proto::dbus::AccountState;
use belay_proto::steps::RELEASE;

use super::{CODE, Life, World, confirm};

/// So many messages a sign-out has before it is noted what becomes of the data: the password's check, and its answer.
pub(super) const PROVED: u32 = 2;

/// Does `work` in a first life that ends after `length` messages. Answers the second life, or nothing when the
/// work was done before.
pub(super) async fn killed_after<T>(
    world: &World,
    first: Life,
    length: u32,
    work: impl Future<Output = T>,
) -> Option<Life> {
    world.fuse.set(length);
    let killed = tokio::select! {
        _ = work => false,
        () = world.fuse.burnt() => true,
    };
    first.kill().await;
    world.fuse.remove();
    if killed { Some(world.live().await) } else { None }
}

/// Lets the waits of the background pass until `is_so`.
pub(super) async fn in_time(world: &World, life: &Life, is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            world.clock.advance(Duration::from_secs(60));
            tokio::task::yield_now().await;
            // What the background gave to the store's thread is done.
            life.store.call(|_| Ok(())).await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting)
        .await
        .expect("it comes");
}

#[tokio::test]
async fn a_registration_that_is_killed_anywhere_can_be_begun_again() {
    let mut kills = 0;
    for length in 1.. {
        let world = World::new();
        let first = world.live().await;
        let account = first.account.clone();
        let asked = world.registration(super::ADA, false);
        let Some(second) = killed_after(&world, first, length, account.register(asked)).await else {
            break;
        };
        kills += 1;
        assert!(
            [AccountState::Unbound, AccountState::Registering].contains(&second.state()),
            "{length}"
        );
        let id = world.register(&second).await.unwrap();
        confirm(&second, &id, CODE).await.unwrap();
        assert_eq!(second.state(), AccountState::Bound);
    }
    assert!(kills >= 6, "three calls, killed before and after each: {kills}");
}

#[tokio::test]
async fn a_confirmation_that_is_killed_anywhere_goes_on_when_it_is_asked_for_again() {
    let mut kills = 0;
    for length in 1.. {
        let world = World::new();
        let first = world.live().await;
        let id = world.register(&first).await.unwrap();
        let account = first.account.clone();
        let code = super::Secret::of_text(CODE);
        let Some(second) = killed_after(&world, first, length, account.confirm(id.clone(), code)).await
        else {
            break;
        };
        kills += 1;
        let recovery = confirm(&second, &id, CODE)
            .await
            .unwrap_or_else(|error| panic!("{length}: {error}"));
        assert_eq!(recovery, world.warden.pending().unwrap().to_string());
        assert_eq!(second.state(), AccountState::Bound, "{length}");
        assert!(second.has_tokens().await);
        world.cloud.with(|cloud| {
            assert_eq!(
                cloud.accounts.len(),
                1,
                "{length}: one body, one key, one account"
            );
            assert!(
                cloud.codes.iter().all(|code| *code == cloud.codes[0]),
                "{length}: one try"
            );
        });
        assert_eq!(
            confirm(&second, &id, CODE).await.unwrap(),
            recovery,
            "a lost reply is answered again"
        );
        second.account.acknowledge(id).await.unwrap();
    }
    assert!(kills >= 8, "{kills}");
}

#[tokio::test]
async fn a_sign_in_that_is_killed_anywhere_is_done_or_can_be_done_again() {
    let mut kills = 0;
    for length in 1.. {
        let world = World::new();
        let first = world.live().await;
        let ticket = world.warden.ticket("sign-in", true);
        let account = first.account.clone();
        let work = account.sign_in(super::ADA.into(), ticket);
        let Some(second) = killed_after(&world, first, length, work).await else {
            break;
        };
        kills += 1;
        if world.warden.bound().is_none() {
            assert_eq!(second.state(), AccountState::Unbound, "{length}");
            assert!(!second.has_tokens().await, "{length}: nothing is left of it");
            world.sign_in(&second).await.unwrap();
        }
        assert_eq!(second.state(), AccountState::Bound, "{length}");
        assert!(second.has_tokens().await);
        second.account.devices().await.unwrap();
    }
    assert!(kills >= 12, "{kills}");
}

/// Stores something of the owner's.
pub(super) async fn has_data(life: &Life) {
    let put = |transaction: &rusqlite::Transaction<'_>| crate::store::sync::ensure(transaction, "contacts");
    life.store.transaction(put).await.unwrap();
}

/// Whether something of the owner's is stored.
pub(super) async fn keeps_data(life: &Life) -> bool {
    let read = |connection: &mut rusqlite::Connection| crate::store::sync::collections(connection);
    !life.store.call(read).await.unwrap().is_empty()
}

#[tokio::test]
async fn a_sign_out_that_is_killed_anywhere_leaves_of_the_data_what_its_owner_wanted() {
    for leaving in [super::Leaving::Nothing, super::Leaving::Data] {
        let (mut freed, mut bound) = (0, 0);
        for length in 1.. {
            let (world, first) = World::bound().await;
            has_data(&first).await;
            let ticket = world.warden.ticket("sign-out", true);
            let account = first.account.clone();
            let Some(second) = killed_after(&world, first, length, account.sign_out(ticket, leaving)).await
            else {
                break;
            };
            if world.warden.bound().is_some() {
                bound += 1;
                assert!(keeps_data(&second).await, "{length}: nothing was granted");
                // What was asked for before the kill says nothing of this one.
                world.sign_out(&second).await.unwrap();
                assert!(!keeps_data(&second).await, "{length}");
                continue;
            }
            freed += 1;
            second.until(|view| view.state == AccountState::Unbound).await;
            assert_eq!(
                keeps_data(&second).await,
                leaving == super::Leaving::Data,
                "{length}: {leaving:?}"
            );
        }
        assert!(freed >= 1 && bound >= 1, "{leaving:?}: {freed} {bound}");
    }
}

/// Whoever may be at the device: says that the data stays, and doesn't know the password. Its owner frees it from afar later.
#[tokio::test]
async fn who_does_not_know_the_password_keeps_no_data_here_wherever_the_call_is_killed() {
    let mut kills = 0;
    for length in 1.. {
        let (world, first) = World::bound().await;
        has_data(&first).await;
        let ticket = world.warden.ticket("sign-out", false);
        let account = first.account.clone();
        let work = account.sign_out(ticket, super::Leaving::Data);
        let Some(second) = killed_after(&world, first, length, work).await else {
            break;
        };
        kills += 1;
        let session = second.rows.load().await.unwrap().session.unwrap();
        assert!(!session.leaves_data, "{length}");
        world.warden.release_late();
        second.until(|view| view.state == AccountState::Unbound).await;
        assert!(!keeps_data(&second).await, "{length}");
    }
    assert!(kills >= 2, "before and after the check: {kills}");
}

#[tokio::test]
async fn data_that_was_to_stay_stays_though_the_warden_lets_go_only_after_belayd_has_begun_anew() {
    for (waits, stays) in [(Duration::ZERO, true), (Duration::from_secs(180), false)] {
        let (world, first) = World::bound().await;
        has_data(&first).await;
        let ticket = world.warden.ticket("sign-out", true);
        let account = first.account.clone();
        // The call has left, and the warden hasn't done it.
        let second = killed_after(
            &world,
            first,
            PROVED + 1,
            account.sign_out(ticket, super::Leaving::Data),
        )
        .await;
        let second = second.unwrap();
        assert_eq!(second.state(), AccountState::Bound);
        world.clock.advance(waits);
        let is_given_up = async {
            while second.rows.load().await.unwrap().session.unwrap().leaves_data {
                tokio::task::yield_now().await;
            }
        };
        if !stays {
            tokio::time::timeout(Duration::from_secs(60), is_given_up)
                .await
                .unwrap();
        }
        world.warden.release_late();
        second.until(|view| view.state == AccountState::Unbound).await;
        assert_eq!(keeps_data(&second).await, stays);
    }
}

#[tokio::test]
async fn data_that_was_to_stay_stays_though_the_device_slept_while_the_warden_was_at_it() {
    let (world, first) = World::bound().await;
    has_data(&first).await;
    let ticket = world.warden.ticket("sign-out", true);
    let account = first.account.clone();
    let second = killed_after(
        &world,
        first,
        PROVED + 1,
        account.sign_out(ticket, super::Leaving::Data),
    )
    .await;
    let second = second.unwrap();
    world.warden.has_release_in_hand();
    // Boot time goes on in a sleep, and the work doesn't.
    world.clock.advance(Duration::from_secs(8 * 60 * 60));
    let is_free = second.until(|view| view.state == AccountState::Unbound);
    tokio::time::timeout(Duration::from_secs(60), is_free)
        .await
        .unwrap();
    assert!(keeps_data(&second).await);
}

#[tokio::test]
async fn a_sign_out_that_is_killed_anywhere_frees_the_device_and_its_release_reaches_the_cloud() {
    let mut kills = 0;
    for length in 1.. {
        let (world, first) = World::bound().await;
        let ticket = world.warden.ticket("sign-out", true);
        let account = first.account.clone();
        let work = account.sign_out(ticket, super::Leaving::Nothing);
        let Some(second) = killed_after(&world, first, length, work).await else {
            break;
        };
        kills += 1;
        if world.warden.bound().is_some() {
            assert_eq!(second.state(), AccountState::Bound, "{length}");
            world.sign_out(&second).await.unwrap();
        }
        assert_eq!(second.state(), AccountState::Unbound, "{length}");
        assert!(!second.has_tokens().await, "{length}");
        let is_released = || world.cloud.with(|cloud| !cloud.releases.is_empty());
        in_time(&world, &second, is_released).await;
        second.until(|view| !view.pending_release).await;
    }
    assert!(kills >= 2, "{kills}");
}

#[tokio::test]
async fn a_device_that_the_warden_let_go_before_it_died_unheard_is_free_as_soon_as_the_sign_out_fails() {
    let (world, life) = World::bound().await;
    world.warden.dies_after(RELEASE);
    let unheard = world.sign_out(&life).await.unwrap_err();
    assert!(unheard.is_passing(), "{unheard}");
    assert_eq!(life.state(), AccountState::Unbound);
    assert!(!life.has_tokens().await);
    let is_released = || world.cloud.with(|cloud| !cloud.releases.is_empty());
    in_time(&world, &life, is_released).await;
    life.until(|view| !view.pending_release).await;
}
