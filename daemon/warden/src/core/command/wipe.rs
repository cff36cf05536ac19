//! The way to a wipe: told to the owner first, then begun, then prepared, then carried out. Until it begins the owner may
//! call it off; until it is prepared it may be refused. Neither costs whoever is logged in anything: sessions end once
//! nothing can come between any more, and before the first key goes; or once it couldn't be prepared at the first try.

use std::time::Duration;

use belay_proto::CommandId;
use belay_proto::signed::{CommandState, Verb};

use crate::core::refusal::Refusal;
use crate::core::state::{Effect, Lock, State, note};
use crate::moment::Moment;

/// How long the news of it may take to be fetched.
pub const TELLING: Duration = Duration::from_secs(10);

/// A wipe that is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wipe {
    /// The command, or the policy's stand-in for one.
    pub command: CommandId,
    /// Memory cards too.
    pub external: bool,
    /// Leave the eSIM profiles.
    pub keep_esim: bool,
    /// When it was accepted.
    pub since: Moment,
    /// The sequence of the outcome that has to be fetched; 0 = none.
    pub told: u64,
    /// It has begun: nothing calls it off.
    pub started: bool,
    /// Its preflight said yes and its tombstone stands: nothing refuses it any more.
    pub prepared: bool,
    /// Why it couldn't be prepared when it was tried last; the owner knows. It is tried again, and meanwhile the device is
    /// kept like a lost one.
    pub setback: Option<String>,
    /// What the lock goes back to.
    pub before: Lock,
}

impl State {
    /// Accepts it. `told`: a command of the owner's, who hears of it before it begins.
    pub(super) fn prepare_wipe(
        &mut self,
        command: CommandId,
        external: bool,
        keep_esim: bool,
        told: bool,
        at: &Moment,
    ) -> Result<(), Refusal> {
        self.tickets.clear();
        self.drop_hold();
        let before = std::mem::replace(&mut self.lock, Lock::Unlocked);
        self.lock = Lock::Wiping(Box::new(Wipe {
            command,
            external,
            keep_esim,
            since: at.clone(),
            told: 0,
            started: false,
            prepared: false,
            setback: None,
            before,
        }));
        if told {
            self.tell_step(command, Verb::Wipe, CommandState::Running, "", (1, 2), 0)?;
            if let Lock::Wiping(wipe) = &mut self.lock {
                wipe.told = self.book.sequence;
            }
        }
        Ok(())
    }

    /// Goes back to the lock before, if it is this command's wipe and hasn't begun.
    pub(super) fn call_wipe_off(&mut self, command: &CommandId) -> bool {
        match &self.lock {
            Lock::Wiping(wipe) if wipe.command == *command && !wipe.started => {
                self.lock = wipe.before.clone();
                true
            }
            _ => false,
        }
    }

    /// The preflight said yes, and what was to be written down is.
    pub(super) fn wipe_prepared(&mut self) {
        if let Lock::Wiping(wipe) = &mut self.lock {
            wipe.prepared = true;
        }
    }

    /// The preflight said no, and nothing was changed.
    pub(super) fn wipe_refused(&mut self, reason: &str) -> Result<(), Refusal> {
        if let Lock::Wiping(wipe) = &self.lock {
            let command = wipe.command;
            self.lock = wipe.before.clone();
            // A policy that can't wipe doesn't count down again until there was contact.
            self.book.contact.rehearsed = true;
            self.finish(&command, CommandState::Failed, reason)?;
        }
        Ok(())
    }

    /// It begins once the news of it is acknowledged, which belayd does when the cloud has it; otherwise in time.
    pub(super) fn begin_wipe_once_told(&mut self, after: u64) -> Result<Vec<Effect>, Refusal> {
        let is_told = |wipe: &Wipe| wipe.told > 0 && after >= wipe.told;
        self.begin_wipe_if(is_told)
    }

    /// It begins 10 s after it was accepted, told or not, and at once in another boot.
    pub(super) fn begin_wipe_in_time(&mut self, at: &Moment) -> Result<Vec<Effect>, Refusal> {
        self.begin_wipe_if(|wipe| {
            wipe.since.boot_id != at.boot_id || wipe.since.left_of(TELLING, at).is_zero()
        })
    }

    /// The boot time at which a wipe begins even untold.
    #[must_use]
    pub fn wipe_begins(&self) -> Option<Duration> {
        match &self.lock {
            Lock::Wiping(wipe) if !wipe.started => Some(wipe.since.boottime.saturating_add(TELLING)),
            _ => None,
        }
    }

    fn begin_wipe_if(&mut self, is_time: impl FnOnce(&Wipe) -> bool) -> Result<Vec<Effect>, Refusal> {
        let Lock::Wiping(wipe) = &mut self.lock else {
            return Ok(Vec::new());
        };
        if wipe.started || !is_time(wipe) {
            return Ok(Vec::new());
        }
        wipe.started = true;
        let command = wipe.command;
        if self.book.runs(&command) {
            self.tell_step(command, Verb::Wipe, CommandState::Running, "", (2, 2), 0)?;
        }
        Ok(vec![note("wipe-begun", "warden", command.to_string())])
    }
}
