//! Scales and sensors that are heard, straps and watches that are connected: what they tell, and what goes wrong.

use std::collections::HashMap;
use std::time::Duration;

use belay_tests::accessories::{Beacon, InfiniTime, Scale, Strap, infinitime, scale};
use belay_tests::app::{Answer, Object, Options, entry, memfd, options, refused};
use belay_tests::bluez::{Address, Air, Faults};
use belay_tests::until::until;
use zbus::{OwnedVariant, Variant};

use super::Beside;

const KEY: [u8; 16] = *b"0123456789@ABCDE";

type Values = HashMap<String, OwnedVariant>;

pub async fn latest(beside: &Beside, object: Object) -> Answer<Values> {
    beside
        .app
        .call(object, "Latest", &(Options::new(),))
        .await
        .unwrap()
}

/// Waits until `Latest` tells this of an accessory.
pub async fn tells(beside: &Beside, object: Object, key: &str, value: impl Into<Variant<'static>>) {
    let value = value.into();
    until(&format!("{key} to be {value:?}"), async || {
        let values = latest(beside, object).await.ok()?;
        (values.get(key).is_some_and(|told| **told == value)).then_some(())
    })
    .await
    .unwrap();
}

/// Waits until its battery is at so many percent.
pub async fn has_battery(beside: &Beside, object: Object, percent: u8) {
    let mut watch = beside.app.watch(object).await.unwrap();
    if beside.app.get::<u8>(object, "Battery").await.unwrap() == percent {
        return;
    }
    let is = move |value: &OwnedVariant| **value == Variant::U8(percent);
    watch.until("the battery", "Battery", is).await.unwrap();
}

/// Has a heart be followed, or no more.
pub async fn follows_heart(beside: &Beside, object: Object, on: bool) {
    let settings = (options([("follow-heart-rate", on.into())]), Options::new());
    let set = beside.app.call::<_, ()>(object, "SetSettings", &settings).await;
    set.unwrap().unwrap();
}

pub async fn pairs_with(beside: &Beside, object: Object, key: [u8; 16]) -> Answer<()> {
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let fd = memfd(hex.as_bytes()).unwrap();
    let with = options([("key", zbus::Fd::from(&fd).into())]);
    beside.app.call(object, "Pair", &(with,)).await.unwrap()
}

/// A moment of a weighing, long ago by the scale's own clock.
fn frame(raw: u16) -> scale::Frame {
    scale::Frame {
        raw,
        stable: true,
        date: (2024, [2, 14, 16, 41, 58]),
        ..scale::Frame::default()
    }
}

#[tokio::test]
async fn scales_tell_what_stands_still_on_them_in_kilograms() {
    let beside = Beside::new().await;
    let numbered = |number| Address::random([0xc8, 1, 2, 3, 4, number]);
    let mut light = Scale::new(scale::Model::One, numbered(1));
    light.show(Some(scale::Frame {
        stable: false,
        ..frame(2000)
    }));
    let mut composing = Scale::new(scale::Model::Two, numbered(2));
    composing.show(Some(scale::Frame {
        stable: false,
        ..frame(2000)
    }));
    let all = beside.finds_all([light, composing]).await;
    for ((_, object), kind) in all.iter().zip(["mi-scale", "mi-body-scale"]) {
        assert_eq!(beside.app.text(*object, "Kind").await.unwrap(), kind);
        beside.asks(*object, "Pair").await.unwrap();
    }
    for (number, (scale, object)) in all.iter().enumerate() {
        // Somebody moves, then stands still.
        scale
            .with(|it, _| {
                it.show(Some(scale::Frame {
                    stable: false,
                    ..frame(9999)
                }))
            })
            .await
            .unwrap();
        scale.with(|it, _| it.show(Some(frame(12_350)))).await.unwrap();
        tells(&beside, *object, "weight", 61.75).await;
        // In pounds, and then with nobody on it.
        let pounds = scale::Frame {
            unit: scale::Unit::Pound,
            date: (2024, [2, 14, 16, 45, 0]),
            ..frame(22_046)
        };
        scale.with(move |it, _| it.show(Some(pounds))).await.unwrap();
        until("the weight of a pound", async || {
            let values = latest(&beside, *object).await.ok()?;
            let Variant::F64(weight) = &**values.get("weight")? else {
                return None;
            };
            ((weight - 99.999).abs() < 0.02).then_some(())
        })
        .await
        .unwrap();
        let over = scale::Frame {
            removed: true,
            ..pounds
        };
        scale.with(move |it, _| it.show(Some(over))).await.unwrap();
        scale.with(|it, _| it.show(None)).await.unwrap();
        if number == 1 {
            let composed = scale::Frame {
                impedance: Some(503),
                date: (2024, [2, 14, 16, 50, 0]),
                ..frame(14_000)
            };
            scale.with(move |it, _| it.show(Some(composed))).await.unwrap();
            tells(&beside, *object, "impedance", 503.0).await;
            tells(&beside, *object, "weight", 70.0).await;
        }
    }
}

#[tokio::test]
async fn a_sensor_tells_in_clear_or_with_its_key_and_a_wrong_one_is_noticed() {
    let beside = Beside::new().await;
    let numbered = |number| Address::public([0xa4, 0xc1, 0x38, 1, 2, number]);
    let mut plain = Beacon::new(numbered(1), 0x055b, "LYWSD03MMC", None);
    plain.measure(0x1004, &215_i16.to_le_bytes());
    let (plain, object) = beside.finds(plain).await;
    assert_eq!(beside.app.text(object, "Kind").await.unwrap(), "mibeacon-sensor");
    beside.asks(object, "Pair").await.unwrap();
    plain
        .with(|it, _| it.measure(0x1006, &553_u16.to_le_bytes()))
        .await
        .unwrap();
    tells(&beside, object, "humidity", 55.3).await;

    let mut secret = Beacon::new(numbered(2), 0x055b, "LYWSD03MMC", Some(KEY));
    secret.count_from(0x1fe);
    secret.measure(0x1004, &215_i16.to_le_bytes());
    let (secret, object) = beside.finds(secret).await;
    refused(beside.asks(object, "Pair").await, "KeyRequired").unwrap();
    pairs_with(&beside, object, [7; 16]).await.unwrap();
    for _ in 0..3 {
        // The first may be a frame that the air has spoilt.
        secret
            .with(|it, _| it.measure(0x1004, &215_i16.to_le_bytes()))
            .await
            .unwrap();
    }
    beside
        .app
        .reads(object, "Problem", "AccessoryKeyMismatch")
        .await
        .unwrap();
    assert_eq!(
        beside.app.text(object, "ProblemAdvice").await.unwrap(),
        "bring-the-new-key"
    );
    refused(latest(&beside, object).await, "NotFound").unwrap();
    pairs_with(&beside, object, KEY).await.unwrap();
    tells(&beside, object, "temperature", 21.5).await;
    // What is no person's is kept once a minute.
    beside.scene.clock().advance(Duration::from_secs(61)).unwrap();
    secret
        .with(|it, _| it.measure(0x1004, &(-52_i16).to_le_bytes()))
        .await
        .unwrap();
    tells(&beside, object, "temperature", -5.2).await;
    assert_eq!(beside.app.text(object, "Problem").await.unwrap(), "");
}

#[tokio::test]
async fn the_newer_scales_tell_weight_heart_rate_and_both_impedances() {
    let beside = Beside::new().await;
    let numbered = |number| Address::public([0xa4, 0xc1, 0x38, 1, 3, number]);
    let mut s400 = Beacon::new(numbered(1), 0x3bd5, "S400", Some(KEY));
    s400.measure(0x100a, &[90]);
    let (s400, object) = beside.finds(s400).await;
    pairs_with(&beside, object, KEY).await.unwrap();
    let weighed = |weight: u32, heart: u32, impedance: u32| {
        let data = weight | (heart << 11) | (impedance << 18);
        [&[1][..], &data.to_le_bytes(), &[0; 4]].concat()
    };
    s400.with(move |it, _| it.measure(0x6e16, &weighed(745, 22, 5100)))
        .await
        .unwrap();
    tells(&beside, object, "weight", 74.5).await;
    tells(&beside, object, "heart-rate", 72_u16).await;
    tells(&beside, object, "impedance", 510.0).await;
    s400.with(move |it, _| it.measure(0x6e16, &weighed(0, 0, 4600)))
        .await
        .unwrap();
    tells(&beside, object, "second-impedance", 460.0).await;
    tells(&beside, object, "weight", 74.5).await;
    s400.with(|it, _| it.measure(0x100a, &[77])).await.unwrap();
    has_battery(&beside, object, 77).await;

    let mut s200 = Beacon::new(numbered(2), 0x4c04, "S200", Some(KEY));
    s200.measure(0x100a, &[90]);
    let (s200, object) = beside.finds(s200).await;
    pairs_with(&beside, object, KEY).await.unwrap();
    let data = [&[1][..], &7025_u32.to_le_bytes(), &[0; 4]].concat();
    s200.with(move |it, _| it.measure(0x4e16, &data)).await.unwrap();
    tells(&beside, object, "weight", 70.25).await;
}

#[tokio::test]
async fn a_strap_is_measured_and_comes_back_after_a_lost_link() {
    let beside = Beside::new().await;
    let (strap, object) = beside
        .finds(Strap::new(Address::random([0xc0, 0xff, 0xee, 0, 0, 1])))
        .await;
    assert_eq!(
        beside.app.text(object, "Kind").await.unwrap(),
        "heart-rate-monitor"
    );
    beside.asks(object, "Pair").await.unwrap();
    beside.app.reads(object, "State", "connected").await.unwrap();
    let beats = async |bpm: u16| {
        let beat = async {
            strap.until("somebody to listen", Strap::listening).await.unwrap();
            strap
                .with(move |it, air| it.beat(air, bpm, &[820, 810]))
                .await
                .unwrap();
        };
        let none = (Options::new(),);
        let measured = beside.app.call::<_, u16>(object, "MeasureHeartRate", &none);
        let (measured, ()) = tokio::join!(measured, beat);
        measured.unwrap()
    };
    assert_eq!(beats(76).await, Ok(76));
    // More than a byte holds.
    assert_eq!(beats(258).await, Ok(258));
    tells(&beside, object, "heart-rate", 258_u16).await;
    assert_eq!(beside.app.get::<u8>(object, "Battery").await.unwrap(), 90);
    assert_eq!(beside.app.text(object, "FirmwareVersion").await.unwrap(), "1.2.0");
    let serial = super::identity(&beside.app, object).await;
    assert_eq!(entry(&serial, "serial"), "HR-0007");
    let cut = Faults {
        drops_at: Some(1),
        ..Faults::default()
    };
    strap.faults(cut).await.unwrap();
    strap.lose().await.unwrap();
    beside.app.reads(object, "State", "paired").await.unwrap();
    // The next try is lost as well, the one after it isn't.
    beside.scene.clock().run(40).unwrap();
    beside.app.reads(object, "State", "connected").await.unwrap();
    assert_eq!(beats(64).await, Ok(64));
}

#[tokio::test]
async fn a_watch_shows_what_it_is_told_and_tells_what_it_counts() {
    let beside = Beside::new().await;
    let (watch, object) = beside
        .finds(InfiniTime::new(Address::random([0xc3, 1, 1, 1, 1, 1])))
        .await;
    assert_eq!(beside.app.text(object, "Kind").await.unwrap(), "infinitime");
    beside.asks(object, "Pair").await.unwrap();
    beside.app.reads(object, "State", "connected").await.unwrap();
    assert_eq!(beside.app.get::<u8>(object, "Battery").await.unwrap(), 75);
    assert_eq!(
        beside.app.text(object, "FirmwareVersion").await.unwrap(),
        "1.14.0"
    );
    watch
        .until("the clock to be set", |it| it.time.len() >= 10)
        .await
        .unwrap();
    watch
        .until("steps to be listened to", |it| it.listens(infinitime::STEPS))
        .await
        .unwrap();
    watch
        .with(|it: &mut InfiniTime, air: &mut Air| it.walk(air, 4321))
        .await
        .unwrap();
    tells(&beside, object, "steps", 4321_u32).await;
    // After midnight it begins anew.
    watch.with(|it, air| it.walk(air, 7)).await.unwrap();
    tells(&beside, object, "steps", 7_u32).await;
    for (kind, title, body) in [("message", "Ben", "Hello"), ("call", "Ada", ""), ("find", "", "")] {
        let alert = (kind, title, body, Options::new());
        beside
            .app
            .call::<_, ()>(object, "Alert", &alert)
            .await
            .unwrap()
            .unwrap();
        let stop = (kind, Options::new());
        beside
            .app
            .call::<_, ()>(object, "StopAlert", &stop)
            .await
            .unwrap()
            .unwrap();
    }
    let shown = watch.with(|it, _| it.messages.clone()).await.unwrap();
    assert!(
        shown
            .iter()
            .any(|one| !one.call && one.title == "Ben" && one.body == "Hello")
    );
    assert!(shown.iter().any(|one| one.call && one.title == "Ada"));
    watch
        .until("it to vibrate", |it| it.levels.iter().any(|level| *level > 0))
        .await
        .unwrap();
    assert_eq!(beside.syncs(object).await, Ok(0), "it keeps no history");
    let beats = async |listened: bool, bpm: u8| {
        let what = "whether its heart rate is listened to";
        let listens = move |it: &InfiniTime| it.listens(infinitime::HEART) == listened;
        watch.until(what, listens).await.unwrap();
        watch.with(move |it, air| it.beat(air, bpm)).await.unwrap();
    };
    let none = (Options::new(),);
    let once = beside.app.call::<_, u16>(object, "MeasureHeartRate", &none);
    let (once, ()) = tokio::join!(once, beats(true, 77));
    assert_eq!(once.unwrap(), Ok(77));
    beats(false, 78).await;
    follows_heart(&beside, object, true).await;
    beats(true, 79).await;
    tells(&beside, object, "heart-rate", 79_u16).await;
    beats(true, 80).await;
    tells(&beside, object, "heart-rate", 80_u16).await;
    follows_heart(&beside, object, false).await;
    beats(false, 81).await;
    watch.lose().await.unwrap();
    beside.app.reads(object, "State", "paired").await.unwrap();
    beside.scene.clock().advance(Duration::from_secs(70)).unwrap();
    beside.app.reads(object, "State", "connected").await.unwrap();
    watch
        .until("steps to be listened to", |it| it.listens(infinitime::STEPS))
        .await
        .unwrap();
}
