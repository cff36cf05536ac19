//! Bands before the protocol of 2021.

use std::time::Duration;

use serde_json::Value;

use super::{SOMEWHERE, known, octets, unhex};
use crate::accessories::band::{self, Alert, Band, Minute, wire};
use crate::bluez::{Address, Air, Peripheral, sig};

#[test]
fn bands_advertise_heart_rate_and_steps_as_they_were_heard() {
    for (name, input, expected, params) in known("miband-adv") {
        let mut band = Band::new(
            band::Model::Two,
            Address::random(octets(&expected["mac"])),
            None,
            1,
        );
        band.heart.rate = u8::try_from(expected["heart_rate"].as_u64().unwrap()).unwrap();
        band.today.0 = u32::try_from(expected["steps"].as_u64().unwrap_or(0)).unwrap();
        band.shares_heart = true;
        band.auth.believe();
        let mut air = Air::at(Duration::ZERO);
        band.on_write(wire::HEART_CONTROL, &[0x15, 0x01, 0x01], &mut air)
            .unwrap();
        let said = band.advertisement().unwrap();
        let (company, payload) = &said.manufacturer[0];
        assert_eq!(company.to_le_bytes(), input[..2], "{name}");
        // Nobody knows what three of the bytes mean.
        let known = |at: &usize| !matches!(at, 1 | 2 | 17);
        let told = |bytes: &[u8]| (0..24).filter(known).map(|at| bytes[at]).collect::<Vec<_>>();
        assert_eq!(payload.len(), 24);
        assert_eq!(told(payload), told(&input[2..]), "{name}");
        if let Some(data) = params["service_data_fee0"].as_str() {
            assert_eq!(said.service_data, [(sig(0xfee0), unhex(data))]);
        }
    }
}

#[test]
fn bands_answer_challenges_as_it_is_computed_elsewhere() {
    for (name, input, expected, params) in known("huami-auth-band") {
        let key = unhex(params["key_hex"].as_str().unwrap()).try_into().unwrap();
        let random = input[3..].try_into().unwrap();
        let answer = unhex(expected["answer"].as_str().unwrap());
        assert_eq!(band::encrypt(key, random)[..], answer[2..], "{name}");
    }
}

/// A band that believes whoever is connected and listens to everything.
fn believing(model: band::Model) -> Band {
    let mut band = Band::new(model, SOMEWHERE, None, 1);
    let mut air = Air::at(Duration::ZERO);
    band.on_connect(&mut air);
    for uuid in [wire::FETCH, wire::DATA, wire::STEPS, wire::BATTERY] {
        band.on_subscribe(uuid, true, &mut air);
    }
    band.auth.believe();
    band
}

fn minute(sample: &Value) -> Minute {
    let byte = |key: &str| sample[key].as_u64().map(|n| u8::try_from(n).unwrap());
    Minute {
        kind: byte("kind").unwrap(),
        intensity: byte("intensity").unwrap(),
        steps: byte("steps").unwrap(),
        heart: byte("heart_rate").unwrap_or(255),
    }
}

/// What a band says while it is written this.
fn said(band: &mut Band, to: uuid::Uuid, value: &[u8]) -> Vec<(uuid::Uuid, Vec<u8>)> {
    let mut air = Air::at(Duration::ZERO);
    band.on_write(to, value, &mut air).unwrap();
    air.notified().to_vec()
}

#[test]
fn a_history_is_fetched_as_it_was_seen_to_be() {
    let (_, _, expected, _) = known("huami-fetch-session").remove(0);
    let bytes = |key: &str| -> Vec<Vec<u8>> {
        let all = expected[key].as_array().unwrap().iter();
        all.map(|text| unhex(text.as_str().unwrap())).collect()
    };
    let mut band = believing(band::Model::Two);
    // An hour before UTC.
    band.time[10] = 4;
    let first = wire::seconds(&[0xea, 7, 6, 21, 15, 5, 0]).unwrap() / 60;
    for (sample, number) in expected["samples"].as_array().unwrap().iter().zip(first..) {
        band.history.put(number, minute(sample));
    }
    let (mut control, mut data) = (Vec::new(), Vec::new());
    for command in bytes("control_writes") {
        for (from, value) in said(&mut band, wire::FETCH, &command) {
            if from == wire::DATA {
                data.push(value);
            } else {
                control.push(value);
            }
        }
    }
    assert_eq!(control, bytes("control_notifications"));
    assert_eq!(data, bytes("data_notifications"));
    assert!(band.history.minutes().is_empty(), "all of it was acknowledged");
}

#[test]
fn samples_are_as_large_as_they_were_seen_to_be() {
    let mut sizes = [0; 2];
    for (name, input, expected, _) in known("huami-activity-") {
        let Some(samples) = expected["samples"].as_array() else {
            continue;
        };
        let eight = name.ends_with("8byte");
        let model = if eight {
            band::Model::Five
        } else {
            band::Model::Two
        };
        let mut band = believing(model);
        for (sample, number) in samples.iter().zip(1_000_000..) {
            band.history.put(number, minute(sample));
        }
        said(&mut band, wire::FETCH, &[1, 1, 0xb2, 7, 1, 1, 0, 0, 0, 0]);
        let told = said(&mut band, wire::FETCH, &[2]);
        // The counter is of another transfer.
        assert_eq!(told[0].1[1..], input[1..], "{name}");
        sizes[usize::from(eight)] += 1;
    }
    assert_eq!(sizes, [4, 1]);
}

#[test]
fn battery_and_steps_are_told_as_they_were_seen() {
    let mut band = believing(band::Model::Two);
    let (_, input, _, _) = known("huami-steps-409").remove(0);
    band.today = (409, 253, 8);
    let mut air = Air::at(Duration::ZERO);
    assert_eq!(band.on_read(wire::STEPS, &mut air), Ok(input));
    let (_, input, _, _) = known("huami-battery-band2").remove(0);
    band.battery = (48, false);
    let told = band.on_read(wire::BATTERY, &mut air).unwrap();
    // The dates between are its own.
    assert_eq!((&told[..3], told.len()), (&input[..3], input.len()));
    assert_eq!(told[19], input[19]);
}

#[test]
fn what_a_band_shows_is_read_as_it_is_known() {
    let text = |category, icon, texts: &[&str]| Alert::Shown {
        category,
        icon,
        texts: texts.iter().map(|one| (*one).to_owned()).collect(),
    };
    let shows = |to, prefix: &str| {
        let mut band = believing(band::Model::Two);
        let (_, input, _, _) = known(prefix).remove(0);
        said(&mut band, to, &input);
        band.alerts.remove(0)
    };
    assert_eq!(
        shows(wire::ALERT, "huami-new-alert-sms"),
        text(5, None, &["Hello"])
    );
    let icon = shows(wire::ALERT, "huami-new-alert-custom-icon");
    assert_eq!(icon, text(250, Some(25), &[]));
    let pattern = Alert::Pattern {
        on: 500,
        off: 200,
        times: 3,
    };
    assert_eq!(shows(wire::LEVEL, "huami-custom-vibration"), pattern);
}
