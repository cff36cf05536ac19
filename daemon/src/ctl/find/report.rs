//! Reports of a device, opened: in words and in JSON.

use std::time::Duration;

use belay_proto::wire::{LocationSource, Report};
use serde_json::{Value, json};

use crate::ctl::text::{printable, time_words, wait_words};

/// A report in words; nothing for a kind that this version doesn't know.
pub fn words(report: &Report) -> Option<String> {
    match report {
        Report::Location {
            at,
            latitude,
            longitude,
            accuracy,
            altitude,
            source,
            measured_at,
            age_ms,
            after_command,
            ..
        } => {
            let mut text = position_words(*latitude, *longitude, *accuracy, *altitude);
            let age = wait_words(Duration::from_millis(*age_ms));
            let freshness = if *after_command {
                "measured after the command came"
            } else {
                "from before the command"
            };
            text.push_str(&format!(
                "\n  by {}, {freshness}, {age} old when reported at {}",
                source_words(*source),
                time_words(*at)
            ));
            if *measured_at > 0 {
                text.push_str(&format!(
                    " (the device's clock said {})",
                    time_words(*measured_at)
                ));
            }
            text.push_str(&format!("\n  {}", geo_uri(*latitude, *longitude, *accuracy)));
            Some(text)
        }
        Report::Evidence { at, cells, wifi, .. } => {
            let mut lines = vec![format!(
                "around it at {}: {}, {}",
                time_words(*at),
                count(cells.len(), "cell"),
                count(wifi.len(), "wireless network")
            )];
            lines.extend(cells.iter().map(|cell| {
                format!(
                    "  cell {} {}-{} area {} cell {}",
                    printable(&cell.technology),
                    printable(&cell.mcc),
                    printable(&cell.mnc),
                    cell.area,
                    cell.cell
                )
            }));
            lines.extend(wifi.iter().map(|point| {
                format!(
                    "  wi-fi {} {} {} %",
                    printable(&point.bssid),
                    printable(&point.ssid),
                    point.strength
                )
            }));
            Some(lines.join("\n"))
        }
        Report::Sim {
            at,
            iccid,
            operator,
            changed,
            ..
        } => {
            let what = if *changed { "another SIM" } else { "SIM" };
            let card = if iccid.is_empty() {
                "none".to_owned()
            } else {
                format!("{} {}", printable(iccid), printable(operator))
            };
            Some(format!("{what} at {}: {}", time_words(*at), card.trim()))
        }
        Report::Battery {
            at,
            percentage,
            state,
        } => Some(format!(
            "battery at {}: {percentage} %, {}",
            time_words(*at),
            printable(state)
        )),
        Report::Event { at, code } => Some(format!("{} at {}", printable(code), time_words(*at))),
        Report::Unknown => None,
    }
}

/// So many of something.
fn count(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

/// A report as JSON: its own fields, and for a position `geo`.
pub fn json(report: &Report) -> Value {
    let mut value = serde_json::to_value(report).unwrap_or(Value::Null);
    if let Report::Location {
        latitude,
        longitude,
        accuracy,
        ..
    } = report
    {
        value["geo"] = json!(geo_uri(*latitude, *longitude, *accuracy));
    }
    value
}

/// A position in words: degrees, and m.
pub fn position_words(latitude: f64, longitude: f64, accuracy: f64, altitude: Option<f64>) -> String {
    let high = altitude
        .map(|altitude| format!(", {altitude:.0} m high"))
        .unwrap_or_default();
    format!("{latitude:.6}, {longitude:.6} within {accuracy:.0} m{high}")
}

/// RFC 5870, for any program with a map.
pub fn geo_uri(latitude: f64, longitude: f64, accuracy: f64) -> String {
    format!("geo:{latitude:.6},{longitude:.6};u={accuracy:.0}")
}

/// What told a position.
pub fn source_words(source: LocationSource) -> &'static str {
    match source {
        LocationSource::Gnss => "satellites",
        LocationSource::Cell => "mobile cells",
        LocationSource::Wifi => "wireless networks",
        LocationSource::Last => "what it knew last",
        LocationSource::Network => "cells, networks or addresses",
        LocationSource::Unknown => "means this version doesn't know",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(after_command: bool) -> Report {
        Report::Location {
            at: 1_767_225_600,
            latitude: 52.520_008,
            longitude: -13.404_954,
            accuracy: 12.4,
            altitude: None,
            source: LocationSource::Gnss,
            measured_at: 1_767_225_590,
            age_ms: 10_000,
            after_command,
            command: None,
        }
    }

    #[test]
    fn a_position_says_how_good_how_old_and_how_it_is() {
        let text = words(&position(true)).unwrap();
        assert_eq!(
            text,
            "52.520008, -13.404954 within 12 m\n  by satellites, measured after the command came, 10 s old when \
             reported at 2026-01-01 00:00:00 UTC (the device's clock said 2025-12-31 23:59:50 UTC)\n  \
             geo:52.520008,-13.404954;u=12"
        );
        assert!(
            words(&position(false))
                .unwrap()
                .contains("from before the command")
        );
        assert_eq!(json(&position(true))["geo"], "geo:52.520008,-13.404954;u=12");
        assert_eq!(json(&position(true))["source"], "gnss");
    }

    #[test]
    fn texts_of_a_device_cannot_steer_the_terminal() {
        let sim = Report::Sim {
            at: 0,
            iccid: "89\u{1b}[2J".into(),
            imsi: String::new(),
            operator: "x".into(),
            changed: true,
        };
        assert_eq!(words(&sim).unwrap(), "another SIM at never: 89?[2J x");
        assert_eq!(words(&Report::Unknown), None);
    }
}
