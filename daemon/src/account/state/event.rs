//! What happens, and what is to be done about it.

use belay_proto::dbus::BootloaderUnlock;
use belay_proto::id::{AccountId, CommandId, PendingId};

use super::{Job, Refusal, Request, Word};
use crate::account::command::SentCommand;
use crate::account::evidence::Fate;
use crate::account::model::{
    Attempt, Deadline, Departure, Identifier, Locked, OwnSms, Profile, Registration, Release, ReleaseKey,
    Saved, Session, Verification,
};
use crate::account::new_code::{CodeKept, NewCode};
use crate::account::proving::Proving;

/// Something that has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The store was read; comes first.
    Loaded(Box<Saved>),
    /// The warden said this.
    Warden(Word),
    /// Somebody asks for work.
    Asked(Request),
    /// The work is over, however it went.
    Ended(Job),
    /// The warden has made the keys of a new account.
    Prepared(Box<Registration>),
    /// The cloud has taken up the verification.
    Opened {
        /// The registration's keys.
        pending: PendingId,
        /// The cloud's id.
        id: String,
        /// The SMS to send, where one proves the number.
        own_sms: Option<OwnSms>,
        /// When another code may be sent.
        resend: Deadline,
        /// When it is over.
        expires: Deadline,
    },
    /// The cloud told about a verification.
    Looked {
        /// Which.
        id: String,
        /// How it stands.
        verification: Verification,
        /// When another code may be sent.
        resend: Deadline,
        /// When it is over.
        expires: Deadline,
    },
    /// The code's last try is gone; another may be sent at once.
    CodeSpent {
        /// Which verification.
        id: String,
        /// A deadline that is over.
        resend: Deadline,
    },
    /// A code is about to be sent, or its answer has come.
    Trying {
        /// Which verification.
        id: String,
        /// The code on its way.
        attempt: Option<Attempt>,
    },
    /// The warden is about to be asked for a release.
    SigningOut {
        /// Whether the owner's data stays on the device.
        leaves_data: bool,
    },
    /// The device is about to leave with its account, whose deletion was ordered here: not in the middle of a sign-out.
    LeavingWithAccount,
    /// The order to delete the account is about to leave, or it is over without the account's end.
    DeletionSent {
        /// The account.
        account: AccountId,
        /// Whether it may be on its way from now on.
        is_sent: bool,
    },
    /// The warden couldn't be told that an order to delete the account is over.
    DeletionStands,
    /// Nobody works on a sign-out, and its ticket's life is over.
    SignOutLapsed,
    /// The registration was given up by somebody here.
    Cancelled {
        /// Which verification.
        id: String,
    },
    /// The registration can't succeed any more: the cloud refused for good, or the warden has dropped the keys.
    Failed {
        /// The registration's keys.
        pending: PendingId,
    },
    /// The code was right.
    Proved {
        /// Which verification.
        id: String,
        /// The cloud's ticket.
        ticket: String,
        /// The digest of the code.
        code: [u8; 32],
    },
    /// The account is about to be asked for.
    Submitting {
        /// Which verification.
        id: String,
        /// The request's body.
        body: String,
        /// Its idempotency key.
        key: String,
    },
    /// The cloud has made the account, and its tokens are kept.
    Accepted {
        /// Which verification.
        id: String,
        /// The account.
        session: Box<Session>,
    },
    /// The warden has bound the device to the registered account.
    Confirmed {
        /// Which verification.
        id: String,
        /// The account.
        session: Box<Session>,
    },
    /// The owner has written the recovery code down.
    Acknowledged {
        /// Which verification.
        id: String,
    },
    /// The cloud has taken up the proof of an address.
    ProvingOpened(Box<Proving>),
    /// The code to an address was right.
    AddressProved {
        /// Which verification.
        id: String,
        /// The cloud's ticket.
        ticket: String,
        /// The idempotency key of what it is used for.
        key: String,
    },
    /// The cloud is about to get the credentials of a recovery.
    Recovering {
        /// Which verification.
        id: String,
        /// SHA-256 of the record.
        credentials: [u8; 32],
    },
    /// The address is added, or can't be proved any more.
    ProvingOver {
        /// Which verification.
        id: String,
    },
    /// The cloud is about to get another recovery code.
    RecoveryCodeMaking {
        /// The account.
        account: AccountId,
        /// The code.
        code: NewCode,
    },
    /// The account has that code.
    RecoveryCodeMade {
        /// The account.
        account: AccountId,
    },
    /// The owner has written the code down, or it will never be the account's.
    RecoveryCodeOver {
        /// The warden's id of it.
        pending: PendingId,
    },
    /// The cloud told how the request to unlock the bootloader stands.
    Unlock {
        /// The account that was asked about.
        account: AccountId,
        /// How it stands.
        unlock: BootloaderUnlock,
    },
    /// The password opened the account, and its tokens are kept.
    SigningIn(Box<Session>),
    /// The warden has bound the device to this account.
    SignedIn(Box<Session>),
    /// The password opened the account again, and the new tokens are kept.
    Reauthenticated(Box<Session>),
    /// The cloud has ended the session.
    SessionEnded {
        /// The account whose session it was.
        account: AccountId,
    },
    /// The cloud told what the owner did elsewhere, and the warden judged it.
    KeptUp {
        /// The account.
        account: AccountId,
        /// Why the device is none of the account's any more.
        departure: Option<Departure>,
        /// What is known of the account's recovery code, where anything is.
        recovery_code: Option<CodeKept>,
    },
    /// The warden has released the device.
    Released(Box<Release>),
    /// These releases wait in the store, whoever put them there.
    Waiting(Vec<ReleaseKey>),
    /// The warden keeps this release, and nobody knows whether the cloud has it.
    Found(Box<Release>),
    /// The cloud has a release, or it works no more.
    Delivered(ReleaseKey),
    /// A command is about to be sent.
    Sending(Box<SentCommand>),
    /// Something was heard of a command.
    Heard {
        /// Which.
        id: CommandId,
        /// How far it is.
        fate: Fate,
    },
    /// The cloud doesn't know a command.
    Unheard {
        /// Which.
        id: CommandId,
    },
    /// The cloud says that the hardware is another account's.
    HardwareLocked(Locked),
    /// The cloud says that the hardware is nobody's.
    HardwareFree,
    /// The cloud told about the account.
    Refreshed {
        /// Which account.
        account: AccountId,
        /// The ways to reach the owner.
        identifiers: Vec<Identifier>,
        /// What the owner told.
        profile: Profile,
    },
}

/// Something to do. Every [`Effect::Keep`] of a step is durable, all in one transaction, before the new state
/// counts and before any other effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The work may begin.
    Start(Job),
    /// What was asked or reported doesn't fit.
    Refuse(Refusal),
    /// Write this.
    Keep(Change),
    /// Tell the warden that these keys aren't needed; it drops them by itself after a day.
    Discard(PendingId),
    /// Tell the cloud that nobody waits for this verification; it ends by itself.
    Abandon(String),
    /// Bring the waiting releases to the cloud.
    Deliver,
    /// Ask the warden for the release it keeps, whose making may not have been heard of here.
    Recover,
    /// Have the warden forget an order to delete the account that never left, or came to nothing.
    WithdrawDeletion,
    /// Tell the cloud how a hold ended.
    TellHold,
    /// Ask the cloud about the account.
    Refresh,
}

/// Something to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The account.
    Session(Box<Session>),
    /// The account and its tokens go.
    ForgetAccount,
    /// What was stored of the owner's data goes.
    ForgetData,
    /// What the cloud has of the owner's data goes there once more: the keys are others now.
    PushAgain,
    /// The device key goes; the next need makes another.
    ForgetDeviceKey,
    /// The registration under way.
    Registration(Box<Registration>),
    /// No registration is under way.
    ForgetRegistration,
    /// The commands that were sent from here.
    Commands(Vec<SentCommand>),
    /// The address under proof, if any is.
    Proving(Option<Box<Proving>>),
    /// Whose the hardware is.
    Locked(Option<Locked>),
    /// A release is to be delivered.
    AddRelease(Box<Release>),
    /// A release needs no delivery any more.
    DropRelease(ReleaseKey),
}
