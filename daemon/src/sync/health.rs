//! The accessories' health data as records of the collection `health`, while that is on.
//!
//! A record is a day of one kind from one accessory, as one device had it from there: two devices that the same band tells
//! of the same day never write over each other. What other devices shared is never put into this device's days: whoever reads
//! an accessory's history reads both (`store/accessory/history.rs`).

use std::collections::BTreeMap;
use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;
use std::time::Duration;

use belay_proto::clock::Clock;
use belay_proto::id::AccessoryId;
use tokio::sync::broadcast::error::RecvError;

use super::handle::SyncHandle;
use super::view::View;
use crate::accessory::{AccessoryHandle, Announcement, View as Accessories};
use crate::actor::{Actor, Inbox, Never};
use crate::warden::WardenHandle;

/// The collection.
pub const HEALTH: &str = "health";
/// A sensor that measures each second must not have its day pushed each second.
const EACH: Duration = Duration::from_secs(15 * 60);

/// What shares health data.
pub struct HealthActor {
    sync: SyncHandle,
    accessories: AccessoryHandle,
    warden: WardenHandle,
    clock: Arc<dyn Clock>,
}

impl Debug for HealthActor {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("HealthActor")
    }
}

impl HealthActor {
    /// One that puts what `accessories` bring into `sync`.
    #[must_use]
    pub fn new(
        sync: SyncHandle,
        accessories: AccessoryHandle,
        warden: WardenHandle,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            sync,
            accessories,
            warden,
            clock,
        }
    }
}

/// Whether health data is shared.
pub(super) fn is_on(view: &View) -> bool {
    view.bound && view.collections.get(HEALTH).is_some_and(|health| health.enabled)
}

/// When each accessory brought its history.
fn synced(view: &Accessories) -> BTreeMap<AccessoryId, u64> {
    let of = |(id, one): (&AccessoryId, &crate::accessory::AccessoryView)| (*id, one.last_sync);
    view.accessories.iter().map(of).collect()
}

impl Actor for HealthActor {
    type Message = Never;

    async fn run(&mut self, inbox: &mut Inbox<Never>) {
        let (mut shown, mut accessories) = (self.sync.watch(), self.accessories.watch());
        let mut announcements = self.accessories.announcements();
        let mut before = synced(&accessories.borrow_and_update());
        let mut was_on = is_on(&shown.borrow_and_update());
        // What came while belayd didn't run.
        let mut has_news = true;
        let mut next = Duration::ZERO;
        loop {
            let device = self.warden.view().identity.device;
            let now = self.clock.boottime();
            if let Some(device) = device.filter(|_| has_news && was_on && now >= next) {
                let shared = self.sync.share_health(device).await;
                has_news = shared.is_err();
                next = now + EACH;
            }
            tokio::select! {
                message = inbox.recv() => match message {
                    Some(never) => match never {},
                    None => return,
                },
                Ok(()) = shown.changed() => {
                    let now_on = is_on(&shown.borrow_and_update());
                    if now_on && !was_on {
                        (has_news, next) = (true, Duration::ZERO);
                    }
                    was_on = now_on;
                }
                Ok(()) = accessories.changed() => {
                    let now = synced(&accessories.borrow_and_update());
                    has_news |= now != before;
                    before = now;
                }
                heard = announcements.recv() => match heard {
                    Ok(Announcement::Measured(_)) | Err(RecvError::Lagged(_)) => has_news = true,
                    Ok(_) => {}
                    Err(RecvError::Closed) => return,
                },
                () = self.clock.sleep_until(next), if has_news && was_on => {}
            }
        }
    }
}
