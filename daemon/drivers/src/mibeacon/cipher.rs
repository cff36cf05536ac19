//! How a sensor encrypts its objects.
//!
//! Versions 4 and 5: AES-128-CCM with a tag of 4 bytes. Versions 2 and 3: the same without looking at the tag, with a
//! key of 12 bytes that is filled up with 4 that everybody knows.

use aes::Aes128;
use ccm::aead::AeadInOut;
use ccm::consts::{U4, U12, U13};
use ccm::{Ccm, KeyInit};
use zeroize::Zeroizing;

use super::frame::Frame;
use super::objects;
use crate::address::Address;
use crate::key::Key;

/// What CCM authenticates besides the objects.
const ASSOCIATED: [u8; 1] = [0x11];
/// The middle of a legacy key.
const MIDDLE: [u8; 4] = [0x8d, 0x3d, 0x3c, 0x97];

/// The objects of a frame, in plain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// The objects, one after the other.
    pub bytes: Vec<u8>,
    /// The nonce that they were encrypted with.
    pub nonce: Option<Vec<u8>>,
    /// Counts frames, with the extension that encrypted ones have.
    pub counter: u32,
}

/// Why a frame stays closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// It is shorter than its encryption wants.
    #[error("truncated")]
    Truncated,
    /// It comes from somebody else.
    #[error("the frame is another device's")]
    Address,
    /// There is no key.
    #[error("a key is needed")]
    KeyRequired,
    /// It was encrypted with another key, or changed on its way.
    #[error("authentication tag mismatch")]
    KeyMismatch,
}

impl Frame<'_> {
    /// Whether it is encrypted so that it proves where it comes from.
    #[must_use]
    pub const fn is_authentic(&self) -> bool {
        self.encrypted && self.version >= 4
    }

    /// Opens the frame that the device with this `address` has sent.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(&self, address: Address, key: Option<&Key>) -> Result<Payload, OpenError> {
        if self.address.is_some_and(|claimed| claimed != address) {
            return Err(OpenError::Address);
        }
        if !self.encrypted || !self.has_object {
            return Ok(Payload {
                bytes: if self.has_object {
                    self.body.to_vec()
                } else {
                    Vec::new()
                },
                nonce: None,
                counter: u32::from(self.counter),
            });
        }
        let key = key.ok_or(OpenError::KeyRequired)?;
        if self.is_authentic() {
            self.open_authentic(address, key)
        } else {
            self.open_legacy(address, key)
        }
    }

    fn open_authentic(&self, address: Address, key: &Key) -> Result<Payload, OpenError> {
        let (rest, tag) = self.body.split_last_chunk::<4>().ok_or(OpenError::Truncated)?;
        let (sealed, extension) = rest.split_last_chunk::<3>().ok_or(OpenError::Truncated)?;
        if sealed.len() < 2 {
            return Err(OpenError::Truncated);
        }
        let key = key.block().ok_or(OpenError::KeyMismatch)?;
        let mut nonce = [0; 12];
        nonce[..6].copy_from_slice(&address.reversed());
        nonce[6..9].copy_from_slice(self.whole.get(2..5).ok_or(OpenError::Truncated)?);
        nonce[9..].copy_from_slice(extension);
        let mut bytes = sealed.to_vec();
        Ccm::<Aes128, U4, U12>::new(key.into())
            .decrypt_inout_detached(
                &nonce.into(),
                &ASSOCIATED,
                bytes.as_mut_slice().into(),
                &(*tag).into(),
            )
            .map_err(|_| OpenError::KeyMismatch)?;
        Ok(Payload {
            bytes,
            nonce: Some(nonce.to_vec()),
            counter: self.extended(*extension),
        })
    }

    fn open_legacy(&self, address: Address, key: &Key) -> Result<Payload, OpenError> {
        let (sealed, tail) = self.body.split_last_chunk::<4>().ok_or(OpenError::Truncated)?;
        // The shortest object is 3 bytes.
        if sealed.len() < 3 {
            return Err(OpenError::Truncated);
        }
        let short: &[u8; 12] = key.bytes().try_into().map_err(|_| OpenError::KeyMismatch)?;
        let mut long = Zeroizing::new([0; 16]);
        long[..6].copy_from_slice(&short[..6]);
        long[6..10].copy_from_slice(&MIDDLE);
        long[10..].copy_from_slice(&short[6..]);
        let [a, b, c, _] = *tail;
        let mut nonce = [0; 13];
        nonce[..5].copy_from_slice(self.whole.get(..5).ok_or(OpenError::Truncated)?);
        nonce[5..8].copy_from_slice(&[a, b, c]);
        nonce[8..].copy_from_slice(&address.reversed()[..5]);
        let mut bytes = sealed.to_vec();
        // Encrypting twice with the same stream is decrypting; the tag that comes out is that of something else.
        Ccm::<Aes128, U4, U13>::new((&*long).into())
            .encrypt_inout_detached(&nonce.into(), &ASSOCIATED, bytes.as_mut_slice().into())
            .map_err(|_| OpenError::Truncated)?;
        // Nothing else tells a wrong key.
        if objects(&bytes).is_err() {
            return Err(OpenError::KeyMismatch);
        }
        Ok(Payload {
            bytes,
            nonce: Some(nonce.to_vec()),
            counter: self.extended([a, b, c]),
        })
    }

    fn extended(&self, [a, b, c]: [u8; 3]) -> u32 {
        u32::from_le_bytes([self.counter, a, b, c])
    }
}
