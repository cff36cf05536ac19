//! The warden's way to systemd and logind: what it asks, and what it makes of the answers.

use std::fs;
use std::time::Duration;

use belay_proto::CommandId;
use belay_tests::services::Services;
use belay_tests::{Surprise, guest};
use belay_warden::enforce::systemd::{Patience, Systemd};
use belay_warden::enforce::{EnforceError, Enforcer as _, Job};
use tempfile::TempDir;
use tokio::sync::watch;

use crate::scene::Scene;

const LOST: &str = "belay-lost.target";
const WIPE: &str = "belay-wipe.service";
const PREPARE: &str = "belay-wipe-prepare.service";
const ADAS: &str = "user-1000.slice";

/// A device's services and the warden's adapter to them, without the warden.
struct System {
    adapter: Systemd,
    journal: TempDir,
    scene: Scene,
}

impl System {
    async fn new() -> Self {
        let scene = Scene::empty().await;
        let journal = tempfile::tempdir().unwrap();
        let user = guest::programs().unwrap_or_else(guest::person);
        let connection = guest::connect(scene.bus().socket(), user).await.unwrap();
        let folder = journal.path().to_owned();
        Self {
            adapter: Systemd::new(connection, "belay-screen".to_owned(), folder),
            journal,
            scene,
        }
    }

    fn services(&self) -> &Services {
        self.scene.services()
    }

    /// Ada is logged in twice, and the lost screen has its session.
    async fn with_sessions(self) -> Self {
        let login = self.services().login();
        login.open("1", 1000, "ada").await.unwrap();
        login.open("2", 1000, "ada").await.unwrap();
        login.open("c1", 971, "belay-screen").await.unwrap();
        self
    }

    fn users(&self) -> Vec<String> {
        let sessions = self.services().login().sessions();
        sessions.into_iter().map(|session| session.user).collect()
    }

    /// Has `unit` fail whenever it is started.
    fn fails(&self, unit: &str) {
        let fail = || -> belay_tests::Outcome { Err(Surprise::new("the unit fails")) };
        self.services()
            .systemd()
            .on_start(unit, move || Box::pin(async move { fail() }));
    }
}

fn reason(answer: Result<(), EnforceError>) -> String {
    match answer {
        Ok(()) => "done".to_owned(),
        Err(EnforceError::Refused(reason)) => format!("refused {reason}"),
        Err(EnforceError::Failed { reason, .. }) => reason.to_owned(),
    }
}

#[tokio::test]
async fn going_lost_and_back_stops_neither_the_warden_nor_the_watch_nor_a_wipe() {
    let system = System::new().await;
    let systemd = system.services().systemd();
    let stay = ["belay-warden.service", "belay-watch.service", WIPE];
    for unit in stay.into_iter().chain(["display-manager.service"]) {
        systemd.runs(unit).await.unwrap();
    }
    for job in [Job::Lost, Job::Unlock] {
        assert_eq!(system.adapter.enforce(job).await, Ok(()));
        for unit in stay {
            assert!(systemd.is_active(unit), "{unit}");
        }
        assert!(!systemd.is_active("display-manager.service"));
    }
}

#[tokio::test]
async fn the_lost_target_is_isolated_and_every_session_but_the_lost_screens_ends() {
    let system = System::new().await.with_sessions().await;
    assert_eq!(system.adapter.enforce(Job::Lost).await, Ok(()));
    assert_eq!(system.services().systemd().isolated(), [LOST]);
    assert_eq!(system.users(), ["belay-screen"]);
    assert_eq!(system.adapter.enforce(Job::Unlock).await, Ok(()));
    assert_eq!(system.services().systemd().isolated(), [LOST, "default.target"]);
    assert_eq!(system.adapter.enforce(Job::Watch).await, Ok(()));
    assert!(system.services().systemd().is_active("belay-watch.service"));
}

#[tokio::test]
async fn sessions_end_even_where_the_lost_target_fails_and_it_is_not_called_done() {
    let system = System::new().await.with_sessions().await;
    system.fails(LOST);
    assert_eq!(reason(system.adapter.enforce(Job::Lost).await), "unit-failed");
    assert_eq!(system.users(), ["belay-screen"]);
}

#[tokio::test]
async fn sessions_end_at_once_where_the_lost_target_takes_for_ever() {
    let system = System::new().await.with_sessions().await;
    system.services().systemd().puppet().hang("StartUnit");
    let login = system.services().login().puppet();
    tokio::select! {
        answer = system.adapter.enforce(Job::Lost) => panic!("{answer:?}"),
        ended = login.called("TerminateSession", 2) => drop(ended.unwrap()),
    }
}

#[tokio::test]
async fn a_session_that_cannot_be_ended_keeps_no_other_one_open() {
    let system = System::new().await.with_sessions().await;
    let login = system.services().login().puppet();
    login.refuse("TerminateSession", "org.freedesktop.DBus.Error.Failed");
    let answer = system.adapter.enforce(Job::Lost).await;
    assert_eq!(reason(answer), "sessions-not-ended");
    let asked: std::collections::BTreeSet<String> = login
        .calls("TerminateSession")
        .iter()
        .map(|call| format!("{:?}", call.arguments))
        .collect();
    assert_eq!(asked.len(), 2, "{asked:?}");
    login.heal();
    login.refuse("TerminateSession", "org.freedesktop.login1.NoSuchSession");
    assert_eq!(
        system.adapter.enforce(Job::Lost).await,
        Ok(()),
        "gone by themselves"
    );
}

#[tokio::test]
async fn a_login_manager_or_systemd_that_is_gone_is_no_success() {
    let system = System::new().await.with_sessions().await;
    system.services().login().puppet().leave().await.unwrap();
    assert_eq!(
        reason(system.adapter.enforce(Job::Lost).await),
        "sessions-not-ended"
    );
    system.services().systemd().puppet().leave().await.unwrap();
    assert_eq!(
        reason(system.adapter.enforce(Job::Unlock).await),
        "unit-not-started"
    );
    system.services().systemd().puppet().come_back().await.unwrap();
    assert_eq!(system.adapter.enforce(Job::Unlock).await, Ok(()));
}

#[tokio::test]
async fn preparing_a_wipe_ends_no_session_and_isolates_nothing() {
    let system = System::new().await.with_sessions().await;
    let id = CommandId::new();
    assert_eq!(system.adapter.enforce(Job::Prepare(id)).await, Ok(()));
    system.fails(PREPARE);
    let why = serde_json::json!({"command": id.to_string(), "reason": "root-busy", "detail": ""});
    fs::write(system.journal.path().join("refused"), why.to_string()).unwrap();
    let refused = reason(system.adapter.enforce(Job::Prepare(id)).await);
    assert_eq!(refused, "refused root-busy");
    assert_eq!(system.users(), ["ada", "ada", "belay-screen"]);
    let jobs = system.services().systemd().jobs();
    assert!(jobs.iter().all(|job| job.unit == PREPARE), "{jobs:?}");
}

#[tokio::test]
async fn a_wipe_begins_only_once_the_sessions_and_belayd_have_ended() {
    let system = System::new().await.with_sessions().await;
    let systemd = system.services().systemd();
    // The sessions are closed, and what ran in them takes its time.
    let (end, ends) = watch::channel(false);
    systemd.on_stop(ADAS, move || {
        let mut ends = ends.clone();
        Box::pin(async move {
            let ended = ends.wait_for(|ended| *ended).await;
            ended.map(drop).map_err(|_| Surprise::new("the test is over"))
        })
    });
    let is_begun = || systemd.jobs().iter().any(|job| job.unit == WIPE);
    let world = async {
        systemd.puppet().called("StopUnit", 2).await.unwrap();
        assert!(!is_begun() && system.users() == ["belay-screen"]);
        end.send_replace(true);
    };
    let (wiped, ()) = tokio::join!(system.adapter.enforce(Job::Wipe(CommandId::new())), world);
    assert_eq!(wiped, Ok(()));
    let jobs: Vec<String> = systemd.jobs().into_iter().map(|job| job.unit).collect();
    assert_eq!(jobs, [LOST, ADAS, "belayd.service", WIPE]);
}

/// Waits for nobody longer than what does answer takes on a busy machine: a few messages one after the other.
fn impatient() -> Patience {
    let moment = Duration::from_secs(2);
    Patience {
        ends: moment,
        dies: moment,
    }
}

#[tokio::test]
async fn who_logs_in_while_the_others_are_logged_out_keeps_nothing_running_either() {
    let system = System::new().await.with_sessions().await;
    let adapter = system.adapter.patient(impatient());
    let services = system.scene.services();
    let systemd = services.systemd();
    systemd.puppet().hang("StartUnit");
    let eve = async {
        systemd.puppet().called("StartUnit", 1).await.unwrap();
        services.login().puppet().called("ListSessions", 1).await.unwrap();
        services.login().open("3", 1001, "eve").await.unwrap();
        systemd.puppet().heal();
    };
    let (wiped, ()) = tokio::join!(adapter.enforce(Job::Wipe(CommandId::new())), eve);
    assert_eq!(wiped, Ok(()));
    let jobs: Vec<String> = systemd.jobs().into_iter().map(|job| job.unit).collect();
    assert_eq!(jobs, [ADAS, "user-1001.slice", "belayd.service", WIPE]);
}

#[tokio::test]
async fn what_does_not_end_is_killed_and_saves_no_key() {
    let system = System::new().await.with_sessions().await;
    let adapter = system.adapter.patient(impatient());
    let systemd = system.scene.services().systemd();
    systemd.on_stop(ADAS, || Box::pin(std::future::pending()));
    assert_eq!(adapter.enforce(Job::Wipe(CommandId::new())).await, Ok(()));
    let killed = systemd.puppet().calls("KillUnit");
    assert_eq!(killed.len(), 1);
    assert_eq!(killed[0].arguments[0], zbus::Variant::from(ADAS));
    // A login manager that answers nothing keeps none either.
    system.scene.services().login().puppet().hang("ListUsers");
    system.scene.services().login().puppet().hang("ListSessions");
    assert_eq!(adapter.enforce(Job::Wipe(CommandId::new())).await, Ok(()));
}

#[tokio::test]
async fn a_wipe_that_fails_is_refused_only_where_it_says_so_of_this_command() {
    let system = System::new().await;
    let id = CommandId::new();
    assert_eq!(system.adapter.enforce(Job::Wipe(id)).await, Ok(()));
    system.fails(WIPE);
    let asked = async || reason(system.adapter.enforce(Job::Wipe(id)).await);
    assert_eq!(asked().await, "unit-failed");
    let refused = |command: CommandId| {
        let why = serde_json::json!({"command": command.to_string(), "reason": "root-busy", "detail": ""});
        fs::write(system.journal.path().join("refused"), why.to_string()).unwrap();
    };
    refused(CommandId::new());
    assert_eq!(asked().await, "unit-failed");
    refused(id);
    assert_eq!(asked().await, "refused root-busy");
}
