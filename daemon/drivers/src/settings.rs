//! What the owner sets on a band.

use jiff::civil::Date;

/// The keys of `SetSettings`; `None` leaves as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Steps a day.
    pub step_goal: Option<u32>,
    /// Who wears it. Bands take all of it at once.
    pub wearer: Option<Wearer>,
    /// On which wrist.
    pub wrist: Option<Wrist>,
    /// How the clock is shown.
    pub clock: Option<ClockFormat>,
    /// How distances are shown.
    pub units: Option<Units>,
}

/// What a band computes distances and energy from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wearer {
    /// Day of birth.
    pub birth: Date,
    /// Height, cm.
    pub height: u16,
    /// Weight, kg.
    pub weight: u16,
    /// Sex.
    pub sex: Sex,
    /// Any number that stays the same for one owner.
    pub id: u32,
}

/// Sex, as bands ask for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sex {
    /// Male.
    Male,
    /// Female.
    Female,
    /// Other.
    Other,
}

/// The wrist that wears the band.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrist {
    /// The left.
    Left,
    /// The right.
    Right,
}

/// 12 or 24 hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockFormat {
    /// 12 hours.
    Twelve,
    /// 24 hours.
    TwentyFour,
}

/// Units of length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Units {
    /// Kilometres.
    Metric,
    /// Miles.
    Imperial,
}
