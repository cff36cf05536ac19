//! The cloud, with nothing before it.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use belay_tests::Outcome;
use belay_tests::place::{self, Place};
use belay_tests::process::{Process, Program};
use belay_tests::until::until;

/// One zero digit instead of two: the cloud checks a solution with the same work, and who solves has a sixteenth of it.
const SETTINGS: &str = "[proof-of-work]\nprefix = \"0\"\n";

pub struct Cloud {
    process: Process,
    address: SocketAddr,
    origin: String,
    place: Place,
}

impl Cloud {
    /// Starts it, without an account.
    pub async fn start() -> Outcome<Self> {
        let exe = place::executable(Path::new(env!("CARGO_BIN_EXE_playground")))?;
        let place = Place::new()?;
        place.write("cloud.toml", SETTINGS, 0o644)?;
        // Free now, and taken by the cloud at once.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let (listen, origin) = (address.to_string(), format!("http://{address}"));
        let text = |name: &str| place.at(name).display().to_string();
        let (config, data, outbox) = (text("cloud.toml"), text("cloud"), text("outbox"));
        let args = [
            "role",
            "belay-cloud",
            "--config",
            &config,
            "--data",
            &data,
            "--listen",
            &listen,
            "--public-url",
            &origin,
            "--outbox",
            &outbox,
        ];
        let process = Program::new("belay-cloud", &exe, args, &place.at("logs/belay-cloud.log"))
            .env("BELAY_LOG", "info")
            .start()?;
        until("the cloud to listen", async || {
            tokio::net::TcpStream::connect(address).await.ok()
        })
        .await?;
        Ok(Self {
            process,
            address,
            origin,
            place,
        })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What its clients call it.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    pub fn pid(&self) -> Outcome<u32> {
        self.process.pid()
    }

    /// The folder of its messages.
    pub fn outbox(&self) -> PathBuf {
        self.place.at("outbox")
    }

    pub fn database(&self) -> PathBuf {
        self.place.at("cloud").join(belay_cloud::store::FILE)
    }

    /// Leaves its files behind.
    pub fn keep(&self) -> &Path {
        self.place.keep();
        self.place.path()
    }
}
