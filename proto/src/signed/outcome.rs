//! What the warden says became of a command.

use super::command::CommandState;
use super::object;
use crate::id::{AccountId, CommandId, DeviceId, Epoch};

crate::cbor_map! {
    /// Signed by the warden key. Believe one only when a certificate under the owner's key names that key.
    ///
    /// Besides the command's fate it says how the device stands, so that the newest of outcomes and
    /// [state reports](super::StateReport) is all that the next command needs.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Outcome {
        /// The account.
        pub account: AccountId,
        /// The device.
        pub device: DeviceId,
        /// The binding.
        pub epoch: Epoch,
        /// Counts outcomes and state reports of an epoch together, strictly rising.
        pub sequence: u64,
        /// The command.
        pub command: CommandId,
        /// What it asked for: a [`Verb`](super::Verb)'s name.
        pub action: String,
        /// How far it is.
        pub state: CommandState,
        /// Why: a [`Disposition`](super::Disposition)'s name when refused, a code when deferred or failed,
        /// else empty.
        pub reason: String,
        /// The step that runs, from 1; 0 = it has no steps.
        pub step: u64,
        /// How many steps it has; 0 = none.
        pub steps: u64,
        /// When deferred: how long until it is tried again, ms; else 0.
        pub retry: u64,
        /// How often the password was proved at the device in this epoch.
        pub presence: u64,
        /// The highest counter of an accepted command.
        pub counter: u64,
        /// The lost episode: counts how often the device was locked in this epoch.
        pub episode: u64,
        /// `unlocked`, `lost`, `wiping`, `wiped` or `tampered`.
        pub lock: String,
    }
}

object!(Outcome, b"belay-outcome/1\0");
