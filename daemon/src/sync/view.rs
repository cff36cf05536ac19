//! What is shown of sync.

use std::collections::BTreeMap;

use belay_proto::steps::SYNCED;
use belay_proto::wire::Quota;

use super::model::{Paused, Phase, Policy};

/// What the bus shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// The device is an account's: there are collections. Not on the bus.
    pub bound: bool,
    /// What sync is doing.
    pub phase: Phase,
    /// What pauses it, where it is paused.
    pub paused_by: Option<Paused>,
    /// Bytes done, and in all.
    pub progress: (u64, u64),
    /// Seconds since the epoch; 0: never.
    pub last_sync: u64,
    /// The name of an error, without its prefix, or empty.
    pub last_error: &'static str,
    /// The account's bytes, as the cloud last told.
    pub quota: Quota,
    /// When to sync.
    pub policy: Policy,
    /// What the owner is asked.
    pub question: Option<Question>,
    /// Every collection that can be synced, by its name.
    pub collections: BTreeMap<&'static str, CollectionView>,
}

impl Default for View {
    fn default() -> Self {
        Self {
            bound: false,
            phase: Phase::Unknown,
            paused_by: None,
            progress: (0, 0),
            last_sync: 0,
            last_error: "",
            quota: Quota::default(),
            policy: Policy::default(),
            question: None,
            collections: SYNCED
                .into_iter()
                .map(|name| (name, CollectionView::default()))
                .collect(),
        }
    }
}

/// What the owner is asked: whether so many records go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// For `Confirm`; another question has another.
    pub id: String,
    /// The collection.
    pub collection: &'static str,
    /// Records that would go.
    pub removed: u64,
    /// Of so many.
    pub present: u64,
    /// They were removed on another device; else on this one.
    pub from_cloud: bool,
}

/// What the bus shows of a collection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CollectionView {
    /// Whether it is synced.
    pub enabled: bool,
    /// Records that are there.
    pub records: u64,
    /// Their contents, bytes.
    pub bytes: u64,
    /// Records that the cloud has yet to get.
    pub pending: u64,
    /// Records that wait for the owner's choice.
    pub conflicts: u64,
    /// Records of the cloud that don't open here.
    pub unopened: u64,
}
