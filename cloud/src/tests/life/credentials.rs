//! Another password: what the cloud takes, and what becomes of the account's other devices.

use belay_proto::keys::{KdfParameters, SigningKey};
use belay_proto::text::base64url;
use serde_json::{Value, json};

use super::super::owner::{Device, Owner, refresh_token, signed};
use super::super::rig::Rig;
use super::{FIRST, House, SECOND, delegate, fetched, hints, next, put, record};
use crate::store;

const PATH: &str = "/v1/account/credentials";

#[tokio::test]
async fn another_password_holds_at_once_and_ends_the_sessions_of_other_keys() {
    let rig = Rig::new();
    let mut house = House::new(&rig).await;
    let refresh = refresh_token(&house.home.owner.sign_in(&mut house.second).await.is(200));
    let before = hints(&rig, house.tablet.id()).await;
    rig.advance(1);
    let login = SigningKey::generate();
    let second = record(house.owner(), 2, &login);
    let mut body = next(house.owner(), &second, &FIRST);
    let delegate = signed(&delegate(house.owner(), &house.tablet, 2), &house.owner().owner);
    body["grants"] = json!([
        { "device": house.tablet.id(), "keyring": base64url(&[3; 90]), "delegate": delegate },
        { "device": Device::new().id(), "keyring": base64url(&[4; 90]) },
    ]);
    for key in ["once", "once", "another"] {
        house
            .phone()
            .call("PUT", PATH, Some(&body), Some(key))
            .await
            .is(204);
    }
    assert!(hints(&rig, house.tablet.id()).await > before);
    house.phone().get("/v1/account").await.is(200);
    house
        .second
        .get("/v1/account")
        .await
        .refuses(401, "invalid-token");
    let token = json!({ "refresh_token": refresh });
    house
        .second
        .post("/v1/token", &token)
        .await
        .refuses(400, "invalid-grant");
    // By its key alone the tablet gets what it needs, and the phone nothing of the tablet's.
    let there = fetched(&mut house.second).await;
    assert_eq!(
        there,
        json!({
            "credentials": signed(&second, &house.owner().owner),
            "keyring": base64url(&[3; 90]),
            "delegate": delegate,
            "recovery_here": false,
        })
    );
    assert!(fetched(&mut house.home.client).await.get("keyring").is_none());
    // The old password is no longer one, the new one opens what was brought with it.
    house
        .home
        .owner
        .sign_in(&mut house.second)
        .await
        .refuses(403, "login-refused");
    let owner = Owner {
        login,
        ..house.home.owner
    };
    let answer = owner.sign_in(&mut house.second).await.is(200);
    assert_eq!(answer.text("share"), base64url(&[10; 32]));
    assert_eq!(answer.text("keyring"), base64url(&SECOND));
}

#[tokio::test]
async fn another_recovery_code_ends_no_session_but_that_of_a_device_which_newer_keys_leave_out() {
    let rig = Rig::new();
    let house = House::new(&rig).await;
    let mut same = house.owner().record();
    same.generation = 2;
    same.recovery_wrap = vec![9; 61];
    let body = next(house.owner(), &same, &FIRST);
    put(house.phone(), PATH, &body).await.is(204);
    house.second.get("/v1/account").await.is(200);
    let mut with_keys = same.clone();
    with_keys.generation = 3;
    with_keys.recovery_wrap = vec![10; 61];
    let mut body = next(house.owner(), &with_keys, &SECOND);
    body["grants"] = json!([{ "device": house.home.device.id(), "keyring": base64url(&[3; 90]) }]);
    put(house.phone(), PATH, &body).await.is(204);
    house.phone().get("/v1/account").await.is(200);
    house
        .second
        .get("/v1/account")
        .await
        .refuses(401, "invalid-token");
}

#[tokio::test]
async fn of_two_changes_at_once_the_first_counts() {
    let rig = Rig::new();
    let house = House::new(&rig).await;
    let owner = house.owner();
    let change = |generation| record(owner, generation, &owner.login);
    put(house.phone(), PATH, &next(owner, &change(2), &FIRST))
        .await
        .is(204);
    for (generation, before) in [
        (1, SECOND.as_slice()),
        (2, &SECOND),
        (4, &SECOND),
        (3, &FIRST),
        (3, b""),
    ] {
        put(&house.second, PATH, &next(owner, &change(generation), before))
            .await
            .refuses(409, "generation-conflict");
    }
    put(&house.second, PATH, &next(owner, &change(3), &SECOND))
        .await
        .is(204);
}

#[tokio::test]
async fn what_the_owner_key_did_not_sign_or_is_too_weak_changes_nothing() {
    let rig = Rig::new();
    let house = House::new(&rig).await;
    let owner = house.owner();
    let stranger = Owner::new("x@example.org");
    let good = record(owner, 2, &owner.login);
    let with = |field: &str, value: Value| {
        let mut body = next(owner, &good, &FIRST);
        body[field] = value;
        body
    };
    let parameters = |memory_kib, iterations| {
        let mut record = good.clone();
        record.parameters = KdfParameters {
            memory_kib,
            iterations,
            parallelism: 1,
        };
        json!(signed(&record, &owner.owner))
    };
    let mut foreign = good.clone();
    foreign.account = stranger.account;
    for credentials in [
        json!(signed(&good, &stranger.owner)),
        json!(signed(&foreign, &owner.owner)),
        json!(signed(&record(&stranger, 2, &owner.login), &stranger.owner)),
        parameters(1024, 1),
        parameters(19_456, 1),
        parameters(4_000_000, 3),
        json!(owner.certify(house.phone(), &house.home.device)),
        json!("AAAA"),
        json!(base64url(&[0; 9000])),
    ] {
        put(house.phone(), PATH, &with("credentials", credentials))
            .await
            .refuses(403, "bad-credentials");
    }
    for (field, value) in [
        ("keyring", json!("")),
        ("share", json!("AAAA")),
        ("ticket", json!("AAAA")),
        ("surprise", json!(1)),
        ("grants", json!({})),
        ("grants", json!([[]])),
        ("grants", json!([null])),
        (
            "grants",
            json!([{ "device": house.tablet.id(), "keyring": null }]),
        ),
        (
            "grants",
            json!([{ "device": house.tablet.id() }, { "device": house.tablet.id() }]),
        ),
    ] {
        put(house.phone(), PATH, &with(field, value))
            .await
            .refuses(400, "malformed");
    }
    let large = json!(base64url(&[0; 64 * 1024 + 1]));
    put(house.phone(), PATH, &with("keyring", large))
        .await
        .refuses(413, "too-large");
    let larger = json!([{ "device": house.tablet.id(), "keyring": base64url(&[0; 70_000]) }]);
    put(house.phone(), PATH, &with("grants", larger))
        .await
        .refuses(413, "too-large");
    house.second.get("/v1/account").await.is(200);
    // After all of that the good one is the next still.
    put(house.phone(), PATH, &next(owner, &good, &FIRST))
        .await
        .is(204);
}

#[tokio::test]
async fn parameters_never_get_weaker_and_invented_ones_follow_them() {
    let rig = Rig::new();
    let house = House::new(&rig).await;
    let owner = house.owner();
    let nobody = Owner::new("no@example.org");
    let mut strong = record(owner, 2, &owner.login);
    strong.parameters = KdfParameters {
        memory_kib: 98_304,
        iterations: 4,
        parallelism: 1,
    };
    put(house.phone(), PATH, &next(owner, &strong, &FIRST))
        .await
        .is(204);
    let invented = nobody.challenge(house.phone()).await.is(200).json();
    assert_eq!(invented["parameters"]["memory_kib"], 98_304);
    let weaker = record(owner, 3, &owner.login);
    put(house.phone(), PATH, &next(owner, &weaker, &SECOND))
        .await
        .refuses(403, "bad-credentials");
}

#[tokio::test]
async fn a_grant_is_the_owners_for_that_device_and_generation() {
    let rig = Rig::new();
    let house = House::new(&rig).await;
    let owner = house.owner();
    let good = delegate(owner, &house.tablet, 2);
    let with = |grant: Value| {
        let mut body = next(owner, &record(owner, 2, &owner.login), &FIRST);
        body["grants"] = json!([grant]);
        body
    };
    let stranger = Owner::new("x@example.org");
    let mut foreign = good.clone();
    foreign.account = stranger.account;
    let mut over = good.clone();
    over.expires_at = 1000;
    for bad in [
        signed(&good, &stranger.owner),
        signed(&foreign, &owner.owner),
        signed(&over, &owner.owner),
        signed(&delegate(owner, &house.home.device, 2), &owner.owner),
        signed(&delegate(owner, &house.tablet, 1), &owner.owner),
        "AAAA".into(),
    ] {
        let grant = json!({ "device": house.tablet.id(), "delegate": bad });
        put(house.phone(), PATH, &with(grant))
            .await
            .refuses(403, "no-such-delegate");
    }
    let certificate = owner.certify(&house.second, &house.tablet);
    let grant = json!({ "device": house.tablet.id(), "certificate": certificate });
    put(house.phone(), PATH, &with(grant))
        .await
        .refuses(403, "bad-certificate");
    let grant = json!({ "device": house.tablet.id(), "delegate": signed(&good, &owner.owner) });
    put(house.phone(), PATH, &with(grant)).await.is(204);
}

#[tokio::test]
async fn a_session_that_has_ended_changes_nothing() {
    let rig = Rig::new();
    let house = House::new(&rig).await;
    let owner = house.owner();
    let login = SigningKey::generate();
    put(
        house.phone(),
        PATH,
        &next(owner, &record(owner, 2, &login), &FIRST),
    )
    .await
    .is(204);
    put(
        &house.second,
        PATH,
        &next(owner, &record(owner, 3, &login), &SECOND),
    )
    .await
    .refuses(401, "invalid-token");
    let bare = rig.client();
    put(&bare, PATH, &next(owner, &record(owner, 3, &login), &SECOND))
        .await
        .refuses(401, "invalid-token");
}

#[tokio::test]
async fn credentials_that_break_half_way_in_change_nothing_and_the_next_try_works() {
    let rig = Rig::new();
    let mut house = House::new(&rig).await;
    let mut body = next(
        house.owner(),
        &record(house.owner(), 2, &SigningKey::generate()),
        &FIRST,
    );
    body["grants"] = json!([{ "device": house.tablet.id(), "keyring": base64url(&[3; 90]) }]);
    let connection = store::connect(&rig.app.settings.data.join(store::FILE)).unwrap();
    for trap in [
        "UPDATE ON accounts",
        "UPDATE ON shares",
        "INSERT ON grants",
        "UPDATE ON families",
        "INSERT ON answers",
    ] {
        connection
            .execute_batch(&format!(
                "CREATE TRIGGER trap BEFORE {trap} BEGIN SELECT RAISE(ABORT, 'power cut'); END"
            ))
            .unwrap();
        let reply = house.phone().call("PUT", PATH, Some(&body), Some("k")).await;
        reply.refuses(500, "internal");
        connection.execute_batch("DROP TRIGGER trap").unwrap();
        let there = fetched(&mut house.second).await;
        assert_eq!(
            there,
            json!({ "credentials": signed(&house.owner().record(), &house.owner().owner), "recovery_here": false }),
            "{trap}"
        );
        house.second.get("/v1/account").await.is(200);
    }
    house
        .phone()
        .call("PUT", PATH, Some(&body), Some("k"))
        .await
        .is(204);
}
