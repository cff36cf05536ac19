//! A device, its cloud, and what their owner knows.

use std::time::Duration;

use belay_proto::clock::FileClock;
use belay_proto::wire::Hint;
use belay_tests::app::{ACCOUNT, Answer, App, Options, WARDEN, refused};
use belay_tests::until::until;
use zbus::OwnedVariant;

use super::Deed;
use super::deed::SERVICE;
use crate::account_life::{configured, device_id, identifiers, with};
use crate::outgoing_sms::{CLOUD, SECRET};
use crate::owner::{ADA, PASSWORD, app, code, state};
use crate::scene::{Scene, settings};

/// belayd waits between tries by its clock, which is made to run this much faster; of the 10 s that it waits for an answer this
/// leaves half.
pub(super) const PACE: u32 = 2;

/// How long what is done in the background may take to begin.
pub const SOON: Duration = Duration::from_secs(1);

/// Longer than anything is counted.
const DAY: Duration = Duration::from_secs(25 * 60 * 60);

/// The account as its owner knows it, and what the deed at hand is about.
pub struct World {
    pub scene: Scene,
    /// Another device of the account, once there is one.
    pub second: Option<Scene>,
    /// How often it was signed in to this account.
    pub(super) seconds: usize,
    _files: Vec<tempfile::NamedTempFile>,
    /// The address to sign in with; empty while there is no account.
    pub login: String,
    pub password: String,
    /// Empty where the account has none.
    pub recovery: String,
    /// The password that is chosen next.
    pub chosen: String,
    /// An address to register, or to add.
    pub address: String,
    /// An id of the cloud's: of an address or a device.
    pub target: String,
    pub verification: String,
    pub code: String,
    pub(super) rounds: u32,
    /// All passwords and recovery codes that there were.
    secrets: Vec<String>,
}

/// What an owner sees of the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    state: String,
    binding: String,
    /// Kind, masked value, whether it is verified, whether it is the one that the deed at hand is about.
    identifiers: Vec<(String, String, bool, bool)>,
    profile: String,
    code_set: bool,
    unlock: String,
    /// Kind and state of a verification.
    pending: String,
    /// Each device, whether it is this one, or why they can't be told.
    devices: Result<Vec<String>, String>,
}

impl World {
    /// Ada's device.
    pub async fn new() -> Self {
        Self::with("", Vec::new()).await
    }

    /// The same, where the cloud takes messages of owners.
    pub async fn texting() -> Self {
        let secret = settings(SECRET);
        let more = format!(
            "[sms-out]\nnumber = \"{CLOUD}\"\nsecret-file = {:?}\n",
            secret.path()
        );
        Self::with(&more, vec![secret]).await
    }

    /// The same with more settings of the cloud, and the files that they name.
    async fn with(more: &str, mut files: Vec<tempfile::NamedTempFile>) -> Self {
        let settings = format!("services = [\"{SERVICE}\"]\n[bootloader]\nwait-days = 1\n{more}");
        let (scene, config, recovery) = configured(&settings).await;
        files.push(config);
        scene.clock().run(PACE).unwrap();
        Self {
            scene,
            second: None,
            seconds: 0,
            _files: files,
            login: ADA.to_owned(),
            password: PASSWORD.to_owned(),
            recovery,
            chosen: String::new(),
            address: String::new(),
            target: String::new(),
            verification: String::new(),
            code: String::new(),
            rounds: 0,
            secrets: vec![PASSWORD.to_owned()],
        }
    }

    /// Brings everything to the moment before `deed`.
    pub async fn prepare(&mut self, deed: Deed) {
        match deed {
            Deed::Register
            | Deed::SignIn
            | Deed::ResendCode
            | Deed::VerificationState
            | Deed::CancelVerification
            | Deed::CheckActivation
            | Deed::RegisterBySms
            | Deed::ConfirmBySms => self.be_unbound().await,
            Deed::Confirm => {
                self.be_unbound().await;
                self.address = self.fresh();
                self.surely(Deed::Register).await;
                self.code = code(&self.scene, &self.address).await;
            }
            _ => self.be_bound().await,
        }
        match deed {
            Deed::Register | Deed::AddIdentifier => self.address = self.fresh(),
            Deed::ChangePassword | Deed::ChangeRoot => self.choose(),
            Deed::BeginRecovery => self.scene.clock().advance(DAY).unwrap(),
            Deed::CompleteRecovery => {
                if self.recovery.is_empty() {
                    self.surely(Deed::CreateRecoveryCode).await;
                }
                self.begin_recovery().await;
            }
            Deed::ConfirmIdentifier => {
                self.have_one_address().await;
                self.add().await;
            }
            Deed::SetLogin | Deed::RemoveIdentifier => {
                if identifiers(&self.scene).await.len() < 2 {
                    self.add().await;
                    self.surely(Deed::ConfirmIdentifier).await;
                }
                self.target = identifiers(&self.scene).await[1].0.clone();
            }
            Deed::SetProfile => self.set_name("").await,
            Deed::RemoveDevice => self.have_second().await,
            Deed::RequestBootloaderUnlock => {
                self.target = device_id(&self.scene).await;
                self.have_no_request().await;
            }
            deed => self.prepare_aside(deed).await,
        }
    }

    /// Notes what has been done, and shows that it holds: which password opens the account, that the code recovers it.
    pub async fn done(&mut self, deed: Deed) {
        match deed {
            Deed::Confirm => {
                app(&self.scene)
                    .acknowledge(&self.verification)
                    .await
                    .unwrap()
                    .unwrap();
                self.login.clone_from(&self.address);
            }
            Deed::ChangePassword | Deed::ChangeRoot | Deed::CompleteRecovery => {
                if deed == Deed::ChangeRoot {
                    self.recovery.clear();
                }
                let old = std::mem::replace(&mut self.password, self.chosen.clone());
                let ticket = self.ticket(Deed::Reauthenticate, &old).await.unwrap();
                let answer = self.call(Deed::Reauthenticate, &ticket).await;
                refused(answer, "WrongPassword").unwrap();
                self.surely(Deed::Reauthenticate).await;
            }
            Deed::CreateRecoveryCode => {
                self.begin_recovery().await;
                self.surely(Deed::CompleteRecovery).await;
                self.password.clone_from(&self.chosen);
            }
            // The address that was confirmed last is the other one.
            Deed::SetLogin if identifiers(&self.scene).await[0].0 == self.target => {
                std::mem::swap(&mut self.login, &mut self.address);
            }
            Deed::DeleteAccount => self.login.clear(),
            deed => self.done_aside(deed).await,
        }
    }

    /// Waits until what belayd asks by itself after a binding is answered.
    pub async fn settled(&self) {
        let app = app(&self.scene);
        let is_told = |value: &OwnedVariant| !<&str>::try_from(&**value).is_ok_and(|text| text == "unknown");
        if state(&self.scene).await == "bound" {
            app.comes_to(ACCOUNT, "BootloaderUnlock", "what the cloud says", is_told)
                .await
                .unwrap();
        }
    }

    /// What the owner sees.
    pub async fn view(&self) -> View {
        let app = app(&self.scene);
        let property = async |name: &str| app.read(ACCOUNT, name).await.unwrap().unwrap();
        let pending: std::collections::HashMap<String, OwnedVariant> =
            app.get(ACCOUNT, "Pending").await.unwrap();
        let told = |key: &str| belay_tests::app::entry(&pending, key);
        let devices: Answer<Vec<std::collections::HashMap<String, OwnedVariant>>> = app
            .call(ACCOUNT, "ListDevices", &(Options::new(),))
            .await
            .unwrap();
        let devices = devices.map(|rows| rows.iter().map(|row| format!("{:?}", row.get("this"))).collect());
        View {
            state: state(&self.scene).await,
            binding: app.text(WARDEN, "BindingState").await.unwrap(),
            identifiers: identifiers(&self.scene)
                .await
                .into_iter()
                .map(|(id, kind, masked, verified)| (kind, masked, verified, id == self.target))
                .collect(),
            profile: format!("{:?}", property("Profile").await),
            code_set: app.get(ACCOUNT, "RecoveryCodeSet").await.unwrap(),
            unlock: app.text(ACCOUNT, "BootloaderUnlock").await.unwrap(),
            pending: format!("{} {}", told("kind"), told("state")),
            devices: devices.map_err(|refusal| refusal.short().to_owned()),
        }
    }

    /// No request to the cloud had a password or a recovery code in it.
    pub fn has_told_nothing(&self) {
        for exchange in self.scene.network().exchanges() {
            let headers = exchange.request_headers.iter().map(|(_, value)| value.as_bytes());
            for bytes in headers.chain([exchange.request.as_slice()]) {
                let text = String::from_utf8_lossy(bytes);
                let told = self
                    .secrets
                    .iter()
                    .find(|s| !s.is_empty() && text.contains(s.as_str()));
                assert!(told.is_none(), "{} {}", exchange.method, exchange.path);
            }
        }
    }

    /// Does `deed` with a network that is fair.
    pub async fn surely(&mut self, deed: Deed) {
        let mut outcome = self.attempt(deed).await;
        // What another device has changed voids the tickets of now when it arrives.
        if let Err(error) = &outcome
            && error.to_string().starts_with("BadTicket")
        {
            outcome = self.attempt(deed).await;
        }
        outcome.unwrap_or_else(|e| panic!("{deed:?}: {e}"));
    }

    pub(super) async fn be_unbound(&mut self) {
        let app = app(&self.scene);
        match state(&self.scene).await.as_str() {
            "unbound" => {}
            "registering" => with(&app, "CancelVerification", &self.verification)
                .await
                .unwrap(),
            _ => drop(app.sign_out(&self.password).await.unwrap().unwrap()),
        }
        let free = until("the release to reach the cloud", async || {
            let waits: bool = app.get(ACCOUNT, "PendingRelease").await.unwrap();
            (!waits).then_some(())
        });
        free.await.unwrap();
        assert_eq!(state(&self.scene).await, "unbound");
    }

    pub(super) async fn be_bound(&mut self) {
        match state(&self.scene).await.as_str() {
            "bound" => return,
            "reauthentication-required" => return self.surely(Deed::Reauthenticate).await,
            "recovery-hold" => {
                self.refuse_hold().await.unwrap();
                return self.shows_state("bound").await;
            }
            _ => self.be_unbound().await,
        }
        if self.login.is_empty() {
            self.address = self.fresh();
            self.surely(Deed::Register).await;
            self.code = code(&self.scene, &self.address).await;
            self.surely(Deed::Confirm).await;
            self.done(Deed::Confirm).await;
        } else {
            self.surely(Deed::SignIn).await;
        }
        self.settled().await;
    }

    /// An address that was never seen, masked like [`ADA`].
    pub(super) fn fresh(&mut self) -> String {
        self.rounds += 1;
        format!("ada{}@example.org", self.rounds)
    }

    fn choose(&mut self) {
        self.rounds += 1;
        self.chosen = format!("marble-ferry-{}-canyon", self.rounds);
        self.secrets.extend([self.chosen.clone(), self.recovery.clone()]);
    }

    /// Begins a recovery, on a day on which nothing was sent yet.
    pub(super) async fn begin_recovery(&mut self) {
        self.choose();
        self.scene.clock().advance(DAY).unwrap();
        while self.scene.outbox().take(&self.login).unwrap().is_some() {}
        self.surely(Deed::BeginRecovery).await;
        self.code = code(&self.scene, &self.login).await;
    }

    async fn add(&mut self) {
        self.address = self.fresh();
        self.surely(Deed::AddIdentifier).await;
        self.code = code(&self.scene, &self.address).await;
    }

    async fn have_one_address(&mut self) {
        while let Some((id, ..)) = identifiers(&self.scene).await.get(1) {
            self.target.clone_from(id);
            self.surely(Deed::RemoveIdentifier).await;
        }
    }

    async fn set_name(&self, name: &str) {
        let profile = belay_tests::app::options([("display-name", name.into())]);
        let body = (profile, Options::new());
        let answer: Answer<()> = app(&self.scene).call(ACCOUNT, "SetProfile", &body).await.unwrap();
        answer.unwrap();
    }

    /// The operator has denied what was asked.
    async fn have_no_request(&self) {
        let app = app(&self.scene);
        if app.text(ACCOUNT, "BootloaderUnlock").await.unwrap() != "pending" {
            return;
        }
        let data = self.scene.place().at("cloud").display().to_string();
        let args = ["admin", "bootloader", "deny", &self.target, "--data", &data];
        let program = self.scene.program("belay-cloud", &args);
        let program = program.env(FileClock::VARIABLE, self.scene.clock().cloud_file());
        let (denied, said) = program.output().await.unwrap();
        assert!(denied.success(), "{said}");
        self.shows(&app, "BootloaderUnlock", "denied").await;
    }

    /// Waits until a device of the account shows what the cloud knows. It is told where to look until it does: the running cloud
    /// notices late what its operator did, and what came before may have been a lie.
    pub(super) async fn shows(&self, app: &App, name: &str, value: &str) {
        let what = format!("{name} to read {value:?}");
        let shown = until(&what, async || {
            self.scene.network().hint(Hint::Account);
            let shown = app.reads(ACCOUNT, name, value);
            tokio::time::timeout(SOON, shown).await.ok()
        });
        shown.await.unwrap().unwrap();
    }
}
