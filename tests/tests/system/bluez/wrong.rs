//! Each fault shows as a real BlueZ shows it.

use std::time::Duration;

use belay_tests::accessories::{Strap, strap};
use belay_tests::bluez::{Accessory, Bluez, Faults, Refused, Resolve, Settings};
use btleplug::api::{Central, CentralEvent, Peripheral as _, ScanFilter};
use btleplug::platform::Peripheral;
use futures_util::StreamExt;

use super::{STRAP, adapter, apart, apart_by, characteristic, first, found_strap};

/// A connected strap whose beats are listened to.
async fn listening(bluez: &Bluez) -> (Accessory<Strap>, Peripheral) {
    let (strap, _, peripheral) = found_strap(bluez).await;
    peripheral.connect().await.unwrap();
    peripheral.discover_services().await.unwrap();
    let beats = characteristic(&peripheral, strap::MEASUREMENT);
    peripheral.subscribe(&beats).await.unwrap();
    (strap, peripheral)
}

#[test]
fn an_absent_accessory_lets_connect_hang_until_it_is_called_off() {
    apart(
        "bluez::wrong::an_absent_accessory_lets_connect_hang_until_it_is_called_off",
        async |bluez| {
            let (strap, _, peripheral) = found_strap(&bluez).await;
            let absent = Faults {
                absent: true,
                ..Faults::default()
            };
            strap.faults(absent).await.unwrap();
            let other = peripheral.clone();
            let hanging = tokio::spawn(async move { other.connect().await });
            bluez.noted("Connect", 1).await.unwrap();
            let again = peripheral.connect().await.unwrap_err().to_string();
            assert!(again.contains("Operation already in progress"), "{again}");
            assert!(!hanging.is_finished());
            peripheral.disconnect().await.unwrap();
            assert!(hanging.await.unwrap().is_err());
            strap.faults(Faults::default()).await.unwrap();
            peripheral.connect().await.unwrap();
        },
    );
}

#[test]
fn a_connection_aborted_by_the_local_end_works_the_next_time() {
    apart(
        "bluez::wrong::a_connection_aborted_by_the_local_end_works_the_next_time",
        async |bluez| {
            let (strap, _, peripheral) = found_strap(&bluez).await;
            let connect_fails = Some((1, "le-connection-abort-by-local".to_owned()));
            strap
                .faults(Faults {
                    connect_fails,
                    ..Faults::default()
                })
                .await
                .unwrap();
            let aborted = peripheral.connect().await.unwrap_err().to_string();
            assert!(aborted.contains("le-connection-abort-by-local"), "{aborted}");
            peripheral.connect().await.unwrap();
        },
    );
}

#[test]
fn the_link_drops_at_the_operation_that_was_named() {
    apart(
        "bluez::wrong::the_link_drops_at_the_operation_that_was_named",
        async |bluez| {
            let (strap, adapter, peripheral) = found_strap(&bluez).await;
            peripheral.connect().await.unwrap();
            peripheral.discover_services().await.unwrap();
            let mut events = adapter.events().await.unwrap();
            strap
                .faults(Faults {
                    drops_at: Some(2),
                    ..Faults::default()
                })
                .await
                .unwrap();
            let battery = characteristic(&peripheral, strap::BATTERY);
            peripheral.read(&battery).await.unwrap();
            let lost = peripheral.read(&battery).await.unwrap_err().to_string();
            assert!(lost.contains("ATT error: 0x0e"), "{lost}");
            first(&mut events, |e| {
                matches!(e, CentralEvent::DeviceDisconnected(_)).then_some(())
            })
            .await;
            let gone = peripheral.read(&battery).await.unwrap_err().to_string();
            assert!(gone.contains("Not connected"), "{gone}");
            peripheral.connect().await.unwrap();
            peripheral.read(&battery).await.unwrap();
        },
    );
}

#[test]
fn the_link_drops_after_the_notifications_that_were_named() {
    apart(
        "bluez::wrong::the_link_drops_after_the_notifications_that_were_named",
        async |bluez| {
            let (strap, peripheral) = listening(&bluez).await;
            let mut heard = peripheral.notifications().await.unwrap();
            strap
                .faults(Faults {
                    drops_after: Some(3),
                    ..Faults::default()
                })
                .await
                .unwrap();
            for bpm in 60..70 {
                strap.with(move |it, air| it.beat(air, bpm, &[])).await.unwrap();
            }
            strap.connected(false).await.unwrap();
            for bpm in [60, 61, 62] {
                assert_eq!(heard.next().await.unwrap().value, [0b110, bpm]);
            }
            peripheral.connect().await.unwrap();
            strap.with(|it, air| it.beat(air, 99, &[])).await.unwrap();
            assert_eq!(heard.next().await.unwrap().value, [0b110, 99]);
        },
    );
}

#[test]
fn lost_and_doubled_notifications_follow_from_the_seed() {
    apart(
        "bluez::wrong::lost_and_doubled_notifications_follow_from_the_seed",
        async |bluez| {
            let (strap, _peripheral) = listening(&bluez).await;
            let faults = Faults {
                lost: 300,
                doubled: 300,
                ..Faults::default()
            };
            strap.faults(faults).await.unwrap();
            let mut runs = Vec::new();
            for seed in [5, 5, 6] {
                strap.seed(seed).await.unwrap();
                let before = bluez.journal().await.unwrap().len();
                for bpm in 60..100 {
                    strap.with(move |it, air| it.beat(air, bpm, &[])).await.unwrap();
                }
                runs.push(bluez.journal().await.unwrap().split_off(before));
            }
            assert_eq!(runs[0], runs[1]);
            assert_ne!(runs[0], runs[2]);
            assert!(runs[0].windows(2).any(|two| two[0] == two[1]), "none came twice");
            let mut distinct = runs[0].clone();
            distinct.dedup();
            assert!(distinct.len() < 40, "none was lost");
        },
    );
}

#[test]
fn services_that_count_as_resolved_too_early_are_found_later() {
    apart(
        "bluez::wrong::services_that_count_as_resolved_too_early_are_found_later",
        async |bluez| {
            let (strap, _, peripheral) = found_strap(&bluez).await;
            strap
                .faults(Faults {
                    resolved_early: true,
                    ..Faults::default()
                })
                .await
                .unwrap();
            peripheral.connect().await.unwrap();
            peripheral.discover_services().await.unwrap();
            assert!(peripheral.services().is_empty());
            bluez.advance(Duration::from_secs(1)).await.unwrap();
            peripheral.discover_services().await.unwrap();
            assert!(!peripheral.services().is_empty());
        },
    );
}

#[test]
fn an_unknown_flag_makes_discovery_fail() {
    apart(
        "bluez::wrong::an_unknown_flag_makes_discovery_fail",
        async |bluez| {
            let (strap, _, peripheral) = found_strap(&bluez).await;
            let unknown_flag = Some("shiny-new".to_owned());
            strap
                .faults(Faults {
                    unknown_flag,
                    ..Faults::default()
                })
                .await
                .unwrap();
            peripheral.connect().await.unwrap();
            peripheral.discover_services().await.unwrap_err();
        },
    );
}

#[test]
fn a_device_without_a_required_property_is_invisible() {
    apart(
        "bluez::wrong::a_device_without_a_required_property_is_invisible",
        async |bluez| {
            let strap = bluez.add(Strap::new(STRAP)).await.unwrap();
            let missing = vec![("org.bluez.Device1".to_owned(), "Paired".to_owned())];
            strap
                .faults(Faults {
                    missing,
                    ..Faults::default()
                })
                .await
                .unwrap();
            let adapter = adapter().await;
            adapter.start_scan(ScanFilter::default()).await.unwrap();
            bluez.noted("added /org/bluez/hci0/dev_C0", 1).await.unwrap();
            assert!(adapter.peripherals().await.unwrap().is_empty());
        },
    );
}

#[test]
fn a_refused_operation_is_refused_as_often_as_was_said() {
    apart(
        "bluez::wrong::a_refused_operation_is_refused_as_often_as_was_said",
        async |bluez| {
            let (strap, peripheral) = listening(&bluez).await;
            let refused = vec![Refused {
                member: "ReadValue".to_owned(),
                of: None,
                begins: Vec::new(),
                times: 1,
                name: "org.bluez.Error.InProgress".to_owned(),
                text: "In Progress".to_owned(),
            }];
            strap
                .faults(Faults {
                    refused,
                    ..Faults::default()
                })
                .await
                .unwrap();
            let battery = characteristic(&peripheral, strap::BATTERY);
            let error = peripheral.read(&battery).await.unwrap_err().to_string();
            assert!(error.contains("In Progress"), "{error}");
            assert_eq!(peripheral.read(&battery).await.unwrap(), [90]);
        },
    );
}

#[test]
fn a_slow_accessory_answers_when_its_time_has_come() {
    apart(
        "bluez::wrong::a_slow_accessory_answers_when_its_time_has_come",
        async |bluez| {
            let (strap, peripheral) = listening(&bluez).await;
            let slow = Duration::from_secs(4);
            strap
                .faults(Faults {
                    slow,
                    ..Faults::default()
                })
                .await
                .unwrap();
            let battery = characteristic(&peripheral, strap::BATTERY);
            let other = peripheral.clone();
            let reading = tokio::spawn(async move { other.read(&battery).await });
            bluez.noted("ReadValue", 1).await.unwrap();
            bluez.advance(Duration::from_secs(3)).await.unwrap();
            assert!(
                !bluez
                    .journal()
                    .await
                    .unwrap()
                    .contains(&"reply ReadValue".to_owned())
            );
            bluez.advance(Duration::from_secs(1)).await.unwrap();
            assert_eq!(reading.await.unwrap().unwrap(), [90]);
        },
    );
}

#[test]
fn the_death_of_bluetoothd_is_silent_and_ends_the_links() {
    apart(
        "bluez::wrong::the_death_of_bluetoothd_is_silent_and_ends_the_links",
        async |bluez| {
            let (strap, peripheral) = listening(&bluez).await;
            bluez.die().await.unwrap();
            strap.connected(false).await.unwrap();
            let dead = peripheral.connect().await.unwrap_err().to_string();
            assert!(dead.contains("org.bluez"), "{dead}");
            bluez.come_back().await.unwrap();
            // Known from before, though nobody scans.
            assert!(!peripheral.is_connected().await.unwrap());
            peripheral.connect().await.unwrap();
            peripheral.discover_services().await.unwrap();
            let battery = characteristic(&peripheral, strap::BATTERY);
            assert_eq!(peripheral.read(&battery).await.unwrap(), [90]);
            assert!(!strap.with(|it, _| it.listening()).await.unwrap());
        },
    );
}

#[test]
fn a_disconnection_takes_its_time_and_services_theirs() {
    let settings = Settings {
        disconnect: Duration::from_secs(2),
        resolve: Resolve::After(Duration::from_secs(1)),
        ..Settings::default()
    };
    apart_by(
        "bluez::wrong::a_disconnection_takes_its_time_and_services_theirs",
        settings,
        async |bluez| {
            let (strap, _, peripheral) = found_strap(&bluez).await;
            let other = peripheral.clone();
            let connecting = tokio::spawn(async move { other.connect().await });
            bluez.noted("reply Connect", 1).await.unwrap();
            bluez.advance(Duration::from_secs(1)).await.unwrap();
            connecting.await.unwrap().unwrap();
            let other = peripheral.clone();
            let leaving = tokio::spawn(async move { other.disconnect().await });
            bluez.noted("Disconnect", 1).await.unwrap();
            bluez.advance(Duration::from_secs(1)).await.unwrap();
            strap.connected(true).await.unwrap();
            bluez.advance(Duration::from_secs(1)).await.unwrap();
            leaving.await.unwrap().unwrap();
            strap.connected(false).await.unwrap();
        },
    );
}
