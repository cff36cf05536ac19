//! Attributes in a frame.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{MAX_ATTRIBUTE_BYTES, MAX_ATTRIBUTES};
use crate::sync::Attributes;

/// A map of texts that ends at its limits, and names nothing twice.
#[derive(Default)]
pub(super) struct Texts(pub(super) Attributes);

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bounded;

        impl<'de> Visitor<'de> for Bounded {
            type Value = Texts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a map of up to {MAX_ATTRIBUTES} texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Texts, A::Error> {
                let mut texts = BTreeMap::new();
                let mut length = 0;
                while let Some((name, text)) = map.next_entry::<&str, &str>()? {
                    length += name.len() + text.len();
                    let new = texts.insert(name.to_owned(), text.to_owned()).is_none();
                    if !new || texts.len() > MAX_ATTRIBUTES || length > MAX_ATTRIBUTE_BYTES {
                        return Err(A::Error::invalid_length(texts.len(), &self));
                    }
                }
                Ok(Texts(Attributes(texts)))
            }
        }

        deserializer.deserialize_map(Bounded)
    }
}
