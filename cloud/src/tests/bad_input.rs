//! What nobody should send.

use axum::http::Request;
use belay_proto::wire::MESSAGE_PACK;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use super::owner::{Device, Owner, opening};
use super::rig::{Client, Reply, Rig};
use crate::http::call::BODY_LIMIT;
use crate::routes::ROUTES;

async fn raw(client: &Client<'_>, method: &str, path: &str, kind: &str, body: Vec<u8>) -> Reply {
    let build = || {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("dpop", client.proof(method, path))
            .header(
                "idempotency-key",
                belay_proto::text::hex(&belay_proto::keys::random::<8>()),
            )
            .header("content-type", kind)
            .header("belay-gateway-signature", "00");
        if let Some(token) = &client.token {
            request = request.header("authorization", format!("DPoP {token}"));
        }
        request.body(body.clone()).unwrap()
    };
    let reply = client.rig.send(build()).await;
    if let Some(nonce) = reply.header("dpop-nonce") {
        *client.nonce.lock().unwrap() = Some(nonce);
    }
    if reply.problem() == "use-dpop-nonce" {
        client.rig.send(build()).await
    } else {
        reply
    }
}

fn routes_with_bodies() -> impl Iterator<Item = (&'static str, String)> {
    let id = "00".repeat(16);
    ROUTES
        .iter()
        .filter(|route| {
            matches!(route.method, "POST" | "PUT" | "PATCH") && !route.path.starts_with("/verify")
        })
        .map(move |route| (route.method, route.path.replace("{id}", &id)))
}

#[tokio::test]
async fn bodies_that_are_too_large_of_another_type_or_no_json_are_problems() {
    let rig = Rig::new();
    let mut client = rig.client();
    Owner::new("jo@example.org")
        .register(&mut client, &Device::new())
        .await;
    // A chunk's bytes are any bytes.
    let others = |path: &str| path == "/v1/inbound-sms" || path.starts_with("/v1/blobs/00");
    for (method, path) in routes_with_bodies().filter(|(_, path)| !others(path)) {
        // The same bytes are no MessagePack either.
        let json = match path.starts_with("/v1/sync/") || path.starts_with("/v1/blobs/") {
            true => MESSAGE_PACK,
            false => "application/json",
        };
        for bad in ["", "{", "[]", "null", "{\"a\":\"\u{0}\"}", "{\"surprise\":1}"] {
            raw(&client, method, &path, json, bad.into())
                .await
                .refuses(400, "malformed");
        }
        raw(&client, method, &path, json, b"\xff\xfe".to_vec())
            .await
            .refuses(400, "malformed");
        raw(&client, method, &path, json, "[".repeat(100_000).into())
            .await
            .refuses(400, "malformed");
        for kind in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/problem+json",
            "",
        ] {
            raw(&client, method, &path, kind, b"{}".to_vec())
                .await
                .refuses(415, "unsupported-media-type");
        }
        raw(&client, method, &path, json, vec![b' '; BODY_LIMIT + 1])
            .await
            .refuses(413, "too-large");
        raw(&client, method, &path, json, vec![b' '; BODY_LIMIT])
            .await
            .refuses(400, "malformed");
    }
}

/// Somewhat like the contract's bodies, and then wrong.
fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,80}".prop_map(Value::from),
        "[A-Za-z0-9_-]{0,200}".prop_map(Value::from),
        "[0-9a-f]{64}".prop_map(Value::from),
        "[a-z]{1,8}@[a-z]{1,8}\\.org".prop_map(Value::from),
        "(email|sms|sms-out|registration|sign-in)".prop_map(Value::from),
    ];
    let name = "(purpose|channel|address|device_name|language|pow|challenge|solution|parameters|signature|counter|\
                derivedKey|code|ticket|credentials|owner|keyring|certificate|share|profile|release|identifier|nonce|\
                action|refresh_token|name|hardware|unprinted|from|text|algorithm|cost|expiresAt|keyLength|keyPrefix|\
                salt)";
    let tree = leaf.prop_recursive(4, 40, 12, move |inner| {
        prop_oneof![
            proptest::collection::btree_map(name, inner.clone(), 0..12)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
            proptest::collection::vec(inner, 0..4).prop_map(Value::from),
        ]
    });
    prop_oneof![
        3 => tree.prop_map(|tree| serde_json::to_vec(&tree).unwrap()),
        1 => proptest::collection::vec(any::<u8>(), 0..200),
    ]
}

#[test]
fn no_body_makes_the_cloud_fail() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let rig = Rig::new();
    let mut client = rig.client();
    runtime.block_on(Owner::new("jo@example.org").register(&mut client, &Device::new()));
    let routes: Vec<_> = routes_with_bodies().collect();
    let strategy = (0..routes.len(), bodies());
    let mut runner = TestRunner::new(Config {
        failure_persistence: None,
        ..Config::default()
    });
    let result = runner.run(&strategy, |(route, body)| {
        let (method, path) = &routes[route];
        let reply = runtime.block_on(raw(&client, method, path, "application/json", body));
        prop_assert!(reply.status.as_u16() < 500, "{path}");
        prop_assert!(
            reply.status.is_success() || !reply.problem().is_empty(),
            "{path} {}",
            reply.status
        );
        Ok(())
    });
    result.unwrap();
}

/// Good bodies with one value replaced: they come further than random ones.
#[test]
fn no_changed_value_makes_the_cloud_fail() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let rig = Rig::new();
    let client = rig.client();
    let (owner, device) = (Owner::new("jo@example.org"), Device::new());
    let (account, opening) = runtime.block_on(async {
        let ticket = owner.ticket(&client).await;
        (
            owner.account_body(&client, &device, &ticket),
            opening(&rig, "email", "xx@example.org").await,
        )
    });
    let values = prop_oneof![
        ".{0,60}".prop_map(Value::from),
        "[A-Za-z0-9_-]{0,300}".prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        Just(json!({})),
        Just(json!([])),
        Just(Value::Null),
    ];
    let strategy = (any::<bool>(), any::<prop::sample::Index>(), values);
    let mut runner = TestRunner::new(Config {
        failure_persistence: None,
        ..Config::default()
    });
    let result = runner.run(&strategy, |(first, place, value)| {
        let (path, mut body) = if first {
            ("/v1/accounts", account.clone())
        } else {
            ("/v1/verifications", opening.clone())
        };
        let names: Vec<_> = body.as_object().unwrap().keys().cloned().collect();
        body[place.get(&names)] = value;
        let reply = runtime.block_on(client.post(path, &body));
        prop_assert!(reply.status.as_u16() < 500, "{path}");
        Ok(())
    });
    result.unwrap();
}
