//! Forgetting an accessory, which needs its owner.

use crate::id::AccessoryId;

/// Checks the password, so that an accessory may be forgotten: [`UnpairInput`] → [`Done`](super::Done). The ticket's
/// subject is the accessory's id, so belayd can forget no other with it.
pub const UNPAIR: &str = "unpair";

crate::cbor_map! {
    /// Into [`UNPAIR`].
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct UnpairInput {
        /// Which accessory.
        pub accessory: AccessoryId,
    }
}
