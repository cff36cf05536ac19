//! Salt and parameters for an identifier that has no account: drawn like the real ones, and seldom drawn again.
//!
//! A set is drawn as often as accounts use it. Were one the same for all, whoever has another would be known by it. But what is drawn
//! mustn't follow the accounts closely either: whoever gives accounts of his own other parameters, time and again, would see which
//! identifiers follow, and rule them out. So the shares are noted once a week, and each identifier looks at them at a turn of its own,
//! once in half a year. Of the identifiers without an account, whoever owns a share of the accounts rules out as large a share in that time.
//!
//! A set that no account uses any more stays until an identifier's turn, as with an account that hasn't changed yet: were it dropped at
//! once, all that change together would be known. Who had its last account knew already who has it without one.

use belay_proto::keys::KdfParameters;
use rusqlite::{Row, Transaction, params};

use crate::clock::{DAY, Millis};
use crate::store::Failure;
use crate::vault::Vault;

/// How long an identifier's draw stays, and so within which all have drawn anew.
const ROUND: Millis = 180 * DAY;
/// How long noted shares are the newest ones at least.
const PAUSE: Millis = 7 * DAY;
/// How many sets are noted, the most used. Real clients use a handful.
const SETS: u32 = 32;

/// What a challenge tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Derivation {
    /// Argon2id's salt.
    pub salt: [u8; 16],
    /// Argon2id's parameters.
    pub parameters: KdfParameters,
}

/// Invents a derivation for the address with this MAC, from the shares as of its [`turn`].
///
/// The draw is a weighted rendezvous hash: as shares change, no more addresses change than must. Drawn afresh at each turn, an address
/// would go to and fro between the same shares, and to weaker parameters, which an account never does. The salt depends on the set, so
/// a change looks like a changed password.
#[must_use]
pub fn invent(vault: &Vault, lookup: &[u8; 32], shares: &[(KdfParameters, u32)]) -> Derivation {
    let score = |(set, accounts): &(KdfParameters, u32)| {
        let draw = vault.mac("invented-parameters", &[lookup, &name(set)]);
        let (number, _) = draw.split_first_chunk::<4>().unwrap_or((&[0; 4], &[]));
        // In (0, 1): neither end, where the logarithm would be 0 or infinite.
        let unit = (f64::from(u32::from_be_bytes(*number)) + 0.5) / 4_294_967_296.0;
        -f64::from(*accounts) / unit.ln()
    };
    let drawn = shares.iter().max_by(|a, b| score(a).total_cmp(&score(b)));
    let parameters = drawn.map_or(KdfParameters::DEFAULT, |(set, _)| *set);
    let mut salt = [0; 16];
    salt.copy_from_slice(&vault.mac("invented-salt", &[lookup, &name(&parameters)])[..16]);
    Derivation { salt, parameters }
}

/// When the address with this MAC drew last, ms since 1970: once in each round, at a time of its own.
#[must_use]
pub fn turn(vault: &Vault, lookup: &[u8; 32], now: Millis) -> Millis {
    let drawn = vault.mac("invented-turn", &[lookup]);
    let (number, _) = drawn.split_first_chunk::<8>().unwrap_or((&[0; 8], &[]));
    let phase = u64::from_be_bytes(*number) % ROUND;
    now.saturating_sub((now % ROUND + ROUND - phase) % ROUND)
}

const AT_TURN: &str =
    "SELECT memory_kib, iterations, parallelism, accounts FROM parameter_shares WHERE at = coalesce(
         (SELECT max(at) FROM parameter_shares WHERE at <= ?1), (SELECT min(at) FROM parameter_shares))";

/// What an address draws from whose turn was then: the newest shares of that time, the oldest where all are newer, and those of this
/// moment where none are noted yet. Some rows, however many accounts there are.
///
/// # Errors
/// A broken database.
pub fn shares(tx: &Transaction<'_>, turn: Millis) -> Result<Vec<(KdfParameters, u32)>, Failure> {
    let mut statement = tx.prepare_cached(AT_TURN)?;
    let noted = statement
        .query_map([turn], share)?
        .collect::<Result<Vec<_>, _>>()?;
    if noted.is_empty() {
        return current(tx);
    }
    Ok(noted)
}

/// Notes the shares, unless that was done within the week, and forgets those that no address draws from any more.
///
/// # Errors
/// A broken database.
pub fn note_shares(tx: &Transaction<'_>, now: Millis) -> Result<(), Failure> {
    // Those from the future are a wrong clock's, and keep nothing from being noted.
    let newest: Option<Millis> = tx
        .prepare_cached("SELECT max(at) FROM parameter_shares WHERE at <= ?1")?
        .query_row([now], |row| row.get(0))?;
    if newest.is_some_and(|at| now < at.saturating_add(PAUSE)) {
        return Ok(());
    }
    let mut sets = current(tx)?;
    if sets.is_empty() && newest.is_some() {
        // The last account has left: what it used mustn't stay for ever.
        sets.push((KdfParameters::DEFAULT, 1));
    }
    for (set, accounts) in sets {
        tx.prepare_cached(
            "INSERT OR REPLACE INTO parameter_shares (at, memory_kib, iterations, parallelism, accounts)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            now,
            set.memory_kib,
            set.iterations,
            set.parallelism,
            accounts
        ])?;
    }
    tx.prepare_cached(
        "DELETE FROM parameter_shares WHERE at < (SELECT max(at) FROM parameter_shares WHERE at <= ?1)",
    )?
    .execute([now.saturating_sub(ROUND)])?;
    Ok(())
}

/// The sets in use with the number of accounts, the most used first.
fn current(tx: &Transaction<'_>) -> Result<Vec<(KdfParameters, u32)>, Failure> {
    let mut statement = tx.prepare_cached(
        "SELECT memory_kib, iterations, parallelism, accounts FROM parameter_sets
         ORDER BY accounts DESC, memory_kib, iterations, parallelism LIMIT ?1",
    )?;
    let rows = statement.query_map([SETS], share)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn share(row: &Row<'_>) -> rusqlite::Result<(KdfParameters, u32)> {
    let set = KdfParameters {
        memory_kib: row.get(0)?,
        iterations: row.get(1)?,
        parallelism: row.get(2)?,
    };
    Ok((set, row.get(3)?))
}

fn name(parameters: &KdfParameters) -> [u8; 12] {
    let mut name = [0; 12];
    let numbers = [
        parameters.memory_kib,
        parameters.iterations,
        parameters.parallelism,
    ];
    for (place, number) in name.chunks_exact_mut(4).zip(numbers) {
        place.copy_from_slice(&number.to_be_bytes());
    }
    name
}

#[cfg(test)]
mod tests;
