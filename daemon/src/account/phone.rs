//! A device of an account, for tests: it certifies itself and signs what a warden would.

use belay_proto::id::{AccountId, CommandId, Epoch, HardwareId, device_id};
use belay_proto::keys::{BoxKey, SigningKey};
use belay_proto::signed::{CommandState, DeviceCertificate, Outcome, Signed, StateReport};
use belay_proto::wire::{Bytes, CommandLife};

use crate::account::Witness;

pub struct Phone {
    pub owner: SigningKey,
    pub warden: SigningKey,
    pub certificate: DeviceCertificate,
}

impl Phone {
    pub fn new() -> Self {
        Self::of(SigningKey::generate(), AccountId::from_bytes([1; 16]))
    }

    pub fn of(owner: SigningKey, account: AccountId) -> Self {
        let warden = SigningKey::generate();
        let epoch = Epoch::random();
        let certificate = DeviceCertificate {
            account,
            device: device_id(&warden.public(), &epoch),
            epoch,
            device_key: SigningKey::generate().public(),
            warden_key: warden.public(),
            box_key: BoxKey::generate().public(),
            hardware: HardwareId::from_bytes([2; 32]),
            hardware_locked: true,
            model: "Phone 1".into(),
            wipe_class: "crypto".into(),
            key_epoch: 1,
        };
        Self {
            owner,
            warden,
            certificate,
        }
    }

    /// The certificate as it travels.
    pub fn signed(&self) -> Vec<u8> {
        Signed::seal(&self.certificate, &self.owner).encode()
    }

    pub fn witness(&self) -> Witness {
        Witness::from(&self.certificate)
    }

    pub fn outcome(&self, command: CommandId, sequence: u64, state: CommandState) -> Outcome {
        Outcome {
            account: self.certificate.account,
            device: self.certificate.device,
            epoch: self.certificate.epoch,
            sequence,
            command,
            action: "lock".into(),
            state,
            reason: String::new(),
            step: 0,
            steps: 0,
            retry: 0,
            presence: 3,
            counter: 40 + sequence,
            episode: 1,
            lock: "lost".into(),
        }
    }

    pub fn report(&self, sequence: u64) -> StateReport {
        StateReport {
            account: self.certificate.account,
            device: self.certificate.device,
            epoch: self.certificate.epoch,
            sequence,
            presence: 4,
            counter: 41,
            episode: 1,
            lock: "unlocked".into(),
            time: 7_000,
            find: true,
        }
    }

    pub fn life(&self, id: CommandId, outcomes: &[Outcome], by: &SigningKey) -> CommandLife {
        CommandLife {
            id,
            device: self.certificate.device,
            action: "lock".into(),
            queued_at: 1,
            delivered_at: None,
            state: "done".into(),
            reason: "because".into(),
            step: 0,
            steps: 0,
            retry_ms: 0,
            revision: 1,
            outcomes: outcomes
                .iter()
                .map(|outcome| Bytes(Signed::seal(outcome, by).encode()))
                .collect(),
        }
    }
}
