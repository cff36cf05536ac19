//! The end of a registration, of an address's proof, or of a sign-out, that nobody goes on with.

use std::sync::Arc;
use std::time::Duration;

use super::Desk;
use crate::account::errand;
use crate::account::model::{Deadline, Stage};
use crate::account::state::{Event, Job};

/// How long to wait before a verification is called over again, when that couldn't be kept.
const EXPIRE_AGAIN: Duration = Duration::from_secs(60);

/// How long after the last work on it, or belayd's start, a sign-out may still come about: a ticket lives for 60 s, and the step
/// that begins with it takes 60 s at most.
const SIGN_OUT_WITHIN: Duration = Duration::from_secs(120);

/// The end of a sign-out that nobody works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lapse {
    /// Then, in boot time, its ticket can't be good any more.
    At(Duration),
    /// It can't be, but the warden may have begun before: boot time goes on while the device sleeps, and nobody works then. The
    /// warden takes one step at a time, and is asked for another one.
    Asked,
}

impl Desk {
    /// Notes since when nobody works on a sign-out that was begun.
    pub(super) fn await_lapse(&mut self) {
        self.lapse = match (self.state.may_sign_out_lapse(), self.lapse) {
            (true, None) => Some(Lapse::At(
                self.parts.clock.boottime().saturating_add(SIGN_OUT_WITHIN),
            )),
            (true, known) => known,
            (false, _) => None,
        };
    }

    /// The warden has nothing in hand that was asked of it before: what was to come of a sign-out has, or never will.
    pub(super) async fn lapsed(&mut self, is_bound: bool) {
        self.listen().await;
        if self.lapse != Some(Lapse::Asked) {
            return;
        }
        // Where that isn't known, or the disk doesn't take it, it is tried again then.
        let again = self.parts.clock.boottime().saturating_add(EXPIRE_AGAIN);
        self.lapse = Some(Lapse::At(again));
        if is_bound {
            tracing::info!("a sign-out came to nothing");
            self.note(Event::SignOutLapsed).await;
        }
    }

    /// After a reboot nobody knows how long it took: the wait for a verification's end begins again, as the
    /// warden's own does, and whether another code may be sent is for the cloud to say.
    pub(super) async fn count_from_this_boot(&mut self) {
        let (now, boot) = (self.parts.clock.boottime(), self.parts.clock.boot_id());
        let registration = self.state.registration.iter();
        let registration = registration.map(|r| (&r.id, r.verification, &r.expires));
        let proving = self.state.proving.iter();
        let proving = proving.map(|p| (&p.id, p.verification, &p.expires));
        let events: Vec<Event> = registration
            .chain(proving)
            .filter(|(_, _, expires)| expires.boot != boot)
            .map(|(id, verification, expires)| Event::Looked {
                id: id.clone(),
                verification,
                resend: Deadline::after(Duration::ZERO, now, &boot),
                expires: Deadline::after(expires.left(now, &boot), now, &boot),
            })
            .collect();
        for event in events {
            self.note(event).await;
        }
    }

    /// When the first of what nobody goes on with is over, in boot time; and what that means.
    pub(super) fn expiry(&self) -> Option<(Duration, Event)> {
        let (now, boot) = (self.parts.clock.boottime(), self.parts.clock.boot_id());
        let runs = |jobs: &[Job]| jobs.iter().any(|job| self.state.running.contains(job));
        let registration = self.state.registration.as_ref();
        let registration = registration
            .filter(|r| r.stage == Stage::Waiting && !runs(&[Job::Confirm]))
            .map(|r| (r.expires.left(now, &boot), Event::Failed { pending: r.pending }));
        let proving = self.state.proving.as_ref();
        let proving = proving
            .filter(|_| !runs(&[Job::ConfirmAddress, Job::CompleteRecovery]))
            .map(|p| {
                (
                    p.expires.left(now, &boot),
                    Event::ProvingOver { id: p.id.clone() },
                )
            });
        let sign_out = match self.lapse {
            Some(Lapse::At(at)) => Some((at.saturating_sub(now), Event::SignOutLapsed)),
            Some(Lapse::Asked) | None => None,
        };
        let first = registration
            .into_iter()
            .chain(proving)
            .chain(sign_out)
            .min_by_key(|(left, _)| *left);
        first.map(|(left, event)| (now.saturating_add(left).max(self.not_again_before), event))
    }

    pub(super) async fn expire(&mut self, over: Event) {
        if over == Event::SignOutLapsed {
            self.lapse = Some(Lapse::Asked);
            let asked = errand::ask_warden(Arc::clone(&self.parts));
            return self.errands.push(Box::pin(asked));
        }
        tracing::info!("an address was not proved in time");
        // Should the disk not take it, it is tried again then.
        self.not_again_before = self.parts.clock.boottime().saturating_add(EXPIRE_AGAIN);
        self.note(over).await;
    }
}
