//! Ringing, locating, calling and the owner's settings, from the console and from the device's own bus.

use std::collections::HashMap;
use std::time::Duration;

use belay_proto::signed::{Action, CommandState};
use belay_proto::steps::{PolicyChanges, policies_subject};
use belay_proto::wire::{LocationSource, Report};
use belay_tests::app::{Answer, App, DEVICE, Options, WARDEN, memfd, options, refused};
use belay_tests::guest;
use belay_tests::owner::Console;
use belay_tests::services::geoclue::Place;
use zbus::{Fd, OwnedVariant, Variant};

use crate::owner::{ADA, PASSWORD, adas, app};
use crate::scene::{PACE, Scene, scene, skipped};

pub const PHONE: &str = "+4915112345678";

const HERE: Place = Place {
    latitude: 47.07,
    longitude: 15.44,
    accuracy: 25.0,
    altitude: None,
    timestamp: 1_700_000_000,
};

type Fix = (f64, f64, f64, f64, u64, u64, String);

async fn console() -> (Scene, Console) {
    let scene = adas().await;
    let console = Console::sign_in(&scene, ADA, PASSWORD).await.unwrap();
    (scene, console)
}

async fn lost(scene: &Scene, console: &Console, phone: &str) {
    let action = Action::Lock {
        message: "Please call".to_owned(),
        phone: phone.to_owned(),
    };
    let id = console.send(scene, action).await.unwrap();
    console.follow(scene, id, CommandState::Done).await.unwrap();
}

async fn call(app: &App, member: &str) -> Answer<()> {
    app.call(DEVICE, member, &(Options::new(),)).await.unwrap()
}

fn is(wanted: bool) -> impl Fn(&OwnedVariant) -> bool {
    move |value| bool::try_from(&**value) == Ok(wanted)
}

#[tokio::test]
async fn a_lost_device_rings_until_its_owner_or_its_finder_stops_it() {
    let (scene, console) = console().await;
    let (app, feedback) = (app(&scene), scene.services().feedback());
    let mut device = app.watch(DEVICE).await.unwrap();
    let ring = || Action::Ring { seconds: 600 };
    let id = console.send(&scene, ring()).await.unwrap();
    console.follow(&scene, id, CommandState::Done).await.unwrap();
    feedback.until_playing(true).await.unwrap();
    let sound = &feedback.playing()[0];
    assert!(
        sound.important && sound.profile.as_deref() == Some("full"),
        "{sound:?}"
    );
    device.until("it to ring", "Ringing", is(true)).await.unwrap();
    let id = console.send(&scene, Action::StopRing).await.unwrap();
    console.follow(&scene, id, CommandState::Done).await.unwrap();
    feedback.until_playing(false).await.unwrap();
    device.until("silence", "Ringing", is(false)).await.unwrap();

    // Also while lost, and then whoever found it may stop it.
    lost(&scene, &console, PHONE).await;
    let id = console.send(&scene, ring()).await.unwrap();
    console.follow(&scene, id, CommandState::Done).await.unwrap();
    feedback.until_playing(true).await.unwrap();
    call(&app, "StopRinging").await.unwrap();
    feedback.until_playing(false).await.unwrap();
    call(&app, "StopRinging").await.unwrap();
}

#[tokio::test]
async fn ringing_ends_by_itself_after_the_time_that_the_owner_gave() {
    let (scene, console) = console().await;
    let id = console.send(&scene, Action::Ring { seconds: 30 }).await.unwrap();
    console.follow(&scene, id, CommandState::Done).await.unwrap();
    scene.services().feedback().until_playing(true).await.unwrap();
    scene.clock().advance(Duration::from_secs(31)).unwrap();
    scene.services().feedback().until_playing(false).await.unwrap();
}

#[tokio::test]
async fn a_locate_ends_in_a_report_that_the_owner_alone_opens() {
    // Its time stands still: a place tells whole seconds, and one that ends between two looks at the clock makes a place that is
    // found now older than the command.
    let (scene, console) = console().await;
    let position = scene.services().position();
    let id = console.send(&scene, Action::Locate).await.unwrap();
    position.puppet().called("Start", 1).await.unwrap();
    let here = Place {
        timestamp: scene.clock().wall(),
        ..HERE
    };
    position.found(here).await.unwrap();
    console.follow(&scene, id, CommandState::Done).await.unwrap();
    let located = async || {
        let (reports, _) = console.reports(&scene, 0).await.unwrap();
        let of_it =
            |report: &Report| matches!(report, Report::Location { command, .. } if *command == Some(id));
        reports.into_iter().find(of_it)
    };
    let report = belay_tests::until::until("the report", located).await.unwrap();
    let Report::Location {
        latitude,
        longitude,
        accuracy,
        source,
        age_ms,
        after_command,
        ..
    } = report
    else {
        panic!("{report:?}")
    };
    assert_eq!(
        (latitude, longitude, accuracy),
        (HERE.latitude, HERE.longitude, HERE.accuracy)
    );
    assert_eq!(source, LocationSource::Network);
    assert!(after_command && age_ms < 120_000, "{age_ms} ms");
    // Neither the cloud's files nor what went over the wire has the coordinates.
    for exchange in scene.network().exchanges() {
        let text = String::from_utf8_lossy(&exchange.request).into_owned();
        assert!(
            !text.contains("47.07") && !text.contains("latitude"),
            "{}",
            exchange.path
        );
    }
}

#[tokio::test]
async fn the_person_at_the_device_sees_where_it_is_and_is_told_what_is_missing() {
    let scene = scene().await;
    let app = app(&scene);
    let locate =
        async || -> Answer<(Fix,)> { app.call(DEVICE, "GetLocation", &(Options::new(),)).await.unwrap() };
    refused(locate().await, "NotBound").unwrap();
    crate::owner::registered(&scene, ADA, PASSWORD).await;
    scene.clock().run(PACE).unwrap();
    refused(locate().await, "NotFound").unwrap();
    scene.services().position().found(HERE).await.unwrap();
    let (fix,) = locate().await.unwrap();
    assert_eq!(
        (fix.0, fix.1, fix.6.as_str()),
        (HERE.latitude, HERE.longitude, "network")
    );
    assert!(fix.3.is_nan(), "no altitude");
    let odd: Answer<(Fix,)> = app
        .call(DEVICE, "GetLocation", &(options([("odd", true.into())]),))
        .await
        .unwrap();
    refused(odd, "InvalidArgument").unwrap();
}

#[tokio::test]
async fn a_finder_calls_the_owner_and_nobody_else() {
    if !guest::is_root() {
        skipped("the lost screen's part is played by root");
        return;
    }
    let (scene, console) = console().await;
    let (person, modem) = (app(&scene), scene.services().modem());
    let app = App::new(&scene.root().await.unwrap());
    refused(call(&app, "CallOwner").await, "NotAuthorized").unwrap();
    lost(&scene, &console, "").await;
    refused(call(&app, "CallOwner").await, "NotFound").unwrap();
    lost(&scene, &console, PHONE).await;
    // A lost device has no session but the lost screen's.
    refused(call(&person, "CallOwner").await, "NotAuthorized").unwrap();
    call(&app, "CallOwner").await.unwrap();
    assert_eq!(modem.calls(), [PHONE]);
    let odd = options([("number", "+49900123456".into())]);
    let odd: Answer<()> = app.call(DEVICE, "CallOwner", &(odd,)).await.unwrap();
    refused(odd, "InvalidArgument").unwrap();
    assert_eq!(modem.calls(), [PHONE]);
    modem.unplug().await.unwrap();
    let gone = async || {
        let answer = call(&app, "CallOwner").await;
        answer.err().filter(|refusal| refusal.short() == "NotSupported")
    };
    belay_tests::until::until("the modem to be missed", gone)
        .await
        .unwrap();
}

#[tokio::test]
async fn without_find_the_device_refuses_its_owner_and_the_password_alone_decides() {
    let (scene, console) = console().await;
    let app = app(&scene);
    assert!(app.get::<bool>(DEVICE, "FindEnabled").await.unwrap());
    let ticket = async |subject: &str, password: &str| {
        app.present("find", subject, &[("password", password)])
            .await
            .unwrap()
    };
    let set = async |enabled: bool, ticket: &str| -> Answer<()> {
        app.call(DEVICE, "SetFindEnabled", &(enabled, ticket, Options::new()))
            .await
            .unwrap()
    };
    refused(set(false, "0123456789abcdef0123456789abcdef").await, "BadTicket").unwrap();
    let on = ticket("on", PASSWORD).await.unwrap();
    refused(set(false, &on).await, "BadTicket").unwrap();
    refused(set(false, "").await, "InvalidArgument").unwrap();
    match ticket("off", "not-the-password-1").await {
        Ok(ticket) => refused(set(false, &ticket).await, "WrongPassword").unwrap(),
        Err(refusal) => assert_eq!(refusal.short(), "WrongPassword"),
    }
    assert!(app.get::<bool>(DEVICE, "FindEnabled").await.unwrap());

    let mut device = app.watch(DEVICE).await.unwrap();
    let off = ticket("off", PASSWORD).await.unwrap();
    set(false, &off).await.unwrap();
    device
        .until("find to be off", "FindEnabled", is(false))
        .await
        .unwrap();
    let id = console.send(&scene, Action::Ring { seconds: 5 }).await.unwrap();
    let (_, life) = console.follow(&scene, id, CommandState::Refused).await.unwrap();
    assert_eq!(life.reason, "unsupported");
}

#[tokio::test]
async fn policies_are_set_with_the_password_and_kept_over_a_restart() {
    let mut scene = adas().await;
    let app = app(&scene);
    let day: u64 = 24 * 60 * 60 * 1000;
    let changes = PolicyChanges {
        lock_after_offline: Some(2 * day),
        lock_on_sim_change: Some(true),
        ..PolicyChanges::default()
    };
    let wanted: HashMap<&str, Variant<'_>> = HashMap::from([
        ("lock-after-offline", (2 * day).into()),
        ("lock-on-sim-change", true.into()),
    ]);
    let set = async |policies: &HashMap<&str, Variant<'_>>, ticket: &str| -> Answer<()> {
        app.call(DEVICE, "SetPolicies", &(policies, ticket, Options::new()))
            .await
            .unwrap()
    };
    let subject = policies_subject(&changes);
    let present = async || {
        let password = [("password", PASSWORD)];
        app.present("policies", &subject, &password)
            .await
            .unwrap()
            .unwrap()
    };
    let ticket = present().await;
    let other = HashMap::from([("lock-after-offline", Variant::from(3 * day))]);
    refused(set(&other, &ticket).await, "BadTicket").unwrap();
    for (key, value) in [
        ("lock-after-offline", Variant::from(1_000_u64)),
        ("lock-after-offline", true.into()),
        ("odd", true.into()),
    ] {
        let odd = HashMap::from([(key, value)]);
        refused(set(&odd, &ticket).await, "InvalidArgument").unwrap();
    }
    let ticket = present().await;
    set(&wanted, &ticket).await.unwrap();
    scene.reboot().await.unwrap();
    let shown: HashMap<String, OwnedVariant> = app.get(DEVICE, "Policies").await.unwrap();
    assert_eq!(shown["lock-after-offline"], OwnedVariant::from(2 * day));
    assert_eq!(shown["lock-on-sim-change"], OwnedVariant::from(true));

    // And they hold: another SIM locks the device.
    let mut warden = app.watch(WARDEN).await.unwrap();
    let other = belay_tests::services::modem::Sim {
        iccid: "8949020000099999999",
        imsi: "262019999999999",
        operator: "Other",
    };
    scene.services().modem().swap_sim(Some(&other)).await.unwrap();
    warden.becomes("LockState", "lost").await.unwrap();
    let fd = Fd::from(memfd(PASSWORD.as_bytes()).unwrap());
    app.call::<_, ()>(WARDEN, "Unlock", &(fd,))
        .await
        .unwrap()
        .unwrap();
}
