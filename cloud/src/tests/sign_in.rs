//! Signing in, and what a stranger learns from it.

use belay_proto::keys::SigningKey;
use serde_json::json;

use super::owner::{Device, Owner, signed};
use super::rig::{Reply, Rig};

#[tokio::test]
async fn the_right_signature_gives_everything_a_new_device_needs() {
    let rig = Rig::new();
    let mut first = rig.client();
    let (owner, device) = (Owner::new("jo@example.org"), Device::new());
    owner.register(&mut first, &device).await;
    let mut second = rig.client();
    let challenge = owner.challenge(&second).await.is(200).json();
    assert_eq!(challenge["salt"], belay_proto::text::base64url(&owner.salt));
    assert_eq!(challenge["parameters"]["memory_kib"], 19_456);
    let answer = owner.sign_in(&mut second).await.is(200);
    assert_eq!(answer.text("owner"), owner.owner.public().to_string());
    assert_eq!(answer.text("credentials"), signed(&owner.record(), &owner.owner));
    assert_eq!(answer.text("share"), belay_proto::text::base64url(&[9; 32]));
    assert_eq!(answer.json()["devices"].as_array().unwrap().len(), 1);
    second.get("/v1/account").await.is(200);
}

#[tokio::test]
async fn spelling_of_the_address_does_not_matter() {
    let rig = Rig::new();
    let mut client = rig.client();
    let mut owner = Owner::new("Jo@example.org");
    owner.register(&mut client, &Device::new()).await;
    owner.address = "jo@example.org".into();
    owner.sign_in(&mut client).await.is(200);
}

/// What remains when the parts that are random for everybody are taken out.
fn bare(reply: &Reply) -> (u16, Vec<String>, serde_json::Value) {
    let mut json = reply.json();
    for random in ["salt", "nonce"] {
        if json.get(random).is_some() {
            json[random] = json!("");
        }
    }
    let headers = reply.headers.keys().map(ToString::to_string).collect();
    (reply.status.as_u16(), headers, json)
}

#[tokio::test]
async fn unknown_identifiers_are_answered_like_known_ones() {
    let rig = Rig::new();
    let mut client = rig.client();
    let owner = Owner::new("jo@example.org");
    owner.register(&mut client, &Device::new()).await;
    client.token = None;
    let nobody = Owner::new("no@example.org");
    assert_eq!(
        bare(&owner.challenge(&client).await.is(200)),
        bare(&nobody.challenge(&client).await.is(200))
    );
    for failure in 1..=5 {
        let (known, unknown) = (owner.guess(&client).await, nobody.guess(&client).await);
        assert_eq!(bare(&known), bare(&unknown), "failure {failure}");
        known.refuses(403, "login-refused");
    }
    let (known, unknown) = (owner.guess(&client).await, nobody.guess(&client).await);
    assert_eq!(bare(&known), bare(&unknown));
    assert_eq!(
        known.refuses(429, "too-many").retry_after(),
        unknown.refuses(429, "too-many").retry_after()
    );
}

#[tokio::test]
async fn waits_grow_and_end_and_a_right_password_forgives() {
    let rig = Rig::new();
    let mut client = rig.client();
    let owner = Owner::new("jo@example.org");
    owner.register(&mut client, &Device::new()).await;
    for _ in 0..5 {
        owner.guess(&client).await.refuses(403, "login-refused");
    }
    assert_eq!(
        owner
            .sign_in(&mut client)
            .await
            .refuses(429, "too-many")
            .retry_after(),
        30
    );
    rig.advance(30);
    owner.guess(&client).await.refuses(403, "login-refused");
    assert_eq!(
        owner
            .sign_in(&mut client)
            .await
            .refuses(429, "too-many")
            .retry_after(),
        60
    );
    rig.advance(60);
    owner.sign_in(&mut client).await.is(200);
    for _ in 0..4 {
        owner.guess(&client).await.refuses(403, "login-refused");
    }
    owner.sign_in(&mut client).await.is(200);
}

#[tokio::test]
async fn wrong_tries_with_a_strangers_key_do_not_keep_the_owner_out_on_a_device_of_theirs() {
    let rig = Rig::new();
    let owner = Owner::new("jo@example.org");
    let (mut bound, mut signed_in) = (rig.client(), rig.client());
    owner.register(&mut bound, &Device::new()).await;
    owner.sign_in(&mut signed_in).await.is(200);
    let mut stranger = rig.client();
    for _ in 0..5 {
        owner.guess(&stranger).await.refuses(403, "login-refused");
    }
    // Strangers of one network wait together, the owner on a new device included.
    owner.guess(&stranger).await.refuses(429, "too-many");
    owner.sign_in(&mut stranger).await.refuses(429, "too-many");
    owner.sign_in(&mut rig.client()).await.refuses(429, "too-many");
    owner.sign_in(&mut bound).await.is(200);
    owner.sign_in(&mut signed_in).await.is(200);
    // Which doesn't shorten the strangers' wait.
    owner.guess(&stranger).await.refuses(429, "too-many");
    // A key that was the account's is no way to guess on: it counts for itself, not without counting.
    for _ in 0..5 {
        owner.guess(&bound).await.refuses(403, "login-refused");
    }
    owner.sign_in(&mut bound).await.refuses(429, "too-many");
    owner.sign_in(&mut signed_in).await.is(200);
}

#[tokio::test]
async fn wrong_tries_from_one_network_do_not_keep_the_owner_out_on_a_new_device_in_another() {
    let rig = Rig::new();
    let owner = Owner::new("jo@example.org");
    owner.register(&mut rig.client(), &Device::new()).await;
    let nobody = Owner::new("no@example.org");
    for _ in 0..5 {
        let mut thief = rig.client();
        thief.from = Some("198.51.100.4");
        owner.guess(&thief).await.refuses(403, "login-refused");
        nobody.guess(&thief).await.refuses(403, "login-refused");
    }
    // A fresh key, another address of the network.
    let mut thief = rig.client();
    thief.from = Some("198.51.100.7");
    owner.sign_in(&mut thief).await.refuses(429, "too-many");
    let mut new = rig.client();
    new.from = Some("203.0.113.4");
    nobody.guess(&new).await.refuses(403, "login-refused");
    owner.sign_in(&mut new).await.is(200);
    owner.sign_in(&mut thief).await.refuses(429, "too-many");
}

#[tokio::test]
async fn who_guesses_from_many_networks_has_a_hundred_tries_an_hour_for_one_address() {
    let rig = Rig::new();
    let owner = Owner::new("jo@example.org");
    let mut bound = rig.client();
    owner.register(&mut bound, &Device::new()).await;
    let nobody = Owner::new("no@example.org");
    let mut networks = (0..255_u8).map(|network| -> &'static str { format!("198.51.{network}.1").leak() });
    for _ in 0..25 {
        let mut client = rig.client();
        client.from = networks.next();
        for subject in [&owner, &nobody] {
            for _ in 0..4 {
                subject.guess(&client).await.refuses(403, "login-refused");
            }
        }
    }
    let mut fresh = rig.client();
    fresh.from = networks.next();
    let (known, unknown) = (owner.guess(&fresh).await, nobody.guess(&fresh).await);
    assert_eq!(bare(&known), bare(&unknown));
    let wait = known.refuses(429, "too-many").retry_after();
    assert_eq!(wait, unknown.retry_after());
    owner.sign_in(&mut bound).await.is(200);
    rig.advance(wait);
    owner.sign_in(&mut fresh).await.is(200);
}

#[tokio::test]
async fn a_key_of_one_account_is_a_strangers_to_another() {
    let rig = Rig::new();
    let (jo, al) = (Owner::new("jo@example.org"), Owner::new("al@example.org"));
    let (mut jos, mut als) = (rig.client(), rig.client());
    jo.register(&mut jos, &Device::new()).await;
    al.register(&mut als, &Device::new()).await;
    for _ in 0..5 {
        jo.guess(&als).await.refuses(403, "login-refused");
    }
    jo.guess(&rig.client()).await.refuses(429, "too-many");
    al.sign_in(&mut als).await.is(200);
}

#[tokio::test]
async fn a_wait_survives_a_restart_and_is_never_for_good() {
    let rig = Rig::new();
    let owner = Owner::new("jo@example.org");
    owner.register(&mut rig.client(), &Device::new()).await;
    let mut client = rig.client();
    for _ in 0..12 {
        let reply = owner.guess(&client).await;
        if reply.status.as_u16() == 429 {
            assert!(reply.retry_after() <= 3600);
            rig.advance(reply.retry_after());
            owner.guess(&client).await.refuses(403, "login-refused");
        }
    }
    let key = SigningKey::from_seed(client.key.seed());
    let wait = owner.guess(&client).await.refuses(429, "too-many").retry_after();
    drop(client);
    let rig = rig.restart();
    client = rig.client();
    client.key = key;
    owner.sign_in(&mut client).await.refuses(429, "too-many");
    rig.advance(wait);
    owner.sign_in(&mut client).await.is(200);
}

#[tokio::test]
async fn a_nonce_is_good_once_for_a_minute_and_for_one_key_and_identifier() {
    let rig = Rig::new();
    let mut client = rig.client();
    let owner = Owner::new("jo@example.org");
    owner.register(&mut client, &Device::new()).await;
    let challenge = owner.challenge(&client).await.is(200);
    let body = owner.login_body(&client, &challenge, &owner.login);
    client.post("/v1/login", &body).await.is(200);
    client
        .post("/v1/login", &body)
        .await
        .refuses(403, "login-refused");
    let late = owner.challenge(&client).await.is(200);
    rig.advance(60);
    client
        .post("/v1/login", &owner.login_body(&client, &late, &owner.login))
        .await
        .refuses(403, "login-refused");
    let stranger = rig.client();
    let stolen = owner.challenge(&client).await.is(200);
    let body = owner.login_body(&stranger, &stolen, &owner.login);
    stranger
        .post("/v1/login", &body)
        .await
        .refuses(403, "login-refused");
    let foreign = Owner::new("no@example.org").challenge(&client).await.is(200);
    let body = owner.login_body(&client, &foreign, &owner.login);
    client
        .post("/v1/login", &body)
        .await
        .refuses(403, "login-refused");
}

#[tokio::test]
async fn a_signature_for_another_origin_action_or_key_is_refused() {
    let rig = Rig::new();
    let mut client = rig.client();
    let owner = Owner::new("jo@example.org");
    owner.register(&mut client, &Device::new()).await;
    let statement = |nonce: &str| belay_proto::signed::LoginStatement {
        origin: super::rig::ORIGIN.into(),
        identifier: owner.address.clone(),
        nonce: belay_proto::text::from_base64url(nonce).unwrap(),
        action: "sign-in".into(),
        thumbprint: client.key.public().thumbprint(),
    };
    let spoils: [fn(&mut belay_proto::signed::LoginStatement); 4] = [
        |s| s.origin = "https://evil.example.org".into(),
        |s| s.action = "reauthenticate".into(),
        |s| s.thumbprint = [0; 32],
        |s| s.identifier = "no@example.org".into(),
    ];
    for spoil in spoils {
        let nonce = owner.challenge(&client).await.is(200).text("nonce");
        let mut spoiled = statement(&nonce);
        spoil(&mut spoiled);
        let signature = spoiled.sign(&owner.login).to_string();
        let body = json!({ "identifier": owner.address, "nonce": nonce, "action": "sign-in", "signature": signature });
        client
            .post("/v1/login", &body)
            .await
            .refuses(403, "login-refused");
    }
    let nonce = owner.challenge(&client).await.is(200).text("nonce");
    let signature = statement(&nonce).sign(&owner.login).to_string();
    let body =
        json!({ "identifier": owner.address, "nonce": nonce, "action": "wipe", "signature": signature });
    client.post("/v1/login", &body).await.refuses(400, "malformed");
}

#[tokio::test]
async fn a_password_typed_for_a_command_signs_in_for_it() {
    let rig = Rig::new();
    let mut client = rig.client();
    let owner = Owner::new("jo@example.org");
    owner.register(&mut client, &Device::new()).await;
    for action in ["reauthenticate", "command"] {
        let nonce = owner.challenge(&client).await.is(200).text("nonce");
        let statement = belay_proto::signed::LoginStatement {
            origin: super::rig::ORIGIN.into(),
            identifier: owner.address.clone(),
            nonce: belay_proto::text::from_base64url(&nonce).unwrap(),
            action: action.into(),
            thumbprint: client.key.public().thumbprint(),
        };
        let signature = statement.sign(&owner.login).to_string();
        let body =
            json!({ "identifier": owner.address, "nonce": nonce, "action": action, "signature": signature });
        client.post("/v1/login", &body).await.is(200);
    }
}

#[tokio::test]
async fn networks_have_a_budget_for_guessing() {
    let rig = Rig::new();
    let mut client = rig.client();
    client.from = Some("198.51.100.4");
    for n in 0..30 {
        Owner::new(&format!("a{n}@example.org"))
            .challenge(&client)
            .await
            .is(200);
    }
    client.from = Some("198.51.100.5");
    Owner::new("b@example.org")
        .challenge(&client)
        .await
        .refuses(429, "too-many");
    client.from = Some("198.51.101.5");
    Owner::new("b@example.org").challenge(&client).await.is(200);
}

#[tokio::test]
async fn identifiers_that_are_none_are_named_so() {
    let rig = Rig::new();
    let client = rig.client();
    for bad in ["", "jo", "jo@", "+12"] {
        let reply = client
            .post("/v1/login/challenge", &json!({ "identifier": bad }))
            .await;
        reply.refuses(400, "invalid-address");
    }
}
