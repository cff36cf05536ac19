//! MiBeacon.

use belay_drivers::advertisement::Unheard;
use belay_drivers::mibeacon::{Frame, Object, Payload, objects};
use belay_drivers::{Key, Kind, Reading, identify, listener};
use serde_json::{Value, json};

use super::air;
use crate::vector::{Vector, hex};

pub fn check(vector: &Vector) -> Result<(), String> {
    let key = vector.param("bindkey").map(|_| vector.param_bytes("bindkey"));
    let key = key.transpose()?.map(|bytes| Key::from_slice(&bytes));
    let key = key.transpose().map_err(|error| error.to_string())?;
    let frame = match Frame::decode(&vector.input) {
        Ok(frame) => frame,
        refused => {
            // What is told of a frame that isn't understood stands where it always does.
            if let [_, control, low, high, counter, ..] = vector.input.as_slice() {
                vector.equal("version", control >> 4)?;
                vector.equal("product_id", format!("{high:02x}{low:02x}"))?;
                vector.equal("counter", *counter)?;
            }
            return vector.decoded(refused).map(drop);
        }
    };
    let address = match (vector.param("mac"), frame.address) {
        (None, Some(address)) => address,
        _ => air::address(vector)?,
    };
    header(vector, &frame)?;
    let opened = frame.open(address, key.as_ref());
    let opened = opened.map_err(|error| error.to_string()).and_then(|payload| {
        if frame.has_object {
            objects(&payload.bytes).map_err(|error| error.to_string())?;
        }
        Ok(payload)
    });
    let advertisement = air::service_data(address, 0xfe95, &vector.input);
    // With a key, only what is encrypted is heard.
    let key = key.filter(|_| frame.encrypted);
    let mut sensor = listener(Kind::MiBeaconSensor, address, key).ok_or("no listener")?;
    let heard = sensor.hear(&advertisement);
    let Some(payload) = vector.decoded(opened)? else {
        // A first failure may be a freak: then the listener says nothing.
        return match heard {
            Ok(readings) if readings.is_empty() => Ok(()),
            Err(Unheard::Malformed | Unheard::KeyRequired) => Ok(()),
            other => Err(format!("heard {other:?}")),
        };
    };
    let all = if frame.has_object {
        objects(&payload.bytes).unwrap_or_default()
    } else {
        Vec::new()
    };
    compare(vector, &frame, &payload, &all)?;
    let readings: Vec<_> = all.iter().flat_map(Object::readings).collect();
    if heard != Ok(readings) {
        return Err(format!("heard {heard:?}"));
    }
    if sensor.hear(&advertisement) != Ok(Vec::new()) {
        return Err("heard twice".into());
    }
    match identify(&advertisement) {
        Some(found) if found.kind == Kind::MiBeaconSensor => Ok(()),
        other => Err(format!("was taken for {other:?}")),
    }
}

fn header(vector: &Vector, frame: &Frame<'_>) -> Result<(), String> {
    vector.equal("version", frame.version)?;
    vector.equal("product_id", format!("{:04x}", frame.product))?;
    vector.equal("counter", frame.counter)?;
    vector.equal("has_object", frame.has_object)?;
    vector.equal("encrypted", frame.encrypted)?;
    vector.equal("legacy_12_byte_key", frame.encrypted && frame.version < 4)?;
    vector.equal("capability", frame.capability.map(|byte| hex(&[byte])))
}

fn compare(
    vector: &Vector,
    frame: &Frame<'_>,
    payload: &Payload,
    objects: &[Object<'_>],
) -> Result<(), String> {
    vector.equal("payload", hex(&payload.bytes))?;
    vector.equal("nonce", payload.nonce.as_deref().map(hex))?;
    let shown = objects
        .iter()
        .map(|one| json!({"type": format!("{:04x}", one.kind), "data": hex(one.data)}));
    vector.equal("objects", shown.collect::<Vec<Value>>())?;
    vector.equal("profile_id", objects.iter().find_map(Object::profile))?;
    if frame.address.is_some() {
        vector.equal("mac", frame.address.map(|address| address.to_string()))?;
    }
    let readings: Vec<Reading> = objects
        .iter()
        .flat_map(Object::readings)
        .map(|(_, reading)| reading)
        .collect();
    for field in FIELDS {
        if vector.expects(field.0) {
            let actual = readings.iter().find_map(field.1);
            vector.equal(field.0, rounded(vector, field.0, actual))?;
        }
    }
    vector.equal("motion", readings.contains(&Reading::Motion))?;
    vector.equal("press", readings.contains(&Reading::Press))
}

type Field = (&'static str, fn(&Reading) -> Option<Value>);

/// Which reading a field is about.
const FIELDS: [Field; 14] = [
    ("temperature_c", |one| match *one {
        Reading::Temperature(celsius) => Some(celsius.into()),
        _ => None,
    }),
    ("humidity_percent", |one| match *one {
        Reading::Humidity(percent) => Some(percent.into()),
        _ => None,
    }),
    ("battery_percent", |one| match *one {
        Reading::Battery(percent) => Some(percent.into()),
        _ => None,
    }),
    ("conductivity_us_cm", |one| match *one {
        Reading::Conductivity(value) => Some(value.into()),
        _ => None,
    }),
    ("moisture_percent", |one| match *one {
        Reading::Moisture(percent) => Some(percent.into()),
        _ => None,
    }),
    ("illuminance_lux", |one| match *one {
        Reading::Illuminance(lux) => Some(lux.into()),
        _ => None,
    }),
    ("weight_kg", |one| match *one {
        Reading::Weight(kilograms) => Some(kilograms.into()),
        _ => None,
    }),
    // The field is about the one impedance that the frame has.
    ("impedance_ohm", |one| match *one {
        Reading::Impedance(ohm) | Reading::SecondImpedance(ohm) => Some(ohm.into()),
        _ => None,
    }),
    ("heart_rate", |one| match *one {
        Reading::HeartRate(bpm) => Some(bpm.into()),
        _ => None,
    }),
    ("open", open),
    ("door_open", open),
    ("opening", open),
    ("leak", |one| match *one {
        Reading::Leak(found) => Some(found.into()),
        _ => None,
    }),
    ("smoke", |one| match *one {
        Reading::Smoke(found) => Some(found.into()),
        _ => None,
    }),
];

fn open(reading: &Reading) -> Option<Value> {
    match *reading {
        Reading::Open(open) => Some(open.into()),
        _ => None,
    }
}

/// Sources round what a sensor sends as a float: as many decimals are compared as they tell.
fn rounded(vector: &Vector, field: &str, actual: Option<Value>) -> Value {
    let actual = actual.unwrap_or(Value::Null);
    let Some(Value::Number(wanted)) = vector.expected(field) else {
        return actual;
    };
    let text = wanted.to_string();
    let decimals = text.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    match actual.as_f64() {
        Some(value) if decimals > 0 => format!("{value:.decimals$}").parse().map_or(actual, f64::into),
        _ => actual,
    }
}
