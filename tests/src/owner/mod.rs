//! The owner somewhere else: holds the account's root, signs commands by hand and brings them to the cloud, as a
//! console in a browser does. Nothing of the device takes part.

mod belayd;
mod console;
mod http;
mod known;
mod question;
mod stranger;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use belay_proto::keys::{BoxKey, PublicKey, Root, SigningKey};
use belay_proto::signed::{
    self, Action, Command, CommandEnvelope, DelegateCertificate, DelegatedVerbs, DeviceCertificate, Signed,
    StateReport, Verb,
};
use belay_proto::sms::{SmsAction, SmsCommand, low16};
use belay_proto::wire::{Report, ReportIds, SealedReport};
use belay_proto::{AccountId, CommandId};

use crate::surprise::During;
use crate::{Outcome, Surprise};

pub use belayd::Belayd;
pub use console::Console;
pub use http::{Reply, browse};
pub use known::{Known, Subject};
pub use question::{Question, Unasked};
pub use stranger::{Answers, Heard, Stranger, interrogate};

/// What the warden says became of a command.
pub type Told = signed::Outcome;

/// The account's root and what the owner knows of one device.
#[derive(Debug)]
pub struct Owner {
    root: Root,
    account: AccountId,
    /// Of the account's credentials.
    generation: u64,
    device: DeviceCertificate,
    certificate: Vec<u8>,
    /// The owner's clock, ms since the epoch.
    now: AtomicU64,
    standing: Mutex<Standing>,
}

/// What the device's warden said last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
    /// Of outcomes and reports together.
    pub sequence: u64,
    /// How often the password was proved there.
    pub presence: u64,
    /// The highest counter of an accepted command.
    pub counter: u64,
    /// The lost episode.
    pub episode: u64,
}

impl Owner {
    /// The owner of the device that the certificate (signed bytes) is of, who hasn't heard of it yet.
    ///
    /// # Errors
    /// Where the certificate isn't the owner's.
    pub fn new(root: Root, generation: u64, certificate: &[u8], now: u64) -> Outcome<Self> {
        let owner = root.owner_key().public();
        let device: DeviceCertificate = Signed::decode(certificate)?
            .open(&owner)
            .during("the certificate")?;
        crate::expect!(device.names_itself(), "the certificate names another device");
        Ok(Self {
            root,
            account: device.account,
            generation,
            device,
            certificate: certificate.to_vec(),
            now: AtomicU64::new(now),
            standing: Mutex::default(),
        })
    }

    /// The account's key: what it signs is obeyed.
    #[must_use]
    pub fn key(&self) -> SigningKey {
        self.root.owner_key()
    }

    /// What opens the device's reports.
    #[must_use]
    pub fn report_box(&self) -> BoxKey {
        self.root.report_box()
    }

    /// The device, as the owner certified it.
    #[must_use]
    pub fn device(&self) -> &DeviceCertificate {
        &self.device
    }

    /// The certificate, signed bytes.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// The generation of the account's credentials.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The owner's clock: ms since the epoch.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }

    /// Time passes for the owner.
    pub fn later(&self, by: Duration) {
        self.now
            .fetch_add(belay_proto::clock::millis(by), Ordering::Relaxed);
    }

    /// What the owner knows of the device.
    #[must_use]
    pub fn standing(&self) -> Standing {
        *self.known()
    }

    /// The next command with this action, as an issuer that knows what was last reported makes it.
    pub fn draft(&self, action: Action) -> Command {
        let issued_at = self.now();
        let mut known = self.known();
        known.counter = issued_at.max(known.counter.saturating_add(1));
        let verb = action.verb();
        Command {
            id: CommandId::new(),
            account: self.account,
            device: self.device.device,
            epoch: self.device.epoch,
            counter: known.counter,
            issued_at,
            expires_at: Command::default_expiry(verb, issued_at),
            presence: known.presence,
            episode: if verb == Verb::Unlock { known.episode } else { 0 },
            action,
        }
    }

    /// An envelope that the owner signed.
    #[must_use]
    pub fn seal(&self, command: &Command) -> Vec<u8> {
        sealed(command, &self.key(), None)
    }

    /// The next command with this action, signed.
    pub fn signed(&self, action: Action) -> (CommandId, Vec<u8>) {
        let command = self.draft(action);
        (command.id, self.seal(&command))
    }

    /// A certificate that lets `key` ask for `verbs` until `expires_at`, ms since the epoch, 0 = for ever.
    ///
    /// # Errors
    /// For verbs that can't be delegated.
    pub fn delegate(&self, key: &PublicKey, verbs: &[Verb], expires_at: u64) -> Outcome<DelegateCertificate> {
        Ok(DelegateCertificate {
            account: self.account,
            key: *key,
            actions: DelegatedVerbs::new(verbs.to_vec())?,
            generation: self.generation,
            issued_at: self.now(),
            expires_at,
        })
    }

    /// The next command by SMS.
    pub fn text(&self, action: SmsAction) -> SmsCommand {
        let command = self.draft(match action {
            SmsAction::Unlock => Action::Unlock,
            _ => Action::Locate,
        });
        let known = self.standing();
        let life = action.life().map(belay_proto::clock::millis);
        SmsCommand {
            action,
            counter: command.counter,
            epoch: command.epoch,
            presence_or_episode: low16(match action {
                SmsAction::Unlock => known.episode,
                _ => known.presence,
            }),
            expiry_minutes: SmsCommand::expiry_of(life.map(|life| self.now().saturating_add(life))),
            device_tag: SmsCommand::tag_of(&command.device),
        }
    }

    /// Takes an outcome (signed bytes) of the device's warden to its knowledge.
    ///
    /// # Errors
    /// Where it isn't that warden's.
    pub fn hear(&self, outcome: &[u8]) -> Outcome<Told> {
        let told: Told = Signed::decode(outcome)?
            .open(&self.device.warden_key)
            .during("an outcome")?;
        crate::expect!(
            told.device == self.device.device && told.epoch == self.device.epoch,
            "an outcome of another binding: {told:?}"
        );
        self.learn(Standing {
            sequence: told.sequence,
            presence: told.presence,
            counter: told.counter,
            episode: told.episode,
        });
        Ok(told)
    }

    /// The same of a state report.
    ///
    /// # Errors
    /// Where it isn't that warden's.
    pub fn hear_report(&self, report: &[u8]) -> Outcome<StateReport> {
        let said: StateReport = Signed::decode(report)?
            .open(&self.device.warden_key)
            .during("a state report")?;
        crate::expect!(
            said.device == self.device.device && said.epoch == self.device.epoch,
            "a report of another binding: {said:?}"
        );
        self.learn(Standing {
            sequence: said.sequence,
            presence: said.presence,
            counter: said.counter,
            episode: said.episode,
        });
        Ok(said)
    }

    /// Opens a report that only the owner can read.
    ///
    /// # Errors
    /// Where it doesn't open.
    pub fn open(&self, report: &SealedReport) -> Outcome<Report> {
        let ids = ReportIds {
            account: self.account,
            device: self.device.device,
            epoch: self.device.epoch,
            report: report.id,
        };
        Report::open(&self.report_box(), &ids, &report.sealed).during("a report")
    }

    fn learn(&self, heard: Standing) {
        let mut known = self.known();
        let counter = known.counter.max(heard.counter);
        if heard.sequence >= known.sequence {
            *known = heard;
        }
        known.counter = counter;
    }

    fn known(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An envelope signed by `key`, with a delegate's certificate when there is one.
#[must_use]
pub fn sealed(command: &Command, key: &SigningKey, delegate: Option<Signed>) -> Vec<u8> {
    let command = Signed::seal(command, key);
    CommandEnvelope { command, delegate }.encode()
}

/// The final states of commands by what the warden told of them, each command's last word.
#[must_use]
pub fn last_words(told: &[Told]) -> HashMap<CommandId, Told> {
    let mut words = HashMap::<CommandId, Told>::new();
    for one in told {
        let newer = words
            .get(&one.command)
            .is_none_or(|known| known.sequence < one.sequence);
        if newer {
            words.insert(one.command, one.clone());
        }
    }
    words
}

/// A surprise that names what the cloud answered.
fn refused(what: &str, reply: &Reply) -> Surprise {
    let body = String::from_utf8_lossy(&reply.body);
    Surprise::new(format!("{what}: {} {body}", reply.status))
}
