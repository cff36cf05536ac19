//! What the account domain needs from the cloud.

mod upkeep;

use std::time::Duration;

use belay_proto::id::{AccountId, CommandId, DeviceId, HardwareId};
use belay_proto::keys::{KdfParameters, PublicKey, Signature};
use belay_proto::secret::Secret;
use belay_proto::wire::{CommandLife, DeviceKind, ReportsAnswer};
use futures_util::future::BoxFuture;

use crate::account::model::{Channel, Identifier, Material, OwnSms, Profile, Verification};
use crate::cloud::{CloudError, Revocation, Tokens};

pub use upkeep::{ServiceToken, Upkeep};

/// A call's outcome, to be awaited.
pub type Reply<'a, T> = BoxFuture<'a, Result<T, CloudError>>;

/// The calls of the owner's side of the command channel. What they answer is the cloud's word: only the signatures
/// in it prove anything, see [`crate::account::Witness`].
pub trait Orders: Send + Sync + 'static {
    /// Brings a signed command.
    fn send<'a>(&'a self, device: DeviceId, envelope: &'a [u8]) -> Reply<'a, CommandLife>;

    /// What became of a command. With a revision that was seen the answer waits until it is another one, at most for
    /// `wait`.
    fn life(
        &self,
        device: DeviceId,
        command: CommandId,
        seen: Option<u64>,
        wait: Duration,
    ) -> Reply<'_, CommandLife>;

    /// What became of the last commands to a device, the newest first.
    fn lives(&self, device: DeviceId, limit: usize) -> Reply<'_, Vec<CommandLife>>;

    /// What a device reports after the cloud's number `after`.
    fn reports(&self, device: DeviceId, after: u64) -> Reply<'_, ReportsAnswer>;
}

/// The calls that the account makes; `cloud::CloudClient` makes them for real.
pub trait Cloud: Orders + Upkeep {
    /// The configured address, empty when there is none.
    fn url(&self) -> &str;

    /// The device key's public half; the key is made at the first call.
    fn device_key(&self) -> Reply<'_, PublicKey>;

    /// Fetches a challenge and solves it.
    fn work(&self) -> Reply<'_, ProofOfWork>;

    /// Asks for a code to be sent.
    fn open_verification(&self, asked: NewVerification, work: ProofOfWork) -> Reply<'_, OpenedVerification>;

    /// Asks for another code.
    fn resend<'a>(&'a self, id: &'a str, work: ProofOfWork) -> Reply<'a, Waits>;

    /// How a verification stands.
    fn look<'a>(&'a self, id: &'a str) -> Reply<'a, LookedUp>;

    /// Ends a verification.
    fn cancel<'a>(&'a self, id: &'a str) -> Reply<'a, ()>;

    /// Proves the address with a code, or with nothing once the link was opened; answers a ticket. The same `key`
    /// and code are one try.
    fn prove<'a>(&'a self, id: &'a str, code: &'a str, key: &'a str) -> Reply<'a, String>;

    /// The body that asks for an account.
    ///
    /// # Errors
    /// [`CloudError::Nonsense`] when it can't be written.
    fn account_body(&self, asked: NewAccount<'_>) -> Result<String, CloudError>;

    /// Asks for an account with a body of [`Cloud::account_body`]; the same `key` and body make one account.
    fn create_account<'a>(&'a self, body: &'a str, key: &'a str) -> Reply<'a, CreatedAccount>;

    /// The account's details.
    fn account(&self) -> Reply<'_, AccountDetails>;

    /// What a login has to sign.
    fn login_challenge<'a>(&'a self, identifier: &'a str) -> Reply<'a, LoginChallenge>;

    /// Opens a session.
    fn login<'a>(&'a self, proof: LoginProof<'a>) -> Reply<'a, Login>;

    /// Adds this device to the account.
    fn add_device<'a>(
        &'a self,
        certificate: &'a [u8],
        name_and_kind: (&'a str, DeviceKind),
        release: Option<&'a [u8]>,
        keyring: [u8; 32],
        key: &'a str,
    ) -> Reply<'a, ()>;

    /// The account's devices.
    fn devices(&self) -> Reply<'_, Vec<ListedDevice>>;

    /// Brings a release.
    fn deliver<'a>(&'a self, release: &'a [u8]) -> Reply<'a, ()>;

    /// Whose the hardware is.
    fn check_hardware(
        &self,
        hardware: HardwareId,
        unprinted: bool,
        work: ProofOfWork,
    ) -> Reply<'_, HardwareOwner>;

    /// What [`Cloud::revoke`] will need once the account is forgotten; nothing when there is no session.
    fn revocation(&self) -> Reply<'_, Option<Revocation>>;

    /// Ends a session.
    fn revoke(&self, revocation: Revocation) -> Reply<'_, ()>;
}

/// A solved challenge, as JSON that goes into the next call.
#[derive(Clone, Debug)]
pub struct ProofOfWork {
    /// The challenge as it came.
    pub challenge: serde_json::Value,
    /// Its solution.
    pub solution: serde_json::Value,
}

/// An address to verify.
#[derive(Clone, Debug)]
pub struct NewVerification {
    /// How the code travels.
    pub channel: Channel,
    /// Where it goes.
    pub address: String,
    /// The device that the message names.
    pub device_name: String,
    /// The language of the message.
    pub language: Option<String>,
}

/// A verification that was taken up.
#[derive(Clone, Debug)]
pub struct OpenedVerification {
    /// The cloud's id.
    pub id: String,
    /// Its times.
    pub waits: Waits,
    /// With [`Channel::SmsOut`] the SMS that this device has to send.
    pub own_sms: Option<OwnSms>,
}

/// The times of a verification.
#[derive(Clone, Copy, Debug)]
pub struct Waits {
    /// Until another code may be sent.
    pub resend_in: Duration,
    /// Until it is over.
    pub expires_in: Duration,
}

/// How a verification stands.
#[derive(Clone, Copy, Debug)]
pub struct LookedUp {
    /// In one word.
    pub verification: Verification,
    /// Its times.
    pub waits: Waits,
}

/// What asking for an account needs.
#[derive(Clone, Copy, Debug)]
pub struct NewAccount<'a> {
    /// Proves the address.
    pub ticket: &'a str,
    /// What the warden made.
    pub material: &'a Material,
    /// What the owner told.
    pub profile: &'a Profile,
    /// The device's name.
    pub device_name: &'a str,
    /// What sort of device it is.
    pub device_kind: DeviceKind,
}

/// An account that was made.
#[derive(Debug)]
pub struct CreatedAccount {
    /// Which.
    pub account: AccountId,
    /// Its session.
    pub tokens: Tokens,
}

/// What the cloud tells about an account.
#[derive(Clone, Debug, Default)]
pub struct AccountDetails {
    /// The ways to reach the owner, the login first.
    pub identifiers: Vec<Identifier>,
    /// What the owner told.
    pub profile: Profile,
}

/// What a login has to sign.
#[derive(Clone, Debug)]
pub struct LoginChallenge {
    /// Of the password's derivation.
    pub salt: [u8; 16],
    /// Of the password's derivation.
    pub parameters: KdfParameters,
    /// Once.
    pub nonce: Vec<u8>,
}

/// A signed login.
#[derive(Clone, Copy, Debug)]
pub struct LoginProof<'a> {
    /// The login.
    pub identifier: &'a str,
    /// From the challenge.
    pub nonce: &'a [u8],
    /// The purpose of the warden's ticket.
    pub action: &'a str,
    /// The warden's signature over the login statement.
    pub signature: &'a Signature,
}

/// An opened session.
#[derive(Debug)]
pub struct Login {
    /// Which account.
    pub account: AccountId,
    /// The owner's public key, as the cloud has it.
    pub owner: PublicKey,
    /// Its tokens.
    pub tokens: Tokens,
    /// The cloud's share of the wrapping key.
    pub share: Secret<[u8; 32]>,
    /// The signed credentials record.
    pub credentials: Vec<u8>,
    /// The sealed keyring.
    pub keyring: Vec<u8>,
    /// What the cloud tells about the account.
    pub details: AccountDetails,
    /// The signed certificates of the account's devices.
    pub certificates: Vec<Vec<u8>>,
    /// The highest key epoch of the account's records, as the cloud counts it.
    pub key_epoch: u64,
}

/// A device as the cloud lists it.
#[derive(Clone, Debug)]
pub struct ListedDevice {
    /// Its signed certificate.
    pub certificate: Vec<u8>,
    /// Its name.
    pub name: String,
    /// What sort of device it is, as it told the cloud.
    pub kind: DeviceKind,
    /// When the cloud last heard of it, in seconds since the epoch.
    pub last_seen: u64,
    /// Whether the cloud last heard that it is locked for its finder.
    pub lost: bool,
    /// Whether it is the one that asks.
    pub current: bool,
}

/// Whose hardware is.
#[derive(Clone, Debug)]
pub struct HardwareOwner {
    /// Whether it is somebody's.
    pub locked: bool,
    /// The masked login of its owner.
    pub login: Option<String>,
}
