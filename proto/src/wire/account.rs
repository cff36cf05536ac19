//! Accounts.

use serde::{Deserialize, Serialize};

use super::{Bytes, DeviceKind, ProofOfWork, SecretText, Share, Tokens};
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
    /// The first device's certificate, signed bytes; none where the account is made without a device, as in a browser.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Bytes>,
    /// The cloud's share of the wrap key.
    pub share: Share,
    /// What the owner told.
    pub profile: Profile,
    /// The device's name; with the certificate, and only then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_name: Option<String>,
    /// What sort of device it is, where it knows; only with the certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_kind: Option<DeviceKind>,
    /// The release of the binding before, signed bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<Bytes>,
}

/// 201 to `POST /v1/accounts`.
#[derive(Debug, Serialize, Deserialize)]
pub struct CreatedAccount {
    /// The account.
    pub account: AccountId,
    /// Its first device, where one came along.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceId>,
    /// The device's session. An account without a device has none: the first device signs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<Tokens>,
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

/// `PATCH /v1/account`: what is absent stays, an empty text removes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfileChanges {
    /// As in [`Profile`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// As in [`Profile`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// As in [`Profile`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// As in [`Profile`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newsletter: Option<bool>,
}

/// An order of the owner: `DELETE /v1/account`, `DELETE /v1/account/identifiers/{id}`, `PUT /v1/account/login`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderRequest {
    /// The [`AccountOrder`](crate::signed::AccountOrder), signed bytes.
    pub order: Bytes,
}

/// `POST /v1/account/identifiers`; answered 201 with an [`IdentifierAnswer`].
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddIdentifierRequest {
    /// Proves the address.
    pub ticket: SecretText,
    /// The order, which names the same address, signed bytes.
    pub order: Bytes,
}

/// What a device of the account gets with new credentials or a new key epoch; only its own key fetches it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// The device.
    pub device: DeviceId,
    /// The keyring sealed to its box.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keyring: Option<Bytes>,
    /// Its warden's delegate certificate, signed bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delegate: Option<Bytes>,
    /// With a new root its certificate under the new owner key, signed bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Bytes>,
}

/// `PUT /v1/account/credentials`, and with a ticket `PUT /v1/recoveries/{id}/credentials`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewCredentialsRequest {
    /// Proves the address of a recovery; absent otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<SecretText>,
    /// The credentials record of the next generation, signed bytes.
    pub credentials: Bytes,
    /// The keyring under the root.
    pub keyring: Bytes,
    /// SHA-256 of the keyring that it takes the place of, as the cloud gave it: two devices that change it at once must not
    /// lose each other's keys.
    pub replaces: Bytes,
    /// The cloud's share of the wrap key.
    pub share: Share,
    /// With a new root the [`Succession`](crate::signed::Succession), signed bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub succession: Option<Bytes>,
    /// Of a recovery without the code: the owner key of another root, which the account gets once the hold is over. Until then
    /// the credentials wait beside those that hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<PublicKey>,
    /// What the devices get; with a new root each active device's certificate is among it.
    pub grants: Vec<Grant>,
}

/// A succession that a device may have missed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuccessionAnswer {
    /// The [`Succession`](crate::signed::Succession), signed bytes.
    pub succession: Bytes,
    /// The credentials record that it names, signed bytes.
    pub credentials: Bytes,
    /// The device's certificate under that owner key, signed bytes.
    pub certificate: Bytes,
}

/// `GET /v1/account/credentials`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialsAnswer {
    /// The newest credentials record, signed bytes.
    pub credentials: Bytes,
    /// What moved the owner key since the device was bound, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub successions: Vec<SuccessionAnswer>,
    /// The newest keyring sealed to the device's box, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keyring: Option<Bytes>,
    /// Its warden's newest delegate certificate, signed bytes, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delegate: Option<Bytes>,
    /// Somebody recovers the account without its code, and the owner may say no: until the cloud's own wait is over, ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery_ms: Option<u64>,
    /// Whether that recovery was begun by the device that asks; of one that was overtaken by another device's nothing waits. Absent:
    /// the cloud doesn't say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery_here: Option<bool>,
    /// The owner removed the device: no session and no keys any more, but it stays bound until its release.
    #[serde(default, skip_serializing_if = "is_false")]
    pub removed: bool,
    /// The account was deleted; the device stays bound until its release.
    #[serde(default, skip_serializing_if = "is_false")]
    pub deleted: bool,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

/// `DELETE /v1/devices/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoveDeviceRequest {
    /// The order, signed bytes.
    pub order: Bytes,
    /// The keyring with one more key epoch, under the root.
    pub keyring: Bytes,
    /// As in [`NewCredentialsRequest`].
    pub replaces: Bytes,
    /// What the devices that stay get.
    pub grants: Vec<Grant>,
}

/// `POST /v1/recoveries`; answered 202 with an [`OpenedVerification`](super::OpenedVerification), for known and unknown
/// identifiers alike. The id goes with the calls of a verification.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenRecoveryRequest {
    /// The identifier in its normal form; the code goes there.
    pub identifier: String,
    /// The device's name, for the message and the link's page.
    pub device_name: String,
    /// The message's language, BCP 47.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The solved challenge.
    pub pow: ProofOfWork,
}

/// 200 to a right `POST /v1/recoveries/{id}/code`.
#[derive(Debug, Serialize, Deserialize)]
pub struct RecoveryAnswer {
    /// Good for one `PUT /v1/recoveries/{id}/credentials`.
    pub ticket: SecretText,
    /// The account.
    pub account: AccountId,
    /// Its credentials record, signed bytes.
    pub credentials: Bytes,
    /// Its keyring under the root.
    pub keyring: Bytes,
    /// The certificates of its devices, signed bytes.
    pub devices: Vec<Bytes>,
    /// The highest key epoch of its records.
    #[serde(default)]
    pub key_epoch: u64,
    /// Which of the devices are lost, as they last said themselves.
    #[serde(default)]
    pub lost: Vec<DeviceId>,
}

/// 202 to a `PUT /v1/recoveries/{id}/credentials` without the code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldAnswer {
    /// Until they may hold, ms by the cloud's clock.
    pub waits_ms: u64,
}

/// `POST /v1/holds`: a device tells how its hold ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HoldRequest {
    /// The [`HoldEnd`](crate::signed::HoldEnd), signed bytes.
    pub hold: Bytes,
}

/// `POST /v1/service-tokens`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceTokenRequest {
    /// Which service, as the cloud's operator named it.
    pub service: String,
}

/// 201 to a service token.
#[derive(Debug, Serialize, Deserialize)]
pub struct ServiceTokenAnswer {
    /// A JWT (RFC 7519) for that service alone.
    pub token: SecretText,
    /// Its life, s.
    pub expires_in: u64,
}

/// `POST /v1/account/bootloader-unlocks`, for the device that asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BootloaderRequest {
    /// The order, signed bytes.
    pub order: Bytes,
    /// Why, for whoever decides.
    pub reason: String,
}

/// How a request to unlock a bootloader stands: `GET /v1/account/bootloader-unlocks`, by the device key alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootloaderAnswer {
    /// `none`, `pending`, `approved` or `denied`.
    pub state: String,
    /// Until it may be decided, ms; 0 otherwise.
    pub waits_ms: u64,
}
