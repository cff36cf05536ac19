//! The recovery code that is to take the place of another, and how it is known again in a credentials record.

use belay_proto::id::PendingId;
use belay_proto::keys::sha256;
use belay_proto::signed::CredentialsRecord;
use serde::{Deserialize, Serialize};

/// A recovery code that takes the place of another. It is kept before the cloud gets it: from then on it may be the account's,
/// whatever becomes of the answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewCode {
    /// The warden's id of it.
    pub pending: PendingId,
    /// SHA-256 of the root under it, as credentials records have that, in whichever generation.
    pub wrap: [u8; 32],
    /// Whether it is the account's, as far as that is known.
    pub holds: Option<bool>,
}

/// What a credentials record says of the recovery code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeKept {
    /// There is none.
    No,
    /// There is one: SHA-256 of the root under it.
    Wrap([u8; 32]),
}

impl CodeKept {
    /// Reads it in a record; who signed that is for others to judge.
    #[must_use]
    pub fn of(record: &CredentialsRecord) -> Self {
        match record.recovery_wrap.is_empty() {
            true => Self::No,
            false => Self::Wrap(sha256(&record.recovery_wrap)),
        }
    }
}
