//! A new password with the recovery code.

use belay_proto::keys::SigningKey;
use belay_proto::text::base64url;
use serde_json::{Value, json};

use super::super::orders::Home;
use super::super::owner::{Owner, signed};
use super::super::rig::{Client, ORIGIN, Reply, Rig};
use super::{FIRST, House, SECOND, hints, next, put, record};
use crate::delivery;

pub async fn open(client: &Client<'_>, identifier: &str) -> Reply {
    open_in(client, identifier, "en").await
}

/// As somebody who reads this language.
pub async fn open_in(client: &Client<'_>, identifier: &str, language: &str) -> Reply {
    let body = json!({
        "identifier": identifier, "device_name": "A new phone", "language": language, "pow": client.rig.work().await,
    });
    client.post("/v1/recoveries", &body).await
}

pub async fn try_code(client: &Client<'_>, id: &str, code: &str) -> Reply {
    client
        .post(&format!("/v1/recoveries/{id}/code"), &json!({ "code": code }))
        .await
}

/// As far as the code: the id, and the answer.
pub async fn proved(client: &Client<'_>, identifier: &str) -> (String, Reply) {
    let id = open(client, identifier).await.is(202).text("id");
    let code = client.rig.code_mail().await.code.unwrap();
    let answer = try_code(client, &id, &code).await.is(200);
    (id, answer)
}

pub fn recovery(owner: &Owner, login: &SigningKey, ticket: &str) -> Value {
    let mut body = next(owner, &record(owner, 2, login), &FIRST);
    body["ticket"] = json!(ticket);
    body
}

#[tokio::test]
async fn a_code_and_the_owners_record_set_a_new_password_at_once() {
    let rig = Rig::new();
    let mut house = House::new(&rig).await;
    let mut stranded = rig.client();
    let (id, answer) = proved(&stranded, "jo@example.org").await;
    let told = answer.json();
    assert_eq!(told["account"], json!(house.owner().account));
    assert_eq!(
        told["credentials"],
        signed(&house.owner().record(), &house.owner().owner)
    );
    assert_eq!(told["keyring"], base64url(&FIRST));
    assert_eq!(told["devices"].as_array().unwrap().len(), 2);
    assert_eq!(told["lost"], json!([]));
    let before = hints(&rig, house.tablet.id()).await;
    rig.advance(1);
    let login = SigningKey::generate();
    let path = format!("/v1/recoveries/{id}/credentials");
    let body = recovery(house.owner(), &login, &answer.text("ticket"));
    for key in ["once", "once", "another"] {
        stranded.call("PUT", &path, Some(&body), Some(key)).await.is(204);
    }
    assert!(hints(&rig, house.tablet.id()).await > before);
    for client in [house.phone(), &house.second] {
        client.get("/v1/account").await.refuses(401, "invalid-token");
    }
    house.second.token = None;
    house.second.get("/v1/commands").await.is(200);
    let owner = Owner {
        login,
        ..house.home.owner
    };
    let answer = owner.sign_in(&mut stranded).await.is(200);
    assert_eq!(answer.text("keyring"), base64url(&SECOND));
}

#[tokio::test]
async fn whoever_proves_an_address_hears_which_devices_are_lost() {
    let rig = Rig::new();
    let house = House::new(&rig).await;
    let tablet = house.tablet.id();
    let stands = rig
        .app
        .store
        .transact(move |tx| crate::channel::table::stands(tx, &tablet, 1, "lost"));
    stands.await.unwrap();
    let (_, answer) = proved(&rig.client(), "jo@example.org").await;
    assert_eq!(answer.json()["lost"], json!([tablet]));
}

#[tokio::test]
async fn the_code_goes_to_the_address_as_its_account_proved_it() {
    let rig = Rig::new();
    Home::of(&rig, "book@example.org").await;
    rig.mails().await;
    // The Kelvin sign, whose small letter is k: one address here, and another mailbox.
    let id = open(&rig.client(), "boo\u{212a}@example.org").await.is(202);
    assert_eq!(rig.code_mail().await.to, "book@example.org");
    rig.advance(15 * 60);
    let stranger = rig.client();
    let opened = open(&stranger, "BOO\u{212a}@example.org").await.is(202);
    assert_eq!(rig.code_mail().await.to, "book@example.org");
    assert_ne!(opened.text("id"), id.text("id"));
    rig.advance(15 * 60);
    let path = format!("/v1/verifications/{}/resend", opened.text("id"));
    let again = json!({ "pow": rig.work().await });
    stranger.post(&path, &again).await.is(202);
    assert_eq!(rig.code_mail().await.to, "book@example.org");
}

#[tokio::test]
async fn unknown_addresses_are_answered_like_known_ones_and_get_no_mail() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let stranger = rig.client();
    let bare = |reply: &Reply| {
        let mut json = reply.json();
        if json.get("id").is_some() {
            json["id"] = json!("");
        }
        let headers: Vec<_> = reply.headers.keys().map(ToString::to_string).collect();
        (reply.status.as_u16(), headers, json)
    };
    let waiting = || super::super::store::count(&rig, "messages");
    let known = open(&stranger, "jo@example.org").await.is(202);
    assert_eq!(waiting(), 1);
    let code = rig.code_mail().await.code.unwrap();
    let unknown = open(&stranger, "no@example.org").await.is(202);
    assert_eq!(bare(&known), bare(&unknown));
    // The same is put into the queue, and taken out of it, and goes nowhere.
    assert_eq!(waiting(), 1);
    assert!(rig.mails().await.is_empty());
    assert_eq!(waiting(), 0);
    let pretended = rig.postman.pretended.lock().unwrap().clone();
    let to: Vec<_> = pretended.iter().map(|message| message.to.as_str()).collect();
    assert_eq!(
        to,
        ["no@example.org"],
        "with what sending costs, and whether that works or not"
    );
    let ids = [known.text("id"), unknown.text("id")];
    let shown = |id: String| {
        let client = &stranger;
        async move {
            client
                .get(&format!("/v1/verifications/{id}"))
                .await
                .is(200)
                .json()
        }
    };
    assert_eq!(shown(ids[0].clone()).await, shown(ids[1].clone()).await);
    for guess in ["", "12345", "hello"] {
        let answers = (
            try_code(&stranger, &ids[0], guess).await,
            try_code(&stranger, &ids[1], guess).await,
        );
        assert_eq!(bare(&answers.0), bare(&answers.1), "{guess}");
    }
    let wrong = format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000);
    for _ in 0..6 {
        let answers = (
            try_code(&stranger, &ids[0], &wrong).await,
            try_code(&stranger, &ids[1], &wrong).await,
        );
        assert_eq!(bare(&answers.0), bare(&answers.1));
    }
    let again = |id: String| {
        let client = &stranger;
        async move {
            let body = json!({ "pow": client.rig.work().await });
            client
                .post(&format!("/v1/verifications/{id}/resend"), &body)
                .await
        }
    };
    let answers = (again(ids[0].clone()).await, again(ids[1].clone()).await);
    assert_eq!(bare(&answers.0), bare(&answers.1));
    assert_eq!(rig.mails().await.len(), 1);
    home.client.get("/v1/account").await.is(200);
}

/// The one message that waits to be sent.
async fn waiting(rig: &Rig) -> delivery::Message {
    let inside = rig.app.clone();
    let sealed = rig.app.store.transact(move |tx| {
        let body: Vec<u8> = tx.query_row("SELECT body FROM messages", [], |row| row.get(0))?;
        let body = inside.vault.unseal("message", &[], &body)?;
        Ok(serde_json::from_slice::<delivery::Message>(body.expose()).unwrap())
    });
    sealed.await.unwrap()
}

#[tokio::test]
async fn what_goes_to_nobody_is_composed_like_what_goes_to_an_owner() {
    let rig = Rig::new();
    let _home = Home::new(&rig).await;
    rig.mails().await;
    let stranger = rig.client();
    let mut composed = Vec::new();
    for address in ["jo@example.org", "no@example.org"] {
        // As the owner reads it.
        open_in(&stranger, address, "de").await.is(202);
        let message = waiting(&rig).await;
        let parts = [message.code.unwrap(), message.link.unwrap()];
        let said = parts
            .iter()
            .fold(message.text, |text, part| text.replace(part, "…"));
        composed.push((message.subject, said));
        rig.mails().await;
    }
    assert_eq!(composed[0], composed[1]);
}

#[tokio::test]
async fn no_code_is_right_for_an_address_without_an_account() {
    let rig = Rig::new();
    let client = rig.client();
    let id = open(&client, "no@example.org").await.is(202).text("id");
    // What its message would have said.
    let message = waiting(&rig).await;
    assert_eq!(message.channel, delivery::NOWHERE);
    let code = message.code.unwrap();
    try_code(&client, &id, &code).await.refuses(403, "wrong-code");
    // Nor does an account that is made meanwhile make it right.
    Home::of(&rig, "no@example.org").await;
    try_code(&client, &id, &code).await.refuses(403, "wrong-code");
}

#[tokio::test]
async fn the_mails_link_confirms_too_and_the_page_says_what_for() {
    let rig = Rig::new();
    let _home = Home::new(&rig).await;
    let client = rig.client();
    let id = open(&client, "jo@example.org").await.is(202).text("id");
    let mail = rig.code_mail().await;
    // In the owner's language.
    assert!(mail.text.contains("dein Belay-Konto wiederherstellen") && mail.text.contains("A new phone"));
    try_code(&client, &id, "").await.refuses(409, "not-confirmed");
    let page = mail.link.unwrap().strip_prefix(ORIGIN).unwrap().to_owned();
    let shown = String::from_utf8(rig.get(&page).await.is(200).body).unwrap();
    assert!(shown.contains("Ein neues Passwort für dein Belay-Konto"));
    rig.post(&page, &json!({})).await.is(200);
    try_code(&client, &id, "").await.is(200);
}

#[tokio::test]
async fn a_recovery_is_no_registration_and_the_other_way_round() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let client = rig.client();
    let id = open(&client, "jo@example.org").await.is(202).text("id");
    let code = rig.code_mail().await.code.unwrap();
    client
        .post(&format!("/v1/verifications/{id}/code"), &json!({ "code": code }))
        .await
        .refuses(404, "not-found");
    rig.client()
        .post(&format!("/v1/recoveries/{id}/code"), &json!({ "code": code }))
        .await
        .refuses(404, "not-found");
    let ticket = try_code(&client, &id, &code).await.is(200).text("ticket");
    let account = Owner::new("jo@example.org").account_body(&client, &super::Device::new(), &ticket);
    client
        .post("/v1/accounts", &account)
        .await
        .refuses(403, "bad-ticket");
    let opened = super::super::owner::open(&client, "jo@example.org")
        .await
        .is(202)
        .text("id");
    let code = rig.code_mail().await.code.unwrap();
    try_code(&client, &opened, &code).await.refuses(404, "not-found");
    let ticket = home.owner.ticket(&client).await;
    let path = format!("/v1/recoveries/{opened}/credentials");
    let body = recovery(&home.owner, &home.owner.login, &ticket);
    put(&client, &path, &body).await.refuses(403, "bad-ticket");
}

#[tokio::test]
async fn the_ticket_is_for_one_recovery_by_the_key_that_opened_it_and_the_record_the_owners() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let (client, thief) = (rig.client(), rig.client());
    let (id, answer) = proved(&client, "jo@example.org").await;
    let (other, _) = proved(&client, "jo@example.org").await;
    let ticket = answer.text("ticket");
    let path = format!("/v1/recoveries/{id}/credentials");
    let login = SigningKey::generate();
    let good = recovery(&home.owner, &login, &ticket);
    put(&thief, &path, &good).await.refuses(403, "bad-ticket");
    put(&client, &format!("/v1/recoveries/{other}/credentials"), &good)
        .await
        .refuses(403, "bad-ticket");
    let mut without = good.clone();
    without.as_object_mut().unwrap().remove("ticket");
    put(&client, &path, &without).await.refuses(403, "bad-ticket");
    // A mailbox alone is not the owner's root.
    let mut robber = Owner::new("x@example.org");
    robber.account = home.owner.account;
    let robbed = recovery(&robber, &login, &ticket);
    put(&client, &path, &robbed).await.refuses(403, "bad-credentials");
    let mut succession = good.clone();
    succession["succession"] = json!("AAAA");
    put(&client, &path, &succession)
        .await
        .refuses(403, "bad-credentials");
    let mut late = next(&home.owner, &record(&home.owner, 3, &login), &FIRST);
    late["ticket"] = json!(ticket);
    put(&client, &path, &late)
        .await
        .refuses(409, "generation-conflict");
    home.client.get("/v1/account").await.is(200);
    put(&client, &path, &good).await.is(204);
    let mut second = next(&home.owner, &record(&home.owner, 3, &login), &SECOND);
    second["ticket"] = json!(ticket);
    put(&client, &path, &second).await.refuses(403, "bad-ticket");
}
