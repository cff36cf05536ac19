//! Boxes: sealing to somebody's X25519 key (RFC 7748) without being able to open it again.

use x25519_dalek::{PublicKey as Point, StaticSecret};

use super::{KeyError, hkdf, random};
use crate::seal::{self, SealError};
use crate::secret::Secret;
use crate::text::{base64url, byte_text, from_base64url};

/// The public half of a box; text form base64url. Points of low order don't exist as a value: a
/// secret shared with one is known to everybody.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BoxPublicKey([u8; 32]);

byte_text!(
    BoxPublicKey,
    32,
    base64url,
    from_base64url,
    "43 characters of base64url, a sound X25519 key"
);

/// The secret half of a box.
#[derive(Debug)]
pub struct BoxKey {
    secret: Secret<[u8; 32]>,
    public: BoxPublicKey,
}

impl BoxPublicKey {
    /// The bytes of the point.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl TryFrom<[u8; 32]> for BoxPublicKey {
    type Error = KeyError;

    /// # Errors
    /// [`KeyError::WeakPublicKey`] for a point of low order.
    fn try_from(bytes: [u8; 32]) -> Result<Self, KeyError> {
        // Any scalar shows it: clamped ones are multiples of 8, the order of the small subgroup.
        let shared = StaticSecret::from([8; 32]).diffie_hellman(&Point::from(bytes));
        match shared.was_contributory() {
            true => Ok(Self(bytes)),
            false => Err(KeyError::WeakPublicKey),
        }
    }
}

impl BoxKey {
    /// From 32 secret bytes.
    pub fn from_secret(secret: &Secret<[u8; 32]>) -> Self {
        let public = Point::from(&StaticSecret::from(*secret.expose())).to_bytes();
        Self {
            secret: secret.duplicate(),
            public: BoxPublicKey(public),
        }
    }

    /// A fresh one.
    pub fn generate() -> Self {
        Self::from_secret(&Secret::new(random()))
    }

    /// The secret bytes, to store them sealed.
    pub fn secret(&self) -> &Secret<[u8; 32]> {
        &self.secret
    }

    /// The public half.
    pub fn public(&self) -> BoxPublicKey {
        self.public
    }

    /// Opens what [`seal_to`] sealed to this key with the same associated data.
    ///
    /// # Errors
    /// [`SealError`] for anything else.
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<Secret<Vec<u8>>, SealError> {
        let (version, rest) = sealed.split_first().ok_or(SealError::Malformed)?;
        let (ephemeral, ciphertext) = rest.split_first_chunk::<32>().ok_or(SealError::Malformed)?;
        if *version != seal::VERSION {
            return Err(SealError::Malformed);
        }
        let ephemeral = BoxPublicKey::try_from(*ephemeral).map_err(|_| SealError::Malformed)?;
        let key = agree(&self.secret, &ephemeral, &ephemeral, &self.public);
        seal::open_aead(&key, &[0; 12], aad, ciphertext)
    }
}

/// Seals to a public key: `01 ‖ ephemeral key 32 B ‖ ciphertext ‖ tag`. AES-256-GCM under
/// HKDF(shared secret, info "belay/box/1" ‖ ephemeral ‖ recipient); each key is used once, so
/// the nonce is zero.
pub fn seal_to(to: &BoxPublicKey, aad: &[u8], plaintext: &[u8]) -> Vec<u8> {
    seal_from(&BoxKey::generate(), to, aad, plaintext)
}

/// As [`seal_to`] with a given ephemeral key, which must never be used twice.
pub(crate) fn seal_from(ephemeral: &BoxKey, to: &BoxPublicKey, aad: &[u8], plaintext: &[u8]) -> Vec<u8> {
    let key = agree(&ephemeral.secret, to, &ephemeral.public, to);
    let mut sealed = vec![seal::VERSION];
    sealed.extend_from_slice(ephemeral.public.as_bytes());
    sealed.extend_from_slice(&seal::seal_aead(&key, &[0; 12], aad, plaintext));
    sealed
}

fn agree(
    secret: &Secret<[u8; 32]>,
    their: &BoxPublicKey,
    ephemeral: &BoxPublicKey,
    recipient: &BoxPublicKey,
) -> Secret<[u8; 32]> {
    let shared = StaticSecret::from(*secret.expose()).diffie_hellman(&Point::from(their.0));
    let info = [b"belay/box/1".as_slice(), &ephemeral.0, &recipient.0].concat();
    hkdf(shared.as_bytes(), b"", &info)
}
