//! A room full of sensors.

use std::time::{Duration, Instant};

use belay_tests::Outcome;
use belay_tests::accessories::Beacon;
use belay_tests::app::Options;
use belay_tests::bluez::{Accessory, Address};

use crate::{Bench, process, seconds};

const SENSORS: u8 = 20;
/// Each of them so often a second.
const RATE: u32 = 10;

pub async fn measure(bench: &Bench<'_>) -> Outcome {
    let mut sensors = Vec::new();
    for number in 0..SENSORS {
        let address = Address::public([0xa4, 0xc1, 0x38, 0, 0, number]);
        let mut sensor = Beacon::new(address, 0x055b, "LYWSD03MMC", None);
        sensor.measure(0x1004, &[200, 0]);
        let (sensor, object) = bench.finds(sensor).await?;
        bench
            .app
            .call::<_, ()>(object, "Pair", &(Options::new(),))
            .await??;
        sensors.push(sensor);
    }
    let window = seconds("SENSORS", 60);
    let pid = bench.belayd.pid()?;
    // A tenth for what grows once only: caches, the first records of the day.
    say(&sensors, window / 10).await?;
    let (before, used) = (process::memory(pid)?, process::cpu(pid)?);
    let said = say(&sensors, window).await?;
    let (after, used) = (process::memory(pid)?, process::cpu(pid)?.saturating_sub(used));
    println!(
        "{SENSORS} sensors, {said} advertisements in {:.0} s: CPU {:.2} s = {:.1} %, {:.0} \u{b5}s each; dirty {} KiB, then {} \
         KiB; PSS {} KiB, then {} KiB",
        window.as_secs_f64(),
        used.as_secs_f64(),
        100.0 * used.as_secs_f64() / window.as_secs_f64(),
        1e6 * used.as_secs_f64() / f64::from(said),
        before.1,
        after.1,
        before.0,
        after.0
    );
    Ok(())
}

/// Has the sensors advertise for so long, a new temperature each time; how often they did.
async fn say(sensors: &[Accessory<Beacon>], time: Duration) -> Outcome<u32> {
    let begun = Instant::now();
    let mut tick = tokio::time::interval(Duration::from_secs(1) / (RATE * u32::from(SENSORS)));
    let mut said = 0_u32;
    while begun.elapsed() < time {
        for sensor in sensors {
            tick.tick().await;
            let temperature = u16::try_from(said % 400)?.to_le_bytes();
            sensor.with(move |it, _| it.measure(0x1004, &temperature)).await?;
            sensor.advertise(-60).await?;
            said += 1;
        }
    }
    Ok(said)
}
