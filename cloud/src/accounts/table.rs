//! The accounts in the database; the cloud's share lies in a table of its own.

use belay_proto::keys::PublicKey;
use belay_proto::signed::CredentialsRecord;
use belay_proto::{AccountId, Secret, wire};
use rusqlite::{OptionalExtension, Transaction, params};

use crate::clock::Millis;
use crate::store::{Failure, StoreError};
use crate::vault::Vault;

/// An account.
#[derive(Debug)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// The owner's public key.
    pub owner: PublicKey,
    /// The signed credentials record.
    pub credentials: Vec<u8>,
    /// The sealed keyring.
    pub keyring: Vec<u8>,
    /// What the owner told.
    pub profile: wire::Profile,
    /// When it was made.
    pub created_at: Millis,
}

/// Stores a new account with its share.
///
/// # Errors
/// A broken database.
pub fn insert(
    vault: &Vault,
    tx: &Transaction<'_>,
    body: &wire::CreateAccountRequest,
    record: &CredentialsRecord,
    now: Millis,
) -> Result<(), Failure> {
    let id = record.account.as_bytes();
    let profile = serde_json::to_vec(&body.profile).map_err(|_| StoreError::Unreadable("a profile"))?;
    tx.prepare_cached(
        "INSERT INTO accounts (id, owner, credentials, keyring, profile, memory_kib, iterations, parallelism, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        id,
        body.owner.as_bytes(),
        vault.seal("credentials", id, &body.credentials),
        body.keyring.0,
        vault.seal("profile", id, &profile),
        record.parameters.memory_kib,
        record.parameters.iterations,
        record.parameters.parallelism,
        now,
    ])?;
    tx.prepare_cached("INSERT INTO shares (account, share) VALUES (?1, ?2)")?
        .execute(params![id, vault.seal("share", id, body.share.0.expose())])?;
    Ok(())
}

type Row = ([u8; 32], Vec<u8>, Vec<u8>, Vec<u8>, Millis);

/// An account.
///
/// # Errors
/// A broken database.
pub fn load(vault: &Vault, tx: &Transaction<'_>, account: &AccountId) -> Result<Option<Account>, Failure> {
    let id = account.as_bytes();
    let row: Option<Row> = tx
        .prepare_cached(
            "SELECT owner, credentials, keyring, profile, created_at FROM accounts WHERE id = ?1",
        )?
        .query_row(params![id], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
        })
        .optional()?;
    let Some((owner, credentials, keyring, profile, created_at)) = row else {
        return Ok(None);
    };
    let profile = vault.unseal("profile", id, &profile)?;
    Ok(Some(Account {
        id: *account,
        owner: PublicKey::from_bytes(owner),
        credentials: vault.unseal("credentials", id, &credentials)?.expose().clone(),
        keyring,
        profile: serde_json::from_slice(profile.expose()).map_err(|_| StoreError::Unreadable("a profile"))?,
        created_at,
    }))
}

/// The cloud's share of an account's wrap key; only for whoever has just proved the password.
///
/// # Errors
/// A broken database.
pub fn share(vault: &Vault, tx: &Transaction<'_>, account: &AccountId) -> Result<Secret<[u8; 32]>, Failure> {
    let id = account.as_bytes();
    let sealed: Vec<u8> = tx
        .prepare_cached("SELECT share FROM shares WHERE account = ?1")?
        .query_row(params![id], |row| row.get(0))?;
    let share = vault.unseal("share", id, &sealed)?;
    let share = share
        .expose()
        .as_slice()
        .try_into()
        .map_err(|_| StoreError::Unreadable("a share"))?;
    Ok(Secret::new(share))
}
