//! `belay-cloud admin backup DIR`: the database of a running cloud as it is at one moment, and the chunks that it names.
//!
//! 1. The chunks' files are held: no sweep of the running cloud deletes a chunk until this ends, however it ends.
//! 2. The database is copied in one read transaction. What is pushed meanwhile is in the next backup.
//! 3. The chunks that the copy names are linked or copied, but for those that an earlier backup in the same folder has.
//! 4. The manifest is put in place of the one before. Only then goes what no longer belongs to the backup.
//!
//! The server key isn't in it: with the key beside it, a copy in wrong hands would name addresses and devices.

use std::collections::HashSet;
use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use belay_proto::sync::ChunkId;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::manifest::{self, Manifest};
use super::{AdminError, at};
use crate::app::open_data;
use crate::blobs::copies::{How, Taken, Wanted};
use crate::blobs::files::{FileName, Files, lock, sync, write_new};
use crate::clock::Millis;
use crate::store::{self, StoreError};

/// How often one waits 5 s for a transaction of the running cloud to end.
const PATIENCE: u32 = 12;

/// What a backup holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    chunks: u64,
    bytes: u64,
    new: u64,
    lost: u64,
}

/// Makes a backup of `data` in `folder`, in place of an earlier one there; what it holds.
///
/// # Errors
/// [`AdminError::NoData`], [`AdminError::Taken`], [`AdminError::Bad`] for a folder with another cloud's backup,
/// [`AdminError::Lost`] when the backup is made but chunks were lost before, or what the disk says.
pub fn backup(data: &Path, folder: &Path, now: Millis) -> Result<String, AdminError> {
    let path = data.join(store::FILE);
    if !path.exists() {
        return Err(AdminError::NoData);
    }
    let vault = open_data(data)?;
    let files = Files::open(data).map_err(at(data))?;
    let _held = files
        .hold()
        .map_err(at(files.folder()))?
        .ok_or(AdminError::Taken)?;
    let make = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    make.map_err(at(folder))?;
    // What the copy doesn't name goes at the end: of a cloud's own folder that would be its chunks.
    if folder.join(store::FILE).exists() {
        return Err(AdminError::Usage(
            "this folder is a cloud's data: give the backup one of its own",
        ));
    }
    let _locked = lock(folder).map_err(at(folder))?.ok_or(AdminError::Taken)?;
    if folder.join(manifest::FILE).exists() {
        // Another cloud's stays as it is.
        Manifest::read(folder, &vault)?;
    }
    let copies = Files::open(folder).map_err(at(folder))?;
    copies.settle_taken().map_err(at(copies.folder()))?;
    let name = manifest::draw_name();
    snapshot(&path, &folder.join(&name))?;
    let copy = folder.join(&name);
    let mut named = HashSet::new();
    let (counts, lacking) = take_chunks(&copy, &files, &copies, &mut named)?;
    copies.settle_taken().map_err(at(copies.folder()))?;
    let (sha256, length) = settle(&copy).map_err(at(&copy))?;
    sync(folder).map_err(at(folder))?;
    let manifest = Manifest {
        format: 0,
        made_at: now,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        database: name,
        length,
        sha256,
        chunks: counts.chunks,
        chunk_bytes: counts.bytes,
        mac: String::new(),
    }
    .signed(&vault);
    manifest.write(folder)?;
    tidy(folder, &copies, &manifest, &named)?;
    if counts.lost > 0 || lacking > 0 {
        return Err(AdminError::Lost(counts.lost, lacking));
    }
    Ok(describe(&manifest, counts.new))
}

fn describe(manifest: &Manifest, new: u64) -> String {
    format!(
        "made_at={} database={} bytes chunks={} of {} bytes, {new} of them new; server.key isn't in it",
        manifest.made_at / crate::clock::SECOND,
        manifest.length,
        manifest.chunks,
        manifest.chunk_bytes
    )
}

/// Copies the database as it is at one moment, while others write.
fn snapshot(database: &Path, copy: &Path) -> Result<(), AdminError> {
    let mut connection = store::connect(database)?;
    wait_for_others(&mut connection)?;
    // SQLite takes an empty file too, and this one nobody else reads.
    write_new(copy, &[]).map_err(at(copy))?;
    let text = copy
        .to_str()
        .ok_or(AdminError::Usage("the folder's name isn't UTF-8"))?;
    connection.execute("VACUUM INTO ?1", [text])?;
    Ok(())
}

/// Waits until every transaction that began before has ended: one may have looked whether the files are held before they were.
fn wait_for_others(connection: &mut Connection) -> Result<(), AdminError> {
    for _ in 1..PATIENCE {
        match connection.transaction_with_behavior(TransactionBehavior::Immediate) {
            Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) => {}
            other => return Ok(other.and_then(rusqlite::Transaction::rollback)?),
        }
    }
    Ok(connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .and_then(rusqlite::Transaction::rollback)?)
}

/// Takes over the chunks that a copy of the database has whole. Those that can't be had are noted there, so that devices are
/// asked for them; how many records need one of these is the second number. What the cloud has lost, and an earlier backup
/// here still has, is whole in the copy again.
fn take_chunks(
    copy: &Path,
    files: &Files,
    copies: &Files,
    named: &mut HashSet<FileName>,
) -> Result<(Counts, u64), AdminError> {
    let connection = Connection::open(copy)?;
    let mut counts = Counts::default();
    let (mut lost, mut kept) = (Vec::new(), Vec::new());
    {
        let sql = "SELECT file, length, digest, whole FROM chunks WHERE whole = 1 OR uses > 0";
        let mut rows = connection.prepare(sql)?;
        let mut rows = rows.query([])?;
        while let Some(row) = rows.next()? {
            let wanted = Wanted {
                name: FileName::from_bytes(row.get(0)?),
                length: row.get(1)?,
                digest: row.get(2)?,
            };
            let was_whole: bool = row.get(3)?;
            let taken = match was_whole {
                true => copies.take(files, wanted, How::Link),
                false => copies.holds(wanted).map(|holds| match holds {
                    true => Taken::Kept,
                    false => Taken::Lost,
                }),
            };
            match (taken.map_err(at(copies.folder()))?, was_whole) {
                (Taken::Lost, true) => {
                    lost.push(wanted.name);
                    continue;
                }
                (Taken::Lost, false) => continue,
                (Taken::New, _) => counts.new += 1,
                (Taken::Kept, true) => {}
                (Taken::Kept, false) => kept.push(wanted.name),
            }
            named.insert(wanted.name);
            counts.chunks += 1;
            counts.bytes += wanted.length;
        }
    }
    counts.lost = lost.len() as u64;
    for (files, whole) in [(lost, false), (kept, true)] {
        let mut note = connection.prepare("UPDATE chunks SET whole = ?2 WHERE file = ?1")?;
        for file in files {
            note.execute(params![file.as_bytes(), whole])?;
        }
    }
    let lacking = lacking(&connection)?;
    connection.close().map_err(|(_, error)| error)?;
    Ok((counts, lacking))
}

/// How many records need a chunk that isn't there.
pub(super) fn lacking(connection: &Connection) -> Result<u64, StoreError> {
    let mut find = connection.prepare("SELECT 1 FROM chunks WHERE account = ?1 AND id = ?2 AND whole = 1")?;
    let mut records = connection.prepare("SELECT account, chunks FROM records WHERE length(chunks) > 0")?;
    let mut records = records.query([])?;
    let mut lacking = 0;
    while let Some(row) = records.next()? {
        let (account, chunks): ([u8; 16], Vec<u8>) = (row.get(0)?, row.get(1)?);
        for id in chunks.as_chunks::<32>().0 {
            let id = ChunkId::from_bytes(*id);
            let there: Option<i64> = find
                .query_row(params![account, id.as_bytes()], |row| row.get(0))
                .optional()?;
            if there.is_none() {
                lacking += 1;
                break;
            }
        }
    }
    Ok(lacking)
}

/// Has a copy of the database be on disk; its SHA-256 and length.
fn settle(copy: &Path) -> std::io::Result<(String, u64)> {
    File::open(copy)?.sync_all()?;
    manifest::digest(copy)
}

/// Removes what doesn't belong to the backup any more.
fn tidy(
    folder: &Path,
    copies: &Files,
    manifest: &Manifest,
    named: &HashSet<FileName>,
) -> Result<(), AdminError> {
    let other = || -> std::io::Result<()> {
        for file in fs::read_dir(folder)? {
            let name = file?.file_name();
            let name = name.to_string_lossy();
            let base = name.trim_end_matches("-journal");
            if manifest::is_database(base) && name != manifest.database {
                fs::remove_file(folder.join(&*name))?;
            }
        }
        Ok(())
    };
    other().map_err(at(folder))?;
    for file in copies.names().map_err(at(copies.folder()))? {
        if !named.contains(&file) {
            copies.remove_now(file);
        }
    }
    Ok(())
}
