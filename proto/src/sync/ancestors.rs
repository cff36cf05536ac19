//! What a content was made of.

use super::Revision;
use crate::cbor::{Item, Malformed, Value};

/// Revisions that a content descends from, each by its first 8 bytes, the newest first; the newest [`Ancestors::MOST`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ancestors(Vec<[u8; 8]>);

impl Ancestors {
    /// Remembered at most: 1 KiB. A device that was away for more changes of one record than these keeps its own version
    /// beside the newest, although that may be made of it.
    pub const MOST: usize = 128;

    /// With another one, as the newest.
    #[must_use]
    pub fn with(mut self, revision: &Revision) -> Self {
        let first = first8(revision);
        self.0.retain(|known| *known != first);
        self.0.insert(0, first);
        self.0.truncate(Self::MOST);
        self
    }

    /// Without this one.
    #[must_use]
    pub fn without(mut self, revision: &Revision) -> Self {
        let first = first8(revision);
        self.0.retain(|known| *known != first);
        self
    }

    /// With those of another content, in turn.
    #[must_use]
    pub fn join(&self, other: &Self) -> Self {
        let mut joined: Vec<[u8; 8]> = Vec::new();
        for index in 0..Self::MOST {
            for known in [self.0.get(index), other.0.get(index)].into_iter().flatten() {
                if !joined.contains(known) {
                    joined.push(*known);
                }
            }
        }
        joined.truncate(Self::MOST);
        Self(joined)
    }

    /// Whether this is one of them.
    pub fn has(&self, revision: &Revision) -> bool {
        self.0.contains(&first8(revision))
    }

    /// Whether all of another content's are among them.
    pub fn has_all(&self, other: &Self) -> bool {
        other.0.iter().all(|known| self.0.contains(known))
    }

    /// Whether older ones may have been forgotten.
    pub fn is_full(&self) -> bool {
        self.0.len() >= Self::MOST
    }
}

fn first8(revision: &Revision) -> [u8; 8] {
    let mut first = [0; 8];
    first.copy_from_slice(&revision.as_bytes()[..8]);
    first
}

/// One byte string.
impl Item for Ancestors {
    fn to_value(&self) -> Value {
        Value::Bytes(self.0.concat())
    }

    fn from_value(value: Value) -> Result<Self, Malformed> {
        let bytes = Vec::<u8>::from_value(value)?;
        match bytes.as_chunks::<8>() {
            (revisions, []) if revisions.len() <= Self::MOST => Ok(Self(revisions.to_vec())),
            _ => Err(Malformed::new("expected at most 128 revisions' beginnings")),
        }
    }
}
