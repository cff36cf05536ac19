//! What an order has to be, the same for each call that takes one.

use belay_proto::AccountId;
use belay_proto::keys::SigningKey;
use belay_proto::signed::Deed;
use serde_json::{Value, json};

use super::super::owner::{Owner, signed};
use super::super::rig::{Client, Reply, Rig};
use super::{FIRST, House, account_order, delete, next, order, put, record, removal_body};

/// A call that needs an order, with a deed that it does, and a body.
struct Case {
    method: &'static str,
    path: String,
    deed: Deed,
    body: fn(&str) -> Value,
}

async fn cases(house: &House<'_>) -> Vec<Case> {
    let account = house.phone().get("/v1/account").await.is(200).json();
    let login = account["identifiers"][0]["id"].as_str().unwrap().to_owned();
    let plain = |order: &str| json!({ "order": order });
    vec![
        Case {
            method: "DELETE",
            path: format!("/v1/account/identifiers/{login}"),
            deed: Deed::RemoveIdentifier(login.clone()),
            body: plain,
        },
        Case {
            method: "PUT",
            path: "/v1/account/login".into(),
            deed: Deed::SetLogin(login),
            body: plain,
        },
        Case {
            method: "DELETE",
            path: "/v1/account".into(),
            deed: Deed::DeleteAccount,
            body: plain,
        },
        Case {
            method: "DELETE",
            path: format!("/v1/devices/{}", house.tablet.id()),
            deed: Deed::RemoveDevice(house.tablet.id()),
            body: |order| removal_body(order, &FIRST, json!([])),
        },
        Case {
            method: "POST",
            path: "/v1/account/bootloader-unlocks".into(),
            deed: Deed::UnlockBootloader(house.home.device.id()),
            body: |order| json!({ "order": order, "reason": "Mine" }),
        },
    ]
}

async fn send(client: &Client<'_>, case: &Case, order: &str) -> Reply {
    let body = (case.body)(order);
    match case.method {
        "PUT" => put(client, &case.path, &body).await,
        "POST" => client.post(&case.path, &body).await,
        _ => delete(client, &case.path, &body).await,
    }
}

#[tokio::test]
async fn only_the_owners_order_for_this_very_deed_does_it() {
    let rig = Rig::new();
    let house = House::new(&rig).await;
    let owner = house.owner();
    let stranger = Owner::new("x@example.org");
    for case in cases(&house).await {
        let good = account_order(owner, 1, case.deed.clone());
        let mut foreign = good.clone();
        foreign.account = AccountId::random();
        for bad in [
            signed(&good, &SigningKey::generate()),
            signed(&good, &stranger.owner),
            signed(&foreign, &owner.owner),
        ] {
            send(house.phone(), &case, &bad).await.refuses(403, "bad-order");
        }
        let others = [
            Deed::RemoveIdentifier("0".repeat(32)),
            Deed::AddIdentifier("jo@example.org".into()),
            Deed::RemoveDevice(house.home.device.id()),
            Deed::UnlockBootloader(house.tablet.id()),
            Deed::DeleteAccount,
        ];
        for deed in others.into_iter().filter(|deed| *deed != case.deed) {
            let other = order(owner, 1, deed);
            send(house.phone(), &case, &other).await.refuses(403, "bad-order");
        }
        // What is signed by the owner, and is no order.
        let record = signed(&owner.record(), &owner.owner);
        send(house.phone(), &case, &record)
            .await
            .refuses(400, "malformed");
        send(house.phone(), &case, "AAAA").await.refuses(400, "malformed");
        let large = belay_proto::text::base64url(&[0; 5000]);
        send(house.phone(), &case, &large).await.refuses(413, "too-large");
        for generation in [0, 2, u64::MAX] {
            let other = order(owner, generation, case.deed.clone());
            send(house.phone(), &case, &other)
                .await
                .refuses(409, "generation-conflict");
        }
    }
    assert_eq!(
        house.phone().get("/v1/devices").await.json()["devices"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[tokio::test]
async fn an_order_is_done_once_and_a_lost_answer_is_given_again() {
    let rig = Rig::new();
    let house = House::new(&rig).await;
    let account = house.phone().get("/v1/account").await.is(200).json();
    let login = account["identifiers"][0]["id"].as_str().unwrap().to_owned();
    let body = json!({ "order": house.order(Deed::SetLogin(login)) });
    let path = "/v1/account/login";
    for _ in 0..2 {
        let reply = house.phone().call("PUT", path, Some(&body), Some("once")).await;
        reply.is(204);
    }
    put(house.phone(), path, &body).await.refuses(409, "order-used");
    put(&house.second, path, &body).await.refuses(409, "order-used");
    house
        .phone()
        .call("PUT", path, Some(&body), None)
        .await
        .refuses(400, "idempotency-key-required");
    let other = json!({ "order": house.order(Deed::DeleteAccount) });
    house
        .phone()
        .call("PUT", path, Some(&other), Some("once"))
        .await
        .refuses(422, "idempotency-key-reused");
}

#[tokio::test]
async fn an_order_of_a_call_that_was_refused_for_something_else_is_good_still() {
    let rig = Rig::new();
    let house = House::new(&rig).await;
    let path = format!("/v1/devices/{}", house.tablet.id());
    let order = house.order(Deed::RemoveDevice(house.tablet.id()));
    delete(house.phone(), &path, &removal_body(&order, b"another", json!([])))
        .await
        .refuses(409, "generation-conflict");
    delete(house.phone(), &path, &removal_body(&order, &FIRST, json!([])))
        .await
        .is(204);
}

#[tokio::test]
async fn an_order_of_before_a_change_of_password_is_void_after_it() {
    let rig = Rig::new();
    let house = House::new(&rig).await;
    let old = json!({ "order": house.order(Deed::DeleteAccount) });
    let body = next(
        house.owner(),
        &record(house.owner(), 2, &SigningKey::generate()),
        &FIRST,
    );
    put(house.phone(), "/v1/account/credentials", &body).await.is(204);
    delete(house.phone(), "/v1/account", &old)
        .await
        .refuses(409, "generation-conflict");
}

#[tokio::test]
async fn without_a_session_no_order_is_looked_at() {
    let rig = Rig::new();
    let house = House::new(&rig).await;
    let stranger = rig.client();
    for case in cases(&house).await {
        let good = house.order(case.deed.clone());
        send(&stranger, &case, &good).await.refuses(401, "invalid-token");
    }
}
