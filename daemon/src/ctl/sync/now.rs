//! `now`, `restore`: a sync, with how it goes on.

use belay_proto::dbus::Options;
use futures_util::StreamExt as _;
use serde_json::json;
use tokio::time::Instant;
use zbus::Variant;

use super::cli::{Now, Restore};
use super::progress::Rate;
use super::{bus, bytes_words, show};
use crate::ctl::advice::{Advice, exit};
use crate::ctl::client::Client;
use crate::ctl::error::Error;
use crate::ctl::interrupt::Underway;
use crate::ctl::output::{Line, Output, Report};

/// Syncs now. JSON: `collections` that were asked for, `last_sync`, and as `question` what waits for `confirm`, empty where
/// nothing does.
///
/// # Errors
/// What belayd says.
pub async fn now(client: &Client, args: &Now, output: Output, underway: &Underway) -> Result<Report, Error> {
    let names = args
        .collections
        .iter()
        .map(|name| bus::named(name))
        .collect::<Result<Vec<_>, _>>()?;
    underway.sends("the sync");
    follow(client, &names, args.anyway, output).await?;
    let after = bus::properties(client).await?;
    let is_on = bus::sources(client).await?.iter().any(bus::Source::is_enabled);
    let text = match (is_on, show::left(&after, &names)) {
        (true, None) => "All is synced.".to_owned(),
        (true, Some(left)) => left,
        (false, _) => format!("Nothing was synced: {}.", show::NOTHING_ON),
    };
    let (last, question) = (after.get("last_sync"), after.get("question"));
    Ok(Report::new(
        text,
        json!({ "collections": names, "last_sync": last, "question": question }),
    ))
}

/// What belayd says of one collection, and which stops no other.
const OF_ONE: [&str; 3] = ["CloudRefused", "QuotaExceeded", "Storage"];

/// What is about all of them, and over by itself.
const FOR_NOW: [&str; 2] = ["Offline", "SyncPaused"];

/// Switches collections on, all before it waits for one: who is interrupted, or cut off, gets the rest all the same. belayd
/// fetches first what is small and missed first. JSON: `collections`, as `in_cloud` the `records` and `bytes` whose contents are
/// fetched only when a program reads them, as `troubled` those that couldn't be synced to the end, and as `error` what
/// cut it off, or where there are any the first one's.
///
/// # Errors
/// What belayd says, unless it is about one collection alone, or over by itself.
pub async fn restore(
    client: &Client,
    args: &Restore,
    output: Output,
    underway: &Underway,
) -> Result<Report, Error> {
    let names = bus::meant(&args.collections)?;
    underway.sends("the restore");
    let (mut left, mut left_bytes) = (0_u64, 0_u64);
    let (mut troubled, mut trouble, mut cut_off) = (Vec::new(), None, None);
    for name in &names {
        let collection = bus::collection(client, name).await?;
        let enabled = collection.proxy().set_enabled(true).await;
        enabled.map_err(bus::explained)?;
    }
    for name in &names {
        let collection = bus::collection(client, name).await?;
        if cut_off.is_none()
            && let Err(error) = follow(client, &[*name], args.anyway, output).await
        {
            let is_any = |known: &[&str]| known.iter().any(|known| error.is_named(known));
            if is_any(&FOR_NOW) {
                cut_off = Some(error.means("Offline", CUT_OFF).means("SyncPaused", HELD_UP));
            } else if is_any(&OF_ONE) {
                output.warn(&format!("{name}: {}", error.words().replace('\n', " ")));
                troubled.push(*name);
                trouble.get_or_insert(error);
            } else {
                return Err(error);
            }
        }
        let records = bus::records(&collection).await?;
        let long = || records.iter().filter(|record| record.is_long);
        let bytes: u64 = long().map(|record| record.length).sum();
        if cut_off.is_none() {
            output.progress(&format!(
                "{name}: {} records are here{}.",
                records.len(),
                but(bytes)
            ))?;
        }
        left += long().count() as u64;
        left_bytes += bytes;
    }
    let mut sources = bus::sources(client).await?;
    sources.retain(|source| names.contains(&source.name));
    let mut json = show::sources_json(&sources);
    json["in_cloud"] = json!({ "records": left, "bytes": left_bytes });
    json["troubled"] = json!(troubled);
    Ok(match (cut_off, trouble) {
        (Some(error), _) => Report::new(error.words(), json).in_part(&error),
        (None, None) => Report::new(ended(left, left_bytes), json),
        (None, Some(error)) => {
            let text = format!(
                "All are switched on, but something may be missing of {}: it is tried again by itself, see belayctl sync status.",
                troubled.join(", ")
            );
            Report::new(text, json).in_part(&error)
        }
    })
}

/// A restore that is cut off, and goes on without anybody.
const CUT_OFF: Advice = Advice {
    exit: exit::UNAVAILABLE,
    happened: "The cloud can't be reached, so not everything is here yet.",
    next: "All are switched on, and it goes on by itself as soon as the cloud can be reached; see belayctl sync status.",
};

/// A restore that the owner or the policy holds up, and that goes on likewise.
const HELD_UP: Advice = Advice {
    exit: exit::UNAVAILABLE,
    happened: "Sync is paused: by its owner, on a metered network, while roaming, or for a low battery. Not everything is here \
               yet.",
    next: "All are switched on, and it goes on by itself as soon as nothing pauses it: belayctl sync resume where its owner did, \
           else belayctl sync restore --anyway.",
};

/// What is missing of a collection that is here, in words.
fn but(bytes: u64) -> String {
    match bytes {
        0 => String::new(),
        bytes => format!(", with {} of contents still in the cloud", bytes_words(bytes)),
    }
}

/// What a restore came to: belayd keeps no long contents, and nobody may have read them yet.
fn ended(records: u64, bytes: u64) -> String {
    match records {
        0 => "Everything is here, and stays in sync.".to_owned(),
        records => format!(
            "All records are here, and stay in sync. Of {records} of them the contents, {}, stay in the cloud until a \
             program reads them: belay-agent writes them into your folders, belayctl sync export into one of yours.",
            bytes_words(bytes)
        ),
    }
}

/// Syncs, with a line that is drawn anew on a terminal.
async fn follow(client: &Client, names: &[&str], anyway: bool, output: Output) -> Result<(), Error> {
    let sync = belay_proto::dbus::SyncProxy::new(client.connection()).await?;
    let mut progress = sync.receive_progress_changed().await;
    // Once it is read it is followed.
    sync.progress().await?;
    let mut options = Options::new();
    if anyway {
        options.insert("anyway", Variant::from(true));
    }
    let mut syncing = std::pin::pin!(sync.sync_now(names, &options));
    let (begin, mut rate, mut line) = (Instant::now(), Rate::default(), Line::default());
    let result = loop {
        tokio::select! {
            biased;
            Some(change) = progress.next() => {
                let (done, all) = change.get().await.unwrap_or_default();
                rate.note(begin.elapsed(), done);
                if output.terminal && all > 0 {
                    line.draw(&format!("{}{}", prefix(names), rate.line(done, all)))?;
                }
            }
            result = &mut syncing => break result,
        }
    };
    drop(line);
    result
        .map_err(Error::from)
        .map_err(|error| match error.is_named("Busy") {
            true => Error::named("SyncPaused", "its owner, the network or the battery pauses it"),
            false => error,
        })
}

fn prefix(names: &[&str]) -> String {
    match names {
        [name] => format!("{name:<10} "),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restore_says_what_is_still_in_the_cloud() {
        assert_eq!(ended(0, 0), "Everything is here, and stays in sync.");
        let said = ended(3, 1_500_000);
        assert!(said.contains("Of 3 of them") && said.contains("1.5 MB"), "{said}");
        assert!(!said.contains("Everything"));
        assert_eq!(
            (but(0), but(2_000)),
            (
                String::new(),
                ", with 2.0 kB of contents still in the cloud".to_owned()
            )
        );
    }
}
