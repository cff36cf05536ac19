//! What is remembered of the owner's commands in one epoch: which ids, how far each is, what has to be told.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use belay_proto::signed::{Disposition, Verb};
use belay_proto::steps::Policies;
use belay_proto::{CommandId, Epoch};

use super::judge::{Order, shares_register};
use super::tally::{DelegatedTally, Tally};
use super::time::{OwnTime, Span};
use crate::core::hold::{Ended, Hold};
use crate::moment::Moment;

/// How many outcomes wait for belayd: so few that a book with a hold in it fits a state file.
pub(super) const MOST_OUTCOMES: usize = 40;
/// The shortest and the longest time for which counts aren't written down.
const UNWRITTEN: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(10 * 60));
/// In between, this part of the time since the boot.
const UNWRITTEN_PART: u32 = 8;

/// The owner's commands of one epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Book {
    /// The binding; another one begins another book. `None`: nobody's.
    pub epoch: Option<Epoch>,
    /// The warden's own time.
    pub time: OwnTime,
    /// The highest counter of an accepted command.
    pub counter: u64,
    /// The highest counter in the register of `lock`, `unlock`, `message` and `stop-ring`.
    pub register: u64,
    /// How often the device was locked.
    pub episode: u64,
    /// The last sequence of an outcome or state report.
    pub sequence: u64,
    /// The ids, as far as they aren't forgotten: see [`super::memory`].
    pub known: BTreeMap<CommandId, Known>,
    /// The highest counter of an id that was forgotten though no other rule refuses it: not above it, what isn't
    /// [known](Self::known) counts as seen. `None`: no such id was forgotten.
    pub floor: Option<u64>,
    /// Signed outcomes that belayd hasn't stored yet, by sequence.
    pub outcomes: VecDeque<Told>,
    /// What belayd has to do, in the order of acceptance.
    pub deeds: Vec<Deed>,
    /// A sign-out that is accepted and not carried out yet: its end, signed in advance, since the key that signs
    /// it goes with the binding.
    pub farewell: Option<Told>,
    /// The commands that were refused.
    pub refusals: Tally,
    /// Those of delegates that were accepted.
    pub delegated: DelegatedTally,
    /// How often a policy was rehearsed since they were set.
    pub rehearsals: Tally,
    /// Whether commands are taken, and the device locks or wipes itself.
    pub find: bool,
    /// What the device does by itself.
    pub policies: Policies,
    /// What the policies count.
    pub contact: Contact,
    /// A recovery without the code that is being waited out.
    pub hold: Option<Hold>,
    /// How the last one ended, until the cloud was told.
    pub hold_ended: Option<Ended>,
    /// Since when the device is to leave with its account, whose deletion the owner ordered here.
    pub leaving: Option<Span>,
}

/// One id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// What it asked for; `None` of one that was cancelled before it came.
    pub verb: Option<Verb>,
    /// Its counter; of one that was cancelled before it came, the highest until then.
    pub counter: u64,
    /// Void afterwards, ms since the Unix epoch; `None` = never.
    pub void_after: Option<u64>,
    /// How far it is.
    pub fate: Fate,
    /// A delegate signed it.
    pub delegated: bool,
}

/// How far a command is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Accepted, not at its end.
    Running,
    /// At its end.
    Over,
    /// Cancelled before it came.
    Marked,
    /// Refused, once and for all.
    Refused(Disposition),
}

/// A signed outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Its sequence.
    pub sequence: u64,
    /// Whose.
    pub command: CommandId,
    /// The signed bytes.
    pub bytes: Vec<u8>,
}

/// Something for belayd to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    /// The command, or the policy's stand-in for one.
    pub command: CommandId,
    /// `ring`, `stop-ring` or `locate`.
    pub verb: Verb,
    /// Its arguments' encoding.
    pub arguments: Vec<u8>,
    /// The issuer's clock, ms since the Unix epoch.
    pub issued_at: u64,
    /// Not to be begun later, ms since the Unix epoch; `None` = whenever.
    pub void_after: Option<u64>,
    /// belayd has begun it.
    pub begun: bool,
}

/// What the policies count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contact {
    /// Since the cloud was last heard of.
    pub offline: Span,
    /// Since the device was lost.
    pub lost: Span,
    /// Since the audible countdown to a wipe began.
    pub countdown: Option<Span>,
    /// A dry run has said what would happen.
    pub rehearsed: bool,
}

impl Contact {
    /// Counts from now on.
    #[must_use]
    pub fn beginning(at: &Moment) -> Self {
        Self {
            offline: Span::beginning(at),
            lost: Span::beginning(at),
            countdown: None,
            rehearsed: false,
        }
    }
}

impl Book {
    /// The empty book of a new binding. The time goes on; find-device is on.
    #[must_use]
    pub fn of(epoch: Epoch, time: OwnTime, at: &Moment) -> Self {
        Self {
            epoch: Some(epoch),
            time,
            find: true,
            contact: Contact::beginning(at),
            ..Self::default()
        }
    }

    /// Counts an accepted command.
    pub fn count(&mut self, order: &Order) {
        self.counter = self.counter.max(order.counter);
        if shares_register(order.verb()) {
            self.register = self.register.max(order.counter);
        }
    }

    /// The next sequence.
    pub fn next_sequence(&mut self) -> u64 {
        self.sequence = self.sequence.saturating_add(1);
        self.sequence
    }

    /// Keeps an outcome until belayd has it. Where too many wait, one goes that a later one of the same command
    /// makes needless, else the oldest.
    pub fn tell(&mut self, told: Told) {
        self.outcomes.push_back(told);
        if self.outcomes.len() > MOST_OUTCOMES {
            let needless = self.outcomes.iter().position(|old| {
                let later = |new: &&Told| new.command == old.command && new.sequence > old.sequence;
                self.outcomes.iter().find(later).is_some()
            });
            self.outcomes.remove(needless.unwrap_or(0));
        }
    }

    /// belayd has stored everything up to this.
    pub fn forget_told(&mut self, after: u64) -> bool {
        let before = self.outcomes.len();
        self.outcomes.retain(|told| told.sequence > after);
        self.outcomes.len() != before
    }

    /// Whether a command runs.
    #[must_use]
    pub fn runs(&self, id: &CommandId) -> bool {
        self.known
            .get(id)
            .is_some_and(|known| known.fate == Fate::Running)
    }

    /// Those that run and ask for `verb`.
    #[must_use]
    pub fn running(&self, verb: Verb) -> Vec<CommandId> {
        let runs = |known: &Known| known.fate == Fate::Running && known.verb == Some(verb);
        let found = self.known.iter().filter(|(_, known)| runs(known));
        found.map(|(id, _)| *id).collect()
    }

    /// Whether a policy, a recovery, or the readiness to leave waits for time to pass.
    #[must_use]
    pub fn is_armed(&self) -> bool {
        self.hold.is_some()
            || self.leaving.is_some()
            || self.find && (self.policies.lock_after_offline > 0 || self.policies.wipe_after_offline > 0)
    }

    /// Writes each count down, so that the next boot goes on from here.
    pub fn write_down(&mut self, at: &Moment) {
        self.time.write_down(at);
        let contact = &mut self.contact;
        contact.offline = contact.offline.at(at);
        contact.lost = contact.lost.at(at);
        contact.countdown = contact.countdown.as_ref().map(|span| span.at(at));
        if let Some(hold) = &mut self.hold {
            hold.since = hold.since.at(at);
        }
        self.leaving = self.leaving.as_ref().map(|span| span.at(at));
    }

    /// How long nothing was written down, in this boot.
    #[must_use]
    pub fn unwritten(&self, at: &Moment) -> Duration {
        self.time.span().age(at)
    }

    /// How long until counts are to be written down. What a reboot takes from them is bounded by that, in parts of how
    /// long the device was up: in a new boot it is now, then after 10 s, later after an eighth of the time since the
    /// boot, at most 10 min. Whoever keeps the device off the network and restarts it again and again gains no more.
    #[must_use]
    pub fn write_due(&self, at: &Moment) -> Duration {
        match &self.time.span().since {
            Some(written) if written.boot_id == at.boot_id => {
                let apart = (written.boottime / UNWRITTEN_PART).clamp(UNWRITTEN.0, UNWRITTEN.1);
                let due = written.boottime.saturating_add(apart);
                due.saturating_sub(at.boottime)
            }
            _ => Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a restart after so long takes from a count that is written down whenever that is due.
    fn lost_after(up: Duration) -> Duration {
        let at = |boottime| Moment {
            boottime,
            boot_id: "boot".to_owned(),
        };
        let mut book = Book::default();
        let mut now = Duration::from_secs(4);
        loop {
            assert_eq!(book.write_due(&at(now)), Duration::ZERO);
            book.write_down(&at(now));
            let due = now + book.write_due(&at(now));
            if due > up {
                return up - now;
            }
            now = due;
        }
    }

    #[test]
    fn a_restart_takes_an_eighth_of_the_time_since_the_boot_and_ten_minutes_at_most() {
        for seconds in [5, 20, 60, 300, 1800, 7200, 86_400] {
            let up = Duration::from_secs(seconds);
            let most = (up / 8).clamp(Duration::from_secs(10), Duration::from_secs(600));
            assert!(lost_after(up) <= most, "{seconds} s: {:?}", lost_after(up));
        }
    }
}
