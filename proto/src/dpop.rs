//! DPoP proofs (RFC 9449) by the device key: a JWS (RFC 7515) in compact form, `EdDSA` (RFC 8037).

use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock::unix_seconds;
use crate::keys::{PublicKey, Signature, SigningKey, random, sha256};
use crate::text::{base64url, from_base64url, split_url};

/// The longest proof that is looked at, bytes.
const MAX_BYTES: usize = 4096;

/// A proof that verified; whether its nonce is fresh and its `jti` new is the cloud's to judge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The key that made it.
    pub key: PublicKey,
    /// Names the proof.
    pub jti: String,
    /// When its maker thinks it was made: seconds since the epoch.
    pub iat: u64,
    /// The server's nonce.
    pub nonce: Option<String>,
}

/// Why a proof isn't one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DpopError {
    /// Not a JWS, or not with these claims.
    #[error("the proof is malformed")]
    Malformed,
    /// Another type or algorithm than `dpop+jwt` and `EdDSA`, or no Ed25519 key.
    #[error("the proof's header isn't supported")]
    Unsupported,
    /// The signature isn't the key's.
    #[error("the proof's signature is bad")]
    BadSignature,
    /// Made for another method or address.
    #[error("the proof is for another call")]
    OtherCall,
    /// Made for another access token, or for none.
    #[error("the proof is for another access token")]
    OtherToken,
}

#[derive(Serialize, Deserialize)]
struct Header {
    typ: String,
    alg: String,
    jwk: Jwk,
    /// Extensions that a verifier must understand (RFC 7515 §4.1.11); there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    crit: Option<Value>,
}

#[derive(Serialize, Deserialize)]
struct Jwk {
    kty: String,
    crv: String,
    x: PublicKey,
    /// A private key in a proof is a mistake that must not be smiled at (RFC 9449 §4.3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    d: Option<Value>,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    jti: String,
    htm: String,
    htu: String,
    iat: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nonce: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ath: Option<String>,
}

/// A proof for one call. `now` is told to the server and judged by nobody: its nonce is what counts.
pub fn create(
    key: &SigningKey,
    method: &str,
    url: &str,
    nonce: Option<&str>,
    access_token: Option<&str>,
    now: SystemTime,
) -> String {
    create_with(
        key,
        method,
        url,
        nonce,
        access_token,
        unix_seconds(now),
        &base64url(&random::<16>()),
    )
}

/// As [`create`] with a given `jti`.
pub(crate) fn create_with(
    key: &SigningKey,
    method: &str,
    url: &str,
    nonce: Option<&str>,
    access_token: Option<&str>,
    iat: u64,
    jti: &str,
) -> String {
    let jwk = Jwk {
        kty: "OKP".to_owned(),
        crv: "Ed25519".to_owned(),
        x: key.public(),
        d: None,
    };
    let header = Header {
        typ: "dpop+jwt".to_owned(),
        alg: "EdDSA".to_owned(),
        jwk,
        crit: None,
    };
    let claims = Claims {
        jti: jti.to_owned(),
        htm: method.to_owned(),
        htu: target(url),
        iat,
        nonce: nonce.map(str::to_owned),
        ath: access_token.map(token_hash),
    };
    let message = format!("{}.{}", part(&header), part(&claims));
    let signature = key.sign(b"", message.as_bytes());
    format!("{message}.{signature}")
}

/// Verifies a proof for one call with this access token, or with none.
///
/// # Errors
/// [`DpopError`].
pub fn verify(proof: &str, method: &str, url: &str, access_token: Option<&str>) -> Result<Proof, DpopError> {
    if proof.len() > MAX_BYTES {
        return Err(DpopError::Malformed);
    }
    let (message, signature) = proof.rsplit_once('.').ok_or(DpopError::Malformed)?;
    let (header, claims) = message.split_once('.').ok_or(DpopError::Malformed)?;
    let header: Header = read(header)?;
    let Jwk { kty, crv, x: key, d } = &header.jwk;
    if header.typ != "dpop+jwt"
        || header.alg != "EdDSA"
        || header.crit.is_some()
        || kty != "OKP"
        || crv != "Ed25519"
        || d.is_some()
    {
        return Err(DpopError::Unsupported);
    }
    let signature: Signature = signature.parse().map_err(|_| DpopError::Malformed)?;
    key.verify(b"", message.as_bytes(), &signature)
        .map_err(|_| DpopError::BadSignature)?;
    let claims: Claims = read(claims)?;
    if claims.htm != method || target(&claims.htu) != target(url) {
        return Err(DpopError::OtherCall);
    }
    if claims.ath != access_token.map(token_hash) {
        return Err(DpopError::OtherToken);
    }
    Ok(Proof {
        key: *key,
        jti: claims.jti,
        iat: claims.iat,
        nonce: claims.nonce,
    })
}

/// A URL as `htu` has it: without query and fragment, normalised (RFC 9449 §4.3).
fn target(url: &str) -> String {
    let (origin, path) = split_url(url);
    origin + path
}

fn token_hash(token: &str) -> String {
    base64url(&sha256(token.as_bytes()))
}

fn part<T: Serialize>(value: &T) -> String {
    // Structs of strings and numbers always serialise.
    base64url(&serde_json::to_vec(value).unwrap_or_default())
}

fn read<T: for<'de> Deserialize<'de>>(part: &str) -> Result<T, DpopError> {
    let bytes = from_base64url(part).map_err(|_| DpopError::Malformed)?;
    let value: Value = serde_json::from_slice(&bytes).map_err(|_| DpopError::Malformed)?;
    // Header, claims and key are objects (RFC 7515 §4, RFC 7517 §4); serde would take lists for them too.
    let fields = value.as_object().ok_or(DpopError::Malformed)?;
    if fields.get("jwk").is_some_and(|key| !key.is_object()) {
        return Err(DpopError::Malformed);
    }
    serde_json::from_slice(&bytes).map_err(|_| DpopError::Malformed)
}

#[cfg(test)]
mod tests;
