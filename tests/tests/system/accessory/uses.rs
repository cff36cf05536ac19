//! What an accessory and the phone do for each other.

use std::collections::HashMap;
use std::time::Duration;

use belay_proto::Secret;
use belay_proto::dbus::client;
use belay_proto::steps::PolicyChanges;
use belay_tests::accessories::band::{Alert, Band};
use belay_tests::accessories::scale::{Frame, Model as Scales, Scale};
use belay_tests::accessories::strap::Strap;
use belay_tests::app::{DEVICE, Object, Options, options};
use belay_tests::bluez::{self, Address};
use belay_tests::until::until;
use zbus::{OwnedVariant, Variant};

use super::{Beside, band};
use crate::owner::PASSWORD;

const FRIEND: &str = "+4915187654321";
/// How bands know a call and a text.
const CALL: u8 = 3;
const TEXT: u8 = 5;

/// A paired band that has told its history.
pub(super) async fn worn(beside: &Beside) -> (bluez::Accessory<Band>, Object) {
    let (band, object) = beside.finds(band(0)).await;
    beside.pairs(&band, object).await;
    beside.app.reads(object, "State", "connected").await.unwrap();
    (band, object)
}

pub(super) async fn switches_on(beside: &Beside, object: Object, key: &'static str) {
    let settings = (options([(key, true.into())]), Options::new());
    beside
        .app
        .call::<_, ()>(object, "SetSettings", &settings)
        .await
        .unwrap()
        .unwrap();
}

async fn happens(band: &bluez::Accessory<Band>, event: u8) {
    band.with(move |it, air| it.event(air, &[event])).await.unwrap();
}

async fn told(band: &bluez::Accessory<Band>, what: &str, times: usize, configuration: [u8; 4]) {
    let told = move |it: &Band| {
        it.configuration
            .iter()
            .filter(|one| **one == configuration)
            .count()
            >= times
    };
    band.until(what, told).await.unwrap();
}

async fn shown(band: &bluez::Accessory<Band>, what: &str, category: u8, text: &'static str) {
    let is_it = move |alert: &Alert| {
        matches!(alert, Alert::Shown { category: of, texts, .. }
            if *of == category && texts.iter().any(|line| line.contains(text)))
    };
    band.until(what, move |it| it.alerts.iter().any(is_it))
        .await
        .unwrap();
}

async fn latest(beside: &Beside, object: Object) -> HashMap<String, OwnedVariant> {
    let asked = (Options::new(),);
    // Until something was measured there is nothing.
    beside
        .app
        .call(object, "Latest", &asked)
        .await
        .unwrap()
        .unwrap_or_default()
}

#[tokio::test]
async fn a_band_rings_the_phone_until_either_of_them_has_enough() {
    let beside = Beside::new().await;
    let (band, _) = worn(&beside).await;
    let (scene, app) = (&beside.scene, &beside.app);
    let feedback = scene.services().feedback();

    happens(&band, 0x08).await;
    feedback.until_playing(true).await.unwrap();
    assert!(feedback.playing()[0].important);
    told(&band, "the band to know that it is heard", 1, [6, 0x14, 0, 0]).await;
    app.call::<_, ()>(DEVICE, "StopRinging", &(Options::new(),))
        .await
        .unwrap()
        .unwrap();
    feedback.until_playing(false).await.unwrap();
    told(
        &band,
        "the band to know that the phone is found",
        1,
        [6, 0x14, 0, 1],
    )
    .await;

    happens(&band, 0x08).await;
    feedback.until_playing(true).await.unwrap();
    happens(&band, 0x0f).await;
    feedback.until_playing(false).await.unwrap();

    happens(&band, 0x08).await;
    feedback.until_playing(true).await.unwrap();
    scene.clock().advance(Duration::from_secs(60)).unwrap();
    feedback.until_playing(false).await.unwrap();
    told(
        &band,
        "the band to know that it rings no more",
        2,
        [6, 0x14, 0, 1],
    )
    .await;
}

#[tokio::test]
async fn calls_and_texts_reach_the_wrist_that_wants_them_and_a_call_is_declined_there() {
    let beside = Beside::new().await;
    let (band, object) = worn(&beside).await;
    let modem = beside.scene.services().modem();
    let uses: Vec<String> = beside.app.get(object, "Uses").await.unwrap();
    assert!(uses.is_empty(), "off to begin with");
    let unwanted = modem.is_called("+4900000000").await.unwrap();
    modem.call_ends(&unwanted).await.unwrap();

    switches_on(&beside, object, "show-calls").await;
    switches_on(&beside, object, "show-messages").await;
    let uses: Vec<String> = beside.app.get(object, "Uses").await.unwrap();
    assert_eq!(uses, ["calls", "messages"]);

    let call = modem.is_called(FRIEND).await.unwrap();
    shown(&band, "the call", CALL, FRIEND).await;
    modem.call_ends(&call).await.unwrap();
    band.until("the call to go", |it| {
        it.alerts.contains(&Alert::Gone { category: CALL })
    })
    .await
    .unwrap();

    let call = modem.is_called(FRIEND).await.unwrap();
    band.until("the next call", |it| {
        matches!(it.alerts.last(), Some(Alert::Shown { .. }))
    })
    .await
    .unwrap();
    happens(&band, 0x07).await;
    modem.until_declined(&call).await.unwrap();
    band.until("it to go too", |it| {
        it.alerts.last() == Some(&Alert::Gone { category: CALL })
    })
    .await
    .unwrap();

    let message = modem.begin_sms("Eve").await.unwrap();
    modem.finish_sms(&message, "Tee um fünf?").await.unwrap();
    shown(&band, "the text", TEXT, "Eve: Tee um f").await;
    let alerts = band.with(|it, _| it.alerts.clone()).await.unwrap();
    let of_nobody = |alert: &Alert| matches!(alert, Alert::Shown { texts, .. } if texts.iter().any(|t| t.contains("+4900")));
    assert!(!alerts.iter().any(of_nobody), "{alerts:?}");
}

#[tokio::test]
async fn what_is_switched_on_survives_a_restart_and_ends_with_the_pairing() {
    let mut beside = Beside::new().await;
    let (band, object) = worn(&beside).await;
    switches_on(&beside, object, "show-calls").await;
    beside.scene.kill_belayd().await.unwrap();
    beside.scene.start_belayd().await.unwrap();
    beside.app.reads(object, "State", "connected").await.unwrap();
    let uses: Vec<String> = beside.app.get(object, "Uses").await.unwrap();
    assert_eq!(uses, ["calls"]);
    let modem = beside.scene.services().modem();
    modem.is_called(FRIEND).await.unwrap();
    shown(&band, "the call", CALL, FRIEND).await;
}

async fn sets(beside: &Beside, changes: PolicyChanges) {
    let password = Secret::of_text(PASSWORD);
    client::set_policies(beside.scene.person(), &changes, &password)
        .await
        .unwrap();
}

/// The events that the audit log has.
async fn history(beside: &Beside) -> Vec<String> {
    let asked = (0_u64, Options::new());
    let all: Vec<HashMap<String, OwnedVariant>> =
        beside.app.call(DEVICE, "History", &asked).await.unwrap().unwrap();
    let word = |entry: &HashMap<String, OwnedVariant>, key: &str| {
        entry
            .get(key)
            .and_then(|value| String::try_from(value.clone()).ok())
            .unwrap_or_default()
    };
    all.iter()
        .map(|entry| format!("{} {}", word(entry, "event"), word(entry, "detail")))
        .collect()
}

#[tokio::test]
async fn a_band_that_is_out_of_range_rings_the_phone_and_then_locks_it() {
    let beside = Beside::new().await;
    let policy = PolicyChanges {
        lock_on_accessory_lost: Some(true),
        ..PolicyChanges::default()
    };
    sets(&beside, policy).await;
    let (band, _) = worn(&beside).await;
    let mut device = beside.app.watch(DEVICE).await.unwrap();
    // Two minutes, and one more after it rings: time for a person to stop it, and for a busy machine to see that it isn't locked yet.
    beside.scene.clock().run(10).unwrap();
    band.in_range(false).await.unwrap();
    beside
        .scene
        .services()
        .feedback()
        .until_playing(true)
        .await
        .unwrap();
    beside.scene.clock().run(0).unwrap();
    assert_eq!(beside.app.text(DEVICE, "LockState").await.unwrap(), "unlocked");
    beside.scene.clock().run(10).unwrap();
    device.becomes("LockState", "lost").await.unwrap();
}

#[tokio::test]
async fn in_a_dry_run_a_band_that_is_out_of_range_is_only_written_down() {
    let beside = Beside::new().await;
    let policy = PolicyChanges {
        lock_on_accessory_lost: Some(true),
        dry_run: Some(true),
        ..PolicyChanges::default()
    };
    sets(&beside, policy).await;
    let (band, _) = worn(&beside).await;
    beside.scene.clock().run(30).unwrap();
    band.in_range(false).await.unwrap();
    let rehearsed = until("the rehearsal", async || {
        let all = history(&beside).await;
        all.contains(&"policy-rehearsed lock: accessory-lost".to_owned())
            .then_some(())
    });
    rehearsed.await.unwrap();
    assert_eq!(beside.app.text(DEVICE, "LockState").await.unwrap(), "unlocked");
    assert!(beside.scene.services().feedback().playing().is_empty());
}

#[tokio::test]
async fn a_band_tells_its_history_by_itself_each_half_hour() {
    let beside = Beside::new().await;
    let (band, object) = worn(&beside).await;
    let first = super::this_minute() - 60;
    band.with(move |it, _| it.history.live(9, first, 60))
        .await
        .unwrap();
    happens(&band, 0x0e).await;
    band.until("what is on disk to be forgotten", |it| {
        it.history.minutes().len() <= 1
    })
    .await
    .unwrap();
    assert!(beside.activity(object).await.len() >= 59);
}

#[tokio::test]
async fn a_heart_is_followed_once_that_is_switched_on() {
    let beside = Beside::new().await;
    let (strap, object) = beside
        .finds(Strap::new(Address::random([0xc1, 9, 9, 9, 9, 9])))
        .await;
    beside.asks(object, "Pair").await.unwrap();
    beside.app.reads(object, "State", "connected").await.unwrap();
    assert!(!strap.with(|it, _| it.listening()).await.unwrap());
    switches_on(&beside, object, "follow-heart-rate").await;
    strap.until("somebody to listen", Strap::listening).await.unwrap();
    strap.with(|it, air| it.beat(air, 72, &[])).await.unwrap();
    strap.with(|it, air| it.beat(air, 75, &[])).await.unwrap();
    let followed = until("the last rate", async || {
        (latest(&beside, object)
            .await
            .get("heart-rate")
            .map(|value| (**value).try_clone().unwrap())
            == Some(Variant::U16(75)))
        .then_some(())
    });
    followed.await.unwrap();
}

#[tokio::test]
async fn a_scale_that_weighs_tells_what_it_kept_while_nobody_listened() {
    let beside = Beside::new().await;
    let address = Address::public([0x88, 0x0f, 0x10, 1, 2, 3]);
    let over = |raw, day, impedance| Frame {
        raw,
        stable: true,
        removed: true,
        impedance,
        date: (2026, [1, day, 8, 0, 0]),
        ..Frame::default()
    };
    let mut scale = Scale::new(Scales::Two, address);
    // Whoever stood on it while the phone was elsewhere.
    scale.show(Some(over(14_000, 2, Some(503))));
    scale.show(Some(Frame {
        removed: false,
        ..over(14_100, 3, None)
    }));
    let (scale, object) = beside.finds(scale).await;
    beside.asks(object, "Pair").await.unwrap();
    let weighed = Frame {
        removed: false,
        ..over(14_200, 4, None)
    };
    scale.with(move |it, _| it.show(Some(weighed))).await.unwrap();
    scale.advertise(-50).await.unwrap();
    scale.connected(true).await.unwrap();
    scale.connected(false).await.unwrap();
    let mut device = latest(&beside, object).await;
    assert!(device.remove("weight").is_some(), "{device:?}");
    // This one is of the scale's memory alone.
    assert_eq!(
        device.remove("impedance").unwrap(),
        Variant::from(503.0).try_into().unwrap()
    );
    // What was read once isn't announced again.
    let records: u32 = beside
        .app
        .call(object, "Sync", &(Options::new(),))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(records, 0);
}
