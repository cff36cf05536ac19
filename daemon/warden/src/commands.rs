//! `init`, `verify-log` and `reset-allowed`: what is done without a bus.

use std::io;

use belay_proto::clock::{Clock, millis};
use belay_proto::signed::{ResetAuthorisation, Signed};

use crate::core::records::Bound;
use crate::core::state::{Binding, Lock};
use crate::disk::audit_log::{Note, check};
use crate::disk::copies::{Concern, Copies};
use crate::disk::files::{Disk, Files as _};
use crate::disk::first_state::{self, InitError};
use crate::disk::journal::decode_head;
use crate::disk::places::Places;
use crate::disk::sealing::SealingKey;
use crate::disk::vault::{Vault, read_key};

/// A command that couldn't be carried out.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// See [`InitError`].
    #[error(transparent)]
    Init(#[from] InitError),
    /// The log can't be read.
    #[error("the audit log can't be read")]
    Log(#[source] io::Error),
}

/// Makes the first state; `time` is the wall clock, seconds since the epoch, for the audit log.
///
/// # Errors
/// [`InitError`].
pub fn init(places: &Places, clock: &dyn Clock, time: u64) -> Result<(), CommandError> {
    let note = Note {
        time,
        boot_time_ms: millis(clock.boottime()),
        boot: clock.boot_id(),
        event: "initialised",
        actor: "warden",
        detail: String::new(),
    };
    Ok(first_state::init(&mut Disk, places, note)?)
}

/// Follows the audit log's chain to its head: what was found, good or bad. Changes nothing.
///
/// # Errors
/// The log can't be read.
pub fn verify_log(places: &Places) -> Result<Result<String, String>, CommandError> {
    let log = Disk.read(&places.audit_log()).map_err(CommandError::Log)?;
    let Some(key) = read_key(&Disk, places) else {
        return Ok(Err("there is no sealing key".to_owned()));
    };
    let copies = Copies::new(places.clone(), SealingKey::new(&key));
    let Some(head) = copies
        .peek(&Disk, Concern::AuditHead)
        .and_then(|stored| decode_head(&stored))
    else {
        return Ok(Err("no copy of the log's head verifies".to_owned()));
    };
    Ok(match check(&log.unwrap_or_default(), &head) {
        Ok(checked) => Ok(format!("{} entries, the chain holds", checked.entries.len())),
        Err(broken) => Err(broken.to_string()),
    })
}

/// Whether a factory reset may go on: the device is nobody's, or its owner allowed it in this boot,
/// not longer ago than 10 minutes.
///
/// # Errors
/// It may not, and why.
pub fn reset_allowed(places: &Places, clock: &dyn Clock) -> Result<String, String> {
    let (vault, state) = Vault::read(Box::new(Disk), places.clone());
    match &state.binding {
        Binding::Unbound { .. } => Ok("allowed: this device is nobody's".to_owned()),
        // Leave that was given before the device was lost is none.
        Binding::Bound(_) if state.lock != Lock::Unlocked => {
            Err("not allowed: this device is lost".to_owned())
        }
        Binding::Bound(bound) if authorised(bound, vault.reset_authorisation(), clock) => {
            Ok("allowed by the owner".to_owned())
        }
        Binding::Bound(_) => {
            Err("not allowed: this device is bound, sign out or authorise the reset first".to_owned())
        }
        Binding::Tampered(_) => Err("not allowed: the state was tampered with".to_owned()),
        Binding::Uninitialised => Err("not allowed: there is no state".to_owned()),
    }
}

fn authorised(bound: &Bound, authorisation: Option<Vec<u8>>, clock: &dyn Clock) -> bool {
    let leave = authorisation
        .and_then(|bytes| Signed::decode(&bytes).ok())
        .and_then(|signed| signed.open::<ResetAuthorisation>(&bound.warden_key).ok());
    leave.is_some_and(|leave| {
        leave.device == bound.device
            && leave.epoch == bound.epoch
            && leave.boot_id == clock.boot_id()
            && leave.expires_boottime_ms > millis(clock.boottime())
    })
}
