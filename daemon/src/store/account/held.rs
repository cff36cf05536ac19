//! The session as the database has it, for calls that follow each other: each would wait for its turn at the database, behind
//! edits that wait for the disk.

use std::sync::{Arc, Mutex, PoisonError};

use belay_proto::keys::SigningKey;
use belay_proto::secret::Secret;

use crate::cloud::Tokens;

/// What was last read. It is kept and forgotten on the database's thread alone, so that nobody reads what was replaced before
/// he asked; the lock is held for one look. Clones share it.
#[derive(Clone, Debug, Default)]
pub(in crate::store) struct HeldSession(Arc<Mutex<Option<(SigningKey, Tokens)>>>);

impl HeldSession {
    pub(super) fn get(&self) -> Option<(SigningKey, Tokens)> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.as_ref()
            .map(|(key, tokens)| (key.duplicate(), again(tokens)))
    }

    /// Of a read, within the job that read it.
    pub(super) fn keep(&self, key: &SigningKey, tokens: &Tokens) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((key.duplicate(), again(tokens)));
    }

    /// Before a write, within the job that writes it.
    pub(super) fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

fn again(tokens: &Tokens) -> Tokens {
    Tokens {
        access: Secret::of_text(tokens.access.expose()),
        refresh: Secret::of_text(tokens.refresh.expose()),
    }
}
