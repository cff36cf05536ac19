//! An account as the database would have it, without going through mails.

use belay_proto::keys::{KdfParameters, SigningKey, random};
use belay_proto::signed::{CredentialsRecord, Signed};
use belay_proto::{AccountId, Secret, wire};

/// What an owner with this key registers `account` with, and the record in it.
pub fn registration(
    account: AccountId,
    owner: &SigningKey,
) -> (wire::CreateAccountRequest, CredentialsRecord) {
    let record = CredentialsRecord {
        account,
        generation: 1,
        salt: random(),
        parameters: KdfParameters::DEFAULT,
        login: SigningKey::generate().public(),
        verify_digest: random(),
        wrapped_root: random::<61>().to_vec(),
        recovery_wrap: random::<61>().to_vec(),
    };
    let body = wire::CreateAccountRequest {
        ticket: String::new().into(),
        credentials: Signed::seal(&record, owner).encode().into(),
        owner: owner.public(),
        keyring: vec![0; 200].into(),
        certificate: None,
        share: Secret::new([0; 32]).into(),
        profile: wire::Profile::default(),
        device_name: None,
        device_kind: None,
        release: None,
    };
    (body, record)
}
