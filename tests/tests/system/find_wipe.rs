//! A wipe through the real belay-wipe, as the simulated systemd starts it.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use belay_proto::CommandId;
use belay_proto::signed::{Action, CommandState};
use belay_tests::app::{App, DEVICE, WARDEN};
use belay_tests::guest;
use belay_tests::owner::{Belayd, Console};
use belay_tests::stage::Units;
use belay_tests::until::until;
use tempfile::TempDir;

use crate::owner::{ADA, PASSWORD, app, registered};
use crate::scene::{Scene, plan};

/// A device that can be wiped, of files.
struct Wipeable {
    scene: Scene,
    console: Console,
    _units: Units,
    /// What is wiped, and the journal beside it. Not in the stage's folder, which may lie in memory: a journal there
    /// is refused.
    area: TempDir,
}

fn wipe() -> Action {
    Action::Wipe {
        external: false,
        keep_esim: false,
    }
}

impl Wipeable {
    async fn new() -> Self {
        let area = tempfile::tempdir_in("/var/tmp").unwrap();
        let here = area.path().display().to_string();
        for folder in ["", "home", "home/ada", "journal"] {
            let folder = area.path().join(folder);
            fs::create_dir_all(&folder).unwrap();
            guest::give(&folder).unwrap();
        }
        let letter = area.path().join("home/ada/letter");
        fs::write(&letter, "private").unwrap();
        guest::give(&letter).unwrap();
        let mut plan = plan();
        let exe = belay_tests::place::executable(&plan.exe).unwrap();
        plan.more = format!(
            "[warden.exec]\nwipe-class = [{:?}, \"role\", \"belay-wipe\", \"--class\", \"--config\", \"{here}/wipe.toml\"]\n",
            exe.display().to_string()
        );
        plan.wipe_journal = Some(area.path().join("journal"));
        let intent = |scene: &Scene| scene.place().at("warden/wipe-intent").display().to_string();
        // The plan names the intent, whose place is known once there is a stage.
        let mut scene = Scene::of_empty(plan).await;
        let text = format!(
            "[journal]\npath = \"{here}/journal\"\n[intent]\npath = \"{}\"\n[data]\nplaces = [\"{here}/home\"]\n\
             [[step]]\nkind = \"overwrite\"\npath = \"{here}/home\"\n\
             [[step]]\nkind = \"remove\"\npaths = [\"{here}/home\"]\n\
             [[step]]\nkind = \"power-off\"\nmethod = \"exec\"\ncommand = [\"/usr/bin/touch\", \"{here}/power-is-off\"]\n",
            intent(&scene)
        );
        for file in [area.path().join("wipe.toml"), scene.place().at("wipe.toml")] {
            fs::write(&file, &text).unwrap();
            guest::give(&file).unwrap();
        }
        scene.start_everything().await.unwrap();
        registered(&scene, ADA, PASSWORD).await;
        let console = Console::sign_in(&scene, ADA, PASSWORD).await.unwrap();
        let units = scene.install_units().unwrap();
        Self {
            scene,
            console,
            _units: units,
            area,
        }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.area.path().join(name)
    }

    /// Waits for the last step of the plan. The service itself may have come and gone before anybody looks.
    async fn is_off(&self) {
        let off = async || self.at("power-is-off").exists().then_some(());
        until("the power to go off", off).await.unwrap();
    }

    fn app(&self) -> App {
        app(&self.scene)
    }

    /// Ada logs in.
    async fn log_in(&self) {
        let login = self.scene.services().login();
        login.open("c1", guest::person(), "ada").await.unwrap();
    }

    /// Whether she still is, and nothing that ran for her was stopped.
    fn is_logged_in(&self) -> bool {
        let services = self.scene.services();
        !services.login().sessions().is_empty() && services.systemd().isolated().is_empty()
    }

    /// What was asked of systemd for the wipe, in order.
    fn steps(&self) -> Vec<String> {
        let jobs = self.scene.services().systemd().jobs().into_iter();
        let others = jobs.filter(|job| job.unit != "belay-watch.service");
        others.map(|job| format!("{} {}", job.verb, job.unit)).collect()
    }

    fn wipes(&self) -> usize {
        let jobs = self.scene.services().systemd().jobs();
        jobs.iter().filter(|job| job.unit == "belay-wipe.service").count()
    }

    async fn send(&self, action: Action) -> CommandId {
        self.console.send(&self.scene, action).await.unwrap()
    }
}

#[tokio::test]
async fn the_class_is_shown_before_and_the_owner_hears_that_it_runs_before_it_does() {
    let device = Wipeable::new().await;
    let app = device.app();
    assert_eq!(app.text(DEVICE, "WipeClass").await.unwrap(), "overwrite");
    assert_eq!(device.console.owner().device().wipe_class, "overwrite");
    device.log_in().await;
    let id = device.send(wipe()).await;
    let (_, life) = device
        .console
        .follow(&device.scene, id, CommandState::Running)
        .await
        .unwrap();
    assert_eq!((life.step, life.steps), (1, 2));
    device.is_off().await;
    assert!(!device.at("home").exists() && device.at("power-is-off").exists());
    let tombstone: serde_json::Value =
        serde_json::from_slice(&fs::read(device.at("journal/tombstone")).unwrap()).unwrap();
    assert_eq!(tombstone["state"], "wiped");
    assert_eq!(tombstone["command"], id.to_string());
    assert_eq!(device.wipes(), 1);
    assert!(device.scene.services().login().sessions().is_empty());
    let slice = format!("StopUnit user-{}.slice", guest::person());
    let steps = [
        "StartUnit belay-wipe-prepare.service",
        "StartUnit belay-lost.target",
        &slice,
        "StopUnit belayd.service",
        "StartUnit belay-wipe.service",
    ];
    assert_eq!(device.steps(), steps);
    // The binding outlives it, and nobody is told that a wipe ended.
    assert_eq!(app.text(WARDEN, "BindingState").await.unwrap(), "bound");
    let lock = app.text(WARDEN, "LockState").await.unwrap();
    assert!(["wiping", "wiped"].contains(&lock.as_str()), "{lock}");
}

#[tokio::test]
async fn until_it_begins_the_owner_calls_it_off() {
    let mut device = Wipeable::new().await;
    device.log_in().await;
    // Held by belayd's silence: nobody has fetched the news of it yet.
    let belayd = Belayd::taken(&mut device.scene).await.unwrap();
    let owner = device.console.owner();
    belayd.report(owner).await.unwrap();
    let (id, wipes) = owner.signed(wipe());
    assert_eq!(belayd.command(&wipes).await.unwrap(), "accepted");
    assert_eq!(
        app(&device.scene).text(WARDEN, "LockState").await.unwrap(),
        "wiping"
    );
    let (off, cancels) = owner.signed(Action::Cancel { id });
    assert_eq!(belayd.command(&cancels).await.unwrap(), "accepted");
    let told = belayd.until(owner, id, CommandState::Failed).await.unwrap();
    assert_eq!(told.reason, "cancelled");
    belayd.until(owner, off, CommandState::Done).await.unwrap();
    assert_eq!(
        app(&device.scene).text(WARDEN, "LockState").await.unwrap(),
        "unlocked"
    );
    device.scene.clock().advance(Duration::from_secs(60)).unwrap();
    assert_eq!(belayd.command(&wipes).await.unwrap(), "replayed");
    assert_eq!(device.wipes(), 0);
    assert_eq!(fs::read(device.at("home/ada/letter")).unwrap(), b"private");
    assert!(device.is_logged_in(), "called off, it costs nobody anything");

    // Nobody fetches the next one's news either; after 10 s it begins all the same.
    let (id, wipes) = owner.signed(wipe());
    assert_eq!(belayd.command(&wipes).await.unwrap(), "accepted");
    belayd.until(owner, id, CommandState::Running).await.unwrap();
    assert_eq!(device.wipes(), 0);
    device.scene.clock().advance(Duration::from_secs(11)).unwrap();
    device.is_off().await;
    assert!(!device.at("home").exists());
    let (_, too_late) = owner.signed(Action::Cancel { id });
    assert_eq!(belayd.command(&too_late).await.unwrap(), "accepted");
    assert_ne!(
        app(&device.scene).text(WARDEN, "LockState").await.unwrap(),
        "unlocked"
    );
}

#[tokio::test]
async fn a_refused_preflight_changes_nothing_and_the_owner_is_told_why() {
    let device = Wipeable::new().await;
    device.log_in().await;
    // Something of the plan isn't there any more.
    let home = device.at("home");
    fs::rename(&home, device.at("elsewhere")).unwrap();
    let id = device.send(wipe()).await;
    let (_, life) = device
        .console
        .follow(&device.scene, id, CommandState::Failed)
        .await
        .unwrap();
    assert_eq!(life.reason, "missing");
    assert_eq!(device.app().text(WARDEN, "LockState").await.unwrap(), "unlocked");
    assert_eq!(fs::read(device.at("elsewhere/ada/letter")).unwrap(), b"private");
    assert!(!device.at("journal/tombstone").exists() && !device.at("power-is-off").exists());
    assert!(!device.scene.place().at("warden/wipe-intent").exists());
    assert!(device.is_logged_in(), "refused, it costs nobody anything");
    assert_eq!(device.steps(), ["StartUnit belay-wipe-prepare.service"]);

    // Repaired, and asked again: now it is done.
    fs::rename(device.at("elsewhere"), &home).unwrap();
    let id = device.send(wipe()).await;
    device
        .console
        .follow(&device.scene, id, CommandState::Running)
        .await
        .unwrap();
    device.is_off().await;
    assert!(!home.exists());
}
