//! The commands and their outcomes in the database.

use belay_proto::signed::{Command, CommandEnvelope, CommandState, Outcome};
use belay_proto::{CommandId, DeviceId, wire};
use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::check::Checked;
use super::life::{self, Seen};
use crate::app::App;
use crate::channel;
use crate::clock::{DAY, Millis};
use crate::problem::{Kind, Problem};
use crate::store::{Failure, StoreError, after_commit, countable, storable};
use crate::vault::Vault;

/// Commands that may wait to be fetched, a device.
pub const QUEUE: u32 = 64;

/// Places of the queue that [`Checked::minor`] commands leave to others.
pub const RESERVED: u32 = 16;

/// Places among those that [`Checked::lasting`] commands leave to others.
pub const LAST: u32 = 8;

/// Lives that are kept a device, besides what still waits.
const LIVES: u32 = 256;

/// Outcomes that are kept a command, the newest.
const OUTCOMES: u32 = 16;

/// Commands in one answer to the device.
const PAGE: u32 = 64;

/// How long a life is kept once nothing more is expected of it.
const LIFE: Millis = 30 * DAY;

/// What is still on its way: not yet the end, not expired, and the cloud has it.
const PENDING: &str =
    "settled = 0 AND envelope IS NOT NULL AND (expires_at = 0 OR expires_at > ?2) AND device = ?1";

/// A command as it lies here.
#[derive(Debug)]
struct Kept {
    id: CommandId,
    envelope: Option<Vec<u8>>,
    seen: Seen,
}

/// Whether the cloud has this very command.
///
/// # Errors
/// `command-exists` where it has another one of this id, or a broken database.
pub fn is_queued(
    vault: &Vault,
    tx: &Transaction<'_>,
    device: &DeviceId,
    id: &CommandId,
    envelope: &[u8],
) -> Result<bool, Failure> {
    let known = load(vault, tx, device, id)?;
    match known.as_ref().and_then(|kept| kept.envelope.as_deref()) {
        None => Ok(false),
        Some(kept) if kept == envelope => Ok(true),
        Some(_) => Err(Problem::new(Kind::CommandExists).into()),
    }
}

/// Queues a command that isn't there yet, see [`is_queued`].
///
/// # Errors
/// `queue-full`, or a broken database.
pub fn queue(
    app: &App,
    tx: &Transaction<'_>,
    checked: &Checked,
    envelope: &[u8],
    now: Millis,
) -> Result<(), Failure> {
    let Command { device, id, .. } = &checked.command;
    let waiting: u32 = tx
        .prepare_cached(&format!(
            "SELECT count(*) FROM commands WHERE {PENDING} AND delivered_at IS NULL"
        ))?
        .query_row(params![device.as_bytes(), now], |row| row.get(0))?;
    let places = match (checked.minor, checked.lasting) {
        (true, _) => QUEUE - RESERVED,
        (false, true) => QUEUE - LAST,
        (false, false) => QUEUE,
    };
    if waiting >= places {
        return Err(Problem::new(Kind::QueueFull).into());
    }
    let expires_at = storable(checked.expires_at);
    let until = (expires_at != 0).then(|| storable(expires_at.saturating_add(LIFE)));
    let number = channel::table::next_command(tx, device, now)?;
    // One that the device told of already, because it came by another way first, gets its envelope now.
    tx.prepare_cached(
        "INSERT INTO commands (device, id, number, envelope, minor, queued_at, expires_at, outcome, settled,
                               revision, until)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, 0, 1, ?8)
         ON CONFLICT (device, id) DO UPDATE SET number = excluded.number, envelope = excluded.envelope,
             expires_at = excluded.expires_at, revision = revision + 1",
    )?
    .execute(params![
        device.as_bytes(),
        id.as_bytes(),
        number,
        app.vault.seal("command", id.as_bytes(), envelope),
        checked.minor,
        now,
        expires_at,
        until,
    ])?;
    prune(tx, device, now)
}

/// What the device is to fetch after the number that it names, and the note that it did. A number of which nothing is
/// known, which a cloud that was restored from a backup may meet, counts as 0: what came after it in the other course
/// of events says nothing of this one.
///
/// # Errors
/// A broken database.
pub fn fetch(
    app: &App,
    tx: &Transaction<'_>,
    device: &DeviceId,
    after: u64,
    now: Millis,
) -> Result<wire::QueueAnswer, Failure> {
    let newest = channel::table::newest_command(tx, device)?;
    let after = if after == newest || is_known(tx, device, after)? {
        after
    } else {
        0
    };
    let mut statement = tx.prepare_cached(&format!(
        "SELECT number, id, envelope FROM commands WHERE {PENDING} AND number > ?3 ORDER BY number LIMIT ?4"
    ))?;
    let mut rows = statement.query(params![device.as_bytes(), now, after, PAGE])?;
    let mut answer = wire::QueueAnswer {
        commands: Vec::new(),
        last: newest,
    };
    while let Some(row) = rows.next()? {
        let (id, sealed): ([u8; 16], Vec<u8>) = (row.get(1)?, row.get(2)?);
        answer.commands.push(wire::QueuedCommand {
            sequence: row.get(0)?,
            envelope: app.vault.unseal("command", &id, &sealed)?.expose().clone().into(),
        });
    }
    // More may wait behind a full page.
    if answer.commands.len() >= usize::try_from(PAGE).unwrap_or(usize::MAX)
        && let Some(last) = answer.commands.last()
    {
        answer.last = last.sequence;
    }
    let delivered = tx
        .prepare_cached(&format!(
            "UPDATE commands SET delivered_at = ?2, revision = revision + 1
             WHERE {PENDING} AND number > ?3 AND number <= ?4 AND delivered_at IS NULL"
        ))?
        .execute(params![device.as_bytes(), now, after, answer.last])?;
    if delivered > 0 {
        let (hub, device) = (app.hub.clone(), *device);
        after_commit(move || hub.went_on(&device));
    }
    Ok(answer)
}

/// Whether a command has this number. Those whose life is long over have none any more.
fn is_known(tx: &Transaction<'_>, device: &DeviceId, number: u64) -> Result<bool, Failure> {
    let found: Option<i64> = tx
        .prepare_cached("SELECT 1 FROM commands WHERE device = ?1 AND number = ?2")?
        .query_row(params![device.as_bytes(), storable(number)], |row| row.get(0))
        .optional()?;
    Ok(found.is_some())
}

/// Keeps an outcome, unless a newer one of the same command is kept already. Answers whether it is news.
///
/// A command that the cloud never had, since it reached the device by another way, gets a life by it.
///
/// # Errors
/// `malformed` for a sequence out of range, or a broken database.
pub fn add_outcome(
    app: &App,
    tx: &Transaction<'_>,
    outcome: &Outcome,
    bytes: &[u8],
    now: Millis,
) -> Result<bool, Failure> {
    let Outcome { device, command, .. } = outcome;
    let sequence = countable(outcome.sequence)?;
    let newest: Option<u64> = tx
        .prepare_cached("SELECT outcome FROM commands WHERE device = ?1 AND id = ?2")?
        .query_row(params![device.as_bytes(), command.as_bytes()], |row| row.get(0))
        .optional()?;
    match newest {
        Some(newest) if sequence <= newest => return Ok(false),
        Some(_) => {}
        None => {
            let number = channel::table::next_command(tx, device, now)?;
            tx.prepare_cached(
                "INSERT INTO commands (device, id, number, minor, queued_at, expires_at, outcome, settled, revision)
                 VALUES (?1, ?2, ?3, 1, ?4, 0, 0, 0, 0)",
            )?
            .execute(params![device.as_bytes(), command.as_bytes(), number, now])?;
        }
    }
    let settled = matches!(
        outcome.state,
        CommandState::Done | CommandState::Failed | CommandState::Refused
    );
    tx.prepare_cached(
        "UPDATE commands SET outcome = ?3, settled = ?4, delivered_at = ifnull(delivered_at, ?5),
                             revision = revision + 1, until = CASE WHEN ?4 THEN ?6 ELSE until END
         WHERE device = ?1 AND id = ?2",
    )?
    .execute(params![
        device.as_bytes(),
        command.as_bytes(),
        sequence,
        settled,
        now,
        storable(now.saturating_add(LIFE)),
    ])?;
    tx.prepare_cached("INSERT INTO outcomes (device, command, sequence, outcome) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![
            device.as_bytes(),
            command.as_bytes(),
            sequence,
            app.vault.seal("outcome", command.as_bytes(), bytes)
        ])?;
    tx.prepare_cached(
        "DELETE FROM outcomes WHERE device = ?1 AND command = ?2 AND sequence NOT IN
             (SELECT sequence FROM outcomes WHERE device = ?1 AND command = ?2 ORDER BY sequence DESC LIMIT ?3)",
    )?
    .execute(params![device.as_bytes(), command.as_bytes(), OUTCOMES])?;
    prune(tx, device, now)?;
    Ok(true)
}

/// The life of one command.
///
/// # Errors
/// A broken database.
pub fn life(
    vault: &Vault,
    tx: &Transaction<'_>,
    device: &DeviceId,
    id: &CommandId,
    now: Millis,
) -> Result<Option<wire::CommandLife>, Failure> {
    load(vault, tx, device, id)?
        .map(|kept| tell(vault, tx, device, kept, now))
        .transpose()
}

/// The lives of a device's commands, newest first.
///
/// # Errors
/// A broken database.
pub fn lives(
    vault: &Vault,
    tx: &Transaction<'_>,
    device: &DeviceId,
    limit: u64,
    now: Millis,
) -> Result<Vec<wire::CommandLife>, Failure> {
    let mut statement =
        tx.prepare_cached("SELECT id FROM commands WHERE device = ?1 ORDER BY number DESC LIMIT ?2")?;
    let ids = statement
        .query_map(params![device.as_bytes(), limit], |row| {
            Ok(CommandId::from_bytes(row.get(0)?))
        })?
        .collect::<Result<Vec<_>, _>>()?;
    let mut lives = Vec::with_capacity(ids.len());
    for id in ids {
        lives.extend(life(vault, tx, device, &id, now)?);
    }
    Ok(lives)
}

/// Gives the lives of a binding that ended a while to be read.
///
/// # Errors
/// A broken database.
pub fn let_go(tx: &Transaction<'_>, device: &DeviceId, now: Millis) -> Result<(), Failure> {
    tx.prepare_cached("UPDATE commands SET until = min(ifnull(until, ?2), ?2) WHERE device = ?1")?
        .execute(params![device.as_bytes(), storable(now.saturating_add(LIFE))])?;
    Ok(())
}

/// Forgets the oldest lives over the limit, never one that waits to be fetched.
fn prune(tx: &Transaction<'_>, device: &DeviceId, now: Millis) -> Result<(), Failure> {
    tx.prepare_cached(&format!(
        "DELETE FROM commands WHERE device = ?1 AND NOT ({PENDING} AND delivered_at IS NULL) AND number <=
             (SELECT number FROM commands WHERE device = ?1 ORDER BY number DESC LIMIT 1 OFFSET ?3)"
    ))?
    .execute(params![device.as_bytes(), now, LIVES])?;
    Ok(())
}

fn load(
    vault: &Vault,
    tx: &Transaction<'_>,
    device: &DeviceId,
    id: &CommandId,
) -> Result<Option<Kept>, Failure> {
    let kept = tx
        .prepare_cached(
            "SELECT envelope, queued_at, expires_at, delivered_at, revision FROM commands
             WHERE device = ?1 AND id = ?2",
        )?
        .query_row(params![device.as_bytes(), id.as_bytes()], |row| read(row, *id))
        .optional()?;
    let Some(mut kept) = kept else { return Ok(None) };
    if let Some(sealed) = kept.envelope.take() {
        kept.envelope = Some(vault.unseal("command", id.as_bytes(), &sealed)?.expose().clone());
    }
    Ok(Some(kept))
}

fn read(row: &Row<'_>, id: CommandId) -> rusqlite::Result<Kept> {
    Ok(Kept {
        id,
        envelope: row.get(0)?,
        seen: Seen {
            queued_at: row.get(1)?,
            expires_at: row.get(2)?,
            delivered_at: row.get(3)?,
            revision: row.get(4)?,
        },
    })
}

fn tell(
    vault: &Vault,
    tx: &Transaction<'_>,
    device: &DeviceId,
    kept: Kept,
    now: Millis,
) -> Result<wire::CommandLife, Failure> {
    let unreadable = |_| StoreError::Unreadable("a command");
    let action = match &kept.envelope {
        None => None,
        Some(bytes) => {
            let envelope = CommandEnvelope::decode(bytes).map_err(unreadable)?;
            let command: Command = envelope.command.peek_unverified().map_err(unreadable)?;
            Some(command.action.verb())
        }
    };
    let mut statement = tx.prepare_cached(
        "SELECT outcome FROM outcomes WHERE device = ?1 AND command = ?2 ORDER BY sequence",
    )?;
    let mut rows = statement.query(params![device.as_bytes(), kept.id.as_bytes()])?;
    let mut outcomes = Vec::new();
    while let Some(row) = rows.next()? {
        let sealed: Vec<u8> = row.get(0)?;
        outcomes.push(
            vault
                .unseal("outcome", kept.id.as_bytes(), &sealed)?
                .expose()
                .clone(),
        );
    }
    life::tell(kept.id, *device, action, &kept.seen, outcomes, now)
        .ok_or_else(|| StoreError::Unreadable("an outcome").into())
}
