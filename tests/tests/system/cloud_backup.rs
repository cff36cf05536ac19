//! Backups of the cloud that runs, by its operator's commands, and what a device meets on the restored one.

use std::fs::{Permissions, copy, set_permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use belay_proto::keys::sha256;
use belay_tests::process::Process;
use belay_tests::pusher::{Link, Session, bring, list, made, push};
use hyper::body::Bytes;

use crate::disk::writes;
use crate::owner::adas;
use crate::scene::Scene;

/// Ada's device, whose session is taken over.
struct Device {
    scene: Scene,
    session: Session,
    backup: PathBuf,
    key: PathBuf,
}

impl Device {
    async fn new() -> Self {
        let mut scene = adas().await;
        scene.stop_belayd().await.unwrap();
        let session = Session::of_belayd(&scene.place().at("belayd")).await.unwrap();
        let backup = scene.place().folder("backup", 0o700).unwrap();
        // All that there will be, so that a watch sees each file come.
        scene.place().folder("backup/blobs", 0o700).unwrap();
        for folder in 0..=255_u8 {
            let name = format!("backup/blobs/{folder:02x}");
            scene.place().folder(&name, 0o700).unwrap();
        }
        scene.place().folder("safe", 0o755).unwrap();
        let key = scene.place().at("safe/server.key");
        copy(scene.place().at("cloud/server.key"), &key).unwrap();
        set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
        Self {
            scene,
            session,
            backup,
            key,
        }
    }

    async fn link(&self) -> Link {
        let address = self.scene.cloud().unwrap().address();
        let origin = self.scene.network().url();
        Link::open(address, &origin, Some(&self.session)).await.unwrap()
    }

    fn admin(&self, args: &[&str]) -> Process {
        let data = self.scene.place().at("cloud").display().to_string();
        let args = [&["admin"], args, &["--data", &data]].concat();
        self.scene.program("belay-cloud", &args).start().unwrap()
    }

    fn backs_up(&self) -> Process {
        self.admin(&["backup", &self.backup.display().to_string()])
    }

    /// Loses the cloud's disk and restores the backup.
    async fn restores(&mut self) {
        self.scene.stop_cloud().await.unwrap();
        self.scene.place().wipe("cloud").unwrap();
        let (backup, key) = (self.backup.display().to_string(), self.key.display().to_string());
        let mut restored = self.admin(&["restore", &backup, "--key", &key]);
        assert!(restored.wait().await.unwrap().success());
        self.scene.start_cloud().await.unwrap();
    }
}

#[tokio::test]
async fn a_cloud_is_backed_up_while_devices_push_and_once_restored_has_them_list_and_bring_the_rest() {
    let mut device = Device::new().await;
    let (contacts, pictures) = (made::keys("contacts").unwrap(), made::keys("pictures").unwrap());
    let mut link = device.link().await;
    let contact = |number| made::sealed_contact(&contacts, number, None).unwrap();
    let start = list(&mut link, None).await.unwrap().1;
    let mut cursor = push(&mut link, Some(start), (0..600).map(contact).collect())
        .await
        .unwrap();
    let (photo, chunk) = made::sealed_photo(&pictures, 0).unwrap();
    bring(&mut link, &photo, chunk.clone()).await.unwrap();
    cursor = push(&mut link, cursor, vec![photo.clone()]).await.unwrap();
    let mut running = device.backs_up();
    let mut pushed = 600;
    while running.ended().unwrap().is_none() {
        cursor = push(&mut link, cursor, vec![contact(pushed)]).await.unwrap();
        pushed += 1;
    }
    assert!(running.wait().await.unwrap().success());
    cursor = push(&mut link, cursor, vec![contact(pushed)]).await.unwrap();
    pushed += 1;
    device.restores().await;
    let mut link = device.link().await;
    let path = format!("/v1/sync/changes?cursor={}", cursor.unwrap());
    let refused = link.call("GET", &path, &[], Bytes::new()).await.unwrap();
    assert_eq!(refused.status, 410);
    let (there, cursor) = list(&mut link, None).await.unwrap();
    // All that was answered before, the photo among it, and none that came after.
    assert!((601..=pushed).contains(&there), "{there} of {pushed}");
    // The absent ones are the last.
    let rest = (there - 1..pushed).map(contact).collect();
    push(&mut link, Some(cursor), rest).await.unwrap();
    assert_eq!(list(&mut link, None).await.unwrap().0, pushed + 1);
    let path = format!("/v1/blobs/{}", photo.record.chunks[0]);
    let reply = link.call("GET", &path, &[], Bytes::new()).await.unwrap();
    assert_eq!((reply.status, sha256(&reply.body)), (200, sha256(&chunk)));
}

#[tokio::test]
async fn a_backup_that_is_killed_at_any_file_leaves_the_whole_one_of_before() {
    let mut device = Device::new().await;
    let keys = made::keys("pictures").unwrap();
    let mut link = device.link().await;
    let mut cursor = Some(list(&mut link, None).await.unwrap().1);
    let mut photos = Vec::new();
    let mut whole = 0;
    for round in 0..4 {
        for number in photos.len()..photos.len() + 3 {
            let (photo, chunk) = made::sealed_photo(&keys, number).unwrap();
            bring(&mut link, &photo, chunk).await.unwrap();
            cursor = push(&mut link, cursor, vec![photo.clone()]).await.unwrap();
            photos.push(photo);
        }
        if round == 0 {
            assert!(device.backs_up().wait().await.unwrap().success());
            whole = photos.len();
            continue;
        }
        let written = writes(&device.backup, round);
        let running = device.backs_up();
        written.await;
        running.kill().await.unwrap();
    }
    device.restores().await;
    let mut link = device.link().await;
    let there = list(&mut link, None).await.unwrap().0;
    // The last files may all have come before it was killed.
    assert!((whole..=photos.len()).contains(&there), "{there}");
    for photo in photos.iter().take(there) {
        let path = format!("/v1/blobs/{}", photo.record.chunks[0]);
        let reply = link.call("GET", &path, &[], Bytes::new()).await.unwrap();
        assert_eq!(reply.status, 200);
    }
    assert!(device.backs_up().wait().await.unwrap().success());
}
