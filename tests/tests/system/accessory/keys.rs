//! Keys that are on the disk before an accessory has them, bonds that are stale, recordings, and a BlueZ without an id.

use std::collections::HashMap;
use std::time::Duration;

use belay_tests::accessories::band::Model;
use belay_tests::accessories::{Band, Beacon};
use belay_tests::app::{ACCESSORIES, Answer, Object, Options, memfd, options, refused};
use belay_tests::bluez::{Accessory, Address, Faults, Running, Settings};
use belay_tests::until::until;
use zbus::{OwnedVariant, Variant};

use super::{BAND, Beside, app, band, plan, replacing};
use crate::owner::{ADA, PASSWORD, registered};
use crate::scene::Scene;

const DEVICE: &str = "/org/bluez/hci0/dev_C1_02_03_04_05_06";
const SENSOR: Address = Address::public([0xa4, 0xc1, 0x38, 1, 2, 9]);
const KEY: [u8; 16] = *b"0123456789@ABCDE";

/// Asks for a pairing and has belayd killed while the wearer is asked.
async fn killed_while_asked(beside: &mut Beside, band: &Accessory<Band>, object: Object) {
    let app = app(&beside.scene);
    let pairing = tokio::spawn(async move { app.call::<_, ()>(object, "Pair", &(replacing(),)).await });
    band.until("the band to ask for a tap", |it| it.auth.asking())
        .await
        .unwrap();
    beside.scene.kill_belayd().await.unwrap();
    let _gone = pairing.await.unwrap();
}

async fn key_of(band: &Accessory<Band>) -> Option<[u8; 16]> {
    band.with(|it, _| it.auth.key).await.unwrap()
}

async fn connected(beside: &Beside, object: Object) {
    beside.app.reads(object, "State", "connected").await.unwrap();
}

#[tokio::test]
async fn a_belayd_killed_between_the_key_and_its_answer_leaves_no_band_with_a_key_that_nobody_knows() {
    let mut beside = Beside::new().await;
    let (band, object) = beside.finds(band(0)).await;
    killed_while_asked(&mut beside, &band, object).await;
    // Nobody hears the answer.
    band.with(Band::tap).await.unwrap();
    let given = key_of(&band).await;
    assert!(given.is_some());
    beside.scene.start_belayd().await.unwrap();
    beside.powered().await.unwrap();
    let object = beside.finds_again(BAND).await;
    // Neither another key nor another tap.
    beside.asks(object, "Pair").await.unwrap();
    assert_eq!(key_of(&band).await, given);
    assert!(!band.with(|it, _| it.auth.asking()).await.unwrap());
    // It stays so.
    beside.scene.kill_belayd().await.unwrap();
    beside.scene.start_belayd().await.unwrap();
    connected(&beside, object).await;
}

#[tokio::test]
async fn a_belayd_killed_before_the_tap_asks_for_it_again_with_another_key() {
    let mut beside = Beside::new().await;
    let (band, object) = beside.finds(band(0)).await;
    killed_while_asked(&mut beside, &band, object).await;
    // BlueZ keeps the link of a belayd that was killed, the band doesn't.
    band.lose().await.unwrap();
    assert_eq!(key_of(&band).await, None);
    beside.scene.start_belayd().await.unwrap();
    beside.powered().await.unwrap();
    let object = beside.finds_again(BAND).await;
    beside.pairs(&band, object).await;
    assert!(key_of(&band).await.is_some());
}

#[tokio::test]
async fn a_belayd_killed_while_a_paired_band_takes_another_key_has_it_back_by_itself() {
    let mut beside = Beside::new().await;
    let (band, object) = beside.finds(band(60)).await;
    beside.pairs(&band, object).await;
    beside.syncs(object).await.unwrap();
    let (first, minutes) = (key_of(&band).await, beside.activity(object).await);
    for taps in [false, true] {
        killed_while_asked(&mut beside, &band, object).await;
        if taps {
            band.with(Band::tap).await.unwrap();
        } else {
            band.lose().await.unwrap();
        }
        let holds = key_of(&band).await;
        assert_eq!(holds != first, taps);
        beside.scene.start_belayd().await.unwrap();
        connected(&beside, object).await;
        assert_eq!(key_of(&band).await, holds, "nobody was asked to tap");
    }
    assert_eq!(beside.activity(object).await[..minutes.len()], minutes);
}

#[tokio::test]
async fn a_band_that_is_still_being_disconnected_is_replaced_at_once() {
    let scene = Scene::of(plan()).await;
    registered(&scene, ADA, PASSWORD).await;
    let settings = Settings {
        flowing: true,
        // As a real one.
        disconnect: Duration::from_secs(2),
        ..Settings::default()
    };
    let beside = Beside::with(scene, settings).await;
    let theirs = Band::new(Model::Two, BAND, Some([7; 16]), 1);
    let (band, object) = beside.finds(theirs).await;
    refused(beside.asks(object, "Pair").await, "AccessoryKeyMismatch").unwrap();
    let tapped = async {
        band.until("the band to ask for a tap", |it| it.auth.asking())
            .await
            .unwrap();
        beside
            .app
            .reads(object, "State", "awaiting-confirmation")
            .await
            .unwrap();
        band.with(Band::tap).await.unwrap();
    };
    let with = (replacing(),);
    let replaced = beside.app.call::<_, ()>(object, "Pair", &with);
    let (answer, ()) = tokio::join!(replaced, tapped);
    answer.unwrap().unwrap();
    assert_ne!(key_of(&band).await, Some([7; 16]));
}

/// Somebody else on the device asks BlueZ.
async fn of_bluez(beside: &Beside, member: &str) {
    let bus = beside.scene.root().await.unwrap();
    let device = Some("org.bluez.Device1");
    bus.call_method(Some("org.bluez"), DEVICE, device, member, &())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_bond_that_only_bluez_still_has_is_named_and_removed_when_asked_to() {
    let beside = Beside::new().await;
    let (band, object) = beside.finds(band(0)).await;
    for member in ["Connect", "Pair", "Disconnect"] {
        of_bluez(&beside, member).await;
    }
    band.faults(Faults {
        lost_bond: true,
        ..Faults::default()
    })
    .await
    .unwrap();
    refused(beside.asks(object, "Pair").await, "AccessoryUnreachable").unwrap();
    assert_eq!(
        beside.app.text(object, "ProblemAdvice").await.unwrap(),
        "remove-the-bond"
    );
    let tapped = async {
        band.until("the band to ask for a tap", |it| it.auth.asking())
            .await
            .unwrap();
        band.with(Band::tap).await.unwrap();
    };
    let with = (replacing(),);
    let replaced = beside.app.call::<_, ()>(object, "Pair", &with);
    let (answer, ()) = tokio::join!(replaced, tapped);
    answer.unwrap().unwrap();
    connected(&beside, object).await;
    assert_eq!(beside.app.text(object, "Problem").await.unwrap(), "");

    // A bond that comes later is removed without another key.
    let key = key_of(&band).await;
    of_bluez(&beside, "Pair").await;
    band.lose().await.unwrap();
    beside.scene.clock().run(20).unwrap();
    beside
        .app
        .reads(object, "ProblemAdvice", "remove-the-bond")
        .await
        .unwrap();
    let answer: Answer<()> = beside.app.call(object, "Pair", &(replacing(),)).await.unwrap();
    answer.unwrap();
    connected(&beside, object).await;
    assert_eq!(key_of(&band).await, key);
}

#[tokio::test]
async fn a_bluez_without_a_device_id_is_named() {
    let scene = Scene::of(plan()).await;
    registered(&scene, ADA, PASSWORD).await;
    let settings = Settings {
        flowing: true,
        device_id: false,
        ..Settings::default()
    };
    let _air = Running::start(scene.bus().socket(), settings).await.unwrap();
    let app = app(&scene);
    let text = until("the cause to be named", async || {
        let asked: Answer<()> = app
            .call(ACCESSORIES, "StartDiscovery", &(Options::new(),))
            .await
            .ok()?;
        let refusal = asked.err()?;
        assert_eq!(refusal.name, "org.belay1.Error.AdapterMissing");
        refusal.text.contains("DeviceID").then_some(refusal.text)
    });
    text.await.unwrap();
    assert!(!app.get::<bool>(ACCESSORIES, "Available").await.unwrap());
}

async fn pairs_with(beside: &Beside, object: Object, key: [u8; 16]) -> Answer<()> {
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let fd = memfd(hex.as_bytes()).unwrap();
    let with = options([("key", zbus::Fd::from(&fd).into()), ("replace", true.into())]);
    beside.app.call(object, "Pair", &(with,)).await.unwrap()
}

/// The sensor measures so many tenths of a degree.
async fn measures(sensor: &Accessory<Beacon>, tenths: i16) {
    sensor
        .with(move |it, _| it.measure(0x1004, &tenths.to_le_bytes()))
        .await
        .unwrap();
}

/// The newest temperature, in °C.
async fn temperature(beside: &Beside, object: Object) -> Option<f64> {
    let latest: Answer<HashMap<String, OwnedVariant>> = beside
        .app
        .call(object, "Latest", &(Options::new(),))
        .await
        .unwrap();
    match **latest.ok()?.get("temperature")? {
        Variant::F64(celsius) => Some(celsius),
        _ => None,
    }
}

async fn tells(beside: &Beside, object: Object, celsius: f64) {
    until(&format!("{celsius} °C"), async || {
        (temperature(beside, object).await == Some(celsius)).then_some(())
    })
    .await
    .unwrap();
}

/// The sensor measures so many tenths of a degree again and again, until that is told: what is no person's is kept once a minute.
async fn goes_on(beside: &Beside, sensor: &Accessory<Beacon>, object: Object, tenths: i16) {
    let celsius = f64::from(tenths) / 10.0;
    until(&format!("{celsius} °C"), async || {
        beside.scene.clock().advance(Duration::from_secs(61)).unwrap();
        measures(sensor, tenths).await;
        (temperature(beside, object).await == Some(celsius)).then_some(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_sensor_keeps_its_key_against_a_wrong_one_and_believes_no_recording_after_a_restart() {
    let mut beside = Beside::new().await;
    let mut sensor = Beacon::new(SENSOR, 0x055b, "LYWSD03MMC", Some(KEY));
    sensor.count_from(0x1fe);
    sensor.measure(0x1004, &215_i16.to_le_bytes());
    let (sensor, object) = beside.finds(sensor).await;
    pairs_with(&beside, object, KEY).await.unwrap();
    measures(&sensor, 215).await;
    tells(&beside, object, 21.5).await;

    let answer = {
        let wrong = pairs_with(&beside, object, [7; 16]);
        let speaks = async {
            beside.app.reads(object, "State", "pairing").await.unwrap();
            measures(&sensor, 220).await;
        };
        tokio::join!(wrong, speaks).0
    };
    refused(answer, "AccessoryKeyMismatch").unwrap();
    // 22.0 °C may be heard only now.
    goes_on(&beside, &sensor, object, 225).await;

    beside.scene.kill_belayd().await.unwrap();
    beside.scene.start_belayd().await.unwrap();
    // From before the first that was heard.
    sensor.with(|it, _| it.count_from(0x100)).await.unwrap();
    measures(&sensor, 900).await;
    beside
        .app
        .reads(object, "ProblemAdvice", "pair-with-its-key")
        .await
        .unwrap();
    assert_eq!(temperature(&beside, object).await, Some(22.5));
    // Its battery was changed: who has the key says so.
    pairs_with(&beside, object, KEY).await.unwrap();
    // What proved the key may be all that was heard of 90.0 °C.
    goes_on(&beside, &sensor, object, 900).await;
    assert_eq!(beside.app.text(object, "Problem").await.unwrap(), "");
}
