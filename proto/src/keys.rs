//! The key hierarchy: what is derived from a password, from a recovery code and from the account root.
//!
//! ```text
//! Master = Argon2id(NFKC(password), salt, parameters)
//!   login_key  Ed25519, wrap_key (with the cloud's share), verify
//! RecoveryCode -> wrap_key
//! Root -> owner_key Ed25519, report_box X25519, keyring_key
//! ```
//! Every derivation is HKDF-SHA256 (RFC 5869) with an empty salt and the label as info, 32 bytes, unless said otherwise.

mod boxes;
mod claim;
mod kdf;
mod primitives;
mod recovery;
mod root;
mod signing;

use crate::secret::Secret;

#[cfg(test)]
pub(crate) use boxes::seal_from;
pub use boxes::{BoxKey, BoxPublicKey, seal_to};
pub use claim::RecoveryClaim;
pub use kdf::{KdfParameters, KdfRefused, Master, nfkc};
pub(crate) use primitives::impossible;
pub use primitives::{hkdf, hmac_sha256, hmac_sha256_of, random, same, sha256};
pub use recovery::{RecoveryCode, RecoveryCodeError};
pub use root::{Root, collection_key};
pub use signing::{BadSignature, PublicKey, Signature, SigningKey};

/// A key that wraps an account root.
#[derive(Debug)]
pub struct WrapKey(Secret<[u8; 32]>);

impl WrapKey {
    /// From 32 derived bytes.
    pub fn new(key: Secret<[u8; 32]>) -> Self {
        Self(key)
    }

    /// The bytes of the key.
    pub fn secret(&self) -> &Secret<[u8; 32]> {
        &self.0
    }
}

/// A key couldn't be made or used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The parameters of the password's derivation are out of bounds.
    #[error("the key derivation's parameters are refused")]
    Parameters(#[from] KdfRefused),
    /// Argon2id failed; in practice no memory.
    #[error("the key derivation failed")]
    Derivation,
    /// The wrapped bytes don't open with this key, for this account and generation.
    #[error("the wrapped key doesn't open")]
    Unwrap(#[from] crate::seal::SealError),
    /// A box's public key that shares a secret with everybody (a point of low order).
    #[error("a weak public key")]
    WeakPublicKey,
}

#[cfg(test)]
mod tests;
