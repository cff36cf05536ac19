//! Find-device and the policies: what the owner lets the device do by itself.

use crate::cbor::Malformed;
use crate::keys::sha256;
use crate::text::base64url;

/// Turns find-device on or off: [`SetFindInput`] → [`Done`](super::Done). The ticket's subject is
/// [`find_subject`].
pub const SET_FIND: &str = "set-find";
/// Changes policies: [`PolicyChanges`] → [`Done`](super::Done). The ticket's subject is [`policies_subject`].
pub const SET_POLICIES: &str = "set-policies";

/// The shortest time after which a device may do something for want of contact: 24 h, ms.
pub const SHORTEST_OFFLINE: u64 = 24 * 60 * 60 * 1000;

crate::cbor_map! {
    /// Into [`SET_FIND`].
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct SetFindInput {
        /// Whether the device takes its owner's commands.
        pub enabled: bool,
    }

    /// What the device does by itself; everything off by default.
    #[derive(Debug, Clone, PartialEq, Eq, Default)]
    pub struct Policies {
        /// Lock after so long without contact, ms; 0 = off.
        pub lock_after_offline: u64,
        /// Once lost for 72 h: wipe after so long without contact, ms; 0 = off.
        pub wipe_after_offline: u64,
        /// Lock when another SIM is in the device.
        pub lock_on_sim_change: bool,
        /// Alert, then lock, when a paired band goes out of range.
        pub lock_on_accessory_lost: bool,
        /// Let a recovery without code take hold here after 72 h.
        pub recovery_without_code: bool,
        /// Only say what would happen.
        pub dry_run: bool,
        /// The number that gets an SMS from a new SIM, E.164; empty = none.
        pub trusted_number: String,
    }

    /// Into [`SET_POLICIES`]: what to change of [`Policies`]; the rest stays. So a client needs not know the
    /// trusted number to change something else.
    #[derive(Debug, Clone, PartialEq, Eq, Default)]
    pub struct PolicyChanges {
        /// As in [`Policies`].
        pub lock_after_offline: Option<u64>,
        /// As in [`Policies`].
        pub wipe_after_offline: Option<u64>,
        /// As in [`Policies`].
        pub lock_on_sim_change: Option<bool>,
        /// As in [`Policies`].
        pub lock_on_accessory_lost: Option<bool>,
        /// As in [`Policies`].
        pub recovery_without_code: Option<bool>,
        /// As in [`Policies`].
        pub dry_run: Option<bool>,
        /// As in [`Policies`].
        pub trusted_number: Option<String>,
    }
}

impl Policies {
    /// Whether a recovery without the code may take hold here: with `dry_run` nothing more than said, and so it may not.
    #[must_use]
    pub const fn allow_recovery(&self) -> bool {
        self.recovery_without_code && !self.dry_run
    }

    /// These policies with the changes.
    ///
    /// # Errors
    /// [`Malformed`] for a time that is neither 0 nor at least [`SHORTEST_OFFLINE`], and for a number that
    /// isn't E.164.
    pub fn changed(&self, changes: &PolicyChanges) -> Result<Self, Malformed> {
        let changed = Self {
            lock_after_offline: changes.lock_after_offline.unwrap_or(self.lock_after_offline),
            wipe_after_offline: changes.wipe_after_offline.unwrap_or(self.wipe_after_offline),
            lock_on_sim_change: changes.lock_on_sim_change.unwrap_or(self.lock_on_sim_change),
            lock_on_accessory_lost: changes
                .lock_on_accessory_lost
                .unwrap_or(self.lock_on_accessory_lost),
            recovery_without_code: changes
                .recovery_without_code
                .unwrap_or(self.recovery_without_code),
            dry_run: changes.dry_run.unwrap_or(self.dry_run),
            trusted_number: changes
                .trusted_number
                .clone()
                .unwrap_or_else(|| self.trusted_number.clone()),
        };
        changed.check()?;
        Ok(changed)
    }

    fn check(&self) -> Result<(), Malformed> {
        let long_enough = |ms: u64| ms == 0 || ms >= SHORTEST_OFFLINE;
        if !long_enough(self.lock_after_offline) || !long_enough(self.wipe_after_offline) {
            return Err(Malformed::new("a time under 24 hours"));
        }
        match self.trusted_number.is_empty() || crate::identifier::is_e164(&self.trusted_number) {
            true => Ok(()),
            false => Err(Malformed::new("not an E.164 number")),
        }
    }
}

/// The subject of a `find` ticket: `on` or `off`.
pub fn find_subject(enabled: bool) -> &'static str {
    if enabled { "on" } else { "off" }
}

/// The subject of a `policies` ticket: base64url of SHA-256 over the changes' CBOR. The client makes it from
/// what the owner saw, so belayd can't change anything else with the ticket.
pub fn policies_subject(changes: &PolicyChanges) -> String {
    base64url(&sha256(&changes.encode()))
}

#[cfg(test)]
mod tests;
