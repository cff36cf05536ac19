//! The phone is somewhere: it rings, tells its owner where it is, and is wiped when she gives it up.

use std::time::Duration;

use belay_proto::CommandId;
use belay_proto::signed::Action;
use belay_proto::wire::{LocationSource, Report};

use super::Teller;
use super::lost::done;
use super::scratch::Scratch;
use crate::app::{App, DEVICE};
use crate::owner::Console;
use crate::services::geoclue::Place;
use crate::services::network::AccessPoint;
use crate::surprise::During;
use crate::until::{turns, within};
use crate::{Outcome, Stage, expect};

/// How often the phone finds out where it is.
const FIX: Duration = Duration::from_millis(500);

/// Where the phone lies.
const PLACE: (f64, f64) = (48.2082, 16.3738);

/// Walks the chapters of a phone that isn't locked.
pub(super) async fn walk(
    stage: &Stage,
    teller: &mut Teller,
    app: &App,
    console: &Console,
    scratch: &Scratch,
) -> Outcome {
    ring(stage, teller, app, console).await.during("ringing")?;
    locate(stage, teller, console).await.during("locating")?;
    wipe(stage, teller, app, console, scratch).await.during("wiping")
}

async fn ring(stage: &Stage, teller: &mut Teller, app: &App, console: &Console) -> Outcome {
    teller.step("It lies somewhere in the house: Ada has it ring, although it is set to silent.");
    let feedback = stage.services().feedback();
    let id = console.send(stage, Action::Ring { seconds: 60 }).await?;
    feedback.until_playing(true).await?;
    done(stage, console, id).await?;
    let rings: bool = app.get(DEVICE, "Ringing").await?;
    expect!(rings, "there is a sound, but Ringing is false");
    let sounds = feedback.playing();
    teller.answer(format!(
        "it rings ({:?}, profile {:?}).",
        sounds.first().map_or("", |sound| sound.event.as_str()),
        sounds
            .first()
            .and_then(|sound| sound.profile.as_deref())
            .unwrap_or_default()
    ));
    let id = console.send(stage, Action::StopRing).await?;
    feedback.until_playing(false).await?;
    done(stage, console, id).await?;
    teller.answer("she has it stop: silence.");
    Ok(())
}

async fn locate(stage: &Stage, teller: &mut Teller, console: &Console) -> Outcome {
    teller.step("Not in the house. Ada asks where it is.");
    let (position, network) = (stage.services().position(), stage.services().network());
    let around = AccessPoint {
        bssid: "02:00:00:00:00:01",
        ssid: "Café",
        strength: 71,
        frequency: 5180,
    };
    network.around(&[around], 1);
    let (_, heard) = console.reports(stage, 0).await?;
    let searches = position.puppet().calls("Start").len();
    let id = console.send(stage, Action::Locate).await?;
    position.puppet().called("Start", searches + 1).await?;
    let moving = async {
        let mut ticks = tokio::time::interval(FIX);
        loop {
            ticks.tick().await;
            let place = Place {
                latitude: PLACE.0,
                longitude: PLACE.1,
                accuracy: 12.0,
                altitude: None,
                timestamp: stage.clock().wall(),
            };
            position.found(place).await?;
        }
    };
    tokio::select! {
        done = done(stage, console, id) => done?,
        stopped = moving => return stopped,
    };
    told_where(teller, &reports_of(stage, console, id, heard).await?)
}

/// Waits for the place that a `locate` reports; with it comes what else was reported meanwhile.
async fn reports_of(stage: &Stage, console: &Console, id: CommandId, after: u64) -> Outcome<Vec<Report>> {
    let is_place =
        |report: &Report| matches!(report, Report::Location { command, .. } if *command == Some(id));
    within("the report", async {
        let mut turns = turns();
        loop {
            turns.tick().await;
            let (reports, _) = console.reports(stage, after).await?;
            if reports.iter().any(is_place) {
                return Ok(reports);
            }
        }
    })
    .await?
}

fn told_where(teller: &Teller, reports: &[Report]) -> Outcome {
    for report in reports {
        if let Report::Location {
            latitude,
            longitude,
            accuracy,
            source,
            age_ms,
            after_command,
            ..
        } = report
        {
            expect!(
                (*latitude, *longitude) == PLACE && *source == LocationSource::Network && *after_command,
                "it is said to be at {report:?}"
            );
            teller.answer(format!(
                "a report that only she can open: {latitude}, {longitude}, within {accuracy} m, measured after she \
                 asked ({age_ms} ms old when it was sent)."
            ));
        }
    }
    for report in reports {
        if let Report::Evidence { wifi, .. } = report {
            let names: Vec<&str> = wifi.iter().map(|around| around.ssid.as_str()).collect();
            teller.answer(format!(
                "another tells what Wi-Fi is in reach: {}.",
                names.join(", ")
            ));
        }
    }
    Ok(())
}

async fn wipe(
    stage: &Stage,
    teller: &mut Teller,
    app: &App,
    console: &Console,
    scratch: &Scratch,
) -> Outcome {
    teller.step(&format!(
        "It was in the café, and is gone from there. Ada gives it up and has it wiped. What holds her data in this \
         story: {}.",
        scratch.words()
    ));
    let class = app.text(DEVICE, "WipeClass").await?;
    expect!(class == scratch.class(), "the wipe is worth {class}");
    expect!(scratch.is_readable()?, "the data can't be read before the wipe");
    teller.answer(format!(
        "before: the data can be read ({}); WipeClass says: {class}.",
        scratch.probe()
    ));
    let mut device = app.watch(DEVICE).await?;
    let id = console
        .send(
            stage,
            Action::Wipe {
                external: false,
                keep_esim: false,
            },
        )
        .await?;
    device.becomes("LockState", "wiped").await?;
    let life = done(stage, console, id).await?;
    expect!(!scratch.is_readable()?, "the data can still be read");
    expect!(scratch.is_power_off(), "the power is still on");
    let tombstone = scratch.tombstone()?;
    expect!(
        tombstone.contains("\"wiped\"") && tombstone.contains(&id.to_string()),
        "the tombstone says {tombstone}"
    );
    teller.answer(format!(
        "wiped. The warden's last word to Ada is {life}; the data can't be read any more, and a journal outside it \
         says so. Here the power would go off."
    ));
    Ok(())
}
