//! Addresses that were proved while another form of them was compared.

use belay_proto::AccountId;
use belay_proto::signed::Deed;
use belay_proto::text::{base64url, from_hex};
use rusqlite::Connection;
use serde_json::json;

use super::super::orders::Home;
use super::super::owner::{Device, Owner, open};
use super::super::rig::{Client, Reply, Rig};
use super::identifiers::add;
use super::{House, delete, put, recovery};
use crate::identifiers::forms::{Settled, settle};
use crate::messages::Notice;
use crate::store;

pub(super) fn connected(rig: &Rig) -> Connection {
    store::connect(&rig.app.settings.data.join(store::FILE)).unwrap()
}

/// As addresses were compared before: by their small letters.
fn before(rig: &Rig, text: &str) -> [u8; 32] {
    let small = text.to_lowercase();
    rig.app.vault.mac("identifier", &[b"email", small.as_bytes()])
}

/// Has the account's one address be this text, proved and kept as it was done before.
fn proved_before(rig: &Rig, account: &AccountId, text: &str) {
    let connection = connected(rig);
    let id: [u8; 16] = connection
        .query_row(
            "SELECT id FROM identifiers WHERE account = ?1",
            [account.as_bytes()],
            |row| row.get(0),
        )
        .unwrap();
    let sealed = rig.app.vault.seal("identifier", &id, text.as_bytes());
    connection
        .execute(
            "UPDATE identifiers SET lookup = ?2, address = ?3 WHERE id = ?1",
            rusqlite::params![id, before(rig, text), sealed],
        )
        .unwrap();
}

/// The same of a verification that is under way.
fn opened_before(rig: &Rig, id: &str, text: &str) {
    let id: [u8; 16] = from_hex(id).unwrap().try_into().unwrap();
    let sealed = rig.app.vault.seal("verification-address", &id, text.as_bytes());
    connected(rig)
        .execute(
            "UPDATE verifications SET lookup = ?2, address = ?3 WHERE id = ?1",
            rusqlite::params![id, before(rig, text), sealed],
        )
        .unwrap();
}

/// What the first start of this version makes of it.
fn settled(rig: &Rig) -> Settled {
    let connection = connected(rig);
    connection
        .execute("DELETE FROM meta WHERE name = 'identifier-form'", [])
        .unwrap();
    let settled = settle(&rig.app.vault, &connection).unwrap();
    assert_eq!(settle(&rig.app.vault, &connection).unwrap(), None, "once");
    settled.unwrap()
}

fn moved(moved: u64) -> Settled {
    Settled {
        moved,
        ..Settled::default()
    }
}

/// Whether the owner's account is found by his address.
async fn is_found(owner: &Owner, client: &Client<'_>) -> bool {
    owner.challenge(client).await.is(200).json()["salt"] == base64url(&owner.salt)
}

#[tokio::test]
async fn addresses_of_before_are_found_in_the_form_that_they_are_compared_in_today() {
    let rig = Rig::new();
    let mut owner = Owner::new("\u{3c3}\u{3b9}\u{3c2}@example.org");
    owner.register(&mut rig.client(), &Device::new()).await;
    // Two small sigmas were two letters.
    proved_before(&rig, &owner.account, &owner.address);
    assert!(!is_found(&owner, &rig.client()).await);
    connected(&rig)
        .execute("DELETE FROM meta WHERE name = 'identifier-form'", [])
        .unwrap();
    let rig = rig.restart();
    assert!(is_found(&owner, &rig.client()).await);
    "\u{3a3}\u{399}\u{3a3}@EXAMPLE.org".clone_into(&mut owner.address);
    assert!(is_found(&owner, &rig.client()).await);
}

#[tokio::test]
async fn an_account_whose_address_is_refused_today_keeps_it_and_takes_none_that_looks_like_it() {
    const LONG_S: &str = "\u{17f}am@example.org";
    let rig = Rig::new();
    let mut house = House::new(&rig).await;
    proved_before(&rig, &house.owner().account, LONG_S);
    assert_eq!(settled(&rig), moved(1));
    rig.mails().await;
    // The plain one is whose mail it is.
    Home::of(&rig, "sam@example.org").await;
    // Nobody can type it any more, neither to sign in nor to recover.
    LONG_S.clone_into(&mut house.home.owner.address);
    house
        .owner()
        .challenge(&rig.client())
        .await
        .refuses(400, "invalid-address");
    recovery::open(&rig.client(), LONG_S)
        .await
        .refuses(400, "invalid-address");
    // Its devices name it by its id, and what is told goes where it was proved.
    house.home.owner.address = house.owner().account.to_string();
    house.owner().sign_in(&mut rig.client()).await.is(200);
    rig.told(LONG_S, &[Notice::SignedIn]).await;
    // Another address is as good as ever.
    add(&house, "al@example.net").await.is(201);
    "al@example.net".clone_into(&mut house.home.owner.address);
    house.owner().sign_in(&mut rig.client()).await.is(200);
    recovery::proved(&rig.client(), "al@example.net").await;
}

#[tokio::test]
async fn codes_and_notices_go_to_an_address_as_it_was_proved() {
    const KELVIN: &str = "\u{212a}im@example.org";
    let rig = Rig::new();
    let mut house = House::new(&rig).await;
    proved_before(&rig, &house.owner().account, KELVIN);
    assert_eq!(settled(&rig), moved(0));
    rig.mails().await;
    "kim@example.org".clone_into(&mut house.home.owner.address);
    house.owner().sign_in(&mut rig.client()).await.is(200);
    rig.told(KELVIN, &[Notice::SignedIn]).await;
    recovery::open(&rig.client(), "kim@example.org").await.is(202);
    assert_eq!(rig.code_mail().await.to, KELVIN);
}

#[tokio::test]
async fn of_two_addresses_that_are_one_today_the_first_ones_account_is_found_and_the_other_is_counted() {
    let rig = Rig::new();
    let typed = [
        "jos\u{e9}@xn--bcher-kva.example",
        "jose\u{301}@b\u{fc}cher.example",
    ];
    let mut owners = Vec::new();
    for (n, text) in typed.into_iter().enumerate() {
        let mut owner = Owner::new(&format!("a{n}@example.org"));
        owner.register(&mut rig.client(), &Device::new()).await;
        proved_before(&rig, &owner.account, text);
        text.clone_into(&mut owner.address);
        owners.push(owner);
        rig.advance(1);
    }
    let one = Settled {
        collided: 1,
        ..moved(1)
    };
    assert_eq!(settled(&rig), one);
    for text in typed.into_iter().chain(["jos\u{e9}@b\u{fc}cher.example"]) {
        text.clone_into(&mut owners[0].address);
        assert!(is_found(&owners[0], &rig.client()).await, "{text:?}");
    }
    assert!(!is_found(&owners[1], &rig.client()).await);
    owners[1].address = owners[1].account.to_string();
    assert!(is_found(&owners[1], &rig.client()).await, "by its id");
}

/// Types the code of the last mail.
async fn confirmed(client: &Client<'_>, kind: &str, id: &str) -> Reply {
    let code = client.rig.code_mail().await.code.unwrap();
    let path = format!("/v1/{kind}/{id}/code");
    client.post(&path, &json!({ "code": code })).await
}

#[tokio::test]
async fn what_is_under_way_goes_on_under_todays_form() {
    let rig = Rig::new();
    let client = rig.client();
    let mut owner = Owner::new("a@xn--bcher-kva.example");
    let id = open(&client, &owner.address).await.is(202).text("id");
    opened_before(&rig, &id, &owner.address);
    assert_eq!(settled(&rig), moved(1));
    let ticket = confirmed(&client, "verifications", &id)
        .await
        .is(200)
        .text("ticket");
    let body = owner.account_body(&client, &Device::new(), &ticket);
    client.post("/v1/accounts", &body).await.is(201);
    "a@b\u{fc}cher.example".clone_into(&mut owner.address);
    assert!(is_found(&owner, &client).await);
}

#[tokio::test]
async fn under_way_an_address_that_is_refused_today_recovers_its_account_and_makes_none() {
    const LONG_S: &str = "\u{17f}am@example.org";
    let rig = Rig::new();
    let client = rig.client();
    let id = open(&client, "sam@example.org").await.is(202).text("id");
    opened_before(&rig, &id, LONG_S);
    let forgotten = Settled {
        forgotten: 1,
        ..moved(0)
    };
    assert_eq!(settled(&rig), forgotten);
    confirmed(&client, "verifications", &id)
        .await
        .refuses(404, "not-found");
    let house = House::new(&rig).await;
    rig.mails().await;
    let id = recovery::open(&client, "jo@example.org").await.is(202).text("id");
    proved_before(&rig, &house.owner().account, LONG_S);
    opened_before(&rig, &id, LONG_S);
    assert_eq!(settled(&rig), moved(2));
    let answer = confirmed(&client, "recoveries", &id).await.is(200);
    assert_eq!(answer.json()["account"], json!(house.owner().account));
}

#[tokio::test]
async fn a_recovery_under_way_is_of_the_account_whose_mail_its_code_went_to_or_of_none() {
    let rig = Rig::new();
    let client = rig.client();
    let mut under_way = Vec::new();
    for (n, text) in ["jos\u{e9}@example.org", "jose\u{301}@example.org"]
        .into_iter()
        .enumerate()
    {
        let owner = Owner::new(&format!("a{n}@example.org"));
        owner.register(&mut rig.client(), &Device::new()).await;
        let id = recovery::open(&client, &owner.address).await.is(202).text("id");
        let code = rig.code_mail().await.code.unwrap();
        proved_before(&rig, &owner.account, text);
        opened_before(&rig, &id, text);
        under_way.push((owner.account, id, code));
        rig.advance(1);
    }
    let one = Settled {
        collided: 1,
        forgotten: 1,
        ..moved(0)
    };
    assert_eq!(settled(&rig), one);
    let (account, id, code) = &under_way[0];
    let answer = recovery::try_code(&client, id, code).await.is(200);
    assert_eq!(answer.json()["account"], json!(account));
    let (_, id, code) = &under_way[1];
    recovery::try_code(&client, id, code)
        .await
        .refuses(404, "not-found");
}

#[tokio::test]
async fn a_verification_that_does_not_open_is_forgotten_and_the_cloud_starts() {
    let rig = Rig::new();
    let client = rig.client();
    let damaged = open(&client, "al@example.org").await.is(202).text("id");
    let mail = rig.code_mail().await;
    let whole = open(&client, "jo@example.org").await.is(202).text("id");
    let id = from_hex(&damaged).unwrap();
    connected(&rig)
        .execute("UPDATE verifications SET address = x'00' WHERE id = ?1", [id])
        .unwrap();
    let one = Settled {
        damaged: 1,
        ..moved(0)
    };
    assert_eq!(settled(&rig), one);
    let path = format!("/v1/verifications/{damaged}/code");
    let refused = client.post(&path, &json!({ "code": mail.code })).await;
    refused.refuses(404, "not-found");
    confirmed(&client, "verifications", &whole).await.is(200);
}

/// Damages the account's one address, and leaves what it is found by.
pub(super) fn damage(rig: &Rig, account: &AccountId) {
    let damaged = connected(rig)
        .execute(
            "UPDATE identifiers SET address = x'00' WHERE account = ?1",
            [account.as_bytes()],
        )
        .unwrap();
    assert_eq!(damaged, 1);
}

#[tokio::test]
async fn an_address_that_does_not_open_keeps_no_cloud_from_starting_and_no_owner_from_the_account() {
    let rig = Rig::new();
    let owner = Owner::new("jo@example.org");
    owner.register(&mut rig.client(), &Device::new()).await;
    damage(&rig, &owner.account);
    connected(&rig)
        .execute("DELETE FROM meta WHERE name = 'identifier-form'", [])
        .unwrap();
    let rig = rig.restart();
    let mut client = rig.client();
    owner.sign_in(&mut client).await.is(200);
    let account = client.get("/v1/account").await.is(200).json();
    let shown = &account["identifiers"][0];
    assert_eq!(
        (&shown["masked"], &shown["verified"]),
        (&json!("•••"), &json!(false))
    );
}

#[tokio::test]
async fn an_address_that_does_not_open_is_nobody_elses_and_keeps_nobody_else_waiting() {
    let rig = Rig::new();
    let house = House::new(&rig).await;
    // Whoever had its code before.
    let (robber, client) = (Owner::new("jo@example.org"), rig.client());
    let id = open(&client, "jo@example.org").await.is(202).text("id");
    let ticket = confirmed(&client, "verifications", &id)
        .await
        .is(200)
        .text("ticket");
    damage(&rig, &house.owner().account);
    let unreadable = Settled {
        unreadable: 1,
        ..moved(0)
    };
    assert_eq!(settled(&rig), unreadable);
    rig.mails().await;
    let body = robber.account_body(&client, &Device::new(), &ticket);
    let refused = client.post("/v1/accounts", &body).await;
    refused.refuses(409, "identifier-taken");
    // What was typed may be another mailbox.
    recovery::open(&client, "Jo@example.org").await.is(202);
    open(&client, "Jo@example.org").await.is(202);
    assert!(rig.mails().await.is_empty());
    // Of unknown addresses the damaged row is read for every other one.
    for n in 0..8 {
        let client = rig.client();
        open(&client, &format!("a{n}@example.net")).await.is(202);
        rig.code_mail().await;
    }
}

#[tokio::test]
async fn an_address_that_does_not_open_is_removed_by_its_owner_and_added_again() {
    let rig = Rig::new();
    let house = House::new(&rig).await;
    damage(&rig, &house.owner().account);
    let added = add(&house, "al@example.net").await.is(201).text("id");
    let account = house.phone().get("/v1/account").await.is(200).json();
    let damaged = account["identifiers"][0]["id"].as_str().unwrap().to_owned();
    let login = json!({ "order": house.order(Deed::SetLogin(added)) });
    put(house.phone(), "/v1/account/login", &login).await.is(204);
    let path = format!("/v1/account/identifiers/{damaged}");
    let order = json!({ "order": house.order(Deed::RemoveIdentifier(damaged)) });
    delete(house.phone(), &path, &order).await.is(204);
    add(&house, "jo@example.org").await.is(201);
}

#[tokio::test]
async fn a_device_of_another_version_signs_an_address_in_its_own_form() {
    // It leaves the domain as it was typed.
    const TYPED: &str = "al@xn--bcher-kva.example";
    let rig = Rig::new();
    let house = House::new(&rig).await;
    add(&house, TYPED).await.is(201);
    let owner = Owner {
        address: TYPED.into(),
        ..house.home.owner
    };
    owner.sign_in(&mut rig.client()).await.is(200);
    // What was signed for one text is nothing for another.
    let client = rig.client();
    let challenge = owner.challenge(&client).await.is(200);
    let mut body = owner.login_body(&client, &challenge, &owner.login);
    body["identifier"] = json!("al@b\u{fc}cher.example");
    client
        .post("/v1/login", &body)
        .await
        .refuses(403, "login-refused");
}
