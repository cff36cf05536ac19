//! What the owner's other devices pair, change and unpair.

use belay_proto::id::AccessoryId;

use super::super::error::AccessoryError;
use super::super::model::Saved;
use super::connection::Stage;
use super::{Accessory, Effect, Paired, State, TimerOf};

impl State {
    /// An accessory that is on disk is the account's.
    pub(super) fn know(&mut self, saved: Saved, effects: &mut Vec<Effect>) {
        // A device that was heard before its row was read is that accessory.
        self.forget_strangers_at(saved.address, effects);
        let one = self
            .accessories
            .entry(saved.id)
            .or_insert_with(|| Accessory::new(saved.address, saved.kind, saved.name.clone()));
        one.paired = Some(Paired {
            key: saved.key,
            serial: saved.serial,
            synced_to: saved.synced_to,
            synced_at: saved.synced_at,
        });
    }

    /// Another device paired it, or changed it.
    pub(super) fn registered(&mut self, saved: Saved, effects: &mut Vec<Effect>) {
        if self.account.is_none() {
            return;
        }
        let id = saved.id;
        let before = self.accessories.get(&id).and_then(|one| one.paired.as_ref());
        let is_rekeyed = before.is_some_and(|before| before.key != saved.key);
        let (synced_to, synced_at) = before.map_or((0, 0), |before| (before.synced_to, before.synced_at));
        let stage = self.accessories.get(&id).and_then(|one| one.connection.as_ref());
        if stage.is_some_and(|connection| connection.stage == Stage::Saving) {
            // Paired here just now: what is on its way to the disk is the newer key.
            return;
        }
        let name = saved.name.clone();
        // What is read here may be ahead of what is on disk.
        self.know(
            Saved {
                synced_to: saved.synced_to.max(synced_to),
                synced_at: saved.synced_at.max(synced_at),
                ..saved
            },
            effects,
        );
        let Some(one) = self.accessories.get_mut(&id) else {
            return;
        };
        one.name = name;
        if !is_rekeyed {
            return;
        }
        if one.connection.as_ref().is_some_and(|it| !it.is_pairing()) {
            one.end_connection(id, AccessoryError::Cancelled, effects);
        }
        // The other key may have been the wrong one.
        one.problem = None;
        one.failures = 0;
        if std::mem::take(&mut one.waiting) {
            effects.push(Effect::Sleep(TimerOf::Retry(id)));
        }
        // Those who listen to it do so with the other key.
        self.count_anew(id, effects);
        self.listen_anew(id, effects);
    }

    /// It was unpaired, by another device or here.
    pub(super) fn unregistered(&mut self, id: AccessoryId, effects: &mut Vec<Effect>) {
        if let Some(one) = self.accessories.remove(&id) {
            self.end_pending(one.address, effects);
            self.counters.remove(&id);
            one.leave(id, AccessoryError::Cancelled, effects);
        }
    }
}
