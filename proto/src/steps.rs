//! The fixed steps that belayd walks at the warden with a ticket (`Warden.Use`): names, inputs, outputs.
//!
//! Inputs and outputs are canonical CBOR maps with `"v": 1`. "Signed bytes" are
//! [`Signed::encode`](crate::signed::Signed::encode).
//!
//! | purpose | steps in order |
//! |---|---|
//! | `register` | [`NEW_CREDENTIALS`]; then with the pending id (32 hexadecimal digits) in the ticket's place [`BIND`] and [`ACKNOWLEDGE`], or [`DISCARD`] |
//! | `sign-in` | [`LOGIN_SIGNATURE`], [`OPEN_ROOT`], [`CERTIFY`], [`BIND`] |
//! | `reauthenticate` | [`LOGIN_SIGNATURE`], [`OPEN_ROOT`] |
//! | `sign-out` | [`PROVE`], [`RELEASE`] |
//! | `reset` | [`AUTHORIZE_RESET`] |
//! | `find` | [`SET_FIND`] |
//! | `policies` | [`SET_POLICIES`] |
//! | `unpair` | [`UNPAIR`] |
//! | `command` | [`LOGIN_SIGNATURE`], [`OPEN_ROOT`], [`SIGN_COMMAND`] |
//! | `change-password` | [`LOGIN_SIGNATURE`], [`OPEN_ROOT`], [`NEW_PASSWORD`] |
//! | `recovery-code` | [`LOGIN_SIGNATURE`], [`OPEN_ROOT`], [`NEW_RECOVERY_CODE`]; then with the pending id [`ACKNOWLEDGE`] |
//! | `recover` | [`RECOVER`], or [`RECOVERED`]; without the code, on a bound device, [`BEGIN_HOLD`] |
//! | `identifier`, `bootloader` | [`LOGIN_SIGNATURE`], [`OPEN_ROOT`], [`ORDER`] |
//! | `delete-account` | [`LOGIN_SIGNATURE`], [`OPEN_ROOT`], [`ORDER`]; then with an empty ticket [`LEAVE`] once the cloud has done it, or [`STAY`] |
//! | `remove-device` | [`LOGIN_SIGNATURE`], [`OPEN_ROOT`], [`REMOVE_DEVICE`] |
//! | none: an empty ticket | [`SAVED_RELEASE`]; [`PASSWORD_STRENGTH`]; [`SIGN_COMMAND`] for a delegate's verbs; [`OUTCOMES`], [`STATE_REPORT`], [`EFFECTS`], [`BEGIN`], [`END`], [`SMS`], [`TICK`], [`COLLECTION_KEYS`], [`TAKE_KEYRING`], [`TAKE_DELEGATE`], [`SUCCEED`], [`LEAVE`], [`STAY`], [`HOLD`] |

mod account;
mod collection;
mod commands;
mod policies;
mod purpose;
mod unpair;

use crate::id::{AccountId, DeviceId, Epoch, HardwareId, PendingId};
use crate::keys::{KdfParameters, PublicKey, RecoveryClaim, Signature};
use crate::secret::Secret;

pub use account::{
    BEGIN_HOLD, HOLD, HOLD_LASTS, HoldInput, HoldOutput, LEAVE, NEW_PASSWORD, NEW_RECOVERY_CODE, NEW_ROOT,
    NewCredentialsSet, NewPasswordInput, NewRecoveryCodeInput, NewRecoveryCodeOutput, ORDER, OrderOutput,
    RECOVER, RECOVERED, REMOVE_DEVICE, RecoverInput, RecoveredOutput, RemoveDeviceInput, RemoveDeviceOutput,
    STAY, SUCCEED, SucceedInput, TAKE_DELEGATE, TAKE_KEYRING, TakeDelegateInput, TakeKeyringInput,
    TakenOutput, purpose_of, remove_device_subject,
};
pub use collection::{ACCESSORIES, COLLECTION_KEYS, CollectionKeysInput, CollectionKeysOutput, SYNCED};
pub use commands::{
    BEGIN, BeginInput, EFFECTS, END, Effect, EffectsOutput, EndInput, INTERRUPTED, OUTCOMES, OutcomesInput,
    OutcomesOutput, SIGN_COMMAND, SMS, STATE_REPORT, SignCommandInput, SignCommandOutput, SmsInput,
    SmsOutput, StateReportOutput, TICK, TickOutput, command_subject,
};
pub use policies::{
    Policies, PolicyChanges, SET_FIND, SET_POLICIES, SHORTEST_OFFLINE, SetFindInput, find_subject,
    policies_subject,
};
pub use purpose::{Purpose, UnknownPurpose};
pub use unpair::{UNPAIR, UnpairInput};

/// Makes root, keys, records and recovery code and keeps them pending: [`NewCredentialsInput`] →
/// [`NewCredentialsOutput`]. Uses the ticket up.
pub const NEW_CREDENTIALS: &str = "new-credentials";
/// Commits the binding. With a ticket [`BindInput`] → [`BindOutput`], with a pending id [`PendingInput`] →
/// [`PendingBindOutput`], the same again each time until [`ACKNOWLEDGE`].
pub const BIND: &str = "bind";
/// Forgets a pending registration: [`PendingInput`] → [`Done`].
pub const DISCARD: &str = "discard";
/// The recovery code was written down, nobody can read it any more: [`PendingInput`] → [`Done`].
pub const ACKNOWLEDGE: &str = "acknowledge";
/// Signs the cloud's challenge: [`LoginSignatureInput`] → [`LoginSignatureOutput`]. A `sign-in` is signed for the ticket's
/// subject, everything else for the account that the device is bound to, by its id: so it goes on whichever addresses come and go.
pub const LOGIN_SIGNATURE: &str = "login-signature";
/// Opens and judges what the cloud keeps for the account: [`OpenRootInput`] → [`OpenRootOutput`].
pub const OPEN_ROOT: &str = "open-root";
/// Makes this device's certificate: [`CertifyInput`] → [`CertifyOutput`].
pub const CERTIFY: &str = "certify";
/// Checks the password of a `sign-out` ticket, and nothing else: [`Done`] → [`Done`]. For whoever has to keep something between that and
/// [`RELEASE`], which compares nothing again after it.
pub const PROVE: &str = "prove";
/// Checks the password, unbinds and releases: [`ReleaseInput`] → [`ReleaseOutput`].
pub const RELEASE: &str = "release";
/// Checks the password and allows a factory reset: [`AuthorizeResetInput`] → [`AuthorizeResetOutput`].
pub const AUTHORIZE_RESET: &str = "authorize-reset";

/// The subject of a `reset` ticket that may release too. Without it [`AuthorizeResetInput::release`] is
/// refused: who allows a reset has not let the device go.
pub const RESET_AND_RELEASE: &str = "release";

/// The release that is kept until the next binding, for when the answer to [`RELEASE`] was lost: with an
/// empty ticket, [`Done`] → [`SavedReleaseOutput`].
pub const SAVED_RELEASE: &str = "saved-release";
/// What the owner's security check may say of the password: with an empty ticket, [`Done`] → [`PasswordStrengthOutput`].
pub const PASSWORD_STRENGTH: &str = "password-strength";

crate::cbor_map! {
    /// Into [`NEW_CREDENTIALS`].
    #[derive(Debug)]
    pub struct NewCredentialsInput {
        /// belayd's device key.
        pub device_key: PublicKey,
        /// The identifier, masked, to show while the device is locked to its owner.
        pub login: String,
    }

    /// Out of [`NEW_CREDENTIALS`]: what the cloud gets.
    #[derive(Debug)]
    pub struct NewCredentialsOutput {
        /// Names the registration in later steps; lives 24 h of boot time.
        pub pending: PendingId,
        /// The new account.
        pub account: AccountId,
        /// The credentials' generation, 1.
        pub generation: u64,
        /// The credentials record, signed bytes.
        pub credentials: Vec<u8>,
        /// The owner's public key.
        pub owner: PublicKey,
        /// The sealed keyring.
        pub keyring: Vec<u8>,
        /// The first device certificate, signed bytes.
        pub certificate: Vec<u8>,
        /// The cloud's share of the wrap key; belayd hands it over and forgets it.
        pub share: Secret<[u8; 32]>,
        /// The release of the binding before, signed bytes, while the cloud may not have it.
        pub release: Option<Vec<u8>>,
        /// This hardware.
        pub hardware: HardwareId,
        /// Whether the hardware has an unprinted part, so that activation lock applies.
        pub hardware_locked: bool,
    }

    /// Into [`BIND`], [`DISCARD`] and [`ACKNOWLEDGE`] of a pending registration.
    #[derive(Debug)]
    pub struct PendingInput {
        /// The registration.
        pub pending: PendingId,
    }

    /// Into [`BIND`] of a sign-in.
    #[derive(Debug)]
    pub struct BindInput {
        /// The certificate that the cloud knows for this hardware, signed bytes: the door of a
        /// tampered warden when no copy of its state survived.
        pub existing: Option<Vec<u8>>,
    }

    /// Out of [`BIND`] of a sign-in: the device as it is now bound.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct BindOutput {
        /// The device.
        pub device: DeviceId,
        /// The binding.
        pub epoch: Epoch,
    }

    /// Out of [`BIND`] of a pending registration: the device as it is now bound, and the claim to its recovery
    /// code. The code itself is in no step's output: the warden gives it to whoever brings the claim to
    /// `Warden.RecoveryCode`, and belayd may not call that.
    #[derive(Debug)]
    pub struct PendingBindOutput {
        /// The device.
        pub device: DeviceId,
        /// The binding.
        pub epoch: Epoch,
        /// To be handed to whoever confirmed the registration.
        pub claim: RecoveryClaim,
    }

    /// Into [`LOGIN_SIGNATURE`]: what the cloud answered to the login challenge. Origin and identifier
    /// aren't among it; the warden has its own.
    #[derive(Debug)]
    pub struct LoginSignatureInput {
        /// Argon2id's salt.
        pub salt: [u8; 16],
        /// Argon2id's parameters; refused out of bounds or below what was seen.
        pub parameters: KdfParameters,
        /// The cloud's nonce.
        pub nonce: Vec<u8>,
        /// RFC 7638 thumbprint of the device key.
        pub thumbprint: [u8; 32],
        /// The ticket's purpose.
        pub action: String,
    }

    /// Out of [`LOGIN_SIGNATURE`].
    #[derive(Debug)]
    pub struct LoginSignatureOutput {
        /// Over the login statement.
        pub signature: Signature,
    }

    /// Into [`OPEN_ROOT`]: what the cloud answered to the login.
    #[derive(Debug)]
    pub struct OpenRootInput {
        /// The cloud's share of the wrap key.
        pub share: Secret<[u8; 32]>,
        /// The credentials record, signed bytes.
        pub credentials: Vec<u8>,
        /// The sealed keyring.
        pub keyring: Vec<u8>,
    }

    /// Out of [`OPEN_ROOT`].
    #[derive(Debug)]
    pub struct OpenRootOutput {
        /// The owner's public key, from the root itself.
        pub owner: PublicKey,
        /// The credentials' generation.
        pub generation: u64,
        /// The account.
        pub account: AccountId,
    }

    /// Into [`CERTIFY`].
    #[derive(Debug)]
    pub struct CertifyInput {
        /// belayd's device key.
        pub device_key: PublicKey,
        /// The account's login identifier, masked.
        pub login: String,
    }

    /// Out of [`CERTIFY`]: what the cloud gets.
    #[derive(Debug)]
    pub struct CertifyOutput {
        /// This device's certificate, signed bytes.
        pub certificate: Vec<u8>,
        /// The device, once [`BIND`] commits it.
        pub device: DeviceId,
        /// The binding, once [`BIND`] commits it.
        pub epoch: Epoch,
        /// As in [`NewCredentialsOutput`].
        pub release: Option<Vec<u8>>,
    }

    /// Into [`RELEASE`].
    #[derive(Debug)]
    pub struct ReleaseInput {}

    /// Out of [`RELEASE`].
    #[derive(Debug)]
    pub struct ReleaseOutput {
        /// The release, signed bytes.
        pub release: Vec<u8>,
    }

    /// Out of [`SAVED_RELEASE`].
    #[derive(Debug)]
    pub struct SavedReleaseOutput {
        /// The release, signed bytes; absent when there is none.
        pub release: Option<Vec<u8>>,
    }

    /// Out of [`PASSWORD_STRENGTH`]; empty where the password was not typed here since it was changed.
    #[derive(Debug)]
    pub struct PasswordStrengthOutput {
        /// By zxcvbn, 0 to 4.
        pub score: Option<u32>,
        /// When it was first typed or chosen here, s since the epoch by this device's wall clock.
        pub since: Option<u64>,
    }

    /// Into [`AUTHORIZE_RESET`].
    #[derive(Debug)]
    pub struct AuthorizeResetInput {
        /// Sign out too; for a ticket with the subject [`RESET_AND_RELEASE`] alone.
        pub release: bool,
    }

    /// Out of [`AUTHORIZE_RESET`].
    #[derive(Debug)]
    pub struct AuthorizeResetOutput {
        /// The authorisation, signed bytes; good for this boot and 10 minutes.
        pub authorisation: Vec<u8>,
        /// The release, signed bytes, when asked for.
        pub release: Option<Vec<u8>>,
    }

    /// Nothing to say.
    #[derive(Debug)]
    pub struct Done {}
}

#[cfg(test)]
mod tests;
