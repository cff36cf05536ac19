//! The phone's clock is behind, is set, or is in another zone, and a band keeps what it has lived through.

use std::time::Duration;

use belay_tests::accessories::Band;
use belay_tests::accessories::band::Minute;
use belay_tests::app::Object;
use belay_tests::bluez::{self, Air};

use super::{Beside, band, this_minute};

const HOUR: u64 = 3600;

/// What `Activity` is to tell of these minutes.
fn lived(range: std::ops::Range<i64>) -> Vec<(u64, u8, u8, u8, u8)> {
    let told = |number: i64| {
        let it = Minute::lived(9, number);
        let start = number.unsigned_abs() * 60;
        (start, it.kind, it.intensity, it.steps, it.heart)
    };
    range.map(told).collect()
}

/// A band that has told what it lived through up to the minute `first`.
async fn synced(beside: &Beside, first: i64) -> (bluez::Accessory<Band>, Object) {
    let (band, object) = beside.finds(band(0)).await;
    beside.pairs(&band, object).await;
    lives(&band, first - 100..first).await;
    beside.syncs(object).await.unwrap();
    assert!(beside.activity(object).await == lived(first - 100..first));
    (band, object)
}

async fn lives(band: &bluez::Accessory<Band>, range: std::ops::Range<i64>) {
    let deed = move |it: &mut Band, _: &mut Air| it.history.live(9, range.start, range.end - range.start);
    band.with(deed).await.unwrap();
}

async fn time(band: &bluez::Accessory<Band>) -> [u8; 11] {
    band.with(|it, _| it.time).await.unwrap()
}

#[tokio::test]
async fn a_phone_that_lost_its_time_leaves_the_bands_clock_and_memory_until_it_has_it_again() {
    let mut beside = Beside::new().await;
    let first = this_minute() - 600;
    let (band, object) = synced(&beside, first).await;
    let set = time(&band).await;
    let right = beside.scene.clock().wall();
    for behind in [5, right - 20 * HOUR] {
        lives(&band, first..first + 500).await;
        beside.scene.kill_belayd().await.unwrap();
        beside.scene.clock().set_wall(behind).unwrap();
        beside.scene.start_belayd().await.unwrap();
        beside.app.reads(object, "State", "connected").await.unwrap();
        beside.syncs(object).await.unwrap();
        assert_eq!(time(&band).await, set, "{behind}");
        assert_eq!(band.with(|it, _| it.history.minutes().len()).await.unwrap(), 500);
    }
    // The network tells: nobody has to connect or ask for it.
    beside.scene.clock().set_wall(right + 60).unwrap();
    band.until("the band to be told the time and to forget", move |it| {
        it.time != set && it.history.minutes().is_empty()
    })
    .await
    .unwrap();
    assert!(beside.activity(object).await == lived(first - 100..first + 500));
}

#[tokio::test]
async fn a_phone_that_waits_for_the_networks_time_takes_minutes_and_has_none_forgotten() {
    let mut beside = Beside::new().await;
    let first = this_minute() - 600;
    let (band, object) = synced(&beside, first).await;
    let set = time(&band).await;
    beside.scene.services().time().network(true).await.unwrap();
    beside.scene.kill_belayd().await.unwrap();
    // It was off for a while and doesn't know.
    beside.scene.clock().advance(Duration::from_secs(HOUR)).unwrap();
    beside.scene.start_belayd().await.unwrap();
    beside.app.reads(object, "State", "connected").await.unwrap();
    // What it is told at its start of who keeps the time comes a moment later than itself.
    lives(&band, first..first + 200).await;
    let before = time(&band).await;
    beside.syncs(object).await.unwrap();
    assert!(beside.activity(object).await == lived(first - 100..first + 200));
    let kept = band.with(|it, _| it.history.minutes().len()).await.unwrap();
    let now = time(&band).await;
    assert_eq!((kept, now), (200, before));
    assert_eq!(before, set);
    beside.scene.services().time().synchronised(true).unwrap();
    beside.scene.clock().advance(Duration::from_secs(120)).unwrap();
    band.until("the band to be told the time", move |it| it.time != set)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_band_that_stays_connected_follows_the_phone_to_another_zone() {
    let beside = Beside::new().await;
    let (band, _) = synced(&beside, this_minute() - 600).await;
    for (zone, quarters) in [("Asia/Kathmandu", 23_u8), ("Etc/UTC", 0)] {
        beside.scene.services().time().zone(zone).await.unwrap();
        band.until("the band to show the time there", move |it| {
            it.time[10] == quarters
        })
        .await
        .unwrap();
    }
}

#[tokio::test]
async fn a_clock_that_steps_back_under_a_transfer_loses_no_minute() {
    let beside = Beside::new().await;
    let first = this_minute() - 2000;
    let (band, object) = synced(&beside, first).await;
    let right = beside.scene.clock().wall();
    let clock = beside.scene.clock().handle();
    let deed = move |it: &mut Band, air: &mut Air| {
        it.history.live(9, first, 1900);
        it.history.on_started = belay_tests::accessories::band::Once::new(move || {
            clock.set_wall(right - 30 * HOUR).unwrap();
        });
        it.event(air, &[0x0e]);
    };
    band.with(deed).await.unwrap();
    band.until("the transfer to begin", |it| it.history.on_started.is_done())
        .await
        .unwrap();
    beside.app.reads(object, "State", "connected").await.unwrap();
    beside.scene.clock().set_wall(right).unwrap();
    beside.syncs(object).await.unwrap();
    assert!(beside.activity(object).await == lived(first - 100..first + 1900));
}
