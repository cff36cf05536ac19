//! The actor behind the device.

use belay_proto::dbus::AuditEntries;
use belay_proto::failpoint;
use belay_proto::signed::{Release, Signed};
use belay_proto::steps;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use super::{DeviceError, DeviceView, name};
use crate::actor::{Actor, Inbox};
use crate::store::{self, Store, StoreError};
use crate::warden::{PasswordSteps, WardenHandle};

/// What the handle sends.
#[derive(Debug)]
pub enum Message {
    /// Name the device.
    SetName {
        /// As somebody typed it.
        name: String,
        /// Where the answer goes.
        answer: oneshot::Sender<Result<(), DeviceError>>,
    },
    /// Allow a factory reset.
    AuthoriseReset {
        /// The ticket of purpose `reset`.
        ticket: String,
        /// Sign out too.
        release: bool,
        /// Where the answer goes.
        answer: oneshot::Sender<Result<Vec<u8>, DeviceError>>,
    },
    /// Read the audit log.
    History {
        /// From when on, in seconds since the epoch.
        since: u64,
        /// Where the answer goes.
        answer: oneshot::Sender<Result<AuditEntries, DeviceError>>,
    },
}

/// Owns the device's name and keeps its view.
#[derive(Debug)]
pub struct DeviceActor {
    store: Store,
    warden: WardenHandle,
    passwords: PasswordSteps,
    view: watch::Sender<DeviceView>,
    /// The name where the owner has set none.
    default_name: String,
    /// What waits for the warden; a restarted actor carries on with it.
    errands: JoinSet<()>,
}

impl DeviceActor {
    /// An actor that shows itself in `view`; `default_name` and `model` are what configuration and firmware
    /// say.
    pub fn new(
        store: Store,
        warden: WardenHandle,
        passwords: PasswordSteps,
        view: watch::Sender<DeviceView>,
        default_name: String,
        model: String,
    ) -> Self {
        view.send_modify(|view| {
            view.name.clone_from(&default_name);
            view.model = model;
        });
        Self {
            store,
            warden,
            passwords,
            view,
            default_name,
            errands: JoinSet::new(),
        }
    }

    /// Shows the stored name and the warden's word before the objects are exported, so that the first
    /// reader sees what the last one saw.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn load(&self) -> Result<(), StoreError> {
        let row = self
            .store
            .call(|connection| store::device::load(connection))
            .await?;
        let warden = self.warden.view();
        self.change(|view| {
            view.name = if row.name.is_empty() {
                self.default_name.clone()
            } else {
                row.name
            };
            view.take(&warden);
        });
        Ok(())
    }

    async fn set_name(&self, text: &str) -> Result<(), DeviceError> {
        let name = name::check(text)?.to_owned();
        let stored = name.clone();
        self.store
            .call(move |connection| store::device::set_name(connection, &stored))
            .await?;
        self.change(|view| view.name = name);
        Ok(())
    }

    fn change(&self, change: impl FnOnce(&mut DeviceView)) {
        self.view.send_if_modified(|view| {
            let old = view.clone();
            change(view);
            *view != old
        });
    }
}

impl Actor for DeviceActor {
    type Message = Message;

    async fn run(&mut self, inbox: &mut Inbox<Message>) {
        if let Err(error) = self.load().await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "reading the device's name"
            );
        }
        let mut warden = self.warden.watch();
        loop {
            tokio::select! {
                message = inbox.recv() => match message {
                    Some(message) => self.handle(message).await,
                    None => break,
                },
                Some(_) = self.errands.join_next() => {}
                Ok(()) = warden.changed() => {
                    let word = warden.borrow_and_update().clone();
                    self.change(|view| view.take(&word));
                }
            }
        }
        // A release that the warden makes now still gets into the store.
        while self.errands.join_next().await.is_some() {}
    }
}

impl DeviceActor {
    /// Answers whose callers have gone away are dropped; what was done stays done.
    async fn handle(&mut self, message: Message) {
        match message {
            Message::SetName { name, answer } => {
                let _ = answer.send(self.set_name(&name).await);
            }
            // A password check takes its time, and the warden takes one at a time by itself: meanwhile the
            // name can be set and the state shown.
            Message::AuthoriseReset {
                ticket,
                release,
                answer,
            } => {
                let (store, warden) = (self.store.clone(), self.warden.clone());
                let passwords = self.passwords.clone();
                self.errands.spawn(async move {
                    let _ = answer.send(authorise_reset(&store, &warden, &passwords, &ticket, release).await);
                });
            }
            Message::History { since, answer } => {
                let warden = self.warden.clone();
                self.errands.spawn(async move {
                    let _ = answer.send(warden.history(since).await.map_err(DeviceError::from));
                });
            }
        }
    }
}

async fn authorise_reset(
    store: &Store,
    warden: &WardenHandle,
    passwords: &PasswordSteps,
    ticket: &str,
    release: bool,
) -> Result<Vec<u8>, DeviceError> {
    let input = steps::AuthorizeResetInput { release }.encode();
    let output = passwords.take(ticket, steps::AUTHORIZE_RESET, &input).await?;
    let output = steps::AuthorizeResetOutput::decode(&output)?;
    if let Some(bytes) = output.release {
        failpoint!("belayd.reset.released");
        let release: Release = Signed::decode(&bytes)?.peek_unverified()?;
        // The device is free and the reset allowed, whatever the disk says: the warden keeps the release too, and
        // it is asked for again at the next start.
        if let Err(error) = store.put_release(release.device, release.epoch, bytes).await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the release could not be kept"
            );
        }
        failpoint!("belayd.reset.kept");
        // The next reader is to see that the device is nobody's, however late the warden's signal comes. The reset
        // is allowed all the same where the warden doesn't say it again.
        if let Err(error) = warden.refresh().await {
            tracing::warn!(error = &error as &dyn std::error::Error, "after a release");
        }
    }
    Ok(output.authorisation)
}
