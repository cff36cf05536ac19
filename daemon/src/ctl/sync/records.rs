//! `list`, `get`, `put`, `delete`, `conflicts`, `resolve`: records.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use belay_proto::dbus::Options;
use belay_proto::dbus::client::{Got, NewRecord};
use belay_proto::dbus::records::Listed;
use belay_proto::sync::Attributes;
use serde_json::{Value, json};
use zbus::Variant;
use zeroize::Zeroizing;

use super::cli::{Get, One, Put, Record, Resolve};
use super::{bus, bytes_words};
use crate::ctl::client::Client;
use crate::ctl::error::Error;
use crate::ctl::output::{Output, Report};
use crate::ctl::text::printable;

/// Copied at once, bytes.
const PIECE: usize = 64 * 1024;

/// Lists the records of a collection. JSON: `records`.
///
/// # Errors
/// What belayd says.
pub async fn list(client: &Client, args: &One, output: Output) -> Result<Report, Error> {
    let name = bus::named(&args.collection)?;
    let records = bus::records(&bus::collection_to_read(client, name).await?).await?;
    let json: Vec<_> = records.iter().map(|record| shown(name, record)).collect();
    let text = match records.as_slice() {
        [] => format!("{name} holds no record on this device."),
        records => {
            let heading = format!("{:<32}  {:>9}  {:<24}  NAME", "ID", "SIZE", "KIND");
            let rows = records.iter().map(row);
            std::iter::once(output.ink.faint(&heading))
                .chain(rows)
                .collect::<Vec<_>>()
                .join("\n")
        }
    };
    Ok(Report::new(text, json!({ "records": json })))
}

/// A record on a line.
pub fn row(record: &Listed) -> String {
    let note = match (record.conflict_with, record.lacking) {
        (Some(_), _) => "  (another version, see belayctl sync conflicts)",
        (None, true) => "  (its content has to be put again)",
        (None, false) => "",
    };
    format!(
        "{}  {:>9}  {:<24}  {}{note}",
        record.id,
        bytes_words(record.length),
        printable(&record.kind),
        printable(&record.natural),
    )
}

/// What was removed, on a line.
pub fn gone_row(record: &Listed) -> String {
    format!(
        "{}  {:>9}  {:<24}  {}",
        record.id,
        "removed",
        printable(&record.kind),
        printable(&record.natural),
    )
}

/// A record for scripts.
pub fn shown(collection: &str, record: &Listed) -> Value {
    json!({
        "collection": collection,
        "id": record.id.to_string(),
        "revision": record.revision,
        "natural": record.natural,
        "kind": record.kind,
        "length": record.length,
        "attributes": record.attributes.0,
        "conflict_with": record.conflict_with.map(|id| id.to_string()),
        "lacking": record.lacking,
        "changed_at": record.changed_at,
        "long": record.is_long,
    })
}

/// Writes a record's content. JSON (with `--output`): `record`, `saved_to`.
///
/// # Errors
/// What belayd says; `CutShort`; [`Error::Io`] when the file is there already or can't be written; [`Error::Usage`] for
/// JSON without `--output`.
pub async fn get(client: &Client, args: &Get, output: Output) -> Result<Report, Error> {
    if output.json && args.output.is_none() {
        return Err(Error::Usage(
            "With --json the answer is JSON: add --output FILE for the record.".to_owned(),
        ));
    }
    let name = bus::named(&args.one.of.collection)?;
    let collection = bus::collection_to_read(client, name).await?;
    let record = bus::record(&collection, &args.one.record).await?;
    let json = shown(name, &record);
    let got = collection.get(record.id).await.map_err(bus::explained)?;
    let Some(path) = args.output.clone() else {
        copied(got, io::stdout(), "standard output".to_owned()).await?;
        return Ok(Report::new("", json));
    };
    let what = path.display().to_string();
    let file = created(&path).map_err(Error::io(what.clone()))?;
    if let Err(error) = copied(got, file, what.clone()).await {
        // Half a record is none.
        let _ = std::fs::remove_file(&path);
        return Err(error);
    }
    Ok(Report::new(
        format!("{}, saved to {what}.", bytes_words(record.length)),
        json!({ "record": json, "saved_to": path }),
    ))
}

/// A file that wasn't there, and is its owner's alone.
pub fn created(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// Copies a content, on a thread that may wait for the network.
///
/// # Errors
/// `CutShort` where it isn't all; [`Error::Io`].
pub async fn copied(got: Got, to: impl Write + Send + 'static, what: String) -> Result<(), Error> {
    let length = got.record.length;
    let copy = tokio::task::spawn_blocking(move || copy(got, to));
    match copy.await.map_err(io::Error::other) {
        Ok(Ok(copied)) if copied == length => Ok(()),
        Ok(Ok(_)) => Err(Error::named("CutShort", "the content ended early")),
        Ok(Err(error)) | Err(error) => Err(Error::io(what)(error)),
    }
}

fn copy(got: Got, mut to: impl Write) -> io::Result<u64> {
    let mut from = got.reader().map_err(io::Error::other)?;
    let mut piece = Zeroizing::new(vec![0; PIECE]);
    let mut copied = 0;
    loop {
        match from.read(&mut piece) {
            Ok(0) => break,
            Ok(taken) => {
                to.write_all(piece.get(..taken).unwrap_or_default())?;
                copied += taken as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    to.flush()?;
    Ok(copied)
}

/// Stores a record. JSON: `collection`, `id` (`null` for one whose name was drawn), `revision`.
///
/// # Errors
/// What belayd says; [`Error::Io`] when the file can't be read.
pub async fn put(client: &Client, args: &Put) -> Result<Report, Error> {
    let name = bus::named(&args.of.collection)?;
    let what = args.file.display().to_string();
    let content = content(&args.file).map_err(Error::io(what))?;
    let collection = bus::collection(client, name).await?;
    let present = match &args.natural {
        Some(natural) => bus::record(&collection, natural).await.ok(),
        None => None,
    };
    let id = match &args.natural {
        Some(natural) => {
            let ids = collection.identify(&[natural]).await.map_err(bus::explained)?;
            ids.first().copied()
        }
        None => None,
    };
    let new = NewRecord {
        id: None,
        revision: args
            .revision
            .or(present.as_ref().map(|record| record.revision))
            .unwrap_or_default(),
        natural: args.natural.clone(),
        kind: args.kind.clone().unwrap_or_default(),
        attributes: present
            .map(|record| taken_over(record.attributes))
            .unwrap_or_default(),
        keep_both: args.keep_both,
    };
    let revision = collection.put_from(&new, content).await.map_err(bus::explained)?;
    Ok(Report::new(
        "Stored.",
        json!({ "collection": name, "id": id.map(|id| id.to_string()), "revision": revision }),
    ))
}

/// What a new content has of the one before: not its time, by which belay-agent holds a file for the same.
fn taken_over(mut attributes: Attributes) -> Attributes {
    attributes.0.remove("modified");
    attributes
}

/// The file, or standard input; belayd reads it.
fn content(file: &Path) -> io::Result<OwnedFd> {
    match file.to_str() {
        Some("-") => io::stdin().as_fd().try_clone_to_owned(),
        _ => Ok(File::open(file)?.into()),
    }
}

/// Deletes a record. JSON: `collection`, `id`.
///
/// # Errors
/// What belayd says.
pub async fn delete(client: &Client, args: &Record) -> Result<Report, Error> {
    let name = bus::named(&args.of.collection)?;
    let collection = bus::collection(client, name).await?;
    let record = bus::record(&collection, &args.record).await?;
    let id = record.id.to_string();
    let proxy = collection.proxy();
    proxy.delete(&id, record.revision).await.map_err(bus::explained)?;
    Ok(Report::new(
        format!("{} is deleted, on all devices.", printable(&record.natural)),
        json!({ "collection": name, "id": id }),
    ))
}

/// Lists the records of which two versions were kept. JSON: `records`, each with the `other_revision`; 0: there is no other
/// one any more.
///
/// # Errors
/// What belayd says.
pub async fn conflicts(client: &Client, output: Output) -> Result<Report, Error> {
    let (mut lines, mut all) = (Vec::new(), Vec::new());
    for source in bus::sources(client).await? {
        if source.number("conflicts") == 0 {
            continue;
        }
        let records = bus::records(&bus::collection_to_read(client, source.name).await?).await?;
        for record in records.iter().filter(|record| record.conflict_with.is_some()) {
            let natural = printable(&record.natural);
            let of_other = |other: &&Listed| Some(other.id) == record.conflict_with;
            let other = records.iter().find(of_other).map_or(0, |other| other.revision);
            lines.push(format!(
                "{:<11} {} {:>8} {other:>8}  {natural}",
                source.name, record.id, record.revision
            ));
            let mut json = shown(source.name, record);
            json["other_revision"] = other.into();
            all.push(json);
        }
    }
    let text = match lines.is_empty() {
        true => "Nothing waits for a choice.".to_owned(),
        false => {
            let heading = format!(
                "{:<11} {:<32} {:>8} {:>8}  NAME",
                "COLLECTION", "ID", "REVISION", "OTHER"
            );
            lines.insert(0, output.ink.faint(&heading));
            lines.push(output.ink.faint(
                "Choose with belayctl sync resolve COLLECTION ID mine|theirs|both; belayctl sync get shows a version. With \
                 --revision and --other it is chosen only between what is listed here.",
            ));
            lines.join("\n")
        }
    };
    Ok(Report::new(text, json!({ "records": all })))
}

/// Chooses between two versions. JSON: `collection`, `id`, `choice`, and what is there then as `kept`: `id`, `revision`.
///
/// # Errors
/// What belayd says; `Conflict` where a version isn't any more as `conflicts` showed it.
pub async fn resolve(client: &Client, args: &Resolve) -> Result<Report, Error> {
    let name = bus::named(&args.of.collection)?;
    let collection = bus::collection(client, name).await?;
    let choice = args.choice.as_str();
    let mut shown = Options::new();
    for (key, revision) in [("revision", args.revision), ("other", args.other)] {
        if let Some(revision) = revision {
            shown.insert(key, Variant::from(revision));
        }
    }
    let kept = collection.proxy().choose(&args.id, choice, &shown).await;
    let kept: Vec<_> = kept
        .map_err(bus::explained)?
        .into_iter()
        .map(|(id, revision)| json!({ "id": id, "revision": revision }))
        .collect();
    Ok(Report::new(
        "Done.",
        json!({ "collection": name, "id": args.id, "choice": choice, "kept": kept }),
    ))
}
