//! The form that addresses are compared in, and what was stored while it was another one.

use belay_proto::identifier::Identifier;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

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
    /// Verifications under way that were forgotten.
    pub forgotten: u64,
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
    addresses(vault, &tx, &mut settled)?;
    verifications(vault, &tx, &mut settled)?;
    let noted = "INSERT OR REPLACE INTO meta (name, value) VALUES ('identifier-form', ?1)";
    tx.execute(noted, params![FORM.to_be_bytes()])?;
    tx.commit()?;
    Ok(Some(settled))
}

fn addresses(vault: &Vault, tx: &Transaction<'_>, settled: &mut Settled) -> Result<(), StoreError> {
    let rows: Vec<([u8; 16], [u8; 32], Vec<u8>)> = tx
        .prepare("SELECT id, lookup, address FROM identifiers ORDER BY verified_at, id")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    let mut moves = Vec::new();
    for (id, before, sealed) in rows {
        let address = open_text(vault, "identifier", &id, &sealed)?;
        let address = Identifier::stored(&address).map_err(|_| StoreError::Unreadable("an address"))?;
        let now = lookup(vault, &address);
        if now != before {
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

/// Of a verification: its id, what it is found by, its sealed address, what it is for.
type Verification = ([u8; 16], [u8; 32], Vec<u8>, String);

/// One that would give an account an address other than today's code would go to is forgotten, and begun anew.
fn verifications(vault: &Vault, tx: &Transaction<'_>, settled: &mut Settled) -> Result<(), StoreError> {
    let rows: Vec<Verification> = tx
        .prepare("SELECT id, lookup, address, purpose FROM verifications")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?
        .collect::<Result<_, _>>()?;
    for (id, before, sealed, purpose) in rows {
        let text = open_text(vault, "verification-address", &id, &sealed)?;
        let address = Identifier::stored(&text).map_err(|_| StoreError::Unreadable("an address"))?;
        if purpose != Purpose::Recovery.as_str() && !is_todays_mailbox(&text) {
            tx.execute("DELETE FROM verifications WHERE id = ?1", params![id])?;
            settled.forgotten += 1;
            continue;
        }
        let now = lookup(vault, &address);
        if now != before {
            tx.execute(
                "UPDATE verifications SET lookup = ?2 WHERE id = ?1",
                params![id, now],
            )?;
            settled.moved += 1;
        }
    }
    Ok(())
}

/// A domain has many spellings, and a mailbox one.
fn is_todays_mailbox(text: &str) -> bool {
    let mailbox = |text: &str| text.rsplit_once('@').map(|(local, _)| local.to_owned());
    Identifier::parse(text).is_ok_and(|today| mailbox(today.as_str()) == mailbox(text))
}
