//! Chance, which drivers don't have by themselves.

use std::fmt;

use zeroize::Zeroize;

/// Random bytes for one connection, from a source that nobody can guess. Wiped from memory with their last owner;
/// `Debug` says nothing of them. The default is none: a band that wants a key agreement can't be spoken with then.
#[derive(Clone, Default)]
pub struct Entropy([u8; 24]);

impl Entropy {
    /// These bytes, to be used for one connection only.
    #[must_use]
    pub const fn new(bytes: [u8; 24]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub(crate) const fn bytes(&self) -> &[u8; 24] {
        &self.0
    }
}

impl Drop for Entropy {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Entropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entropy(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_is_not_shown() {
        let setup = crate::Setup {
            owner: 1,
            entropy: Entropy::new([7; 24]),
        };
        let shown = format!("{setup:?}");
        assert!(shown.contains("Entropy(…)") && !shown.contains('7'), "{shown}");
    }
}
