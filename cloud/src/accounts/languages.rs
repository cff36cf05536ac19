//! The languages in which an owner is told what happens to the account.
//!
//! A session alone changes the profile's, and whoever holds an unlocked device has one: in a language that the owner doesn't
//! read a warning is none. So the owner is told of the change, and for a while of everything in the languages of before too.

use belay_proto::{AccountId, wire};
use rusqlite::{OptionalExtension, Transaction, params};

use super::table::Account;
use crate::app::App;
use crate::clock::{DAY, Millis};
use crate::identifiers;
use crate::language::Language;
use crate::store::{Failure, StoreError};

/// How long a language of before is written too, days: longer than a recovery or an unlocked bootloader has to wait.
pub const KEPT_DAYS: u32 = 30;

/// The language that a profile asks for; English where it asks for none that is here.
fn asked(profile: &wire::Profile) -> Language {
    let tag = profile.language.as_deref();
    tag.and_then(Language::of).unwrap_or_default()
}

/// The profile's language, and each one that it was lately, the newest first.
///
/// # Errors
/// A broken database.
pub fn all(tx: &Transaction<'_>, account: &Account, now: Millis) -> Result<Vec<Language>, Failure> {
    let present = asked(&account.profile);
    let before: Vec<String> = tx
        .prepare_cached(
            "SELECT language FROM languages WHERE account = ?1 AND until > ?2 ORDER BY until DESC, language",
        )?
        .query_map(params![account.id.as_bytes(), now], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let before = before.iter().filter_map(|tag| Language::of(tag));
    let before = before.filter(|language| *language != present);
    Ok(std::iter::once(present).chain(before).collect())
}

/// The language that the owner of the address with this MAC reads; `None` where there is no account, or its profile asks for no
/// language that is here. The work is the same.
///
/// # Errors
/// A broken database.
pub fn of_owner(app: &App, tx: &Transaction<'_>, lookup: &[u8; 32]) -> Result<Option<Language>, Failure> {
    let account = identifiers::table::account_of(tx, lookup)?.map(|account| *account.as_bytes());
    let mut nobody = [0; 16];
    nobody.copy_from_slice(&lookup[..16]);
    // As at a sign-in: without an account, some other row is read as far, in a place that the address decides.
    let near: Option<([u8; 16], Vec<u8>)> = tx
        .prepare_cached("SELECT id, profile FROM accounts WHERE id >= ?1 ORDER BY id LIMIT 1")?
        .query_row(params![account.unwrap_or(nobody)], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let (id, sealed) = near.unwrap_or_else(|| (*app.dummy.account.as_bytes(), app.dummy.profile.clone()));
    let profile = app.vault.unseal("profile", &id, &sealed)?;
    let profile: wire::Profile =
        serde_json::from_slice(profile.expose()).map_err(|_| StoreError::Unreadable("a profile"))?;
    let language = profile.language.as_deref().and_then(Language::of);
    Ok(language.filter(|_| account == Some(id)))
}

/// Notes the language of before, where the profile asks for another one now; whether it does.
///
/// # Errors
/// A broken database.
pub fn moved(
    tx: &Transaction<'_>,
    account: &AccountId,
    before: &wire::Profile,
    after: &wire::Profile,
    now: Millis,
) -> Result<bool, Failure> {
    let before = asked(before);
    if before == asked(after) {
        return Ok(false);
    }
    let until = now.saturating_add(Millis::from(KEPT_DAYS).saturating_mul(DAY));
    tx.prepare_cached("INSERT OR REPLACE INTO languages (account, language, until) VALUES (?1, ?2, ?3)")?
        .execute(params![account.as_bytes(), before.tag(), until])?;
    Ok(true)
}
