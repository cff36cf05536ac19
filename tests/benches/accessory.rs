//! What accessories cost: their bytes, a month's history, a band that is only connected, a room full of sensors.
//!
//! ```sh
//! cargo bench -p belay-tests --bench accessory
//! ```
//!
//! belayd is a process of its own on the kernel's clock, built for release with the simulators of `belay-tests`; BlueZ
//! and the accessories are simulated by the bench's process, and their link takes no time: what is measured is what
//! Belay, btleplug and the bus add to the radio's.
//!
//! - **Records**: decoders alone, in this process.
//! - **Month**: 30 days of minutes of a Mi Band 2 by `Sync`, beside a bare btleplug client in a process of its own that
//!   takes as many notifications of 17 bytes and does nothing with them. The difference is belayd's own, disk included.
//! - **Connected**: CPU time of belayd with a connected band, and without Bluetooth being used, over `REST` seconds (60),
//!   as seconds an hour.
//! - **Sensors**: 20 paired sensors that each advertise ten times a second for `SENSORS` seconds (60): CPU and memory.

#[path = "accessory/decode.rs"]
mod decode;
#[path = "accessory/month.rs"]
mod month;
#[path = "accessory/process.rs"]
mod process;
#[path = "accessory/room.rs"]
mod room;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use belay_tests::app::{ACCESSORIES, App, Object, Options};
use belay_tests::bluez::{self, Peripheral, Running, Settings};
use belay_tests::process::{Process, Program};
use belay_tests::stage::Plan;
use belay_tests::until::{until, within};
use belay_tests::{Outcome, Stage, Surprise};
use futures_util::StreamExt;
use zbus::fdo::ObjectManagerProxy;

const ADA: &str = "ada@example.org";
const PASSWORD: &str = "crane-lantern-49-orbit";
const INTERFACE: &str = "org.belay1.Accessory";

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let measured = runtime
        .map_err(Into::into)
        .and_then(|runtime| match std::env::var(month::BARE) {
            Ok(count) => runtime.block_on(month::bare(&count)),
            Err(_) => runtime.block_on(measure()),
        });
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(surprise) => {
            eprintln!("A surprise: {surprise}");
            ExitCode::FAILURE
        }
    }
}

/// The variable of this name, in seconds.
fn seconds(name: &str, usual: u64) -> Duration {
    let said = std::env::var(name).ok().and_then(|text| text.parse().ok());
    Duration::from_secs(said.unwrap_or(usual))
}

async fn measure() -> Outcome {
    let load = std::fs::read_to_string("/proc/loadavg")?;
    println!("load before: {}", load.trim());
    decode::measure()?;
    let mut plan = Plan::new(Path::new(env!("CARGO_BIN_EXE_playground")));
    plan.log_level = "info";
    let mut stage = plan.up().await?;
    let measured = with_belayd(&mut stage).await;
    if measured.is_err() {
        eprintln!("the logs are in {}", stage.keep().display());
    }
    measured
}

async fn with_belayd(stage: &mut Stage) -> Outcome {
    let bench = Bench::new(stage).await?;
    month::measure(&bench).await?;
    room::measure(&bench).await
}

/// Ada's device, with BlueZ beside it.
struct Bench<'a> {
    stage: &'a Stage,
    air: Running,
    app: App,
    belayd: Process,
}

impl<'a> Bench<'a> {
    async fn new(stage: &'a mut Stage) -> Outcome<Self> {
        let app = App::new(stage.person());
        let id = app.register(ADA, PASSWORD, &Options::new()).await??;
        let code = stage.outbox().next(ADA).await?.code.unwrap_or_default();
        app.confirm(&id, &code).await??;
        app.acknowledge(&id).await??;
        stage.stop_belayd().await?;
        let settings = Settings {
            flowing: true,
            disconnect: Duration::from_millis(20),
            ..Settings::default()
        };
        let air = Running::start(stage.bus().socket(), settings).await?;
        let belayd = belayd(stage)?;
        let bench = Self {
            stage,
            air,
            app,
            belayd,
        };
        bench.powered().await?;
        Ok(bench)
    }

    async fn powered(&self) -> Outcome {
        until("belayd and its adapter", async || {
            self.app
                .get::<bool>(ACCESSORIES, "Powered")
                .await
                .ok()
                .filter(|on| *on)
        })
        .await
        .map(drop)
    }

    /// Puts an accessory into the air and finds it.
    async fn finds<P: Peripheral>(&self, peripheral: P) -> Outcome<(bluez::Accessory<P>, Object)> {
        let manager = ObjectManagerProxy::new(self.app.bus(), "org.belay1", "/org/belay1").await?;
        let mut added = manager.receive_interfaces_added().await?;
        let accessory = self.air.add(peripheral).await?;
        self.app
            .call::<_, ()>(ACCESSORIES, "StartDiscovery", &(Options::new(),))
            .await??;
        let path = within("an accessory to be found", async {
            while let Some(signal) = added.next().await {
                let args = signal.args()?;
                if args
                    .interfaces_and_properties()
                    .keys()
                    .any(|name| *name == INTERFACE)
                {
                    return Ok(args.object_path().to_string());
                }
            }
            Err(Surprise::new("the bus is gone"))
        })
        .await??;
        // Names of objects live as long as the bench.
        let path = Box::leak(path.into_boxed_str());
        Ok((
            accessory,
            Object {
                service: "org.belay1",
                path,
                interface: INTERFACE,
            },
        ))
    }
}

/// As [`Stage::program`], but for the simulated clock: a clock in a file has to be looked at again and again.
fn belayd(stage: &Stage) -> Outcome<Process> {
    let config = stage.place().at("belay.toml").display().to_string();
    let log = stage.place().at("logs/belayd-bench.log");
    Program::new(
        "belayd",
        stage.exe(),
        ["role", "belayd", "--config", &config],
        &log,
    )
    .env("DBUS_SYSTEM_BUS_ADDRESS", stage.bus().address())
    .env("DBUS_SESSION_BUS_ADDRESS", stage.bus().address())
    .env("BELAY_LOG", "info")
    .start()
}
