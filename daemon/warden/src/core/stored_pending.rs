//! The stored form of a registration, or a recovery code, that is pending.

use std::time::Duration;

use belay_proto::cbor::Malformed;
use belay_proto::cbor_map;
use belay_proto::{DeviceId, PendingId};

use super::records::Bound;
use super::registration::{Anew, Pending};
use crate::moment::Moment;

cbor_map! {
    struct StoredPending {
        id: PendingId,
        device: DeviceId,
        boot: String,
        boottime_ms: u64,
        code: Vec<u8>,
        draft: Option<Vec<u8>>,
        wrap: [u8; 32],
        awaits: Option<u64>,
        anew: Option<bool>,
        told_boot: Option<String>,
        told_boottime_ms: Option<u64>,
        before: Option<Vec<u8>>,
    }
}

/// A registration as stored; nothing when there is none.
#[must_use]
pub fn pending_to_bytes(pending: Option<&Pending>) -> Vec<u8> {
    pending.map_or_else(Vec::new, |pending| {
        let told = pending.anew.as_ref().and_then(|anew| anew.told.as_ref());
        let before = pending.anew.as_ref().and_then(|anew| anew.before.as_deref());
        StoredPending {
            id: pending.id,
            device: pending.device,
            boot: pending.started.boot_id.clone(),
            boottime_ms: pending.started.boottime_ms(),
            code: pending.code.clone(),
            draft: pending.draft.as_ref().map(|draft| draft.encode()),
            wrap: pending.wrap,
            awaits: pending.awaits,
            anew: pending.anew.is_some().then_some(true),
            told_boot: told.map(|told| told.boot_id.clone()),
            told_boottime_ms: told.map(Moment::boottime_ms),
            before: before.map(|before| pending_to_bytes(Some(before))),
        }
        .encode()
    })
}

/// The reverse of [`pending_to_bytes`].
///
/// # Errors
/// Other bytes.
pub fn pending_from_bytes(bytes: &[u8]) -> Result<Option<Pending>, Malformed> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let stored = StoredPending::decode(bytes)?;
    let told = stored.told_boot.zip(stored.told_boottime_ms);
    let before = match &stored.before {
        Some(before) => pending_from_bytes(before)?.map(Box::new),
        None => None,
    };
    let anew = Anew {
        told: told.map(|(boot_id, ms)| Moment {
            boottime: Duration::from_millis(ms),
            boot_id,
        }),
        before,
    };
    Ok(Some(Pending {
        id: stored.id,
        device: stored.device,
        started: Moment {
            boottime: Duration::from_millis(stored.boottime_ms),
            boot_id: stored.boot,
        },
        code: stored.code,
        draft: stored
            .draft
            .map(|draft| Bound::decode(&draft).map(Box::new))
            .transpose()?,
        wrap: stored.wrap,
        awaits: stored.awaits,
        anew: (stored.anew == Some(true)).then_some(anew),
        wrong_claims: 0,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending(number: u8) -> Pending {
        Pending {
            id: PendingId::from_bytes([number; 16]),
            device: DeviceId::from_bytes([2; 16]),
            started: at(5),
            code: vec![3; 40],
            draft: None,
            wrap: [number; 32],
            awaits: None,
            anew: None,
            wrong_claims: 0,
        }
    }

    fn at(seconds: u64) -> Moment {
        Moment {
            boottime: Duration::from_secs(seconds),
            boot_id: "boot".to_owned(),
        }
    }

    #[test]
    fn a_code_is_read_as_it_was_stored_with_the_one_before_it() {
        let told = Pending {
            anew: Some(Anew {
                told: Some(at(7)),
                before: None,
            }),
            ..pending(1)
        };
        let waits = Pending {
            awaits: Some(4),
            anew: Some(Anew {
                told: None,
                before: Some(Box::new(told.clone())),
            }),
            ..pending(2)
        };
        for stored in [None, Some(pending(1)), Some(told), Some(waits)] {
            let bytes = pending_to_bytes(stored.as_ref());
            assert_eq!(pending_from_bytes(&bytes), Ok(stored));
        }
    }
}
