//! What records say, in short.

use std::collections::BTreeMap;

use super::super::{Content, Got};

pub fn text(got: &Got) -> String {
    match &got.content {
        Content::Short(bytes) => String::from_utf8(bytes.expose().clone()).unwrap(),
        Content::Long(_) => panic!("nothing is long here"),
    }
}

/// What is there, in short.
pub fn all(said: &[(&str, &str)]) -> BTreeMap<String, String> {
    said.iter()
        .map(|(natural, text)| ((*natural).to_owned(), (*text).to_owned()))
        .collect()
}
