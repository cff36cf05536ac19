//! Making an account.

use belay_proto::keys::{KdfParameters, SigningKey};
use belay_proto::text::base64url;
use serde_json::{Value, json};

use super::owner::{Device, Owner, access_token, signed};
use super::rig::{Rig, settings};

#[tokio::test]
async fn an_account_stands_with_its_first_device() {
    let rig = Rig::new();
    let mut client = rig.client();
    let (owner, device) = (Owner::new("Jo@example.org"), Device::new());
    let created = owner.register(&mut client, &device).await;
    assert_eq!(created.text("account"), owner.account.to_string());
    let account = client.get("/v1/account").await.is(200).json();
    assert_eq!(account["identifiers"][0]["masked"], "J•••@e•••.org");
    assert_eq!(account["profile"]["display_name"], "Jo");
    assert_eq!(account["created_at"], 1_800_000_000);
    let devices = client.get("/v1/devices").await.is(200).json();
    assert_eq!(devices["devices"].as_array().unwrap().len(), 1);
    assert_eq!(devices["devices"][0]["current"], true);
    assert_eq!(devices["devices"][0]["name"], "Jo's Phone");
    client.token = None;
    let credentials = client
        .get("/v1/account/credentials")
        .await
        .is(200)
        .text("credentials");
    assert_eq!(credentials, signed(&owner.record(), &owner.owner));
}

#[tokio::test]
async fn a_ticket_is_good_for_one_account() {
    let rig = Rig::new();
    let client = rig.client();
    let (owner, device) = (Owner::new("jo@example.org"), Device::new());
    let ticket = owner.ticket(&client).await;
    client
        .post("/v1/accounts", &owner.account_body(&client, &device, &ticket))
        .await
        .is(201);
    let other = Owner::new("jo@example.org");
    let body = other.account_body(&client, &Device::new(), &ticket);
    client
        .post("/v1/accounts", &body)
        .await
        .refuses(403, "bad-ticket");
    for bad in ["", "AAAA", &base64url(&[0; 48]), "ä"] {
        client
            .post("/v1/accounts", &other.account_body(&client, &Device::new(), bad))
            .await
            .refuses(403, "bad-ticket");
    }
}

#[tokio::test]
async fn a_ticket_ends_with_its_verification() {
    let rig = Rig::new();
    let client = rig.client();
    let owner = Owner::new("jo@example.org");
    let ticket = owner.ticket(&client).await;
    rig.advance(24 * 3600);
    let body = owner.account_body(&client, &Device::new(), &ticket);
    client
        .post("/v1/accounts", &body)
        .await
        .refuses(403, "bad-ticket");
}

#[tokio::test]
async fn what_the_owner_key_did_not_sign_makes_no_account() {
    let rig = Rig::new();
    let client = rig.client();
    let (owner, device) = (Owner::new("jo@example.org"), Device::new());
    let ticket = owner.ticket(&client).await;
    let good = owner.account_body(&client, &device, &ticket);
    let stranger = SigningKey::generate();
    let with = |field: &str, value: String| {
        let mut body = good.clone();
        body[field] = Value::String(value);
        body
    };
    let mut record = owner.record();
    record.generation = 2;
    let mut weak = owner.record();
    weak.parameters = KdfParameters {
        memory_kib: 1024,
        iterations: 1,
        parallelism: 1,
    };
    let mut heavy = owner.record();
    heavy.parameters = KdfParameters {
        memory_kib: 4_000_000,
        iterations: 3,
        parallelism: 1,
    };
    for bad in [
        with("credentials", signed(&owner.record(), &stranger)),
        with("credentials", signed(&record, &owner.owner)),
        with("credentials", signed(&weak, &owner.owner)),
        with("credentials", signed(&heavy, &owner.owner)),
        with("credentials", owner.certify(&client, &device)),
        with("credentials", "AAAA".into()),
        with("owner", stranger.public().to_string()),
    ] {
        client
            .post("/v1/accounts", &bad)
            .await
            .refuses(403, "bad-credentials");
    }
    let mut foreign = owner.certificate(&client, &device);
    foreign.account = Owner::new("x@example.org").account;
    let mut other_key = owner.certificate(&client, &device);
    other_key.device_key = stranger.public();
    let mut other_id = owner.certificate(&client, &device);
    other_id.epoch = Device::new().epoch;
    for bad in [
        with(
            "certificate",
            signed(&owner.certificate(&client, &device), &stranger),
        ),
        with("certificate", signed(&foreign, &owner.owner)),
        with("certificate", signed(&other_key, &owner.owner)),
        with("certificate", signed(&other_id, &owner.owner)),
        with("certificate", "AAAA".into()),
    ] {
        client
            .post("/v1/accounts", &bad)
            .await
            .refuses(403, "bad-certificate");
    }
    for (field, value) in [
        ("share", json!("AAAA")),
        ("keyring", json!("")),
        ("device_name", json!("")),
        ("profile", json!({ "country": "Austria" })),
        ("profile", json!({ "surprise": 1 })),
        ("release", json!("AAAA")),
    ] {
        let mut bad = good.clone();
        bad[field] = value;
        client.post("/v1/accounts", &bad).await.refuses(400, "malformed");
    }
    // After all of that nothing is left behind: the good one still goes through.
    client.post("/v1/accounts", &good).await.is(201);
}

#[tokio::test]
async fn an_account_exists_once() {
    let rig = Rig::new();
    let client = rig.client();
    let owner = Owner::new("jo@example.org");
    let ticket = owner.ticket(&client).await;
    client
        .post(
            "/v1/accounts",
            &owner.account_body(&client, &Device::new(), &ticket),
        )
        .await
        .is(201);
    let again = Owner {
        address: "another@example.org".into(),
        ..owner
    };
    let ticket = again.ticket(&client).await;
    let body = again.account_body(&client, &Device::new(), &ticket);
    client
        .post("/v1/accounts", &body)
        .await
        .refuses(409, "account-exists");
}

#[tokio::test]
async fn a_refused_account_leaves_nothing_behind() {
    let rig = Rig::new();
    let mut first = rig.client();
    let (victim, device) = (Owner::new("jo@example.org"), Device::new());
    victim.register(&mut first, &device).await;
    let thief = rig.client();
    let robber = Owner::new("thief@example.org");
    let ticket = robber.ticket(&thief).await;
    let body = robber.account_body(&thief, &device.reset(), &ticket);
    let refused = thief
        .post("/v1/accounts", &body)
        .await
        .refuses(409, "activation-locked");
    assert_eq!(refused.text("login"), "j•••@e•••.org");
    thief
        .get("/v1/account/credentials")
        .await
        .refuses(403, "not-bound");
    // Address, ticket and account id are free still.
    let body = robber.account_body(&thief, &Device::new(), &ticket);
    thief.post("/v1/accounts", &body).await.is(201);
}

#[tokio::test]
async fn the_creation_again_answers_the_same_account_with_tokens_that_work() {
    let rig = Rig::new();
    let mut client = rig.client();
    let (owner, device) = (Owner::new("jo@example.org"), Device::new());
    let ticket = owner.ticket(&client).await;
    let body = owner.account_body(&client, &device, &ticket);
    let first = client.post_with("/v1/accounts", &body, "once").await.is(201);
    let second = client.post_with("/v1/accounts", &body, "once").await.is(201);
    assert_eq!(first.text("device"), second.text("device"));
    for reply in [first, second] {
        client.token = Some(access_token(&reply));
        client.get("/v1/account").await.is(200);
    }
}

#[tokio::test]
async fn everything_survives_a_restart() {
    let rig = Rig::new();
    let (owner, device) = (Owner::new("jo@example.org"), Device::new());
    let mut client = rig.client();
    owner.register(&mut client, &device).await;
    let (key, token) = (SigningKey::from_seed(client.key.seed()), client.token.take());
    drop(client);
    let rig = rig.restart();
    let mut client = rig.client();
    client.key = key;
    client.token = token;
    client.get("/v1/account").await.is(200);
    owner.sign_in(&mut client).await.is(200);
}

#[tokio::test]
async fn the_database_names_neither_address_nor_hardware_nor_share() {
    let rig = Rig::new();
    let mut client = rig.client();
    let (owner, device) = (Owner::new("jolanthe@example.org"), Device::new());
    owner.register(&mut client, &device).await;
    let data = settings(&rig.folder).data;
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(data).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() && path.file_name().unwrap() != "server.key" {
            bytes.extend(std::fs::read(path).unwrap());
        }
    }
    let holds = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
    assert!(holds(owner.account.as_bytes()), "the search finds what is there");
    let login = owner.login.public();
    for secret in [
        b"jolanthe".as_slice(),
        b"Jo's Phone",
        device.hardware.as_bytes(),
        login.as_bytes(),
        &owner.salt,
        &[9; 32],
        client.token.as_deref().unwrap().as_bytes(),
    ] {
        assert!(!holds(secret), "{secret:?}");
    }
}
