//! How the proof of an address moves on.

use super::{Change, Effect, Event, Refusal, Turn};
use crate::account::model::Verification;
use crate::account::proving::Proving;

impl Turn {
    /// Takes what is about the address under proof; whether it was.
    pub(super) fn proving(&mut self, event: &Event) -> bool {
        if let Event::ProvingOpened(opened) = event {
            self.give_up_proving();
            self.keep_proving((**opened).clone());
            return true;
        }
        let id = match event {
            Event::Looked { id, .. }
            | Event::CodeSpent { id, .. }
            | Event::Trying { id, .. }
            | Event::Cancelled { id }
            | Event::AddressProved { id, .. }
            | Event::Recovering { id, .. }
            | Event::ProvingOver { id } => id,
            _ => return false,
        };
        let Some(proving) = self.next.proving.clone().filter(|proving| proving.id == *id) else {
            // A registration's, or of what was given up meanwhile.
            let is_own = matches!(event, Event::AddressProved { .. } | Event::Recovering { .. });
            if is_own {
                self.refuse(Refusal::Cancelled);
            }
            return is_own || matches!(event, Event::ProvingOver { .. });
        };
        match event.clone() {
            Event::Looked {
                verification,
                resend,
                expires,
                ..
            } => {
                let verification = match proving.ticket {
                    None => verification,
                    Some(_) => Verification::Confirmed,
                };
                self.keep_proving(Proving {
                    verification,
                    resend,
                    expires,
                    ..proving
                });
            }
            Event::CodeSpent { resend, .. } => self.keep_proving(Proving { resend, ..proving }),
            Event::Trying { attempt, .. } => self.keep_proving(Proving { attempt, ..proving }),
            Event::AddressProved { ticket, key, .. } => self.keep_proving(Proving {
                ticket: Some((ticket, key)),
                verification: Verification::Confirmed,
                attempt: None,
                ..proving
            }),
            Event::Recovering { credentials, .. } => self.keep_proving(Proving {
                brought: Some(credentials),
                ..proving
            }),
            Event::Cancelled { .. } => self.give_up_proving(),
            _ => self.forget_proving(),
        }
        true
    }

    fn keep_proving(&mut self, proving: Proving) {
        if self.next.proving.as_ref() != Some(&proving) {
            self.keep(Change::Proving(Some(Box::new(proving.clone()))));
            self.next.proving = Some(proving);
        }
    }

    /// Gives it up, and lets the cloud know.
    pub(super) fn give_up_proving(&mut self) {
        if let Some(proving) = &self.next.proving {
            self.effects.push(Effect::Abandon(proving.id.clone()));
            self.forget_proving();
        }
    }

    pub(super) fn forget_proving(&mut self) {
        if self.next.proving.take().is_some() {
            self.keep(Change::Proving(None));
        }
    }
}
