//! What a request answers that goes wrong on its way: at the accessory, on the link, or by somebody else's hand.

use std::pin::pin;
use std::time::Duration;

use belay_tests::accessories::band::{Manner, Model, wire};
use belay_tests::accessories::{Band, Scale, scale};
use belay_tests::app::{Answer, Object, Options, options, refused};
use belay_tests::bluez::{self, Address, AttError, Faults, Refused};
use futures_util::future::{Either, select};
use uuid::Uuid;

use super::{BAND, Beside, band};

/// The requests of which one of each sort runs at a time.
const REQUESTS: [&str; 4] = ["Alert", "StopAlert", "MeasureHeartRate", "SetSettings"];

/// BlueZ is told to connect to the band.
const CONNECTS: &str = "dev_C1_02_03_04_05_06 Connect";

/// Nothing is answered for so long.
fn slow() -> Faults {
    Faults {
        slow: Duration::from_secs(3600),
        ..Faults::default()
    }
}

/// The link is lost at this operation from now on.
fn cut(at: u32) -> Faults {
    Faults {
        drops_at: Some(at),
        ..Faults::default()
    }
}

/// BlueZ, or the accessory, refuses the next of these.
fn unwilling(member: &str, of: Option<Uuid>, begins: &[u8]) -> Faults {
    let refused = Refused {
        member: member.to_owned(),
        of,
        begins: begins.to_vec(),
        times: 1,
        name: "org.bluez.Error.NotPermitted".to_owned(),
        text: "Not permitted".to_owned(),
    };
    Faults {
        refused: vec![refused],
        ..Faults::default()
    }
}

/// The write that is the last of a request: with any other, what the request has written after it may be refused in the
/// next one's stead.
fn last_of(request: &str) -> (Uuid, &'static [u8]) {
    match request {
        "Alert" => (wire::LEVEL, &[3]),
        "StopAlert" => (wire::LEVEL, &[0]),
        // Two words before it end what may be under way.
        "MeasureHeartRate" => (wire::HEART_CONTROL, &[0x15, 0x02, 0x01]),
        "SetSettings" => (wire::USER, &[]),
        _ => (wire::FETCH, &[0x01]),
    }
}

async fn ask(beside: &Beside, object: Object, member: &str) -> Answer<()> {
    let (app, none) = (&beside.app, Options::new());
    match member {
        "Alert" => app.call(object, member, &("find", "", "", none)).await.unwrap(),
        "StopAlert" => app.call(object, member, &("find", none)).await.unwrap(),
        "SetSettings" => {
            let goal = options([("step-goal", 8000_u32.into())]);
            app.call(object, member, &(goal, none)).await.unwrap()
        }
        "MeasureHeartRate" => {
            let answer: Answer<u16> = app.call(object, member, &(none,)).await.unwrap();
            answer.map(drop)
        }
        "Sync" => beside.syncs(object).await.map(drop),
        _ => beside.asks(object, member).await,
    }
}

/// A band of the owner's, connected and with nothing to do.
async fn owned(beside: &Beside) -> (bluez::Accessory<Band>, Object) {
    let (band, object) = beside.finds(band(0)).await;
    beside.pairs(&band, object).await;
    beside.app.reads(object, "State", "connected").await.unwrap();
    (band, object)
}

/// Connects it again with nothing wrong any more.
async fn mended(beside: &Beside, band: &bluez::Accessory<Band>, object: Object) {
    band.faults(Faults::default()).await.unwrap();
    beside.asks(object, "Connect").await.unwrap();
    beside.app.reads(object, "State", "connected").await.unwrap();
}

#[tokio::test]
async fn a_second_request_of_a_sort_is_busy_and_a_disconnection_cancels_the_first() {
    let beside = Beside::new().await;
    let (band, object) = owned(&beside).await;
    for member in REQUESTS {
        band.faults(slow()).await.unwrap();
        let (one, other) = (
            pin!(ask(&beside, object, member)),
            pin!(ask(&beside, object, member)),
        );
        let (busy, waiting) = match select(one, other).await {
            Either::Left((busy, waiting)) => (busy, Either::Left(waiting)),
            Either::Right((busy, waiting)) => (busy, Either::Right(waiting)),
        };
        refused(busy, "Busy").unwrap_or_else(|error| panic!("{member}: {error}"));
        let (cancelled, done) = tokio::join!(waiting, beside.asks(object, "Disconnect"));
        done.unwrap();
        refused(cancelled, "Cancelled").unwrap_or_else(|error| panic!("{member}: {error}"));
        mended(&beside, &band, object).await;
    }
    band.faults(slow()).await.unwrap();
    let writes = beside.air.journal().await.unwrap();
    let writes = writes.iter().filter(|line| line.contains("WriteValue")).count();
    let disconnected = async {
        beside.air.noted("WriteValue", writes + 1).await.unwrap();
        beside.asks(object, "Disconnect").await.unwrap();
    };
    let (fetched, ()) = tokio::join!(ask(&beside, object, "Sync"), disconnected);
    refused(fetched, "Cancelled").unwrap();
}

#[tokio::test]
async fn a_link_that_is_lost_under_a_request_is_a_timeout_and_no_refusal() {
    let beside = Beside::new().await;
    let (band, object) = owned(&beside).await;
    for member in REQUESTS.into_iter().chain(["Sync"]) {
        band.faults(cut(1)).await.unwrap();
        let answer = ask(&beside, object, member).await;
        refused(answer, "AccessoryTimeout").unwrap_or_else(|error| panic!("{member}: {error}"));
        beside.app.reads(object, "State", "paired").await.unwrap();
        mended(&beside, &band, object).await;
    }
}

#[tokio::test]
async fn what_an_accessory_refuses_is_refused_and_the_link_stays() {
    let beside = Beside::new().await;
    let (band, object) = owned(&beside).await;
    for member in REQUESTS.into_iter().chain(["Sync"]) {
        let (of, begins) = last_of(member);
        let refuses = unwilling("WriteValue", Some(of), begins);
        band.faults(refuses).await.unwrap();
        let answer = ask(&beside, object, member).await;
        refused(answer, "AccessoryRefused").unwrap_or_else(|error| panic!("{member}: {error}"));
        band.faults(Faults::default()).await.unwrap();
        ask(&beside, object, member).await.unwrap();
    }
    // A text is written with a response, so that the band itself can refuse it.
    band.with(|it, _| {
        it.script
            .next(wire::ALERT, Manner::Refuses(AttError::INVALID_LENGTH))
    })
    .await
    .unwrap();
    let message = ("message", "Ben", "Hello", Options::new());
    let answer = beside.app.call::<_, ()>(object, "Alert", &message).await.unwrap();
    refused(answer, "AccessoryRefused").unwrap();
    assert!(band.with(|it, _| it.alerts.len()).await.unwrap() > 0);
    // A status that says no, to each of the tries.
    let no = Manner::Answers(vec![vec![0x10, 0x01, 0x02]]);
    band.with(move |it, _| it.script.next(wire::FETCH, no))
        .await
        .unwrap();
    refused(ask(&beside, object, "Sync").await, "AccessoryRefused").unwrap();
    ask(&beside, object, "Sync").await.unwrap();
    assert_eq!(beside.app.text(object, "State").await.unwrap(), "connected");
}

#[tokio::test]
async fn a_band_that_takes_a_setting_and_says_nothing_is_late() {
    let beside = Beside::new().await;
    let (band, object) = owned(&beside).await;
    band.with(|it, _| it.script.next(wire::CONFIG, Manner::Ignores))
        .await
        .unwrap();
    let clock = (options([("clock", "24h".into())]), Options::new());
    let answer = beside
        .app
        .call::<_, ()>(object, "SetSettings", &clock)
        .await
        .unwrap();
    refused(answer, "AccessoryTimeout").unwrap();
    // And one that answers with an error.
    let no = Manner::Answers(vec![vec![0x10, 0x06, 0x02, 0x00, 0x05]]);
    band.with(move |it, _| it.script.next(wire::CONFIG, no))
        .await
        .unwrap();
    let answer = beside
        .app
        .call::<_, ()>(object, "SetSettings", &clock)
        .await
        .unwrap();
    refused(answer, "AccessoryRefused").unwrap();
}

#[tokio::test]
async fn a_scale_takes_no_alert_and_no_settings() {
    let beside = Beside::new().await;
    let mut scale = Scale::new(scale::Model::One, Address::random([0xc8, 1, 2, 3, 4, 5]));
    scale.show(Some(scale::Frame::default()));
    let (_scale, object) = beside.finds(scale).await;
    beside.asks(object, "Pair").await.unwrap();
    for member in REQUESTS {
        let answer = ask(&beside, object, member).await;
        refused(answer, "NotSupported").unwrap_or_else(|error| panic!("{member}: {error}"));
    }
    // It has nothing to be fetched, and nothing to be connected to.
    ask(&beside, object, "Sync").await.unwrap();
    ask(&beside, object, "Connect").await.unwrap();
}

#[tokio::test]
async fn a_band_whose_protocol_nobody_knows_is_not_paired() {
    let beside = Beside::new().await;
    let mut nameless = Band::new(Model::Two, BAND, None, 1);
    nameless.nameless = true;
    let (_band, object) = beside.finds(nameless).await;
    assert_eq!(beside.app.text(object, "Kind").await.unwrap(), "unknown");
    refused(beside.asks(object, "Pair").await, "NotSupported").unwrap();
}

#[tokio::test]
async fn an_opening_that_fails_says_how() {
    let beside = Beside::new().await;
    let (band, object) = owned(&beside).await;
    let key = band.with(|it, _| it.auth.key).await.unwrap();
    let opened = async |error: &str, advice: &str| {
        beside.asks(object, "Disconnect").await.unwrap();
        band.connected(false).await.unwrap();
        let answer = beside.asks(object, "Connect").await;
        refused(answer, error).unwrap();
        assert_eq!(beside.app.text(object, "ProblemAdvice").await.unwrap(), advice);
        assert_eq!(beside.app.text(object, "Problem").await.unwrap(), error);
    };
    band.faults(unwilling("StartNotify", None, &[])).await.unwrap();
    opened("AccessoryRefused", "try-again").await;
    band.with(|it, _| it.script.next(wire::AUTH, Manner::HangsUp))
        .await
        .unwrap();
    opened("AccessoryTimeout", "try-again").await;
    for at in [1, 2, 3, 5] {
        band.faults(cut(at)).await.unwrap();
        opened("AccessoryTimeout", "try-again").await;
    }
    let text = "le-connection-abort-by-local".to_owned();
    let fails = Faults {
        connect_fails: Some((2, text)),
        ..Faults::default()
    };
    band.faults(fails).await.unwrap();
    opened("AccessoryUnreachable", "bring-it-closer").await;
    band.faults(Faults::default()).await.unwrap();
    // Somebody else has taken it over meanwhile.
    band.with(|it, _| it.auth.key = Some([7; 16])).await.unwrap();
    opened("AccessoryKeyMismatch", "replace-the-key").await;
    assert_eq!(beside.app.text(object, "State").await.unwrap(), "error");
    band.with(move |it, _| it.auth.key = key).await.unwrap();
    let absent = Faults {
        absent: true,
        ..Faults::default()
    };
    band.faults(absent).await.unwrap();
    let connects = beside.air.journal().await.unwrap();
    let connects = connects.iter().filter(|line| line.contains(CONNECTS)).count();
    let given_up = async {
        beside.air.noted(CONNECTS, connects + 1).await.unwrap();
        beside.asks(object, "Disconnect").await.unwrap();
    };
    let (answer, ()) = tokio::join!(beside.asks(object, "Connect"), given_up);
    refused(answer, "Cancelled").unwrap();
    mended(&beside, &band, object).await;
    assert_eq!(beside.app.text(object, "Problem").await.unwrap(), "");
}

#[tokio::test]
async fn a_pairing_that_fails_leaves_nothing_behind() {
    let beside = Beside::new().await;
    let (band, object) = beside.finds(band(0)).await;
    // The band won't have a key.
    let no = Manner::Answers(vec![vec![0x10, 0x02, 0x04]]);
    let neither = Manner::Answers(vec![vec![0x10, 0x01, 0x04]]);
    band.with(move |it, _| {
        it.script.next(wire::AUTH, no);
        it.script.next(wire::AUTH, neither);
    })
    .await
    .unwrap();
    refused(beside.asks(object, "Pair").await, "AccessoryRefused").unwrap();
    band.connected(false).await.unwrap();
    for at in [1, 2, 3] {
        band.faults(cut(at)).await.unwrap();
        refused(beside.asks(object, "Pair").await, "AccessoryTimeout").unwrap();
        band.connected(false).await.unwrap();
    }
    assert_eq!(beside.app.text(object, "State").await.unwrap(), "discovered");
    band.faults(Faults::default()).await.unwrap();
    assert_eq!(band.with(|it, _| it.auth.key).await.unwrap(), None);
    beside.pairs(&band, object).await;
}

#[tokio::test]
async fn a_band_that_says_nothing_when_it_is_asked_who_it_is_is_late() {
    let beside = Beside::new().await;
    let (band, object) = beside.finds(band(0)).await;
    band.with(|it, _| it.script.next(wire::AUTH, Manner::Ignores))
        .await
        .unwrap();
    refused(beside.asks(object, "Pair").await, "AccessoryTimeout").unwrap();
    assert_eq!(band.with(|it, _| it.auth.key).await.unwrap(), None);
}
