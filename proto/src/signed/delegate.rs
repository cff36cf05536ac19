//! Delegates: keys the owner lets do the harmless part.

use super::command::Verb;
use super::object;
use crate::cbor::{Item, Malformed, Value};
use crate::id::AccountId;
use crate::keys::PublicKey;

crate::cbor_map! {
    /// Signed by the owner key: another key may send some commands. Void once the credentials'
    /// generation moves on.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct DelegateCertificate {
        /// The account.
        pub account: AccountId,
        /// The key that may sign.
        pub key: PublicKey,
        /// What it may ask for.
        pub actions: DelegatedVerbs,
        /// The credentials' generation it belongs to.
        pub generation: u64,
        /// When it was made: ms since the Unix epoch.
        pub issued_at: u64,
        /// Void afterwards: ms since the Unix epoch; 0 = never.
        pub expires_at: u64,
    }
}

object!(DelegateCertificate, b"belay-delegate/1\0");

/// At least one of `ring`, `stop-ring`, `locate`, `message`, `lock`, each once, in alphabetical order.
/// Nothing else can be delegated: a certificate that says so doesn't decode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DelegatedVerbs(Vec<Verb>);

impl DelegatedVerbs {
    /// Sorts and checks.
    ///
    /// # Errors
    /// [`Malformed`] for an empty list or a verb that can't be delegated.
    pub fn new(mut verbs: Vec<Verb>) -> Result<Self, Malformed> {
        verbs.sort_by_key(Verb::as_str);
        verbs.dedup();
        match !verbs.is_empty() && verbs.iter().all(Verb::may_be_delegated) {
            true => Ok(Self(verbs)),
            false => Err(Malformed::new("verbs that can't be delegated")),
        }
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Verb> {
        self.0.iter()
    }

    /// Whether the delegate may ask for this.
    pub fn contains(&self, verb: Verb) -> bool {
        self.0.contains(&verb)
    }
}

impl Item for DelegatedVerbs {
    fn to_value(&self) -> Value {
        Value::Array(
            self.0
                .iter()
                .map(|verb| Value::Text(verb.as_str().to_owned()))
                .collect(),
        )
    }

    fn from_value(value: Value) -> Result<Self, Malformed> {
        let mut verbs = Vec::new();
        for text in Vec::<Value>::from_value(value)? {
            verbs.push(Verb::parse(&String::from_value(text)?)?);
        }
        let count = verbs.len();
        let sorted = Self::new(verbs.clone())?;
        match sorted.0 == verbs && count == sorted.0.len() {
            true => Ok(sorted),
            false => Err(Malformed::new("verbs out of order")),
        }
    }
}
