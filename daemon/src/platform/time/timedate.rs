//! timedated of systemd, and whoever serves its interface elsewhere.
//!
//! It tells of a zone and of the switch for the network's time; that the kernel's clock is synchronised it only answers
//! when it is asked, and leaves the bus soon after, which is no news.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use zbus::MessageStream;

use super::{TimeView, Timekeeping};
use crate::actor::Supervisor;
use crate::platform::Answer;
use crate::platform::clock::Time;
use crate::platform::follower::{Follower, Subject};
use crate::platform::service::{Service, Signal, take};

const NAME: &str = "org.freedesktop.timedate1";
const PATH: &str = "/org/freedesktop/timedate1";
/// While it isn't synchronised it is asked again, after this at first and in the end this seldom.
const AGAIN: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(3600));

#[derive(Debug)]
pub(in crate::platform) struct Timedate {
    service: Service,
    readings: AtomicU64,
}

impl Timedate {
    pub(in crate::platform) fn start(
        connection: &zbus::Connection,
        supervisor: &mut Supervisor,
        clock: Time,
    ) -> watch::Receiver<TimeView> {
        let subject = Self {
            service: Service::new(connection, NAME),
            readings: AtomicU64::new(0),
        };
        let (follower, view) = Follower::new(Arc::new(subject), clock);
        supervisor.start("time", follower);
        view
    }
}

impl Subject for Timedate {
    type View = TimeView;

    const NAME: &'static str = "time";
    const FOLLOWS_CLOCK: bool = true;

    /// A phone that has just started mustn't be taken for one that nobody keeps the time of.
    fn unread() -> TimeView {
        TimeView {
            kept: Timekeeping::Waiting,
            ..TimeView::default()
        }
    }

    fn hints(&self) -> Answer<'_, Vec<MessageStream>> {
        Box::pin(async {
            let changes = Signal::changes(NAME).at(PATH);
            Ok(vec![self.service.signals(changes).await?])
        })
    }

    fn read(&self) -> Answer<'_, TimeView> {
        Box::pin(async {
            let mut all = self.service.all(PATH, NAME).await?;
            let mut is = |name| take::<bool>(&mut all, name).unwrap_or(false);
            let kept = match (is("NTPSynchronized"), is("NTP")) {
                (true, _) => Timekeeping::Synchronised,
                (false, true) => Timekeeping::Waiting,
                // Whoever sets it by hand means it.
                (false, false) => Timekeeping::Unknown,
            };
            Ok(TimeView {
                kept,
                zone: take(&mut all, "Timezone").unwrap_or_default(),
                readings: self.readings.fetch_add(1, Ordering::Relaxed),
            })
        })
    }

    fn again(&self, view: &TimeView) -> Option<(Duration, Duration)> {
        (view.kept == Timekeeping::Waiting).then_some(AGAIN)
    }
}
