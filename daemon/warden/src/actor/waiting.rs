//! What the actor waits for between requests: tickets that end, owed work, a wipe's telling, being idle.

use std::time::Duration;

use belay_proto::dbus::LockState;

use super::{Warden, error_chain};
use crate::core::command::lost::{Setback, Stand};
use crate::core::state::{Binding, Lock, What};
use crate::enforce::Job;
use crate::enforce::refused::tombstone;
use crate::enforce::work::Report;
use crate::quiet::Quiet;

impl Warden {
    pub(super) fn next_wake(&self) -> Option<Duration> {
        let owed = self.owed().is_some();
        let times = [
            self.state.tickets.next_end(),
            self.next_quiet_check(),
            self.state.wipe_begins(),
            self.work.next_try(owed, self.state.wants_watch()),
        ];
        times.into_iter().flatten().min()
    }

    /// Starts what the operating system is owed.
    pub(super) fn pursue(&mut self) {
        let (now, watch, owed) = (self.clock.boottime(), self.state.wants_watch(), self.owed());
        let (vault, lock) = (&mut self.vault, &self.state.lock);
        let job = |stand| match (stand, lock) {
            (Stand::Free, _) => Some(Job::Unlock),
            (Stand::Lost, _) => Some(Job::Lost),
            (Stand::Wipe, Lock::Wiping(wipe)) => match vault.intend_wipe(Some(wipe)) {
                Ok(()) => Some(Job::Wipe(wipe.command)),
                Err(error) => {
                    tracing::error!(error = error_chain(&error), "the wipe's intent can't be written");
                    None
                }
            },
            (Stand::Wipe, _) => None,
        };
        self.work.pursue(owed, watch, now, job);
    }

    /// What the operating system is owed; a wipe whose tombstone says that it is over isn't.
    fn owed(&self) -> Option<Stand> {
        let is_wiped = self.tombstone.as_ref().is_some_and(|tombstone| {
            matches!(&self.state.lock, Lock::Wiping(wipe) if wipe.command == tombstone.command)
                && tombstone.state == LockState::Wiped
        });
        let owed = self.state.standing.owed();
        owed.filter(|stand| !(is_wiped && *stand == Stand::Wipe))
    }

    pub(super) fn carried_out(&mut self, report: Report) {
        let now = self.clock.boottime();
        self.tombstone = tombstone(&self.facts.wipe_journal);
        let Some((stand, result)) = self.work.ended(report, now) else {
            return;
        };
        if matches!((stand, &result), (Stand::Wipe, Err(Setback::Refused(_))))
            && let Err(error) = self.vault.intend_wipe(None)
        {
            tracing::error!(
                error = error_chain(&error),
                "the wipe's intent can't be taken back"
            );
        }
        if self.apply(What::Enforced { stand, result }).is_err() {
            self.work.put_off(now);
        }
    }

    /// When to look again whether there is anything left to stay for: unlocked, and no ticket alive.
    fn next_quiet_check(&self) -> Option<Duration> {
        let nothing_pending = self.state.lock == Lock::Unlocked
            && !matches!(self.state.binding, Binding::Tampered(_))
            && self.state.tickets.is_empty()
            && self.state.standing.owed().is_none()
            && !self.work.is_busy();
        let stays = self.quiet.leaving || self.facts.idle_exit.is_zero() || !nothing_pending;
        (!stays).then(|| self.quiet.since.saturating_add(self.facts.idle_exit / 2))
    }

    pub(super) fn count_quiet_half(&mut self) {
        let now = self.clock.boottime();
        if self.next_quiet_check().is_some_and(|at| at <= now) {
            self.quiet = Quiet {
                since: now,
                halves: self.quiet.halves + 1,
                leaving: false,
            };
        }
        if self.quiet.halves == 2 {
            self.quiet = Quiet {
                leaving: true,
                ..Quiet::since(now)
            };
            self.idle.notify_one();
        }
    }
}
