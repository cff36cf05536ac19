//! The account's credentials: what its devices fetch, and what takes the place of them.

use axum::extract::State;
use belay_proto::signed::{DeviceCertificate, Signed};
use belay_proto::{AccountId, DeviceId, wire};
use rusqlite::Transaction;

use super::change::{self, Present, Roots};
use super::table::{self, Account};
use super::{grants, orders};
use crate::app::App;
use crate::http::idempotency::{self, Context, Kept, Key};
use crate::http::{Answer, Call, Proof, Session};
use crate::problem::{Kind, Problem};
use crate::store::{Failure, StoreError, countable};
use crate::{channel, devices, tokens};

/// `GET /v1/account/credentials`: for a bound device's key alone, whatever became of its session.
///
/// # Errors
/// `not-bound`.
pub async fn show(State(app): State<App>, proof: Proof) -> Result<Answer, Problem> {
    let inside = app.clone();
    let answer = app
        .store
        .transact(move |tx| {
            let bound = channel::bound(tx, &proof)?;
            let account = table::load_any(&inside.vault, tx, &bound.account)?
                .ok_or_else(|| Problem::new(Kind::NotBound))?;
            let granted = match bound.removed {
                true => grants::Granted::default(),
                false => grants::load(&inside.vault, tx, &bound.device)?,
            };
            Ok(wire::CredentialsAnswer {
                credentials: account.credentials.into(),
                successions: grants::successions(&inside.vault, tx, &bound.account, &bound.device)?,
                keyring: granted.keyring,
                delegate: granted.delegate,
                removed: bound.removed,
                deleted: account.deleted,
            })
        })
        .await?;
    Answer::ok(&answer)
}

/// `PUT /v1/account/credentials`: another password, another recovery code, another root. The owner key's signature decides;
/// the session only says who asks.
///
/// # Errors
/// `malformed`, `too-large`, `bad-credentials`, `bad-certificate`, `no-such-delegate`, `generation-conflict`.
pub async fn put(
    State(app): State<App>,
    session: Session,
    call: Call<wire::NewCredentialsRequest>,
) -> Result<Answer, Problem> {
    idempotency::once(
        &app,
        &session.proof,
        call,
        Key::Required,
        move |app, context, body| {
            if body.ticket.is_some() {
                return Err(Problem::malformed("`ticket` is for a recovery").into());
            }
            let account = table::of_session(&app.vault, context.transaction, &session.account)?;
            replace(app, context, &account, &body, Roots::May, &session.proof)
        },
    )
    .await
}

/// Puts other credentials in the place of the present ones. The same ones again, whose answer was lost, change nothing.
///
/// # Errors
/// As [`put`].
pub fn replace(
    app: &App,
    context: &Context<'_>,
    account: &Account,
    body: &wire::NewCredentialsRequest,
    roots: Roots,
    proof: &Proof,
) -> Result<Kept, Failure> {
    if account.credentials == body.credentials.0 {
        return Ok(Kept::Nothing(Answer::empty()));
    }
    let (tx, now, vault) = (context.transaction, context.now, &app.vault);
    let present = present(app, tx, account, None)?;
    let change = change::judge(&present, body, roots, now)?;
    let generation = countable(change.record.generation)?;
    let succeeds = body.succession.is_some();
    // All refusals are behind.
    table::set_credentials(vault, tx, &change.owner, &change.record, body)?;
    grants::void(tx, &account.id, succeeds)?;
    grants::succeed(vault, tx, &account.id, generation, body, &change.grants)?;
    for grant in &change.grants {
        grants::put(vault, tx, grant)?;
    }
    orders::forget_before(tx, &account.id, generation)?;
    if roots == Roots::MayNot || change.record.login != present.record.login {
        // A recovery proves no session: whoever had one signs in with the new password.
        let caller = (roots == Roots::May).then_some(&proof.thumbprint);
        tokens::revoke_others(tx, &account.id, caller, now)?;
    }
    let here = devices::here(tx, &proof.thumbprint, &account.id)?;
    channel::account_moved(app, tx, &account.id, here.as_ref())?;
    Ok(Kept::Answer(Answer::empty()))
}

/// What an account has, without the device that is about to go.
///
/// # Errors
/// A broken database.
pub fn present<'a>(
    app: &App,
    tx: &Transaction<'_>,
    account: &'a Account,
    without: Option<&DeviceId>,
) -> Result<Present<'a>, Failure> {
    Ok(Present {
        account: account.id,
        owner: account.owner,
        record: account.record()?,
        keyring: &account.keyring,
        devices: certificates(app, tx, &account.id, without)?,
    })
}

fn certificates(
    app: &App,
    tx: &Transaction<'_>,
    account: &AccountId,
    without: Option<&DeviceId>,
) -> Result<Vec<DeviceCertificate>, Failure> {
    let mut certificates = Vec::new();
    for id in devices::table::active(tx, account)? {
        if Some(&id) == without {
            continue;
        }
        let unreadable = || StoreError::Unreadable("a device's certificate");
        let known = devices::table::known(&app.vault, tx, &id)?.ok_or_else(unreadable)?;
        let signed = Signed::decode(&known.certificate).map_err(|_| unreadable())?;
        certificates.push(signed.peek_unverified().map_err(|_| unreadable())?);
    }
    Ok(certificates)
}
