//! A month of a band's minutes, and the band at rest.

use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime};

use belay_tests::accessories::band::Model;
use belay_tests::accessories::{Band, Strap, strap};
use belay_tests::app::{Object, Options};
use belay_tests::bluez::{Accessory, Address};
use belay_tests::until::within;
use belay_tests::{Outcome, Surprise};
use btleplug::api::{Central, CentralEvent, Manager as _, Peripheral as _, ScanFilter};
use btleplug::platform::Manager;
use futures_util::StreamExt;

use crate::{Bench, process, seconds};

/// Tells a process of this executable to be the bare client, and how many notifications it takes.
pub const BARE: &str = "BELAY_BENCH_BARE";
const BAND: Address = Address::random([0xc1, 2, 3, 4, 5, 6]);
const STRAP: Address = Address::random([0xc0, 0xff, 0xee, 0, 0, 1]);
/// Minutes of 30 days.
const MINUTES: i64 = 30 * 24 * 60;
/// Minutes in a notification of a link that nobody has widened.
const IN_A_NOTIFICATION: usize = 4;
/// Months that are fetched, each of another band.
const BANDS: u8 = 4;

pub async fn measure(bench: &Bench<'_>) -> Outcome {
    rest(bench, "nothing paired").await?;
    let bare = by_itself(bench).await?;
    let mut days = [Duration::ZERO; 2];
    for number in 0..BANDS {
        let in_a_round = usize::from(number % 2) + 1;
        let (taken, used) = fetched(bench, number, in_a_round * ROUND).await?;
        println!(
            "30 days of a band, {in_a_round} in a round: {MINUTES} minutes in {:.2} s; belayd's CPU {:.2} s",
            taken.as_secs_f64(),
            used.as_secs_f64()
        );
        if let Some(best) = days.get_mut(in_a_round - 1) {
            *best = if best.is_zero() { taken } else { taken.min(*best) };
        }
    }
    // Clients of bands wait a second between two rounds: half the rounds wait half as long, and the rest is ours.
    println!(
        "  without the protocol's pauses {:.2} s, where a bare client takes {:.2} s",
        2.0 * days[1].as_secs_f64() - days[0].as_secs_f64(),
        bare.as_secs_f64()
    );
    rest(bench, &format!("{BANDS} connected bands")).await
}

/// How long a new band's month takes, and belayd's CPU time for it.
async fn fetched(bench: &Bench<'_>, number: u8, round: usize) -> Outcome<(Duration, Duration)> {
    let [a, b, c, d, e, _] = BAND.octets;
    let address = Address::random([a, b, c, d, e, number]);
    let (band, object) = bench.finds(Band::new(Model::Two, address, None, 1)).await?;
    pair(bench, &band, object).await?;
    bench.app.reads(object, "State", "connected").await?;
    let first = this_minute()? - MINUTES;
    band.with(move |it, _| {
        it.history.round = round;
        it.history.live(9, first, MINUTES);
    })
    .await?;
    let pid = bench.belayd.pid()?;
    let (begun, before) = (Instant::now(), process::cpu(pid)?);
    let told: u32 = bench.app.call(object, "Sync", &(Options::new(),)).await??;
    let (taken, used) = (begun.elapsed(), process::cpu(pid)?.saturating_sub(before));
    if i64::from(told) < MINUTES {
        return Err(Surprise::new(format!("{told} of {MINUTES} minutes")));
    }
    Ok((taken, used))
}

/// Pairs a band whose wearer taps.
async fn pair(bench: &Bench<'_>, band: &Accessory<Band>, object: Object) -> Outcome {
    let tapped = async {
        band.until("the band to ask for a tap", |it| it.auth.asking())
            .await?;
        band.with(Band::tap).await
    };
    let options = (Options::new(),);
    let (answer, tapped) = tokio::join!(bench.app.call::<_, ()>(object, "Pair", &options), tapped);
    tapped?;
    answer??;
    Ok(())
}

/// The minute, since 1970, that is now.
fn this_minute() -> Outcome<i64> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    Ok(i64::try_from(now.as_secs() / 60)?)
}

/// Prints what belayd costs while nothing happens.
async fn rest(bench: &Bench<'_>, with: &str) -> Outcome {
    let window = seconds("REST", 60);
    // What comes after a start or a pairing is over by then.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let pid = bench.belayd.pid()?;
    let before = process::cpu(pid)?;
    // Processor time of a process that does nothing is used up in real time.
    tokio::time::sleep(window).await;
    let used = process::cpu(pid)?.saturating_sub(before);
    let (pss, dirty) = process::memory(pid)?;
    println!(
        "at rest, {with}: {:.1} CPU seconds an hour; PSS {pss} KiB, dirty {dirty} KiB, {} threads",
        used.as_secs_f64() * 3600.0 / window.as_secs_f64(),
        process::threads(pid)?
    );
    Ok(())
}

/// How long a bare client takes for as many notifications.
async fn by_itself(bench: &Bench<'_>) -> Outcome<Duration> {
    let count = usize::try_from(MINUTES)? / IN_A_NOTIFICATION;
    let strap = bench.air.add(Strap::new(STRAP)).await?;
    let client = tokio::process::Command::new(std::env::current_exe()?)
        .env("DBUS_SYSTEM_BUS_ADDRESS", bench.stage.bus().address())
        .env(BARE, count.to_string())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    strap.until("the bare client to listen", Strap::listening).await?;
    // As a band sends: a round at a time, the next when the bus has taken it.
    let mut left = count;
    while left > 0 {
        let round = left.min(ROUND / IN_A_NOTIFICATION);
        left -= round;
        strap
            .with(move |_, air| (0..round).for_each(|_| air.notify(strap::MEASUREMENT, vec![0x44; 17])))
            .await?;
    }
    let output = within("the bare client to end", client.wait_with_output()).await??;
    let said = String::from_utf8(output.stdout)?;
    let millis = said
        .trim()
        .parse()
        .map_err(|_| Surprise::new(format!("the bare client: {said}")))?;
    strap.in_range(false).await?;
    Ok(Duration::from_millis(millis))
}

/// Minutes in a band's round.
const ROUND: usize = 1440;

/// The bare client: counts notifications and says how many milliseconds they took from the first to the last.
pub async fn bare(count: &str) -> Outcome {
    let count: usize = count.parse()?;
    let adapters = Manager::new().await?.adapters().await?;
    let adapter = adapters.first().ok_or_else(|| Surprise::new("no adapter"))?;
    let mut events = adapter.events().await?;
    adapter.start_scan(ScanFilter::default()).await?;
    let strap = loop {
        match events.next().await {
            Some(CentralEvent::DeviceDiscovered(id)) => break adapter.peripheral(&id).await?,
            Some(_) => {}
            None => return Err(Surprise::new("the bus is gone")),
        }
    };
    adapter.stop_scan().await?;
    strap.connect().await?;
    strap.discover_services().await?;
    let all = strap.characteristics();
    let beat = all.iter().find(|one| one.uuid == strap::MEASUREMENT);
    let beat = beat.ok_or_else(|| Surprise::new("no heart rate"))?;
    let mut values = strap.notifications().await?;
    strap.subscribe(beat).await?;
    let mut begun = None;
    for _ in 0..count {
        values
            .next()
            .await
            .ok_or_else(|| Surprise::new("a notification is missing"))?;
        begun.get_or_insert_with(Instant::now);
    }
    println!("{}", begun.map_or(0, |begun| begun.elapsed().as_millis()));
    Ok(())
}
