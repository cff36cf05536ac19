//! The command channel's rows: how far commands and outcomes have come, what waits for the cloud, and how long
//! idle connections live.

mod endings;

use std::time::Duration;

use belay_proto::clock::millis;
use belay_proto::id::{CommandId, Epoch, ReportId};
use belay_proto::keys::random;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::StoreError;
pub use endings::{EndingRow, endings, forget_endings, keep_endings};

/// The most sealed reports that wait: the cloud keeps no more of them either.
pub const MOST_REPORTS: u32 = 200;
/// From how many outcomes on those that a later one of the same command has overtaken aren't kept. The warden
/// knows fewer commands than that, so each command's last outcome stays.
pub const MOST_OUTCOMES: u32 = 1000;
/// The most networks whose heartbeat is remembered.
pub const MOST_NETWORKS: u32 = 64;

/// How far the channel of a binding has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FindRow {
    /// The cloud's number of the last command that the warden judged.
    pub cursor: u64,
    /// The warden's number of the last outcome that is in the outbox, or was.
    pub sequence: u64,
    /// What the last state report said, in the find domain's own words; empty: there was none.
    pub reported: String,
    /// When that was, seconds since the epoch.
    pub reported_at: u64,
}

/// What a letter holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LetterKind {
    /// A signed outcome.
    Outcome,
    /// A signed state report.
    State,
    /// A report sealed to the owner.
    Report,
}

/// Something that the cloud hasn't got yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Its place in the outbox.
    pub number: i64,
    /// What it holds.
    pub kind: LetterKind,
    /// The command's or the report's id.
    pub id: [u8; 16],
    /// Signed or sealed bytes.
    pub body: Vec<u8>,
}

/// What is remembered of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeartbeatRow {
    /// The heartbeat to ask for.
    pub interval: Duration,
    /// The one that was found too long.
    pub too_long: Option<Duration>,
}

impl LetterKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Outcome => "outcome",
            Self::State => "state",
            Self::Report => "report",
        }
    }

    fn parse(text: &str) -> Result<Self, StoreError> {
        [Self::Outcome, Self::State, Self::Report]
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or(StoreError::Malformed {
                what: "kind of a letter",
            })
    }
}

/// The row of the binding with this `epoch`; what another binding left is forgotten first.
///
/// # Errors
/// [`StoreError`], as in every function here.
pub fn adopt(transaction: &Transaction<'_>, epoch: Epoch) -> Result<FindRow, StoreError> {
    let row = transaction
        .query_row(
            "SELECT cursor, sequence, reported, reported_at FROM find WHERE epoch = ?1",
            [epoch.as_bytes()],
            |row| {
                Ok(FindRow {
                    cursor: row.get::<_, i64>(0)?.unsigned_abs(),
                    sequence: row.get::<_, i64>(1)?.unsigned_abs(),
                    reported: row.get(2)?,
                    reported_at: row.get::<_, i64>(3)?.unsigned_abs(),
                })
            },
        )
        .optional()?;
    if let Some(row) = row {
        return Ok(row);
    }
    clear(transaction)?;
    transaction.execute(
        "INSERT INTO find (id, epoch, cursor, sequence, reported, reported_at) VALUES (1, ?1, 0, 0, '', 0)",
        [epoch.as_bytes()],
    )?;
    Ok(FindRow::default())
}

/// The binding that the rows here are of, with what is known of it; sealed reports and state reports, which nobody
/// takes after its end, leave.
///
/// # Errors
/// [`StoreError`].
pub fn leave(transaction: &Transaction<'_>) -> Result<Option<(Epoch, u64)>, StoreError> {
    transaction.execute("DELETE FROM find_outbox WHERE kind != 'outcome'", [])?;
    let row = transaction
        .query_row("SELECT epoch, sequence FROM find", [], |row| {
            Ok((
                Epoch::from_bytes(row.get(0)?),
                row.get::<_, i64>(1)?.unsigned_abs(),
            ))
        })
        .optional()?;
    Ok(row)
}

/// Forgets everything: the device is nobody's.
///
/// # Errors
/// [`StoreError`].
pub fn clear(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    transaction.execute_batch("DELETE FROM find; DELETE FROM find_outbox; DELETE FROM find_heartbeat;")?;
    endings::clear(transaction)
}

/// Notes up to where commands are judged; nothing where another binding has begun meanwhile.
///
/// # Errors
/// [`StoreError`].
pub fn set_cursor(connection: &Connection, epoch: Epoch, cursor: u64) -> Result<(), StoreError> {
    connection.execute(
        "UPDATE find SET cursor = ?2 WHERE epoch = ?1",
        params![epoch.as_bytes(), integer(cursor)?],
    )?;
    Ok(())
}

/// Puts outcomes into the outbox and notes with them that the warden needn't keep them: all of it or nothing, and
/// nothing where another binding has begun meanwhile, or these are there already. Answers whether they are kept now.
///
/// # Errors
/// [`StoreError`].
pub fn keep_outcomes(
    transaction: &Transaction<'_>,
    epoch: Epoch,
    sequence: u64,
    outcomes: &[(CommandId, Vec<u8>)],
) -> Result<bool, StoreError> {
    let moved = transaction.execute(
        "UPDATE find SET sequence = ?2 WHERE epoch = ?1 AND sequence < ?2",
        params![epoch.as_bytes(), integer(sequence)?],
    )?;
    if moved == 0 {
        return Ok(false);
    }
    for (command, body) in outcomes {
        put(transaction, LetterKind::Outcome, command.as_bytes(), body)?;
    }
    transaction.execute(
        "DELETE FROM find_outbox WHERE number IN (
            SELECT number FROM find_outbox AS old
            WHERE kind = 'outcome' AND EXISTS (
                SELECT 1 FROM find_outbox AS new
                WHERE new.kind = 'outcome' AND new.id = old.id AND new.number > old.number)
            ORDER BY number
            LIMIT max(0, (SELECT count(*) FROM find_outbox WHERE kind = 'outcome') - ?1))",
        [MOST_OUTCOMES],
    )?;
    Ok(true)
}

/// Puts a state report into the outbox in the place of an older one, and notes what it said; nothing where another
/// binding has begun meanwhile.
///
/// # Errors
/// [`StoreError`].
pub fn put_state(
    transaction: &Transaction<'_>,
    epoch: Epoch,
    said: &str,
    at: u64,
    body: &[u8],
) -> Result<(), StoreError> {
    let moved = transaction.execute(
        "UPDATE find SET reported = ?2, reported_at = ?3 WHERE epoch = ?1",
        params![epoch.as_bytes(), said, integer(at)?],
    )?;
    if moved == 0 {
        return Ok(());
    }
    transaction.execute("DELETE FROM find_outbox WHERE kind = 'state'", [])?;
    put(transaction, LetterKind::State, &random(), body)
}

/// Puts a sealed report into the outbox; the oldest leave where there are too many. One that is there already
/// stays as it is.
///
/// # Errors
/// [`StoreError`].
pub fn put_report(transaction: &Transaction<'_>, id: ReportId, sealed: &[u8]) -> Result<(), StoreError> {
    let known: bool = transaction.query_row(
        "SELECT EXISTS (SELECT 1 FROM find_outbox WHERE kind = 'report' AND id = ?1)",
        [id.as_bytes()],
        |row| row.get(0),
    )?;
    if known {
        return Ok(());
    }
    put(transaction, LetterKind::Report, id.as_bytes(), sealed)?;
    transaction.execute(
        "DELETE FROM find_outbox WHERE kind = 'report' AND number NOT IN (
            SELECT number FROM find_outbox WHERE kind = 'report' ORDER BY number DESC LIMIT ?1)",
        [MOST_REPORTS],
    )?;
    Ok(())
}

/// The letter that goes out next.
///
/// # Errors
/// [`StoreError`].
pub fn next(connection: &Connection) -> Result<Option<Letter>, StoreError> {
    let row = connection
        .query_row(
            "SELECT number, kind, id, body FROM find_outbox ORDER BY number LIMIT 1",
            [],
            |row| {
                Ok((
                    row.get::<_, i64>(0)?,
                    row.get::<_, String>(1)?,
                    row.get::<_, [u8; 16]>(2)?,
                    row.get::<_, Vec<u8>>(3)?,
                ))
            },
        )
        .optional()?;
    row.map(|(number, kind, id, body)| {
        Ok(Letter {
            number,
            kind: LetterKind::parse(&kind)?,
            id,
            body,
        })
    })
    .transpose()
}

/// The signed outcomes that wait, the oldest first.
///
/// # Errors
/// [`StoreError`].
pub fn outcomes(connection: &Connection) -> Result<Vec<Vec<u8>>, StoreError> {
    let mut statement =
        connection.prepare("SELECT body FROM find_outbox WHERE kind = 'outcome' ORDER BY number")?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Forgets a letter that has arrived, or never will.
///
/// # Errors
/// [`StoreError`].
pub fn delivered(connection: &Connection, number: i64, id: &[u8; 16]) -> Result<(), StoreError> {
    connection.execute(
        "DELETE FROM find_outbox WHERE number = ?1 AND id = ?2",
        params![number, id],
    )?;
    Ok(())
}

/// What is remembered of `network`.
///
/// # Errors
/// [`StoreError`].
pub fn heartbeat(connection: &Connection, network: &[u8; 16]) -> Result<Option<HeartbeatRow>, StoreError> {
    let row = connection
        .query_row(
            "SELECT interval, too_long FROM find_heartbeat WHERE network = ?1",
            [network],
            |row| {
                let too_long = row.get::<_, i64>(1)?.unsigned_abs();
                Ok(HeartbeatRow {
                    interval: Duration::from_millis(row.get::<_, i64>(0)?.unsigned_abs()),
                    too_long: (too_long > 0).then(|| Duration::from_millis(too_long)),
                })
            },
        )
        .optional()?;
    Ok(row)
}

/// Remembers `row` of `network`; the networks that weren't used for longest leave where there are too many.
///
/// # Errors
/// [`StoreError`].
pub fn set_heartbeat(
    transaction: &Transaction<'_>,
    network: &[u8; 16],
    row: HeartbeatRow,
) -> Result<(), StoreError> {
    transaction.execute(
        "INSERT OR REPLACE INTO find_heartbeat (network, interval, too_long, used)
         VALUES (?1, ?2, ?3, (SELECT coalesce(max(used), 0) + 1 FROM find_heartbeat))",
        params![
            network,
            integer(millis(row.interval))?,
            integer(row.too_long.map_or(0, millis))?
        ],
    )?;
    transaction.execute(
        "DELETE FROM find_heartbeat WHERE network NOT IN (
            SELECT network FROM find_heartbeat ORDER BY used DESC LIMIT ?1)",
        [MOST_NETWORKS],
    )?;
    Ok(())
}

fn put(connection: &Connection, kind: LetterKind, id: &[u8; 16], body: &[u8]) -> Result<(), StoreError> {
    connection.execute(
        "INSERT INTO find_outbox (kind, id, body) VALUES (?1, ?2, ?3)",
        params![kind.as_str(), id, body],
    )?;
    Ok(())
}

/// A number for a column, whose integers have a sign.
fn integer(number: u64) -> Result<i64, StoreError> {
    i64::try_from(number).map_err(|_| StoreError::Malformed {
        what: "number of the command channel",
    })
}

#[cfg(test)]
mod tests;
