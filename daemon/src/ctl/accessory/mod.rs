//! `accessory`: bands, scales and sensors.
//!
//! `bus.rs` finds them; a file a verb asks, and words, tables and plots (`words.rs`, `plot.rs`, `day.rs`) are made apart
//! from that.

mod act;
pub mod bus;
mod choose;
pub mod cli;
mod day;
mod export;
mod forward;
mod minutes;
mod pair;
mod plot;
mod problem;
mod scan;
mod show;
mod sync;
mod words;

use std::time::Duration;

use super::cli::Global;
use super::client::{Client, PATIENCE};
use super::error::Error;
use super::interrupt::{Underway, or_interrupted};
use super::output::{Output, Report};
use cli::{Accessory, Verb};

/// The longest answer to `Sync`: a band's history of weeks comes over a slow link.
const HISTORY_PATIENCE: Duration = Duration::from_secs(60 * 60);

/// Does what `accessory` was asked for, see [`Verb`].
///
/// JSON: `scan` and `list` answer `accessories`, each with its properties in snake_case and `id`; `show` those of one,
/// `latest`, and `identity` where it was asked for; `sync` `records`; `measure` `heart_rate`; `activity` the day's sums;
/// `export` `minutes`; the others `id` and what became of it.
///
/// # Errors
/// What belayd says, with what to do about the accessory's problem; `Interrupted`.
pub async fn run(args: &Accessory, global: Global, output: Output) -> Result<Report, Error> {
    let underway = Underway::shown("belayctl accessory list shows what becomes of it.");
    let work = asked(args, global, output, &underway);
    match args.verb {
        // Ctrl-C is how these come to their end, which they tell of.
        Verb::Scan(_) | Verb::Forward => work.await,
        _ => or_interrupted(&underway, work).await,
    }
}

async fn asked(
    args: &Accessory,
    global: Global,
    output: Output,
    underway: &Underway,
) -> Result<Report, Error> {
    let patience = match args.verb {
        Verb::Sync(_) => HISTORY_PATIENCE,
        _ => PATIENCE,
    };
    let client = Client::connect_for(global.session, patience, underway).await?;
    super::judged(&client, verb(&client, &args.verb, output).await).await
}

async fn verb(client: &Client, verb: &Verb, output: Output) -> Result<Report, Error> {
    match verb {
        Verb::Scan(args) => scan::run(client, args, output).await,
        Verb::Forward => forward::run(client).await,
        Verb::List => show::list(client, output).await,
        Verb::Export(args) => export::run(client, args, output).await,
        Verb::Unpair(args) => act::unpair(client, args).await,
        Verb::Pair(args) => {
            let entry = bus::find(client, &args.one.id).await?;
            let result = pair::run(client, &entry, args, output).await;
            problem::explained(client, &entry, result).await
        }
        Verb::Show(args) => {
            let entry = bus::find(client, &args.one.id).await?;
            let result = show::show(client, &entry, args.identity, output).await;
            problem::explained(client, &entry, result).await
        }
        Verb::Sync(args) => {
            let entry = bus::find(client, &args.id).await?;
            let result = sync::run(client, &entry, output).await;
            problem::explained(client, &entry, result).await
        }
        Verb::Activity(args) => {
            let entry = bus::find(client, &args.one.id).await?;
            let result = day::run(client, &entry, args.day, output).await;
            problem::explained(client, &entry, result).await
        }
        Verb::Alert(args) => {
            let entry = bus::find(client, &args.one.id).await?;
            let result = act::alert(client, &entry, args).await;
            problem::explained(client, &entry, result).await
        }
        Verb::StopAlert(args) => {
            let entry = bus::find(client, &args.one.id).await?;
            let result = act::stop_alert(client, &entry, args.kind).await;
            problem::explained(client, &entry, result).await
        }
        Verb::Connect(args) => {
            let entry = bus::find(client, &args.id).await?;
            let result = act::connect(client, &entry).await;
            problem::explained(client, &entry, result).await
        }
        Verb::Disconnect(args) => {
            let entry = bus::find(client, &args.id).await?;
            let result = act::disconnect(client, &entry).await;
            problem::explained(client, &entry, result).await
        }
        Verb::Measure(args) => {
            let entry = bus::find(client, &args.id).await?;
            let result = act::measure(client, &entry).await;
            problem::explained(client, &entry, result).await
        }
        Verb::Settings(args) => {
            let entry = bus::find(client, &args.one.id).await?;
            let result = act::settings(client, &entry, &args.change).await;
            problem::explained(client, &entry, result).await
        }
    }
}
