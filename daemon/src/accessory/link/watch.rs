//! Follows BlueZ and its adapters, without ever starting it.

use std::time::Duration;

use belay_proto::backoff::Backoff;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::select_all;
use tokio::sync::watch;

use super::adapter::Adapter;
use super::bluez::{Bluez, Look, is_about_adapters};
use crate::accessory::ports::{AdapterView, RadioError};
use crate::actor::{Actor, Inbox, Never};

/// A BlueZ that doesn't answer is asked again after this at first, and in the end this seldom.
const RETRY: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(600));

/// What is seen of BlueZ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sight {
    /// Its unique name on the bus; another one is another BlueZ, which knows nothing of what the last one did.
    pub(super) owner: Option<String>,
    /// The adapter to use.
    pub(super) adapter: Option<Adapter>,
    /// There would be one, but for its device id.
    pub(super) without_id: bool,
}

impl Sight {
    fn view(&self) -> AdapterView {
        AdapterView {
            available: self.adapter.is_some(),
            powered: self.adapter.as_ref().is_some_and(|adapter| adapter.powered),
            without_id: self.without_id,
        }
    }
}

impl From<Option<Look>> for Sight {
    fn from(look: Option<Look>) -> Self {
        look.map_or_else(Self::default, |look| Self {
            owner: Some(look.owner),
            adapter: look.adapter,
            without_id: look.without_id,
        })
    }
}

/// The actor.
#[derive(Debug)]
pub(super) struct Watcher {
    bluez: Bluez,
    /// `None` until the first look.
    sight: watch::Sender<Option<Sight>>,
    view: watch::Sender<AdapterView>,
}

impl Watcher {
    pub(super) fn new(
        bluez: Bluez,
        sight: watch::Sender<Option<Sight>>,
        view: watch::Sender<AdapterView>,
    ) -> Self {
        Self { bluez, sight, view }
    }

    fn show(&self, sight: Sight) {
        let view = sight.view();
        if view.without_id && !self.view.borrow().without_id {
            tracing::warn!(
                "BlueZ has no device id, and without one its adapter can't be used: take DeviceID = false out of \
                 /etc/bluetooth/main.conf and restart bluetooth.service"
            );
        }
        self.sight.send_if_modified(|old| changes(old, Some(sight)));
        self.view.send_if_modified(|old| changes(old, view));
    }
}

fn changes<T: PartialEq>(old: &mut T, new: T) -> bool {
    let changed = *old != new;
    *old = new;
    changed
}

impl Actor for Watcher {
    type Message = Never;

    /// Never waits for a reading alone: signals that nobody takes would fill their queue and stop the connection,
    /// the reading's own answer included.
    async fn run(&mut self, inbox: &mut Inbox<Never>) {
        let bluez = self.bluez.clone();
        let signals = tokio::select! {
            signals = bluez.signals() => signals,
            _ = inbox.recv() => return,
        };
        let mut signals = match signals {
            Ok(streams) => select_all(streams),
            Err(error) => {
                tracing::warn!(%error, "can't follow BlueZ");
                while inbox.recv().await.is_some() {}
                return;
            }
        };
        let mut backoff = Backoff::new(RETRY.0, RETRY.1);
        let mut retry: Option<BoxFuture<'static, ()>> = None;
        let mut is_wanted = true;
        let mut reading: Option<BoxFuture<'_, Result<Option<Look>, RadioError>>> = None;
        loop {
            if is_wanted && reading.is_none() {
                is_wanted = false;
                retry = None;
                reading = Some(Box::pin(bluez.look()));
            }
            tokio::select! {
                None = inbox.recv() => return,
                signal = signals.next() => match signal {
                    Some(Ok(signal)) => is_wanted |= is_about_adapters(&signal),
                    Some(Err(_)) => is_wanted = true,
                    None => {
                        // The bus is gone, and belayd soon with it.
                        self.show(Sight::default());
                        while inbox.recv().await.is_some() {}
                        return;
                    }
                },
                outcome = running(&mut reading) => {
                    reading = None;
                    match outcome {
                        Ok(look) => {
                            backoff.reset();
                            self.show(look.into());
                        }
                        Err(error) => {
                            tracing::warn!(%error, "looking at BlueZ");
                            let pause = backoff.next().unwrap_or(RETRY.1);
                            retry = Some(Box::pin(tokio::time::sleep(pause)));
                        }
                    }
                }
                () = running(&mut retry) => {
                    retry = None;
                    is_wanted = true;
                }
            }
        }
    }
}

/// What is under way; never answers when there is nothing.
async fn running<T>(future: &mut Option<BoxFuture<'_, T>>) -> T {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}
