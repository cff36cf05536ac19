//! How a registration moves from stage to stage.

use belay_proto::id::{AccountId, PendingId};

use super::{Change, Effect, Event, Job, Refusal, Turn};
use crate::account::model::{Registration, Session, Stage, Verification};

impl Turn {
    pub(super) fn registration(&mut self, event: Event) {
        match event {
            Event::Prepared(registration) => {
                self.give_up();
                // Whoever registers has no account to recover, or none that they want.
                self.give_up_proving();
                self.keep_registration(*registration);
            }
            Event::Opened {
                pending,
                id,
                own_sms,
                resend,
                expires,
            } => {
                self.advance(
                    |r| r.pending == pending && r.stage == Stage::Prepared,
                    |r| Registration {
                        id,
                        own_sms,
                        resend,
                        expires,
                        stage: Stage::Waiting,
                        ..r
                    },
                );
            }
            Event::Looked {
                id,
                verification,
                resend,
                expires,
            } => {
                self.advance(
                    |r| r.id == id,
                    |r| {
                        let verification = if r.stage == Stage::Waiting {
                            verification
                        } else {
                            Verification::Confirmed
                        };
                        Registration {
                            verification,
                            resend,
                            expires,
                            ..r
                        }
                    },
                );
            }
            Event::CodeSpent { id, resend } => self.advance(|r| r.id == id, |r| Registration { resend, ..r }),
            Event::Trying { id, attempt } => self.advance(
                |r| r.id == id && r.stage == Stage::Waiting,
                |r| Registration { attempt, ..r },
            ),
            Event::Proved { id, ticket, code } => {
                self.advance(
                    |r| r.id == id && r.stage == Stage::Waiting,
                    |r| Registration {
                        stage: Stage::Proved { ticket, code },
                        verification: Verification::Confirmed,
                        attempt: None,
                        ..r
                    },
                );
            }
            Event::Submitting { id, body, key } => self.submitting(&id, body, key),
            Event::Accepted { id, session } => self.accepted(&id, *session),
            Event::Confirmed { id, session } => self.confirmed(&id, *session),
            Event::Acknowledged { id } => self.acknowledged(&id),
            Event::Cancelled { id } => {
                self.cancelled(&id);
            }
            Event::Failed { pending } => self.failed(pending),
            _ => {}
        }
    }

    fn submitting(&mut self, id: &str, body: String, key: String) {
        let code = match self.next.registration.as_ref().map(|r| (&r.id, &r.stage)) {
            Some((own, Stage::Proved { code, .. })) if own == id => *code,
            _ => return self.refuse(Refusal::Cancelled),
        };
        self.advance(
            |_| true,
            |r| Registration {
                stage: Stage::Submitting { body, key, code },
                ..r
            },
        );
    }

    fn accepted(&mut self, id: &str, session: Session) {
        let code = match self.next.registration.as_ref().map(|r| (&r.id, &r.stage)) {
            Some((own, Stage::Submitting { code, .. })) if own == id => *code,
            _ => {
                self.forget_tokens();
                return self.refuse(Refusal::Cancelled);
            }
        };
        self.advance(
            |_| true,
            |r| Registration {
                stage: Stage::Accepted { code },
                material: r.material.brought(),
                ..r
            },
        );
        self.keep_session(Session {
            bound: false,
            ..session
        });
    }

    /// `session` counts where a sign-in that led nowhere has taken the place of the one that was accepted.
    fn confirmed(&mut self, id: &str, session: Session) {
        let fits = |r: &Registration| {
            r.id == id && r.account == session.account && matches!(r.stage, Stage::Accepted { .. })
        };
        if !self.is(fits) {
            return self.refuse(Refusal::Cancelled);
        }
        let accepted = self
            .next
            .session
            .clone()
            .filter(|kept| kept.account == session.account);
        self.bound(accepted.unwrap_or(session));
    }

    fn acknowledged(&mut self, id: &str) {
        if !self.is(|r| r.id == id && matches!(r.stage, Stage::Bound { .. })) {
            return self.refuse(Refusal::NotFound);
        }
        self.forget_registration();
    }

    fn cancelled(&mut self, id: &str) {
        let Some(registration) = self.next.registration.as_ref().filter(|r| r.id == id) else {
            return self.refuse(Refusal::NotFound);
        };
        match registration.stage {
            Stage::Accepted { .. } | Stage::Bound { .. } => self.refuse(Refusal::NotFound),
            // It came so far after the cancellation was admitted: the cloud is making the account.
            Stage::Submitting { .. } if self.next.running.contains(&Job::Confirm) => {
                self.refuse(Refusal::Busy)
            }
            Stage::Submitting { .. } => {
                self.give_up();
                self.forget_tokens();
            }
            Stage::Prepared | Stage::Waiting | Stage::Proved { .. } => self.give_up(),
        }
    }

    /// The cloud's account may have got as far as its tokens.
    fn forget_tokens(&mut self) {
        if self.next.session.is_none() {
            self.keep(Change::ForgetAccount);
        }
    }

    fn failed(&mut self, pending: PendingId) {
        if !self.is(|r| r.pending == pending && !matches!(r.stage, Stage::Bound { .. })) {
            return;
        }
        // One that is being signed in to isn't the registration's any more.
        let signs_in = self.next.running.contains(&Job::SignIn);
        let unbound_session = self.next.session.clone();
        let unbound_session = unbound_session.filter(|session| !session.bound && !signs_in);
        if unbound_session.is_some_and(|session| self.is(|r| r.account == session.account)) {
            self.forget_account();
        }
        self.effects.push(Effect::Discard(pending));
        self.forget_registration();
    }

    /// A registration that the cloud never heard of ended with the process that made it.
    pub(super) fn drop_unopened(&mut self) {
        if let Some(registration) = self
            .next
            .registration
            .clone()
            .filter(|r| r.stage == Stage::Prepared)
        {
            self.effects.push(Effect::Discard(registration.pending));
            self.forget_registration();
        }
    }

    /// Gives up the registration under way, if any, and lets both other sides know.
    fn give_up(&mut self) {
        if let Some(registration) = self.next.registration.clone() {
            self.effects.push(Effect::Discard(registration.pending));
            if !registration.id.is_empty() {
                self.effects.push(Effect::Abandon(registration.id));
            }
            self.forget_registration();
        }
    }

    /// The device is bound to `account`: its own registration waits for the recovery code to be written
    /// down, any other is given up.
    pub(super) fn finish_registration(&mut self, account: AccountId) {
        let Some(registration) = self.next.registration.clone() else {
            return;
        };
        match registration.stage {
            Stage::Accepted { code } if registration.account == account => {
                self.keep_registration(Registration {
                    stage: Stage::Bound { code },
                    ..registration
                });
            }
            Stage::Bound { .. } if registration.account == account => {}
            _ => self.give_up(),
        }
    }

    pub(super) fn drop_registration_of(&mut self, account: AccountId) {
        if self.is(|r| r.account == account && r.stage.is_committed()) {
            self.forget_registration();
        }
    }

    /// Whether `session` is that of a registration which the cloud has accepted and the warden hasn't bound.
    pub(super) fn awaits_binding(&self, session: &Session) -> bool {
        self.is(|r| r.account == session.account && matches!(r.stage, Stage::Accepted { .. }))
    }

    fn is(&self, fits: impl Fn(&Registration) -> bool) -> bool {
        self.next.registration.as_ref().is_some_and(fits)
    }

    /// Changes the registration when it fits; otherwise what it belonged to was given up meanwhile.
    fn advance(
        &mut self,
        fits: impl Fn(&Registration) -> bool,
        to: impl FnOnce(Registration) -> Registration,
    ) {
        match self.next.registration.clone().filter(fits) {
            Some(registration) => self.keep_registration(to(registration)),
            None => self.refuse(Refusal::Cancelled),
        }
    }

    fn keep_registration(&mut self, registration: Registration) {
        if self.next.registration.as_ref() != Some(&registration) {
            self.keep(Change::Registration(Box::new(registration.clone())));
            self.next.registration = Some(registration);
        }
    }

    pub(super) fn forget_registration(&mut self) {
        self.next.registration = None;
        self.keep(Change::ForgetRegistration);
    }
}
