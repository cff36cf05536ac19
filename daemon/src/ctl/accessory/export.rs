//! `export`: activity by the minute, for other programs.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::SystemTime;

use belay_proto::clock::unix_seconds;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::cli::{Export, Format};
use super::minutes::{self, Minute};
use super::{bus, day, problem};
use crate::ctl::client::Client;
use crate::ctl::error::Error;
use crate::ctl::output::{Output, Report};
use crate::ctl::text::{date, parse_since, timestamp};

/// Writes the minutes to standard output or a file. Each has `minute` (CSV: RFC 3339 in UTC; JSON: seconds since the
/// epoch), `kind`, `intensity`, `steps`, `heart_rate` (CSV: empty, JSON: `null` where it isn't known). JSON: `minutes`;
/// with `--output`, `id`, `count`, `saved_to`.
///
/// # Errors
/// What belayd says; [`Error::Io`] when the file is there already or can't be written; [`Error::Usage`] for times that
/// aren't, and for CSV where JSON was asked for too.
pub async fn run(client: &Client, args: &Export, output: Output) -> Result<Report, Error> {
    let format = form(args, output.json)?;
    let now = unix_seconds(SystemTime::now());
    let (from, to) = span(args, now, &TimeZone::system())?;
    let entry = bus::find(client, &args.one.id).await?;
    let minutes = minutes::fetch(client, &entry, from, to).await;
    let minutes = problem::explained(client, &entry, minutes).await?;
    let (text, json) = match format {
        Format::Csv => (csv(&minutes), Value::Null),
        Format::Json => {
            let json = as_json(&minutes);
            (json.to_string(), json)
        }
    };
    let Some(path) = &args.output else {
        return Ok(Report::new(text, json));
    };
    save(path, &text)?;
    let count = minutes.len();
    Ok(Report::new(
        format!("{count} minutes, saved to {}.", path.display()),
        json!({ "id": entry.id.to_string(), "count": count, "saved_to": path }),
    ))
}

fn form(args: &Export, json: bool) -> Result<Format, Error> {
    match args.format {
        Some(Format::Csv) if json && args.output.is_none() => Err(Error::Usage(
            "With --json the answer is JSON: leave one of --json and --format csv out, or add --output FILE."
                .to_owned(),
        )),
        Some(format) => Ok(format),
        None if json => Ok(Format::Json),
        None => Ok(Format::Csv),
    }
}

/// From when until before when, in seconds since the epoch.
fn span(args: &Export, now: u64, zone: &TimeZone) -> Result<(u64, u64), Error> {
    let from = match date(&args.from) {
        Ok(first) => day::bounds(first, zone)?.0,
        Err(_) => parse_since(&args.from, now)?,
    };
    let to = match args.to.as_deref().map(|text| (text, date(text))) {
        None => now,
        Some((_, Ok(last))) => day::bounds(last, zone)?.1,
        Some((text, Err(_))) => parse_since(text, now)?,
    };
    // Nothing is known of what comes, and asking for it would have no end.
    let to = to.min(now.saturating_add(86_400));
    if from >= to {
        return Err(Error::Usage("The end lies before the beginning.".to_owned()));
    }
    Ok((from, to))
}

fn csv(minutes: &[Minute]) -> String {
    let mut text = "minute,kind,intensity,steps,heart_rate".to_owned();
    for one in minutes {
        let rate = one.heart_rate.map(|rate| rate.to_string()).unwrap_or_default();
        // Writing to a text can't fail.
        let _ = write!(
            text,
            "\n{},{},{},{},{rate}",
            rfc3339(one.start),
            one.activity.name(),
            one.intensity,
            one.steps
        );
    }
    text
}

fn rfc3339(second: u64) -> String {
    timestamp(second).map(|time| time.to_string()).unwrap_or_default()
}

fn as_json(minutes: &[Minute]) -> Value {
    let one = |one: &Minute| {
        json!({
            "minute": one.start,
            "kind": one.activity.name(),
            "intensity": one.intensity,
            "steps": one.steps,
            "heart_rate": one.heart_rate,
        })
    };
    json!({ "minutes": minutes.iter().map(one).collect::<Vec<_>>() })
}

/// Writes a file that only its owner can read: it says when they slept.
fn save(path: &Path, text: &str) -> Result<(), Error> {
    let failed = || Error::io(path.display().to_string());
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(failed())?;
    writeln!(file, "{text}")
        .and_then(|()| file.sync_all())
        .map_err(failed())
}

#[cfg(test)]
#[path = "export_tests.rs"]
mod tests;
