//! What happens to the warden, and what it does about it.

use belay_proto::signed::{Deed, Disposition};
use belay_proto::steps::{HoldOutput, PolicyChanges, Purpose};
use belay_proto::{AccessoryId, CommandId, PendingId, TicketId};

use super::check::Check;
use super::command::lost::{Setback, Stand};
use super::hold::Renewal;
use super::password::{Chosen, Strength};
use super::records::Bound;
use super::refusal::Refusal;
use super::registration::{CodeRequest, Pending};
use super::succession::Brought;
use super::throttle::Presenter;
use crate::disk::copies::Concern;
use crate::moment::Moment;

/// Something happened.
#[derive(Clone, Debug)]
pub struct Event {
    /// When.
    pub at: Moment,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum What {
    /// The warden started, or a timer fired.
    Woke,
    /// Somebody handed over a password.
    Presented {
        /// The fresh ticket.
        id: TicketId,
        /// For what.
        purpose: Purpose,
        /// About whom.
        subject: String,
        /// By whom.
        presenter: Presenter,
    },
    /// A password is about to be compared.
    CheckBegan(Check),
    /// The comparison is over: SHA-256(verify) of the password typed.
    CheckEnded {
        /// The digest.
        verify_digest: [u8; 32],
        /// The same under the salt of what a hold [leads to](super::state::State::derives_ahead), where that is another one.
        ahead: Option<[u8; 32]>,
        /// How good the password is, should it be right.
        strength: Strength,
    },
    /// Root, keys, records and recovery code of a new account were made.
    AccountFounded {
        /// The `register` ticket.
        ticket: TicketId,
        /// What `bind` will commit.
        pending: Box<Pending>,
    },
    /// The cloud has accepted the new account.
    PendingBound(PendingId),
    /// The registration was given up.
    PendingDiscarded(PendingId),
    /// Somebody wants to be told the recovery code.
    CodeAsked(CodeRequest),
    /// The owner has written the recovery code down.
    CodeAcknowledged(PendingId),
    /// A root was opened with the ticket's password, and a certificate made.
    SignedIn {
        /// The `sign-in` ticket.
        ticket: TicketId,
        /// The binding to commit.
        bound: Box<Bound>,
        /// The cloud's certificate for this hardware, encoded: the door of a tampered device.
        existing: Option<Vec<u8>>,
    },
    /// The root was opened again; this record came with it.
    Reauthenticated {
        /// The `reauthenticate` ticket.
        ticket: TicketId,
        /// The encoded credentials record.
        record: Vec<u8>,
        /// What the owner key says of this warden under that record's generation.
        delegate: Vec<u8>,
        /// The keyring that came with it, sealed, where it takes the place of the one that is kept.
        keyring: Option<Vec<u8>>,
    },
    /// belayd brought a credentials record.
    CredentialsBrought(Vec<u8>),
    /// The owner signs out.
    SignedOut {
        /// The `sign-out` ticket.
        ticket: TicketId,
    },
    /// The owner allows a factory reset.
    ResetAllowed {
        /// The `reset` ticket.
        ticket: TicketId,
        /// Sign out too.
        release: bool,
    },
    /// Lock the device.
    Tightened {
        /// Why.
        reason: String,
    },
    /// A command came in an envelope.
    Commanded(Vec<u8>),
    /// A text message came that may be a command.
    Texted(String),
    /// The cloud was heard of just now.
    Beat,
    /// Time has passed: when is it worth asking again?
    Ticked,
    /// The warden is told to end, as when the device is switched off.
    Stopping,
    /// belayd has stored the outcomes up to this sequence, and asks for the rest.
    OutcomesAsked(u64),
    /// belayd asks how the device stands.
    ReportAsked,
    /// belayd is about to do an effect.
    Begun(CommandId),
    /// belayd has done an effect, or given up.
    Ended {
        /// The effect's command.
        command: CommandId,
        /// Whether it was done.
        done: bool,
        /// Why not, as a code.
        reason: String,
    },
    /// The owner turns find-device on or off.
    FindSet {
        /// The `find` ticket.
        ticket: TicketId,
        /// On.
        enabled: bool,
    },
    /// The owner lets an accessory be forgotten.
    Unpaired {
        /// The `unpair` ticket.
        ticket: TicketId,
        /// Which.
        accessory: AccessoryId,
    },
    /// The owner changes policies.
    PoliciesSet {
        /// The `policies` ticket.
        ticket: TicketId,
        /// What to change.
        changes: PolicyChanges,
    },
    /// The owner key has signed a command to another device.
    CommandSigned {
        /// The `command` ticket.
        ticket: TicketId,
    },
    /// Credentials with another password were made.
    PasswordChosen {
        /// The `change-password` ticket.
        ticket: TicketId,
        /// Theirs.
        generation: u64,
        /// The password.
        chosen: Chosen,
    },
    /// Credentials with another recovery code were made.
    CodeMade {
        /// The `recovery-code` ticket.
        ticket: TicketId,
        /// The code, sealed.
        pending: Box<Pending>,
    },
    /// The recovery code opened the root, and credentials with another password were made.
    Recovered {
        /// The `recover` ticket.
        ticket: TicketId,
        /// Theirs.
        generation: u64,
        /// The password.
        chosen: Chosen,
    },
    /// A recovery came to nothing, or was looked for only.
    RecoveryOver {
        /// The `recover` ticket.
        ticket: TicketId,
    },
    /// The cloud keeps what a recovery without the code made.
    HoldBegan {
        /// The `recover` ticket.
        ticket: TicketId,
        /// What the binding becomes.
        renewal: Renewal,
    },
    /// belayd asks how the hold stands.
    HoldAsked {
        /// SHA-256 of the credentials whose end the cloud was told.
        told: Option<[u8; 32]>,
        /// Nothing waits for it any more.
        end: bool,
    },
    /// The owner key has signed an order.
    OrderSigned {
        /// A ticket of the deed's purpose.
        ticket: TicketId,
        /// What is ordered.
        deed: Deed,
    },
    /// The account whose deletion was ordered here is deleted.
    AccountGone,
    /// It won't be.
    AccountStays,
    /// belayd brought the keyring that another device sealed to this one's box.
    KeyringBrought(Vec<u8>),
    /// belayd brought the owner's word that this warden's key may ring, signed bytes.
    DelegateBrought(Vec<u8>),
    /// belayd brought the owner's new key.
    SuccessionBrought(Box<Brought>),
    /// The operating system was asked to be so.
    Enforced {
        /// How.
        stand: Stand,
        /// What came of it.
        result: Result<(), Setback>,
    },
}

/// What the actor does about it, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Commit a concern of the new state.
    Persist(Concern),
    /// Add to the audit log.
    Note {
        /// What happened.
        event: &'static str,
        /// Who caused it.
        actor: &'static str,
        /// More about it.
        detail: String,
    },
    /// The door was opened: put the broken log aside and make sure of a sealing key.
    BeginAnew,
    /// Write the reset authorisation for this boot.
    AuthoriseReset(Vec<u8>),
    /// The answer; nothing follows.
    Answer(Answer),
    /// The refusal; nothing follows.
    Refuse(Refusal),
}

/// What an accepted event is answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is done.
    Done,
    /// Compare the password, then tell.
    Compare,
    /// The password is known to be right.
    Proved,
    /// The recovery code, sealed.
    RecoveryCode(Vec<u8>),
    /// Whether what belayd brought was taken.
    Taken(bool),
    /// The encoded release.
    Released(Vec<u8>),
    /// The judgement of a command, and its id where a text message was one.
    Judged(Disposition, Option<CommandId>),
    /// Signed outcomes.
    Outcomes(Vec<Vec<u8>>),
    /// A signed state report.
    Signed(Vec<u8>),
    /// How the hold stands.
    Held(HoldOutput),
    /// When to ask again, ms of boot time; 0: no policy is armed.
    Next(u64),
    /// The encoded reset authorisation, and the release if one was asked for.
    ResetAllowed {
        /// The authorisation.
        authorisation: Vec<u8>,
        /// The release.
        release: Option<Vec<u8>>,
    },
}
