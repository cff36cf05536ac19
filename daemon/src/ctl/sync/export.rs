//! `export`: the records as files that any program reads.

use std::fs::{DirBuilder, File};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use belay_proto::dbus::client::CollectionClient;
use belay_proto::dbus::records::{FramedRecord, Listed};
use belay_proto::sync::RecordId;
use serde_json::json;

use super::cli::Export;
use super::{bus, natural, records};
use crate::ctl::client::Client;
use crate::ctl::error::Error;
use crate::ctl::output::{Output, Report};
use crate::ctl::text::printable;

/// Contents up to here are short for sure, bytes: many come in one call.
const SHORT: u64 = 256 * 1024;
/// Records and bytes in one call.
const BATCH: usize = 500;
const BATCH_BYTES: u64 = 8 * 1024 * 1024;

/// Writes each collection into a folder of its own below `DIR`: contacts as `.vcf`, calendars as `.ics`, notes and files by
/// their paths. Folders and files are their owner's alone, and nothing that is there is touched; once it answers, a power cut
/// takes nothing of it. A record whose content isn't to be had keeps no other back. JSON: `folder`, `written`, `skipped` (how many
/// they are), `missing` (these records, as `why` the name of the error), and where there are any the `error`, `CutShort`.
///
/// # Errors
/// What belayd says; [`Error::Io`] where a collection's folder is there already, or can't be written.
pub async fn run(client: &Client, args: &Export, output: Output) -> Result<Report, Error> {
    let names = bus::meant(&args.collections)?;
    let sources = bus::sources(client).await?;
    let here = opened(&args.folder).map_err(at(&args.folder))?;
    let mut written = 0;
    let mut missing = Vec::new();
    for source in sources {
        if !names.contains(&source.name) || source.number("records") == 0 {
            continue;
        }
        let place = args.folder.join(source.name);
        create(&place).map_err(at(&place))?;
        let collection = bus::collection_to_read(client, source.name).await?;
        let all = bus::records(&collection).await?;
        let count = all.len();
        let missed = write_all(&collection, &place, all).await?;
        output.progress(&format!("{}: {} records", source.name, count - missed.len()))?;
        for missed in &missed {
            let (record, words) = (&missed.record, missed.words());
            let natural = printable(&record.natural);
            output.warn(&format!("{}: {} {natural} {words}", source.name, record.id));
        }
        written += count - missed.len();
        missing.extend(missed.iter().map(|missed| {
            let mut shown = records::shown(source.name, &missed.record);
            shown["why"] = json!(missed.why);
            shown
        }));
    }
    let durable = tokio::task::spawn_blocking(move || Ok(rustix::fs::syncfs(here)?));
    let durable = durable.await.unwrap_or_else(|error| Err(io::Error::other(error)));
    durable.map_err(at(&args.folder))?;
    let text = format!("{written} records in {}.", args.folder.display());
    let skipped = missing.len();
    let json = json!({ "folder": args.folder, "written": written, "skipped": skipped, "missing": missing });
    if skipped == 0 {
        return Ok(Report::new(text, json));
    }
    let text = format!("{text} {skipped} are missing: they are named above.");
    let error = Error::named("CutShort", &format!("{skipped} records are missing"));
    Ok(Report::new(text, json).in_part(&error))
}

/// The folder, made where it isn't there.
fn opened(path: &Path) -> io::Result<File> {
    folder(path)?;
    File::open(path)
}

/// A record that isn't in the export.
struct Missed {
    record: Listed,
    /// The error's name.
    why: &'static str,
}

impl Missed {
    fn words(&self) -> &'static str {
        match self.why {
            "Storage" | "InvalidArgument" => "can't be read on this device",
            "NotFound" => "was removed meanwhile",
            _ => "couldn't be fetched now: see belayctl sync status",
        }
    }
}

/// Writes the records; answers those whose contents aren't to be had.
async fn write_all(
    collection: &CollectionClient,
    place: &Path,
    all: Vec<Listed>,
) -> Result<Vec<Missed>, Error> {
    let (short, mut alone): (Vec<_>, Vec<_>) = all.into_iter().partition(|record| record.length <= SHORT);
    let mut rest = short.as_slice();
    while !rest.is_empty() {
        let (batch, after) = rest.split_at(fitting(rest));
        rest = after;
        let ids: Vec<RecordId> = batch.iter().map(|record| record.id).collect();
        let stream = match collection.get_many(&ids).await.map_err(bus::explained) {
            Ok(stream) => stream,
            // One that was deleted or became long meanwhile, or that can't be read, fails them all.
            Err(error) if of_some(&error).is_some() => {
                alone.extend(batch.iter().cloned());
                continue;
            }
            Err(error) => return Err(error),
        };
        let read = tokio::task::spawn_blocking(move || stream.map_while(Result::ok).collect::<Vec<_>>());
        let came: Vec<FramedRecord> = read.await.unwrap_or_default();
        let mut came = came.iter();
        for record in batch {
            // Nothing is written under another record's name.
            match came.next().filter(|content| content.id == Some(record.id)) {
                Some(content) => {
                    let (path, mut file) = place_for(place, record).map_err(at(place))?;
                    file.write_all(content.content.expose()).map_err(at(&path))?;
                }
                None => alone.push(record.clone()),
            }
        }
    }
    let mut missed = Vec::new();
    for record in alone {
        if let Some(why) = write_alone(collection, place, &record).await? {
            missed.push(Missed { record, why });
        }
    }
    Ok(missed)
}

/// How many of them one call brings.
fn fitting(records: &[Listed]) -> usize {
    let mut bytes = 0;
    let fits = records.iter().take(BATCH).take_while(|record| {
        bytes += record.length;
        bytes <= BATCH_BYTES
    });
    fits.count().max(1)
}

/// The name of an error that is about the record, or about the cloud as it is now, and no reason to end. `Storage` is what a
/// content is answered by that doesn't unfold to what it is said to be.
fn of_some(error: &Error) -> Option<&'static str> {
    [
        "Offline",
        "Busy",
        "NotFound",
        "InvalidArgument",
        "Storage",
        "CutShort",
    ]
    .into_iter()
    .find(|name| error.is_named(name))
}

/// Writes a record that may come from the cloud; answers why its content isn't to be had.
async fn write_alone(
    collection: &CollectionClient,
    place: &Path,
    record: &Listed,
) -> Result<Option<&'static str>, Error> {
    let told = |error: Error| of_some(&error).map(Some).ok_or(error);
    let got = match collection.get(record.id).await.map_err(bus::explained) {
        Ok(got) => got,
        Err(error) => return told(error),
    };
    let (path, file) = place_for(place, record).map_err(at(place))?;
    match records::copied(got, file, path.display().to_string()).await {
        Ok(()) => Ok(None),
        Err(error) => {
            // Half a file is none.
            let _ = std::fs::remove_file(&path);
            told(error)
        }
    }
}

/// The file of a record, which is new. Below `place` there is nothing but what was written just now.
fn place_for(place: &Path, record: &Listed) -> io::Result<(PathBuf, File)> {
    let path = place.join(natural::path(record));
    let made = match path.parent() {
        Some(parent) => folder(parent).and_then(|()| records::created(&path)),
        None => Err(ErrorKind::InvalidInput.into()),
    };
    match made {
        Ok(file) => Ok((path, file)),
        // Two records of one name, a file where another one has a folder, or a path that is too long.
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::AlreadyExists
                    | ErrorKind::NotADirectory
                    | ErrorKind::IsADirectory
                    | ErrorKind::InvalidFilename
            ) =>
        {
            let path = place.join(natural::other(record));
            let file = records::created(&path)?;
            Ok((path, file))
        }
        Err(error) => Err(error),
    }
}

/// A folder that is there, or is made.
fn folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// A folder that wasn't there.
fn create(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> Error + use<> {
    Error::io(path.display().to_string())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use belay_proto::sync::Attributes;

    use super::*;

    fn record(id: u8, natural: &str, length: u64) -> Listed {
        Listed {
            id: RecordId::from_bytes([id; 16]),
            revision: 1,
            position: 1,
            natural: natural.to_owned(),
            kind: "application/octet-stream".to_owned(),
            length,
            attributes: Attributes::default(),
            conflict_with: None,
            lacking: false,
            changed_at: 1,
            is_long: false,
        }
    }

    #[test]
    fn two_records_of_one_name_and_a_file_in_the_place_of_a_folder_all_have_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let names = ["a", "a", "a/b", "c/d", "c", "../a"];
        let paths: Vec<_> = (1..)
            .zip(names)
            .map(|(id, natural)| place_for(folder.path(), &record(id, natural, 0)).unwrap().0)
            .collect();
        let mut distinct = paths.clone();
        distinct.sort();
        distinct.dedup();
        assert_eq!(distinct.len(), names.len());
        assert_eq!(paths[0], folder.path().join("a"));
        assert_eq!(paths[1], folder.path().join(format!("{}-a", "02".repeat(16))));
        assert_eq!(paths[3], folder.path().join("c/d"));
        for path in paths {
            assert!(path.starts_with(folder.path()) && path.is_file(), "{path:?}");
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_path_that_is_too_long_keeps_no_record_back() {
        let folder = tempfile::tempdir().unwrap();
        let deep = format!("{}/", "a".repeat(200)).repeat(31);
        let (path, _) = place_for(folder.path(), &record(7, &format!("{deep}x"), 0)).unwrap();
        assert_eq!(path, folder.path().join(format!("{}-x", "07".repeat(16))));
    }

    #[test]
    fn what_is_there_already_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("contacts");
        create(&place).unwrap();
        assert_eq!(create(&place).unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(place.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_call_brings_so_many_as_fit_and_at_least_one() {
        let many: Vec<_> = (0..600).map(|_| record(1, "a", 10)).collect();
        assert_eq!(fitting(&many), BATCH);
        let big: Vec<_> = (0..10).map(|_| record(1, "a", BATCH_BYTES / 4)).collect();
        assert_eq!(fitting(&big), 4);
        assert_eq!(fitting(&[record(1, "a", BATCH_BYTES * 2)]), 1);
    }
}
