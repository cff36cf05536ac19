//! Errors of the members that the warden keeps for belayd, met by a test in belayd's place.

use std::collections::HashMap;
use std::future::Future;

use belay_proto::cbor::MapWriter;
use belay_proto::keys::{KdfParameters, SigningKey, random};
use belay_proto::steps::{
    AuthorizeResetInput, LoginSignatureInput, NewCredentialsInput, NewCredentialsOutput, PendingInput,
    PolicyChanges, RecoverInput, ReleaseInput, policies_subject,
};
use belay_proto::wire::RecoveryAnswer;
use belay_tests::app::{ACCOUNT, Answer, App, Options, WARDEN, entry, memfd, refused};
use belay_tests::openapi::{Call, Exchange};
use belay_tests::proxy::Trick;
use belay_tests::until::within;
use futures_util::StreamExt;
use futures_util::future::{Either, select};
use futures_util::stream::FuturesUnordered;
use zbus::{Fd, OwnedVariant};

use crate::account_life::{NEW, begin_recovery, recover};
use crate::holding;
use crate::methods::name;
use crate::owner::{ADA, BEN, BENS, PASSWORD, adas, app, code};
use crate::scene::{Scene, scene};

/// What the warden keeps for belayd and asks its one task for.
const MEMBERS: [&str; 6] = ["Beat", "Command", "Credentials", "History", "Use", "Tighten"];

/// belayd's name, taken by a connection of the programs' user.
async fn take_over(scene: &Scene) -> App {
    let uid = belay_tests::guest::programs().unwrap_or_else(belay_tests::guest::person);
    let connection = scene.connect(uid).await.unwrap();
    connection.request_name("org.belay1").await.unwrap();
    App::new(&connection)
}

/// The same, in place of a belayd that runs.
async fn stand_in(scene: &mut Scene) -> App {
    scene.kill_belayd().await.unwrap();
    take_over(scene).await
}

/// The input of a step that takes nothing.
fn nothing() -> Vec<u8> {
    MapWriter::versioned().finish()
}

async fn step(belayd: &App, ticket: &str, step: &str, input: Vec<u8>) -> Answer<Vec<u8>> {
    belayd.call(WARDEN, "Use", &(ticket, step, input)).await.unwrap()
}

/// Calls one of [`MEMBERS`] with something that does no harm, but for `Tighten`.
async fn call(belayd: &App, member: &str) -> Answer<()> {
    let bytes: &[u8] = &[1];
    match member {
        "Command" => drop_of(belayd.call::<_, String>(WARDEN, member, &(bytes,))).await,
        "Credentials" => drop_of(belayd.call::<_, bool>(WARDEN, member, &(bytes,))).await,
        "History" => {
            type Rows = Vec<HashMap<String, OwnedVariant>>;
            drop_of(belayd.call::<_, Rows>(WARDEN, member, &(u64::MAX,))).await
        }
        "Use" => step(belayd, "", "effects", nothing()).await.map(drop),
        "Tighten" => belayd.call(WARDEN, member, &("owner-asked",)).await.unwrap(),
        _ => belayd.call(WARDEN, member, &()).await.unwrap(),
    }
}

async fn drop_of<T>(call: impl Future<Output = belay_tests::Outcome<Answer<T>>>) -> Answer<()> {
    call.await.unwrap().map(drop)
}

#[tokio::test]
async fn on_a_device_that_is_nobodys_belayds_members_say_so() {
    let mut scene = scene().await;
    let belayd = stand_in(&mut scene).await;
    for member in ["Beat", "Command", "Credentials", "Use", "Tighten"] {
        assert_eq!(name(&call(&belayd, member).await), "NotBound", "{member}");
    }
}

#[tokio::test]
async fn without_a_state_belayds_members_say_so() {
    let scene = Scene::empty().await;
    let belayd = take_over(&scene).await;
    for member in MEMBERS {
        assert_eq!(name(&call(&belayd, member).await), "Storage", "{member}");
    }
}

#[tokio::test]
async fn on_a_spoilt_state_belayds_members_say_so() {
    let mut scene = adas().await;
    let belayd = stand_in(&mut scene).await;
    scene.kill_warden().await.unwrap();
    for copy in ["a", "b"] {
        std::fs::write(scene.place().at("warden").join(copy).join("binding"), "spoilt").unwrap();
    }
    for member in ["Command", "Credentials", "Use", "Tighten"] {
        assert_eq!(name(&call(&belayd, member).await), "Tampered", "{member}");
    }
}

/// The recovery code of an account that Ben has at the same cloud.
async fn bens_code(scene: &Scene) -> String {
    let other = Scene::beside(scene).await;
    let app = app(&other);
    let id = app.register(BEN, BENS, &Options::new()).await.unwrap().unwrap();
    let code = code(scene, BEN).await;
    app.confirm(&id, &code).await.unwrap().unwrap()
}

/// What the cloud told of the account whose address was proved last, as the step takes it.
fn told(scene: &Scene) -> Vec<u8> {
    let exchanges = scene.network().exchanges();
    let tells =
        |e: &&Exchange| e.path.starts_with("/v1/recoveries/") && e.path.ends_with("/code") && e.status == 200;
    let told = exchanges.iter().rev().find(tells).unwrap();
    let told: RecoveryAnswer = serde_json::from_slice(&told.answer).unwrap();
    RecoverInput {
        credentials: told.credentials.into(),
        keyring: told.keyring.into(),
        devices: told.devices.into_iter().map(Into::into).collect(),
        key_epoch: Some(told.key_epoch),
        lost: None,
    }
    .encode()
}

#[tokio::test]
async fn a_second_hold_is_none_and_neither_is_one_whose_policy_was_switched_off_meanwhile() {
    let mut scene = holding::open().await;
    let brought = Call::new("PUT", "/v1/recoveries/{id}/credentials");
    scene.network().plan_call(&brought, 100, &Trick::Cut);
    refused(holding::forgotten(&scene, &scene).await, "Offline").unwrap();
    let told = told(&scene);
    let belayd = stand_in(&mut scene).await;
    let recovers = async |ticket: &str| {
        step(&belayd, ticket, "recover", told.clone()).await?;
        step(&belayd, ticket, "begin-hold", nothing()).await
    };
    let [first, second] = [
        holding::present(&scene).await.unwrap(),
        holding::present(&scene).await.unwrap(),
    ];
    recovers(&first).await.unwrap();
    refused(recovers(&second).await, "RecoveryOnHold").unwrap();
    assert!(!holding::left(&scene).await.is_zero());
    holding::unlock(&scene, PASSWORD).await.unwrap();
    assert!(holding::left(&scene).await.is_zero());

    let third = holding::present(&scene).await.unwrap();
    let off = PolicyChanges {
        recovery_without_code: Some(false),
        ..PolicyChanges::default()
    };
    let secrets = [("password", PASSWORD)];
    let ticket = app(&scene)
        .present("policies", &policies_subject(&off), &secrets)
        .await
        .unwrap();
    step(&belayd, &ticket.unwrap(), "set-policies", off.encode())
        .await
        .unwrap();
    refused(recovers(&third).await, "NotSupported").unwrap();
    assert!(holding::left(&scene).await.is_zero());
}

#[tokio::test]
async fn a_recovery_code_of_another_account_opens_nothing_though_it_comes_with_the_account_that_is_recovered()
{
    let mut scene = adas().await;
    let bens = bens_code(&scene).await;
    let (id, code) = begin_recovery(&scene, &scene).await;
    refused(recover(&scene, &id, &code, &bens).await, "WrongCode").unwrap();
    let secrets = [("new", NEW), ("recovery-code", bens.as_str())];
    let ticket = app(&scene).present("recover", ADA, &secrets).await.unwrap();
    let belayd = stand_in(&mut scene).await;
    let opened = step(&belayd, &ticket.unwrap(), "recover", told(&scene)).await;
    refused(opened, "WrongCode").unwrap();
}

#[tokio::test]
async fn a_registration_that_has_bound_the_device_is_not_discarded() {
    let mut scene = scene().await;
    let belayd = stand_in(&mut scene).await;
    let ticket = app(&scene)
        .present("register", ADA, &[("password", PASSWORD)])
        .await
        .unwrap()
        .unwrap();
    let input = NewCredentialsInput {
        device_key: SigningKey::generate().public(),
        login: "a•••@example.org".to_owned(),
    };
    let made = step(&belayd, &ticket, "new-credentials", input.encode())
        .await
        .unwrap();
    let pending = NewCredentialsOutput::decode(&made).unwrap().pending;
    let named = || PendingInput { pending }.encode();
    let id = pending.to_string();
    step(&belayd, &id, "bind", named()).await.unwrap();
    refused(step(&belayd, &id, "discard", named()).await, "AlreadyBound").unwrap();
    assert_eq!(belayd.text(WARDEN, "BindingState").await.unwrap(), "bound");
}

#[tokio::test]
async fn parameters_that_make_a_password_easy_to_guess_are_the_clouds_lie() {
    let mut scene = scene().await;
    let belayd = stand_in(&mut scene).await;
    let ticket = app(&scene)
        .present("sign-in", BEN, &[("password", BENS)])
        .await
        .unwrap()
        .unwrap();
    let input = LoginSignatureInput {
        salt: random(),
        parameters: KdfParameters {
            iterations: 1,
            ..KdfParameters::FLOOR
        },
        nonce: random::<32>().to_vec(),
        thumbprint: random(),
        action: "sign-in".to_owned(),
    };
    let answer = step(&belayd, &ticket, "login-signature", input.encode()).await;
    refused(answer, "CloudRefused").unwrap();
}

#[tokio::test]
async fn belayd_has_no_way_around_the_throttle() {
    let mut scene = adas().await;
    let belayd = stand_in(&mut scene).await;
    let owner = app(&scene);
    let ticket = async |purpose: &str, password: &str| {
        owner
            .present(purpose, "", &[("password", password)])
            .await
            .unwrap()
            .unwrap()
    };
    let reset = ticket("reset", PASSWORD).await;
    for n in 1..=5 {
        let wrong = ticket("sign-out", &format!("guess-number-{n}")).await;
        let answer = step(&belayd, &wrong, "release", ReleaseInput {}.encode()).await;
        refused(answer, "WrongPassword").unwrap();
    }
    let input = AuthorizeResetInput { release: false }.encode();
    refused(
        step(&belayd, &reset, "authorize-reset", input).await,
        "TooManyAttempts",
    )
    .unwrap();
}

/// More callers than the session has places for.
const CROWD: usize = 280;
/// With those who have a place more than wait for the warden's one task.
const QUESTIONS: usize = 64;

/// `Warden.Unlock` with the owner's password.
async fn unlock(app: &App) -> Answer<()> {
    let fd = Fd::from(memfd(PASSWORD.as_bytes()).unwrap());
    app.call(WARDEN, "Unlock", &(fd,)).await.unwrap()
}

/// Asks many times at once, and again as each is answered, until one is answered `Busy`; every other is granted. Those that came
/// before the queue was full aren't waited for: some stand behind hundreds of passwords.
async fn until_busy(belayd: &App, member: &str) {
    let mut calls: FuturesUnordered<_> = (0..QUESTIONS).map(|_| call(belayd, member)).collect();
    while let Some(answer) = calls.next().await {
        match name(&answer) {
            "Busy" => return,
            other => assert_eq!(other, "granted", "{member}"),
        }
        calls.push(call(belayd, member));
    }
}

#[tokio::test]
async fn a_warden_with_a_full_queue_answers_busy_to_belayd_too() {
    let mut scene = adas().await;
    let belayd = stand_in(&mut scene).await;
    let app = app(&scene);
    // Each Unlock is a password check of its own, one at a time; so as many of the session wait as may.
    let crowd = async {
        let mut calls: FuturesUnordered<_> = (0..CROWD).map(|_| unlock(&app)).collect();
        while let Some(answer) = calls.next().await {
            assert!(["granted", "Busy"].contains(&name(&answer)), "{answer:?}");
            calls.push(unlock(&app));
        }
    };
    let work = async {
        for member in MEMBERS {
            until_busy(&belayd, member).await;
        }
    };
    let (crowd, work) = (std::pin::pin!(crowd), std::pin::pin!(work));
    let ended = within("the warden to be busy", select(crowd, work))
        .await
        .unwrap();
    assert!(matches!(ended, Either::Right(_)));
    // Not the crowd's end is waited for: what waits in the queue is nobody's any more.
    scene.kill_warden().await.unwrap();
    assert_eq!(app.text(WARDEN, "BindingState").await.unwrap(), "bound");
}

#[tokio::test]
async fn belayd_is_told_which_device_this_is_and_whose() {
    let mut scene = adas().await;
    let account = app(&scene).text(ACCOUNT, "UserId").await.unwrap();
    let belayd = stand_in(&mut scene).await;
    let answer: Answer<HashMap<String, OwnedVariant>> = belayd.call(WARDEN, "Identity", &()).await.unwrap();
    let identity = answer.unwrap();
    assert_eq!(entry(&identity, "account"), account);
    assert_eq!(entry(&identity, "hardware").len(), 64);
}
