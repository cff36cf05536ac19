//! ModemManager.

use std::collections::HashMap;
use std::time::Duration;

use belay::config::Config;
use belay::platform::PlatformError;
use belay_proto::clock::Clock;
use belay_proto::wire::LocationSource;
use belay_tests::services::modem::{FIRST_SIM, SentText, Sim, Whereabouts};
use belay_tests::until::{until, within};
use tokio::sync::mpsc;

use super::{Phone, in_time, shows};

const OTHER_SIM: Sim = Sim {
    iccid: "8933010000098765432",
    imsi: "208010000000001",
    operator: "Another Mobile",
};

#[tokio::test]
async fn a_call_goes_to_the_number_and_to_nothing_that_is_none() {
    let phone = Phone::new().await;
    let modem = &phone.platform.modem;
    modem.call("+491701234567").await.unwrap();
    let refused = modem.call("*#06#").await.unwrap_err();
    assert!(matches!(refused, PlatformError::Refused(_)), "{refused}");
    assert_eq!(phone.services().modem().calls(), ["+491701234567"]);
    modem.hang_up().await.unwrap();
    let puppet = phone.services().modem().puppet();
    assert_eq!(
        puppet.calls("DeleteCall").len(),
        1,
        "nothing stays on the modem's list"
    );
}

#[tokio::test]
async fn a_call_that_can_t_be_started_says_so_and_leaves_nothing() {
    let phone = Phone::new().await;
    let puppet = phone.services().modem().puppet();
    puppet.refuse("Start", "org.freedesktop.ModemManager1.Error.Core.WrongState");
    let failed = phone.platform.modem.call("112").await.unwrap_err();
    assert!(matches!(failed, PlatformError::Service(_)), "{failed}");
    assert!(puppet.paths("/org/freedesktop/ModemManager1/Call/").is_empty());
}

#[tokio::test]
async fn a_change_of_the_sim_shows_over_its_removal() {
    let phone = Phone::new().await;
    let mut view = phone.platform.modem.view();
    let modem = phone.services().modem();
    let first = shows(&mut view, "the first SIM", |view| !view.sims.is_empty()).await;
    assert_eq!(first.sims[0].iccid, FIRST_SIM.iccid);
    assert_eq!(first.sims[0].imsi, FIRST_SIM.imsi);
    assert_eq!(first.sims[0].imei, "356938035643809");
    modem.swap_sim(None).await.unwrap();
    shows(&mut view, "no SIM", |view| view.sims.is_empty()).await;
    modem.swap_sim(Some(&OTHER_SIM)).await.unwrap();
    let other = shows(&mut view, "the other SIM", |view| !view.sims.is_empty()).await;
    assert_eq!(
        (other.sims[0].iccid.as_str(), other.sims[0].operator.as_str()),
        (OTHER_SIM.iccid, OTHER_SIM.operator)
    );
}

#[tokio::test]
async fn a_sim_that_wants_its_pin_shows_its_subscriber_once_it_has_it() {
    let phone = Phone::new().await;
    let mut view = phone.platform.modem.view();
    let locked = Sim {
        imsi: "",
        ..OTHER_SIM
    };
    phone.services().modem().swap_sim(Some(&locked)).await.unwrap();
    let seen = shows(&mut view, "the locked SIM", |view| {
        view.sims.first().is_some_and(|sim| sim.iccid == OTHER_SIM.iccid)
    });
    assert_eq!(seen.await.sims[0].imsi, "");
    phone.services().modem().unlock_sim(OTHER_SIM.imsi).await.unwrap();
    shows(&mut view, "its subscriber", |view| {
        view.sims.first().is_some_and(|sim| sim.imsi == OTHER_SIM.imsi)
    })
    .await;
}

#[tokio::test]
async fn a_text_in_parts_shows_when_it_is_whole_and_others_never() {
    let phone = Phone::new().await;
    let mut view = phone.platform.modem.view();
    let modem = phone.services().modem();
    let private = modem
        .receive_sms("+491700000001", &["see you", " at eight"])
        .await
        .unwrap();
    let message = modem.begin_sms("+491700000002").await.unwrap();
    // The same words in the first part alone: nothing may come of them yet.
    modem
        .puppet()
        .set(&message, "org.freedesktop.ModemManager1.Sms", "Text", "belay:AA")
        .await
        .unwrap();
    let looked_at = async || {
        let reads = modem.puppet().calls("GetAll");
        reads.iter().any(|call| call.path == message).then_some(())
    };
    until("the first part to be looked at", looked_at).await.unwrap();
    assert!(view.borrow().texts.is_empty());
    modem.finish_sms(&message, "belay:AABBCC").await.unwrap();
    let seen = shows(&mut view, "the text", |view| !view.texts.is_empty()).await;
    assert_eq!(seen.texts.len(), 1, "the private one is nobody's business");
    assert_eq!(seen.texts[0].text, "belay:AABBCC");

    phone.platform.modem.delete_text(&seen.texts[0].id).await.unwrap();
    modem.until_deleted(&message).await.unwrap();
    assert!(modem.puppet().has(&private));
    modem.receive_sms("+491700000001", &["late?"]).await.unwrap();
    shows(&mut view, "no text", |view| view.texts.is_empty()).await;
    let read = modem.puppet().calls("GetAll");
    let times = read.iter().filter(|call| call.path == private).count();
    assert!(
        times <= 3,
        "a private text is read until it is known to be one, and not again: {times}"
    );
    phone.platform.modem.delete_text(&seen.texts[0].id).await.unwrap();
}

#[tokio::test]
async fn a_sent_text_doesn_t_stay_on_the_modem() {
    let phone = Phone::new().await;
    phone
        .platform
        .modem
        .send_text("+491701234567", "hello")
        .await
        .unwrap();
    let sent = SentText {
        number: "+491701234567".into(),
        text: "hello".into(),
    };
    assert_eq!(phone.services().modem().sent(), [sent]);
    assert!(
        phone
            .services()
            .modem()
            .puppet()
            .paths("/org/freedesktop/ModemManager1/SMS/")
            .is_empty()
    );
}

#[tokio::test]
async fn the_serving_cell_comes_first_and_is_known_where_the_neighbours_aren_t() {
    let phone = Phone::new().await;
    let modem = phone.services().modem();
    modem.is_at(Whereabouts {
        cell: Some("262,01,84CD,1CEAD8F0,6FFE"),
        fix: None,
    });
    let alone = phone.platform.modem.cells().await.unwrap();
    assert_eq!((alone.len(), alone[0].cell), (1, 0x1cea_d8f0));
    let cell = |ci: &'static str, serving: bool| {
        HashMap::from([
            ("cell-type".to_owned(), 5_u32.into()),
            ("serving".to_owned(), serving.into()),
            ("operator-id".to_owned(), "26201".into()),
            ("tac".to_owned(), "6FFE".into()),
            ("ci".to_owned(), ci.into()),
        ])
    };
    modem.cells(vec![cell("A", false), cell("B", true)]).unwrap();
    let both = phone.platform.modem.cells().await.unwrap();
    assert_eq!(both.iter().map(|cell| cell.cell).collect::<Vec<_>>(), [0xb, 0xa]);
}

#[tokio::test]
async fn satellites_are_searched_quietly_and_the_receiver_is_left_as_it_was() {
    let phone = Phone::new().await;
    let modem = phone.services().modem();
    let (fixes, mut found) = mpsc::channel(4);
    let tracking = phone.platform.modem.track(fixes);
    let world = async {
        modem.puppet().called("GetLocation", 1).await.unwrap();
        modem.is_at(Whereabouts {
            cell: None,
            fix: Some(("120000".into(), 52.5, 13.4)),
        });
        phone.clock.advance(Duration::from_secs(2));
        within("a fix", found.recv()).await.unwrap().unwrap()
    };
    let asked_at = phone.clock.boottime();
    let (tracked, fix) = tokio::join!(tracking, world);
    tracked.unwrap();
    assert_eq!(
        (fix.coordinates.latitude, fix.coordinates.longitude),
        (52.5, 13.4)
    );
    assert_eq!(fix.source, LocationSource::Gnss);
    assert!(
        fix.measured >= asked_at,
        "there was none before, so this one is new"
    );
    assert_eq!(modem.setups(), [(3, false), (1, false)]);
}

#[tokio::test]
async fn a_place_that_was_there_before_is_told_as_old_until_the_receiver_measures_again() {
    let phone = Phone::new().await;
    let modem = phone.services().modem();
    let at = |time: &str| Whereabouts {
        cell: None,
        fix: Some((time.into(), 1.0, 2.0)),
    };
    modem.is_at(at("120000"));
    let asked_at = phone.clock.boottime();
    let (fixes, mut found) = mpsc::channel(4);
    let tracking = phone.platform.modem.track(fixes);
    let world = async {
        let old = within("the old fix", found.recv()).await.unwrap().unwrap();
        modem.is_at(at("120002"));
        phone.clock.advance(Duration::from_secs(2));
        (old, within("the new fix", found.recv()).await.unwrap().unwrap())
    };
    let (tracked, (old, new)) = tokio::join!(tracking, world);
    tracked.unwrap();
    assert!(old.measured.is_zero(), "nobody knows how long it has been there");
    assert!(new.measured >= asked_at);
}

#[tokio::test]
async fn a_search_that_nobody_waits_for_leaves_the_receiver_as_it_was() {
    let phone = Phone::new().await;
    let modem = phone.services().modem();
    let (fixes, _found) = mpsc::channel(4);
    tokio::select! {
        _ = phone.platform.modem.track(fixes) => panic!("there is nothing to find"),
        _ = modem.puppet().called("GetLocation", 1) => {}
    }
    modem.puppet().called("Setup", 2).await.unwrap();
    assert_eq!(modem.setups(), [(3, false), (1, false)]);
}

#[tokio::test]
async fn a_modem_manager_that_isn_t_there_is_told_and_one_that_comes_is_found() {
    let phone = Phone::new().await;
    let mut view = phone.platform.modem.view();
    shows(&mut view, "the SIM", |view| !view.sims.is_empty()).await;
    phone.services().modem().puppet().leave().await.unwrap();
    shows(&mut view, "nobody", |view| view.sims.is_empty()).await;
    let gone = phone.platform.modem.call("112").await.unwrap_err();
    assert!(matches!(gone, PlatformError::NotSupported(_)), "{gone}");
    phone.services().modem().puppet().come_back().await.unwrap();
    shows(&mut view, "the SIM again", |view| !view.sims.is_empty()).await;
    phone.services().modem().unplug().await.unwrap();
    let none = phone.platform.modem.call("112").await.unwrap_err();
    assert!(matches!(none, PlatformError::NotSupported("no modem")), "{none}");
}

#[tokio::test]
async fn a_modem_manager_that_doesn_t_answer_hangs_nobody() {
    // What is answered has to be answered so soon as well.
    let phone = Phone::of(&Config::default(), Duration::from_secs(1)).await;
    phone.services().modem().puppet().hang("GetManagedObjects");
    let late = phone.platform.modem.call("112").await.unwrap_err();
    assert!(matches!(late, PlatformError::TimedOut), "{late}");
    phone
        .services()
        .modem()
        .puppet()
        .refuse("GetManagedObjects", "org.freedesktop.DBus.Error.AccessDenied");
    let answered = async || {
        let refused = phone.platform.modem.call("112").await.unwrap_err();
        (!matches!(refused, PlatformError::TimedOut)).then_some(refused)
    };
    let denied = until("the refusal to come in time", answered).await.unwrap();
    assert!(matches!(denied, PlatformError::Denied(_)), "{denied}");
    // The follower, too, tries again by itself; boot time brings it there.
    let mut view = phone.platform.modem.view();
    phone.services().modem().puppet().heal();
    in_time(&phone, shows(&mut view, "the SIM", |view| !view.sims.is_empty())).await;
}
