//! The known-answer vectors of `vectors/*.json`, computed by this crate. `vectors/check.py` computes the
//! same files with other libraries.

use serde_json::{Map, Value};

mod commands;
mod identities;
mod keys;
mod objects;
mod sync;

/// What a computation says: the outputs, or a refusal in words.
type Outcome = Result<Value, String>;

/// Computes each vector of a file, and checks that changed inputs or outputs would show.
fn check(file: &str, compute: impl Fn(&Inputs<'_>) -> Outcome) {
    let file: Value = serde_json::from_str(file).unwrap();
    let vectors = file["vectors"].as_array().unwrap();
    assert!(!vectors.is_empty());
    for vector in vectors {
        let (name, inputs, outputs) = (&vector["name"], &vector["in"], &vector["out"]);
        assert_eq!(compute(&Inputs(inputs)).as_ref(), Ok(outputs), "{name}");
        for changed in mutations(inputs) {
            assert_ne!(
                compute(&Inputs(&changed)).as_ref(),
                Ok(outputs),
                "{name} would pass with {changed}"
            );
        }
    }
    for refusal in file["refusals"].as_array().into_iter().flatten() {
        assert!(
            compute(&Inputs(&refusal["in"])).is_err(),
            "{} was accepted",
            refusal["name"]
        );
    }
}

/// The inputs of a vector; a missing or mistyped one is a refusal.
struct Inputs<'a>(&'a Value);

impl<'a> Inputs<'a> {
    fn get(&self, key: &str) -> Result<&'a Value, String> {
        self.0.get(key).ok_or_else(|| format!("{key} is missing"))
    }

    fn inner(&self, key: &str) -> Result<Self, String> {
        self.get(key).map(Inputs)
    }

    fn has(&self, key: &str) -> bool {
        self.0.get(key).is_some()
    }

    fn text(&self, key: &str) -> Result<&'a str, String> {
        self.get(key)?.as_str().ok_or_else(|| format!("{key} is no text"))
    }

    fn maybe(&self, key: &str) -> Result<Option<String>, String> {
        self.has(key)
            .then(|| self.text(key).map(str::to_owned))
            .transpose()
    }

    fn number(&self, key: &str) -> Result<u64, String> {
        self.get(key)?
            .as_u64()
            .ok_or_else(|| format!("{key} is no number"))
    }

    fn small(&self, key: &str) -> Result<u32, String> {
        self.number(key)?
            .try_into()
            .map_err(|_| format!("{key} is too big"))
    }

    fn flag(&self, key: &str) -> Result<bool, String> {
        self.get(key)?
            .as_bool()
            .ok_or_else(|| format!("{key} is no truth value"))
    }

    fn list(&self, key: &str) -> Result<&'a [Value], String> {
        self.get(key)?
            .as_array()
            .map(Vec::as_slice)
            .ok_or_else(|| format!("{key} is no list"))
    }

    fn bytes(&self, key: &str) -> Result<Vec<u8>, String> {
        crate::text::from_hex(self.text(key)?).map_err(|error| error.to_string())
    }

    fn sized<const N: usize>(&self, key: &str) -> Result<[u8; N], String> {
        self.bytes(key)?
            .try_into()
            .map_err(|_| format!("{key} has another length"))
    }

    /// Anything with a text form of its own.
    fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(&self, key: &str) -> Result<T, String> {
        self.text(key)?.parse().map_err(|error| format!("{key}: {error}"))
    }
}

/// A copy for each scalar with that scalar changed: a bit in the middle of bytes, one more in numbers.
fn mutations(value: &Value) -> Vec<Value> {
    match value {
        Value::Object(map) => map
            .iter()
            .flat_map(|(key, inner)| {
                mutations(inner).into_iter().map(|changed| {
                    let mut map: Map<_, _> = map.clone();
                    map.insert(key.clone(), changed);
                    Value::Object(map)
                })
            })
            .collect(),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .flat_map(|(index, inner)| {
                mutations(inner).into_iter().map(move |changed| {
                    let mut items = items.clone();
                    items[index] = changed;
                    Value::Array(items)
                })
            })
            .collect(),
        Value::Bool(flag) => vec![Value::Bool(!flag)],
        Value::Number(number) => vec![match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => Value::from(number + 1),
            (None, Some(number)) => Value::from(number + 1),
            (None, None) => Value::from(number.as_f64().unwrap() + 1.0),
        }],
        Value::String(text) => vec![Value::String(other(text))],
        Value::Null => vec![],
    }
}

fn other(text: &str) -> String {
    match crate::text::from_hex(text) {
        Ok(mut bytes) if !bytes.is_empty() => {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 0x10;
            crate::text::hex(&bytes)
        }
        _ => format!("{text}x"),
    }
}

#[test]
#[should_panic(expected = "would pass")]
fn a_computation_that_ignores_an_input_is_found_out() {
    let file = r#"{"vectors":[{"name":"n","in":{"a":"00","b":"00"},"out":"00"}]}"#;
    check(file, |i| Ok(i.text("a")?.into()));
}

#[test]
#[should_panic(expected = "was accepted")]
fn a_computation_that_refuses_nothing_is_found_out() {
    let file = r#"{"vectors":[{"name":"n","in":"00","out":"00"}],"refusals":[{"name":"r","in":"11"}]}"#;
    check(file, |i| Ok(i.0.clone()));
}
