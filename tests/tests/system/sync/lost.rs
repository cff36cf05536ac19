//! The cloud loses a photo's chunks, and the phone that still has it brings it again.

use std::fs;
use std::path::{Path, PathBuf};

use belay_tests::app::SYNC;
use belay_tests::until::until;

use super::Fleet;
use super::agent::Home;
use super::backup::{Backup, LOST, WELL};

/// The files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let below = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let each = below.map(|path| match path.is_dir() {
        true => files(&path),
        false => vec![path],
    });
    each.flatten().collect()
}

#[tokio::test]
async fn a_photo_whose_chunks_a_restored_cloud_lacks_is_brought_again_by_the_phone_that_has_it() {
    const ALL: &[&str] = &["pictures"];
    let mut fleet = Fleet::of(2, ALL).await;
    let home = Home::of(&fleet.devices[0]);
    let agent = home.agent(&fleet.devices[0], &[]).start().unwrap();
    // Three chunks.
    let photograph: Vec<u8> = (0..2_500_000_u32)
        .flat_map(|n| (n ^ n.rotate_left(7)).to_le_bytes())
        .collect();
    fs::write(home.at("fresh.jpg"), &photograph).unwrap();
    home.give("fresh.jpg");
    fs::rename(home.at("fresh.jpg"), home.at("Pictures/IMG 1.jpg")).unwrap();
    let app = fleet.devices[0].app.clone();
    let put = async || (app.list("pictures").await.unwrap().unwrap().len() == 1).then_some(());
    until("the photograph to be put", put).await.unwrap();
    fleet.settled(ALL, "-").await;
    let id = app.list("pictures").await.unwrap().unwrap()[0].id.clone();

    // A backup, of which a chunk is lost; then the cloud is.
    let scene = &mut fleet.devices[0].scene;
    let backup = Backup::of(scene);
    assert_eq!(backup.is_made(scene).await, WELL);
    let chunks = files(&backup.folder().join("blobs"));
    assert!(chunks.len() >= 2, "{chunks:?}");
    fs::remove_file(&chunks[0]).unwrap();
    assert_eq!(backup.is_restored(scene, &["--without-spoilt"]).await, LOST);

    // The first sync with it finds out; the agent brings what is lost.
    let second = fleet.devices[1].app.clone();
    let came = async || {
        let _ = app.sync_now().await.unwrap();
        let content = second.content("pictures", &id).await.unwrap();
        content
            .ok()
            .filter(|(content, _)| *content == photograph)
            .map(drop)
    };
    until("the second device to have the photograph", came)
        .await
        .unwrap();
    for device in &fleet.devices {
        let well = async || {
            let synced = device.app.sync_now().await.unwrap();
            let said = device.app.text(SYNC, "LastError").await.unwrap();
            (synced.is_ok() && said.is_empty()).then_some(())
        };
        until("nothing to be lost any more", well).await.unwrap();
    }
    assert!(agent.stop().await.unwrap().success());
}
