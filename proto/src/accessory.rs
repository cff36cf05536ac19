//! An accessory as the account's registry at the cloud keeps it: sealed, so that each device of the account can
//! connect to it, and the cloud learns neither which it is nor its key.
//!
//! Plaintext: one CBOR map, a byte 0x80, zeros up to a multiple of [`PADDED`] bytes (ISO/IEC 7816-4), so that the
//! length doesn't tell a name. It is sealed as a record ([`crate::seal::seal_record`]) of the collection
//! [`ACCESSORIES`], under its opaque id and key epoch. The revision is inside: a cloud that plays an older record back
//! can't pass it for a newer one. That an accessory was unpaired is a record too; a record that is missing says
//! nothing.

use crate::cbor::Malformed;
use crate::id::{AccessoryId, AccountId};
use crate::keys::random;
use crate::padding::{pad, unpad};
use crate::seal::{RecordIds, SealError, open_record, seal_record_with};
use crate::secret::Secret;
use crate::steps::ACCESSORIES;

/// Plaintexts are padded to a multiple of this, bytes.
pub const PADDED: usize = 512;
/// The longest sealed record, bytes.
pub const MAX_SEALED_ACCESSORY: usize = 4096;
/// What [`crate::seal::seal_record`] adds: version, salt, commitment, tag.
const OVERHEAD: usize = 1 + 32 + 16 + 16;
/// The kind of record in the associated data.
const KIND: &str = "accessory";

/// What a record is bound to: sealed bytes open for these alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccessoryIds {
    /// The account.
    pub account: AccountId,
    /// The accessory, which is the record's id too.
    pub accessory: AccessoryId,
    /// Whose key it is sealed with.
    pub key_epoch: u64,
}

/// A record of the registry.
#[derive(Debug)]
pub struct AccessoryRecord {
    /// Counts the changes of this accessory, from 1.
    pub revision: u64,
    /// When it was changed: seconds since the epoch, by the wall clock of the device that did.
    pub changed_at: u64,
    /// The accessory; `None`: it was unpaired, for good.
    pub accessory: Option<SharedAccessory>,
}

crate::cbor_map! {
    /// What another device of the account needs to connect.
    #[derive(Debug)]
    pub struct SharedAccessory {
        /// Its kind, as `Accessory.Kind` names it.
        pub kind: String,
        /// Its Bluetooth address, `AA:BB:CC:DD:EE:FF`.
        pub address: String,
        /// The name it advertises.
        pub name: String,
        /// Its serial number, or empty.
        pub serial: String,
        /// The key of its pairing, where it has one.
        pub key: Option<Secret<Vec<u8>>>,
    }

    struct Content {
        revision: u64,
        changed_at: u64,
        accessory: Option<Secret<Vec<u8>>>,
    }
}

/// A record that can't be sealed or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccessoryRecordError {
    /// Another account, accessory, epoch or key, or a changed byte.
    #[error("the record doesn't open")]
    Sealed(#[from] SealError),
    /// What was sealed is no record of an accessory.
    #[error("not a record of an accessory")]
    Malformed,
    /// Over [`MAX_SEALED_ACCESSORY`] once sealed.
    #[error("the record is too long")]
    TooLong,
}

impl From<Malformed> for AccessoryRecordError {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

impl AccessoryIds {
    fn record(&self) -> RecordIds<'_> {
        RecordIds {
            account: self.account,
            collection: ACCESSORIES,
            id: self.accessory.as_bytes(),
            kind: KIND,
            key_epoch: self.key_epoch,
        }
    }
}

impl AccessoryRecord {
    /// Seals it under the collection's key of the epoch in `ids`.
    ///
    /// # Errors
    /// [`AccessoryRecordError::TooLong`].
    pub fn seal(&self, key: &Secret<[u8; 32]>, ids: &AccessoryIds) -> Result<Vec<u8>, AccessoryRecordError> {
        self.seal_with(key, ids, &random())
    }

    /// As [`AccessoryRecord::seal`] with a given salt, which must never be used twice under one key.
    pub(crate) fn seal_with(
        &self,
        key: &Secret<[u8; 32]>,
        ids: &AccessoryIds,
        salt: &[u8; 32],
    ) -> Result<Vec<u8>, AccessoryRecordError> {
        let plaintext = self.plaintext();
        if plaintext.expose().len() + OVERHEAD > MAX_SEALED_ACCESSORY {
            return Err(AccessoryRecordError::TooLong);
        }
        Ok(seal_record_with(key, &ids.record(), plaintext.expose(), salt))
    }

    /// Opens what [`AccessoryRecord::seal`] sealed for the same ids.
    ///
    /// # Errors
    /// [`AccessoryRecordError`].
    pub fn open(
        key: &Secret<[u8; 32]>,
        ids: &AccessoryIds,
        sealed: &[u8],
    ) -> Result<Self, AccessoryRecordError> {
        if sealed.len() > MAX_SEALED_ACCESSORY {
            return Err(AccessoryRecordError::TooLong);
        }
        Self::read(open_record(key, &ids.record(), sealed)?.expose())
    }

    /// What is sealed: content and padding.
    pub(crate) fn plaintext(&self) -> Secret<Vec<u8>> {
        let inner = |accessory: &SharedAccessory| Secret::new(accessory.encode());
        let content = Content {
            revision: self.revision,
            changed_at: self.changed_at,
            accessory: self.accessory.as_ref().map(inner),
        };
        let bytes = content.encode();
        let length = (bytes.len() + 1).next_multiple_of(PADDED);
        pad(bytes, length)
    }

    fn read(plaintext: &[u8]) -> Result<Self, AccessoryRecordError> {
        let content = unpad(plaintext).map_err(|_| AccessoryRecordError::Malformed)?;
        if (content.len() + 1).next_multiple_of(PADDED) != plaintext.len() {
            return Err(AccessoryRecordError::Malformed);
        }
        let content = Content::decode(content)?;
        let inner = |bytes: Secret<Vec<u8>>| SharedAccessory::decode(bytes.expose());
        Ok(Self {
            revision: content.revision,
            changed_at: content.changed_at,
            accessory: content.accessory.map(inner).transpose()?,
        })
    }
}

#[cfg(test)]
mod tests;
