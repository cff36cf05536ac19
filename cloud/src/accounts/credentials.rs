//! The account's credentials: what its devices fetch, and what takes the place of them.

use axum::extract::State;
use belay_proto::failpoint;
use belay_proto::signed::{DeviceCertificate, Signed};
use belay_proto::{AccountId, DeviceId, wire};
use rusqlite::Transaction;

use super::change::{self, Present, Roots};
use super::table::{self, Account};
use super::{calls, following, grants, orders, waiting};
use crate::app::App;
use crate::http::idempotency::{self, Context, Kept, Key};
use crate::http::{Answer, Call, Proof, Session};
use crate::messages::Notice;
use crate::problem::{Kind, Problem};
use crate::store::{Failure, StoreError, countable};
use crate::{bootloader, channel, devices, notices, tokens};

/// `GET /v1/account/credentials`: for a bound device's key alone, whatever became of its session.
///
/// # Errors
/// `not-bound`.
pub async fn show(State(app): State<App>, proof: Proof) -> Result<Answer, Problem> {
    let (inside, now) = (app.clone(), app.now());
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
            let waiting = waiting::load(tx, &bound.account)?;
            Ok(wire::CredentialsAnswer {
                credentials: account.credentials.into(),
                successions: grants::successions(&inside.vault, tx, &bound.account, &bound.device)?,
                keyring: granted.keyring,
                delegate: granted.delegate,
                recovery_ms: waiting.as_ref().map(|waiting| waiting.left(now)),
                recovery_here: Some(waiting.is_some_and(|waiting| waiting.is_at(&bound.device))),
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
/// `malformed`, `too-large`, `bad-credentials`, `bad-certificate`, `no-such-delegate`, `generation-conflict`, `too-many`.
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
            replace(app, context, &account, &body, By::Session, &session.proof)
        },
    )
    .await
}

/// Who brings other credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By<'a> {
    /// A session of the account's.
    Session,
    /// Who proved an address of the account's, on a device of this name.
    Recovery(&'a str),
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
    by: By<'_>,
    proof: &Proof,
) -> Result<Kept, Failure> {
    let roots = match by {
        By::Session => Roots::May,
        By::Recovery(_) => Roots::MayNot,
    };
    if account.credentials == body.credentials.0 {
        return Ok(Kept::Nothing(Answer::empty()));
    }
    let (tx, now, vault) = (context.transaction, context.now, &app.vault);
    let present = present(app, tx, account, None)?;
    let change = change::judge(&present, body, roots, now)?;
    let generation = countable(change.record.generation)?;
    let succeeds = body.succession.is_some();
    let other_password = change.record.login != present.record.login;
    if by == By::Session {
        calls::by_owner(vault, tx, &account.id, now)?;
    }
    // All refusals are behind.
    waiting::forget(tx, &account.id)?;
    table::set_credentials(vault, tx, &change.owner, &change.record, body)?;
    grants::void_delegates(tx, &account.id)?;
    if succeeds || grants::bring_keyrings(&change.grants) {
        grants::void_keyrings(tx, &account.id)?;
        grants::end_sessions_without(tx, &present, &change.grants, &proof.thumbprint, now)?;
    }
    grants::succeed(vault, tx, &account.id, generation, body, &change.grants)?;
    for grant in &change.grants {
        grants::put(vault, tx, grant)?;
    }
    orders::forget_before(tx, &account.id, generation)?;
    let mut withdrawn = false;
    if other_password {
        following::forget(tx, &account.id)?;
    }
    if roots == Roots::MayNot || other_password {
        // Somebody who knows the old password may have made it.
        withdrawn = bootloader::table::withdraw(tx, &account.id)?;
        // A recovery proves no session: whoever had one signs in with the new password.
        let caller = (roots == Roots::May).then_some(&proof.thumbprint);
        tokens::revoke_others(tx, &account.id, caller, now)?;
    }
    // Of a request that is withdrawn the device that this came from knows nothing either.
    let here = devices::here(tx, &proof.thumbprint, &account.id)?.filter(|_| !withdrawn);
    channel::account_moved(app, tx, &account.id, here.as_ref())?;
    let happened = match by {
        By::Recovery(device) => Some(Notice::Recovered { device }),
        By::Session if succeeds => Some(Notice::NewRoot),
        By::Session if other_password => Some(Notice::PasswordChanged),
        By::Session => None,
    };
    // A new root leaves no recovery code, and its notice says so.
    let other_code = !succeeds && change.record.recovery_wrap != present.record.recovery_wrap;
    let made = other_code.then_some(Notice::RecoveryCodeReplaced);
    for notice in happened.iter().chain(&made) {
        notices::tell(app, tx, &account.id, notice, now)?;
    }
    failpoint!("cloud.credentials.replaced");
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
