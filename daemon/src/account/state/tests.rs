//! Tables of single steps, and what holds after any sequence of them.

mod admission;
mod ending;
mod properties;
mod proving;
mod steps;

use std::time::Duration;

use belay_proto::dbus::AccountState;
use belay_proto::id::{AccountId, CommandId, DeviceId, Epoch, PendingId};
use belay_proto::keys::PublicKey;
use belay_proto::signed::CommandState;

use super::*;
use crate::account::model::{Channel, Deadline, Material, Profile, Release, Stage, Verification};
use crate::account::proving::{Aim, Proving};

const ID: &str = "a-verification";
const CODE: [u8; 32] = [9; 32];

fn account(n: u8) -> AccountId {
    AccountId::from_bytes([n; 16])
}

fn pending(n: u8) -> PendingId {
    PendingId::from_bytes([n; 16])
}

fn deadline() -> Deadline {
    Deadline::after(Duration::from_secs(900), Duration::ZERO, "a boot")
}

fn key(n: u8) -> ReleaseKey {
    ReleaseKey {
        device: DeviceId::from_bytes([n; 16]),
        epoch: Epoch::from_bytes([n; 16]),
    }
}

fn release(n: u8) -> Box<Release> {
    Box::new(Release {
        key: key(n),
        signed: vec![n],
    })
}

fn session(n: u8) -> Session {
    Session {
        account: account(n),
        identifiers: Vec::new(),
        profile: Profile::default(),
        since: 1,
        recovery_code_set: true,
        bound: false,
        ended: false,
        departure: None,
        new_code: None,
        leaves_data: false,
        deletion_sent: false,
    }
}

fn bound_session(n: u8) -> Session {
    Session {
        bound: true,
        ..session(n)
    }
}

fn registration(stage: Stage) -> Registration {
    let id = if stage == Stage::Prepared {
        String::new()
    } else {
        ID.to_owned()
    };
    Registration {
        id,
        pending: pending(1),
        account: account(1),
        channel: Channel::Email,
        own_sms: None,
        login: "ada@example.org".into(),
        profile: Profile::default(),
        material: Material {
            credentials: Vec::new().into(),
            owner: PublicKey::from_bytes([0; 32]),
            keyring: Vec::new().into(),
            certificate: Vec::new().into(),
            share: vec![0; 32].into(),
            release: None,
        },
        verification: Verification::Pending,
        resend: deadline(),
        expires: deadline(),
        attempt: None,
        stage,
    }
}

fn proving(aim: Aim) -> Proving {
    Proving {
        id: ID.into(),
        aim,
        channel: Channel::Email,
        address: "ada@example.com".into(),
        verification: Verification::Pending,
        resend: deadline(),
        expires: deadline(),
        attempt: None,
        order: None,
        ticket: None,
        brought: None,
        salt: [0; 16],
    }
}

fn proved() -> Stage {
    Stage::Proved {
        ticket: "t".into(),
        code: CODE,
    }
}

fn submitting() -> Stage {
    Stage::Submitting {
        body: "{}".into(),
        key: "k".into(),
        code: CODE,
    }
}

fn command(n: u8) -> CommandId {
    CommandId::from_bytes([n; 16])
}

fn sent(n: u8) -> SentCommand {
    SentCommand {
        id: command(n),
        device: DeviceId::from_bytes([n; 16]),
        epoch: Epoch::from_bytes([n; 16]),
        warden_key: PublicKey::from_bytes([n; 32]),
        action: "lock".into(),
        state: CommandState::Unknown,
        reason: String::new(),
        sequence: 0,
        reported: 0,
        reports: 0,
        forgotten: false,
        expires: 0,
    }
}

fn word(binding: Binding) -> Word {
    Word {
        binding,
        account: (binding == Binding::Bound).then(|| account(1)),
        lost: false,
        hold: HoldView::None,
    }
}

fn unbound() -> State {
    State {
        word: word(Binding::Unbound),
        ..State::default()
    }
}

fn bound() -> State {
    State {
        word: word(Binding::Bound),
        session: Some(bound_session(1)),
        ..State::default()
    }
}

fn registering(stage: Stage) -> State {
    State {
        registration: Some(registration(stage)),
        ..unbound()
    }
}

fn confirmed() -> Event {
    Event::Confirmed {
        id: ID.into(),
        session: Box::new(session(1)),
    }
}

fn refusals(effects: &[Effect]) -> Vec<Refusal> {
    effects
        .iter()
        .filter_map(|effect| {
            if let Effect::Refuse(refusal) = effect {
                Some(*refusal)
            } else {
                None
            }
        })
        .collect()
}
