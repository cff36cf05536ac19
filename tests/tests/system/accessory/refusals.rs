//! What the accessories' methods refuse, each by its name.

use belay_tests::accessories::Band;
use belay_tests::accessories::band::Model;
use belay_tests::app::{ACCESSORIES, Answer, App, Object, Options, options, refused};
use belay_tests::bluez::Faults;
use belay_tests::guest;
use belay_tests::polkit;
use zbus::OwnedVariant;

use super::{BAND, Beside, at, band};
use crate::lost::tighten;
use crate::owner::{PASSWORD, app};
use crate::scene::{scene, skipped};

const TICKET: &str = "0123456789abcdef0123456789abcdef";

/// What `Activity` answers.
type Minutes = Vec<(u64, u8, u8, u8, u8)>;

/// Calls each method of both interfaces with these options.
async fn all(
    app: &App,
    object: Object,
    with: impl Fn() -> Options<'static>,
) -> Vec<(&'static str, Answer<()>)> {
    let mut answers = Vec::new();
    for member in ["StartDiscovery", "StopDiscovery"] {
        answers.push((member, app.call(ACCESSORIES, member, &(with(),)).await.unwrap()));
    }
    for member in ["Pair", "CancelPairing", "Connect", "Disconnect"] {
        answers.push((member, app.call(object, member, &(with(),)).await.unwrap()));
    }
    let none = Options::new();
    answers.push((
        "Unpair",
        app.call(object, "Unpair", &(TICKET, with())).await.unwrap(),
    ));
    answers.push((
        "Alert",
        app.call(object, "Alert", &("find", "", "", with()))
            .await
            .unwrap(),
    ));
    answers.push((
        "StopAlert",
        app.call(object, "StopAlert", &("find", with())).await.unwrap(),
    ));
    answers.push((
        "SetSettings",
        app.call(object, "SetSettings", &(none, with())).await.unwrap(),
    ));
    let answer: Answer<u32> = app.call(object, "Sync", &(with(),)).await.unwrap();
    answers.push(("Sync", answer.map(drop)));
    let answer: Answer<u16> = app.call(object, "MeasureHeartRate", &(with(),)).await.unwrap();
    answers.push(("MeasureHeartRate", answer.map(drop)));
    for member in ["Identity", "Latest"] {
        let answer: Answer<std::collections::HashMap<String, OwnedVariant>> =
            app.call(object, member, &(with(),)).await.unwrap();
        answers.push((member, answer.map(drop)));
    }
    let answer: Answer<Minutes> = app
        .call(object, "Activity", &(0_u64, 1_u64, with()))
        .await
        .unwrap();
    answers.push(("Activity", answer.map(drop)));
    answers
}

/// Calls one method that an accessory of the account would follow.
async fn one(app: &App, object: Object, member: &str) -> Answer<()> {
    let none = Options::new();
    match member {
        "Sync" => app
            .call::<_, u32>(object, member, &(&none,))
            .await
            .unwrap()
            .map(drop),
        "MeasureHeartRate" => app
            .call::<_, u16>(object, member, &(&none,))
            .await
            .unwrap()
            .map(drop),
        "Latest" => {
            type Values = std::collections::HashMap<String, OwnedVariant>;
            app.call::<_, Values>(object, member, &(&none,))
                .await
                .unwrap()
                .map(drop)
        }
        "Activity" => {
            let asked = (0_u64, 1_u64, &none);
            app.call::<_, Minutes>(object, member, &asked)
                .await
                .unwrap()
                .map(drop)
        }
        "Alert" => app.call(object, member, &("find", "", "", &none)).await.unwrap(),
        "StopAlert" => app.call(object, member, &("find", &none)).await.unwrap(),
        _ => app.call(object, member, &(&none,)).await.unwrap(),
    }
}

fn odd() -> Options<'static> {
    options([("odd", true.into())])
}

#[tokio::test]
async fn an_unknown_option_is_refused_by_every_method() {
    let beside = Beside::new().await;
    let (_band, object) = beside.finds(band(0)).await;
    for (member, answer) in all(&beside.app, object, odd).await {
        refused(answer, "InvalidArgument").unwrap_or_else(|error| panic!("{member}: {error}"));
    }
}

#[tokio::test]
async fn whoever_polkit_refuses_does_nothing_and_while_lost_nobody_does() {
    if !guest::is_root() {
        skipped("a caller that needs polkit is another user, which needs root");
        return;
    }
    let mut beside = Beside::new().await;
    let (band, object) = beside.finds(band(0)).await;
    beside.pairs(&band, object).await;
    beside.scene.polkit().answer(polkit::Answer::No);
    for (member, answer) in all(&beside.app, object, Options::new).await {
        refused(answer, "NotAuthorized").unwrap_or_else(|error| panic!("{member}: {error}"));
    }
    beside.scene.polkit().answer(polkit::Answer::Yes);
    tighten(&mut beside.scene).await;
    for (member, answer) in all(&beside.app, object, Options::new).await {
        refused(answer, "DeviceLost").unwrap_or_else(|error| panic!("{member}: {error}"));
    }
    for property in ["Name", "State", "Battery"] {
        refused(beside.app.read(object, property).await.unwrap(), "DeviceLost").unwrap();
    }
}

#[tokio::test]
async fn without_bluez_there_is_no_adapter() {
    let scene = scene().await;
    let app = app(&scene);
    assert!(!app.get::<bool>(ACCESSORIES, "Available").await.unwrap());
    let answer: Answer<()> = app
        .call(ACCESSORIES, "StartDiscovery", &(Options::new(),))
        .await
        .unwrap();
    refused(answer, "AdapterMissing").unwrap();
}

#[tokio::test]
async fn an_adapter_that_goes_takes_what_needs_it_along() {
    let beside = Beside::new().await;
    let (band, object) = beside.finds(band(0)).await;
    beside.pairs(&band, object).await;
    beside.air.power(0, false).await.unwrap();
    let app = &beside.app;
    let off = |value: &OwnedVariant| matches!(**value, zbus::Variant::Bool(false));
    let mut watch = app.watch(ACCESSORIES).await.unwrap();
    if app.get::<bool>(ACCESSORIES, "Powered").await.unwrap() {
        watch
            .until("the adapter to be off", "Powered", off)
            .await
            .unwrap();
    }
    app.reads(object, "State", "paired").await.unwrap();
    for member in ["Connect", "Pair"] {
        let with = if member == "Pair" {
            super::replacing()
        } else {
            Options::new()
        };
        let answer: Answer<()> = app.call(object, member, &(with,)).await.unwrap();
        refused(answer, "AdapterMissing").unwrap();
    }
    let answer: Answer<u32> = app.call(object, "Sync", &(Options::new(),)).await.unwrap();
    refused(answer, "AdapterMissing").unwrap();
    let answer: Answer<u16> = app
        .call(object, "MeasureHeartRate", &(Options::new(),))
        .await
        .unwrap();
    refused(answer, "AdapterMissing").unwrap();
    let alert = ("find", "", "", Options::new());
    refused(
        app.call::<_, ()>(object, "Alert", &alert).await.unwrap(),
        "AdapterMissing",
    )
    .unwrap();
    let stop = ("find", Options::new());
    refused(
        app.call::<_, ()>(object, "StopAlert", &stop).await.unwrap(),
        "AdapterMissing",
    )
    .unwrap();
    let settings = (options([("step-goal", 8000_u32.into())]), Options::new());
    refused(
        app.call::<_, ()>(object, "SetSettings", &settings).await.unwrap(),
        "AdapterMissing",
    )
    .unwrap();
}

#[tokio::test]
async fn what_was_disconnected_by_hand_is_out_of_reach_until_it_is_connected() {
    let beside = Beside::new().await;
    let (band, object) = beside.finds(band(0)).await;
    beside.pairs(&band, object).await;
    let app = &beside.app;
    beside.asks(object, "Disconnect").await.unwrap();
    band.connected(false).await.unwrap();
    let answer: Answer<u32> = app.call(object, "Sync", &(Options::new(),)).await.unwrap();
    refused(answer, "AccessoryUnreachable").unwrap();
    let answer: Answer<u16> = app
        .call(object, "MeasureHeartRate", &(Options::new(),))
        .await
        .unwrap();
    refused(answer, "AccessoryUnreachable").unwrap();
    let alert = ("find", "", "", Options::new());
    refused(
        app.call::<_, ()>(object, "Alert", &alert).await.unwrap(),
        "AccessoryUnreachable",
    )
    .unwrap();
    let stop = ("find", Options::new());
    refused(
        app.call::<_, ()>(object, "StopAlert", &stop).await.unwrap(),
        "AccessoryUnreachable",
    )
    .unwrap();
    let settings = (options([("step-goal", 8000_u32.into())]), Options::new());
    let answer = app.call::<_, ()>(object, "SetSettings", &settings).await.unwrap();
    refused(answer, "AccessoryUnreachable").unwrap();
    beside.asks(object, "Connect").await.unwrap();
    app.reads(object, "State", "connected").await.unwrap();
}

#[tokio::test]
async fn an_accessory_that_is_not_the_accounts_has_no_data_and_takes_no_orders() {
    let beside = Beside::new().await;
    let (_band, object) = beside.finds(band(0)).await;
    let app = &beside.app;
    let none = Options::new();
    for member in [
        "Connect",
        "Sync",
        "Latest",
        "Activity",
        "Alert",
        "StopAlert",
        "MeasureHeartRate",
    ] {
        let answer = one(app, object, member).await;
        refused(answer, "NotFound").unwrap_or_else(|error| panic!("{member}: {error}"));
    }
    let settings = (options([("step-goal", 8000_u32.into())]), &none);
    let answer: Answer<()> = app.call(object, "SetSettings", &settings).await.unwrap();
    refused(answer, "NotFound").unwrap();
    beside.asks(object, "CancelPairing").await.unwrap();
    let stop: Answer<()> = app.call(ACCESSORIES, "StopDiscovery", &(&none,)).await.unwrap();
    stop.unwrap();
    let gone = at("/org/belay1/accessories/00000000000000000000000000000000".to_owned());
    assert!(app.call::<_, ()>(gone, "Pair", &(&none,)).await.unwrap().is_err());
}

#[tokio::test]
async fn without_an_account_nothing_is_paired() {
    let beside = Beside::new().await;
    beside.app.sign_out(PASSWORD).await.unwrap().unwrap();
    let (_band, object) = beside.finds(band(0)).await;
    refused(beside.asks(object, "Pair").await, "NotBound").unwrap();
}

#[tokio::test]
async fn a_band_whose_key_is_issued_wants_it_and_knows_a_wrong_one() {
    let beside = Beside::new().await;
    let key = *b"0123456789@ABCDE";
    let (band, object) = beside.finds(Band::new(Model::Four, BAND, Some(key), 1)).await;
    refused(beside.asks(object, "Pair").await, "KeyRequired").unwrap();
    let app = &beside.app;
    let with = async |hex: &str| -> Answer<()> {
        let fd = belay_tests::app::memfd(hex.as_bytes()).unwrap();
        let options = options([("key", zbus::Fd::from(&fd).into())]);
        app.call(object, "Pair", &(options,)).await.unwrap()
    };
    refused(with("not a key").await, "InvalidArgument").unwrap();
    refused(with(&"00".repeat(16)).await, "AccessoryKeyMismatch").unwrap();
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    with(&hex).await.unwrap();
    assert_eq!(band.with(|it, _| it.refused_keys).await.unwrap(), 0);
}

#[tokio::test]
async fn a_second_pairing_is_busy_and_a_cancelled_one_says_so() {
    let beside = Beside::new().await;
    let (band, object) = beside.finds(band(0)).await;
    let others = async {
        band.until("the band to ask for a tap", |it| it.auth.asking())
            .await
            .unwrap();
        refused(beside.asks(object, "Pair").await, "Busy").unwrap();
        beside.asks(object, "CancelPairing").await.unwrap();
    };
    let (first, ()) = tokio::join!(beside.asks(object, "Pair"), others);
    refused(first, "Cancelled").unwrap();
}

#[tokio::test]
async fn a_band_that_has_left_the_room_is_unreachable() {
    let beside = Beside::new().await;
    let (band, object) = beside.finds(band(0)).await;
    band.faults(Faults {
        absent: true,
        ..Faults::default()
    })
    .await
    .unwrap();
    refused(beside.asks(object, "Pair").await, "AccessoryUnreachable").unwrap();
    assert_eq!(
        beside.app.text(object, "ProblemAdvice").await.unwrap(),
        "bring-it-closer"
    );
}

#[tokio::test]
async fn seventeen_apps_that_search_at_once_are_one_too_many() {
    let beside = Beside::new().await;
    let mut searching = Vec::new();
    for number in 0..17 {
        let caller = App::new(&beside.scene.connect(guest::person()).await.unwrap());
        let answer: Answer<()> = caller
            .call(ACCESSORIES, "StartDiscovery", &(Options::new(),))
            .await
            .unwrap();
        match number {
            0..16 => answer.unwrap(),
            _ => refused(answer, "Busy").unwrap(),
        }
        searching.push(caller);
    }
}

#[tokio::test]
async fn too_many_wrong_passwords_keep_an_accessory_from_being_forgotten() {
    let beside = Beside::new().await;
    let (_band, object) = beside.finds(band(0)).await;
    let id = object.path.rsplit('/').next().unwrap();
    let app = &beside.app;
    let present = async |password: &str| {
        app.present("unpair", id, &[("password", password)])
            .await
            .unwrap()
            .unwrap()
    };
    let right = present(PASSWORD).await;
    for number in 0..5 {
        let wrong = present(&format!("guess-number-{number}")).await;
        let answer = app
            .call::<_, ()>(object, "Unpair", &(wrong, Options::new()))
            .await
            .unwrap();
        refused(answer, "WrongPassword").unwrap();
    }
    let answer = app
        .call::<_, ()>(object, "Unpair", &(right, Options::new()))
        .await
        .unwrap();
    refused(answer, "TooManyAttempts").unwrap();
}
