//! Sign-in and tokens.

use serde::{Deserialize, Serialize};

use super::account::GrownProfile;
use super::{Bytes, IdentifierAnswer, Profile, SecretText, Share};
use crate::id::AccountId;
use crate::keys::{KdfParameters, PublicKey, Signature};

/// A session's tokens, bound to the device key.
#[derive(Debug, Serialize, Deserialize)]
pub struct Tokens {
    /// For `Authorization: DPoP`.
    pub access_token: SecretText,
    /// For the next tokens.
    pub refresh_token: SecretText,
    /// The access token's life, s.
    pub expires_in: u64,
}

/// `POST /v1/login/challenge`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginChallengeRequest {
    /// The identifier in its normal form, or the account's id where the device knows it.
    pub identifier: String,
}

/// 200 to a login challenge, for known and unknown identifiers alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginChallengeAnswer {
    /// Argon2id's salt, 16 bytes.
    pub salt: Bytes,
    /// Argon2id's parameters.
    pub parameters: KdfParameters,
    /// What the login statement must carry.
    pub nonce: Bytes,
}

/// `POST /v1/login`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginRequest {
    /// As in the challenge.
    pub identifier: String,
    /// From the challenge.
    pub nonce: Bytes,
    /// The name of the ticket's purpose: `sign-in`, `reauthenticate`, `command`, `change-password`, `recovery-code`,
    /// `identifier`, `remove-device`, `delete-account` or `bootloader`.
    pub action: String,
    /// Over the login statement.
    pub signature: Signature,
}

/// 200 to a right login.
#[derive(Debug, Serialize, Deserialize)]
pub struct LoginAnswer {
    /// The account.
    pub account: AccountId,
    /// A session.
    pub tokens: Tokens,
    /// The cloud's share of the wrap key.
    pub share: Share,
    /// The credentials record, signed bytes.
    pub credentials: Bytes,
    /// The sealed keyring.
    pub keyring: Bytes,
    /// The owner's public key, as the cloud has it.
    pub owner: PublicKey,
    /// As in `GET /v1/account`.
    pub identifiers: Vec<IdentifierAnswer>,
    /// As in `GET /v1/account`.
    #[serde(deserialize_with = "GrownProfile::deserialize")]
    pub profile: Profile,
    /// The certificates of the account's devices, signed bytes.
    pub devices: Vec<Bytes>,
    /// The highest key epoch of its records.
    #[serde(default)]
    pub key_epoch: u64,
}

/// `POST /v1/token`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    /// The newest refresh token, or the one before.
    pub refresh_token: SecretText,
}

/// 200 to a token request.
#[derive(Debug, Serialize, Deserialize)]
pub struct TokenAnswer {
    /// The next tokens.
    pub tokens: Tokens,
}

/// `POST /v1/revoke`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevokeRequest {
    /// A refresh token of the session that ends.
    pub refresh_token: SecretText,
}
