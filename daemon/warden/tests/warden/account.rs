//! An account as the cloud keeps it and its owner knows it.

use belay_proto::keys::{Master, PublicKey, Root};
use belay_proto::signed::{CredentialsRecord, Keyring, Signed};
use belay_proto::steps::*;
use belay_proto::{PendingId, Secret};

use crate::support::{PASSWORD, device_key, secret};

/// What the cloud keeps of an account, and its owner knows.
pub struct Account {
    pub pending: PendingId,
    pub owner: PublicKey,
    pub password: String,
    pub share: [u8; 32],
    pub credentials: Vec<u8>,
    pub keyring: Vec<u8>,
    pub certificate: Vec<u8>,
}

impl Account {
    pub fn of(output: &NewCredentialsOutput) -> Self {
        Self {
            pending: output.pending,
            owner: output.owner,
            password: PASSWORD.to_owned(),
            share: *output.share.expose(),
            credentials: output.credentials.clone(),
            keyring: output.keyring.clone(),
            certificate: output.certificate.clone(),
        }
    }

    pub fn record(&self) -> CredentialsRecord {
        Signed::decode(&self.credentials)
            .unwrap()
            .open(&self.owner)
            .unwrap()
    }

    pub fn master(&self) -> Master {
        let record = self.record();
        Master::derive(&secret(&self.password), &record.salt, &record.parameters).unwrap()
    }

    pub fn root(&self) -> Root {
        let record = self.record();
        let wrap = self.master().wrap_key(&Secret::new(self.share));
        Root::unwrap(&wrap, &record.account, record.generation, &record.wrapped_root).unwrap()
    }

    pub fn keyring(&self) -> Keyring {
        let record = self.record();
        Keyring::open(&self.root(), &record.account, record.generation, &self.keyring).unwrap()
    }

    /// The same account with another keyring, which its owner signed.
    pub fn with_keyring(self, keyring: &Keyring) -> Self {
        Self {
            keyring: keyring.seal(&self.root()),
            ..self
        }
    }

    pub fn challenge(&self, action: &str) -> Vec<u8> {
        let record = self.record();
        LoginSignatureInput {
            salt: record.salt,
            parameters: record.parameters,
            nonce: vec![1; 16],
            thumbprint: device_key().thumbprint(),
            action: action.to_owned(),
        }
        .encode()
    }

    pub fn open_root(&self) -> Vec<u8> {
        OpenRootInput {
            share: Secret::new(self.share),
            credentials: self.credentials.clone(),
            keyring: self.keyring.clone(),
        }
        .encode()
    }

    /// The same account after its password was changed on another device.
    pub fn with_password(&self, password: &str) -> Self {
        let (old, root, salt) = (self.record(), self.root(), [9; 16]);
        let master = Master::derive(&secret(password), &salt, &old.parameters).unwrap();
        let generation = old.generation + 1;
        let record = CredentialsRecord {
            generation,
            salt,
            login: master.login_key().public(),
            verify_digest: master.verify_digest(),
            wrapped_root: root.wrap(
                &master.wrap_key(&Secret::new(self.share)),
                &old.account,
                generation,
            ),
            ..old
        };
        Self {
            password: password.to_owned(),
            credentials: Signed::seal(&record, &root.owner_key()).encode(),
            keyring: Keyring::generate(record.account, generation).seal(&root),
            certificate: self.certificate.clone(),
            ..*self
        }
    }
}
