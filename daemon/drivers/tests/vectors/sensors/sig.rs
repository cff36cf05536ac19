//! The services of the Bluetooth SIG.

use belay_drivers::standard::alert::{Control, NewAlert};
use belay_drivers::standard::time::{self, CurrentTime, LocalTime};
use belay_drivers::standard::weight::System;
use belay_drivers::standard::{composition as body, device, heart_rate as heart, weight as scale};
use serde_json::Value;

use crate::Check;
use crate::vector::Vector;

pub fn heart_rate(vector: &Vector) -> Result<(), String> {
    let Some(read) = vector.decoded(heart::measurement(&vector.input))? else {
        return Ok(());
    };
    vector.equal("bpm", read.bpm)?;
    vector.equal("sensor_contact", read.contact)?;
    vector.equal("energy_kj", read.energy)?;
    if vector.expected("rr_1024").is_some_and(Value::is_null) && read.intervals.is_empty() {
        return Ok(());
    }
    vector.equal("rr_1024", read.intervals)
}

pub fn battery(vector: &Vector) -> Result<(), String> {
    match vector.decoded(device::battery_level(&vector.input))? {
        Some(level) => vector.equal("level_percent", level),
        None => Ok(()),
    }
}

const fn unit(system: System) -> &'static str {
    match system {
        System::Metric => "kg",
        System::Imperial => "lb",
    }
}

/// 255 stands for a user who isn't known.
fn user(vector: &Vector, user: Option<u8>) -> Result<(), String> {
    match vector.expected("user_id").and_then(Value::as_u64) {
        Some(255) if user.is_none() => Ok(()),
        _ => vector.equal("user_id", user),
    }
}

pub fn weight(vector: &Vector) -> Result<(), String> {
    let Some(read) = vector.decoded(scale::measurement(&vector.input))? else {
        return Ok(());
    };
    vector.equal("unit", unit(read.system))?;
    vector.equal("weight", read.weight)?;
    let kilograms = read.weight.map(|weight| read.system.kilograms(weight));
    vector.equal("weight_kg", kilograms)?;
    vector.equal("timestamp", read.time.map(|time| time.to_string()))?;
    vector.equal("bmi", read.bmi)?;
    vector.equal("height", read.height)?;
    user(vector, read.user)
}

pub fn composition(vector: &Vector) -> Result<(), String> {
    let Some(read) = vector.decoded(body::measurement(&vector.input))? else {
        return Ok(());
    };
    vector.equal("unit", unit(read.system))?;
    vector.equal("body_fat_percent", read.body_fat)?;
    vector.equal("timestamp", read.time.map(|time| time.to_string()))?;
    vector.equal("basal_metabolism_kj", read.basal_metabolism)?;
    vector.equal("muscle_percent", read.muscle)?;
    vector.equal("muscle_percentage", read.muscle)?;
    vector.equal("muscle_mass", read.muscle_mass)?;
    vector.equal("fat_free_mass", read.fat_free_mass)?;
    vector.equal("soft_lean_mass", read.soft_lean_mass)?;
    vector.equal("body_water_mass", read.body_water_mass)?;
    vector.equal("impedance_ohm", read.impedance)?;
    vector.equal("weight", read.weight)?;
    vector.equal("height", read.height)?;
    vector.equal("multiple_packets", read.multiple_packets)?;
    vector.equal("multi_packet", read.multiple_packets)?;
    user(vector, read.user)
}

pub fn current_time(vector: &Vector) -> Result<(), String> {
    let Some(read) = vector.decoded(CurrentTime::decode(&vector.input))? else {
        return Ok(());
    };
    if read.encode() != *vector.input {
        return Err(format!("is written as {:02x?}", read.encode()));
    }
    vector.equal("datetime", read.civil.to_string())?;
    vector.equal("day_of_week", read.day_of_week)?;
    vector.equal("fractions256", read.fractions)?;
    vector.equal("adjust_reason", read.reason)
}

pub fn local_time(vector: &Vector) -> Result<(), String> {
    let Some(read) = vector.decoded(LocalTime::decode(&vector.input))? else {
        return Ok(());
    };
    if read.encode() != *vector.input {
        return Err(format!("is written as {:02x?}", read.encode()));
    }
    vector.equal("tz_quarter_hours", read.zone)?;
    vector.equal("dst_quarter_hours", read.daylight)?;
    vector.equal("total_offset_minutes", read.minutes())
}

pub fn time_zone(vector: &Vector) -> Result<(), String> {
    let Some(zone) = vector.decoded(time::time_zone(&vector.input))? else {
        return Ok(());
    };
    vector.equal("tz_quarter_hours", zone)?;
    vector.equal("tz_minutes", zone.map(|quarters| i16::from(quarters) * 15))
}

pub fn new_alert(vector: &Vector) -> Result<(), String> {
    let Some(read) = vector.decoded(NewAlert::decode(&vector.input))? else {
        return Ok(());
    };
    if read.encode() != vector.input {
        return Err(format!("is written as {:02x?}", read.encode()));
    }
    vector.equal("category", read.category)?;
    vector.equal("count", read.count)?;
    vector.equal("text", read.text)
}

pub fn control(vector: &Vector) -> Result<(), String> {
    let Some(read) = vector.decoded(Control::decode(&vector.input))? else {
        return Ok(());
    };
    vector.equal("command", read.command)?;
    vector.equal("category", read.category)
}

pub fn text(vector: &Vector) -> Result<(), String> {
    match vector.decoded(device::text(&vector.input))? {
        Some(text) => vector.equal("text", text),
        None => Ok(()),
    }
}

/// Which check a field that only one of them knows asks for.
const BY_FIELD: [(&str, Check); 11] = [
    ("bpm", heart_rate),
    ("level_percent", battery),
    ("body_fat_percent", composition),
    ("bmi", weight),
    ("weight", weight),
    ("datetime", current_time),
    ("tz_minutes", time_zone),
    ("tz_quarter_hours", local_time),
    ("command", control),
    ("category", new_alert),
    ("text", text),
];

pub fn by_fields(vector: &Vector) -> Result<(), String> {
    let mut checks = BY_FIELD.into_iter();
    let (_, check) = checks
        .find(|(field, _)| vector.expects(field))
        .ok_or("no field tells which characteristic this is")?;
    check(vector)
}
