//! Accessories that mean harm, or are broken: they are cut off, and belayd goes on with the others.

use belay_tests::accessories::Band;
use belay_tests::accessories::band::{Manner, Minute, Model, wire};
use belay_tests::app::{Object, Options, refused};
use belay_tests::bluez::{self, Address, Air};
use uuid::Uuid;

use super::{Beside, band, this_minute};

/// A band of the owner's, connected and with nothing to do.
async fn owned(beside: &Beside) -> (bluez::Accessory<Band>, Object) {
    let (band, object) = beside.finds(band(0)).await;
    beside.pairs(&band, object).await;
    beside.app.reads(object, "State", "connected").await.unwrap();
    (band, object)
}

/// Where a band notifies.
const CHANNELS: [Uuid; 8] = [
    wire::AUTH,
    wire::CONFIG,
    wire::FETCH,
    wire::DATA,
    wire::BATTERY,
    wire::STEPS,
    wire::EVENTS,
    wire::HEART,
];

#[tokio::test]
async fn garbage_of_every_length_on_every_channel_hurts_nobody() {
    let beside = Beside::new().await;
    let (band, object) = owned(&beside).await;
    let garbage = |_: &mut Band, air: &mut Air| {
        for channel in CHANNELS {
            for length in [0_u8, 1, 2, 3, 4, 7, 12, 13, 19, 20] {
                for byte in [0x00, 0x01, 0x10, 0x7f, 0x80, 0xff] {
                    air.notify(channel, vec![byte; usize::from(length)]);
                    // Each that looks like an answer.
                    let head = [0x10, length % 4, byte];
                    air.notify(channel, [&head[..], &vec![byte; usize::from(length)]].concat());
                }
            }
        }
    };
    band.with(garbage).await.unwrap();
    let find = ("find", "", "", Options::new());
    beside
        .app
        .call::<_, ()>(object, "Alert", &find)
        .await
        .unwrap()
        .unwrap();
    beside.syncs(object).await.unwrap();
    assert_eq!(beside.activity(object).await, []);
}

#[tokio::test]
async fn absurd_beginnings_of_a_transfer_bring_nothing_and_end() {
    let beside = Beside::new().await;
    let (band, object) = owned(&beside).await;
    let first = this_minute() - 50;
    band.with(move |it, _| it.history.live(9, first, 50))
        .await
        .unwrap();
    let absurd = [
        // Four thousand million minutes, of the year 65535, of no month, of a day to come, with half an answer.
        vec![
            0x10, 0x01, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 1, 0, 0, 0, 0,
        ],
        vec![
            0x10, 0x01, 0x01, 0xff, 0xff, 0xff, 0xff, 0xe9, 0x07, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        ],
        vec![0x10, 0x01, 0x01, 1, 0, 0, 0, 0x00, 0x09, 1, 1, 0, 0, 0, 0],
        vec![0x10, 0x01, 0x01, 1],
    ];
    for answer in absurd {
        // One more than is tried.
        let answer = Manner::Answers(vec![answer]);
        band.with(move |it, _| it.script.next(wire::FETCH, answer))
            .await
            .unwrap();
    }
    // Whatever comes of the first tries, in the end the minutes are there.
    while beside.syncs(object).await.is_err() {}
    beside.syncs(object).await.unwrap();
    let told = beside.activity(object).await;
    let lived: Vec<u64> = (first..first + 50)
        .map(|number| number.unsigned_abs() * 60)
        .collect();
    assert_eq!(told.iter().map(|minute| minute.0).collect::<Vec<_>>(), lived);
    let Minute { steps, .. } = Minute::lived(9, first);
    assert_eq!(told[0].3, steps);
}

#[tokio::test]
async fn a_history_without_an_end_is_cut_off() {
    let beside = Beside::new().await;
    let (band, object) = owned(&beside).await;
    let begun = Manner::Answers(vec![
        // Ten minutes from 2025-02-19 21:20 on.
        vec![0x10, 0x01, 0x01, 10, 0, 0, 0, 0xe9, 0x07, 2, 19, 21, 20, 0, 0],
    ]);
    band.with(move |it, _| {
        it.script.next(wire::FETCH, begun);
        it.script.next(wire::FETCH, Manner::Ignores);
    })
    .await
    .unwrap();
    let before = writes(&beside).await;
    let endless = async {
        beside.air.noted("WriteValue", before + 2).await.unwrap();
        let packets = |_: &mut Band, air: &mut Air| {
            for counter in 0..=255_u8 {
                air.notify(wire::DATA, [&[counter][..], &[1; 16]].concat());
            }
        };
        band.with(packets).await.unwrap();
    };
    let (answer, ()) = tokio::join!(beside.syncs(object), endless);
    refused(answer.map(drop), "AccessoryRefused").unwrap();
    assert_eq!(beside.activity(object).await, [], "nothing of it is believed");
}

async fn writes(beside: &Beside) -> usize {
    let journal = beside.air.journal().await.unwrap();
    journal.iter().filter(|line| line.contains("WriteValue")).count()
}

#[tokio::test]
async fn an_accessory_that_floods_is_cut_off_and_the_others_stay() {
    let beside = Beside::new().await;
    let (band, _) = owned(&beside).await;
    let other = Band::new(Model::Three, Address::random([0xc1, 2, 3, 4, 5, 7]), None, 2);
    let (other, calm) = beside.finds(other).await;
    beside.pairs(&other, calm).await;
    let flood = async {
        for step in 0..40_u8 {
            let many = move |_: &mut Band, air: &mut Air| {
                for steps in 0..500_u16 {
                    let [low, high] = steps.to_le_bytes();
                    air.notify(wire::STEPS, [0x0c, low, high, step, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
                }
            };
            band.with(many).await.unwrap();
        }
    };
    let (cut, ()) = tokio::join!(band.connected(false), flood);
    cut.unwrap();
    let logs = beside.scene.logs().unwrap();
    // Which it is depends on how fast the machine is.
    let whys = [
        "an accessory sends more than Bluetooth can carry",
        "nobody takes what an accessory says",
    ];
    let said = logs.iter().map(|(_, log)| String::from_utf8_lossy(log));
    assert!(
        said.into_iter()
            .any(|log| whys.iter().any(|why| log.contains(why)))
    );
    beside.syncs(calm).await.unwrap();
    assert!(other.with(|it, _| it.auth.trusted()).await.unwrap());
}

#[tokio::test]
async fn an_accessory_that_changes_its_services_is_discovered_anew() {
    let beside = Beside::new().await;
    let (band, object) = owned(&beside).await;
    band.changes_services().await.unwrap();
    beside.app.reads(object, "State", "paired").await.unwrap();
    band.connected(false).await.unwrap();
    beside.asks(object, "Connect").await.unwrap();
    let find = ("find", "", "", Options::new());
    beside
        .app
        .call::<_, ()>(object, "Alert", &find)
        .await
        .unwrap()
        .unwrap();
}
