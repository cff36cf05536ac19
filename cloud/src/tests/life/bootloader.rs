//! Requests to unlock a bootloader.

use belay_proto::keys::SigningKey;
use belay_proto::signed::Deed;
use serde_json::{Value, json};

use super::super::rig::{Client, Reply, Rig};
use super::{FIRST, House, delete, hints, next, order, put, record, removal_body};
use crate::admin::{AdminError, bootloader};
use crate::config::{Delivery, Settings};
use crate::messages::Notice;

const PATH: &str = "/v1/account/bootloader-unlocks";
const WEEK: u64 = 7 * 24 * 3600;

async fn ask(house: &House<'_>, reason: &str) -> Reply {
    let order = house.order(Deed::UnlockBootloader(house.home.device.id()));
    house
        .phone()
        .post(PATH, &json!({ "order": order, "reason": reason }))
        .await
}

/// As an operator does who names the data alone.
fn decide(rig: &Rig, device: impl ToString, approve: bool) -> Result<String, AdminError> {
    let settings = Settings {
        data: rig.app.settings.data.clone(),
        bootloader_wait: 0,
        delivery: Delivery::default(),
        ..super::super::rig::settings(&rig.folder)
    };
    bootloader::decide(&settings, &device.to_string(), approve)
}

async fn state(client: &Client<'_>) -> Value {
    client.get(PATH).await.is(200).json()
}

#[tokio::test]
async fn a_request_waits_a_week_and_its_device_is_told_of_the_decision() {
    let rig = Rig::new();
    let mut house = House::new(&rig).await;
    let data = rig.app.settings.data.clone();
    let device = house.home.device.id().to_string();
    let decide = |approve| self::decide(&rig, &device, approve);
    let real = || bootloader::list(&data).unwrap();
    assert_eq!(
        state(house.phone()).await,
        json!({ "state": "none", "waits_ms": 0 })
    );
    assert!(matches!(decide(true), Err(AdminError::NoRequest)));
    assert_eq!(real(), "no requests");
    ask(&house, "I want to run my own system").await.is(202);
    rig.advance(600);
    // The same owner again: a new reason, and no new wait, nor a shorter one.
    let answer = ask(&house, "Really").await.is(202).json();
    assert_eq!(
        answer,
        json!({ "state": "pending", "waits_ms": (WEEK - 600) * 1000 })
    );
    house.home.client.token = None;
    assert_eq!(state(house.phone()).await, answer);
    assert!(
        real().contains("login=j•••@e•••.org reason=\"Really\"") && real().starts_with("pending"),
        "{}",
        real()
    );
    assert_eq!(
        state(&house.second).await["state"],
        "none",
        "each device for itself"
    );
}

#[tokio::test]
async fn approving_is_for_after_the_wait_and_denying_for_any_time() {
    let rig = Rig::new();
    let house = House::new(&rig).await;
    let (data, device) = (rig.app.settings.data.clone(), house.home.device.id());
    ask(&house, "Mine").await.is(202);
    // The operator's clock is the machine's, and so is far from this cloud's: what counts is from when the request is.
    let asked = |at: u64| {
        let connection = crate::store::connect(&data.join(crate::store::FILE)).unwrap();
        connection
            .execute("UPDATE bootloader_unlocks SET asked_at = ?1", [at])
            .unwrap();
    };
    let now = crate::admin::now();
    let decide = |approve| self::decide(&rig, device, approve);
    asked(now - WEEK * 1000 + 60_000);
    let early = decide(true);
    assert!(matches!(early, Err(AdminError::TooEarly(1..=60))), "{early:?}");
    asked(now - WEEK * 1000);
    let before = hints(&rig, device).await;
    decide(true).unwrap();
    let device_name = "Jo's Phone";
    let asked_for = Notice::UnlockRequested {
        device: device_name,
        days: 7,
    };
    let came = [Notice::SignedIn, Notice::DeviceAdded { device: "Tablet" }];
    let approved = Notice::UnlockApproved { device: device_name };
    let told = [came[0], came[1], asked_for, approved];
    rig.told_by_an_operator("jo@example.org", &told).await;
    assert_eq!(
        state(house.phone()).await,
        json!({ "state": "approved", "waits_ms": 0 })
    );
    assert!(hints(&rig, device).await > before);
    assert!(
        matches!(decide(false), Err(AdminError::NoRequest)),
        "decided once"
    );
    // Asking again changes nothing of that.
    assert_eq!(ask(&house, "Mine").await.is(202).json()["state"], "approved");
    assert!(matches!(self::decide(&rig, "x", true), Err(AdminError::Usage(_))));
    let rig = Rig::new();
    let house = House::new(&rig).await;
    ask(&house, "Mine").await.is(202);
    self::decide(&rig, house.home.device.id(), false).unwrap();
    assert_eq!(state(house.phone()).await["state"], "denied");
    let denied = Notice::UnlockDenied { device: device_name };
    let told = [came[0], came[1], asked_for, denied];
    rig.told_by_an_operator("jo@example.org", &told).await;
    let anew = ask(&house, "Please").await.is(202).json();
    ask(&house, "Pretty please").await.is(202);
    rig.told("jo@example.org", &[asked_for]).await;
    assert_eq!(anew, json!({ "state": "pending", "waits_ms": WEEK * 1000 }));
}

#[tokio::test]
async fn a_running_clouds_streams_hear_of_a_decision() {
    let rig = Rig::new();
    let house = House::new(&rig).await;
    ask(&house, "Mine").await.is(202);
    let device = house.home.device.id();
    let mut waiter = rig.app.hub.stream(device);
    let before = waiter.news().marks.account;
    decide(&rig, device, false).unwrap();
    rig.advance(61);
    house.second.get("/v1/commands").await.is(200);
    assert!(waiter.news().marks.account > before);
    assert_eq!(super::super::store::count(&rig, "outside_hints"), 0);
}

#[tokio::test]
async fn a_stream_hears_of_a_decision_though_nobody_calls() {
    let rig = Rig::new();
    let house = House::new(&rig).await;
    ask(&house, "Mine").await.is(202);
    let mut waiter = rig.app.hub.stream(house.home.device.id());
    let before = waiter.news().marks.account;
    let upkeep = tokio::spawn(crate::upkeep::run(rig.app.clone()));
    decide(&rig, house.home.device.id(), false).unwrap();
    rig.advance(61);
    waiter.changed().await;
    assert!(waiter.news().marks.account > before);
    upkeep.abort();
}

#[tokio::test]
async fn another_password_a_removal_and_a_release_withdraw_what_waits() {
    let gone = |rig: &Rig, device| {
        let data = rig.app.settings.data.clone();
        assert_eq!(bootloader::list(&data).unwrap(), "no requests");
        let decided = decide(rig, device, true);
        assert!(matches!(decided, Err(AdminError::NoRequest)), "{decided:?}");
    };
    let rig = Rig::new();
    let house = House::new(&rig).await;
    let device = house.home.device.id();
    ask(&house, "Mine").await.is(202);
    let owner = house.owner();
    let before = hints(&rig, device).await;
    let changed = next(owner, &record(owner, 2, &SigningKey::generate()), &FIRST);
    put(house.phone(), "/v1/account/credentials", &changed)
        .await
        .is(204);
    assert_eq!(state(house.phone()).await["state"], "none");
    assert!(
        hints(&rig, device).await > before,
        "it is told too, though it asked"
    );
    gone(&rig, device);

    let rig = Rig::new();
    let house = House::new(&rig).await;
    let tablet = house.tablet.id();
    let order = order(house.owner(), 1, Deed::UnlockBootloader(tablet));
    let body = json!({ "order": order, "reason": "Mine" });
    house.second.post(PATH, &body).await.is(202);
    let removal = house.order(Deed::RemoveDevice(tablet));
    delete(
        house.phone(),
        &format!("/v1/devices/{tablet}"),
        &removal_body(&removal, &FIRST, json!([])),
    )
    .await
    .is(204);
    gone(&rig, tablet);

    let rig = Rig::new();
    let house = House::new(&rig).await;
    ask(&house, "Mine").await.is(202);
    let release = house.home.device.release(house.owner());
    rig.post("/v1/releases", &json!({ "release": release }))
        .await
        .is(204);
    gone(&rig, house.home.device.id());
}

#[tokio::test]
async fn only_the_device_itself_asks_with_a_reason_that_a_person_can_read() {
    let rig = Rig::new();
    let house = House::new(&rig).await;
    for bad in ["", "  ", "a\u{1b}[2J", &"x".repeat(501)] {
        ask(&house, bad).await.refuses(400, "malformed");
    }
    let order = house.order(Deed::UnlockBootloader(house.home.device.id()));
    let body = json!({ "order": order, "reason": "Mine" });
    house.second.post(PATH, &body).await.refuses(403, "bad-order");
    let mut console = rig.client();
    house.home.owner.sign_in(&mut console).await.is(200);
    console.post(PATH, &body).await.refuses(403, "not-bound");
    rig.client().get(PATH).await.refuses(403, "not-bound");
    for _ in 0..2 {
        house.phone().post_with(PATH, &body, "once").await.is(202);
    }
    house.phone().post(PATH, &body).await.refuses(409, "order-used");
}
