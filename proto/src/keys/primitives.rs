//! The few functions everything else is made of, from ring.

use ring::rand::{SecureRandom, SystemRandom};
use ring::{digest, hmac};
use zeroize::Zeroize;

use crate::secret::Secret;

/// SHA-256 (FIPS 180-4).
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    fixed(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// HMAC-SHA256 (RFC 2104).
pub fn hmac_sha256(key: &[u8], data: &[u8]) -> [u8; 32] {
    fixed(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), data).as_ref())
}

/// As [`hmac_sha256`] of these parts, one after the other.
pub fn hmac_sha256_of(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    parts.iter().for_each(|part| context.update(part));
    fixed(context.sign().as_ref())
}

/// HKDF-SHA256 (RFC 5869), 32 bytes: one block of output, so expanding is one more HMAC.
pub fn hkdf(ikm: &[u8], salt: &[u8], info: &[u8]) -> Secret<[u8; 32]> {
    // An empty salt and RFC 5869's string of zeros are the same HMAC key.
    let mut prk = hmac_sha256(salt, ikm);
    let okm = hmac_sha256(&prk, &[info, &[1]].concat());
    prk.zeroize();
    Secret::new(okm)
}

/// `N` bytes from the kernel's random number generator.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if SystemRandom::new().fill(&mut bytes).is_err() {
        // No kernel we run on refuses this; going on with known bytes would be the worst answer.
        impossible();
    }
    bytes
}

/// Whether two byte strings are the same, in a time that doesn't tell where they differ.
pub fn same(a: &[u8], b: &[u8]) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &random::<32>());
    hmac::verify(&key, a, hmac::sign(&key, b).as_ref()).is_ok()
}

/// Ends the process where a library has an error type for what its arguments exclude. Going on
/// would mean going on without a key or a random number.
pub(crate) fn impossible() -> ! {
    std::process::abort()
}

fn fixed(bytes: &[u8]) -> [u8; 32] {
    bytes.try_into().unwrap_or_else(|_| impossible())
}
