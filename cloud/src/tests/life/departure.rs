//! Deleting an account.

use belay_proto::AccountId;
use belay_proto::signed::{Command, CommandEnvelope, Deed};
use belay_proto::text::from_base64url;
use rusqlite::params;
use serde_json::{Value, json};

use super::super::orders::Home;
use super::super::owner::{Device, Owner, refresh_token};
use super::super::rig::{Reply, Rig};
use super::super::store::count;
use super::{FIRST, House, delete, fetched, removal_body};
use crate::store;

const DAY: u64 = 24 * 3600;

pub fn body(owner: &Owner) -> Value {
    json!({ "order": super::order(owner, 1, Deed::DeleteAccount) })
}

async fn depart(home: &Home<'_>) -> Reply {
    delete(&home.client, "/v1/account", &body(&home.owner)).await
}

/// Rows of one account.
fn rows(rig: &Rig, table: &str, account: &AccountId) -> i64 {
    let connection = store::connect(&rig.app.settings.data.join(store::FILE)).unwrap();
    let sql = format!("SELECT count(*) FROM {table} WHERE account = ?1");
    connection
        .query_row(&sql, params![account.as_bytes()], |row| row.get(0))
        .unwrap()
}

#[tokio::test]
async fn not_while_another_device_or_an_accessory_is_bound() {
    let rig = Rig::new();
    let house = House::new(&rig).await;
    let accessory = "11".repeat(16);
    let record = json!({ "base": 0, "revision": 1, "removed": false, "key_epoch": 1, "sealed": "AQID" });
    house
        .phone()
        .call(
            "PUT",
            &format!("/v1/accessories/{accessory}"),
            Some(&record),
            None,
        )
        .await
        .is(204);
    let refused = depart(&house.home)
        .await
        .refuses(409, "devices-still-bound")
        .json();
    assert_eq!(refused["devices"], json!([house.tablet.id()]));
    assert_eq!(refused["accessories"], json!([accessory]));
    // For a client that is no device each device counts.
    let mut console = rig.client();
    house.home.owner.sign_in(&mut console).await.is(200);
    let refused = delete(&console, "/v1/account", &body(house.owner())).await;
    let refused = refused.refuses(409, "devices-still-bound").json();
    assert_eq!(refused["devices"].as_array().unwrap().len(), 2);
    house.phone().get("/v1/account").await.is(200);
    let removal = json!({ "base": 1, "revision": 2, "removed": true, "key_epoch": 1, "sealed": "AQID" });
    house
        .phone()
        .call(
            "PUT",
            &format!("/v1/accessories/{accessory}"),
            Some(&removal),
            None,
        )
        .await
        .is(204);
    let order = house.order(Deed::RemoveDevice(house.tablet.id()));
    let path = format!("/v1/devices/{}", house.tablet.id());
    delete(house.phone(), &path, &removal_body(&order, &FIRST, json!([])))
        .await
        .is(204);
    depart(&house.home).await.is(204);
}

#[tokio::test]
async fn all_of_it_is_gone_and_its_address_is_free() {
    let rig = Rig::new();
    let mut home = Home::new(&rig).await;
    let refresh = refresh_token(&home.owner.sign_in(&mut home.client).await.is(200));
    let account = home.owner.account;
    let connection = store::connect(&rig.app.settings.data.join(store::FILE)).unwrap();
    for statement in [
        "INSERT INTO sync_accounts (account, sequence, used) VALUES (?1, 5, 100)",
        "INSERT INTO records (account, collection, id, revision, sequence, key_epoch, removed, chunks, sealed)
         VALUES (?1, zeroblob(16), zeroblob(16), zeroblob(16), 5, 1, 0, zeroblob(32), x'01')",
        "INSERT INTO chunks (account, id, file, length, digest, whole, uses)
         VALUES (?1, zeroblob(32), zeroblob(16), 100, zeroblob(32), 1, 1)",
    ] {
        connection.execute(statement, params![account.as_bytes()]).unwrap();
    }
    let body = body(&home.owner);
    for _ in 0..2 {
        // The session is over with the first, and the answer was lost.
        let reply = home
            .client
            .call("DELETE", "/v1/account", Some(&body), Some("once"))
            .await;
        reply.is(204);
    }
    for table in [
        "shares",
        "identifiers",
        "families",
        "orders",
        "records",
        "sync_accounts",
        "accessories",
        "delegates",
        "successions",
    ] {
        assert_eq!(rows(&rig, table, &account), 0, "{table}");
    }
    for table in ["verifications", "parameter_sets", "reports", "grants"] {
        assert_eq!(count(&rig, table), 0, "{table}");
    }
    let left: (Vec<u8>, Vec<u8>) = connection
        .query_row("SELECT keyring, profile FROM accounts", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    assert!(left.0.is_empty() && left.1.len() < 200);
    home.client.get("/v1/account").await.refuses(401, "invalid-token");
    let token = json!({ "refresh_token": refresh });
    home.client
        .post("/v1/token", &token)
        .await
        .refuses(400, "invalid-grant");
    home.owner
        .sign_in(&mut home.client)
        .await
        .refuses(403, "login-refused");
    rig.advance(120);
    home.client.token = None;
    home.client.get("/v1/account/credentials").await.is(200);
    assert_eq!(
        rows(&rig, "chunks", &account),
        0,
        "the sweep takes what nobody needs"
    );
    // The address is somebody's who never had that account.
    let other = Home::of(&rig, "jo@example.org").await;
    assert_ne!(other.owner.account, account);
}

#[tokio::test]
async fn the_channel_of_its_last_device_goes_on_until_the_release_and_then_the_rest_goes() {
    let rig = Rig::new();
    let mut home = Home::new(&rig).await;
    let lock = home.lock();
    home.send(&lock).await.is(202);
    depart(&home).await.is(204);
    let there = fetched(&mut home.client).await;
    assert_eq!((&there["deleted"], there.get("removed")), (&json!(true), None));
    home.client.token = None;
    let queue = home.fetch(0).await;
    let bytes = from_base64url(queue["commands"][0]["envelope"].as_str().unwrap()).unwrap();
    let command: Command = CommandEnvelope::decode(&bytes)
        .unwrap()
        .command
        .peek_unverified()
        .unwrap();
    assert_eq!(command.id, lock.id);
    home.report_state(&home.state(1, "lost")).await.is(204);
    // Its hardware is nobody else's before.
    let (thief, mut client) = (Owner::new("thief@example.org"), rig.client());
    thief.register(&mut client, &Device::new()).await;
    let refused = super::bind(&thief, &client, &home.device.reset()).await;
    assert_eq!(
        refused.refuses(409, "activation-locked").json().get("login"),
        None
    );
    rig.advance(60 * DAY);
    home.client.get("/v1/commands").await.is(200);
    let release = json!({ "release": home.device.release(&home.owner) });
    for _ in 0..2 {
        rig.post("/v1/releases", &release).await.is(204);
    }
    home.client.get("/v1/commands").await.refuses(403, "not-bound");
    thief.sign_in(&mut client).await.is(200);
    super::bind(&thief, &client, &home.device.reset()).await.is(201);
    rig.advance(31 * DAY);
    client.token = None;
    client.get("/v1/account/credentials").await.is(200);
    assert_eq!(count(&rig, "accounts"), 1);
    assert_eq!(rows(&rig, "devices", &home.owner.account), 0);
    rig.post("/v1/releases", &release)
        .await
        .refuses(403, "bad-release");
}

#[tokio::test]
async fn many_records_go_in_parts_and_the_chunks_after_them() {
    let rig = Rig::new();
    let (home, other) = (Home::new(&rig).await, Home::of(&rig, "al@example.org").await);
    let account = home.owner.account;
    let connection = store::connect(&rig.app.settings.data.join(store::FILE)).unwrap();
    for account in [&account, &other.owner.account] {
        connection
            .execute(
                "WITH RECURSIVE numbers (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < 600)
                 INSERT INTO records (account, collection, id, revision, sequence, key_epoch, removed, chunks, sealed)
                 SELECT ?1, zeroblob(16), randomblob(16), zeroblob(16), number, 1, 0, zeroblob(32), x'01' FROM numbers",
                params![account.as_bytes()],
            )
            .unwrap();
        connection
            .execute(
                "INSERT INTO chunks (account, id, file, length, digest, whole, uses)
                 VALUES (?1, zeroblob(32), randomblob(16), 100, zeroblob(32), 1, 600)",
                params![account.as_bytes()],
            )
            .unwrap();
    }
    depart(&home).await.is(204);
    let left = || (rows(&rig, "records", &account), rows(&rig, "chunks", &account));
    assert_eq!(left(), (600 - 256, 1));
    let mut seen = Vec::new();
    for _ in 0..3 {
        rig.advance(60);
        rig.client()
            .get("/v1/account")
            .await
            .refuses(401, "invalid-token");
        seen.push(left());
    }
    assert_eq!(seen, [(600 - 2 * 256, 1), (0, 1), (0, 0)]);
    let others = &other.owner.account;
    assert_eq!(
        (rows(&rig, "records", others), rows(&rig, "chunks", others)),
        (600, 1)
    );
}

#[tokio::test]
async fn the_rest_of_an_account_that_can_not_be_deleted_keeps_no_other_from_being_swept() {
    let rig = Rig::new();
    let (stuck, other) = (Home::new(&rig).await, Home::of(&rig, "al@example.org").await);
    for home in [&stuck, &other] {
        depart(home).await.is(204);
        let release = home.device.release(&home.owner);
        rig.post("/v1/releases", &json!({ "release": release }))
            .await
            .is(204);
    }
    let connection = store::connect(&rig.app.settings.data.join(store::FILE)).unwrap();
    let account = belay_proto::text::hex(stuck.owner.account.as_bytes());
    let trap = format!(
        "CREATE TRIGGER trap BEFORE DELETE ON accounts WHEN old.id = x'{account}'
         BEGIN SELECT RAISE(ABORT, 'it stays'); END"
    );
    connection.execute_batch(&trap).unwrap();
    rig.advance(31 * DAY);
    rig.client()
        .get("/v1/account")
        .await
        .refuses(401, "invalid-token");
    assert_eq!(
        rows(&rig, "devices", &stuck.owner.account),
        1,
        "all of it, or nothing"
    );
    assert_eq!((count(&rig, "accounts"), count(&rig, "proofs")), (1, 1));
    connection.execute_batch("DROP TRIGGER trap").unwrap();
    rig.advance(DAY + 60);
    rig.client()
        .get("/v1/account")
        .await
        .refuses(401, "invalid-token");
    assert_eq!((count(&rig, "accounts"), count(&rig, "devices")), (0, 0));
}

#[tokio::test]
async fn an_account_that_breaks_half_way_out_stays_whole() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let body = body(&home.owner);
    let connection = store::connect(&rig.app.settings.data.join(store::FILE)).unwrap();
    for trap in [
        "BEFORE DELETE ON identifiers",
        "BEFORE DELETE ON families",
        "BEFORE UPDATE ON accounts",
        "BEFORE INSERT ON answers",
    ] {
        connection
            .execute_batch(&format!(
                "CREATE TRIGGER trap {trap} BEGIN SELECT RAISE(ABORT, 'power cut'); END"
            ))
            .unwrap();
        let reply = home
            .client
            .call("DELETE", "/v1/account", Some(&body), Some("k"))
            .await;
        reply.refuses(500, "internal");
        connection.execute_batch("DROP TRIGGER trap").unwrap();
        home.client.get("/v1/account").await.is(200);
    }
    let reply = home
        .client
        .call("DELETE", "/v1/account", Some(&body), Some("k"))
        .await;
    reply.is(204);
}
