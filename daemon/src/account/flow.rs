//! The work behind the methods, step by step, each step durable before the next.

mod addresses;
mod apart;
mod check;
mod command;
mod confirm;
mod deletion;
mod inquiry;
mod lost;
mod owner;
mod password;
mod profile;
mod register;
mod sign_in;
mod sign_out;
#[cfg(test)]
pub(super) mod tests;
mod verifying;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use belay_proto::cbor::Malformed;
use belay_proto::dbus::BindingState;
use belay_proto::failpoint;
use belay_proto::id::{AccountId, PendingId};
use belay_proto::signed::{self, Signed};
use belay_proto::steps::PendingInput;
use belay_proto::text::with_causes;
use tokio::sync::watch;

use crate::account::error::AccountError;
use crate::account::handle::{Parts, Reporter};
use crate::account::model::{Deadline, Registration, Release, ReleaseKey, Session};
use crate::account::ports::Waits;
use crate::account::state::{Event, Refusal};
use crate::cloud::Revocation;

pub use check::{Finding, Severity};
pub use command::NewCommand;
pub use inquiry::Device;
pub use register::NewRegistration;
pub use sign_out::Leaving;
pub(super) use verifying::Looked;

/// One piece of work.
pub struct Flow {
    parts: Arc<Parts>,
    reporter: Reporter,
    caller: watch::Receiver<()>,
}

impl Flow {
    pub(super) fn new(parts: Arc<Parts>, reporter: Reporter, caller: watch::Receiver<()>) -> Self {
        Self {
            parts,
            reporter,
            caller,
        }
    }

    async fn report(&self, event: Event) -> Result<(), AccountError> {
        self.reporter.report(event).await
    }

    /// Does what is safe to leave when the caller leaves, or belayd stops.
    async fn stay<T, E: Into<AccountError>>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, AccountError> {
        let mut caller = self.caller.clone();
        let left = async { while caller.changed().await.is_ok() {} };
        tokio::select! {
            outcome = work => outcome.map_err(Into::into),
            () = left => Err(AccountError::Cancelled),
            () = self.reporter.stopped() => Err(AccountError::Stopping),
        }
    }

    /// Takes a step at the warden.
    async fn step<T>(
        &self,
        ticket: &str,
        step: &str,
        input: Vec<u8>,
        read: fn(&[u8]) -> Result<T, Malformed>,
    ) -> Result<T, AccountError> {
        let output = self.parts.warden.use_step(ticket, step, &input).await?;
        read(&output).map_err(|_| AccountError::Internal("the warden's answer isn't understood"))
    }

    /// Takes a step about keys, or a recovery code, that are pending at the warden.
    async fn pending_step<T>(
        &self,
        pending: PendingId,
        step: &str,
        read: fn(&[u8]) -> Result<T, Malformed>,
    ) -> Result<T, AccountError> {
        let input = PendingInput { pending }.encode();
        self.step(&pending.to_string(), step, input, read).await
    }

    /// Takes a step that checks the password; see [`crate::warden::PasswordSteps`].
    async fn checked_step<T>(
        &self,
        ticket: &str,
        step: &str,
        input: Vec<u8>,
        read: fn(&[u8]) -> Result<T, Malformed>,
    ) -> Result<T, AccountError> {
        let output = self.parts.passwords.take(ticket, step, &input).await?;
        read(&output).map_err(|_| AccountError::Internal("the warden's answer isn't understood"))
    }

    /// The registration called `id`, as it is on disk; it was admitted, and may have been given up since.
    async fn registration(&self, id: &str, gone: Refusal) -> Result<Registration, AccountError> {
        let saved = self.parts.rows.load().await?;
        let registration = saved.registration.filter(|found| found.id == id);
        registration.ok_or(gone.into())
    }

    async fn session(&self) -> Result<Option<Session>, AccountError> {
        Ok(self.parts.rows.load().await?.session)
    }

    async fn device_name(&self) -> Result<String, AccountError> {
        let own = self.parts.rows.device_name().await?;
        Ok(if own.is_empty() {
            self.parts.device_name.clone()
        } else {
            own
        })
    }

    fn deadline(&self, span: Duration) -> Deadline {
        Deadline::after(span, self.parts.clock.boottime(), &self.parts.clock.boot_id())
    }

    /// The deadlines of a verification: when another code may be sent, and its end.
    fn deadlines(&self, waits: Waits) -> (Deadline, Deadline) {
        (self.deadline(waits.resend_in), self.deadline(waits.expires_in))
    }

    /// Notes that a release which travelled with a binding has arrived.
    async fn release_arrived(&self, signed: Option<&[u8]>) {
        let Some(Ok(release)) = signed.map(read_release) else {
            return;
        };
        if let Err(error) = self.report(Event::Delivered(release.key)).await {
            tracing::warn!(error = %with_causes(&error), "a delivered release stays in the outbox");
        }
        failpoint!("belayd.release.arrived");
    }

    /// Whether the warden, asked afresh, has bound this device to `account`.
    async fn is_bound_to(&self, account: AccountId) -> bool {
        match self.parts.warden.refresh().await {
            Ok(view) => view.binding == BindingState::Bound && view.identity.account == Some(account),
            Err(_) => false,
        }
    }

    /// Has the view show the binding before it is reported, so that nobody sees the older one after it.
    async fn refresh_view(&self) {
        if let Err(error) = self.parts.warden.refresh().await {
            tracing::warn!(error = %with_causes(&error), "the warden doesn't tell its state");
        }
    }

    /// Ends a session in the background, with what was read while it was known here.
    fn revoke(&self, revocation: Revocation) {
        let cloud = Arc::clone(&self.parts.cloud);
        tokio::spawn(async move {
            if let Err(error) = cloud.revoke(revocation).await {
                tracing::debug!(error = %with_causes(&error), "the session ends by itself");
            }
        });
    }
}

/// Reads which binding a signed release ends; whether it is good is for the cloud to say.
pub(super) fn read_release(signed: &[u8]) -> Result<Release, Malformed> {
    let release: signed::Release = Signed::decode(signed)?.peek_unverified()?;
    let key = ReleaseKey {
        device: release.device,
        epoch: release.epoch,
    };
    Ok(Release {
        key,
        signed: signed.to_vec(),
    })
}
