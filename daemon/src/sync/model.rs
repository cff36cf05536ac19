//! What the sync domain is told and tells.

use std::fmt;
use std::os::fd::OwnedFd;

use belay_proto::Secret;
use belay_proto::steps::SYNCED;
use belay_proto::sync::{Attributes, RecordId};

/// The synced collection called `name`.
#[must_use]
pub fn collection(name: &str) -> Option<&'static str> {
    SYNCED.into_iter().find(|known| *known == name)
}

/// Whether what is put into a collection is never said otherwise. Health isn't among these: a day grows, and only the device
/// whose day it is writes it.
#[must_use]
pub fn is_append_only(collection: &str) -> bool {
    matches!(collection, "messages" | "calls")
}

/// When to sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// On metered networks too.
    pub metered: bool,
    /// On a mobile network that isn't the SIM's own too.
    pub roaming: bool,
    /// Not on a battery that isn't charged and has less than this percentage; 0: always.
    pub battery_floor: u8,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            metered: false,
            roaming: false,
            battery_floor: 15,
        }
    }
}

impl Policy {
    /// What it stops sync for now.
    #[must_use]
    pub(super) fn stops(&self, now: &Conditions) -> Option<Paused> {
        if now.metered && !self.metered {
            Some(Paused::Metered)
        } else if now.roaming && !self.roaming {
            Some(Paused::Roaming)
        } else if now.battery.is_some_and(|percent| percent < self.battery_floor) {
            Some(Paused::Battery)
        } else {
            None
        }
    }
}

/// What of the policy changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PolicyChanges {
    /// See [`Policy::metered`].
    pub metered: Option<bool>,
    /// See [`Policy::roaming`].
    pub roaming: Option<bool>,
    /// See [`Policy::battery_floor`]; at most 100.
    pub battery_floor: Option<u8>,
}

/// What the policy looks at; the default is what counts where nobody tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// Whether there is a way to the internet; `None`: nobody knows, so trying is the way to find out.
    pub online: Option<bool>,
    /// Each byte costs money.
    pub metered: bool,
    /// The way is a mobile network that isn't the SIM's own.
    pub roaming: bool,
    /// Percent of a battery that isn't being charged; `None`: it is, or there is none.
    pub battery: Option<u8>,
}

/// What pauses sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paused {
    /// Its owner.
    Owner,
    /// Each byte costs money, and the policy says no.
    Metered,
    /// The network isn't the SIM's own, and the policy says no.
    Roaming,
    /// The battery has less than the policy's floor.
    Battery,
}

impl Paused {
    /// As the property `PausedBy` says it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Metered => "metered",
            Self::Roaming => "roaming",
            Self::Battery => "battery",
        }
    }
}

/// What sync is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Not known yet, or nothing: the device is nobody's.
    #[default]
    Unknown,
    /// All is done.
    Idle,
    /// It syncs.
    Syncing,
    /// By its owner, or by the policy.
    Paused,
    /// The cloud can't be reached.
    Offline,
    /// There is no room left at the cloud.
    QuotaExceeded,
    /// The owner is needed: for an answer to the question, or the password.
    Attention,
}

impl Phase {
    /// As the property `State` says it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Idle => "idle",
            Self::Syncing => "syncing",
            Self::Paused => "paused",
            Self::Offline => "offline",
            Self::QuotaExceeded => "quota-exceeded",
            Self::Attention => "attention",
        }
    }
}

/// A record as it is listed. `Debug` shows nothing of what it says: a natural key is a name or a path.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where to go on.
    pub position: u64,
    /// Its id.
    pub id: RecordId,
    /// Counts the states it had on this device.
    pub revision: u64,
    /// What it is by nature.
    pub natural: String,
    /// A media type.
    pub kind: String,
    /// How long its content is, bytes.
    pub length: u64,
    /// What its source knows of it besides.
    pub attributes: Attributes,
    /// The record that it is another version of, until the owner chooses.
    pub conflict_with: Option<RecordId>,
    /// The cloud lacks a part of its content, and only its source can bring it: by putting it again.
    pub lacking: bool,
    /// When it was changed last, seconds since the epoch by the clock of the device that did.
    pub changed_at: u64,
    /// Its content lies at the cloud alone.
    pub is_long: bool,
}

/// A content to store, in the record. `Debug` shows nothing of what it says.
pub struct Put {
    /// The record; `None`: a new one, whose id follows from `natural`.
    pub id: Option<RecordId>,
    /// The revision that is replaced; 0: new.
    pub revision: u64,
    /// What it is by nature. `None`: that of the record, and a random one for a new record.
    pub natural: Option<String>,
    /// A media type; empty: that of the record.
    pub kind: String,
    /// What its source knows of it besides.
    pub attributes: Attributes,
    /// Where `revision` isn't the present one: keep this one beside it, for the owner to choose.
    pub keep_both: bool,
    /// The content, at most [`belay_sync::compress::LONGEST`] bytes.
    pub body: Secret<Vec<u8>>,
}

/// A content to store, in chunks; the fields are those of [`Put`].
pub struct PutLong {
    /// See [`Put::id`].
    pub id: Option<RecordId>,
    /// See [`Put::revision`].
    pub revision: u64,
    /// See [`Put::natural`].
    pub natural: Option<String>,
    /// See [`Put::kind`].
    pub kind: String,
    /// See [`Put::attributes`].
    pub attributes: Attributes,
    /// See [`Put::keep_both`].
    pub keep_both: bool,
    /// Read to its end, without blocking belayd: a regular file, a memfd or the reading end of a pipe.
    pub content: OwnedFd,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("position", &self.position)
            .field("id", &self.id)
            .field("revision", &self.revision)
            .field("length", &self.length)
            .field("conflict_with", &self.conflict_with)
            .field("lacking", &self.lacking)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Put {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        shown(f, "Put", self.id, self.revision)
    }
}

impl fmt::Debug for PutLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        shown(f, "PutLong", self.id, self.revision)
    }
}

fn shown(f: &mut fmt::Formatter<'_>, what: &str, id: Option<RecordId>, revision: u64) -> fmt::Result {
    f.debug_struct(what)
        .field("id", &id)
        .field("revision", &revision)
        .finish_non_exhaustive()
}

/// The owner's choice between a record and another version of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The sibling: what was made here.
    Mine,
    /// The record.
    Theirs,
    /// Both, as records of their own.
    Both,
}

/// The revisions of two versions that a choice was made between; what isn't said may be any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// Of the sibling.
    pub revision: Option<u64>,
    /// Of the record, 0: it isn't there.
    pub other: Option<u64>,
}

/// A record with its content.
#[derive(Debug)]
pub struct Got {
    /// The record.
    pub entry: Entry,
    /// Its content.
    pub content: Content,
}

/// A content.
#[derive(Debug)]
pub enum Content {
    /// It lay in the record.
    Short(Secret<Vec<u8>>),
    /// The reading end of a pipe that it is fetched into; [`Entry::length`] bytes unless that fails.
    Long(OwnedFd),
}

/// What has changed in a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which collection.
    pub collection: &'static str,
    /// Records that are new or other than before.
    pub ids: Vec<RecordId>,
    /// Records that are gone.
    pub removed: Vec<RecordId>,
}

#[cfg(test)]
mod tests {
    use belay_proto::Secret;
    use belay_proto::sync::{Attributes, RecordId};

    use super::{Content, Entry, Got, Put, PutLong};

    #[test]
    fn nothing_of_what_records_say_gets_into_a_log() {
        let attributes = Attributes([("Ada".to_owned(), "Ada's".to_owned())].into());
        let put = Put {
            id: None,
            revision: 7,
            natural: Some("Ada".to_owned()),
            kind: "text/Ada".to_owned(),
            attributes: attributes.clone(),
            keep_both: false,
            body: Secret::new(b"Ada".to_vec()),
        };
        let long = PutLong {
            id: None,
            revision: 7,
            natural: put.natural.clone(),
            kind: put.kind.clone(),
            attributes: attributes.clone(),
            keep_both: false,
            content: std::io::pipe().unwrap().0.into(),
        };
        let got = Got {
            entry: Entry {
                position: 1,
                id: RecordId::from_bytes([1; 16]),
                revision: 7,
                natural: "Ada".to_owned(),
                kind: "text/Ada".to_owned(),
                length: 3,
                attributes,
                conflict_with: None,
                lacking: false,
                changed_at: 1,
                is_long: false,
            },
            content: Content::Short(Secret::new(b"Ada".to_vec())),
        };
        let shown = format!("{put:?} {long:?} {got:?}");
        assert!(!shown.contains("Ada") && shown.contains("revision: 7"), "{shown}");
    }
}
