//! From the command to the lock.

use std::time::{Duration, Instant};

use belay_proto::signed::{Action, CommandState};
use belay_tests::app::{App, DEVICE, WARDEN};
use belay_tests::owner::Console;
use belay_tests::{Outcome, Stage, expect};
use http_body_util::{BodyExt as _, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::disk::{self, Written};
use crate::{ADA, PASSWORD, print};

/// Until the cloud takes as many commands again.
const HOUR: Duration = Duration::from_secs(3601);
/// Rounds in an hour, each of two commands.
const HOURLY: usize = 100;

/// What one round took.
struct Round {
    /// The cloud's answer that it has the command.
    accepted: Duration,
    /// The warden says that it is lost.
    warden: Duration,
    /// belayd says so.
    device: Duration,
    /// The owner hears that everything on the device follows.
    done: Duration,
    /// What the warden had written when it said so.
    written: Written,
}

/// Measures `rounds` locks, and a tenth as many with the warden not running.
pub async fn measure(stage: &Stage, rounds: usize) -> Outcome {
    network(stage, rounds).await?;
    let warm = repeated(stage, rounds, false).await?;
    shown("lock posted", &warm);
    let cold = repeated(stage, rounds.div_ceil(10), true).await?;
    shown("lock posted, the warden not running", &cold);
    let mut written: Vec<Written> = warm.iter().map(|round| round.written).collect();
    written.sort();
    let typical = written.get(written.len() / 2).copied().unwrap_or_default();
    disk::measure(stage, typical)
}

async fn repeated(stage: &Stage, rounds: usize, cold: bool) -> Outcome<Vec<Round>> {
    let mut all = Vec::with_capacity(rounds);
    while all.len() < rounds {
        // The cloud takes 300 commands to a device in an hour; and that long a session lives.
        stage.clock().advance(HOUR)?;
        let console = Console::sign_in(stage, ADA, PASSWORD).await?;
        // belayd connects anew after so long a time. What comes first isn't counted.
        round(stage, &console, cold).await?;
        for _ in 0..HOURLY.min(rounds - all.len()) {
            all.push(round(stage, &console, cold).await?);
        }
    }
    Ok(all)
}

async fn round(stage: &Stage, console: &Console, cold: bool) -> Outcome<Round> {
    let app = App::new(stage.person());
    let (mut warden, mut device) = (app.watch(WARDEN).await?, app.watch(DEVICE).await?);
    if cold {
        stage.kill_warden().await?;
    }
    let mut writes = disk::Writes::watch(&stage.place().at("warden"))?;
    let action = Action::Lock {
        message: "This phone is lost. Please call me.".to_owned(),
        phone: "+4915112345678".to_owned(),
    };
    let begun = Instant::now();
    let posted = async {
        let id = console.send(stage, action).await?;
        Outcome::Ok((id, begun.elapsed()))
    };
    let warden_says = async {
        warden.becomes("LockState", "lost").await?;
        Outcome::Ok((begun.elapsed(), writes.so_far()?))
    };
    let device_says = async {
        device.becomes("LockState", "lost").await?;
        Outcome::Ok(begun.elapsed())
    };
    let ((id, accepted), (warden_at, written), device_at) =
        tokio::try_join!(posted, warden_says, device_says)?;
    console.follow(stage, id, CommandState::Done).await?;
    let done = begun.elapsed();
    let id = console.send(stage, Action::Unlock).await?;
    device.becomes("LockState", "unlocked").await?;
    console.follow(stage, id, CommandState::Done).await?;
    Ok(Round {
        accepted,
        warden: warden_at,
        device: device_at,
        done,
        written,
    })
}

fn shown(what: &str, rounds: &[Round]) {
    let of = |time: fn(&Round) -> Duration| rounds.iter().map(time).collect::<Vec<_>>();
    print(
        &format!("{what} → LockState lost (belayd)"),
        &mut of(|r| r.device),
    );
    print("  of these → LockState lost (warden)", &mut of(|r| r.warden));
    print("  of these → the cloud has it (202)", &mut of(|r| r.accepted));
    print("  → the owner hears \"done\"", &mut of(|r| r.done));
}

/// What the bench's own network adds to each request of belayd's.
async fn network(stage: &Stage, rounds: usize) -> Outcome {
    let straight = format!("http://{}", stage.cloud()?.address());
    let mut through = asked(&stage.network().url(), rounds).await?;
    let mut straight = asked(&straight, rounds).await?;
    print(
        "a request through the bench's network (a lock needs 2)",
        &mut through,
    );
    print("the same straight to the cloud", &mut straight);
    Ok(())
}

/// The times of `rounds` requests over one connection.
async fn asked(url: &str, rounds: usize) -> Outcome<Vec<Duration>> {
    let address = url.trim_start_matches("http://").to_owned();
    let stream = TokioIo::new(TcpStream::connect(&address).await?);
    let (mut sender, connection) = http1::handshake(stream).await?;
    let driver = tokio::spawn(connection);
    let mut times = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let request = Request::get("/healthz").header("host", &address);
        let begun = Instant::now();
        let answer = sender.send_request(request.body(Empty::<Bytes>::new())?).await?;
        expect!(answer.status().is_success(), "/healthz: {}", answer.status());
        answer.into_body().collect().await?;
        times.push(begun.elapsed());
    }
    driver.abort();
    Ok(times)
}
