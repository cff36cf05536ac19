//! The keys that belayd seals the account's records with.

use crate::secret::Secret;
use crate::signed::EpochKeys;

/// The keys of a collection while the device is bound and not lost: [`CollectionKeysInput`] →
/// [`CollectionKeysOutput`]. Needs no ticket beyond the binding; neither root nor keyring leaves the warden.
pub const COLLECTION_KEYS: &str = "collection-keys";

/// The account's registry of accessories.
pub const ACCESSORIES: &str = "accessories";

/// The collections that are synced, as `Collection.Name` has them, in the order in which a new device restores them: what
/// is small and missed first.
pub const SYNCED: [&str; 9] = [
    "contacts",
    "calendars",
    "notes",
    "messages",
    "calls",
    "health",
    "documents",
    "pictures",
    "videos",
];

crate::cbor_map! {
    /// Into [`COLLECTION_KEYS`].
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct CollectionKeysInput {
        /// Which: [`ACCESSORIES`] or one of [`SYNCED`].
        pub collection: String,
    }

    /// Out of [`COLLECTION_KEYS`].
    #[derive(Debug)]
    pub struct CollectionKeysOutput {
        /// The collection's key in each key epoch, 32 B each, the newest last.
        pub keys: EpochKeys,
        /// The collection's index key ([`crate::sync::index_key`]).
        pub index: Secret<[u8; 32]>,
    }
}
