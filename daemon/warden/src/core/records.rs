//! What the state files say: the stored forms of the core's types.

use std::time::Duration;

use belay_proto::cbor::Malformed;
use belay_proto::cbor_map;
use belay_proto::keys::{KdfParameters, PublicKey};
use belay_proto::{AccountId, CommandId, DeviceId, Epoch, HardwareId};

use super::command::lost::{Stand, Standing};
use super::command::stored::{book_from_bytes, book_to_bytes};
use super::command::wipe::Wipe;
use super::state::{Binding, Door, Lock, State};
use super::throttle::{Counter, Throttle};
use crate::moment::Moment;

pub use super::stored_pending::{pending_from_bytes, pending_to_bytes};

cbor_map! {
    /// A binding: whose device this is, and what the warden needs to act for it.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Bound {
        /// The owner's account.
        pub account: AccountId,
        /// The owner's public key: pinned here, moved only by the owner.
        pub owner: PublicKey,
        /// This binding.
        pub epoch: Epoch,
        /// This device in this binding.
        pub device: DeviceId,
        /// This hardware.
        pub hardware: HardwareId,
        /// The device certificate as the owner signed it.
        pub certificate: Vec<u8>,
        /// The warden key's public half.
        pub warden_key: PublicKey,
        /// The warden key's seed, sealed.
        pub warden_seed: Vec<u8>,
        /// The box key's secret half, sealed.
        pub box_secret: Vec<u8>,
        /// HMAC(sealing key, SHA-256(verify)).
        pub verifier: [u8; 32],
        /// The account's salt.
        pub salt: [u8; 16],
        /// The account's parameters; weaker ones are refused from then on.
        pub parameters: KdfParameters,
        /// The credentials' generation.
        pub generation: u64,
        /// How often the password was proved at this device in this epoch.
        pub presence: u64,
        /// The owner's login identifier, masked.
        pub login: String,
        /// The box that reports are sealed to: its public half.
        pub report_box: Option<[u8; 32]>,
        /// The owner's word that this warden's key may have other devices ring, signed bytes.
        pub delegate: Option<Vec<u8>>,
        /// The account's keyring, sealed: for the keys of the collections that belayd may have.
        pub keyring: Option<Vec<u8>>,
        /// How good the password is, 0 to 4, where it was typed here since it holds.
        pub password_score: Option<u32>,
        /// When that was seen first, s since the epoch by the wall clock: for its owner to read, and for nothing else.
        pub password_since: Option<u64>,
        /// Devices of the account whose removal was signed here, the newest last: they get nothing more, whoever lists them.
        pub removed: Option<Vec<DeviceId>>,
        /// The owner that was pinned before a recovery without the code was waited out here, where nothing has come of the account
        /// since: where the account has kept that one's root it was in vain, and it may follow again.
        pub left_owner: Option<PublicKey>,
        /// The generation of that owner's credentials which held here then.
        pub left_generation: Option<u64>,
    }

    struct StoredBinding {
        bound: Option<Vec<u8>>,
        release: Option<Vec<u8>>,
    }

    struct StoredThrottle {
        session_failures: u32,
        session_boot: Option<String>,
        session_boottime_ms: Option<u64>,
        screen_failures: u32,
        screen_boot: Option<String>,
        screen_boottime_ms: Option<u64>,
    }

    struct StoredLock {
        lost: Option<String>,
        message: Option<String>,
        phone: Option<String>,
        episode: Option<u64>,
        wipe: Option<Vec<u8>>,
        wanted: Option<u64>,
        holds: Option<bool>,
        boot: Option<String>,
        book: Option<Vec<u8>>,
    }

    struct StoredWipe {
        command: CommandId,
        external: bool,
        keep_esim: bool,
        boot: String,
        boottime_ms: u64,
        told: u64,
        started: bool,
        prepared: Option<bool>,
        setback: Option<String>,
    }

    /// The record that outlives a factory reset: enough to know the owner again.
    pub struct ResetProof {
        /// `unbound`, `bound` or `tampered`.
        pub state: String,
        /// The owner's account.
        pub account: Option<AccountId>,
        /// The owner's public key.
        pub owner: Option<PublicKey>,
        /// The binding.
        pub epoch: Option<Epoch>,
        /// The device in it.
        pub device: Option<DeviceId>,
        /// The owner's login, masked.
        pub login: Option<String>,
        /// A release the cloud may not have yet.
        pub release: Option<Vec<u8>>,
    }
}

/// The binding as stored. A tampered one is never stored: it reads as empty and so stays tampered.
#[must_use]
pub fn binding_to_bytes(binding: &Binding) -> Vec<u8> {
    match binding {
        Binding::Bound(bound) => StoredBinding {
            bound: Some(bound.encode()),
            release: None,
        }
        .encode(),
        Binding::Unbound { release } => StoredBinding {
            bound: None,
            release: release.clone(),
        }
        .encode(),
        Binding::Uninitialised | Binding::Tampered(_) => Vec::new(),
    }
}

/// The reverse of [`binding_to_bytes`].
///
/// # Errors
/// Other bytes.
pub fn binding_from_bytes(bytes: &[u8]) -> Result<Binding, Malformed> {
    let stored = StoredBinding::decode(bytes)?;
    match stored.bound {
        Some(bound) => Ok(Binding::Bound(Box::new(Bound::decode(&bound)?))),
        None => Ok(Binding::Unbound {
            release: stored.release,
        }),
    }
}

/// The counters as stored.
#[must_use]
pub fn throttle_to_bytes(throttle: &Throttle) -> Vec<u8> {
    let boot = |counter: &Counter| counter.since.as_ref().map(|since| since.boot_id.clone());
    let time = |counter: &Counter| counter.since.as_ref().map(Moment::boottime_ms);
    StoredThrottle {
        session_failures: throttle.session.failures,
        session_boot: boot(&throttle.session),
        session_boottime_ms: time(&throttle.session),
        screen_failures: throttle.screen.failures,
        screen_boot: boot(&throttle.screen),
        screen_boottime_ms: time(&throttle.screen),
    }
    .encode()
}

/// The reverse of [`throttle_to_bytes`].
///
/// # Errors
/// Other bytes.
pub fn throttle_from_bytes(bytes: &[u8]) -> Result<Throttle, Malformed> {
    let stored = StoredThrottle::decode(bytes)?;
    let counter = |failures, boot: Option<String>, time: Option<u64>| Counter {
        failures,
        since: boot.zip(time).map(|(boot_id, ms)| Moment {
            boottime: Duration::from_millis(ms),
            boot_id,
        }),
    };
    Ok(Throttle {
        session: counter(
            stored.session_failures,
            stored.session_boot,
            stored.session_boottime_ms,
        ),
        screen: counter(
            stored.screen_failures,
            stored.screen_boot,
            stored.screen_boottime_ms,
        ),
    })
}

/// The lock as stored: with the owner's commands and what the operating system is owed, in one commit.
#[must_use]
pub fn lock_to_bytes(state: &State) -> Vec<u8> {
    let (shown, wipe) = match &state.lock {
        Lock::Wiping(wipe) => (&wipe.before, Some(wipe)),
        other => (other, None),
    };
    let (lost, message, phone, episode) = match shown {
        Lock::Lost {
            reason,
            message,
            phone,
            episode,
        } => (
            Some(reason.clone()),
            Some(message.clone()),
            Some(phone.clone()),
            Some(*episode),
        ),
        Lock::Unlocked | Lock::Wiping(_) => (None, None, None, None),
    };
    StoredLock {
        lost,
        message,
        phone,
        episode,
        wipe: wipe.map(|wipe| {
            StoredWipe {
                command: wipe.command,
                external: wipe.external,
                keep_esim: wipe.keep_esim,
                boot: wipe.since.boot_id.clone(),
                boottime_ms: wipe.since.boottime_ms(),
                told: wipe.told,
                started: wipe.started,
                prepared: wipe.prepared.then_some(true),
                setback: wipe.setback.clone(),
            }
            .encode()
        }),
        wanted: Some(match state.standing.wanted {
            Stand::Free => 0,
            Stand::Lost => 1,
            Stand::Ready | Stand::Wipe => 2,
        }),
        holds: Some(state.standing.holds),
        boot: Some(state.standing.boot.clone()),
        book: Some(book_to_bytes(&state.book)),
    }
    .encode()
}

/// The reverse of [`lock_to_bytes`], into a state.
///
/// # Errors
/// Other bytes.
pub fn lock_from_bytes(bytes: &[u8], state: &mut State) -> Result<(), Malformed> {
    let stored = StoredLock::decode(bytes)?;
    state.lock = match stored.lost {
        None => Lock::Unlocked,
        Some(reason) => Lock::Lost {
            reason,
            message: stored.message.unwrap_or_default(),
            phone: stored.phone.unwrap_or_default(),
            episode: stored.episode.unwrap_or_default(),
        },
    };
    if let Some(wipe) = stored.wipe {
        let wipe = StoredWipe::decode(&wipe)?;
        state.lock = Lock::Wiping(Box::new(Wipe {
            command: wipe.command,
            external: wipe.external,
            keep_esim: wipe.keep_esim,
            since: Moment {
                boottime: Duration::from_millis(wipe.boottime_ms),
                boot_id: wipe.boot,
            },
            told: wipe.told,
            started: wipe.started,
            prepared: wipe.prepared.unwrap_or_default(),
            setback: wipe.setback,
            before: state.lock.clone(),
        }));
    }
    state.standing = Standing {
        wanted: match stored.wanted {
            None | Some(0) => Stand::Free,
            Some(1) => Stand::Lost,
            Some(_) => Stand::Wipe,
        },
        holds: stored.holds.unwrap_or(true),
        boot: stored.boot.unwrap_or_default(),
        told: None,
    };
    state.book = stored
        .book
        .map(|book| book_from_bytes(&book))
        .transpose()?
        .unwrap_or_default();
    Ok(())
}

/// What the reset-proof place says of this state.
#[must_use]
pub fn reset_proof_of(state: &State) -> Vec<u8> {
    let empty = ResetProof {
        state: state.binding.name().to_owned(),
        account: None,
        owner: None,
        epoch: None,
        device: None,
        login: None,
        release: None,
    };
    match &state.binding {
        Binding::Bound(bound) => ResetProof {
            account: Some(bound.account),
            owner: Some(bound.owner),
            epoch: Some(bound.epoch),
            device: Some(bound.device),
            login: Some(bound.login.clone()),
            ..empty
        },
        Binding::Unbound { release } => ResetProof {
            release: release.clone(),
            ..empty
        },
        Binding::Tampered(Door { owner }) => ResetProof {
            owner: *owner,
            ..empty
        },
        Binding::Uninitialised => empty,
    }
    .encode()
}
