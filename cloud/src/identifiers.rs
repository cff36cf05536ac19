//! The addresses that accounts are known by.

pub mod forms;
pub mod table;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use belay_proto::failpoint;
use belay_proto::signed::Deed;
use belay_proto::text::from_hex;
use belay_proto::{AccountId, wire};
use rusqlite::Transaction;

use crate::accounts::orders;
use crate::accounts::table as accounts;
use crate::app::App;
use crate::http::idempotency::{self, Kept, Key};
use crate::http::{Answer, Call, Session};
use crate::messages::Notice;
use crate::problem::{Kind, Problem};
use crate::store::Failure;
use crate::verifications::state::Purpose;
use crate::{channel, devices, notices, verifications};

pub use table::{addresses, insert, is_taken, list, masked_login};

/// Addresses of one account.
const MOST: usize = 5;

/// `POST /v1/account/identifiers`: the ticket proves the address, the order that the owner wants it.
///
/// # Errors
/// `malformed`, `too-large`, `bad-ticket`, `bad-order`, `identifier-taken`, `generation-conflict`, `order-used`, `too-many`, `quota-exceeded`.
pub async fn add(
    State(app): State<App>,
    session: Session,
    call: Call<wire::AddIdentifierRequest>,
) -> Result<Answer, Problem> {
    idempotency::once(
        &app,
        &session.proof,
        call,
        Key::Required,
        move |app, context, body| {
            let (tx, now) = (context.transaction, context.now);
            let account = accounts::of_session(&app.vault, tx, &session.account)?;
            let proved =
                verifications::redeem(app, tx, &body.ticket, Purpose::Identifier, &session.proof, now)?;
            if proved.account != Some(account.id) {
                return Err(Problem::new(Kind::BadTicket).because("another account's").into());
            }
            let order = orders::check(tx, &account, &body.order, |deed| deed.adds(&proved.address))?;
            if is_taken(tx, &proved.lookup)? {
                return Err(Problem::new(Kind::IdentifierTaken).into());
            }
            if list(&app.vault, tx, &account.id)?.len() >= MOST {
                return Err(Problem::new(Kind::QuotaExceeded)
                    .because("an account has at most 5 addresses")
                    .into());
            }
            order.done(&app.vault, tx, now)?;
            verifications::table::mark_used(tx, &proved.id, now)?;
            let id = insert(&app.vault, tx, &account.id, &proved.lookup, &proved.address, now)?;
            hint(app, tx, &account.id, &session)?;
            let added = list(&app.vault, tx, &account.id)?
                .into_iter()
                .find(|view| view.id == id);
            let added = added.ok_or_else(|| Problem::new(Kind::Internal))?;
            let notice = Notice::AddressAdded {
                address: &added.masked,
            };
            notices::tell(app, tx, &account.id, &notice, now)?;
            failpoint!("cloud.identifier.added");
            Ok(Kept::Answer(Answer::json(StatusCode::CREATED, &added)?))
        },
    )
    .await
}

/// `DELETE /v1/account/identifiers/{id}`: any but the login, so that one is left.
///
/// # Errors
/// `malformed`, `too-large`, `bad-order`, `not-found`, `identifier-is-login`, `generation-conflict`, `order-used`, `too-many`.
pub async fn remove(
    State(app): State<App>,
    path: Path<String>,
    session: Session,
    call: Call<wire::OrderRequest>,
) -> Result<Answer, Problem> {
    let name = path.0;
    idempotency::once(
        &app,
        &session.proof,
        call,
        Key::Required,
        move |app, context, body| {
            let (tx, now) = (context.transaction, context.now);
            let account = accounts::of_session(&app.vault, tx, &session.account)?;
            let (id, position) = find(tx, &account.id, &name)?;
            let order = orders::check(
                tx,
                &account,
                &body.order,
                |deed| matches!(deed, Deed::RemoveIdentifier(id) if *id == name),
            )?;
            if position == 0 {
                return Err(Problem::new(Kind::IdentifierIsLogin).into());
            }
            order.done(&app.vault, tx, now)?;
            let address = masked(app, tx, &account.id, &name)?;
            // While the address is there still: whoever reads it has to hear of it too.
            let notice = Notice::AddressRemoved { address: &address };
            notices::tell(app, tx, &account.id, &notice, now)?;
            table::delete(tx, &id)?;
            failpoint!("cloud.identifier.removed");
            hint(app, tx, &account.id, &session)?;
            Ok(Kept::Answer(Answer::empty()))
        },
    )
    .await
}

/// `PUT /v1/account/login`: the order says which address.
///
/// # Errors
/// `malformed`, `too-large`, `bad-order`, `not-found`, `generation-conflict`, `order-used`, `too-many`.
pub async fn set_login(
    State(app): State<App>,
    session: Session,
    call: Call<wire::OrderRequest>,
) -> Result<Answer, Problem> {
    idempotency::once(
        &app,
        &session.proof,
        call,
        Key::Required,
        move |app, context, body| {
            let (tx, now) = (context.transaction, context.now);
            let account = accounts::of_session(&app.vault, tx, &session.account)?;
            let order = orders::check(tx, &account, &body.order, |deed| {
                matches!(deed, Deed::SetLogin(_))
            })?;
            let Deed::SetLogin(name) = &order.deed else {
                return Err(Problem::new(Kind::BadOrder).into());
            };
            let (id, position) = find(tx, &account.id, name)?;
            order.done(&app.vault, tx, now)?;
            if position != 0 {
                table::to_front(tx, &account.id, &id, position)?;
                failpoint!("cloud.login.set");
                hint(app, tx, &account.id, &session)?;
                let address = masked(app, tx, &account.id, name)?;
                let notice = Notice::LoginChanged { address: &address };
                notices::tell(app, tx, &account.id, &notice, now)?;
            }
            Ok(Kept::Answer(Answer::empty()))
        },
    )
    .await
}

/// One of the account's addresses, and its place.
fn find(tx: &Transaction<'_>, account: &AccountId, name: &str) -> Result<([u8; 16], i64), Failure> {
    let not_found = || Failure::from(Problem::new(Kind::NotFound));
    let id = from_hex(name).ok().and_then(|bytes| bytes.try_into().ok());
    let id: [u8; 16] = id.ok_or_else(not_found)?;
    let position = table::position(tx, account, &id)?.ok_or_else(not_found)?;
    Ok((id, position))
}

/// One of the account's addresses, as it may be shown.
fn masked(app: &App, tx: &Transaction<'_>, account: &AccountId, name: &str) -> Result<String, Failure> {
    let mut all = list(&app.vault, tx, account)?.into_iter();
    let found = all.find(|view| view.id == name);
    Ok(found.ok_or_else(|| Problem::new(Kind::NotFound))?.masked)
}

fn hint(app: &App, tx: &Transaction<'_>, account: &AccountId, session: &Session) -> Result<(), Failure> {
    let here = devices::here(tx, &session.proof.thumbprint, account)?;
    channel::account_moved(app, tx, account, here.as_ref())
}
