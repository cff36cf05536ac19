//! Proxies of the sync's interfaces.

use std::collections::HashMap;

use zbus::{Fd, OwnedFd};

use super::{Details, Options};
use crate::dbus::{Error, SyncState};

/// A row of `Collection.List`: id, revision, attributes. [`super::super::records::Listed`] reads it.
pub type RecordEntry = (String, u64, Details);

/// `org.belay1.Sync`.
#[zbus::proxy(
    interface = "org.belay1.Sync",
    default_service = "org.belay1",
    default_path = "/org/belay1/sync"
)]
pub trait Sync {
    /// What it is doing.
    #[zbus(property)]
    fn state(&self) -> Result<SyncState, Error>;

    /// What pauses it: `owner`, `metered`, `roaming`, `battery`; empty where it isn't paused.
    #[zbus(property)]
    fn paused_by(&self) -> Result<String, Error>;

    /// Bytes done, and in all; zeros where nothing is under way.
    #[zbus(property)]
    fn progress(&self) -> Result<(u64, u64), Error>;

    /// When it last ended well: seconds since the epoch; 0 never.
    #[zbus(property)]
    fn last_sync(&self) -> Result<u64, Error>;

    /// The name of an error, or empty.
    #[zbus(property)]
    fn last_error(&self) -> Result<String, Error>;

    /// Bytes used at the cloud, and in all.
    #[zbus(property)]
    fn quota(&self) -> Result<(u64, u64), Error>;

    /// `metered`, `roaming`, `battery-floor`.
    #[zbus(property)]
    fn policy(&self) -> Result<Details, Error>;

    /// What waits for `Confirm`: `id`, `collection`, `removed`, `present`, `from-cloud`; or empty.
    #[zbus(property)]
    fn question(&self) -> Result<Details, Error>;

    /// Syncs these collections, all that are on where none is named; answers when done.
    fn sync_now(&self, collections: &[&str], options: &Options<'_>) -> Result<(), Error>;

    /// Stops until `Resume`.
    fn pause(&self, options: &Options<'_>) -> Result<(), Error>;

    /// Goes on.
    fn resume(&self, options: &Options<'_>) -> Result<(), Error>;

    /// Changes when to sync.
    fn set_policy(&self, policy: &Options<'_>, options: &Options<'_>) -> Result<(), Error>;

    /// Answers `Question`.
    fn confirm(&self, question: &str, answer: bool, options: &Options<'_>) -> Result<(), Error>;
}

/// `org.belay1.Collection`. Prefer [`super::super::client::CollectionClient`], which makes the descriptors.
#[zbus::proxy(interface = "org.belay1.Collection", default_service = "org.belay1")]
pub trait Collection {
    /// Which.
    #[zbus(property(emits_changed_signal = "const"))]
    fn name(&self) -> Result<String, Error>;

    /// Whether it is synced.
    #[zbus(property)]
    fn enabled(&self) -> Result<bool, Error>;

    /// How many there are.
    #[zbus(property)]
    fn records(&self) -> Result<u32, Error>;

    /// Their contents' length.
    #[zbus(property)]
    fn bytes(&self) -> Result<u64, Error>;

    /// How many wait for the cloud.
    #[zbus(property)]
    fn pending(&self) -> Result<u32, Error>;

    /// How many need `Resolve`.
    #[zbus(property)]
    fn conflicts(&self) -> Result<u32, Error>;

    /// How many of the cloud's don't open here.
    #[zbus(property)]
    fn unopened(&self) -> Result<u32, Error>;

    /// Turns it on or off.
    fn set_enabled(&self, enabled: bool) -> Result<(), Error>;

    /// A page of records after a position.
    fn list(&self, after: u64, limit: u32) -> Result<Vec<RecordEntry>, Error>;

    /// The ids of what records are by nature.
    fn identify(&self, naturals: &[&str]) -> Result<Vec<String>, Error>;

    /// Those of the records that are known to have been removed.
    fn removed(&self, ids: &[&str], options: &Options<'_>) -> Result<Vec<String>, Error>;

    /// A page of what was removed, after a position.
    fn list_removed(&self, after: u64, limit: u32, options: &Options<'_>) -> Result<Vec<RecordEntry>, Error>;

    /// Stores a record; answers its new revision.
    fn put(
        &self,
        id: &str,
        revision: u64,
        content: Fd<'_>,
        attributes: HashMap<&str, zbus::Variant<'_>>,
    ) -> Result<u64, Error>;

    /// Stores many, from frames.
    fn put_many(&self, records: Fd<'_>) -> Result<(), Error>;

    /// Stores many, from frames; answers id and revision of each.
    fn put_all(&self, records: Fd<'_>, options: &Options<'_>) -> Result<Vec<(String, u64)>, Error>;

    /// Many, as frames.
    fn get_many(&self, ids: &[&str]) -> Result<OwnedFd, Error>;

    /// One record: content, revision, attributes.
    fn get(&self, id: &str) -> Result<(OwnedFd, u64, Details), Error>;

    /// What is left of one record's content.
    fn get_from(&self, id: &str, revision: u64, from: u64) -> Result<OwnedFd, Error>;

    /// Whether a long record says what a content does.
    fn matches(&self, id: &str, revision: u64, content: Fd<'_>, options: &Options<'_>)
    -> Result<bool, Error>;

    /// Deletes a record.
    fn delete(&self, id: &str, revision: u64) -> Result<(), Error>;

    /// Ends a conflict.
    fn resolve(&self, id: &str, choice: &str) -> Result<(), Error>;

    /// Ends a conflict between versions of known revisions; answers id and revision of what is there then.
    fn choose(&self, id: &str, choice: &str, options: &Options<'_>) -> Result<Vec<(String, u64)>, Error>;

    /// Ids of changed and of deleted records.
    #[zbus(signal)]
    fn changed(&self, ids: Vec<String>, removed: Vec<String>) -> Result<(), Error>;
}
