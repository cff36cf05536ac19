//! A value that must not be shown, copied or left behind in memory.

use std::fmt;

use zeroize::Zeroize;

/// A secret: redacted `Debug`, no `Display`, no `Clone`, not `Serialize`, overwritten when dropped.
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Wraps a value; the caller gives up its own copy.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value, for the one place that needs it.
    pub fn expose(&self) -> &T {
        &self.0
    }

    /// Takes the value out, for moving it into another secret of a different type.
    #[cfg(feature = "dbus")]
    pub(crate) fn take(mut self) -> T
    where
        T: Default,
    {
        std::mem::take(&mut self.0)
    }
}

impl Secret<String> {
    /// A copy of a text as a secret; the original stays with its owner.
    pub fn of_text(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl Secret<[u8; 32]> {
    /// A deliberate second copy of a key. Named, because secrets have no `Clone`.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self(self.0)
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[REDACTED]")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn debug_never_shows_the_value() {
        let secret = Secret::of_text("correct horse");
        assert_eq!(
            format!("{secret:?} {:#?}", Some(&secret))
                .matches("horse")
                .count(),
            0
        );
    }
}
