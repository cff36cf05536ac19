//! The story of a device and its two owners, walked on a [`Stage`] and told as it goes.

mod chapters;
mod teller;

use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

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
    let mut stage = Plan::new(&std::env::current_exe()?).up().await?;
    stage.clock().run(1)?;
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
        left_up(&stage)?;
        std::future::pending::<()>().await;
    }
    Ok(())
}

/// Prints what a script or a person needs to go on.
fn left_up(stage: &Stage) -> Outcome {
    println!("\nEverything stays up until Ctrl-C.\n");
    println!("BUS={}", stage.bus().address());
    println!("CLOUD={}", stage.network().url());
    println!("OUTBOX={}", stage.outbox().folder().display());
    println!(
        "\nTo try (each asks for the password it needs: {}):",
        chapters::BEN_PASSWORD
    );
    let exe = stage.exe().display();
    for command in ["status", "devices", "history", "monitor", "sign-out"] {
        println!(
            "  DBUS_SYSTEM_BUS_ADDRESS={} {exe} role belayctl {command}",
            stage.bus().address()
        );
    }
    Ok(())
}
