//! The form that addresses are compared in, and what was stored while it was another one.

use belay_proto::identifier::Identifier;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::table::{name_unreadable, opened};
use crate::store::StoreError;
use crate::vault::Vault;
use crate::verifications::state::Purpose;
use crate::verifications::table::{lookup, open_text};

/// One for each change of [`Identifier::compared`].
const FORM: i64 = 2;

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// Addresses, and verifications under way, that are found under another MAC than before.
    pub moved: u64,
    /// Addresses that are another account's in today's form: they stay on their account, and nobody finds it by them.
    pub collided: u64,
    /// Addresses that don't open: they stay on their account, and what they are found by stays, so that nobody else takes them.
    pub unreadable: u64,
    /// Verifications under way that were forgotten.
    pub forgotten: u64,
    /// Verifications that didn't open, and were forgotten too.
    pub damaged: u64,
}

/// Has addresses that were compared in another form be found under the present one, each where its text is: one that is refused today
/// doesn't become the one that it looks like. Of two that are one today, the account that has it already keeps it, or else the one
/// that proved it first. `None` where nothing was to do.
///
/// # Errors
/// A broken database.
pub fn settle(vault: &Vault, connection: &Connection) -> Result<Option<Settled>, StoreError> {
    let form = "SELECT value FROM meta WHERE name = 'identifier-form'";
    let form: Option<Vec<u8>> = connection.query_row(form, [], |row| row.get(0)).optional()?;
    if form.is_some_and(|form| form == FORM.to_be_bytes()) {
        return Ok(None);
    }
    // Another process may be at it.
    let tx = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    let mut settled = Settled::default();
    // Whose they are is asked while every address is found as it was.
    let all = under_way(&tx)?;
    addresses(vault, &tx, &mut settled)?;
    verifications(vault, &tx, &all, &mut settled)?;
    let noted = "INSERT OR REPLACE INTO meta (name, value) VALUES ('identifier-form', ?1)";
    tx.execute(noted, params![FORM.to_be_bytes()])?;
    tx.commit()?;
    Ok(Some(settled))
}

fn addresses(vault: &Vault, tx: &Transaction<'_>, settled: &mut Settled) -> Result<(), StoreError> {
    let rows: Vec<(Vec<u8>, Vec<u8>, Vec<u8>)> = tx
        .prepare("SELECT id, lookup, address FROM identifiers ORDER BY verified_at, id")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    let mut moves = Vec::new();
    for (id, before, sealed) in rows {
        let Some(address) = opened(vault, &id, &sealed) else {
            settled.unreadable += 1;
            name_unreadable(&id);
            continue;
        };
        let now = lookup(vault, &address);
        if before != now {
            moves.push((address.compared().is_some(), id, now));
        }
    }
    // Those that are refused first: whatever MAC one of them had may be what another address has now.
    moves.sort_by_key(|(is_read, ..)| *is_read);
    let mut moving = tx.prepare("UPDATE OR IGNORE identifiers SET lookup = ?2 WHERE id = ?1")?;
    for (_, id, now) in moves {
        match moving.execute(params![id, now])? {
            0 => settled.collided += 1,
            _ => settled.moved += 1,
        }
    }
    Ok(())
}

/// A verification under way.
struct UnderWay {
    id: Vec<u8>,
    sealed: Vec<u8>,
    before: Vec<u8>,
    purpose: String,
    /// The account that its address is found by, if one is.
    account: Option<Vec<u8>>,
}

fn under_way(tx: &Transaction<'_>) -> Result<Vec<UnderWay>, StoreError> {
    let rows = tx
        .prepare(
            "SELECT one.id, one.address, one.lookup, one.purpose, known.account
             FROM verifications AS one LEFT JOIN identifiers AS known ON known.lookup = one.lookup",
        )?
        .query_map([], |row| {
            Ok(UnderWay {
                id: row.get(0)?,
                sealed: row.get(1)?,
                before: row.get(2)?,
                purpose: row.get(3)?,
                account: row.get(4)?,
            })
        })?
        .collect::<Result<_, _>>()?;
    Ok(rows)
}

/// One that would give an account an address other than today's code would go to is forgotten, and so is a recovery that would be
/// another account's than the one whose mail its code went to: they are begun anew. One that doesn't open can't go on in any form, and
/// keeps nobody else waiting.
fn verifications(
    vault: &Vault,
    tx: &Transaction<'_>,
    all: &[UnderWay],
    settled: &mut Settled,
) -> Result<(), StoreError> {
    let mut moving = tx.prepare("UPDATE verifications SET lookup = ?2 WHERE id = ?1")?;
    let mut forgetting = tx.prepare("DELETE FROM verifications WHERE id = ?1")?;
    for one in all {
        let text = open_text(vault, "verification-address", &one.id, &one.sealed).ok();
        let Some(address) = text.and_then(|text| Identifier::stored(&text).ok()) else {
            settled.damaged += 1;
            forgetting.execute(params![one.id])?;
            continue;
        };
        let now = lookup(vault, &address);
        let goes_on = match one.purpose == Purpose::Recovery.as_str() {
            true => account_of(tx, &now)? == one.account,
            false => is_todays_mailbox(address.as_str()),
        };
        if !goes_on {
            settled.forgotten += 1;
            forgetting.execute(params![one.id])?;
        } else if one.before != now {
            settled.moved += 1;
            moving.execute(params![one.id, now])?;
        }
    }
    Ok(())
}

fn account_of(tx: &Transaction<'_>, lookup: &[u8; 32]) -> Result<Option<Vec<u8>>, StoreError> {
    let account = "SELECT account FROM identifiers WHERE lookup = ?1";
    Ok(tx
        .prepare_cached(account)?
        .query_row(params![lookup], |row| row.get(0))
        .optional()?)
}

/// A domain has many spellings, and a mailbox one.
fn is_todays_mailbox(text: &str) -> bool {
    let mailbox = |text: &str| text.rsplit_once('@').map(|(local, _)| local.to_owned());
    Identifier::parse(text).is_ok_and(|today| mailbox(today.as_str()) == mailbox(text))
}
