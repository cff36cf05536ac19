//! How commands reach a band.

use crate::gatt::{Gatt, Operation};
use crate::huami::codec::chunked::{self, NOTIFICATION};
use crate::huami::uuids::{BAND, CHUNKED, CONFIGURATION, MESSAGES_TO};
use crate::huami::v2021::tunnel::Tunnel;
use crate::huami::v2021::{endpoint, messages};

/// The transport of commands.
pub(super) enum Commands {
    /// Each has a characteristic of its own.
    Plain,
    /// The protocol of 2021: they are messages to endpoints.
    V2021(Box<Tunnel>),
}

impl Commands {
    /// The operations that carry a configuration command; `None` where the band has no place for it.
    pub(super) fn config(&mut self, gatt: &Gatt, mtu: u16, command: &[u8]) -> Option<Vec<Operation>> {
        match self {
            Self::Plain => {
                let to = gatt.find(BAND, CONFIGURATION)?;
                Some(vec![Operation::write(to, command.to_vec())])
            }
            Self::V2021(_) => {
                let data = messages::configuration(command);
                self.message(gatt, mtu, endpoint::COMPATIBILITY, &data)
            }
        }
    }

    /// The operations that carry `data` of the type `kind` in chunks. Notifications alone stay where they were with
    /// the protocol of 2021.
    pub(super) fn chunked(&mut self, gatt: &Gatt, mtu: u16, kind: u8, data: &[u8]) -> Option<Vec<Operation>> {
        let to = gatt.find(BAND, CHUNKED);
        match (&self, to) {
            (Self::V2021(_), None) => {}
            (Self::V2021(_), Some(_)) if kind != NOTIFICATION => {}
            _ => {
                let to = to?;
                let chunks = chunked::chunks(kind, data, mtu)?.into_iter();
                return Some(chunks.map(|chunk| Operation::write(to, chunk)).collect());
            }
        }
        self.message(gatt, mtu, endpoint::COMPATIBILITY, &messages::chunked(kind, data))
    }

    /// The operations that carry a message to an endpoint; `None` where the band has none.
    pub(super) fn message(
        &mut self,
        gatt: &Gatt,
        mtu: u16,
        endpoint: u16,
        data: &[u8],
    ) -> Option<Vec<Operation>> {
        let Self::V2021(tunnel) = self else {
            return None;
        };
        let to = gatt.find(BAND, MESSAGES_TO)?;
        let chunks = tunnel.send(endpoint, data, messages::seal(endpoint), mtu)?;
        Some(
            chunks
                .into_iter()
                .map(|chunk| Operation::write(to, chunk))
                .collect(),
        )
    }

    /// Whether the band can reply to configuration commands.
    pub(super) fn hears_replies(&self, gatt: &Gatt) -> bool {
        match self {
            Self::Plain => gatt
                .find(BAND, CONFIGURATION)
                .is_some_and(|one| one.properties.notify),
            Self::V2021(_) => true,
        }
    }
}
