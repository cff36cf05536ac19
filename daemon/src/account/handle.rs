//! The account's handle: one method for each thing a client can ask.

mod upkeep;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use belay_proto::clock::Clock;
use belay_proto::dbus::Activation;
use belay_proto::id::CommandId;
use belay_proto::keys::RecoveryClaim;
use belay_proto::secret::Secret;
use belay_proto::text::with_causes;
use belay_proto::wire::DeviceKind;
use futures_util::FutureExt;
use tokio::sync::{Mutex, Notify, mpsc, oneshot, watch};

use crate::account::actor::{AccountActor, Message};
use crate::account::error::AccountError;
use crate::account::flow::{Device, Flow, Leaving, NewCommand, NewRegistration};
use crate::account::keeper::{Keeper, Wanted};
use crate::account::model::Verification;
use crate::account::ports::Cloud;
use crate::account::state::{Event, Request};
use crate::account::view::View;
use crate::actor::Supervisor;
use crate::platform::Modem;
use crate::store::account::AccountRows;
use crate::warden::{PasswordSteps, WardenHandle};

/// What the account works with.
pub struct Parts {
    /// The cloud.
    pub cloud: Arc<dyn Cloud>,
    /// The warden.
    pub warden: WardenHandle,
    /// The warden's steps that check a password.
    pub passwords: PasswordSteps,
    /// What sends the SMS that proves a number.
    pub modem: Arc<dyn Modem>,
    /// The store.
    pub rows: AccountRows,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The device's name where its owner has set none.
    pub device_name: String,
    /// What sort of device it is.
    pub device_kind: DeviceKind,
    /// Counts the hints that something of the account was changed, and what looks like it.
    pub hinted: watch::Receiver<u64>,
    /// Counts how often the cloud could be reached again.
    pub reached: watch::Receiver<u64>,
    /// Notified where something was changed and couldn't be shown, so that it is asked for again.
    pub stale: Arc<Notify>,
    /// Held by whoever has an order to delete the account signed and notes it, or asks the warden what became of one: each knows
    /// which order the warden speaks of.
    pub orders: Mutex<()>,
}

/// The handle; clones share the actor.
#[derive(Clone)]
pub struct AccountHandle {
    parts: Arc<Parts>,
    reporter: Reporter,
    pub(super) keeper: mpsc::Sender<Wanted>,
    view: watch::Receiver<View>,
}

impl AccountHandle {
    /// Starts the account's actor, which works with `parts`.
    #[must_use]
    pub fn start(supervisor: &mut Supervisor, parts: Parts) -> Self {
        let parts = Arc::new(parts);
        let (view, shown) = watch::channel(View::default());
        let mailbox = supervisor.start("account", AccountActor::new(Arc::clone(&parts), view));
        let reporter = Reporter { mailbox };
        let keeper = Keeper::new(Arc::clone(&parts), reporter.clone());
        let keeper = supervisor.start("account keeper", keeper);
        Self {
            parts,
            reporter,
            keeper,
            view: shown,
        }
    }

    /// The properties as they are.
    #[must_use]
    pub fn view(&self) -> View {
        self.view.borrow().clone()
    }

    /// The same for a client that reads them: its question has a warden that couldn't be heard asked again, which
    /// the next reader sees, and whoever follows the signals.
    #[must_use]
    pub fn view_for_reader(&self) -> View {
        self.parts.warden.retry_if_unheard();
        self.view()
    }

    /// The properties with their changes.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<View> {
        self.view.clone()
    }

    /// The configured cloud's address, empty when there is none.
    #[must_use]
    pub fn cloud_url(&self) -> &str {
        self.parts.cloud.url()
    }

    /// The clock that the view's deadlines count by.
    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        self.parts.clock.as_ref()
    }

    /// Begins a registration; answers the verification's id.
    ///
    /// # Errors
    /// See [`AccountError`], as in every method here.
    pub async fn register(&self, asked: NewRegistration) -> Result<String, AccountError> {
        self.run(Request::Register, |flow| flow.register(asked)).await
    }

    /// Asks for another code.
    ///
    /// # Errors
    /// [`AccountError`].
    pub async fn resend(&self, id: String) -> Result<(), AccountError> {
        self.run(Request::Resend(id.clone()), |flow| flow.resend(id))
            .await
    }

    /// How the verification stands.
    ///
    /// # Errors
    /// [`AccountError`].
    pub async fn verification(&self, id: String) -> Result<Verification, AccountError> {
        self.run(Request::Look(id.clone()), |flow| flow.look(id)).await
    }

    /// Gives up the registration.
    ///
    /// # Errors
    /// [`AccountError`].
    pub async fn cancel(&self, id: String) -> Result<(), AccountError> {
        self.run(Request::Cancel(id.clone()), |flow| flow.cancel(id))
            .await
    }

    /// Completes the registration and binds this device; answers the claim to the recovery code.
    ///
    /// # Errors
    /// [`AccountError`].
    pub async fn confirm(&self, id: String, code: Secret<String>) -> Result<RecoveryClaim, AccountError> {
        self.run(Request::Confirm(id.clone()), |flow| flow.confirm(id, code))
            .await
    }

    /// The recovery code is written down.
    ///
    /// # Errors
    /// [`AccountError`].
    pub async fn acknowledge(&self, id: String) -> Result<(), AccountError> {
        self.run(Request::Acknowledge(id.clone()), |flow| flow.acknowledge(id))
            .await
    }

    /// Signs in to an account that exists and binds this device. `identifier` is in normal form.
    ///
    /// # Errors
    /// [`AccountError`].
    pub async fn sign_in(&self, identifier: String, ticket: String) -> Result<(), AccountError> {
        self.run(Request::SignIn, |flow| flow.sign_in(identifier, ticket))
            .await
    }

    /// Opens a new session of the account this device is bound to.
    ///
    /// # Errors
    /// [`AccountError`].
    pub async fn reauthenticate(&self, ticket: String) -> Result<(), AccountError> {
        self.run(Request::Reauthenticate, |flow| flow.reauthenticate(ticket))
            .await
    }

    /// Unbinds this device; answers the signed release.
    ///
    /// # Errors
    /// [`AccountError`].
    pub async fn sign_out(&self, ticket: String, leaving: Leaving) -> Result<Vec<u8>, AccountError> {
        self.run(Request::SignOut, move |flow| flow.sign_out(ticket, leaving))
            .await
    }

    /// Whether the hardware belongs to another account.
    ///
    /// # Errors
    /// [`AccountError`].
    pub async fn check_activation(&self) -> Result<Activation, AccountError> {
        self.run(Request::CheckActivation, Flow::check_activation).await
    }

    /// The account's devices.
    ///
    /// # Errors
    /// [`AccountError`].
    pub async fn devices(&self) -> Result<Vec<Device>, AccountError> {
        self.run(Request::ListDevices, Flow::devices).await
    }

    /// Sends a command to another device of the account; answers its id once the cloud has it.
    ///
    /// # Errors
    /// [`AccountError`].
    pub async fn send_command(&self, asked: NewCommand) -> Result<CommandId, AccountError> {
        self.run(Request::SendCommand, |flow| flow.send_command(asked))
            .await
    }

    /// Has `request` admitted and does its work in a task of its own: a caller that goes away leaves only what
    /// is safe to leave.
    async fn run<T, W, F>(&self, request: Request, work: W) -> Result<T, AccountError>
    where
        T: Send + 'static,
        W: FnOnce(Flow) -> F,
        F: Future<Output = Result<T, AccountError>> + Send + 'static,
    {
        if let Err(error) = self.parts.warden.refresh().await {
            tracing::warn!(error = %with_causes(&error), "the warden doesn't tell its state");
        }
        let job = request.job();
        let (caller, watched) = watch::channel(());
        let left = watched.clone();
        let work = work(Flow::new(Arc::clone(&self.parts), self.reporter.clone(), watched));
        let reporter = self.reporter.clone();
        let task = tokio::spawn(async move {
            // Admitted in this task, so that whenever the caller goes away, what has begun is also ended.
            reporter.report(Event::Asked(request)).await?;
            let outcome = if left.has_changed().is_ok() {
                AssertUnwindSafe(work).catch_unwind().await
            } else {
                Ok(Err(AccountError::Cancelled))
            };
            let ended = reporter.report(Event::Ended(job)).await;
            match (outcome, ended) {
                (Ok(outcome), _) => outcome,
                (Err(_), _) => Err(AccountError::Internal("the work panicked")),
            }
        });
        let outcome = task
            .await
            .map_err(|_| AccountError::Internal("the work was cut short"));
        drop(caller);
        outcome?.map_err(|error| error.of(job))
    }
}

/// Reports events to the actor.
#[derive(Clone)]
pub(super) struct Reporter {
    mailbox: mpsc::Sender<Message>,
}

impl Reporter {
    /// Reports what has happened, and returns once it is durable.
    pub(super) async fn report(&self, event: Event) -> Result<(), AccountError> {
        let (answer, answered) = oneshot::channel();
        let message = Message { event, answer };
        self.mailbox
            .send(message)
            .await
            .map_err(|_| AccountError::Stopping)?;
        match answered.await {
            Ok(outcome) => outcome,
            Err(_) if self.mailbox.is_closed() => Err(AccountError::Stopping),
            Err(_) => Err(AccountError::Internal("the account didn't answer")),
        }
    }

    /// Answers once belayd stops.
    pub(super) async fn stopped(&self) {
        self.mailbox.closed().await;
    }
}
