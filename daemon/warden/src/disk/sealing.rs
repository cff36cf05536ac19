//! The warden's sealing key: the root of everything it keeps at rest.

use std::fmt;
use std::sync::Arc;

use belay_proto::PendingId;
use belay_proto::keys::{RecoveryClaim, hkdf};
use belay_proto::seal::{self, SealError};
use belay_proto::secret::Secret;
use ring::hmac;

/// 32 bytes from a systemd credential or from a 0600 file. Cheap to clone; never printed.
#[derive(Clone)]
pub struct SealingKey(Arc<Keys>);

struct Keys {
    mac: hmac::Key,
    verifier: hmac::Key,
    claims: hmac::Key,
    wrap: Secret<[u8; 32]>,
}

impl SealingKey {
    /// From the 32 bytes at rest.
    #[must_use]
    pub fn new(bytes: &Secret<[u8; 32]>) -> Self {
        let mac = hkdf(bytes.expose(), &[], b"belay/warden-state/1");
        let verifier = hkdf(bytes.expose(), &[], b"belay/warden-verifier/1");
        let claims = hkdf(bytes.expose(), &[], b"belay/recovery-claim/1");
        Self(Arc::new(Keys {
            mac: hmac::Key::new(hmac::HMAC_SHA256, mac.expose()),
            verifier: hmac::Key::new(hmac::HMAC_SHA256, verifier.expose()),
            claims: hmac::Key::new(hmac::HMAC_SHA256, claims.expose()),
            wrap: hkdf(bytes.expose(), &[], b"belay/warden-seal/1"),
        }))
    }

    /// HMAC-SHA256 over the state file `name` and its body.
    #[must_use]
    pub fn mac(&self, name: &str, body: &[u8]) -> [u8; 32] {
        tag(&hmac::sign(&self.0.mac, &named(name, body)))
    }

    /// Whether `mac` is [`Self::mac`] of the same, in constant time.
    #[must_use]
    pub fn mac_holds(&self, name: &str, body: &[u8], mac: &[u8]) -> bool {
        hmac::verify(&self.0.mac, &named(name, body), mac).is_ok()
    }

    /// What is kept of a password: HMAC-SHA256 over SHA-256(verify).
    #[must_use]
    pub fn verifier(&self, verify_digest: &[u8; 32]) -> [u8; 32] {
        tag(&hmac::sign(&self.0.verifier, verify_digest))
    }

    /// Whether a password with this digest is the one kept as `verifier`, in constant time.
    #[must_use]
    pub fn verifies(&self, verify_digest: &[u8; 32], verifier: &[u8; 32]) -> bool {
        hmac::verify(&self.0.verifier, verify_digest, verifier).is_ok()
    }

    /// The claim to the recovery code of a registration: the first 16 bytes of an HMAC-SHA256 over its id, so
    /// that it is the same each time it is told, and nothing has to be kept for it.
    #[must_use]
    pub fn recovery_claim(&self, pending: &PendingId) -> RecoveryClaim {
        let mut claim = [0; 16];
        claim.copy_from_slice(&tag(&hmac::sign(&self.0.claims, pending.as_bytes()))[..16]);
        RecoveryClaim::from_bytes(Secret::new(claim))
    }

    /// Wraps a secret for the disk; `label` says what it is and must be given again to open it.
    #[must_use]
    pub fn seal(&self, label: &str, secret: &[u8]) -> Vec<u8> {
        seal::wrap(&self.0.wrap, label.as_bytes(), secret)
    }

    /// Opens what [`Self::seal`] made.
    ///
    /// # Errors
    /// Other bytes, another label, or another device's key.
    pub fn open(&self, label: &str, sealed: &[u8]) -> Result<Secret<Vec<u8>>, SealError> {
        seal::unwrap(&self.0.wrap, label.as_bytes(), sealed)
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKey([REDACTED])")
    }
}

/// The name belongs under the MAC: one file's bytes mustn't pass for another's.
fn named(name: &str, body: &[u8]) -> Vec<u8> {
    [name.as_bytes(), &[0], body].concat()
}

fn tag(tag: &hmac::Tag) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(tag.as_ref());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_one_registrations_under_one_key_and_always_the_same() {
        let [key, other] = [1, 2].map(|byte| SealingKey::new(&Secret::new([byte; 32])));
        let [one, two] = [1, 2].map(|number| PendingId::from_bytes([number; 16]));
        assert!(key.recovery_claim(&one).is(&key.recovery_claim(&one)));
        assert!(!key.recovery_claim(&one).is(&key.recovery_claim(&two)));
        assert!(!key.recovery_claim(&one).is(&other.recovery_claim(&one)));
    }

    #[test]
    fn a_mac_and_a_seal_hold_for_their_own_name_only() {
        let key = SealingKey::new(&Secret::new([1; 32]));
        let mac = key.mac("lock", b"body");
        assert!(key.mac_holds("lock", b"body", &mac));
        assert!(!key.mac_holds("throttle", b"body", &mac) && !key.mac_holds("lock", b"bodies", &mac));
        let sealed = key.seal("warden-seed", b"secret");
        assert!(key.open("warden-seed", &sealed).is_ok() && key.open("box-secret", &sealed).is_err());
    }
}
