//! DPoP nonces that need no table (RFC 9449 §8): a time under a MAC.
//!
//! A new one is given out each minute, and one is accepted for five. A client's own clock plays no part. Those from before a
//! database was restored are refused, since it has forgotten which proofs were used, and those from before the machine started:
//! what proofs were used isn't waited for until the disk has it, so a power cut may have it forgotten.

use belay_proto::keys::sha256;
use data_encoding::BASE64URL_NOPAD;

use crate::clock::{MINUTE, Millis};
use crate::vault::Vault;

/// How long a nonce is accepted.
pub const LIFE: Millis = 5 * MINUTE;

/// How often another one is given out.
const ROTATION: Millis = MINUTE;

/// Within which used proofs are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Era([u8; 32]);

impl Era {
    /// That of a database's epoch and a boot of the machine.
    #[must_use]
    pub fn new(epoch: u64, boot: &str) -> Self {
        Self(sha256(&[&epoch.to_be_bytes(), boot.as_bytes()].concat()))
    }
}

/// The nonce for proofs made now.
#[must_use]
pub fn current(vault: &Vault, era: &Era, now: Millis) -> String {
    let slot = now / ROTATION;
    encode(slot, &vault.mac("dpop-nonce", &[&slot.to_be_bytes(), &era.0]))
}

/// Whether `nonce` was given out by this cloud and is young enough.
#[must_use]
pub fn is_fresh(vault: &Vault, era: &Era, nonce: &str, now: Millis) -> bool {
    let Ok(bytes) = BASE64URL_NOPAD.decode(nonce.as_bytes()) else {
        return false;
    };
    let Some((slot, tag)) = bytes.split_first_chunk::<8>() else {
        return false;
    };
    if !vault.matches("dpop-nonce", &[slot, &era.0], tag) {
        return false;
    }
    let made = u64::from_be_bytes(*slot).saturating_mul(ROTATION);
    // A restart after the clock was set back may meet nonces from the future; they are not fresh either.
    made <= now && now - made <= LIFE
}

fn encode(slot: u64, tag: &[u8]) -> String {
    let mut bytes = slot.to_be_bytes().to_vec();
    bytes.extend_from_slice(tag);
    BASE64URL_NOPAD.encode(&bytes)
}

#[cfg(test)]
mod tests {
    use belay_proto::Secret;

    use super::*;

    #[test]
    fn a_nonce_is_good_for_five_minutes_and_only_with_this_server_key_database_and_boot() {
        let (vault, other) = (
            Vault::new(&Secret::new([1; 32])),
            Vault::new(&Secret::new([2; 32])),
        );
        let (era, restored, rebooted) = (Era::new(9, "a"), Era::new(8, "a"), Era::new(9, "b"));
        let now = 1_000_000 * MINUTE + 30;
        let nonce = current(&vault, &era, now);
        assert!(is_fresh(&vault, &era, &nonce, now) && is_fresh(&vault, &era, &nonce, now + LIFE - 30));
        assert!(!is_fresh(&vault, &era, &nonce, now + LIFE + MINUTE), "too old");
        assert!(
            !is_fresh(&vault, &era, &nonce, now - 2 * MINUTE),
            "from the future"
        );
        assert!(!is_fresh(&other, &era, &nonce, now), "another server's");
        assert!(!is_fresh(&vault, &restored, &nonce, now), "from before a restore");
        assert!(
            !is_fresh(&vault, &rebooted, &nonce, now),
            "from before the machine started"
        );
        for bad in ["", "AAAA", "AAAAAAAAAAA", "ä", &nonce[1..]] {
            assert!(!is_fresh(&vault, &era, bad, now), "{bad}");
        }
    }

    #[test]
    fn a_nonce_stays_the_same_for_a_minute() {
        let vault = Vault::new(&Secret::new([1; 32]));
        let era = Era::new(9, "a");
        assert_eq!(current(&vault, &era, 60_000), current(&vault, &era, 119_999));
        assert_ne!(current(&vault, &era, 60_000), current(&vault, &era, 120_000));
    }
}
