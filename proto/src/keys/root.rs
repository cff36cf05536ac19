//! The account root and the keys below it.

use super::{BoxKey, KeyError, SigningKey, WrapKey, hkdf, random};
use crate::id::AccountId;
use crate::seal::{self, SealError};
use crate::secret::Secret;

/// 32 random bytes that an account is made of; in memory only while a ticket lives.
#[derive(Debug)]
pub struct Root(Secret<[u8; 32]>);

impl Root {
    /// A fresh one.
    pub fn generate() -> Self {
        Self(Secret::new(random()))
    }

    /// From its bytes.
    pub fn from_bytes(bytes: Secret<[u8; 32]>) -> Self {
        Self(bytes)
    }

    /// Its bytes, to store them sealed.
    pub fn bytes(&self) -> &Secret<[u8; 32]> {
        &self.0
    }

    /// The owner's key: everything a device obeys chains to it.
    pub fn owner_key(&self) -> SigningKey {
        SigningKey::from_seed(&hkdf(self.0.expose(), b"", b"belay/owner-signing/1"))
    }

    /// The box that devices write reports to and can't read from.
    pub fn report_box(&self) -> BoxKey {
        BoxKey::from_secret(&hkdf(self.0.expose(), b"", b"belay/report-box/1"))
    }

    /// The key that seals the keyring.
    pub fn keyring_key(&self) -> Secret<[u8; 32]> {
        hkdf(self.0.expose(), b"", b"belay/keyring/1")
    }

    /// The root under a wrap key, for one account and one generation of its credentials.
    pub fn wrap(&self, key: &WrapKey, account: &AccountId, generation: u64) -> Vec<u8> {
        self.wrap_with(key, account, generation, &random())
    }

    /// As [`Root::wrap`] with a given nonce, which must never be used twice under one key.
    pub(crate) fn wrap_with(
        &self,
        key: &WrapKey,
        account: &AccountId,
        generation: u64,
        nonce: &[u8; 12],
    ) -> Vec<u8> {
        seal::wrap_with(
            key.secret(),
            &associated(account, generation),
            self.0.expose(),
            nonce,
        )
    }

    /// Opens what [`Root::wrap`] made for the same account and generation.
    ///
    /// # Errors
    /// [`KeyError::Unwrap`] for another key, account or generation, or a changed byte.
    pub fn unwrap(
        key: &WrapKey,
        account: &AccountId,
        generation: u64,
        wrapped: &[u8],
    ) -> Result<Self, KeyError> {
        let bytes = seal::unwrap(key.secret(), &associated(account, generation), wrapped)?;
        let bytes = bytes
            .expose()
            .as_slice()
            .try_into()
            .map_err(|_| SealError::Malformed)?;
        Ok(Self(Secret::new(bytes)))
    }
}

/// The key of one collection in one key epoch.
pub fn collection_key(data_root: &Secret<[u8; 32]>, name: &str) -> Secret<[u8; 32]> {
    hkdf(
        data_root.expose(),
        b"",
        format!("belay/collection/1/{name}").as_bytes(),
    )
}

fn associated(account: &AccountId, generation: u64) -> Vec<u8> {
    [account.as_bytes().as_slice(), &generation.to_be_bytes()].concat()
}
