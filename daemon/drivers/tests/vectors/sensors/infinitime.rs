//! InfiniTime.

use belay_drivers::infinitime::alert::Notification;
use belay_drivers::infinitime::motion::{self, Acceleration};
use belay_drivers::infinitime::weather::{Weather, celsius};
use serde_json::{Value, json};

use super::sig;
use crate::Check;
use crate::vector::Vector;

pub use super::sig::text;

pub fn alert(vector: &Vector) -> Result<(), String> {
    let Some(read) = vector.decoded(Notification::decode(&vector.input))? else {
        return Ok(());
    };
    vector.equal("category", read.category)?;
    vector.equal("count", read.count)?;
    vector.equal("title", read.title)?;
    vector.equal("body", read.body)
}

pub fn steps(vector: &Vector) -> Result<(), String> {
    match vector.decoded(motion::steps(&vector.input))? {
        Some(steps) => vector.equal("steps", steps),
        None => Ok(()),
    }
}

pub fn motion(vector: &Vector) -> Result<(), String> {
    let Some(read) = vector.decoded(Acceleration::decode(&vector.input))? else {
        return Ok(());
    };
    let [x, y, z] = read.gravities();
    vector.equal("x", read.x)?;
    vector.equal("y", read.y)?;
    vector.equal("z", read.z)?;
    vector.equal("x_g", x)?;
    vector.equal("y_g", y)?;
    vector.equal("z_g", z)
}

pub fn weather(vector: &Vector) -> Result<(), String> {
    let Some(read) = vector.decoded(Weather::decode(&vector.input))? else {
        return Ok(());
    };
    if Weather::decode(&read.encode()).as_ref() != Ok(&read) {
        return Err(format!("is written as {:02x?}", read.encode()));
    }
    vector.equal("version", vector.input.get(1).copied())?;
    match read {
        Weather::Current(now) => {
            vector.equal("timestamp", now.time)?;
            vector.equal("temp_c", celsius(now.temperature))?;
            vector.equal("min_c", celsius(now.minimum))?;
            vector.equal("max_c", celsius(now.maximum))?;
            vector.equal("location", now.place)?;
            vector.equal("icon", now.icon)?;
            vector.equal("sunrise", now.sun.map(|sun| sun.rise))?;
            vector.equal("sunset", now.sun.map(|sun| sun.set))?;
            vector.equal("sunrise_min", now.sun.map(|sun| sun.rise))?;
            vector.equal("sunset_min", now.sun.map(|sun| sun.set))
        }
        Weather::Forecast(forecast) => {
            let days: Vec<Value> = forecast
                .days
                .iter()
                .map(|day| {
                    json!({
                        "min_c": celsius(day.minimum), "max_c": celsius(day.maximum), "icon": day.icon,
                    })
                })
                .collect();
            vector.equal("timestamp", forecast.time)?;
            match vector.expected("days") {
                Some(Value::Number(_)) => vector.equal("days", days.len())?,
                _ => vector.equal("days", days.clone())?,
            }
            vector.equal("forecast", days)
        }
    }
}

/// What a field tells that only one characteristic has.
const BY_FIELD: [(&str, Check); 6] = [
    ("steps", steps),
    ("x", motion),
    ("title", alert),
    ("temp_c", weather),
    ("days", weather),
    ("forecast", weather),
];

pub fn by_fields(vector: &Vector) -> Result<(), String> {
    let mut checks = BY_FIELD.into_iter();
    match checks.find(|(field, _)| vector.expects(field)) {
        Some((_, check)) => check(vector),
        None => sig::by_fields(vector),
    }
}
