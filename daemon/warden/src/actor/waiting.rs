//! What the actor waits for between requests: tickets that end, owed work, a wipe's telling, being idle.

use std::time::Duration;

use belay_proto::dbus::LockState;
use belay_proto::failpoint;
use belay_proto::text::with_causes;

use super::Warden;
use crate::core::command::lost::{Owed, Setback, Stand};
use crate::core::state::{Binding, Lock, What};
use crate::enforce::Job;
use crate::enforce::refused::tombstone;
use crate::enforce::work::Report;
use crate::quiet::Quiet;

impl Warden {
    pub(super) fn next_wake(&self) -> Option<Duration> {
        let owed = self.owed();
        let times = [
            self.state.tickets.next_end(),
            self.next_quiet_check(),
            self.state
                .wipe_begins()
                .map(|at| self.woken.again_at().unwrap_or(at)),
            self.state
                .hold_ends(&self.now())
                .map(|at| self.woken.again_at().unwrap_or(at)),
            self.work.next_try(owed, self.state.wants_watch()),
        ];
        times.into_iter().flatten().min()
    }

    /// Lets time do its part. An uninitialised one refuses even this; a write that fails is tried again with the next
    /// request, and where a wipe waits for it after a pause.
    pub(super) fn wake(&mut self) {
        let outcome = self.apply(What::Woke);
        failpoint!("warden.time.passed");
        self.woken.so(outcome.is_ok(), self.clock.boottime());
    }

    /// Starts what the operating system is owed.
    pub(super) fn pursue(&mut self) {
        self.drop_intent();
        let (now, watch, owed) = (self.clock.boottime(), self.state.wants_watch(), self.owed());
        let (vault, lock) = (&mut self.vault, &self.state.lock);
        let job = |stand| match (stand, lock) {
            (Stand::Free, _) => Some(Job::Unlock),
            (Stand::Lost, _) => Some(Job::Lost),
            (Stand::Ready | Stand::Wipe, Lock::Wiping(wipe)) => match vault.intend_wipe(Some(wipe)) {
                Ok(()) if stand == Stand::Ready => Some(Job::Prepare(wipe.command)),
                Ok(()) => Some(Job::Wipe(wipe.command)),
                Err(error) => {
                    tracing::error!(error = with_causes(&error), "the wipe's intent can't be written");
                    None
                }
            },
            (Stand::Ready | Stand::Wipe, _) => None,
        };
        self.work.pursue(owed, watch, now, job);
    }

    /// An intent that nobody has would wipe whenever the unit is started next. Of a tampered state nobody knows.
    fn drop_intent(&mut self) {
        let intended = self.state.lock.begun_wipe().is_some();
        if intended || matches!(self.state.binding, Binding::Tampered(_)) {
            self.intends_nothing = false;
        } else if !self.intends_nothing {
            match self.vault.intend_wipe(None) {
                Ok(()) => self.intends_nothing = true,
                Err(error) => {
                    tracing::error!(
                        error = with_causes(&error),
                        "the wipe's intent can't be taken back"
                    );
                }
            }
        }
    }

    /// What the operating system is owed; a wipe whose tombstone says that it is over isn't.
    fn owed(&self) -> Owed {
        let owed = self.state.owed();
        let is_left = |stand: &Stand| !(self.state.wiped && *stand == Stand::Wipe);
        Owed {
            stand: owed.stand.filter(is_left),
            ready: owed.ready && !self.state.wiped,
        }
    }

    /// Takes over what the tombstone says of the wipe that the lock speaks of.
    pub(super) fn heed_tombstone(&mut self) {
        self.state.wiped = self.buried() == Some(&LockState::Wiped);
    }

    fn buried(&self) -> Option<&LockState> {
        let Lock::Wiping(wipe) = &self.state.lock else {
            return None;
        };
        let ours = self.tombstone.as_ref();
        ours.filter(|tombstone| tombstone.command == wipe.command)
            .map(|tombstone| &tombstone.state)
    }

    pub(super) fn carried_out(&mut self, report: Report) {
        let now = self.clock.boottime();
        self.tombstone = tombstone(&self.facts.wipe_journal);
        self.heed_tombstone();
        let Some((stand, mut result)) = self.work.ended(report, now) else {
            return;
        };
        // Where a tombstone stands bytes were changed, whatever a later run says of its plan: no way back.
        let is_wipe = matches!(stand, Stand::Ready | Stand::Wipe);
        if let Err(Setback::Refused(reason)) = &result
            && is_wipe
            && self.buried().is_some()
        {
            let (reason, retry) = (reason.clone(), 0);
            result = Err(Setback::Failed { reason, retry });
        }
        if is_wipe
            && matches!(result, Err(Setback::Refused(_)))
            && let Err(error) = self.vault.intend_wipe(None)
        {
            tracing::error!(
                error = with_causes(&error),
                "the wipe's intent can't be taken back"
            );
        }
        if self.apply(What::Enforced { stand, result }).is_err() {
            self.work.put_off(stand, now);
        }
    }

    /// When to look again whether there is anything left to stay for: unlocked, and no ticket alive.
    fn next_quiet_check(&self) -> Option<Duration> {
        let nothing_pending = self.state.lock == Lock::Unlocked
            && !matches!(self.state.binding, Binding::Tampered(_))
            && self.state.tickets.is_empty()
            && self.state.owed().is_nothing()
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
