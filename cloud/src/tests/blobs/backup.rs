//! Backups of a cloud that works, and what becomes of clients on a restored one.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use belay_proto::wire::PushStatus;
use tempfile::TempDir;

use super::*;
use crate::admin::restore::Spoilt;
use crate::admin::{AdminError, backup, compact, restore};
use crate::app::{App, OpenError, RESTORING};
use crate::clock::CloudClock;
use crate::store::{self, FILE};
use crate::tests::owner::open;
use crate::tests::rig::START;

/// When clouds are restored: a nonce of [`START`] is still young.
const LATER: u64 = START + 60_000;

pub(super) fn data(rig: &Rig) -> PathBuf {
    rig.app.settings.data.clone()
}

fn key(rig: &Rig) -> PathBuf {
    data(rig).join("server.key")
}

/// A cloud on what a backup holds, [`LATER`].
fn restored(from: &Path, key: &Path) -> Rig {
    let folder = TempDir::new().unwrap();
    let settings = settings(&folder);
    restore::restore(&settings.data, from, Some(key), Spoilt::Refused, LATER).unwrap();
    let rig = Rig::with(folder, settings);
    rig.advance(60);
    rig
}

#[tokio::test]
async fn a_backup_while_records_are_pushed_has_all_that_was_answered_before_it_and_whole_chunks() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let chunks = [Chunk::new(1, 300_000), Chunk::new(2, 5)];
    for chunk in &chunks {
        bring_all(&home.client, chunk).await;
    }
    sync::push(
        &home.client,
        None,
        &[naming(1, &[&chunks[0], &chunks[1]]), naming(2, &[])],
    )
    .await;
    let folder = TempDir::new().unwrap();
    let (from, into) = (data(&rig), folder.path().to_owned());
    let running = thread::spawn(move || backup::backup(&from, &into, START));
    let mut pushed = 2_u8;
    while !running.is_finished() && pushed < 250 {
        pushed += 1;
        let result = sync::one(&home.client, &naming(pushed, &[])).await;
        assert_eq!(result.status, PushStatus::Ok);
    }
    running.join().unwrap().unwrap();
    let away = home.leave();
    let rig = restored(folder.path(), &key(&rig));
    let mut home = away.back(&rig);
    home.owner.sign_in(&mut home.client).await.is(200);
    let all = sync::changes(&home.client, "").await;
    let ids: Vec<u8> = all.records.iter().map(|record| record.id.as_bytes()[0]).collect();
    let wanted: Vec<u8> = (1..=pushed).take(ids.len()).collect();
    assert!(ids.len() >= 2 && ids == wanted, "{ids:?} of {pushed}");
    assert!(missing(&home.client, &[&chunks[0], &chunks[1]]).await.is_empty());
    for chunk in &chunks {
        let reply = home.client.get(&chunk.path()).await.is(200);
        assert_eq!(
            reply.header("repr-digest"),
            Some(repr_digest(&sha256(&reply.body)))
        );
        assert_eq!(reply.body, chunk.bytes);
    }
}

#[tokio::test]
async fn after_a_restore_numbers_nonces_and_codes_of_before_are_over_and_a_listing_has_everything() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let kept = sync::push(&home.client, None, &[sync::new(1, b"a")]).await.cursor;
    let opener = rig.client();
    let opened = open(&opener, "jo@example.org").await.is(202).text("id");
    let path = format!("/v1/verifications/{opened}");
    opener.get(&path).await.is(200);
    let folder = TempDir::new().unwrap();
    backup::backup(&data(&rig), folder.path(), START).unwrap();
    let last = sync::push(&home.client, None, &[sync::new(2, b"b")]).await.cursor;
    let nonce = home.client.nonce.lock().unwrap().clone();
    let (away, opener) = (home.leave(), opener.key);
    let rig = restored(folder.path(), &key(&rig));
    let mut home = away.back(&rig);
    let stale = rig.client();
    *stale.nonce.lock().unwrap() = nonce;
    let request = stale.request("GET", "/v1/account/credentials", None, None);
    rig.send(request).await.refuses(401, "use-dpop-nonce");
    home.owner.sign_in(&mut home.client).await.is(200);
    for cursor in [&kept, &last] {
        let path = format!("/v1/sync/changes?cursor={cursor}");
        home.client.get(&path).await.refuses(410, "cursor-too-old");
    }
    let answer = sync::push(&home.client, Some(&kept), &[sync::new(3, b"c")]).await;
    assert!(!answer.contiguous);
    let all = sync::changes(&home.client, "").await;
    assert_eq!((all.records.len(), &all.cursor), (2, &answer.cursor));
    let mut client = rig.client();
    client.key = opener;
    let path = format!("/v1/verifications/{opened}");
    client.get(&path).await.refuses(404, "not-found");
    let marks: (u64, u64, u64) = store::connect(&data(&rig).join(FILE))
        .unwrap()
        .query_row(
            "SELECT commands_at, sync_at, account_at FROM channels",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .unwrap();
    assert_eq!(
        marks,
        (LATER, LATER + 1, LATER + 2),
        "hints for who was connected before"
    );
}

#[tokio::test]
async fn no_chunk_goes_while_a_backup_is_made() {
    let rig = Rig::new();
    let mut home = Home::new(&rig).await;
    let chunk = Chunk::new(1, 1000);
    bring_all(&home.client, &chunk).await;
    let held = rig.app.files.hold().unwrap().unwrap();
    assert!(rig.app.files.hold().unwrap().is_none());
    let folder = TempDir::new().unwrap();
    let second = backup::backup(&data(&rig), folder.path(), START);
    assert!(matches!(second, Err(AdminError::Taken)), "{second:?}");
    rig.advance(90 * DAY);
    home.owner.sign_in(&mut home.client).await.is(200);
    compact::compact(&data(&rig), false, START + 90 * DAY * 1000).unwrap();
    assert_eq!(home.client.get(&chunk.path()).await.is(200).body, chunk.bytes);
    let nobodys = data(&rig).join("blobs/00").join("00".repeat(16));
    fs::create_dir_all(nobodys.parent().unwrap()).unwrap();
    fs::write(&nobodys, "of a row that has gone meanwhile").unwrap();
    compact::compact(&data(&rig), false, START).unwrap();
    assert!(nobodys.exists());
    drop(held);
    compact::compact(&data(&rig), false, START).unwrap();
    assert!(!nobodys.exists());
    rig.advance(120);
    home.owner.sign_in(&mut home.client).await.is(200);
    until_lengths(&rig, &[]).await;
}

#[tokio::test]
async fn a_later_backup_in_the_same_folder_takes_only_what_is_new() {
    let rig = Rig::new();
    let mut home = Home::new(&rig).await;
    let (first, second) = (Chunk::new(1, 1000), Chunk::new(2, 1001));
    bring_all(&home.client, &first).await;
    let folder = TempDir::new().unwrap();
    let told = backup::backup(&data(&rig), folder.path(), START).unwrap();
    assert!(told.contains("chunks=1 of 1000 bytes, 1 of them new"), "{told}");
    bring_all(&home.client, &second).await;
    sync::one(&home.client, &naming(2, &[&second])).await;
    // One that was interrupted.
    let half = "belay-cloud-0011223344556677.sqlite";
    fs::write(folder.path().join(half), "half").unwrap();
    fs::write(folder.path().join("blobs/half.new"), "half").unwrap();
    let told = backup::backup(&data(&rig), folder.path(), START).unwrap();
    assert!(told.contains("chunks=2 of 2001 bytes, 1 of them new"), "{told}");
    rig.advance(30 * DAY + 60);
    home.owner.sign_in(&mut home.client).await.is(200);
    until_lengths(&rig, &[1001]).await;
    let told = backup::backup(&data(&rig), folder.path(), START).unwrap();
    assert!(told.contains("chunks=1 of 1001 bytes, 0 of them new"), "{told}");
    let databases = fs::read_dir(folder.path()).unwrap();
    let names = databases.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| !name.starts_with("belay-cloud-")).collect();
    names.sort();
    assert_eq!(names, ["blobs", "manifest.json"], "no key, and one database");
    assert!(!folder.path().join(half).exists());
    let away = home.leave();
    let rig = restored(folder.path(), &key(&rig));
    let mut home = away.back(&rig);
    home.owner.sign_in(&mut home.client).await.is(200);
    assert_eq!(home.client.get(&second.path()).await.is(200).body, second.bytes);
    // Another cloud's backup is left alone.
    let other = Rig::new();
    let refused = backup::backup(&data(&other), folder.path(), START);
    assert!(matches!(refused, Err(AdminError::Bad(_))), "{refused:?}");
}

#[tokio::test]
async fn no_backup_is_made_in_a_clouds_data() {
    let (rig, other) = (Rig::new(), Rig::new());
    let home = Home::new(&rig).await;
    // Half of it, of which a backup has nothing.
    let chunk = Chunk::new(1, 1000);
    bring(&home.client, &chunk, 0, 10).await.is(202);
    let before = files(&rig).len();
    assert_eq!(before, 1);
    for from in [&rig, &other] {
        let result = backup::backup(&data(from), &data(&rig), START);
        assert!(matches!(result, Err(AdminError::Usage(_))), "{result:?}");
        assert_eq!(files(&rig).len(), before);
    }
}

/// Changes a file; puts it back when dropped.
struct Changed(PathBuf, Vec<u8>);

impl Changed {
    fn new(path: &Path, spoil: impl FnOnce(&mut Vec<u8>)) -> Self {
        let bytes = fs::read(path).unwrap();
        let mut other = bytes.clone();
        spoil(&mut other);
        fs::write(path, other).unwrap();
        Self(path.to_owned(), bytes)
    }
}

impl Drop for Changed {
    fn drop(&mut self) {
        fs::write(&self.0, &self.1).unwrap();
    }
}

#[tokio::test]
async fn a_backup_that_is_half_or_changed_is_refused_and_nothing_of_it_stays() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let chunk = Chunk::new(1, 300_000);
    bring_all(&home.client, &chunk).await;
    sync::one(&home.client, &naming(1, &[&chunk])).await;
    let folder = TempDir::new().unwrap();
    backup::backup(&data(&rig), folder.path(), START).unwrap();
    let find = |ending: &str| {
        let mut entries = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().path());
        entries
            .find(|path| path.to_string_lossy().ends_with(ending))
            .unwrap()
    };
    let blob = || {
        let inside = |path: PathBuf| fs::read_dir(path).unwrap().next().unwrap().unwrap().path();
        inside(inside(folder.path().join("blobs")))
    };
    // Linked to the cloud's own until now.
    let bytes = fs::read(blob()).unwrap();
    let name = blob();
    fs::remove_file(&name).unwrap();
    fs::write(&name, bytes).unwrap();
    let place = TempDir::new().unwrap();
    let refused = |why: &str, key: &Path| {
        let result = restore::restore(place.path(), folder.path(), Some(key), Spoilt::Refused, LATER);
        assert!(result.is_err(), "{why}: {result:?}");
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0, "{why}");
    };
    let key = key(&rig);
    let cut = |bytes: &mut Vec<u8>| bytes.truncate(bytes.len() - 1);
    let flip = |bytes: &mut Vec<u8>| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    };
    for (what, path) in [
        ("the manifest", find("manifest.json")),
        ("the database", find(".sqlite")),
        ("a chunk", blob()),
    ] {
        let spoilt = Changed::new(&path, cut);
        refused(&format!("{what} is cut off"), &key);
        drop(spoilt);
        let spoilt = Changed::new(&path, flip);
        refused(&format!("{what} is changed"), &key);
        drop(spoilt);
        let kept = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        refused(&format!("{what} isn't there"), &key);
        fs::write(&path, kept).unwrap();
    }
    // Without the chunk it is as good as it can be.
    let spoilt = Changed::new(&blob(), flip);
    let away = TempDir::new().unwrap();
    let told = restore::restore(away.path(), folder.path(), Some(&key), Spoilt::LeftOut, LATER);
    assert!(matches!(told, Err(AdminError::RestoredWithout(1, 1))), "{told:?}");
    let whole: u64 = store::connect(&away.path().join(FILE))
        .unwrap()
        .query_row("SELECT count(*) FROM chunks WHERE whole = 1", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!((whole, away.path().join(RESTORING).exists()), (0, false));
    drop(spoilt);
    let other = place.path().with_extension("key");
    fs::write(&other, [1; 32]).unwrap();
    refused("another key", &other);
    fs::write(&other, [1; 31]).unwrap();
    refused("no key", &other);
    fs::remove_file(other).unwrap();
    fs::write(place.path().join("x"), "somebody's").unwrap();
    let result = restore::restore(place.path(), folder.path(), Some(&key), Spoilt::Refused, LATER);
    assert!(matches!(result, Err(AdminError::NotEmpty)), "{result:?}");
    fs::remove_file(place.path().join("x")).unwrap();
    // The key alone may be there.
    fs::copy(&key, place.path().join("server.key")).unwrap();
    restore::restore(place.path(), folder.path(), None, Spoilt::Refused, LATER).unwrap();
    assert!(!place.path().join(RESTORING).exists());
    let again = restore::restore(place.path(), folder.path(), None, Spoilt::Refused, LATER);
    assert!(matches!(again, Err(AdminError::NotEmpty)), "{again:?}");
}

#[tokio::test]
async fn no_cloud_starts_on_a_folder_that_is_half_restored() {
    let rig = Rig::new();
    fs::write(data(&rig).join(RESTORING), "").unwrap();
    let opened = App::open(settings(&rig.folder), CloudClock::new(rig.clock.clone()));
    assert!(matches!(opened.err(), Some(OpenError::HalfRestored)));
}

#[tokio::test]
async fn chunks_that_the_cloud_lost_are_told_and_asked_for_again() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let (good, spoilt) = (Chunk::new(1, 1000), Chunk::new(2, 1001));
    for chunk in [&good, &spoilt] {
        bring_all(&home.client, chunk).await;
    }
    sync::push(
        &home.client,
        None,
        &[naming(1, &[&good]), naming(2, &[&good, &spoilt])],
    )
    .await;
    let file = files(&rig)
        .into_iter()
        .find(|file| file.metadata().unwrap().len() == 1001)
        .unwrap();
    fs::write(file, [0; 1001]).unwrap();
    let folder = TempDir::new().unwrap();
    let told = backup::backup(&data(&rig), folder.path(), START);
    assert!(matches!(told, Err(AdminError::Lost(1, 1))), "{told:?}");
    let away = home.leave();
    let rig = restored(folder.path(), &key(&rig));
    let mut home = away.back(&rig);
    home.owner.sign_in(&mut home.client).await.is(200);
    assert_eq!(sync::changes(&home.client, "").await.records.len(), 2);
    assert_eq!(missing(&home.client, &[&good, &spoilt]).await, [spoilt.from(0)]);
    bring_all(&home.client, &spoilt).await;
    assert_eq!(home.client.get(&spoilt.path()).await.is(200).body, spoilt.bytes);
}
