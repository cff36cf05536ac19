//! Whose a piece of hardware is: `belay-cloud admin hardware show|release`.

use std::fmt::Write;
use std::path::Path;

use belay_proto::wire::Hint;
use belay_proto::{DeviceId, HardwareId};
use rusqlite::Transaction;

use super::{AdminError, with_data};
use crate::clock::SECOND;
use crate::config::Settings;
use crate::devices::history::{self, History};
use crate::devices::standing::Standing;
use crate::devices::{self, table};
use crate::messages::Notice;
use crate::store::Failure;
use crate::vault::Vault;
use crate::{channel, notices};

/// A piece of hardware, as an operator names it.
#[derive(Clone, Copy)]
enum Named {
    /// By what it calls itself, which its own daemon alone knows.
    Itself(HardwareId),
    /// By a device that it was bound as, which `admin accounts show` tells.
    Bound(DeviceId),
}

impl Named {
    fn read(text: &str) -> Result<Self, AdminError> {
        let hardware = text.parse().map(Self::Itself);
        hardware
            .or_else(|_| text.parse().map(Self::Bound))
            .map_err(|_| {
                AdminError::Usage("hardware is named by a device's id, as `admin accounts show` tells it, or by its own of 64 digits")
            })
    }

    fn history(self, vault: &Vault, tx: &Transaction<'_>) -> Result<Vec<History>, Failure> {
        match self {
            Self::Itself(hardware) => history::history(vault, tx, &hardware),
            Self::Bound(device) => history::of_device(tx, &device),
        }
    }

    /// Whether a binding of it is meant. Boards without an unprinted part share what they call themselves, and hardware may be
    /// another's by now: a device stands for its own binding alone.
    fn means(self, binding: &History) -> bool {
        let is_named = match self {
            Self::Itself(_) => true,
            Self::Bound(device) => binding.device == device,
        };
        is_named && binding.standing == Standing::Active
    }
}

/// The bindings that a piece of hardware has and had, one a line: state, lock, account, device, time.
///
/// # Errors
/// [`AdminError`].
pub fn show(data: &Path, hardware: &str) -> Result<String, AdminError> {
    let hardware = Named::read(hardware)?;
    let history = with_data(data, |vault, tx, _| hardware.history(vault, tx))?;
    let mut text = String::new();
    for binding in &history {
        let lock = if binding.locked { "locked" } else { "unlocked" };
        let removed = if binding.removed { " removed" } else { "" };
        let History {
            standing,
            account,
            device,
            bound_at,
            ..
        } = binding;
        // Writing to a string can't fail.
        let _ = writeln!(
            text,
            "{}{removed} {lock} account={account} device={device} bound_at={}",
            standing.name(),
            bound_at / SECOND
        );
    }
    if text.is_empty() {
        text.push_str("never bound");
    }
    Ok(text.trim_end().to_owned())
}

/// Ends the bindings in force, or a device's own, as releases by their owners would. Each owner is told, and the account's other devices look.
///
/// # Errors
/// [`AdminError`].
pub fn release(settings: &Settings, hardware: &str) -> Result<String, AdminError> {
    let hardware = Named::read(hardware)?;
    let released = with_data(&settings.data, |vault, tx, now| {
        let active = hardware.history(vault, tx)?;
        let mut released = 0;
        for entry in active.iter().filter(|entry| hardware.means(entry)) {
            if let Some(binding) = table::binding(tx, &entry.device)? {
                let name = table::name(vault, tx, &entry.device)?;
                devices::release(tx, &entry.device, &binding, now)?;
                let notice = Notice::DeviceReleased { device: &name };
                notices::put_from_outside(vault, settings, tx, &binding.account, &notice, now)?;
                for device in table::all_bound(tx, &binding.account)? {
                    channel::table::hint_from_outside(tx, &device, Hint::Account, now)?;
                }
                released += 1;
            }
        }
        Ok(released)
    })?;
    match released {
        0 => Err(AdminError::Free),
        number => Ok(format!("released {number}")),
    }
}
