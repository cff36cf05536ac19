//! What accessories measure.

/// One minute of a band's history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActivityMinute {
    /// When it began, in seconds since the Unix epoch.
    pub start: u64,
    /// The band's own code for what its wearer did, as it came.
    pub kind: u8,
    /// How much the band moved, 0 to 255.
    pub intensity: u8,
    /// Steps in that minute.
    pub steps: u8,
    /// Beats a minute; 255: none was measured.
    pub heart_rate: u8,
}

/// The counters of today. They begin again at midnight, so they may fall.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DailyTotals {
    /// Steps.
    pub steps: u32,
    /// Metres.
    pub distance: Option<u32>,
    /// Kilocalories.
    pub energy: Option<u32>,
}

/// One measurement that stands by itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reading {
    /// Body mass, kg.
    Weight(f64),
    /// Bioelectrical impedance, ohm; where a scale measures two, the first.
    Impedance(f64),
    /// The second impedance, ohm, of a scale that measures two.
    SecondImpedance(f64),
    /// Body fat, percent.
    BodyFat(f64),
    /// Beats a minute.
    HeartRate(u16),
    /// Today's counters.
    Totals(DailyTotals),
    /// °C.
    Temperature(f64),
    /// Relative humidity, percent.
    Humidity(f64),
    /// Lux.
    Illuminance(f64),
    /// Soil moisture, percent.
    Moisture(f64),
    /// Soil conductivity, µS/cm.
    Conductivity(f64),
    /// Something moved.
    Motion,
    /// Opened (true) or closed.
    Open(bool),
    /// Water was found (true) or is gone.
    Leak(bool),
    /// Smoke was found (true) or is gone.
    Smoke(bool),
    /// A button was pressed.
    Press,
    /// Percent of the battery.
    Battery(u8),
}
