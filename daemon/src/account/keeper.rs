//! Keeps up with what the owner does on other devices: whoever is told that something changed has it looked at, whatever it was.

use std::sync::Arc;

use belay_proto::dbus::BindingState;
use belay_proto::id::AccountId;
use belay_proto::text::with_causes;
use futures_util::future::{BoxFuture, pending};
use tokio::sync::watch;

use super::keep_up::{Told, keep_up};
use crate::account::handle::{Parts, Reporter};
use crate::account::state::Event;
use crate::actor::{Actor, Inbox, Never};
use crate::cloud::CloudError;

/// The actor, to be started by the supervisor. Nobody sends it anything.
pub struct Keeper {
    parts: Arc<Parts>,
    reporter: Reporter,
}

impl Keeper {
    pub(super) const fn new(parts: Arc<Parts>, reporter: Reporter) -> Self {
        Self { parts, reporter }
    }
}

impl Actor for Keeper {
    type Message = Never;

    async fn run(&mut self, inbox: &mut Inbox<Never>) {
        let (mut hinted, mut reached) = (self.parts.hinted.clone(), self.parts.reached.clone());
        let mut warden = self.parts.warden.watch();
        warden.mark_changed();
        let mut account = None;
        // One look at a time; what is told meanwhile is looked at after it.
        let (mut look, mut again): (Option<BoxFuture<'static, ()>>, bool) = (None, false);
        loop {
            tokio::select! {
                message = inbox.recv() => match message {
                    Some(never) => match never {},
                    None => return,
                },
                Ok(()) = hinted.changed() => again = true,
                Ok(()) = reached.changed() => again = true,
                Ok(()) = warden.changed() => {
                    let bound = bound(&warden);
                    again |= bound.is_some() && bound != account;
                    account = bound;
                }
                () = async {
                    match &mut look {
                        Some(look) => look.await,
                        None => pending().await,
                    }
                } => look = None,
            }
            if again && look.is_none() {
                again = false;
                look = account.map(|account| {
                    let (parts, reporter) = (Arc::clone(&self.parts), self.reporter.clone());
                    let looking: BoxFuture<'static, ()> = Box::pin(look_at(parts, reporter, account));
                    looking
                });
            }
        }
    }
}

fn bound(warden: &watch::Receiver<crate::warden::WardenView>) -> Option<AccountId> {
    let view = warden.borrow();
    view.identity
        .account
        .filter(|_| view.binding == BindingState::Bound)
}

/// Brings what the cloud keeps to the warden, and shows what it tells.
async fn look_at(parts: Arc<Parts>, reporter: Reporter, account: AccountId) {
    let told = keep_up(&parts.cloud, &parts.warden).await;
    if told == Told::Nothing {
        return;
    }
    let mut events = Vec::new();
    if told == Told::Gone {
        events.push(Event::SessionEnded { account });
    }
    match parts.cloud.unlock_request().await {
        Ok(answer) => events.push(Event::Unlock(answer.state.parse().unwrap_or_default())),
        Err(error) => tracing::debug!(error = %with_causes(&error), "no word of the bootloader"),
    }
    match parts.cloud.account().await {
        Ok(details) => events.push(Event::Refreshed {
            account,
            identifiers: details.identifiers,
            profile: details.profile,
        }),
        Err(CloudError::SessionEnded) => events.push(Event::SessionEnded { account }),
        Err(error) => {
            tracing::debug!(error = %with_causes(&error), "the account's details stay as they were")
        }
    }
    for event in events {
        if let Err(error) = reporter.report(event).await {
            tracing::warn!(error = %with_causes(&error), "what the cloud told of the account was not kept");
        }
    }
}
