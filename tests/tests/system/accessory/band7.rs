//! A Mi Band 7, whose key the account's server issues and whose messages are encrypted.

use std::collections::HashMap;
use std::time::Duration;

use belay_tests::accessories::Band7;
use belay_tests::accessories::band::Minute;
use belay_tests::accessories::band7::{FROM, Shown, lived};
use belay_tests::app::{Answer, Object, Options, entry, memfd, options, refused};
use belay_tests::bluez::{Accessory, Address, Faults};
use belay_tests::until::within;
use zbus::{OwnedVariant, Variant};

use super::sensors::{follows_heart, tells};
use super::{Beside, identity, this_minute};

const BAND: Address = Address::random([0xc7, 2, 3, 4, 5, 6]);
const KEY: [u8; 16] = *b"0123456789@ABCDE";

/// A band that remembers its last minutes.
fn band(minutes: i64) -> Band7 {
    let mut band = Band7::new(BAND, KEY, 1);
    band.history.live(9, this_minute() - minutes, minutes);
    band
}

fn told(from: i64, to: i64) -> Vec<(u64, u8, u8, u8, u8)> {
    let told = |number: i64| {
        let Minute {
            kind,
            intensity,
            steps,
            heart,
        } = lived(9, number);
        (number.unsigned_abs() * 60, kind, intensity, steps, heart)
    };
    (from..to).map(told).collect()
}

async fn pair(beside: &Beside, object: Object, key: [u8; 16]) -> Answer<()> {
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let fd = memfd(hex.as_bytes()).unwrap();
    let options = options([("key", zbus::Fd::from(&fd).into())]);
    beside.app.call(object, "Pair", &(options,)).await.unwrap()
}

/// A band that is Ada's and connected.
async fn adas(beside: &Beside, band: Band7) -> (Accessory<Band7>, Object) {
    let (band, object) = beside.finds(band).await;
    pair(beside, object, KEY).await.unwrap();
    beside.app.reads(object, "State", "connected").await.unwrap();
    (band, object)
}

#[tokio::test]
async fn a_band_7_is_paired_with_its_key_alone() {
    let beside = Beside::new().await;
    let (band, object) = beside.finds(band(0)).await;
    let app = &beside.app;
    assert_eq!(app.text(object, "Kind").await.unwrap(), "mi-band-7");
    refused(beside.asks(object, "Pair").await, "KeyRequired").unwrap();
    refused(pair(&beside, object, [7; 16]).await, "AccessoryKeyMismatch").unwrap();
    assert_eq!(
        app.text(object, "ProblemAdvice").await.unwrap(),
        "bring-the-new-key"
    );
    pair(&beside, object, KEY).await.unwrap();
    app.reads(object, "State", "connected").await.unwrap();
    assert_eq!(app.text(object, "FirmwareVersion").await.unwrap(), "2.0.0.2");
    let serial = identity(app, object).await;
    assert_eq!(entry(&serial, "serial"), "7a8b9c0d1e2f");
    let mut watch = app.watch(object).await.unwrap();
    band.with(|it, air| it.charge(air, 41, true)).await.unwrap();
    let is = |value: &OwnedVariant| **value == Variant::U8(41);
    watch.until("the battery", "Battery", is).await.unwrap();
    let seen = |it: &mut Band7| (it.mismatches, it.trusted(), it.wrong(), it.time[9], it.key);
    let seen = band.with(move |it, _| seen(it)).await.unwrap();
    assert_eq!(seen, (1, true, 0, 8, KEY));
}

#[tokio::test]
async fn its_minutes_are_fetched_once_and_deleted_only_once_they_are_on_disk() {
    let beside = Beside::new().await;
    let mut new = band(0);
    new.history.round = 200;
    let (band, object) = adas(&beside, new).await;
    let first = this_minute() - 300;
    // The first transfer ends with the sum of other data.
    band.with(move |it, _| {
        it.history.live(9, first, 300);
        it.history.torn = 1;
    })
    .await
    .unwrap();
    assert!(beside.syncs(object).await.unwrap() >= 300);
    assert_eq!(beside.activity(object).await[..300], told(first, first + 300));
    band.until("what is on disk to be deleted", |it| {
        it.history.minutes().len() <= 1
    })
    .await
    .unwrap();
    let kept = band.with(|it, _| (it.history.kept, it.history.refused, it.wrong()));
    assert_eq!(kept.await.unwrap(), (1, 0, 0));
    beside.syncs(object).await.unwrap();
    let all = beside.activity(object).await;
    assert!(
        all.windows(2).all(|pair| pair[0].0 < pair[1].0),
        "a minute came twice"
    );
}

#[tokio::test]
async fn a_link_that_drops_in_the_middle_of_a_transfer_loses_and_doubles_no_minute() {
    let beside = Beside::new().await;
    let (band, object) = adas(&beside, band(0)).await;
    beside.asks(object, "Disconnect").await.unwrap();
    band.connected(false).await.unwrap();
    let first = this_minute() - 600;
    band.with(move |it, _| it.history.live(9, first, 600))
        .await
        .unwrap();
    // Some twenty notifications are the agreement and the first values, then come 300 packets of two minutes.
    for cut in [4, 60, 200] {
        let cut = Faults {
            drops_after: Some(cut),
            ..Faults::default()
        };
        band.faults(cut).await.unwrap();
        // Which of the two says it depends on how far it came.
        let _ = beside.asks(object, "Connect").await;
        band.connected(false).await.unwrap();
        beside.asks(object, "Disconnect").await.unwrap();
        assert_eq!(band.with(|it, _| it.history.minutes().len()).await.unwrap(), 600);
    }
    band.faults(Faults::default()).await.unwrap();
    beside.asks(object, "Connect").await.unwrap();
    beside.syncs(object).await.unwrap();
    let all = beside.activity(object).await;
    assert_eq!(all[..600], told(first, first + 600));
    assert!(all.windows(2).all(|pair| pair[0].0 < pair[1].0));
    assert_eq!(band.with(|it, _| it.wrong()).await.unwrap(), 0);
}

#[tokio::test]
async fn over_a_slow_link_that_loses_notifications_every_minute_arrives_once() {
    let beside = Beside::new().await;
    let mut new = band(0);
    (new.mtu, new.history.round) = (63, 100);
    let (band, object) = adas(&beside, new).await;
    let first = this_minute() - 300;
    band.with(move |it, _| it.history.live(9, first, 300))
        .await
        .unwrap();
    band.seed(5).await.unwrap();
    band.faults(Faults {
        lost: 40,
        slow: Duration::from_millis(20),
        ..Faults::default()
    })
    .await
    .unwrap();
    // A transfer with a gap is asked for again, and after some of them the owner asks.
    let through = async {
        while beside.syncs(object).await.is_err() {
            let _ = beside.asks(object, "Connect").await;
        }
    };
    within("a sync to get through", through).await.unwrap();
    assert_eq!(beside.activity(object).await[..300], told(first, first + 300));
    let (kept, refused) = band
        .with(|it, _| (it.history.kept, it.history.refused))
        .await
        .unwrap();
    assert!(kept > 0, "no packet was lost");
    assert_eq!(refused, 0, "nothing was said of a transfer");
}

#[tokio::test]
async fn messages_that_all_arrive_twice_do_no_harm() {
    let beside = Beside::new().await;
    let (band, object) = beside.finds(band(0)).await;
    band.faults(Faults {
        doubled: 1000,
        ..Faults::default()
    })
    .await
    .unwrap();
    pair(&beside, object, KEY).await.unwrap();
    for _ in 0..3 {
        band.with(|it, air| it.look_for_phone(air, true)).await.unwrap();
        band.until("the phone to hear that it is looked for", |it| it.phone_heard)
            .await
            .unwrap();
    }
    assert!(band.with(|it, _| it.trusted()).await.unwrap());
}

#[tokio::test]
async fn a_band_7_shows_vibrates_measures_and_is_told_who_wears_it() {
    let beside = Beside::new().await;
    let (band, object) = adas(&beside, band(0)).await;
    let app = &beside.app;
    let alert = async |kind: &str, title: &str, body: &str| {
        let asked = (kind, title, body, Options::new());
        app.call::<_, ()>(object, "Alert", &asked).await.unwrap().unwrap();
    };
    let stop = async |kind: &str| {
        let asked = (kind, Options::new());
        app.call::<_, ()>(object, "StopAlert", &asked)
            .await
            .unwrap()
            .unwrap();
    };
    alert("find", "", "").await;
    band.until("the band to vibrate", |it| it.vibrates).await.unwrap();
    stop("find").await;
    band.until("the band to be still", |it| !it.vibrates)
        .await
        .unwrap();
    alert("message", "Ann", "See you at eight").await;
    alert("call", "Ann", "").await;
    stop("call").await;
    stop("message").await;
    let all = [
        Shown::Message {
            number: 1,
            texts: ["Ann".to_owned(), "See you at eight".to_owned()],
        },
        Shown::Call("Ann".to_owned()),
        Shown::CallEnded,
        Shown::Gone(1),
    ];
    band.until("all of it to be shown", move |it| it.shown == all)
        .await
        .unwrap();

    band.with(|it, air| {
        it.rate = 77;
        it.walk(air, 4711);
    })
    .await
    .unwrap();
    let beats: u16 = app
        .call(object, "MeasureHeartRate", &(Options::new(),))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(beats, 77);
    let latest: HashMap<String, OwnedVariant> = app
        .call(object, "Latest", &(Options::new(),))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(*latest["heart-rate"], Variant::U16(77));
    assert_eq!(*latest["steps"], Variant::U32(4711));
    follows_heart(&beside, object, true).await;
    for rate in [88, 91] {
        band.with(move |it, _| it.rate = rate).await.unwrap();
        tells(&beside, object, "heart-rate", u16::from(rate)).await;
    }
    follows_heart(&beside, object, false).await;
    band.until("it to measure no more", |it| !it.measures())
        .await
        .unwrap();

    let wearer = options([
        ("birth-date", "1985-07-23".into()),
        ("height", 178_u16.into()),
        ("weight", 74.0_f64.into()),
        ("sex", "female".into()),
    ]);
    let settings = (wearer, Options::new());
    app.call::<_, ()>(object, "SetSettings", &settings)
        .await
        .unwrap()
        .unwrap();
    let told = band.with(|it, _| it.wearer[4..13].to_vec()).await.unwrap();
    assert_eq!(told, [0xc1, 7, 7, 23, 1, 178, 0, 0xd0, 0x39]);
    let goal = (options([("step-goal", 8000_u32.into())]), Options::new());
    let answer: Answer<()> = app.call(object, "SetSettings", &goal).await.unwrap();
    refused(answer, "NotSupported").unwrap();
    assert_eq!(band.with(|it, _| it.wrong()).await.unwrap(), 0);
}

#[tokio::test]
async fn a_band_that_sends_what_no_key_made_is_cut_off() {
    let beside = Beside::new().await;
    let (band, object) = adas(&beside, band(0)).await;
    // Sixteen bytes that nobody encrypted, as somebody else would forge a search for the phone.
    let first = [&[3, 0x09, 0, 200, 0, 1, 0, 0, 0, 0x1a, 0][..], &[7; 9]].concat();
    let rest = [&[3, 0x0e, 0, 200, 1][..], &[7; 7]].concat();
    band.with(move |_, air| {
        air.notify(FROM, first);
        air.notify(FROM, rest);
    })
    .await
    .unwrap();
    band.connected(false).await.unwrap();
    beside
        .app
        .reads(object, "Problem", "AccessoryRefused")
        .await
        .unwrap();
}

#[tokio::test]
async fn a_band_6_with_newer_firmware_is_commanded_by_encrypted_messages() {
    let beside = Beside::new().await;
    let (band, object) = adas(&beside, band(0).six()).await;
    let app = &beside.app;
    assert_eq!(app.text(object, "Kind").await.unwrap(), "mi-band-6");
    assert_eq!(app.get::<u8>(object, "Battery").await.unwrap(), 80);
    let first = this_minute() - 60;
    band.with(move |it, _| it.history.live(9, first, 60))
        .await
        .unwrap();
    beside.syncs(object).await.unwrap();
    assert_eq!(beside.activity(object).await[..60], told(first, first + 60));
    let settings = options([("step-goal", 8000_u32.into()), ("clock", "12h".into())]);
    app.call::<_, ()>(object, "SetSettings", &(settings, Options::new()))
        .await
        .unwrap()
        .unwrap();
    band.with(|it, air| it.event(air, 0x08)).await.unwrap();
    band.until("the phone to hear that it is looked for", |it| {
        it.configuration == [[6, 2, 0, 0], [6, 0x14, 0, 0]]
    })
    .await
    .unwrap();
    let seen = |it: &mut Band7| (it.settings.clone(), it.wrong(), it.time[9], it.time[0]);
    let seen = band.with(move |it, _| seen(it)).await.unwrap();
    let year = seen.3;
    assert_eq!(seen, (vec![vec![0x10, 0, 0, 0x40, 0x1f, 0, 0]], 0, 0, year));
    assert_ne!(year, 0xb2, "the clock was set");
}
