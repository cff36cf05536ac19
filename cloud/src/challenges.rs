//! Proof of work: ALTCHA v2 challenges, each good once and for a while.

use altcha::{
    Challenge, CreateChallengeOptions, HmacAlgorithm, Solution, VerifySolutionOptions, create_challenge,
    sign_challenge, verify_solution,
};
use axum::extract::State;
use belay_proto::keys::sha256;
use belay_proto::text::hex;
use belay_proto::wire;
use rusqlite::{Transaction, params};
use serde::Deserialize;

use crate::app::App;
use crate::clock::{MINUTE, Millis, SECOND};
use crate::config::Work;
use crate::http::{Answer, Call};
use crate::problem::{Kind, Problem};
use crate::store::Failure;
use crate::vault::Vault;

/// How long a challenge may be worked on.
const LIFE: Millis = 10 * MINUTE;

/// The body of the call: nothing is asked yet.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Empty {}

/// `POST /v1/challenges`.
///
/// # Errors
/// Only those of every call.
pub async fn create(State(app): State<App>, _: Call<Empty>) -> Result<Answer, Problem> {
    let challenge = make(&app.vault, &app.settings.work, app.now())?;
    let challenge = serde_json::to_value(challenge).map_err(|_| Problem::new(Kind::Internal))?;
    Answer::ok(&wire::ChallengeAnswer { challenge })
}

/// A proof of work whose derivation was checked; only [`Solved::spend`] makes it count.
#[derive(Debug)]
pub struct Solved {
    id: [u8; 32],
    until: Millis,
}

impl Solved {
    /// As [`Self::check`], away from the thread that serves everybody and from the database's.
    ///
    /// # Errors
    /// `proof-of-work-refused`.
    pub async fn check_aside(app: &App, work: &wire::ProofOfWork) -> Result<Self, Problem> {
        let (app, work) = (app.clone(), work.clone());
        tokio::task::spawn_blocking(move || Self::check(&app.vault, &work, app.now()))
            .await
            .map_err(|_| Problem::new(Kind::Internal))?
    }

    /// Checks signature, age and derivation.
    ///
    /// # Errors
    /// `proof-of-work-refused`.
    pub fn check(vault: &Vault, work: &wire::ProofOfWork, now: Millis) -> Result<Self, Problem> {
        let refused = |why: &str| Problem::new(Kind::ProofOfWorkRefused).because(why);
        let secret = secret(vault);
        let challenge = Challenge::deserialize(&work.challenge).map_err(|_| refused("not a challenge"))?;
        let solution = Solution::deserialize(&work.solution).map_err(|_| refused("not a solution"))?;
        let mut parameters = challenge.parameters.clone();
        let ours = sign_challenge(&HmacAlgorithm::Sha256, &mut parameters, None, &secret, None)
            .map_err(|_| refused("the challenge is not this cloud's"))?;
        if !is_equal(vault, ours.signature.as_deref(), challenge.signature.as_deref()) {
            return Err(refused("the challenge is not this cloud's"));
        }
        let until = parameters
            .expires_at
            .and_then(|seconds| u64::try_from(seconds).ok())
            .unwrap_or(0)
            .saturating_mul(SECOND);
        if until <= now {
            return Err(refused("the challenge is over"));
        }
        // The library would judge the end by the wall clock; it was judged above, by this cloud's.
        parameters.expires_at = None;
        let unending = sign_challenge(&HmacAlgorithm::Sha256, &mut parameters, None, &secret, None)
            .map_err(|_| refused("the challenge is not this cloud's"))?;
        let verdict = verify_solution(VerifySolutionOptions::new(&unending, &solution, secret));
        if !verdict.is_ok_and(|verdict| verdict.verified) {
            return Err(refused("the solution is wrong"));
        }
        Ok(Self {
            id: sha256(parameters.nonce.as_bytes()),
            until,
        })
    }

    /// Uses the proof up.
    ///
    /// # Errors
    /// `proof-of-work-refused`, when it was used before.
    pub fn spend(&self, transaction: &Transaction<'_>) -> Result<(), Failure> {
        let fresh = transaction
            .prepare_cached("INSERT OR IGNORE INTO spent_work (id, until) VALUES (?1, ?2)")?
            .execute(params![self.id, self.until])?;
        if fresh == 0 {
            return Err(Problem::new(Kind::ProofOfWorkRefused)
                .because("the proof was used before")
                .into());
        }
        Ok(())
    }
}

fn make(vault: &Vault, work: &Work, now: Millis) -> Result<Challenge, Problem> {
    let until = i64::try_from(now.saturating_add(LIFE) / SECOND).unwrap_or(i64::MAX);
    create_challenge(CreateChallengeOptions {
        algorithm: "PBKDF2/SHA-256".to_owned(),
        cost: work.rounds,
        key_prefix: work.prefix.clone(),
        expires_at: Some(until),
        hmac_signature_secret: Some(secret(vault)),
        ..CreateChallengeOptions::default()
    })
    .map_err(|_| Problem::new(Kind::Internal))
}

/// Compared under a key, so that the time tells nothing of how far a guessed signature was right.
fn is_equal(vault: &Vault, ours: Option<&str>, theirs: Option<&str>) -> bool {
    const LABEL: &str = "proof-of-work-signature";
    let (Some(ours), Some(theirs)) = (ours, theirs) else {
        return false;
    };
    vault.matches(LABEL, &[theirs.as_bytes()], &vault.mac(LABEL, &[ours.as_bytes()]))
}

fn secret(vault: &Vault) -> String {
    hex(&vault.mac("proof-of-work", &[]))
}
