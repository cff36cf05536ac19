//! Whether the SMS that this device has sent proved its number.

use std::sync::Arc;
use std::time::Duration;

use belay_proto::backoff::Backoff;
use belay_proto::text::with_causes;

use super::Desk;
use crate::account::errand;
use crate::account::flow::Looked;
use crate::account::model::{Registration, Verification};
use crate::account::ports::LookedUp;
use crate::cloud::CloudError;

/// The first wait before the cloud is asked: an SMS takes seconds, and the owner looks at the screen.
const FIRST_PAUSE: Duration = Duration::from_secs(2);

/// The longest such wait: one that hasn't come in a few minutes may not come today.
const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);

/// How the arrival of an SMS is waited for.
pub(super) struct Awaiting {
    /// The verification that it confirms.
    id: String,
    pauses: Backoff,
}

impl Desk {
    /// Asks for the SMS while the registration waits for it.
    pub(super) fn await_own_sms(&mut self) {
        let wanted = self
            .state
            .registration
            .as_ref()
            .filter(|registration| registration.awaits_own_sms());
        let Some(id) = wanted.map(|registration| registration.id.clone()) else {
            self.awaiting = None;
            return;
        };
        if self.awaiting.as_ref().is_none_or(|awaiting| awaiting.id != id) {
            let pauses = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
            self.awaiting = Some(Awaiting { id, pauses });
            self.ask_again(Duration::ZERO);
        }
    }

    /// Takes what the cloud says, and asks on while there is nothing new.
    pub(super) async fn asked_for_own_sms(&mut self, id: String, answer: Result<LookedUp, CloudError>) {
        if self.awaiting.as_ref().is_none_or(|awaiting| awaiting.id != id) {
            return;
        }
        let resend = self
            .registration_of(&id)
            .map(|registration| registration.resend.clone());
        let Some(resend) = resend else { return };
        let asked = match Looked::of(self.parts.clock.as_ref(), answer, resend) {
            // Only what changes something is worth a turn of the disk.
            Ok(looked) if looked.verification == Verification::Pending => None,
            Ok(looked) => {
                self.note(looked.event(id)).await;
                None
            }
            Err(error) => {
                tracing::debug!(error = %with_causes(&error), "no news of the SMS");
                error.retry_after()
            }
        };
        // Nobody waits any more, unless the disk didn't take it.
        if self.awaiting.is_some() {
            self.ask_again(asked.unwrap_or_default());
        }
    }

    fn registration_of(&self, id: &str) -> Option<&Registration> {
        self.state.registration.as_ref().filter(|found| found.id == id)
    }

    fn ask_again(&mut self, at_least: Duration) {
        if let Some(awaiting) = &mut self.awaiting {
            let pause = awaiting.pauses.next().unwrap_or(LONGEST_PAUSE).max(at_least);
            let (parts, id) = (Arc::clone(&self.parts), awaiting.id.clone());
            self.errands.push(Box::pin(errand::look(parts, id, pause)));
        }
    }
}
