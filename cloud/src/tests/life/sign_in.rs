//! Signing in for what the password was typed for, by the account's id.

use belay_proto::AccountId;
use belay_proto::keys::SigningKey;
use belay_proto::signed::LoginStatement;
use belay_proto::text::from_base64url;
use serde_json::{Value, json};

use super::super::orders::Home;
use super::super::rig::{Client, ORIGIN, Reply, Rig};

async fn challenge(client: &Client<'_>, identifier: &str) -> Reply {
    let body = json!({ "identifier": identifier });
    client.post("/v1/login/challenge", &body).await
}

async fn login(client: &Client<'_>, identifier: &str, action: &str, key: &SigningKey) -> Reply {
    let nonce = challenge(client, identifier).await.is(200).text("nonce");
    let statement = LoginStatement {
        origin: ORIGIN.into(),
        identifier: identifier.into(),
        nonce: from_base64url(&nonce).unwrap(),
        action: action.into(),
        thumbprint: client.key.public().thumbprint(),
    };
    let signature = statement.sign(key).to_string();
    let body = json!({ "identifier": identifier, "nonce": nonce, "action": action, "signature": signature });
    client.post("/v1/login", &body).await
}

#[tokio::test]
async fn each_purpose_that_needs_the_password_signs_in_by_the_accounts_id() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let id = home.owner.account.to_string();
    for action in [
        "reauthenticate",
        "command",
        "change-password",
        "recovery-code",
        "identifier",
        "remove-device",
        "delete-account",
        "bootloader",
        "recover",
    ] {
        let answer = login(&home.client, &id, action, &home.owner.login).await.is(200);
        assert_eq!(answer.text("account"), id);
    }
    for action in [
        "register", "sign-out", "find", "policies", "unpair", "reset", "", "x",
    ] {
        login(&home.client, &id, action, &home.owner.login)
            .await
            .refuses(400, "malformed");
    }
}

#[tokio::test]
async fn an_unknown_id_is_answered_like_a_known_one() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let stranger = rig.client();
    let (known, unknown) = (home.owner.account.to_string(), AccountId::random().to_string());
    let bare = |reply: &Reply| {
        let mut json: Value = reply.json();
        for random in ["salt", "nonce"] {
            if json.get(random).is_some() {
                json[random] = json!("");
            }
        }
        (reply.status.as_u16(), json)
    };
    let first = challenge(&stranger, &unknown).await.is(200);
    assert_eq!(bare(&challenge(&stranger, &known).await.is(200)), bare(&first));
    assert_eq!(
        challenge(&stranger, &unknown).await.json()["salt"],
        first.json()["salt"]
    );
    for failure in 1..=6 {
        let guess = SigningKey::generate();
        let answers = (
            login(&stranger, &known, "sign-in", &guess).await,
            login(&stranger, &unknown, "sign-in", &guess).await,
        );
        assert_eq!(bare(&answers.0), bare(&answers.1), "failure {failure}");
    }
    // Two names that waited together would be known as one account's.
    login(&stranger, "jo@example.org", "sign-in", &home.owner.login)
        .await
        .is(200);
    // A nonce is for the name it was given to.
    let nonce = challenge(&home.client, &known).await.is(200).text("nonce");
    let statement = LoginStatement {
        origin: ORIGIN.into(),
        identifier: "jo@example.org".into(),
        nonce: from_base64url(&nonce).unwrap(),
        action: "sign-in".into(),
        thumbprint: home.client.key.public().thumbprint(),
    };
    let signature = statement.sign(&home.owner.login).to_string();
    let body = json!({
        "identifier": "jo@example.org", "nonce": nonce, "action": "sign-in", "signature": signature,
    });
    home.client
        .post("/v1/login", &body)
        .await
        .refuses(403, "login-refused");
}
