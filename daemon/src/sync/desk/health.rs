//! Days of health data, put as they are on this device.

use belay_proto::DeviceId;
use belay_proto::sync::Attributes;
use belay_sync::record::{Body, Held};

use super::{Desk, Done, edit};
use crate::store::accessory::{self, Unshared};
use crate::sync::error::SyncError;
use crate::sync::health::HEALTH;

/// Days in one transaction.
const DAYS: usize = 64;

impl Desk {
    /// Puts the days that have changed since they were last put; answers how many.
    pub(in crate::sync) async fn share_health(&self, device: DeviceId) -> Result<usize, SyncError> {
        let mut all = 0;
        loop {
            let shared = self.table(HEALTH, move |table| table.share(device)).await?;
            all += shared;
            if shared < DAYS {
                return Ok(all);
            }
        }
    }
}

impl edit::Table<'_> {
    fn share(&mut self, device: DeviceId) -> Done<usize> {
        let days = accessory::unshared(self.transaction, self.sealer, DAYS)?;
        let count = days.len();
        for day in days {
            accessory::shared(self.transaction, &day)?;
            if let Err(error) = self.put_day(device, day)? {
                return Ok(Err(error));
            }
        }
        Ok(Ok(count))
    }

    fn put_day(&mut self, device: DeviceId, day: Unshared) -> Done<()> {
        let Unshared { day: of, bytes, .. } = day;
        let natural = of.natural(device);
        let before = self.find(&self.keys.record_id(&natural))?;
        let revision = before.filter(Held::is_there).map_or(0, |held| held.revision);
        let content = edit::Content {
            id: None,
            revision,
            natural: Some(natural),
            kind: of.kind(),
            attributes: Attributes(
                [
                    ("accessory".to_owned(), of.accessory.to_string()),
                    ("day".to_owned(), of.day.to_string()),
                ]
                .into(),
            ),
            keep_both: false,
            body: Body::Short(bytes),
        };
        Ok(self.put(content)?.map(drop))
    }
}
