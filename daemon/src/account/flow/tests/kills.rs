//! A kill before or after any message to or from warden and cloud.

use std::time::Duration;

use belay_proto::dbus::AccountState;

use super::{CODE, Life, World, confirm};

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
        let asked = super::NewRegistration {
            identifier: super::Identifier::parse(super::ADA).unwrap(),
            ticket: world.warden.ticket("register", true),
            profile: super::Profile::default(),
        };
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
