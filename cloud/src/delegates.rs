//! Keys that the owner lets ask for some commands. A certificate proves itself wherever it comes along; the
//! list only tells the owner's clients which ones there are.

use axum::extract::State;
use belay_proto::signed::{DelegateCertificate, Signed};
use belay_proto::wire;
use rusqlite::{Transaction, params};

use crate::app::App;
use crate::clock::Millis;
use crate::commands::check::is_over;
use crate::commands::generation;
use crate::http::idempotency::{self, Kept, Key};
use crate::http::{Answer, Call, Session};
use crate::problem::{Kind, Problem};
use crate::store::{Failure, countable, storable};

/// Delegates that are kept an account; a further one takes the place of the one told of first.
const LARGEST_LIST: u32 = 64;

/// `POST /v1/delegates`: tells of one. The same key again takes the newer certificate.
///
/// # Errors
/// `malformed`, `no-such-delegate`.
pub async fn tell(
    State(app): State<App>,
    session: Session,
    call: Call<wire::DelegateRequest>,
) -> Result<Answer, Problem> {
    let account = session.account;
    idempotency::once(&app, &session.proof, call, Key::Optional, move |app, context, body| {
        let (tx, now) = (context.transaction, context.now);
        let bad = |why: &str| Problem::new(Kind::NoSuchDelegate).because(why);
        let signed =
            Signed::decode(&body.certificate).map_err(|_| Problem::malformed("not a delegate's certificate"))?;
        let (owner, generation) = generation(app, tx, &account)?;
        let delegate: DelegateCertificate = signed
            .open(&owner)
            .map_err(|_| bad("not a delegate's certificate under the owner key"))?;
        if delegate.account != account {
            return Err(bad("another account").into());
        }
        if delegate.generation != generation || is_over(delegate.expires_at, now) {
            return Err(bad("the certificate is over").into());
        }
        let key = delegate.key.as_bytes();
        let until = (delegate.expires_at != 0).then(|| storable(delegate.expires_at));
        tx.prepare_cached(
            "INSERT OR REPLACE INTO delegates (account, key, certificate, generation, told_at, until)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            account.as_bytes(),
            key,
            app.vault.seal("delegate", key, &body.certificate),
            countable(generation)?,
            now,
            until
        ])?;
        tx.prepare_cached(
            "DELETE FROM delegates WHERE account = ?1 AND key NOT IN
                 (SELECT key FROM delegates WHERE account = ?1 AND generation = ?2 ORDER BY told_at DESC LIMIT ?3)",
        )?
        .execute(params![account.as_bytes(), countable(generation)?, LARGEST_LIST])?;
        Ok(Kept::Answer(Answer::empty()))
    })
    .await
}

/// `GET /v1/delegates`.
///
/// # Errors
/// Only those of every call.
pub async fn list(State(app): State<App>, session: Session) -> Result<Answer, Problem> {
    let (now, inside) = (app.now(), app.clone());
    let delegates = app
        .store
        .transact(move |tx| {
            let (_, generation) = generation(&inside, tx, &session.account)?;
            in_force(&inside, tx, &session, generation, now)
        })
        .await?;
    Answer::ok(&wire::DelegatesAnswer { delegates })
}

fn in_force(
    app: &App,
    tx: &Transaction<'_>,
    session: &Session,
    generation: u64,
    now: Millis,
) -> Result<Vec<wire::Bytes>, Failure> {
    let mut statement = tx.prepare_cached(
        "SELECT key, certificate FROM delegates
         WHERE account = ?1 AND generation = ?2 AND (until IS NULL OR until > ?3) ORDER BY told_at, key",
    )?;
    let mut rows = statement.query(params![session.account.as_bytes(), countable(generation)?, now])?;
    let mut delegates = Vec::new();
    while let Some(row) = rows.next()? {
        let (key, sealed): ([u8; 32], Vec<u8>) = (row.get(0)?, row.get(1)?);
        delegates.push(
            app.vault
                .unseal("delegate", &key, &sealed)?
                .expose()
                .clone()
                .into(),
        );
    }
    Ok(delegates)
}
