//! What an account lives through after sign-in.

mod bootloader;
mod credentials;
mod departure;
mod followed;
mod forms;
mod held;
mod holds;
mod identifiers;
mod languages;
mod operators;
mod orders;
mod profile;
mod recovery;
mod removal;
mod room;
mod roots;
mod services;
mod sign_in;
mod told;
mod unreadable;

use belay_proto::keys::{SigningKey, random, sha256};
use belay_proto::signed::{AccountOrder, CredentialsRecord, Deed, DelegateCertificate, DelegatedVerbs, Verb};
use belay_proto::text::{base64url, hex};
use belay_proto::{DeviceId, OrderId};
use serde_json::{Value, json};

use super::orders::Home;
use super::owner::{Device, Owner, signed};
use super::rig::{Client, Reply, Rig};

/// The keyring that an account begins with.
const FIRST: [u8; 200] = [7; 200];
/// The one that [`next`] and [`removal_body`] bring.
const SECOND: [u8; 210] = [8; 210];

/// An owner with a phone and a tablet, each with a session.
struct House<'a> {
    home: Home<'a>,
    tablet: Device,
    second: Client<'a>,
}

impl<'a> House<'a> {
    async fn new(rig: &'a Rig) -> Self {
        let home = Home::new(rig).await;
        let (tablet, mut second) = (Device::new(), rig.client());
        home.owner.sign_in(&mut second).await.is(200);
        bind(&home.owner, &second, &tablet).await.is(201);
        Self { home, tablet, second }
    }

    fn owner(&self) -> &Owner {
        &self.home.owner
    }

    fn phone(&self) -> &Client<'a> {
        &self.home.client
    }

    fn order(&self, deed: Deed) -> String {
        order(self.owner(), 1, deed)
    }
}

async fn bind(owner: &Owner, client: &Client<'_>, device: &Device) -> Reply {
    let body = json!({ "certificate": owner.certify(client, device), "name": "Tablet" });
    client.post("/v1/devices", &body).await
}

async fn put(client: &Client<'_>, path: &str, body: &Value) -> Reply {
    client
        .call("PUT", path, Some(body), Some(&hex(&random::<8>())))
        .await
}

async fn delete(client: &Client<'_>, path: &str, body: &Value) -> Reply {
    client
        .call("DELETE", path, Some(body), Some(&hex(&random::<8>())))
        .await
}

/// What a device fetches by its key alone.
async fn fetched(client: &mut Client<'_>) -> Value {
    let token = client.token.take();
    let answer = client.get("/v1/account/credentials").await.is(200).json();
    client.token = token;
    answer
}

/// An order of the owner.
fn order(owner: &Owner, generation: u64, deed: Deed) -> String {
    signed(&account_order(owner, generation, deed), &owner.owner)
}

fn account_order(owner: &Owner, generation: u64, deed: Deed) -> AccountOrder {
    AccountOrder {
        account: owner.account,
        id: OrderId::random(),
        generation,
        deed,
    }
}

/// The next credentials record: another password.
fn record(owner: &Owner, generation: u64, login: &SigningKey) -> CredentialsRecord {
    CredentialsRecord {
        generation,
        salt: random(),
        login: login.public(),
        ..owner.record()
    }
}

/// Other credentials, without grants.
fn next(owner: &Owner, record: &CredentialsRecord, before: &[u8]) -> Value {
    json!({
        "credentials": signed(record, &owner.owner),
        "keyring": base64url(&SECOND),
        "replaces": base64url(&sha256(before)),
        "share": base64url(&[10; 32]),
        "grants": [],
    })
}

fn removal_body(order: &str, before: &[u8], grants: Value) -> Value {
    json!({
        "order": order,
        "keyring": base64url(&SECOND),
        "replaces": base64url(&sha256(before)),
        "grants": grants,
    })
}

fn delegate(owner: &Owner, device: &Device, generation: u64) -> DelegateCertificate {
    DelegateCertificate {
        account: owner.account,
        key: device.warden.public(),
        actions: DelegatedVerbs::new(vec![Verb::Ring, Verb::StopRing]).unwrap(),
        generation,
        issued_at: 1,
        expires_at: 0,
    }
}

/// The newest number of the hints that the device has had.
async fn hints(rig: &Rig, device: DeviceId) -> u64 {
    let marks = rig
        .app
        .store
        .transact(move |tx| crate::channel::table::marks(tx, &device));
    marks.await.unwrap().account
}
