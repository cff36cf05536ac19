//! What a client does with an accessory that behaves.

use belay_tests::accessories::strap;
use belay_tests::bluez::{Address, sig};
use btleplug::api::{
    Central, CentralEvent, CentralState, Manager as _, Peripheral as _, ScanFilter, WriteType,
};
use btleplug::platform::Manager;

use super::{STRAP, adapter, apart, characteristic, find, first, found_strap};

#[test]
fn a_strap_is_found_connected_read_heard_and_left() {
    apart(
        "bluez::use_of_it::a_strap_is_found_connected_read_heard_and_left",
        async |bluez| {
            let (strap, _adapter, peripheral) = found_strap(&bluez).await;
            let properties = peripheral.properties().await.unwrap().unwrap();
            assert_eq!(properties.local_name.as_deref(), Some("HR Strap"));
            assert_eq!(properties.services, [sig(0x180d)]);
            peripheral.connect().await.unwrap();
            strap.connected(true).await.unwrap();
            peripheral.discover_services().await.unwrap();
            let battery = characteristic(&peripheral, strap::BATTERY);
            assert_eq!(peripheral.read(&battery).await.unwrap(), [90]);
            let mut heard = peripheral.notifications().await.unwrap();
            let beats = characteristic(&peripheral, strap::MEASUREMENT);
            peripheral.subscribe(&beats).await.unwrap();
            strap.with(|it, air| it.beat(air, 72, &[])).await.unwrap();
            let value = first(&mut heard, |n| (n.uuid == strap::MEASUREMENT).then_some(n.value)).await;
            assert_eq!(value, [0b110, 72]);
            let control = characteristic(&peripheral, strap::CONTROL);
            strap.with(|it, _| it.energy = 7).await.unwrap();
            peripheral
                .write(&control, &[1], WriteType::WithResponse)
                .await
                .unwrap();
            assert_eq!(strap.with(|it, _| it.energy).await.unwrap(), 0);
            let refused = peripheral.write(&control, &[9], WriteType::WithResponse).await;
            assert!(refused.unwrap_err().to_string().contains("0x80"));
            peripheral.unsubscribe(&beats).await.unwrap();
            assert!(!strap.with(|it, _| it.listening()).await.unwrap());
            peripheral.disconnect().await.unwrap();
            strap.connected(false).await.unwrap();
            assert!(!peripheral.is_connected().await.unwrap());
        },
    );
}

#[test]
fn notify_sessions_survive_a_disconnection_and_gatt_objects_stay() {
    apart(
        "bluez::use_of_it::notify_sessions_survive_a_disconnection_and_gatt_objects_stay",
        async |bluez| {
            let (strap, _adapter, peripheral) = found_strap(&bluez).await;
            peripheral.connect().await.unwrap();
            peripheral.discover_services().await.unwrap();
            let mut heard = peripheral.notifications().await.unwrap();
            let beats = characteristic(&peripheral, strap::MEASUREMENT);
            peripheral.subscribe(&beats).await.unwrap();
            strap.lose().await.unwrap();
            assert!(!strap.with(|it, _| it.listening()).await.unwrap());
            peripheral.connect().await.unwrap();
            assert!(strap.with(|it, _| it.listening()).await.unwrap());
            strap.with(|it, air| it.beat(air, 300, &[512])).await.unwrap();
            let value = first(&mut heard, |n| Some(n.value)).await;
            assert_eq!(value, [0b1_0111, 0x2c, 0x01, 0x00, 0x02]);
            let journal = bluez.journal().await.unwrap();
            let added = journal
                .iter()
                .filter(|l| l.starts_with("added") && l.contains("/service"));
            // Four services, nine characteristics, three descriptors, once.
            assert_eq!(added.count(), 16);
        },
    );
}

#[test]
fn advertisements_are_heard_while_somebody_scans_and_rssi_ends_with_it() {
    apart(
        "bluez::use_of_it::advertisements_are_heard_while_somebody_scans_and_rssi_ends_with_it",
        async |bluez| {
            let (strap, adapter, peripheral) = found_strap(&bluez).await;
            assert!(peripheral.read_rssi().await.is_err());
            let mut events = adapter.events().await.unwrap();
            adapter.start_scan(ScanFilter::default()).await.unwrap();
            strap.advertise(-71).await.unwrap();
            let updated = |event| matches!(event, CentralEvent::RssiUpdate { rssi: -71, .. }).then_some(());
            first(&mut events, updated).await;
            assert_eq!(peripheral.read_rssi().await.unwrap(), -71);
            assert!(
                adapter
                    .start_scan(ScanFilter::default())
                    .await
                    .unwrap_err()
                    .to_string()
                    .contains("in progress")
            );
            adapter.stop_scan().await.unwrap();
            assert!(peripheral.read_rssi().await.is_err());
            let twice = adapter.stop_scan().await.unwrap_err().to_string();
            assert!(twice.contains("No discovery started"), "{twice}");
        },
    );
}

#[test]
fn a_filter_by_service_hides_what_does_not_list_it() {
    apart(
        "bluez::use_of_it::a_filter_by_service_hides_what_does_not_list_it",
        async |bluez| {
            let other = Address::public([2, 2, 2, 2, 2, 2]);
            let (_strap, adapter, _) = found_strap(&bluez).await;
            let mut events = adapter.events().await.unwrap();
            let services = vec![sig(0xfee0)];
            adapter.start_scan(ScanFilter { services }).await.unwrap();
            bluez.add(super::Strap::new(other)).await.unwrap();
            let added = bluez.journal().await.unwrap();
            assert!(!added.iter().any(|l| l.contains("02_02")), "{added:?}");
            adapter.stop_scan().await.unwrap();
            let services = vec![sig(0x180d)];
            adapter.start_scan(ScanFilter { services }).await.unwrap();
            first(&mut events, |event| match event {
                CentralEvent::DeviceDiscovered(id) => id.to_string().contains("02_02").then_some(()),
                _ => None,
            })
            .await;
        },
    );
}

#[test]
fn of_two_adapters_only_one_has_the_link() {
    apart(
        "bluez::use_of_it::of_two_adapters_only_one_has_the_link",
        async |bluez| {
            bluez
                .plug(Address::public([0, 0xaa, 1, 0, 0, 0x43]))
                .await
                .unwrap();
            let strap = bluez.add(super::Strap::new(STRAP)).await.unwrap();
            let adapters = Manager::new().await.unwrap().adapters().await.unwrap();
            assert_eq!(adapters.len(), 2);
            let first_sees = find(&adapters[0]).await;
            let second_sees = find(&adapters[1]).await;
            first_sees.connect().await.unwrap();
            strap.connected(true).await.unwrap();
            let waiting = tokio::spawn(async move { second_sees.connect().await.map(|()| second_sees) });
            bluez.noted("Connect", 3).await.unwrap();
            assert!(!waiting.is_finished());
            first_sees.disconnect().await.unwrap();
            let second_sees = waiting.await.unwrap().unwrap();
            assert!(second_sees.is_connected().await.unwrap());
            assert!(!first_sees.is_connected().await.unwrap());
        },
    );
}

#[test]
fn the_adapter_goes_off_with_its_links_and_tells() {
    apart(
        "bluez::use_of_it::the_adapter_goes_off_with_its_links_and_tells",
        async |bluez| {
            let (strap, adapter, peripheral) = found_strap(&bluez).await;
            peripheral.connect().await.unwrap();
            let mut events = adapter.events().await.unwrap();
            bluez.power(0, false).await.unwrap();
            strap.connected(false).await.unwrap();
            first(&mut events, |event| {
                matches!(event, CentralEvent::StateUpdate(CentralState::PoweredOff)).then_some(())
            })
            .await;
            let refused = peripheral.connect().await.unwrap_err().to_string();
            assert!(refused.contains("Input/output error"), "{refused}");
            assert!(
                adapter
                    .stop_scan()
                    .await
                    .unwrap_err()
                    .to_string()
                    .contains("Resource Not Ready")
            );
            // btleplug switches the adapter on by itself.
            adapter.start_scan(ScanFilter::default()).await.unwrap();
            assert_eq!(adapter.adapter_state().await.unwrap(), CentralState::PoweredOn);
        },
    );
}

#[test]
fn nobody_is_forgotten_who_was_connected() {
    apart(
        "bluez::use_of_it::nobody_is_forgotten_who_was_connected",
        async |bluez| {
            let (strap, _, peripheral) = found_strap(&bluez).await;
            let other = Address::public([2, 2, 2, 2, 2, 2]);
            let second = bluez.add(super::Strap::new(other)).await.unwrap();
            let adapter = adapter().await;
            find(&adapter).await;
            peripheral.connect().await.unwrap();
            strap.in_range(false).await.unwrap();
            second.in_range(false).await.unwrap();
            bluez.advance(super::LONG).await.unwrap();
            let journal = bluez.journal().await.unwrap();
            let removed: Vec<&String> = journal.iter().filter(|l| l.starts_with("removed")).collect();
            assert_eq!(removed, ["removed /org/bluez/hci0/dev_02_02_02_02_02_02"]);
            assert!(!peripheral.is_connected().await.unwrap());
        },
    );
}
