//! The owner's commands through the whole system: posted to the cloud, carried out on the device, told back.

use belay_proto::signed::{Action, CommandState};
use belay_proto::{CommandId, wire::CommandLife};
use belay_tests::app::{ACCOUNT, App, DEVICE, Options, WARDEN, memfd};
use belay_tests::owner::Console;
use belay_tests::proxy::Trick;
use belay_tests::services::Systemd;
use belay_tests::until::within;
use futures_util::StreamExt;
use zbus::Fd;
use zbus::proxy::SignalStream;

use crate::owner::{ADA, PASSWORD, adas, app, state};
use crate::scene::Scene;

const MESSAGE: &str = "This phone is lost. Please call me.";
const PHONE: &str = "+4915112345678";

/// Ada's device with somebody logged in, and her console.
async fn console() -> (Scene, Console) {
    let scene = adas().await;
    scene.services().login().open("c1", 1000, "ada").await.unwrap();
    let console = Console::sign_in(&scene, ADA, PASSWORD).await.unwrap();
    (scene, console)
}

fn lock() -> Action {
    Action::Lock {
        message: MESSAGE.to_owned(),
        phone: PHONE.to_owned(),
    }
}

/// `CommandReceived` and `CommandFinished` from now on.
struct Signals(SignalStream<'static>);

impl Signals {
    async fn of(app: &App) -> Self {
        let proxy = zbus::Proxy::new(app.bus(), DEVICE.service, DEVICE.path, DEVICE.interface);
        Self(proxy.await.unwrap().receive_all_signals().await.unwrap())
    }

    /// Waits for the end of a command, and answers what was said of it on the way.
    async fn of_command(&mut self, id: CommandId) -> Vec<String> {
        let id = id.to_string();
        within("CommandFinished", async {
            let mut said = Vec::new();
            while let Some(signal) = self.0.next().await {
                let name = signal.header().member().unwrap().to_string();
                let words: Vec<String> = match name.as_str() {
                    "CommandReceived" => {
                        let (id, action) = signal.body().deserialize::<(String, String)>().unwrap();
                        vec![id, action]
                    }
                    "CommandFinished" => {
                        let (id, action, outcome) =
                            signal.body().deserialize::<(String, String, String)>().unwrap();
                        vec![id, action, outcome]
                    }
                    _ => continue,
                };
                if words[0] == id {
                    said.push(format!("{name} {}", words[1..].join(" ")));
                    if name == "CommandFinished" {
                        break;
                    }
                }
            }
            said
        })
        .await
        .unwrap()
    }
}

/// The states that the device's warden signed, in order.
fn signed_states(console: &Console, life: &CommandLife) -> Vec<CommandState> {
    let told = console.told(life).unwrap();
    assert!(
        told.is_sorted_by_key(|t| t.sequence),
        "outcomes come in the order they were signed"
    );
    told.iter().map(|t| t.state).collect()
}

async fn unlock(app: &App, password: &str) {
    let fd = Fd::from(memfd(password.as_bytes()).unwrap());
    app.call::<_, ()>(WARDEN, "Unlock", &(fd,))
        .await
        .unwrap()
        .unwrap();
}

fn started(systemd: &Systemd, unit: &str) -> bool {
    systemd
        .jobs()
        .iter()
        .any(|job| job.verb == "StartUnit" && job.unit == unit)
}

#[tokio::test]
async fn a_lock_reaches_the_device_and_everything_follows_until_the_owner_unlocks() {
    let (scene, console) = console().await;
    let app = app(&scene);
    let (mut device, mut signals) = (app.watch(DEVICE).await.unwrap(), Signals::of(&app).await);
    let id = console.send(&scene, lock()).await.unwrap();
    device.becomes("LockState", "lost").await.unwrap();
    let (_, life) = console.follow(&scene, id, CommandState::Done).await.unwrap();
    assert_eq!(
        signed_states(&console, &life),
        [CommandState::Running, CommandState::Done]
    );
    assert!(life.delivered_at.is_some());
    assert_eq!(
        signals.of_command(id).await,
        ["CommandReceived lock", "CommandFinished lock done"]
    );
    assert_eq!(app.text(WARDEN, "LockState").await.unwrap(), "lost");
    app.reads(DEVICE, "LostMessage", MESSAGE).await.unwrap();
    app.reads(DEVICE, "OwnerPhone", PHONE).await.unwrap();
    let (systemd, login) = (scene.services().systemd(), scene.services().login());
    assert_eq!(systemd.isolated(), ["belay-lost.target"]);
    assert_eq!(login.sessions(), []);
    systemd.until_active("belay-watch.service", true).await.unwrap();

    let id = console.send(&scene, Action::Unlock).await.unwrap();
    let (_, life) = console.follow(&scene, id, CommandState::Done).await.unwrap();
    assert_eq!(
        signed_states(&console, &life),
        [CommandState::Running, CommandState::Done]
    );
    assert_eq!(
        signals.of_command(id).await,
        ["CommandReceived unlock", "CommandFinished unlock done"]
    );
    device.becomes("LockState", "unlocked").await.unwrap();
    app.reads(DEVICE, "LostMessage", "").await.unwrap();
    app.reads(DEVICE, "OwnerPhone", "").await.unwrap();
    assert_eq!(systemd.isolated(), ["belay-lost.target", "default.target"]);
    assert_eq!(state(&scene).await, "bound");
}

#[tokio::test]
async fn the_password_unlocks_what_a_command_locked_with_or_without_a_network() {
    let (mut scene, console) = console().await;
    let app = app(&scene);
    let id = console.send(&scene, lock()).await.unwrap();
    console.follow(&scene, id, CommandState::Done).await.unwrap();
    scene.stop_cloud().await.unwrap();
    scene.reboot().await.unwrap();
    app.reads(DEVICE, "LockState", "lost").await.unwrap();
    let mut device = app.watch(DEVICE).await.unwrap();
    unlock(&app, PASSWORD).await;
    device.becomes("LockState", "unlocked").await.unwrap();
    let systemd = scene.services().systemd();
    systemd.until_active("default.target", true).await.unwrap();
}

#[tokio::test]
async fn a_command_waits_in_the_cloud_and_its_life_is_told_step_by_step() {
    let (mut scene, console) = console().await;
    scene.stop_belayd().await.unwrap();
    let id = console.send(&scene, lock()).await.unwrap();
    assert_eq!(console.life(&scene, id).await.unwrap().state, "queued");
    let again = console.list(&scene).await.unwrap();
    assert_eq!(again.iter().map(|life| life.id).collect::<Vec<_>>(), [id]);
    scene.start_belayd().await.unwrap();
    let (seen, life) = console.follow(&scene, id, CommandState::Done).await.unwrap();
    assert!(
        seen.starts_with(&[CommandState::Queued]) || seen.starts_with(&[CommandState::Delivered]),
        "{seen:?}"
    );
    assert_eq!(life.reason, "");
    app(&scene).reads(DEVICE, "LockState", "lost").await.unwrap();
}

#[tokio::test]
async fn a_message_is_shown_while_lost_and_only_then() {
    let (scene, console) = console().await;
    let app = app(&scene);
    let mut signals = Signals::of(&app).await;
    let text = || Action::Message {
        text: "It is in the café".to_owned(),
    };
    let id = console.send(&scene, text()).await.unwrap();
    let (_, life) = console.follow(&scene, id, CommandState::Refused).await.unwrap();
    assert_eq!(life.reason, "unsupported");
    assert_eq!(
        signals.of_command(id).await,
        ["CommandFinished message unsupported"]
    );

    let id = console.send(&scene, lock()).await.unwrap();
    console.follow(&scene, id, CommandState::Done).await.unwrap();
    let mut device = app.watch(DEVICE).await.unwrap();
    let id = console.send(&scene, text()).await.unwrap();
    console.follow(&scene, id, CommandState::Done).await.unwrap();
    device.becomes("LostMessage", "It is in the café").await.unwrap();
    app.reads(DEVICE, "OwnerPhone", PHONE).await.unwrap();
}

#[tokio::test]
async fn a_sign_out_by_command_frees_the_device_and_the_release_reaches_the_cloud() {
    let (scene, console) = console().await;
    let app = app(&scene);
    let (mut account, mut warden) = (
        app.watch(ACCOUNT).await.unwrap(),
        app.watch(WARDEN).await.unwrap(),
    );
    let id = console.send(&scene, Action::SignOut).await.unwrap();
    warden.becomes("BindingState", "unbound").await.unwrap();
    account.becomes("State", "unbound").await.unwrap();
    let (_, life) = console.follow(&scene, id, CommandState::Done).await.unwrap();
    assert_eq!(signed_states(&console, &life).last(), Some(&CommandState::Done));
    scene
        .network()
        .seen("the release", |e| e.path == "/v1/releases" && e.status == 204)
        .await
        .unwrap();
    let free: String = app
        .call(ACCOUNT, "CheckActivation", &(Options::new(),))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(free, "free");
}

#[tokio::test]
async fn a_sign_out_by_command_is_told_though_belayd_is_killed_before_its_last_word_is_out() {
    for trick in [Trick::Hang, Trick::LoseAnswer] {
        let (mut scene, console) = console().await;
        scene.clock().run(20).unwrap();
        scene.network().plan("/v1/outcomes", 50, &trick);
        let id = console.send(&scene, Action::SignOut).await.unwrap();
        scene.network().played("/v1/outcomes").await.unwrap();
        scene.kill_belayd().await.unwrap();
        scene.network().behave();
        scene.start_belayd().await.unwrap();
        let (_, life) = console.follow(&scene, id, CommandState::Done).await.unwrap();
        let states = signed_states(&console, &life);
        assert_eq!(
            states.iter().filter(|state| state.is_final()).count(),
            1,
            "{states:?}"
        );
        let app = app(&scene);
        assert_eq!(app.text(WARDEN, "BindingState").await.unwrap(), "unbound");
        scene
            .network()
            .seen("the release", |e| e.path == "/v1/releases" && e.status == 204)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_cancel_reaches_what_was_not_judged_yet_and_comes_too_late_for_the_rest() {
    let (mut scene, console) = console().await;
    let id = console.send(&scene, lock()).await.unwrap();
    console.follow(&scene, id, CommandState::Done).await.unwrap();
    let late = console.send(&scene, Action::Cancel { id }).await.unwrap();
    let (_, life) = console.follow(&scene, late, CommandState::Failed).await.unwrap();
    assert_eq!(life.reason, "too-late");

    // Marked before it is seen: the owner cancels first, and the network reorders.
    scene.stop_belayd().await.unwrap();
    let (never, envelope) = console.owner().signed(Action::Locate);
    let cancel = console.send(&scene, Action::Cancel { id: never }).await.unwrap();
    let reply = console.post(&scene, &envelope).await.unwrap();
    assert_eq!(reply.status, 202, "{}", reply.problem());
    scene.start_belayd().await.unwrap();
    console.follow(&scene, cancel, CommandState::Done).await.unwrap();
    let (_, life) = console
        .follow(&scene, never, CommandState::Refused)
        .await
        .unwrap();
    assert_eq!(life.reason, "cancelled");
}

#[tokio::test]
async fn a_system_that_does_not_follow_defers_the_lock_and_the_owner_is_told_until_it_holds() {
    let (scene, console) = console().await;
    let login = scene.services().login().puppet();
    login.refuse("TerminateSession", "org.freedesktop.DBus.Error.Failed");
    let id = console.send(&scene, lock()).await.unwrap();
    let (_, life) = console.follow(&scene, id, CommandState::Deferred).await.unwrap();
    assert_eq!(life.reason, "sessions-not-ended");
    assert!(life.retry_ms > 0);
    app(&scene).reads(DEVICE, "LockState", "lost").await.unwrap();
    login.heal();
    scene.clock().run(20).unwrap();
    console.follow(&scene, id, CommandState::Done).await.unwrap();
    assert_eq!(scene.services().login().sessions(), []);
    assert!(started(scene.services().systemd(), "belay-lost.target"));
}
