//! Devices that follow an account to another root than theirs: it has left them behind, by a recovery without the code or by a
//! removal, or they are its own still, and have waited in vain for a recovery that it never had, or heard of no succession to the root
//! that it has; nothing here tells these two apart. Somebody has typed the account's password there, and the device's own warden counts
//! the wait. It asks this cloud for nothing but the root, so the sign-in that opens it is where the wait begins as far as is known here.
//!
//! The owner is told of each such device, since each is another one that somebody may hold, and of one at most once a day, however
//! often its wait is begun anew; and again for each day that it may go on.

use belay_proto::{AccountId, DeviceId};
use rusqlite::{OptionalExtension, Transaction, params};

use super::waiting;
use crate::app::App;
use crate::clock::{DAY, HOUR, Millis};
use crate::messages::Notice;
use crate::store::Failure;
use crate::{devices, notices};

/// How often the owner is told of one that goes on.
const REMINDED: Millis = DAY;
/// Reminders of one sweep; the next one goes on.
const REMINDERS: u32 = 100;

/// A device of this account with this key, left behind or not, begins to wait.
///
/// # Errors
/// A broken database.
pub fn begin(
    app: &App,
    tx: &Transaction<'_>,
    account: &AccountId,
    thumbprint: &[u8; 32],
    now: Millis,
) -> Result<(), Failure> {
    let Some(device) = devices::here(tx, thumbprint, account)? else {
        return Ok(());
    };
    let id = device.as_bytes();
    let told_at: Option<Millis> = tx
        .prepare_cached("SELECT told_at FROM following WHERE device = ?1 AND account = ?2")?
        .query_row(params![id, account.as_bytes()], |row| row.get(0))
        .optional()?;
    let until = now.saturating_add(waiting::lasts());
    if let Some(told_at) = told_at.filter(|told_at| now < told_at.saturating_add(REMINDED)) {
        return put(tx, &device, account, told_at, until);
    }
    put(tx, &device, account, now, until)?;
    tell(app, tx, account, &device, until, now)
}

/// The account has another password: what waits with the one before waits for nothing.
///
/// # Errors
/// A broken database.
pub fn forget(tx: &Transaction<'_>, account: &AccountId) -> Result<(), Failure> {
    tx.prepare_cached("DELETE FROM following WHERE account = ?1")?
        .execute(params![account.as_bytes()])?;
    Ok(())
}

/// Reminds the owners of the devices that still wait.
///
/// # Errors
/// A broken database.
pub fn remind(app: &App, tx: &Transaction<'_>, now: Millis) -> Result<(), Failure> {
    // One that was released waits no more.
    tx.prepare_cached(
        "DELETE FROM following WHERE NOT EXISTS
             (SELECT 1 FROM devices WHERE id = following.device AND state = 'active')",
    )?
    .execute([])?;
    let due: Vec<([u8; 16], [u8; 16], Millis)> = tx
        .prepare_cached(
            "SELECT device, account, until FROM following WHERE told_at <= ?1 AND until > ?2 LIMIT ?3",
        )?
        .query_map(params![now.saturating_sub(REMINDED), now, REMINDERS], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?
        .collect::<Result<_, _>>()?;
    for (device, account, until) in due {
        let (device, account) = (DeviceId::from_bytes(device), AccountId::from_bytes(account));
        put(tx, &device, &account, now, until)?;
        tell(app, tx, &account, &device, until, now)?;
    }
    Ok(())
}

fn put(
    tx: &Transaction<'_>,
    device: &DeviceId,
    account: &AccountId,
    told_at: Millis,
    until: Millis,
) -> Result<(), Failure> {
    tx.prepare_cached(
        "INSERT OR REPLACE INTO following (device, account, told_at, until) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![device.as_bytes(), account.as_bytes(), told_at, until])?;
    Ok(())
}

fn tell(
    app: &App,
    tx: &Transaction<'_>,
    account: &AccountId,
    device: &DeviceId,
    until: Millis,
    now: Millis,
) -> Result<(), Failure> {
    let name = devices::table::name(&app.vault, tx, device)?;
    let hours = u32::try_from(until.saturating_sub(now).div_ceil(HOUR)).unwrap_or(u32::MAX);
    let bound = devices::table::bound_or_released(tx, device)?;
    let device = name.as_str();
    let notice = match bound.is_some_and(|bound| bound.removed) {
        true => Notice::RecoveryFollowed { device, hours },
        false => Notice::RecoveryReturned { device, hours },
    };
    notices::tell(app, tx, account, &notice, now)
}
