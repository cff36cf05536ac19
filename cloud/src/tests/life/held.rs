//! Calls whose head comes while there is a session, and whose body when there is none any more.

use std::net::SocketAddr;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use belay_proto::signed::Deed;
use belay_proto::wire::{MESSAGE_PACK, PushRequest};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tower_service::Service;

use super::super::orders::Home;
use super::super::rig::Rig;
use super::super::store::count;
use super::super::sync;
use super::departure::body;
use super::{FIRST, House, delete, put, removal_body};
use crate::net::Peer;
use crate::routes;

const DAY: u64 = 24 * 3600;

/// The answer to a call whose body is sent when `meanwhile`, which begins once the head was judged, is over.
async fn held(
    rig: &Rig,
    request: Request<Vec<u8>>,
    meanwhile: impl Future<Output = ()>,
) -> (StatusCode, Vec<u8>) {
    let (asked, head) = oneshot::channel();
    let (go, come) = oneshot::channel::<()>();
    let (mut parts, bytes) = request.into_parts();
    parts
        .extensions
        .insert(Peer(SocketAddr::from(([127, 0, 0, 1], 4000))));
    let body = stream::once(async move {
        // Whoever reads the body has judged the head.
        asked.send(()).unwrap();
        come.await.unwrap();
        Ok::<_, std::io::Error>(bytes)
    });
    let mut router = routes::router(rig.app.clone());
    let call = router.call(Request::from_parts(parts, Body::from_stream(body)));
    let between = async {
        head.await.unwrap();
        meanwhile.await;
        go.send(()).unwrap();
    };
    let (answer, ()) = tokio::join!(call, between);
    let (parts, body) = answer.unwrap().into_parts();
    (parts.status, to_bytes(body, usize::MAX).await.unwrap().to_vec())
}

fn problem(body: &[u8]) -> String {
    let json: Value = serde_json::from_slice(body).unwrap();
    json["type"].as_str().unwrap().to_owned()
}

fn accessory() -> Value {
    json!({ "base": 0, "revision": 1, "removed": false, "key_epoch": 1, "sealed": "AQID" })
}

const ACCESSORY: &str = "/v1/accessories/11111111111111111111111111111111";

#[tokio::test]
async fn nothing_is_brought_into_an_account_that_was_deleted_while_the_body_was_held_back() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    // For its nonce.
    home.client.get("/v1/account").await.is(200);
    let brought = home.client.request("PUT", ACCESSORY, Some(&accessory()), None);
    let mut pushed = home.client.request("POST", "/v1/sync/push", None, None);
    pushed
        .headers_mut()
        .insert("content-type", MESSAGE_PACK.parse().unwrap());
    let push = PushRequest {
        cursor: None,
        records: vec![sync::new(1, b"late")],
    };
    *pushed.body_mut() = rmp_serde::to_vec_named(&push).unwrap();
    let deletion = body(&home.owner);
    let mut second = None;
    let (status, answer) = held(&rig, brought, async {
        let gone = async {
            delete(&home.client, "/v1/account", &deletion).await.is(204);
        };
        second = Some(held(&rig, pushed, gone).await);
    })
    .await;
    for (status, answer) in [(status, answer), second.unwrap()] {
        assert_eq!(
            (status.as_u16(), problem(&answer).as_str()),
            (401, "urn:belay:problem:invalid-token")
        );
    }
    for table in ["accessories", "records", "sync_accounts"] {
        assert_eq!(count(&rig, table), 0, "{table}");
    }
    // And so the rest goes with its time.
    let release = home.device.release(&home.owner);
    rig.post("/v1/releases", &json!({ "release": release }))
        .await
        .is(204);
    rig.advance(31 * DAY);
    rig.client()
        .get("/v1/account")
        .await
        .refuses(401, "invalid-token");
    assert_eq!((count(&rig, "accounts"), count(&rig, "proofs")), (0, 1));
}

#[tokio::test]
async fn a_device_that_was_removed_while_its_body_was_held_back_changes_nothing() {
    let rig = Rig::new();
    let house = House::new(&rig).await;
    house.second.get("/v1/account").await.is(200);
    let profile = json!({ "display_name": "Al" });
    let late = house
        .second
        .request("PATCH", "/v1/account", Some(&profile), Some("late"));
    let order = house.order(Deed::RemoveDevice(house.tablet.id()));
    let path = format!("/v1/devices/{}", house.tablet.id());
    let (status, answer) = held(&rig, late, async {
        let body = removal_body(&order, &FIRST, json!([]));
        delete(house.phone(), &path, &body).await.is(204);
    })
    .await;
    assert_eq!(
        (status.as_u16(), problem(&answer).as_str()),
        (401, "urn:belay:problem:removed")
    );
    let there = house.phone().get("/v1/account").await.is(200).json();
    assert_eq!(there["profile"]["display_name"], "Jo");
    // While the body comes nothing is wrong with a session that goes on.
    let fine = put(house.phone(), ACCESSORY, &accessory()).await;
    fine.is(204);
}
