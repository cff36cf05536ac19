//! A body of JSON, as the contract has them.

use serde::de::DeserializeOwned;
use serde_json::Value;

/// The one field that holds a list.
const LIST: &str = "grants";

/// Reads one.
///
/// # Errors
/// Why it isn't one, with the place and the field.
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let malformed = |error: serde_json::Error| error.to_string();
    let body = serde_json::from_slice(bytes).map_err(malformed)?;
    // No request of the contract holds a list but that of grants, or a null, but serde would take the one for an object and
    // the other for a field that is left out.
    let mut value: Value = serde_json::from_slice(bytes).map_err(malformed)?;
    let grants = value.as_object_mut().and_then(|fields| fields.remove(LIST));
    let good = grants.is_none_or(|grants| match grants {
        Value::Array(grants) => grants
            .iter()
            .all(|grant| grant.is_object() && !has_list_or_null(grant)),
        _ => false,
    });
    if !good || has_list_or_null(&value) {
        return Err("a list or null where the contract has none".to_owned());
    }
    Ok(body)
}

fn has_list_or_null(value: &Value) -> bool {
    match value {
        Value::Array(_) | Value::Null => true,
        Value::Object(map) => map.values().any(has_list_or_null),
        _ => false,
    }
}
