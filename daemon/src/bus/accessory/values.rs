//! Readings as `Latest` answers them.

use std::collections::HashMap;

use belay_drivers::Reading;
use zbus::Variant;

/// The dictionary of `Latest`; `measured` is the newest of the times.
pub(super) fn shown(readings: &[(u64, Reading)]) -> HashMap<String, Variant<'static>> {
    let mut all = HashMap::new();
    for (_, reading) in readings {
        let (key, value): (&str, Variant<'static>) = match *reading {
            Reading::Weight(value) => ("weight", value.into()),
            Reading::Impedance(value) => ("impedance", value.into()),
            Reading::SecondImpedance(value) => ("second-impedance", value.into()),
            Reading::BodyFat(value) => ("body-fat", value.into()),
            Reading::HeartRate(value) => ("heart-rate", value.into()),
            Reading::Totals(totals) => ("steps", totals.steps.into()),
            Reading::Temperature(value) => ("temperature", value.into()),
            Reading::Humidity(value) => ("humidity", value.into()),
            Reading::Illuminance(value) => ("illuminance", value.into()),
            Reading::Moisture(value) => ("moisture", value.into()),
            Reading::Conductivity(value) => ("conductivity", value.into()),
            Reading::Motion => ("motion", true.into()),
            Reading::Open(value) => ("open", value.into()),
            Reading::Leak(value) => ("leak", value.into()),
            Reading::Smoke(value) => ("smoke", value.into()),
            Reading::Press => ("press", true.into()),
            Reading::Battery(value) => ("battery", value.into()),
        };
        all.insert(key.to_owned(), value);
        if let Reading::Totals(totals) = *reading {
            let more = [("distance", totals.distance), ("energy", totals.energy)];
            for (key, value) in more {
                all.extend(value.map(|value| (key.to_owned(), value.into())));
            }
        }
    }
    let newest = readings.iter().map(|(second, _)| *second).max();
    all.insert("measured".to_owned(), newest.unwrap_or(0).into());
    all
}

#[cfg(test)]
mod tests {
    use belay_drivers::{DailyTotals, Reading};

    use super::shown;

    #[test]
    fn each_quantity_has_its_key_and_the_newest_time_is_told() {
        let totals = DailyTotals {
            steps: 12,
            distance: Some(8),
            energy: None,
        };
        let all = shown(&[
            (5, Reading::Weight(70.5)),
            (9, Reading::HeartRate(76)),
            (7, Reading::Totals(totals)),
        ]);
        assert_eq!(all["weight"], 70.5.into());
        assert_eq!(all["heart-rate"], 76_u16.into());
        assert_eq!(all["steps"], 12_u32.into());
        assert_eq!(all["distance"], 8_u32.into());
        assert_eq!(all["measured"], 9_u64.into());
        assert!(!all.contains_key("energy"));
    }
}
