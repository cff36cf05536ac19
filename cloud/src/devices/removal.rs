//! Removing a device from the account. It gets no keys and no session any more; what binds it, its lock and its channel, stays
//! until its release, since removing isn't releasing.

use axum::extract::{Path, State};
use belay_proto::failpoint;
use belay_proto::signed::Deed;
use belay_proto::{DeviceId, wire};
use rusqlite::{Transaction, params};

use super::standing::Standing;
use super::table;
use crate::accounts::{self, change, credentials, grants, orders};
use crate::app::App;
use crate::clock::Millis;
use crate::http::idempotency::{self, Kept, Key};
use crate::http::{Answer, Call, Session, id_in_path};
use crate::messages::Notice;
use crate::problem::{Kind, Problem};
use crate::store::Failure;
use crate::{bootloader, channel, notices, tokens};

/// `DELETE /v1/devices/{id}`.
///
/// # Errors
/// `malformed`, `too-large`, `bad-order`, `no-such-delegate`, `bad-certificate`, `not-found`, `generation-conflict`, `order-used`,
/// `too-many`.
pub async fn remove(
    State(app): State<App>,
    path: Path<String>,
    session: Session,
    call: Call<wire::RemoveDeviceRequest>,
) -> Result<Answer, Problem> {
    let device: DeviceId = id_in_path(path)?;
    idempotency::once(
        &app,
        &session.proof,
        call,
        Key::Required,
        move |app, context, body| {
            let (tx, now) = (context.transaction, context.now);
            let account = accounts::table::of_session(&app.vault, tx, &session.account)?;
            let binding = table::binding(tx, &device)?
                .filter(|binding| {
                    binding.account == account.id && binding.standing == Standing::Active && !binding.removed
                })
                .ok_or_else(|| Problem::new(Kind::NotFound))?;
            let order = orders::check(tx, &account, &body.order, |deed| {
                *deed == Deed::RemoveDevice(device)
            })?;
            if binding.thumbprint == session.proof.thumbprint {
                return Err(Problem::new(Kind::BadOrder)
                    .because("a device doesn't remove itself: it signs out")
                    .into());
            }
            let present = credentials::present(app, tx, &account, Some(&device))?;
            let granted = change::judge_keyring(&present, &body, now)?;
            // All refusals are behind.
            order.done(&app.vault, tx, now)?;
            accounts::table::set_keyring(tx, &account.id, &body.keyring)?;
            grants::void_keyrings(tx, &account.id)?;
            grants::end_sessions_without(tx, &present, &granted, &session.proof.thumbprint, now)?;
            for grant in &granted {
                grants::put(&app.vault, tx, grant)?;
            }
            accounts::waiting::forget(tx, &account.id)?;
            set_aside(tx, &device, now)?;
            tokens::revoke_key(tx, &account.id, &binding.thumbprint, now)?;
            let here = super::here(tx, &session.proof.thumbprint, &account.id)?;
            channel::account_moved(app, tx, &account.id, here.as_ref())?;
            let name = table::name(&app.vault, tx, &device)?;
            let notice = Notice::DeviceRemoved { device: &name };
            notices::tell(app, tx, &account.id, &notice, now)?;
            failpoint!("cloud.device.removed");
            Ok(Kept::Answer(Answer::empty()))
        },
    )
    .await
}

/// Takes a device's place in the account: no keys, and its warden no delegate. What binds it stays.
///
/// # Errors
/// A broken database.
pub fn set_aside(tx: &Transaction<'_>, device: &DeviceId, now: Millis) -> Result<(), Failure> {
    table::set_removed(tx, device, now)?;
    grants::forget(tx, device)?;
    bootloader::table::withdraw_of(tx, device)?;
    forget_delegate(tx, device)
}

/// Its warden is no delegate of the account any more.
fn forget_delegate(tx: &Transaction<'_>, device: &DeviceId) -> Result<(), Failure> {
    tx.prepare_cached(
        "DELETE FROM delegates WHERE (account, key) IN (SELECT account, warden FROM devices WHERE id = ?1)",
    )?
    .execute(params![device.as_bytes()])?;
    Ok(())
}
