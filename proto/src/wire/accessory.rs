//! The account's registry of accessories: sealed records that the cloud can't read.

use serde::{Deserialize, Serialize};

use super::Bytes;
use crate::id::AccessoryId;

/// Records in one answer at most.
pub const ACCESSORIES_PAGE: usize = 100;

/// `PUT /v1/accessories/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessoryRequest {
    /// The revision that this one takes the place of; 0 = there was none.
    pub base: u64,
    /// Its own, above `base`, which is in the sealed record too.
    pub revision: u64,
    /// Whether it says that the accessory was unpaired.
    pub removed: bool,
    /// The key epoch it is sealed in.
    pub key_epoch: u64,
    /// The record ([`crate::accessory`]), at most [`crate::accessory::MAX_SEALED_ACCESSORY`] bytes.
    pub sealed: Bytes,
}

/// `GET /v1/accessories`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessoriesAnswer {
    /// What changed after the number that was asked for, oldest change first.
    pub accessories: Vec<AccessoryEntry>,
    /// What to ask for after next time, once these are stored.
    pub last: u64,
    /// Whether there is more.
    pub more: bool,
}

/// A record of the registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessoryEntry {
    /// The accessory's opaque id.
    pub id: AccessoryId,
    /// Its revision, which is in the sealed record too.
    pub revision: u64,
    /// Whether the sealed record says that the accessory was unpaired.
    pub removed: bool,
    /// The key epoch it is sealed in.
    pub key_epoch: u64,
    /// The record.
    pub sealed: Bytes,
}
