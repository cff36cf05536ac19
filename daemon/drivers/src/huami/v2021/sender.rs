//! Numbers what is sent: messages by a handle that wraps, encrypted ones by a sequence number too.

use super::chunked::Message;
use super::crypto::SessionKey;

/// What is sent over one connection.
#[derive(Debug, Default)]
pub struct Sender {
    handle: u8,
    session: Option<(SessionKey, u32)>,
}

impl Sender {
    /// One whose last message was `handle`: a new connection begins with 0, so that its first message is 1.
    #[must_use]
    pub const fn after(handle: u8) -> Self {
        Self {
            handle,
            session: None,
        }
    }

    /// Encrypts from now on what is to be encrypted, the next message with `sequence`.
    pub fn secure(&mut self, key: SessionKey, sequence: u32) {
        self.session = Some((key, sequence));
    }

    /// The chunks of a message in clear; `None` where it is too long for `mtu`.
    pub fn plain(&mut self, endpoint: u16, data: &[u8], mtu: u16) -> Option<Vec<Vec<u8>>> {
        self.send(endpoint, data.len(), data.to_vec(), false, mtu)
    }

    /// The chunks of an encrypted message; `None` where there is no session yet, or where it is too long for `mtu`.
    pub fn sealed(&mut self, endpoint: u16, data: &[u8], mtu: u16) -> Option<Vec<Vec<u8>>> {
        let handle = self.handle.wrapping_add(1);
        let (key, sequence) = self.session.as_mut()?;
        let body = key.seal(handle, *sequence, data);
        let next = sequence.wrapping_add(1);
        let chunks = self.send(endpoint, data.len(), body, true, mtu)?;
        if let Some((_, sequence)) = &mut self.session {
            *sequence = next;
        }
        Some(chunks)
    }

    fn send(
        &mut self,
        endpoint: u16,
        length: usize,
        body: Vec<u8>,
        encrypted: bool,
        mtu: u16,
    ) -> Option<Vec<Vec<u8>>> {
        let message = Message {
            handle: self.handle.wrapping_add(1),
            endpoint,
            encrypted,
            length,
            body,
        };
        let chunks = message.chunks(mtu)?;
        self.handle = message.handle;
        Some(chunks)
    }
}
