//! What stands in for an account or a device that doesn't exist, so that a call does the same work either way.

use belay_proto::AccountId;
use belay_proto::keys::{KdfParameters, PublicKey, SigningKey, random};
use belay_proto::signed::{CredentialsRecord, Signed};

use crate::vault::Vault;

/// What an owner may have told.
const PROFILE: &[u8] = br#"{"display_name":"Jo","country":"AT","language":"de","newsletter":false}"#;

/// A credentials record like any other, sealed like any other, whose login key nobody has.
#[derive(Debug)]
pub struct Dummy {
    /// The account that isn't one.
    pub account: AccountId,
    /// Its sealed record.
    pub credentials: Vec<u8>,
    /// Its sealed profile.
    pub profile: Vec<u8>,
    /// The warden's key of the device that is none.
    pub warden: PublicKey,
}

impl Dummy {
    /// Draws the keys and throws them away.
    #[must_use]
    pub fn new(vault: &Vault) -> Self {
        let (owner, login, account) = (
            SigningKey::generate(),
            SigningKey::generate(),
            AccountId::random(),
        );
        let record = CredentialsRecord {
            account,
            generation: 1,
            salt: random(),
            parameters: KdfParameters::DEFAULT,
            login: login.public(),
            verify_digest: random(),
            wrapped_root: random::<61>().to_vec(),
            recovery_wrap: random::<61>().to_vec(),
        };
        let signed = Signed::seal(&record, &owner);
        Self {
            account,
            credentials: vault.seal("credentials", account.as_bytes(), &signed.encode()),
            profile: vault.seal("profile", account.as_bytes(), PROFILE),
            warden: SigningKey::generate().public(),
        }
    }
}
