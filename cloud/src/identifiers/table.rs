//! The addresses in the database.

use belay_proto::AccountId;
use belay_proto::identifier::{Identifier, IdentifierKind};
use belay_proto::keys::random;
use belay_proto::text::hex;
use belay_proto::wire;
use rusqlite::{OptionalExtension, Transaction, params};

use crate::app::App;
use crate::clock::Millis;
use crate::store::Failure;
use crate::vault::Vault;
use crate::verifications::table::open_text;

/// How an address that doesn't open is shown.
const UNREADABLE: &str = "•••";

/// Whose an address is, and how that account proved it: another spelling has the same MAC, and may be another mailbox.
#[derive(Debug, PartialEq, Eq)]
pub enum Proved {
    /// No account has it.
    Nobody,
    /// An account has it, with this text.
    As(String),
    /// An account has it, and its text doesn't open.
    Unreadable,
}

/// An address as its account proved it; `None` of one that doesn't open. That one stays its account's, that it can be removed and taken
/// by nobody else, and keeps nobody from anything but what is sent to it.
pub fn opened(vault: &Vault, id: &[u8], sealed: &[u8]) -> Option<Identifier> {
    let text = open_text(vault, "identifier", id, sealed).ok()?;
    Identifier::stored(&text).ok()
}

/// Tells the operator which address doesn't open, and nothing of what it holds: where the addresses are all read, and where something
/// would go to it. Whoever reads one beside it, or looks at the account, says nothing of it each time.
pub fn name_unreadable(id: &[u8]) {
    tracing::error!(
        identifier = hex(id),
        "an address in the database doesn't open: nothing is sent to it"
    );
}

/// Whether an account has the address with this MAC.
///
/// # Errors
/// A broken database.
pub fn is_taken(tx: &Transaction<'_>, lookup: &[u8; 32]) -> Result<bool, Failure> {
    let found: Option<i64> = tx
        .prepare_cached("SELECT 1 FROM identifiers WHERE lookup = ?1")?
        .query_row(params![lookup], |row| row.get(0))
        .optional()?;
    Ok(found.is_some())
}

/// Gives an account one more address, the first one being the login; its id, as it is told.
///
/// # Errors
/// A broken database.
pub fn insert(
    vault: &Vault,
    tx: &Transaction<'_>,
    account: &AccountId,
    lookup: &[u8; 32],
    address: &str,
    now: Millis,
) -> Result<String, Failure> {
    let id: [u8; 16] = random();
    tx.prepare_cached(
        "INSERT INTO identifiers (id, account, position, lookup, address, verified_at)
         VALUES (?1, ?2, (SELECT ifnull(max(position) + 1, 0) FROM identifiers WHERE account = ?2), ?3, ?4, ?5)",
    )?
    .execute(params![id, account.as_bytes(), lookup, vault.seal("identifier", &id, address.as_bytes()), now])?;
    Ok(hex(&id))
}

/// The account that has the address with this MAC.
///
/// # Errors
/// A broken database.
pub fn account_of(tx: &Transaction<'_>, lookup: &[u8; 32]) -> Result<Option<AccountId>, Failure> {
    // An index that has the account too, so that a hit reads no more pages than a miss.
    let account: Option<[u8; 16]> = tx
        .prepare_cached("SELECT account FROM identifiers INDEXED BY identifiers_lookup WHERE lookup = ?1")?
        .query_row(params![lookup], |row| row.get(0))
        .optional()?;
    Ok(account.map(AccountId::from_bytes))
}

/// The address with this MAC as its account proved it; the work is the same where no account has it.
///
/// # Errors
/// A broken database.
pub fn as_proved(app: &App, tx: &Transaction<'_>, lookup: &[u8; 32]) -> Result<Proved, Failure> {
    // Without an account, some other address is read as far, in a place that the MAC decides.
    let near: Option<(Vec<u8>, Vec<u8>, Vec<u8>)> = tx
        .prepare_cached(
            "SELECT id, lookup, address FROM identifiers WHERE lookup >= ?1 ORDER BY lookup LIMIT 1",
        )?
        .query_row(params![lookup], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((id, found, sealed)) = near else {
        let dummy = &app.dummy;
        drop(
            app.vault
                .unseal("profile", dummy.account.as_bytes(), &dummy.profile)?,
        );
        return Ok(Proved::Nobody);
    };
    let address = opened(&app.vault, &id, &sealed);
    Ok(match address {
        _ if found != lookup => Proved::Nobody,
        Some(address) => Proved::As(address.as_str().to_owned()),
        None => {
            name_unreadable(&id);
            Proved::Unreadable
        }
    })
}

/// The place of one of an account's addresses; 0 is the login.
///
/// # Errors
/// A broken database.
pub fn position(tx: &Transaction<'_>, account: &AccountId, id: &[u8; 16]) -> Result<Option<i64>, Failure> {
    Ok(tx
        .prepare_cached("SELECT position FROM identifiers WHERE id = ?1 AND account = ?2")?
        .query_row(params![id, account.as_bytes()], |row| row.get(0))
        .optional()?)
}

/// Takes an address from its account.
///
/// # Errors
/// A broken database.
pub fn delete(tx: &Transaction<'_>, id: &[u8; 16]) -> Result<(), Failure> {
    tx.prepare_cached("DELETE FROM identifiers WHERE id = ?1")?
        .execute(params![id])?;
    Ok(())
}

/// Has an address and the login change places.
///
/// # Errors
/// A broken database.
pub fn to_front(
    tx: &Transaction<'_>,
    account: &AccountId,
    id: &[u8; 16],
    position: i64,
) -> Result<(), Failure> {
    // No two may have one place in between.
    let mut place =
        tx.prepare_cached("UPDATE identifiers SET position = ?3 WHERE account = ?1 AND position = ?2")?;
    place.execute(params![account.as_bytes(), 0, -1])?;
    tx.prepare_cached("UPDATE identifiers SET position = 0 WHERE id = ?1")?
        .execute(params![id])?;
    place.execute(params![account.as_bytes(), -1, position])?;
    Ok(())
}

/// An account's addresses, masked; the first is the login that is shown.
///
/// # Errors
/// A broken database.
pub fn list(
    vault: &Vault,
    tx: &Transaction<'_>,
    account: &AccountId,
) -> Result<Vec<wire::IdentifierAnswer>, Failure> {
    let rows = rows(vault, tx, account)?.into_iter();
    Ok(rows
        .map(|(id, address)| wire::IdentifierAnswer {
            id: hex(&id),
            // What an unreadable one was nobody knows.
            kind: address.as_ref().map_or(IdentifierKind::Email, Identifier::kind),
            masked: address
                .as_ref()
                .map_or_else(|| UNREADABLE.to_owned(), Identifier::masked),
            // Nothing else is stored.
            verified: address.is_some(),
        })
        .collect())
}

/// An account's addresses, for messages to its owner.
///
/// # Errors
/// A broken database.
pub fn addresses(
    vault: &Vault,
    tx: &Transaction<'_>,
    account: &AccountId,
) -> Result<Vec<Identifier>, Failure> {
    let mut readable = Vec::new();
    for (id, address) in rows(vault, tx, account)? {
        match address {
            Some(address) => readable.push(address),
            None => name_unreadable(&id),
        }
    }
    Ok(readable)
}

/// Each with its id; `None` instead of one that doesn't open.
type Rows = Vec<(Vec<u8>, Option<Identifier>)>;

fn rows(vault: &Vault, tx: &Transaction<'_>, account: &AccountId) -> Result<Rows, Failure> {
    let mut statement =
        tx.prepare_cached("SELECT id, address FROM identifiers WHERE account = ?1 ORDER BY position")?;
    let sealed = statement.query_map(params![account.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut rows = Vec::new();
    for row in sealed {
        let (id, sealed): (Vec<u8>, Vec<u8>) = row?;
        let address = opened(vault, &id, &sealed);
        rows.push((id, address));
    }
    Ok(rows)
}

/// The masked login of an account.
///
/// # Errors
/// A broken database.
pub fn masked_login(
    vault: &Vault,
    tx: &Transaction<'_>,
    account: &AccountId,
) -> Result<Option<String>, Failure> {
    Ok(list(vault, tx, account)?
        .into_iter()
        .next()
        .map(|first| first.masked))
}
