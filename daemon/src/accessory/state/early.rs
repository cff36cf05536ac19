//! What an accessory tells while it is being paired. A scale gives what it kept to whoever listens first, and keeps none
//! of it; a reading can be stored only once the accessory is on disk itself.

use belay_drivers::Reading;
use belay_proto::id::AccessoryId;

use super::connection::Connection;
use super::{Accessory, Effect};

/// More than any scale keeps: what comes beyond that isn't worth the memory.
const MOST: usize = 1024;

/// Readings, with their times in seconds since the epoch, that wait for their accessory to be on disk.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Early(Vec<(u64, Reading)>);

impl Accessory {
    /// Has a reading stored, now or once its accessory is on disk.
    pub(super) fn store(
        &mut self,
        id: AccessoryId,
        second: u64,
        reading: Reading,
        effects: &mut Vec<Effect>,
    ) {
        if !self.connection.as_ref().is_some_and(Connection::is_pairing) {
            effects.push(Effect::StoreReadings(id, vec![(second, reading)]));
        } else if self.early.0.len() < MOST {
            self.early.0.push((second, reading));
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
