//! Memory for contents.

use std::fmt;
use std::mem::MaybeUninit;
use std::ops::{Deref, DerefMut};

use zeroize::optimization_barrier;

/// Memory that is overwritten when dropped, with all that it has room for. As [`zeroize::Zeroizing`], which writes byte by byte:
/// of half a megabyte that takes as long as encrypting it.
#[derive(Default)]
pub struct Buffer(Vec<u8>);

impl Buffer {
    /// Takes this memory.
    pub const fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// Gives the memory away, as it is.
    pub(super) fn take(mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }

    /// Keeps the first `length` bytes and overwrites the others: whoever is given the memory has no more than those.
    pub(super) fn shorten(&mut self, length: usize) {
        self.overwrite_from(length);
        self.0.truncate(length);
    }

    /// Overwrites what comes after the first `length` bytes, however many they stay.
    pub(super) fn overwrite_from(&mut self, length: usize) {
        let rest = self.0.get_mut(length..).unwrap_or_default();
        rest.fill(0);
        // Nobody reads what was written: without this it needn't be.
        optimization_barrier(&*rest);
    }

    /// Lets memory go whose bytes are sealed: what lies behind them may be a longer content's, and is all that is overwritten.
    pub fn let_go_sealed(sealed: Vec<u8>) {
        drop(zeros_behind(sealed));
    }

    fn overwrite(&mut self) {
        self.0.fill(0);
        let spare = self.0.spare_capacity_mut();
        spare.fill(MaybeUninit::new(0));
        // Nobody reads what was written: without this it needn't be.
        optimization_barrier(spare);
        optimization_barrier(self.0.as_slice());
    }
}

/// The same with zeros as far as there is room.
fn zeros_behind(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.resize(bytes.capacity(), 0);
    optimization_barrier(bytes.as_slice());
    bytes
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.overwrite();
    }
}

impl Deref for Buffer {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} B)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::Buffer;

    #[test]
    fn what_a_buffer_is_shortened_by_is_overwritten() {
        let mut buffer = Buffer::new(vec![7; 64]);
        buffer.overwrite_from(16);
        assert_eq!(*buffer, [[7; 16], [0; 16], [0; 16], [0; 16]].concat());
        buffer.shorten(8);
        assert_eq!(*buffer, [7; 8]);
        buffer.shorten(9);
        assert_eq!(buffer.take(), [7; 8]);
    }

    #[test]
    fn what_was_in_a_buffer_is_overwritten() {
        let mut buffer = Buffer::new(Vec::with_capacity(64));
        buffer.extend_from_slice(&[7; 64]);
        buffer.overwrite();
        assert_eq!(buffer.take(), [0; 64]);
    }

    #[test]
    fn what_lies_behind_sealed_bytes_is_overwritten() {
        let mut bytes = Vec::with_capacity(64);
        bytes.extend_from_slice(&[7; 64]);
        bytes.truncate(16);
        let bytes = super::zeros_behind(bytes);
        assert_eq!((&bytes[..16], &bytes[16..64]), (&[7; 16][..], &[0; 48][..]));
        assert_eq!(bytes.len(), bytes.capacity());
    }
}
