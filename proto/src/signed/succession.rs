//! Succession: the owner's old key names the new one.

use super::object;
use crate::id::AccountId;
use crate::keys::PublicKey;

crate::cbor_map! {
    /// Signed by the old owner key when the account gets a new root. What was pinned to the old key moves to the new one by
    /// this record alone (security contract, Keys).
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Succession {
        /// The account.
        pub account: AccountId,
        /// The generation of the credentials record that goes with it.
        pub generation: u64,
        /// The new owner key.
        pub owner: PublicKey,
        /// The public half of the new box for reports.
        pub report_box: [u8; 32],
        /// SHA-256 of that credentials record, signed bytes.
        pub credentials: [u8; 32],
    }
}

object!(Succession, b"belay-succession/1\0");
