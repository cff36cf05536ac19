//! How long a command lives: one that was withheld must not surprise anyone months later.

use std::time::Duration;

use super::{Command, Verb};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How long an issuer lets a command live unless told otherwise; `None` = for ever.
pub fn default_life(verb: Verb) -> Option<Duration> {
    match verb {
        Verb::Wipe | Verb::SignOut | Verb::Unlock => Some(7 * DAY),
        Verb::Ring | Verb::Locate => Some(10 * MINUTE),
        Verb::Lock | Verb::Message | Verb::StopRing | Verb::Cancel => None,
    }
}

/// The longest that a command may live, whatever it says itself; `None` = for ever.
pub fn longest_life(verb: Verb) -> Option<Duration> {
    match verb {
        Verb::Wipe | Verb::SignOut => Some(30 * DAY),
        Verb::Unlock
        | Verb::Ring
        | Verb::Locate
        | Verb::Lock
        | Verb::Message
        | Verb::StopRing
        | Verb::Cancel => default_life(verb),
    }
}

impl Command {
    /// From when on the command is void, ms since the Unix epoch: what it says itself or the end of its
    /// longest life, whichever comes first; `None` = never.
    pub fn void_after(&self) -> Option<u64> {
        let said = (self.expires_at != 0).then_some(self.expires_at);
        let longest =
            longest_life(self.action.verb()).map(|life| self.issued_at.saturating_add(millis(life)));
        match (said, longest) {
            (Some(said), Some(longest)) => Some(said.min(longest)),
            (said, longest) => said.or(longest),
        }
    }

    /// What `expires_at` has to be for a verb's default life, ms since the Unix epoch; 0 = never.
    pub fn default_expiry(verb: Verb, issued_at: u64) -> u64 {
        default_life(verb).map_or(0, |life| issued_at.saturating_add(millis(life)))
    }
}

fn millis(life: Duration) -> u64 {
    crate::clock::millis(life)
}
