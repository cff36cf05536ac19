//! The adapter, scans, and what BlueZ keeps.

use belay::accessory::link::{Choice, Link, Patience};
use belay::accessory::ports::{Heard, LinkEnd, Radio, RadioError, Scan};
use belay::actor::Supervisor;
use belay_tests::accessories::Strap;
use belay_tests::bluez::{Address as Aired, Settings};
use belay_tests::until::within;

use super::{CONNECT, OCTETS, Rig, SHORT, STRAP, idle, linked, linked_by};

async fn hears(scan: &mut Scan) -> Heard {
    within("somebody", scan.heard.recv()).await.unwrap().unwrap()
}

#[test]
fn without_bluez_or_where_it_is_off_in_the_configuration_there_is_no_adapter() {
    linked(
        "radio::without_bluez_or_where_it_is_off_in_the_configuration_there_is_no_adapter",
        async |rig: Rig| {
            rig.bluez.die().await.unwrap();
            rig.shows(|view| !view.available).await;
            let off = Link::open(false, Choice::Lowest, &mut Supervisor::default()).await;
            for link in [&rig.link, &off] {
                assert!(!link.adapter().borrow().available);
                assert_eq!(link.scan(true).await.unwrap_err(), RadioError::AdapterMissing);
                assert_eq!(link.forget(STRAP).await, Err(RadioError::AdapterMissing));
            }
        },
    );
}

#[test]
fn nothing_is_asked_of_bluez_until_something_is_wanted() {
    linked(
        "radio::nothing_is_asked_of_bluez_until_something_is_wanted",
        async |rig: Rig| {
            let before = rig.connections().await;
            assert_eq!(rig.journal("call").await, 0);
            let mut scan = rig.link.scan(false).await.unwrap();
            assert_eq!(rig.connections().await, before + 1);
            let _strap = rig.strap().await;
            hears(&mut scan).await;
            drop(scan);
            let gone = async || (rig.connections().await == before).then_some(());
            belay_tests::until::until("the scan's connection to go", gone)
                .await
                .unwrap();
        },
    );
}

#[test]
fn two_scans_do_not_disturb_each_other() {
    linked("radio::two_scans_do_not_disturb_each_other", async |rig: Rig| {
        let strap = rig.strap().await;
        let mut first = rig.link.scan(false).await.unwrap();
        let mut second = rig.link.scan(false).await.unwrap();
        for scan in [&mut first, &mut second] {
            let heard = hears(scan).await;
            assert_eq!(heard.advertisement.address, STRAP);
            assert_eq!(heard.advertisement.name.as_deref(), Some("HR Strap"));
            assert!(heard.advertisement.rssi.is_some() && !heard.bonded);
        }
        drop(first);
        rig.bluez.noted("StopDiscovery", 1).await.unwrap();
        strap.advertise(-33).await.unwrap();
        while hears(&mut second).await.advertisement.rssi != Some(-33) {}
    });
}

#[test]
fn a_scan_switches_bluetooth_on_only_if_it_may() {
    linked(
        "radio::a_scan_switches_bluetooth_on_only_if_it_may",
        async |rig: Rig| {
            rig.bluez.power(0, false).await.unwrap();
            rig.shows(|view| !view.powered).await;
            assert_eq!(rig.link.scan(false).await.unwrap_err(), RadioError::PoweredOff);
            assert!(!rig.link.adapter().borrow().powered);
            let _scan = rig.link.scan(true).await.unwrap();
            rig.shows(|view| view.powered).await;
        },
    );
}

#[test]
fn a_scan_ends_when_bluetooth_is_switched_off_or_bluez_dies() {
    linked(
        "radio::a_scan_ends_when_bluetooth_is_switched_off_or_bluez_dies",
        async |rig: Rig| {
            let mut scan = rig.link.scan(false).await.unwrap();
            rig.bluez.power(0, false).await.unwrap();
            assert_eq!(within("the end", scan.heard.recv()).await.unwrap(), None);
            let mut scan = rig.link.scan(true).await.unwrap();
            rig.bluez.die().await.unwrap();
            assert_eq!(within("the end", scan.heard.recv()).await.unwrap(), None);
        },
    );
}

#[test]
fn what_bluez_remembers_is_not_heard_unless_it_has_a_bond() {
    linked(
        "radio::what_bluez_remembers_is_not_heard_unless_it_has_a_bond",
        async |rig: Rig| {
            let strap = rig.strap().await;
            rig.up(idle).await.let_go().await;
            strap.in_range(false).await.unwrap();
            let other = Aired::random([0xc0, 0xff, 0xee, 0, 0, 2]);
            let _other = rig.bluez.add(Strap::new(other)).await.unwrap();
            let mut scan = rig.link.scan(false).await.unwrap();
            // BlueZ's memory comes before what it hears.
            assert_eq!(hears(&mut scan).await.advertisement.address.0[5], 2);
            drop(scan);

            strap.in_range(true).await.unwrap();
            let connection = rig.up(idle).await;
            let pair: Result<_, zbus::Error> = rig
                .bus
                .call_method(
                    Some("org.bluez"),
                    "/org/bluez/hci0/dev_C0_FF_EE_00_00_01",
                    Some("org.bluez.Device1"),
                    "Pair",
                    &(),
                )
                .await;
            pair.unwrap();
            connection.let_go().await;
            strap.in_range(false).await.unwrap();
            let mut scan = rig.link.scan(false).await.unwrap();
            let bonded = loop {
                let heard = hears(&mut scan).await;
                if heard.advertisement.address == STRAP {
                    break heard;
                }
            };
            assert!(bonded.bonded && bonded.advertisement.rssi.is_none());
        },
    );
}

#[test]
fn a_forgotten_device_is_gone_and_may_be_forgotten_again() {
    linked(
        "radio::a_forgotten_device_is_gone_and_may_be_forgotten_again",
        async |rig: Rig| {
            let _strap = rig.strap().await;
            assert_eq!(rig.link.forget(STRAP).await, Ok(()));
            assert_eq!(rig.journal("RemoveDevice").await, 0, "there is none");
            rig.up(idle).await.let_go().await;
            assert_eq!(rig.link.forget(STRAP).await, Ok(()));
            assert!(rig.journal("RemoveDevice").await > 0);
            assert_eq!(rig.link.forget(STRAP).await, Ok(()));
            // It is looked for first, as BlueZ doesn't know it any more.
            rig.up(idle).await.let_go().await;
        },
    );
}

#[test]
fn what_is_neither_known_nor_heard_is_out_of_reach() {
    linked(
        "radio::what_is_neither_known_nor_heard_is_out_of_reach",
        async |mut rig: Rig| {
            rig.patient(Patience {
                found: SHORT,
                ..Patience::default()
            });
            assert_eq!(rig.connect(idle).end().await, LinkEnd::Unreachable);
            assert_eq!(rig.journal(CONNECT).await, 0);
            let stopped = rig.bluez.noted("Discovering", 2);
            stopped.await.unwrap();
        },
    );
}

#[test]
fn a_chosen_adapter_is_used_and_no_other() {
    let address: belay_drivers::Address = "00:AA:01:00:00:43".parse().unwrap();
    linked_chosen(
        "radio::a_chosen_adapter_is_used_and_no_other",
        Choice::Address(address),
    );
}

#[test]
fn an_adapter_is_chosen_by_its_name() {
    linked_chosen(
        "radio::an_adapter_is_chosen_by_its_name",
        Choice::Name("hci1".to_owned()),
    );
}

fn linked_chosen(name: &str, choice: Choice) {
    crate::bluez::apart_by(&format!("link::{name}"), Settings::default(), async |bluez| {
        let bus = zbus::Connection::system().await.unwrap();
        let mut supervisor = Supervisor::default();
        let link = Link::open(true, choice, &mut supervisor).await;
        let rig = Rig {
            link,
            bluez,
            bus,
            _supervisor: supervisor,
        };
        // The other one doesn't stand in.
        assert_eq!(
            rig.link.scan(false).await.unwrap_err(),
            RadioError::AdapterMissing
        );
        let second = Aired::public([0x00, 0xaa, 0x01, 0x00, 0x00, 0x43]);
        rig.bluez.plug(second).await.unwrap();
        rig.shows(|view| view.available).await;
        let _strap = rig.bluez.add(Strap::new(Aired::random(OCTETS))).await.unwrap();
        let connection = rig.up(idle).await;
        assert!(rig.journal("/org/bluez/hci1/dev_").await > 0);
        assert_eq!(rig.journal("/org/bluez/hci0/dev_").await, 0);
        connection.let_go().await;
    });
}

#[test]
fn without_a_choice_the_lowest_adapter_is_used() {
    linked_by(
        "radio::without_a_choice_the_lowest_adapter_is_used",
        Settings::default(),
        Choice::Lowest,
        async |rig: Rig| {
            let second = Aired::public([0x00, 0xaa, 0x01, 0x00, 0x00, 0x43]);
            rig.bluez.plug(second).await.unwrap();
            let _strap = rig.strap().await;
            rig.up(idle).await.let_go().await;
            assert_eq!(rig.journal("/org/bluez/hci1/dev_").await, 0);
        },
    );
}
