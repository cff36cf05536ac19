//! `Idempotency-Key`: the same call again answers the same and does nothing again.
//!
//! A key belongs to the device key that made the proof, the method and the path, and is remembered for
//! 24 hours, unless others take its place. The look-up, the work and the remembering are one transaction, so that two
//! equal calls at once can't both do the work.

mod room;

use axum::http::StatusCode;
use rusqlite::{OptionalExtension, Transaction, params};

use self::room::Whose;
use super::{Answer, Call, Proof};
use crate::app::App;
use crate::clock::{DAY, Millis};
use crate::problem::{Kind, Problem};
use crate::store::Failure;

/// How long an answer is remembered.
const LIFE: Millis = DAY;

/// What is remembered of a call that succeeded.
#[derive(Debug)]
pub enum Kept {
    /// The answer itself.
    Answer(Answer),
    /// Not the answer, since it carries tokens: enough to answer again with fresh ones.
    Marker(Answer, Vec<u8>),
    /// Nothing, since nothing was done: whoever needs neither account nor work for a call must not fill
    /// the table with it.
    Nothing(Answer),
}

/// Where the work runs.
#[derive(Debug)]
pub struct Context<'a> {
    /// The transaction.
    pub transaction: &'a Transaction<'a>,
    /// The present time, the same for all of the call.
    pub now: Millis,
    /// The marker of the same call before this one.
    pub marker: Option<Vec<u8>>,
}

/// Whether a call has to carry a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// It has to.
    Required,
    /// It may; a call that is idempotent by itself.
    Optional,
    /// It may; a call that signs in, which anybody may make without a session, and without work.
    SignIn,
}

/// Runs a mutating call once, if the session that it was let in with is one still.
///
/// # Errors
/// `idempotency-key-required`, `idempotency-key-reused`, `invalid-token` or `removed` for a session that ended while the body
/// came, `too-many` where no more answers can be remembered, or what `work` refuses.
pub async fn once<T, W>(app: &App, proof: &Proof, call: Call<T>, key: Key, work: W) -> Result<Answer, Problem>
where
    T: Send + 'static,
    W: FnOnce(&App, &Context<'_>, T) -> Result<Kept, Failure> + Send + 'static,
{
    let scope = match &call.key {
        Some(name) => Some(app.vault.mac(
            "idempotency",
            &[
                &proof.thumbprint,
                call.method.as_str().as_bytes(),
                call.path.as_bytes(),
                name.as_bytes(),
            ],
        )),
        None if key == Key::Required => return Err(Problem::new(Kind::IdempotencyKeyRequired)),
        None => None,
    };
    let (now, inside, proof) = (app.now(), app.clone(), *proof);
    app.store
        .transact(move |transaction| {
            let Some(scope) = scope else {
                let context = Context {
                    transaction,
                    now,
                    marker: None,
                };
                proof.still(transaction)?;
                return work(&inside, &context, call.body).map(Kept::into_answer);
            };
            let marker = match recall(transaction, &scope, &call.digest, now)? {
                Recalled::Answer(answer) => return Ok(answer),
                Recalled::Marker(marker) => Some(marker),
                Recalled::Nothing => None,
            };
            let account = proof.still(transaction)?;
            let whose = Whose::of(&inside.vault, account.as_ref(), &proof.thumbprint, key);
            if marker.is_none() {
                // Before anything is done that couldn't be remembered.
                whose.has_room(transaction, now)?;
            }
            let context = Context {
                transaction,
                now,
                marker,
            };
            match work(&inside, &context, call.body) {
                Ok(kept) => {
                    remember(transaction, &whose, &scope, &call.digest, &kept, now)?;
                    Ok(kept.into_answer())
                }
                Err(Failure::Counted(problem)) => {
                    let (_, status, _) = problem.kind.describe();
                    let kept = Kept::Answer(Answer::json(status, &problem.document())?);
                    remember(transaction, &whose, &scope, &call.digest, &kept, now)?;
                    Err(Failure::Counted(problem))
                }
                Err(other) => Err(other),
            }
        })
        .await
}

impl Kept {
    fn into_answer(self) -> Answer {
        match self {
            Self::Answer(answer) | Self::Marker(answer, _) | Self::Nothing(answer) => answer,
        }
    }
}

enum Recalled {
    Nothing,
    Answer(Answer),
    Marker(Vec<u8>),
}

type Row = (Vec<u8>, Option<u16>, Option<Vec<u8>>, Option<Vec<u8>>);

fn recall(
    transaction: &Transaction<'_>,
    scope: &[u8; 32],
    digest: &[u8; 32],
    now: Millis,
) -> Result<Recalled, Failure> {
    let row: Option<Row> = transaction
        .prepare_cached("SELECT digest, status, answer, marker FROM answers WHERE scope = ?1 AND until > ?2")?
        .query_row(params![scope, now], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .optional()?;
    let Some((before, status, answer, marker)) = row else {
        return Ok(Recalled::Nothing);
    };
    if before != digest {
        return Err(Problem::new(Kind::IdempotencyKeyReused).into());
    }
    match (
        status.and_then(|status| StatusCode::from_u16(status).ok()),
        answer,
        marker,
    ) {
        (Some(status), Some(body), _) => Ok(Recalled::Answer(Answer { status, body })),
        (_, _, Some(marker)) => Ok(Recalled::Marker(marker)),
        _ => Ok(Recalled::Nothing),
    }
}

fn remember(
    transaction: &Transaction<'_>,
    whose: &Whose,
    scope: &[u8; 32],
    digest: &[u8; 32],
    kept: &Kept,
    now: Millis,
) -> Result<(), Failure> {
    let (status, answer, marker) = match kept {
        Kept::Answer(answer) => (Some(answer.status.as_u16()), Some(&answer.body), None),
        Kept::Marker(_, marker) => (None, None, Some(marker)),
        Kept::Nothing(_) => return Ok(()),
    };
    // One that is over, or an earlier marker.
    transaction
        .prepare_cached("DELETE FROM answers WHERE scope = ?1")?
        .execute(params![scope])?;
    whose.make_room(transaction)?;
    transaction
        .prepare_cached(
            "INSERT INTO answers (scope, digest, status, answer, marker, until, whose, stranger)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            scope,
            digest,
            status,
            answer,
            marker,
            now.saturating_add(LIFE),
            whose.name,
            whose.among.number()
        ])?;
    Ok(())
}
