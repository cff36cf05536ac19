//! The handle to the find domain.

use std::collections::BTreeMap;
use std::sync::Arc;

use belay_proto::clock::Clock;
use belay_proto::dbus::{BindingState, LockState};
use belay_proto::steps::{self, PolicyChanges};
use belay_proto::wire::Hint;
use tokio::sync::{broadcast, watch};

use super::actor::FindActor;
use super::conditions::Conditions;
use super::deeds::{DeedFailed, Deeds, Position};
use super::outbox::Outbox;
use super::ports::{Relay, Sign};
use super::state::{Announcement, Event};
use crate::actor::Supervisor;
use crate::store::Store;
use crate::warden::{PasswordSteps, WardenError, WardenHandle, WardenView};

/// Announcements that may wait for a slow listener before it misses the oldest.
const ANNOUNCEMENTS: usize = 64;

/// What the domain works with.
#[derive(Clone)]
pub struct Parts {
    /// The cloud.
    pub relay: Arc<dyn Relay>,
    /// The warden.
    pub warden: WardenHandle,
    /// Steps that check the password.
    pub passwords: PasswordSteps,
    /// The database.
    pub store: Store,
    /// What waits for the cloud.
    pub outbox: Outbox,
    /// What commands have belayd do.
    pub deeds: Arc<dyn Deeds>,
    /// The surroundings.
    pub conditions: watch::Receiver<Conditions>,
    /// Counts how often the cloud could be reached again, or another network came: whoever waits to try again may.
    pub reached: watch::Sender<u64>,
    /// Counts the hints that another device of the account has brought something.
    pub hinted: watch::Sender<u64>,
    /// Counts the hints that something of the account itself was changed.
    pub account_hinted: watch::Sender<u64>,
    /// The boot clock.
    pub clock: Arc<dyn Clock>,
}

impl Parts {
    /// Has what waits to try again try now.
    pub(super) fn reach(&self) {
        self.reached.send_modify(|times| *times = times.wrapping_add(1));
        self.store.hurry_releases();
    }

    /// Has those whom a hint of the stream is for look; one that this version doesn't know may be for all.
    pub(super) fn pass_on(&self, event: &Event) {
        let Event::Sign(Sign::Hint { hint, .. }) = event else {
            return;
        };
        let count = |hinted: &watch::Sender<u64>| hinted.send_modify(|times| *times = times.wrapping_add(1));
        match hint {
            Some(Hint::Sync) => count(&self.hinted),
            Some(Hint::Account) => count(&self.account_hinted),
            Some(Hint::Commands) => {}
            None => {
                count(&self.hinted);
                count(&self.account_hinted);
            }
        }
    }
}

/// What is known of the channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FindView {
    /// Commands would arrive now.
    pub connected: bool,
    /// How often commands were refused since belayd started, by reason, where the owner should know of it.
    pub refused: BTreeMap<&'static str, u64>,
}

/// Why a method of the find domain came to nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FindError {
    /// The device isn't lost.
    #[error("only while the device is lost")]
    NotLost,
    /// The owner has left no number.
    #[error("no number to call is set")]
    NoNumber,
    /// The device is nobody's.
    #[error("the device is nobody's")]
    NotBound,
    /// The device can't.
    #[error("not done")]
    Deed(#[from] DeedFailed),
    /// Nothing told where the device is.
    #[error("not located")]
    NoPlace(#[source] DeedFailed),
    /// The warden refused or failed.
    #[error("the warden refused or failed")]
    Warden(#[from] WardenError),
}

/// The handle; clones share everything.
#[derive(Clone)]
pub struct FindHandle {
    warden: WardenHandle,
    passwords: PasswordSteps,
    deeds: Arc<dyn Deeds>,
    view: watch::Receiver<FindView>,
    announcements: broadcast::Sender<Announcement>,
}

impl std::fmt::Debug for FindHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FindHandle").finish_non_exhaustive()
    }
}

impl FindHandle {
    /// Starts the domain's actor.
    pub fn start(supervisor: &mut Supervisor, parts: Parts) -> Self {
        let (view, shown) = watch::channel(FindView::default());
        let (announcements, _) = broadcast::channel(ANNOUNCEMENTS);
        let handle = Self {
            warden: parts.warden.clone(),
            passwords: parts.passwords.clone(),
            deeds: Arc::clone(&parts.deeds),
            view: shown,
            announcements: announcements.clone(),
        };
        supervisor.start("find", FindActor::new(parts, view, announcements));
        handle
    }

    /// What is known of the channel.
    #[must_use]
    pub fn view(&self) -> FindView {
        self.view.borrow().clone()
    }

    /// The view with its changes.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<FindView> {
        self.view.clone()
    }

    /// What is announced from now on.
    #[must_use]
    pub fn announcements(&self) -> broadcast::Receiver<Announcement> {
        self.announcements.subscribe()
    }

    /// Whether it rings because its owner asked.
    #[must_use]
    pub fn ringing(&self) -> watch::Receiver<bool> {
        self.deeds.ringing()
    }

    /// Counts the times another SIM was found.
    #[must_use]
    pub fn sim_changes(&self) -> watch::Receiver<u64> {
        self.deeds.sim_changes()
    }

    /// Turns find-device on or off with a ticket of purpose `find`.
    ///
    /// # Errors
    /// [`FindError::Warden`] with what the warden refused.
    pub async fn set_find(&self, enabled: bool, ticket: &str) -> Result<(), FindError> {
        let input = steps::SetFindInput { enabled }.encode();
        self.take(ticket, steps::SET_FIND, &input).await
    }

    /// Changes policies with a ticket of purpose `policies`.
    ///
    /// # Errors
    /// [`FindError::Warden`] with what the warden refused.
    pub async fn set_policies(&self, changes: &PolicyChanges, ticket: &str) -> Result<(), FindError> {
        self.take(ticket, steps::SET_POLICIES, &changes.encode()).await
    }

    /// Dials the number that the owner of this lost device left.
    ///
    /// # Errors
    /// [`FindError::NotLost`], [`FindError::NoNumber`], [`FindError::Deed`].
    pub async fn call_owner(&self) -> Result<(), FindError> {
        let view = self.warden.view();
        if view.lock != LockState::Lost {
            return Err(FindError::NotLost);
        }
        match view.identity.owner_phone.as_str() {
            "" => Err(FindError::NoNumber),
            number => Ok(self.deeds.call_owner(number).await?),
        }
    }

    /// Stops the ringing.
    ///
    /// # Errors
    /// [`FindError::Deed`].
    pub async fn stop_ringing(&self) -> Result<(), FindError> {
        Ok(self.deeds.stop_ring().await?)
    }

    /// Where the device is.
    ///
    /// # Errors
    /// [`FindError::NotBound`], [`FindError::Warden`] when the warden can't tell, [`FindError::NoPlace`], [`FindError::Deed`].
    pub async fn location(&self) -> Result<Position, FindError> {
        let is_bound = |view: WardenView| view.binding == BindingState::Bound;
        // The view may be of a warden that couldn't be read.
        if !is_bound(self.warden.view()) && !is_bound(self.warden.refresh().await?) {
            return Err(FindError::NotBound);
        }
        self.deeds.location().await.map_err(|failed| {
            let is_untold = matches!(&*failed.reason, "no-fix" | DeedFailed::TIMEOUT);
            if is_untold {
                FindError::NoPlace(failed)
            } else {
                FindError::Deed(failed)
            }
        })
    }

    async fn take(&self, ticket: &str, step: &str, input: &[u8]) -> Result<(), FindError> {
        self.passwords.take(ticket, step, input).await?;
        // The next reader is to see it, however late the warden's signal comes.
        if let Err(error) = self.warden.refresh().await {
            tracing::warn!(error = &error as &dyn std::error::Error, "after a change");
        }
        Ok(())
    }
}
