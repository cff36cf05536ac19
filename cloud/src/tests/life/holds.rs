//! Recovery without the code: what waits, for how long, and what ends it.

mod refused;

use belay_proto::keys::SigningKey;
use belay_proto::signed::{CredentialsRecord, Deed, DeviceCertificate, HoldEnd};
use belay_proto::text::{base64url, from_base64url};
use serde_json::{Value, json};

use super::super::orders::Home;
use super::super::owner::{Device, Owner, signed};
use super::super::rig::{Client, Reply, Rig};
use super::recovery::proved;
use super::roots::certificates;
use super::{FIRST, House, SECOND, delete, fetched, hints, next, order, put, record, removal_body};

const HOUR: u64 = 3600;

/// The same owner, who has forgotten everything, with another root.
fn forgetful(owner: &Owner) -> Owner {
    Owner {
        owner: SigningKey::generate(),
        login: SigningKey::generate(),
        address: owner.address.clone(),
        ..*owner
    }
}

/// The record of another root: under the salt that the account has.
fn other_record(other: &Owner) -> CredentialsRecord {
    CredentialsRecord {
        generation: 2,
        ..other.record()
    }
}

/// What waits; with a certificate that of the device that recovers.
fn other(other: &Owner, ticket: &str, device: Option<&DeviceCertificate>) -> Value {
    let mut body = next(other, &other_record(other), &FIRST);
    body["ticket"] = json!(ticket);
    body["owner"] = json!(other.owner.public().to_string());
    if let Some(device) = device {
        let certificate = signed(device, &other.owner);
        body["grants"] =
            json!([{ "device": device.device, "certificate": certificate, "keyring": base64url(&[3; 90]) }]);
    }
    body
}

/// How the hold at a device ended.
fn end(other: &Owner, body: &Value, device: &Device, over: bool) -> Value {
    let credentials = from_base64url(body["credentials"].as_str().unwrap()).unwrap();
    let end = HoldEnd {
        account: other.account,
        device: device.id(),
        epoch: device.epoch,
        credentials: belay_proto::keys::sha256(&credentials),
        over,
    };
    json!({ "hold": signed(&end, &device.warden) })
}

async fn certificate_of(house: &House<'_>, device: &Device) -> DeviceCertificate {
    let mut all = certificates(house.phone()).await.into_iter();
    all.find(|certificate| certificate.device == device.id()).unwrap()
}

/// Begun at the phone, whose key `client` has; what was brought, and the owner of the new root.
async fn begun(house: &House<'_>) -> (Value, Owner) {
    let client = house.phone();
    let (id, answer) = proved(client, "jo@example.org").await;
    let other_owner = forgetful(house.owner());
    let certificate = certificate_of(house, &house.home.device).await;
    let body = other(&other_owner, &answer.text("ticket"), Some(&certificate));
    let path = format!("/v1/recoveries/{id}/credentials");
    let reply = put(client, &path, &body).await.is(202);
    assert_eq!(reply.json()["waits_ms"], json!(72 * HOUR * 1000));
    // The same again, whose answer was lost.
    put(client, &path, &body).await.is(202);
    (body, other_owner)
}

/// Begun with a key that no device of the account has, or as if: the answer, and the owner of the new root.
async fn stranger_begins(owner: &Owner, client: &Client<'_>) -> (Reply, Owner) {
    let (id, answer) = proved(client, &owner.address).await;
    let new = forgetful(owner);
    let body = other(&new, &answer.text("ticket"), None);
    let path = format!("/v1/recoveries/{id}/credentials");
    (put(client, &path, &body).await, new)
}

/// What a stranger began has been waited out, for so many days.
async fn stranger_waited(rig: &Rig, owner: &Owner, days: u64) -> Owner {
    let (begun, new) = stranger_begins(owner, &rig.client()).await;
    begun.is(202);
    rig.advance(days * 24 * HOUR + 1);
    new
}

/// Begun elsewhere while a device counts that comes to no end: not before it had its time and a day more.
async fn begun_in_its_place(rig: &Rig, begins: impl AsyncFn() -> Reply) -> Reply {
    for hours in [72, 24] {
        begins().await.refuses(409, "recovery-on-hold");
        rig.advance(hours * HOUR + 60);
    }
    begins().await.is(202)
}

async fn waits(rig: &Rig) -> i64 {
    super::super::store::count(rig, "waiting")
}

/// Whether what waits was begun at the phone, and whether at the tablet, as each is told.
async fn whose(house: &mut House<'_>) -> (Value, Value) {
    let told = [
        fetched(&mut house.home.client).await,
        fetched(&mut house.second).await,
    ];
    assert_eq!(told[0].get("recovery_ms"), told[1].get("recovery_ms"));
    let [phone, tablet] = told.map(|told| told["recovery_here"].clone());
    (phone, tablet)
}

async fn on_hold(owner: &Owner, client: &mut Client<'_>) -> Reply {
    owner.sign_in(client).await.refuses(409, "recovery-on-hold")
}

#[tokio::test]
async fn both_clocks_have_to_say_so_and_then_the_new_root_holds() {
    let rig = Rig::new();
    let mut house = House::new(&rig).await;
    rig.mails().await;
    let before = hints(&rig, house.tablet.id()).await;
    let (body, new) = begun(&house).await;
    let mail = rig.mails().await;
    let told = mail
        .iter()
        .find(|mail| mail.text.contains("ohne Passwort und Wiederherstellungscode"));
    assert!(told.unwrap().text.contains("72 Stunden"), "{mail:?}");
    assert!(hints(&rig, house.tablet.id()).await > before);
    let there = fetched(&mut house.second).await;
    assert_eq!(there["recovery_ms"], json!(72 * HOUR * 1000));

    // What holds goes on; the new password only learns how long still.
    house.phone().get("/v1/account").await.is(200);
    let mut stranded = rig.client();
    assert!(on_hold(&new, &mut stranded).await.retry_after() >= 72 * HOUR - 60);
    // The device is over before the cloud: nothing yet.
    let over = end(&new, &body, &house.home.device, true);
    rig.post("/v1/holds", &over).await.is(204);
    on_hold(&new, &mut stranded).await;
    rig.advance(72 * HOUR - 10);
    on_hold(&new, &mut stranded).await;
    rig.advance(20);
    let answer = new.sign_in(&mut stranded).await.is(200);
    assert_eq!(answer.text("owner"), new.owner.public().to_string());
    assert_eq!(answer.text("keyring"), base64url(&SECOND));
    assert_eq!(answer.json()["devices"].as_array().unwrap().len(), 1);
    assert_eq!(waits(&rig).await, 0);

    // The old one is nobody's now, and the other device stays where it is.
    house
        .owner()
        .sign_in(&mut rig.client())
        .await
        .refuses(403, "login-refused");
    house
        .phone()
        .get("/v1/account")
        .await
        .refuses(401, "invalid-token");
    assert_eq!(fetched(&mut house.second).await["removed"], json!(true));
    new.sign_in(&mut house.second).await.refuses(401, "removed");
    let old = json!({ "order": order(house.owner(), 2, Deed::DeleteAccount) });
    delete(&stranded, "/v1/account", &old)
        .await
        .refuses(403, "bad-order");
}

#[tokio::test]
async fn the_old_password_ends_it_and_a_wrong_one_does_not() {
    let rig = Rig::new();
    let house = House::new(&rig).await;
    let (_, new) = begun(&house).await;
    house
        .owner()
        .guess(&rig.client())
        .await
        .refuses(403, "login-refused");
    assert_eq!(waits(&rig).await, 1);
    let before = hints(&rig, house.home.device.id()).await;
    house.owner().sign_in(&mut rig.client()).await.is(200);
    assert_eq!(waits(&rig).await, 0);
    // The device that counts is told to look.
    assert!(hints(&rig, house.home.device.id()).await > before);
    rig.advance(100 * HOUR);
    new.sign_in(&mut rig.client()).await.refuses(403, "login-refused");
}

#[tokio::test]
async fn the_devices_word_other_credentials_a_removal_and_a_release_end_it() {
    let rig = Rig::new();
    let house = House::new(&rig).await;
    let (body, new) = begun(&house).await;
    let ended = end(&new, &body, &house.home.device, false);
    rig.post("/v1/holds", &ended).await.is(204);
    assert_eq!(waits(&rig).await, 0);

    begun(&house).await;
    let (owner, removal) = (house.owner(), house.order(Deed::RemoveDevice(house.tablet.id())));
    let path = format!("/v1/devices/{}", house.tablet.id());
    let body = removal_body(&removal, &FIRST, json!([]));
    delete(house.phone(), &path, &body).await.is(204);
    assert_eq!(waits(&rig).await, 0);

    let rig = Rig::new();
    let house = House::new(&rig).await;
    begun(&house).await;
    let release = house.home.device.release(house.owner());
    rig.post("/v1/releases", &json!({ "release": release }))
        .await
        .is(204);
    assert_eq!(waits(&rig).await, 0);

    let rig = Rig::new();
    let house = House::new(&rig).await;
    begun(&house).await;
    let changed = next(house.owner(), &record(house.owner(), 2, &owner.login), &FIRST);
    put(house.phone(), "/v1/account/credentials", &changed)
        .await
        .is(204);
    assert_eq!(waits(&rig).await, 0);
}

#[tokio::test]
async fn a_stranger_waits_for_the_cloud_alone_and_for_a_week_while_a_device_is_bound() {
    let rig = Rig::new();
    let house = House::new(&rig).await;
    let mut stranded = rig.client();
    let (reply, new) = stranger_begins(house.owner(), &stranded).await;
    assert_eq!(reply.is(202).json()["waits_ms"], json!(7 * 24 * HOUR * 1000));
    on_hold(&new, &mut stranded).await;
    // Whoever is at a device of the account comes first, and takes its place.
    let (_, at_home) = begun(&house).await;
    new.sign_in(&mut stranded).await.refuses(403, "login-refused");
    // The other way round it waits.
    let (again, _) = stranger_begins(house.owner(), &stranded).await;
    again.refuses(409, "recovery-on-hold");
    on_hold(&at_home, &mut stranded).await;
}

#[tokio::test]
async fn a_stranger_gets_the_account_and_no_hardware_of_it() {
    let rig = Rig::new();
    let mut house = House::new(&rig).await;
    let mut stranded = rig.client();
    let new = stranger_waited(&rig, house.owner(), 7).await;
    new.sign_in(&mut stranded).await.is(200);
    let device = Device::new();
    super::bind(&new, &stranded, &device).await.is(201);
    for device in [&house.home.device, &house.tablet] {
        let holder = rig.app.store.transact({
            let hardware = crate::devices::table::hardware_mac(&rig.app.vault, device.hardware.as_bytes());
            move |tx| crate::devices::table::lock_holder(tx, &hardware)
        });
        assert_eq!(holder.await.unwrap().unwrap().account, new.account);
    }
    assert_eq!(fetched(&mut house.second).await["removed"], json!(true));
    // Its channel goes on: a stolen phone isn't cut off.
    house.second.token = None;
    house.second.get("/v1/commands").await.is(200);
}

#[tokio::test]
async fn an_account_without_a_device_waits_72_hours() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let release = home.device.release(&home.owner);
    rig.post("/v1/releases", &json!({ "release": release }))
        .await
        .is(204);
    let new = stranger_waited(&rig, &home.owner, 3).await;
    new.sign_in(&mut rig.client()).await.is(200);
}

#[tokio::test]
async fn the_owner_is_told_daily_for_as_long_as_it_waits() {
    let rig = Rig::new();
    let house = House::new(&rig).await;
    begun(&house).await;
    let told = async || {
        // Whatever call comes, its session over or not, has the next sweep done.
        house.phone().get("/v1/account").await;
        let mails = rig.mails().await;
        mails
            .iter()
            .filter(|mail| mail.text.contains("ohne Passwort und Wiederherstellungscode"))
            .count()
    };
    assert_eq!(told().await, 1);
    rig.advance(23 * HOUR);
    assert_eq!(told().await, 0);
    rig.advance(HOUR + 60);
    assert_eq!(told().await, 1);
    // The phone was switched off meanwhile, and counts on: it may hold still.
    rig.advance(20 * 24 * HOUR);
    assert_eq!(told().await, 1);
}

#[tokio::test]
async fn a_device_that_counts_no_more_keeps_no_other_from_recovering_and_reads_that_it_was_overtaken() {
    let rig = Rig::new();
    let mut house = House::new(&rig).await;
    begun(&house).await;
    assert_eq!(whose(&mut house).await, (json!(true), json!(false)));
    let tablet = certificate_of(&house, &house.tablet).await;
    let begins = async || {
        let (id, answer) = proved(&house.second, "jo@example.org").await;
        let body = other(&forgetful(house.owner()), &answer.text("ticket"), Some(&tablet));
        put(&house.second, &format!("/v1/recoveries/{id}/credentials"), &body).await
    };
    begun_in_its_place(&rig, begins).await;
    assert_eq!(whose(&mut house).await, (json!(false), json!(true)));
    house.owner().sign_in(&mut rig.client()).await.is(200);
    assert_eq!(whose(&mut house).await, (json!(false), json!(false)));
}

#[tokio::test]
async fn a_device_that_counts_no_more_keeps_nobodys_device_from_recovering_either() {
    let rig = Rig::new();
    let house = House::new(&rig).await;
    begun(&house).await;
    let begins = async || stranger_begins(house.owner(), &rig.client()).await.0;
    let week = begun_in_its_place(&rig, begins).await.json();
    assert_eq!(week["waits_ms"], json!(7 * 24 * HOUR * 1000));
}

#[tokio::test]
async fn a_lost_device_recovers_as_nobodys_and_what_it_began_gives_way() {
    let rig = Rig::new();
    let mut house = House::new(&rig).await;
    begun(&house).await;
    let lost = house.home.state(1, "lost");
    house.home.report_state(&lost).await.is(204);
    stranger_begins(house.owner(), &rig.client()).await.0.is(202);
    // At the lost phone itself it's the same, whatever it is certified for.
    let (id, answer) = proved(house.phone(), "jo@example.org").await;
    let certificate = certificate_of(&house, &house.home.device).await;
    let body = other(
        &forgetful(house.owner()),
        &answer.text("ticket"),
        Some(&certificate),
    );
    put(house.phone(), &format!("/v1/recoveries/{id}/credentials"), &body)
        .await
        .refuses(403, "bad-certificate");
    let (week, _) = stranger_begins(house.owner(), house.phone()).await;
    let week = week.is(202).json();
    assert_eq!(week["waits_ms"], json!(7 * 24 * HOUR * 1000));
    assert_eq!(whose(&mut house).await, (json!(false), json!(false)));
}

#[tokio::test]
async fn a_device_that_a_sign_in_sets_aside_gets_no_session_by_it() {
    let rig = Rig::new();
    let mut house = House::new(&rig).await;
    let new = stranger_waited(&rig, house.owner(), 7).await;
    new.sign_in(&mut house.second).await.refuses(401, "removed");
    assert_eq!(waits(&rig).await, 0, "it holds all the same");
    new.sign_in(&mut rig.client()).await.is(200);
}
