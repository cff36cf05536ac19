//! Histories under faults that follow from a seed: lost links and notifications, refusals, restarts of bluetoothd,
//! belayd killed at any moment, a clock that is set back and forth. No minute is lost, none comes twice, and none is made up.
//!
//! `BELAY_SEEDS=a..b` chooses the seeds. Each has a band of its own; so many of them are on a stage at the same time.

use std::ops::Range;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use belay_tests::accessories::Band;
use belay_tests::accessories::band::{Minute, Model, Once};
use belay_tests::app::{ACCESSORIES, Object};
use belay_tests::bluez::{self, Address, Air, Chance, Faults};
use belay_tests::process;
use belay_tests::stage::{BELAYD, Plan};
use belay_tests::until::until;
use futures_util::future::join_all;

use super::{Beside, band, this_minute};
use crate::scene::plan;

/// The seeds of who says nothing else.
const USUAL: Range<u64> = 0..30;
/// So many bands are on a stage at the same time. Each connection reads BlueZ's whole tree, so the work grows with the
/// square of it.
const TOGETHER: usize = 10;
/// So many stages are played at the same time.
const STAGES: usize = 3;
/// So much goes wrong on a stage.
const STEPS: usize = 24;
/// The device's time goes so many times as fast: the waits between two connections are minutes.
const SPEED: u32 = 40;
/// Nothing said for so long: the bands wait for a timer, or have told everything.
const QUIET: Duration = Duration::from_millis(200);

/// Minutes.
const WEEK: i64 = 7 * 1440;

/// A seed's band, and what it has lived through.
struct One {
    seed: u64,
    band: bluez::Accessory<Band>,
    object: Object,
    lived: Vec<Range<i64>>,
}

fn seeds() -> Range<u64> {
    let Ok(text) = std::env::var("BELAY_SEEDS") else {
        return USUAL;
    };
    let parsed = text
        .split_once("..")
        .and_then(|(from, to)| Some(from.parse().ok()?..to.parse().ok()?));
    parsed.unwrap_or_else(|| panic!("BELAY_SEEDS is a range such as 17..18, not {text:?}"))
}

/// What the band of `seed` lives through: mostly a day or two, now and then a week, with an hour without the band here
/// and there.
fn life(chance: &mut Chance, until: i64) -> Vec<Range<i64>> {
    let days = if chance.per_mille(100) {
        5 + chance.number(3)
    } else {
        chance.number(3)
    };
    let minutes = i64::from(days * 1440 + 1 + chance.number(1440));
    let mut from = until - minutes;
    let mut lived = Vec::new();
    while from < until {
        let to = (from + 1 + i64::from(chance.number(2880))).min(until);
        lived.push(from..to);
        from = to + 1 + i64::from(chance.number(90));
    }
    lived
}

/// The band of a seed, as it comes from its box.
fn boxed(seed: u64) -> Band {
    let mut chance = Chance::new(!seed);
    let [.., a, b] = seed.to_be_bytes();
    let model = if chance.per_mille(500) {
        Model::Two
    } else {
        Model::Three
    };
    let mut band = Band::new(model, Address::random([0xc1, 2, 3, 4, a, b]), None, seed);
    band.auth.taps = true;
    band.history.round = 300 + chance.below(3000);
    band
}

impl One {
    /// It remembers what it has lived through, and says that there is something.
    async fn lives(&self) {
        let (seed, lived) = (self.seed, self.lived.clone());
        let deed = move |it: &mut Band, air: &mut Air| {
            for part in lived {
                it.history.live(seed, part.start, part.end - part.start);
            }
            it.event(air, &[0x0e]);
        };
        self.band.with(deed).await.unwrap();
    }

    /// What `Activity` is to tell of it.
    fn expected(&self) -> Vec<(u64, u8, u8, u8, u8)> {
        let told = |number: i64| {
            let it = Minute::lived(self.seed, number);
            let start = number.unsigned_abs() * 60;
            (start, it.kind, it.intensity, it.steps, it.heart)
        };
        self.lived.iter().cloned().flatten().map(told).collect()
    }

    /// Its owner syncs it until that went well.
    async fn synced(&self, beside: &Beside) {
        loop {
            if let Err(late) = beside.app.reads(self.object, "State", "connected").await {
                let problem = beside.app.text(self.object, "Problem").await;
                let state = beside.app.text(self.object, "State").await;
                panic!("seed {}: {late}; it is {state:?} with {problem:?}", self.seed);
            }
            match beside.syncs(self.object).await {
                Ok(_) => return,
                // Lost once more, with what is left of a fault; it comes back by itself.
                Err(refusal) => println!("seed {}: {refusal}", self.seed),
            }
        }
    }
}

impl Beside {
    /// What the clock would show if nobody had set it.
    fn right(&self) -> u64 {
        self.scene.clock().right_wall()
    }
}

/// One thing goes wrong.
async fn goes_wrong(beside: &mut Beside, all: &[One], chance: &mut Chance) {
    let one = &all[chance.below(all.len())];
    match chance.below(11) {
        0 => one.band.lose().await.unwrap(),
        1..=3 => one.band.faults(Faults::seeded(chance.next())).await.unwrap(),
        4 => {
            let lossy = Faults {
                lost: chance.number(8).try_into().unwrap(),
                doubled: chance.number(8).try_into().unwrap(),
                ..Faults::default()
            };
            one.band.seed(chance.next()).await.unwrap();
            one.band.faults(lossy).await.unwrap();
        }
        5 => {
            beside.air.die().await.unwrap();
            beside.air.come_back().await.unwrap();
        }
        6 => {
            // By up to two days, either way; or back to where a battery ran out.
            let off = u64::from(chance.number(2 * 2 * 86_400));
            let wall = if chance.per_mille(100) {
                off
            } else {
                (beside.right() + off).saturating_sub(2 * 86_400)
            };
            beside.scene.clock().set_wall(wall).unwrap();
        }
        7 => beside.scene.clock().set_wall(beside.right()).unwrap(),
        8 | 9 => beside.scene.kill_belayd().await.unwrap(),
        _ => {
            // In the moment in which this band is told that it may forget.
            if let Some(pid) = beside.scene.owner(BELAYD).await.unwrap() {
                let dies = Once::new(move || process::kill(pid).unwrap());
                one.band
                    .with(|it, _| it.history.on_acknowledged = dies)
                    .await
                    .unwrap();
            }
        }
    }
}

/// Waits until so many more lines were said, nothing was said for a while, or belayd has died.
async fn goes_on(beside: &Beside, lines: usize) {
    let said = async || beside.air.with(|world| world.journal().len()).await.unwrap();
    let target = said().await + lines;
    let mut last = (Instant::now(), 0);
    until("the bands to go on", async || {
        let now = said().await;
        if now != last.1 {
            last = (Instant::now(), now);
        }
        let dead = beside.scene.owner(BELAYD).await.unwrap().is_none();
        (dead || now >= target || last.0.elapsed() > QUIET).then_some(())
    })
    .await
    .unwrap();
}

/// belayd runs, whatever happened to it. One that was killed just now may still have its name on the bus, and says nothing.
async fn stands(beside: &mut Beside) {
    if beside.app.get::<bool>(ACCESSORIES, "Available").await.is_err() {
        beside.scene.kill_belayd().await.unwrap();
        beside.scene.start_belayd().await.unwrap();
    }
}

/// A stage with a band for each of these seeds, from their pairing until all is told.
async fn lived_through(seeds: &[u64]) {
    let mut beside = Beside::of(Plan {
        log_level: "info",
        ..plan()
    })
    .await;
    let mut chance = Chance::new(seeds[0]);
    let found = beside.finds_all(seeds.iter().map(|seed| boxed(*seed))).await;
    let all = seeds.iter().zip(found).map(|(seed, (band, object))| One {
        seed: *seed,
        band,
        object,
        lived: life(&mut Chance::new(*seed), this_minute()),
    });
    let all: Vec<One> = all.collect();
    for answer in join_all(all.iter().map(|one| beside.asks(one.object, "Pair"))).await {
        answer.unwrap();
    }
    beside.scene.clock().run(SPEED).unwrap();
    join_all(all.iter().map(One::lives)).await;
    for _ in 0..STEPS {
        let lines = 20 + chance.below(600);
        goes_on(&beside, lines).await;
        stands(&mut beside).await;
        goes_wrong(&mut beside, &all, &mut chance).await;
        stands(&mut beside).await;
    }
    for one in &all {
        one.band.faults(Faults::default()).await.unwrap();
        one.band
            .with(|it, _| it.history.on_acknowledged = Once::default())
            .await
            .unwrap();
    }
    beside.scene.clock().set_wall(beside.right()).unwrap();
    stands(&mut beside).await;
    join_all(all.iter().map(|one| one.synced(&beside))).await;
    for one in &all {
        let (told, expected) = (beside.activity(one.object).await, one.expected());
        let differs = told.iter().zip(&expected).position(|(told, lived)| told != lived);
        assert!(
            told == expected,
            "seed {} (with BELAY_SEEDS={}..{}): {} minutes told of {} that were lived, the first that differs is {:?}",
            one.seed,
            seeds[0],
            seeds[seeds.len() - 1] + 1,
            told.len(),
            expected.len(),
            differs
                .or(Some(told.len().min(expected.len())))
                .and_then(|at| expected.get(at)),
        );
    }
}

#[test]
fn over_all_seeds_no_minute_is_lost_or_doubled() {
    let all: Vec<u64> = seeds().collect();
    let left = Mutex::new(all.chunks(TOGETHER));
    let next = || left.lock().unwrap().next();
    let player = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        while let Some(seeds) = next() {
            let began = Instant::now();
            runtime.block_on(lived_through(seeds));
            let (first, seconds) = (seeds[0], began.elapsed().as_secs_f64());
            println!("{} seeds from {first} on: {seconds:.1} s", seeds.len());
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..STAGES {
            scope.spawn(player);
        }
    });
}

#[tokio::test]
async fn a_band_is_told_to_forget_only_what_survives_a_kill_in_that_moment() {
    let mut beside = Beside::new().await;
    let (band, object) = beside.finds(band(0)).await;
    beside.pairs(&band, object).await;
    beside.app.reads(object, "State", "connected").await.unwrap();
    // A week in one transfer: it takes a while until that is on disk.
    let first = this_minute() - WEEK;
    let pid = beside.scene.owner(BELAYD).await.unwrap().unwrap();
    let lived = move |it: &mut Band, air: &mut Air| {
        it.history.round = 7 * 1440;
        it.history.live(9, first, WEEK);
        it.history.on_acknowledged = Once::new(move || process::kill(pid).unwrap());
        it.event(air, &[0x0e]);
    };
    band.with(lived).await.unwrap();
    band.until("the band to forget", |it| it.history.minutes().is_empty())
        .await
        .unwrap();
    beside.scene.kill_belayd().await.unwrap();
    beside.scene.start_belayd().await.unwrap();
    beside.app.reads(object, "State", "connected").await.unwrap();
    let told = beside.activity(object).await;
    let told: Vec<u64> = told.iter().map(|minute| minute.0 / 60).collect();
    let lived: Vec<u64> = (first..first + WEEK).map(i64::unsigned_abs).collect();
    assert!(told == lived, "{} of {}", told.len(), lived.len());
}
