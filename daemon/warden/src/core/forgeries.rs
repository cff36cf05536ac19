//! What a stranger with an owner key of their own may make: commands, a delegation, a succession.

use belay_proto::AccountId;
use belay_proto::CommandId;
use belay_proto::Secret;
use belay_proto::keys::{BoxKey, KdfParameters, SigningKey, sha256};
use belay_proto::signed::{
    Action, Command, CredentialsRecord, DelegateCertificate, DelegatedVerbs, Signed, Succession, Verb,
};
use proptest::prelude::*;

use super::state_properties::owners_binding;
use super::succession::Brought;

/// A succession that a stranger to the pinned owner made for themselves.
pub(super) fn usurped(thief: &SigningKey, generation: u64) -> Brought {
    let bound = owners_binding();
    let record = CredentialsRecord {
        account: bound.account,
        generation,
        salt: [0; 16],
        parameters: KdfParameters::FLOOR,
        login: thief.public(),
        verify_digest: [0; 32],
        wrapped_root: Vec::new(),
        recovery_wrap: Vec::new(),
    };
    let credentials = Signed::seal(&record, thief).encode();
    let succession = Succession {
        account: bound.account,
        generation,
        owner: thief.public(),
        report_box: *BoxKey::from_secret(&Secret::new([1; 32])).public().as_bytes(),
        credentials: sha256(&credentials),
    };
    Brought {
        succession: Signed::seal(&succession, thief).encode(),
        certificate: bound.certificate,
        credentials,
    }
}

/// Commands that fit the device in everything but the signature.
pub(super) fn forged() -> impl Strategy<Value = Command> {
    let bound = owners_binding();
    let actions = [
        Action::Unlock,
        Action::SignOut,
        Action::Wipe {
            external: false,
            keep_esim: false,
        },
        Action::Ring { seconds: 1 },
    ];
    let action = prop::sample::select(actions.to_vec());
    (action, any::<u64>(), 0..3_u64, 0..3_u64).prop_map(move |(action, counter, presence, episode)| Command {
        id: CommandId::new(),
        account: bound.account,
        device: bound.device,
        epoch: bound.epoch,
        counter,
        issued_at: 0,
        expires_at: 0,
        presence,
        episode,
        action,
    })
}

/// What the owner might certify.
pub(super) fn delegation(key: &SigningKey) -> DelegateCertificate {
    let verbs = vec![Verb::Ring, Verb::Lock];
    DelegateCertificate {
        account: AccountId::from_bytes([3; 16]),
        key: key.public(),
        actions: DelegatedVerbs::new(verbs).unwrap(),
        generation: 1,
        issued_at: 0,
        expires_at: 1,
    }
}
