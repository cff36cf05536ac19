//! `belay-cloud admin compact`: gives back to the file system what nothing needs any more.

use std::path::Path;

use super::{AdminError, at};
use crate::app::open_data;
use crate::blobs;
use crate::blobs::files::Files;
use crate::clock::Millis;
use crate::store::{self, StoreError};
use crate::sweep;

/// Free pages that one transaction gives back, so that a running cloud's calls get their turn.
const PAGES: u64 = 1000;

/// What there is of a cloud's data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Size {
    database: u64,
    free: u64,
    removals: u64,
    chunks: u64,
}

impl Size {
    fn of(connection: &rusqlite::Connection) -> Result<Self, StoreError> {
        let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, u64>(0));
        let count = |what: &str| {
            connection.query_row(&format!("SELECT count(*) FROM {what}"), [], |row| {
                row.get::<_, u64>(0)
            })
        };
        Ok(Self {
            database: pragma("page_count")? * pragma("page_size")?,
            free: pragma("freelist_count")?,
            removals: count("records WHERE removed = 1")?,
            chunks: count("chunks")?,
        })
    }
}

/// Forgets what is over, removes files that are nobody's, and gives the room back, beside a running cloud too; what it freed.
/// `rebuild` writes the database anew, which closes its gaps as well, and has a running cloud's calls wait.
///
/// # Errors
/// [`AdminError::NoData`], or data that can't be used.
pub fn compact(data: &Path, rebuild: bool, now: Millis) -> Result<String, AdminError> {
    let path = data.join(store::FILE);
    if !path.exists() {
        return Err(AdminError::NoData);
    }
    open_data(data)?;
    let files = Files::open(data).map_err(at(data))?;
    let mut connection = store::connect(&path)?;
    let before = Size::of(&connection)?;
    let mut left = before;
    // A sweep deletes so many chunks at most.
    loop {
        store::run(&mut connection, |tx| sweep::sweep(tx, &files, now))?;
        let size = Size::of(&connection)?;
        if (size.chunks, size.removals) == (left.chunks, left.removals) {
            break;
        }
        left = size;
    }
    let settled = blobs::table::settle(&connection, &files)?;
    if rebuild {
        connection.execute_batch("VACUUM")?;
    }
    let mut free = store::free_pages(&connection)?;
    while free > 0 {
        store::run(&mut connection, |tx| Ok(store::give_back(tx, PAGES)?))?;
        let rest = store::free_pages(&connection)?;
        if rest >= free {
            break;
        }
        free = rest;
    }
    // As far as readers let it.
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    let after = Size::of(&connection)?;
    let held = if files.are_held() {
        "; chunks stay while a backup is made"
    } else {
        ""
    };
    let kept = if after.free > 0 && !rebuild {
        "; --rebuild frees more"
    } else {
        ""
    };
    Ok(format!(
        "database: {} -> {} bytes; forgot {} removals and {} chunks; removed {} files that were nobody's; {} chunks were \
         lost{held}{kept}",
        before.database,
        after.database,
        before.removals.saturating_sub(after.removals),
        before.chunks.saturating_sub(after.chunks),
        settled.removed,
        settled.lost
    ))
}
