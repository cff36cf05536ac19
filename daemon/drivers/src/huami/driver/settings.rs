//! Settings.

use std::time::Duration;

use super::core::{Core, Purpose, SETTINGS};
use super::requests::Serial;
use crate::driver::Failure;
use crate::huami::codec::config::{self, Reply};
use crate::huami::codec::user;
use crate::huami::uuids::{BAND, USER_SETTINGS};
use crate::huami::v2021::{endpoint, messages};
use crate::settings::Settings;

/// How long a band may take to reply to a setting.
const PATIENCE: Duration = Duration::from_secs(10);
/// Stands for the acknowledgement of an endpoint among those of configuration commands.
const WEARER_TAKEN: [u8; 2] = [0x17, 0x02];

/// The request that waits for replies.
#[derive(Default)]
pub(super) struct Replies {
    waiting: Option<Serial>,
}

impl Replies {
    /// Writes what is to be changed; nothing of it where the band can't take a part.
    pub(super) fn set(
        &mut self,
        core: &mut Core,
        serial: Serial,
        settings: &Settings,
    ) -> Result<(), Failure> {
        if core.is_zepp() {
            return self.set_zepp(core, serial, settings);
        }
        let user = user_settings(settings)?;
        let commands: Vec<_> = [
            settings.clock.map(config::clock),
            settings.units.map(config::units),
        ]
        .into_iter()
        .flatten()
        .collect();
        // The request must not end with its first part.
        core.requests.hold(serial);
        let to = core.find(BAND, USER_SETTINGS);
        if !user.is_empty() && to.is_none() {
            return Err(Failure::NotSupported);
        }
        for command in &commands {
            core.config(Purpose::Part(serial), command)?;
            if core.hears_replies() {
                let [endpoint, number, ..] = *command;
                core.requests.add_reply(serial, [endpoint, number]);
            }
        }
        for (to, value) in to
            .into_iter()
            .flat_map(|to| user.iter().map(move |value| (to, value)))
        {
            core.write(Purpose::Part(serial), to, value);
        }
        if !commands.is_empty() && core.hears_replies() {
            core.wake(SETTINGS, PATIENCE);
            self.waiting = Some(serial);
        }
        core.requests.release(serial);
        core.finish_if_complete(serial);
        Ok(())
    }

    /// With Zepp OS who wears it is the one setting whose place is known.
    fn set_zepp(&mut self, core: &mut Core, serial: Serial, settings: &Settings) -> Result<(), Failure> {
        let Settings {
            step_goal: None,
            wearer,
            wrist: None,
            clock: None,
            units: None,
        } = settings
        else {
            return Err(Failure::NotSupported);
        };
        if let Some(wearer) = wearer {
            let message = messages::wearer(wearer).ok_or(Failure::NotSupported)?;
            core.message(Purpose::Part(serial), endpoint::WEARER, &message)?;
            core.requests.add_reply(serial, WEARER_TAKEN);
            core.wake(SETTINGS, PATIENCE);
            self.waiting = Some(serial);
        }
        core.finish_if_complete(serial);
        Ok(())
    }

    /// The band has taken who wears it.
    pub(super) fn wearer_taken(&mut self, core: &mut Core) {
        self.replied(core, WEARER_TAKEN, true);
    }

    /// A reply came.
    pub(super) fn told(&mut self, core: &mut Core, value: &[u8]) {
        let Ok(reply) = config::decode(value) else {
            return;
        };
        let Reply::Setting { command, .. } = reply else {
            return;
        };
        self.replied(core, command, reply.is_ok());
    }

    fn replied(&mut self, core: &mut Core, command: [u8; 2], is_ok: bool) {
        let Some(serial) = core.requests.reply_done(command) else {
            return;
        };
        if is_ok {
            core.finish_if_complete(serial);
        } else {
            core.finish(serial, Err(Failure::Refused));
        }
        if self.waiting == Some(serial) && !core.requests.is_open(serial) {
            self.waiting = None;
            core.sleep(SETTINGS);
        }
    }

    /// No reply came.
    pub(super) fn silent(&mut self, core: &mut Core) {
        if let Some(serial) = self.waiting.take() {
            core.finish(serial, Err(Failure::TimedOut));
        }
    }
}

fn user_settings(settings: &Settings) -> Result<Vec<Vec<u8>>, Failure> {
    let mut values = Vec::new();
    if let Some(wearer) = &settings.wearer {
        values.push(user::wearer(wearer).ok_or(Failure::NotSupported)?.to_vec());
    }
    if let Some(goal) = settings.step_goal {
        let goal = u16::try_from(goal).map_err(|_| Failure::NotSupported)?;
        values.push(user::goal(goal).to_vec());
    }
    if let Some(wrist) = settings.wrist {
        values.push(user::wrist(wrist).to_vec());
    }
    Ok(values)
}
