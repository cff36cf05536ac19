//! What a band's codes for its wearer's minutes mean.

use crate::kind::Kind;

/// What the wearer did in a minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Activity {
    /// A code that isn't known, or none has been told yet.
    #[default]
    Unknown,
    /// Walked, or was active.
    Walking,
    /// Ran.
    Running,
    /// Rode a bicycle.
    Cycling,
    /// Slept lightly.
    LightSleep,
    /// Slept deeply.
    DeepSleep,
    /// Slept; the band tells no more.
    Sleep,
    /// Woke up.
    Awake,
    /// Didn't wear it.
    NotWorn,
    /// Had it on its charger.
    Charging,
}

impl Activity {
    /// The name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Walking => "walking",
            Self::Running => "running",
            Self::Cycling => "cycling",
            Self::LightSleep => "light-sleep",
            Self::DeepSleep => "deep-sleep",
            Self::Sleep => "sleep",
            Self::Awake => "awake",
            Self::NotWorn => "not-worn",
            Self::Charging => "charging",
        }
    }
}

/// What `code` of a band means; `previous` is what the minute before was, which some codes leave as it is. Accessories
/// that aren't bands have no codes: always [`Activity::Unknown`].
#[must_use]
pub const fn classify(kind: Kind, code: u8, previous: Activity) -> Activity {
    match kind {
        // The high nibble is flags.
        Kind::MiBand2 | Kind::MiBand3 | Kind::MiBand4 => match code & 0x0f {
            0 | 10 => previous,
            1 => Activity::Walking,
            2 => Activity::Running,
            3 => Activity::NotWorn,
            4 => Activity::Cycling,
            6 => Activity::Charging,
            9 => Activity::LightSleep,
            11 => Activity::DeepSleep,
            12 => Activity::Awake,
            _ => Activity::Unknown,
        },
        Kind::MiBand5 | Kind::MiBand6 | Kind::MiBand7 => match code {
            64 => Activity::Running,
            115 => Activity::NotWorn,
            118 => Activity::Charging,
            120 => Activity::Sleep,
            _ => Activity::Unknown,
        },
        _ => Activity::Unknown,
    }
}

/// What the `codes` of minutes that follow one another mean, beginning after `previous`.
pub fn classify_all(
    kind: Kind,
    previous: Activity,
    codes: impl IntoIterator<Item = u8>,
) -> impl Iterator<Item = Activity> {
    codes.into_iter().scan(previous, move |last, code| {
        *last = classify(kind, code, *last);
        Some(*last)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_of_no_change_keeps_what_was() {
        let codes = [0, 1, 0x50, 10, 9, 0x70, 11, 0x60, 3, 6, 5];
        let told: Vec<_> = classify_all(Kind::MiBand2, Activity::Unknown, codes).collect();
        use Activity::{Charging, DeepSleep, LightSleep, NotWorn, Unknown, Walking};
        let expected = [
            Unknown, Walking, Walking, Walking, LightSleep, LightSleep, DeepSleep, DeepSleep, NotWorn,
            Charging, Unknown,
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn later_bands_have_codes_of_their_own() {
        for (code, expected) in [
            (64, Activity::Running),
            (115, Activity::NotWorn),
            (118, Activity::Charging),
            (120, Activity::Sleep),
            (1, Activity::Unknown),
        ] {
            assert_eq!(classify(Kind::MiBand6, code, Activity::Walking), expected);
        }
        assert_eq!(classify(Kind::MiScale, 1, Activity::Walking), Activity::Unknown);
    }
}
