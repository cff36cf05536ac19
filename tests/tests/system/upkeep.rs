//! Coming and going: the warden leaves when it has nothing to do, the playground stays when told to.

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
    let said = until("the playground's story to end", async || {
        let said = std::fs::read_to_string(&log).unwrap();
        said.contains("OUTBOX=").then_some(said)
    });
    let said = said.await.unwrap();
    let line = |name: &str| {
        said.lines()
            .find_map(|l| l.strip_prefix(name))
            .unwrap()
            .to_owned()
    };
    let (bus, cloud, outbox) = (line("BUS=unix:path="), line("CLOUD=http://"), line("OUTBOX="));
    assert!(std::path::Path::new(&bus).exists() && std::path::Path::new(&outbox).exists());
    let reached = tokio::net::TcpStream::connect(&cloud).await;
    assert!(reached.is_ok());
    let folder = std::path::Path::new(&bus).parent().unwrap().to_owned();
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
    let bus = until("the playground's story to end", async || {
        let said = std::fs::read_to_string(&log).unwrap();
        said.lines()
            .find_map(|l| l.strip_prefix("BUS=unix:path="))
            .map(ToOwned::to_owned)
    });
    let folder = std::path::Path::new(&bus.await.unwrap())
        .parent()
        .unwrap()
        .to_owned();
    program.kill().await.unwrap();
    until("every process of it to be gone", async || {
        belonging_to(&folder).is_empty().then_some(())
    })
    .await
    .unwrap();
    std::fs::remove_dir_all(folder).unwrap();
}

/// The processes whose command line names something in `folder`.
fn belonging_to(folder: &std::path::Path) -> Vec<String> {
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
