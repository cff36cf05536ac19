//! No run of six bytes of a password or recovery code: not on the bus, in no log, not in the memory of belayd.

use std::collections::HashSet;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use belay_tests::Stage;
use belay_tests::app::{DEVICE, Options};
use belay_tests::proxy::Trick;
use futures_util::StreamExt;
use zbus::MessageStream;
use zbus::fdo::MonitoringProxy;

use crate::owner::{ADA, app, code, state};
use crate::scene::scene;

/// Passwords of which no piece is a word that a program might hold for other reasons.
const PASSWORD: &str = "Vq7zKw2!mXp9Lt4$rB";
const GUESS: &str = "Jx3%hNc8&yGd5^fZs1";
/// Sent as a string on purpose, to show that the search finds what is there.
const MARKER: &str = "Wk6@uTb0*eQa7~oRi2";

/// How long a run of a secret counts.
const RUN: usize = 6;

/// A search for any run of [`RUN`] bytes of some secrets.
struct Search {
    runs: HashSet<[u8; RUN]>,
    /// Whether a run begins with these two bytes; most of memory is left aside by this alone.
    begins: Vec<bool>,
}

impl Search {
    fn new(secrets: &[&str]) -> Self {
        let mut runs = HashSet::new();
        for secret in secrets {
            runs.extend(
                secret
                    .as_bytes()
                    .windows(RUN)
                    .map(|w| <[u8; RUN]>::try_from(w).unwrap()),
            );
        }
        let mut begins = vec![false; 1 << 16];
        for run in &runs {
            begins[usize::from(u16::from_be_bytes([run[0], run[1]]))] = true;
        }
        Self { runs, begins }
    }

    fn finds(&self, bytes: &[u8]) -> bool {
        bytes.windows(RUN).any(|w| {
            self.begins[usize::from(u16::from_be_bytes([w[0], w[1]]))]
                && self.runs.contains(&<[u8; RUN]>::try_from(w).unwrap())
        })
    }
}

/// The writable memory of a process, or `None` where the kernel doesn't let us read it.
fn memory(pid: u32) -> Option<Vec<Vec<u8>>> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).ok()?;
    let memory = File::open(format!("/proc/{pid}/mem")).ok()?;
    let mut regions = Vec::new();
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let (range, mode) = (words.next().unwrap(), words.next().unwrap());
        if !mode.starts_with("rw") {
            continue;
        }
        let (from, to) = range.split_once('-').unwrap();
        let (from, to) = (
            u64::from_str_radix(from, 16).unwrap(),
            u64::from_str_radix(to, 16).unwrap(),
        );
        let mut region = vec![0; usize::try_from(to - from).unwrap()];
        // A region may go away between the two reads.
        if memory.read_exact_at(&mut region, from).is_ok() {
            regions.push(region);
        }
    }
    Some(regions)
}

/// What is said on the bus, whole, from now on.
async fn monitor(stage: &Stage) -> Arc<Mutex<Vec<u8>>> {
    let uid = belay_tests::guest::programs().unwrap_or_else(belay_tests::guest::person);
    let connection = stage.connect(uid).await.unwrap();
    let mut messages = MessageStream::from(&connection);
    MonitoringProxy::new(&connection)
        .await
        .unwrap()
        .become_monitor(&[], 0)
        .await
        .unwrap();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&heard);
    tokio::spawn(async move {
        let _connection = connection;
        while let Some(Ok(message)) = messages.next().await {
            listener.lock().unwrap().extend_from_slice(message.data().bytes());
        }
    });
    heard
}

/// Looks through the memory of `pid` again and again until told to stop; whether it found something.
fn watch_memory(
    pid: u32,
    search: Arc<Search>,
    stop: Arc<AtomicBool>,
) -> std::thread::JoinHandle<(usize, bool)> {
    std::thread::spawn(move || {
        let (mut rounds, mut found) = (0, false);
        while !stop.load(Ordering::Relaxed) {
            let Some(regions) = memory(pid) else { break };
            found |= regions.iter().any(|region| search.finds(region));
            rounds += 1;
        }
        (rounds, found)
    })
}

#[tokio::test]
async fn no_secret_is_on_the_bus_in_a_log_or_in_the_memory_of_belayd() {
    let scene = scene().await;
    let heard = monitor(&scene).await;
    let pid = scene.owner("org.belay1").await.unwrap().unwrap();
    let app = app(&scene);

    // First what must be found: a marker that is sent as a string, and given to a program as an argument.
    let marker = Search::new(&[MARKER]);
    app.call::<_, ()>(DEVICE, "SetName", &(MARKER, Options::new()))
        .await
        .unwrap()
        .unwrap();
    let (_status, _) = scene
        .program("belayd", &[&format!("--{MARKER}")])
        .output()
        .await
        .unwrap();
    assert!(
        marker.finds(&heard.lock().unwrap()),
        "the search doesn't find the marker on the bus"
    );
    assert!(
        scene.logs().unwrap().iter().any(|(_, log)| marker.finds(log)),
        "nor in a log"
    );
    let Some(regions) = memory(pid) else {
        crate::scene::skipped("this user may not read the memory of belayd");
        return;
    };
    assert!(
        regions.iter().any(|region| marker.finds(region)),
        "nor in the memory of belayd"
    );

    let search = Arc::new(Search::new(&[PASSWORD, GUESS]));
    let stop = Arc::new(AtomicBool::new(false));
    let watch = watch_memory(pid, Arc::clone(&search), Arc::clone(&stop));
    let recovery = story(&scene).await;
    stop.store(true, Ordering::Relaxed);
    let (rounds, found) = watch.join().unwrap();
    assert!(
        rounds > 0 && !found,
        "a piece of a password was in the memory of belayd ({rounds} looks)"
    );

    let bare: String = recovery.chars().filter(|c| *c != '-').collect();
    let all = Search::new(&[PASSWORD, GUESS, &recovery, &bare]);
    assert!(
        !memory(pid).unwrap().iter().any(|region| all.finds(region)),
        "a piece is in the memory of belayd"
    );
    assert!(!all.finds(&heard.lock().unwrap()), "a piece was on the bus");
    for (name, log) in scene.logs().unwrap() {
        assert!(!all.finds(&log), "a piece is in {name}");
    }
    for exchange in scene.network().exchanges() {
        assert!(
            !all.finds(&exchange.request) && !all.finds(&exchange.answer),
            "{} {}",
            exchange.method,
            exchange.path
        );
    }
}

/// Everything that a secret takes part in, with failures. The recovery code.
async fn story(stage: &Stage) -> String {
    let app = app(stage);
    // A failed request is tried again after a while.
    stage.clock().run(20).unwrap();
    let id = app
        .register(ADA, PASSWORD, &Options::new())
        .await
        .unwrap()
        .unwrap();
    let code = code(stage, ADA).await;
    stage.network().plan("/v1/accounts", 1, &Trick::status(500));
    let recovery = loop {
        if let Ok(recovery) = app.confirm(&id, &code).await.unwrap() {
            break recovery;
        }
    };
    assert_eq!(app.confirm(&id, &code).await.unwrap().unwrap(), recovery);
    app.acknowledge(&id).await.unwrap().unwrap();
    for _ in 0..2 {
        assert_eq!(
            app.sign_out(GUESS).await.unwrap().unwrap_err().short(),
            "WrongPassword"
        );
    }
    app.reauthenticate(ADA, PASSWORD).await.unwrap().unwrap();
    app.authorize_reset(PASSWORD, &Options::new())
        .await
        .unwrap()
        .unwrap();
    app.sign_out(PASSWORD).await.unwrap().unwrap();
    app.sign_in(ADA, PASSWORD).await.unwrap().unwrap();
    assert_eq!(state(stage).await, "bound");
    recovery
}

#[test]
fn the_search_finds_any_run_of_six() {
    let search = Search::new(&[MARKER]);
    for start in 0..=MARKER.len() - RUN {
        let text = format!("....{}....", &MARKER[start..start + RUN]);
        assert!(search.finds(text.as_bytes()));
    }
    assert!(!search.finds(&MARKER.as_bytes()[..RUN - 1]));
}
