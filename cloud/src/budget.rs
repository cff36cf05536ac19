//! Counting what may happen only so often in a while.

use rusqlite::{OptionalExtension, Transaction, params};

use crate::clock::Millis;
use crate::problem::{Kind, Problem};
use crate::store::Failure;

/// How often something may happen within a sliding window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// At most this often.
    pub times: u32,
    /// In this long.
    pub window: Millis,
}

/// Refuses with `too-many` when `counter` is used up, and says when it will not be.
///
/// # Errors
/// The refusal, or a broken database.
pub fn check(
    transaction: &Transaction<'_>,
    counter: &[u8; 32],
    limit: Limit,
    now: Millis,
) -> Result<(), Failure> {
    let since = now.saturating_sub(limit.window);
    // The event whose end makes room again: the oldest of the newest `times`.
    let blocking: Option<Millis> = transaction
        .prepare_cached(
            "SELECT at FROM events WHERE counter = ?1 AND at > ?2 ORDER BY at DESC LIMIT 1 OFFSET ?3",
        )?
        .query_row(params![counter, since, limit.times.saturating_sub(1)], |row| {
            row.get(0)
        })
        .optional()?;
    match blocking {
        Some(at) => {
            let wait = at.saturating_add(limit.window).saturating_sub(now);
            Err(Problem::wait(Kind::TooMany, wait.max(1)).into())
        }
        None => Ok(()),
    }
}

/// Counts one event, unless `counter` is used up.
///
/// # Errors
/// As [`check`].
pub fn take(
    transaction: &Transaction<'_>,
    counter: &[u8; 32],
    limit: Limit,
    now: Millis,
) -> Result<(), Failure> {
    check(transaction, counter, limit, now)?;
    count(transaction, counter, limit, now)
}

/// Counts one event.
///
/// # Errors
/// A broken database.
pub fn count(
    transaction: &Transaction<'_>,
    counter: &[u8; 32],
    limit: Limit,
    now: Millis,
) -> Result<(), Failure> {
    transaction
        .prepare_cached("INSERT INTO events (counter, at, until) VALUES (?1, ?2, ?3)")?
        .execute(params![counter, now, now.saturating_add(limit.window)])?;
    Ok(())
}
