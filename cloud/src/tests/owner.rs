//! An owner with a device, as the warden would make them; only Argon2id is left out.

use belay_proto::keys::{BoxKey, KdfParameters, SigningKey, random};
use belay_proto::signed::{CredentialsRecord, DeviceCertificate, LoginStatement, Release, Signed};
use belay_proto::text::{base64url, from_base64url};
use belay_proto::{AccountId, DeviceId, Epoch, HardwareId, id};
use serde_json::{Value, json};

use super::rig::{Client, ORIGIN, Reply, Rig};

pub struct Owner {
    pub account: AccountId,
    pub address: String,
    pub owner: SigningKey,
    pub login: SigningKey,
    pub parameters: KdfParameters,
    pub salt: [u8; 16],
}

pub struct Device {
    pub warden: SigningKey,
    pub epoch: Epoch,
    pub hardware: HardwareId,
    pub locked: bool,
}

impl Owner {
    pub fn new(address: &str) -> Self {
        Self {
            account: AccountId::random(),
            address: address.to_owned(),
            owner: SigningKey::generate(),
            login: SigningKey::generate(),
            parameters: KdfParameters::FLOOR,
            salt: random(),
        }
    }

    pub fn record(&self) -> CredentialsRecord {
        CredentialsRecord {
            account: self.account,
            generation: 1,
            salt: self.salt,
            parameters: self.parameters,
            login: self.login.public(),
            verify_digest: [5; 32],
            wrapped_root: vec![1; 61],
            recovery_wrap: vec![2; 61],
        }
    }

    pub fn certificate(&self, client: &Client<'_>, device: &Device) -> DeviceCertificate {
        DeviceCertificate {
            account: self.account,
            device: device.id(),
            epoch: device.epoch,
            device_key: client.key.public(),
            warden_key: device.warden.public(),
            box_key: BoxKey::generate().public(),
            hardware: device.hardware,
            hardware_locked: device.locked,
            model: "Test Phone".into(),
            wipe_class: "crypto".into(),
            key_epoch: 1,
        }
    }

    pub fn certify(&self, client: &Client<'_>, device: &Device) -> String {
        signed(&self.certificate(client, device), &self.owner)
    }

    /// Through code and ticket.
    pub async fn ticket(&self, client: &Client<'_>) -> String {
        let opened = open(client, &self.address).await.is(202);
        let mail = client.rig.code_mail().await;
        assert_eq!(mail.to, self.address);
        let path = format!("/v1/verifications/{}/code", opened.text("id"));
        client
            .post(&path, &json!({ "code": mail.code.unwrap() }))
            .await
            .is(200)
            .text("ticket")
    }

    pub fn account_body(&self, client: &Client<'_>, device: &Device, ticket: &str) -> Value {
        json!({
            "ticket": ticket,
            "credentials": signed(&self.record(), &self.owner),
            "owner": self.owner.public().to_string(),
            "keyring": base64url(&[7; 200]),
            "certificate": self.certify(client, device),
            "share": base64url(&[9; 32]),
            "profile": { "display_name": "Jo", "country": "AT", "language": "de", "newsletter": false },
            "device_name": "Jo's Phone",
        })
    }

    /// The whole way; the client has its tokens afterwards.
    pub async fn register(&self, client: &mut Client<'_>, device: &Device) -> Reply {
        let ticket = self.ticket(client).await;
        let body = self.account_body(client, device, &ticket);
        let reply = client.post("/v1/accounts", &body).await.is(201);
        client.token = Some(access_token(&reply));
        reply
    }

    pub async fn challenge(&self, client: &Client<'_>) -> Reply {
        client
            .post("/v1/login/challenge", &json!({ "identifier": self.address }))
            .await
    }

    pub fn login_body(&self, client: &Client<'_>, challenge: &Reply, login: &SigningKey) -> Value {
        self.login_body_for("sign-in", client, challenge, login)
    }

    pub fn login_body_for(
        &self,
        action: &str,
        client: &Client<'_>,
        challenge: &Reply,
        login: &SigningKey,
    ) -> Value {
        let nonce = challenge.text("nonce");
        let statement = LoginStatement {
            origin: ORIGIN.into(),
            identifier: self.address.clone(),
            nonce: from_base64url(&nonce).unwrap(),
            action: action.into(),
            thumbprint: client.key.public().thumbprint(),
        };
        let signature = statement.sign(login).to_string();
        json!({ "identifier": self.address, "nonce": nonce, "action": action, "signature": signature })
    }

    pub async fn sign_in(&self, client: &mut Client<'_>) -> Reply {
        let challenge = self.challenge(client).await.is(200);
        let body = self.login_body(client, &challenge, &self.login);
        let reply = client.post("/v1/login", &body).await;
        if reply.status.is_success() {
            client.token = Some(access_token(&reply));
        }
        reply
    }

    /// A sign-in with a password that isn't the owner's.
    pub async fn guess(&self, client: &Client<'_>) -> Reply {
        let challenge = self.challenge(client).await.is(200);
        let body = self.login_body(client, &challenge, &SigningKey::generate());
        client.post("/v1/login", &body).await
    }
}

impl Device {
    pub fn id(&self) -> DeviceId {
        id::device_id(&self.warden.public(), &self.epoch)
    }

    pub fn new() -> Self {
        Self {
            warden: SigningKey::generate(),
            epoch: Epoch::random(),
            hardware: HardwareId::from_bytes(random()),
            locked: true,
        }
    }

    /// The same hardware after a reset: another warden key, another epoch.
    pub fn reset(&self) -> Self {
        Self {
            hardware: self.hardware,
            locked: self.locked,
            ..Self::new()
        }
    }

    pub fn release(&self, owner: &Owner) -> String {
        let release = Release {
            account: owner.account,
            device: self.id(),
            epoch: self.epoch,
            hardware: self.hardware,
        };
        signed(&release, &self.warden)
    }
}

pub fn signed<T: belay_proto::signed::Object>(object: &T, key: &SigningKey) -> String {
    base64url(&Signed::seal(object, key).encode())
}

pub fn access_token(reply: &Reply) -> String {
    reply.json()["tokens"]["access_token"]
        .as_str()
        .unwrap()
        .to_owned()
}

pub fn refresh_token(reply: &Reply) -> String {
    reply.json()["tokens"]["refresh_token"]
        .as_str()
        .unwrap()
        .to_owned()
}

pub async fn opening(rig: &Rig, channel: &str, address: &str) -> Value {
    json!({
        "purpose": "registration",
        "channel": channel,
        "address": address,
        "device_name": "Jo's Phone",
        "language": "en",
        "pow": rig.work().await,
    })
}

pub async fn open(client: &Client<'_>, address: &str) -> Reply {
    client
        .post("/v1/verifications", &opening(client.rig, "email", address).await)
        .await
}
