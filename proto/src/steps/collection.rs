//! The keys that belayd seals the account's records with.

use crate::signed::EpochKeys;

/// The keys of a collection while the device is bound and not lost: [`CollectionKeysInput`] →
/// [`CollectionKeysOutput`]. Needs no ticket beyond the binding; neither root nor keyring leaves the warden.
pub const COLLECTION_KEYS: &str = "collection-keys";

/// The account's registry of accessories: the one collection whose keys are given out.
pub const ACCESSORIES: &str = "accessories";

crate::cbor_map! {
    /// Into [`COLLECTION_KEYS`].
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct CollectionKeysInput {
        /// Which: [`ACCESSORIES`].
        pub collection: String,
    }

    /// Out of [`COLLECTION_KEYS`].
    #[derive(Debug)]
    pub struct CollectionKeysOutput {
        /// The collection's key in each key epoch, 32 B each, the newest last.
        pub keys: EpochKeys,
    }
}
