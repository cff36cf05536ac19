//! The account's life after sign-in: another password, another recovery code, recovery, orders, and how they reach the
//! account's other devices.
//!
//! Each of these tickets first walks [`LOGIN_SIGNATURE`](super::LOGIN_SIGNATURE) with
//! [`LoginSignatureInput`](super::LoginSignatureInput), whose action is the purpose, and [`OPEN_ROOT`](super::OPEN_ROOT). The
//! login's identifier is the account's id, 32 hexadecimal digits, which the warden fills in itself: no address has to be known.

use std::time::Duration;

use crate::id::{DeviceId, PendingId};
use crate::keys::{PublicKey, RecoveryClaim};
use crate::secret::Secret;

/// Another password: [`NewPasswordInput`] → [`NewCredentialsSet`]. The ticket's secrets are `old` and `new`, its subject is
/// empty or [`NEW_ROOT`]. Nothing changes at this device before `Warden.Credentials` or [`SUCCEED`]
/// brings what the cloud took. A new root leaves the account without a recovery code, which nobody but its owner knows: make
/// another, and begins a key epoch. Uses the ticket up.
pub const NEW_PASSWORD: &str = "new-password";
/// The subject of a `change-password` ticket that makes a new root too.
pub const NEW_ROOT: &str = "new-root";
/// Another recovery code: [`NewRecoveryCodeInput`] → [`NewRecoveryCodeOutput`]. The warden tells the code only once
/// `Warden.Credentials` has brought the record that it is in. Then, with the pending id in the ticket's place,
/// [`ACKNOWLEDGE`](super::ACKNOWLEDGE); or [`DISCARD`](super::DISCARD) where the cloud took another record;
/// [`BIND`](super::BIND) tells the claim again. Uses the ticket up.
pub const NEW_RECOVERY_CODE: &str = "new-recovery-code";
/// Recovery with the code: [`RecoverInput`] → [`NewCredentialsSet`]. The ticket's secrets are `new` and `recovery-code`, its
/// subject is the identifier; it walks no other step before. Works on an unbound device as well; on a bound one the root must be
/// the pinned owner's. It begins a key epoch, above the highest that the cloud counts. One try a ticket: an input that reads uses it
/// up, whatever comes of it. `WrongCode`: the code isn't this account's.
///
/// With `new` alone as its secret the ticket makes another root instead, under the salt and parameters that the account has, and
/// [`NewCredentialsSet::on_hold`] says so. On a bound device the input's record must be the pinned owner's of the generation that
/// holds; nothing changes there before [`BEGIN_HOLD`], for which alone the ticket lives on. On one that is nobody's the cloud waits.
///
/// Where the account has had another root since, as after such a recovery at another device, `new` is the password that it has by
/// now, and in place of this step the ticket walks [`LOGIN_SIGNATURE`](super::LOGIN_SIGNATURE) for the account's id with the action
/// `recover`, in which nothing is compared, and [`OPEN_ROOT`](super::OPEN_ROOT), which makes the binding under that root; then
/// [`BEGIN_HOLD`] too. `Warden.Credentials` leads that hold on to a later record of that root under the same password and salt, as
/// another recovery code makes one.
pub const RECOVER: &str = "recover";
/// Whether the password that a ticket of a recovery with the code has chosen is the account's already: [`RecoverInput`], whose
/// devices may be left out, → [`RecoveredOutput`]. For whoever doesn't know what became of a [`RECOVER`] before. `BadTicket` without
/// the code: then it would be a guess that nobody counts. One try a ticket, as with [`RECOVER`], and in its place.
pub const RECOVERED: &str = "recovered";
/// Begins the hold of a recovery without the code, once the cloud keeps what [`RECOVER`] made: [`Done`](super::Done) → `Done`.
/// Uses the ticket up.
pub const BEGIN_HOLD: &str = "begin-hold";
/// How a hold stands: [`HoldInput`] → [`HoldOutput`], with an empty ticket.
pub const HOLD: &str = "hold";
/// How long a recovery without the code waits: counted by the device in boot time, and by the cloud on its own clock besides.
pub const HOLD_LASTS: Duration = Duration::from_secs(72 * 60 * 60);
/// An order of the owner: [`Done`](super::Done) → [`OrderOutput`]. The ticket's subject is the
/// [`Deed`](crate::signed::Deed)'s text, so belayd can order nothing else; which purpose signs which deed says
/// [`purpose_of`]. Not for `remove-device`, which is [`REMOVE_DEVICE`]. Uses the ticket up. That the account is to be deleted is
/// kept, for [`LEAVE`].
pub const ORDER: &str = "order";
/// The account whose deletion was ordered at this device is deleted: unbinds and releases, [`Done`](super::Done) →
/// [`ReleaseOutput`](super::ReleaseOutput), with an empty ticket, so that the device doesn't stay bound to an account that is no
/// more where the answer of the cloud was late, or whoever waited for it died. `BadTicket` without such an order, and once it is
/// void: after 7 days of boot time, counted over all boots, with newer credentials, with whatever else the owner opens the account
/// for here, with a command of the owner's or a delegate's that is accepted, or after [`STAY`].
pub const LEAVE: &str = "leave";
/// The cloud has refused to delete the account: the order is void, [`Done`](super::Done) → [`Done`](super::Done), with an empty
/// ticket.
pub const STAY: &str = "stay";
/// Removing a device, with a new key epoch: [`RemoveDeviceInput`] → [`RemoveDeviceOutput`]. Uses the ticket up.
pub const REMOVE_DEVICE: &str = "remove-device";

/// The keyring as another device sealed it to this one's box: [`TakeKeyringInput`] → [`TakenOutput`], with an empty ticket.
/// Taken only where the pinned owner signed it, and its key epoch is above the one that is kept, or is the same with older ones that
/// are lacking here. Key epochs that are kept here and lacking in it stay.
pub const TAKE_KEYRING: &str = "take-keyring";
/// The owner's word that this warden's key may have others ring, of the generation that holds: [`TakeDelegateInput`] →
/// [`TakenOutput`], with an empty ticket.
pub const TAKE_DELEGATE: &str = "take-delegate";
/// The owner has a new root: [`SucceedInput`] → [`TakenOutput`], with an empty ticket. The pin, the verifier, the report box and
/// this device's certificate move in one commit, where everything in it proves itself from the pinned owner on.
pub const SUCCEED: &str = "succeed";

crate::cbor_map! {
    /// Into [`NEW_PASSWORD`].
    #[derive(Debug, Clone, Default, PartialEq, Eq)]
    pub struct NewPasswordInput {
        /// The certificates of the account's devices, this one's among them, each once, signed bytes; ones that the owner
        /// didn't sign are refused. One whose removal this warden signed, or its newest keyring names, keeps its place and gets
        /// nothing: its entries in what comes out are empty.
        pub devices: Vec<Vec<u8>>,
        /// A device was lost or wiped: begin a key epoch. A new root always does, and so does a keyring which isn't the cloud's and has
        /// the same number.
        pub new_epoch: bool,
        /// The highest key epoch of the account's records, as the cloud counts it: a new one begins above it, and above each that a
        /// certificate names.
        pub key_epoch: Option<u64>,
        /// Which of them are lost, or given up for lost: they stay the account's, and get no keys, so their entries among the boxes are
        /// empty; this device never counts as one. Where there are any, a key epoch begins.
        pub lost: Option<Vec<DeviceId>>,
    }

    /// What the cloud gets when the credentials change: out of [`NEW_PASSWORD`] and [`RECOVER`].
    #[derive(Debug)]
    pub struct NewCredentialsSet {
        /// The credentials record, one generation on, signed bytes.
        pub credentials: Vec<u8>,
        /// The owner key that signed it.
        pub owner: PublicKey,
        /// The keyring under the root.
        pub keyring: Vec<u8>,
        /// The cloud's new share of the wrap key; belayd hands it over and forgets it.
        pub share: Secret<[u8; 32]>,
        /// With a new root the [`Succession`](crate::signed::Succession), signed bytes.
        pub succession: Option<Vec<u8>>,
        /// With a new root each device's certificate under the new owner key, signed bytes, in the order they came in; else none.
        pub certificates: Vec<Vec<u8>>,
        /// The keyring sealed to each device's box, in the same order, and empty for a lost one; none where each has it already.
        pub boxes: Vec<Vec<u8>>,
        /// Each warden's delegate certificate of the new generation, signed bytes, in the same order.
        pub delegates: Vec<Vec<u8>>,
        /// Made without the recovery code, under a root that nobody before vouches for: the cloud keeps it beside what holds. The
        /// only device in the lists is this one, none where it is nobody's.
        pub on_hold: Option<bool>,
    }

    /// Into [`NEW_RECOVERY_CODE`].
    #[derive(Debug, Clone, Default, PartialEq, Eq)]
    pub struct NewRecoveryCodeInput {
        /// As in [`NewPasswordInput`].
        pub devices: Vec<Vec<u8>>,
        /// As in [`NewPasswordInput`].
        pub key_epoch: Option<u64>,
        /// As in [`NewPasswordInput`], but that no key epoch begins.
        pub lost: Option<Vec<DeviceId>>,
    }

    /// Out of [`NEW_RECOVERY_CODE`].
    #[derive(Debug)]
    pub struct NewRecoveryCodeOutput {
        /// Names the code until it was written down, for [`ACKNOWLEDGE`](super::ACKNOWLEDGE).
        pub pending: PendingId,
        /// The claim to the code, for whoever asked; see [`PendingBindOutput`](super::PendingBindOutput).
        pub claim: RecoveryClaim,
        /// A [`NewCredentialsSet`], encoded: the same password under a record with the new code.
        pub set: Vec<u8>,
    }

    /// Into [`RECOVER`].
    #[derive(Debug, Clone, Default, PartialEq, Eq)]
    pub struct RecoverInput {
        /// The account's newest credentials record, signed bytes.
        pub credentials: Vec<u8>,
        /// Its keyring under the root.
        pub keyring: Vec<u8>,
        /// As in [`NewPasswordInput`]; may be empty.
        pub devices: Vec<Vec<u8>>,
        /// The highest key epoch of the account's records, as the cloud counts it: keys begin above it.
        pub key_epoch: Option<u64>,
        /// As in [`NewPasswordInput`].
        pub lost: Option<Vec<DeviceId>>,
    }

    /// Out of [`RECOVERED`].
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct RecoveredOutput {
        /// Whether the record is under the password that was chosen.
        pub holds: bool,
    }

    /// Into [`HOLD`].
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct HoldInput {
        /// SHA-256 of the credentials whose [`HoldEnd`](crate::signed::HoldEnd) the cloud has: it needn't be told again.
        pub told: Option<[u8; 32]>,
        /// Nothing waits at the cloud any more, so that a hold which runs leads nowhere: end it. Whoever says so can only keep
        /// things as they are.
        pub end: Option<bool>,
    }

    /// Out of [`HOLD`].
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct HoldOutput {
        /// Until the hold is over, ms of boot time; absent: none runs.
        pub left: Option<u64>,
        /// The last hold's [`HoldEnd`](crate::signed::HoldEnd) until the cloud was told, signed bytes.
        pub ended: Option<Vec<u8>>,
        /// SHA-256 of the credentials that a hold which runs leads to, where they are the account's already: nothing waits for it.
        pub towards: Option<[u8; 32]>,
    }

    /// Out of [`ORDER`].
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct OrderOutput {
        /// The [`AccountOrder`](crate::signed::AccountOrder), signed bytes.
        pub order: Vec<u8>,
    }

    /// Into [`REMOVE_DEVICE`].
    #[derive(Debug, Clone, Default, PartialEq, Eq)]
    pub struct RemoveDeviceInput {
        /// The certificates of the devices that stay, this one's among them, signed bytes.
        pub devices: Vec<Vec<u8>>,
        /// As in [`NewPasswordInput`].
        pub key_epoch: Option<u64>,
        /// As in [`NewPasswordInput`].
        pub lost: Option<Vec<DeviceId>>,
    }

    /// Out of [`REMOVE_DEVICE`].
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct RemoveDeviceOutput {
        /// The [`AccountOrder`](crate::signed::AccountOrder), signed bytes.
        pub order: Vec<u8>,
        /// The keyring with one more key epoch, but at the [end](crate::signed::EPOCHS_END) of their numbers, under the root.
        pub keyring: Vec<u8>,
        /// The same sealed to the box of each device that stays, in the order they came in; empty for one that was removed before, or
        /// is lost.
        pub boxes: Vec<Vec<u8>>,
        /// That key epoch.
        pub key_epoch: u64,
    }

    /// Into [`TAKE_KEYRING`].
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct TakeKeyringInput {
        /// What [`Keyring::seal_to`](crate::signed::Keyring::seal_to) made.
        pub keyring: Vec<u8>,
    }

    /// Into [`TAKE_DELEGATE`].
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct TakeDelegateInput {
        /// The [`DelegateCertificate`](crate::signed::DelegateCertificate), signed bytes.
        pub delegate: Vec<u8>,
    }

    /// Into [`SUCCEED`].
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct SucceedInput {
        /// The [`Succession`](crate::signed::Succession), signed bytes.
        pub succession: Vec<u8>,
        /// The credentials record that it names, signed bytes.
        pub credentials: Vec<u8>,
        /// This device's certificate under the new owner key, signed bytes.
        pub certificate: Vec<u8>,
    }

    /// What was brought was taken, or was nothing new or not the owner's.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct TakenOutput {
        /// Whether it was taken.
        pub taken: bool,
    }
}

/// Which ticket signs a deed.
#[must_use]
pub const fn purpose_of(deed: &crate::signed::Deed) -> super::Purpose {
    use crate::signed::Deed;
    match deed {
        Deed::AddIdentifier(_) | Deed::RemoveIdentifier(_) | Deed::SetLogin(_) => super::Purpose::Identifier,
        Deed::RemoveDevice(_) => super::Purpose::RemoveDevice,
        Deed::DeleteAccount => super::Purpose::DeleteAccount,
        Deed::UnlockBootloader(_) => super::Purpose::Bootloader,
    }
}

/// The subject of a `remove-device` ticket.
#[must_use]
pub fn remove_device_subject(device: DeviceId) -> String {
    crate::signed::Deed::RemoveDevice(device).to_string()
}
