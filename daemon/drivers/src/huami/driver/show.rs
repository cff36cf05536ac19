//! Alerts.

use std::time::Duration;

use super::core::{Core, FIND, Purpose};
use super::requests::Serial;
use crate::alert::{Alert, AlertKind};
use crate::driver::Failure;
use crate::gatt::Characteristic;
use crate::huami::codec::alert::{
    CALL, CALL_ENDED, LEVEL_CALL, LEVEL_MESSAGE, LEVEL_OFF, LEVEL_VIBRATE, SMS, new_alert, notification,
};
use crate::huami::codec::chunked::NOTIFICATION;
use crate::huami::model::Texts;
use crate::huami::uuids::{ALERT_LEVEL, ALERTS, IMMEDIATE_ALERT, NEW_ALERT};
use crate::huami::v2021::messages::{FIND as VIBRATE, FIND_STOP};
use crate::huami::v2021::{endpoint, notification};

/// A search vibrates for a moment, so often.
const AGAIN: Duration = Duration::from_secs(4);

/// What is shown.
#[derive(Default)]
pub(super) struct Show {
    finding: bool,
    /// The number of the last message that went to an endpoint.
    last: u32,
}

impl Show {
    /// Shows an alert.
    pub(super) fn alert(&mut self, core: &mut Core, serial: Serial, alert: &Alert) -> Result<(), Failure> {
        match alert {
            Alert::Find => {
                let part = Purpose::Part(serial);
                if core.is_zepp() {
                    core.message(part, endpoint::FIND, &VIBRATE)?;
                } else {
                    let level = level(core)?;
                    core.write(part, level, &LEVEL_VIBRATE);
                }
                core.wake(FIND, AGAIN);
                self.finding = true;
                Ok(())
            }
            Alert::Message { title, body } if core.is_zepp() => {
                self.last = self.last.wrapping_add(1);
                let message = notification::message(self.last, title, body);
                core.message(Purpose::Part(serial), endpoint::NOTIFICATIONS, &message)
            }
            Alert::Call { caller } if core.is_zepp() => {
                let call = notification::call(caller);
                core.message(Purpose::Part(serial), endpoint::NOTIFICATIONS, &call)
            }
            Alert::Message { title, body } => text(core, serial, SMS, title, body),
            Alert::Call { caller } => text(core, serial, CALL, caller, ""),
        }
    }

    /// Ends one.
    pub(super) fn stop(&mut self, core: &mut Core, serial: Serial, kind: AlertKind) -> Result<(), Failure> {
        if kind == AlertKind::Find {
            self.forget(core);
        }
        if core.is_zepp() {
            let (endpoint, message) = match kind {
                AlertKind::Find => (endpoint::FIND, FIND_STOP.to_vec()),
                AlertKind::Call => (endpoint::NOTIFICATIONS, notification::call_ended()),
                AlertKind::Message => (endpoint::NOTIFICATIONS, notification::dismiss(self.last)),
            };
            return core.message(Purpose::Part(serial), endpoint, &message);
        }
        match core.find(ALERTS, NEW_ALERT) {
            Some(new) if kind == AlertKind::Call && takes_texts(core) => {
                core.write(Purpose::Part(serial), new, &CALL_ENDED);
            }
            _ => core.write(Purpose::Part(serial), level(core)?, &LEVEL_OFF),
        }
        Ok(())
    }

    /// Ends a search, as far as `purpose` goes.
    pub(super) fn stop_finding(&mut self, core: &mut Core, purpose: Purpose) {
        if self.finding && core.is_zepp() {
            // It fits any MTU.
            let _ = core.message(purpose, endpoint::FIND, &FIND_STOP);
        } else if self.finding
            && let Ok(level) = level(core)
        {
            core.write(purpose, level, &LEVEL_OFF);
        }
        self.forget(core);
    }

    /// Time to vibrate again.
    pub(super) fn again(&self, core: &mut Core) {
        if !self.finding {
            return;
        }
        if core.is_zepp() {
            core.message_again(Purpose::Find, endpoint::FIND, &VIBRATE);
        } else if let Ok(level) = level(core) {
            core.write_again(Purpose::Find, level, &LEVEL_VIBRATE);
        }
        core.wake(FIND, AGAIN);
    }

    /// Its wearer has found it: no more vibrations.
    pub(super) fn forget(&mut self, core: &mut Core) {
        if self.finding {
            core.sleep(FIND);
        }
        self.finding = false;
    }
}

fn level(core: &Core) -> Result<Characteristic, Failure> {
    core.find(IMMEDIATE_ALERT, ALERT_LEVEL)
        .ok_or(Failure::NotSupported)
}

fn text(core: &mut Core, serial: Serial, category: u8, title: &str, body: &str) -> Result<(), Failure> {
    let part = Purpose::Part(serial);
    match core.model.texts {
        Texts::Chunked { padded } => {
            let all = notification(category, padded, title, body);
            core.chunked(part, NOTIFICATION, &all)
        }
        Texts::NewAlert(_) if takes_texts(core) => {
            let new = core.find(ALERTS, NEW_ALERT).ok_or(Failure::NotSupported)?;
            let line = [title, body].into_iter().filter(|part| !part.is_empty());
            let line = line.collect::<Vec<_>>().join(": ");
            core.write(part, new, &new_alert(category, &line));
            Ok(())
        }
        // Done where it is asked for.
        Texts::Endpoint => Err(Failure::NotSupported),
        Texts::NewAlert(_) => {
            let level = level(core)?;
            let sign = if category == CALL {
                LEVEL_CALL
            } else {
                LEVEL_MESSAGE
            };
            core.write(part, level, &sign);
            Ok(())
        }
    }
}

/// Whether the firmware shows texts, which it does where its version isn't told.
fn takes_texts(core: &Core) -> bool {
    match core.model.texts {
        Texts::Chunked { .. } | Texts::Endpoint => true,
        Texts::NewAlert(since) => version(&core.firmware).is_none_or(|version| version >= since),
    }
}

fn version(text: &str) -> Option<[u16; 4]> {
    let mut parts = text.split('.');
    let mut version = [0; 4];
    for number in &mut version {
        *number = parts.next()?.parse().ok()?;
    }
    Some(version)
}
