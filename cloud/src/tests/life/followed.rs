//! Devices that the account has left behind, and that wait to follow it: what their owner is told.

use belay_proto::keys::SigningKey;
use serde_json::json;

use super::super::owner::{Device, Owner};
use super::super::rig::{Client, Rig};
use super::{FIRST, House, next, put, record};
use crate::devices::removal;
use crate::language::Language;
use crate::messages::{self, Notice, Way};

const HOUR: u64 = 3600;
const JO: &str = "jo@example.org";

/// A house whose account has left this device behind.
async fn left_behind(house: &House<'_>, device: &Device) {
    let (id, rig) = (device.id(), house.phone().rig);
    let now = rig.app.now();
    let set_aside = rig.app.store.transact(move |tx| removal::set_aside(tx, &id, now));
    set_aside.await.unwrap();
    rig.mails().await;
}

/// The account's password is typed at a device that was left behind.
async fn begins(owner: &Owner, at: &Client<'_>) {
    let challenge = owner.challenge(at).await.is(200);
    let body = owner.login_body_for("recover", at, &challenge, &owner.login);
    at.post("/v1/login", &body).await.is(200);
}

const fn followed(device: &str, hours: u32) -> Notice<'_> {
    Notice::RecoveryFollowed { device, hours }
}

const fn returned(device: &str, hours: u32) -> Notice<'_> {
    Notice::RecoveryReturned { device, hours }
}

#[tokio::test]
async fn the_owner_is_told_of_each_device_that_begins_to_wait_and_of_none_twice_a_day() {
    let rig = Rig::new();
    let house = House::new(&rig).await;
    let (watch, mut third) = (Device::new(), rig.client());
    house.owner().sign_in(&mut third).await.is(200);
    let body = json!({ "certificate": house.owner().certify(&third, &watch), "name": "Watch" });
    third.post("/v1/devices", &body).await.is(201);
    left_behind(&house, &house.tablet).await;
    left_behind(&house, &watch).await;
    begins(house.owner(), &house.second).await;
    rig.told(JO, &[followed("Tablet", 72)]).await;
    begins(house.owner(), &third).await;
    rig.told(JO, &[followed("Watch", 72)]).await;
    for _ in 0..3 {
        begins(house.owner(), &house.second).await;
        begins(house.owner(), &third).await;
    }
    rig.told(JO, &[]).await;
    // What is no device is a sign-in.
    begins(house.owner(), &rig.client()).await;
    rig.told(JO, &[Notice::SignedIn]).await;
}

#[tokio::test]
async fn the_owner_is_told_daily_for_as_long_as_such_a_device_may_wait() {
    let rig = Rig::new();
    let house = House::new(&rig).await;
    left_behind(&house, &house.tablet).await;
    begins(house.owner(), &house.second).await;
    rig.told(JO, &[followed("Tablet", 72)]).await;
    rig.advance(23 * HOUR);
    // From the start, and no news.
    begins(house.owner(), &house.second).await;
    rig.told(JO, &[]).await;
    for (hours, told) in [
        (1, Some(71)),
        (24, Some(47)),
        (24, Some(23)),
        (24, None),
        (24, None),
    ] {
        rig.advance(hours * HOUR);
        // Whatever call comes has the next sweep done.
        house.phone().get("/v1/account").await;
        let told: Vec<_> = told.map(|left| followed("Tablet", left)).into_iter().collect();
        rig.told(JO, &told).await;
    }
}

#[tokio::test]
async fn of_a_device_that_waited_in_vain_and_is_the_accounts_still_the_owner_is_told_as_often() {
    let rig = Rig::new();
    let house = House::new(&rig).await;
    rig.mails().await;
    for _ in 0..2 {
        begins(house.owner(), &house.second).await;
    }
    rig.told(JO, &[returned("Tablet", 72)]).await;
    for told in [Some(48), Some(24), None] {
        rig.advance(24 * HOUR);
        house.phone().get("/v1/account").await;
        let told: Vec<_> = told.map(|left| returned("Tablet", left)).into_iter().collect();
        rig.told(JO, &told).await;
    }
}

#[tokio::test]
async fn another_password_and_a_release_end_what_the_owner_is_told_of() {
    for ends_by_release in [false, true] {
        let rig = Rig::new();
        let house = House::new(&rig).await;
        let owner = house.owner();
        left_behind(&house, &house.tablet).await;
        begins(owner, &house.second).await;
        if ends_by_release {
            let release = json!({ "release": house.tablet.release(owner) });
            rig.post("/v1/releases", &release).await.is(204);
        } else {
            let other = next(owner, &record(owner, 2, &SigningKey::generate()), &FIRST);
            put(house.phone(), "/v1/account/credentials", &other)
                .await
                .is(204);
        }
        rig.mails().await;
        rig.advance(25 * HOUR);
        house.phone().get("/v1/account").await;
        rig.told(JO, &[]).await;
    }
}

/// The cloud doesn't hear of an end at the device itself, as by lost mode or its policy.
#[test]
fn the_owner_is_not_told_for_sure_what_the_device_may_have_ended_by_itself() {
    for (language, mail, text) in [
        (
            Language::English,
            "unless the wait was ended on the device",
            "unless the wait was ended",
        ),
        (
            Language::German,
            "falls das Warten nicht am Gerät beendet wurde",
            "falls das Warten nicht dort",
        ),
        (
            Language::Italian,
            "a meno che l'attesa non sia stata interrotta",
            "se l'attesa non è stata",
        ),
        (Language::Marathi, "प्रतीक्षा थांबवली असेल तर नाही", "घेऊ शकते"),
        (
            Language::Russian,
            "если ожидание не прервано на самом устройстве",
            "может принять",
        ),
    ] {
        for (way, hedge) in [(Way::Mail, mail), (Way::Text, text)] {
            for notice in [followed("Tablet", 47), returned("Tablet", 47)] {
                let message = messages::notice(way, JO, language, &notice);
                assert!(message.text.contains(hedge), "{}", message.text);
            }
        }
    }
}

/// It may as well have missed a new root, which looks the same from here.
#[test]
fn of_a_device_that_came_apart_from_its_account_a_recovery_is_told_as_one_way_to_that() {
    for (language, example) in [
        (Language::English, "as after a recovery that never"),
        (Language::German, "etwa nach einer Wiederherstellung"),
        (Language::Italian, "per esempio dopo un recupero"),
        (Language::Marathi, "उदाहरणार्थ"),
        (Language::Russian, "например после"),
    ] {
        let message = messages::notice(Way::Mail, JO, language, &returned("Tablet", 72));
        assert!(message.text.contains(example), "{}", message.text);
    }
}
