//! A warden made of maps: it binds and releases like the real one and judges passwords by what a test says.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use belay_proto::dbus::{AuditEntries, BindingState, Error, LockState};
use belay_proto::id::{AccountId, CommandId, DeviceId, Epoch, HardwareId, PendingId, TicketId};
use belay_proto::keys::{PublicKey, RecoveryClaim, SigningKey};
use belay_proto::secret::Secret;
use belay_proto::signed::{self, Action, Command, CommandEnvelope, DeviceCertificate, Signed, Verb};
use belay_proto::steps::{self, *};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::watch;

use super::Fuse;
use crate::warden::{Calls, Identity, WardenError, WardenHandle, WardenView};

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

impl Inner {
    fn step(&mut self, ticket: &str, step: &str, input: &[u8]) -> Result<Vec<u8>, Error> {
        if step == SAVED_RELEASE {
            return Ok(SavedReleaseOutput {
                release: self.release.clone(),
            }
            .encode());
        }
        if ticket.is_empty() && step == steps::SIGN_COMMAND {
            return Ok(self.sign_command(input));
        }
        if [steps::SUCCEED, steps::TAKE_KEYRING, steps::TAKE_DELEGATE].contains(&step) {
            assert!(ticket.is_empty(), "whoever brings it needs no password");
            self.brought.push((step.to_owned(), input.to_vec()));
            return Ok(TakenOutput { taken: true }.encode());
        }
        if let Some((pending, account)) = self.pending.filter(|(pending, _)| pending.to_string() == ticket) {
            return self.pending_step(pending, account, step);
        }
        let (purpose, right) = self
            .tickets
            .get(ticket)
            .copied()
            .ok_or_else(|| Error::BadTicket(String::new()))?;
        match (purpose, step) {
            ("register", steps::NEW_CREDENTIALS) => {
                self.tickets.remove(ticket);
                let (pending, account) = (PendingId::random(), AccountId::random());
                self.pending = Some((pending, account));
                Ok(self.new_credentials(pending, account).encode())
            }
            ("sign-in" | "reauthenticate", steps::LOGIN_SIGNATURE) => {
                if purpose == "reauthenticate" {
                    self.check(right)?;
                }
                let signature = SigningKey::generate().sign(b"", if right { b"right" } else { b"wrong" });
                Ok(LoginSignatureOutput { signature }.encode())
            }
            ("command", steps::LOGIN_SIGNATURE) => {
                let input = CommandLoginInput::decode(input).unwrap();
                assert_eq!(input.identifier, super::ADA);
                self.check(right)?;
                let signature = SigningKey::generate().sign(b"", b"right");
                Ok(LoginSignatureOutput { signature }.encode())
            }
            ("command", steps::SIGN_COMMAND) => {
                self.tickets.remove(ticket);
                assert_eq!(self.opened, self.bound, "signed before the root was opened");
                Ok(self.sign_command(input))
            }
            (_, steps::LOGIN_SIGNATURE) if LASTING.contains(&purpose) => {
                assert_eq!(LoginSignatureInput::decode(input).unwrap().action, purpose);
                self.check(right)?;
                let signature = SigningKey::generate().sign(b"", b"right");
                Ok(LoginSignatureOutput { signature }.encode())
            }
            ("change-password", steps::NEW_PASSWORD) => {
                self.tickets.remove(ticket);
                Ok(self.new_set().encode())
            }
            ("recovery-code", steps::NEW_RECOVERY_CODE) => {
                self.tickets.remove(ticket);
                let pending = PendingId::random();
                self.pending = self.bound.map(|account| (pending, account));
                Ok(NewRecoveryCodeOutput {
                    pending,
                    claim: RecoveryClaim::from_bytes(Secret::new(*pending.as_bytes())),
                    set: self.new_set().encode(),
                }
                .encode())
            }
            ("recover", steps::RECOVER) => {
                self.tickets.remove(ticket);
                if !right {
                    return Err(Error::WrongCode(String::new()));
                }
                let input = RecoverInput::decode(input).unwrap();
                self.opened = Some(AccountId::from_bytes(input.credentials[..16].try_into().unwrap()));
                self.opened_generation = generation(&input.credentials);
                Ok(self.new_set().encode())
            }
            ("remove-device", steps::REMOVE_DEVICE) => {
                self.tickets.remove(ticket);
                let input = RemoveDeviceInput::decode(input).unwrap();
                Ok(RemoveDeviceOutput {
                    order: b"order".to_vec(),
                    keyring: b"another keyring".to_vec(),
                    boxes: input.devices.iter().map(|_| b"box".to_vec()).collect(),
                }
                .encode())
            }
            ("delete-account", steps::ORDER) => Ok(OrderOutput {
                order: b"order".to_vec(),
            }
            .encode()),
            ("identifier" | "bootloader", steps::ORDER) => {
                self.tickets.remove(ticket);
                Ok(OrderOutput {
                    order: b"order".to_vec(),
                }
                .encode())
            }
            (_, steps::OPEN_ROOT) if OPENING.contains(&purpose) => {
                let input = OpenRootInput::decode(input).unwrap();
                if input.share.expose() != &[1; 32] {
                    return Err(Error::CloudRefused("the root doesn't open".into()));
                }
                let account = AccountId::from_bytes(input.credentials[..16].try_into().unwrap());
                self.opened_generation = generation(&input.credentials);
                self.opened = Some(account);
                Ok(OpenRootOutput {
                    owner: owner(),
                    generation: 1,
                    account,
                }
                .encode())
            }
            ("sign-in", steps::CERTIFY) => Ok(CertifyOutput {
                certificate: b"certificate".to_vec(),
                device: DeviceId::random(),
                epoch: Epoch::random(),
                release: self.release.clone(),
            }
            .encode()),
            ("sign-in", steps::BIND) => {
                self.tickets.remove(ticket);
                self.bound = self.opened;
                self.release = None;
                Ok(BindOutput {
                    device: DeviceId::random(),
                    epoch: Epoch::random(),
                }
                .encode())
            }
            ("sign-out" | "delete-account", steps::RELEASE) => {
                self.check(right)?;
                self.tickets.remove(ticket);
                let account = self.bound.take().ok_or_else(|| Error::NotBound(String::new()))?;
                let release = signed::Release {
                    account,
                    device: DeviceId::random(),
                    epoch: Epoch::random(),
                    hardware: HardwareId::from_bytes(HARDWARE),
                };
                let release = Signed::seal(&release, &SigningKey::generate()).encode();
                self.release = Some(release.clone());
                Ok(ReleaseOutput { release }.encode())
            }
            _ => Err(Error::BadTicket(String::new())),
        }
    }

    /// A command as the warden makes it, but for its signature: nobody here is a judge of that.
    fn sign_command(&mut self, input: &[u8]) -> Vec<u8> {
        let input = SignCommandInput::decode(input).unwrap();
        let certificate: DeviceCertificate = Signed::decode(&input.certificate)
            .unwrap()
            .peek_unverified()
            .unwrap();
        let verb = Verb::parse(&input.action).unwrap();
        let command = Command {
            id: CommandId::new(),
            account: certificate.account,
            device: certificate.device,
            epoch: certificate.epoch,
            counter: 1,
            issued_at: SIGNED_AT,
            expires_at: Command::default_expiry(verb, SIGNED_AT),
            presence: 0,
            episode: 0,
            action: Action::decode(verb, &input.arguments).unwrap(),
        };
        self.signed.push(input);
        let envelope = CommandEnvelope {
            command: Signed::seal(&command, &SigningKey::generate()),
            delegate: None,
        };
        SignCommandOutput {
            envelope: envelope.encode(),
            id: command.id,
        }
        .encode()
    }

    /// A record one generation on from the one that is open.
    fn new_set(&self) -> NewCredentialsSet {
        let mut credentials = self.opened.unwrap().as_bytes().to_vec();
        credentials.push(self.opened_generation + 1);
        NewCredentialsSet {
            credentials,
            owner: owner(),
            keyring: b"keyring".to_vec(),
            share: Secret::new([1; 32]),
            succession: None,
            certificates: Vec::new(),
            boxes: Vec::new(),
            delegates: Vec::new(),
        }
    }

    fn check(&mut self, right: bool) -> Result<(), Error> {
        self.checks += 1;
        if right {
            Ok(())
        } else {
            Err(Error::WrongPassword(String::new()))
        }
    }

    fn pending_step(&mut self, pending: PendingId, account: AccountId, step: &str) -> Result<Vec<u8>, Error> {
        match step {
            steps::BIND => {
                assert!(
                    self.bound.is_none_or(|bound| bound == account),
                    "bound over another account"
                );
                self.bound = Some(account);
                self.release = None;
                Ok(PendingBindOutput {
                    device: DeviceId::random(),
                    epoch: Epoch::random(),
                    claim: RecoveryClaim::from_bytes(Secret::new(*pending.as_bytes())),
                }
                .encode())
            }
            steps::DISCARD | steps::ACKNOWLEDGE => {
                self.pending = self.pending.filter(|(kept, _)| *kept != pending);
                Ok(Done {}.encode())
            }
            _ => Err(Error::BadTicket(String::new())),
        }
    }

    fn new_credentials(&self, pending: PendingId, account: AccountId) -> NewCredentialsOutput {
        NewCredentialsOutput {
            pending,
            account,
            generation: 1,
            credentials: account.as_bytes().to_vec(),
            owner: owner(),
            keyring: b"keyring".to_vec(),
            certificate: b"certificate".to_vec(),
            share: Secret::new([1; 32]),
            release: self.release.clone(),
            hardware: HardwareId::from_bytes(HARDWARE),
            hardware_locked: true,
        }
    }
}
