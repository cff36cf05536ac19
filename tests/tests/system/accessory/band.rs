//! A Mi Band 2 from its box to its end.

use belay_tests::accessories::Band;
use belay_tests::accessories::band::{Alert, Minute, Model};
use belay_tests::app::{Answer, Object, Options, entry, options, refused};
use belay_tests::bluez::Faults;

use super::{BAND, Beside, band, identity, replacing, this_minute};
use crate::owner::PASSWORD;
use crate::xml;

/// What the band lived through, as `Activity` tells it.
pub fn lived(from: i64, to: i64) -> Vec<(u64, u8, u8, u8, u8)> {
    let told = |number: i64| {
        let Minute {
            kind,
            intensity,
            steps,
            heart,
        } = Minute::lived(9, number);
        (number.unsigned_abs() * 60, kind, intensity, steps, heart)
    };
    (from..to).map(told).collect()
}

pub async fn unpair(beside: &Beside, object: Object, password: &str) -> Answer<()> {
    let id = object.path.rsplit('/').next().unwrap();
    let app = &beside.app;
    let ticket = app
        .present("unpair", id, &[("password", password)])
        .await
        .unwrap()
        .unwrap();
    app.call(object, "Unpair", &(ticket, Options::new()))
        .await
        .unwrap()
}

#[tokio::test]
async fn a_band_is_found_paired_with_a_tap_synced_and_forgotten_only_with_the_password() {
    let beside = Beside::new().await;
    let first = this_minute() - 300;
    let (band, object) = beside.finds(band(300)).await;
    let app = &beside.app;
    assert_eq!(app.text(object, "Kind").await.unwrap(), "mi-band-2");
    assert_eq!(app.text(object, "State").await.unwrap(), "discovered");
    let xml = xml::members(&app.introspect(object).await.unwrap(), object.interface);
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../proto/dbus");
    let contract = std::fs::read_to_string(format!("{folder}/{}.xml", object.interface)).unwrap();
    assert_eq!(xml, xml::members(&contract, object.interface));

    beside.pairs(&band, object).await;
    beside.syncs(object).await.unwrap();
    let told = beside.activity(object).await;
    assert_eq!(told[..300], lived(first, first + 300));
    band.until("what is on disk to be forgotten", |it| {
        it.history.minutes().len() <= 1
    })
    .await
    .unwrap();
    let identity = identity(app, object).await;
    assert_eq!(entry(&identity, "address"), BAND.to_string());
    assert!(!entry(&identity, "serial").is_empty());

    let find = ("find", "", "", Options::new());
    app.call::<_, ()>(object, "Alert", &find).await.unwrap().unwrap();
    band.until("the band to vibrate", |it| it.alerts.contains(&Alert::Level(3)))
        .await
        .unwrap();
    app.call::<_, ()>(object, "StopAlert", &("find", Options::new()))
        .await
        .unwrap()
        .unwrap();
    let goal = options([("step-goal", 8000_u32.into())]);
    let settings = (goal, Options::new());
    app.call::<_, ()>(object, "SetSettings", &settings)
        .await
        .unwrap()
        .unwrap();
    band.until("the goal to be set", |it| {
        it.settings.contains(&vec![0x10, 0, 0, 0x40, 0x1f, 0, 0])
    })
    .await
    .unwrap();

    refused(
        unpair(&beside, object, "not-the-password-1").await,
        "WrongPassword",
    )
    .unwrap();
    refused(
        app.call::<_, ()>(object, "Unpair", &("0".repeat(32), Options::new()))
            .await
            .unwrap(),
        "BadTicket",
    )
    .unwrap();
    unpair(&beside, object, PASSWORD).await.unwrap();
    band.connected(false).await.unwrap();
}

#[tokio::test]
async fn a_belayd_killed_in_the_middle_of_a_transfer_loses_and_doubles_no_minute() {
    let mut beside = Beside::new().await;
    let first = this_minute() - 900;
    let (band, object) = beside.finds(band(0)).await;
    beside.pairs(&band, object).await;
    beside.app.reads(object, "State", "connected").await.unwrap();
    band.with(move |it, _| it.history.live(9, first, 900))
        .await
        .unwrap();
    beside.scene.kill_belayd().await.unwrap();
    // 900 minutes are 225 packets: each start connects by itself, fetches, and is cut off.
    // BlueZ keeps the link of a belayd that was killed.
    for cut in [20, 90, 200] {
        let cut = Faults {
            drops_after: Some(cut),
            ..Faults::default()
        };
        band.faults(cut).await.unwrap();
        beside.scene.start_belayd().await.unwrap();
        band.cut_off().await.unwrap();
        beside.scene.kill_belayd().await.unwrap();
        assert_eq!(band.with(|it, _| it.history.minutes().len()).await.unwrap(), 900);
    }
    band.faults(Faults::default()).await.unwrap();
    beside.scene.start_belayd().await.unwrap();
    beside.app.reads(object, "State", "connected").await.unwrap();
    let told = beside.activity(object).await;
    assert_eq!(told[..900], lived(first, first + 900));
    assert!(told.windows(2).all(|pair| pair[0].0 < pair[1].0));
}

#[tokio::test]
async fn a_band_of_another_phone_is_taken_over_only_when_asked_to() {
    let beside = Beside::new().await;
    let theirs = Band::new(Model::Two, BAND, Some([7; 16]), 1);
    let (band, object) = beside.finds(theirs).await;
    refused(beside.asks(object, "Pair").await, "AccessoryKeyMismatch").unwrap();
    assert_eq!(
        beside.app.text(object, "ProblemAdvice").await.unwrap(),
        "replace-the-key"
    );
    assert_eq!(band.with(|it, _| it.auth.key).await.unwrap(), Some([7; 16]));
    let tapped = async {
        band.until("the band to ask for a tap", |it| it.auth.asking())
            .await
            .unwrap();
        band.with(Band::tap).await.unwrap();
    };
    let options = (replacing(),);
    let replaced = beside.app.call::<_, ()>(object, "Pair", &options);
    let (answer, ()) = tokio::join!(replaced, tapped);
    answer.unwrap().unwrap();
    assert_ne!(band.with(|it, _| it.auth.key).await.unwrap(), Some([7; 16]));
}

#[tokio::test]
async fn a_band_that_nobody_taps_is_not_paired() {
    let beside = Beside::new().await;
    let (band, object) = beside.finds(band(0)).await;
    band.with(|it, _| it.auth.window = std::time::Duration::from_millis(10))
        .await
        .unwrap();
    refused(beside.asks(object, "Pair").await, "AccessoryNotConfirmed").unwrap();
    assert_eq!(
        beside.app.text(object, "ProblemAdvice").await.unwrap(),
        "tap-the-accessory"
    );
    assert_eq!(band.with(|it, _| it.auth.key).await.unwrap(), None);
}

#[tokio::test]
async fn a_heart_rate_is_measured_and_kept() {
    let beside = Beside::new().await;
    let (band, object) = beside.finds(band(0)).await;
    beside.pairs(&band, object).await;
    let beats: u16 = beside
        .app
        .call(object, "MeasureHeartRate", &(Options::new(),))
        .await
        .unwrap()
        .unwrap();
    let latest: std::collections::HashMap<String, zbus::OwnedVariant> = beside
        .app
        .call(object, "Latest", &(Options::new(),))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(*latest["heart-rate"], zbus::Variant::U16(beats));
}
