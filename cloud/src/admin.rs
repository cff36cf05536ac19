//! What the protocol can't settle: `belay-cloud admin hardware show|release`.

use std::fmt::Write;
use std::path::Path;

use belay_proto::clock::system_clock;
use belay_proto::{HardwareId, sysexits};

use crate::app::{OpenError, open_data};
use crate::clock::{CloudClock, SECOND};
use crate::devices::standing::Standing;
use crate::devices::{self, table};
use crate::problem::Problem;
use crate::store;

/// Why an administrator's command failed.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// Not 64 hexadecimal digits.
    #[error("a hardware id has 64 lower-case hexadecimal digits")]
    Usage,
    /// No such data folder.
    #[error("there is no database in this folder")]
    NoData,
    /// The data can't be used.
    #[error("the data can't be used")]
    Open(#[from] OpenError),
    /// The work itself failed.
    #[error("the database refused")]
    Work(#[from] Problem),
    /// The hardware belongs to nobody.
    #[error("this hardware has no binding in force")]
    Free,
}

impl AdminError {
    /// The code of `sysexits.h`.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage => sysexits::USAGE,
            Self::NoData | Self::Open(_) => sysexits::IO,
            Self::Work(_) => sysexits::SOFTWARE,
            Self::Free => sysexits::UNAVAILABLE,
        }
    }
}

/// The bindings that a hardware id has and had, one a line: state, lock, account, device, time.
///
/// # Errors
/// [`AdminError`].
pub fn show_hardware(data: &Path, hardware: &str) -> Result<String, AdminError> {
    let hardware: HardwareId = hardware.parse().map_err(|_| AdminError::Usage)?;
    let history = with_data(data, |vault, tx, _| table::history(vault, tx, &hardware))?;
    let mut text = String::new();
    for binding in &history {
        let lock = if binding.locked { "locked" } else { "unlocked" };
        let table::History {
            standing,
            account,
            device,
            bound_at,
            ..
        } = binding;
        // Writing to a string can't fail.
        let _ = writeln!(
            text,
            "{} {lock} account={account} device={device} bound_at={}",
            standing.name(),
            bound_at / SECOND
        );
    }
    if text.is_empty() {
        text.push_str("never bound");
    }
    Ok(text.trim_end().to_owned())
}

/// Ends the bindings in force, as releases by their owners would.
///
/// # Errors
/// [`AdminError`].
pub fn release_hardware(data: &Path, hardware: &str) -> Result<String, AdminError> {
    let hardware: HardwareId = hardware.parse().map_err(|_| AdminError::Usage)?;
    let released = with_data(data, |vault, tx, now| {
        let active = table::history(vault, tx, &hardware)?;
        let mut released = 0;
        for entry in active.iter().filter(|entry| entry.standing == Standing::Active) {
            if let Some(binding) = table::binding(tx, &entry.device)? {
                devices::release(tx, &entry.device, &binding, now)?;
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

fn with_data<T>(
    data: &Path,
    work: impl FnOnce(&crate::vault::Vault, &rusqlite::Transaction<'_>, u64) -> Result<T, store::Failure>,
) -> Result<T, AdminError> {
    let database = data.join(store::FILE);
    if !database.exists() {
        return Err(AdminError::NoData);
    }
    let vault = open_data(data)?;
    let now = CloudClock::new(system_clock()).now();
    let mut connection = store::connect(&database).map_err(OpenError::from)?;
    Ok(store::run(&mut connection, |tx| work(&vault, tx, now))?)
}
