//! Single values.

use belay_drivers::huami::codec::{
    alarm, alert, battery as battery_codec, chunked as chunked_codec, config as config_codec,
    heart_rate as heart_codec, steps as steps_codec, time as time_codec, user,
};
use belay_drivers::huami::{advertisement as advertised, codec::alarm::Days};
use belay_drivers::settings::{Sex, Wearer};
use serde_json::{Value, json};

use super::super::vector::{Vector, hex, unhex};
use super::{battery_json, equal_all, number, utc, writes};

pub fn time(vector: &Vector) -> Result<(), String> {
    if vector.input.len() == 8 {
        let Some(moment) = vector.decoded(time_codec::decode_short(&vector.input))? else {
            return Ok(());
        };
        equal_all(
            vector,
            &json!({
                "utc": utc(moment)?,
                "datetime": moment.civil.to_string(),
                "local": moment.civil.to_string(),
                "utc_offset_minutes": moment.offset.seconds() / 60,
            }),
        )?;
        return writes(vector, &time_codec::encode_short(moment));
    }
    let Some(clock) = vector.decoded(time_codec::Clock::decode(&vector.input))? else {
        return Ok(());
    };
    equal_all(
        vector,
        &json!({
            "datetime": clock.civil.to_string(),
            "day_of_week": clock.weekday,
            "fractions256": clock.fractions,
            "byte9": clock.reason,
            "utc_offset_minutes": clock.offset.map(|offset| offset.seconds() / 60),
        }),
    )?;
    let Some(offset) = clock.offset else {
        return Ok(());
    };
    let moment = belay_drivers::Moment {
        civil: clock.civil,
        offset,
    };
    vector.equal("utc", utc(moment)?)?;
    writes(vector, &clock.encode())?;
    // What the driver writes, where the vector's writer counts weekdays as it does and doesn't say why.
    let ours = time_codec::Clock::showing(moment);
    if clock.reason == 0 && clock.weekday == ours.weekday {
        writes(vector, &ours.encode())?;
    }
    Ok(())
}

pub fn battery(vector: &Vector) -> Result<(), String> {
    match vector.decoded(battery_codec::decode(&vector.input))? {
        Some(told) => equal_all(vector, &battery_json(&told)),
        None => Ok(()),
    }
}

pub fn steps(vector: &Vector) -> Result<(), String> {
    let Some(told) = vector.decoded(steps_codec::decode(&vector.input))? else {
        return Ok(());
    };
    equal_all(
        vector,
        &json!({
            "steps": told.steps,
            "distance_m": told.distance,
            "calories_kcal": told.energy,
            "energy_kcal": told.energy,
        }),
    )
}

pub fn heart_rate(vector: &Vector) -> Result<(), String> {
    match vector.decoded(heart_codec::decode(&vector.input))? {
        Some(rate) => equal_all(vector, &json!({ "bpm": rate, "heart_rate": rate })),
        None => Ok(()),
    }
}

pub fn user_info(vector: &Vector) -> Result<(), String> {
    let birth = vector.expected("birth").and_then(Value::as_str);
    let birth = birth
        .and_then(|text| text.parse().ok())
        .ok_or("birth should be a date")?;
    let sex = match vector.expected("sex").and_then(Value::as_str) {
        Some("male") => Sex::Male,
        Some("female") => Sex::Female,
        Some("other") => Sex::Other,
        other => return Err(format!("no sex: {other:?}")),
    };
    vector.equal("weight_scale", 200)?;
    let wearer = Wearer {
        birth,
        sex,
        height: number(vector, "height_cm")?,
        weight: number(vector, "weight_kg")?,
        id: number(vector, "user_id")?,
    };
    let written = user::wearer(&wearer).ok_or("refused")?;
    writes(vector, &written)
}

pub fn goal(vector: &Vector) -> Result<(), String> {
    writes(vector, &user::goal(number(vector, "goal")?))
}

pub fn alarm(vector: &Vector) -> Result<(), String> {
    let Some(told) = vector.decoded(alarm::Alarm::decode(&vector.input))? else {
        return Ok(());
    };
    equal_all(
        vector,
        &json!({
            "slot": told.slot,
            "enabled": told.enabled,
            "snooze": told.snooze,
            "hour": told.hour,
            "minute": told.minute,
        }),
    )?;
    if let Some(days) = vector.expected("days") {
        let wanted = days.as_str().and_then(days_of).ok_or("no days")?;
        if told.days != wanted {
            return Err(format!("days are {:?}, expected {days}", told.days));
        }
    }
    writes(vector, &told.encode())
}

/// `once`, `daily`, or days and spans of days with commas between.
fn days_of(text: &str) -> Option<Days> {
    const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let text = text.to_ascii_lowercase();
    match text.as_str() {
        "once" => return Some(Days::Once),
        "daily" | "every day" | "all" => return Some(Days::Weekly(0x7f)),
        _ => {}
    }
    let number = |name: &str| NAMES.iter().position(|one| name.trim().starts_with(one));
    let mut bits = 0_u8;
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        for day in number(first)?..=number(last)? {
            bits |= 1 << day;
        }
    }
    Some(Days::Weekly(bits))
}

pub fn vibration(vector: &Vector) -> Result<(), String> {
    let written = alert::vibration(
        number(vector, "on_ms")?,
        number(vector, "off_ms")?,
        number(vector, "repeat")?,
    );
    writes(vector, &written)
}

pub fn new_alert(vector: &Vector) -> Result<(), String> {
    vector.equal("count", 1)?;
    let category = number(vector, "category")?;
    if vector.expects("icon") {
        if category != alert::ICON {
            return Err("only category 250 has an icon".to_owned());
        }
        return writes(vector, &alert::new_icon(number(vector, "icon")?));
    }
    let text = vector.expected("text").and_then(Value::as_str).ok_or("no text")?;
    writes(vector, &alert::new_alert(category, text))
}

pub fn config(vector: &Vector) -> Result<(), String> {
    let Some(reply) = vector.decoded(config_codec::decode(&vector.input))? else {
        return Ok(());
    };
    let (to, status) = match reply {
        config_codec::Reply::Setting { command, status } => (hex(&command), status),
        config_codec::Reply::Request { command, status } => (hex(&[command]), status),
    };
    equal_all(
        vector,
        &json!({ "response_to": to, "status": status, "ok": reply.is_ok() }),
    )
}

pub fn chunked(vector: &Vector) -> Result<(), String> {
    let param = |field: &str| vector.param(field).and_then(Value::as_u64).ok_or("no parameter");
    let kind = u8::try_from(param("type")?).map_err(|error| error.to_string())?;
    let mtu = u16::try_from(param("mtu")?).map_err(|error| error.to_string())?;
    let chunks = chunked_codec::chunks(kind, &vector.input, mtu).ok_or("too long")?;
    let chunks: Vec<_> = chunks.iter().map(|chunk| hex(chunk)).collect();
    vector.equal("chunks", chunks)
}

pub fn advertisement(vector: &Vector) -> Result<(), String> {
    let (company, payload) = vector.input.split_at_checked(2).ok_or("no company")?;
    if company != advertised::COMPANY.to_le_bytes() {
        vector.decoded(Err::<(), _>("another company"))?;
        return Ok(());
    }
    let told = advertised::manufacturer(payload);
    let told = match (vector.expects("error"), told) {
        // Another product of the company: it tells nothing that we read.
        (false, Err(_)) => None,
        (_, told) => vector.decoded(told)?,
    };
    let steps = vector.param("service_data_fee0").map(unhex).transpose()?;
    let steps = steps.and_then(|data| advertised::steps(&data).ok());
    equal_all(
        vector,
        &json!({
            "heart_rate": told.and_then(|told| told.heart_rate),
            "mac": told.map(|told| told.address.to_string()),
            "steps": steps,
        }),
    )
}
