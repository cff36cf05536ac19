//! Bytes to values and back.

use std::collections::BTreeMap;
use std::convert::Infallible;

use minicbor::data::Type;
use minicbor::{Decoder, Encoder};
use zeroize::Zeroizing;

use super::{MAX_DEPTH, Malformed, Value};

pub(super) fn encode(value: &Value) -> Vec<u8> {
    // Its full length at once: some maps hold keys, and a buffer that grows leaves copies behind.
    let mut encoder = Encoder::new(Vec::with_capacity(room(value)));
    if write(value, &mut encoder).is_err() {
        // The writer is memory.
        crate::keys::impossible();
    }
    encoder.into_writer()
}

pub(super) fn decode(bytes: &[u8], most: usize) -> Result<Value, Malformed> {
    if bytes.len() > most {
        return Err(Malformed::new("too long"));
    }
    let mut decoder = Decoder::new(bytes);
    let value = read(&mut decoder, MAX_DEPTH)?;
    if decoder.position() != bytes.len() {
        return Err(Malformed::new("trailing bytes"));
    }
    // Catches longer heads than needed and keys out of order in one rule.
    if *Zeroizing::new(encode(&value)) != bytes {
        return Err(Malformed::new("not the deterministic encoding"));
    }
    Ok(value)
}

type WriteError = minicbor::encode::Error<Infallible>;

fn write(value: &Value, encoder: &mut Encoder<Vec<u8>>) -> Result<(), WriteError> {
    match value {
        Value::Uint(number) => encoder.u64(*number)?,
        Value::Bool(flag) => encoder.bool(*flag)?,
        Value::Bytes(bytes) => encoder.bytes(bytes)?,
        Value::Text(text) => encoder.str(text)?,
        Value::Array(items) => {
            encoder.array(length(items.len()))?;
            for item in items {
                write(item, encoder)?;
            }
            encoder
        }
        Value::Map(map) => {
            encoder.map(length(map.len()))?;
            // The encoded form of a text begins with its length, so shorter keys come first.
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by(|(a, _), (b, _)| a.len().cmp(&b.len()).then_with(|| a.cmp(b)));
            for (key, item) in entries {
                encoder.str(key)?;
                write(item, encoder)?;
            }
            encoder
        }
    };
    Ok(())
}

/// At least as many bytes as the encoding takes: a head is 9 bytes at most.
pub(super) fn room(value: &Value) -> usize {
    const HEAD: usize = 9;
    HEAD + match value {
        Value::Uint(_) | Value::Bool(_) => 0,
        Value::Bytes(bytes) => bytes.len(),
        Value::Text(text) => text.len(),
        Value::Array(items) => items.iter().map(room).sum(),
        Value::Map(map) => map.iter().map(|(key, item)| HEAD + key.len() + room(item)).sum(),
    }
}

fn length(len: usize) -> u64 {
    // A usize of any machine we build for fits.
    u64::try_from(len).unwrap_or(u64::MAX)
}

fn read(decoder: &mut Decoder<'_>, depth: usize) -> Result<Value, Malformed> {
    let kind = decoder.datatype().map_err(broken)?;
    Ok(match kind {
        Type::U8 | Type::U16 | Type::U32 | Type::U64 => Value::Uint(decoder.u64().map_err(broken)?),
        Type::Bool => Value::Bool(decoder.bool().map_err(broken)?),
        Type::Bytes => Value::Bytes(decoder.bytes().map_err(broken)?.to_vec()),
        Type::String => Value::Text(decoder.str().map_err(broken)?.to_owned()),
        Type::Array => {
            let depth = deeper(depth)?;
            let count = definite(decoder.array().map_err(broken)?)?;
            // No capacity up front: the count is a claim, the bytes that follow are not.
            let mut items = Vec::new();
            for _ in 0..count {
                items.push(read(decoder, depth)?);
            }
            Value::Array(items)
        }
        Type::Map => {
            let depth = deeper(depth)?;
            let count = definite(decoder.map().map_err(broken)?)?;
            let mut map = BTreeMap::new();
            for _ in 0..count {
                let key = text_key(decoder)?;
                let value = read(decoder, depth)?;
                if map.insert(key, value).is_some() {
                    return Err(Malformed::new("a key twice"));
                }
            }
            Value::Map(map)
        }
        _ => return Err(Malformed::new("a type that the contract doesn't have")),
    })
}

fn text_key(decoder: &mut Decoder<'_>) -> Result<String, Malformed> {
    match decoder.datatype().map_err(broken)? {
        Type::String => Ok(decoder.str().map_err(broken)?.to_owned()),
        _ => Err(Malformed::new("a key that isn't text")),
    }
}

fn deeper(depth: usize) -> Result<usize, Malformed> {
    depth
        .checked_sub(1)
        .ok_or_else(|| Malformed::new("nested too deep"))
}

fn definite(count: Option<u64>) -> Result<u64, Malformed> {
    count.ok_or_else(|| Malformed::new("an indefinite length"))
}

fn broken(_: minicbor::decode::Error) -> Malformed {
    Malformed::new("not CBOR")
}
