//! Requests to unlock a bootloader: `belay-cloud admin bootloader list|approve|deny`.

use std::path::Path;

use belay_proto::DeviceId;
use belay_proto::wire::Hint;

use super::{AdminError, with_data};
use crate::bootloader::table::{self, State};
use crate::channel;
use crate::clock::{Millis, SECOND};
use crate::identifiers;

/// The requests, one a line: state, when it may be approved, device, account, login, reason.
///
/// # Errors
/// [`AdminError`].
pub fn list(data: &Path, wait: Millis) -> Result<String, AdminError> {
    let lines = with_data(data, |vault, tx, now| {
        let mut lines = Vec::new();
        for entry in table::list(vault, tx)? {
            let login = identifiers::masked_login(vault, tx, &entry.account)?.unwrap_or_default();
            let waits = match entry.request.state {
                State::Pending => entry.request.waits(wait, now).div_ceil(SECOND),
                _ => 0,
            };
            lines.push(format!(
                "{} waits_s={waits} asked_at={} device={} account={} login={login} reason={:?}",
                entry.request.state.as_str(),
                entry.request.asked_at / SECOND,
                entry.device,
                entry.account,
                entry.reason,
            ));
        }
        Ok(lines)
    })?;
    Ok(match lines.is_empty() {
        true => "no requests".to_owned(),
        false => lines.join("\n"),
    })
}

/// Approves a device's request, once it has waited; or denies it, at any time. The device is told.
///
/// # Errors
/// [`AdminError::NoRequest`], [`AdminError::TooEarly`].
pub fn decide(data: &Path, device: &str, approve: bool, wait: Millis) -> Result<String, AdminError> {
    let device: DeviceId = device
        .parse()
        .map_err(|_| AdminError::Usage("a device id has 32 lower-case hexadecimal digits"))?;
    let state = if approve { State::Approved } else { State::Denied };
    with_data(data, |_, tx, now| {
        let Some(request) = table::load(tx, &device)? else {
            return Ok(Err(AdminError::NoRequest));
        };
        let waits = request.waits(wait, now);
        if request.state != State::Pending {
            return Ok(Err(AdminError::NoRequest));
        }
        if approve && waits > 0 {
            return Ok(Err(AdminError::TooEarly(waits.div_ceil(SECOND))));
        }
        table::decide(tx, &device, state, now)?;
        channel::table::hint_from_outside(tx, &device, Hint::Account, now)?;
        Ok(Ok(()))
    })??;
    Ok(format!("{} {device}", state.as_str()))
}
