//! A new root: the owner key moves, and a device that was away walks after it.

use belay_proto::keys::{SigningKey, sha256};
use belay_proto::signed::{Deed, DeviceCertificate, Signed, Succession};
use belay_proto::text::{base64url, from_base64url};
use serde_json::{Value, json};

use super::super::owner::{Owner, signed};
use super::super::rig::{Client, Rig};
use super::{FIRST, House, SECOND, fetched, next, order, put, record};

const PATH: &str = "/v1/account/credentials";

/// The certificates of the account's devices, as the cloud has them.
pub(super) async fn certificates(client: &Client<'_>) -> Vec<DeviceCertificate> {
    let devices = client.get("/v1/devices").await.is(200).json();
    let devices = devices["devices"].as_array().unwrap();
    let read = |device: &Value| {
        let bytes = from_base64url(device["certificate"].as_str().unwrap()).unwrap();
        Signed::decode(&bytes).unwrap().peek_unverified().unwrap()
    };
    devices.iter().map(read).collect()
}

pub struct NewRoot {
    owner: Owner,
    succession: Succession,
    certificates: Vec<DeviceCertificate>,
    pub body: Value,
}

/// The same owner with another root, of this generation.
pub async fn new_root(house: &House<'_>, now: &Owner, generation: u64, before: &[u8]) -> NewRoot {
    let owner = Owner {
        owner: SigningKey::generate(),
        login: SigningKey::generate(),
        address: now.address.clone(),
        ..*now
    };
    let record = record(&owner, generation, &owner.login);
    let mut body = next(&owner, &record, before);
    let credentials = from_base64url(body["credentials"].as_str().unwrap()).unwrap();
    let succession = Succession {
        account: owner.account,
        generation,
        owner: owner.owner.public(),
        report_box: [6; 32],
        credentials: sha256(&credentials),
    };
    let mut certificates = certificates(house.phone()).await;
    for certificate in &mut certificates {
        certificate.key_epoch += 1;
    }
    body["succession"] = json!(signed(&succession, &now.owner));
    body["grants"] = grants(&certificates, &owner.owner);
    NewRoot {
        owner,
        succession,
        certificates,
        body,
    }
}

fn grants(certificates: &[DeviceCertificate], key: &SigningKey) -> Value {
    let grant = |certificate: &DeviceCertificate| {
        json!({
            "device": certificate.device,
            "keyring": base64url(&[5; 90]),
            "certificate": signed(certificate, key),
        })
    };
    certificates.iter().map(grant).collect()
}

#[tokio::test]
async fn a_device_that_was_away_for_two_new_roots_gets_both_in_order() {
    let rig = Rig::new();
    let mut house = House::new(&rig).await;
    let one = new_root(&house, house.owner(), 2, &FIRST).await;
    put(house.phone(), PATH, &one.body).await.is(204);
    let two = new_root(&house, &one.owner, 3, &SECOND).await;
    put(house.phone(), PATH, &two.body).await.is(204);
    let tablet = house.tablet.id();
    let there = fetched(&mut house.second).await;
    assert_eq!(there["credentials"], two.body["credentials"]);
    let successions = there["successions"].as_array().unwrap();
    for (told, root) in successions.iter().zip([&one, &two]) {
        let certificate = root.certificates.iter().find(|it| it.device == tablet).unwrap();
        assert_eq!(
            *told,
            json!({
                "succession": root.body["succession"],
                "credentials": root.body["credentials"],
                "certificate": signed(certificate, &root.owner.owner),
            })
        );
    }
    assert_eq!(successions.len(), 2);
    // From here on the new owner key counts, and the old one is nobody's.
    let old = json!({ "order": order(house.owner(), 3, Deed::DeleteAccount) });
    super::delete(house.phone(), "/v1/account", &old)
        .await
        .refuses(403, "bad-order");
    let answer = two.owner.sign_in(&mut house.second).await.is(200);
    assert_eq!(answer.text("owner"), two.owner.owner.public().to_string());
    for device in answer.json()["devices"].as_array().unwrap() {
        let bytes = from_base64url(device.as_str().unwrap()).unwrap();
        let signed = Signed::decode(&bytes).unwrap();
        signed
            .open::<DeviceCertificate>(&two.owner.owner.public())
            .unwrap();
    }
    // A device bound afterwards has nothing to walk.
    let mut third = rig.client();
    two.owner.sign_in(&mut third).await.is(200);
    let device = super::Device::new();
    super::bind(&two.owner, &third, &device).await.is(201);
    assert!(fetched(&mut third).await.get("successions").is_none());
}

#[tokio::test]
async fn what_another_root_makes_void_is_taken_back() {
    let rig = Rig::new();
    let mut house = House::new(&rig).await;
    let owner = house.owner();
    let mut body = next(owner, &record(owner, 2, &owner.login), &FIRST);
    body["grants"] = json!([{ "device": house.tablet.id(), "keyring": base64url(&[3; 90]) }]);
    put(house.phone(), PATH, &body).await.is(204);
    // The keyring stays good under another password, and not under another owner key.
    let mut body = next(
        house.owner(),
        &record(house.owner(), 3, &house.owner().login),
        &SECOND,
    );
    body["keyring"] = json!(base64url(&SECOND));
    put(house.phone(), PATH, &body).await.is(204);
    assert_eq!(fetched(&mut house.second).await["keyring"], base64url(&[3; 90]));
    let mut root = new_root(&house, house.owner(), 4, &SECOND).await;
    for grant in root.body["grants"].as_array_mut().unwrap() {
        grant.as_object_mut().unwrap().remove("keyring");
    }
    put(house.phone(), PATH, &root.body).await.is(204);
    assert!(fetched(&mut house.second).await.get("keyring").is_none());
}

#[tokio::test]
async fn a_device_that_gets_none_of_the_newer_keys_has_none_to_fetch() {
    let rig = Rig::new();
    let mut house = House::new(&rig).await;
    let (phone, tablet) = (house.home.device.id(), house.tablet.id());
    let owner = house.owner();
    let login = &owner.login;
    let mut body = next(owner, &record(owner, 2, login), &FIRST);
    body["grants"] = json!([{ "device": tablet, "keyring": base64url(&[3; 90]) }]);
    put(house.phone(), PATH, &body).await.is(204);
    let mut body = next(owner, &record(owner, 3, login), &SECOND);
    let ring = signed(&super::delegate(owner, &house.tablet, 3), &owner.owner);
    body["grants"] = json!([
        { "device": phone, "keyring": base64url(&[4; 90]) },
        { "device": tablet, "delegate": ring },
    ]);
    put(house.phone(), PATH, &body).await.is(204);
    let there = fetched(&mut house.second).await;
    assert_eq!((there.get("keyring"), &there["delegate"]), (None, &json!(ring)));
    assert_eq!(
        fetched(&mut house.home.client).await["keyring"],
        base64url(&[4; 90])
    );
}

#[tokio::test]
async fn the_same_goes_for_the_keys_that_follow_the_removal_of_another_device() {
    let rig = Rig::new();
    let mut house = House::new(&rig).await;
    let (watch, mut third) = (super::Device::new(), rig.client());
    house.owner().sign_in(&mut third).await.is(200);
    super::bind(house.owner(), &third, &watch).await.is(201);
    let owner = house.owner();
    let mut body = next(owner, &record(owner, 2, &owner.login), &FIRST);
    body["grants"] = json!([{ "device": house.tablet.id(), "keyring": base64url(&[3; 90]) }]);
    put(house.phone(), PATH, &body).await.is(204);
    let order = super::order(owner, 2, Deed::RemoveDevice(watch.id()));
    let grants = json!([{ "device": house.home.device.id(), "keyring": base64url(&[4; 90]) }]);
    let path = format!("/v1/devices/{}", watch.id());
    super::delete(
        house.phone(),
        &path,
        &super::removal_body(&order, &SECOND, grants),
    )
    .await
    .is(204);
    assert!(fetched(&mut house.second).await.get("keyring").is_none());
}

#[tokio::test]
async fn a_succession_is_the_present_owners_and_names_these_credentials() {
    let rig = Rig::new();
    let house = House::new(&rig).await;
    let root = new_root(&house, house.owner(), 2, &FIRST).await;
    let spoils: [fn(&mut Succession); 4] = [
        |s| s.account = belay_proto::AccountId::random(),
        |s| s.generation = 3,
        |s| s.owner = SigningKey::generate().public(),
        |s| s.credentials = [0; 32],
    ];
    let mut bad: Vec<String> = spoils
        .iter()
        .map(|spoil| {
            let mut succession = root.succession.clone();
            spoil(&mut succession);
            signed(&succession, &house.owner().owner)
        })
        .collect();
    bad.push(signed(&root.succession, &root.owner.owner));
    bad.push(signed(&root.succession, &SigningKey::generate()));
    bad.push("AAAA".into());
    for succession in bad {
        let mut body = root.body.clone();
        body["succession"] = json!(succession);
        put(house.phone(), PATH, &body)
            .await
            .refuses(403, "bad-credentials");
    }
    let mut without = root.body.clone();
    without.as_object_mut().unwrap().remove("succession");
    put(house.phone(), PATH, &without)
        .await
        .refuses(403, "bad-credentials");
    put(house.phone(), PATH, &root.body).await.is(204);
}

#[tokio::test]
async fn with_a_new_root_each_device_gets_a_certificate_that_says_the_same() {
    let rig = Rig::new();
    let house = House::new(&rig).await;
    let root = new_root(&house, house.owner(), 2, &FIRST).await;
    let with = |grants: Value| {
        let mut body = root.body.clone();
        body["grants"] = grants;
        body
    };
    let spoils: [fn(&mut DeviceCertificate); 6] = [
        |c| c.device_key = SigningKey::generate().public(),
        |c| c.warden_key = SigningKey::generate().public(),
        |c| c.epoch = belay_proto::Epoch::random(),
        |c| c.hardware_locked = false,
        |c| c.model = "Another".into(),
        |c| c.key_epoch = 0,
    ];
    let mut bad: Vec<Value> = spoils
        .iter()
        .map(|spoil| {
            let mut certificates = root.certificates.clone();
            spoil(&mut certificates[1]);
            grants(&certificates, &root.owner.owner)
        })
        .collect();
    bad.push(grants(&root.certificates[..1], &root.owner.owner));
    bad.push(grants(&root.certificates, &house.owner().owner));
    bad.push(json!([]));
    for grants in bad {
        put(house.phone(), PATH, &with(grants))
            .await
            .refuses(403, "bad-certificate");
    }
    put(house.phone(), PATH, &root.body).await.is(204);
}
