//! Coming and going: the warden leaves when it has nothing to do, the playground stays when told to.

use std::path::Path;

use belay_tests::app::WARDEN;
use belay_tests::process::{Program, signal};
use belay_tests::until::until;
use rustix::process::Signal;

use crate::owner::{ADA, PASSWORD, adas, app, registering, state};
use crate::scene::{PACE, scene};

#[tokio::test]
async fn the_warden_leaves_after_a_while_with_nothing_to_do_and_comes_back_when_called() {
    let scene = adas().await;
    scene.clock().run(20).unwrap();
    let left = until("the warden to leave", async || {
        let owner = scene.owner("org.belay1.Warden").await.unwrap();
        owner.is_none().then_some(())
    });
    left.await.unwrap();
    assert_eq!(state(&scene).await, "bound", "belayd knows without it");
    assert!(
        scene.owner("org.belay1.Warden").await.unwrap().is_none(),
        "and doesn't wake it"
    );
    assert_eq!(app(&scene).text(WARDEN, "BindingState").await.unwrap(), "bound");
    scene.clock().run(PACE).unwrap();
    app(&scene).sign_out(PASSWORD).await.unwrap().unwrap();
}

#[tokio::test]
async fn the_playground_stays_up_until_told_to_end_and_leaves_nothing_behind() {
    let place = tempfile::tempdir().unwrap();
    let log = place.path().join("playground.log");
    let exe = env!("CARGO_BIN_EXE_playground");
    let program = Program::new("playground", exe.as_ref(), ["--stay"], &log).as_ourselves();
    let process = program.start().unwrap();
    let said = story(&log).await;
    let (bus, cloud, outbox) = (
        line(&said, "BUS=unix:path="),
        line(&said, "CLOUD=http://"),
        line(&said, "OUTBOX="),
    );
    assert!(Path::new(&bus).exists() && Path::new(&outbox).exists());
    let reached = tokio::net::TcpStream::connect(&cloud).await;
    assert!(reached.is_ok());
    let folder = Path::new(&bus).parent().unwrap().to_owned();
    let children = belonging_to(&folder);
    assert!(children.len() >= 3, "{children:?}");

    signal(process.pid().unwrap(), Signal::TERM).unwrap();
    let mut process = process;
    assert!(process.wait().await.unwrap().success());
    until("every process of it to be gone", async || {
        belonging_to(&folder).is_empty().then_some(())
    })
    .await
    .unwrap();
    assert!(!folder.exists());
}

#[tokio::test]
async fn a_killed_stage_leaves_no_process_behind() {
    let place = tempfile::tempdir().unwrap();
    let log = place.path().join("playground.log");
    let exe = env!("CARGO_BIN_EXE_playground");
    let program = Program::new("playground", exe.as_ref(), ["--stay"], &log)
        .as_ourselves()
        .start()
        .unwrap();
    let bus = line(&story(&log).await, "BUS=unix:path=");
    let folder = Path::new(&bus).parent().unwrap().to_owned();
    program.kill().await.unwrap();
    until("every process of it to be gone", async || {
        belonging_to(&folder).is_empty().then_some(())
    })
    .await
    .unwrap();
    std::fs::remove_dir_all(folder).unwrap();
}

/// All that the playground has said once its story is told, which takes as long as it takes: each step of it comes in time.
async fn story(log: &Path) -> String {
    let mut before = 0;
    loop {
        let said = until("the playground's story to go on", async || {
            let said = std::fs::read_to_string(log).unwrap();
            (said.len() > before).then_some(said)
        });
        let said = said.await.unwrap();
        if said.contains("\nTo try on the device") {
            return said;
        }
        before = said.len();
    }
}

/// The rest of the line that begins so.
fn line(said: &str, name: &str) -> String {
    let line = said.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap().to_owned()
}

/// The processes whose command line names something in `folder`.
fn belonging_to(folder: &Path) -> Vec<String> {
    let folder = folder.display().to_string();
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap() {
        let path = entry.unwrap().path().join("cmdline");
        let line = std::fs::read(path).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if line.contains(&folder) {
            found.push(line);
        }
    }
    found
}

#[tokio::test]
async fn a_second_belayd_ends_and_harms_nobody() {
    let scene = scene().await;
    let config = scene.place().at("belay.toml").display().to_string();
    let (status, _) = scene
        .program("belayd", &["--config", &config])
        .output()
        .await
        .unwrap();
    assert_eq!(status.code(), Some(74), "its store is in use");
    let (id, code) = registering(&scene, ADA, PASSWORD).await;
    app(&scene).confirm(&id, &code).await.unwrap().unwrap();
    assert_eq!(state(&scene).await, "bound");
}
