//! What is in a gateway's message, and whether it is the gateway's: without HTTP and database.

use belay_proto::keys::{hmac_sha256, same};
use belay_proto::text::from_hex;

/// Whether `signature` says that the gateway has signed `body`: the HMAC-SHA-256 of the body with the `secret` that gateway and cloud
/// share, in lower-case hexadecimal.
#[must_use]
pub fn is_signed(secret: &str, body: &[u8], signature: Option<&str>) -> bool {
    let signature = signature.and_then(|text| from_hex(text).ok());
    signature.is_some_and(|signature| same(&hmac_sha256(secret.as_bytes(), body), &signature))
}

/// The token that a text ends with, whatever a phone or a person put before it.
#[must_use]
pub fn token(text: &str) -> Option<Vec<u8>> {
    let word = text.split_whitespace().next_back()?;
    from_hex(&word.to_lowercase()).ok()
}
