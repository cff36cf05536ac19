//! How commands ended lately, until whoever tells of it by text has noted so.

use rusqlite::{Connection, Transaction};
use serde::{Deserialize, Serialize};

use crate::store::{StoreError, meta};

const NAME: &str = "find-endings";
/// More endings than these aren't kept: the oldest leave. More than commands that came by text are waited for.
const MOST: usize = 64;

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndingRow {
    /// The command.
    pub command: [u8; 16],
    /// What it asked for.
    pub action: String,
    /// How it ended: an outcome's state.
    pub state: String,
    /// Why; empty: for no reason that was given.
    pub reason: String,
}

/// Adds endings, in order.
///
/// # Errors
/// [`StoreError`], as in every function here.
pub fn keep_endings(transaction: &Transaction<'_>, ended: Vec<EndingRow>) -> Result<(), StoreError> {
    if ended.is_empty() {
        return Ok(());
    }
    let mut rows = endings(transaction)?;
    rows.extend(ended);
    let surplus = rows.len().saturating_sub(MOST);
    rows.drain(..surplus);
    set(transaction, &rows)
}

/// The endings, the oldest first. What can't be read counts as none.
///
/// # Errors
/// [`StoreError`].
pub fn endings(connection: &Connection) -> Result<Vec<EndingRow>, StoreError> {
    let kept = meta::get(connection, NAME)?.unwrap_or_default();
    Ok(serde_json::from_slice(&kept).unwrap_or_default())
}

/// Forgets how these commands ended.
///
/// # Errors
/// [`StoreError`].
pub fn forget_endings(transaction: &Transaction<'_>, commands: &[[u8; 16]]) -> Result<(), StoreError> {
    let mut rows = endings(transaction)?;
    rows.retain(|row| !commands.contains(&row.command));
    set(transaction, &rows)
}

/// Forgets all.
pub(super) fn clear(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    meta::set(transaction, NAME, &[])
}

fn set(transaction: &Transaction<'_>, rows: &[EndingRow]) -> Result<(), StoreError> {
    // Texts and numbers alone: JSON has them all.
    let text = serde_json::to_vec(rows).unwrap_or_default();
    meta::set(transaction, NAME, &text)
}
