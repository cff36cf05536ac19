//! A cloud that answers with what it was given at another time or by somebody else, or with what it invented: nothing of it
//! counts without the owner's signature, and what the owner signed once counts no more once there is something newer.

use std::sync::Arc;

use belay_proto::keys::SigningKey;
use belay_proto::text::base64url;
use belay_proto::wire::Hint;
use belay_tests::app::{ACCOUNT, Answer, Options, Refusal, WARDEN, refused};
use belay_tests::openapi::{Call, Exchange};
use belay_tests::proxy::Trick;
use belay_tests::until::until;
use serde_json::{Value, json};

use super::world::SOON;
use super::{Deed, World};
use crate::account_life::device_id;
use crate::owner::{BEN, BENS, app, code, state};
use crate::scene::Scene;

/// For as long as anybody asks.
pub(super) const ALWAYS: usize = 10_000;

pub(super) type Lie = Arc<dyn Fn(&mut Value) + Send + Sync>;

/// Answers that the cloud gave once.
pub(super) struct Evidence {
    /// To a login with the password before.
    pub(super) before: Value,
    /// To a login of Ben's.
    pub(super) bens: Value,
}

/// The newest answer to `call` that was granted.
pub(super) fn newest(scene: &Scene, call: &Call) -> Value {
    let exchanges = scene.network().exchanges();
    let fits = |e: &&Exchange| e.method == call.method && e.path == call.path && e.status == 200;
    let found = exchanges.iter().rev().find(fits).unwrap();
    serde_json::from_slice(&found.answer).unwrap()
}

pub(super) fn login() -> Call {
    Call::new("POST", "/v1/login")
}

pub(super) fn credentials() -> Call {
    Call::new("GET", "/v1/account/credentials")
}

/// Ada's world, in which the password was another one, and Ben has an account at the same cloud.
pub(super) async fn world() -> (World, Evidence, Scene) {
    let mut world = World::new().await;
    world.prepare(Deed::Reauthenticate).await;
    world.surely(Deed::Reauthenticate).await;
    let before = newest(&world.scene, &login());
    world.prepare(Deed::ChangePassword).await;
    world.surely(Deed::ChangePassword).await;
    world.done(Deed::ChangePassword).await;
    let other = Scene::beside(&world.scene).await;
    let bens = app(&other);
    let id = bens.register(BEN, BENS, &Options::new()).await.unwrap().unwrap();
    let code = code(&world.scene, BEN).await;
    bens.confirm(&id, &code).await.unwrap().unwrap();
    bens.reauthenticate(BEN, BENS).await.unwrap().unwrap();
    let bens = newest(&world.scene, &login());
    (world, Evidence { before, bens }, other)
}

/// Has belayd look at what the cloud keeps. It is told until it does: a stream that isn't open just then hears of nothing.
pub(super) async fn looks(world: &World, what: &str) {
    let network = world.scene.network();
    let looked = async || {
        network.hint(Hint::Account);
        let asked = until(what, async || network.has_played(&credentials()).then_some(()));
        tokio::time::timeout(SOON, asked).await.ok()
    };
    until(what, looked).await.unwrap().unwrap();
}

/// Takes these fields from another answer.
pub(super) fn from(other: &Value, fields: &[&str]) -> Lie {
    let fields: Vec<(String, Value)> = fields
        .iter()
        .map(|field| ((*field).to_owned(), other[*field].clone()))
        .collect();
    Arc::new(move |answer| {
        for (field, value) in &fields {
            answer[field] = value.clone();
        }
    })
}

pub(super) fn says(field: &'static str, value: Value) -> Lie {
    Arc::new(move |answer| answer[field] = value.clone())
}

/// A key that nobody has, as the answers write keys.
fn invented_key(other: &Value) -> Value {
    let key = SigningKey::generate().public();
    let written = serde_json::to_value(key).unwrap();
    assert_ne!(&written, other);
    written
}

/// What may be wrong with the answer to a right login.
pub(super) fn lies_of_a_login(evidence: &Evidence) -> Vec<(&'static str, Lie)> {
    let Evidence { before, bens } = evidence;
    let all = &["account", "owner", "share", "credentials", "keyring", "devices"];
    vec![
        ("all of another account's", from(bens, all)),
        ("another account", from(bens, &["account"])),
        ("another owner key", from(bens, &["owner"])),
        (
            "an invented owner key",
            says("owner", invented_key(&bens["owner"])),
        ),
        ("another account's record", from(bens, &["credentials"])),
        (
            "another account's record and share",
            from(bens, &["credentials", "share"]),
        ),
        ("the record before", from(before, &["credentials"])),
        (
            "all as before",
            from(before, &["share", "credentials", "keyring"]),
        ),
        ("another share", from(bens, &["share"])),
        ("another keyring", from(bens, &["keyring"])),
        ("no record", says("credentials", json!(""))),
        (
            "a record of noise",
            says("credentials", json!(base64url(&[7; 400]))),
        ),
    ]
}

/// What may be wrong with the certificates that come along.
pub(super) fn lies_of_certificates(evidence: &Evidence) -> Vec<(&'static str, Lie)> {
    let bens = evidence.bens["devices"].clone();
    let noise = json!([base64url(&[7; 300])]);
    vec![
        ("another account's certificates", says("devices", bens)),
        ("no certificates", says("devices", json!([]))),
        ("certificates of noise", says("devices", noise)),
    ]
}

/// The device is Ada's as before: her account, her password and no other.
pub(super) async fn is_as_before(world: &World, what: &str, account: &str) {
    let app = app(&world.scene);
    assert_eq!(app.text(WARDEN, "BindingState").await.unwrap(), "bound", "{what}");
    assert_eq!(app.text(WARDEN, "LockState").await.unwrap(), "unlocked", "{what}");
    assert_eq!(app.text(ACCOUNT, "UserId").await.unwrap(), account, "{what}");
}

pub(super) async fn user(world: &World) -> String {
    app(&world.scene).text(ACCOUNT, "UserId").await.unwrap()
}

#[tokio::test]
async fn no_deed_is_done_with_what_is_not_the_owners_newest() {
    let (mut world, evidence, _ben) = world().await;
    let account = user(&world).await;
    let deeds = [
        Deed::Reauthenticate,
        Deed::ChangePassword,
        Deed::CreateRecoveryCode,
        Deed::AddIdentifier,
        Deed::DeleteAccount,
    ];
    for deed in deeds {
        let mut lies = lies_of_a_login(&evidence);
        // Orders don't need the certificates.
        if [Deed::ChangePassword, Deed::CreateRecoveryCode].contains(&deed) {
            lies.extend(lies_of_certificates(&evidence));
        }
        for (name, lie) in lies {
            let what = format!("{deed:?}: {name}");
            world.prepare(deed).await;
            let lie = Arc::clone(&lie);
            let trick = Trick::alter(move |answer| lie(answer));
            world.scene.network().plan_call(&login(), ALWAYS, &trick);
            let answer = world.attempt(deed).await;
            world.scene.network().behave();
            is_refused(&what, &answer);
            is_as_before(&world, &what, &account).await;
        }
    }
    proves_itself(&mut world).await;
}

pub(super) fn is_refused(what: &str, answer: &Answer<()>) {
    let name = answer.as_ref().err().map_or("granted", Refusal::short);
    assert_eq!(name, "CloudRefused", "{what}: {answer:?}");
}

/// The owner's password opens the account, and the one before doesn't.
pub(super) async fn proves_itself(world: &mut World) {
    world.prepare(Deed::ChangePassword).await;
    world.surely(Deed::ChangePassword).await;
    world.done(Deed::ChangePassword).await;
}

#[tokio::test]
async fn a_password_is_never_proved_at_a_price_that_is_too_low_or_too_high() {
    let (mut world, _, _ben) = world().await;
    let challenge = Call::new("POST", "/v1/login/challenge");
    for deed in [
        Deed::Reauthenticate,
        Deed::ChangePassword,
        Deed::RequestBootloaderUnlock,
    ] {
        for (memory, iterations, parallelism) in [
            (8, 1, 1),
            (19_455, 2, 1),
            (19_456, 1, 1),
            (0, 0, 0),
            (1_u64 << 31, 2, 1),
            (19_456, 1 << 30, 1),
            (19_456, 2, 64),
        ] {
            let what = format!("{deed:?}: {memory} {iterations} {parallelism}");
            world.prepare(deed).await;
            let parameters =
                json!({"memory_kib": memory, "iterations": iterations, "parallelism": parallelism});
            let trick = Trick::alter(move |answer| answer["parameters"] = parameters.clone());
            world.scene.network().plan_call(&challenge, ALWAYS, &trick);
            let answer = world.attempt(deed).await;
            world.scene.network().behave();
            is_refused(&what, &answer);
        }
    }
    proves_itself(&mut world).await;
}

#[tokio::test]
async fn nothing_that_the_cloud_tells_of_a_change_elsewhere_counts_without_the_owner() {
    let (mut world, evidence, _ben) = world().await;
    let account = user(&world).await;
    let lies: Vec<(&str, Lie)> = vec![
        ("the record before", from(&evidence.before, &["credentials"])),
        ("another account's record", from(&evidence.bens, &["credentials"])),
        ("noise", says("credentials", json!(base64url(&[7; 400])))),
        ("another keyring", from(&evidence.bens, &["keyring"])),
        (
            "a delegate of noise",
            says("delegate", json!(base64url(&[7; 300]))),
        ),
        (
            "an invented succession",
            says(
                "successions",
                json!([{
                    "succession": base64url(&[7; 300]),
                    "credentials": evidence.bens["credentials"],
                    "certificate": evidence.bens["devices"][0],
                }]),
            ),
        ),
        ("that the device was removed", says("removed", json!(true))),
        ("that the account was deleted", says("deleted", json!(true))),
    ];
    for (name, lie) in lies {
        let is_gone = name.starts_with("that");
        let trick = Trick::alter(move |answer| lie(answer));
        let network = world.scene.network();
        network.plan_call(&credentials(), ALWAYS, &trick);
        looks(&world, name).await;
        if is_gone {
            let app = app(&world.scene);
            app.reads(ACCOUNT, "State", "reauthentication-required")
                .await
                .unwrap();
        }
        network.behave();
        is_as_before(&world, name, &account).await;
        // The password that was proved last opens the account still, and ends what was a lie.
        world.prepare(Deed::Reauthenticate).await;
        world.surely(Deed::Reauthenticate).await;
        assert_eq!(state(&world.scene).await, "bound", "{name}");
    }
    proves_itself(&mut world).await;
}

#[tokio::test]
async fn a_session_that_the_cloud_ends_is_begun_again_by_the_password_alone() {
    let (mut world, _, _ben) = world().await;
    let account = user(&world).await;
    let network = world.scene.network();
    network.plan("/v1/", ALWAYS, &Trick::problem(401, "invalid-token"));
    network.plan_call(
        &Call::new("POST", "/v1/token"),
        ALWAYS,
        &Trick::problem(400, "invalid-grant"),
    );
    let profile = belay_tests::app::options([("display-name", "Ada".into())]);
    let answer: Answer<()> = app(&world.scene)
        .call(ACCOUNT, "SetProfile", &(profile, Options::new()))
        .await
        .unwrap();
    network.behave();
    assert!(answer.is_err(), "{answer:?}");
    is_as_before(&world, "no token", &account).await;
    proves_itself(&mut world).await;
}

#[tokio::test]
async fn a_recovery_that_the_cloud_invents_recovers_nothing() {
    let (mut world, evidence, _ben) = world().await;
    let account = user(&world).await;
    let proved = Call::new("POST", "/v1/recoveries/{id}/code");
    let lies: Vec<(&str, Lie)> = vec![
        ("the record before", from(&evidence.before, &["credentials"])),
        ("another account's record", from(&evidence.bens, &["credentials"])),
        ("another keyring", from(&evidence.bens, &["keyring"])),
        ("noise", says("credentials", json!(base64url(&[7; 400])))),
        (
            "another account's certificates",
            from(&evidence.bens, &["devices"]),
        ),
    ];
    for (name, lie) in lies {
        world.prepare(Deed::CompleteRecovery).await;
        let trick = Trick::alter(move |answer| lie(answer));
        world.scene.network().plan_call(&proved, ALWAYS, &trick);
        let answer = world.attempt(Deed::CompleteRecovery).await;
        world.scene.network().behave();
        let name_of = answer.as_ref().err().map_or("granted", Refusal::short);
        assert!(
            ["CloudRefused", "WrongCode"].contains(&name_of),
            "{name}: {answer:?}"
        );
        is_as_before(&world, name, &account).await;
    }
    world.prepare(Deed::CompleteRecovery).await;
    world.surely(Deed::CompleteRecovery).await;
    world.done(Deed::CompleteRecovery).await;
}

#[tokio::test]
async fn devices_whose_certificates_are_not_the_owners_are_not_listed() {
    let (world, evidence, _ben) = world().await;
    let own = device_id(&world.scene).await;
    let devices = Call::new("GET", "/v1/devices");
    let strange = evidence.bens["devices"][0].clone();
    let trick = Trick::alter(move |answer| {
        if let Some(list) = answer["devices"].as_array_mut() {
            let mut invented = list[0].clone();
            invented["certificate"] = strange.clone();
            list.push(invented);
        }
    });
    world.scene.network().plan_call(&devices, ALWAYS, &trick);
    type Rows = Vec<std::collections::HashMap<String, zbus::OwnedVariant>>;
    let listed: Answer<Rows> = app(&world.scene)
        .call(ACCOUNT, "ListDevices", &(Options::new(),))
        .await
        .unwrap();
    match listed {
        Ok(rows) => {
            let ids: Vec<_> = rows
                .iter()
                .map(|row| belay_tests::app::entry(row, "id"))
                .collect();
            assert_eq!(ids, [own]);
        }
        Err(refusal) => refused::<()>(Err(refusal), "CloudRefused").unwrap(),
    }
}
