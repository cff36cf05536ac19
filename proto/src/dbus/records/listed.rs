//! A record's attributes as a dictionary. Both sides have it from here.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use zbus::Variant;

use crate::dbus::{Details, RecordEntry};
use crate::sync::{Attributes, RecordId};

/// A record as `Collection.List` and `Collection.Get` tell of it. `Debug` shows nothing of what it says.
#[derive(Clone, PartialEq, Eq)]
pub struct Listed {
    /// Which.
    pub id: RecordId,
    /// Its revision.
    pub revision: u64,
    /// Its place in the list.
    pub position: u64,
    /// What it is by nature.
    pub natural: String,
    /// Its media type.
    pub kind: String,
    /// Its content's length, bytes.
    pub length: u64,
    /// What its source knows of it besides.
    pub attributes: Attributes,
    /// The record that it is another version of, until `Resolve`.
    pub conflict_with: Option<RecordId>,
    /// Whether its content has to be put again.
    pub lacking: bool,
    /// When it was changed last, seconds since the epoch by the clock of the device that did; 0: not known.
    pub changed_at: u64,
    /// Whether its content lies at the cloud alone, and `Get` fetches it from there.
    pub is_long: bool,
}

/// What came isn't a record as documented.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} of a record isn't as documented")]
pub struct NotListed(&'static str);

impl fmt::Debug for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listed")
            .field("id", &self.id)
            .field("revision", &self.revision)
            .field("position", &self.position)
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}

impl Listed {
    /// As the bus carries it.
    pub fn to_entry(&self) -> (String, u64, HashMap<String, Variant<'static>>) {
        let mut details: HashMap<String, Variant<'static>> = HashMap::from([
            ("position".to_owned(), self.position.into()),
            ("natural".to_owned(), sayable(&self.natural).into()),
            ("kind".to_owned(), sayable(&self.kind).into()),
            ("length".to_owned(), self.length.into()),
            ("attributes".to_owned(), texts(&self.attributes)),
            ("changed".to_owned(), self.changed_at.into()),
        ]);
        if let Some(other) = self.conflict_with {
            details.insert("conflict-with".to_owned(), other.to_string().into());
        }
        if self.lacking {
            details.insert("lacking".to_owned(), true.into());
        }
        if self.is_long {
            details.insert("long".to_owned(), true.into());
        }
        (self.id.to_string(), self.revision, details)
    }

    /// Reads what [`Listed::to_entry`] writes; a key that isn't known is passed over.
    ///
    /// # Errors
    /// [`NotListed`].
    pub fn read((id, revision, details): RecordEntry) -> Result<Self, NotListed> {
        let id = id.parse().map_err(|_| NotListed("the id"))?;
        Ok(Self {
            id,
            revision,
            position: number(&details, "position")?,
            natural: text(&details, "natural")?,
            kind: text(&details, "kind")?,
            length: number(&details, "length")?,
            attributes: match details.get("attributes") {
                Some(value) => attributes_of(value).ok_or(NotListed("attributes"))?,
                None => Attributes::default(),
            },
            conflict_with: match details.get("conflict-with") {
                Some(_) => Some(
                    text(&details, "conflict-with")?
                        .parse()
                        .map_err(|_| NotListed("conflict-with"))?,
                ),
                None => None,
            },
            lacking: is_so(&details, "lacking"),
            changed_at: match details.contains_key("changed") {
                true => number(&details, "changed")?,
                false => 0,
            },
            is_long: is_so(&details, "long"),
        })
    }
}

/// A text without the zeros that another program's records may hold: the bus carries none.
fn sayable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// Attributes of a source as a value, `a{ss}`.
pub fn texts(attributes: &Attributes) -> Variant<'static> {
    let said = |(name, text): (&String, &String)| (sayable(name), sayable(text));
    let texts: HashMap<String, String> = attributes.0.iter().map(said).collect();
    texts.into()
}

/// Reads what [`texts`] makes.
pub fn attributes_of(value: &Variant<'_>) -> Option<Attributes> {
    let texts = HashMap::<String, String>::try_from(value.try_clone().ok()?).ok()?;
    Some(Attributes(texts.into_iter().collect::<BTreeMap<_, _>>()))
}

fn number(details: &Details, key: &'static str) -> Result<u64, NotListed> {
    match details.get(key).map(|value| &**value) {
        Some(Variant::U64(number)) => Ok(*number),
        _ => Err(NotListed(key)),
    }
}

fn is_so(details: &Details, key: &str) -> bool {
    matches!(details.get(key).map(|value| &**value), Some(Variant::Bool(true)))
}

fn text(details: &Details, key: &'static str) -> Result<String, NotListed> {
    match details.get(key).map(|value| &**value) {
        Some(Variant::Str(text)) => Ok(text.to_string()),
        _ => Err(NotListed(key)),
    }
}
