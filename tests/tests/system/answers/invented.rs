//! A cloud that invents an owner: a key that nobody has signs credentials of the right account, in the right form and of a newer
//! generation, and the cloud says that they came by a recovery, by a change of the password, or that they were taken.

use std::sync::Arc;

use belay_proto::keys::{SigningKey, sha256};
use belay_proto::signed::{CredentialsRecord, DeviceCertificate, Signed, Succession};
use belay_proto::text::{base64url, from_base64url};
use belay_tests::app::{ACCOUNT, Options, Refusal, refused};
use belay_tests::openapi::Call;
use belay_tests::proxy::Trick;
use serde_json::{Value, json};

use super::forged::{
    ALWAYS, Lie, credentials, from, is_as_before, is_refused, login, looks, newest, proves_itself, says,
    user, world,
};
use super::{Deed, World};
use crate::account_life::device_id;
use crate::owner::{app, state};

/// What an owner who was invented has signed.
pub(super) struct Invention {
    owner: Value,
    record: Value,
    succession: Value,
    certificate: Value,
}

/// What this field of an answer holds.
fn signed(answer: &Value) -> Signed {
    Signed::decode(&from_base64url(answer.as_str().unwrap()).unwrap()).unwrap()
}

pub(super) fn text(bytes: &[u8]) -> Value {
    json!(base64url(bytes))
}

/// From what Ada has signed.
pub(super) async fn invention(world: &mut World) -> Invention {
    world.prepare(Deed::Reauthenticate).await;
    world.surely(Deed::Reauthenticate).await;
    let told = newest(&world.scene, &login());
    let thief = SigningKey::generate();
    let record: CredentialsRecord = signed(&told["credentials"]).peek_unverified().unwrap();
    let next = CredentialsRecord {
        generation: record.generation + 1,
        login: SigningKey::generate().public(),
        ..record
    };
    let record = Signed::seal(&next, &thief).encode();
    let succession = Succession {
        account: next.account,
        generation: next.generation,
        owner: thief.public(),
        report_box: [7; 32],
        credentials: sha256(&record),
    };
    let certificate: DeviceCertificate = signed(&told["devices"][0]).peek_unverified().unwrap();
    Invention {
        owner: serde_json::to_value(thief.public()).unwrap(),
        record: text(&record),
        succession: text(&Signed::seal(&succession, &thief).encode()),
        certificate: text(&Signed::seal(&certificate, &thief).encode()),
    }
}

impl Invention {
    pub(super) fn fields(&self) -> Value {
        json!({
            "owner": self.owner,
            "credentials": self.record,
            "devices": [self.certificate],
            "successions": [{
                "succession": self.succession,
                "credentials": self.record,
                "certificate": self.certificate,
            }],
            "recovery_ms": 0,
        })
    }
}

#[tokio::test]
async fn an_invented_owner_opens_nothing_to_whoever_proves_the_password() {
    let (mut world, _, _ben) = world().await;
    let account = user(&world).await;
    let invented = invention(&mut world).await.fields();
    for (name, fields) in [
        ("the record", vec!["credentials"]),
        ("the record and the key", vec!["credentials", "owner"]),
        ("all of it", vec!["credentials", "owner", "devices"]),
    ] {
        world.prepare(Deed::Reauthenticate).await;
        let lie = from(&invented, &fields);
        let trick = Trick::alter(move |answer| lie(answer));
        world.scene.network().plan_call(&login(), ALWAYS, &trick);
        let answer = world.attempt(Deed::Reauthenticate).await;
        world.scene.network().behave();
        is_refused(name, &answer);
        is_as_before(&world, name, &account).await;
    }
    proves_itself(&mut world).await;
}

#[tokio::test]
async fn an_invented_owner_comes_by_no_change_and_by_no_recovery_elsewhere() {
    let (mut world, _, _ben) = world().await;
    let (account, device) = (user(&world).await, device_id(&world.scene).await);
    let invented = invention(&mut world).await.fields();
    for (name, fields) in [
        ("a password changed", vec!["credentials"]),
        ("a new root", vec!["credentials", "successions"]),
        (
            "a recovery that is over",
            vec!["credentials", "successions", "recovery_ms"],
        ),
        ("a recovery that waits", vec!["recovery_ms"]),
    ] {
        let lie = from(&invented, &fields);
        let trick = Trick::alter(move |answer| lie(answer));
        let network = world.scene.network();
        network.plan_call(&credentials(), ALWAYS, &trick);
        looks(&world, name).await;
        // That somebody recovers the account is no secret: its owner may say no.
        type Findings = Vec<(String, String, String)>;
        let found: Findings = app(&world.scene)
            .call(ACCOUNT, "SecurityCheck", &(Options::new(),))
            .await
            .unwrap()
            .unwrap();
        let waits = found.iter().any(|(id, ..)| id == "recovery-hold");
        assert_eq!(waits, fields.contains(&"recovery_ms"), "{name}: {found:?}");
        network.behave();
        is_as_before(&world, name, &account).await;
        assert_eq!(device_id(&world.scene).await, device, "{name}");
        world.prepare(Deed::Reauthenticate).await;
        world.surely(Deed::Reauthenticate).await;
        assert_eq!(state(&world.scene).await, "bound", "{name}");
    }
    proves_itself(&mut world).await;
}

/// Says of the recovery that it is done, and never hears of it.
pub(super) fn done() -> Trick {
    Trick::status(204)
}

#[tokio::test]
async fn a_recovery_that_only_the_cloud_says_was_done_leaves_the_password_as_it_was() {
    let (mut world, evidence, _ben) = world().await;
    let account = user(&world).await;
    let brought = Call::new("PUT", "/v1/recoveries/{id}/credentials");
    let invented = invention(&mut world).await.fields();
    let kept: Vec<(&str, Lie)> = vec![
        ("what was before", Arc::new(|_| ())),
        ("an invented owner's", from(&invented, &["credentials"])),
        (
            "an invented owner's, with a new root",
            from(&invented, &["credentials", "successions"]),
        ),
        ("another account's", from(&evidence.bens, &["credentials"])),
        ("noise", says("credentials", text(&[7; 400]))),
    ];
    for (name, lie) in kept {
        world.prepare(Deed::CompleteRecovery).await;
        let network = world.scene.network();
        network.plan_call(&brought, ALWAYS, &done());
        let trick = Trick::alter(move |answer| lie(answer));
        network.plan_call(&credentials(), ALWAYS, &trick);
        let answer = world.attempt(Deed::CompleteRecovery).await;
        world.scene.network().behave();
        is_refused(name, &answer);
        is_as_before(&world, name, &account).await;
        let app = app(&world.scene);
        let new = app.reauthenticate(&world.login, &world.chosen).await.unwrap();
        refused(new, "WrongPassword").unwrap();
        world.prepare(Deed::Reauthenticate).await;
        world.surely(Deed::Reauthenticate).await;
    }
    world.prepare(Deed::CompleteRecovery).await;
    world.surely(Deed::CompleteRecovery).await;
    world.done(Deed::CompleteRecovery).await;
}

#[tokio::test]
async fn an_invented_owner_has_nothing_that_a_recovery_code_opens() {
    let (mut world, _, _ben) = world().await;
    let account = user(&world).await;
    let proved = Call::new("POST", "/v1/recoveries/{id}/code");
    let invented = invention(&mut world).await.fields();
    for fields in [vec!["credentials"], vec!["credentials", "devices"]] {
        let name = format!("{fields:?}");
        world.prepare(Deed::CompleteRecovery).await;
        let lie = from(&invented, &fields);
        let trick = Trick::alter(move |answer| lie(answer));
        world.scene.network().plan_call(&proved, ALWAYS, &trick);
        let answer = world.attempt(Deed::CompleteRecovery).await;
        world.scene.network().behave();
        let said = answer.as_ref().err().map_or("granted", Refusal::short);
        assert_eq!(said, "CloudRefused", "{name}: {answer:?}");
        is_as_before(&world, &name, &account).await;
    }
    proves_itself(&mut world).await;
}

#[tokio::test]
async fn a_device_that_only_the_cloud_says_was_removed_is_none_that_was() {
    let (mut world, _, _ben) = world().await;
    let account = user(&world).await;
    let removed = Call::new("DELETE", "/v1/devices/{id}");
    world.prepare(Deed::RemoveDevice).await;
    world.scene.network().plan_call(&removed, ALWAYS, &done());
    let answer = world.attempt(Deed::RemoveDevice).await;
    world.scene.network().behave();
    is_refused("nothing was done", &answer);
    is_as_before(&world, "nothing was done", &account).await;
    world.prepare(Deed::RemoveDevice).await;
    world.surely(Deed::RemoveDevice).await;
    world.done(Deed::RemoveDevice).await;
    proves_itself(&mut world).await;
}
