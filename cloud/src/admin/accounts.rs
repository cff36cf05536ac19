//! The accounts: `belay-cloud admin accounts list|show|delete`. Addresses are masked here too.

use std::fmt::Write;
use std::path::Path;

use belay_proto::AccountId;
use rusqlite::Transaction;

use super::{AdminError, with_data};
use crate::accounts::named::Named;
use crate::accounts::{departure, table};
use crate::clock::SECOND;
use crate::config::Settings;
use crate::messages::Notice;
use crate::problem::Kind;
use crate::store::{Failure, StoreError};
use crate::sync;
use crate::vault::Vault;
use crate::{accessories, devices, identifiers, notices};

/// All accounts, one a line, the oldest first: id, login, time, devices, bytes.
///
/// # Errors
/// [`AdminError`].
pub fn list(data: &Path) -> Result<String, AdminError> {
    let lines = with_data(data, |vault, tx, _| {
        let ids: Vec<[u8; 16]> = tx
            .prepare("SELECT id FROM accounts WHERE deleted_at IS NULL ORDER BY created_at, id")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        ids.into_iter()
            .map(|id| line(vault, tx, &AccountId::from_bytes(id)))
            .collect::<Result<Vec<_>, _>>()
    })?;
    Ok(match lines.is_empty() {
        true => "no accounts".to_owned(),
        false => lines.join("\n"),
    })
}

/// One account: what [`list`] says of it, its addresses, its devices, its accessories.
///
/// # Errors
/// [`AdminError`].
pub fn show(data: &Path, account: &str) -> Result<String, AdminError> {
    let named = Named::parse(account)?;
    let text = with_data(data, |vault, tx, _| {
        let Some(id) = named.find(vault, tx)? else {
            return Ok(None);
        };
        let mut text = line(vault, tx, &id)?;
        // Writing to a string can't fail.
        for address in identifiers::list(vault, tx, &id)? {
            let _ = write!(
                text,
                "\n{} {} {}",
                address.kind.as_str(),
                address.masked,
                address.id
            );
        }
        let kept = devices::table::active(tx, &id)?;
        for device in devices::table::all_bound(tx, &id)? {
            let state = if kept.contains(&device) {
                "active"
            } else {
                "removed"
            };
            let _ = write!(text, "\ndevice {device} {state}");
        }
        let _ = write!(text, "\naccessories {}", accessories::table::count(tx, &id)?);
        Ok(Some(text))
    })?;
    text.ok_or(AdminError::NoAccount)
}

/// Deletes an account to which nothing is bound, as its owner would, who is told.
///
/// # Errors
/// [`AdminError::StillBound`] while a device or an accessory is; that is the owner's to end, or with `admin hardware release`.
pub fn delete(settings: &Settings, account: &str) -> Result<String, AdminError> {
    let named = Named::parse(account)?;
    let deleted = with_data(&settings.data, |vault, tx, now| {
        let Some(id) = named.find(vault, tx)? else {
            return Ok(Err(AdminError::NoAccount));
        };
        match departure::may_go(tx, &id, None) {
            Ok(()) => {}
            Err(Failure::Refused(problem)) if problem.kind == Kind::DevicesStillBound => {
                let bound = problem.bound.unwrap_or_default();
                return Ok(Err(AdminError::StillBound(
                    bound.devices.len(),
                    bound.accessories.len(),
                )));
            }
            Err(other) => return Err(other),
        }
        notices::put_from_outside(vault, settings, tx, &id, &Notice::AccountDeleted, now)?;
        departure::forget(vault, tx, &id, now)?;
        Ok(Ok(id))
    })?;
    deleted.map(|id| format!("deleted {id}"))
}

fn line(vault: &Vault, tx: &Transaction<'_>, id: &AccountId) -> Result<String, Failure> {
    let account = table::load(vault, tx, id)?.ok_or(StoreError::Unreadable("an account"))?;
    Ok(format!(
        "account={id} login={} created_at={} devices={} used={}",
        identifiers::masked_login(vault, tx, id)?.unwrap_or_default(),
        account.created_at / SECOND,
        devices::table::active(tx, id)?.len(),
        sync::table::counted(tx, id)?.used,
    ))
}
