//! What is known of an owner's credentials record, in a test.

use belay_proto::id::AccountId;
use belay_proto::keys::{KdfParameters, PublicKey, SigningKey};
use belay_proto::secret::Secret;
use belay_proto::signed::{CredentialsRecord, Signed};

use super::OWNER;

/// A record: the account's id, and from the second generation on its number; or a real one, where it is about the recovery code.
pub fn read(record: &[u8]) -> (AccountId, u8) {
    let real = Signed::decode(record).and_then(|signed| signed.peek_unverified::<CredentialsRecord>());
    match real {
        Ok(real) => (real.account, real.generation.try_into().unwrap()),
        Err(_) => (
            AccountId::from_bytes(record[..16].try_into().unwrap()),
            record.get(16).copied().unwrap_or(1),
        ),
    }
}

/// The generation of a record.
pub fn generation(record: &[u8]) -> u8 {
    read(record).1
}

/// A real record.
pub fn record(account: AccountId, generation: u8, recovery_wrap: Vec<u8>) -> Vec<u8> {
    let record = CredentialsRecord {
        account,
        generation: generation.into(),
        salt: [2; 16],
        parameters: KdfParameters::FLOOR,
        login: owner(),
        verify_digest: [3; 32],
        wrapped_root: vec![4; 61],
        recovery_wrap,
    };
    Signed::seal(&record, &SigningKey::from_seed(&Secret::new(OWNER))).encode()
}

pub fn owner() -> PublicKey {
    SigningKey::from_seed(&Secret::new(OWNER)).public()
}
