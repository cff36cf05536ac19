//! How far a client has fetched: the database's epoch and a number in it; opaque to clients. While a listing from the start
//! is still below what was forgotten before it began, it says so, since it hasn't missed that.

use std::fmt;
use std::str::FromStr;

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::problem::{Kind, Problem};
use crate::store::{self, Failure, StoreError};

/// A place among an account's changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Drawn with the database: the numbers of another epoch mean nothing.
    pub epoch: u64,
    /// The number of the last change that is known.
    pub sequence: u64,
    /// What was forgotten when the listing began that this is a page of; 0 once that is passed.
    pub floor: u64,
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
            floor: 0,
        })
    }

    /// Judges a cursor that a client brought; the start without one.
    ///
    /// # Errors
    /// `cursor-too-old`, for one of another epoch, for one from before a removal that was forgotten since, and for one that
    /// is ahead of what happened here.
    pub fn judge(
        brought: Option<Self>,
        tx: &Transaction<'_>,
        last: u64,
        forgotten: u64,
    ) -> Result<Self, Failure> {
        let Some(cursor) = brought else {
            let start = Self::here(tx, 0)?;
            return Ok(Self {
                floor: forgotten,
                ..start
            });
        };
        let known = cursor.epoch == epoch(tx)?
            && cursor.sequence <= last
            && cursor.sequence.max(cursor.floor) >= forgotten;
        match known {
            true => Ok(cursor),
            false => Err(Problem::new(Kind::CursorTooOld).into()),
        }
    }

    /// Whether it is ahead of `last`, the newest number of its account here: the database was restored from a copy.
    ///
    /// # Errors
    /// A broken database.
    pub fn is_ahead(self, tx: &Transaction<'_>, last: u64) -> Result<bool, Failure> {
        Ok(self.sequence > last && self.epoch == epoch(tx)?)
    }

    /// The same listing or fetching, come as far as `sequence`.
    #[must_use]
    pub const fn at(self, sequence: u64) -> Self {
        Self {
            epoch: self.epoch,
            sequence,
            floor: if self.floor > sequence { self.floor } else { 0 },
        }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}.{}", self.epoch, self.sequence)?;
        match self.floor {
            0 => Ok(()),
            floor => write!(f, ".{floor}"),
        }
    }
}

impl FromStr for Cursor {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let read = || {
            let (epoch, numbers) = text.split_once('.')?;
            let (sequence, floor) = numbers.split_once('.').unwrap_or((numbers, "0"));
            let number = |text: &str| store::countable(text.parse().ok()?).ok();
            let cursor = Self {
                epoch: u64::from_str_radix(epoch, 16).ok()?,
                sequence: number(sequence)?,
                floor: number(floor)?,
            };
            // One text each: no sign, no zeros before, no floor that is passed.
            (cursor.at(cursor.sequence).to_string() == text).then_some(cursor)
        };
        read().ok_or_else(|| Problem::malformed("no cursor of this service"))
    }
}

/// The epoch of this database; drawn at the first call.
///
/// # Errors
/// A broken database.
pub fn epoch(tx: &Connection) -> Result<u64, StoreError> {
    let known: Option<Vec<u8>> = tx
        .prepare_cached("SELECT value FROM meta WHERE name = 'sync-epoch'")?
        .query_row([], |row| row.get(0))
        .optional()?;
    if let Some(bytes) = known.and_then(|bytes| <[u8; 8]>::try_from(bytes).ok()) {
        return Ok(u64::from_be_bytes(bytes));
    }
    new_epoch(tx)
}

/// Begins another epoch: what clients know by numbers of this database is over.
///
/// # Errors
/// A broken database.
pub fn new_epoch(tx: &Connection) -> Result<u64, StoreError> {
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
            floor: 0,
        };
        assert_eq!(cursor.to_string(), "00000000000000ab.7");
        assert_eq!("00000000000000ab.7".parse::<Cursor>().unwrap(), cursor);
        let listing = Cursor { floor: 9, ..cursor };
        assert_eq!(listing.to_string(), "00000000000000ab.7.9");
        assert_eq!("00000000000000ab.7.9".parse::<Cursor>().unwrap(), listing);
        assert_eq!((listing.at(8).floor, listing.at(9).floor), (9, 0));
        for bad in [
            "",
            "7",
            "ab.7",
            "00000000000000AB.7",
            "00000000000000ab.07",
            "00000000000000ab.+7",
            "00000000000000ab.",
            "00000000000000ab.7 ",
            "00000000000000ab.7.",
            "00000000000000ab.7.0",
            "00000000000000ab.7.7",
            "00000000000000ab.7.9.9",
            "00000000000000ab.9223372036854775808",
            "+0000000000000ab.7",
        ] {
            assert!(bad.parse::<Cursor>().is_err(), "{bad}");
        }
    }
}
