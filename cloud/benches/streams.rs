//! What ten thousand devices that listen cost, how soon a command reaches one, and how they come back.
//!
//! `cargo bench -p belay-cloud --bench streams`: a real `belay-cloud` on loopback without TLS, and this process
//! as all the devices. Printed: resident memory of the cloud a stream; the time from posting a command to its hint
//! at the device, median and 99th percentile; and after a restart of the cloud how many devices were back in which
//! second, by the server's `retry:` and by a plain backoff that starts within a second. `STREAMS` lowers the
//! number. Two files a stream are open, one in each process.

#[path = "streams/account.rs"]
mod account;
#[path = "streams/device.rs"]
mod device;
#[path = "streams/fleet.rs"]
mod fleet;
#[path = "streams/served.rs"]
mod served;

use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::sync::mpsc;

use self::device::{Device, Happened, Rule};
use self::fleet::Fleet;
use self::served::Served;

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

const STREAMS: usize = 10_000;
const COMMANDS: usize = 400;
/// Streams that are opened at once: a device that finds the cloud busy waits and comes again, which would only
/// take longer.
const OPENING: usize = 64;
/// How long the devices may take to come back.
const BACK: Duration = Duration::from_secs(400);

fn main() -> Outcome<()> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, raised)?;
    let streams = match std::env::var("STREAMS") {
        Ok(text) => text.parse()?,
        Err(_) => STREAMS,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(measure(streams))
}

async fn measure(streams: usize) -> Outcome<()> {
    let folder = tempfile::TempDir::new()?;
    let fleet = Arc::new(Fleet::fill(folder.path(), streams).await?);
    let mut served = Served::start(folder.path(), &fleet.origin)?;
    // What every process needs once is there after one call.
    fleet.learn(Some(served::nonce(fleet.cloud).await?));
    let before = served.resident()?;
    let (tell, mut happened) = mpsc::unbounded_channel();
    let rule = tokio::sync::watch::Sender::new(Rule::Retry);
    let begin = Instant::now();
    let doors = Arc::new(tokio::sync::Semaphore::new(OPENING));
    for number in 0..streams {
        let device = Device {
            number,
            fleet: Arc::clone(&fleet),
            tell: tell.clone(),
            rule: rule.subscribe(),
        };
        tokio::spawn(device.run(Arc::clone(&doors)));
    }
    let mut open = 0;
    while open < streams {
        match happened.recv().await {
            Some(Happened::Open { .. }) => open += 1,
            Some(_) => {}
            None => return Err("all devices gave up".into()),
        }
    }
    println!(
        "{streams} streams open after {:.1} s",
        begin.elapsed().as_secs_f64()
    );
    let after = served.resident()?;
    println!(
        "memory: {} KiB before, {} KiB with them: {:.1} KiB a stream",
        before,
        after,
        (after - before) as f64 / streams as f64
    );
    wake(&fleet, &mut happened, streams).await?;
    for (name, way) in [
        ("retry: with jitter", Rule::Retry),
        ("backoff from 1 s", Rule::Backoff),
    ] {
        rule.send_replace(way);
        served.stop()?;
        served = Served::start(folder.path(), &fleet.origin)?;
        come_back(name, &mut happened, streams).await;
    }
    served.stop()
}

/// Commands to some of the devices, one after the other.
async fn wake(
    fleet: &Fleet,
    happened: &mut mpsc::UnboundedReceiver<Happened>,
    streams: usize,
) -> Outcome<()> {
    let mut owner = fleet.owner().await?;
    let mut times = Vec::new();
    for n in 0..COMMANDS.min(streams) {
        let number = n * streams / COMMANDS.min(streams);
        let envelope = fleet.ring(number);
        let begin = Instant::now();
        owner.post(fleet, number, &envelope).await?;
        while let Some(news) = happened.recv().await {
            if let Happened::Hint { number: at, when } = news
                && at == number
            {
                times.push(when.duration_since(begin));
                break;
            }
        }
    }
    times.sort();
    let at = |part: usize| {
        times
            .get(times.len() * part / 100)
            .copied()
            .unwrap_or_default()
            .as_secs_f64()
            * 1e3
    };
    println!(
        "wake-up: {} commands, median {:.2} ms, 99th percentile {:.2} ms",
        times.len(),
        at(50),
        at(99)
    );
    Ok(())
}

/// Prints when the devices were back.
async fn come_back(name: &str, happened: &mut mpsc::UnboundedReceiver<Happened>, streams: usize) {
    let begin = Instant::now();
    let (mut back, mut refused) = (Vec::new(), 0usize);
    while back.len() < streams {
        match tokio::time::timeout(BACK.saturating_sub(begin.elapsed()), happened.recv()).await {
            Ok(Some(Happened::Open { when })) => back.push(when.saturating_duration_since(begin)),
            Ok(Some(Happened::Refused)) => refused += 1,
            Ok(Some(Happened::Hint { .. })) => {}
            Ok(None) | Err(_) => break,
        }
    }
    println!(
        "restart, {name}: {} of {streams} back within {:.1} s, {refused} tries in vain",
        back.len(),
        begin.elapsed().as_secs_f64()
    );
    let last = back.iter().max().map_or(0, Duration::as_secs);
    let width = (last / 12).max(1);
    for slot in 0..=last / width {
        let count = back.iter().filter(|at| at.as_secs() / width == slot).count();
        println!(
            "{:5}-{:<5} s {count:6} {}",
            slot * width,
            (slot + 1) * width,
            "#".repeat(count * 60 / streams)
        );
    }
}
