//! How many devices an account has. Each is told of what the others do, and certified again under another root.

use belay_proto::AccountId;
use belay_proto::signed::DeviceCertificate;
use rusqlite::{Transaction, params};

use crate::accounts::departure;
use crate::problem::{Kind, Problem};
use crate::store::Failure;

/// Devices of an account.
const MOST: u64 = 64;
/// The same with those that its owner removed: they stay bound until their release.
const MOST_BOUND: u64 = 256;
/// Bindings of before that are remembered; the oldest go first.
const FORMER: u64 = 256;

/// Whether an account has room for a device besides the one of this hardware whose place it takes.
///
/// # Errors
/// `quota-exceeded`, or a broken database.
pub fn check(
    tx: &Transaction<'_>,
    certificate: &DeviceCertificate,
    hardware: &[u8; 32],
) -> Result<(), Failure> {
    let (devices, bound): (u64, u64) = tx
        .prepare_cached(
            "SELECT count(*) FILTER (WHERE removed_at IS NULL), count(*) FROM devices
             WHERE account = ?1 AND state = 'active' AND NOT (hardware = ?2 AND (locked = 1 OR thumbprint = ?3))",
        )?
        .query_row(
            params![
                certificate.account.as_bytes(),
                hardware,
                certificate.device_key.thumbprint()
            ],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
    match devices < MOST && bound < MOST_BOUND {
        true => Ok(()),
        false => Err(Problem::new(Kind::QuotaExceeded)
            .because(
                "an account has at most 64 devices, and 256 with those that were removed and not released",
            )
            .into()),
    }
}

/// Forgets the oldest bindings that have ended, where there are many: the account's owner makes as many as they like.
///
/// # Errors
/// A broken database.
pub fn forget_former(tx: &Transaction<'_>, account: &AccountId) -> Result<(), Failure> {
    let oldest: Vec<[u8; 16]> = tx
        .prepare_cached(
            "SELECT id FROM devices WHERE account = ?1 AND state <> 'active'
             ORDER BY bound_at DESC, id LIMIT -1 OFFSET ?2",
        )?
        .query_map(params![account.as_bytes(), FORMER], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for device in oldest {
        departure::forget_device(tx, &device)?;
    }
    Ok(())
}
