//! How far a client has fetched: the database's epoch and a number in it. Opaque to clients.

use std::fmt;
use std::str::FromStr;

use rusqlite::{OptionalExtension, Transaction, params};

use crate::problem::{Kind, Problem};
use crate::store::{self, Failure};

/// A place among an account's changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Drawn with the database, and again when one is restored: the numbers of another epoch mean nothing.
    pub epoch: u64,
    /// The number of the last change that is known.
    pub sequence: u64,
}

impl Cursor {
    /// One of this database.
    ///
    /// # Errors
    /// A broken database.
    pub fn here(tx: &Transaction<'_>, sequence: u64) -> Result<Self, Failure> {
        Ok(Self {
            epoch: epoch(tx)?,
            sequence,
        })
    }

    /// Judges a cursor that a client brought; the start without one.
    ///
    /// # Errors
    /// `cursor-too-old`, for one of another epoch, for one from before a removal that was forgotten, and for one that is
    /// ahead of what happened here.
    pub fn judge(
        text: Option<Self>,
        tx: &Transaction<'_>,
        last: u64,
        forgotten: u64,
    ) -> Result<u64, Failure> {
        let Some(cursor) = text else { return Ok(0) };
        let known = cursor.epoch == epoch(tx)? && (forgotten..=last).contains(&cursor.sequence);
        match known {
            true => Ok(cursor.sequence),
            false => Err(Problem::new(Kind::CursorTooOld).into()),
        }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}.{}", self.epoch, self.sequence)
    }
}

impl FromStr for Cursor {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let read = || {
            let (epoch, sequence) = text.split_once('.')?;
            let digits = sequence.bytes().all(|byte| byte.is_ascii_digit()) && epoch.len() == 16;
            let cursor = Self {
                epoch: u64::from_str_radix(epoch, 16).ok()?,
                sequence: store::countable(sequence.parse().ok()?).ok()?,
            };
            (digits && cursor.to_string() == text).then_some(cursor)
        };
        read().ok_or_else(|| Problem::malformed("no cursor of this service"))
    }
}

/// The epoch of this database; drawn at the first call.
fn epoch(tx: &Transaction<'_>) -> Result<u64, Failure> {
    let known: Option<Vec<u8>> = tx
        .prepare_cached("SELECT value FROM meta WHERE name = 'sync-epoch'")?
        .query_row([], |row| row.get(0))
        .optional()?;
    if let Some(bytes) = known.and_then(|bytes| <[u8; 8]>::try_from(bytes).ok()) {
        return Ok(u64::from_be_bytes(bytes));
    }
    let bytes: [u8; 8] = belay_proto::keys::random();
    tx.execute(
        "INSERT INTO meta (name, value) VALUES ('sync-epoch', ?1) ON CONFLICT (name) DO UPDATE SET value = ?1",
        params![bytes],
    )?;
    Ok(u64::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_has_one_text() {
        let cursor = Cursor {
            epoch: 0xab,
            sequence: 7,
        };
        assert_eq!(cursor.to_string(), "00000000000000ab.7");
        assert_eq!("00000000000000ab.7".parse::<Cursor>().unwrap(), cursor);
        for bad in [
            "",
            "7",
            "ab.7",
            "00000000000000AB.7",
            "00000000000000ab.07",
            "00000000000000ab.+7",
            "00000000000000ab.",
            "00000000000000ab.7 ",
            "00000000000000ab.9223372036854775808",
            "+0000000000000ab.7",
        ] {
            assert!(bad.parse::<Cursor>().is_err(), "{bad}");
        }
    }
}
