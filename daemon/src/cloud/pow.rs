//! Proof of work: the ALTCHA v2 challenge that a call without an account carries.

use altcha::{Challenge, Solution, SolveChallengeOptions, solve_challenge};

use crate::cloud::error::CloudError;

/// The longest a challenge may keep one core, in milliseconds.
const LONGEST_WORK_MS: u64 = 20_000;

/// The most derivation rounds that one guess may cost.
///
/// The time limit is looked at between guesses only, so a guess must itself be bounded: a million rounds
/// are about half a second on a slow phone.
const MOST_ROUNDS: u32 = 1_000_000;

/// Bytes of the longest derived key; SHA-256's own length, more would only multiply the rounds.
const LONGEST_KEY: usize = 32;

/// Solves `challenge` on a blocking thread.
///
/// # Errors
/// [`CloudError::Nonsense`] for a challenge that no honest cloud would give: an unknown algorithm, more
/// work than the limits of this module, or fields that aren't hexadecimal.
pub async fn solve(challenge: Challenge) -> Result<Solution, CloudError> {
    check(&challenge)?;
    let work = move || {
        solve_challenge(SolveChallengeOptions {
            timeout_ms: LONGEST_WORK_MS,
            ..SolveChallengeOptions::new(&challenge)
        })
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(Some(solution))) => Ok(solution),
        Ok(Ok(None)) => Err(CloudError::Nonsense("the proof of work takes too long".into())),
        Ok(Err(error)) => Err(CloudError::Nonsense(format!(
            "the proof of work can't be done: {error}"
        ))),
        Err(_) => Err(CloudError::Nonsense("the proof of work was not finished".into())),
    }
}

fn check(challenge: &Challenge) -> Result<(), CloudError> {
    let asked = &challenge.parameters;
    let refuse = |what: &str| Err(CloudError::Nonsense(format!("the proof of work {what}")));
    if !matches!(asked.algorithm.as_str(), "PBKDF2/SHA-256" | "SHA-256") {
        return refuse("names an unknown algorithm");
    }
    if asked.cost == 0 || asked.cost > MOST_ROUNDS {
        return refuse("costs too much");
    }
    if asked.key_length == 0 || asked.key_length > LONGEST_KEY {
        return refuse("asks for a key of a strange length");
    }
    if asked.nonce.len() > 128 || asked.salt.len() > 128 || asked.key_prefix.len() > 2 * asked.key_length {
        return refuse("has fields of a strange length");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use altcha::{CreateChallengeOptions, VerifySolutionOptions, create_challenge, verify_solution};

    use super::*;

    fn challenge() -> Challenge {
        let options = CreateChallengeOptions {
            cost: 10,
            hmac_signature_secret: Some("secret".into()),
            ..CreateChallengeOptions::default()
        };
        create_challenge(options).unwrap()
    }

    #[tokio::test]
    async fn a_solution_is_one_that_the_cloud_accepts() {
        let challenge = challenge();
        let solution = solve(challenge.clone()).await.unwrap();
        let verdict = verify_solution(VerifySolutionOptions::new(&challenge, &solution, "secret")).unwrap();
        assert!(verdict.verified);
    }

    #[tokio::test]
    async fn work_without_measure_is_refused_before_it_begins() {
        let spoil: [fn(&mut Challenge); 7] = [
            |c| c.parameters.cost = u32::MAX,
            |c| c.parameters.cost = 0,
            |c| c.parameters.key_length = 1 << 30,
            |c| c.parameters.algorithm = "ARGON2ID".into(),
            |c| c.parameters.key_prefix = "0".repeat(65),
            |c| c.parameters.key_prefix = "zz".into(),
            |c| c.parameters.nonce = "not hexadecimal".into(),
        ];
        for spoil in spoil {
            let mut challenge = challenge();
            spoil(&mut challenge);
            assert!(matches!(solve(challenge).await, Err(CloudError::Nonsense(_))));
        }
    }
}
