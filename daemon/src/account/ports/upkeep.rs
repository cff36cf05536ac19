//! What becomes of an account after sign-in.

use std::time::Duration;

use belay_proto::id::DeviceId;
use belay_proto::secret::Secret;
use belay_proto::wire::{
    BootloaderAnswer, CredentialsAnswer, NewCredentialsRequest, ProfileChanges, RecoveryAnswer,
    RemoveDeviceRequest,
};

use super::{NewVerification, OpenedVerification, ProofOfWork, Reply};
use crate::account::model::Identifier;

/// The calls that change an account. An order is the owner's word, under the owner key: the session alone does none of it. The
/// same `key` and request are done once.
pub trait Upkeep: Send + Sync + 'static {
    /// Changes what the owner tells about themselves.
    fn set_profile<'a>(&'a self, changes: &'a ProfileChanges) -> Reply<'a, ()>;

    /// The newest credentials, and what this device gets with them; by the device key alone.
    fn credentials(&self) -> Reply<'_, CredentialsAnswer>;

    /// Puts other credentials in the place of the account's.
    fn put_credentials<'a>(&'a self, asked: &'a NewCredentialsRequest, key: &'a str) -> Reply<'a, ()>;

    /// Asks for a code to one more address of the account.
    fn open_address(&self, asked: NewVerification, work: ProofOfWork) -> Reply<'_, OpenedVerification>;

    /// Adds the address that `ticket` proves.
    fn add_address<'a>(&'a self, ticket: &'a str, order: &'a [u8], key: &'a str) -> Reply<'a, Identifier>;

    /// Removes an address, by the cloud's id.
    fn remove_address<'a>(&'a self, id: &'a str, order: &'a [u8], key: &'a str) -> Reply<'a, ()>;

    /// Makes the address that the order names the login.
    fn set_login<'a>(&'a self, order: &'a [u8], key: &'a str) -> Reply<'a, ()>;

    /// Removes a device.
    fn remove_device<'a>(
        &'a self,
        device: DeviceId,
        asked: &'a RemoveDeviceRequest,
        key: &'a str,
    ) -> Reply<'a, ()>;

    /// Deletes the account.
    fn delete_account<'a>(&'a self, order: &'a [u8], key: &'a str) -> Reply<'a, ()>;

    /// A token for another service of the account.
    fn service_token<'a>(&'a self, service: &'a str) -> Reply<'a, ServiceToken>;

    /// Asks that this device's bootloader may be unlocked.
    fn ask_for_unlock<'a>(
        &'a self,
        order: &'a [u8],
        reason: &'a str,
        key: &'a str,
    ) -> Reply<'a, BootloaderAnswer>;

    /// How that request stands; by the device key alone.
    fn unlock_request(&self) -> Reply<'_, BootloaderAnswer>;

    /// Asks for a code to an address of an account whose password is forgotten.
    fn open_recovery(&self, asked: NewVerification, work: ProofOfWork) -> Reply<'_, OpenedVerification>;

    /// Proves that address; the same `key` and code are one try.
    fn prove_recovery<'a>(&'a self, id: &'a str, code: &'a str, key: &'a str) -> Reply<'a, RecoveryAnswer>;

    /// Brings the credentials of a recovery.
    fn recover<'a>(&'a self, id: &'a str, asked: &'a NewCredentialsRequest, key: &'a str) -> Reply<'a, ()>;

    /// Brings those of one without the recovery code, which wait; how long by the cloud's clock.
    fn recover_on_hold<'a>(
        &'a self,
        id: &'a str,
        asked: &'a NewCredentialsRequest,
        key: &'a str,
    ) -> Reply<'a, Duration>;

    /// Brings the warden's word on how a hold ended.
    fn end_hold<'a>(&'a self, hold: &'a [u8]) -> Reply<'a, ()>;
}

/// A token for another service.
#[derive(Debug)]
pub struct ServiceToken {
    /// The JWT.
    pub token: Secret<String>,
    /// Its life, s.
    pub expires_in: u64,
}
