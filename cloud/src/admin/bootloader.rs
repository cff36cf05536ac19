//! Requests to unlock a bootloader: `belay-cloud admin bootloader list|approve|deny`.

use std::path::Path;

use belay_proto::DeviceId;
use belay_proto::wire::Hint;

use super::{AdminError, with_data};
use crate::bootloader::table::{self, State};
use crate::clock::SECOND;
use crate::config::Settings;
use crate::messages::Notice;
use crate::{channel, devices, identifiers, notices};

/// The requests, one a line: state, when it may be approved, device, account, login, reason.
///
/// # Errors
/// [`AdminError`].
pub fn list(data: &Path) -> Result<String, AdminError> {
    let lines = with_data(data, |vault, tx, now| {
        let mut lines = Vec::new();
        for entry in table::list(vault, tx)? {
            let login = identifiers::masked_login(vault, tx, &entry.account)?.unwrap_or_default();
            let waits = match entry.request.state {
                State::Pending => entry.request.waits(now).div_ceil(SECOND),
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

/// Approves a device's request, once it has waited; or denies it, at any time. The device is told, and its owner.
///
/// # Errors
/// [`AdminError::NoRequest`], [`AdminError::TooEarly`].
pub fn decide(settings: &Settings, device: &str, approve: bool) -> Result<String, AdminError> {
    let device: DeviceId = device
        .parse()
        .map_err(|_| AdminError::Usage("a device id has 32 lower-case hexadecimal digits"))?;
    let state = if approve { State::Approved } else { State::Denied };
    with_data(&settings.data, |vault, tx, now| {
        let bound = devices::table::binding(tx, &device)?.filter(|binding| !binding.removed);
        let (Some(request), Some(binding)) = (table::load(tx, &device)?, bound) else {
            return Ok(Err(AdminError::NoRequest));
        };
        let waits = request.waits(now);
        if request.state != State::Pending {
            return Ok(Err(AdminError::NoRequest));
        }
        if approve && waits > 0 {
            return Ok(Err(AdminError::TooEarly(waits.div_ceil(SECOND))));
        }
        table::decide(tx, &device, state, now)?;
        channel::table::hint_from_outside(tx, &device, Hint::Account, now)?;
        let name = devices::table::name(vault, tx, &device)?;
        let notice = match approve {
            true => Notice::UnlockApproved { device: &name },
            false => Notice::UnlockDenied { device: &name },
        };
        notices::put_from_outside(vault, settings, tx, &binding.account, &notice, now)?;
        Ok(Ok(()))
    })??;
    Ok(format!("{} {device}", state.as_str()))
}
