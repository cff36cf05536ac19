//! The errors that the documentation of each deed names, each in a world in which it must come.

use std::sync::Arc;
use std::time::Duration;

use belay_tests::app::{ACCOUNT, Answer, Refusal, WARDEN, refused};
use belay_tests::openapi::Call;
use belay_tests::proxy::Trick;
use belay_tests::{contract, until};
use tokio::sync::Notify;

use super::world::PACE;
use super::{Deed, World};
use crate::methods::{METHODS, call, name};
use crate::owner::{BEN, BENS, app, code, other_code, state};
use crate::scene::Scene;

/// For as long as anybody asks.
const ALWAYS: usize = 10_000;

/// A ticket in form that nobody made.
const NO_TICKET: &str = "0123456789abcdef0123456789abcdef";

/// Longer than a code is good for, and not so long that the verification itself is forgotten.
const CODE_LIFE: Duration = Duration::from_secs(11 * 60);

/// All deeds whose method may answer `error`.
fn answering(error: &str) -> Vec<Deed> {
    let documented = |deed: &Deed| {
        let method = format!("{}.{}", ACCOUNT.interface, deed.member());
        contract::documented()[&method].contains(error)
    };
    Deed::ALL.iter().copied().filter(documented).collect()
}

#[track_caller]
fn said(deed: Deed, answer: &Answer<String>, error: &str) {
    let name = answer.as_ref().err().map_or("granted", Refusal::short);
    assert_eq!(name, error, "{deed:?}: {answer:?}");
}

impl World {
    /// The call with a ticket of the right password.
    async fn asked(&self, deed: Deed) -> Answer<String> {
        let ticket = self.ticket(deed, &self.password).await?;
        self.call(deed, &ticket).await
    }
}

#[tokio::test]
async fn each_deed_names_a_cloud_that_is_away_and_one_that_refuses() {
    let mut world = World::new().await;
    let (away, refusing) = (answering("Offline"), answering("CloudRefused"));
    assert!(away.len() > 15 && refusing.len() > 15, "{away:?} {refusing:?}");
    for deed in Deed::ALL {
        world.prepare(*deed).await;
        if away.contains(deed) {
            world.scene.network().connect(None);
            said(*deed, &world.asked(*deed).await, "Offline");
            let address = world.scene.cloud().unwrap().address();
            world.scene.network().connect(Some(address));
        }
        if refusing.contains(deed) {
            world.scene.network().plan("/v1/", ALWAYS, &Trick::status(418));
            said(*deed, &world.asked(*deed).await, "CloudRefused");
            world.scene.network().behave();
        }
    }
}

#[tokio::test]
async fn each_method_that_needs_a_session_asks_for_the_password_once_it_has_ended() {
    let mut world = World::new().await;
    world.prepare(Deed::SetProfile).await;
    let network = world.scene.network();
    // The deed's own, and not a look that the keeper takes meanwhile.
    let own = Call::new("PATCH", "/v1/account");
    network.plan_call(&own, 1, &Trick::problem(401, "invalid-token"));
    network.plan("/v1/token", 1, &Trick::problem(400, "invalid-grant"));
    let answer = world.asked(Deed::SetProfile).await;
    said(Deed::SetProfile, &answer, "ReauthenticationRequired");
    network.behave();
    assert_eq!(state(&world.scene).await, "reauthentication-required");
    let mut asked = 0;
    for (object, member, _) in METHODS {
        let method = format!("{}.{member}", object.interface);
        let documented = contract::documented()[&method].contains("ReauthenticationRequired");
        // The door itself.
        if *object != ACCOUNT || !documented || *member == "Reauthenticate" {
            continue;
        }
        let answer = call(&app(&world.scene), *object, member).await;
        assert_eq!(name(&answer), "ReauthenticationRequired", "{member}");
        asked += 1;
    }
    assert!(asked > 10, "{asked}");
}

#[tokio::test]
async fn each_deed_is_done_once_at_a_time() {
    let mut world = World::new().await;
    for deed in answering("Busy") {
        // In nobody's way but another of their kind: `busy` asks for two of those.
        if matches!(
            deed,
            Deed::SetProfile | Deed::GetServiceToken | Deed::SecurityCheck
        ) {
            continue;
        }
        world.prepare(deed).await;
        let ticket = world.ticket(deed, &world.password).await.unwrap();
        // A release needs no cloud, so that only another way to change the binding is in its way.
        let (first, ticket) = match deed {
            Deed::SignOut => {
                let first = Deed::Reauthenticate;
                (first, world.ticket(first, &world.password).await.unwrap())
            }
            deed => (deed, ticket),
        };
        let (network, call) = (world.scene.network(), first_call(first));
        // However long the second is asked for, the first hangs.
        world.scene.clock().run(0).unwrap();
        network.plan(call, ALWAYS, &Trick::Hang);
        let (first, second) = tokio::join!(world.call(first, &ticket), async {
            network.played(call).await.unwrap();
            let answer = world.call(deed, NO_TICKET).await;
            // What hangs is given up.
            world.scene.clock().advance(Duration::from_secs(60)).unwrap();
            world.scene.clock().run(PACE).unwrap();
            answer
        });
        said(deed, &second, "Busy");
        assert!(first.is_err(), "{deed:?}: {first:?}");
        network.behave();
    }
}

/// Where the first call is that a deed makes.
fn first_call(deed: Deed) -> &'static str {
    match deed {
        Deed::Register | Deed::AddIdentifier | Deed::BeginRecovery => "/v1/challenges",
        Deed::Confirm | Deed::ConfirmIdentifier => "/v1/verifications/",
        Deed::CompleteRecovery => "/v1/recoveries/",
        _ => "/v1/login",
    }
}

/// The deeds for which the warden asks the owner's password.
fn under_the_password() -> Vec<Deed> {
    let mut deeds = answering("TooManyAttempts");
    deeds.retain(|deed| {
        let by_code = [Deed::Confirm, Deed::ConfirmIdentifier, Deed::CompleteRecovery];
        *deed != Deed::SignIn && !by_code.contains(deed)
    });
    deeds
}

#[tokio::test]
async fn a_wrong_password_does_nothing_at_all() {
    let mut world = World::new().await;
    for deed in under_the_password() {
        world.prepare(deed).await;
        let ticket = world.ticket(deed, "not-the-password-1").await.unwrap();
        said(deed, &world.call(deed, &ticket).await, "WrongPassword");
        // Whoever proves it begins to count anew.
        let (login, password) = (world.login.clone(), world.password.clone());
        let proved = app(&world.scene).reauthenticate(&login, &password).await;
        proved.unwrap().unwrap();
    }
}

#[tokio::test]
async fn after_too_many_wrong_passwords_the_right_one_waits_everywhere() {
    let mut world = World::new().await;
    let mut tickets = Vec::new();
    let deeds = under_the_password();
    assert!(deeds.len() > 8, "{deeds:?}");
    for deed in deeds {
        world.prepare(deed).await;
        tickets.push((deed, world.target.clone()));
    }
    // A ticket is good for a minute.
    world.scene.clock().run(0).unwrap();
    let mut ready = Vec::new();
    for (deed, target) in tickets {
        world.target.clone_from(&target);
        let ticket = world.ticket(deed, &world.password).await.unwrap();
        ready.push((deed, target, ticket));
    }
    for n in 1..=5 {
        let guess = format!("guess-number-{n}");
        refused(app(&world.scene).sign_out(&guess).await.unwrap(), "WrongPassword").unwrap();
    }
    for (deed, target, ticket) in ready {
        world.target = target;
        said(deed, &world.call(deed, &ticket).await, "TooManyAttempts");
    }
    assert_eq!(state(&world.scene).await, "bound");
}

#[tokio::test]
async fn an_address_gets_only_so_many_codes_a_day() {
    for deed in [Deed::AddIdentifier, Deed::BeginRecovery] {
        let mut world = World::new().await;
        world.prepare(deed).await;
        let mut sent = 0;
        let refusal = loop {
            match world.asked(deed).await {
                Ok(_) => sent += 1,
                Err(refusal) => break refusal,
            }
        };
        assert_eq!((sent, refusal.short()), (5, "TooSoon"), "{deed:?}");
    }
}

#[tokio::test]
async fn what_was_begun_before_another_device_made_new_credentials_is_a_conflict() {
    let mut world = World::new().await;
    world.have_second().await;
    for deed in answering("Conflict") {
        // Those are in an account's way that is being made here, and the third tells of another root (`held_apart`).
        if matches!(deed, Deed::Register | Deed::BeginRecovery | Deed::Reauthenticate) {
            continue;
        }
        world.prepare(deed).await;
        let held = match deed {
            Deed::CompleteRecovery => Call::new("POST", "/v1/recoveries/{id}/code"),
            Deed::ConfirmIdentifier => Call::new("POST", "/v1/verifications/{id}/code"),
            _ => Call::new("POST", "/v1/login"),
        };
        let go = Arc::new(Notify::new());
        let ticket = world.ticket(deed, &world.password).await.unwrap();
        let network = world.scene.network();
        network.plan_call(&held, 1, &Trick::Hold(Arc::clone(&go)));
        // Where this device hears of it first, its tickets are void.
        let told = Call::new("GET", "/v1/account/credentials");
        network.plan_call(&told, ALWAYS, &Trick::Cut);
        // However long the other device takes, the held answer is waited for.
        world.scene.clock().run(0).unwrap();
        let (answer, ()) = tokio::join!(world.call(deed, &ticket), async {
            until::until("the answer to be held", async || {
                network.has_played(&held).then_some(())
            })
            .await
            .unwrap();
            let other = app(world.second.as_ref().unwrap());
            let secrets = [("password", world.password.as_str())];
            let ticket = other.present("recovery-code", "", &secrets).await.unwrap();
            let body = (ticket.unwrap(), belay_tests::app::Options::new());
            let made: Answer<zbus::OwnedFd> = other.call(ACCOUNT, "CreateRecoveryCode", &body).await.unwrap();
            made.unwrap();
            // One that nobody says to have seen is the answer to the next call too.
            other.acknowledge("").await.unwrap().unwrap();
            go.notify_one();
        });
        world.scene.clock().run(PACE).unwrap();
        said(deed, &answer, "Conflict");
        // The code is another one now.
        world.recovery.clear();
        network.behave();
    }
}

#[tokio::test]
async fn a_code_that_is_over_adds_and_recovers_nothing() {
    let mut world = World::new().await;
    for deed in [Deed::ConfirmIdentifier, Deed::CompleteRecovery] {
        world.prepare(deed).await;
        world.scene.clock().advance(CODE_LIFE).unwrap();
        said(deed, &world.asked(deed).await, "CodeExpired");
    }
}

#[tokio::test]
async fn after_too_many_wrong_codes_of_a_day_the_right_one_recovers_nothing_before_the_next() {
    let mut world = World::new().await;
    world.prepare(Deed::CompleteRecovery).await;
    let mut right = world.code.clone();
    let mut wrong = 0;
    let refusal = loop {
        world.code = other_code(&right);
        let refusal = world.asked(Deed::CompleteRecovery).await.unwrap_err();
        match refusal.short() {
            "WrongCode" => wrong += 1,
            // It is spent.
            "CodeExpired" => {
                world.surely(Deed::ResendCode).await;
                right = code(&world.scene, &world.login).await;
            }
            _ => break refusal,
        }
    };
    assert_eq!((wrong, refusal.short()), (10, "TooManyAttempts"), "{refusal}");
    world.code = right;
    let answer = world.asked(Deed::CompleteRecovery).await;
    said(Deed::CompleteRecovery, &answer, "TooManyAttempts");
    world.prepare(Deed::CompleteRecovery).await;
    world.surely(Deed::CompleteRecovery).await;
    world.done(Deed::CompleteRecovery).await;
}

#[tokio::test]
async fn a_recovery_code_that_was_mistyped_is_told_at_once_and_costs_nothing() {
    let mut world = World::new().await;
    world.prepare(Deed::CompleteRecovery).await;
    let tries = async || app(&world.scene).get::<u32>(WARDEN, "TriesLeft").await.unwrap();
    let before = tries().await;
    let mistyped = other_code(&world.recovery);
    let secrets = [("new", world.chosen.as_str()), ("recovery-code", &mistyped)];
    let ticket = app(&world.scene).present("recover", &world.login, &secrets).await;
    refused(ticket.unwrap(), "WrongCode").unwrap();
    assert_eq!(tries().await, before);
    world.surely(Deed::CompleteRecovery).await;
}

#[tokio::test]
async fn a_right_code_doesnt_make_up_for_a_ticket_that_is_none() {
    let mut world = World::new().await;
    world.prepare(Deed::CompleteRecovery).await;
    let answer = world.call(Deed::CompleteRecovery, NO_TICKET).await;
    said(Deed::CompleteRecovery, &answer, "BadTicket");
    world.surely(Deed::CompleteRecovery).await;
}

/// Registers `who` on a device of their own; the recovery code.
async fn registered_beside(world: &World, who: &str) -> String {
    let other = Scene::beside(&world.scene).await;
    let app = app(&other);
    let id = app.register(who, BENS, &belay_tests::app::Options::new()).await;
    let id = id.unwrap().unwrap();
    let code = code(&world.scene, who).await;
    app.confirm(&id, &code).await.unwrap().unwrap()
}

#[tokio::test]
async fn an_address_that_somebody_else_was_quicker_with_is_taken() {
    let mut world = World::new().await;
    world.prepare(Deed::ConfirmIdentifier).await;
    registered_beside(&world, &world.address).await;
    said(
        Deed::ConfirmIdentifier,
        &world.asked(Deed::ConfirmIdentifier).await,
        "IdentifierTaken",
    );
}

#[tokio::test]
async fn an_account_has_only_so_many_addresses() {
    let mut world = World::new().await;
    let mut added = 1;
    let refusal = loop {
        world.prepare(Deed::AddIdentifier).await;
        world.surely(Deed::AddIdentifier).await;
        world.code = code(&world.scene, &world.address).await;
        match world.asked(Deed::ConfirmIdentifier).await {
            Ok(_) => added += 1,
            Err(refusal) => break refusal,
        }
    };
    assert_eq!((added, refusal.short()), (5, "QuotaExceeded"));
    world.target = "0".repeat(32);
    said(Deed::SetLogin, &world.asked(Deed::SetLogin).await, "NotFound");
}

#[tokio::test]
async fn somebody_elses_account_isnt_recovered_at_a_device_that_is_bound() {
    let mut world = World::new().await;
    world.recovery = registered_beside(&world, BEN).await;
    BEN.clone_into(&mut world.login);
    world.prepare(Deed::CompleteRecovery).await;
    said(
        Deed::CompleteRecovery,
        &world.asked(Deed::CompleteRecovery).await,
        "AlreadyBound",
    );
    assert_eq!(state(&world.scene).await, "bound");
}
