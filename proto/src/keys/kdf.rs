//! From a password to keys: Argon2id (RFC 9106) and what HKDF makes of it.

use argon2::{Algorithm, Argon2, Params, Version};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroize;

use super::{KeyError, SigningKey, WrapKey, hkdf, sha256};
use crate::cbor::{Item, Malformed, MapReader, MapWriter, Value};
use crate::secret::Secret;

/// Argon2id's parameters, kept with the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KdfParameters {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub iterations: u32,
    /// Lanes.
    pub parallelism: u32,
}

/// Why parameters are refused: a cloud that lies about them must neither weaken the derivation nor
/// exhaust the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KdfRefused {
    /// Weaker than [`KdfParameters::FLOOR`].
    #[error("below the floor")]
    BelowFloor,
    /// Weaker than what this account had before.
    #[error("below what was seen for this account")]
    BelowSeen,
    /// More than [`KdfParameters::CEILING`].
    #[error("above the ceiling")]
    AboveCeiling,
}

impl KdfParameters {
    /// For new accounts: 64 MiB, 3 passes, 1 lane.
    pub const DEFAULT: Self = Self {
        memory_kib: 65_536,
        iterations: 3,
        parallelism: 1,
    };
    /// Nothing below is used: 19 MiB, 2 passes, 1 lane.
    pub const FLOOR: Self = Self {
        memory_kib: 19_456,
        iterations: 2,
        parallelism: 1,
    };
    /// Nothing above is used: 512 MiB, 10 passes, 4 lanes.
    pub const CEILING: Self = Self {
        memory_kib: 524_288,
        iterations: 10,
        parallelism: 4,
    };

    /// Judges parameters that somebody else named. `seen` are the strongest ones known for the account.
    ///
    /// # Errors
    /// [`KdfRefused`] says which bound is broken. Lanes aren't compared with `seen`: they divide the
    /// work, they don't add to it.
    pub fn check(&self, seen: Option<&Self>) -> Result<(), KdfRefused> {
        if self.below(&Self::FLOOR) || self.parallelism < Self::FLOOR.parallelism {
            return Err(KdfRefused::BelowFloor);
        }
        let ceiling = Self::CEILING;
        if self.memory_kib > ceiling.memory_kib
            || self.iterations > ceiling.iterations
            || self.parallelism > ceiling.parallelism
        {
            return Err(KdfRefused::AboveCeiling);
        }
        match seen {
            Some(seen) if self.below(seen) => Err(KdfRefused::BelowSeen),
            _ => Ok(()),
        }
    }

    /// Nothing weaker than either: what a new password is derived with. The lanes are `self`'s.
    #[must_use]
    pub fn at_least(&self, other: &Self) -> Self {
        Self {
            memory_kib: self.memory_kib.max(other.memory_kib),
            iterations: self.iterations.max(other.iterations),
            parallelism: self.parallelism,
        }
    }

    fn below(&self, other: &Self) -> bool {
        self.memory_kib < other.memory_kib || self.iterations < other.iterations
    }
}

impl Item for KdfParameters {
    fn to_value(&self) -> Value {
        MapWriter::new()
            .put("memory_kib", &self.memory_kib)
            .put("iterations", &self.iterations)
            .put("parallelism", &self.parallelism)
            .into_value()
    }

    fn from_value(value: Value) -> Result<Self, Malformed> {
        let mut map = MapReader::of(value)?;
        let parameters = Self {
            memory_kib: map.take("memory_kib")?,
            iterations: map.take("iterations")?,
            parallelism: map.take("parallelism")?,
        };
        map.finish()?;
        Ok(parameters)
    }
}

/// What Argon2id made of a password; in the warden's memory only, while a ticket lives.
#[derive(Debug)]
pub struct Master(Secret<[u8; 32]>);

impl Master {
    /// Argon2id, version 0x13, 32 bytes, over the password in Unicode's NFKC, so that the same typed
    /// password gives the same bytes from every keyboard.
    ///
    /// # Errors
    /// [`KeyError::Parameters`] before any work when they are out of bounds, [`KeyError::Derivation`].
    pub fn derive(
        password: &Secret<String>,
        salt: &[u8; 16],
        parameters: &KdfParameters,
    ) -> Result<Self, KeyError> {
        parameters.check(None)?;
        let params = Params::new(
            parameters.memory_kib,
            parameters.iterations,
            parameters.parallelism,
            Some(32),
        )
        .map_err(|_| KeyError::Derivation)?;
        let password = nfkc(password);
        let mut master = [0; 32];
        let outcome = Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into(
            password.expose().as_bytes(),
            salt,
            &mut master,
        );
        let secret = Secret::new(master);
        master.zeroize();
        outcome.map_err(|_| KeyError::Derivation)?;
        Ok(Self(secret))
    }

    /// The key that signs the cloud's login challenge.
    pub fn login_key(&self) -> SigningKey {
        SigningKey::from_seed(&hkdf(self.0.expose(), b"", b"belay/login/1"))
    }

    /// The key that wraps the account root; needs the cloud's share too, so that a stolen device
    /// can't guess at the root offline.
    pub fn wrap_key(&self, share: &Secret<[u8; 32]>) -> WrapKey {
        let ikm = Secret::new([*self.0.expose(), *share.expose()].concat());
        WrapKey::new(hkdf(ikm.expose(), b"", b"belay/wrap/1"))
    }

    /// What the warden compares offline.
    pub fn verify(&self) -> Secret<[u8; 32]> {
        hkdf(self.0.expose(), b"", b"belay/verify/1")
    }

    /// SHA-256 of [`Master::verify`]: the part of it that a credentials record tells.
    pub fn verify_digest(&self) -> [u8; 32] {
        sha256(self.verify().expose())
    }

    #[cfg(test)]
    pub(crate) fn bytes(&self) -> &Secret<[u8; 32]> {
        &self.0
    }
}

/// A password in Unicode's NFKC, as the key derivation sees it.
#[must_use]
pub fn nfkc(password: &Secret<String>) -> Secret<String> {
    // Enough room from the start: a buffer that grows leaves copies of its beginning behind. The
    // longest NFKC expansion is 18 times (UAX #15 §12).
    let mut normal = String::with_capacity(password.expose().len() * 18);
    normal.extend(password.expose().nfkc());
    Secret::new(normal)
}
