//! The authentication, and its cipher.

use belay_drivers::huami::aes::encrypt_block;
use belay_drivers::huami::codec::auth::{Dialect, Reply, decode, key_of_text, send_key};

use super::super::vector::{Vector, hex};

pub fn aes128(vector: &Vector) -> Result<(), String> {
    let key = block(&vector.param_bytes("key_hex")?)?;
    let encrypted = encrypt_block(&key, &block(&vector.input)?);
    vector.equal("ciphertext", hex(&encrypted))
}

pub fn auth(vector: &Vector) -> Result<(), String> {
    if vector.expects("key_hex") {
        let text = String::from_utf8(vector.input.clone()).map_err(|error| error.to_string())?;
        return vector.equal("key_hex", hex(&key_of_text(&text)));
    }
    let key = block(&vector.param_bytes("key_hex")?)?;
    let byte = |field: &str| match vector.param(field) {
        Some(_) => Ok(vector.param_bytes(field)?.first().copied().unwrap_or(0)),
        None => Ok::<_, String>(0),
    };
    let dialect = Dialect {
        crypt: byte("crypt_flags")?,
        flag: byte("flag")?,
    };
    let Some(Reply::Random(random)) = vector.decoded(decode(&vector.input))? else {
        return if vector.expects("error") {
            Ok(())
        } else {
            Err("no random block".to_owned())
        };
    };
    vector.equal("random", hex(&random))?;
    vector.equal("send_key", hex(&send_key(dialect.flag, &key)))?;
    vector.equal("request_random", hex(&dialect.request_random()))?;
    vector.equal("answer", hex(&dialect.answer(&key, &random)))?;
    for (field, reply) in [
        ("key_reply_ok", Reply::KeyStored),
        ("key_reply_not_confirmed", Reply::NotConfirmed),
        ("final_reply_ok", Reply::Authenticated),
        ("final_reply_bad_key", Reply::KeyMismatch),
    ] {
        if let Some(bytes) = vector.expected_bytes(field)?
            && decode(&bytes) != Ok(reply)
        {
            return Err(format!("{field} is read as {:?}", decode(&bytes)));
        }
    }
    Ok(())
}

fn block(bytes: &[u8]) -> Result<[u8; 16], String> {
    bytes.try_into().map_err(|_| "not 16 bytes".to_owned())
}
