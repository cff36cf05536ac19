//! The proof of a device's key that comes with each call: as anybody may bring it, as a device makes it and somebody on the way changes
//! it, and with whatever a key may sign. The lines are method, path, access token, what is changed, a header, and then claims; `KEY` in
//! the header stands for the key that signs.

#![no_main]

use std::time::SystemTime;

use belay_proto::Secret;
use belay_proto::dpop::{Proof, create, verify};
use belay_proto::keys::SigningKey;
use belay_proto::text::base64url;
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};

/// Bytes of the longest proof that is looked at.
const LONGEST: usize = 4096;

/// What a proof is for: method, path and access token.
type Call<'a> = (&'a str, &'a str, Option<&'a str>);

fn url(path: &str) -> String {
    format!("https://cloud.example.org/{path}")
}

fn taken(proof: &str, (method, path, token): Call<'_>) -> Option<Proof> {
    verify(proof, method, &url(path), token).ok()
}

/// What is taken for one call is taken for no other.
fn assert_alone(proof: &str, (method, path, token): Call<'_>) {
    let bare = path.split(['?', '#']).next().unwrap_or_default();
    let other_method = format!("{method}X");
    let other_path = format!("{bare}x");
    let other_token = format!("{}x", token.unwrap_or_default());
    for other in [
        (other_method.as_str(), path, token),
        (method, other_path.as_str(), token),
        (method, path, Some(other_token.as_str())),
    ] {
        assert!(taken(proof, other).is_none(), "taken for {other:?}");
    }
    assert!(token.is_none() || taken(proof, (method, path, None)).is_none());
    assert_eq!(
        taken(proof, (method, bare, token)),
        taken(proof, (method, path, token)),
        "the query is no part of it"
    );
}

/// The proof with a part replaced, and with a bit that is another.
fn changed(proof: &str, how: &str) -> [String; 2] {
    let number = |at: usize| how.as_bytes().get(at).copied().map_or(0, usize::from);
    let at = (number(0) * 256 + number(1)) % proof.len();
    let end = proof.len().min(at + number(2));
    let put = how.get(3..).unwrap_or_default();
    let mut flipped = proof.as_bytes().to_vec();
    flipped[at] ^= 1 << (number(2) % 7);
    [
        format!("{}{put}{}", &proof[..at], &proof[end..]),
        String::from_utf8(flipped).unwrap_or_default(),
    ]
}

/// What a device makes is taken for its call, and nothing else that can be made of it.
fn made(key: &SigningKey, call: Call<'_>, how: &str) {
    let (method, path, token) = call;
    let proof = create(
        key,
        method,
        &url(path),
        Some("nonce"),
        token,
        SystemTime::UNIX_EPOCH,
    );
    let read = taken(&proof, call);
    if proof.len() > LONGEST {
        assert_eq!(read, None);
        return;
    }
    let read = read.map(|read| (read.key, read.iat, read.nonce));
    assert_eq!(read, Some((key.public(), 0, Some("nonce".to_owned()))));
    assert_alone(&proof, call);
    for changed in changed(&proof, how) {
        assert!(
            changed == proof || taken(&changed, call).is_none(),
            "changed and taken"
        );
    }
}

/// What a key signs is its own word, and is taken only with the header and for the call that the standard wants.
fn signed(key: &SigningKey, call: Call<'_>, header: &str, claims: &str) {
    let name = key.public().to_string();
    let header = header.replace("KEY", &name);
    let message = format!(
        "{}.{}",
        base64url(header.as_bytes()),
        base64url(claims.as_bytes())
    );
    let by = |key: &SigningKey| format!("{message}.{}", key.sign(b"", message.as_bytes()));
    let other = SigningKey::from_seed(&Secret::new([0x46; 32]));
    let forged = taken(&by(&other), call);
    assert!(
        forged.is_none_or(|read| read.key == other.public()),
        "signed without the key"
    );
    let proof = by(key);
    let Some(read) = taken(&proof, call) else {
        return;
    };
    assert_eq!(read.key, key.public());
    assert_alone(&proof, call);
    let object = |text: &str| serde_json::from_str::<Map<String, Value>>(text).unwrap_or_default();
    let (header, claims) = (object(&header), object(claims));
    let none = Map::new();
    let jwk = header.get("jwk").and_then(Value::as_object).unwrap_or(&none);
    for (fields, name, wanted) in [
        (&header, "typ", "dpop+jwt"),
        (&header, "alg", "EdDSA"),
        (jwk, "kty", "OKP"),
        (jwk, "crv", "Ed25519"),
        (jwk, "x", name.as_str()),
        (&claims, "htm", call.0),
        (&claims, "jti", read.jti.as_str()),
    ] {
        assert_eq!(fields.get(name).and_then(Value::as_str), Some(wanted), "{name}");
    }
    for (fields, name) in [(&header, "crit"), (jwk, "d")] {
        assert!(fields.get(name).is_none_or(Value::is_null), "{name}");
    }
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut lines = text.splitn(6, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let (method, path, token) = (line(), line(), line());
    let call = (method, path, Some(token).filter(|token| !token.is_empty()));
    let (how, header, claims) = (line(), line(), line());
    for brought in [text, header] {
        assert_eq!(taken(brought, call), None, "signed by nobody");
    }
    let key = SigningKey::from_seed(&Secret::new([0x45; 32]));
    made(&key, call, how);
    signed(&key, call, header, claims);
});
