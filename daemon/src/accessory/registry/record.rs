//! Between what is kept here and what is sealed.

use belay_drivers::Key;
use belay_proto::accessory::{AccessoryIds, AccessoryRecord, AccessoryRecordError, SharedAccessory};
use belay_proto::id::AccountId;
use belay_proto::secret::Secret;
use belay_proto::signed::EpochKeys;
use belay_proto::wire::{AccessoryEntry, AccessoryRequest};

use super::merge::Learned;
use crate::accessory::model::Saved;
use crate::store::registry::Waiting;

/// Why an entry of the cloud is no record of the account's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    /// Sealed in a key epoch whose keys this device doesn't have.
    #[error("sealed in a key epoch that isn't known here")]
    Epoch,
    /// It doesn't open.
    #[error(transparent)]
    Record(#[from] AccessoryRecordError),
    /// What the cloud says of it isn't what its device sealed.
    #[error("the entry says something else than its record")]
    Mislabelled,
    /// A kind, an address or a key that this version doesn't know.
    #[error("an accessory that this version doesn't know")]
    Unknown,
}

/// Opens an entry: what of it was sealed for this account, this accessory and this revision.
pub(super) fn open(
    keys: &EpochKeys,
    account: AccountId,
    entry: &AccessoryEntry,
) -> Result<Learned, Unreadable> {
    let ids = AccessoryIds {
        account,
        accessory: entry.id,
        key_epoch: entry.key_epoch,
    };
    let key = keys.get(entry.key_epoch).ok_or(Unreadable::Epoch)?;
    let record = AccessoryRecord::open(key, &ids, &entry.sealed)?;
    if record.revision != entry.revision || record.accessory.is_none() != entry.removed {
        return Err(Unreadable::Mislabelled);
    }
    let accessory = record.accessory.map(|shared| saved(entry, &shared));
    Ok(Learned {
        id: entry.id,
        revision: record.revision,
        changed_at: record.changed_at,
        accessory: accessory.transpose()?,
    })
}

fn saved(entry: &AccessoryEntry, shared: &SharedAccessory) -> Result<Saved, Unreadable> {
    let key = |key: &Secret<Vec<u8>>| Key::from_slice(key.expose());
    Ok(Saved {
        id: entry.id,
        kind: shared.kind.parse().map_err(|_| Unreadable::Unknown)?,
        address: shared.address.parse().map_err(|_| Unreadable::Unknown)?,
        name: shared.name.clone(),
        serial: shared.serial.clone(),
        key: shared
            .key
            .as_ref()
            .map(key)
            .transpose()
            .map_err(|_| Unreadable::Unknown)?,
        synced_to: 0,
        synced_at: 0,
    })
}

/// Seals a change that waits, under the newest key. `None` without any key, or for one that is too long.
pub(super) fn seal(keys: &EpochKeys, account: AccountId, waiting: &Waiting) -> Option<AccessoryRequest> {
    let (key_epoch, key) = keys.newest()?;
    let ids = AccessoryIds {
        account,
        accessory: waiting.id,
        key_epoch: *key_epoch,
    };
    let record = AccessoryRecord {
        revision: waiting.revision,
        changed_at: waiting.changed_at,
        accessory: waiting.accessory.as_ref().map(shared),
    };
    Some(AccessoryRequest {
        base: waiting.base,
        revision: waiting.revision,
        removed: waiting.accessory.is_none(),
        key_epoch: *key_epoch,
        sealed: record.seal(key, &ids).ok()?.into(),
    })
}

fn shared(saved: &Saved) -> SharedAccessory {
    SharedAccessory {
        kind: saved.kind.name().to_owned(),
        address: saved.address.to_string(),
        name: saved.name.clone(),
        serial: saved.serial.clone(),
        key: saved.key.as_ref().map(|key| Secret::new(key.bytes().to_vec())),
    }
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
