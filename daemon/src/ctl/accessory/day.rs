//! `activity`: a day's steps, heart rate and sleep.

use belay_drivers::huami::activity::Activity;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use std::time::Duration;

use super::bus::Entry;
use super::minutes::{self, Minute};
use super::plot::{COLUMNS, Glyphs, Sleep, bars, hours, labelled};
use crate::ctl::client::Client;
use crate::ctl::error::Error;
use crate::ctl::output::{Output, Report};
use crate::ctl::text::{midnight, timestamp, wait_words};

const HOURS: usize = 24;

/// Draws a day, from midnight to midnight of this device's time zone. JSON: `id`, `day`, `steps`, `steps_by_hour` (24,
/// `null`: nothing known), `heart_rate` with `lowest`, `average`, `highest` (`null`: none), `sleep_minutes`,
/// `deep_sleep_minutes`.
///
/// # Errors
/// What belayd says; [`Error::Usage`] for a day that no clock knows.
pub async fn run(client: &Client, entry: &Entry, day: Option<Date>, output: Output) -> Result<Report, Error> {
    let zone = TimeZone::system();
    let day = day.unwrap_or_else(|| zone.to_datetime(Timestamp::now()).date());
    let (from, to) = bounds(day, &zone)?;
    let minutes = minutes::fetch(client, entry, from, to).await?;
    let sums = Sums::of(&minutes, &zone);
    let text = format!(
        "{}, {day}\n\n{}",
        output.ink.strong(&entry.shown_name()),
        sums.render(Glyphs::of(output))
    );
    let mut json = sums.json();
    json["id"] = entry.id.to_string().into();
    json["day"] = day.to_string().into();
    Ok(Report::new(text, json))
}

/// The first second of `day`, and that of the next one.
///
/// # Errors
/// [`Error::Usage`] before 1970 and at the end of the calendar.
pub fn bounds(day: Date, zone: &TimeZone) -> Result<(u64, u64), Error> {
    let wrong = || Error::Usage(format!("{day} isn't a day with activity"));
    let next = day.tomorrow().map_err(|_| wrong())?;
    midnight(day, zone).zip(midnight(next, zone)).ok_or_else(wrong)
}

/// What a day comes to.
#[derive(Debug, PartialEq)]
struct Sums {
    minutes: usize,
    steps: [Option<u32>; HOURS],
    /// Sum and number of the heart rates in each half hour.
    rates: [(u32, u32); COLUMNS],
    lowest: Option<u8>,
    highest: Option<u8>,
    /// Minutes of deep and of other sleep in each half hour.
    sleep: [(u32, u32); COLUMNS],
}

impl Default for Sums {
    fn default() -> Self {
        Self {
            minutes: 0,
            steps: [None; HOURS],
            rates: [(0, 0); COLUMNS],
            lowest: None,
            highest: None,
            sleep: [(0, 0); COLUMNS],
        }
    }
}

impl Sums {
    fn of(minutes: &[Minute], zone: &TimeZone) -> Self {
        let mut sums = Self::default();
        for minute in minutes {
            let Some(slot) = half_hour(minute.start, zone) else {
                continue;
            };
            sums.minutes += 1;
            if let Some(steps) = sums.steps.get_mut(slot / 2) {
                *steps = Some(steps.unwrap_or(0) + u32::from(minute.steps));
            }
            if let (Some(rate), Some((sum, count))) = (minute.heart_rate, sums.rates.get_mut(slot)) {
                *sum += u32::from(rate);
                *count += 1;
                sums.lowest = Some(sums.lowest.map_or(rate, |lowest| lowest.min(rate)));
                sums.highest = Some(sums.highest.map_or(rate, |highest| highest.max(rate)));
            }
            if let Some((deep, other)) = sums.sleep.get_mut(slot) {
                match minute.activity {
                    Activity::DeepSleep => *deep += 1,
                    Activity::LightSleep | Activity::Sleep => *other += 1,
                    _ => {}
                }
            }
        }
        sums
    }

    fn total_steps(&self) -> u32 {
        self.steps.iter().flatten().sum()
    }

    fn average_rate(&self) -> Option<u32> {
        let (sum, count) = self
            .rates
            .iter()
            .fold((0, 0), |(sum, count), (one, number)| (sum + one, count + number));
        average(sum, count)
    }

    /// Minutes of deep and of other sleep.
    fn slept(&self) -> (u32, u32) {
        self.sleep
            .iter()
            .fold((0, 0), |(deep, other), (one, two)| (deep + one, other + two))
    }

    fn render(&self, glyphs: Glyphs) -> String {
        if self.minutes == 0 {
            return "Nothing is known of this day. belayctl accessory sync fetches what the band holds."
                .to_owned();
        }
        let mut lines = vec![format!("Steps: {}", self.total_steps())];
        let most = self.steps.iter().flatten().copied().max().unwrap_or(0);
        let walked = self.steps.map(|steps| steps.filter(|steps| *steps > 0));
        lines.extend(bars(&walked, COLUMNS / HOURS, (0, most.max(1)), glyphs));
        lines.push(hours());
        lines.push(String::new());
        if let (Some(lowest), Some(highest), Some(average)) = (self.lowest, self.highest, self.average_rate())
        {
            lines.push(format!(
                "Heart rate: {lowest} to {highest} bpm, {average} on average"
            ));
            let rates = self.rates.map(|(sum, count)| self::average(sum, count));
            lines.extend(bars(&rates, 1, (u32::from(lowest), u32::from(highest)), glyphs));
            lines.push(hours());
        } else {
            lines.push("Heart rate: not measured".to_owned());
        }
        lines.push(String::new());
        let (deep, other) = self.slept();
        lines.push(sleep_words(deep, other));
        if deep + other > 0 {
            let strip: String = self.sleep.iter().map(|half| glyphs.sleep(depth(*half))).collect();
            lines.push(labelled("", &strip));
            lines.push(hours());
            if deep > 0 {
                lines.push(format!(
                    "{:>8}{} deep, {} light",
                    "",
                    glyphs.sleep(Sleep::Deep),
                    glyphs.sleep(Sleep::Light)
                ));
            }
        }
        lines.join("\n")
    }

    fn json(&self) -> Value {
        let (deep, other) = self.slept();
        let rate = self
            .average_rate()
            .map(|average| json!({ "lowest": self.lowest, "average": average, "highest": self.highest }));
        json!({
            "steps": self.total_steps(),
            "steps_by_hour": self.steps,
            "heart_rate": rate,
            "sleep_minutes": deep + other,
            "deep_sleep_minutes": deep,
        })
    }
}

/// The half hour of the wall clock that a second lies in.
fn half_hour(second: u64, zone: &TimeZone) -> Option<usize> {
    let time = zone.to_datetime(timestamp(second)?);
    usize::try_from(i32::from(time.hour()) * 2 + i32::from(time.minute()) / 30).ok()
}

fn average(sum: u32, count: u32) -> Option<u32> {
    (count > 0).then(|| (sum + count / 2) / count)
}

/// A half hour slept for the most part; what there was more of says how deep.
fn depth((deep, other): (u32, u32)) -> Sleep {
    match deep + other {
        0..15 => Sleep::None,
        _ if deep > other => Sleep::Deep,
        _ => Sleep::Light,
    }
}

fn sleep_words(deep: u32, other: u32) -> String {
    let words = |minutes: u32| wait_words(Duration::from_secs(u64::from(minutes) * 60));
    match (deep, other) {
        (0, 0) => "Sleep: none known".to_owned(),
        (0, other) => format!("Sleep: {}", words(other)),
        (deep, other) => format!("Sleep: {}, of which {} deep", words(deep + other), words(deep)),
    }
}

#[cfg(test)]
#[path = "day_tests.rs"]
mod tests;
