//! What the clock on the wall shows, and that it was set.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use belay_drivers::Moment;
use belay_proto::clock::{Clock, unix_seconds};
use belay_proto::keys::random;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::sync::watch;

use crate::accessory::state::{At, Seen};
use crate::platform::TimeView;

/// The wall clock in the zone that the phone is in.
pub(super) struct Wall {
    clock: Arc<dyn Clock>,
    time: watch::Receiver<TimeView>,
    set: BoxFuture<'static, ()>,
}

impl Wall {
    pub(super) fn new(clock: Arc<dyn Clock>, time: watch::Receiver<TimeView>) -> Self {
        let set = set(&clock);
        Self { clock, time, set }
    }

    /// Waits until the wall clock may have been set. Cancelling the call loses nothing.
    pub(super) async fn when_set(&mut self) {
        (&mut self.set).await;
        self.set = set(&self.clock);
    }

    /// Now.
    pub(super) fn now(&self) -> At {
        At {
            boot: self.clock.boottime(),
            wall: self.shows(self.clock.wall()),
            dice: u16::from_le_bytes(random()),
            seen: Seen::default(),
        }
    }

    fn shows(&self, wall: SystemTime) -> Moment {
        let timestamp = timestamp(wall);
        let offset = self.zone().to_offset(timestamp);
        Moment {
            civil: offset.to_datetime(timestamp),
            offset,
        }
    }

    /// How long the offset stays as it is; at the longest for ever.
    pub(super) fn until_turn(&self) -> Duration {
        let now = timestamp(self.clock.wall());
        let zone = self.zone();
        let next = zone.following(now).next();
        let until = next.map(|turn| turn.timestamp().as_second().saturating_sub(now.as_second()));
        until.map_or(Duration::MAX, |until| {
            Duration::from_secs(until.unsigned_abs()).saturating_add(Duration::from_secs(1))
        })
    }

    /// The one that is told of: what the system's file says is looked at only now and then.
    fn zone(&self) -> TimeZone {
        let told = &self.time.borrow().zone;
        let named = TimeZone::get(told).ok().filter(|_| !told.is_empty());
        named.unwrap_or_else(TimeZone::system)
    }
}

fn timestamp(wall: SystemTime) -> Timestamp {
    let seconds = i64::try_from(unix_seconds(wall)).unwrap_or(0);
    Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn set(clock: &Arc<dyn Clock>) -> BoxFuture<'static, ()> {
    let clock = Arc::clone(clock);
    Box::pin(async move { clock.when_set().await })
}
