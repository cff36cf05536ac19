//! How connections end.

use belay::accessory::link::{Choice, Patience};
use belay::accessory::ports::{LinkEnd, Radio, RadioError};
use belay_tests::accessories::strap::MEASUREMENT;
use belay_tests::bluez::{Faults, Settings};
use belay_tests::process::kill;
use std::time::Duration;

use super::{BUTTON, CONNECT, READY, Rig, SHORT, idle, linked, linked_by, listens};

#[test]
fn a_lost_link_ends_the_connection_after_the_driver_has_had_its_say() {
    linked(
        "ends::a_lost_link_ends_the_connection_after_the_driver_has_had_its_say",
        async |rig: Rig| {
            let strap = rig.strap().await;
            let mut connection = rig.up(listens(MEASUREMENT)).await;
            assert_eq!(connection.next().await, READY);
            strap.with(|it, air| it.beat(air, 72, &[])).await.unwrap();
            assert_eq!(connection.next().await, BUTTON);
            strap.lose().await.unwrap();
            let finished = connection.next().await;
            assert!(format!("{finished:?}").contains("Finished"), "{finished:?}");
            assert_eq!(connection.end().await, LinkEnd::Lost);
        },
    );
}

#[test]
fn the_death_of_bluez_ends_a_connection_and_the_next_bluez_is_found() {
    linked(
        "ends::the_death_of_bluez_ends_a_connection_and_the_next_bluez_is_found",
        async |rig: Rig| {
            let _strap = rig.strap().await;
            let mut connection = rig.up(idle).await;
            rig.bluez.die().await.unwrap();
            assert_eq!(connection.end().await, LinkEnd::Lost);
            rig.shows(|view| !view.available).await;
            let mut nobody = rig.connect(idle);
            assert_eq!(nobody.end().await, LinkEnd::Radio(RadioError::AdapterMissing));
            rig.bluez.come_back().await.unwrap();
            rig.shows(|view| view.available && view.powered).await;
            rig.up(idle).await.let_go().await;
        },
    );
}

#[test]
fn the_death_of_the_bus_ends_a_connection() {
    linked(
        "ends::the_death_of_the_bus_ends_a_connection",
        async |rig: Rig| {
            let _strap = rig.strap().await;
            let mut connection = rig.up(idle).await;
            let dbus = zbus::fdo::DBusProxy::new(&rig.bus).await.unwrap();
            let name = "org.freedesktop.DBus".try_into().unwrap();
            kill(dbus.get_connection_unix_process_id(name).await.unwrap()).unwrap();
            assert_eq!(connection.end().await, LinkEnd::Lost);
            rig.shows(|view| !view.available).await;
        },
    );
}

#[test]
fn an_absent_accessory_is_given_up_and_bluez_is_told_so() {
    linked(
        "ends::an_absent_accessory_is_given_up_and_bluez_is_told_so",
        async |mut rig: Rig| {
            let strap = rig.strap().await;
            rig.up(idle).await.let_go().await;
            let absent = Faults {
                absent: true,
                ..Faults::default()
            };
            strap.faults(absent).await.unwrap();
            rig.patient(Patience {
                connected: SHORT,
                ..Patience::default()
            });
            let before = rig.journal("Disconnect").await;
            for round in 1..3 {
                // BlueZ would answer the second one that it is at it already.
                let mut connection = rig.connect(idle);
                assert_eq!(connection.end().await, LinkEnd::Unreachable);
                assert!(rig.journal("Disconnect").await >= before + round);
            }
            strap.faults(Faults::default()).await.unwrap();
            rig.patient(Patience::default());
            rig.up(idle).await.let_go().await;
        },
    );
}

#[test]
fn an_attempt_that_somebody_left_behind_is_cancelled_before_the_next() {
    linked(
        "ends::an_attempt_that_somebody_left_behind_is_cancelled_before_the_next",
        async |mut rig: Rig| {
            let strap = rig.strap().await;
            rig.up(idle).await.let_go().await;
            let absent = Faults {
                absent: true,
                ..Faults::default()
            };
            strap.faults(absent).await.unwrap();
            let calls = rig.journal(CONNECT).await;
            let path = "/org/bluez/hci0/dev_C0_FF_EE_00_00_01";
            let left = zbus::Message::method_call(path, "Connect")
                .destination("org.bluez")
                .interface("org.bluez.Device1")
                .build(&())
                .unwrap();
            rig.bus.send(&left).await.unwrap();
            rig.bluez.noted(CONNECT, calls + 1).await.unwrap();
            // Enough for BlueZ to say that it is at it.
            rig.patient(Patience {
                connected: 4 * SHORT,
                ..Patience::default()
            });
            assert_eq!(rig.connect(idle).end().await, LinkEnd::Unreachable);
            assert_eq!(rig.journal("already in progress").await, 1);
            assert_eq!(rig.journal(CONNECT).await, calls + 3);
            strap.faults(Faults::default()).await.unwrap();
            rig.patient(Patience::default());
            rig.up(idle).await.let_go().await;
        },
    );
}

#[test]
fn refused_connections_end_as_out_of_reach() {
    linked(
        "ends::refused_connections_end_as_out_of_reach",
        async |rig: Rig| {
            let strap = rig.strap().await;
            let texts = ["le-connection-abort-by-local", "Software caused connection abort"];
            for text in texts {
                let faults = Faults {
                    connect_fails: Some((1, text.to_owned())),
                    ..Faults::default()
                };
                strap.faults(faults).await.unwrap();
                assert_eq!(rig.connect(idle).end().await, LinkEnd::Unreachable);
                rig.up(idle).await.let_go().await;
            }
        },
    );
}

#[test]
fn switching_bluetooth_off_ends_a_connection_and_none_switches_it_on() {
    linked(
        "ends::switching_bluetooth_off_ends_a_connection_and_none_switches_it_on",
        async |rig: Rig| {
            let _strap = rig.strap().await;
            let mut connection = rig.up(idle).await;
            rig.bluez.power(0, false).await.unwrap();
            let end = connection.end().await;
            let off = LinkEnd::Radio(RadioError::PoweredOff);
            // Which of the two signals comes first isn't ours to say.
            assert!(end == off || end == LinkEnd::Lost, "{end:?}");
            rig.shows(|view| view.available && !view.powered).await;
            assert_eq!(rig.connect(idle).end().await, off);
            assert!(!rig.link.adapter().borrow().powered);
        },
    );
}

#[test]
fn a_second_connection_waits_until_bluez_has_let_go_of_the_first() {
    let settings = Settings {
        disconnect: Duration::from_secs(2),
        ..Settings::default()
    };
    linked_by(
        "ends::a_second_connection_waits_until_bluez_has_let_go_of_the_first",
        settings,
        Choice::Lowest,
        async |rig: Rig| {
            let strap = rig.strap().await;
            let first = rig.up(idle).await;
            let connects = rig.journal(CONNECT).await;
            let mut second = rig.connect(idle);
            drop(first);
            rig.bluez
                .noted("call /org/bluez/hci0/dev_C0_FF_EE_00_00_01 Disconnect", 1)
                .await
                .unwrap();
            strap.connected(true).await.unwrap();
            assert_eq!(rig.journal(CONNECT).await, connects);
            rig.bluez.advance(Duration::from_secs(2)).await.unwrap();
            assert_eq!(second.next().await, belay::accessory::ports::Report::Connected);
        },
    );
}

#[test]
fn a_connection_may_be_dropped_anywhere() {
    linked("ends::a_connection_may_be_dropped_anywhere", async |rig: Rig| {
        let strap = rig.strap().await;
        let connection = rig.up(idle).await;
        std::thread::spawn(move || drop(connection)).join().unwrap();
        strap.connected(false).await.unwrap();
        // Also before there is a link.
        let connection = rig.connect(idle);
        std::thread::spawn(move || drop(connection)).join().unwrap();
        rig.up(idle).await.let_go().await;
    });
}

#[test]
fn reports_that_nobody_takes_do_not_pile_up() {
    linked(
        "ends::reports_that_nobody_takes_do_not_pile_up",
        async |rig: Rig| {
            let strap = rig.strap().await;
            let mut connection = rig.up(listens(MEASUREMENT)).await;
            assert_eq!(connection.next().await, READY);
            for _ in 0..12 {
                let beats = strap.with(|it, air| (0..100).for_each(|_| it.beat(air, 72, &[])));
                beats.await.unwrap();
            }
            strap.connected(false).await.unwrap();
            assert_eq!(connection.end().await, LinkEnd::Lost);
        },
    );
}
