//! A day with each band before the protocol of 2021: everything that the documentation says of it.

use std::collections::HashMap;

use belay_tests::accessories::Band;
use belay_tests::accessories::band::{Alert, Heart, Minute, Model, wire};
use belay_tests::app::{DEVICE, Object, Options, entry, options};
use belay_tests::bluez::{self, Address};

use super::sensors::{follows_heart, has_battery, pairs_with, tells};
use super::{Beside, identity, this_minute};

const KEY: [u8; 16] = *b"0123456789@ABCDE";
const MODELS: [(Model, &str, &str); 5] = [
    (Model::Two, "mi-band-2", "1.0.1.81"),
    (Model::Three, "mi-band-3", "2.4.0.32"),
    (Model::Four, "mi-band-4", "1.0.9.66"),
    (Model::Five, "mi-band-5", "1.0.2.66"),
    (Model::Six, "mi-band-6", "1.0.1.36"),
];

/// A band and what it is called.
struct One {
    model: Model,
    band: bluez::Accessory<Band>,
    object: Object,
}

#[tokio::test]
async fn each_band_does_all_that_is_said_of_it() {
    let beside = Beside::new().await;
    let mut number = 0;
    let bands = MODELS.map(|(model, ..)| {
        number += 1;
        let octets = [0xc5, 2, 3, 4, 5, number];
        // The earlier ones are nobody's.
        let (address, key) = match model.key_is_issued() {
            true => (Address::public(octets), Some(KEY)),
            false => (Address::random(octets), None),
        };
        Band::new(model, address, key, u64::from(number))
    });
    let found = beside.finds_all(bands).await;
    for ((band, object), (model, kind, firmware)) in found.into_iter().zip(MODELS) {
        let one = One { model, band, object };
        assert_eq!(beside.app.text(object, "Kind").await.unwrap(), kind);
        one.is_paired(&beside).await;
        assert_eq!(
            beside.app.text(object, "FirmwareVersion").await.unwrap(),
            firmware
        );
        one.is_itself(&beside).await;
        one.measures(&beside).await;
        one.makes_itself_felt(&beside).await;
        one.takes_settings(&beside).await;
        one.looks_for_the_phone(&beside).await;
        one.remembers(&beside).await;
        beside.asks(object, "Disconnect").await.unwrap();
    }
}

impl One {
    async fn is_paired(&self, beside: &Beside) {
        self.band.with(|it, _| it.auth.taps = true).await.unwrap();
        if self.model.key_is_issued() {
            pairs_with(beside, self.object, KEY).await.unwrap();
        } else {
            beside.asks(self.object, "Pair").await.unwrap();
        }
        beside.app.reads(self.object, "State", "connected").await.unwrap();
    }

    /// Its name plate, its clock, its battery.
    async fn is_itself(&self, beside: &Beside) {
        let serial = entry(&identity(&beside.app, self.object).await, "serial");
        assert_eq!(serial.len(), 12, "{serial}");
        let time = self.band.with(|it, _| it.time).await.unwrap();
        assert!(u16::from_le_bytes([time[0], time[1]]) > 2020, "{time:?}");
        // Monday is 1 and Sunday 7, there are no fractions and no reason.
        assert!(matches!(time, [.., 1..=7, 0, 0, _]), "{time:?}");
        assert_eq!(beside.app.get::<u8>(self.object, "Battery").await.unwrap(), 80);
        self.band.with(|it, air| it.charge(air, 41, true)).await.unwrap();
        has_battery(beside, self.object, 41).await;
        assert!(beside.app.get::<bool>(self.object, "Charging").await.unwrap());
    }

    async fn measures(&self, beside: &Beside) {
        self.band.with(|it, air| it.walk(air, 4711)).await.unwrap();
        tells(beside, self.object, "steps", 4711_u32).await;
        tells(beside, self.object, "distance", 3297_u32).await;
        let none = (Options::new(),);
        let once: u16 = beside
            .app
            .call(self.object, "MeasureHeartRate", &none)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(once, 68);
        self.band.with(|it, _| it.heart.rate = 77).await.unwrap();
        follows_heart(beside, self.object, true).await;
        tells(beside, self.object, "heart-rate", 77_u16).await;
        assert!(self.band.with(|it, _| it.heart.continuous()).await.unwrap());
        follows_heart(beside, self.object, false).await;
        self.band
            .until("it to measure no more", |it| !Heart::continuous(&it.heart))
            .await
            .unwrap();
    }

    async fn makes_itself_felt(&self, beside: &Beside) {
        let alert = async |kind: &str, title: &str, body: &str| {
            let asked = (kind, title, body, Options::new());
            let done = beside.app.call::<_, ()>(self.object, "Alert", &asked).await;
            done.unwrap().unwrap();
        };
        let stop = async |kind: &str| {
            let asked = (kind, Options::new());
            let done = beside.app.call::<_, ()>(self.object, "StopAlert", &asked).await;
            done.unwrap().unwrap();
        };
        alert("find", "", "").await;
        self.felt("it to vibrate", |alert| matches!(alert, Alert::Level(3)))
            .await;
        stop("find").await;
        self.felt("it to be still", |alert| matches!(alert, Alert::Level(0)))
            .await;
        alert("message", "Ben", "Hello").await;
        self.felt("the message", |alert| {
            shows(alert, "Ben") && shows(alert, "Hello")
        })
        .await;
        alert("call", "Ada", "").await;
        let is_call = |alert: &Alert| matches!(alert, Alert::Shown { category: 3, .. });
        self.felt("the call", move |alert| is_call(alert) && shows(alert, "Ada"))
            .await;
        stop("call").await;
    }

    async fn felt(&self, what: &str, is_it: impl Fn(&Alert) -> bool + Send + Sync + 'static) {
        let felt = move |it: &Band| it.alerts.iter().any(&is_it);
        self.band.until(what, felt).await.unwrap();
    }

    async fn sets(&self, beside: &Beside, settings: Options<'_>) {
        let asked = (settings, Options::new());
        let done = beside.app.call::<_, ()>(self.object, "SetSettings", &asked).await;
        done.unwrap().unwrap();
    }

    async fn takes_settings(&self, beside: &Beside) {
        let settings = options([
            ("step-goal", 8000_u32.into()),
            ("wrist", "right".into()),
            ("clock", "12h".into()),
            ("units", "imperial".into()),
            ("birth-date", "1985-07-23".into()),
            ("height", 178_u16.into()),
            ("weight", 74.0_f64.into()),
            ("sex", "female".into()),
        ]);
        self.sets(beside, settings).await;
        let told = |it: &mut Band| (it.settings.clone(), it.configuration.clone());
        let (settings, configuration) = self.band.with(move |it, _| told(it)).await.unwrap();
        for wanted in [
            &[0x10, 0, 0, 0x40, 0x1f, 0, 0][..],
            &[0x20, 0, 0, 0x82],
            &[0x4f, 0, 0, 0xc1, 7, 7, 23, 1, 178, 0, 0xd0, 0x39],
        ] {
            let is = |one: &Vec<u8>| one.starts_with(wanted);
            assert!(settings.iter().any(is), "{wanted:?} in {settings:?}");
        }
        for wanted in [[6, 2, 0, 0], [6, 3, 0, 1]] {
            assert!(
                configuration.iter().any(|one| *one == wanted),
                "{wanted:?} in {configuration:?}"
            );
        }
    }

    async fn looks_for_the_phone(&self, beside: &Beside) {
        let feedback = beside.scene.services().feedback();
        self.band.with(|it, air| it.event(air, &[0x08])).await.unwrap();
        feedback.until_playing(true).await.unwrap();
        self.band
            .until("it to know that it is heard", |it| {
                it.configuration.contains(&vec![6, 0x14, 0, 0])
            })
            .await
            .unwrap();
        let stopped = beside
            .app
            .call::<_, ()>(DEVICE, "StopRinging", &(Options::new(),))
            .await;
        stopped.unwrap().unwrap();
        feedback.until_playing(false).await.unwrap();
        self.band
            .until("it to know that the phone is found", |it| {
                it.configuration.contains(&vec![6, 0x14, 0, 1])
            })
            .await
            .unwrap();
    }

    async fn remembers(&self, beside: &Beside) {
        let first = this_minute() - 70;
        self.band
            .with(move |it, _| it.history.live(9, first, 60))
            .await
            .unwrap();
        beside.syncs(self.object).await.unwrap();
        let told: HashMap<u64, _> = beside
            .activity(self.object)
            .await
            .into_iter()
            .map(|(start, kind, intensity, steps, heart)| (start, [kind, intensity, steps, heart]))
            .collect();
        for number in first..first + 60 {
            let lived = Minute::lived(9, number);
            let lived = match self.model.remembers_eight() {
                true => lived.of_eight(),
                false => lived,
            };
            let expected = [lived.kind, lived.intensity, lived.steps, lived.heart];
            assert_eq!(told[&(number.unsigned_abs() * 60)], expected, "{:?}", self.model);
        }
        self.band
            .until("what is on disk to be forgotten", |it| {
                it.history.minutes().is_empty()
            })
            .await
            .unwrap();
        assert!(self.band.with(|it, _| it.listens(wire::DATA)).await.unwrap());
    }
}

fn shows(alert: &Alert, text: &str) -> bool {
    matches!(alert, Alert::Shown { texts, .. } if texts.iter().any(|line| line.contains(text)))
}
