//! Bands 2 to 6 from their pairing to their last minute: whom they believe, and everything that may happen to a
//! transfer.

use std::time::Duration;

use belay_tests::accessories::Band;
use belay_tests::accessories::band::{Minute, Model};
use belay_tests::app::{Answer, Object, memfd, options, refused};
use belay_tests::bluez::{self, Address, Air, Faults};
use belay_tests::stage::Plan;
use futures_util::future::join_all;

use super::{Beside, replacing, this_minute};
use crate::scene::plan;

const KEY: [u8; 16] = *b"0123456789@ABCDE";
const OTHER: [u8; 16] = [7; 16];
const EARLIER: [Model; 3] = [Model::Two, Model::Three, Model::Four];
/// These remember more of a minute.
const LATER: [Model; 2] = [Model::Five, Model::Six];

/// A band of each model, with this key.
fn each<const N: usize>(models: [Model; N], key: Option<[u8; 16]>) -> [Band; N] {
    let numbered = |number: u8| Address::random([0xc1, 2, 3, 4, 5, number]);
    let mut number = 0;
    models.map(|model| {
        number += 1;
        // An issued key is there before anybody pairs the band.
        let key = if model.key_is_issued() {
            key.or(Some(KEY))
        } else {
            key
        };
        Band::new(model, numbered(number), key, u64::from(number))
    })
}

/// Pairs with the key that was issued, where the band has such a one.
async fn pair(beside: &Beside, band: &bluez::Accessory<Band>, object: Object) -> Answer<()> {
    let kind = beside.app.text(object, "Kind").await.unwrap();
    let issued = ["mi-band-4", "mi-band-5", "mi-band-6"].contains(&kind.as_str());
    band.with(|it, _| it.auth.taps = true).await.unwrap();
    if !issued {
        return beside.asks(object, "Pair").await;
    }
    let hex: String = KEY.iter().map(|byte| format!("{byte:02x}")).collect();
    let fd = memfd(hex.as_bytes()).unwrap();
    let with = options([("key", zbus::Fd::from(&fd).into())]);
    beside.app.call(object, "Pair", &(with,)).await.unwrap()
}

/// Until a sync went well.
async fn sync(beside: &Beside, object: Object) {
    loop {
        match beside.syncs(object).await {
            Ok(_) => return,
            // A link that was lost is had again.
            Err(_) => {
                beside.app.reads(object, "State", "paired").await.unwrap();
                beside.asks(object, "Connect").await.unwrap();
            }
        }
    }
}

/// The band lives through this and something is wrong with the transfer of it.
async fn lives(band: &bluez::Accessory<Band>, lived: std::ops::Range<i64>, wrong: fn(&mut Band)) {
    let deed = move |it: &mut Band, _: &mut Air| {
        it.history.live(9, lived.start, lived.end - lived.start);
        wrong(it);
    };
    band.with(deed).await.unwrap();
}

fn told(range: std::ops::Range<i64>) -> Vec<(u64, u8, u8, u8, u8)> {
    let told = |number: i64| {
        let it = Minute::lived(9, number);
        (
            number.unsigned_abs() * 60,
            it.kind,
            it.intensity,
            it.steps,
            it.heart,
        )
    };
    range.map(told).collect()
}

#[tokio::test]
async fn three_bands_at_once_bring_every_minute_whatever_happens_on_the_way() {
    let beside = Beside::new().await;
    let all = beside.finds_all(each(EARLIER, None)).await;
    join_all(all.iter().map(|(band, object)| whole(&beside, band, *object, 4))).await;
}

#[tokio::test]
async fn bands_that_remember_more_of_a_minute_bring_every_one_too() {
    let beside = Beside::new().await;
    let all = beside.finds_all(each(LATER, None)).await;
    join_all(all.iter().map(|(band, object)| whole(&beside, band, *object, 8))).await;
}

/// Each fault of a transfer in turn, of a band that remembers so many bytes a minute.
async fn whole(beside: &Beside, band: &bluez::Accessory<Band>, object: Object, size: u16) {
    pair(beside, band, object).await.unwrap();
    beside.app.reads(object, "State", "connected").await.unwrap();
    let first = this_minute() - 4000;
    let year = band
        .with(|it, _| u16::from_le_bytes([it.time[0], it.time[1]]))
        .await
        .unwrap();
    assert!(year > 2020, "its clock is set: {year}");
    // 257 packets or more: the counter begins anew, and the last packet has one minute of as many as it may have.
    lives(band, first..first + 1025, |_| ()).await;
    sync(beside, object).await;
    // Three rounds and a half.
    lives(band, first + 1025..first + 1375, |it| it.history.round = 100).await;
    sync(beside, object).await;
    band.with(|it, _| it.history.round = 1440).await.unwrap();
    // A packet is missing though it was counted.
    lives(band, first + 1375..first + 1500, |it| it.history.skip = Some(3)).await;
    sync(beside, object).await;
    // Hours without the band are no minutes.
    lives(band, first + 1800..first + 2000, |_| ()).await;
    sync(beside, object).await;
    // It won't begin.
    lives(band, first + 2000..first + 2100, |it| it.history.refuse = Some(2)).await;
    let refusal = beside.syncs(object).await;
    refused(refusal.map(drop), "AccessoryRefused").unwrap();
    sync(beside, object).await;
    // The link is lost in the middle.
    lives(band, first + 2100..first + 2700, |_| ()).await;
    let cut = Faults {
        drops_after: Some(40),
        ..Faults::default()
    };
    band.faults(cut).await.unwrap();
    sync(beside, object).await;
    // Notifications come late, twice, or not at all: of a transfer in twice as many packets half as often.
    lives(band, first + 2700..first + 3300, |_| ()).await;
    let flaky = Faults {
        slow: Duration::from_millis(5),
        lost: 32 / size,
        doubled: 32 / size,
        ..Faults::default()
    };
    band.faults(flaky).await.unwrap();
    while beside.syncs(object).await.is_err() {}
    band.faults(Faults::default()).await.unwrap();
    sync(beside, object).await;
    let mut expected = told(first..first + 1500);
    expected.extend(told(first + 1800..first + 3300));
    if size == 8 {
        for (start, kind, ..) in &mut expected {
            let number = i64::try_from(*start / 60).unwrap();
            *kind = Minute::lived(9, number).of_eight().kind;
        }
    }
    let activity = beside.activity(object).await;
    assert!(activity == expected, "{} of {}", activity.len(), expected.len());
}

#[tokio::test]
async fn thirty_days_of_history_come_in_one_sync() {
    let quiet = Plan {
        log_level: "info",
        ..plan()
    };
    let beside = Beside::of(quiet).await;
    let first = this_minute() - 30 * 1440;
    let [_, mut band, _] = each(EARLIER, None);
    // As much as the radio may bring in a second is less than six days.
    band.history.round = 3 * 1440;
    band.history.live(9, first, 30 * 1440);
    let (band, object) = beside.finds(band).await;
    pair(&beside, &band, object).await.unwrap();
    beside.app.reads(object, "State", "connected").await.unwrap();
    assert!(band.with(|it, _| it.history.minutes().is_empty()).await.unwrap());
    let (done, all): (u64, u64) = beside.app.get(object, "SyncProgress").await.unwrap();
    assert_eq!((done, all), (43_200, 43_200));
    assert!(beside.activity(object).await == told(first..first + 30 * 1440));
}

#[tokio::test]
async fn each_band_believes_only_whom_it_should() {
    let beside = Beside::new().await;
    // Their phone is another one.
    let theirs = beside.finds_all(each(EARLIER, Some(OTHER))).await;
    for (band, object) in &theirs {
        refused(pair(&beside, band, *object).await, "AccessoryKeyMismatch").unwrap();
        assert_eq!(band.with(|it, _| it.auth.key).await.unwrap(), Some(OTHER));
        assert_eq!(band.with(|it, _| it.refused_keys).await.unwrap(), 0);
    }
    // The first two can be taken over with a tap; the third wants the key that was issued.
    for ((band, object), advice) in
        theirs
            .iter()
            .zip(["replace-the-key", "replace-the-key", "bring-the-new-key"])
    {
        assert_eq!(beside.app.text(*object, "ProblemAdvice").await.unwrap(), advice);
        if advice == "replace-the-key" {
            let taken = beside.app.call::<_, ()>(*object, "Pair", &(replacing(),)).await;
            taken.unwrap().unwrap();
        } else {
            band.with(|it, _| it.auth.key = Some(KEY)).await.unwrap();
            pair(&beside, band, *object).await.unwrap();
        }
        beside.app.reads(*object, "State", "connected").await.unwrap();
        // And is lost to its phone again.
        beside.asks(*object, "Disconnect").await.unwrap();
        band.with(|it, _| it.auth.key = Some(OTHER)).await.unwrap();
        refused(beside.asks(*object, "Connect").await, "AccessoryKeyMismatch").unwrap();
        assert_eq!(beside.app.text(*object, "State").await.unwrap(), "error");
    }
    // Nobody tries that again by itself.
    beside.scene.clock().advance(Duration::from_secs(600)).unwrap();
    for (_, object) in &theirs {
        assert_eq!(beside.app.text(*object, "State").await.unwrap(), "error");
    }
}

#[tokio::test]
async fn bands_that_nobody_taps_are_not_paired() {
    let beside = Beside::new().await;
    let [two, three, _] = each(EARLIER, None);
    for (band, object) in beside.finds_all([two, three]).await {
        band.with(|it, _| it.auth.window = Duration::from_millis(10))
            .await
            .unwrap();
        refused(beside.asks(object, "Pair").await, "AccessoryNotConfirmed").unwrap();
        assert_eq!(beside.app.text(object, "State").await.unwrap(), "discovered");
        assert_eq!(band.with(|it, _| it.auth.key).await.unwrap(), None);
        // The next time somebody is there.
        pair(&beside, &band, object).await.unwrap();
    }
}
