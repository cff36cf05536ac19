//! Objects that prove themselves: canonical CBOR under an Ed25519 signature over a domain prefix.
//!
//! The signature is over `DOMAIN ‖ the bytes as received`; a receiver never signs or compares what it
//! encoded itself.

mod certificate;
mod command;
mod credentials;
mod delegate;
mod hold;
mod keyring;
mod login;
mod order;
mod outcome;
mod release;
mod state_report;
mod succession;

use crate::cbor::{Item, Malformed, MapReader, MapWriter, Value};
use crate::keys::{BadSignature, PublicKey, Signature, SigningKey};

pub use certificate::DeviceCertificate;
pub use command::{
    Action, Command, CommandEnvelope, CommandState, Disposition, EnvelopeError, Signer, UnknownDisposition,
    Verb, clean_message, default_life, longest_life,
};
pub use credentials::CredentialsRecord;
pub use delegate::{DelegateCertificate, DelegatedVerbs};
pub use hold::HoldEnd;
pub use keyring::{
    COUNTED_END, EPOCHS_END, EpochKeys, Keyring, KeyringError, MOST_EPOCHS, MOST_REMOVED, epoch_follows,
};
pub use login::LoginStatement;
pub use order::{AccountOrder, Deed};
pub use outcome::Outcome;
pub use release::{Release, ResetAuthorisation};
pub use state_report::StateReport;
pub use succession::Succession;

/// A kind of signed object.
pub trait Object: Sized {
    /// What the signature covers before the bytes; ends with a zero byte.
    const DOMAIN: &'static [u8];

    /// The one encoding.
    fn encode(&self) -> Vec<u8>;

    /// Reads the one encoding.
    ///
    /// # Errors
    /// [`Malformed`] for any other bytes.
    fn decode(bytes: &[u8]) -> Result<Self, Malformed>;
}

/// The bytes of an object and the signature over them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The object's encoding, as its signer wrote it.
    pub payload: Vec<u8>,
    /// Ed25519 over the object's domain and the payload.
    pub signature: Signature,
}

/// A signed object isn't what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignedError {
    /// The bytes aren't this object.
    #[error("the signed object is malformed")]
    Malformed(#[from] Malformed),
    /// The signature isn't this key's over these bytes.
    #[error("the signed object's signature is bad")]
    BadSignature(#[from] BadSignature),
}

impl Signed {
    /// Encodes and signs an object.
    pub fn seal<T: Object>(object: &T, key: &SigningKey) -> Self {
        let payload = object.encode();
        let signature = key.sign(T::DOMAIN, &payload);
        Self { payload, signature }
    }

    /// Verifies, then reads.
    ///
    /// # Errors
    /// [`SignedError::BadSignature`] before a byte of the payload is looked at.
    pub fn open<T: Object>(&self, key: &PublicKey) -> Result<T, SignedError> {
        key.verify(T::DOMAIN, &self.payload, &self.signature)?;
        Ok(T::decode(&self.payload)?)
    }

    /// Reads without verifying: to find out which key should have signed, or for display.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn peek_unverified<T: Object>(&self) -> Result<T, Malformed> {
        T::decode(&self.payload)
    }

    /// `{"payload", "signature"}` as canonical CBOR.
    pub fn encode(&self) -> Vec<u8> {
        self.writer().finish()
    }

    fn writer(&self) -> MapWriter {
        MapWriter::new()
            .put("payload", &self.payload)
            .put("signature", &self.signature)
    }

    /// Reads what [`Signed::encode`] writes.
    ///
    /// # Errors
    /// [`Malformed`] for any other bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        Self::from_value(Value::decode(bytes)?)
    }
}

impl Item for Signed {
    fn to_value(&self) -> Value {
        self.writer().into_value()
    }

    fn from_value(value: Value) -> Result<Self, Malformed> {
        let mut map = MapReader::of(value)?;
        let signed = Self {
            payload: map.take("payload")?,
            signature: map.take("signature")?,
        };
        map.finish()?;
        Ok(signed)
    }
}

/// Makes a struct of [`crate::cbor_map`] an [`Object`].
macro_rules! object {
    ($name:ident, $domain:literal) => {
        impl $crate::signed::Object for $name {
            const DOMAIN: &'static [u8] = $domain;

            fn encode(&self) -> Vec<u8> {
                $name::encode(self)
            }

            fn decode(bytes: &[u8]) -> Result<Self, $crate::cbor::Malformed> {
                $name::decode(bytes)
            }
        }
    };
}

pub(crate) use object;

#[cfg(test)]
mod tests;
