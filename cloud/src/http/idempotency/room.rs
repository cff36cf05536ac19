//! How many answers are remembered, and which go when there are more: the oldest.
//!
//! An account's calls share one bound, whichever of its devices makes them; calls without a session have one for each key, and two for
//! all of them, since anybody has as many keys as he likes: one for those that sign in, which cost nothing, and one for those that need a
//! proof of work, an address or a device. Nobody's answer goes within the minutes in which its call may well come again, but for those two
//! bounds: whoever is at the first two is told to wait.

use belay_proto::AccountId;
use rusqlite::{OptionalExtension, Transaction, params};

use super::{Key, LIFE};
use crate::clock::{MINUTE, Millis};
use crate::problem::{Kind, Problem};
use crate::store::Failure;
use crate::vault::Vault;

/// Answers of one account, or of one key without a session: more than the budgets of its calls let it have in an hour.
const OF_ONE: u64 = 4000;
/// Answers to calls without a session, and as many to those that sign in.
const OF_STRANGERS: u64 = 100_000;
/// How long one is remembered, whatever else comes.
const SURELY: Millis = 10 * MINUTE;

/// Whose an answer is.
#[derive(Debug)]
pub(super) struct Whose {
    /// The MAC of the account, or of the key.
    pub(super) name: [u8; 32],
    /// Whose else's there are with it.
    pub(super) among: Among,
}

/// Whose answers have a bound together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Among {
    /// No others' but the account's.
    Account,
    /// Of all calls without a session but those that sign in.
    Strangers,
    /// Of all calls that sign in.
    SignIns,
}

impl Among {
    /// The number in the database.
    pub(super) const fn number(self) -> u8 {
        match self {
            Self::Account => 0,
            Self::Strangers => 1,
            Self::SignIns => 2,
        }
    }
}

impl Whose {
    /// The account's whose session the call came with, or the key's.
    pub(super) fn of(vault: &Vault, account: Option<&AccountId>, thumbprint: &[u8; 32], key: Key) -> Self {
        let (parts, among): ([&[u8]; 2], _) = match (account, key) {
            (Some(account), _) => ([b"account", account.as_bytes()], Among::Account),
            (None, Key::SignIn) => ([b"key", thumbprint], Among::SignIns),
            (None, Key::Required | Key::Optional) => ([b"key", thumbprint], Among::Strangers),
        };
        Self {
            name: vault.mac("answers", &parts),
            among,
        }
    }

    /// Whether one more can be remembered.
    ///
    /// # Errors
    /// `too-many`, with the time when it can, or a broken database.
    pub(super) fn has_room(&self, tx: &Transaction<'_>, now: Millis) -> Result<(), Failure> {
        if number(tx, &self.name)? < OF_ONE {
            return Ok(());
        }
        let oldest: Option<Millis> = tx
            .prepare_cached("SELECT min(until) FROM answers WHERE whose = ?1")?
            .query_row(params![self.name], |row| row.get(0))?;
        let young = oldest
            .unwrap_or_default()
            .saturating_add(SURELY)
            .saturating_sub(LIFE);
        match young.saturating_sub(now) {
            0 => Ok(()),
            wait => Err(Problem::wait(Kind::TooMany, wait)
                .because("too many calls with an idempotency key")
                .into()),
        }
    }

    /// Forgets what is too many with one more.
    pub(super) fn make_room(&self, tx: &Transaction<'_>) -> Result<(), Failure> {
        if number(tx, &self.name)? >= OF_ONE {
            tx.prepare_cached(
                "DELETE FROM answers WHERE scope = (SELECT scope FROM answers WHERE whose = ?1 ORDER BY until LIMIT 1)",
            )?
            .execute(params![self.name])?;
        }
        let among = self.among.number();
        if self.among != Among::Account && number(tx, &[among])? >= OF_STRANGERS {
            tx.prepare_cached(
                "DELETE FROM answers WHERE scope =
                     (SELECT scope FROM answers WHERE stranger = ?1 AND stranger > 0 ORDER BY until LIMIT 1)",
            )?
            .execute(params![among])?;
        }
        Ok(())
    }
}

fn number(tx: &Transaction<'_>, whose: &[u8]) -> Result<u64, Failure> {
    let number: Option<u64> = tx
        .prepare_cached("SELECT number FROM answer_counts WHERE whose = ?1")?
        .query_row(params![whose], |row| row.get(0))
        .optional()?;
    Ok(number.unwrap_or(0))
}
