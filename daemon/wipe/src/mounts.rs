//! What is mounted where, and which devices lie below a file system.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// How deep block devices may be stacked (crypt on LVM on RAID …).
const DEEPEST: u8 = 8;

/// A device's number, `major:minor`.
pub type Number = String;

/// One line of `/proc/self/mountinfo` (proc_pid_mountinfo(5)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// `major:minor`; a made-up one for btrfs and the like.
    pub number: Number,
    /// Where.
    pub point: PathBuf,
    /// The file system.
    pub kind: String,
    /// The device, where the file system has one.
    pub source: PathBuf,
}

/// Reads the text of `mountinfo`; a line that isn't understood is left out.
#[must_use]
pub fn parse(mountinfo: &str) -> Vec<Mount> {
    let line = |line: &str| {
        let (mount, rest) = line.split_once(" - ")?;
        let mut mount = mount.split(' ').skip(2);
        let mut rest = rest.split(' ');
        Some(Mount {
            number: mount.next()?.to_owned(),
            point: PathBuf::from(unescaped(mount.nth(1)?)),
            kind: rest.next()?.to_owned(),
            source: PathBuf::from(unescaped(rest.next()?)),
        })
    };
    mountinfo.lines().filter_map(line).collect()
}

/// The mount that `path`, which has no symlinks, lies on: the longest point, and of equal ones the last.
#[must_use]
pub fn below<'a>(mounts: &'a [Mount], path: &Path) -> Option<&'a Mount> {
    mounts
        .iter()
        .filter(|mount| path.starts_with(&mount.point))
        .max_by_key(|mount| mount.point.components().count())
}

/// A block device's number, `None` for anything else.
#[must_use]
pub fn number_of(device: &Path) -> Option<Number> {
    use std::os::unix::fs::FileTypeExt as _;
    let found = fs::metadata(device).ok()?;
    found.file_type().is_block_device().then(|| number(found.rdev()))
}

fn number(device: u64) -> Number {
    format!("{}:{}", rustix::fs::major(device), rustix::fs::minor(device))
}

/// The devices that a mounted file system uses: its own, and whatever lies below that one.
#[must_use]
pub fn devices_of(sysfs: &Path, mount: &Mount) -> BTreeSet<Number> {
    let mut all = BTreeSet::new();
    collect(sysfs, &mount.number, DEEPEST, &mut all);
    if let Some(number) = number_of(&mount.source) {
        collect(sysfs, &number, DEEPEST, &mut all);
    }
    all
}

/// Every device that a device lies on, itself and the disk of a partition included.
#[must_use]
pub fn devices_under(sysfs: &Path, number: &str) -> BTreeSet<Number> {
    let mut all = BTreeSet::new();
    collect(sysfs, number, DEEPEST, &mut all);
    all
}

fn collect(sysfs: &Path, number: &str, deepest: u8, all: &mut BTreeSet<Number>) {
    if deepest == 0 || !all.insert(number.to_owned()) {
        return;
    }
    let Ok(device) = fs::canonicalize(sysfs.join("dev/block").join(number)) else {
        return;
    };
    let number_in = |folder: &Path| fs::read_to_string(folder.join("dev")).map(|text| text.trim().to_owned());
    if device.join("partition").exists()
        && let Some(Ok(disk)) = device.parent().map(number_in)
    {
        collect(sysfs, &disk, deepest - 1, all);
    }
    for slave in fs::read_dir(device.join("slaves"))
        .into_iter()
        .flatten()
        .flatten()
    {
        if let Ok(number) = number_in(&slave.path()) {
            collect(sysfs, &number, deepest - 1, all);
        }
    }
}

/// The kernel writes space, tab, newline and backslash as three octal digits.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let octal = after
            .get(..3)
            .filter(|_| first == b'\\')
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        match octal {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[3..];
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
22 1 254:1 / / rw - ext4 /dev/mapper/root rw
23 22 8:1 / /boot rw - vfat /dev/sda1 rw
24 22 0:40 / /my\\040home rw shared:1 - btrfs /dev/sda3 rw
";

    #[test]
    fn the_innermost_mount_counts() {
        let mounts = parse(MOUNTS);
        let number = |path: &str| below(&mounts, Path::new(path)).unwrap().number.clone();
        assert_eq!(number("/boot/belay"), "8:1");
        assert_eq!(number("/bootstrap"), "254:1");
        assert_eq!(number("/my home/ada"), "0:40");
    }

    #[test]
    fn a_file_system_on_an_encrypted_partition_uses_mapping_partition_and_disk() {
        let sysfs = tempfile::tempdir().unwrap();
        let at = |path: &str| sysfs.path().join(path);
        for (folder, number) in [
            ("devices/sda", "8:0"),
            ("devices/sda/sda2", "8:2"),
            ("devices/dm-1", "254:1"),
        ] {
            fs::create_dir_all(at(folder).join("slaves")).unwrap();
            fs::write(at(folder).join("dev"), format!("{number}\n")).unwrap();
        }
        fs::write(at("devices/sda/sda2/partition"), "2\n").unwrap();
        fs::create_dir_all(at("dev/block")).unwrap();
        let link = |to: &str, name: &str| std::os::unix::fs::symlink(at(to), at(name)).unwrap();
        link("devices/sda/sda2", "devices/dm-1/slaves/sda2");
        link("devices/dm-1", "dev/block/254:1");
        link("devices/sda/sda2", "dev/block/8:2");
        link("devices/sda", "dev/block/8:0");
        let mounts = parse(MOUNTS);
        let used = devices_of(sysfs.path(), &mounts[0]);
        assert_eq!(used.into_iter().collect::<Vec<_>>(), ["254:1", "8:0", "8:2"]);
    }
}
