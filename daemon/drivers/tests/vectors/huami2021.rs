//! The protocol of 2021: ECDH over B-163, chunks with a header, encryption.

use belay_drivers::Key;
use belay_drivers::huami::codec::{battery, steps};
use belay_drivers::huami::v2021::auth::{self, Reply};
use belay_drivers::huami::v2021::b163::{Encoded, KeyPair};
use belay_drivers::huami::v2021::chunked::{Acknowledgement, Chunk, Message, Reassembly};
use belay_drivers::huami::v2021::crypto::{SessionKey, first_sequence};
use belay_drivers::huami::v2021::{endpoint, sender::Sender};
use serde_json::{Value, json};

use super::Check;
use super::huami::{battery_json, equal_all};
use super::vector::{Vector, hex, unhex};

/// The groups that are checked here.
pub const GROUPS: &[(&str, Check)] = &[("huami2021", check)];

/// What a band listens with before a larger MTU is agreed on.
const SMALLEST_MTU: u64 = 23;

/// Which fields there are tells what it is about.
fn check(vector: &Vector) -> Result<(), String> {
    let has = |field: &str| vector.param(field).is_some();
    if has("auth_key") || has("random") {
        handshake(vector)
    } else if has("remote_public") || has("peer_private") || vector.expects("public") {
        agreement(vector)
    } else if vector.expects("chunks") {
        sent(vector)
    } else if vector.input.first() == Some(&0x04) {
        acknowledgement(vector)
    } else {
        received(vector)
    }
}

fn agreement(vector: &Vector) -> Result<(), String> {
    let Some(ours) = vector_or(vector, KeyPair::new(&array(&vector.input)?))? else {
        return Ok(());
    };
    vector.equal("public", hex(ours.public()))?;
    let remote = match peer(vector)? {
        Some(peer) => {
            vector.equal("peer_public", hex(peer.public()))?;
            let shared = peer.agree(ours.public()).map_err(|error| error.to_string())?;
            vector.equal("shared", hex(&*shared))?;
            *peer.public()
        }
        None if vector.param("remote_public").is_some() => array(&vector.param_bytes("remote_public")?)?,
        None => return vector.decoded(Ok::<_, String>(())).map(|_| ()),
    };
    match vector.decoded(ours.agree(&remote))? {
        Some(shared) => vector.equal("shared", hex(&*shared)),
        None => Ok(()),
    }
}

fn handshake(vector: &Vector) -> Result<(), String> {
    let public: Encoded = array(&vector.input)?;
    let mut sender = Sender::default();
    let first = auth::send_public(&public);
    vector.equal("step1_payload", hex(&first))?;
    chunks(
        vector,
        "step1_chunks",
        sender.plain(endpoint::AUTHENTICATION, &first, mtu(vector)?),
    )?;

    let ours = KeyPair::new(&array(&vector.param_bytes("private")?)?).map_err(|error| error.to_string())?;
    if *ours.public() != public {
        return Err(format!("our public key is {}", hex(ours.public())));
    }
    let random: [u8; 16] = array(&vector.param_bytes("random")?)?;
    let remote = match (peer(vector)?, vector.expected_bytes("step2_payload")?) {
        (peer, Some(payload)) => {
            let Some(reply) = vector.decoded(auth::decode(&payload))? else {
                return Ok(());
            };
            let Reply::Public { random: told, public } = reply else {
                return Err(format!("step2_payload is read as {reply:?}"));
            };
            if told != random || peer.is_some_and(|peer| *peer.public() != public) {
                return Err(format!("step2_payload has {} and {}", hex(&told), hex(&public)));
            }
            public
        }
        (Some(peer), None) => *peer.public(),
        (None, None) => array(&vector.param_bytes("remote_public")?)?,
    };
    let Some(shared) = vector_or(vector, ours.agree(&remote))? else {
        return Ok(());
    };
    let key = Key::from_slice(&vector.param_bytes("auth_key")?).map_err(|error| error.to_string())?;
    let session = SessionKey::derive(&shared, &key).ok_or("a short key")?;
    vector.equal("session_key", hex(session.bytes()))?;
    vector.equal("first_sequence_number", first_sequence(&shared))?;
    let third = auth::answer(&key, &session, &random).ok_or("a short key")?;
    vector.equal("step3_payload", hex(&third))?;
    chunks(
        vector,
        "step3_chunks",
        sender.plain(endpoint::AUTHENTICATION, &third, mtu(vector)?),
    )?;
    for (field, reply) in [
        ("step4_ok", Reply::Authenticated),
        ("step4_bad_key", Reply::KeyMismatch),
    ] {
        if let Some(bytes) = vector.expected_bytes(field)?
            && auth::decode(&bytes) != Ok(reply)
        {
            return Err(format!("{field} is read as {:?}", auth::decode(&bytes)));
        }
    }
    Ok(())
}

/// A message, sent, and what a receiver makes of it.
fn sent(vector: &Vector) -> Result<(), String> {
    let handle: u8 = number(vector, "handle")?;
    let endpoint = u16::from_str_radix(
        vector.param("endpoint").and_then(Value::as_str).unwrap_or("none"),
        16,
    )
    .map_err(|error| format!("endpoint: {error}"))?;
    let mut sender = Sender::after(handle.wrapping_sub(1));
    let session = session(vector)?;
    let made = match &session {
        Some(key) => {
            sender.secure(key.clone(), number(vector, "sequence_number")?);
            sender.sealed(endpoint, &vector.input, mtu(vector)?)
        }
        None => sender.plain(endpoint, &vector.input, mtu(vector)?),
    };
    chunks(vector, "chunks", made)?;

    let mut reassembly = Reassembly::default();
    let mut whole = None;
    for chunk in vector
        .expected("chunks")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let taken = reassembly
            .take(&unhex(chunk)?)
            .map_err(|error| error.to_string())?;
        whole = taken.message;
    }
    let message = whole.ok_or("the chunks are no whole message")?;
    if (message.handle, message.endpoint) != (handle, endpoint) {
        return Err(format!(
            "message {} to {:04x} arrives",
            message.handle, message.endpoint
        ));
    }
    let (data, sequence) = opened(session.as_ref(), message)?;
    if data != vector.input {
        return Err(format!("{} arrives", hex(&data)));
    }
    match sequence {
        Some(sequence) if sequence != number::<u32>(vector, "sequence_number")? => {
            Err(format!("sequence number {sequence} arrives"))
        }
        _ => Ok(()),
    }
}

fn acknowledgement(vector: &Vector) -> Result<(), String> {
    let Some(told) = vector.decoded(Acknowledgement::decode(&vector.input))? else {
        return Ok(());
    };
    vector.equal("handle", told.handle)?;
    vector.equal("count", told.index)?;
    if told.encode()[..] == vector.input[..] {
        Ok(())
    } else {
        Err(format!("{} is written", hex(&told.encode())))
    }
}

/// A chunk, and what it says if it is a whole message.
fn received(vector: &Vector) -> Result<(), String> {
    let read = || {
        let chunk = Chunk::decode(&vector.input).map_err(|error| error.to_string())?;
        if chunk.start.is_none() {
            return Ok((chunk, None));
        }
        let taken = Reassembly::default()
            .take(&vector.input)
            .map_err(|error| error.to_string())?;
        let Some(message) = taken.message else {
            return Ok((chunk, None));
        };
        let endpoint = message.endpoint;
        let (data, sequence) = opened(session(vector)?.as_ref(), message)?;
        Ok::<_, String>((chunk, Some((endpoint, data, sequence))))
    };
    let Some((chunk, message)) = vector.decoded(read())? else {
        return Ok(());
    };
    vector.equal("flags", chunk.flags)?;
    vector.equal("handle", chunk.handle)?;
    vector.equal("count", chunk.index)?;
    if let Some(start) = chunk.start {
        vector.equal("total_length", start.length)?;
        vector.equal("endpoint", format!("{:04x}", start.endpoint))?;
    }
    let Some((from, data, sequence)) = message else {
        return Ok(());
    };
    if let Some(sequence) = sequence {
        vector.equal("sequence_number", sequence)?;
    }
    for field in ["data", "payload"] {
        vector.equal(field, hex(&data))?;
    }
    let Some((command, content)) = data.split_first() else {
        return Ok(());
    };
    vector.equal("command", *command)?;
    match from {
        endpoint::BATTERY if vector.expects("battery") => {
            let told = battery::decode(content).map_err(|error| error.to_string())?;
            vector.equal("battery", battery_json(&told))
        }
        // A status comes first.
        endpoint::STEPS => match content.get(1..).map(steps::decode) {
            Some(Ok(told)) => equal_all(
                vector,
                &json!({ "steps": told.steps, "distance_m": told.distance }),
            ),
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

/// The data of a message, and its sequence number where it is encrypted.
fn opened(session: Option<&SessionKey>, message: Message) -> Result<(Vec<u8>, Option<u32>), String> {
    if !message.encrypted {
        return Ok((message.body, None));
    }
    let opened = session
        .ok_or("no session key")?
        .open(message.handle, message.length, &message.body)
        .map_err(|error| error.to_string())?;
    Ok((opened.data, Some(opened.sequence)))
}

/// As [`Vector::decoded`], for a step before the one that decides whether the vector is refused.
fn vector_or<T, E: std::fmt::Debug>(vector: &Vector, answer: Result<T, E>) -> Result<Option<T>, String> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(error) => vector.decoded(Err(error)),
    }
}

fn chunks(vector: &Vector, field: &str, made: Option<Vec<Vec<u8>>>) -> Result<(), String> {
    let made = made.ok_or("too long to be sent")?;
    vector.equal(field, made.iter().map(|chunk| hex(chunk)).collect::<Vec<_>>())
}

fn session(vector: &Vector) -> Result<Option<SessionKey>, String> {
    match vector.param("session_key") {
        Some(key) => Ok(Some(SessionKey::new(array(&unhex(key)?)?))),
        None => Ok(None),
    }
}

fn peer(vector: &Vector) -> Result<Option<KeyPair>, String> {
    match vector.param("peer_private") {
        Some(private) => KeyPair::new(&array(&unhex(private)?)?)
            .map(Some)
            .map_err(|error| error.to_string()),
        None => Ok(None),
    }
}

fn mtu(vector: &Vector) -> Result<u16, String> {
    let mtu = vector.param("mtu").map_or(Some(SMALLEST_MTU), Value::as_u64);
    mtu.and_then(|mtu| u16::try_from(mtu).ok())
        .ok_or_else(|| "mtu should be a number".to_owned())
}

/// A whole number among the parameters.
fn number<T: TryFrom<u64>>(vector: &Vector, field: &str) -> Result<T, String> {
    let value = vector.param(field).and_then(Value::as_u64);
    value
        .and_then(|value| T::try_from(value).ok())
        .ok_or_else(|| format!("{field} should be a number"))
}

fn array<const N: usize>(bytes: &[u8]) -> Result<[u8; N], String> {
    bytes.try_into().map_err(|_| format!("not {N} bytes"))
}
