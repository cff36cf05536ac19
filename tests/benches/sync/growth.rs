//! Whether it matters how much there is already.

use std::time::{Duration, Instant};

use belay_tests::Outcome;
use belay_tests::pusher::{changed, list, made};

use crate::cloud::push_contacts;
use crate::place::Place;
use crate::{forget_peak, peak};

const SIZES: &str = "1000,10000,100000,1000000";
/// Each is measured so often; the median counts.
pub const TIMES: usize = 9;

/// How many records there are to be, growing.
pub fn sizes() -> Vec<usize> {
    let sizes = std::env::var("GROWTH").unwrap_or_else(|_| SIZES.to_owned());
    let sizes = sizes.split(',');
    sizes.filter_map(|size| size.trim().parse().ok()).collect()
}

pub async fn measure(place: &Place) -> Outcome {
    let (keys, cloud) = (made::keys("notes")?, place.cloud()?);
    let mut link = place.link().await?;
    let mut cursor = Some(list(&mut link, None).await?.1);
    let (mut there, mut revisions) = (0, Vec::new());
    for size in sizes() {
        let begun = Instant::now();
        let (after, first) = push_contacts(&mut link, &keys, cursor, there..size, |_| None).await?;
        if revisions.is_empty() {
            revisions = first.into_iter().take(10).collect();
        }
        cursor = after;
        let filled = begun.elapsed();
        let rate = (size - there) as f64 / filled.as_secs_f64();
        there = size;
        forget_peak(cloud)?;
        let (mut idle, mut ten) = (Vec::new(), Vec::new());
        for _ in 0..TIMES {
            let begun = Instant::now();
            changed(&mut link, &keys, cursor.as_deref().unwrap_or_default()).await?;
            idle.push(begun.elapsed());
            let begun = Instant::now();
            let base = |number: usize| revisions.get(number).copied();
            let (after, now) = push_contacts(&mut link, &keys, cursor, 0..10, base).await?;
            ten.push(begun.elapsed());
            (cursor, revisions) = (after, now);
        }
        println!(
            "belay-cloud, {size:>7} records: no change {:>6.2} ms, 10 changed {:>6.2} ms, peak {:.1} MiB; {rate:.0} records/s to get there",
            median(&mut idle),
            median(&mut ten),
            peak(cloud)? as f64 / 1024.0
        );
    }
    Ok(())
}

/// The median, ms.
pub fn median(times: &mut [Duration]) -> f64 {
    times.sort();
    let middle = times.get(times.len() / 2).copied().unwrap_or_default();
    middle.as_secs_f64() * 1e3
}
