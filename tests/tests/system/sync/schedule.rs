//! Histories of several devices that follow from a seed: edits of notes, contacts, events and long contents; deletions, renames
//! and conflicts; spells without a network, lost, doubled, late and torn exchanges; everybody killed at any time; clocks that are
//! wrong by days, the cloud's too; a cloud that loses its disk and goes on with a backup; keys that are made anew. In the end all
//! devices have the same, no answered edit is lost, nothing replaced or deleted is back, and nothing is there twice.
//!
//! `BELAY_SEEDS=a..b` chooses the seeds. Several are lived through on one fleet, one after the other, each with records of
//! its own.

use std::ops::Range;
use std::sync::Mutex;
use std::time::Instant;

use belay_tests::bluez::Chance;

use super::book::Book;
use super::world::{COLLECTIONS, World};
use super::{Fleet, trace};

/// The seeds of who says nothing else.
const USUAL: Range<u64> = 0..6;
/// So many seeds a fleet, at most.
const TOGETHER: usize = 25;
/// So many fleets are played at the same time.
const FLEETS: usize = 2;
/// Devices of a fleet.
const DEVICES: usize = 3;

fn seeds() -> Range<u64> {
    let Ok(text) = std::env::var("BELAY_SEEDS") else {
        return USUAL;
    };
    let parsed = text
        .split_once("..")
        .and_then(|(from, to)| Some(from.parse().ok()?..to.parse().ok()?));
    parsed.unwrap_or_else(|| panic!("BELAY_SEEDS is a range such as 17..18, not {text:?}"))
}

/// Says which seed it was where a test fails in it.
struct During(u64);

impl Drop for During {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let (seed, next) = (self.0, self.0 + 1);
            eprintln!(
                "seed {seed} failed. Again: BELAY_SEEDS={seed}..{next} cargo test -p belay-tests --test system \
                 sync::schedule::over_all_seeds"
            );
        }
    }
}

async fn lived_through(seeds: &[u64]) {
    let mut fleet = Fleet::of(DEVICES, &COLLECTIONS).await;
    for seed in seeds {
        let began = Instant::now();
        let during = During(*seed);
        let mut chance = Chance::new(*seed);
        let mut world = World {
            seed: *seed,
            devices: 2 + chance.below(DEVICES - 1),
            fleet: &mut fleet,
            chance,
            book: Book::default(),
            backup: None,
            restored: 0,
            under_way: Vec::new(),
            long_ones: (0, 0),
            wardens_died: false,
        };
        world.lived().await;
        let lived = began.elapsed();
        let records = world.fleet.settled(&COLLECTIONS, &world.prefix()).await;
        let wrong = world.book.judge(&world.own(&records));
        if !wrong.is_empty() {
            trace::print(world.fleet, &world.prefix()).await;
        }
        assert!(
            wrong.is_empty(),
            "seed {seed}:\n  {}\n{:#?}",
            wrong.join("\n  "),
            world.book
        );
        println!(
            "seed {seed}: {} edits on {} devices, {} of {} long ones stored, {} restores, {:.1} s and {:.1} s until they agreed",
            world.book.0.len(),
            world.devices,
            world.long_ones.1,
            world.long_ones.0,
            world.restored,
            lived.as_secs_f64(),
            (began.elapsed() - lived).as_secs_f64(),
        );
        drop(during);
    }
}

#[test]
fn over_all_seeds_devices_agree_and_no_answered_edit_is_lost_or_doubled() {
    let all: Vec<u64> = seeds().collect();
    let together = all.len().div_ceil(FLEETS).clamp(1, TOGETHER);
    let left = Mutex::new(all.chunks(together));
    let next = || left.lock().unwrap().next();
    let player = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        while let Some(seeds) = next() {
            runtime.block_on(lived_through(seeds));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..FLEETS {
            scope.spawn(player);
        }
    });
}
