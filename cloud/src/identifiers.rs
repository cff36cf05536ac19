//! The addresses that accounts are known by.

use belay_proto::AccountId;
use belay_proto::identifier::Identifier;
use belay_proto::keys::random;
use belay_proto::text::hex;
use belay_proto::wire;
use rusqlite::{OptionalExtension, Transaction, params};

use crate::clock::Millis;
use crate::store::{Failure, StoreError};
use crate::vault::Vault;
use crate::verifications::table::open_text;

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

/// Gives an account its first address.
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
) -> Result<(), Failure> {
    let id: [u8; 16] = random();
    tx.prepare_cached(
        "INSERT INTO identifiers (id, account, position, lookup, address, verified_at) VALUES (?1, ?2, 0, ?3, ?4, ?5)",
    )?
    .execute(params![id, account.as_bytes(), lookup, vault.seal("identifier", &id, address.as_bytes()), now])?;
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
            kind: address.kind(),
            masked: address.masked(),
            // Nothing else is stored.
            verified: true,
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
    let rows = rows(vault, tx, account)?;
    Ok(rows.into_iter().map(|(_, address)| address).collect())
}

fn rows(
    vault: &Vault,
    tx: &Transaction<'_>,
    account: &AccountId,
) -> Result<Vec<([u8; 16], Identifier)>, Failure> {
    let mut statement =
        tx.prepare_cached("SELECT id, address FROM identifiers WHERE account = ?1 ORDER BY position")?;
    let sealed = statement.query_map(params![account.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut rows = Vec::new();
    for row in sealed {
        let (id, sealed): ([u8; 16], Vec<u8>) = row?;
        let address = open_text(vault, "identifier", &id, &sealed)?;
        let address = Identifier::parse(&address).map_err(|_| StoreError::Unreadable("an address"))?;
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
