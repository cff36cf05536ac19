//! The login statement: what a password signs to open a session.

use super::{Object as _, object};
use crate::keys::{BadSignature, PublicKey, Signature, SigningKey};

crate::cbor_map! {
    /// Signed by the login key. Only the signature travels: the signer takes the origin from its own
    /// configuration, the cloud from its own, so a relay gets a signature that names itself.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct LoginStatement {
        /// The cloud's URL as configured, scheme and authority, without a trailing slash.
        pub origin: String,
        /// Whom it is for, as it is sent with the signature: an address in the signer's normal form, or an account's id as 32 hexadecimal
        /// digits.
        pub identifier: String,
        /// The cloud's nonce.
        pub nonce: Vec<u8>,
        /// The name of the ticket's purpose, as `sign-in`.
        pub action: String,
        /// RFC 7638 thumbprint of the device key that the session is bound to.
        pub thumbprint: [u8; 32],
    }
}

object!(LoginStatement, b"belay-login/1\0");

impl LoginStatement {
    /// Signs the statement.
    pub fn sign(&self, login: &SigningKey) -> Signature {
        login.sign(Self::DOMAIN, &self.encode())
    }

    /// Verifies a signature over the statement as the verifier knows it.
    ///
    /// # Errors
    /// [`BadSignature`].
    pub fn verify(&self, login: &PublicKey, signature: &Signature) -> Result<(), BadSignature> {
        login.verify(Self::DOMAIN, &self.encode(), signature)
    }

    /// The origin of a URL (RFC 6454 §6.2): scheme and host in lower case, the port unless it is the
    /// scheme's own; no path, no trailing slash.
    pub fn origin_of(url: &str) -> String {
        crate::text::split_url(url.trim()).0
    }
}
