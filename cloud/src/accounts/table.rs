//! The accounts in the database; the cloud's share lies in a table of its own.

use belay_proto::keys::PublicKey;
use belay_proto::signed::{CredentialsRecord, Signed};
use belay_proto::{AccountId, Secret, wire};
use rusqlite::{OptionalExtension, Transaction, params};

use crate::clock::Millis;
use crate::problem::{Kind, Problem};
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
    /// Whether it was deleted; then nothing of it is left but its id, owner and credentials.
    pub deleted: bool,
}

impl Account {
    /// The credentials record, opened: nothing but what was checked is stored.
    ///
    /// # Errors
    /// A broken database.
    pub fn record(&self) -> Result<CredentialsRecord, StoreError> {
        let unreadable = |_| StoreError::Unreadable("a credentials record");
        Signed::decode(&self.credentials)
            .map_err(unreadable)?
            .peek_unverified()
            .map_err(unreadable)
    }

    /// The generation of its credentials.
    ///
    /// # Errors
    /// `internal`, for a broken database.
    pub fn generation(&self) -> Result<u64, Problem> {
        let record = self.record().map_err(|_| Problem::new(Kind::Internal))?;
        Ok(record.generation)
    }
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

type Row = ([u8; 32], Vec<u8>, Vec<u8>, Vec<u8>, Millis, bool);

/// An account that wasn't deleted.
///
/// # Errors
/// A broken database.
pub fn load(vault: &Vault, tx: &Transaction<'_>, account: &AccountId) -> Result<Option<Account>, Failure> {
    Ok(load_any(vault, tx, account)?.filter(|account| !account.deleted))
}

/// The account of a session.
///
/// # Errors
/// `invalid-token` when it is gone, or a broken database.
pub fn of_session(vault: &Vault, tx: &Transaction<'_>, account: &AccountId) -> Result<Account, Failure> {
    load(vault, tx, account)?.ok_or_else(|| Problem::new(Kind::InvalidToken).into())
}

/// Whether there is such an account, and it wasn't deleted.
///
/// # Errors
/// A broken database.
pub fn exists(tx: &Transaction<'_>, account: &AccountId) -> Result<bool, Failure> {
    let deleted: Option<bool> = tx
        .prepare_cached("SELECT deleted_at IS NOT NULL FROM accounts WHERE id = ?1")?
        .query_row(params![account.as_bytes()], |row| row.get(0))
        .optional()?;
    Ok(deleted == Some(false))
}

/// An account, deleted or not.
///
/// # Errors
/// A broken database.
pub fn load_any(
    vault: &Vault,
    tx: &Transaction<'_>,
    account: &AccountId,
) -> Result<Option<Account>, Failure> {
    let id = account.as_bytes();
    let row: Option<Row> = tx
        .prepare_cached(
            "SELECT owner, credentials, keyring, profile, created_at, deleted_at IS NOT NULL FROM accounts WHERE id = ?1",
        )?
        .query_row(params![id], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?))
        })
        .optional()?;
    let Some((owner, credentials, keyring, profile, created_at, deleted)) = row else {
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
        deleted,
    }))
}

/// Keeps other credentials in place of those before, with what goes with them.
///
/// # Errors
/// A broken database.
pub fn set_credentials(
    vault: &Vault,
    tx: &Transaction<'_>,
    owner: &PublicKey,
    record: &CredentialsRecord,
    body: &wire::NewCredentialsRequest,
) -> Result<(), Failure> {
    let id = record.account.as_bytes();
    tx.prepare_cached(
        "UPDATE accounts SET owner = ?2, credentials = ?3, keyring = ?4, memory_kib = ?5, iterations = ?6, parallelism = ?7
         WHERE id = ?1",
    )?
    .execute(params![
        id,
        owner.as_bytes(),
        vault.seal("credentials", id, &body.credentials),
        body.keyring.0,
        record.parameters.memory_kib,
        record.parameters.iterations,
        record.parameters.parallelism,
    ])?;
    tx.prepare_cached("UPDATE shares SET share = ?2 WHERE account = ?1")?
        .execute(params![id, vault.seal("share", id, body.share.0.expose())])?;
    Ok(())
}

/// Keeps another keyring.
///
/// # Errors
/// A broken database.
pub fn set_keyring(tx: &Transaction<'_>, account: &AccountId, keyring: &[u8]) -> Result<(), Failure> {
    tx.prepare_cached("UPDATE accounts SET keyring = ?2 WHERE id = ?1")?
        .execute(params![account.as_bytes(), keyring])?;
    Ok(())
}

/// Keeps another profile.
///
/// # Errors
/// A broken database.
pub fn set_profile(
    vault: &Vault,
    tx: &Transaction<'_>,
    account: &AccountId,
    profile: &wire::Profile,
) -> Result<(), Failure> {
    let id = account.as_bytes();
    let profile = serde_json::to_vec(profile).map_err(|_| StoreError::Unreadable("a profile"))?;
    tx.prepare_cached("UPDATE accounts SET profile = ?2 WHERE id = ?1")?
        .execute(params![id, vault.seal("profile", id, &profile)])?;
    Ok(())
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
