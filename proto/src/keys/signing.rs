//! Ed25519 (RFC 8032), always over a domain prefix and bytes.

use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

use super::{impossible, random, sha256};
use crate::secret::Secret;
use crate::text::{base64url, byte_newtype, from_any_bytes, from_base64url};

byte_newtype!(
    /// An Ed25519 public key; text form base64url, as in a JWK.
    PublicKey, 32, base64url, from_base64url, "43 characters of base64url"
);
from_any_bytes!(PublicKey, 32);

byte_newtype!(
    /// An Ed25519 signature; text form base64url.
    Signature, 64, base64url, from_base64url, "86 characters of base64url"
);
from_any_bytes!(Signature, 64);

/// The signature isn't this key's over these bytes in this domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature doesn't verify")]
pub struct BadSignature;

/// An Ed25519 key pair, kept as its seed.
#[derive(Debug)]
pub struct SigningKey {
    seed: Secret<[u8; 32]>,
    public: PublicKey,
}

impl SigningKey {
    /// From 32 secret bytes.
    pub fn from_seed(seed: &Secret<[u8; 32]>) -> Self {
        let pair = pair(seed);
        let public = PublicKey::try_from(pair.public_key().as_ref()).unwrap_or_else(|_| impossible());
        Self {
            seed: seed.duplicate(),
            public,
        }
    }

    /// A fresh one.
    pub fn generate() -> Self {
        Self::from_seed(&Secret::new(random()))
    }

    /// A deliberate second copy, as [`Secret::duplicate`].
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self {
            seed: self.seed.duplicate(),
            public: self.public,
        }
    }

    /// The seed, to store it sealed.
    pub fn seed(&self) -> &Secret<[u8; 32]> {
        &self.seed
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        self.public
    }

    /// Signs `domain ‖ bytes`. A domain ends with a zero byte, so that no two overlap.
    pub fn sign(&self, domain: &[u8], bytes: &[u8]) -> Signature {
        // The pair isn't kept: ring doesn't overwrite it when it is dropped.
        let signature = pair(&self.seed).sign(&[domain, bytes].concat());
        Signature::try_from(signature.as_ref()).unwrap_or_else(|_| impossible())
    }
}

impl PublicKey {
    /// Verifies a signature over `domain ‖ bytes`.
    ///
    /// # Errors
    /// [`BadSignature`], also for bytes that are no point of the curve.
    pub fn verify(&self, domain: &[u8], bytes: &[u8], signature: &Signature) -> Result<(), BadSignature> {
        UnparsedPublicKey::new(&ED25519, self.as_bytes())
            .verify(&[domain, bytes].concat(), signature.as_bytes())
            .map_err(|_| BadSignature)
    }

    /// RFC 7638 thumbprint of the key as a JWK (RFC 8037 §2): what a DPoP-bound token names.
    pub fn thumbprint(&self) -> [u8; 32] {
        sha256(format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{self}"}}"#).as_bytes())
    }
}

fn pair(seed: &Secret<[u8; 32]>) -> Ed25519KeyPair {
    // ring's only refusal is another length.
    Ed25519KeyPair::from_seed_unchecked(seed.expose()).unwrap_or_else(|_| impossible())
}
