//! What the owner's commands have belayd do with the machine: the trait that the domain knows, and that the
//! platform implements.

mod bell;
mod locate;
mod lookout;
mod machine;
mod memory;
mod owed;
mod report;
mod ring;
mod search;
mod sims;
#[cfg(test)]
mod testing;

use std::borrow::Cow;
use std::fmt::Debug;
use std::time::Duration;

use belay_proto::id::CommandId;
use futures_util::future::BoxFuture;
use tokio::sync::watch;

pub use bell::Bell;
pub use lookout::Endings;
pub use machine::{Machine, MachineParts};

/// The answer to a deed.
pub type Done<'a, T = ()> = BoxFuture<'a, Result<T, DeedFailed>>;

/// Does what commands ask for. One at a time is done of each; a future that is dropped ends the deed where that
/// is safe.
pub trait Deeds: Debug + Send + Sync + 'static {
    /// Rings aloud for `seconds`, whatever the volume and the profile are. Answers once it rings; how long it
    /// does shows in [`Deeds::ringing`]. Ringing again starts the time anew.
    fn ring(&self, seconds: u64) -> Done<'_>;

    /// Stops the ringing; done too where nothing rings.
    fn stop_ring(&self) -> Done<'_>;

    /// Whether it rings because its owner asked.
    fn ringing(&self) -> watch::Receiver<bool>;

    /// Finds out where the device is, and has answered once the reports about it are in the outbox.
    fn locate(&self, request: LocateRequest) -> Done<'_>;

    /// Dials `number` (E.164) on the modem. Answers once the call is under way.
    fn call_owner(&self, number: &str) -> Done<'_>;

    /// Where the device is, for the person at it.
    fn location(&self) -> Done<'_, Position>;

    /// How many times another SIM was found since belayd started.
    fn sim_changes(&self) -> watch::Receiver<u64>;
}

/// What a `locate` is to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocateRequest {
    /// The command that the reports name.
    pub command: CommandId,
    /// When it was begun, boot time: a fix measured later says that it was taken after the command.
    pub asked_at: Duration,
}

/// A deed that wasn't done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not done: {reason}")]
pub struct DeedFailed {
    /// Why, for the owner: kebab-case, stable (`unsupported`, `no-sound`, `no-fix`, `timeout`, `interrupted`…).
    pub reason: Cow<'static, str>,
}

impl DeedFailed {
    /// The device has nothing to do it with.
    pub const UNSUPPORTED: &'static str = "unsupported";
    /// It took longer than the command allows.
    pub const TIMEOUT: &'static str = "timeout";
    /// belayd was restarted in the middle of it.
    pub const INTERRUPTED: &'static str = "interrupted";

    /// A failure for `reason`, kebab-case.
    #[must_use]
    pub fn new(reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            reason: reason.into(),
        }
    }
}

/// A machine that can't do anything of it.
#[derive(Debug, Default)]
pub struct NoDeeds {
    ringing: watch::Sender<bool>,
    sim_changes: watch::Sender<u64>,
}

fn unsupported<T: Send + 'static>() -> Done<'static, T> {
    Box::pin(std::future::ready(Err(DeedFailed::new(DeedFailed::UNSUPPORTED))))
}

impl Deeds for NoDeeds {
    fn ring(&self, _seconds: u64) -> Done<'_> {
        unsupported()
    }

    fn stop_ring(&self) -> Done<'_> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn ringing(&self) -> watch::Receiver<bool> {
        self.ringing.subscribe()
    }

    fn locate(&self, _request: LocateRequest) -> Done<'_> {
        unsupported()
    }

    fn call_owner(&self, _number: &str) -> Done<'_> {
        unsupported()
    }

    fn location(&self) -> Done<'_, Position> {
        unsupported()
    }

    fn sim_changes(&self) -> watch::Receiver<u64> {
        self.sim_changes.subscribe()
    }
}

/// Where the device is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Position {
    /// Degrees, north positive.
    pub latitude: f64,
    /// Degrees, east positive.
    pub longitude: f64,
    /// Radius, m.
    pub accuracy: f64,
    /// Above the sea, m.
    pub altitude: Option<f64>,
    /// When it was measured, by the wall clock: seconds since the epoch, 0 = unknown.
    pub measured_at: u64,
    /// How long ago that is by the boot clock.
    pub age: Duration,
    /// `gnss`, `cell`, `wifi`, `network` or `last`.
    pub source: &'static str,
}
