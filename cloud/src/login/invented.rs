//! Salt and parameters for an identifier that has no account: the parameters that most accounts use.
//!
//! Whatever is answered here, an account whose parameters are rare can be told from it. Drawing each set as often as accounts use it
//! hides those, but only for as long as nobody helps: whoever brings accounts with a set of his own sees it invented for a share of the
//! identifiers that have no account, and with other sets, one after the other, for nearly all of them. The most used set is nobody's
//! to choose who hasn't more accounts than all others together.
//!
//! An account's parameters change now and then, with its password, and no two accounts' at once. So an identifier's stay, and change
//! at a time of its own within half a year of when another set became the most used: were all to change at once, whoever asks before
//! and afterwards would know each that has an account. What no account uses any more is answered no more either, at once.

use belay_proto::keys::KdfParameters;
use rusqlite::{OptionalExtension, Row, Transaction, params};

use crate::clock::{DAY, Millis};
use crate::store::Failure;
use crate::vault::Vault;

/// Within which the identifiers without an account take over what most accounts use by now.
const SPREAD: Millis = 180 * DAY;
/// How long a set stays the most used one, whatever comes: an identifier's parameters don't go to and fro.
const SETTLED: Millis = 7 * DAY;

/// What a challenge tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Derivation {
    /// Argon2id's salt.
    pub salt: [u8; 16],
    /// Argon2id's parameters.
    pub parameters: KdfParameters,
}

/// Which sets of parameters most accounts have used since when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leading {
    /// The sets that some account still uses, in the order of time, ms since 1970.
    since: Vec<(Millis, KdfParameters)>,
    /// The one that most accounts use at this moment: for a cloud that hasn't noted any yet.
    most: Option<KdfParameters>,
}

impl Leading {
    /// What an identifier gets that follows with this delay, ms. The first set is as good as ever: before there were accounts
    /// nobody had other parameters.
    fn at(&self, delay: Millis, now: Millis) -> KdfParameters {
        let then = now.saturating_sub(delay);
        let reached = self.since.iter().rev().find(|(since, _)| *since <= then);
        let noted = reached.or(self.since.first()).map(|(_, set)| *set);
        noted.or(self.most).unwrap_or(KdfParameters::DEFAULT)
    }
}

/// Invents a derivation for the address with this MAC. The salt depends on the parameters, as with a password that was changed.
#[must_use]
pub fn invent(vault: &Vault, lookup: &[u8; 32], leading: &Leading, now: Millis) -> Derivation {
    let drawn = vault.mac("invented-delay", &[lookup]);
    let (number, _) = drawn.split_first_chunk::<8>().unwrap_or((&[0; 8], &[]));
    let parameters = leading.at(u64::from_be_bytes(*number) % SPREAD, now);
    let mut salt = [0; 16];
    salt.copy_from_slice(&vault.mac("invented-salt", &[lookup, &name(&parameters)])[..16]);
    Derivation { salt, parameters }
}

/// What is invented from: a few rows, however many accounts there are.
///
/// # Errors
/// A broken database.
pub fn leading(tx: &Transaction<'_>) -> Result<Leading, Failure> {
    let mut statement = tx.prepare_cached(
        "SELECT memory_kib, iterations, parallelism, since FROM leading_sets
         JOIN parameter_sets USING (memory_kib, iterations, parallelism) ORDER BY since",
    )?;
    let rows = statement.query_map([], |row| Ok((row.get(3)?, parameters(row)?)))?;
    Ok(Leading {
        since: rows.collect::<Result<_, _>>()?,
        most: most(tx)?.map(|(most, _)| most),
    })
}

/// Notes which set most accounts use now, where that has changed.
///
/// # Errors
/// A broken database.
pub fn note_leading(tx: &Transaction<'_>, now: Millis) -> Result<(), Failure> {
    tx.prepare_cached(
        "DELETE FROM leading_sets WHERE (memory_kib, iterations, parallelism) NOT IN
             (SELECT memory_kib, iterations, parallelism FROM parameter_sets)
         OR since < (SELECT max(since) FROM leading_sets WHERE since <= ?1)",
    )?
    .execute(params![now.saturating_sub(SPREAD)])?;
    let Some((most, accounts)) = most(tx)? else {
        return Ok(());
    };
    let before: Option<(u64, Millis)> = tx
        .prepare_cached(
            "SELECT accounts, since FROM leading_sets
             JOIN parameter_sets USING (memory_kib, iterations, parallelism) ORDER BY since DESC LIMIT 1",
        )?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    if let Some((as_many, since)) = before
        && (as_many >= accounts || now < since.saturating_add(SETTLED))
    {
        return Ok(());
    }
    tx.prepare_cached(
        "INSERT OR REPLACE INTO leading_sets (since, memory_kib, iterations, parallelism) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![now, most.memory_kib, most.iterations, most.parallelism])?;
    Ok(())
}

/// The set that most accounts use, and how many do.
fn most(tx: &Transaction<'_>) -> Result<Option<(KdfParameters, u64)>, Failure> {
    Ok(tx
        .prepare_cached(
            "SELECT memory_kib, iterations, parallelism, accounts FROM parameter_sets
             ORDER BY accounts DESC, memory_kib, iterations, parallelism LIMIT 1",
        )?
        .query_row([], |row| Ok((parameters(row)?, row.get(3)?)))
        .optional()?)
}

fn parameters(row: &Row<'_>) -> rusqlite::Result<KdfParameters> {
    Ok(KdfParameters {
        memory_kib: row.get(0)?,
        iterations: row.get(1)?,
        parallelism: row.get(2)?,
    })
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
mod tests {
    use belay_proto::Secret;

    use super::*;

    const HEAVY: KdfParameters = KdfParameters {
        memory_kib: 131_072,
        iterations: 3,
        parallelism: 1,
    };
    const START: Millis = 1000 * DAY;

    fn vault() -> Vault {
        Vault::new(&Secret::new([3; 32]))
    }

    fn address(n: u32) -> [u8; 32] {
        vault().mac("address", &[&n.to_be_bytes()])
    }

    fn moving() -> Leading {
        Leading {
            since: vec![(START, KdfParameters::DEFAULT), (START + DAY, HEAVY)],
            most: Some(HEAVY),
        }
    }

    #[test]
    fn the_same_address_gets_the_same_and_another_gets_another_salt() {
        let salt = |vault: &Vault, n, now| invent(vault, &address(n), &Leading::default(), now).salt;
        assert_eq!(salt(&vault(), 1, START), salt(&vault(), 1, START + SPREAD));
        assert_ne!(salt(&vault(), 1, START), salt(&vault(), 2, START));
        let other = Vault::new(&Secret::new([4; 32]));
        assert_ne!(salt(&vault(), 1, START), salt(&other, 1, START));
    }

    #[test]
    fn addresses_follow_one_by_one_within_half_a_year_with_another_salt_and_do_not_go_back() {
        let moved_after = |days: u64| {
            let followed = |n: &u32| {
                let at = |now| invent(&vault(), &address(*n), &moving(), now);
                let (before, then) = (at(START), at(START + days * DAY));
                assert_eq!(before.parameters, KdfParameters::DEFAULT);
                assert_eq!(before.salt == then.salt, before.parameters == then.parameters);
                then.parameters == HEAVY
            };
            (0..1000).filter(followed).collect::<Vec<_>>()
        };
        let (early, later) = (moved_after(11), moved_after(91));
        assert!((30..90).contains(&early.len()), "{} of 1000", early.len());
        assert!((430..570).contains(&later.len()), "{} of 1000", later.len());
        assert!(early.iter().all(|n| later.contains(n)));
        assert_eq!(moved_after(181).len(), 1000);
    }

    #[test]
    fn an_empty_cloud_answers_what_new_accounts_would_have_and_a_new_one_what_its_first_account_has() {
        let of = |most| Leading {
            most,
            ..Leading::default()
        };
        assert_eq!(of(None).at(0, START), KdfParameters::DEFAULT);
        assert_eq!(of(Some(HEAVY)).at(SPREAD, START), HEAVY);
        let noted = Leading {
            since: vec![(START, HEAVY)],
            most: Some(KdfParameters::DEFAULT),
        };
        assert_eq!(noted.at(SPREAD, START), HEAVY);
    }
}
