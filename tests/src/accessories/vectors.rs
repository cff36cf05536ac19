//! The virtual accessories against known answers: what real ones were seen to say, they say too.

mod bands;

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

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
