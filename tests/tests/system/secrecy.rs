//! No run of six bytes of a password or recovery code: not on the bus, in no log, not in the memory of belayd, nor in
//! a descriptor that it holds. The recovery code isn't even sent to belayd: the warden sends it no descriptor at all.

use std::collections::HashSet;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use belay_tests::Stage;
use belay_tests::app::{ACCOUNT, DEVICE, Options, memfd};
use belay_tests::proxy::Trick;
use futures_util::StreamExt;
use zbus::fdo::{DBusProxy, MonitoringProxy};
use zbus::{Connection, MessageStream};

use crate::owner::{ADA, app, code, registering, state};
use crate::scene::{PACE, scene};

/// Passwords of which no piece is a word that a program might hold for other reasons.
const PASSWORD: &str = "Vq7zKw2!mXp9Lt4$rB";
const GUESS: &str = "Jx3%hNc8&yGd5^fZs1";
/// Chosen in place of the first, and then in place of that one.
const NEW: &str = "Pw5@sTk9!vLe3^mQj7";
const RECOVERED: &str = "Hr8$cFy2%nBd6*wGu4";
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

/// What the memfds that a process holds begin with: secrets are 1 KiB at most.
fn held(pid: u32) -> Vec<Vec<u8>> {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/fd")) else {
        return Vec::new();
    };
    let mut contents = Vec::new();
    for entry in entries.flatten() {
        let path = entry.path();
        // One may be closed between any two of these.
        let is_memfd = fs::read_link(&path).is_ok_and(|to| to.to_string_lossy().starts_with("/memfd:"));
        let mut content = [0; 1024];
        if is_memfd && let Ok(read) = File::open(&path).and_then(|file| file.read_at(&mut content, 0)) {
            contents.push(content[..read].to_vec());
        }
    }
    contents
}

/// What was said on the bus.
#[derive(Default)]
struct Heard {
    bytes: Vec<u8>,
    /// From whom to whom descriptors went, by unique name.
    descriptors: Vec<(String, String)>,
}

/// What is said on the bus, whole, from now on.
async fn monitor(stage: &Stage) -> Arc<Mutex<Heard>> {
    let uid = belay_tests::guest::programs().unwrap_or_else(belay_tests::guest::person);
    let connection = stage.connect(uid).await.unwrap();
    let mut messages = MessageStream::from(&connection);
    MonitoringProxy::new(&connection)
        .await
        .unwrap()
        .become_monitor(&[], 0)
        .await
        .unwrap();
    let heard = Arc::new(Mutex::new(Heard::default()));
    let listener = Arc::clone(&heard);
    tokio::spawn(async move {
        let _connection = connection;
        while let Some(Ok(message)) = messages.next().await {
            let mut heard = listener.lock().unwrap();
            heard.bytes.extend_from_slice(message.data().bytes());
            let header = message.header();
            if header.unix_fds().is_some_and(|count| count > 0) {
                let from = header.sender().map(ToString::to_string).unwrap_or_default();
                let to = header.destination().map(ToString::to_string).unwrap_or_default();
                heard.descriptors.push((from, to));
            }
        }
    });
    heard
}

/// A look through the memory of a process and the memfds that it holds, again and again.
struct Watch {
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<Seen>,
}

/// What a [`Watch`] came to.
#[derive(Default)]
struct Seen {
    rounds: usize,
    /// Whether something was in the memory or in a memfd.
    found: bool,
    /// What was in any of the memfds.
    held: HashSet<Vec<u8>>,
}

impl Watch {
    fn over(pid: u32, search: Search) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut seen = Seen::default();
            while !stopped.load(Ordering::Relaxed) {
                let Some(regions) = memory(pid) else { break };
                seen.held.extend(held(pid));
                seen.found |= regions.iter().chain(&seen.held).any(|bytes| search.finds(bytes));
                seen.rounds += 1;
            }
            seen
        });
        Self { stop, thread }
    }

    /// Stops looking. Asserts that it looked and found nothing; what was in memfds meanwhile.
    fn found_nothing(self) -> HashSet<Vec<u8>> {
        self.stop.store(true, Ordering::Relaxed);
        let Seen { rounds, found, held } = self.thread.join().unwrap();
        assert!(
            rounds > 0 && !found,
            "a piece of a secret was in the memory of belayd, or in a memfd of its ({rounds} looks)"
        );
        held
    }
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
        marker.finds(&heard.lock().unwrap().bytes),
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

    let _kept = memfd(MARKER.as_bytes()).unwrap();
    assert!(
        held(std::process::id())
            .iter()
            .any(|content| marker.finds(content)),
        "nor in a memfd that a process holds"
    );

    let watch = Watch::over(pid, Search::new(&[PASSWORD, GUESS]));
    let (id, code, recovery) = bound(&scene).await;
    let mut memfds = watch.found_nothing();
    let bare: String = recovery.chars().filter(|c| *c != '-').collect();
    let all = || Search::new(&[PASSWORD, GUESS, NEW, RECOVERED, &recovery, &bare]);
    // Asked for again while it is known what to look for.
    let watch = Watch::over(pid, all());
    for _ in 0..20 {
        assert_eq!(app.confirm(&id, &code).await.unwrap().unwrap(), recovery);
    }
    afterwards(&scene, &id, &recovery).await;
    memfds.extend(watch.found_nothing());

    let all = all();
    assert!(
        !memory(pid).unwrap().iter().any(|region| all.finds(region)),
        "a piece is in the memory of belayd"
    );
    memfds.extend(held(pid));
    assert!(
        !memfds.iter().any(|content| all.finds(content)),
        "a piece was in a memfd that belayd held"
    );
    let (person, belayd) = (unique(app.bus()), owner(&scene, "org.belay1").await);
    let heard = heard.lock().unwrap();
    assert!(!all.finds(&heard.bytes), "a piece was on the bus");
    let from_whom = |to: &[&str]| -> HashSet<&str> {
        let to_them = heard
            .descriptors
            .iter()
            .filter(|(_, receiver)| to.contains(&receiver.as_str()));
        to_them.map(|(sender, _)| sender.as_str()).collect()
    };
    // The claim comes from belayd, the code from the warden, and nobody else hands belayd a descriptor. A call goes to
    // a name, its answer to whoever called.
    assert_eq!(
        from_whom(&["org.belay1", &belayd]),
        HashSet::from([person.as_str()])
    );
    let to_person = from_whom(&[&person]);
    assert!(to_person.contains(belayd.as_str()) && to_person.len() > 1);
    drop(heard);
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

/// The unique name of a connection.
fn unique(connection: &Connection) -> String {
    connection.unique_name().unwrap().to_string()
}

/// The unique name of who owns this one.
async fn owner(stage: &Stage, name: &'static str) -> String {
    let dbus = DBusProxy::new(stage.person()).await.unwrap();
    dbus.get_name_owner(name.try_into().unwrap())
        .await
        .unwrap()
        .to_string()
}

/// Registering and confirming, with failures; the verification, its code, and the recovery code.
async fn bound(stage: &Stage) -> (String, String, String) {
    let app = app(stage);
    // A failed request is tried again after a while.
    stage.clock().run(PACE).unwrap();
    let (id, code) = registering(stage, ADA, PASSWORD).await;
    stage.network().plan("/v1/accounts", 1, &Trick::status(500));
    let recovery = loop {
        if let Ok(recovery) = app.confirm(&id, &code).await.unwrap() {
            break recovery;
        }
    };
    (id, code, recovery)
}

/// Everything else that a secret takes part in: new passwords, and the recovery code as somebody types it.
async fn afterwards(stage: &Stage, id: &str, recovery: &str) {
    let app = app(stage);
    app.acknowledge(id).await.unwrap().unwrap();
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
    app.change_password(PASSWORD, NEW, false).await.unwrap().unwrap();
    let id = app.begin_recovery(ADA).await.unwrap().unwrap();
    let sent = code(stage, ADA).await;
    app.complete_recovery((&id, &sent), ADA, RECOVERED, recovery)
        .await
        .unwrap()
        .unwrap();
    app.reads(ACCOUNT, "State", "reauthentication-required")
        .await
        .unwrap();
    app.reauthenticate(ADA, RECOVERED).await.unwrap().unwrap();
    assert_eq!(state(stage).await, "bound");
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
