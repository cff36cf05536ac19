//! A new password without the old one. A code proves an address of the account, the recovery code opens the root at the
//! owner's device, and the record that the root's owner key signs is what counts here. Without the recovery code the record is of
//! another root, and [waits](crate::accounts::waiting).
//!
//! An address without an account is answered in the same words, with the same work. Only who reads its mail learns more.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use belay_proto::identifier::{Identifier, IdentifierKind};
use belay_proto::wire;
use rusqlite::Transaction;

use crate::accounts::credentials::{self, By};
use crate::accounts::table::{self as accounts, Account};
use crate::accounts::waiting;
use crate::app::App;
use crate::challenges::Solved;
use crate::http::idempotency::{self, Kept, Key};
use crate::http::{Answer, Call, Caller, Proof};
use crate::problem::{Kind, Problem};
use crate::store::Failure;
use crate::sync::table::counted;
use crate::verifications::opening::{self, Wanted};
use crate::verifications::state::{self, Channel, Purpose, Stage};
use crate::verifications::table::{Row, mark_used};
use crate::{channel, devices, identifiers, verifications};

/// `POST /v1/recoveries`.
///
/// # Errors
/// `malformed`, `invalid-address`, `channel-unavailable`, `proof-of-work-refused`, `too-many`.
pub async fn open(
    State(app): State<App>,
    caller: Caller,
    proof: Proof,
    call: Call<wire::OpenRecoveryRequest>,
) -> Result<Answer, Problem> {
    let solved = Solved::check_aside(&app, &call.body.pow).await;
    idempotency::once(&app, &proof, call, Key::Required, move |app, context, body| {
        let address = Identifier::parse(&body.identifier).map_err(|_| Problem::new(Kind::InvalidAddress))?;
        let wanted = Wanted {
            purpose: Purpose::Recovery,
            account: None,
            channel: match address.kind() {
                IdentifierKind::Email => Channel::Email,
                IdentifierKind::Phone => Channel::Sms,
            },
            address: &address,
            device_name: &body.device_name,
            language: body.language.as_deref(),
        };
        let opened = opening::begin(app, context, &wanted, solved, caller, &proof)?;
        Ok(Kept::Answer(Answer::json(StatusCode::ACCEPTED, &opened)?))
    })
    .await
}

/// `POST /v1/recoveries/{id}/code`: what the warden needs to open the root with the recovery code. The warden believes no record
/// that isn't whole and signed, so the salt, the login key and the verifier's digest come along, and whoever reads the address's mail
/// can guess the password from here on, at Argon2id's price: the notice of the proof advises another one.
///
/// # Errors
/// `not-found`, `wrong-code`, `code-expired`, `not-confirmed`, `too-many`.
pub async fn confirm(
    State(app): State<App>,
    path: Path<String>,
    proof: Proof,
    call: Call<wire::CodeRequest>,
) -> Result<Answer, Problem> {
    let id = verifications::id(&path)?;
    idempotency::once(&app, &proof, call, Key::Required, move |app, context, body| {
        let tx = context.transaction;
        let row = verifications::own(app, tx, &id, &proof)?;
        if row.purpose != Purpose::Recovery {
            return Err(Problem::new(Kind::NotFound).into());
        }
        verifications::try_code(app, context, &row, &state::typed(&body.code))?;
        // Its account may have gone, or let go of the address, since the code was sent.
        let account = account_of(app, tx, &row)?.ok_or_else(|| Problem::new(Kind::CodeExpired))?;
        let devices = devices::table::list(&app.vault, tx, &account.id, &proof.thumbprint)?;
        let answer = Answer::ok(&wire::RecoveryAnswer {
            ticket: verifications::ticket(app, &row.id, &proof).into(),
            account: account.id,
            credentials: account.credentials.into(),
            keyring: account.keyring.into(),
            devices: devices.into_iter().map(|device| device.certificate).collect(),
            key_epoch: counted(tx, &account.id)?.key_epoch,
            lost: channel::table::lost(tx, &account.id)?,
        })?;
        // A repetition runs again, finds it confirmed, and gives the same ticket.
        Ok(if row.state.confirmed {
            Kept::Nothing(answer)
        } else {
            Kept::Marker(answer, Vec::new())
        })
    })
    .await
}

/// `PUT /v1/recoveries/{id}/credentials`: at once, and every session ends; of another root they wait, and nothing ends.
///
/// # Errors
/// `malformed`, `too-large`, `bad-ticket`, `bad-credentials`, `bad-certificate`, `no-such-delegate`, `not-found`,
/// `generation-conflict`, `recovery-on-hold`.
pub async fn put(
    State(app): State<App>,
    path: Path<String>,
    proof: Proof,
    call: Call<wire::NewCredentialsRequest>,
) -> Result<Answer, Problem> {
    let id = verifications::id(&path)?;
    idempotency::once(&app, &proof, call, Key::Required, move |app, context, body| {
        let (tx, now) = (context.transaction, context.now);
        let bad = || Failure::from(Problem::new(Kind::BadTicket));
        let ticket = body.ticket.as_deref().ok_or_else(bad)?;
        let row = verifications::of_ticket(app, tx, ticket, Purpose::Recovery, &proof)?;
        let account = account_of(app, tx, &row)?.ok_or_else(bad)?;
        // The same once more, whose answer was lost, needs no ticket that is good still.
        let again =
            account.credentials == body.credentials.0 || waiting::is_of(tx, &account.id, &body.credentials)?;
        let good = !row.used && row.state.stage(now) == Stage::Confirmed;
        if row.id != id || !good && !again {
            return Err(bad());
        }
        if body.owner.is_some() {
            let waits = waiting::begin(app, context, &account, body, &proof, &row.device_name)?;
            mark_used(tx, &row.id, now)?;
            return Ok(Kept::Answer(Answer::json(StatusCode::ACCEPTED, &waits)?));
        }
        let kept = credentials::replace(
            app,
            context,
            &account,
            &body,
            By::Recovery(&row.device_name),
            &proof,
        )?;
        mark_used(tx, &row.id, now)?;
        Ok(kept)
    })
    .await
}

/// The account that the address belongs to now.
fn account_of(app: &App, tx: &Transaction<'_>, row: &Row) -> Result<Option<Account>, Failure> {
    match identifiers::table::account_of(tx, &row.lookup)? {
        Some(account) => accounts::load(&app.vault, tx, &account),
        None => Ok(None),
    }
}
