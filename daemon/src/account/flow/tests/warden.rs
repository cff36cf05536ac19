//! A warden made of maps: it binds and releases like the real one and judges passwords by what a test says.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use belay_proto::dbus::{AuditEntries, BindingState, Error, LockState};
use belay_proto::id::{AccountId, DeviceId, HardwareId, PendingId, TicketId};
use belay_proto::signed::Deed;
use belay_proto::steps::{HoldInput, SignCommandInput, purpose_of};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::watch;

use super::{Fuse, World};
use crate::warden::{Calls, HoldView, Identity, WardenError, WardenHandle, WardenView};

mod holds;
mod records;
mod ring;
mod walk;

pub use records::{generation, owner, read, record};
pub use ring::Ring;

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
pub const DEVICE: [u8; 16] = [7; 16];
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
    /// What the tickets that sign an order are for.
    deeds: HashMap<String, Deed>,
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
    /// The owner has ordered that the account be deleted.
    leaving: bool,
    /// What the next calls to leave with the account are refused with.
    cannot_leave: Vec<Error>,
    /// How often it was called to leave.
    leaves: u32,
    /// Tickets of a recovery that choose another password than those before.
    others: HashSet<String>,
    /// A release that was asked for by whoever isn't there any more is done before the next question after one.
    in_hand: bool,
    /// Tickets whose password was found right.
    proved: HashSet<String>,
    /// The next sign-out finds the device free already.
    lets_go_first: bool,
    /// It dies once it has done this step, before it answers.
    dies_after: Option<&'static str>,
    /// What the next calls to stay are refused with.
    cannot_stay: Vec<Error>,
    /// Passwords are changed with a new root.
    new_roots: bool,
    /// Whether keys were to be made, of each password that was changed.
    new_epochs: Vec<bool>,
    /// Above which key epochs keys were to be made, of each password, code and removal.
    key_epochs: Vec<Option<u64>>,
    /// The devices that were to get no keys, of each step that makes some.
    lost: Vec<Vec<DeviceId>>,
    /// What is kept of the account's keyring.
    ring: Ring,
    /// This device's id, where it isn't [`DEVICE`].
    device: Option<DeviceId>,
    /// How a hold stands.
    hold: HoldView,
    /// The end of the last one, until the cloud was told.
    hold_ended: Option<Vec<u8>>,
    /// So many calls about a hold come to nothing.
    busy: u32,
    /// So many readings come to nothing.
    late: u32,
    /// The steps about a hold, as they came.
    holds: Vec<HoldInput>,
    /// The record that a hold leads to, where the account has it already.
    towards: Option<Vec<u8>>,
    /// Such a hold leads on to this record.
    leads_on_to: Option<Vec<u8>>,
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

    /// A ticket of a recovery that chooses another password than those before.
    pub fn ticket_for_another_password(&self) -> String {
        let ticket = self.ticket("recover", true);
        self.inner.lock().unwrap().others.insert(ticket.clone());
        ticket
    }

    /// A ticket for an order of this deed.
    pub fn order_ticket(&self, deed: Deed) -> String {
        let ticket = self.ticket(purpose_of(&deed).as_str(), true);
        self.inner.lock().unwrap().deeds.insert(ticket.clone(), deed);
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

    /// Commits a release that was asked for by whoever isn't there any more.
    pub fn release_late(&self) {
        self.inner.lock().unwrap().let_go().unwrap();
        self.show();
    }

    /// The same, before whatever is asked after it.
    pub fn has_release_in_hand(&self) {
        self.inner.lock().unwrap().in_hand = true;
    }

    /// So many readings come to nothing from now on.
    pub fn is_late(&self, readings: u32) {
        self.inner.lock().unwrap().late = readings;
    }

    /// How many of those are left.
    pub fn late(&self) -> u32 {
        self.inner.lock().unwrap().late
    }

    /// The next sign-out comes after something else that frees the device, and of which nobody has heard.
    pub fn let_go_first(&self) {
        self.inner.lock().unwrap().lets_go_first = true;
    }

    /// It dies once it has done the next such step, before it answers; the next one is there at once.
    pub fn dies_after(&self, step: &'static str) {
        self.inner.lock().unwrap().dies_after = Some(step);
    }

    /// The next calls to leave with the account are refused, the first one with the last of these.
    pub fn refuse_to_leave(&self, refusals: Vec<Error>) {
        self.inner.lock().unwrap().cannot_leave = refusals;
    }

    /// The same of the next calls to stay.
    pub fn refuse_to_stay(&self, refusals: Vec<Error>) {
        self.inner.lock().unwrap().cannot_stay = refusals;
    }

    /// Whether it is ready to leave with the account.
    pub fn is_leaving(&self) -> bool {
        self.inner.lock().unwrap().leaving
    }

    /// How often it was called to leave with the account.
    pub fn leaves(&self) -> u32 {
        self.inner.lock().unwrap().leaves
    }

    /// Passwords are changed with a new root from now on.
    pub fn make_new_roots(&self) {
        self.inner.lock().unwrap().new_roots = true;
    }

    /// Has the cloud list this device.
    pub fn list_itself(&self, world: &World) {
        self.inner.lock().unwrap().device = Some(super::upkeep::list_another(world));
        self.show();
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
                generation: inner.generation.into(),
                owner: bound.map(|_| owner()),
                device: bound.map(|_| inner.device.unwrap_or(DeviceId::from_bytes(DEVICE))),
                hold: inner.hold,
                key_epoch: inner.ring.key_epoch,
                removed: inner.ring.removed.clone(),
                ..Identity::default()
            };
        });
    }
}

impl Inner {
    fn answer(&mut self, ticket: &str, step: &str, input: &[u8]) -> Result<Vec<u8>, WardenError> {
        let answer = self.step(ticket, step, input);
        match self.dies_after.take_if(|after| *after == step) {
            Some(_) => Err(WardenError::Unreachable(zbus::Error::InvalidReply)),
            None => answer.map_err(WardenError::Refused),
        }
    }
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
            let answer = self.inner.lock().unwrap().answer(ticket, step, input);
            self.fuse.burn().await;
            answer
        }
        .boxed()
    }

    fn credentials<'a>(&'a self, record: &'a [u8]) -> BoxFuture<'a, Result<bool, WardenError>> {
        async move {
            let mut inner = self.inner.lock().unwrap();
            if inner.leads_on_to.as_deref() == Some(record) {
                inner.towards = inner.leads_on_to.take();
                return Ok(false);
            }
            let of_account = inner
                .bound
                .is_some_and(|bound| record.len() >= 16 && read(record).0 == bound);
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
            {
                let mut inner = self.inner.lock().unwrap();
                if inner.late > 0 {
                    inner.late -= 1;
                    return Err(WardenError::TimedOut);
                }
            }
            self.show();
            Ok(())
        }
        .boxed()
    }

    fn retry(&self) {}
}
