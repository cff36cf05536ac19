//! Requests to unlock a bootloader.

use belay_proto::signed::Deed;
use serde_json::{Value, json};

use super::super::rig::{Client, Reply, Rig};
use super::{House, hints};
use crate::admin::{AdminError, bootloader};

const PATH: &str = "/v1/account/bootloader-unlocks";
const WEEK: u64 = 7 * 24 * 3600;

async fn ask(house: &House<'_>, reason: &str) -> Reply {
    let order = house.order(Deed::UnlockBootloader(house.home.device.id()));
    house
        .phone()
        .post(PATH, &json!({ "order": order, "reason": reason }))
        .await
}

async fn state(client: &Client<'_>) -> Value {
    client.get(PATH).await.is(200).json()
}

#[tokio::test]
async fn a_request_waits_a_week_and_its_device_is_told_of_the_decision() {
    let rig = Rig::new();
    let mut house = House::new(&rig).await;
    let (data, wait) = (rig.app.settings.data.clone(), WEEK * 1000);
    let device = house.home.device.id().to_string();
    let decide = |approve| bootloader::decide(&data, &device, approve, wait);
    let real = || bootloader::list(&data, wait).unwrap();
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
    let decide = |approve| bootloader::decide(&data, &device.to_string(), approve, WEEK * 1000);
    asked(now - WEEK * 1000 + 60_000);
    let early = decide(true);
    assert!(matches!(early, Err(AdminError::TooEarly(1..=60))), "{early:?}");
    asked(now - WEEK * 1000);
    let before = hints(&rig, device).await;
    decide(true).unwrap();
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
    assert!(matches!(
        bootloader::decide(&data, "x", true, 0),
        Err(AdminError::Usage(_))
    ));
    let rig = Rig::new();
    let house = House::new(&rig).await;
    ask(&house, "Mine").await.is(202);
    bootloader::decide(
        &rig.app.settings.data,
        &house.home.device.id().to_string(),
        false,
        u64::MAX,
    )
    .unwrap();
    assert_eq!(state(house.phone()).await["state"], "denied");
    let anew = ask(&house, "Please").await.is(202).json();
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
    bootloader::decide(&rig.app.settings.data, &device.to_string(), false, 0).unwrap();
    rig.advance(61);
    house.second.get("/v1/commands").await.is(200);
    assert!(waiter.news().marks.account > before);
    assert_eq!(super::super::store::count(&rig, "outside_hints"), 0);
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
