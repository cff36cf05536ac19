//! The cloneable way to the actor: one line a method.

use std::sync::Arc;

use belay_proto::dbus::{BindingState, LockState};
use belay_proto::keys::PublicKey;
use belay_proto::signed::{Disposition, Keyring};
use belay_proto::steps::{Policies, Purpose};
use belay_proto::{AccountId, CommandId, DeviceId, Epoch, Secret, TicketId};
use tokio::sync::{Notify, mpsc, oneshot, watch};

use crate::ceremony::Secrets;
use crate::core::hold::{Ended, Hold};
use crate::core::keyring;
use crate::core::refusal::Refusal;
use crate::core::registration::CodeRequest;
use crate::core::state::{Binding, Lock, State};
use crate::core::throttle::{Counter, Presenter};
use crate::disk::audit_log::Entry;
use crate::enforce::refused::Tombstone;

type Reply<T> = oneshot::Sender<Result<T, Refusal>>;

/// What the actor is asked for.
pub(crate) enum Request {
    Present {
        purpose: Purpose,
        subject: String,
        presenter: Presenter,
        secrets: Secrets,
        reply: Reply<TicketId>,
    },
    Unlock {
        presenter: Presenter,
        password: Secret<String>,
        reply: Reply<()>,
    },
    Use {
        ticket: String,
        step: String,
        input: Vec<u8>,
        reply: Reply<Vec<u8>>,
    },
    Credentials {
        record: Vec<u8>,
        reply: Reply<bool>,
    },
    Tighten {
        reason: String,
        reply: Reply<()>,
    },
    Command {
        envelope: Vec<u8>,
        reply: Reply<Disposition>,
    },
    Beat {
        reply: Reply<()>,
    },
    Stop {
        reply: Reply<()>,
    },
    RecoveryCode {
        request: CodeRequest,
        reply: Reply<Secret<String>>,
    },
    History {
        since: u64,
        reply: Reply<Vec<Entry>>,
    },
}

/// What anybody may see of the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Whose device this is; `Unknown` before `init`.
    pub binding: BindingState,
    /// Lost or not.
    pub lock: LockState,
    /// The device is kept from whoever holds it. A wipe that may still be called off, or refused, keeps none.
    pub kept: bool,
    /// The counter that matters now: the lost screen's while locked, else the session's.
    pub counter: Counter,
    /// The binding, while there is one.
    pub bound: Option<Shown>,
    /// What the lost screen says and whom it calls, while lost.
    pub lost: Option<LostShown>,
    /// Whether commands are taken.
    pub find: bool,
    /// What the device does by itself.
    pub policies: Policies,
    /// The lost episode.
    pub episode: u64,
    /// How often the password was proved here in this epoch.
    pub presence: u64,
    /// The last sequence of what the warden signed for the owner.
    pub sequence: u64,
    /// A recovery without the code that is being waited out, as far as it was counted.
    pub hold: Option<Hold>,
    /// How the last one ended, until the cloud was told.
    pub hold_ended: Option<Ended>,
    /// What belayd has to do, and whether it has begun.
    pub deeds: Vec<(CommandId, bool)>,
}

/// What whoever holds a lost device may know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LostShown {
    /// The message; may be empty.
    pub message: String,
    /// Whom to call, E.164; may be empty.
    pub phone: String,
}

/// What anybody may see of a binding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The owner's account.
    pub account: AccountId,
    /// The owner's public key.
    pub owner: PublicKey,
    /// The binding.
    pub epoch: Epoch,
    /// The device in it.
    pub device: DeviceId,
    /// The credentials' generation.
    pub generation: u64,
    /// The newest key epoch of the keyring that is kept; 0: none is.
    pub key_epoch: u64,
    /// How many key epochs it has.
    pub key_epochs: u64,
    /// The devices that it names as removed.
    pub removed: Vec<DeviceId>,
    /// The owner's login, masked.
    pub login: String,
    /// The box that reports are sealed to.
    pub report_box: Option<[u8; 32]>,
    /// The key that signs outcomes.
    pub warden_key: PublicKey,
}

/// Asks the actor.
#[derive(Clone)]
pub struct Handle {
    requests: mpsc::Sender<Request>,
    snapshot: watch::Receiver<Snapshot>,
    idle: Arc<Notify>,
}

impl Handle {
    pub(crate) const fn new(
        requests: mpsc::Sender<Request>,
        snapshot: watch::Receiver<Snapshot>,
        idle: Arc<Notify>,
    ) -> Self {
        Self {
            requests,
            snapshot,
            idle,
        }
    }

    /// Takes the secrets for a purpose; a ticket in return.
    ///
    /// # Errors
    /// See [`Refusal`], also for the methods below.
    pub async fn present(
        &self,
        purpose: Purpose,
        subject: String,
        presenter: Presenter,
        secrets: Secrets,
    ) -> Result<TicketId, Refusal> {
        self.ask(|reply| Request::Present {
            purpose,
            subject,
            presenter,
            secrets,
            reply,
        })
        .await
    }

    /// Ends lost mode with the password.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn unlock(&self, presenter: Presenter, password: Secret<String>) -> Result<(), Refusal> {
        self.ask(|reply| Request::Unlock {
            presenter,
            password,
            reply,
        })
        .await
    }

    /// One step with a ticket.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn use_ticket(&self, ticket: String, step: String, input: Vec<u8>) -> Result<Vec<u8>, Refusal> {
        self.ask(|reply| Request::Use {
            ticket,
            step,
            input,
            reply,
        })
        .await
    }

    /// Offers a credentials record; whether it replaced the verifier.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn credentials(&self, record: Vec<u8>) -> Result<bool, Refusal> {
        self.ask(|reply| Request::Credentials { record, reply }).await
    }

    /// Locks the device.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn tighten(&self, reason: String) -> Result<(), Refusal> {
        self.ask(|reply| Request::Tighten { reason, reply }).await
    }

    /// Judges a command, and begins to carry it out.
    ///
    /// # Errors
    /// See [`Refusal`]; a command that is judged bad is no error.
    pub async fn command(&self, envelope: Vec<u8>) -> Result<Disposition, Refusal> {
        self.ask(|reply| Request::Command { envelope, reply }).await
    }

    /// The cloud was heard of just now.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn beat(&self) -> Result<(), Refusal> {
        self.ask(|reply| Request::Beat { reply }).await
    }

    /// The recovery code of a registration, or one that was made anew, for its claim. Never for belayd.
    ///
    /// # Errors
    /// [`Refusal::BadTicket`] for a wrong claim; [`Refusal::NotFound`] before binding and after the
    /// acknowledgement.
    pub async fn recovery_code(&self, request: CodeRequest) -> Result<Secret<String>, Refusal> {
        self.ask(|reply| Request::RecoveryCode { request, reply }).await
    }

    /// The warden ends: what was counted up to now is written down.
    ///
    /// # Errors
    /// See [`Refusal`]; what wasn't written is lost with the boot.
    pub async fn stop(&self) -> Result<(), Refusal> {
        self.ask(|reply| Request::Stop { reply }).await
    }

    /// The audit log since a point in time, seconds since the epoch.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn history(&self, since: u64) -> Result<Vec<Entry>, Refusal> {
        self.ask(|reply| Request::History { since, reply }).await
    }

    /// What anybody may see. Never waits for the actor.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.snapshot.borrow().clone()
    }

    /// Changes of it.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Snapshot> {
        self.snapshot.clone()
    }

    /// Answers when there is nothing left to stay for.
    pub async fn idle(&self) {
        self.idle.notified().await;
    }

    async fn ask<T>(&self, request: impl FnOnce(Reply<T>) -> Request) -> Result<T, Refusal> {
        let (reply, answer) = oneshot::channel();
        // Full, or on the way out: the next try meets room, or the next warden.
        self.requests
            .try_send(request(reply))
            .map_err(|_| Refusal::Busy)?;
        answer
            .await
            .unwrap_or(Err(Refusal::Internal("the warden stopped")))
    }
}

impl Snapshot {
    /// Whether anything of the owner's commands differs, for which there is one signal.
    #[must_use]
    pub fn stirred(&self, before: &Self) -> bool {
        let lost = (self.lock, self.kept, &self.lost, self.episode)
            != (before.lock, before.kept, &before.lost, before.episode);
        let owner =
            (self.find, &self.policies, self.presence) != (before.find, &before.policies, before.presence);
        let told = (self.sequence, &self.deeds) != (before.sequence, &before.deeds);
        let held = |shown: &Self| (shown.hold.is_some(), shown.hold_ended);
        lost || owner || told || held(self) != held(before)
    }

    pub(crate) fn of(state: &State, tombstone: Option<&Tombstone>) -> Self {
        let (binding, bound) = match &state.binding {
            Binding::Uninitialised => (BindingState::Unknown, None),
            Binding::Unbound { .. } => (BindingState::Unbound, None),
            Binding::Tampered(_) => (BindingState::Tampered, None),
            Binding::Bound(bound) => {
                let kept = keyring::open(&state.key, bound).ok();
                let shown = Shown {
                    account: bound.account,
                    owner: bound.owner,
                    epoch: bound.epoch,
                    device: bound.device,
                    generation: bound.generation,
                    key_epoch: kept.as_ref().map_or(0, Keyring::key_epoch),
                    key_epochs: kept.as_ref().map_or(0, |kept| kept.data_roots.count()),
                    removed: kept.map_or_else(Vec::new, |kept| kept.removed().to_vec()),
                    login: bound.login.clone(),
                    report_box: bound.report_box,
                    warden_key: bound.warden_key,
                };
                (BindingState::Bound, Some(shown))
            }
        };
        let lock = shown_lock(&state.lock, binding, tombstone);
        let lost = match &state.lock {
            Lock::Lost { message, phone, .. } => Some(LostShown {
                message: message.clone(),
                phone: phone.clone(),
            }),
            _ => None,
        };
        let may_go_on = matches!(state.lock, Lock::Wiping(_)) && !state.lock.is_kept();
        let deeds = &state.book.deeds;
        let counted = if lock == LockState::Unlocked {
            Presenter::Session
        } else {
            Presenter::Screen
        };
        Self {
            binding,
            lock,
            kept: lock != LockState::Unlocked && !may_go_on,
            counter: state.throttle.of(counted).clone(),
            bound,
            lost,
            find: state.book.find,
            policies: state.book.policies.clone(),
            episode: state.book.episode,
            presence: state.bound().map_or(0, |bound| bound.presence),
            sequence: state.book.sequence,
            hold: state.book.hold.clone(),
            hold_ended: state.book.hold_ended,
            deeds: deeds.iter().map(|deed| (deed.command, deed.begun)).collect(),
        }
    }
}

/// The wipe's tombstone has the last word, unless it is an earlier owner's or an earlier wipe's.
fn shown_lock(lock: &Lock, binding: BindingState, tombstone: Option<&Tombstone>) -> LockState {
    let ours = tombstone.filter(|tombstone| match (lock, binding) {
        (_, BindingState::Unbound) => false,
        (Lock::Wiping(wipe), BindingState::Bound) => wipe.command == tombstone.command,
        // Bound again after a wipe; what is still being wiped is shown so.
        (_, BindingState::Bound) => tombstone.state == LockState::Wiping,
        _ => true,
    });
    if let Some(tombstone) = ours {
        return tombstone.state;
    }
    match (lock, binding) {
        (_, BindingState::Unknown) => LockState::Unknown,
        (_, BindingState::Tampered) => LockState::Tampered,
        (Lock::Wiping(_), _) => LockState::Wiping,
        (Lock::Lost { .. }, _) => LockState::Lost,
        (Lock::Unlocked, _) => LockState::Unlocked,
    }
}
