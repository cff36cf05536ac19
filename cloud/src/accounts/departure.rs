//! Deleting an account. What is bound to it stays bound until its release: only the account's row, its credentials record, and
//! the channels of such devices outlive it.

use axum::extract::State;
use belay_proto::failpoint;
use belay_proto::signed::Deed;
use belay_proto::{AccountId, DeviceId, wire};
use rusqlite::{Transaction, params};

use super::{orders, table};
use crate::app::App;
use crate::clock::{DAY, Millis};
use crate::http::idempotency::{self, Kept, Key};
use crate::http::{Answer, Bearer, Call};
use crate::messages::Notice;
use crate::problem::{Bound, Kind, Problem};
use crate::store::Failure;
use crate::vault::Vault;
use crate::{accessories, channel, devices, notices};

/// How long what is left of a deleted account stays after its last device was let go: a release may be brought again, and the
/// outcome of a sign-out told.
const REST_LIFE: Millis = 30 * DAY;
/// Accounts whose rest one sweep deletes; the next one goes on.
const SWEPT: u32 = 100;

/// Records that go with an account at once, and as many with each sweep: all of a full account's keep every call waiting for as
/// long as the disk takes to write gigabytes.
const RECORDS: u32 = 256;

/// What goes with an account at once, by account.
const AT_ONCE: &[&str] = &[
    "DELETE FROM verifications WHERE account = ?1 OR lookup IN (SELECT lookup FROM identifiers WHERE account = ?1)",
    "DELETE FROM identifiers WHERE account = ?1",
    "DELETE FROM waiting WHERE account = ?1",
    "DELETE FROM languages WHERE account = ?1",
    "DELETE FROM shares WHERE account = ?1",
    "DELETE FROM families WHERE account = ?1",
    "DELETE FROM delegates WHERE account = ?1",
    "DELETE FROM orders WHERE account = ?1",
    "DELETE FROM successions WHERE account = ?1",
    "DELETE FROM accessories WHERE account = ?1",
    "DELETE FROM sync_accounts WHERE account = ?1",
];

/// What goes with a device whose binding has ended.
const OF_DEVICE: &[&str] = &[
    "DELETE FROM bootloader_unlocks WHERE device = ?1",
    "DELETE FROM succession_certificates WHERE device = ?1",
    "DELETE FROM grants WHERE device = ?1",
    "DELETE FROM reports WHERE device = ?1",
    // Its outcomes go along.
    "DELETE FROM commands WHERE device = ?1",
    "DELETE FROM channels WHERE device = ?1",
    "DELETE FROM devices WHERE id = ?1",
];

/// `DELETE /v1/account`: not while another device or an accessory is bound.
///
/// # Errors
/// `malformed`, `too-large`, `bad-order`, `devices-still-bound`, `generation-conflict`, `order-used`.
pub async fn delete(
    State(app): State<App>,
    bearer: Bearer,
    call: Call<wire::OrderRequest>,
) -> Result<Answer, Problem> {
    // The session ends with the account, and the same call again still gets its answer.
    idempotency::once(
        &app,
        &bearer.proof,
        call,
        Key::Required,
        move |app, context, body| {
            let tx = context.transaction;
            let session = bearer.session(tx)?;
            let account = table::of_session(&app.vault, tx, &session.account)?;
            orders::check(tx, &account, &body.order, |deed| *deed == Deed::DeleteAccount)?;
            let here = devices::here(tx, &session.proof.thumbprint, &account.id)?;
            may_go(tx, &account.id, here.as_ref())?;
            notices::tell(app, tx, &account.id, &Notice::AccountDeleted, context.now)?;
            forget(&app.vault, tx, &account.id, context.now)?;
            failpoint!("cloud.account.forgotten");
            channel::account_moved(app, tx, &account.id, here.as_ref())?;
            Ok(Kept::Answer(Answer::empty()))
        },
    )
    .await
}

/// Whether nothing is bound to an account but the device that asks.
///
/// # Errors
/// `devices-still-bound`, with what is, or a broken database.
pub fn may_go(tx: &Transaction<'_>, account: &AccountId, here: Option<&DeviceId>) -> Result<(), Failure> {
    let bound = Bound {
        devices: devices::table::active(tx, account)?
            .into_iter()
            .filter(|device| Some(device) != here)
            .collect(),
        accessories: accessories::table::present(tx, account)?,
    };
    if bound == Bound::default() {
        return Ok(());
    }
    Err(Problem {
        bound: Some(Box::new(bound)),
        ..Problem::new(Kind::DevicesStillBound)
    }
    .into())
}

/// Forgets an account that [`may_go`]. What it has of records besides the first goes with the next sweeps, and then its chunks:
/// nobody can ask for either any more.
///
/// # Errors
/// A broken database.
pub fn forget(vault: &Vault, tx: &Transaction<'_>, account: &AccountId, now: Millis) -> Result<(), Failure> {
    let id = account.as_bytes();
    for statement in AT_ONCE {
        tx.prepare_cached(statement)?.execute(params![id])?;
    }
    forget_records(tx, id, RECORDS, now)?;
    for device in ids(
        tx,
        "SELECT id FROM devices WHERE account = ?1 AND state <> 'active'",
        id,
    )? {
        forget_device(tx, &device)?;
    }
    // Of what is bound still, what nobody can read or ask for any more.
    for table in [
        "grants",
        "reports",
        "succession_certificates",
        "bootloader_unlocks",
    ] {
        tx.prepare_cached(&format!(
            "DELETE FROM {table} WHERE device IN (SELECT id FROM devices WHERE account = ?1)"
        ))?
        .execute(params![id])?;
    }
    table::set_profile(vault, tx, account, &wire::Profile::default())?;
    tx.prepare_cached("UPDATE accounts SET deleted_at = ?2, keyring = x'' WHERE id = ?1")?
        .execute(params![id, now])?;
    was_released(tx, account, now)
}

/// Deletes some of a deleted account's records, and has its chunks go once none is left that names them. Answers how many.
fn forget_records(tx: &Transaction<'_>, account: &[u8; 16], most: u32, now: Millis) -> Result<u32, Failure> {
    let gone = tx
        .prepare_cached(
            "DELETE FROM records WHERE rowid IN (SELECT rowid FROM records WHERE account = ?1 LIMIT ?2)",
        )?
        .execute(params![account, most])?;
    tx.prepare_cached(
        "UPDATE chunks SET uses = 0, until = ?2 WHERE account = ?1 AND (until IS NULL OR until > ?2)
             AND NOT EXISTS (SELECT 1 FROM records WHERE account = ?1)",
    )?
    .execute(params![account, now])?;
    Ok(u32::try_from(gone).unwrap_or(most))
}

/// The same of all accounts that were deleted and have some left.
fn forget_more_records(tx: &Transaction<'_>, now: Millis) -> Result<(), Failure> {
    let left: Vec<[u8; 16]> = tx
        .prepare_cached(
            "SELECT id FROM accounts INDEXED BY accounts_gone WHERE deleted_at IS NOT NULL
             AND (EXISTS (SELECT 1 FROM records WHERE records.account = accounts.id)
                  OR EXISTS (SELECT 1 FROM chunks WHERE chunks.account = accounts.id AND until IS NULL)) LIMIT ?1",
        )?
        .query_map(params![SWEPT], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut most = RECORDS;
    for account in left {
        most = most.saturating_sub(forget_records(tx, &account, most, now)?);
    }
    Ok(())
}

/// Gives what is left of a deleted account its end, once nothing is bound to it.
///
/// # Errors
/// A broken database.
pub fn was_released(tx: &Transaction<'_>, account: &AccountId, now: Millis) -> Result<(), Failure> {
    tx.prepare_cached(
        "UPDATE accounts SET until = ?2 WHERE id = ?1 AND deleted_at IS NOT NULL AND until IS NULL
             AND NOT EXISTS (SELECT 1 FROM devices WHERE account = ?1 AND state = 'active')",
    )?
    .execute(params![account.as_bytes(), now.saturating_add(REST_LIFE)])?;
    Ok(())
}

/// Deletes more of what deleted accounts had, and what is left of those whose time is over and whose chunks are gone. One that can't be deleted stays as it is, and
/// is tried again a day later: it keeps nothing else of the cloud from being swept.
///
/// # Errors
/// A broken database.
pub fn sweep(tx: &Transaction<'_>, now: Millis) -> Result<(), Failure> {
    forget_more_records(tx, now)?;
    let over: Vec<[u8; 16]> = tx
        .prepare_cached(
            "SELECT id FROM accounts WHERE until <= ?1
             AND NOT EXISTS (SELECT 1 FROM records WHERE records.account = accounts.id)
             AND NOT EXISTS (SELECT 1 FROM chunks WHERE chunks.account = accounts.id) LIMIT ?2",
        )?
        .query_map(params![now, SWEPT], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for id in over {
        tx.prepare_cached("SAVEPOINT departure")?.execute([])?;
        if let Err(failure) = forget_rest(tx, &id) {
            let Failure::Broken(error) = failure else {
                return Err(failure);
            };
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the rest of a deleted account stays"
            );
            tx.prepare_cached("ROLLBACK TO departure")?.execute([])?;
            tx.prepare_cached("UPDATE accounts SET until = ?2 WHERE id = ?1")?
                .execute(params![id, now.saturating_add(DAY)])?;
        }
        tx.prepare_cached("RELEASE departure")?.execute([])?;
    }
    Ok(())
}

fn forget_rest(tx: &Transaction<'_>, account: &[u8; 16]) -> Result<(), Failure> {
    for device in ids(tx, "SELECT id FROM devices WHERE account = ?1", account)? {
        forget_device(tx, &device)?;
    }
    // An upload that was under way may have counted anew.
    for statement in AT_ONCE {
        tx.prepare_cached(statement)?.execute(params![account])?;
    }
    tx.prepare_cached("DELETE FROM accounts WHERE id = ?1")?
        .execute(params![account])?;
    Ok(())
}

fn ids(tx: &Transaction<'_>, sql: &str, account: &[u8; 16]) -> Result<Vec<[u8; 16]>, Failure> {
    let mut statement = tx.prepare_cached(sql)?;
    let rows = statement.query_map(params![account], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Forgets a binding that has ended, with all that it had.
///
/// # Errors
/// A broken database.
pub fn forget_device(tx: &Transaction<'_>, device: &[u8; 16]) -> Result<(), Failure> {
    for statement in OF_DEVICE {
        tx.prepare_cached(statement)?.execute(params![device])?;
    }
    Ok(())
}
