//! A device and its cloud in a folder: everything a test or the playground needs, side by side with any other.

mod cloud;
mod device;
mod failpoint;
mod files;
mod units;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use belay_proto::clock::FileClock;
use zbus::Connection;

use crate::bus::{Bus, Policy};
use crate::clock::StageClock;
use crate::mail::Outbox;
use crate::place::{self, Place};
use crate::polkit::Polkit;
use crate::process::{Process, Program};
use crate::proxy::Proxy;
use crate::services::Services;
use crate::sysfs::{self, Hardware};
use crate::{Outcome, Surprise, guest};

pub use cloud::Cloud;
pub use device::BELAYD;
pub use units::Units;

/// How a stage is set up.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The executable `playground`.
    pub exe: PathBuf,
    /// What the bus allows.
    pub policy: Policy,
    /// The device's serial numbers.
    pub hardware: Hardware,
    /// Whether the warden has a reset-proof place.
    pub reset_proof: bool,
    /// The platform's back end in the configuration; only builds for tests know `simulated`.
    pub backend: &'static str,
    /// Who makes the operating system follow lost mode: `systemd` (here the simulated one), `exec` or `none`.
    pub enforcement: &'static str,
    /// Where belay-wipe keeps its journal; `None`: in the stage.
    pub wipe_journal: Option<PathBuf>,
    /// More lines of `belay.toml`: of the section `[warden]`, then others such as `[device]`.
    pub more: String,
    /// More arguments of `belay-cloud`.
    pub cloud_args: Vec<String>,
    /// More of its environment.
    pub cloud_env: Vec<(&'static str, String)>,
    /// Whether its messages go into a folder, see [`Stage::outbox`]; else to where its arguments say.
    pub outbox: bool,
    /// Whether the cloud is reached with TLS, under an authority of its own, see [`crate::proxy::AUTHORITY`].
    pub secure: bool,
    /// Whether points can be armed at which programs die, see [`Stage::arm`].
    pub failpoints: bool,
    /// From which level on the programs log. Tests look for secrets in everything that is ever logged; a bench has
    /// what users have.
    pub log_level: &'static str,
}

/// A device, its bus, its network and its cloud. Dropping it kills every process.
///
/// The order of the fields is the order of their end.
#[derive(Debug)]
pub struct Stage {
    exe: PathBuf,
    plan: Plan,
    belayd: Option<Process>,
    cloud: Option<Cloud>,
    polkit: Polkit,
    services: Services,
    person: Connection,
    proxy: Proxy,
    bus: Bus,
    clock: StageClock,
    outbox: Outbox,
    place: Arc<Place>,
}

impl Plan {
    /// The usual device.
    #[must_use]
    pub fn new(exe: &Path) -> Self {
        Self {
            exe: exe.to_owned(),
            policy: Policy::Open,
            hardware: Hardware::Phone(0x1a2b_3c4d),
            reset_proof: false,
            backend: "simulated",
            enforcement: "systemd",
            wipe_journal: None,
            more: String::new(),
            cloud_args: Vec::new(),
            cloud_env: Vec::new(),
            outbox: true,
            secure: false,
            failpoints: false,
            log_level: "trace",
        }
    }

    /// Sets the stage: the bus with everybody on it, the warden initialised, belayd and the cloud running.
    ///
    /// # Errors
    /// Whatever doesn't come up, with what it said.
    pub async fn up(self) -> Outcome<Stage> {
        let mut stage = self.empty().await?;
        match stage.start_everything().await {
            Ok(()) => Ok(stage),
            Err(surprise) => Err(kept(&stage.place, surprise)),
        }
    }

    /// Only the bus, the network and the simulators: no program of Belay runs, the warden has no state.
    ///
    /// # Errors
    /// Whatever doesn't come up, with what it said.
    pub async fn empty(self) -> Outcome<Stage> {
        let exe = place::executable(&self.exe)?;
        let place = Arc::new(Place::new()?);
        self.set(exe, Arc::clone(&place))
            .await
            .map_err(|surprise| kept(&place, surprise))
    }

    /// Another device, empty, whose cloud and network are those of `first`.
    ///
    /// # Errors
    /// Whatever doesn't come up, with what it said.
    pub async fn beside(self, first: &Stage) -> Outcome<Stage> {
        let second = self.empty().await?;
        let config = std::fs::read_to_string(second.place.at("belay.toml"))?;
        let config = config.replace(&second.proxy.url(), &first.proxy.url());
        second.place.write("belay.toml", &config, 0o644)?;
        Ok(second)
    }

    async fn set(self, exe: PathBuf, place: Arc<Place>) -> Outcome<Stage> {
        let clock = StageClock::new(Arc::clone(&place))?;
        sysfs::write(&place, self.hardware)?;
        let proxy = Proxy::start(self.secure).await?;
        if self.secure {
            place.write(files::AUTHORITY, crate::proxy::AUTHORITY, 0o644)?;
        }
        place.write("belay.toml", &files::config(&place, &proxy.url(), &self), 0o644)?;
        if self.failpoints {
            failpoint::prepare(&place)?;
        }
        let bus = Bus::start(&place, &exe, &self).await?;
        let polkit = Polkit::start(bus.socket()).await?;
        let services = Services::start(bus.socket()).await?;
        let person = guest::connect(bus.socket(), guest::person()).await?;
        let outbox = Outbox::new(&place.at("outbox"));
        Ok(Stage {
            exe,
            plan: self,
            belayd: None,
            cloud: None,
            polkit,
            services,
            person,
            proxy,
            bus,
            clock,
            outbox,
            place,
        })
    }
}

impl Stage {
    /// The connection of the person at the device.
    pub fn person(&self) -> &Connection {
        &self.person
    }

    /// A new connection to the bus as user `uid`.
    ///
    /// # Errors
    /// Where the bus refuses.
    pub async fn connect(&self, uid: u32) -> Outcome<Connection> {
        guest::connect(self.bus.socket(), uid).await
    }

    /// A new connection as root, where the tests are root.
    ///
    /// # Errors
    /// Where the bus refuses.
    pub async fn root(&self) -> Outcome<Connection> {
        self.connect(0).await
    }

    /// The simulated polkit.
    #[must_use]
    pub fn polkit(&self) -> &Polkit {
        &self.polkit
    }

    /// The simulated services of the phone: modem, network manager, battery and the others.
    #[must_use]
    pub fn services(&self) -> &Services {
        &self.services
    }

    /// The network.
    #[must_use]
    pub fn network(&self) -> &Proxy {
        &self.proxy
    }

    /// The time.
    #[must_use]
    pub fn clock(&self) -> &StageClock {
        &self.clock
    }

    /// The mails and messages.
    #[must_use]
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// The bus.
    #[must_use]
    pub fn bus(&self) -> &Bus {
        &self.bus
    }

    /// The files.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The executable that plays the roles.
    #[must_use]
    pub fn exe(&self) -> &Path {
        &self.exe
    }

    /// The plan by which the stage was set.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// A program of Belay as a role, with the environment of this stage and its own log.
    #[must_use]
    pub fn program(&self, role: &str, args: &[&str]) -> Program {
        self.roles().program(role, args)
    }

    /// What starts programs with the environment of this stage, also once the stage is out of reach.
    fn roles(&self) -> Roles {
        Roles {
            exe: self.exe.clone(),
            place: Arc::clone(&self.place),
            bus: self.bus.address(),
            clock: self.clock.file(),
            log_level: self.plan.log_level,
            failpoints: self.plan.failpoints,
        }
    }

    /// The logs with a name and what is in them.
    ///
    /// # Errors
    /// What the file system says.
    pub fn logs(&self) -> Outcome<Vec<(String, Vec<u8>)>> {
        let mut logs = Vec::new();
        for entry in std::fs::read_dir(self.place.at("logs"))? {
            let entry = entry?;
            logs.push((
                entry.file_name().to_string_lossy().into_owned(),
                std::fs::read(entry.path())?,
            ));
        }
        Ok(logs)
    }

    /// What no stage may end with: a broken contract, a panic in a log.
    ///
    /// # Errors
    /// What was found.
    pub fn verdict(&self) -> Outcome {
        let wrong = self.proxy.wrong();
        crate::expect!(
            wrong.is_empty(),
            "openapi.yaml was broken:\n  {}",
            wrong.join("\n  ")
        );
        for (name, log) in self.logs()? {
            let text = String::from_utf8_lossy(&log);
            // The first is what Rust says by itself, the second what belayd's own hook does.
            let panic = |l: &&str| l.contains("panicked at") || l.contains(" panic place=");
            if let Some(line) = text.lines().find(panic) {
                return Err(Surprise::new(format!("{name}: {line}")));
            }
        }
        Ok(())
    }

    /// Leaves the folder behind, and says where the logs are.
    pub fn keep(&self) -> PathBuf {
        self.place.keep();
        self.place.at("logs")
    }

    /// Initialises the warden and starts cloud and belayd, on a stage that was set empty.
    ///
    /// # Errors
    /// Whatever doesn't come up, with what it said.
    pub async fn start_everything(&mut self) -> Outcome {
        self.init_warden().await?;
        self.start_cloud().await?;
        self.start_belayd().await
    }
}

/// What a program of a stage needs to know.
#[derive(Debug, Clone)]
struct Roles {
    exe: PathBuf,
    place: Arc<Place>,
    bus: String,
    clock: PathBuf,
    log_level: &'static str,
    failpoints: bool,
}

impl Roles {
    fn program(&self, role: &str, args: &[&str]) -> Program {
        let all = ["role", role].into_iter().chain(args.iter().copied());
        let log = self.place.at("logs").join(format!("{role}.log"));
        let program = Program::new(role, &self.exe, all, &log);
        arms(program, &self.place, self.failpoints)
            .env("DBUS_SYSTEM_BUS_ADDRESS", &self.bus)
            // feedbackd is on the session's bus, which here is the same.
            .env("DBUS_SESSION_BUS_ADDRESS", &self.bus)
            .env("BELAY_LOG", self.log_level)
            .env(FileClock::VARIABLE, &self.clock)
    }
}

/// Lets points of a program be armed.
pub(crate) fn arms(program: Program, place: &Place, may: bool) -> Program {
    match may {
        true => program.env(belay_proto::failpoint::VARIABLE, failpoint::file(place)),
        false => program,
    }
}

/// Keeps the folder of a stage that didn't come up.
fn kept(place: &Place, surprise: Surprise) -> Surprise {
    place.keep();
    surprise.during(format!(
        "setting the stage (its logs: {})",
        place.at("logs").display()
    ))
}
