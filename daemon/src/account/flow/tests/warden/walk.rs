//! The steps of the warden made of maps.

use belay_proto::dbus::{Error, LockState};
use belay_proto::id::{AccountId, CommandId, DeviceId, Epoch, HardwareId, OrderId, PendingId};
use belay_proto::keys::{RecoveryClaim, SigningKey, sha256};
use belay_proto::secret::Secret;
use belay_proto::signed::{self, Action, Command, CommandEnvelope, DeviceCertificate, Signed, Verb};
use belay_proto::steps::{self, *};

use super::{HARDWARE, Inner, LASTING, MapWarden, OPENING, Ring, SIGNED_AT, generation, owner, read, record};

impl MapWarden {
    /// Whether keys were to be made, of each password that was changed.
    pub fn new_epochs(&self) -> Vec<bool> {
        self.inner.lock().unwrap().new_epochs.clone()
    }

    /// Above which key epochs keys were to be made, of each password, code and removal.
    pub fn key_epochs(&self) -> Vec<Option<u64>> {
        self.inner.lock().unwrap().key_epochs.clone()
    }

    /// The devices that were to get no keys, the last time that some were made.
    pub fn lost(&self) -> Vec<DeviceId> {
        self.inner.lock().unwrap().lost.last().unwrap().clone()
    }
}

impl Inner {
    pub(super) fn step(&mut self, ticket: &str, step: &str, input: &[u8]) -> Result<Vec<u8>, Error> {
        if step == SAVED_RELEASE {
            if std::mem::take(&mut self.in_hand) {
                self.let_go()?;
            }
            return Ok(SavedReleaseOutput {
                release: self.release.clone(),
            }
            .encode());
        }
        if step == PASSWORD_STRENGTH {
            return Ok(PasswordStrengthOutput {
                score: Some(4),
                since: Some(1),
            }
            .encode());
        }
        if ticket.is_empty() && step == steps::LEAVE {
            self.leaves += 1;
            if let Some(refusal) = self.cannot_leave.pop() {
                return Err(refusal);
            }
            if self.lock == LockState::Lost {
                return Err(Error::DeviceLost(String::new()));
            }
            return match std::mem::take(&mut self.leaving) {
                true => self.let_go(),
                false if self.bound.is_none() => Err(Error::NotBound(String::new())),
                false => Err(Error::BadTicket(String::new())),
            };
        }
        if ticket.is_empty() && step == steps::STAY {
            if let Some(refusal) = self.cannot_stay.pop() {
                return Err(refusal);
            }
            if self.lock == LockState::Lost {
                return Err(Error::DeviceLost(String::new()));
            }
            self.leaving = false;
            return Ok(Done {}.encode());
        }
        if ticket.is_empty() && step == steps::SIGN_COMMAND {
            return Ok(self.sign_command(input));
        }
        if step == steps::HOLD {
            if self.busy > 0 {
                self.busy -= 1;
                return Err(Error::Busy(String::new()));
            }
            let input = HoldInput::decode(input).unwrap();
            if input.told.is_some() {
                self.hold_ended = None;
            }
            self.holds.push(input);
            let ended = self.hold_ended.clone();
            return Ok(HoldOutput {
                left: None,
                ended,
                towards: self.towards.as_deref().map(sha256),
            }
            .encode());
        }
        if [steps::SUCCEED, steps::TAKE_KEYRING, steps::TAKE_DELEGATE].contains(&step) {
            assert!(ticket.is_empty(), "whoever brings it needs no password");
            self.brought.push((step.to_owned(), input.to_vec()));
            let taken = step != steps::TAKE_KEYRING || self.takes(input);
            return Ok(TakenOutput { taken }.encode());
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
                assert_eq!(LoginSignatureInput::decode(input).unwrap().action, "command");
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
                let input = NewPasswordInput::decode(input).unwrap();
                self.new_epochs.push(input.new_epoch);
                self.key_epochs.push(input.key_epoch);
                self.lost.push(input.lost.unwrap());
                let mut set = self.new_set();
                if self.new_roots {
                    set.succession = Some(b"succession".to_vec());
                    set.certificates = vec![b"certified again".to_vec()];
                }
                Ok(set.encode())
            }
            ("recovery-code", steps::NEW_RECOVERY_CODE) => {
                self.tickets.remove(ticket);
                let input = NewRecoveryCodeInput::decode(input).unwrap();
                self.key_epochs.push(input.key_epoch);
                self.lost.push(input.lost.unwrap());
                let pending = PendingId::random();
                self.pending = self.bound.map(|account| (pending, account));
                let credentials = record(
                    self.opened.unwrap(),
                    self.opened_generation + 1,
                    pending.as_bytes().to_vec(),
                );
                let set = NewCredentialsSet {
                    credentials,
                    ..self.new_set()
                };
                Ok(NewRecoveryCodeOutput {
                    pending,
                    claim: RecoveryClaim::from_bytes(Secret::new(*pending.as_bytes())),
                    set: set.encode(),
                }
                .encode())
            }
            ("recover", steps::RECOVER) => {
                self.tickets.remove(ticket);
                if !right {
                    return Err(Error::WrongCode(String::new()));
                }
                let input = RecoverInput::decode(input).unwrap();
                self.opened = Some(read(&input.credentials).0);
                self.opened_generation = generation(&input.credentials);
                self.lost.push(input.lost.unwrap());
                Ok(self.new_set().encode())
            }
            ("recover", steps::RECOVERED) => {
                self.tickets.remove(ticket);
                if !right {
                    return Err(Error::WrongCode(String::new()));
                }
                RecoverInput::decode(input).unwrap();
                let holds = !self.others.remove(ticket);
                Ok(RecoveredOutput { holds }.encode())
            }
            ("remove-device", steps::REMOVE_DEVICE) => {
                self.tickets.remove(ticket);
                let input = RemoveDeviceInput::decode(input).unwrap();
                self.key_epochs.push(input.key_epoch);
                let Some(signed::Deed::RemoveDevice(device)) = self.deeds.remove(ticket) else {
                    return Err(Error::BadTicket(String::new()));
                };
                self.lost.push(input.lost.unwrap());
                let ring = self.ring.without(device);
                Ok(RemoveDeviceOutput {
                    order: b"order".to_vec(),
                    keyring: b"another keyring".to_vec(),
                    boxes: input.devices.iter().map(|_| ring.boxed()).collect(),
                    key_epoch: ring.key_epoch,
                }
                .encode())
            }
            ("identifier" | "bootloader" | "delete-account", steps::ORDER) => {
                self.tickets.remove(ticket);
                self.leaving = purpose == "delete-account";
                self.order(ticket)
            }
            (_, steps::OPEN_ROOT) if OPENING.contains(&purpose) => {
                let input = OpenRootInput::decode(input).unwrap();
                if input.share.expose() != &[1; 32] {
                    return Err(Error::CloudRefused("the root doesn't open".into()));
                }
                let account = read(&input.credentials).0;
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
            ("sign-out", steps::PROVE) => {
                self.check(right)?;
                self.proved.insert(ticket.to_owned());
                Ok(Done {}.encode())
            }
            ("sign-out", steps::RELEASE) => {
                if !self.proved.remove(ticket) {
                    self.check(right)?;
                }
                self.tickets.remove(ticket);
                if std::mem::take(&mut self.lets_go_first) {
                    self.let_go()?;
                }
                self.let_go()
            }
            _ => Err(Error::BadTicket(String::new())),
        }
    }

    /// Keeps a newer keyring.
    fn takes(&mut self, input: &[u8]) -> bool {
        match Ring::read(&TakeKeyringInput::decode(input).unwrap().keyring) {
            Some(ring) if ring.key_epoch > self.ring.key_epoch => {
                self.ring = ring;
                true
            }
            ring => ring.is_none(),
        }
    }

    /// An order as the warden makes it, but for its signature.
    fn order(&mut self, ticket: &str) -> Result<Vec<u8>, Error> {
        let deed = self.deeds.remove(ticket);
        let order = signed::AccountOrder {
            account: self.bound.unwrap(),
            id: OrderId::random(),
            generation: 1,
            deed: deed.ok_or_else(|| Error::BadTicket(String::new()))?,
        };
        let order = Signed::seal(&order, &SigningKey::generate()).encode();
        Ok(OrderOutput { order }.encode())
    }

    pub(super) fn let_go(&mut self) -> Result<Vec<u8>, Error> {
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
            on_hold: None,
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
