//! What lost its memory on the way: a cloud that was restored from a backup, and a warden killed while it has a ring done.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use belay_proto::signed::{Action, CommandState};
use belay_tests::app::{DEVICE, Options};

use crate::disk::writes;
use crate::find_faults::{console, done_once, episodes, lock, next};
use crate::owner::app;
use crate::scene::PACE;

#[tokio::test]
async fn the_warden_killed_at_each_write_of_a_ring_has_it_heard_at_most_once() {
    let (scene, console) = console().await;
    // Slow enough for belayd not to give the sound up while it is on its way.
    scene.clock().run(PACE).unwrap();
    let feedback = scene.services().feedback().puppet().clone();
    for round in 0..6 {
        let before = feedback.calls("TriggerFeedback").len();
        let folder = scene.place().at("warden");
        // Accepted, begun, ended: each in two copies and the log.
        let writing = writes(&folder, round);
        let id = console.send(&scene, Action::Ring { seconds: 600 }).await.unwrap();
        writing.await;
        scene.kill_warden().await.unwrap();
        let mut life = console.life(&scene, id).await.unwrap();
        while !CommandState::from(life.state.as_str()).is_final() {
            life = console.changed(&scene, id, life.revision).await.unwrap();
        }
        let heard = feedback.calls("TriggerFeedback").len() - before;
        match life.state.as_str() {
            "done" => assert_eq!(heard, 1, "round {round}"),
            _ => assert!(
                heard <= 1 && life.reason == "interrupted",
                "round {round}: {life:?}"
            ),
        }
        let told = console.told(&life).unwrap();
        assert_eq!(told.iter().filter(|t| t.state.is_final()).count(), 1, "{told:?}");
        app(&scene)
            .call::<_, ()>(DEVICE, "StopRinging", &(Options::new(),))
            .await
            .unwrap()
            .unwrap();
        scene.services().feedback().until_playing(false).await.unwrap();
    }
}

#[tokio::test]
async fn a_cloud_restored_from_a_backup_has_each_command_done_and_none_twice() {
    let (mut scene, console) = console().await;
    // Slow enough for the console not to exchange its tokens: the cloud that is put back would know nothing of the new ones.
    scene.clock().run(PACE).unwrap();
    let data = scene.place().at("cloud");
    scene.stop_cloud().await.unwrap();
    let backup = files(&data);
    scene.start_cloud().await.unwrap();
    for round in 0..2 {
        let (action, stand) = next(round);
        let id = console.send(&scene, action).await.unwrap();
        done_once(&scene, &console, id, stand, episodes(round)).await;
    }

    // As many again come into the restored one while the device is away, and it counts from the same number.
    scene.stop_belayd().await.unwrap();
    scene.stop_cloud().await.unwrap();
    put_back(&data, backup);
    scene.clock().advance(Duration::from_secs(60)).unwrap();
    scene.start_cloud().await.unwrap();
    let locked = console.send(&scene, lock()).await.unwrap();
    let text = "Restored".to_owned();
    let message = console.send(&scene, Action::Message { text }).await.unwrap();
    scene.start_belayd().await.unwrap();
    done_once(&scene, &console, locked, "lost", 2).await;
    console.follow(&scene, message, CommandState::Done).await.unwrap();
    app(&scene)
        .reads(DEVICE, "LostMessage", "Restored")
        .await
        .unwrap();
}

/// Has the folder hold these files again and no others.
pub fn put_back(folder: &Path, backup: Vec<(PathBuf, Vec<u8>)>) {
    for (path, _) in files(folder) {
        if !backup.iter().any(|(kept, _)| *kept == path) {
            std::fs::remove_file(path).unwrap();
        }
    }
    // What had gone meanwhile, as a log of the database's does, is the cloud's user's again too.
    let owner = std::fs::metadata(folder).unwrap();
    for (path, bytes) in backup {
        std::fs::write(&path, bytes).unwrap();
        if belay_tests::guest::is_root() {
            std::os::unix::fs::chown(path, Some(owner.uid()), Some(owner.gid())).unwrap();
        }
    }
}

/// The files of a folder that nobody writes to, with what they hold.
pub fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.is_file())
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .collect()
}
