//! Objects to sign.

use super::owner;
use crate::id::{AccountId, CommandId, DeviceId, Epoch, HardwareId, OrderId, device_id};
use crate::keys::{BoxKey, KdfParameters, PublicKey};
use crate::secret::Secret;
use crate::signed::{
    AccountOrder, Action, Command, CommandState, CredentialsRecord, Deed, DelegateCertificate,
    DelegatedVerbs, DeviceCertificate, HoldEnd, LoginStatement, Outcome, Release, ResetAuthorisation,
    StateReport, Succession, Verb,
};

pub fn credentials() -> CredentialsRecord {
    CredentialsRecord {
        account: AccountId::from_bytes([1; 16]),
        generation: 3,
        salt: [2; 16],
        parameters: KdfParameters::FLOOR,
        login: owner().public(),
        verify_digest: [3; 32],
        wrapped_root: vec![4; 61],
        recovery_wrap: vec![5; 61],
    }
}

pub fn release() -> Release {
    Release {
        account: AccountId::from_bytes([1; 16]),
        device: DeviceId::from_bytes([2; 16]),
        epoch: Epoch::from_bytes([3; 16]),
        hardware: HardwareId::from_bytes([4; 32]),
    }
}

pub fn command(action: Action) -> Command {
    Command {
        id: CommandId::from_bytes([7; 16]),
        account: AccountId::from_bytes([1; 16]),
        device: DeviceId::from_bytes([2; 16]),
        epoch: Epoch::from_bytes([3; 16]),
        counter: 1_700_000_000_001,
        issued_at: 1_700_000_000_000,
        expires_at: 1_700_000_600_000,
        presence: 2,
        episode: 0,
        action,
    }
}

pub fn delegate(key: PublicKey, verbs: Vec<Verb>) -> DelegateCertificate {
    DelegateCertificate {
        account: AccountId::from_bytes([1; 16]),
        key,
        actions: DelegatedVerbs::new(verbs).unwrap(),
        generation: 3,
        issued_at: 1_700_000_000_000,
        expires_at: 0,
    }
}

pub fn certificate() -> DeviceCertificate {
    let (warden_key, epoch) = (owner().public(), Epoch::from_bytes([3; 16]));
    DeviceCertificate {
        account: AccountId::from_bytes([1; 16]),
        device: device_id(&warden_key, &epoch),
        epoch,
        device_key: owner().public(),
        warden_key,
        box_key: BoxKey::from_secret(&Secret::new([6; 32])).public(),
        hardware: HardwareId::from_bytes([4; 32]),
        hardware_locked: true,
        model: "Phone".to_owned(),
        wipe_class: "none".to_owned(),
        key_epoch: 1,
    }
}

pub fn reset() -> ResetAuthorisation {
    ResetAuthorisation {
        device: DeviceId::from_bytes([2; 16]),
        epoch: Epoch::from_bytes([3; 16]),
        boot_id: "1b4e28ba-2fa1-11d2-883f-0016d3cca427".to_owned(),
        expires_boottime_ms: 600_000,
        release: false,
    }
}

pub fn login() -> LoginStatement {
    LoginStatement {
        origin: "https://cloud.example.org".to_owned(),
        identifier: "a@example.org".to_owned(),
        nonce: vec![1; 16],
        action: "sign-in".to_owned(),
        thumbprint: [2; 32],
    }
}

pub fn outcome() -> Outcome {
    Outcome {
        account: AccountId::from_bytes([1; 16]),
        device: DeviceId::from_bytes([2; 16]),
        epoch: Epoch::from_bytes([3; 16]),
        sequence: 5,
        command: CommandId::from_bytes([7; 16]),
        action: "wipe".to_owned(),
        state: CommandState::Running,
        reason: String::new(),
        step: 1,
        steps: 6,
        retry: 0,
        presence: 2,
        counter: 1_700_000_000_001,
        episode: 1,
        lock: "wiping".to_owned(),
    }
}

pub fn state_report() -> StateReport {
    StateReport {
        account: AccountId::from_bytes([1; 16]),
        device: DeviceId::from_bytes([2; 16]),
        epoch: Epoch::from_bytes([3; 16]),
        sequence: 6,
        presence: 2,
        counter: 1_700_000_000_001,
        episode: 1,
        lock: "lost".to_owned(),
        time: 1_700_000_100_000,
        find: true,
    }
}

pub fn order() -> AccountOrder {
    AccountOrder {
        account: AccountId::from_bytes([1; 16]),
        id: OrderId::from_bytes([8; 16]),
        generation: 3,
        deed: Deed::AddIdentifier("a@example.org".to_owned()),
    }
}

pub fn succession() -> Succession {
    Succession {
        account: AccountId::from_bytes([1; 16]),
        generation: 4,
        owner: owner().public(),
        report_box: *BoxKey::from_secret(&Secret::new([6; 32])).public().as_bytes(),
        credentials: [5; 32],
    }
}

pub fn hold_end() -> HoldEnd {
    HoldEnd {
        account: AccountId::from_bytes([1; 16]),
        device: DeviceId::from_bytes([2; 16]),
        epoch: Epoch::from_bytes([3; 16]),
        credentials: [5; 32],
        over: true,
    }
}
