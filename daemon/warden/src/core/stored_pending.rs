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
        /// Of a file from before a code was known by its wrap: SHA-256 of the record that it waits for.
        awaits: Option<[u8; 32]>,
        wrap: Option<[u8; 32]>,
        first_generation: Option<u64>,
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
            awaits: None,
            wrap: pending.wrap,
            first_generation: pending.awaits,
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
        // Nobody can say any more which record it waits for: any later one ends it.
        awaits: stored.first_generation.or(stored.awaits.map(|_| 0)),
        anew: (stored.anew == Some(true)).then_some(anew),
        wrong_claims: 0,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    cbor_map! {
        /// What was stored before a code was known by its wrap.
        struct Earlier {
            id: PendingId,
            device: DeviceId,
            boot: String,
            boottime_ms: u64,
            code: Vec<u8>,
            draft: Option<Vec<u8>>,
            awaits: Option<[u8; 32]>,
            anew: Option<bool>,
            told_boot: Option<String>,
            told_boottime_ms: Option<u64>,
            before: Option<Vec<u8>>,
        }
    }

    fn earlier(awaits: Option<[u8; 32]>) -> Vec<u8> {
        Earlier {
            id: PendingId::from_bytes([1; 16]),
            device: DeviceId::from_bytes([2; 16]),
            boot: "boot".to_owned(),
            boottime_ms: 5,
            code: vec![3; 40],
            draft: None,
            awaits,
            anew: Some(true),
            told_boot: None,
            told_boottime_ms: None,
            before: None,
        }
        .encode()
    }

    #[test]
    fn a_code_that_was_stored_before_it_was_known_by_its_wrap_is_read_and_waits_if_it_waited() {
        for awaits in [None, Some([7; 32])] {
            let bytes = earlier(awaits);
            assert_eq!(Earlier::decode(&bytes).unwrap().awaits, awaits);
            let read = pending_from_bytes(&bytes).unwrap().unwrap();
            assert_eq!(read.is_settled(), awaits.is_none());
            let again = pending_from_bytes(&pending_to_bytes(Some(&read))).unwrap();
            assert_eq!(again, Some(read));
        }
    }
}
