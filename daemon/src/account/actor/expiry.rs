//! The end of a registration, of an address's proof, or of a sign-out, that nobody goes on with.

use std::time::Duration;

use super::Desk;
use crate::account::model::{Deadline, Stage};
use crate::account::state::{Event, Job};

/// How long to wait before a verification is called over again, when that couldn't be kept.
const EXPIRE_AGAIN: Duration = Duration::from_secs(60);

/// How long after the last work on it, or belayd's start, a sign-out may still come about: a ticket lives for 60 s, and the step
/// that begins with it takes 60 s at most.
const SIGN_OUT_WITHIN: Duration = Duration::from_secs(120);

impl Desk {
    /// Notes since when nobody works on a sign-out that was begun.
    pub(super) fn await_lapse(&mut self) {
        self.lapses_at = match (self.state.may_sign_out_lapse(), self.lapses_at) {
            (true, None) => Some(self.parts.clock.boottime().saturating_add(SIGN_OUT_WITHIN)),
            (true, known) => known,
            (false, _) => None,
        };
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
        let sign_out = self
            .lapses_at
            .map(|at| (at.saturating_sub(now), Event::SignOutLapsed));
        let first = registration
            .into_iter()
            .chain(proving)
            .chain(sign_out)
            .min_by_key(|(left, _)| *left);
        first.map(|(left, event)| (now.saturating_add(left).max(self.not_again_before), event))
    }

    pub(super) async fn expire(&mut self, over: Event) {
        match over {
            Event::SignOutLapsed => tracing::info!("a sign-out came to nothing"),
            _ => tracing::info!("an address was not proved in time"),
        }
        // Should the disk not take it, it is tried again then.
        self.not_again_before = self.parts.clock.boottime().saturating_add(EXPIRE_AGAIN);
        self.note(over).await;
    }
}
