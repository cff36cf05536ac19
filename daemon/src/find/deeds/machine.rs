//! The deeds, done by the platform.

use std::sync::Arc;
use std::time::Duration;

use belay_proto::clock::Clock;
use tokio::sync::{broadcast, mpsc, watch};

use super::bell::Bell;
use super::locate::Locator;
use super::lookout::{Ended, Endings, Lookout};
use super::memory::Memory;
use super::report::Reporter;
use super::ring::{Message, Ringer};
use super::{DeedFailed, Deeds, Done, LocateRequest, Position};
use crate::actor::Supervisor;
use crate::device::DeviceView;
use crate::find::{Announcement, Outbox};
use crate::platform::Platform;
use crate::store::Store;
use crate::warden::WardenHandle;

/// What the machine works with.
#[derive(Clone)]
pub struct MachineParts {
    /// The parts of the device.
    pub platform: Platform,
    /// The warden.
    pub warden: WardenHandle,
    /// Where reports to the owner go.
    pub outbox: Outbox,
    /// Where the last place and the SIMs are kept.
    pub store: Store,
    /// The boot clock.
    pub clock: Arc<dyn Clock>,
    /// The device as its owner calls it, for texts.
    pub device: watch::Receiver<DeviceView>,
}

/// The machine that belayd runs on.
pub struct Machine {
    bell: Bell,
    locator: Locator,
    platform: Platform,
    lookout: mpsc::Sender<Ended>,
    sim_changes: watch::Receiver<u64>,
}

impl Machine {
    /// Starts what rings, and what looks out for SIMs, texts and the battery.
    pub fn start(supervisor: &mut Supervisor, parts: MachineParts) -> Self {
        let (ringer, ringing) = Ringer::new(Arc::clone(&parts.platform.audio), Arc::clone(&parts.clock));
        let ringer = supervisor.start("ringer", ringer);
        let locator = Locator {
            platform: parts.platform.clone(),
            memory: Memory::new(parts.store.clone()),
            reporter: Reporter {
                warden: parts.warden.clone(),
                outbox: parts.outbox.clone(),
                clock: Arc::clone(&parts.clock),
            },
            clock: Arc::clone(&parts.clock),
        };
        let platform = parts.platform.clone();
        let (lookout, sim_changes) = Lookout::new(parts, locator.clone());
        let lookout = supervisor.start("lookout", lookout);
        Self {
            bell: Bell { ringer, ringing },
            locator,
            platform,
            lookout,
            sim_changes,
        }
    }

    /// An actor that has the trusted number told how commands by text ended, as `announcements` say.
    #[must_use]
    pub fn endings(&self, announcements: broadcast::Receiver<Announcement>) -> Endings {
        Endings::new(announcements, self.lookout.clone())
    }

    /// What rings, for what isn't a command.
    #[must_use]
    pub fn bell(&self) -> Bell {
        self.bell.clone()
    }
}

impl std::fmt::Debug for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Machine").finish_non_exhaustive()
    }
}

impl Deeds for Machine {
    fn ring(&self, seconds: u64) -> Done<'_> {
        Box::pin(
            self.bell
                .tell(move |answer| Message::Ring(Duration::from_secs(seconds), answer)),
        )
    }

    fn stop_ring(&self) -> Done<'_> {
        Box::pin(self.bell.tell(Message::Stop))
    }

    fn ringing(&self) -> watch::Receiver<bool> {
        self.bell.ringing()
    }

    fn locate(&self, request: LocateRequest) -> Done<'_> {
        Box::pin(self.locator.locate(request))
    }

    fn call_owner(&self, number: &str) -> Done<'_> {
        let number = number.to_owned();
        Box::pin(async move {
            let called = self.platform.modem.call(&number).await;
            called.map_err(|error| {
                tracing::warn!(error = &error as &dyn std::error::Error, "calling the owner");
                DeedFailed::new(error.reason())
            })
        })
    }

    fn location(&self) -> Done<'_, Position> {
        Box::pin(self.locator.position())
    }

    fn sim_changes(&self) -> watch::Receiver<u64> {
        self.sim_changes.clone()
    }
}
