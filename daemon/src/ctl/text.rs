//! Texts for people and for scripts: waits, points in time, colour, and values from the bus.

use std::collections::HashMap;
use std::time::Duration;

use belay_proto::text::misleads;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};
use zbus::{OwnedVariant, Variant};

use super::error::Error;

/// Colour, or none: four uses of it and no more.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ink {
    on: bool,
}

impl Ink {
    /// No colour, for tests of texts.
    #[cfg(test)]
    pub const OFF: Self = Self { on: false };

    /// Colour when the output is a terminal and `NO_COLOR` (no-color.org) isn't set to anything.
    pub fn new(terminal: bool, no_color: Option<&std::ffi::OsStr>) -> Self {
        Self {
            on: terminal && no_color.is_none_or(std::ffi::OsStr::is_empty),
        }
    }

    /// Something that is as it should be.
    pub fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    /// Something that isn't.
    pub fn bad(self, text: &str) -> String {
        self.paint("31", text)
    }

    /// What to look at first.
    pub fn strong(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// Labels.
    pub fn faint(self, text: &str) -> String {
        self.paint("2", text)
    }

    /// Black on white, for a QR code.
    pub fn paper(self, text: &str) -> String {
        self.paint("30;107", text)
    }

    /// Whether there is colour.
    pub fn is_on(self) -> bool {
        self.on
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.on {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}

/// A wait in words, rounded up to what a person would wait for: `45 s`, `1 min`, `1 h 30 min`, `2 d`.
pub fn wait_words(wait: Duration) -> String {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let two = |big: u64, big_unit: &str, small: u64, small_unit: &str| {
        if small == 0 {
            format!("{big} {big_unit}")
        } else {
            format!("{big} {big_unit} {small} {small_unit}")
        }
    };
    match seconds {
        0..60 => format!("{seconds} s"),
        60..600 => two(seconds / 60, "min", seconds % 60, "s"),
        600..3_600 => format!("{} min", seconds.div_ceil(60)),
        3_600..172_800 => {
            let minutes = seconds.div_ceil(60);
            two(minutes / 60, "h", minutes % 60, "min")
        }
        _ => two(seconds / 86_400, "d", seconds % 86_400 / 3_600, "h"),
    }
}

/// A point in time, seconds since the epoch, as `2026-11-21 07:44:03 UTC`; 0 is `never`.
pub fn time_words(seconds: u64) -> String {
    if seconds == 0 {
        return "never".to_owned();
    }
    timestamp(seconds).map_or_else(
        || "after all time".to_owned(),
        |time| time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
    )
}

/// A point in time, seconds since the epoch; `None` after the calendar's end, the year 9999.
pub fn timestamp(seconds: u64) -> Option<Timestamp> {
    Timestamp::from_second(i64::try_from(seconds).ok()?).ok()
}

/// A day, written `YYYY-MM-DD`.
///
/// # Errors
/// Says that it isn't.
pub fn date(text: &str) -> Result<Date, String> {
    let wrong = || "a day is written YYYY-MM-DD".to_owned();
    if text.len() != "YYYY-MM-DD".len() {
        return Err(wrong());
    }
    text.parse().map_err(|_| wrong())
}

/// The first second of a day, since the epoch; `None` before 1970 and at the end of the calendar.
pub fn midnight(day: Date, zone: &TimeZone) -> Option<u64> {
    let midnight = zone.to_timestamp(day.at(0, 0, 0, 0)).ok()?;
    u64::try_from(midnight.as_second()).ok()
}

/// Where a history begins, in seconds since the epoch: such a number, a date `2026-11-21`, or an age such as `45min`,
/// `12h`, `3d`, counted back from `now`.
///
/// # Errors
/// [`Error::Usage`] for anything else.
pub fn parse_since(text: &str, now: u64) -> Result<u64, Error> {
    let wrong = || {
        Error::Usage(format!(
            "“{text}” isn't a point in time: write 2026-11-21, 45min, 12h or 3d"
        ))
    };
    if let Ok(seconds) = text.parse() {
        return Ok(seconds);
    }
    if let Ok(day) = date(text) {
        return midnight(day, &TimeZone::UTC).ok_or_else(wrong);
    }
    let digits = text
        .find(|letter: char| !letter.is_ascii_digit())
        .ok_or_else(wrong)?;
    let (count, unit) = text.split_at(digits);
    let unit = match unit {
        "s" => 1,
        "min" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    let age = count
        .parse::<u64>()
        .ok()
        .and_then(|count| count.checked_mul(unit))
        .ok_or_else(wrong)?;
    Ok(now.saturating_sub(age))
}

/// The JSON form of a value from the bus; keys of dictionaries in [`json_key`] form. A descriptor is `null`.
pub fn json_value(value: &Variant<'_>) -> Value {
    match value {
        Variant::U8(number) => (*number).into(),
        Variant::Bool(flag) => (*flag).into(),
        Variant::I16(number) => (*number).into(),
        Variant::U16(number) => (*number).into(),
        Variant::I32(number) => (*number).into(),
        Variant::U32(number) => (*number).into(),
        Variant::I64(number) => (*number).into(),
        Variant::U64(number) => (*number).into(),
        Variant::F64(number) => (*number).into(),
        Variant::Str(text) => text.as_str().into(),
        Variant::Signature(signature) => signature.to_string().into(),
        Variant::ObjectPath(path) => path.as_str().into(),
        Variant::Variant(inner) => json_value(inner),
        Variant::Array(items) => items.inner().iter().map(json_value).collect(),
        Variant::Structure(fields) => fields.fields().iter().map(json_value).collect(),
        Variant::Dict(entries) => {
            let mut object = Map::new();
            for (key, value) in entries.iter() {
                let key = match key {
                    Variant::Str(text) => json_key(text.as_str()),
                    other => json_value(other).to_string(),
                };
                object.insert(key, json_value(value));
            }
            Value::Object(object)
        }
        Variant::Fd(_) => Value::Null,
    }
}

/// A dictionary from the bus as a JSON object, its keys in [`json_key`] form.
pub fn json_object(all: &HashMap<String, OwnedVariant>) -> Map<String, Value> {
    all.iter()
        .map(|(name, value)| (json_key(name), json_value(value)))
        .collect()
}

/// A name from the bus as a JSON field: `BoundSince` and `display-name` become `bound_since` and `display_name`. Waits
/// say their unit: `RetryAfter` becomes `retry_after_ms`.
pub fn json_key(name: &str) -> String {
    let mut key = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            if !key.is_empty() {
                key.push('_');
            }
            key.push(letter.to_ascii_lowercase());
        } else {
            key.push(if letter == '-' { '_' } else { letter });
        }
    }
    if matches!(
        key.as_str(),
        "retry_after" | "resend_in" | "expires_in" | "hold_left"
    ) {
        key.push_str("_ms");
    }
    key
}

/// A text from the bus made fit for a terminal: characters that [mislead](misleads) are shown as `?`.
pub fn printable(text: &str) -> String {
    text.chars()
        .map(|letter| if misleads(letter) { '?' } else { letter })
        .collect()
}

#[cfg(test)]
#[path = "text_tests.rs"]
mod tests;
