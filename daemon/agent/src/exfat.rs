//! A memory card for tests: a real exFAT in an image, mounted by the real driver.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Where Debian has the programs; a user's path may lack some.
const PATH: &str = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin";
/// Its size, bytes.
const SIZE: u64 = 64 << 20;

/// A card, which is pulled and thrown away when this is dropped.
pub(crate) struct Card {
    home: TempDir,
    is_in: bool,
}

impl Card {
    /// A new one, which lies in its slot; none where this machine can't have one.
    pub(crate) fn new() -> Option<Self> {
        let mut card = Self {
            home: tempfile::tempdir().unwrap(),
            is_in: false,
        };
        fs::create_dir(card.root()).unwrap();
        match card.format().and_then(|()| card.put_in()) {
            Ok(()) => Some(card),
            Err(why) => {
                static ONCE: Once = Once::new();
                // Past the test harness, which shows nothing of tests that pass.
                ONCE.call_once(|| {
                    let _nobody_reads =
                        writeln!(std::io::stderr(), "SKIPPED: mirrors on a real exFAT: {why}");
                });
                None
            }
        }
    }

    /// What has it, and an image of it.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// Where it is mounted.
    pub(crate) fn root(&self) -> PathBuf {
        self.home.path().join("root")
    }

    /// What lies there.
    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    /// All of its files by the names that it lists, but for what the driver keeps of those that were removed a moment ago.
    pub(crate) fn files(&self) -> Vec<String> {
        let mut files = self.all_files();
        files.retain(|file| !is_removed(file));
        files
    }

    /// Waits until the driver has let go of what was removed: that it was closed is told it late.
    pub(crate) fn rest(&self) {
        let end = Instant::now() + Duration::from_secs(60);
        while self.all_files().iter().any(|file| is_removed(file)) {
            assert!(Instant::now() < end, "{:?}", self.all_files());
            std::thread::yield_now();
        }
    }

    fn all_files(&self) -> Vec<String> {
        assert!(self.root().is_dir());
        let (mut files, mut folders) = (Vec::new(), vec![self.root()]);
        while let Some(folder) = folders.pop() {
            // One that went a moment ago has none.
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                match path.is_dir() {
                    true => folders.push(path),
                    false => files.push(path.strip_prefix(self.root()).unwrap().display().to_string()),
                }
            }
        }
        files.sort();
        files
    }

    /// Mounts it.
    pub(crate) fn put_in(&mut self) -> Result<(), String> {
        let image = self.image();
        let device = run("losetup", [OsStr::new("-f"), "--show".as_ref(), image.as_ref()])?;
        let mounted = run("mount.exfat-fuse", [device.as_ref(), self.root().as_os_str()]);
        // It goes with the mount.
        run("losetup", ["-d", device.as_str()])?;
        mounted?;
        self.is_in = true;
        Ok(())
    }

    /// Unmounts it.
    pub(crate) fn pull(&mut self) {
        run("umount", [self.root()]).unwrap();
        self.is_in = false;
    }

    /// Puts a new one in, and lays the one before aside, wherever that is.
    pub(crate) fn change(&mut self) -> PathBuf {
        let aside = self.home.path().join("put aside");
        fs::rename(self.image(), &aside).unwrap();
        self.format().and_then(|()| self.put_in()).unwrap();
        aside
    }

    /// Puts this one in for it.
    pub(crate) fn change_back(&mut self, aside: &Path) {
        self.pull();
        fs::rename(aside, self.image()).unwrap();
        self.put_in().unwrap();
    }

    fn image(&self) -> PathBuf {
        self.home.path().join("image")
    }

    fn format(&self) -> Result<(), String> {
        File::create(self.image())
            .and_then(|image| image.set_len(SIZE))
            .map_err(|error| error.to_string())?;
        run("mkfs.exfat", [self.image()]).map(drop)
    }
}

impl Drop for Card {
    fn drop(&mut self) {
        // Also where a failed test has something open on it.
        if self.is_in {
            let _gone_with_the_machine = run("umount", [OsStr::new("--lazy"), self.root().as_ref()]);
        }
    }
}

fn is_removed(file: &str) -> bool {
    file.contains(".fuse_hidden")
}

fn run<S: AsRef<OsStr>>(program: &str, arguments: impl IntoIterator<Item = S>) -> Result<String, String> {
    let output = Command::new(program).args(arguments).env("PATH", PATH).output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
        false => {
            let said = String::from_utf8_lossy(&output.stderr).trim().replace('\n', " ");
            Err(format!("{program}: {said}"))
        }
    }
}
