//! Access and refresh tokens.

use serde_json::{Value, json};

use super::owner::{Device, Owner, access_token, refresh_token};
use super::rig::{Client, Reply, Rig};

async fn refresh(client: &Client<'_>, token: &str) -> Reply {
    client.post("/v1/token", &json!({ "refresh_token": token })).await
}

async fn signed_in(rig: &Rig) -> (Client<'_>, String) {
    let mut client = rig.client();
    let first = Owner::new("jo@example.org")
        .register(&mut client, &Device::new())
        .await;
    client.token = None;
    (client, refresh_token(&first))
}

#[tokio::test]
async fn the_previous_token_gives_the_same_new_one_until_that_is_used() {
    let rig = Rig::new();
    let (client, first) = signed_in(&rig).await;
    let second = refresh_token(&refresh(&client, &first).await.is(200));
    assert_eq!(refresh_token(&refresh(&client, &first).await.is(200)), second);
    rig.advance(3 * 24 * 3600);
    assert_eq!(refresh_token(&refresh(&client, &first).await.is(200)), second);
    let third = refresh_token(&refresh(&client, &second).await.is(200));
    assert_ne!(second, third);
    assert_eq!(refresh_token(&refresh(&client, &second).await.is(200)), third);
}

#[tokio::test]
async fn an_older_token_ends_the_family() {
    let rig = Rig::new();
    let (mut client, first) = signed_in(&rig).await;
    let second = refresh_token(&refresh(&client, &first).await.is(200));
    let third = refresh(&client, &second).await.is(200);
    refresh(&client, &first).await.refuses(400, "invalid-grant");
    refresh(&client, &refresh_token(&third))
        .await
        .refuses(400, "invalid-grant");
    client.token = Some(access_token(&third));
    client.get("/v1/account").await.refuses(401, "invalid-token");
    // The command channel isn't part of the session.
    client.token = None;
    client.get("/v1/account/credentials").await.is(200);
}

#[tokio::test]
async fn another_key_ends_the_family() {
    let rig = Rig::new();
    let (client, first) = signed_in(&rig).await;
    let thief = rig.client();
    refresh(&thief, &first).await.refuses(400, "invalid-grant");
    refresh(&client, &first).await.refuses(400, "invalid-grant");
}

#[tokio::test]
async fn invented_tokens_end_nothing() {
    let rig = Rig::new();
    let (mut client, first) = signed_in(&rig).await;
    let mut changed = first.clone();
    changed.replace_range(20..21, if &first[20..21] == "A" { "B" } else { "A" });
    for bad in ["", "A", "AAAA", "ä", &changed, &first[..70]] {
        refresh(&client, bad).await.refuses(400, "invalid-grant");
    }
    let good = refresh(&client, &first).await.is(200);
    // One kind of token is never taken for the other.
    refresh(&client, &access_token(&good))
        .await
        .refuses(400, "invalid-grant");
    client.token = Some(refresh_token(&good));
    client.get("/v1/account").await.refuses(401, "invalid-token");
}

#[tokio::test]
async fn an_access_token_is_good_for_half_an_hour_and_for_its_key() {
    let rig = Rig::new();
    let mut client = rig.client();
    let reply = Owner::new("jo@example.org")
        .register(&mut client, &Device::new())
        .await;
    assert_eq!(reply.json()["tokens"]["expires_in"], 1800);
    let mut thief = rig.client();
    thief.token = client.token.clone();
    thief.get("/v1/account").await.refuses(401, "invalid-token");
    rig.advance(1799);
    client.get("/v1/account").await.is(200);
    rig.advance(1);
    client.get("/v1/account").await.refuses(401, "invalid-token");
}

#[tokio::test]
async fn a_revoked_session_has_ended_for_both_tokens() {
    let rig = Rig::new();
    let mut client = rig.client();
    let reply = Owner::new("jo@example.org")
        .register(&mut client, &Device::new())
        .await;
    let token = refresh_token(&reply);
    client
        .post("/v1/revoke", &json!({ "refresh_token": token }))
        .await
        .is(204);
    client.get("/v1/account").await.refuses(401, "invalid-token");
    client.token = None;
    refresh(&client, &token).await.refuses(400, "invalid-grant");
    client
        .post("/v1/revoke", &json!({ "refresh_token": token }))
        .await
        .is(204);
    client
        .post("/v1/revoke", &json!({ "refresh_token": "nonsense" }))
        .await
        .is(204);
}

#[tokio::test]
async fn a_session_lasts_over_a_year_in_a_drawer_and_not_for_ever() {
    let rig = Rig::new();
    let (client, first) = signed_in(&rig).await;
    rig.advance(390 * 24 * 3600);
    let second = refresh_token(&refresh(&client, &first).await.is(200));
    rig.advance(401 * 24 * 3600);
    refresh(&client, &second).await.refuses(400, "invalid-grant");
}

#[tokio::test]
async fn a_machine_that_starts_in_the_past_shortens_no_session() {
    let rig = Rig::new();
    let (client, token) = signed_in(&rig).await;
    let (folder, key) = (rig.folder.path().join("data"), client.key.public().thumbprint());
    let until = || -> u64 {
        let connection = crate::store::connect(&folder.join(crate::store::FILE)).unwrap();
        connection
            .query_row("SELECT until FROM families WHERE thumbprint = ?1", [key], |row| {
                row.get(0)
            })
            .unwrap()
    };
    let connection = crate::store::connect(&folder.join(crate::store::FILE)).unwrap();
    let later = until() + 1_000_000;
    connection
        .execute("UPDATE families SET until = ?1", [later])
        .unwrap();
    refresh(&client, &token).await.is(200);
    assert_eq!(until(), later);
}

#[tokio::test]
async fn the_same_refresh_under_one_idempotency_key_gives_the_same_token() {
    let rig = Rig::new();
    let (client, first) = signed_in(&rig).await;
    let body = json!({ "refresh_token": first });
    let one = client.post_with("/v1/token", &body, "k").await.is(200);
    let two = client.post_with("/v1/token", &body, "k").await.is(200);
    assert_eq!(refresh_token(&one), refresh_token(&two));
    let other = json!({ "refresh_token": refresh_token(&one) });
    client
        .post_with("/v1/token", &other, "k")
        .await
        .refuses(422, "idempotency-key-reused");
    assert!(matches!(one.json()["tokens"]["access_token"], Value::String(_)));
}
