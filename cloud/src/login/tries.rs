//! Counting wrong proofs: those of a key that has been the account's for themselves, those of strangers by the network that they
//! come from. Who knows an address, or has stolen a phone that tells it, must not keep its owner from signing in on a new device.

use rusqlite::{OptionalExtension, Transaction, params};

use super::throttle;
use crate::app::App;
use crate::budget::{self, Limit};
use crate::clock::{DAY, HOUR, Millis};
use crate::http::Caller;
use crate::problem::{Kind, Problem};
use crate::store::Failure;
use crate::vault::Vault;

/// How long failures are remembered.
const FAILURE_LIFE: Millis = DAY;

/// Wrong proofs of strangers for one address, from wherever they come: who has many networks doesn't guess on without end.
const STRANGERS: Limit = Limit {
    times: 100,
    window: HOUR,
};

/// Where the wrong proofs of a sign-in are counted.
#[derive(Debug)]
pub struct Tries {
    throttle: [u8; 32],
    everywhere: Option<[u8; 32]>,
}

impl Tries {
    /// Of a key that is or was of a device of the account, or has signed in lately.
    #[must_use]
    pub fn of_key(vault: &Vault, account: &[u8; 16], thumbprint: &[u8; 32]) -> Self {
        Self {
            throttle: vault.mac("login-throttle", &[account, thumbprint]),
            everywhere: None,
        }
    }

    /// Of any other key. Each address counts for itself: two that waited together would be known as one account's.
    #[must_use]
    pub fn of_stranger(app: &App, lookup: &[u8; 32], caller: Caller) -> Self {
        let network = app.budget_network(caller).map(|network| network.to_string());
        let network = network.unwrap_or_default();
        Self {
            throttle: app.vault.mac("login-throttle", &[lookup, network.as_bytes()]),
            everywhere: Some(app.vault.mac("login-strangers", &[lookup])),
        }
    }

    /// Whether another proof may come now.
    ///
    /// # Errors
    /// `too-many`, or a broken database.
    pub fn wait_is_over(&self, tx: &Transaction<'_>, now: Millis) -> Result<(), Failure> {
        let blocked_until: Option<Millis> = tx
            .prepare_cached("SELECT blocked_until FROM throttles WHERE subject = ?1")?
            .query_row(params![self.throttle], |row| row.get(0))
            .optional()?;
        match blocked_until.unwrap_or(0).saturating_sub(now) {
            0 => {}
            wait => return Err(Problem::wait(Kind::TooMany, wait).into()),
        }
        match &self.everywhere {
            Some(counter) => budget::check(tx, counter, STRANGERS, now),
            None => Ok(()),
        }
    }

    /// Counts a wrong proof.
    ///
    /// # Errors
    /// A broken database.
    pub fn failed(&self, tx: &Transaction<'_>, now: Millis) -> Result<(), Failure> {
        let before: Option<u32> = tx
            .prepare_cached("SELECT failures FROM throttles WHERE subject = ?1 AND until > ?2")?
            .query_row(params![self.throttle, now], |row| row.get(0))
            .optional()?;
        let failures = before.unwrap_or(0).saturating_add(1);
        tx.prepare_cached(
            "INSERT OR REPLACE INTO throttles (subject, failures, blocked_until, until) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![
            self.throttle,
            failures,
            now.saturating_add(throttle::wait_after(failures)),
            now.saturating_add(FAILURE_LIFE)
        ])?;
        match &self.everywhere {
            Some(counter) => budget::count(tx, counter, STRANGERS, now),
            None => Ok(()),
        }
    }

    /// A right proof came: the next wrong one is the first.
    ///
    /// # Errors
    /// A broken database.
    pub fn forgive(&self, tx: &Transaction<'_>) -> Result<(), Failure> {
        tx.prepare_cached("DELETE FROM throttles WHERE subject = ?1")?
            .execute(params![self.throttle])?;
        Ok(())
    }
}
