//! An address that is being proved for an account that exists: one more way to reach its owner, or the way to a forgotten
//! password.

use belay_proto::keys::hmac_sha256;
use belay_proto::wire::Bytes;
use serde::{Deserialize, Serialize};

use crate::account::model::{Attempt, Channel, Deadline, Verification};

/// What the address is proved for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Aim {
    /// To be added to the account.
    Identifier,
    /// To choose another password.
    Recovery,
}

impl Aim {
    /// The word of the contract, as `Pending` has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Identifier => "identifier",
            Self::Recovery => "recovery",
        }
    }
}

/// An address under proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proving {
    /// The cloud's id, which is also what callers name.
    pub id: String,
    /// What for.
    pub aim: Aim,
    /// How the code travels.
    pub channel: Channel,
    /// The address in clear.
    pub address: String,
    /// What is known of the verification.
    pub verification: Verification,
    /// When another code may be sent.
    pub resend: Deadline,
    /// When it is over.
    pub expires: Deadline,
    /// The code that was last sent and not answered for.
    pub attempt: Option<Attempt>,
    /// The owner's order that adds the address, signed bytes; of [`Aim::Identifier`].
    pub order: Option<Bytes>,
    /// The cloud's ticket once the code was right, and the idempotency key of what it is used for; of [`Aim::Identifier`].
    pub ticket: Option<(String, String)>,
    /// SHA-256 of the credentials record that was last on its way with it, signed bytes: where the account turns out to have that,
    /// it is done. Of [`Aim::Recovery`].
    #[serde(default)]
    pub brought: Option<[u8; 32]>,
    /// Keys the digest of codes.
    pub salt: [u8; 16],
}

impl Proving {
    /// The digest under which a code is remembered.
    #[must_use]
    pub fn code_digest(&self, code: &str) -> [u8; 32] {
        hmac_sha256(&self.salt, code.as_bytes())
    }
}
