//! The real machine.

mod files;
mod programs;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, FileTypeExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Advice, FallocateFlags, OFlags, fadvise, fallocate};
use rustix::system::{RebootCommand, reboot};

use crate::machine::{Found, Machine};
use crate::mounts::{self, Mount};

const LARGEST_SMALL_FILE: u64 = 16 * 1024 * 1024;
const BLKDISCARD: &str = "blkdiscard";
const DISCARD_PATIENCE: Duration = Duration::from_secs(30 * 60);
/// File systems in memory.
const FLEETING: [&str; 2] = ["tmpfs", "ramfs"];

/// This system.
#[derive(Debug)]
pub(crate) struct System {
    sysfs: PathBuf,
}

impl System {
    /// The system this process runs on. Its memory is pinned, as far as it is allowed: the file system that the
    /// program lies on may be among what is wiped.
    pub(crate) fn new() -> Self {
        use rustix::mm::{MlockAllFlags, mlockall};
        if let Err(error) = mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE) {
            tracing::debug!(%error, "the memory isn't pinned");
        }
        Self {
            sysfs: PathBuf::from("/sys"),
        }
    }

    fn mounts() -> io::Result<Vec<Mount>> {
        Ok(mounts::parse(&fs::read_to_string("/proc/self/mountinfo")?))
    }

    /// The mount of a folder, or of the nearest one above it that is there.
    fn mount_of(mounts: &[Mount], folder: &Path) -> io::Result<Mount> {
        let there = folder
            .ancestors()
            .find_map(|folder| fs::canonicalize(folder).ok());
        there
            .and_then(|path| mounts::below(mounts, &path).cloned())
            .ok_or_else(|| io::Error::other(format!("{}: mounted nowhere", folder.display())))
    }
}

impl Machine for System {
    fn look(&self, path: &Path) -> io::Result<Found> {
        let found = match fs::metadata(path) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Missing),
            Err(error) => return Err(error),
        };
        let kind = found.file_type();
        Ok(if kind.is_block_device() {
            Found::Device(File::open(path)?.seek(SeekFrom::End(0))?)
        } else if kind.is_file() {
            Found::File(found.len())
        } else if kind.is_dir() {
            Found::Folder
        } else {
            Found::Other
        })
    }

    fn read(&self, path: &Path, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let file = File::open(path)?;
        let mut bytes = vec![0; length];
        let mut filled = 0;
        while filled < length {
            let rest = bytes.get_mut(filled..).unwrap_or_default();
            match file.read_at(rest, offset + filled as u64) {
                Ok(0) => break,
                Ok(more) => filled += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }

    fn write(&mut self, path: &Path, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(path)?;
        file.write_all_at(bytes, offset)
    }

    fn flush(&mut self, path: &Path) -> io::Result<()> {
        let file = File::open(path)?;
        file.sync_all()?;
        // Clean pages are dropped, so that a read-back asks the medium.
        Ok(fadvise(&file, 0, None, Advice::DontNeed)?)
    }

    fn discard(&mut self, path: &Path, forced: bool) -> io::Result<()> {
        if let Found::File(size) = self.look(path)? {
            let file = OpenOptions::new().write(true).open(path)?;
            fallocate(
                &file,
                FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE,
                0,
                size,
            )?;
            return file.sync_all();
        }
        let program = self
            .program(BLKDISCARD)
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "blkdiscard isn't installed"))?;
        let device = path.to_string_lossy();
        let arguments: &[&str] = if forced {
            &["--force", "--", &device]
        } else {
            &["--", &device]
        };
        self.run(&program, arguments, DISCARD_PATIENCE)
    }

    fn files(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        files::below(path)
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        let points = Self::mounts()?.into_iter().map(|mount| mount.point);
        files::remove(path, &points.collect())
    }

    fn save(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let folder = path.parent().unwrap_or(Path::new("/"));
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let fresh = path.with_extension("new");
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o644)
            .open(&fresh)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&fresh, path)?;
        File::open(folder)?.sync_all()
    }

    fn append(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
            .open(path)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all()
    }

    fn load(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = Vec::new();
        file.take(LARGEST_SMALL_FILE).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    fn program(&self, name: &str) -> Option<PathBuf> {
        programs::find(name)
    }

    fn run(&mut self, program: &Path, arguments: &[&str], patience: Duration) -> io::Result<()> {
        programs::run(program, arguments, patience)
    }

    fn in_use(&self, device: &Path) -> io::Result<bool> {
        let Some(number) = mounts::number_of(device) else {
            return Ok(false);
        };
        let mounts = Self::mounts()?;
        let mounted = mounts
            .iter()
            .any(|mount| mounts::devices_of(&self.sysfs, mount).contains(&number));
        let swaps = fs::read_to_string("/proc/swaps").unwrap_or_default();
        let swapped = swaps
            .lines()
            .skip(1)
            .filter_map(|line| line.split_whitespace().next())
            .filter_map(|path| mounts::number_of(Path::new(path)))
            .any(|swap| mounts::devices_under(&self.sysfs, &swap).contains(&number));
        Ok(mounted || swapped)
    }

    fn real(&self, path: &Path) -> io::Result<PathBuf> {
        for there in path.ancestors() {
            match fs::canonicalize(there) {
                Ok(real) => return Ok(real.join(path.strip_prefix(there).unwrap_or(Path::new("")))),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(path.to_owned())
    }

    fn lies_on(&self, folder: &Path, device: &Path) -> io::Result<bool> {
        let Some(number) = mounts::number_of(device) else {
            return Ok(false);
        };
        let mount = Self::mount_of(&Self::mounts()?, folder)?;
        Ok(mounts::devices_of(&self.sysfs, &mount).contains(&number))
    }

    fn durable(&self, folder: &Path) -> io::Result<bool> {
        let mount = Self::mount_of(&Self::mounts()?, folder)?;
        Ok(!FLEETING.contains(&mount.kind.as_str()))
    }

    fn random(&mut self, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
        Ok(bytes)
    }

    fn pause(&mut self, time: Duration) {
        std::thread::sleep(time);
    }

    fn power_off(&mut self) -> io::Result<()> {
        // No sync(2): what matters was synced file by file, and a file system whose device is gone would hang it.
        Ok(reboot(RebootCommand::PowerOff)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_where_its_symlinks_lead_also_before_it_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().canonicalize().unwrap().join(path);
        fs::create_dir_all(at("data/boot")).unwrap();
        std::os::unix::fs::symlink(at("data/boot"), at("boot")).unwrap();
        let system = System {
            sysfs: PathBuf::from("/sys"),
        };
        assert_eq!(system.real(&at("boot")).unwrap(), at("data/boot"));
        assert_eq!(
            system.real(&at("boot/belay/wipe")).unwrap(),
            at("data/boot/belay/wipe")
        );
        assert_eq!(system.real(&at("data")).unwrap(), at("data"));
    }
}
