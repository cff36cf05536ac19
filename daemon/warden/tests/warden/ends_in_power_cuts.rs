//! A power cut after every single step of the warden's file code while a hold begins and ends, a binding ends with its account or for
//! a reset, and a password is proved; as [`crate::power_cuts`] has it of the rest.

use std::time::Duration;

use belay_proto::steps::{self, *};
use belay_warden::core::refusal::Refusal;
use belay_warden::core::state::{Binding, State};

use crate::holding::Held;
use crate::power_cuts::{Told, bound_device, is_bound, is_whole};
use crate::support::{Device, LOGIN, OTHER_PASSWORD, PASSWORD};

const HOUR: Duration = Duration::from_secs(3600);

/// Free with this release.
fn is_free_by(release: Vec<u8>) -> impl Fn(&State) -> bool {
    move |state| {
        state.binding
            == Binding::Unbound {
                release: Some(release.clone()),
            }
    }
}

#[tokio::test]
async fn a_hold_that_begins_survives_a_power_cut() {
    let held = Held::ready().await;
    let (device, account) = (held.device, held.account);
    drop(held.warden);
    let told = Told::of(device, async |warden, disk| {
        warden.forgotten(&account, OTHER_PASSWORD).await.unwrap();
        vec![disk.promised("it runs", |state| state.book.hold.is_some())]
    })
    .await;
    assert!(told.judge(is_bound) > 10);
}

#[tokio::test]
async fn a_hold_that_the_old_password_ended_stays_ended_through_a_power_cut() {
    let (held, _) = Held::begun().await;
    let owner = held.account.owner;
    let device = held.device;
    drop(held.warden);
    let told = Told::of(device, async |warden, disk| {
        warden.unlock(PASSWORD).await.unwrap();
        let over = disk.promised("it is over", |state| state.book.hold.is_none());
        let end = warden.hold_end().await.unwrap();
        warden.hold_told(Some(end.credentials)).await;
        let told = disk.promised("the cloud knows", |state| state.book.hold_ended.is_none());
        vec![over, told]
    })
    .await;
    let stays = move |state: &State| state.bound().is_ok_and(|bound| bound.owner == owner);
    assert!(told.judge(stays) > 10);
}

#[tokio::test]
async fn a_hold_that_was_waited_out_moves_the_pin_once_and_for_good_through_a_power_cut() {
    let (held, waiting) = Held::begun().await;
    held.pass(71).await;
    let owner = held.account.owner;
    let device = held.device;
    drop(held.warden);
    device.clock.advance(HOUR);
    let told = Told::of(device, async |warden, disk| {
        let ticked = warden.use_ticket("", steps::TICK, Done {}.encode()).await;
        ticked.unwrap();
        let next = waiting.owner;
        let has_moved = move |state: &State| state.bound().is_ok_and(|bound| bound.owner == next);
        let moved = disk.promised("the pin has moved", has_moved);
        let end = warden.hold_end().await.unwrap();
        warden.hold_told(Some(end.credentials)).await;
        let told = disk.promised("the cloud knows", |state| state.book.hold_ended.is_none());
        vec![moved, told]
    })
    .await;
    let next = waiting.owner;
    // One owner or the other, each with the credentials of theirs.
    let fits = move |state: &State| {
        state
            .bound()
            .is_ok_and(|bound| [(owner, 1), (next, 2)].contains(&(bound.owner, bound.generation)))
    };
    assert!(told.judge(fits) > 10);
}

#[tokio::test]
async fn a_device_that_leaves_with_its_account_or_stays_survives_a_power_cut() {
    for leaves in [true, false] {
        for device in [Device::initialised(), Device::with_reset_proof()] {
            let (device, account) = bound_device(device).await;
            let told = Told::of(device, async |warden, disk| {
                let ticket = warden
                    .proved_with(&account, Purpose::DeleteAccount, "delete-account")
                    .await
                    .unwrap();
                let ordered = warden.use_ticket(&ticket, steps::ORDER, Done {}.encode()).await;
                ordered.unwrap();
                if leaves {
                    let is_known = |state: &State| state.book.leaving.is_some() || !is_bound(state);
                    let known = disk.promised("the order is known", is_known);
                    let release = warden.leave().await.unwrap();
                    return vec![known, disk.promised("free", is_free_by(release))];
                }
                let stays = warden.use_ticket("", steps::STAY, Done {}.encode()).await;
                stays.unwrap();
                let is_void = |state: &State| is_bound(state) && state.book.leaving.is_none();
                vec![disk.promised("the order is void", is_void)]
            })
            .await;
            assert!(told.judge(is_whole) > 20);
        }
    }
}

#[tokio::test]
async fn a_reset_that_signs_out_survives_a_power_cut() {
    for device in [Device::initialised(), Device::with_reset_proof()] {
        let (device, _) = bound_device(device).await;
        let told = Told::of(device, async |warden, disk| {
            let ticket = warden.present(Purpose::Reset, RESET_AND_RELEASE, PASSWORD).await;
            let input = AuthorizeResetInput { release: true }.encode();
            let output = warden
                .use_ticket(&ticket.unwrap(), steps::AUTHORIZE_RESET, input)
                .await
                .unwrap();
            let release = AuthorizeResetOutput::decode(&output).unwrap().release.unwrap();
            vec![disk.promised("free", is_free_by(release))]
        })
        .await;
        assert!(told.judge(is_whole) > 10);
    }
}

#[tokio::test]
async fn a_password_that_was_proved_ends_the_count_through_a_power_cut() {
    let (device, account) = bound_device(Device::initialised()).await;
    let guessed = device.start().sign_out(OTHER_PASSWORD).await;
    assert_eq!(guessed, Err(Refusal::WrongPassword));
    let told = Told::of(device, async |warden, disk| {
        warden
            .proved_with(&account, Purpose::Reauthenticate, LOGIN)
            .await
            .unwrap();
        vec![disk.promised("the count is over", |state| state.throttle.screen.failures == 0)]
    })
    .await;
    assert!(told.judge(is_bound) > 5);
}
