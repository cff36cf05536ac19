//! Sealing at rest: what would help a thief of the disk is stored only under belayd's sealing key.

use std::sync::Arc;

use belay_proto::keys::hkdf;
use belay_proto::seal;
use belay_proto::secret::Secret;

use super::StoreError;

/// The label under which the store's key is derived, so that the sealing key itself seals nothing.
const LABEL: &[u8] = b"belay/store/1";

/// Seals and opens values with a key derived from belayd's sealing key; clones share it.
#[derive(Clone, Debug)]
pub struct Sealer {
    key: Arc<Secret<[u8; 32]>>,
}

impl Sealer {
    /// A sealer under `sealing_key`.
    pub fn new(sealing_key: &Secret<[u8; 32]>) -> Self {
        Self {
            key: Arc::new(hkdf(sealing_key.expose(), &[], LABEL)),
        }
    }

    /// Seals `plaintext`; `place` says where it will be stored (table, column, row), so that a sealed value
    /// opens nowhere else.
    pub fn seal(&self, place: &str, plaintext: &[u8]) -> Vec<u8> {
        seal::wrap(&self.key, place.as_bytes(), plaintext)
    }

    /// Opens what [`Sealer::seal`] made for the same `place`.
    ///
    /// # Errors
    /// [`StoreError::Sealed`] when the bytes were changed, or sealed for another place or under another key.
    pub fn open(&self, place: &str, sealed: &[u8]) -> Result<Secret<Vec<u8>>, StoreError> {
        seal::unwrap(&self.key, place.as_bytes(), sealed).map_err(|_| StoreError::Sealed {
            what: place.to_owned(),
        })
    }
}
