//! The virtual accessories against known answers: what real ones were seen to say, they say too.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::band::{self, Alert, Band, Minute, wire};
use super::infinitime::{self, InfiniTime, Message};
use super::scale::{Frame, Model, Scale, Unit};
use super::standard::{Composition, Field, Weighing};
use super::{Beacon, Strap};
use crate::bluez::{Address, Air, Peripheral, sig};

const SOMEWHERE: Address = Address::public([1, 2, 3, 4, 5, 6]);

/// The vectors whose name begins so: name, bytes, what is expected, parameters.
fn known(prefix: &str) -> Vec<(String, Vec<u8>, Value, Value)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../daemon/drivers/vectors/ble-vectors.json");
    let all: Vec<Value> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let named = all.into_iter().filter_map(|one| {
        let name = one["name"].as_str()?.to_owned();
        let is = name.starts_with(prefix);
        is.then(|| {
            let input = unhex(one["input_hex"].as_str().unwrap());
            (name, input, one["expected"].clone(), one["params"].clone())
        })
    });
    let found: Vec<_> = named.collect();
    assert!(!found.is_empty(), "{prefix}");
    found
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks_exact(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn octets(text: &Value) -> [u8; 6] {
    unhex(&text.as_str().unwrap().replace(':', ""))
        .try_into()
        .unwrap()
}

fn number(value: &Value) -> Option<u16> {
    u16::try_from(value.as_u64()?).ok()
}

/// A number of `steps` in one, as it goes over the air.
fn raw(value: &Value, steps: f64) -> Option<u16> {
    let rounded = (value.as_f64()? * steps).round();
    (0..=u16::MAX).find(|raw| (f64::from(*raw) - rounded).abs() < 0.5)
}

fn flag(value: &Value, key: &str) -> bool {
    value[key].as_bool().unwrap_or_default()
}

#[test]
fn scales_say_what_scales_were_heard_to_say() {
    let mut checked = 0;
    for (name, input, expected, _) in known("miscale") {
        // The first is a whole packet; the second no weighing, but a scale that begins anew.
        if name == "miscale1-hci-frame" || name == "miscale2-reset" {
            continue;
        }
        let (model, at) = match name.starts_with("miscale1") {
            true => (Model::One, 3),
            false => (Model::Two, 2),
        };
        let (unit, steps) = match expected["unit"].as_str().unwrap() {
            "kg" => (Unit::Kilogram, 200.0),
            "lb" => (Unit::Pound, 100.0),
            _ => (Unit::Jin, 100.0),
        };
        let frame = Frame {
            raw: raw(&expected["weight"], steps).unwrap(),
            unit,
            // Every one of them is, but for the one that says so.
            stable: expected["stabilized"].as_bool().unwrap_or(true),
            removed: flag(&expected, "removed"),
            small: flag(&expected, "small_object"),
            impedance: number(&expected["impedance_ohm"]),
            date: (
                u16::from_le_bytes([input[at], input[at + 1]]),
                input[at + 2..at + 7].try_into().unwrap(),
            ),
        };
        assert_eq!(Scale::new(model, SOMEWHERE).bytes(frame), input, "{name}");
        checked += 1;
    }
    assert_eq!(checked, 16);
}

#[test]
fn a_scale_advertises_as_one_was_heard() {
    let (_, _, expected, _) = known("miscale1-hci-frame").remove(0);
    let mut scale = Scale::new(Model::One, Address::public(octets(&expected["mac"])));
    scale.show(Some(Frame {
        raw: 87 * 200 + 40,
        stable: true,
        removed: true,
        date: (1970, [1, 1, 10, 26, 21]),
        ..Frame::default()
    }));
    let said = scale.advertisement().unwrap();
    let payload = unhex(expected["manufacturer_payload"].as_str().unwrap());
    assert_eq!(said.manufacturer, [(0x0157, payload)]);
    let data = unhex(expected["service_data_181d"].as_str().unwrap());
    assert_eq!(said.service_data, [(sig(0x181d), data)]);
    assert_eq!(said.services, [sig(0x181d)]);
}

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
fn a_strap_says_what_straps_were_heard_to_say() {
    let mut checked = 0;
    for (name, input, expected, _) in known("sig-hr") {
        // Told in two bytes, or with a flag without meaning, which is allowed and not what this one does.
        let other = ["sig-hr-200-u16", "sig-hr-80-contact-bit-without-support"];
        if !expected["error"].is_null() || other.contains(&name.as_str()) {
            continue;
        }
        let mut strap = Strap::new(SOMEWHERE);
        strap.contact = expected["sensor_contact"].as_bool();
        strap.energy = number(&expected["energy_kj"]).unwrap_or(0);
        let intervals: Vec<u16> = expected["rr_1024"]
            .as_array()
            .map(|all| all.iter().filter_map(number).collect())
            .unwrap_or_default();
        let mut air = Air::at(Duration::ZERO);
        strap.beat(&mut air, number(&expected["bpm"]).unwrap(), &intervals);
        assert_eq!(air.notified()[0].1, input, "{name}");
        checked += 1;
    }
    assert_eq!(checked, 3);
}

/// A date as it is written.
fn civil(value: &Value) -> Option<super::standard::Date> {
    let date: jiff::civil::DateTime = value.as_str()?.parse().unwrap();
    let part = |part: i8| u8::try_from(part).unwrap();
    let rest = [
        date.month(),
        date.day(),
        date.hour(),
        date.minute(),
        date.second(),
    ];
    Some((u16::try_from(date.year()).unwrap(), rest.map(part)))
}

#[test]
fn standard_scales_say_what_such_were_heard_to_say() {
    for (name, input, expected, _) in known("sig-weight") {
        let weighing = Weighing {
            raw: raw(&expected["weight"], 200.0).unwrap(),
            time: civil(&expected["timestamp"]),
            body: raw(&expected["bmi"], 10.0).zip(raw(&expected["height"], 1000.0)),
            ..Weighing::default()
        };
        assert_eq!(weighing.bytes(), input, "{name}");
    }
    for (name, input, expected, _) in known("sig-bodycomp") {
        let fields = [
            (Field::Basal, number(&expected["basal_metabolism_kj"])),
            (Field::FatFree, raw(&expected["fat_free_mass"], 200.0)),
            (Field::SoftLean, raw(&expected["soft_lean_mass"], 200.0)),
            (Field::Water, raw(&expected["body_water_mass"], 200.0)),
        ];
        let composition = Composition {
            fat: raw(&expected["body_fat_percent"], 10.0).unwrap(),
            user: expected["user_id"].as_u64().map(|id| u8::try_from(id).unwrap()),
            fields: fields
                .into_iter()
                .filter_map(|(field, value)| Some((field, value?)))
                .collect(),
            ..Composition::default()
        };
        assert_eq!(composition.packets(20), [input], "{name}");
    }
}

#[test]
fn sensors_encrypt_as_sensors_were_heard_to() {
    let mut checked = 0;
    for (name, input, expected, params) in known("mibeacon") {
        // With and without its address: what this one sends. Others say more of themselves.
        let tells_address = match input[..2] {
            [0x58, 0x58] => true,
            [0x48, 0x59] => false,
            _ => continue,
        };
        let (Some(payload), Some(nonce)) = (expected["payload"].as_str(), expected["nonce"].as_str()) else {
            continue;
        };
        let (payload, nonce) = (unhex(payload), unhex(nonce));
        let counter = u32::from_le_bytes(nonce[8..].try_into().unwrap());
        let address = Address::public(octets(&params["mac"]));
        let key = unhex(params["bindkey"].as_str().unwrap()).try_into().unwrap();
        let product = u16::from_le_bytes([input[2], input[3]]);
        let mut beacon = Beacon::new(address, product, "", Some(key));
        beacon.tells_address = tells_address;
        beacon.count_from(counter.wrapping_sub(1));
        beacon.measure(u16::from_le_bytes([payload[0], payload[1]]), &payload[3..]);
        assert_eq!(beacon.advertisement().unwrap().service_data[0].1, input, "{name}");
        checked += 1;
    }
    assert_eq!(checked, 13);
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

#[test]
fn a_watch_understands_what_is_documented() {
    let mut watch = InfiniTime::new(SOMEWHERE);
    let mut air = Air::at(Duration::ZERO);
    for (prefix, to) in [
        ("infinitime-alert-simple", infinitime::ALERT),
        ("infinitime-time-write", infinitime::TIME),
        ("infinitime-weather-v0", infinitime::WEATHER),
    ] {
        let (_, input, _, _) = known(prefix).remove(0);
        watch.on_write(to, &input, &mut air).unwrap();
        if to == infinitime::TIME {
            assert_eq!(watch.time, input);
        }
    }
    let message = Message {
        call: false,
        title: "Test Title".to_owned(),
        body: "Test Body".to_owned(),
    };
    assert_eq!(watch.messages, [message]);
    assert_eq!(watch.weather.len(), 1);
    let (_, input, _, _) = known("infinitime-steps").remove(0);
    watch.steps = 1234;
    assert_eq!(watch.on_read(infinitime::STEPS, &mut air), Ok(input));
}
