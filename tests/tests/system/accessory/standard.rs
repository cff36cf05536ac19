//! Scales and others with the services of the Bluetooth SIG alone, whoever made them.

use std::time::Duration;

use belay_tests::accessories::standard::{BATTERY, COMPOSITION, LEVEL, WEIGHT};
use belay_tests::accessories::standard::{Composition, Field, Weighing};
use belay_tests::accessories::{BodyScale, Cell, WeightScale};
use belay_tests::app::{Answer, Object, Options, entry, options, refused};
use belay_tests::bluez::{self, Address, Faults, Peripheral, Refused};
use zbus::Variant;

use super::sensors::{has_battery, latest, tells};
use super::{Beside, identity};

const fn numbered(number: u8) -> Address {
    Address::random([0xc9, 1, 2, 3, 4, number])
}

/// So many half kilograms.
fn weighs(raw: u16) -> Weighing {
    Weighing {
        raw,
        ..Weighing::default()
    }
}

async fn paired<P: Peripheral>(beside: &Beside, it: P) -> (bluez::Accessory<P>, Object) {
    let (accessory, object) = beside.finds(it).await;
    assert_eq!(beside.app.text(object, "Kind").await.unwrap(), "generic");
    beside.asks(object, "Pair").await.unwrap();
    beside.app.reads(object, "State", "connected").await.unwrap();
    (accessory, object)
}

#[tokio::test]
async fn a_weight_scale_has_its_clock_set_and_indicates_what_it_weighs() {
    let beside = Beside::new().await;
    let (scale, object) = paired(&beside, WeightScale::new(numbered(1))).await;
    let app = &beside.app;
    assert_eq!(app.get::<u8>(object, "Battery").await.unwrap(), 90);
    assert_eq!(app.text(object, "FirmwareVersion").await.unwrap(), "3.1.4");
    assert_eq!(entry(&identity(app, object).await, "serial"), "SN-0042");
    let time = scale.with(|it, _| it.common.time.clone()).await.unwrap();
    assert!(
        u16::from_le_bytes([time[0], time[1]]) > 2020 && time[7] > 0,
        "{time:?}"
    );
    scale.with(|it, air| it.weigh(air, weighs(14_000))).await.unwrap();
    tells(&beside, object, "weight", 70.0).await;
    let pounds = Weighing {
        raw: 20_000,
        imperial: true,
        user: Some(1),
        body: Some((245, 692)),
        ..Weighing::default()
    };
    scale.with(move |it, air| it.weigh(air, pounds)).await.unwrap();
    tells(&beside, object, "weight", 200.0 * 0.453_592_37).await;
}

#[tokio::test]
async fn what_a_scale_kept_for_its_first_phone_is_on_disk_with_its_date() {
    let mut beside = Beside::new().await;
    let kept = |raw, day| Weighing {
        time: Some((2026, [1, day, 8, 0, 0])),
        ..weighs(raw)
    };
    let mut scale = WeightScale::new(numbered(2));
    // It gives this away while it is being paired, and once only: what else it has is asked for only after that.
    scale.kept = vec![kept(14_000, 2), kept(14_200, 3)];
    scale.composes = true;
    let (scale, object) = beside.finds(scale).await;
    let slow = Faults {
        slow: Duration::from_millis(50),
        ..Faults::default()
    };
    scale.faults(slow).await.unwrap();
    beside.asks(object, "Pair").await.unwrap();
    scale.faults(Faults::default()).await.unwrap();
    tells(&beside, object, "weight", 71.0).await;
    assert!(scale.with(|it, _| it.kept.is_empty()).await.unwrap());
    beside.scene.kill_belayd().await.unwrap();
    scale.in_range(false).await.unwrap();
    beside.scene.start_belayd().await.unwrap();
    // On a busy machine belayd starts before it has read what it kept.
    tells(&beside, object, "weight", 71.0).await;
    let told = latest(&beside, object).await.unwrap();
    assert_eq!(*told["weight"], Variant::from(71.0));
    let Variant::U64(measured) = *told["measured"] else {
        panic!("{told:?}");
    };
    // The third of January, wherever this runs.
    assert!((20_455..=20_457).contains(&(measured / 86_400)), "{measured}");
    // And what it keeps for a phone that was away.
    scale
        .with(move |it, air| it.weigh(air, kept(14_400, 4)))
        .await
        .unwrap();
    scale.in_range(true).await.unwrap();
    beside.asks(object, "Connect").await.unwrap();
    tells(&beside, object, "weight", 72.0).await;
}

#[tokio::test]
async fn a_composition_in_several_packets_is_put_together() {
    let beside = Beside::new().await;
    let (scale, object) = paired(&beside, BodyScale::new(numbered(3))).await;
    let measured = Composition {
        fat: 213,
        time: Some((2026, [1, 2, 8, 0, 0])),
        user: Some(2),
        fields: [
            (Field::Basal, 7000),
            (Field::Muscle, 412),
            (Field::MuscleMass, 8000),
            (Field::FatFree, 11_000),
            (Field::Water, 8000),
            (Field::Impedance, 5030),
            (Field::Weight, 14_500),
            (Field::Height, 1780),
        ]
        .into(),
        ..Composition::default()
    };
    assert!(measured.packets(20).len() > 1);
    scale
        .with(move |it, air| it.measure(air, measured))
        .await
        .unwrap();
    tells(&beside, object, "weight", 72.5).await;
    tells(&beside, object, "impedance", 503.0).await;
    tells(&beside, object, "body-fat", 21.3).await;
    // In one packet, and in pounds.
    let pounds = Composition {
        fat: 220,
        imperial: true,
        fields: [(Field::Weight, 20_000)].into(),
        ..Composition::default()
    };
    assert_eq!(pounds.packets(20).len(), 1);
    scale.with(move |it, air| it.measure(air, pounds)).await.unwrap();
    tells(&beside, object, "weight", 200.0 * 0.453_592_37).await;
    tells(&beside, object, "body-fat", 22.0).await;
}

#[tokio::test]
async fn what_no_scale_can_mean_is_not_believed() {
    let beside = Beside::new().await;
    let (weight, plain) = paired(&beside, WeightScale::new(numbered(4))).await;
    let (body, composing) = paired(&beside, BodyScale::new(numbered(5))).await;
    weight
        .with(|it, air| it.weigh(air, weighs(14_000)))
        .await
        .unwrap();
    let first = Composition {
        fat: 200,
        fields: [(Field::Impedance, 5000), (Field::Weight, 14_000)].into(),
        ..Composition::default()
    };
    body.with(move |it, air| it.measure(air, first)).await.unwrap();
    tells(&beside, plain, "weight", 70.0).await;
    tells(&beside, composing, "impedance", 500.0).await;
    // Nothing, half a weight, a date that is announced and missing, "didn't succeed", nobody on it.
    let nonsense: [&[u8]; 7] = [
        &[],
        &[0, 1],
        &[0x02, 0x50, 0x46, 0xea, 0x07],
        &[0x0f, 0x50, 0x46],
        &[0x08, 0x50, 0x46, 0xf5, 0x00],
        &[0x00, 0xff, 0xff],
        &[0x00, 0x00, 0x00],
    ];
    weight
        .with(move |_, air| nonsense.iter().for_each(|value| air.notify(WEIGHT, *value)))
        .await
        .unwrap();
    // The same, and no body has so much fat or so many ohms.
    let nonsense: [&[u8]; 7] = [
        &[],
        &[0x00, 0x04, 200],
        &[0x00, 0x04, 200, 0, 0x50],
        &[0x02, 0x04, 200, 0, 0xea, 0x07, 1],
        &[0x00, 0x04, 0xff, 0xff, 0, 0],
        &[0x00, 0x00, 0xe9, 0x03],
        &[0x00, 0x02, 0xff, 0xff, 0xff, 0xff],
    ];
    body.with(move |_, air| nonsense.iter().for_each(|value| air.notify(COMPOSITION, *value)))
        .await
        .unwrap();
    // What came before the next sign of life has been judged.
    weight.with(|_, air| air.notify(BATTERY, [55])).await.unwrap();
    body.with(|_, air| air.notify(BATTERY, [55])).await.unwrap();
    for object in [plain, composing] {
        has_battery(&beside, object, 55).await;
    }
    let told = latest(&beside, plain).await.unwrap();
    assert_eq!(*told["weight"], Variant::from(70.0));
    let told = latest(&beside, composing).await.unwrap();
    assert_eq!(*told["weight"], Variant::from(70.0));
    assert_eq!(*told["impedance"], Variant::from(500.0));
    assert_eq!(*told["body-fat"], Variant::from(20.0));
    // A date to come counts as now: what is weighed then isn't hidden behind it.
    let ahead = Weighing {
        time: Some((2099, [1, 1, 0, 0, 0])),
        ..weighs(14_100)
    };
    weight.with(move |it, air| it.weigh(air, ahead)).await.unwrap();
    tells(&beside, plain, "weight", 70.5).await;
    beside.scene.clock().advance(Duration::from_secs(2)).unwrap();
    weight
        .with(|it, air| it.weigh(air, weighs(14_200)))
        .await
        .unwrap();
    tells(&beside, plain, "weight", 71.0).await;
}

#[tokio::test]
async fn a_scale_that_will_not_indicate_is_not_paired() {
    let beside = Beside::new().await;
    let (scale, object) = beside.finds(WeightScale::new(numbered(6))).await;
    let refuses = Refused {
        member: "StartNotify".to_owned(),
        of: None,
        begins: Vec::new(),
        // The battery's as well.
        times: 2,
        name: "org.bluez.Error.NotPermitted".to_owned(),
        text: "Not permitted".to_owned(),
    };
    let faults = Faults {
        refused: vec![refuses],
        ..Faults::default()
    };
    scale.faults(faults).await.unwrap();
    refused(beside.asks(object, "Pair").await, "AccessoryRefused").unwrap();
    scale.connected(false).await.unwrap();
    assert_eq!(beside.app.text(object, "State").await.unwrap(), "discovered");
    scale.faults(Faults::default()).await.unwrap();
    beside.asks(object, "Pair").await.unwrap();
}

#[tokio::test]
async fn of_what_has_a_battery_alone_the_battery_is_told_and_it_can_be_found() {
    let beside = Beside::new().await;
    let (tag, object) = paired(&beside, Cell::new(numbered(7))).await;
    has_battery(&beside, object, 90).await;
    tag.with(|_, air| {
        // More than there is, and two bytes.
        air.notify(BATTERY, [101]);
        air.notify(BATTERY, [50, 0]);
    })
    .await
    .unwrap();
    tag.with(|it, air| it.drain(air, 41)).await.unwrap();
    has_battery(&beside, object, 41).await;
    let (app, none) = (&beside.app, Options::new());
    let find = ("find", "", "", &none);
    app.call::<_, ()>(object, "Alert", &find).await.unwrap().unwrap();
    app.call::<_, ()>(object, "StopAlert", &("find", &none))
        .await
        .unwrap()
        .unwrap();
    tag.until("it to be noticed, and then to be still", |it| it.levels == [2, 0])
        .await
        .unwrap();
    let message = ("message", "Ben", "Hello", &none);
    let shown = app.call::<_, ()>(object, "Alert", &message).await.unwrap();
    refused(shown, "NotSupported").unwrap();
    let beats: Answer<u16> = app.call(object, "MeasureHeartRate", &(&none,)).await.unwrap();
    refused(beats, "NotSupported").unwrap();
    let goal = (options([("step-goal", 8000_u32.into())]), &none);
    let set = app.call::<_, ()>(object, "SetSettings", &goal).await.unwrap();
    refused(set, "NotSupported").unwrap();
    assert!(!tag.with(|it, _| it.common.listens(LEVEL)).await.unwrap());
}
