//! The cloud's backup, made and restored as its operator does.

use std::fs::{Permissions, copy, set_permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use belay_proto::clock::FileClock;

use crate::scene::Scene;

/// What an operator's command ends with where all is well.
pub const WELL: Option<i32> = Some(0);
/// And where something is lost (`sysexits.h`, EX_IOERR).
pub const LOST: Option<i32> = Some(74);

/// A folder for a backup, and the key that is kept apart.
pub struct Backup {
    folder: PathBuf,
    key: String,
}

impl Backup {
    /// Nothing is in it yet.
    pub fn of(scene: &Scene) -> Self {
        let folder = scene.place().folder("backup", 0o700).unwrap();
        scene.place().folder("safe", 0o755).unwrap();
        let key = scene.place().at("safe/server.key");
        copy(scene.place().at("cloud/server.key"), &key).unwrap();
        set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
        Self {
            folder,
            key: key.display().to_string(),
        }
    }

    /// Where it lies.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes it of a cloud, whether that runs or not.
    pub async fn is_made(&self, scene: &Scene) -> Option<i32> {
        let folder = self.folder.display().to_string();
        admin(scene, &["backup", &folder]).await
    }

    /// The cloud loses its disk, and goes on with what was in the backup.
    pub async fn is_restored(&self, scene: &mut Scene, more: &[&str]) -> Option<i32> {
        scene.kill_cloud().await.unwrap();
        scene.place().wipe("cloud").unwrap();
        let folder = self.folder.display().to_string();
        let restore = ["restore", &folder, "--key", &self.key];
        let status = admin(scene, &[&restore, more].concat()).await;
        scene.start_cloud().await.unwrap();
        status
    }
}

/// The operator's command; how it ended.
pub async fn admin(scene: &Scene, args: &[&str]) -> Option<i32> {
    let data = scene.place().at("cloud").display().to_string();
    let args = [&["admin"], args, &["--data", &data]].concat();
    let program = scene.program("belay-cloud", &args);
    let program = program.env(FileClock::VARIABLE, scene.clock().cloud_file());
    let (status, said) = program.output().await.unwrap();
    if !status.success() {
        println!("{args:?} ended with {status}: {said:?}");
    }
    status.code()
}
