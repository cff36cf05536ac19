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

    fn overwrite(&mut self) {
        self.0.fill(0);
        let spare = self.0.spare_capacity_mut();
        spare.fill(MaybeUninit::new(0));
        // Nobody reads what was written: without this it needn't be.
        optimization_barrier(spare);
        optimization_barrier(self.0.as_slice());
    }
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
    fn what_was_in_a_buffer_is_overwritten() {
        let mut buffer = Buffer::new(Vec::with_capacity(64));
        buffer.extend_from_slice(&[7; 64]);
        buffer.overwrite();
        assert_eq!(buffer.take(), [0; 64]);
    }
}
