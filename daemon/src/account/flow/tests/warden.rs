//! A warden made of maps: it binds and releases like the real one and judges passwords by what a test says.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use belay_proto::dbus::{AuditEntries, BindingState, LockState};
use belay_proto::id::{AccountId, HardwareId, PendingId, TicketId};
use belay_proto::keys::{PublicKey, SigningKey};
use belay_proto::secret::Secret;
use belay_proto::steps::SignCommandInput;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::watch;

use super::Fuse;
use crate::warden::{Calls, Identity, WardenError, WardenHandle, WardenView};

mod walk;

pub const OWNER: [u8; 32] = [5; 32];
/// The purposes of tickets whose work begins with a login and an opened root.
const LASTING: [&str; 6] = [
    "change-password",
    "recovery-code",
    "identifier",
    "remove-device",
    "delete-account",
    "bootloader",
];
const OPENING: [&str; 9] = [
    "sign-in",
    "reauthenticate",
    "command",
    "change-password",
    "recovery-code",
    "identifier",
    "remove-device",
    "delete-account",
    "bootloader",
];
pub const HARDWARE: [u8; 32] = [6; 32];
/// The wall clock of all commands, ms: that of a `SkippingClock` at its beginning.
pub const SIGNED_AT: u64 = 1_795_000_000_000;

pub struct MapWarden {
    inner: Mutex<Inner>,
    view: watch::Sender<WardenView>,
    fuse: Arc<Fuse>,
}

#[derive(Default)]
struct Inner {
    tickets: HashMap<String, (&'static str, bool)>,
    pending: Option<(PendingId, AccountId)>,
    bound: Option<AccountId>,
    opened: Option<AccountId>,
    release: Option<Vec<u8>>,
    lock: LockState,
    /// The cloud's record that makes a wrong password right.
    newest: Option<Vec<u8>>,
    checks: u32,
    signed: Vec<SignCommandInput>,
    /// The generation of the record that holds here, and of the one that the opened root is in.
    generation: u8,
    opened_generation: u8,
    /// What the owner changed elsewhere, as it was brought.
    brought: Vec<(String, Vec<u8>)>,
}

impl std::fmt::Debug for MapWarden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MapWarden")
    }
}

impl MapWarden {
    pub fn new(fuse: Arc<Fuse>) -> Arc<Self> {
        let inner = Mutex::new(Inner {
            lock: LockState::Unlocked,
            generation: 1,
            ..Inner::default()
        });
        Arc::new(Self {
            inner,
            view: watch::Sender::new(WardenView::default()),
            fuse,
        })
    }

    pub fn handle(self: &Arc<Self>) -> WardenHandle {
        self.show();
        WardenHandle::new(Arc::<Self>::clone(self), self.view.subscribe())
    }

    /// A ticket, with the right password behind it or a wrong one.
    pub fn ticket(&self, purpose: &'static str, right: bool) -> String {
        let ticket = TicketId::random().to_string();
        self.inner
            .lock()
            .unwrap()
            .tickets
            .insert(ticket.clone(), (purpose, right));
        ticket
    }

    pub fn bound(&self) -> Option<AccountId> {
        self.inner.lock().unwrap().bound
    }

    pub fn pending(&self) -> Option<PendingId> {
        self.inner.lock().unwrap().pending.map(|(pending, _)| pending)
    }

    /// What commands were signed from.
    pub fn signed(&self) -> Vec<SignCommandInput> {
        self.inner.lock().unwrap().signed.clone()
    }

    /// The generation of the record that holds here.
    pub fn generation(&self) -> u8 {
        self.inner.lock().unwrap().generation
    }

    /// What the owner changed elsewhere, as it was brought: the step and what it got.
    pub fn brought(&self) -> Vec<(String, Vec<u8>)> {
        self.inner.lock().unwrap().brought.clone()
    }

    pub fn checks(&self) -> u32 {
        self.inner.lock().unwrap().checks
    }

    /// With this record the wrong passwords are right.
    pub fn expect_record(&self, record: &[u8]) {
        self.inner.lock().unwrap().newest = Some(record.to_vec());
    }

    pub fn forget_pending(&self) {
        self.inner.lock().unwrap().pending = None;
    }

    pub fn set_lock(&self, lock: LockState) {
        self.inner.lock().unwrap().lock = lock;
        self.show();
    }

    fn show(&self) {
        let inner = self.inner.lock().unwrap();
        let bound = inner.bound;
        self.view.send_modify(|view| {
            view.binding = if bound.is_some() {
                BindingState::Bound
            } else {
                BindingState::Unbound
            };
            view.lock = inner.lock;
            view.identity = Identity {
                hardware: Some(HardwareId::from_bytes(HARDWARE)),
                hardware_locked: true,
                account: bound,
                owner: bound.map(|_| owner()),
                ..Identity::default()
            };
        });
    }
}

/// The generation of a record: the account's id, and from the second generation on its number.
pub fn generation(record: &[u8]) -> u8 {
    record.get(16).copied().unwrap_or(1)
}

pub fn owner() -> PublicKey {
    SigningKey::from_seed(&Secret::new(OWNER)).public()
}

impl Calls for MapWarden {
    fn use_step<'a>(
        &'a self,
        ticket: &'a str,
        step: &'a str,
        input: &'a [u8],
    ) -> BoxFuture<'a, Result<Vec<u8>, WardenError>> {
        async move {
            self.fuse.burn().await;
            let answer = self.inner.lock().unwrap().step(ticket, step, input);
            self.fuse.burn().await;
            answer.map_err(WardenError::Refused)
        }
        .boxed()
    }

    fn credentials<'a>(&'a self, record: &'a [u8]) -> BoxFuture<'a, Result<bool, WardenError>> {
        async move {
            let mut inner = self.inner.lock().unwrap();
            let of_account = inner
                .bound
                .is_some_and(|bound| record.starts_with(bound.as_bytes()));
            if of_account && generation(record) > inner.generation {
                inner.generation = generation(record);
                inner.brought.push(("credentials".into(), record.to_vec()));
                return Ok(true);
            }
            let taken = inner.newest.as_deref() == Some(record);
            if taken {
                inner.newest = None;
                inner.tickets.values_mut().for_each(|(_, right)| *right = true);
            }
            Ok(taken)
        }
        .boxed()
    }

    fn command<'a>(&'a self, _: &'a [u8]) -> BoxFuture<'a, Result<String, WardenError>> {
        async { Ok("accepted".to_owned()) }.boxed()
    }

    fn beat(&self) -> BoxFuture<'_, Result<(), WardenError>> {
        async { Ok(()) }.boxed()
    }

    fn tighten<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<(), WardenError>> {
        async { Ok(()) }.boxed()
    }

    fn history(&self, _: u64) -> BoxFuture<'_, Result<AuditEntries, WardenError>> {
        async { Ok(Vec::new()) }.boxed()
    }

    fn refresh(&self) -> BoxFuture<'_, Result<(), WardenError>> {
        async {
            self.show();
            Ok(())
        }
        .boxed()
    }

    fn retry(&self) {}
}
