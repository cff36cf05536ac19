//! Mi Band 2 to 6, before the protocol of 2021.

mod auth;
mod history;
mod values;

use belay_drivers::Moment;
use belay_drivers::huami::codec::battery::{self, Stamp};
use serde_json::{Value, json};

use super::Check;
use super::vector::Vector;

/// The groups that are checked here.
pub const GROUPS: &[(&str, Check)] = &[
    ("huami-time", values::time),
    ("huami-battery", values::battery),
    ("huami-steps", values::steps),
    ("huami-hr", values::heart_rate),
    ("huami-user-info", values::user_info),
    ("huami-step-goal", values::goal),
    ("huami-alarm", values::alarm),
    ("huami-custom-vibration", values::vibration),
    ("huami-new-alert", values::new_alert),
    ("huami-config", values::config),
    ("huami-chunked0020", values::chunked),
    ("miband-adv", values::advertisement),
    ("huami-activity", history::activity),
    ("huami-fetch", history::fetch),
    ("huami-auth", auth::auth),
    ("aes128", auth::aes128),
];

/// A battery as vectors tell it.
pub fn battery_json(told: &battery::Battery) -> Value {
    let time = |stamp: Option<Stamp>| stamp.map(|stamp| stamp.civil.to_string());
    let minutes = |stamp: Option<Stamp>| stamp?.offset.map(|offset| offset.seconds() / 60);
    json!({
        "level_percent": told.level,
        "charging": told.charging,
        "timestamp_a": time(told.first),
        "timestamp_a_utc_offset_minutes": minutes(told.first),
        "last_charge": time(told.charged),
        "last_charge_utc_offset_minutes": minutes(told.charged),
        "last_charge_level_percent": told.charged_to,
    })
}

/// Compares every field of an object.
pub fn equal_all(vector: &Vector, fields: &Value) -> Result<(), String> {
    fields
        .as_object()
        .into_iter()
        .flatten()
        .try_for_each(|(field, value)| vector.equal(field, value.clone()))
}

/// Compares what is written with the vector's input.
fn writes(vector: &Vector, written: &[u8]) -> Result<(), String> {
    if written == vector.input {
        Ok(())
    } else {
        Err(format!("{} is written", super::vector::hex(written)))
    }
}

/// A whole number that is expected of `field`.
fn number<T: TryFrom<u64>>(vector: &Vector, field: &str) -> Result<T, String> {
    let value = vector.expected(field).and_then(Value::as_u64);
    value
        .and_then(|value| T::try_from(value).ok())
        .ok_or_else(|| format!("{field} should be a number"))
}

/// A moment in UTC, as vectors tell it.
fn utc(moment: Moment) -> Result<String, String> {
    let seconds = moment.epoch().ok_or("before the epoch")?;
    let there = Moment::at(seconds, jiff::tz::Offset::UTC).ok_or("after all time")?;
    Ok(there.civil.to_string())
}
