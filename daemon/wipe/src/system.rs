//! The real machine.

mod files;
mod programs;

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, FileTypeExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Advice, CWD, FallocateFlags, Mode, OFlags, fadvise, fallocate, openat};
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
    /// Folders that were listed: below them no symlink is followed.
    listed: BTreeSet<PathBuf>,
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
            listed: BTreeSet::new(),
        }
    }

    /// The folder above `path` that was listed.
    fn listed_above<'a>(&self, path: &'a Path) -> Option<&'a Path> {
        path.ancestors()
            .skip(1)
            .find(|folder| self.listed.contains(*folder))
    }

    fn open(&self, path: &Path, flags: OFlags) -> io::Result<File> {
        match self.listed_above(path) {
            Some(folder) => files::open_below(folder, path.strip_prefix(folder).unwrap_or(path), flags),
            None => Ok(openat(CWD, path, flags | OFlags::CLOEXEC, Mode::empty())?.into()),
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
        let found = match self.listed_above(path) {
            Some(_) => self.open(path, OFlags::RDONLY).and_then(|file| file.metadata()),
            None => fs::metadata(path),
        };
        let found = match found {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Missing),
            Err(error) => return Err(error),
        };
        let kind = found.file_type();
        Ok(if kind.is_block_device() {
            Found::Device(self.open(path, OFlags::RDONLY)?.seek(SeekFrom::End(0))?)
        } else if kind.is_file() {
            Found::File(found.len())
        } else if kind.is_dir() {
            Found::Folder
        } else {
            Found::Other
        })
    }

    fn read(&self, path: &Path, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let file = self.open(path, OFlags::RDONLY)?;
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
        let file = self.open(path, OFlags::WRONLY)?;
        file.write_all_at(bytes, offset)
    }

    fn flush(&mut self, path: &Path) -> io::Result<()> {
        let file = self.open(path, OFlags::RDONLY)?;
        file.sync_all()?;
        // Clean pages are dropped, so that a read-back asks the medium.
        Ok(fadvise(&file, 0, None, Advice::DontNeed)?)
    }

    fn discard(&mut self, path: &Path, forced: bool) -> io::Result<()> {
        if let Found::File(size) = self.look(path)? {
            let file = self.open(path, OFlags::WRONLY)?;
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

    fn files(&mut self, path: &Path) -> io::Result<Vec<PathBuf>> {
        self.listed.insert(path.to_owned());
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

    fn system() -> System {
        System {
            sysfs: PathBuf::from("/sys"),
            listed: BTreeSet::new(),
        }
    }

    #[test]
    fn a_path_is_where_its_symlinks_lead_also_before_it_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().canonicalize().unwrap().join(path);
        fs::create_dir_all(at("data/boot")).unwrap();
        std::os::unix::fs::symlink(at("data/boot"), at("boot")).unwrap();
        let system = system();
        assert_eq!(system.real(&at("boot")).unwrap(), at("data/boot"));
        assert_eq!(
            system.real(&at("boot/belay/wipe")).unwrap(),
            at("data/boot/belay/wipe")
        );
        assert_eq!(system.real(&at("data")).unwrap(), at("data"));
    }

    #[test]
    fn what_is_put_in_a_listed_files_place_is_not_written_through() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        fs::create_dir_all(at("home/photos")).unwrap();
        fs::create_dir_all(at("kept")).unwrap();
        for path in ["home/letter", "home/photos/1", "home/note", "kept/1"] {
            fs::write(at(path), "mine").unwrap();
        }
        let mut system = system();
        assert_eq!(system.files(&at("home")).unwrap().len(), 3);
        fs::remove_file(at("home/letter")).unwrap();
        std::os::unix::fs::symlink(at("kept/1"), at("home/letter")).unwrap();
        fs::rename(at("home/photos"), at("home/moved")).unwrap();
        std::os::unix::fs::symlink(at("kept"), at("home/photos")).unwrap();
        for path in ["home/letter", "home/photos/1"] {
            assert!(system.write(&at(path), 0, b"gone").is_err(), "{path}");
            assert!(system.read(&at(path), 0, 4).is_err(), "{path}");
            assert!(system.look(&at(path)).is_err(), "{path}");
        }
        assert_eq!(fs::read(at("kept/1")).unwrap(), b"mine");
        system.write(&at("home/note"), 0, b"gone").unwrap();
        assert_eq!(fs::read(at("home/note")).unwrap(), b"gone");
        assert_eq!(
            system.files(&at("home")).unwrap().len(),
            2,
            "the next try finds what moved"
        );
    }
}
