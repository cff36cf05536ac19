//! Lost mode from outside: what a process of the session's user tries, and what is left of it all once unlocked.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use belay_proto::signed::{Action, CommandState};
use belay_tests::app::{ACCOUNT, App, DEVICE, MANAGER, Object, Refusal, WARDEN, memfd};
use belay_tests::owner::Console;
use belay_tests::stage::Units;
use belay_tests::until::until;
use belay_tests::{contract, guest};
use zbus::wire::StructureBuilder;
use zbus::{Fd, Variant};

use crate::owner::{ADA, PASSWORD, adas, app};
use crate::scene::{Scene, skipped};
use crate::xml;

/// What a stage writes all the time, or what Belay keeps of itself.
const OWN: [&str; 9] = [
    "logs",
    "cloud",
    "outbox",
    "belayd",
    "warden",
    "warden-run",
    "clock",
    "cloud-clock",
    "bus.sock",
];

/// Ada's device with her session, the real watch, and her console.
pub async fn console() -> (Scene, Console, Units) {
    let scene = adas().await;
    let units = scene.install_units().unwrap();
    let login = scene.services().login();
    login.open("c1", guest::person(), "ada").await.unwrap();
    let console = Console::sign_in(&scene, ADA, PASSWORD).await.unwrap();
    (scene, console, units)
}

/// Locked by its owner, with everything following.
pub async fn lose(scene: &Scene, console: &Console, units: &Units) {
    let action = Action::Lock {
        message: "Please call".to_owned(),
        phone: String::new(),
    };
    let id = console.send(scene, action).await.unwrap();
    console.follow(scene, id, CommandState::Done).await.unwrap();
    units.until_watching(true).await.unwrap();
}

pub async fn unlock(app: &App) {
    let fd = Fd::from(memfd(PASSWORD.as_bytes()).unwrap());
    app.call::<_, ()>(WARDEN, "Unlock", &(fd,))
        .await
        .unwrap()
        .unwrap();
}

async fn is_still_lost(scene: &Scene, after: &str) {
    let lock = app(scene).text(WARDEN, "LockState").await.unwrap();
    assert_eq!(lock, "lost", "after {after}");
}

async fn nobody_is_logged_in(scene: &Scene) {
    let login = scene.services().login();
    until("every session to end", async || {
        login.sessions().is_empty().then_some(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn the_sessions_user_neither_unlocks_nor_hints_nor_logs_in_again() {
    let (scene, console, units) = console().await;
    lose(&scene, &console, &units).await;
    let login = scene.services().login();
    nobody_is_logged_in(&scene).await;
    let call = async |path: &str, interface: &str, member: &str, body: Option<&str>| {
        let (bus, service) = (scene.person(), Some("org.freedesktop.login1"));
        match body {
            Some(id) => {
                bus.call_method(service, path, Some(interface), member, &(id,))
                    .await
            }
            None => {
                bus.call_method(service, path, Some(interface), member, &(false,))
                    .await
            }
        }
    };
    let manager = "org.freedesktop.login1.Manager";
    let session = "org.freedesktop.login1.Session";
    let at = "/org/freedesktop/login1";
    assert!(call(at, manager, "UnlockSession", Some("c1")).await.is_err());
    let own = format!("{at}/session/c1");
    assert!(call(&own, session, "SetLockedHint", None).await.is_err());
    is_still_lost(&scene, "the session's own calls").await;

    // A session that comes up all the same, unlocked and saying so, ends.
    for n in 2..5 {
        let id = format!("c{n}");
        login.open(&id, guest::person(), "ada").await.unwrap();
        let _too_late = call(at, manager, "UnlockSession", Some(&id)).await;
        let _too_late = call(&format!("{at}/session/{id}"), session, "SetLockedHint", None).await;
        nobody_is_logged_in(&scene).await;
        is_still_lost(&scene, "a new session").await;
    }
}

#[tokio::test]
async fn radios_that_the_user_switches_off_come_back_also_after_a_restart_of_their_manager() {
    let (scene, console, units) = console().await;
    lose(&scene, &console, &units).await;
    let network = scene.services().network();
    for _ in 0..3 {
        network.radio_off().await.unwrap();
        network.until_radios_on().await.unwrap();
    }
    network.puppet().leave().await.unwrap();
    network.radio_off().await.unwrap();
    network.puppet().come_back().await.unwrap();
    network.until_radios_on().await.unwrap();
    is_still_lost(&scene, "the radios").await;
}

#[tokio::test]
async fn the_user_may_kill_none_of_the_programs_nor_take_their_names() {
    let (scene, console, units) = console().await;
    lose(&scene, &console, &units).await;
    for name in ["org.belay1", "org.belay1.Warden"] {
        let taken = scene.person().request_name(name).await;
        assert!(taken.is_err(), "{name}");
    }
    if !guest::is_root() {
        skipped("one user is everybody: only root can be another who kills");
        return;
    }
    let watch = units.watch().unwrap();
    let belayd = scene.owner("org.belay1").await.unwrap().unwrap();
    let mut pids = vec![("belayd", belayd), ("belay-watch", watch)];
    pids.extend(
        scene
            .owner("org.belay1.Warden")
            .await
            .unwrap()
            .map(|pid| ("belay-warden", pid)),
    );
    for (name, pid) in pids {
        assert!(!guest::may_kill(guest::person(), pid).unwrap(), "{name}");
    }
    assert_eq!(scene.owner("org.belay1").await.unwrap(), Some(belayd));
    assert_eq!(units.watch(), Some(watch));
}

/// An argument of this type that means nothing to anybody.
fn argument(signature: &str) -> Variant<'static> {
    let fd = || Fd::from(memfd(b"not-the-password-1").unwrap());
    match signature {
        "s" => "00000000000000000000000000000000".into(),
        "b" => true.into(),
        "t" => 0_u64.into(),
        "u" => 0_u32.into(),
        "ay" => Variant::from(vec![1_u8, 2, 3]),
        "h" => fd().into(),
        "a{sv}" => Variant::from(HashMap::<String, Variant<'static>>::new()),
        "a{sh}" => Variant::from(HashMap::from([("password".to_owned(), fd())])),
        other => panic!("an argument of type {other:?}"),
    }
}

/// The methods that the object introspects, with the types of what they take.
async fn methods(app: &App, object: Object) -> Vec<(String, Vec<String>)> {
    let members = xml::members(&app.introspect(object).await.unwrap(), object.interface);
    let prefix = format!("{} method ", object.interface);
    let lines = members.iter().filter_map(|line| line.strip_prefix(&prefix));
    let parts = lines.map(|line| {
        let (name, rest) = line.split_once(' ').unwrap();
        let inputs = rest.split_once(" → ").unwrap().0;
        let inputs = inputs.trim_start_matches('(').trim_end_matches(')');
        let arguments = inputs.split(", ").filter(|argument| !argument.is_empty());
        let types = arguments.map(|argument| argument.split_once(' ').unwrap().1.to_owned());
        (name.to_owned(), types.collect())
    });
    parts.collect()
}

#[tokio::test]
async fn every_method_of_belay_fails_for_the_user_but_stopping_the_noise() {
    let (scene, console, units) = console().await;
    lose(&scene, &console, &units).await;
    let app = app(&scene);
    let mut tried = Vec::new();
    for object in [MANAGER, ACCOUNT, DEVICE, WARDEN] {
        for (member, types) in methods(&app, object).await {
            let mut body = StructureBuilder::new();
            types.iter().for_each(|t| body.push_value(argument(t)));
            let (service, interface) = (Some(object.service), Some(object.interface));
            let (path, bus) = (object.path, app.bus());
            let answer = match types.is_empty() {
                true => {
                    bus.call_method(service, path, interface, member.as_str(), &())
                        .await
                }
                false => {
                    let body = body.build().unwrap();
                    bus.call_method(service, path, interface, member.as_str(), &body)
                        .await
                }
            };
            let name = format!("{}.{member}", object.interface);
            match answer.map(drop).map_err(Refusal::from_bus) {
                Ok(()) => assert_eq!(member, "StopRinging", "{name} worked"),
                Err(Ok(refusal)) => contract::judge(object, &member, &refusal).unwrap(),
                Err(Err(other)) => panic!("{name}: {other}"),
            }
            is_still_lost(&scene, &name).await;
            tried.push(name);
        }
    }
    assert!(tried.len() > 30, "{tried:?}");
    assert_eq!(app.text(WARDEN, "BindingState").await.unwrap(), "bound");
    assert_eq!(scene.services().network().radios(), (true, true));
    nobody_is_logged_in(&scene).await;
}

/// Each file below `folder` with what is in it, but for what is Belay's own.
pub fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().to_string_lossy().into_owned();
            if next == folder && OWN.iter().any(|own| name.trim_end_matches(".new") == *own) {
                continue;
            }
            let kind = entry.file_type().unwrap();
            let path = entry.path();
            if kind.is_dir() {
                found.insert(path.display().to_string(), Vec::new());
                folders.push(path);
            } else if kind.is_file() {
                found.insert(path.display().to_string(), std::fs::read(&path).unwrap());
            }
        }
    }
    found
}

#[tokio::test]
async fn unlocked_files_units_and_radios_are_as_they_were() {
    let (scene, console, units) = console().await;
    let (network, systemd) = (scene.services().network(), scene.services().systemd());
    // Wi-Fi on and the mobile network off: not what lost mode wants.
    let wwan = (
        "org.freedesktop.NetworkManager",
        "/org/freedesktop/NetworkManager",
    );
    network
        .puppet()
        .set(wwan.1, wwan.0, "WwanEnabled", false)
        .await
        .unwrap();
    let snapshot = || (files(scene.place().path()), systemd.active(), network.radios());
    let before = snapshot();
    assert_eq!(before.2, (true, false));
    for by_password in [true, false] {
        lose(&scene, &console, &units).await;
        network.until_radios_on().await.unwrap();
        assert_ne!(snapshot(), before);
        if by_password {
            unlock(&app(&scene)).await;
        } else {
            let id = console.send(&scene, Action::Unlock).await.unwrap();
            console.follow(&scene, id, CommandState::Done).await.unwrap();
        }
        units.until_watching(false).await.unwrap();
        systemd.until_active("default.target", true).await.unwrap();
        systemd.until_active("belay-lost.target", false).await.unwrap();
        let after = snapshot();
        assert_eq!(
            after.0.keys().collect::<Vec<_>>(),
            before.0.keys().collect::<Vec<_>>()
        );
        assert_eq!(after, before);
    }
}
