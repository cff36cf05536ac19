//! What a record of the registry changes here: pure.

use belay_drivers::Address;
use belay_proto::id::AccessoryId;

use crate::accessory::model::Saved;

/// A record that a device of the account sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Learned {
    /// Whose it is.
    pub id: AccessoryId,
    /// Which revision.
    pub revision: u64,
    /// When it was changed: seconds since the epoch.
    pub changed_at: u64,
    /// The accessory, without what was fetched of it; `None`: it was unpaired.
    pub accessory: Option<Saved>,
}

/// What is known of an accessory's records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// The newest revision that a record had; 0: none.
    pub revision: u64,
    /// It was unpaired, for good.
    pub removed: bool,
    /// When it was last changed, here or as a record says: seconds since the epoch.
    pub changed_at: u64,
    /// A change that was made here is still to be brought.
    pub waits: bool,
}

/// What a record changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Nothing here.
    Nothing,
    /// The accessory is as the record says.
    Take,
    /// The accessory was unpaired.
    Forget,
    /// It is over: the accessory was unpaired, or the same band was paired here later under another id. The others are
    /// to learn that, above this record.
    Outlived,
}

/// What came of a record, for the accessories' state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// This accessory is new, or another than before.
    Registered(Saved),
    /// This one is the account's no more.
    Unregistered(AccessoryId),
}

/// Judges a record by what is known of its accessory. A later change that was made here stands, whatever revision the
/// record has; an unpairing stands against everything, since only the owner unpairs.
#[must_use]
pub fn judge(known: Option<Known>, record: &Learned) -> Judgement {
    let known = known.unwrap_or_default();
    // A cloud that was restored may have let another device use the revision of the removal.
    let is_beside = record.revision == known.revision && record.accessory.is_some();
    if known.removed && !known.waits && is_beside {
        return Judgement::Outlived;
    }
    if record.revision <= known.revision {
        return Judgement::Nothing;
    }
    match (known.removed, record.accessory.is_some()) {
        (true, true) => return Judgement::Outlived,
        (true, false) => return Judgement::Nothing,
        (false, false) => return Judgement::Forget,
        (false, true) => {}
    }
    if known.waits && known.changed_at > record.changed_at {
        return Judgement::Nothing;
    }
    Judgement::Take
}

/// An accessory that is kept here, and when it was paired or changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its id.
    pub id: AccessoryId,
    /// Its address.
    pub address: Address,
    /// When it was changed.
    pub changed_at: u64,
}

/// Those of `kept` that are the record's band under another id and give way to it; `None`: one of them is the later
/// pairing, to which the record gives way. A band holds one key, that of the last pairing.
#[must_use]
pub fn outlived(kept: &[Kept], record: &Learned, address: Address) -> Option<Vec<AccessoryId>> {
    let twins = kept
        .iter()
        .filter(|one| one.address == address && one.id != record.id);
    let mut give_way = Vec::new();
    for twin in twins {
        // The same on each device, so that all of them keep the same one.
        if (twin.changed_at, twin.id) > (record.changed_at, record.id) {
            return None;
        }
        give_way.push(twin.id);
    }
    Some(give_way)
}

#[cfg(test)]
mod tests {
    use belay_drivers::{Key, Kind};

    use super::*;

    const ID: AccessoryId = AccessoryId::from_bytes([1; 16]);
    const ADDRESS: Address = Address([1, 2, 3, 4, 5, 6]);

    fn record(revision: u64, changed_at: u64) -> Learned {
        Learned {
            id: ID,
            revision,
            changed_at,
            accessory: Some(Saved {
                id: ID,
                kind: Kind::MiBand2,
                address: ADDRESS,
                name: "Band".into(),
                serial: String::new(),
                key: Some(Key::new([9; 16])),
                synced_to: 0,
                synced_at: 0,
            }),
        }
    }

    fn removal(revision: u64, changed_at: u64) -> Learned {
        Learned {
            accessory: None,
            ..record(revision, changed_at)
        }
    }

    fn known(revision: u64, changed_at: u64) -> Known {
        Known {
            revision,
            changed_at,
            ..Known::default()
        }
    }

    #[test]
    fn a_record_is_taken_once_and_an_older_one_never() {
        assert_eq!(judge(None, &record(1, 10)), Judgement::Take);
        assert_eq!(judge(Some(known(1, 10)), &record(2, 5)), Judgement::Take);
        for old in [0, 1, 2] {
            assert_eq!(judge(Some(known(2, 10)), &record(old, 99)), Judgement::Nothing);
            assert_eq!(judge(Some(known(2, 10)), &removal(old, 99)), Judgement::Nothing);
        }
    }

    #[test]
    fn a_change_made_here_stands_against_an_earlier_one_but_not_against_an_unpairing() {
        let waits = Known {
            waits: true,
            ..known(1, 10)
        };
        assert_eq!(judge(Some(waits), &record(2, 9)), Judgement::Nothing);
        assert_eq!(judge(Some(waits), &record(2, 10)), Judgement::Take);
        assert_eq!(judge(Some(waits), &record(2, 11)), Judgement::Take);
        assert_eq!(judge(Some(waits), &removal(2, 1)), Judgement::Forget);
    }

    #[test]
    fn what_was_unpaired_stays_unpaired() {
        let removed = Known {
            removed: true,
            ..known(3, 10)
        };
        assert_eq!(judge(Some(removed), &record(9, 99)), Judgement::Outlived);
        assert_eq!(judge(Some(removed), &record(2, 99)), Judgement::Nothing);
        assert_eq!(judge(Some(removed), &removal(9, 99)), Judgement::Nothing);
        assert_eq!(judge(None, &removal(2, 1)), Judgement::Forget);
    }

    #[test]
    fn what_was_unpaired_does_not_stand_beside_its_removal_at_the_same_revision() {
        let brought = Known {
            removed: true,
            ..known(3, 10)
        };
        assert_eq!(judge(Some(brought), &record(3, 99)), Judgement::Outlived);
        assert_eq!(judge(Some(brought), &removal(3, 10)), Judgement::Nothing);
        let waits = Known {
            waits: true,
            ..brought
        };
        assert_eq!(
            judge(Some(waits), &record(3, 99)),
            Judgement::Nothing,
            "it goes above"
        );
    }

    #[test]
    fn of_two_pairings_of_one_band_the_later_stands_on_every_device() {
        let twin = |id, address, changed_at| Kept {
            id: AccessoryId::from_bytes([id; 16]),
            address,
            changed_at,
        };
        let elsewhere = twin(2, Address([9; 6]), 99);
        assert_eq!(
            outlived(&[elsewhere, twin(1, ADDRESS, 99)], &record(1, 10), ADDRESS),
            Some(vec![])
        );
        let earlier = twin(2, ADDRESS, 9);
        assert_eq!(
            outlived(&[earlier], &record(1, 10), ADDRESS),
            Some(vec![earlier.id])
        );
        assert_eq!(outlived(&[twin(2, ADDRESS, 11)], &record(1, 10), ADDRESS), None);
        // At the same second the ids decide, whichever of the two is the one that comes.
        assert_eq!(outlived(&[twin(2, ADDRESS, 10)], &record(1, 10), ADDRESS), None);
        assert_eq!(
            outlived(&[twin(0, ADDRESS, 10)], &record(1, 10), ADDRESS).map(|all| all.len()),
            Some(1)
        );
    }
}
