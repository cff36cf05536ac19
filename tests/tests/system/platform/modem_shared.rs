//! A ModemManager that others use too, and that is stopped and started again.

use belay_tests::guest;
use belay_tests::services::modem::{Modem, Whereabouts};
use belay_tests::until::within;
use tokio::sync::mpsc;
use zbus::fdo::DBusProxy;

use super::{Phone, shows};

const LOCATION: &str = "org.freedesktop.ModemManager1.Modem.Location";
const CALL: &str = "org.freedesktop.ModemManager1.Call";
const CALLS: &str = "/org/freedesktop/ModemManager1/Call/";

/// A search that is given up once `meanwhile` has been done to the modem.
async fn search(phone: &Phone, meanwhile: impl Future<Output = ()>) {
    let puppet = phone.services().modem().puppet();
    let asked = puppet.calls("GetLocation").len();
    let (fixes, _found) = mpsc::channel(4);
    let tracking = phone.platform.modem.track(fixes);
    let world = async {
        puppet.called("GetLocation", asked + 1).await.unwrap();
        meanwhile.await;
    };
    tokio::select! {
        _ = tracking => panic!("there is nothing to find"),
        () = world => {}
    }
}

#[tokio::test]
async fn what_others_change_at_the_receiver_during_a_search_stays_as_they_want_it() {
    let phone = Phone::new().await;
    let modem = phone.services().modem();
    let (puppet, path) = (modem.puppet(), modem.path().unwrap());
    puppet
        .set(&path, LOCATION, "SignalsLocation", true)
        .await
        .unwrap();
    // Whoever wanted the signals leaves, and somebody else wants help from the network.
    let leaves = async { puppet.set(&path, LOCATION, "Enabled", 35_u32).await.unwrap() };
    search(&phone, leaves).await;
    puppet.called("Setup", 2).await.unwrap();
    assert_eq!(modem.setups(), [(3, false), (33, false)]);
    // Another comes and wants signals of the cells.
    let comes = async {
        puppet
            .set(&path, LOCATION, "SignalsLocation", true)
            .await
            .unwrap()
    };
    search(&phone, comes).await;
    puppet.called("Setup", 4).await.unwrap();
    assert_eq!(modem.setups()[2..], [(35, false), (33, true)]);
}

#[tokio::test]
async fn a_search_takes_nothing_back_from_a_modem_manager_that_came_meanwhile() {
    let phone = Phone::new().await;
    let first = phone.services().modem();
    let second = std::cell::OnceCell::new();
    search(&phone, async {
        first.puppet().leave().await.unwrap();
        let modem = Modem::start(phone.scene.bus().socket()).await.unwrap();
        let path = modem.path().unwrap();
        assert_eq!(path, first.path().unwrap());
        modem
            .puppet()
            .set(&path, LOCATION, "Enabled", 3_u32)
            .await
            .unwrap();
        second.set(modem).unwrap();
    })
    .await;
    first.puppet().called("Setup", 2).await.unwrap();
    assert_eq!(first.setups(), [(3, false), (1, false)]);
    assert_eq!(second.get().unwrap().setups(), []);
}

#[tokio::test]
async fn a_receiver_that_is_on_for_somebody_else_is_left_as_it_is() {
    let phone = Phone::new().await;
    let modem = phone.services().modem();
    let (puppet, path) = (modem.puppet(), modem.path().unwrap());
    puppet.set(&path, LOCATION, "Enabled", 3_u32).await.unwrap();
    modem.is_at(Whereabouts {
        cell: None,
        fix: Some(("120000".into(), 1.0, 2.0)),
    });
    let (fixes, mut found) = mpsc::channel(4);
    tokio::select! {
        _ = phone.platform.modem.track(fixes) => panic!("the receiver may measure again"),
        old = within("the old fix", found.recv()) => {
            let old = old.unwrap().unwrap();
            assert!(old.measured.is_zero(), "nobody knows how long it has been there");
        }
    }
    // What comes after the search, in order: it has left.
    phone.platform.modem.call("112").await.unwrap();
    assert_eq!(modem.setups(), []);
}

#[tokio::test]
async fn a_call_that_has_ended_leaves_no_number_on_the_modem() {
    let phone = Phone::new().await;
    let puppet = phone.services().modem().puppet();
    phone.platform.modem.call("+491701234567").await.unwrap();
    let call = puppet.paths(CALLS).remove(0);
    puppet.set(&call, CALL, "State", 4_i32).await.unwrap();
    puppet.set(&call, CALL, "State", 7_i32).await.unwrap();
    puppet.called("DeleteCall", 1).await.unwrap();
    // Nothing is left to hang up.
    phone.platform.modem.hang_up().await.unwrap();
    assert_eq!(puppet.calls("Hangup").len(), 0);
    assert!(puppet.paths(CALLS).is_empty());
}

#[tokio::test]
async fn a_text_by_a_path_that_the_next_modem_manager_gives_again_is_another_text() {
    let phone = Phone::new().await;
    let mut view = phone.platform.modem.view();
    let first = phone.services().modem();
    let private = first.receive_sms("+491700000001", &["late?"]).await.unwrap();
    let command = first.receive_sms("+491700000001", &["belay:AA"]).await.unwrap();
    let seen = shows(&mut view, "the command", |view| !view.texts.is_empty()).await;
    first.puppet().leave().await.unwrap();
    shows(&mut view, "nobody", |view| view.texts.is_empty()).await;

    let second = Modem::start(phone.scene.bus().socket()).await.unwrap();
    let same = second.receive_sms("+491700000001", &["belay:BB"]).await.unwrap();
    assert_eq!(same, private);
    let again = shows(&mut view, "the other command", |view| !view.texts.is_empty()).await;
    assert_eq!(again.texts[0].text, "belay:BB");
    let other = second.receive_sms("+491700000001", &["belay:CC"]).await.unwrap();
    assert_eq!(other, command);
    let both = shows(&mut view, "both", |view| view.texts.len() == 2).await;
    assert_ne!(both.texts[1].id, seen.texts[0].id);
    // The first one went with its ModemManager, and nothing of the second is deleted in its place.
    phone.platform.modem.delete_text(&seen.texts[0].id).await.unwrap();
    assert!(second.puppet().has(&other));
    phone.platform.modem.delete_text(&both.texts[1].id).await.unwrap();
    second.until_deleted(&other).await.unwrap();
}

#[tokio::test]
async fn following_a_modem_manager_that_was_stopped_doesn_t_start_it_again() {
    let phone = Phone::new().await;
    let mut view = phone.platform.modem.view();
    shows(&mut view, "the SIM", |view| !view.sims.is_empty()).await;
    // The bus can start it, as it can a real one.
    let place = phone.scene.place();
    let started = place.at("logs/started");
    let script = format!("#!/bin/sh\necho >'{}'\nexit 1\n", started.display());
    let script = place.write("modem.sh", &script, 0o755).unwrap();
    let name = "org.freedesktop.ModemManager1";
    let service = format!("[D-BUS Service]\nName={name}\nExec={}\n", script.display());
    place
        .write(&format!("services/{name}.service"), &service, 0o644)
        .unwrap();
    let root = guest::connect(phone.scene.bus().socket(), guest::person())
        .await
        .unwrap();
    DBusProxy::new(&root)
        .await
        .unwrap()
        .reload_config()
        .await
        .unwrap();

    phone.services().modem().puppet().leave().await.unwrap();
    shows(&mut view, "nobody", |view| view.sims.is_empty()).await;
    assert!(!started.exists(), "it was stopped for a reason");
    // An order of the owner is a reason to start it.
    phone.platform.modem.call("112").await.unwrap_err();
    assert!(started.exists());
}
