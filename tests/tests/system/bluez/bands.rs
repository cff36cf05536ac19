//! Bands and sensors through BlueZ, several at once.

use belay_tests::accessories::band::{Alert, Minute, Model, wire};
use belay_tests::accessories::{Band, Beacon, InfiniTime, Strap, beacon};
use belay_tests::bluez::{Address, Faults};
use btleplug::api::{Central, CentralEvent, Peripheral as _, ScanFilter, WriteType};
use futures_util::StreamExt;

use super::{STRAP, adapter, apart, characteristic, find, first};

const BAND: Address = Address::random([0xc1, 2, 3, 4, 5, 6]);
const KEY: [u8; 16] = *b"0123456789@ABCDE";

#[test]
fn a_band_is_paired_by_a_tap_and_brings_its_minutes_even_after_a_lost_link() {
    let name = "bluez::bands::a_band_is_paired_by_a_tap_and_brings_its_minutes_even_after_a_lost_link";
    apart(name, async |bluez| {
        let mut new = Band::new(Model::Two, BAND, None, 1);
        new.history.live(9, 29_000_000, 1200);
        let band = bluez.add(new).await.unwrap();
        let adapter = adapter().await;
        let peripheral = find(&adapter).await;
        peripheral.connect().await.unwrap();
        peripheral.discover_services().await.unwrap();
        let mut heard = peripheral.notifications().await.unwrap();
        let auth = characteristic(&peripheral, wire::AUTH);
        peripheral.subscribe(&auth).await.unwrap();
        let send_key = [&[1, 8][..], &KEY].concat();
        peripheral
            .write(&auth, &send_key, WriteType::WithoutResponse)
            .await
            .unwrap();
        band.until("the band to ask", |it| it.auth.asking())
            .await
            .unwrap();
        band.with(Band::tap).await.unwrap();
        assert_eq!(first(&mut heard, |n| Some(n.value)).await, [0x10, 1, 1]);
        band.with(|it, _| it.auth.believe()).await.unwrap();
        let (fetch, data) = (
            characteristic(&peripheral, wire::FETCH),
            characteristic(&peripheral, wire::DATA),
        );
        peripheral.subscribe(&fetch).await.unwrap();
        peripheral.subscribe(&data).await.unwrap();
        // 2025-02-19 21:20, by UTC.
        let request = [1, 1, 0xe9, 7, 2, 19, 21, 20, 0, 0];
        band.faults(Faults {
            drops_after: Some(31),
            ..Faults::default()
        })
        .await
        .unwrap();
        for command in [&request[..], &[2]] {
            peripheral
                .write(&fetch, command, WriteType::WithoutResponse)
                .await
                .unwrap();
        }
        band.connected(false).await.unwrap();
        assert_eq!(band.with(|it, _| it.history.minutes().len()).await.unwrap(), 1200);
        peripheral.connect().await.unwrap();
        band.with(|it, _| it.auth.believe()).await.unwrap();
        for command in [&request[..], &[2], &[3]] {
            peripheral
                .write(&fetch, command, WriteType::WithoutResponse)
                .await
                .unwrap();
        }
        let mut minutes = Vec::new();
        loop {
            let said = heard.next().await.unwrap();
            match (said.uuid, &said.value[..]) {
                (wire::FETCH, [0x10, 1, 1, count @ ..]) => {
                    assert_eq!(count[..2], 1200_u16.to_le_bytes());
                    minutes.clear();
                }
                (wire::FETCH, [0x10, 3, 1]) => break,
                (wire::DATA, packet) => minutes.extend_from_slice(&packet[1..]),
                _ => {}
            }
        }
        assert_eq!(minutes.len(), 1200 * 4);
        for (number, sample) in (29_000_000..).zip(minutes.chunks(4)) {
            let lived = Minute::lived(9, number);
            assert_eq!(sample, [lived.kind, lived.intensity, lived.steps, lived.heart]);
        }
        assert!(band.with(|it, _| it.history.minutes().is_empty()).await.unwrap());
        let level = characteristic(&peripheral, wire::LEVEL);
        peripheral
            .write(&level, &[3], WriteType::WithoutResponse)
            .await
            .unwrap();
        assert_eq!(
            band.with(|it, _| it.alerts.clone()).await.unwrap(),
            [Alert::Level(3)]
        );
    });
}

#[test]
fn several_accessories_are_in_the_air_at_once() {
    apart(
        "bluez::bands::several_accessories_are_in_the_air_at_once",
        async |bluez| {
            let sensor = Address::public([0xa4, 0xc1, 0x38, 1, 2, 3]);
            let watch = Address::random([0xc3, 1, 1, 1, 1, 1]);
            bluez
                .add(Band::new(Model::Four, BAND, Some(KEY), 1))
                .await
                .unwrap();
            bluez.add(Strap::new(STRAP)).await.unwrap();
            bluez.add(InfiniTime::new(watch)).await.unwrap();
            let thermometer = Beacon::new(sensor, 0x055b, "LYWSD03MMC", Some(KEY));
            let thermometer = bluez.add(thermometer).await.unwrap();
            let adapter = adapter().await;
            let mut events = adapter.events().await.unwrap();
            adapter.start_scan(ScanFilter::default()).await.unwrap();
            let mut seen = std::collections::BTreeSet::new();
            while seen.len() < 4 {
                let id = first(&mut events, |event| match event {
                    CentralEvent::DeviceDiscovered(id) => Some(id),
                    _ => None,
                });
                seen.insert(id.await.to_string());
            }
            thermometer
                .with(|it, _| it.measure(0x1004, &[0x0a, 0x01]))
                .await
                .unwrap();
            let frame = first(&mut events, |event| match event {
                CentralEvent::ServiceDataAdvertisement { service_data, .. } => {
                    // A plain frame of the beginning has eleven bytes.
                    service_data
                        .get(&beacon::SERVICE)
                        .filter(|f| f.len() > 11)
                        .cloned()
                }
                _ => None,
            });
            assert_eq!(frame.await.len(), 11 + 5 + 3 + 4);
        },
    );
}
