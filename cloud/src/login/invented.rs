//! Salt and parameters for an identifier that has no account: stable, and drawn like the real ones.

use belay_proto::keys::KdfParameters;
use rusqlite::Transaction;

use crate::store::Failure;
use crate::vault::Vault;

/// How many sets of parameters are looked at. Real clients use a handful.
const SETS: u32 = 16;

/// What a challenge tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Derivation {
    /// Argon2id's salt.
    pub salt: [u8; 16],
    /// Argon2id's parameters.
    pub parameters: KdfParameters,
}

/// Invents a derivation for the address with this MAC.
///
/// A set of parameters is drawn as often as accounts use it, by weighted rendezvous hashing: as accounts
/// come, the draw of an address moves as seldom as the shares allow. The salt depends on the set, so a move
/// looks like a changed password.
#[must_use]
pub fn invent(vault: &Vault, lookup: &[u8; 32], sets: &[(KdfParameters, u32)]) -> Derivation {
    let score = |set: &(KdfParameters, u32)| {
        let draw = vault.mac("invented-parameters", &[lookup, &name(&set.0)]);
        let (number, _) = draw.split_first_chunk::<4>().unwrap_or((&[0; 4], &[]));
        // In (0, 1): neither end, where the logarithm would be 0 or infinite.
        let unit = (f64::from(u32::from_be_bytes(*number)) + 0.5) / 4_294_967_296.0;
        -f64::from(set.1) / unit.ln()
    };
    let drawn = sets.iter().max_by(|a, b| score(a).total_cmp(&score(b)));
    let parameters = drawn.map_or(KdfParameters::DEFAULT, |(parameters, _)| *parameters);
    let mut salt = [0; 16];
    salt.copy_from_slice(&vault.mac("invented-salt", &[lookup, &name(&parameters)])[..16]);
    Derivation { salt, parameters }
}

/// The sets in use with the number of accounts, the most used first.
///
/// # Errors
/// A broken database.
pub fn sets(tx: &Transaction<'_>) -> Result<Vec<(KdfParameters, u32)>, Failure> {
    let mut statement = tx.prepare_cached(
        "SELECT memory_kib, iterations, parallelism, accounts FROM parameter_sets
         ORDER BY accounts DESC, memory_kib, iterations, parallelism LIMIT ?1",
    )?;
    let rows = statement.query_map([SETS], |row| {
        let parameters = KdfParameters {
            memory_kib: row.get(0)?,
            iterations: row.get(1)?,
            parallelism: row.get(2)?,
        };
        Ok((parameters, row.get(3)?))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
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

    fn vault() -> Vault {
        Vault::new(&Secret::new([3; 32]))
    }

    fn address(n: u32) -> [u8; 32] {
        vault().mac("address", &[&n.to_be_bytes()])
    }

    #[test]
    fn the_same_address_gets_the_same_and_another_gets_another_salt() {
        let sets = [(KdfParameters::DEFAULT, 3)];
        assert_eq!(
            invent(&vault(), &address(1), &sets),
            invent(&vault(), &address(1), &sets)
        );
        assert_ne!(
            invent(&vault(), &address(1), &sets).salt,
            invent(&vault(), &address(2), &sets).salt
        );
        let other = Vault::new(&Secret::new([4; 32]));
        assert_ne!(
            invent(&vault(), &address(1), &sets).salt,
            invent(&other, &address(1), &sets).salt
        );
    }

    #[test]
    fn parameters_are_drawn_as_often_as_accounts_use_them() {
        let sets = [(KdfParameters::DEFAULT, 300), (HEAVY, 100)];
        let heavy = (0..4000)
            .filter(|n| invent(&vault(), &address(*n), &sets).parameters == HEAVY)
            .count();
        assert!((850..1150).contains(&heavy), "{heavy} of 4000");
    }

    #[test]
    fn a_new_account_moves_hardly_any_draw() {
        let (before, after) = (
            [(KdfParameters::DEFAULT, 300), (HEAVY, 100)],
            [(KdfParameters::DEFAULT, 301), (HEAVY, 100)],
        );
        let moved = (0..4000)
            .filter(|n| invent(&vault(), &address(*n), &before) != invent(&vault(), &address(*n), &after));
        assert!(moved.count() < 20);
    }

    #[test]
    fn an_empty_cloud_answers_what_new_accounts_would_have() {
        assert_eq!(
            invent(&vault(), &address(1), &[]).parameters,
            KdfParameters::DEFAULT
        );
    }
}
