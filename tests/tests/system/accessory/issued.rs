//! Bands whose key the account's server issues, before the protocol of 2021: the owner brings it, and nothing else opens
//! them.

use std::time::Duration;

use belay_tests::accessories::Band;
use belay_tests::accessories::band::Model;
use belay_tests::app::{Answer, Object, memfd, options, refused};
use belay_tests::bluez::{self, Address};

use super::sensors::pairs_with;
use super::{Beside, replacing};

const KEY: [u8; 16] = *b"0123456789@ABCDE";
const OTHER: [u8; 16] = [7; 16];
const MODELS: [(Model, &str); 3] = [
    (Model::Four, "mi-band-4"),
    (Model::Five, "mi-band-5"),
    (Model::Six, "mi-band-6"),
];

async fn found(beside: &Beside) -> Vec<(bluez::Accessory<Band>, Object)> {
    let mut number = 0;
    let bands = MODELS.map(|(model, _)| {
        number += 1;
        let address = Address::public([0xe4, 2, 3, 4, 5, number]);
        Band::new(model, address, Some(KEY), u64::from(number))
    });
    let all = beside.finds_all(bands).await;
    for ((_, object), (_, kind)) in all.iter().zip(MODELS) {
        assert_eq!(beside.app.text(*object, "Kind").await.unwrap(), kind);
    }
    all
}

async fn pairs_with_text(beside: &Beside, object: Object, key: &str) -> Answer<()> {
    let fd = memfd(key.as_bytes()).unwrap();
    let with = options([("key", zbus::Fd::from(&fd).into())]);
    beside.app.call(object, "Pair", &(with,)).await.unwrap()
}

/// Whether it holds this key, and no other was ever sent to it.
async fn keeps(band: &bluez::Accessory<Band>, key: [u8; 16]) {
    let seen = band.with(|it, _| (it.auth.key, it.refused_keys)).await.unwrap();
    assert_eq!(seen, (Some(key), 0));
}

#[tokio::test]
async fn an_issued_key_is_wanted_checked_and_never_replaced() {
    let beside = Beside::new().await;
    for (band, object) in found(&beside).await {
        let app = &beside.app;
        refused(beside.asks(object, "Pair").await, "KeyRequired").unwrap();
        for odd in ["", "0x", "not a key", &"0".repeat(31), &"0".repeat(33)] {
            let answer = pairs_with_text(&beside, object, odd).await;
            refused(answer, "InvalidArgument").unwrap_or_else(|error| panic!("{odd:?}: {error}"));
        }
        refused(pairs_with(&beside, object, OTHER).await, "AccessoryKeyMismatch").unwrap();
        let advice = app.text(object, "ProblemAdvice").await.unwrap();
        assert_eq!(advice, "bring-the-new-key");
        // Such a band can't be taken over with a tap.
        let answer = app.call::<_, ()>(object, "Pair", &(replacing(),)).await.unwrap();
        refused(answer, "KeyRequired").unwrap();
        keeps(&band, KEY).await;
        assert!(!band.with(|it, _| it.auth.asking()).await.unwrap());
        let hex: String = KEY.iter().map(|byte| format!("{byte:02X}")).collect();
        pairs_with_text(&beside, object, &format!("0x{hex}\n"))
            .await
            .unwrap();
        app.reads(object, "State", "connected").await.unwrap();
        assert_eq!(app.text(object, "Problem").await.unwrap(), "");
        keeps(&band, KEY).await;
    }
}

#[tokio::test]
async fn an_issued_key_is_kept_until_another_is_issued() {
    let mut beside = Beside::new().await;
    let all = found(&beside).await;
    for (band, object) in &all {
        pairs_with(&beside, *object, KEY).await.unwrap();
        beside.app.reads(*object, "State", "connected").await.unwrap();
        band.lose().await.unwrap();
        beside.app.reads(*object, "State", "paired").await.unwrap();
        beside.asks(*object, "Connect").await.unwrap();
    }
    beside.scene.kill_belayd().await.unwrap();
    for (band, _) in &all {
        band.lose().await.unwrap();
    }
    beside.scene.start_belayd().await.unwrap();
    for (band, object) in &all {
        beside.app.reads(*object, "State", "connected").await.unwrap();
        keeps(band, KEY).await;
        // It was paired anew in the maker's app: with another phone, which has a key of its own.
        band.with(|it, _| it.auth.key = Some(OTHER)).await.unwrap();
        beside.asks(*object, "Disconnect").await.unwrap();
        refused(beside.asks(*object, "Connect").await, "AccessoryKeyMismatch").unwrap();
        assert_eq!(beside.app.text(*object, "State").await.unwrap(), "error");
    }
    // Nobody tries that again by itself.
    let tries = beside.air.journal().await.unwrap().len();
    beside.scene.clock().advance(Duration::from_secs(600)).unwrap();
    for (band, object) in &all {
        assert_eq!(beside.app.text(*object, "State").await.unwrap(), "error");
        keeps(band, OTHER).await;
    }
    let since = beside.air.journal().await.unwrap().split_off(tries);
    assert!(!since.iter().any(|line| line.ends_with(" Connect")), "{since:?}");
    for (band, object) in &all {
        pairs_with(&beside, *object, OTHER).await.unwrap();
        beside.app.reads(*object, "State", "connected").await.unwrap();
        keeps(band, OTHER).await;
    }
}
