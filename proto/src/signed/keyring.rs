//! The keyring: the keys that read the account's data.

use zeroize::Zeroize as _;

use super::{Signed, SignedError, object};
use crate::cbor::{Item, Malformed, Value};
use crate::id::{AccountId, DeviceId};
use crate::keys::{BoxKey, BoxPublicKey, PublicKey, Root, SigningKey, collection_key, random, seal_to};
use crate::seal::{self, SealError};
use crate::secret::Secret;

crate::cbor_map! {
    /// Signed by the owner key, sealed under the root.
    #[derive(Debug)]
    pub struct Keyring {
        /// The account.
        pub account: AccountId,
        /// The credentials' generation it was written with.
        pub generation: u64,
        /// The data root of each key epoch, oldest first.
        pub data_roots: EpochKeys,
        /// For record and blob ids; never rotates.
        pub index_key: Secret<[u8; 32]>,
        /// Devices that were removed from the account, the newest last, [`MOST_REMOVED`] at most; absent: none. Whoever opens the
        /// keyring seals nothing to them, though a cloud brings their certificates back.
        pub removed: Option<Vec<DeviceId>>,
    }
}

object!(Keyring, b"belay-keyring/1\0");

/// So many removed devices are remembered, in a keyring and by a warden; beyond, the oldest are forgotten. Each box has all of them.
pub const MOST_REMOVED: usize = 64;

/// So many key epochs an account's owner makes at most: what a device keeps of them, the keyring of a hold beside its own, has to fit a
/// file of its warden's. An account that removes a device every week comes there after some years.
pub const MOST_EPOCHS: usize = 200;

/// No key epoch is as high: a cloud takes nothing in one, and a warden makes none.
pub const EPOCHS_END: u64 = 1 << 31;

/// From here on a cloud's count of key epochs is no honest one's: whoever followed it would have too few numbers left. Below, one lie
/// leaves more of them than an owner ever makes.
pub const COUNTED_END: u64 = EPOCHS_END - (1 << 20);

/// Whether a key epoch follows this one.
#[must_use]
pub const fn epoch_follows(key_epoch: u64) -> bool {
    key_epoch < EPOCHS_END - 1
}

/// (key epoch, key) pairs with rising epochs: the data roots of a keyring, or the keys of a collection.
#[derive(Debug)]
pub struct EpochKeys(Vec<(u64, Secret<[u8; 32]>)>);

/// A sealed keyring doesn't open.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// Another root, account or generation, or changed bytes.
    #[error("the keyring doesn't open")]
    Seal(#[from] SealError),
    /// What was sealed isn't a keyring that this owner signed.
    #[error("the keyring isn't the owner's")]
    Signed(#[from] SignedError),
    /// It names another account or generation than it was sealed for.
    #[error("the keyring is another account's")]
    Foreign,
}

impl Keyring {
    /// A new account's keyring: one data root in key epoch 1, and an index key.
    pub fn generate(account: AccountId, generation: u64) -> Self {
        Self::generate_after(account, generation, 0)
    }

    /// Keys of nothing that was, for an account whose keys before can't be had: one data root in the key epoch after
    /// `key_epoch`, and another index key.
    #[must_use]
    pub fn generate_after(account: AccountId, generation: u64, key_epoch: u64) -> Self {
        let data_roots = EpochKeys(vec![(key_epoch.saturating_add(1), Secret::new(random()))]);
        Self {
            account,
            generation,
            data_roots,
            index_key: Secret::new(random()),
            removed: None,
        }
    }

    /// The devices that were removed from the account, as far as the keyring knows.
    #[must_use]
    pub fn removed(&self) -> &[DeviceId] {
        self.removed.as_deref().unwrap_or_default()
    }

    /// The same keyring, which knows that this device was removed, after all others.
    #[must_use]
    pub fn without(self, device: DeviceId) -> Self {
        let mut removed = self.removed().to_vec();
        removed.retain(|other| *other != device);
        removed.push(device);
        self.naming(removed)
    }

    /// The same keyring, which knows of these removals too, oldest first. They count as older than its own: where there are too many
    /// of them, they are the ones to be forgotten.
    #[must_use]
    pub fn remembering(self, removed: &[DeviceId]) -> Self {
        let own = self.removed().to_vec();
        let others = removed.iter().filter(|device| !own.contains(device)).copied();
        let all = others.chain(own.iter().copied()).collect();
        self.naming(all)
    }

    /// The same keyring, in which this device is none that was removed.
    #[must_use]
    pub fn with_device(self, device: DeviceId) -> Self {
        let mut removed = self.removed().to_vec();
        removed.retain(|other| *other != device);
        self.naming(removed)
    }

    fn naming(mut self, mut removed: Vec<DeviceId>) -> Self {
        removed.drain(..removed.len().saturating_sub(MOST_REMOVED));
        self.removed = (!removed.is_empty()).then_some(removed);
        self
    }

    /// The same keyring, with the data roots of `other`'s key epochs that it lacks: what was sealed under them stays readable. Of an
    /// epoch that both have, its own. Nothing of another account's, or of one whose keys began anew.
    #[must_use]
    pub fn with_roots_of(mut self, other: &Self) -> Self {
        if self.is_of_the_same_keys(other) {
            let lacks = |(epoch, _): &&(u64, Secret<[u8; 32]>)| self.data_roots.get(*epoch).is_none();
            let lacking = other.data_roots.iter().filter(lacks);
            let lacking: Vec<_> = lacking.map(|(epoch, root)| (*epoch, root.duplicate())).collect();
            self.data_roots.0.extend(lacking);
            self.data_roots.0.sort_by_key(|(epoch, _)| *epoch);
        }
        self
    }

    /// What a device goes on with that had this keyring once `newer` comes: all of its own keys, with those that it lacks. Under a number
    /// of which both have a key this device has written with its own, and there may be no other place where that one is. Of another
    /// account's, or of keys that began anew, the newer one alone. The removals of both, the newer one's as the newer ones.
    #[must_use]
    pub fn followed_by(&self, newer: &Self) -> Self {
        let both = match self.is_of_the_same_keys(newer) {
            true => self.for_generation(newer.generation).with_roots_of(newer),
            false => newer.for_generation(newer.generation),
        };
        let removed = newer
            .for_generation(newer.generation)
            .remembering(self.removed())
            .removed;
        Self { removed, ..both }
    }

    /// Whether it has the newest key epoch of `other`, and lacks older ones that `other` has.
    #[must_use]
    pub fn lacks_roots_of(&self, other: &Self) -> bool {
        let lacks = |(epoch, _): &(u64, Secret<[u8; 32]>)| self.data_roots.get(*epoch).is_none();
        self.is_of_the_same_keys(other)
            && self.key_epoch() == other.key_epoch()
            && self.newest_root() == other.newest_root()
            && other.data_roots.iter().any(lacks)
    }

    /// Whether the newest key epoch of both has one number, and two keys: what is sealed under it there, nobody reads here.
    #[must_use]
    pub fn is_split_from(&self, other: &Self) -> bool {
        self.account == other.account
            && self.key_epoch() == other.key_epoch()
            && self.newest_root() != other.newest_root()
    }

    fn is_of_the_same_keys(&self, other: &Self) -> bool {
        self.account == other.account && self.index_key.expose() == other.index_key.expose()
    }

    /// Whether `other` is the newer of two keyrings of an account, or another one of the same key epoch.
    #[must_use]
    pub fn gives_way_to(&self, other: &Self) -> bool {
        self.account == other.account && (self.key_epoch() < other.key_epoch() || self.is_split_from(other))
    }

    /// Whether no further key epoch is made for it: see [`MOST_EPOCHS`] and [`EPOCHS_END`].
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.data_roots.0.len() >= MOST_EPOCHS || !epoch_follows(self.key_epoch())
    }

    fn newest_root(&self) -> Option<&[u8; 32]> {
        self.data_roots.newest().map(|(_, root)| root.expose())
    }

    /// The newest key epoch; 0 for an empty keyring.
    pub fn key_epoch(&self) -> u64 {
        self.data_roots.newest().map_or(0, |(epoch, _)| *epoch)
    }

    /// The keys of collection `name`, one a key epoch.
    #[must_use]
    pub fn collection_keys(&self, name: &str) -> EpochKeys {
        let key = |(epoch, root): &(u64, Secret<[u8; 32]>)| (*epoch, collection_key(root, name));
        EpochKeys(self.data_roots.iter().map(key).collect())
    }

    /// Signs with the root's owner key and seals under the root's keyring key.
    pub fn seal(&self, root: &Root) -> Vec<u8> {
        self.seal_with(root, &random())
    }

    /// As [`Keyring::seal`] with a given nonce, which must never be used twice under one root.
    pub(crate) fn seal_with(&self, root: &Root, nonce: &[u8; 12]) -> Vec<u8> {
        let mut signed = Signed::seal(self, &root.owner_key());
        let bytes = Secret::new(signed.encode());
        signed.payload.zeroize();
        seal::wrap_with(
            &root.keyring_key(),
            &associated(&self.account, self.generation),
            bytes.expose(),
            nonce,
        )
    }

    /// Opens and verifies a sealed keyring.
    ///
    /// # Errors
    /// [`KeyringError`].
    pub fn open(
        root: &Root,
        account: &AccountId,
        generation: u64,
        sealed: &[u8],
    ) -> Result<Self, KeyringError> {
        let bytes = seal::unwrap(&root.keyring_key(), &associated(account, generation), sealed)?;
        let mut signed = Signed::decode(bytes.expose()).map_err(SignedError::from)?;
        let keyring = signed.open::<Self>(&root.owner_key().public());
        signed.payload.zeroize();
        let keyring = keyring?;
        match keyring.account == *account && keyring.generation == generation {
            true => Ok(keyring),
            false => Err(KeyringError::Foreign),
        }
    }
}

impl Keyring {
    /// The same keys with one more key epoch, for `generation`.
    #[must_use]
    pub fn with_new_epoch(&self, generation: u64) -> Self {
        self.with_epoch_after(generation, self.key_epoch())
    }

    /// The same keys with the key epoch after `key_epoch`, or after their own where that is higher, for `generation`.
    #[must_use]
    pub fn with_epoch_after(&self, generation: u64, key_epoch: u64) -> Self {
        let mut next = self.for_generation(generation);
        let epoch = self.key_epoch().max(key_epoch).saturating_add(1);
        next.data_roots.0.push((epoch, Secret::new(random())));
        next
    }

    /// The same keys, for `generation`.
    #[must_use]
    pub fn for_generation(&self, generation: u64) -> Self {
        Self {
            account: self.account,
            generation,
            data_roots: self.data_roots.duplicate(),
            index_key: self.index_key.duplicate(),
            removed: self.removed.clone(),
        }
    }

    /// Signs with the owner key and seals to a device's box, so that the device reads it without a password. The generation is
    /// in what is sealed.
    #[must_use]
    pub fn seal_to(&self, owner: &SigningKey, to: &BoxPublicKey) -> Vec<u8> {
        self.boxed_by(owner, |aad, bytes| seal_to(to, aad, bytes))
    }

    /// As [`Keyring::seal_to`] with a given ephemeral key, which must never be used twice.
    #[cfg(test)]
    pub(crate) fn seal_from(&self, owner: &SigningKey, ephemeral: &BoxKey, to: &BoxPublicKey) -> Vec<u8> {
        self.boxed_by(owner, |aad, bytes| {
            crate::keys::seal_from(ephemeral, to, aad, bytes)
        })
    }

    fn boxed_by(&self, owner: &SigningKey, seal: impl FnOnce(&[u8], &[u8]) -> Vec<u8>) -> Vec<u8> {
        let mut signed = Signed::seal(self, owner);
        let bytes = Secret::new(signed.encode());
        signed.payload.zeroize();
        seal(&boxed(&self.account), bytes.expose())
    }

    /// Opens and verifies what [`Keyring::seal_to`] made.
    ///
    /// # Errors
    /// [`KeyringError`].
    pub fn open_boxed(
        key: &BoxKey,
        owner: &PublicKey,
        account: &AccountId,
        sealed: &[u8],
    ) -> Result<Self, KeyringError> {
        let bytes = key.open(&boxed(account), sealed)?;
        let mut signed = Signed::decode(bytes.expose()).map_err(SignedError::from)?;
        let keyring = signed.open::<Self>(owner);
        signed.payload.zeroize();
        match keyring? {
            keyring if keyring.account == *account => Ok(keyring),
            _ => Err(KeyringError::Foreign),
        }
    }
}

impl EpochKeys {
    fn duplicate(&self) -> Self {
        Self(
            self.0
                .iter()
                .map(|(epoch, key)| (*epoch, key.duplicate()))
                .collect(),
        )
    }

    /// From pairs.
    ///
    /// # Errors
    /// [`Malformed`] unless the epochs rise.
    pub fn new(pairs: Vec<(u64, Secret<[u8; 32]>)>) -> Result<Self, Malformed> {
        match pairs
            .windows(2)
            .all(|pair| matches!(pair, [(a, _), (b, _)] if a < b))
        {
            true => Ok(Self(pairs)),
            false => Err(Malformed::new("key epochs out of order")),
        }
    }

    /// The pair of the newest epoch.
    pub fn newest(&self) -> Option<&(u64, Secret<[u8; 32]>)> {
        self.0.last()
    }

    /// The key of an epoch.
    pub fn get(&self, epoch: u64) -> Option<&Secret<[u8; 32]>> {
        self.0
            .iter()
            .find(|(known, _)| *known == epoch)
            .map(|(_, key)| key)
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        u64::try_from(self.0.len()).unwrap_or(u64::MAX)
    }

    /// All pairs, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &(u64, Secret<[u8; 32]>)> {
        self.0.iter()
    }
}

/// An array of `[epoch, key]`.
impl Item for EpochKeys {
    fn to_value(&self) -> Value {
        Value::Array(
            self.0
                .iter()
                .map(|(epoch, key)| Value::Array(vec![epoch.to_value(), key.to_value()]))
                .collect(),
        )
    }

    fn from_value(value: Value) -> Result<Self, Malformed> {
        let mut pairs = Vec::new();
        for pair in Vec::<Value>::from_value(value)? {
            let pair = Vec::<Value>::from_value(pair)?;
            let [epoch, key] =
                <[Value; 2]>::try_from(pair).map_err(|_| Malformed::new("expected an epoch and a key"))?;
            pairs.push((u64::from_value(epoch)?, Secret::from_value(key)?));
        }
        Self::new(pairs)
    }
}

fn boxed(account: &AccountId) -> Vec<u8> {
    [b"belay/keyring-box/1".as_slice(), account.as_bytes()].concat()
}

fn associated(account: &AccountId, generation: u64) -> Vec<u8> {
    [account.as_bytes().as_slice(), &generation.to_be_bytes()].concat()
}
