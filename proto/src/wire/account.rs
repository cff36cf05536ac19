//! Accounts.

use serde::{Deserialize, Serialize};

use super::{Bytes, SecretText, Share, Tokens};
use crate::id::{AccountId, DeviceId};
use crate::identifier::IdentifierKind;
use crate::keys::PublicKey;

/// What the owner tells about themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// The name to show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// ISO 3166-1 alpha-2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// BCP 47.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Whether news may be sent.
    #[serde(default)]
    pub newsletter: bool,
}

/// A [`Profile`] in an answer, which may have grown by what is not known here.
#[derive(Deserialize)]
#[serde(remote = "Profile")]
pub(super) struct GrownProfile {
    #[serde(default)]
    display_name: Option<String>,
    #[serde(default)]
    country: Option<String>,
    #[serde(default)]
    language: Option<String>,
    #[serde(default)]
    newsletter: bool,
}

/// `POST /v1/accounts`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateAccountRequest {
    /// Proves the address.
    pub ticket: SecretText,
    /// The credentials record, signed bytes.
    pub credentials: Bytes,
    /// The owner's public key.
    pub owner: PublicKey,
    /// The sealed keyring.
    pub keyring: Bytes,
    /// The first device's certificate, signed bytes.
    pub certificate: Bytes,
    /// The cloud's share of the wrap key.
    pub share: Share,
    /// What the owner told.
    pub profile: Profile,
    /// The device's name.
    pub device_name: String,
    /// The release of the binding before, signed bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<Bytes>,
}

/// 201 to `POST /v1/accounts`.
#[derive(Debug, Serialize, Deserialize)]
pub struct CreatedAccount {
    /// The account.
    pub account: AccountId,
    /// Its first device.
    pub device: DeviceId,
    /// The first session.
    pub tokens: Tokens,
}

/// `GET /v1/account`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountAnswer {
    /// The account.
    pub account: AccountId,
    /// The ways to reach the owner; the first is the login.
    pub identifiers: Vec<IdentifierAnswer>,
    /// What the owner told.
    #[serde(deserialize_with = "GrownProfile::deserialize")]
    pub profile: Profile,
    /// When it was made: seconds since the epoch.
    pub created_at: u64,
}

/// An identifier of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentifierAnswer {
    /// Names it.
    pub id: String,
    /// `email` or `phone`.
    pub kind: IdentifierKind,
    /// Masked.
    pub masked: String,
    /// Whether it was proved.
    pub verified: bool,
}

/// `GET /v1/account/credentials`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialsAnswer {
    /// The newest credentials record, signed bytes.
    pub credentials: Bytes,
}
