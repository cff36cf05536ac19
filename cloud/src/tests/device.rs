//! Binding, the lock, and letting go.

use belay_proto::keys::SigningKey;
use serde_json::{Value, json};

use super::owner::{Device, Owner, access_token, refresh_token, signed};
use super::rig::{Client, Reply, Rig};
use crate::messages::Notice;

async fn bind(owner: &Owner, client: &Client<'_>, device: &Device, release: Option<String>) -> Reply {
    let mut body = json!({ "certificate": owner.certify(client, device), "name": "Tablet" });
    if let Some(release) = release {
        body["release"] = Value::String(release);
    }
    client.post("/v1/devices", &body).await
}

async fn check(rig: &Rig, device: &Device, unprinted: bool) -> Value {
    let body =
        json!({ "hardware": device.hardware.to_string(), "unprinted": unprinted, "pow": rig.work().await });
    rig.post("/v1/hardware/check", &body).await.is(200).json()
}

async fn bring(rig: &Rig, release: &str) -> Reply {
    rig.post("/v1/releases", &json!({ "release": release })).await
}

#[tokio::test]
async fn each_device_is_listed_with_the_kind_that_it_told_and_with_none_where_it_told_none() {
    let rig = Rig::new();
    let owner = Owner::new("jo@example.org");
    let mut first = rig.client();
    let ticket = owner.ticket(&first).await;
    let mut body = owner.account_body(&first, &Device::new(), &ticket);
    for wrong in [json!("unknown"), json!("Jo's"), json!(7)] {
        body["device_kind"] = wrong;
        first.post("/v1/accounts", &body).await.refuses(400, "malformed");
    }
    body["device_kind"] = json!("phone");
    let made = first.post("/v1/accounts", &body).await.is(201);
    first.token = Some(access_token(&made));
    for kind in [None, Some("watch")] {
        let mut another = rig.client();
        owner.sign_in(&mut another).await.is(200);
        rig.advance(60);
        let mut body = json!({ "certificate": owner.certify(&another, &Device::new()), "name": "Other" });
        if let Some(kind) = kind {
            body["kind"] = json!("glasses");
            another.post("/v1/devices", &body).await.refuses(400, "malformed");
            body["kind"] = json!(kind);
        }
        another.post("/v1/devices", &body).await.is(201);
    }
    let list = first.get("/v1/devices").await.is(200).json();
    let listed = list["devices"].as_array().unwrap().iter();
    let kinds: Vec<_> = listed.map(|device| device.get("kind")).collect();
    assert_eq!(kinds, [Some(&json!("phone")), None, Some(&json!("watch"))]);
}

#[tokio::test]
async fn a_second_device_is_bound_listed_and_renamed() {
    let rig = Rig::new();
    let owner = Owner::new("jo@example.org");
    owner.register(&mut rig.client(), &Device::new()).await;
    let mut second = rig.client();
    owner.sign_in(&mut second).await.is(200);
    rig.advance(60);
    let id = bind(&owner, &second, &Device::new(), None)
        .await
        .is(201)
        .text("device");
    let list = second.get("/v1/devices").await.is(200).json();
    let names: Vec<_> = list["devices"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| (&d["name"], &d["current"]))
        .collect();
    assert_eq!(
        names,
        [
            (&json!("Jo's Phone"), &json!(false)),
            (&json!("Tablet"), &json!(true))
        ]
    );
    let path = format!("/v1/devices/{id}");
    let rename = json!({ "name": "Kitchen" });
    second
        .call("PATCH", &path, Some(&rename), Some("r"))
        .await
        .is(204);
    assert_eq!(
        second.get("/v1/devices").await.json()["devices"][1]["name"],
        "Kitchen"
    );
    let mut other = rig.client();
    Owner::new("x@example.org")
        .register(&mut other, &Device::new())
        .await;
    other
        .call("PATCH", &path, Some(&rename), Some("r"))
        .await
        .refuses(404, "not-found");
    other
        .call("PATCH", "/v1/devices/zz", Some(&rename), Some("s"))
        .await
        .refuses(404, "not-found");
}

#[tokio::test]
async fn the_same_certificate_again_is_the_same_device() {
    let rig = Rig::new();
    let owner = Owner::new("jo@example.org");
    let mut client = rig.client();
    owner.register(&mut client, &Device::new()).await;
    let device = Device::new();
    let body = json!({ "certificate": owner.certify(&client, &device), "name": "Tablet" });
    let first = client.post("/v1/devices", &body).await.is(201).text("device");
    assert_eq!(
        client.post("/v1/devices", &body).await.is(201).text("device"),
        first
    );
    assert_eq!(
        client.get("/v1/devices").await.json()["devices"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    // Another certificate for the same id (its box key differs) is not.
    bind(&owner, &client, &device, None)
        .await
        .refuses(403, "bad-certificate");
}

#[tokio::test]
async fn anothers_hardware_stays_locked_until_its_release_comes() {
    let rig = Rig::new();
    let (owner, device) = (Owner::new("jo@example.org"), Device::new());
    let mut first = rig.client();
    owner.register(&mut first, &device).await;
    let buyer = Owner::new("buyer@example.org");
    let mut second = rig.client();
    buyer.register(&mut second, &Device::new()).await;
    let reset = device.reset();
    let refused = bind(&buyer, &second, &reset, None)
        .await
        .refuses(409, "activation-locked");
    assert_eq!(refused.text("login"), "j•••@e•••.org");
    assert_eq!(
        check(&rig, &device, true).await,
        json!({ "locked": true, "login": "j•••@e•••.org" })
    );
    bring(&rig, &device.release(&owner)).await.is(204);
    bring(&rig, &device.release(&owner)).await.is(204);
    assert_eq!(check(&rig, &device, true).await, json!({ "locked": false }));
    bind(&buyer, &second, &reset, None).await.is(201);
    // The release is spent: it doesn't free the new owner's binding.
    bring(&rig, &device.release(&owner)).await.is(204);
    assert_eq!(check(&rig, &device, true).await["login"], "b•••@e•••.org");
}

#[tokio::test]
async fn a_release_may_come_along_with_the_next_binding() {
    let rig = Rig::new();
    let (owner, device) = (Owner::new("jo@example.org"), Device::new());
    owner.register(&mut rig.client(), &device).await;
    let (buyer, client) = (Owner::new("buyer@example.org"), rig.client());
    let ticket = buyer.ticket(&client).await;
    let mut body = buyer.account_body(&client, &device.reset(), &ticket);
    // Another device's release changes nothing.
    body["release"] = Value::String(Device::new().release(&owner));
    client
        .post("/v1/accounts", &body)
        .await
        .refuses(409, "activation-locked");
    body["release"] = Value::String(device.release(&owner));
    client.post("/v1/accounts", &body).await.is(201);
}

#[tokio::test]
async fn releases_that_prove_nothing_free_nothing() {
    let rig = Rig::new();
    let (owner, device) = (Owner::new("jo@example.org"), Device::new());
    owner.register(&mut rig.client(), &device).await;
    let forged = Device {
        warden: SigningKey::generate(),
        ..device.reset()
    };
    let unknown = bring(&rig, &forged.release(&owner))
        .await
        .refuses(403, "bad-release");
    let id = belay_proto::id::device_id(&device.warden.public(), &device.epoch);
    let mut release = belay_proto::signed::Release {
        account: owner.account,
        device: id,
        epoch: device.epoch,
        hardware: device.hardware,
    };
    // Nobody learns which devices there are.
    let known = bring(&rig, &signed(&release, &SigningKey::generate())).await;
    assert_eq!((known.status, &known.body), (unknown.status, &unknown.body));
    bring(&rig, &signed(&release, &owner.owner))
        .await
        .refuses(403, "bad-release");
    release.hardware = Device::new().hardware;
    bring(&rig, &signed(&release, &device.warden))
        .await
        .refuses(403, "bad-release");
    release.hardware = device.hardware;
    release.epoch = Device::new().epoch;
    bring(&rig, &signed(&release, &device.warden))
        .await
        .refuses(403, "bad-release");
    bring(&rig, "AAAA").await.refuses(400, "malformed");
    assert_eq!(check(&rig, &device, true).await["locked"], true);
}

#[tokio::test]
async fn a_release_ends_the_devices_sessions_and_its_command_channel() {
    let rig = Rig::new();
    let (owner, device) = (Owner::new("jo@example.org"), Device::new());
    let mut client = rig.client();
    let created = owner.register(&mut client, &device).await;
    let mut other = rig.client();
    owner.sign_in(&mut other).await.is(200);
    bring(&rig, &device.release(&owner)).await.is(204);
    client.get("/v1/account").await.refuses(401, "invalid-token");
    client.token = None;
    client
        .get("/v1/account/credentials")
        .await
        .refuses(403, "not-bound");
    let body = json!({ "refresh_token": refresh_token(&created) });
    client
        .post("/v1/token", &body)
        .await
        .refuses(400, "invalid-grant");
    // Other devices of the account go on.
    other.get("/v1/account").await.is(200);
}

#[tokio::test]
async fn an_owner_binds_own_hardware_anew_and_the_old_release_is_void() {
    let rig = Rig::new();
    let (owner, device) = (Owner::new("jo@example.org"), Device::new());
    let mut before = rig.client();
    owner.register(&mut before, &device).await;
    before.get("/v1/account/credentials").await.is(200);
    let mut client = rig.client();
    owner.sign_in(&mut client).await.is(200);
    let reset = device.reset();
    bind(&owner, &client, &reset, None).await.is(201);
    before.get("/v1/account").await.refuses(401, "invalid-token");
    before.token = None;
    before
        .get("/v1/account/credentials")
        .await
        .refuses(403, "not-bound");
    assert_eq!(
        client.get("/v1/devices").await.json()["devices"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    bring(&rig, &device.release(&owner))
        .await
        .refuses(409, "other-epoch");
    assert_eq!(check(&rig, &device, true).await["locked"], true);
    bring(&rig, &reset.release(&owner)).await.is(204);
    assert_eq!(check(&rig, &device, true).await["locked"], false);
}

#[tokio::test]
async fn hardware_without_an_unprinted_part_is_never_locked() {
    let rig = Rig::new();
    let owner = Owner::new("jo@example.org");
    let device = Device {
        locked: false,
        ..Device::new()
    };
    owner.register(&mut rig.client(), &device).await;
    assert_eq!(check(&rig, &device, true).await, json!({ "locked": false }));
    let (buyer, client) = (Owner::new("buyer@example.org"), rig.client());
    let ticket = buyer.ticket(&client).await;
    let body = buyer.account_body(&client, &device.reset(), &ticket);
    client.post("/v1/accounts", &body).await.is(201);
}

#[tokio::test]
async fn whoever_makes_up_an_id_without_an_unprinted_part_locks_nobodys_hardware() {
    let rig = Rig::new();
    let made_up = Device::new();
    Owner::new("liar@example.org")
        .register(&mut rig.client(), &made_up)
        .await;
    let honest = Device {
        locked: false,
        ..made_up.reset()
    };
    assert_eq!(check(&rig, &honest, false).await, json!({ "locked": false }));
    let (owner, mut client) = (Owner::new("jo@example.org"), rig.client());
    owner.register(&mut client, &honest).await;
    client.get("/v1/account").await.is(200);
    // What the liar holds stays locked to whoever says that it can be.
    let thief = Owner::new("thief@example.org");
    let mut second = rig.client();
    thief.register(&mut second, &Device::new()).await;
    bind(&thief, &second, &made_up.reset(), None)
        .await
        .refuses(409, "activation-locked");
    let tablet = Device {
        locked: false,
        ..made_up.reset()
    };
    bind(&thief, &second, &tablet, None).await.is(201);
}

#[tokio::test]
async fn a_hardware_check_costs_work() {
    let rig = Rig::new();
    let pow = rig.work().await;
    let body = json!({ "hardware": "00".repeat(32), "unprinted": true, "pow": pow });
    rig.post("/v1/hardware/check", &body).await.is(200);
    rig.post("/v1/hardware/check", &body)
        .await
        .refuses(403, "proof-of-work-refused");
}

#[tokio::test]
async fn certificates_of_strangers_bind_nothing() {
    let rig = Rig::new();
    let (owner, stranger) = (Owner::new("jo@example.org"), Owner::new("x@example.org"));
    let mut client = rig.client();
    owner.register(&mut client, &Device::new()).await;
    let forger = Owner {
        account: owner.account,
        ..Owner::new("y@example.org")
    };
    for certificate in [
        stranger.certify(&client, &Device::new()),
        forger.certify(&client, &Device::new()),
        "AAAA".to_owned(),
    ] {
        let body = json!({ "certificate": certificate, "name": "x" });
        client
            .post("/v1/devices", &body)
            .await
            .refuses(403, "bad-certificate");
    }
    let elsewhere = rig.client();
    let body = json!({ "certificate": owner.certify(&elsewhere, &Device::new()), "name": "x" });
    client
        .post("/v1/devices", &body)
        .await
        .refuses(403, "bad-certificate");
}

#[tokio::test]
async fn an_operator_settles_a_dispute() {
    let rig = Rig::new();
    let (owner, device) = (Owner::new("jo@example.org"), Device::new());
    owner.register(&mut rig.client(), &device).await;
    let (data, hardware) = (rig.app.settings.data.clone(), device.hardware.to_string());
    let settings = &rig.app.settings;
    let shown = crate::admin::hardware::show(&data, &hardware).unwrap();
    assert!(
        shown.starts_with("active locked") && shown.contains(&owner.account.to_string()),
        "{shown}"
    );
    // A dead device tells nobody what its hardware is called; the account's list has the device.
    let account = crate::admin::accounts::show(&data, "jo@example.org").unwrap();
    let mut listed = account.lines().filter_map(|line| line.strip_prefix("device "));
    let listed = listed.next().unwrap().split(' ').next().unwrap();
    assert_eq!(crate::admin::hardware::show(&data, listed).unwrap(), shown);
    assert_eq!(
        crate::admin::hardware::release(settings, listed).unwrap(),
        "released 1"
    );
    assert_eq!(
        crate::admin::hardware::show(&data, &"00".repeat(16)).unwrap(),
        "never bound"
    );
    assert!(crate::admin::hardware::release(settings, &hardware).is_err());
    assert_eq!(check(&rig, &device, true).await["locked"], false);
    let told = Notice::DeviceReleased { device: "Jo's Phone" };
    rig.told_by_an_operator("jo@example.org", &[told]).await;
    assert!(crate::admin::hardware::show(&data, "nonsense").is_err());
    assert_eq!(
        crate::admin::hardware::show(&data, &"00".repeat(32)).unwrap(),
        "never bound"
    );
}
