//! The story of a device and its two owners, walked on a [`Stage`] and told as it goes.

mod account;
mod band;
mod chapters;
mod found;
mod lost;
mod scratch;
mod sync;
mod teller;

use std::fs::Permissions;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::ExitCode;

use tempfile::NamedTempFile;
use tokio::signal::unix::{SignalKind, signal};

use crate::app::{App, DEVICE};
use crate::stage::Plan;
use crate::{Outcome, Stage, Surprise};

pub use teller::Teller;

/// Ended by a signal, as a shell would say it of `SIGINT`.
const INTERRUPTED: u8 = 130;

/// Walks the story; with `stay` leaves everything up until a signal. The exit code is 0 only where nothing was a
/// surprise.
#[must_use]
pub fn run(stay: bool) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ended = match runtime {
        Ok(runtime) => runtime.block_on(told(stay)),
        Err(error) => Err(error.into()),
    };
    match ended {
        Ok(Ended::Told) => ExitCode::SUCCESS,
        Ok(Ended::Interrupted) => ExitCode::from(INTERRUPTED),
        Err(surprise) => {
            eprintln!("\nA surprise: {surprise}");
            ExitCode::FAILURE
        }
    }
}

enum Ended {
    Told,
    Interrupted,
}

async fn told(stay: bool) -> Outcome<Ended> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        told = whole(stay) => told.map(|()| Ended::Told),
        _ = interrupt.recv() => Ok(if stay { Ended::Told } else { Ended::Interrupted }),
        _ = terminate.recv() => Ok(if stay { Ended::Told } else { Ended::Interrupted }),
    }
}

async fn whole(stay: bool) -> Outcome {
    let mut teller = Teller::default();
    teller.step("A private message bus, a cloud, the warden and belayd start in a temporary folder.");
    let settings = settings()?;
    let cloud_args = vec!["--config".to_owned(), settings.path().display().to_string()];
    let plan = Plan {
        cloud_args,
        ..Plan::new(&std::env::current_exe()?)
    };
    let mut stage = plan.empty().await?;
    let told = chapters::walk(&mut stage, &mut teller).await;
    if let Err(surprise) = told.and_then(|()| stage.verdict()) {
        let logs = stage.keep();
        return Err(Surprise::new(format!(
            "{surprise}\nEach program's log is in {}",
            logs.display()
        )));
    }
    let exchanges = stage.network().exchanges().len();
    teller.end(&format!(
        "Nothing was a surprise. All {exchanges} requests to the cloud and their answers were what \
         proto/openapi.yaml says."
    ));
    if stay {
        left_up(&stage).await?;
        std::future::pending::<()>().await;
    }
    Ok(())
}

/// The cloud's settings, which it may read as whoever it runs as.
fn settings() -> Outcome<NamedTempFile> {
    let mut file = tempfile::Builder::new()
        .prefix("belay-cloud-")
        .suffix(".toml")
        .permissions(Permissions::from_mode(0o644))
        .tempfile()?;
    writeln!(file, "services = [{:?}]", account::SERVICE)?;
    Ok(file)
}

/// Prints what a script or a person needs to go on.
async fn left_up(stage: &Stage) -> Outcome {
    println!("\nEverything stays up until Ctrl-C.\n");
    println!("BUS={}", stage.bus().address());
    println!("CLOUD={}", stage.network().url());
    println!("OUTBOX={}", stage.outbox().folder().display());
    let (bus, exe) = (stage.bus().address(), stage.exe().display());
    let password = chapters::BEN_PASSWORD;
    println!("\nTo try on the device (each asks for the password it needs: {password}):");
    for command in ["status", "devices", "history", "monitor", "sign-out"] {
        println!("  DBUS_SYSTEM_BUS_ADDRESS={bus} {exe} role belayctl {command}");
    }
    println!("\nAnd from elsewhere, as on any computer (the same password):");
    let (cloud, login) = (stage.network().url(), chapters::BEN);
    let device = App::new(stage.person()).text(DEVICE, "DeviceId").await?;
    let device = device.get(..8).unwrap_or(&device);
    for command in [
        "list".to_owned(),
        format!("lock {device} --message 'Please call me' --phone +4915112345678"),
        format!("status {device}"),
        format!("unlock {device}"),
        format!("ring {device} --seconds 30"),
        format!("stop {device}"),
        format!("locate {device}"),
    ] {
        println!("  {exe} role belayctl find --cloud {cloud} --login {login} {command}");
    }
    Ok(())
}
