//! What the owner's commands have a phone do, and what it tells by itself: with a modem, a battery, a place and a
//! loudspeaker, through the whole system.

use std::time::Duration;

use belay_proto::Secret;
use belay_proto::dbus::client;
use belay_proto::signed::{Action, CommandState};
use belay_proto::sms::SmsAction;
use belay_proto::steps::PolicyChanges;
use belay_proto::wire::{LocationSource, Report};
use belay_tests::Surprise;
use belay_tests::app::{DEVICE, Options};
use belay_tests::owner::Console;
use belay_tests::services::geoclue::Place;
use belay_tests::services::modem::Sim;
use belay_tests::services::network::AccessPoint;
use belay_tests::services::power::Warning;
use belay_tests::until::{until, within};
use futures_util::StreamExt;

use crate::owner::{ADA, PASSWORD, adas, app};
use crate::scene::Scene;

const FRIEND: &str = "+4915187654321";
const THIEFS_SIM: Sim = Sim {
    iccid: "8933010000098765432",
    imsi: "208010000000001",
    operator: "Another Mobile",
};

async fn console() -> (Scene, Console) {
    let scene = adas().await;
    let console = Console::sign_in(&scene, ADA, PASSWORD).await.unwrap();
    (scene, console)
}

/// Ada sets her policies at the device.
async fn policies(scene: &Scene, changes: PolicyChanges) {
    let password = Secret::of_text(PASSWORD);
    client::set_policies(scene.person(), &changes, &password)
        .await
        .unwrap();
}

/// The device's reports once there is one that fits; the cloud has them when the outbox has been emptied.
async fn report(scene: &Scene, console: &Console, what: &str, fits: impl Fn(&Report) -> bool) -> Report {
    let found = until(what, async || {
        let (reports, _) = console.reports(scene, 0).await.unwrap();
        reports.into_iter().find(&fits)
    });
    found.await.unwrap()
}

fn place(scene: &Scene) -> Place {
    Place {
        latitude: 48.25,
        longitude: 16.5,
        accuracy: 20.0,
        altitude: Some(170.0),
        timestamp: scene.clock().wall(),
    }
}

#[tokio::test]
async fn a_ring_is_heard_until_somebody_at_the_device_stops_it() {
    let (scene, console) = console().await;
    // A call to the cloud that the leap below cuts off is made again.
    scene.clock().run(1).unwrap();
    let app = app(&scene);
    let feedback = scene.services().feedback();
    let mut device = app.watch(DEVICE).await.unwrap();
    let id = console.send(&scene, Action::Ring { seconds: 60 }).await.unwrap();
    feedback.until_playing(true).await.unwrap();
    let playing = feedback.playing();
    assert_eq!(
        (playing[0].app.as_str(), playing[0].important),
        ("org.belay1", true)
    );
    console.follow(&scene, id, CommandState::Done).await.unwrap();
    let rings = |value: &zbus::OwnedVariant| bool::try_from(value.clone()).is_ok_and(|ringing| ringing);
    if !app.get::<bool>(DEVICE, "Ringing").await.unwrap() {
        device.until("ringing", "Ringing", rings).await.unwrap();
    }
    app.call::<_, ()>(DEVICE, "StopRinging", &(Options::new(),))
        .await
        .unwrap()
        .unwrap();
    feedback.until_playing(false).await.unwrap();

    let id = console.send(&scene, Action::Ring { seconds: 30 }).await.unwrap();
    feedback.until_playing(true).await.unwrap();
    console.follow(&scene, id, CommandState::Done).await.unwrap();
    scene.clock().advance(Duration::from_secs(30)).unwrap();
    feedback.until_playing(false).await.unwrap();
    let id = console.send(&scene, Action::Ring { seconds: 30 }).await.unwrap();
    feedback.until_playing(true).await.unwrap();
    console.follow(&scene, id, CommandState::Done).await.unwrap();
    let id = console.send(&scene, Action::StopRing).await.unwrap();
    console.follow(&scene, id, CommandState::Done).await.unwrap();
    assert!(feedback.playing().is_empty());
}

#[tokio::test]
async fn where_no_session_plays_the_ring_s_own_unit_does_until_somebody_stops_it_on_a_lost_device_too() {
    let (scene, console) = console().await;
    let systemd = scene.services().systemd();
    scene.services().feedback().puppet().leave().await.unwrap();
    let id = console.send(&scene, Action::Ring { seconds: 600 }).await.unwrap();
    console.follow(&scene, id, CommandState::Done).await.unwrap();
    assert!(systemd.is_active("belay-ring.service"));
    let lock = Action::Lock {
        message: String::new(),
        phone: String::new(),
    };
    let id = console.send(&scene, lock).await.unwrap();
    console.follow(&scene, id, CommandState::Done).await.unwrap();
    systemd.until_active("belay-lost.target", true).await.unwrap();
    assert!(systemd.is_active("belay-ring.service"), "it rings on");
    let id = console.send(&scene, Action::StopRing).await.unwrap();
    console.follow(&scene, id, CommandState::Done).await.unwrap();
    assert!(!systemd.is_active("belay-ring.service"));
}

#[tokio::test]
async fn a_device_that_can_t_ring_says_so_to_its_owner() {
    let (scene, console) = console().await;
    scene.services().feedback().puppet().leave().await.unwrap();
    scene.services().systemd().on_start("belay-ring.service", || {
        Box::pin(async { Err(Surprise::new("there is no card")) })
    });
    let id = console.send(&scene, Action::Ring { seconds: 30 }).await.unwrap();
    let (_, life) = console.follow(&scene, id, CommandState::Failed).await.unwrap();
    assert_eq!(life.reason, "no-sound");
}

#[tokio::test]
async fn the_place_reaches_the_owner_with_the_evidence_and_nobody_else() {
    let (scene, console) = console().await;
    let around = AccessPoint {
        bssid: "02:00:00:00:00:01",
        ssid: "near",
        strength: 70,
        frequency: 2412,
    };
    scene.services().network().around(&[around], 3_600_000);
    scene.services().position().found(place(&scene)).await.unwrap();
    let id = console.send(&scene, Action::Locate).await.unwrap();
    console.follow(&scene, id, CommandState::Done).await.unwrap();
    let found = report(&scene, &console, "the place", |r| {
        matches!(r, Report::Location { .. })
    })
    .await;
    let Report::Location {
        latitude,
        accuracy,
        altitude,
        source,
        after_command,
        command,
        age_ms,
        ..
    } = found
    else {
        panic!("a place");
    };
    assert_eq!(
        (latitude, accuracy, altitude, source),
        (48.25, 20.0, Some(170.0), LocationSource::Network)
    );
    assert_eq!((command, after_command, age_ms), (Some(id), true, 0));
    let evidence = report(&scene, &console, "the evidence", |r| {
        matches!(r, Report::Evidence { .. })
    })
    .await;
    let Report::Evidence { wifi, command, .. } = evidence else {
        panic!("evidence");
    };
    assert_eq!((wifi[0].bssid.as_str(), command), ("02:00:00:00:00:01", Some(id)));
    for (log, text) in scene.logs().unwrap() {
        // The seconds of a line's time may read like it.
        let said = String::from_utf8_lossy(&text).replace(":48.25", "");
        assert!(!said.contains("48.25"), "{log} holds the place");
    }
}

#[tokio::test]
async fn a_thief_s_sim_locks_where_the_owner_wants_it_and_is_reported_and_texted() {
    let (scene, console) = console().await;
    let app = app(&scene);
    let changes = PolicyChanges {
        lock_on_sim_change: Some(true),
        trusted_number: Some(FRIEND.to_owned()),
        ..PolicyChanges::default()
    };
    policies(&scene, changes).await;
    let mut device = app.watch(DEVICE).await.unwrap();
    let proxy = zbus::Proxy::new(app.bus(), DEVICE.service, DEVICE.path, DEVICE.interface)
        .await
        .unwrap();
    let mut changed = proxy.receive_signal("SimChanged").await.unwrap();
    scene
        .services()
        .modem()
        .swap_sim(Some(&THIEFS_SIM))
        .await
        .unwrap();
    device.becomes("LockState", "lost").await.unwrap();
    within("SimChanged", changed.next()).await.unwrap().unwrap();
    let found = report(&scene, &console, "the SIM", |r| matches!(r, Report::Sim { .. })).await;
    let Report::Sim {
        iccid,
        imsi,
        operator,
        changed,
        ..
    } = found
    else {
        panic!("a SIM");
    };
    assert_eq!(
        (iccid.as_str(), imsi.as_str(), operator.as_str()),
        (THIEFS_SIM.iccid, THIEFS_SIM.imsi, THIEFS_SIM.operator)
    );
    assert!(changed);
    let sent = scene.services().modem().until_sent(1).await.unwrap();
    assert_eq!(sent[0].number, FRIEND);
}

#[tokio::test]
async fn a_command_by_text_in_two_parts_locks_and_rings_offline_and_strangers_texts_do_nothing() {
    let (mut scene, console) = console().await;
    let changes = PolicyChanges {
        trusted_number: Some(FRIEND.to_owned()),
        ..PolicyChanges::default()
    };
    policies(&scene, changes).await;
    // What the owner has to know to sign: the device's last report.
    console.reports(&scene, 0).await.unwrap();
    let app = app(&scene);
    let mut device = app.watch(DEVICE).await.unwrap();
    let modem = scene.services().modem();
    let text = |action| console.owner().text(action).sign(&console.owner().key());
    scene.services().network().disconnect().await.unwrap();

    let ring = text(SmsAction::Ring);
    let forged = ring.replacen("belay:A", "belay:B", 1);
    let refused = modem.receive_sms(FRIEND, &[&forged]).await.unwrap();
    modem.until_deleted(&refused).await.unwrap();
    let (one, two) = ring.split_at(60);
    let message = modem.begin_sms("+4900000000").await.unwrap();
    modem.finish_sms(&message, &[one, two].concat()).await.unwrap();
    scene.services().feedback().until_playing(true).await.unwrap();
    modem.until_deleted(&message).await.unwrap();
    let replayed = modem.receive_sms(FRIEND, &[&ring]).await.unwrap();
    modem.until_deleted(&replayed).await.unwrap();
    modem.until_sent(1).await.unwrap();

    let lock = text(SmsAction::Lock);
    modem.receive_sms("+4900000000", &[&lock]).await.unwrap();
    device.becomes("LockState", "lost").await.unwrap();
    let sent = modem.until_sent(2).await.unwrap();
    assert!(
        sent.iter().all(|sent| sent.number == FRIEND),
        "never to the sender"
    );
    assert!(sent[0].text.ends_with(": ring: done."), "{}", sent[0].text);
    assert!(sent[1].text.ends_with(": lock: done."), "{}", sent[1].text);
    assert_eq!(sent.len(), 2, "nothing for what a stranger sent or sent again");
    scene.stop_belayd().await.unwrap();
}

#[tokio::test]
async fn the_last_place_is_sent_before_the_battery_is_empty() {
    let (scene, console) = console().await;
    scene.services().position().found(place(&scene)).await.unwrap();
    scene
        .services()
        .power()
        .set(2.0, Warning::Critical)
        .await
        .unwrap();
    let battery = report(&scene, &console, "the battery", |r| {
        matches!(r, Report::Battery { .. })
    })
    .await;
    assert!(matches!(battery, Report::Battery { percentage: 2, .. }));
    let found = report(&scene, &console, "the place", |r| {
        matches!(r, Report::Location { .. })
    })
    .await;
    assert!(matches!(found, Report::Location { command: None, latitude, .. } if latitude == 48.25));
}
