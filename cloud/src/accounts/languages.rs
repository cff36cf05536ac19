//! The languages in which an owner is told what happens to the account.
//!
//! A session alone changes the profile's, and whoever holds an unlocked device has one: in a language that the owner doesn't
//! read a warning is none. So the owner is told of the change, and for a while of everything in the languages of before too.

use belay_proto::{AccountId, wire};
use rusqlite::{Transaction, params};

use super::table::Account;
use crate::clock::{DAY, Millis};
use crate::language::Language;
use crate::store::Failure;

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
