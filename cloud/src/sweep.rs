//! Forgetting what is over: a part of the minute's [upkeep](crate::upkeep).

use rusqlite::{Transaction, params};

use crate::accounts::departure;
use crate::blobs;
use crate::blobs::files::Files;
use crate::clock::{DAY, MINUTE, Millis};
use crate::login::invented;
use crate::store::{self, Failure};
use crate::sync;

/// How long nothing is swept after a sweep.
pub const PAUSE: Millis = MINUTE;

/// Pages of 4 KiB that the database keeps free for what comes next.
const FREE: u64 = 1024;
/// As many that one sweep gives back to the file system at most: it holds up a call for some milliseconds.
const GIVEN_BACK: u64 = 256;

/// Tables whose rows are worth nothing after `until`.
const TABLES: &[&str] = &[
    "proofs",
    "spent_work",
    "answers",
    "events",
    "families",
    "login_nonces",
    "throttles",
    "messages",
    // A command takes its outcomes along.
    "commands",
    "reports",
    "waiting",
    "following",
    "languages",
    "delegates",
    // Removals alone have an end.
    "accessories",
];

/// Deletes what is over at `now`; chunks' files once their rows are gone for good.
///
/// # Errors
/// A broken database.
pub fn sweep(transaction: &Transaction<'_>, files: &Files, now: Millis) -> Result<(), Failure> {
    for table in TABLES {
        transaction
            .prepare_cached(&format!("DELETE FROM {table} WHERE until <= ?1"))?
            .execute(params![now])?;
    }
    sync::table::forget_removals(transaction, now)?;
    let (forgotten, files) = (blobs::table::forget(transaction, files, now)?, files.clone());
    store::after_commit(move || files.remove(forgotten));
    departure::sweep(transaction, now)?;
    // The one who opened it may ask for a while what became of it.
    forget_verifications(transaction, now)?;
    invented::note_shares(transaction, now)?;
    let free = store::free_pages(transaction)?;
    if free > FREE {
        store::give_back(transaction, (free - FREE).min(GIVEN_BACK))?;
    }
    Ok(())
}

fn forget_verifications(transaction: &Transaction<'_>, now: Millis) -> Result<(), Failure> {
    transaction
        .prepare_cached("DELETE FROM verifications WHERE until <= ?1")?
        .execute(params![now.saturating_sub(DAY)])?;
    Ok(())
}
