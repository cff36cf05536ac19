//! A memory for tests.

use std::path::Path;

use belay_proto::id::AccountId;
use belay_proto::keys::SigningKey;
use belay_proto::secret::Secret;
use belay_proto::signed::{DelegateCertificate, DelegatedVerbs, Signed, Verb};

use super::{Memory, New};
use crate::cloud::Tokens;

/// One that lies nowhere yet, with the tokens `access` and `refresh`.
pub fn memory(path: &Path, expires_at: u64) -> Memory {
    let (owner, device, delegate) = (
        SigningKey::generate(),
        SigningKey::generate(),
        SigningKey::generate(),
    );
    let certificate = DelegateCertificate {
        account: AccountId::from_bytes([1; 16]),
        key: delegate.public(),
        actions: DelegatedVerbs::new(vec![Verb::Ring]).unwrap(),
        generation: 1,
        issued_at: 1,
        expires_at,
    };
    let tokens = Tokens {
        access: Secret::of_text("access"),
        refresh: Secret::of_text("refresh"),
    };
    let new = New {
        cloud: "https://cloud.example.org",
        ca: None,
        account: certificate.account,
        owner: owner.public(),
        device_key: &device,
        tokens: &tokens,
        delegate_key: &delegate,
        certificate: &Signed::seal(&certificate, &owner),
    };
    Memory::new(path, &new)
}
