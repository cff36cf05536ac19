//! The registry of an account's accessories: what the cloud keeps without knowing what it is.

use belay_proto::AccessoryId;
use belay_proto::text::base64url;
use rusqlite::params;
use serde_json::{Value, json};

use super::orders::Home;
use super::owner::Device;
use super::rig::{Client, Reply, Rig, START};
use super::store::count;
use crate::accessories::table;
use crate::accounts::departure::may_go;
use crate::store;
use crate::sync::table::Counted;

const DAY: u64 = 24 * 3600;

fn id(number: u8) -> AccessoryId {
    AccessoryId::from_bytes([number; 16])
}

fn record(base: u64, sealed: &str) -> Value {
    json!({ "base": base, "revision": base + 1, "removed": false, "key_epoch": 1, "sealed": sealed })
}

fn removal(base: u64) -> Value {
    json!({ "base": base, "revision": base + 1, "removed": true, "key_epoch": 1, "sealed": "AQID" })
}

async fn put(client: &Client<'_>, id: AccessoryId, body: &Value) -> Reply {
    client
        .call("PUT", &format!("/v1/accessories/{id}"), Some(body), None)
        .await
}

async fn list(client: &Client<'_>, after: u64) -> Value {
    client
        .get(&format!("/v1/accessories?after={after}"))
        .await
        .is(200)
        .json()
}

/// The ids of a list.
fn ids(list: &Value) -> Vec<String> {
    let entries = list["accessories"].as_array().unwrap();
    entries
        .iter()
        .map(|entry| entry["id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_second_device_learns_what_the_first_one_brought_and_then_only_what_is_new() {
    let rig = Rig::new();
    let mut home = Home::new(&rig).await;
    put(&home.client, id(1), &record(0, "AQID")).await.is(204);
    put(&home.client, id(2), &record(0, "AQIE")).await.is(204);
    let mut second = rig.client();
    home.owner.sign_in(&mut second).await.is(200);
    let all = list(&second, 0).await;
    assert_eq!(ids(&all), [id(1).to_string(), id(2).to_string()]);
    assert_eq!(
        all["accessories"][0],
        json!({ "id": id(1), "revision": 1, "removed": false, "key_epoch": 1, "sealed": "AQID" })
    );
    assert!(all["last"].as_u64().unwrap() >= START && all["more"] == false);
    let last = all["last"].as_u64().unwrap();
    assert_eq!(
        list(&second, last).await,
        json!({ "accessories": [], "last": last, "more": false })
    );
    put(&home.client, id(1), &record(1, "AQIF")).await.is(204);
    let news = list(&second, last).await;
    assert_eq!(
        (ids(&news), &news["accessories"][0]["sealed"]),
        (vec![id(1).to_string()], &json!("AQIF"))
    );
    home.owner.sign_in(&mut home.client).await.is(200);
    assert_eq!(
        list(&home.client, 0).await["accessories"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[tokio::test]
async fn of_two_changes_to_one_revision_the_first_counts() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    put(&home.client, id(1), &record(0, "AQID")).await.is(204);
    // Its answer was lost, and the client has forgotten its Idempotency-Key.
    put(&home.client, id(1), &record(0, "AQID")).await.is(204);
    for base in [0, 2, 7] {
        put(&home.client, id(1), &record(base, "AQIE"))
            .await
            .refuses(409, "revision-conflict");
    }
    put(&home.client, id(2), &record(1, "AQIE"))
        .await
        .refuses(409, "revision-conflict");
    let mut next = record(1, "AQIE");
    for (revision, status) in [(0, 400), (1, 400), (6, 204)] {
        next["revision"] = json!(revision);
        put(&home.client, id(1), &next).await.is(status);
    }
    let present = &list(&home.client, 0).await["accessories"][0];
    assert_eq!(
        (&present["sealed"], &present["revision"]),
        (&json!("AQIE"), &json!(6))
    );
    assert_eq!(count(&rig, "accessories"), 1);
}

#[tokio::test]
async fn nothing_is_sealed_in_an_older_key_epoch_than_the_records_are() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    put(&home.client, id(1), &record(0, "AQID")).await.is(204);
    let account = home.owner.account;
    let counts = rig.app.store.transact(move |tx| {
        let counted = Counted {
            key_epoch: 2,
            ..Counted::default()
        };
        crate::sync::table::count(tx, &account, &counted)
    });
    counts.await.unwrap();
    // The same again, whose answer was lost, is there already.
    put(&home.client, id(1), &record(0, "AQID")).await.is(204);
    for (id, mut body) in [
        (id(1), record(1, "AQIE")),
        (id(1), removal(1)),
        (id(2), record(0, "AQIE")),
    ] {
        put(&home.client, id, &body).await.refuses(412, "key-epoch-old");
        body["key_epoch"] = json!(2);
        put(&home.client, id, &body).await;
    }
    assert_eq!(ids(&list(&home.client, 0).await).len(), 2);
}

#[tokio::test]
async fn a_removal_is_told_for_180_days_and_is_for_good() {
    let rig = Rig::new();
    let mut home = Home::new(&rig).await;
    put(&home.client, id(1), &record(0, "AQIE")).await.is(204);
    put(&home.client, id(2), &record(0, "AQIE")).await.is(204);
    put(&home.client, id(1), &removal(1)).await.is(204);
    put(&home.client, id(1), &record(2, "AQIE"))
        .await
        .refuses(409, "revision-conflict");
    let told = list(&home.client, 0).await;
    assert_eq!(
        (
            told["accessories"][1]["removed"].clone(),
            told["accessories"][1]["revision"].clone()
        ),
        (json!(true), json!(2))
    );
    rig.advance(179 * DAY);
    home.owner.sign_in(&mut home.client).await.is(200);
    assert_eq!(
        list(&home.client, 0).await["accessories"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    rig.advance(2 * DAY);
    home.owner.sign_in(&mut home.client).await.is(200);
    assert_eq!(
        ids(&list(&home.client, 0).await),
        [id(2).to_string()],
        "what isn't removed stays"
    );
}

#[tokio::test]
async fn an_account_sees_and_changes_its_own_registry_alone() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let other = Home::of(&rig, "x@example.org").await;
    put(&home.client, id(1), &record(0, "AQID")).await.is(204);
    assert!(ids(&list(&other.client, 0).await).is_empty());
    put(&other.client, id(1), &record(1, "AQIE"))
        .await
        .refuses(409, "revision-conflict");
    put(&other.client, id(1), &record(0, "AQIE")).await.is(204);
    assert_eq!(list(&home.client, 0).await["accessories"][0]["sealed"], "AQID");
    let mut nobody = rig.client();
    nobody.get("/v1/accessories").await.refuses(401, "invalid-token");
    nobody.token = Some("nonsense".into());
    put(&nobody, id(1), &record(1, "AQIE"))
        .await
        .refuses(401, "invalid-token");
    // A token in the hands of another key is worth nothing.
    nobody.token = home.client.token.clone();
    nobody.get("/v1/accessories").await.refuses(401, "invalid-token");
}

#[tokio::test]
async fn a_session_without_a_device_of_the_account_changes_nothing() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    put(&home.client, id(1), &record(0, "AQID")).await.is(204);
    let mut signed_in = rig.client();
    home.owner.sign_in(&mut signed_in).await.is(200);
    for body in [record(0, "AQID"), record(1, "AQIE"), removal(1)] {
        put(&signed_in, id(1), &body).await.refuses(403, "not-bound");
    }
    // The key of another account's device, signed in here.
    let mut other = Home::of(&rig, "x@example.org").await;
    home.owner.sign_in(&mut other.client).await.is(200);
    put(&other.client, id(1), &removal(1))
        .await
        .refuses(403, "not-bound");
    let present = &list(&home.client, 0).await["accessories"][0];
    assert_eq!(
        (&present["revision"], &present["removed"]),
        (&json!(1), &json!(false))
    );
}

#[tokio::test]
async fn a_registry_has_limits_under_which_changing_and_removing_go_on() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    for number in 0..64 {
        put(&home.client, id(number), &record(0, "AQID")).await.is(204);
    }
    put(&home.client, id(64), &record(0, "AQID"))
        .await
        .refuses(507, "quota-exceeded");
    put(&home.client, id(0), &record(1, "AQIE")).await.is(204);
    put(&home.client, id(0), &removal(2)).await.is(204);
    put(&home.client, id(64), &record(0, "AQID")).await.is(204);
    for (sealed, status, problem) in [
        ("", 400, "malformed"),
        (base64url(&[1; 4097]).as_str(), 413, "too-large"),
    ] {
        put(&home.client, id(1), &record(1, sealed))
            .await
            .refuses(status, problem);
    }
    put(&home.client, id(1), &record(1, &base64url(&[1; 4096])))
        .await
        .is(204);
    let mut base = 2;
    let refused = loop {
        let reply = put(&home.client, id(1), &record(base, "AQID")).await;
        if reply.status != 204 {
            break reply;
        }
        base += 1;
    };
    refused.refuses(429, "too-many");
    assert_eq!(base, 2 + 300 - 64 - 4, "300 changes an hour");
    let path = "/v1/accessories/no-id";
    home.client
        .call("PUT", path, Some(&record(0, "AQID")), None)
        .await
        .refuses(404, "not-found");
    let large =
        json!({ "base": 1, "revision": u64::MAX, "removed": false, "key_epoch": 1, "sealed": "AQID" });
    put(&home.client, id(70), &large).await.refuses(400, "malformed");
}

#[tokio::test]
async fn a_long_list_comes_in_pages_and_removals_that_are_too_many_are_forgotten_oldest_first() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let account = home.owner.account;
    let connection = store::connect(&rig.app.settings.data.join(store::FILE)).unwrap();
    for number in 0..260_u32 {
        let mut id = [0; 16];
        id[..4].copy_from_slice(&number.to_be_bytes());
        connection
            .execute(
                "INSERT INTO accessories VALUES (?1, ?2, 2, ?3, 1, 1, x'00', ?4)",
                params![account.as_bytes(), id, u64::from(number) + 1, START * 2],
            )
            .unwrap();
    }
    put(&home.client, id(9), &record(0, "AQID")).await.is(204);
    let (mut after, mut sizes, mut seen) = (0, Vec::new(), Vec::new());
    loop {
        let page = list(&home.client, after).await;
        after = page["last"].as_u64().unwrap();
        sizes.push(page["accessories"].as_array().unwrap().len());
        seen.extend(ids(&page));
        if page["more"] == false {
            break;
        }
    }
    assert_eq!(sizes, [100, 100, 57]);
    assert_eq!(seen.last().unwrap(), &id(9).to_string());
    assert!(
        !seen.contains(&format!("{:032x}", 0)),
        "the oldest of 260 removals"
    );
}

#[tokio::test]
async fn an_account_with_an_accessory_in_its_registry_is_not_deleted() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let account = home.owner.account;
    put(&home.client, id(1), &record(0, "AQID")).await.is(204);
    let here = home.device.id();
    let ask = || {
        rig.app
            .store
            .transact(move |tx| may_go(tx, &account, Some(&here)))
    };
    let refused = ask().await.unwrap_err().document();
    assert_eq!((refused.name(), refused.status), ("devices-still-bound", 409));
    assert_eq!((refused.devices, refused.accessories), (vec![], vec![id(1)]));
    // Whoever doesn't ask runs into the database, even with the rest of the account gone.
    let connection = store::connect(&rig.app.settings.data.join(store::FILE)).unwrap();
    connection.pragma_update(None, "foreign_keys", false).unwrap();
    for statement in ["DELETE FROM accessories", "DELETE FROM accounts"] {
        let error = connection.execute(statement, []).unwrap_err().to_string();
        assert!(error.contains("registry"), "{error}");
    }
    assert_eq!((count(&rig, "accounts"), count(&rig, "accessories")), (1, 1));
    put(&home.client, id(1), &removal(1)).await.is(204);
    ask().await.unwrap();
    connection.execute("DELETE FROM accessories", []).unwrap();
    connection.execute("DELETE FROM accounts", []).unwrap();
}

#[tokio::test]
async fn the_other_devices_are_told_and_the_one_that_brought_it_is_not() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let other = Home::of(&rig, "x@example.org").await;
    let (device, mut second) = (Device::new(), rig.client());
    home.owner.sign_in(&mut second).await.is(200);
    let bound = json!({ "certificate": home.owner.certify(&second, &device), "name": "Tablet" });
    second.post("/v1/devices", &bound).await.is(201);
    put(&home.client, id(1), &record(0, "AQID")).await.is(204);
    let marks = |device| {
        let marks = rig
            .app
            .store
            .transact(move |tx| crate::channel::table::marks(tx, &device));
        async move { marks.await.unwrap().sync }
    };
    assert!(marks(device.id()).await >= START);
    assert_eq!(marks(home.device.id()).await, 0);
    assert_eq!(marks(other.device.id()).await, 0, "another account");
    let before = marks(device.id()).await;
    put(&home.client, id(1), &record(0, "AQID")).await.is(204);
    assert_eq!(marks(device.id()).await, before, "nothing changed");
}

#[tokio::test]
async fn a_cloud_that_was_restored_goes_on_above_what_it_has_forgotten() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    put(&home.client, id(1), &record(0, "AQID")).await.is(204);
    let backup = rig.backup();
    rig.advance(60);
    put(&home.client, id(2), &record(0, "AQID")).await.is(204);
    let forgotten = list(&home.client, 0).await["last"].as_u64().unwrap();
    let away = home.leave();
    let rig = rig.restore(&backup, START + 120_000);
    let mut home = away.back(&rig);
    home.owner.sign_in(&mut home.client).await.is(200);
    let told = list(&home.client, forgotten).await;
    assert!(
        told["last"].as_u64().unwrap() < forgotten,
        "so that its clients see it"
    );
    put(&home.client, id(2), &record(0, "AQID")).await.is(204);
    assert_eq!(ids(&list(&home.client, forgotten).await), [id(2).to_string()]);
}

#[test]
fn the_limits_are_those_of_the_contract() {
    assert_eq!((table::MOST, belay_proto::wire::ACCESSORIES_PAGE), (64, 100));
}
