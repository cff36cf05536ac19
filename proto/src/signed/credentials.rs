//! The credentials record: everything a password needs to open an account, and nothing that opens it.

use super::object;
use crate::id::AccountId;
use crate::keys::{KdfParameters, PublicKey};

crate::cbor_map! {
    /// Signed by the owner key. Whoever changes the password writes one with a higher generation.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct CredentialsRecord {
        /// The account.
        pub account: AccountId,
        /// Counts the account's credentials, from 1.
        pub generation: u64,
        /// Argon2id's salt.
        pub salt: [u8; 16],
        /// Argon2id's parameters.
        pub parameters: KdfParameters,
        /// What the cloud checks a login statement with.
        pub login: PublicKey,
        /// SHA-256 of the password's `verify` key.
        pub verify_digest: [u8; 32],
        /// The root under the password and the cloud's share.
        pub wrapped_root: Vec<u8>,
        /// The root under the recovery code, by [`RecoveryCode::wrap`](crate::keys::RecoveryCode::wrap): handed on as it is
        /// from record to record; empty when the account has none, as after a new root.
        pub recovery_wrap: Vec<u8>,
    }
}

object!(CredentialsRecord, b"belay-credentials/1\0");
