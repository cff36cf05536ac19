//! The `a{sv} options` that end each method: an unknown key or a wrong type is refused, never ignored.

use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use belay_proto::dbus::records::attributes_of;
use belay_proto::sync::Attributes;
use zbus::{OwnedVariant, Variant};

/// An option that this method doesn't take. Over D-Bus it is `InvalidArgument`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidOption {
    /// No such option. The key is the caller's and may be anything, so it is cut and escaped.
    #[error("unknown option {0}")]
    Unknown(String),
    /// The option exists with another type.
    #[error("option \"{key}\" expects type {expected}")]
    WrongType {
        /// The option.
        key: &'static str,
        /// The D-Bus signature it expects.
        expected: &'static str,
    },
}

/// The options of one call; each is taken by its key, and what is left at the end is refused.
#[derive(Debug)]
pub struct Options(HashMap<String, OwnedVariant>);

impl Options {
    /// The options as they came.
    pub fn new(options: HashMap<String, OwnedVariant>) -> Self {
        Self(options)
    }

    /// Refuses whatever is given, for a method that takes no options yet.
    ///
    /// # Errors
    /// [`InvalidOption::Unknown`].
    pub fn none(options: HashMap<String, OwnedVariant>) -> Result<(), InvalidOption> {
        Self(options).finish()
    }

    /// Takes a `b`.
    ///
    /// # Errors
    /// [`InvalidOption::WrongType`].
    pub fn take_bool(&mut self, key: &'static str) -> Result<Option<bool>, InvalidOption> {
        self.take(key, "b", |value| match value {
            Variant::Bool(value) => Some(*value),
            _ => None,
        })
    }

    /// Takes an `s`.
    ///
    /// # Errors
    /// [`InvalidOption::WrongType`].
    pub fn take_text(&mut self, key: &'static str) -> Result<Option<String>, InvalidOption> {
        self.take(key, "s", |value| match value {
            Variant::Str(value) => Some(value.to_string()),
            _ => None,
        })
    }

    /// Takes a `y`.
    ///
    /// # Errors
    /// [`InvalidOption::WrongType`].
    pub fn take_byte(&mut self, key: &'static str) -> Result<Option<u8>, InvalidOption> {
        self.take(key, "y", |value| match value {
            Variant::U8(value) => Some(*value),
            _ => None,
        })
    }

    /// Takes an `a{ss}`.
    ///
    /// # Errors
    /// [`InvalidOption::WrongType`].
    pub fn take_attributes(&mut self, key: &'static str) -> Result<Option<Attributes>, InvalidOption> {
        self.take(key, "a{ss}", attributes_of)
    }

    /// Takes a `u`.
    ///
    /// # Errors
    /// [`InvalidOption::WrongType`].
    pub fn take_u32(&mut self, key: &'static str) -> Result<Option<u32>, InvalidOption> {
        self.take(key, "u", |value| match value {
            Variant::U32(value) => Some(*value),
            _ => None,
        })
    }

    /// Takes a `q`.
    ///
    /// # Errors
    /// [`InvalidOption::WrongType`].
    pub fn take_u16(&mut self, key: &'static str) -> Result<Option<u16>, InvalidOption> {
        self.take(key, "q", |value| match value {
            Variant::U16(value) => Some(*value),
            _ => None,
        })
    }

    /// Takes a `d`.
    ///
    /// # Errors
    /// [`InvalidOption::WrongType`].
    pub fn take_double(&mut self, key: &'static str) -> Result<Option<f64>, InvalidOption> {
        self.take(key, "d", |value| match value {
            Variant::F64(value) => Some(*value),
            _ => None,
        })
    }

    /// Takes a `t`.
    ///
    /// # Errors
    /// [`InvalidOption::WrongType`].
    pub fn take_u64(&mut self, key: &'static str) -> Result<Option<u64>, InvalidOption> {
        self.take(key, "t", |value| match value {
            Variant::U64(value) => Some(*value),
            _ => None,
        })
    }

    /// Takes a `t` of milliseconds.
    ///
    /// # Errors
    /// [`InvalidOption::WrongType`].
    pub fn take_millis(&mut self, key: &'static str) -> Result<Option<Duration>, InvalidOption> {
        Ok(self.take_u64(key)?.map(Duration::from_millis))
    }

    /// Takes an `as`.
    ///
    /// # Errors
    /// [`InvalidOption::WrongType`].
    pub fn take_texts(&mut self, key: &'static str) -> Result<Option<Vec<String>>, InvalidOption> {
        self.take(key, "as", |value| {
            Vec::<String>::try_from(value.try_clone().ok()?).ok()
        })
    }

    /// Takes an `h`.
    ///
    /// # Errors
    /// [`InvalidOption::WrongType`].
    pub fn take_descriptor(&mut self, key: &'static str) -> Result<Option<OwnedFd>, InvalidOption> {
        self.take(key, "h", |value| match value {
            Variant::Fd(descriptor) => descriptor.as_fd().try_clone_to_owned().ok(),
            _ => None,
        })
    }

    /// Refuses what nobody took.
    ///
    /// # Errors
    /// [`InvalidOption::Unknown`], naming the first key in alphabetical order.
    pub fn finish(self) -> Result<(), InvalidOption> {
        match self.0.into_keys().min() {
            None => Ok(()),
            Some(key) => {
                let short: String = key.chars().take(32).collect();
                Err(InvalidOption::Unknown(format!("{short:?}")))
            }
        }
    }

    fn take<T>(
        &mut self,
        key: &'static str,
        expected: &'static str,
        read: impl FnOnce(&Variant<'_>) -> Option<T>,
    ) -> Result<Option<T>, InvalidOption> {
        match self.0.remove(key) {
            None => Ok(None),
            Some(value) => read(&value)
                .map(Some)
                .ok_or(InvalidOption::WrongType { key, expected }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use zbus::{OwnedVariant, Variant};

    use super::{InvalidOption, Options};

    fn options(entries: &[(&str, Variant<'static>)]) -> HashMap<String, OwnedVariant> {
        entries
            .iter()
            .map(|(key, value)| ((*key).to_owned(), value.try_clone().unwrap().try_into().unwrap()))
            .collect()
    }

    #[test]
    fn what_a_method_knows_is_taken_and_absent_options_are_none() {
        let mut taken = Options::new(options(&[("release", true.into()), ("language", "de".into())]));
        assert_eq!(taken.take_bool("release"), Ok(Some(true)));
        assert_eq!(taken.take_text("language"), Ok(Some("de".into())));
        assert_eq!(taken.take_bool("keep-data"), Ok(None));
        assert_eq!(taken.finish(), Ok(()));
    }

    #[test]
    fn an_unknown_key_is_refused_and_shown_short_and_escaped() {
        assert_eq!(Options::none(HashMap::new()), Ok(()));
        let error = Options::none(options(&[("relase\n", true.into())])).unwrap_err();
        assert_eq!(error, InvalidOption::Unknown("\"relase\\n\"".into()));
        let long = "x".repeat(1 << 20);
        let error = Options::none(options(&[(&long, true.into())])).unwrap_err();
        assert!(error.to_string().len() < 60, "{error}");
    }

    #[test]
    fn a_wrong_type_is_refused_even_where_it_could_be_converted() {
        for wrong in [Variant::from(1_u32), "true".into(), Variant::from(vec![true])] {
            let mut taken = Options::new(options(&[("release", wrong)]));
            assert_eq!(
                taken.take_bool("release"),
                Err(InvalidOption::WrongType {
                    key: "release",
                    expected: "b"
                })
            );
        }
    }
}
