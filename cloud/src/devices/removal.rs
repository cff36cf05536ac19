//! Removing a device from the account. It gets no keys and no session any more; what binds it, its lock and its channel, stays
//! until its release, since removing isn't releasing.

use axum::extract::{Path, State};
use belay_proto::signed::Deed;
use belay_proto::{DeviceId, wire};
use rusqlite::{Transaction, params};

use super::standing::Standing;
use super::table;
use crate::accounts::{self, change, credentials, grants, orders};
use crate::app::App;
use crate::http::idempotency::{self, Kept, Key};
use crate::http::{Answer, Call, Session, id_in_path};
use crate::problem::{Kind, Problem};
use crate::store::Failure;
use crate::{channel, tokens};

/// `DELETE /v1/devices/{id}`.
///
/// # Errors
/// `malformed`, `too-large`, `bad-order`, `no-such-delegate`, `bad-certificate`, `not-found`, `generation-conflict`, `order-used`.
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
            order.done(tx, now)?;
            accounts::table::set_keyring(tx, &account.id, &body.keyring)?;
            for grant in &granted {
                grants::put(&app.vault, tx, grant)?;
            }
            table::set_removed(tx, &device, now)?;
            grants::forget(tx, &device)?;
            forget_delegate(tx, &device)?;
            tokens::revoke_key(tx, &account.id, &binding.thumbprint, now)?;
            let here = super::here(tx, &session.proof.thumbprint, &account.id)?;
            channel::account_moved(app, tx, &account.id, here.as_ref())?;
            Ok(Kept::Answer(Answer::empty()))
        },
    )
    .await
}

/// Its warden is no delegate of the account any more.
fn forget_delegate(tx: &Transaction<'_>, device: &DeviceId) -> Result<(), Failure> {
    tx.prepare_cached(
        "DELETE FROM delegates WHERE (account, key) IN (SELECT account, warden FROM devices WHERE id = ?1)",
    )?
    .execute(params![device.as_bytes()])?;
    Ok(())
}
