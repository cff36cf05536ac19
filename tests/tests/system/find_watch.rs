//! The real belay-watch killed at each point where it has done one thing and not the next: systemd starts it again, what it
//! keeps is kept again within 2 s, and unlocked everything is as it was.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use belay_tests::guest;
use belay_tests::owner::Console;
use belay_tests::process::kill;
use belay_tests::services::puppet::Puppet;
use belay_tests::stage::Units;
use belay_tests::until::{until, within};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use zbus::ObjectPath;

use crate::find_lost::{console, files, lose, unlock};
use crate::owner::app;
use crate::scene::Scene;

/// How soon a lost device is kept again.
const SOON: Duration = Duration::from_secs(2);

/// A busy machine makes the whole way of the watch, through the bus and three services, longer by about as much as so many starts of
/// a program that does nothing.
const STARTS: u32 = 10;

/// Longer than by so much none does: what takes more is late.
const MOST_ADDED: Duration = Duration::from_secs(1);

/// So many starts are looked at, before a round and after it, and the shortest counts: one alone may meet somebody else's work.
const LOOKS: usize = 3;

/// How often a round is played before it counts as late: the machine may have been busy with something else.
const TRIES: usize = 10;

/// The point at which the watch is held, and killed.
#[derive(Clone, Copy, Debug)]
enum Point {
    /// It asks how the radios are, and has seen nothing yet.
    Look,
    /// It writes down how they were.
    Save,
    /// That is on disk; it switches the first one on.
    Switch,
    /// It asks who is logged in.
    List,
    /// It ends a session.
    End,
    /// It starts the lost screen's target again.
    Target,
    /// Unlocked: it switches the first radio back.
    PutBack,
    /// That is done; it looks how they are now.
    Seen,
    /// It has removed what it wrote down.
    Forget,
}

impl Point {
    const ALL: [Self; 9] = [
        Self::Look,
        Self::Save,
        Self::Switch,
        Self::List,
        Self::End,
        Self::Target,
        Self::PutBack,
        Self::Seen,
        Self::Forget,
    ];
}

/// What unlocking has to bring back: files, units, radios.
type Snapshot = (BTreeMap<String, Vec<u8>>, BTreeSet<String>, (bool, bool));

struct Device {
    scene: Scene,
    console: Console,
    units: Units,
    sessions: usize,
}

impl Device {
    /// Wi-Fi on and the mobile network off: not what lost mode wants.
    async fn new() -> Self {
        let (scene, console, units) = console().await;
        let manager = (
            "/org/freedesktop/NetworkManager",
            "org.freedesktop.NetworkManager",
        );
        let network = scene.services().network().puppet();
        network
            .set(manager.0, manager.1, "WwanEnabled", false)
            .await
            .unwrap();
        Self {
            scene,
            console,
            units,
            sessions: 1,
        }
    }

    fn snapshot(&self) -> Snapshot {
        let services = self.scene.services();
        (
            files(self.scene.place().path()),
            services.systemd().active(),
            services.network().radios(),
        )
    }

    fn radios(&self) -> (bool, bool) {
        self.scene.services().network().radios()
    }

    /// What the watch wrote down of how it was.
    fn before(&self) -> PathBuf {
        self.scene.place().at("watch/before.json")
    }

    async fn lose(&self) {
        lose(&self.scene, &self.console, &self.units).await;
    }

    /// Lost, with everything following.
    async fn kept(&self) {
        self.lose().await;
        self.scene.services().network().until_radios_on().await.unwrap();
    }

    /// Somebody logs in.
    async fn log_in(&mut self) {
        self.sessions += 1;
        let id = format!("c{}", self.sessions);
        let login = self.scene.services().login();
        login.open(&id, guest::person(), "ada").await.unwrap();
    }

    /// Kills the watch where it stands, and answers when.
    fn kill(&self) -> Instant {
        if let Some(pid) = self.units.watch() {
            kill(pid).unwrap();
        }
        Instant::now()
    }

    /// Does `deed` with a service that doesn't answer `member`, and kills the watch that waits for the answer. The next
    /// one is answered.
    async fn killed_waiting(
        &self,
        service: &Puppet,
        member: &str,
        deed: impl Future<Output = ()>,
    ) -> Instant {
        let calls = service.calls(member).len();
        service.hang(member);
        deed.await;
        service.called(member, calls + 1).await.unwrap();
        service.heal();
        self.kill()
    }

    /// Kills the watch while it opens the file for what it writes down.
    async fn killed_saving(&self) -> Instant {
        // Whoever opens a pipe waits for the other end.
        let fresh = self.before().with_extension("new");
        mknodat(CWD, &fresh, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        guest::give(&fresh).unwrap();
        let opened = tokio::task::spawn_blocking({
            let fresh = fresh.clone();
            move || File::open(fresh)
        });
        self.lose().await;
        let _reader = within("the watch to save", opened)
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        let killed = self.kill();
        fs::remove_file(&fresh).unwrap();
        killed
    }

    /// Loses the device, kills the watch at this point, and waits until it is kept again, or is as `before`. Answers how
    /// long that took since the kill.
    async fn play(&mut self, point: Point, before: &Snapshot) -> Duration {
        let services = self.scene.services();
        let network = services.network().puppet().clone();
        let login = services.login().puppet().clone();
        let systemd = services.systemd().puppet().clone();
        let killed = match point {
            Point::Look => {
                let killed = self.killed_waiting(&network, "GetAll", self.lose()).await;
                assert!(self.radios() == before.2 && !self.before().exists());
                killed
            }
            Point::Save => {
                let killed = self.killed_saving().await;
                assert_eq!(self.radios(), before.2, "nothing is changed that isn't on disk");
                killed
            }
            Point::Switch => {
                let killed = self.killed_waiting(&network, "Set", self.lose()).await;
                assert!(self.radios() == before.2 && self.before().exists());
                killed
            }
            Point::List | Point::End => {
                self.kept().await;
                let member = match point {
                    Point::List => "ListSessions",
                    _ => "TerminateSession",
                };
                let (calls, service) = (login.calls(member).len(), login);
                service.hang(member);
                self.log_in().await;
                service.called(member, calls + 1).await.unwrap();
                service.heal();
                self.kill()
            }
            Point::Target => {
                self.kept().await;
                let ends = async {
                    let ended = self.scene.services().systemd().ended("belay-lost.target");
                    ended.await.unwrap();
                    let job = ObjectPath::from_static_str_unchecked("/org/freedesktop/systemd1/job/7");
                    let body = (7_u32, job, "belay-lost.target", "done");
                    let at = ("/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager");
                    systemd.emit(at.0, at.1, "JobRemoved", &body).await.unwrap();
                };
                self.killed_waiting(&systemd, "StartUnit", ends).await
            }
            Point::PutBack => {
                self.kept().await;
                let app = app(&self.scene);
                let killed = self.killed_waiting(&network, "Set", unlock(&app)).await;
                assert!(self.before().exists());
                killed
            }
            Point::Seen => {
                self.kept().await;
                network.hang("GetAll");
                unlock(&app(&self.scene)).await;
                let back = async || (self.radios() == before.2).then_some(());
                until("the radios to be put back", back).await.unwrap();
                assert!(self.before().exists());
                network.heal();
                self.kill()
            }
            Point::Forget => {
                self.kept().await;
                unlock(&app(&self.scene)).await;
                let gone = async || (!self.before().exists()).then_some(());
                until("the watch to forget", gone).await.unwrap();
                self.kill()
            }
        };
        match point {
            Point::PutBack | Point::Seen | Point::Forget => self.units.until_watching(false).await.unwrap(),
            _ => self.is_kept().await,
        }
        killed.elapsed()
    }

    /// How long a program that does nothing takes now, at the least.
    async fn start_takes(&self) -> Duration {
        let mut shortest = Duration::MAX;
        for _ in 0..LOOKS {
            let begun = Instant::now();
            let (end, _) = self
                .scene
                .program("belay-watch", &["--version"])
                .output()
                .await
                .unwrap();
            assert!(end.success(), "{end}");
            shortest = shortest.min(begun.elapsed());
        }
        shortest
    }

    /// Radios on, nobody logged in, the lost screen's target up.
    async fn is_kept(&self) {
        let services = self.scene.services();
        services.network().until_radios_on().await.unwrap();
        let nobody = async || services.login().sessions().is_empty().then_some(());
        until("every session to end", nobody).await.unwrap();
        let lost = services.systemd().until_active("belay-lost.target", true);
        lost.await.unwrap();
    }
}

/// How long systemd waits before it starts the watch again, as the unit that is shipped says.
fn restart_wait() -> Duration {
    let unit = include_str!("../../../systemd/belay-watch.service");
    let said = unit.lines().find_map(|line| line.strip_prefix("RestartSec="));
    let said = said.unwrap();
    match said.strip_suffix("ms") {
        Some(ms) => Duration::from_millis(ms.parse().unwrap()),
        None => Duration::from_secs(said.parse().unwrap()),
    }
}

#[tokio::test]
async fn the_watch_killed_at_each_point_keeps_again_within_two_seconds_and_unlocking_undoes_everything() {
    let mut device = Device::new().await;
    let before = device.snapshot();
    assert_eq!(before.2, (true, false));
    for point in Point::ALL {
        let mut took = Vec::new();
        while took.iter().all(|took| *took >= SOON) {
            assert!(took.len() < TRIES, "{point:?}: {took:?}");
            let start = device.start_takes().await;
            let this = device.play(point, &before).await + restart_wait();
            let start = start.min(device.start_takes().await);
            took.push(this.saturating_sub(MOST_ADDED.min(STARTS * start)));
            if !matches!(point, Point::PutBack | Point::Seen | Point::Forget) {
                unlock(&app(&device.scene)).await;
                device.units.until_watching(false).await.unwrap();
            }
            let systemd = device.scene.services().systemd();
            systemd.until_active("default.target", true).await.unwrap();
            systemd.until_active("belay-lost.target", false).await.unwrap();
            assert_eq!(device.snapshot(), before, "{point:?}");
        }
    }
}
