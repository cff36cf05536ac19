//! More addresses: added, chosen, removed.

use belay_proto::signed::Deed;
use belay_proto::text::base64url;
use serde_json::{Value, json};

use super::super::orders::Home;
use super::super::owner::{Device, Owner, open, opening};
use super::super::rig::{Client, Reply, Rig};
use super::{House, delete, hints, put};

async fn opened(client: &Client<'_>, channel: &str, address: &str) -> Reply {
    let mut body = opening(client.rig, channel, address).await;
    body["purpose"] = json!("identifier");
    client.post("/v1/verifications", &body).await
}

async fn ticket(client: &Client<'_>, address: &str) -> String {
    let channel = if address.starts_with('+') { "sms" } else { "email" };
    let id = opened(client, channel, address).await.is(202).text("id");
    let code = client.rig.code_mail().await.code.unwrap();
    let path = format!("/v1/verifications/{id}/code");
    client
        .post(&path, &json!({ "code": code }))
        .await
        .is(200)
        .text("ticket")
}

fn body(house: &House<'_>, ticket: &str, address: &str) -> Value {
    json!({ "ticket": ticket, "order": house.order(Deed::AddIdentifier(address.into())) })
}

pub async fn add(house: &House<'_>, address: &str) -> Reply {
    let ticket = ticket(house.phone(), address).await;
    house
        .phone()
        .post("/v1/account/identifiers", &body(house, &ticket, address))
        .await
}

async fn masked(client: &Client<'_>) -> Vec<String> {
    let account = client.get("/v1/account").await.is(200).json();
    let all = account["identifiers"].as_array().unwrap();
    all.iter()
        .map(|it| it["masked"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn an_address_is_added_chosen_and_the_old_one_removed() {
    let rig = Rig::new();
    let mut house = House::new(&rig).await;
    let before = hints(&rig, house.tablet.id()).await;
    rig.advance(1);
    let added = add(&house, "al@example.net").await.is(201).json();
    assert_eq!(
        (&added["kind"], &added["masked"], &added["verified"]),
        (&json!("email"), &json!("a•••@e•••.net"), &json!(true))
    );
    assert!(hints(&rig, house.tablet.id()).await > before);
    add(&house, "+4915112345678").await.is(201);
    assert_eq!(masked(house.phone()).await.len(), 3);
    // Each of them signs in.
    house.home.owner.address = "al@example.net".into();
    house.home.owner.sign_in(&mut house.second).await.is(200);
    let id = added["id"].as_str().unwrap();
    let login = json!({ "order": house.order(Deed::SetLogin(id.into())) });
    put(house.phone(), "/v1/account/login", &login).await.is(204);
    assert_eq!(
        masked(house.phone()).await[..2],
        ["a•••@e•••.net", "j•••@e•••.org"]
    );
    let account = house.phone().get("/v1/account").await.json();
    let old = account["identifiers"][1]["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/account/identifiers/{old}");
    let order = json!({ "order": house.order(Deed::RemoveIdentifier(old)) });
    for _ in 0..2 {
        house
            .phone()
            .call("DELETE", &path, Some(&order), Some("k"))
            .await
            .is(204);
    }
    delete(house.phone(), &path, &order)
        .await
        .refuses(404, "not-found");
    assert_eq!(masked(house.phone()).await.len(), 2);
    house.home.owner.address = "jo@example.org".into();
    house
        .home
        .owner
        .sign_in(&mut rig.client())
        .await
        .refuses(403, "login-refused");
    // It is free again.
    Home::of(&rig, "jo@example.org").await;
}

#[tokio::test]
async fn the_login_and_so_the_last_address_stays() {
    let rig = Rig::new();
    let house = House::new(&rig).await;
    let account = house.phone().get("/v1/account").await.json();
    let login = account["identifiers"][0]["id"].as_str().unwrap();
    let order = json!({ "order": house.order(Deed::RemoveIdentifier(login.into())) });
    let path = format!("/v1/account/identifiers/{login}");
    delete(house.phone(), &path, &order)
        .await
        .refuses(409, "identifier-is-login");
    add(&house, "al@example.net").await.is(201);
    delete(house.phone(), &path, &order)
        .await
        .refuses(409, "identifier-is-login");
}

#[tokio::test]
async fn an_address_belongs_to_one_account_and_an_account_has_five_at_most() {
    let rig = Rig::new();
    let house = House::new(&rig).await;
    Home::of(&rig, "al@example.net").await;
    let refused = ticket(house.phone(), "al@example.net").await;
    for address in ["al@example.net", "jo@example.org"] {
        let proof = match address {
            "al@example.net" => refused.clone(),
            _ => ticket(house.phone(), address).await,
        };
        house
            .phone()
            .post("/v1/account/identifiers", &body(&house, &proof, address))
            .await
            .refuses(409, "identifier-taken");
    }
    for n in 1..5 {
        add(&house, &format!("a{n}@example.net")).await.is(201);
    }
    add(&house, "a5@example.net").await.refuses(507, "quota-exceeded");
}

#[tokio::test]
async fn the_ticket_is_this_accounts_for_this_address_and_for_this_purpose() {
    let rig = Rig::new();
    let house = House::new(&rig).await;
    let post = |body: Value| {
        let client = house.phone();
        async move { client.post("/v1/account/identifiers", &body).await }
    };
    let address = "al@example.net";
    // Of a registration, of another key, of another account.
    let registration = {
        let id = super::super::owner::open(house.phone(), address)
            .await
            .is(202)
            .text("id");
        let code = rig.code_mail().await.code.unwrap();
        let path = format!("/v1/verifications/{id}/code");
        house
            .phone()
            .post(&path, &json!({ "code": code }))
            .await
            .is(200)
            .text("ticket")
    };
    let others_key = ticket(&house.second, address).await;
    let mut other = Home::of(&rig, "xe@example.org").await;
    other.client.key = belay_proto::keys::SigningKey::from_seed(house.phone().key.seed());
    other.owner.sign_in(&mut other.client).await.is(200);
    let others = ticket(&other.client, address).await;
    for bad in [&registration, &others_key, &others, "AAAA", ""] {
        post(body(&house, bad, address)).await.refuses(403, "bad-ticket");
    }
    let good = ticket(house.phone(), address).await;
    post(body(&house, &good, "Al@example.net"))
        .await
        .refuses(403, "bad-order");
    post(body(&house, &good, "bo@example.net"))
        .await
        .refuses(403, "bad-order");
    // Nor does it make an account.
    let robber = super::super::owner::Owner::new(address);
    let account = robber.account_body(house.phone(), &super::Device::new(), &good);
    house
        .phone()
        .post("/v1/accounts", &account)
        .await
        .refuses(403, "bad-ticket");
    post(body(&house, &good, address)).await.is(201);
    post(body(&house, &good, address))
        .await
        .refuses(403, "bad-ticket");
}

#[tokio::test]
async fn only_a_session_proves_one_more_address_and_never_by_its_own_message() {
    let rig = Rig::new();
    let house = House::new(&rig).await;
    opened(&rig.client(), "email", "al@example.net")
        .await
        .refuses(401, "invalid-token");
    opened(house.phone(), "sms-out", "+4915112345678")
        .await
        .refuses(422, "channel-unavailable");
    let mut body = opening(&rig, "email", "al@example.net").await;
    body["purpose"] = json!("recovery");
    house
        .phone()
        .post("/v1/verifications", &body)
        .await
        .refuses(400, "malformed");
    // Whether the address is somebody's only its mail says.
    Home::of(&rig, "al@example.net").await;
    let bare = |reply: Reply| {
        let mut json = reply.json();
        json["id"] = json!("");
        json
    };
    let known = opened(house.phone(), "email", "al@example.net").await.is(202);
    let told = rig.code_mail().await;
    let unknown = opened(house.phone(), "email", "xx@example.net").await.is(202);
    let silent = rig.code_mail().await;
    assert_eq!(bare(known), bare(unknown));
    assert!(told.text.contains("belongs to an account already") && !silent.text.contains("already"));
    let page = rig
        .get(
            silent
                .link
                .unwrap()
                .strip_prefix(super::super::rig::ORIGIN)
                .unwrap(),
        )
        .await;
    assert!(
        String::from_utf8(page.is(200).body)
            .unwrap()
            .contains("being added")
    );
}

#[tokio::test]
async fn another_spelling_of_somebodys_address_is_that_address_and_no_letter_passes_for_another() {
    let rig = Rig::new();
    let mut client = rig.client();
    // A Kelvin sign: the code goes where the plain letter is, so that nobody else gets it.
    open(&client, "mar\u{212a}@example.net").await.is(202);
    assert_eq!(rig.code_mail().await.to, "marK@example.net");
    for strange in [
        "mar\u{ff4b}@example.net",
        "\u{17f}am@example.net",
        "j\u{131}m@example.net",
    ] {
        open(&client, strange).await.refuses(400, "invalid-address");
    }
    let mut owner = Owner::new("jo@b\u{fc}cher.example");
    owner.register(&mut client, &Device::new()).await;
    for spelled in [
        "jo@xn--bcher-kva.example",
        "JO@B\u{dc}CHER.example",
        "jo@bu\u{308}cher.example",
    ] {
        spelled.clone_into(&mut owner.address);
        let challenge = owner.challenge(&client).await.is(200);
        assert_eq!(challenge.json()["salt"], base64url(&owner.salt), "{spelled}");
    }
}
