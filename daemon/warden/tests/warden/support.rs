//! A device in a folder, its owner, and the cloud's part of their story.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use crate::account::Account;
use crate::simulated::Simulated;
use belay_proto::clock::{Clock, FakeClock};
use belay_proto::hardware::{HardwareParts, hardware_id};
use belay_proto::keys::{KdfParameters, PublicKey, RecoveryClaim, SigningKey};
use belay_proto::steps::{self, *};
use belay_proto::{PendingId, Secret, TicketId};
use belay_warden::actor::{Facts, Warden};
use belay_warden::ceremony::{Hardware, Secrets};
use belay_warden::commands;
use belay_warden::core::refusal::Refusal;
use belay_warden::core::registration::CodeRequest;
use belay_warden::core::state::State;
use belay_warden::core::throttle::Presenter;
use belay_warden::disk::files::{Disk, Files};
use belay_warden::disk::places::Places;
use belay_warden::disk::vault::Vault;
use belay_warden::handle::Handle;
use tempfile::TempDir;
use tokio::task::JoinHandle;

pub const LOGIN: &str = "jane@example.org";
pub const PASSWORD: &str = "grumpy-walrus-44-lantern";
pub const OTHER_PASSWORD: &str = "quiet-heron-71-umbrella";

pub fn secret(text: &str) -> Secret<String> {
    Secret::of_text(text)
}

/// A device: its folder, its clock, its serial number.
pub struct Device {
    folder: TempDir,
    pub clock: FakeClock,
    pub reset_proof: bool,
    serial: &'static str,
    pub idle_exit: Duration,
    /// What makes the operating system follow.
    pub system: Simulated,
    pub wipe_class: &'static str,
}

impl Device {
    /// Fresh from the factory: nothing on disk.
    pub fn blank() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            clock: FakeClock::new(),
            reset_proof: false,
            serial: "0001",
            idle_exit: Duration::ZERO,
            system: Simulated::default(),
            wipe_class: "files",
        }
    }

    /// After `belay-warden init`.
    pub fn initialised() -> Self {
        let device = Self::blank();
        device.init().unwrap();
        device
    }

    pub fn with_reset_proof() -> Self {
        let device = Self {
            reset_proof: true,
            ..Self::blank()
        };
        fs::create_dir(device.path("proof")).unwrap();
        device.init().unwrap();
        device
    }

    pub fn other_hardware(mut self) -> Self {
        self.serial = "0002";
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn places(&self) -> Places {
        let state = self.path("state");
        Places {
            reset_proof: self.reset_proof.then(|| self.path("proof")),
            ..Places::new(state.to_str().unwrap(), &self.path("run"))
        }
    }

    pub fn init(&self) -> Result<(), commands::CommandError> {
        commands::init(&self.places(), &self.clock, 0)
    }

    pub fn facts(&self) -> Facts {
        let parts = HardwareParts {
            soc: Some(self.serial.to_owned()),
            ..HardwareParts::default()
        };
        Facts {
            hardware: Hardware {
                id: hardware_id(&parts),
                locked: true,
                model: "Test Phone".to_owned(),
                wipe_class: self.wipe_class.to_owned(),
            },
            origin: "https://cloud.example.org".to_owned(),
            new_account_kdf: KdfParameters::FLOOR,
            idle_exit: self.idle_exit,
            build_time: 1_767_225_600_000,
            wipe_journal: self.path("wipe"),
        }
    }

    /// What is on disk, as the next start would take it.
    pub fn load(&self) -> State {
        Vault::open(Box::new(Disk), self.places()).1
    }

    pub fn start(&self) -> Running {
        self.start_on(Box::new(Disk))
    }

    pub fn start_on(&self, files: Box<dyn Files>) -> Running {
        self.start_in(files, self.places())
    }

    pub fn start_in(&self, files: Box<dyn Files>, places: Places) -> Running {
        let (vault, state) = Vault::open(files, places);
        self.start_with(vault, state)
    }

    /// A warden with another state than is on disk.
    pub fn start_from(&self, state: State) -> Running {
        let (vault, _) = Vault::open(Box::new(Disk), self.places());
        self.start_with(vault, state)
    }

    fn start_with(&self, vault: Vault, state: State) -> Running {
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        let (warden, handle) = Warden::new(vault, state, self.facts(), clock, Arc::new(self.system.clone()));
        Running {
            handle,
            task: tokio::spawn(warden.run()),
        }
    }

    /// Everything on disk, to put back later.
    pub fn snapshot(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = Vec::new();
        for folder in ["state", "state/a", "state/b", "proof"] {
            let Ok(entries) = fs::read_dir(self.path(folder)) else {
                continue;
            };
            for path in entries
                .map(|entry| entry.unwrap().path())
                .filter(|path| path.is_file())
            {
                files.push((
                    path.strip_prefix(self.folder.path()).unwrap().to_owned(),
                    fs::read(&path).unwrap(),
                ));
            }
        }
        files
    }

    pub fn put_back(&self, files: &[(PathBuf, Vec<u8>)]) {
        for folder in ["state", "run"] {
            let _ = fs::remove_dir_all(self.path(folder));
        }
        for (path, bytes) in files {
            let path = self.folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }

    pub fn new_boot(&self) {
        self.clock.set_boot_id(&TicketId::random().to_string());
    }
}

/// A warden at work. Dropping it is a SIGKILL: nothing is cleaned up.
pub struct Running {
    pub handle: Handle,
    task: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Running {
    pub async fn present(&self, purpose: Purpose, subject: &str, password: &str) -> Result<String, Refusal> {
        self.present_as(Presenter::Screen, purpose, subject, password)
            .await
    }

    pub async fn present_as(
        &self,
        presenter: Presenter,
        purpose: Purpose,
        subject: &str,
        password: &str,
    ) -> Result<String, Refusal> {
        let ticket = self
            .handle
            .present(
                purpose,
                subject.to_owned(),
                presenter,
                Secrets::Password(secret(password)),
            )
            .await?;
        Ok(ticket.to_string())
    }

    pub async fn use_ticket(&self, ticket: &str, step: &str, input: Vec<u8>) -> Result<Vec<u8>, Refusal> {
        self.handle
            .use_ticket(ticket.to_owned(), step.to_owned(), input)
            .await
    }

    pub async fn unlock(&self, password: &str) -> Result<(), Refusal> {
        self.handle.unlock(Presenter::Session, secret(password)).await
    }

    /// `register` up to the cloud's answer.
    pub async fn found(&self) -> Result<Account, Refusal> {
        let ticket = self.present(Purpose::Register, LOGIN, PASSWORD).await?;
        let input = NewCredentialsInput {
            device_key: device_key(),
            login: "j•••@e•••.org".to_owned(),
        };
        let output = self
            .use_ticket(&ticket, steps::NEW_CREDENTIALS, input.encode())
            .await?;
        Ok(Account::of(&NewCredentialsOutput::decode(&output).unwrap()))
    }

    pub async fn bind_pending(&self, pending: PendingId) -> Result<PendingBindOutput, Refusal> {
        let output = self
            .use_ticket(
                &pending.to_string(),
                steps::BIND,
                PendingInput { pending }.encode(),
            )
            .await?;
        Ok(PendingBindOutput::decode(&output).unwrap())
    }

    /// What somebody at the device gets for `claim`.
    pub async fn recovery_code(&self, claim: &RecoveryClaim) -> Result<Secret<String>, Refusal> {
        let (claim, presenter) = (claim.clone(), Presenter::Session);
        self.handle.recovery_code(CodeRequest { claim, presenter }).await
    }

    /// The whole of `register`.
    pub async fn register(&self) -> Account {
        let account = self.found().await.unwrap();
        self.bind_pending(account.pending).await.unwrap();
        account
    }

    /// `sign-in`, as belayd walks it, up to the certificate.
    pub async fn certify(&self, account: &Account) -> Result<(String, CertifyOutput), Refusal> {
        let ticket = self.present(Purpose::SignIn, LOGIN, &account.password).await?;
        self.use_ticket(&ticket, steps::LOGIN_SIGNATURE, account.challenge("sign-in"))
            .await?;
        self.use_ticket(&ticket, steps::OPEN_ROOT, account.open_root())
            .await?;
        let input = CertifyInput {
            device_key: device_key(),
            login: String::new(),
        };
        let output = self.use_ticket(&ticket, steps::CERTIFY, input.encode()).await?;
        Ok((ticket, CertifyOutput::decode(&output).unwrap()))
    }

    /// The whole of `sign-in`.
    pub async fn sign_in(
        &self,
        account: &Account,
        existing: Option<Vec<u8>>,
    ) -> Result<CertifyOutput, Refusal> {
        let (ticket, certified) = self.certify(account).await?;
        self.use_ticket(&ticket, steps::BIND, BindInput { existing }.encode())
            .await?;
        Ok(certified)
    }

    /// The whole of `sign-out`; the release's signed bytes.
    pub async fn sign_out(&self, password: &str) -> Result<Vec<u8>, Refusal> {
        let ticket = self.present(Purpose::SignOut, "", password).await?;
        self.release(&ticket).await
    }

    pub async fn release(&self, ticket: &str) -> Result<Vec<u8>, Refusal> {
        let output = self
            .use_ticket(ticket, steps::RELEASE, ReleaseInput {}.encode())
            .await?;
        Ok(ReleaseOutput::decode(&output).unwrap().release)
    }

    /// The end of a `delete-account` that was ordered; the release's signed bytes.
    pub async fn leave(&self) -> Result<Vec<u8>, Refusal> {
        let output = self.use_ticket("", steps::LEAVE, Done {}.encode()).await?;
        Ok(ReleaseOutput::decode(&output).unwrap().release)
    }

    pub async fn saved_release(&self) -> Option<Vec<u8>> {
        let output = self
            .use_ticket("", steps::SAVED_RELEASE, Done {}.encode())
            .await
            .unwrap();
        SavedReleaseOutput::decode(&output).unwrap().release
    }

    /// How many of these are in the audit log.
    pub async fn count(&self, event: &str) -> usize {
        let entries = self.handle.history(0).await.unwrap();
        entries.iter().filter(|entry| entry.event == event).count()
    }
}

pub fn device_key() -> PublicKey {
    SigningKey::from_seed(&Secret::new([7; 32])).public()
}
