//! What an accessory tells before it is on disk itself. A scale gives what it kept to whoever listens first, and keeps
//! none of it; a weighing is advertised once; and a reading can be stored only with its accessory.

use belay_drivers::Reading;
use belay_proto::id::AccessoryId;

use super::connection::Stage;
use super::{Accessory, Effect};

/// More than any scale keeps: what comes beyond that isn't worth the memory.
const MOST: usize = 1024;

/// Readings, with their times in seconds since the epoch, that wait for their accessory to be on disk.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Early(Vec<(u64, Reading)>);

impl Accessory {
    /// Has readings stored, now or once its accessory is on disk.
    pub(super) fn store(
        &mut self,
        id: AccessoryId,
        readings: Vec<(u64, Reading)>,
        effects: &mut Vec<Effect>,
    ) {
        if self.is_on_disk() {
            effects.push(Effect::StoreReadings(id, readings));
        } else {
            let room = MOST.saturating_sub(self.early.0.len());
            self.early.0.extend(readings.into_iter().take(room));
        }
    }

    /// Also while it is paired anew.
    fn is_on_disk(&self) -> bool {
        let stage = self.connection.as_ref().map(|one| one.stage);
        if stage == Some(Stage::Saving) || !self.adopting.is_empty() {
            self.before.is_some()
        } else {
            self.paired.is_some()
        }
    }

    /// It is on disk now.
    pub(super) fn store_early(&mut self, id: AccessoryId, effects: &mut Vec<Effect>) {
        let Early(readings) = std::mem::take(&mut self.early);
        if !readings.is_empty() {
            effects.push(Effect::StoreReadings(id, readings));
        }
    }
}
