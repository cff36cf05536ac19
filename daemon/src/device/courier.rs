//! Brings the device's name to the cloud.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use belay_proto::DeviceId;
use belay_proto::backoff::Backoff;
use belay_proto::clock::Clock;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::watch;

use super::DeviceHandle;
use crate::actor::{Actor, Inbox, Never};
use crate::store::{self, Store, StoreError};

/// Waits between tries that fail: at first, and at most.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);

/// Whoever keeps the account's list of devices.
pub trait DeviceList: Send + Sync + 'static {
    /// Gives `device` another name.
    fn rename<'a>(&'a self, device: DeviceId, name: &'a str) -> BoxFuture<'a, Result<(), Undelivered>>;
}

/// The name didn't get there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undelivered {
    /// Trying again may help; with the wait that was asked for.
    Later(Option<Duration>),
    /// Nothing will be different until the name, the binding or the configuration is.
    Refused,
}

/// The actor that delivers the name. Nobody sends it anything: it follows the device's view, and what is still
/// to be delivered is in the store.
pub struct Courier {
    device: DeviceHandle,
    store: Store,
    list: Arc<dyn DeviceList>,
    clock: Arc<dyn Clock>,
    /// Counts how often the cloud could be reached again.
    reached: watch::Receiver<u64>,
}

/// What the actor waits for besides a change.
enum Next {
    /// Nothing.
    Idle,
    /// This point of the boot clock.
    Pause(Duration),
    /// The answer to this name.
    Answer(BoxFuture<'static, (String, Result<(), Undelivered>)>),
}

/// What that waiting brought.
enum Event {
    PauseOver,
    Answered(String, Result<(), Undelivered>),
}

impl Courier {
    /// A courier between the name in `store` and `list`, for what `device` shows. Where it waits to try again it
    /// needn't once `reached` moves.
    pub fn new(
        device: DeviceHandle,
        store: Store,
        list: Arc<dyn DeviceList>,
        clock: Arc<dyn Clock>,
        reached: watch::Receiver<u64>,
    ) -> Self {
        Self {
            device,
            store,
            list,
            clock,
            reached,
        }
    }

    /// What is to be done for the device as it is now.
    async fn look(&self) -> Next {
        let view = self.device.view();
        let Some(id) = view.id.filter(|_| !view.lost) else {
            return Next::Idle;
        };
        match self
            .store
            .call(|connection| store::device::load(connection))
            .await
        {
            Ok(row) if row.name_dirty => {
                let list = Arc::clone(&self.list);
                let name = row.name;
                Next::Answer(
                    async move {
                        let outcome = list.rename(id, &name).await;
                        (name, outcome)
                    }
                    .boxed(),
                )
            }
            Ok(_) => Next::Idle,
            Err(error) => {
                warn(&error);
                Next::Idle
            }
        }
    }

    async fn settle(&self, name: String, outcome: Result<(), Undelivered>, pauses: &mut Backoff) -> Next {
        match outcome {
            Ok(()) => {
                pauses.reset();
                let told = move |connection: &mut rusqlite::Connection| {
                    store::device::name_delivered(connection, &name)
                };
                match self.store.call(told).await {
                    // Another name may have been set meanwhile.
                    Ok(()) => self.look().await,
                    Err(error) => {
                        warn(&error);
                        Next::Idle
                    }
                }
            }
            Err(Undelivered::Refused) => Next::Idle,
            Err(Undelivered::Later(asked)) => {
                let pause = pauses
                    .next()
                    .unwrap_or(LONGEST_PAUSE)
                    .max(asked.unwrap_or_default());
                Next::Pause(self.clock.boottime() + pause)
            }
        }
    }
}

impl Actor for Courier {
    type Message = Never;

    async fn run(&mut self, inbox: &mut Inbox<Never>) {
        let mut view = self.device.watch();
        let mut shown = key(&self.device);
        let mut pauses = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        let clock = Arc::clone(&self.clock);
        let mut reached = self.reached.clone();
        let mut next = self.look().await;
        loop {
            let happening = async {
                match &mut next {
                    Next::Idle => pending().await,
                    Next::Pause(until) => {
                        clock.sleep_until(*until).await;
                        Event::PauseOver
                    }
                    Next::Answer(answer) => {
                        let (name, outcome) = answer.await;
                        Event::Answered(name, outcome)
                    }
                }
            };
            tokio::select! {
                message = inbox.recv() => match message {
                    Some(never) => match never {},
                    None => return,
                },
                Ok(()) = view.changed() => {
                    view.mark_unchanged();
                    let now = key(&self.device);
                    // An answer that is under way is waited for: it tells whether the newer name is left.
                    if now != shown && !matches!(next, Next::Answer(_)) {
                        next = self.look().await;
                    }
                    shown = now;
                }
                Ok(()) = reached.changed() => {
                    if matches!(next, Next::Pause(_)) {
                        next = self.look().await;
                    }
                }
                event = happening => {
                    next = match event {
                        Event::PauseOver => self.look().await,
                        Event::Answered(name, outcome) => self.settle(name, outcome, &mut pauses).await,
                    };
                }
            }
        }
    }
}

/// What a delivery depends on.
fn key(device: &DeviceHandle) -> (Option<DeviceId>, String, bool) {
    let view = device.view();
    (view.id, view.name, view.lost)
}

fn warn(error: &StoreError) {
    tracing::warn!(
        error = error as &dyn std::error::Error,
        "the name waits in the store"
    );
}
