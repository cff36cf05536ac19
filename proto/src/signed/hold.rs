//! The end of a recovery hold: the warden's word, which the cloud can't make.

use super::object;
use crate::id::{AccountId, DeviceId, Epoch};

crate::cbor_map! {
    /// Signed by the warden key when a recovery without the code has been waited out at the device, or was ended before
    /// (security contract, Recovery). It proves itself, names one set of credentials and no other, and anyone may bring it.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct HoldEnd {
        /// The account.
        pub account: AccountId,
        /// The device at which the hold ran.
        pub device: DeviceId,
        /// The binding.
        pub epoch: Epoch,
        /// SHA-256 of the credentials record that waited, signed bytes.
        pub credentials: [u8; 32],
        /// Whether it was waited out: this device's pin has moved to the owner key of that record. Else it was ended, and that
        /// record never holds.
        pub over: bool,
    }
}

object!(HoldEnd, b"belay-hold/1\0");
