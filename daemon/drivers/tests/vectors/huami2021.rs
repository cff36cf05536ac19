//! The protocol of 2021: ECDH over B-163, chunks with a header, encryption.

use belay_drivers::huami::v2021::{auth, b163, chunked, crypto};

use super::Check;
use super::vector::{Vector, hex};

/// The groups that are checked here.
pub const GROUPS: &[(&str, Check)] = &[
    ("huami2021-ack", acknowledgement),
    ("huami2021-battery", battery),
    ("huami2021-ecdh", ecdh),
    ("huami2021-encrypted", encrypted),
    ("huami2021-handshake", handshake),
];

fn ecdh(vector: &Vector) -> Result<(), String> {
    let size = |_| "not as long as it should be".to_owned();
    let private = vector.input.clone().try_into().map_err(size)?;
    let public = |private| b163::public(private).map_err(|error| error.to_string());
    vector.equal("public", hex(&public(&private)?))?;
    let remote = if vector.param("peer_private").is_some() {
        public(&vector.param_bytes("peer_private")?.try_into().map_err(size)?)?
    } else {
        let remote = vector.param_bytes("remote_public")?;
        remote
            .try_into()
            .map_err(|_| "not as long as it should be".to_owned())?
    };
    vector.equal("peer_public", hex(&remote))?;
    match vector.decoded(b163::shared(&private, &remote))? {
        Some(shared) => vector.equal("shared", hex(&shared)),
        None => Ok(()),
    }
}

fn encrypted(vector: &Vector) -> Result<(), String> {
    let number = |field: &str| {
        vector
            .param(field)
            .and_then(serde_json::Value::as_u64)
            .ok_or("no parameter")
    };
    let narrow = |error: std::num::TryFromIntError| error.to_string();
    let session = vector
        .param_bytes("session_key")?
        .try_into()
        .map_err(|_| "no key")?;
    let handle = u8::try_from(number("handle")?).map_err(narrow)?;
    let sequence = u32::try_from(number("sequence_number")?).map_err(narrow)?;
    let mtu = u16::try_from(number("mtu")?).map_err(narrow)?;
    let endpoint = vector
        .param_bytes("endpoint")?
        .try_into()
        .map_err(|_| "no endpoint")?;
    let header = chunked::Header {
        handle,
        length: u32::try_from(vector.input.len()).map_err(narrow)?,
        endpoint: u16::from_be_bytes(endpoint),
        encrypted: true,
    };
    let sealed = crypto::seal(&session, handle, sequence, &vector.input);
    let opened = crypto::open(&session, handle, vector.input.len(), &sealed);
    if opened.as_ref() != Ok(&vector.input) {
        return Err("isn't read back".to_owned());
    }
    let chunks = chunked::chunks(header, &sealed, mtu).ok_or("too long")?;
    let chunks: Vec<_> = chunks.iter().map(|chunk| hex(chunk)).collect();
    vector.equal("chunks", chunks)
}

fn acknowledgement(vector: &Vector) -> Result<(), String> {
    let number = |field| vector.expected(field).and_then(serde_json::Value::as_u64);
    let byte = |field| {
        number(field)
            .and_then(|one| u8::try_from(one).ok())
            .ok_or("no number")
    };
    let written = chunked::acknowledgement(byte("handle")?, byte("count")?);
    if written == *vector.input {
        Ok(())
    } else {
        Err(format!("{} is written", hex(&written)))
    }
}

fn battery(vector: &Vector) -> Result<(), String> {
    let Some(taken) = vector.decoded(chunked::Assembly::default().take(&vector.input))? else {
        return Ok(());
    };
    let (header, data) = taken.message.ok_or("no whole message")?;
    vector.equal("flags", vector.input[1])?;
    vector.equal("count", vector.input[4])?;
    vector.equal("handle", header.handle)?;
    vector.equal("total_length", header.length)?;
    vector.equal("endpoint", format!("{:04x}", header.endpoint))?;
    let (command, value) = data.split_first().ok_or("no command")?;
    vector.equal("command", *command)?;
    let told = belay_drivers::huami::codec::battery::decode(value).map_err(|error| error.to_string())?;
    vector.equal("battery", super::huami::battery_json(&told))
}

fn handshake(vector: &Vector) -> Result<(), String> {
    fn fixed<const N: usize>(bytes: Vec<u8>) -> Result<[u8; N], String> {
        bytes
            .try_into()
            .map_err(|_| "not as long as it should be".to_owned())
    }
    let key = fixed(vector.param_bytes("auth_key")?)?;
    let private = fixed(vector.param_bytes("private")?)?;
    let hello = auth::hello(&b163::public(&private).map_err(|error| error.to_string())?);
    vector.equal("step1_payload", hex(&hello))?;
    let told = vector.expected_bytes("step2_payload")?.ok_or("no step 2")?;
    let (random, remote) = auth::challenge(&told).map_err(|error| error.to_string())?;
    let shared = b163::shared(&private, &remote).map_err(|error| error.to_string())?;
    let (session, sequence) = crypto::session(&shared, &key);
    vector.equal("session_key", hex(&session))?;
    vector.equal("first_sequence_number", sequence)?;
    let answer = auth::answer(&shared, &key, &random);
    vector.equal("step3_payload", hex(&answer))?;
    for (field, handle, data) in [("step1_chunks", 1, &hello), ("step3_chunks", 2, &answer)] {
        let length = u32::try_from(data.len()).map_err(|error| error.to_string())?;
        let header = chunked::Header {
            handle,
            length,
            endpoint: 0x82,
            encrypted: false,
        };
        let chunks = chunked::chunks(header, data, 23).ok_or("too long")?;
        vector.equal(field, chunks.iter().map(|chunk| hex(chunk)).collect::<Vec<_>>())?;
    }
    for (field, same) in [("step4_ok", true), ("step4_bad_key", false)] {
        if let Some(told) = vector.expected_bytes(field)?
            && auth::verdict(&told) != Ok(same)
        {
            return Err(format!("{field} is read otherwise"));
        }
    }
    Ok(())
}
