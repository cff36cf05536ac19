use aes::Aes128;
use ccm::aead::AeadInOut;
use ccm::consts::{U4, U12, U13};
use ccm::{Ccm, KeyInit};

use super::*;
use crate::address::Address;
use crate::advertisement::{Advertisement, Listener, Unheard};
use crate::key::Key;
use crate::measure::Reading;

const SENSOR: Address = Address([0xa1, 0xb2, 0xc3, 0xd4, 0xe5, 0xf6]);
const KEY: [u8; 16] = [7; 16];
const WARM: [u8; 5] = [0x04, 0x10, 2, 10, 1];

/// A frame of version 5 without the address, as a sensor encrypts it.
fn sealed(key: [u8; 16], counter: u8, extension: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x48, 0x59, 0x5b, 0x05, counter];
    let extension = [extension, 0, 0];
    let mut nonce = SENSOR.reversed().to_vec();
    nonce.extend(&frame[2..5]);
    nonce.extend(extension);
    let nonce: [u8; 12] = nonce.try_into().unwrap();
    let mut bytes = payload.to_vec();
    let tag = Ccm::<Aes128, U4, U12>::new((&key).into())
        .encrypt_inout_detached(&nonce.into(), &[0x11], bytes.as_mut_slice().into())
        .unwrap();
    frame.extend(bytes);
    frame.extend(extension);
    frame.extend(tag);
    frame
}

/// A frame of version 3 without encryption.
fn plain(counter: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x40, 0x30, 0x5b, 0x05, counter];
    frame.extend(payload);
    frame
}

/// A frame of version 3 as a sensor with a key of 12 times this byte encrypts it.
fn legacy(key: u8, counter: u8, extension: [u8; 3], payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x48, 0x30, 0x5b, 0x05, counter];
    let mut long = [key; 16];
    long[6..10].copy_from_slice(&[0x8d, 0x3d, 0x3c, 0x97]);
    let nonce = [&frame[..], &extension, &SENSOR.reversed()[..5]].concat();
    let nonce: [u8; 13] = nonce.try_into().unwrap();
    let mut bytes = payload.to_vec();
    Ccm::<Aes128, U4, U13>::new((&long).into())
        .encrypt_inout_detached(&nonce.into(), &[0x11], bytes.as_mut_slice().into())
        .unwrap();
    frame.extend(bytes);
    frame.extend(extension);
    frame.push(0);
    frame
}

fn air(frame: Vec<u8>) -> Advertisement {
    Advertisement {
        address: SENSOR,
        name: None,
        services: Vec::new(),
        manufacturer: Vec::new(),
        service_data: vec![(SERVICE, frame)],
        rssi: None,
    }
}

fn sensor(key: Option<[u8; 16]>) -> MiBeaconListener {
    MiBeaconListener::new(SENSOR, key.map(Key::new))
}

fn warm() -> Vec<(Option<u64>, Reading)> {
    vec![(None, Reading::Temperature(26.6))]
}

fn readings(kind: u16, data: &[u8]) -> Vec<Reading> {
    let object = Object { kind, data };
    object
        .readings()
        .into_iter()
        .map(|(_, reading)| reading)
        .collect()
}

#[test]
fn a_frame_is_told_once_and_its_counter_may_come_round() {
    let mut sensor = sensor(None);
    assert_eq!(sensor.hear(&air(plain(1, &WARM))), Ok(warm()));
    assert_eq!(sensor.hear(&air(plain(1, &WARM))), Ok(Vec::new()));
    for counter in 2..20 {
        assert_eq!(sensor.hear(&air(plain(counter, &WARM))), Ok(warm()));
    }
    assert_eq!(sensor.hear(&air(plain(1, &WARM))), Ok(warm()), "256 frames later");
}

#[test]
fn the_extension_of_the_counter_counts() {
    let mut sensor = sensor(Some(KEY));
    assert_eq!(sensor.hear(&air(sealed(KEY, 1, 0, &WARM))), Ok(warm()));
    assert_eq!(sensor.hear(&air(sealed(KEY, 1, 0, &WARM))), Ok(Vec::new()));
    assert_eq!(sensor.hear(&air(sealed(KEY, 1, 1, &WARM))), Ok(warm()));
}

#[test]
fn an_old_frame_is_somebodys_recording() {
    let mut sensor = sensor(Some(KEY));
    assert_eq!(sensor.counter(), None);
    let old = air(sealed(KEY, 1, 0, &WARM));
    assert_eq!(sensor.hear(&old), Ok(warm()));
    for counter in 2..40 {
        assert_eq!(sensor.hear(&air(sealed(KEY, counter, 0, &WARM))), Ok(warm()));
        assert_eq!(sensor.counter(), Some(u32::from(counter)));
    }
    assert_eq!(sensor.hear(&old), Err(Unheard::Replayed));
    // The air says what was just said again, in whatever order.
    assert_eq!(sensor.hear(&air(sealed(KEY, 30, 0, &WARM))), Ok(Vec::new()));
    assert_eq!(sensor.counter(), Some(39));
    assert_eq!(sensor.hear(&air(sealed(KEY, 40, 0, &WARM))), Ok(warm()));
}

#[test]
fn what_was_heard_before_an_interruption_is_old_after_it() {
    let mut sensor = sensor(Some(KEY));
    sensor.resume(0x105);
    assert_eq!(
        sensor.hear(&air(sealed(KEY, 5, 1, &WARM))),
        Ok(Vec::new()),
        "still said"
    );
    assert_eq!(
        sensor.hear(&air(sealed(KEY, 4, 1, &WARM))),
        Err(Unheard::Replayed)
    );
    assert_eq!(
        sensor.hear(&air(sealed(KEY, 200, 0, &WARM))),
        Err(Unheard::Replayed)
    );
    assert_eq!(sensor.hear(&air(sealed(KEY, 6, 1, &WARM))), Ok(warm()));
}

#[test]
fn a_counter_that_comes_round_is_newer() {
    let mut sensor = sensor(Some(KEY));
    sensor.resume(u32::MAX);
    assert_eq!(sensor.hear(&air(sealed(KEY, 2, 0, &WARM))), Ok(warm()));
    assert_eq!(sensor.counter(), Some(2));
    sensor.resume(2);
    assert_eq!(
        sensor.hear(&air(sealed(KEY, 1, 0, &WARM))),
        Err(Unheard::Replayed)
    );
}

#[test]
fn a_frame_that_the_key_does_not_open_counts_for_nothing() {
    let mut sensor = sensor(Some(KEY));
    assert_eq!(sensor.hear(&air(sealed(KEY, 9, 0, &WARM))), Ok(warm()));
    assert_eq!(sensor.hear(&air(sealed([8; 16], 200, 9, &WARM))), Ok(Vec::new()));
    assert_eq!(sensor.hear(&air(plain(250, &WARM))), Ok(Vec::new()));
    assert_eq!(sensor.counter(), Some(9));
    assert_eq!(sensor.hear(&air(sealed(KEY, 10, 0, &WARM))), Ok(warm()));
}

#[test]
fn a_frame_that_proves_nothing_sets_no_counter_on() {
    let key = Key::from_hex(&"07".repeat(12)).unwrap();
    let mut sensor = MiBeaconListener::new(SENSOR, Some(key));
    // Whoever guesses one that opens would else have all that come from the sensor be old.
    let guessed = air(legacy(7, 1, [0, 0, 0x70], &WARM));
    assert_eq!(sensor.hear(&guessed), Ok(warm()));
    assert_eq!(sensor.counter(), None);
    assert_eq!(sensor.hear(&air(legacy(7, 2, [0; 3], &WARM))), Ok(warm()));
}

#[test]
fn an_encrypted_frame_needs_a_key() {
    let mut sensor = sensor(None);
    let frame = air(sealed(KEY, 1, 0, &WARM));
    assert_eq!(sensor.hear(&frame), Err(Unheard::KeyRequired));
    assert_eq!(
        sensor.hear(&air(plain(2, &WARM))),
        Ok(warm()),
        "what is plain is heard"
    );
}

#[test]
fn only_the_second_different_failure_is_another_key() {
    let mut sensor = sensor(Some(KEY));
    let wrong = |counter| air(sealed([8; 16], counter, 0, &WARM));
    assert_eq!(sensor.hear(&wrong(1)), Ok(Vec::new()));
    assert_eq!(sensor.hear(&wrong(1)), Ok(Vec::new()), "the same frame again");
    assert_eq!(sensor.hear(&wrong(2)), Err(Unheard::KeyMismatch));
    assert_eq!(sensor.hear(&wrong(2)), Err(Unheard::KeyMismatch));
    assert_eq!(sensor.hear(&air(sealed(KEY, 3, 0, &WARM))), Ok(warm()));
    assert_eq!(sensor.hear(&wrong(4)), Ok(Vec::new()), "not in a row");
}

#[test]
fn a_key_of_another_length_is_another_key() {
    let short = Key::from_slice(&[1; 12]).unwrap();
    let mut sensor = MiBeaconListener::new(SENSOR, Some(short));
    assert_eq!(sensor.hear(&air(sealed(KEY, 1, 0, &WARM))), Ok(Vec::new()));
    assert_eq!(
        sensor.hear(&air(sealed(KEY, 2, 0, &WARM))),
        Err(Unheard::KeyMismatch)
    );
}

#[test]
fn plain_frames_are_not_believed_of_a_sensor_with_a_key() {
    let mut sensor = sensor(Some(KEY));
    assert_eq!(sensor.hear(&air(plain(1, &WARM))), Ok(Vec::new()));
    assert_eq!(sensor.hear(&air(sealed(KEY, 1, 0, &WARM))), Ok(warm()));
}

#[test]
fn a_frame_with_the_address_of_another_is_malformed() {
    let mut frame = vec![0x50, 0x30, 0x5b, 0x05, 1];
    frame.extend(SENSOR.reversed());
    frame.extend(WARM);
    assert_eq!(sensor(None).hear(&air(frame.clone())), Ok(warm()));
    frame[5] ^= 1;
    assert_eq!(sensor(None).hear(&air(frame)), Err(Unheard::Malformed));
}

#[test]
fn idle_and_broken_frames_are_no_readings() {
    let idle = vec![0x10, 0x58, 0x5b, 5, 2, 0xf6, 0xe5, 0xd4, 0xc3, 0xb2, 0xa1];
    assert_eq!(sensor(None).hear(&air(idle)), Ok(Vec::new()));
    for payload in [&[][..], &[4], &[4, 0x10, 2, 10], &[4, 0x10, 2, 10, 1, 0]] {
        let frame = air(plain(1, payload));
        assert_eq!(
            sensor(None).hear(&frame),
            Err(Unheard::Malformed),
            "{payload:02x?}"
        );
    }
    let short = vec![0x48, 0x59, 0x5b, 0x05, 1, 0, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(sensor(Some(KEY)).hear(&air(short)), Err(Unheard::Malformed));
    let nothing = Advertisement {
        service_data: Vec::new(),
        ..air(Vec::new())
    };
    assert_eq!(sensor(None).hear(&nothing), Ok(Vec::new()));
}

#[test]
fn every_object_of_the_table_is_read() {
    let float = |value: f32| value.to_le_bytes();
    let motion_and_light = [&[][..], &float(12.5)].concat();
    for (kind, data, wanted) in [
        (0x0003, &[1][..], vec![Reading::Motion]),
        (0x0003, &[0], vec![]),
        (0x0007, &[0], vec![Reading::Open(true)]),
        (0x0007, &[3], vec![]),
        (0x000a, &[0x42, 0x0e], vec![Reading::Temperature(36.5)]),
        (
            0x000f,
            &[0x10, 0x27, 0],
            vec![Reading::Motion, Reading::Illuminance(10_000.0)],
        ),
        (0x1001, &[0, 1, 3], vec![Reading::Press]),
        (0x1004, &[0xf6, 0xff], vec![Reading::Temperature(-1.0)]),
        (0x1006, &[0xd3, 1], vec![Reading::Humidity(46.7)]),
        (0x1007, &[1, 0, 1], vec![Reading::Illuminance(65_537.0)]),
        (0x1008, &[40], vec![Reading::Moisture(40.0)]),
        (0x1009, &[0x57, 2], vec![Reading::Conductivity(599.0)]),
        (0x100a, &[59], vec![Reading::Battery(59)]),
        (
            0x100d,
            &[0xb4, 0, 0x95, 2],
            vec![Reading::Temperature(18.0), Reading::Humidity(66.1)],
        ),
        (0x1014, &[1], vec![Reading::Leak(true)]),
        (0x1015, &[0], vec![Reading::Smoke(false)]),
        (0x1019, &[1], vec![Reading::Open(false)]),
        (0x1019, &[2], vec![Reading::Open(true)]),
        (0x4801, &float(25.2), vec![Reading::Temperature(25.2)]),
        (0x4802, &[44], vec![Reading::Humidity(44.0)]),
        (0x4803, &[93], vec![Reading::Battery(93)]),
        (0x4804, &[2], vec![Reading::Open(false)]),
        (0x4805, &float(0.5), vec![Reading::Illuminance(0.5)]),
        (0x4806, &[0], vec![Reading::Leak(false)]),
        (0x4808, &float(45.1), vec![Reading::Humidity(45.1)]),
        (
            0x4a08,
            &*motion_and_light,
            vec![Reading::Motion, Reading::Illuminance(12.5)],
        ),
        (0x4a0c, &[], vec![Reading::Press]),
        (0x4e0d, &[1], vec![Reading::Press]),
        (0x4c01, &float(-3.5), vec![Reading::Temperature(-3.5)]),
        (0x4c02, &[44], vec![Reading::Humidity(44.0)]),
        (0x4c03, &[100], vec![Reading::Battery(100)]),
        (0x4c08, &float(45.0), vec![Reading::Humidity(45.0)]),
        (0x1017, &[60, 0, 0, 0], vec![]),
        (0x4818, &[120, 0], vec![]),
        (0x483d, &[1], vec![]),
    ] {
        assert_eq!(readings(kind, data), wanted, "{kind:04x}");
        let mut longer = data.to_vec();
        longer.push(0);
        if !matches!(kind, 0x4a0c | 0x4e0d) {
            assert_eq!(readings(kind, &longer), [], "{kind:04x} and a byte");
        }
    }
}

#[test]
fn what_cannot_be_is_no_reading() {
    assert_eq!(readings(0x100a, &[101]), []);
    assert_eq!(readings(0x1006, &[0xe9, 3]), []);
    assert_eq!(readings(0x4801, &f32::NAN.to_le_bytes()), []);
    assert_eq!(readings(0x4c08, &f32::INFINITY.to_le_bytes()), []);
    assert_eq!(readings(0x4805, &(-1.0_f32).to_le_bytes()), []);
    assert_eq!(readings(0x4e16, &[1, 0, 0, 0, 0, 0, 0, 0, 0]), []);
    assert_eq!(readings(0x4e16, &[1, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]), []);
}

#[test]
fn a_scale_weighs_in_two_frames() {
    let read = |data: [u8; 9]| {
        Object {
            kind: 0x6e16,
            data: &data,
        }
        .readings()
    };
    let at = Some(1_744_250_605);
    assert_eq!(
        read([1, 0xbb, 0x52, 0xe1, 0x54, 0xed, 0x26, 0xf7, 0x67]),
        [
            (at, Reading::Weight(69.9)),
            (at, Reading::HeartRate(92)),
            (at, Reading::Impedance(543.2))
        ]
    );
    assert_eq!(
        read([1, 0, 0, 0xc0, 0x4d, 0xed, 0x26, 0xf7, 0x67]),
        [(at, Reading::SecondImpedance(497.6))]
    );
    assert_eq!(read([1, 0, 0, 0, 0, 0xed, 0x26, 0xf7, 0x67]), [], "stepped off");
    let socks = [1, 0xbb, 0x02, 0, 0, 0, 0, 0, 0];
    assert_eq!(
        read(socks),
        [(None, Reading::Weight(69.9))],
        "and a clock never set"
    );
}
