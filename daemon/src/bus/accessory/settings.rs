//! `SetSettings`: what a band is to be told.

use std::collections::HashMap;

use belay_drivers::Settings;
use belay_drivers::settings::{ClockFormat, Sex, Units, Wearer, Wrist};
use zbus::OwnedVariant;

use super::super::{Error, Options};
use crate::accessory::WishChanges;

/// Reads the dictionary. The wearer's four keys come together: a band takes them at once and remembers none.
///
/// # Errors
/// `InvalidArgument` for an unknown key, a wrong type, a value out of range, and a wearer that isn't whole.
pub(super) fn read(settings: HashMap<String, OwnedVariant>) -> Result<(Settings, WishChanges), Error> {
    let mut given = Options::new(settings);
    let goal = given.take_u32("step-goal")?;
    let birth = given.take_text("birth-date")?;
    let height = given.take_u16("height")?;
    let weight = given.take_double("weight")?;
    let sex = given.take_text("sex")?;
    let wrist = given.take_text("wrist")?;
    let clock = given.take_text("clock")?;
    let units = given.take_text("units")?;
    let wishes = WishChanges {
        calls: given.take_bool("show-calls")?,
        messages: given.take_bool("show-messages")?,
        notifications: given.take_bool("show-notifications")?,
        heart_rate: given.take_bool("follow-heart-rate")?,
    };
    given.finish()?;
    let settings = Settings {
        step_goal: goal
            .map(|goal| within(goal, 1..=100_000, "step-goal"))
            .transpose()?,
        wearer: wearer(birth, height, weight, sex)?,
        wrist: one_of(wrist, "wrist", &[("left", Wrist::Left), ("right", Wrist::Right)])?,
        clock: one_of(
            clock,
            "clock",
            &[("12h", ClockFormat::Twelve), ("24h", ClockFormat::TwentyFour)],
        )?,
        units: one_of(
            units,
            "units",
            &[("metric", Units::Metric), ("imperial", Units::Imperial)],
        )?,
    };
    if settings == Settings::default() && wishes == WishChanges::default() {
        return Err(Error::InvalidArgument("nothing to change".into()));
    }
    Ok((settings, wishes))
}

fn wearer(
    birth: Option<String>,
    height: Option<u16>,
    weight: Option<f64>,
    sex: Option<String>,
) -> Result<Option<Wearer>, Error> {
    let (birth, height, weight, sex) = match (birth, height, weight, sex) {
        (None, None, None, None) => return Ok(None),
        (Some(birth), Some(height), Some(weight), Some(sex)) => (birth, height, weight, sex),
        _ => {
            return Err(Error::InvalidArgument(
                "birth-date, height, weight and sex are set together".into(),
            ));
        }
    };
    let birth = birth
        .parse()
        .map_err(|_| Error::InvalidArgument("birth-date isn't YYYY-MM-DD".into()))?;
    if !(10.0..=300.0).contains(&weight) {
        return Err(Error::InvalidArgument("weight is out of range".into()));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range was just looked at"
    )]
    let weight = weight.round() as u16;
    let sexes = [
        ("male", Sex::Male),
        ("female", Sex::Female),
        ("other", Sex::Other),
    ];
    Ok(Some(Wearer {
        birth,
        height: within(height, 50..=250, "height")?,
        weight,
        sex: one_of(Some(sex), "sex", &sexes)?.unwrap_or(Sex::Other),
        // Bands ask for a number; one is as good as another as long as it stays the same.
        id: 1,
    }))
}

fn within<T: PartialOrd>(value: T, range: std::ops::RangeInclusive<T>, key: &str) -> Result<T, Error> {
    if range.contains(&value) {
        Ok(value)
    } else {
        Err(Error::InvalidArgument(format!("{key} is out of range")))
    }
}

fn one_of<T: Copy>(text: Option<String>, key: &str, words: &[(&str, T)]) -> Result<Option<T>, Error> {
    let Some(text) = text else { return Ok(None) };
    let found = words.iter().find(|(word, _)| *word == text);
    found.map(|(_, value)| Some(*value)).ok_or_else(|| {
        let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        Error::InvalidArgument(format!("{key} is one of {}", words.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use zbus::Variant;

    use super::*;

    fn given(entries: &[(&str, Variant<'static>)]) -> HashMap<String, OwnedVariant> {
        entries
            .iter()
            .map(|(key, value)| ((*key).to_owned(), value.try_clone().unwrap().try_into().unwrap()))
            .collect()
    }

    #[test]
    fn settings_are_read_by_their_keys() {
        let (settings, wishes) = read(given(&[
            ("show-calls", true.into()),
            ("follow-heart-rate", false.into()),
            ("step-goal", 8000_u32.into()),
            ("birth-date", "1985-07-23".into()),
            ("height", 178_u16.into()),
            ("weight", 74.4.into()),
            ("sex", "female".into()),
            ("wrist", "right".into()),
            ("clock", "24h".into()),
            ("units", "metric".into()),
        ]))
        .unwrap();
        assert_eq!((wishes.calls, wishes.heart_rate), (Some(true), Some(false)));
        assert_eq!((wishes.messages, wishes.notifications), (None, None));
        assert_eq!(settings.step_goal, Some(8000));
        let wearer = settings.wearer.unwrap();
        assert_eq!((wearer.height, wearer.weight, wearer.sex), (178, 74, Sex::Female));
        assert_eq!(wearer.birth.to_string(), "1985-07-23");
        assert_eq!(settings.wrist, Some(Wrist::Right));
        assert_eq!(settings.clock, Some(ClockFormat::TwentyFour));
        assert_eq!(settings.units, Some(Units::Metric));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for entry in [
            ("step-goal", Variant::from(0_u32)),
            ("step-goal", "many".into()),
            ("height", 178_u16.into()),
            ("wrist", "foot".into()),
            ("colour", "red".into()),
        ] {
            let refused = read(given(std::slice::from_ref(&entry)));
            assert!(matches!(refused, Err(Error::InvalidArgument(_))), "{entry:?}");
        }
        assert!(matches!(read(HashMap::new()), Err(Error::InvalidArgument(_))));
    }
}
