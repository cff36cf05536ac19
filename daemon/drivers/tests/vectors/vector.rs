//! A vector, and what checks need to compare with it.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::path::Path;

use data_encoding::HEXLOWER_PERMISSIVE;
use serde_json::{Map, Value};

/// One known answer.
pub struct Vector {
    /// Its name; its group is the beginning.
    pub name: String,
    /// The bytes of `input_hex`.
    pub input: Vec<u8>,
    expected: Map<String, Value>,
    params: Map<String, Value>,
    seen: RefCell<BTreeSet<String>>,
}

/// Reads every vector of a folder's `*.json`, in the order of their names.
pub fn read_folder(folder: &Path) -> Result<Vec<Vector>, String> {
    let entries = std::fs::read_dir(folder).map_err(|error| error.to_string())?;
    let mut files: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .collect();
    files.sort();
    let mut vectors = Vec::new();
    for file in files {
        let text = std::fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        let read: Vec<Value> =
            serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", file.display()))?;
        for value in &read {
            vectors.push(Vector::read(value).map_err(|why| format!("{}: {why}", file.display()))?);
        }
    }
    Ok(vectors)
}

impl Vector {
    fn read(value: &Value) -> Result<Self, String> {
        let name = value["name"].as_str().ok_or("a vector without a name")?;
        let field = |field: &str| value[field].as_object().cloned();
        Ok(Self {
            name: name.to_owned(),
            input: unhex(&value["input_hex"]).map_err(|why| format!("{name}: input_hex: {why}"))?,
            expected: field("expected").ok_or_else(|| format!("{name}: expects nothing"))?,
            params: field("params").unwrap_or_default(),
            // A note is for readers.
            seen: RefCell::new(BTreeSet::from(["note".to_owned()])),
        })
    }

    /// Whether it expects something of `field`. Doesn't count as having looked at it.
    pub fn expects(&self, field: &str) -> bool {
        self.expected.contains_key(field)
    }

    /// What it expects of `field`, which counts as compared from now on: for what [`Vector::equal`] can't compare.
    pub fn expected(&self, field: &str) -> Option<&Value> {
        self.seen.borrow_mut().insert(field.to_owned());
        self.expected.get(field)
    }

    /// The bytes that it expects of `field`, as [`Vector::expected`].
    pub fn expected_bytes(&self, field: &str) -> Result<Option<Vec<u8>>, String> {
        self.expected(field).map(unhex).transpose()
    }

    /// The parameter `field`.
    pub fn param(&self, field: &str) -> Option<&Value> {
        self.params.get(field)
    }

    /// The bytes of the parameter `field`, which must be there.
    pub fn param_bytes(&self, field: &str) -> Result<Vec<u8>, String> {
        let value = self.param(field).ok_or_else(|| format!("no parameter {field}"))?;
        unhex(value).map_err(|why| format!("{field}: {why}"))
    }

    /// Compares `actual` with what is expected of `field`; nothing expected is as well. Numbers are equal within a
    /// billionth; bytes are compared as [`hex`].
    pub fn equal(&self, field: &str, actual: impl Into<Value>) -> Result<(), String> {
        let actual = actual.into();
        match self.expected(field) {
            Some(wanted) if !same(wanted, &actual) => Err(format!("{field} is {actual}, expected {wanted}")),
            _ => Ok(()),
        }
    }

    /// What a decoder answered. `None`: it refused, as the vector's `error` wants.
    pub fn decoded<T, E: Debug>(&self, answer: Result<T, E>) -> Result<Option<T>, String> {
        match (answer, self.expected("error")) {
            (Ok(decoded), None) => Ok(Some(decoded)),
            (Err(_), Some(_)) => Ok(None),
            (Ok(_), Some(error)) => Err(format!("was taken, and should be refused: {error}")),
            (Err(error), None) => Err(format!("was refused: {error:?}")),
        }
    }

    /// The expected fields that nobody looked at.
    pub fn unseen(&self) -> Vec<&str> {
        let seen = self.seen.borrow();
        let fields = self.expected.keys().map(String::as_str);
        fields.filter(|field| !seen.contains(*field)).collect()
    }
}

/// Whether two values are the same; objects where all that is wanted is there.
fn same(wanted: &Value, actual: &Value) -> bool {
    match (wanted, actual) {
        (Value::Number(wanted), Value::Number(actual)) => match (wanted.as_f64(), actual.as_f64()) {
            (Some(wanted), Some(actual)) => (wanted - actual).abs() < 1e-9,
            _ => false,
        },
        (Value::Array(wanted), Value::Array(actual)) => {
            wanted.len() == actual.len() && wanted.iter().zip(actual).all(|(one, other)| same(one, other))
        }
        (Value::Object(wanted), Value::Object(actual)) => wanted
            .iter()
            .all(|(field, value)| actual.get(field).is_some_and(|other| same(value, other))),
        _ => wanted == actual,
    }
}

/// Bytes as a vector tells them.
pub fn hex(bytes: &[u8]) -> String {
    HEXLOWER_PERMISSIVE.encode(bytes)
}

/// The bytes of a text of hexadecimal digits.
pub fn unhex(value: &Value) -> Result<Vec<u8>, String> {
    let text = value.as_str().ok_or("no text")?;
    HEXLOWER_PERMISSIVE
        .decode(text.as_bytes())
        .map_err(|error| error.to_string())
}
