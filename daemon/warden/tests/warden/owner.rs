//! What the owner, a delegate and belayd do about commands.

use std::time::{Duration, SystemTime};

use belay_proto::clock::{Clock, millis};
use belay_proto::keys::SigningKey;
use belay_proto::signed::*;
use belay_proto::steps::{self, *};
use belay_proto::{CommandId, Secret};
use belay_warden::core::refusal::Refusal;
use belay_warden::core::throttle::Presenter;

use crate::support::{Account, Device, PASSWORD, Running};

/// The owner of a bound device, who signs with the root's own key.
pub struct Owner {
    pub key: SigningKey,
    pub certificate: DeviceCertificate,
    pub generation: u64,
    /// The wall clock of the owner's console, ms since the Unix epoch.
    pub now: u64,
}

impl Owner {
    pub fn of(device: &Device, account: &Account) -> Self {
        let wall = device.clock.wall().duration_since(SystemTime::UNIX_EPOCH);
        Self {
            key: account.root().owner_key(),
            certificate: Signed::decode(&account.certificate)
                .unwrap()
                .open(&account.owner)
                .unwrap(),
            generation: account.record().generation,
            now: millis(wall.unwrap()),
        }
    }

    /// A command as a console makes it, to be changed by a test.
    pub fn command(&self, action: Action) -> Command {
        let verb = action.verb();
        Command {
            id: CommandId::new(),
            account: self.certificate.account,
            device: self.certificate.device,
            epoch: self.certificate.epoch,
            counter: self.now,
            issued_at: self.now,
            expires_at: Command::default_expiry(verb, self.now),
            presence: 0,
            episode: u64::from(verb == Verb::Unlock),
            action,
        }
    }

    pub fn sign(&self, command: &Command) -> Vec<u8> {
        envelope(command, &self.key, None)
    }

    /// Makes and signs one, a moment after the one before.
    pub fn signed(&mut self, action: Action) -> (CommandId, Vec<u8>) {
        self.now += 1000;
        let command = self.command(action);
        (command.id, self.sign(&command))
    }

    pub fn delegate(&self, key: &SigningKey, verbs: &[Verb]) -> DelegateCertificate {
        DelegateCertificate {
            account: self.certificate.account,
            key: key.public(),
            actions: DelegatedVerbs::new(verbs.to_vec()).unwrap(),
            generation: self.generation,
            issued_at: self.now,
            expires_at: self.now + 12 * 60 * 60 * 1000,
        }
    }
}

pub fn envelope(command: &Command, key: &SigningKey, delegate: Option<Signed>) -> Vec<u8> {
    let command = Signed::seal(command, key);
    CommandEnvelope { command, delegate }.encode()
}

pub fn stranger() -> SigningKey {
    SigningKey::from_seed(&Secret::new([0x66; 32]))
}

pub fn lock() -> Action {
    Action::Lock {
        message: "Please call me".to_owned(),
        phone: "+41791234567".to_owned(),
    }
}

pub fn ring() -> Action {
    Action::Ring { seconds: 60 }
}

pub fn wipe() -> Action {
    Action::Wipe {
        external: true,
        keep_esim: false,
    }
}

/// A registered device with its warden at work.
pub async fn bound() -> (Device, Running, Owner) {
    let device = Device::initialised();
    let warden = device.start();
    let account = warden.register().await;
    let owner = Owner::of(&device, &account);
    (device, warden, owner)
}

impl Running {
    pub async fn command(&self, envelope: Vec<u8>) -> Disposition {
        self.handle.command(envelope).await.unwrap()
    }

    async fn untied(&self, step: &str, input: Vec<u8>) -> Result<Vec<u8>, Refusal> {
        self.use_ticket("", step, input).await
    }

    /// Outcomes after a sequence, not verified.
    pub async fn outcomes(&self, after: u64) -> Vec<Outcome> {
        let output = self
            .untied(steps::OUTCOMES, OutcomesInput { after }.encode())
            .await
            .unwrap();
        let signed = OutcomesOutput::decode(&output).unwrap().outcomes;
        let key = self.handle.snapshot().bound.map(|bound| bound.warden_key);
        let open = |bytes: &Vec<u8>| {
            let signed = Signed::decode(bytes).unwrap();
            key.map_or_else(
                || signed.peek_unverified().unwrap(),
                |key| signed.open(&key).unwrap(),
            )
        };
        signed.iter().map(open).collect()
    }

    /// The states and reasons that were told of one command, in order.
    pub async fn life(&self, id: CommandId) -> Vec<String> {
        let outcomes = self.outcomes(0).await;
        let told = outcomes.into_iter().filter(|outcome| outcome.command == id);
        told.map(|outcome| format!("{} {}", outcome.state, outcome.reason).trim().to_owned())
            .collect()
    }

    /// Waits until a command was told to be so.
    pub async fn until_told(&self, id: CommandId, last: &str) -> Vec<String> {
        let mut watch = self.handle.watch();
        loop {
            let life = self.life(id).await;
            if life.last().is_some_and(|told| told == last) {
                return life;
            }
            watch.changed().await.unwrap();
        }
    }

    pub async fn report(&self) -> StateReport {
        let output = self.untied(steps::STATE_REPORT, Done {}.encode()).await.unwrap();
        let report = StateReportOutput::decode(&output).unwrap().report;
        let key = self.handle.snapshot().bound.unwrap().warden_key;
        Signed::decode(&report).unwrap().open(&key).unwrap()
    }

    pub async fn effects(&self) -> EffectsOutput {
        let output = self.untied(steps::EFFECTS, Done {}.encode()).await.unwrap();
        EffectsOutput::decode(&output).unwrap()
    }

    pub async fn begin(&self, command: CommandId) -> Result<(), Refusal> {
        self.untied(steps::BEGIN, BeginInput { command }.encode())
            .await
            .map(drop)
    }

    pub async fn end(&self, command: CommandId, done: bool, reason: &str) -> Result<(), Refusal> {
        let input = EndInput {
            command,
            done,
            reason: reason.to_owned(),
        };
        self.untied(steps::END, input.encode()).await.map(drop)
    }

    pub async fn sms(&self, text: &str) -> SmsOutput {
        let input = SmsInput {
            text: text.to_owned(),
        };
        let output = self.untied(steps::SMS, input.encode()).await.unwrap();
        SmsOutput::decode(&output).unwrap()
    }

    /// What `tick` says: how long until it is worth asking again.
    pub async fn tick(&self, device: &Device) -> Option<Duration> {
        let output = self.untied(steps::TICK, Done {}.encode()).await.unwrap();
        match TickOutput::decode(&output).unwrap().next {
            0 => None,
            next => Some(Duration::from_millis(next) - device.clock.boottime()),
        }
    }

    pub async fn set_find(&self, enabled: bool) -> Result<(), Refusal> {
        let ticket = self
            .present(Purpose::Find, find_subject(enabled), PASSWORD)
            .await?;
        let input = SetFindInput { enabled }.encode();
        self.use_ticket(&ticket, steps::SET_FIND, input).await.map(drop)
    }

    pub async fn set_policies(&self, changes: &PolicyChanges) -> Result<(), Refusal> {
        let ticket = self
            .present(Purpose::Policies, &policies_subject(changes), PASSWORD)
            .await?;
        self.use_ticket(&ticket, steps::SET_POLICIES, changes.encode())
            .await
            .map(drop)
    }

    pub async fn unlock_at_screen(&self, password: &str) -> Result<(), Refusal> {
        let password = crate::support::secret(password);
        self.handle.unlock(Presenter::Screen, password).await
    }
}
