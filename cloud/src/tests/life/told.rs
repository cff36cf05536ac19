//! What the owner is told of what is done to the account: each deed once, at each address, whatever is repeated.

use belay_proto::keys::SigningKey;
use belay_proto::signed::Deed;
use serde_json::json;

use super::super::orders::Home;
use super::super::owner::{Device, Owner};
use super::super::rig::{ORIGIN, Rig};
use super::{FIRST, House, SECOND, departure, identifiers, next, put, record, recovery, removal, roots};
use crate::messages::Notice;

const JO: &str = "jo@example.org";
const AL: &str = "al@example.net";
const CREDENTIALS: &str = "/v1/account/credentials";

/// A house whose owner has read of how it came to be.
async fn house(rig: &Rig) -> House<'_> {
    let house = House::new(rig).await;
    rig.told(JO, &[Notice::SignedIn, Notice::DeviceAdded { device: "Tablet" }])
        .await;
    house
}

#[tokio::test]
async fn a_sign_in_is_told_where_its_key_was_unknown_and_the_password_right() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let mut console = rig.client();
    home.owner.guess(&console).await.refuses(403, "login-refused");
    rig.told(JO, &[]).await;
    let challenge = home.owner.challenge(&console).await.is(200);
    let body = home.owner.login_body(&console, &challenge, &home.owner.login);
    for _ in 0..2 {
        console.post_with("/v1/login", &body, "once").await.is(200);
    }
    rig.told(JO, &[Notice::SignedIn]).await;
    home.owner.sign_in(&mut console).await.is(200);
    let mut phone = home.client;
    home.owner.sign_in(&mut phone).await.is(200);
    rig.told(JO, &[]).await;
}

#[tokio::test]
async fn each_change_of_credentials_is_told_once_as_what_it_is() {
    let rig = Rig::new();
    let house = house(&rig).await;
    let owner = house.owner();
    let mut code = record(owner, 2, &owner.login);
    code.recovery_wrap = vec![3; 61];
    let other_code = next(owner, &code, &FIRST);
    let mut other = record(owner, 3, &SigningKey::generate());
    other.recovery_wrap.clone_from(&code.recovery_wrap);
    let password = next(owner, &other, &SECOND);
    for (body, told) in [
        (&other_code, Notice::RecoveryCodeReplaced),
        (&password, Notice::PasswordChanged),
    ] {
        for key in ["once", "once", "another"] {
            let key = format!("{key}-{}", told.id());
            let answer = house.phone().call("PUT", CREDENTIALS, Some(body), Some(&key));
            answer.await.is(204);
        }
        rig.told(JO, &[told]).await;
    }
    put(house.phone(), CREDENTIALS, &other_code)
        .await
        .refuses(409, "generation-conflict");
    rig.told(JO, &[]).await;
    let root = roots::new_root(&house, owner, 4, &SECOND).await;
    put(house.phone(), CREDENTIALS, &root.body).await.is(204);
    rig.told(JO, &[Notice::NewRoot]).await;
}

#[tokio::test]
async fn a_recovery_is_told_when_its_address_is_proved_and_when_it_is_done() {
    let rig = Rig::new();
    let house = house(&rig).await;
    let client = rig.client();
    let device = "A new phone";
    let id = recovery::open(&client, JO).await.is(202).text("id");
    // That it was asked for only the message with the code says: an answer that took longer would tell who has an account.
    rig.told(JO, &[]).await;
    let code = rig.code_mail().await.code.unwrap();
    let wrong = format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000);
    recovery::try_code(&client, &id, &wrong)
        .await
        .refuses(403, "wrong-code");
    rig.told(JO, &[]).await;
    for _ in 0..2 {
        recovery::try_code(&client, &id, &code).await.is(200);
    }
    rig.told(JO, &[Notice::RecoveryProved { device }]).await;
    let answer = recovery::try_code(&client, &id, "").await.is(200);
    let body = recovery::recovery(house.owner(), &SigningKey::generate(), &answer.text("ticket"));
    let path = format!("/v1/recoveries/{id}/credentials");
    for key in ["once", "once", "another"] {
        client.call("PUT", &path, Some(&body), Some(key)).await.is(204);
    }
    rig.told(JO, &[Notice::Recovered { device }]).await;
}

#[tokio::test]
async fn an_address_that_is_proved_by_the_mails_link_for_a_recovery_is_told_once() {
    let rig = Rig::new();
    let _home = Home::new(&rig).await;
    let client = rig.client();
    let id = recovery::open(&client, JO).await.is(202).text("id");
    let link = rig.code_mail().await.link.unwrap();
    let page = link.strip_prefix(ORIGIN).unwrap();
    rig.get(page).await.is(200);
    rig.told(JO, &[]).await;
    for _ in 0..2 {
        rig.post(page, &json!({})).await.is(200);
    }
    recovery::try_code(&client, &id, "").await.is(200);
    let device = "A new phone";
    rig.told(JO, &[Notice::RecoveryProved { device }]).await;
}

#[tokio::test]
async fn addresses_are_told_at_all_of_them_and_the_removed_one_hears_it_too() {
    let rig = Rig::new();
    let house = house(&rig).await;
    let added = identifiers::add(&house, AL).await.is(201).text("id");
    let account = house.phone().get("/v1/account").await.is(200).json();
    let first = account["identifiers"][0]["id"].as_str().unwrap().to_owned();
    let (jo, al) = ("j•••@e•••.org", "a•••@e•••.net");
    let all = |notice| [(JO, notice), (AL, notice)];
    rig.told_each(&all(Notice::AddressAdded { address: al })).await;
    for _ in 0..2 {
        let login = json!({ "order": house.order(Deed::SetLogin(added.clone())) });
        put(house.phone(), "/v1/account/login", &login).await.is(204);
    }
    let moved = Notice::LoginChanged { address: al };
    rig.told_each(&[(AL, moved), (JO, moved)]).await;
    let order = json!({ "order": house.order(Deed::RemoveIdentifier(first.clone())) });
    let path = format!("/v1/account/identifiers/{first}");
    for _ in 0..2 {
        house
            .phone()
            .call("DELETE", &path, Some(&order), Some("k"))
            .await
            .is(204);
    }
    let removed = Notice::AddressRemoved { address: jo };
    rig.told_each(&[(AL, removed), (JO, removed)]).await;
}

#[tokio::test]
async fn a_removed_device_and_the_end_of_the_account_are_told_once() {
    let rig = Rig::new();
    let house = house(&rig).await;
    let body = departure::body(house.owner());
    super::delete(house.phone(), "/v1/account", &body)
        .await
        .refuses(409, "devices-still-bound");
    rig.told(JO, &[]).await;
    removal::remove(&house).await;
    rig.told(JO, &[Notice::DeviceRemoved { device: "Tablet" }]).await;
    for _ in 0..2 {
        let gone = house
            .phone()
            .call("DELETE", "/v1/account", Some(&body), Some("end"));
        gone.await.is(204);
    }
    rig.told(JO, &[Notice::AccountDeleted]).await;
    // Nothing of it is left that could be told of.
    Owner::new(JO).register(&mut rig.client(), &Device::new()).await;
    rig.told(JO, &[]).await;
}
