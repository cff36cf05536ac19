//! The texts that are owed to the trusted number: how often each is tried, and for which commands there is one.
//!
//! A text costs money, and anybody can send a device the same command again: each command is answered once, and each
//! text is tried so often and no oftener, which is counted on disk before the try.

use std::time::Duration;

use belay_proto::CommandId;
use belay_proto::backoff::Backoff;
use serde::{Deserialize, Serialize};

use crate::platform::PlatformError;

/// More texts than these aren't owed: the oldest are dropped but for the first, which may be under way.
const MOST: usize = 8;
/// So often a text is tried where it surely wasn't sent: over a day and more.
const MOST_TRIES: u32 = 40;
/// So often one is tried that may have been sent each time.
const MOST_UNSURE: u32 = 3;
/// The next try comes after this at first, and in the end this seldom.
const AGAIN: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(2 * 3600));
/// Refused commands that are remembered, so that each is answered once: more than an owner signs in vain.
const MOST_ANSWERED: usize = 64;

/// What is owed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Owed {
    /// The texts, the oldest first.
    texts: Vec<Debt>,
    /// The refused commands that there was a text for.
    answered: Vec<[u8; 16]>,
    /// Failures in a row since belayd started, of whatever kind.
    #[serde(skip)]
    failures: u32,
}

/// One text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Debt {
    text: String,
    /// How often it was tried.
    tries: u32,
    /// How often of these it may have been sent.
    unsure: u32,
}

impl Owed {
    /// Owes a text.
    pub(super) fn owe(&mut self, text: String) {
        self.texts.push(Debt {
            text,
            tries: 0,
            unsure: 0,
        });
        let surplus = self.texts.len().saturating_sub(MOST);
        // The first may be under way.
        self.texts.drain(1..=surplus);
    }

    /// Owes a text about a command that was refused; nothing where there was one before.
    pub(super) fn answer(&mut self, command: CommandId, text: String) {
        let id = *command.as_bytes();
        if self.answered.contains(&id) {
            return;
        }
        self.answered.push(id);
        let surplus = self.answered.len().saturating_sub(MOST_ANSWERED);
        self.answered.drain(..surplus);
        self.owe(text);
    }

    /// How many texts are owed.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether none is.
    pub(super) fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// Owes nothing any more.
    pub(super) fn clear(&mut self) {
        self.texts.clear();
    }

    /// Counts a try of the oldest text that may be tried, and answers it. Until [`Owed::failed`] says otherwise it
    /// counts as one that may have been sent: belayd may end in the middle of it.
    pub(super) fn begin(&mut self) -> Option<String> {
        self.texts.retain(|debt| {
            let is_left = debt.tries < MOST_TRIES && debt.unsure < MOST_UNSURE;
            if !is_left {
                tracing::warn!(tries = debt.tries, "a text to the trusted number is given up");
            }
            is_left
        });
        let debt = self.texts.first_mut()?;
        debt.tries += 1;
        debt.unsure += 1;
        Some(debt.text.clone())
    }

    /// The text that was begun is sent.
    pub(super) fn sent(&mut self) {
        self.failures = 0;
        if !self.texts.is_empty() {
            self.texts.remove(0);
        }
    }

    /// The text that was begun wasn't sent, as far as is known; answers how long to wait before the next try.
    pub(super) fn failed(&mut self, error: &PlatformError) -> Duration {
        self.failures = self.failures.saturating_add(1);
        let Some(debt) = self.texts.first_mut() else {
            return AGAIN.1;
        };
        match error {
            PlatformError::TimedOut => {}
            // Nobody was asked: a device without a modem for now owes its texts all the same.
            PlatformError::NotSupported(_) => {
                debt.unsure -= 1;
                debt.tries -= 1;
            }
            // Not a number that a text can go to.
            PlatformError::Refused(_) => debt.tries = MOST_TRIES,
            _ => debt.unsure -= 1,
        }
        let mut pauses = Backoff::new(AGAIN.0, AGAIN.1);
        let failures = debt.tries.max(self.failures).min(MOST_TRIES);
        let before = usize::try_from(failures).unwrap_or_default().saturating_sub(1);
        pauses.nth(before).unwrap_or(AGAIN.1)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use belay_proto::CommandId;

    use super::{AGAIN, MOST_ANSWERED, MOST_TRIES, MOST_UNSURE, Owed};
    use crate::platform::PlatformError;

    fn kept(owed: &Owed) -> Owed {
        serde_json::from_slice(&serde_json::to_vec(owed).unwrap()).unwrap()
    }

    /// How often a text is tried that fails so each time, belayd ending after each.
    fn tries(error: &PlatformError) -> u32 {
        let mut owed = Owed::default();
        owed.owe("hello".into());
        let mut tries = 0;
        while owed.begin().is_some() && tries < 100 {
            owed = kept(&owed);
            tries += 1;
            assert!(owed.failed(error) <= AGAIN.1);
            owed = kept(&owed);
        }
        tries
    }

    #[test]
    fn each_kind_of_failure_has_its_bound() {
        assert_eq!(tries(&PlatformError::TimedOut), MOST_UNSURE);
        assert_eq!(tries(&PlatformError::Unreadable("no")), MOST_TRIES);
        assert_eq!(tries(&PlatformError::Refused("no number")), 1);
        assert_eq!(
            tries(&PlatformError::NotSupported("no modem")),
            100,
            "nothing was tried"
        );
    }

    #[test]
    fn a_belayd_that_ends_in_the_middle_each_time_has_tried_as_often() {
        let mut owed = Owed::default();
        owed.owe("hello".into());
        for _ in 0..MOST_UNSURE {
            assert_eq!(owed.begin().as_deref(), Some("hello"));
            owed = kept(&owed);
        }
        assert_eq!(owed.begin(), None);
        assert!(owed.is_empty());
    }

    #[test]
    fn the_pauses_grow() {
        for error in [
            PlatformError::Unreadable("no"),
            PlatformError::NotSupported("no modem"),
        ] {
            let longest = |tries: u32| {
                let mut longest = Duration::ZERO;
                for _ in 0..50 {
                    let mut owed = Owed::default();
                    owed.owe("hello".into());
                    for _ in 0..tries {
                        owed.begin();
                        longest = longest.max(owed.failed(&error));
                    }
                }
                longest
            };
            assert!(longest(1) <= AGAIN.0);
            assert!(longest(12) > AGAIN.1 / 4);
        }
    }

    #[test]
    fn each_refused_command_is_answered_once() {
        let mut owed = Owed::default();
        let command = CommandId::new();
        owed.answer(command, "refused".into());
        assert_eq!(owed.len(), 1);
        owed.begin();
        owed.sent();
        for _ in 0..MOST_ANSWERED - 1 {
            owed.answer(CommandId::new(), "refused".into());
        }
        owed.clear();
        owed = kept(&owed);
        owed.answer(command, "refused".into());
        assert!(owed.is_empty());
    }
}
