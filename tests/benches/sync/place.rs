//! A cloud with nothing before it, and the session of a device that belayd registered there.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use belay_tests::app::{ACCOUNT, App, Options};
use belay_tests::place::executable;
use belay_tests::process::{Process, Program};
use belay_tests::pusher::{Link, Session};
use belay_tests::stage::Plan;
use belay_tests::until::until;
use belay_tests::{Outcome, Stage};

pub const ADA: &str = "ada@example.org";
pub const PASSWORD: &str = "crane-lantern-49-orbit";

/// The stage, on which the network is left out.
pub struct Place {
    stage: Stage,
    address: SocketAddr,
    cloud: Process,
    belayd: Option<Process>,
    session: Session,
}

impl Place {
    /// Starts the cloud, has belayd register a device, and stops belayd.
    pub async fn new() -> Outcome<Self> {
        let mut plan = Plan::new(Path::new(env!("CARGO_BIN_EXE_playground")));
        plan.log_level = "info";
        let mut stage = plan.empty().await?;
        // Free now, and taken by the cloud at once.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let config = std::fs::read_to_string(stage.place().at("belay.toml"))?;
        let config = config.replace(&stage.network().url(), &format!("http://{address}"));
        stage.place().write("belay.toml", &config, 0o644)?;
        let cloud = start(&stage, address).await?;
        stage.init_warden().await?;
        stage.start_belayd().await?;
        let app = App::new(stage.person());
        let id = app.register(ADA, PASSWORD, &Options::new()).await??;
        let code = stage.outbox().next(ADA).await?.code.unwrap_or_default();
        app.confirm(&id, &code).await??;
        app.acknowledge(&id).await??;
        stage.stop_belayd().await?;
        let session = Session::of_belayd(&stage.place().at("belayd")).await?;
        Ok(Self {
            stage,
            address,
            cloud,
            belayd: None,
            session,
        })
    }

    pub async fn link(&self) -> Outcome<Link> {
        let origin = format!("http://{}", self.address);
        Link::open(self.address, &origin, Some(&self.session)).await
    }

    /// Starts belayd on the kernel's clock, until it knows its account. The shipped one knows no simulators: it has the system's
    /// services, of which the bus has some.
    pub async fn start_belayd(&mut self) -> Outcome<u32> {
        let config = std::fs::read_to_string(self.stage.place().at("belay.toml"))?;
        let (exe, args) = match shipped("BELAYD")? {
            None => (self.stage.exe().to_owned(), vec!["role", "belayd"]),
            Some(exe) => {
                let config = config.replace("backend = \"simulated\"", "backend = \"auto\"");
                self.stage.place().write("belay-bench.toml", &config, 0o644)?;
                (exe, Vec::new())
            }
        };
        let config = match args.is_empty() {
            true => "belay-bench.toml",
            false => "belay.toml",
        };
        let config = self.stage.place().at(config).display().to_string();
        let log = self.stage.place().at("logs/belayd-bench.log");
        let args = args.into_iter().chain(["--config", &config]);
        let belayd = Program::new("belayd", &exe, args, &log)
            .env("DBUS_SYSTEM_BUS_ADDRESS", self.stage.bus().address())
            .env("DBUS_SESSION_BUS_ADDRESS", self.stage.bus().address())
            .env("BELAY_LOG", "info")
            .start()?;
        let pid = belayd.pid()?;
        self.belayd = Some(belayd);
        let app = App::new(self.stage.person());
        until("belayd and its account", async || {
            let state = app.get::<String>(ACCOUNT, "State").await.ok();
            state.filter(|state| state == "bound")
        })
        .await?;
        Ok(pid)
    }

    pub fn person(&self) -> &zbus::Connection {
        self.stage.person()
    }

    /// A folder that goes with the place.
    pub fn folder(&self, name: &str) -> Outcome<PathBuf> {
        self.stage.place().folder(name, 0o755)
    }

    pub fn cloud(&self) -> Outcome<u32> {
        self.cloud.pid()
    }

    pub fn keep(&mut self) -> PathBuf {
        self.stage.keep()
    }
}

/// The program that the variable of this name names, in place of the one with the simulators.
fn shipped(name: &str) -> Outcome<Option<PathBuf>> {
    let path = std::env::var_os(name).map(PathBuf::from);
    path.map(|path| executable(&path)).transpose()
}

/// The cloud on the kernel's clock: one in a file would have to be looked at again and again.
async fn start(stage: &Stage, address: SocketAddr) -> Outcome<Process> {
    let text = |name: &str| stage.place().at(name).display().to_string();
    let (data, outbox) = (text("cloud"), text("outbox"));
    let (listen, url) = (address.to_string(), format!("http://{address}"));
    stage
        .place()
        .write("cloud.toml", "[limits]\nquota = 1099511627776\n", 0o644)?;
    let config = text("cloud.toml");
    let exe = shipped("BELAY_CLOUD")?;
    let role = match exe {
        None => vec!["role", "belay-cloud"],
        Some(_) => Vec::new(),
    };
    let exe = exe.unwrap_or_else(|| stage.exe().to_owned());
    let args = [
        "--config",
        &config,
        "--data",
        &data,
        "--listen",
        &listen,
        "--public-url",
        &url,
        "--outbox",
        &outbox,
    ];
    let log = stage.place().at("logs/belay-cloud.log");
    let args = role.into_iter().chain(args);
    let process = Program::new("belay-cloud", &exe, args, &log)
        .env("BELAY_LOG", "warn")
        .start()?;
    until("the cloud to listen", async || {
        tokio::net::TcpStream::connect(address).await.ok()
    })
    .await?;
    Ok(process)
}
