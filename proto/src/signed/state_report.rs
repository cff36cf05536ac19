//! How the warden says its device stands.

use super::object;
use crate::id::{AccountId, DeviceId, Epoch};

crate::cbor_map! {
    /// Signed by the warden key. Whoever signs a command takes `presence`, `counter` and `episode` from the
    /// newest of these and of the [outcomes](super::Outcome).
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct StateReport {
        /// The account.
        pub account: AccountId,
        /// The device.
        pub device: DeviceId,
        /// The binding.
        pub epoch: Epoch,
        /// Counts outcomes and state reports of an epoch together, strictly rising.
        pub sequence: u64,
        /// How often the password was proved at the device in this epoch.
        pub presence: u64,
        /// The highest counter of an accepted command.
        pub counter: u64,
        /// The lost episode: counts how often the device was locked in this epoch.
        pub episode: u64,
        /// `unlocked`, `lost`, `wiping`, `wiped` or `tampered`.
        pub lock: String,
        /// The warden's own time, which no clock of the device moves: ms since the Unix epoch.
        pub time: u64,
        /// Whether find-device is on.
        pub find: bool,
    }
}

object!(StateReport, b"belay-state/1\0");
