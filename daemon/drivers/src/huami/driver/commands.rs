//! How commands reach a band.

use crate::gatt::{Gatt, Operation};
use crate::huami::codec::chunked;
use crate::huami::uuids::{BAND, CHUNKED, CONFIGURATION};

/// The transport of commands.
pub(super) enum Commands {
    /// Each has a characteristic of its own.
    Plain,
}

impl Commands {
    /// The operations that carry a configuration command; `None` where the band has no place for it.
    pub(super) fn config(&mut self, gatt: &Gatt, _mtu: u16, command: &[u8]) -> Option<Vec<Operation>> {
        match self {
            Self::Plain => {
                let to = gatt.find(BAND, CONFIGURATION)?;
                Some(vec![Operation::write(to, command.to_vec())])
            }
        }
    }

    /// The operations that carry `data` of the type `kind` in chunks.
    pub(super) fn chunked(&mut self, gatt: &Gatt, mtu: u16, kind: u8, data: &[u8]) -> Option<Vec<Operation>> {
        match self {
            Self::Plain => {
                let to = gatt.find(BAND, CHUNKED)?;
                let chunks = chunked::chunks(kind, data, mtu)?;
                Some(
                    chunks
                        .into_iter()
                        .map(|chunk| Operation::write(to, chunk))
                        .collect(),
                )
            }
        }
    }

    /// Whether the band can reply to configuration commands.
    pub(super) fn hears_replies(&self, gatt: &Gatt) -> bool {
        match self {
            Self::Plain => gatt
                .find(BAND, CONFIGURATION)
                .is_some_and(|one| one.properties.notify),
        }
    }
}
