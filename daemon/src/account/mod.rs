//! The account: registration, sign-in, sign-out, and what clients see of it.
//!
//! [`state`] decides, purely; [`AccountActor`] owns the state, writes what changes and does what follows;
//! [`Flow`] walks the steps of one method between cloud, warden and store, and reports each to the actor, which
//! answers once it is durable. Clients hold an [`AccountHandle`].

mod actor;
mod command;
mod errand;
mod error;
mod evidence;
mod flow;
mod handle;
mod keep_up;
mod keeper;
mod model;
mod new_code;
#[cfg(test)]
pub(crate) mod phone;
mod ports;
mod proving;
pub mod state;
mod view;

pub use actor::{AccountActor, Message};
pub use command::{FORGOTTEN, MOST_COMMANDS, SentCommand};
pub use error::AccountError;
pub use evidence::{EXPIRED, Fate, Standing, Testimony, Untrue, Witness, certificate};
pub use flow::{Device, Finding, Flow, Leaving, NewCommand, NewRegistration, Severity};
pub use handle::{AccountHandle, Parts};
pub use keep_up::NewestRecord;
pub use model::{
    Attempt, Channel, Deadline, Identifier, Locked, Material, OwnSms, Profile, Registration, Release,
    ReleaseKey, Saved, Session, Stage, Verification,
};
pub use new_code::{CodeKept, NewCode};
pub use ports::{
    AccountDetails, Cloud, CreatedAccount, HardwareOwner, ListedDevice, Login, LoginChallenge, LoginProof,
    LookedUp, NewAccount, NewVerification, OpenedVerification, Orders, ProofOfWork, Reply, ServiceToken,
    Upkeep, Waits,
};
pub use proving::{Aim, Proving};
pub use state::Change;
pub use view::{CommandView, PendingView, View};
