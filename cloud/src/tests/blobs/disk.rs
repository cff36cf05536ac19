//! A disk that isn't there, or can't be read everywhere.

use std::fs;
use std::io::Read;
use std::path::Path;

use belay_proto::text::with_causes;
use tempfile::TempDir;

use super::backup::data;
use super::*;
use crate::admin::restore::Spoilt;
use crate::admin::{AdminError, backup, compact, restore};
use crate::app::App;
use crate::clock::CloudClock;
use crate::tests::rig::START;

#[tokio::test]
async fn a_cloud_doesnt_start_without_the_folders_of_its_chunks_and_holds_none_for_lost() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let chunks = brought::<2>(&home.client).await;
    let (blobs, away) = (data(&rig).join("blobs"), data(&rig).join("away"));
    fs::rename(&blobs, &away).unwrap();
    for compacts in [false, true] {
        let why = if compacts {
            compact::compact(&data(&rig), false, START)
                .map(drop)
                .map_err(|error| with_causes(&error))
        } else {
            let opened = App::open(settings(&rig.folder), CloudClock::new(rig.clock.clone()));
            opened.map(drop).map_err(|error| with_causes(&error))
        };
        let why = why.expect_err("it began without its chunks");
        assert!(why.contains("blobs/") && why.contains("mounted"), "{why}");
    }
    fs::remove_dir(&blobs).unwrap();
    fs::rename(&away, &blobs).unwrap();
    let away = home.leave();
    let rig = rig.restart();
    let home = away.back(&rig);
    assert!(missing(&home.client, &[&chunks[0], &chunks[1]]).await.is_empty());
    // Its owner says of one that it is lost indeed.
    let lost = file(&rig, 1000);
    fs::remove_dir_all(lost.parent().unwrap()).unwrap();
    fs::create_dir(lost.parent().unwrap()).unwrap();
    let away = home.leave();
    let rig = rig.restart();
    let home = away.back(&rig);
    let lacking = missing(&home.client, &[&chunks[0]]).await;
    assert_eq!(lacking, [chunks[0].from(0)]);
}

#[tokio::test]
async fn chunks_whose_folder_vanishes_under_a_running_cloud_are_not_lost() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let chunk = Chunk::new(1, 1000);
    bring_all(&home.client, &chunk).await;
    let (blobs, away) = (data(&rig).join("blobs"), data(&rig).join("away"));
    fs::rename(&blobs, &away).unwrap();
    ask(&home.client, vec![chunk.id]).await.refuses(500, "internal");
    home.client.get(&chunk.path()).await.refuses(500, "internal");
    // What lies under it is empty.
    fs::create_dir(&blobs).unwrap();
    ask(&home.client, vec![chunk.id]).await.refuses(500, "internal");
    home.client.get(&chunk.path()).await.refuses(500, "internal");
    fs::remove_dir(&blobs).unwrap();
    fs::rename(&away, &blobs).unwrap();
    assert!(missing(&home.client, &[&chunk]).await.is_empty());
    assert_eq!(home.client.get(&chunk.path()).await.is(200).body, chunk.bytes);
}

#[tokio::test]
async fn a_lost_chunk_whose_file_is_back_is_whole_at_the_next_start() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let chunks = brought_and_named::<2>(&home.client).await;
    let [good, other] = &chunks;
    let paths = [file(&rig, 1000), file(&rig, 1001)];
    for (chunk, path) in chunks.iter().zip(&paths) {
        fs::rename(path, path.with_extension("away")).unwrap();
        home.client.get(&chunk.path()).await.refuses(404, "not-found");
    }
    fs::rename(paths[0].with_extension("away"), &paths[0]).unwrap();
    // As long, and another.
    fs::write(&paths[1], [0; 1001]).unwrap();
    let away = home.leave();
    let rig = rig.restart();
    let home = away.back(&rig);
    assert_eq!(home.client.get(&good.path()).await.is(200).body, good.bytes);
    home.client.get(&other.path()).await.refuses(404, "not-found");
}

#[tokio::test]
async fn a_backup_keeps_the_good_copy_of_what_the_cloud_lost_since_the_last_one() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let chunks = brought_and_named::<2>(&home.client).await;
    let folder = TempDir::new().unwrap();
    backup::backup(&data(&rig), folder.path(), START).unwrap();
    for (chunk, length) in chunks.iter().zip([1000, 1001]) {
        fs::remove_file(file(&rig, length)).unwrap();
        home.client.get(&chunk.path()).await.refuses(404, "not-found");
    }
    let told = backup::backup(&data(&rig), folder.path(), START).unwrap();
    assert!(told.contains("chunks=2 of 2001 bytes, 0 of them new"), "{told}");
    let into = TempDir::new().unwrap();
    let settings = settings(&into);
    let key = data(&rig).join("server.key");
    restore::restore(
        &settings.data,
        folder.path(),
        Some(&key),
        Spoilt::Refused,
        START + 60_000,
    )
    .unwrap();
    // The backup's copy of one is spoilt too.
    let spoilt = files_in(folder.path(), 1000);
    fs::write(spoilt, [0; 1000]).unwrap();
    let told = backup::backup(&data(&rig), folder.path(), START);
    assert!(matches!(told, Err(AdminError::Lost(0, 1))), "{told:?}");
    let away = home.leave();
    let rig = Rig::with(into, settings);
    rig.advance(60);
    let mut home = away.back(&rig);
    home.owner.sign_in(&mut home.client).await.is(200);
    for chunk in &chunks {
        assert_eq!(home.client.get(&chunk.path()).await.is(200).body, chunk.bytes);
    }
}

/// A backup's file of this length.
fn files_in(backup: &Path, length: u64) -> PathBuf {
    let inside = |folder: PathBuf| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut all = inside(backup.join("blobs")).flat_map(inside);
    all.find(|path| path.metadata().unwrap().len() == length).unwrap()
}

/// What the kernel says to be 4,096 bytes long, and fails to read as a bad place on a disk does: a driver's setting that its
/// device has none of.
fn unreadable() -> PathBuf {
    const EIO: i32 = 5;
    let mut folders = vec![PathBuf::from("/sys/devices")];
    while let Some(folder) = folders.pop() {
        let setting = folder.join("power/autosuspend_delay_ms");
        let read = fs::File::open(&setting).and_then(|mut file| file.read_exact(&mut [0; 4096]));
        if read.is_err_and(|error| error.raw_os_error() == Some(EIO)) {
            return setting;
        }
        let below = fs::read_dir(&folder).into_iter().flatten().flatten();
        let below = below.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        folders.extend(below.map(|entry| entry.path()));
    }
    panic!("the kernel has no file that can't be read");
}

/// Has the file of a chunk of 4,096 bytes be on a bad place.
fn spoil(rig: &Rig) -> PathBuf {
    let path = file(rig, 4096);
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(unreadable(), &path).unwrap();
    path
}

#[tokio::test]
async fn a_chunk_on_a_bad_place_of_the_disk_has_to_come_again() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let chunk = Chunk::new(1, 4096);
    bring_all(&home.client, &chunk).await;
    spoil(&rig);
    let request = home.client.request("GET", &chunk.path(), None, None);
    let (head, body) = rig.begin(request).await.into_parts();
    assert_eq!(head.status, 200);
    axum::body::to_bytes(body, usize::MAX).await.unwrap_err();
    home.client.get(&chunk.path()).await.refuses(404, "not-found");
    until_lengths(&rig, &[]).await;
    bring_all(&home.client, &chunk).await;
    assert_eq!(home.client.get(&chunk.path()).await.is(200).body, chunk.bytes);
}

#[tokio::test]
async fn a_backup_is_made_without_what_is_on_a_bad_place_of_the_disk() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let (good, bad) = (Chunk::new(1, 1000), Chunk::new(2, 4096));
    for (id, chunk) in [(1, &good), (2, &bad)] {
        bring_all(&home.client, chunk).await;
        sync::one(&home.client, &naming(id, &[chunk])).await;
    }
    let (path, folder) = (spoil(&rig), TempDir::new().unwrap());
    let told = backup::backup(&data(&rig), folder.path(), START);
    assert!(matches!(told, Err(AdminError::Lost(1, 1))), "{told:?}");
    assert_eq!(fs::read(files_in(folder.path(), 1000)).unwrap(), good.bytes);
    // Readable again, it is in the next one.
    fs::remove_file(&path).unwrap();
    fs::write(&path, &bad.bytes).unwrap();
    backup::backup(&data(&rig), folder.path(), START).unwrap();
    assert_eq!(fs::read(files_in(folder.path(), 4096)).unwrap(), bad.bytes);
}
