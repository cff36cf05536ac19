//! What this device's boot chain and disk let us promise, told truthfully.

use std::fs;
use std::path::Path;

use belay_proto::dbus::AssuranceLevel;

const SECURE_BOOT: &str = "firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
/// How deep block devices may be stacked (crypt on LVM on RAID …).
const DEEPEST: u8 = 8;

/// The level and, as codes, what keeps it from being higher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assurance {
    /// A verified boot and hardware secret, B encrypted root and protected boot medium, C encrypted
    /// root, D unencrypted or unknown.
    pub level: AssuranceLevel,
    /// `root-not-encrypted`, `root-unknown`, `boot-not-verified`, `no-tpm`, `sealing-key-in-file`,
    /// `no-reset-proof-place`, `no-unprinted-serial`, `no-enforcement`.
    pub notes: Vec<String>,
}

/// What the warden knows of itself.
#[derive(Clone, Copy, Debug)]
pub struct Own {
    /// The sealing key came as a credential.
    pub credential: bool,
    /// There is a place that a factory reset leaves alone.
    pub reset_proof: bool,
    /// The hardware id has a part that is printed nowhere.
    pub unprinted: bool,
    /// Somebody makes the operating system follow lost mode.
    pub enforced: bool,
}

/// Judges from sysfs and the text of `/proc/self/mountinfo`.
#[must_use]
pub fn judge(sysfs: &Path, mountinfo: &str, own: Own) -> Assurance {
    let encrypted =
        root_device(mountinfo).and_then(|device| encrypted(&sysfs.join("dev/block").join(device), DEEPEST));
    let verified = fs::read(sysfs.join(SECURE_BOOT)).is_ok_and(|variable| variable.last() == Some(&1));
    let tpm = sysfs.join("class/tpm/tpm0").exists();
    let level = match (encrypted, verified) {
        (Some(true), true) if tpm && own.credential => AssuranceLevel::A,
        (Some(true), true) => AssuranceLevel::B,
        (Some(true), false) => AssuranceLevel::C,
        _ => AssuranceLevel::D,
    };
    let notes = [
        (encrypted == Some(false), "root-not-encrypted"),
        (encrypted.is_none(), "root-unknown"),
        (!verified, "boot-not-verified"),
        (!tpm, "no-tpm"),
        (!own.credential, "sealing-key-in-file"),
        (!own.reset_proof, "no-reset-proof-place"),
        (!own.unprinted, "no-unprinted-serial"),
        (!own.enforced, "no-enforcement"),
    ];
    Assurance {
        level,
        notes: notes
            .into_iter()
            .filter(|(holds, _)| *holds)
            .map(|(_, note)| note.to_owned())
            .collect(),
    }
}

/// `major:minor` of what is mounted at `/` (proc_pid_mountinfo(5): fields 3 and 5); the last mount
/// is the visible one.
fn root_device(mountinfo: &str) -> Option<&str> {
    mountinfo.lines().rev().find_map(|line| {
        let mut fields = line.split(' ').skip(2);
        let device = fields.next()?;
        (fields.nth(1)? == "/").then_some(device)
    })
}

/// Whether a block device, or each one below it, is a dm-crypt mapping; `None`: it can't be told.
fn encrypted(device: &Path, deepest: u8) -> Option<bool> {
    if !device.exists() || deepest == 0 {
        return None;
    }
    if fs::read_to_string(device.join("dm/uuid")).is_ok_and(|uuid| uuid.starts_with("CRYPT-")) {
        return Some(true);
    }
    let mut below = fs::read_dir(device.join("slaves"))
        .into_iter()
        .flatten()
        .flatten()
        .peekable();
    if below.peek().is_none() {
        return Some(false);
    }
    below
        .map(|entry| encrypted(&entry.path(), deepest - 1))
        .try_fold(true, |all, one| one.map(|one| all && one))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Own = Own {
        credential: true,
        reset_proof: true,
        unprinted: true,
        enforced: true,
    };
    const MOUNTS: &str =
        "22 1 254:1 / / rw,relatime - ext4 /dev/mapper/root rw\n23 22 0:21 / /proc rw - proc proc rw\n";

    fn sysfs(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (file, content) in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        folder
    }

    #[test]
    fn an_unencrypted_or_unknown_root_is_d() {
        let plain = sysfs(&[("dev/block/254:1/size", b"1")]);
        let judged = judge(plain.path(), MOUNTS, OWN);
        assert_eq!(
            (judged.level, judged.notes[0].as_str()),
            (AssuranceLevel::D, "root-not-encrypted")
        );
        let unknown = judge(sysfs(&[]).path(), MOUNTS, OWN);
        assert_eq!(
            (unknown.level, unknown.notes[0].as_str()),
            (AssuranceLevel::D, "root-unknown")
        );
    }

    #[test]
    fn an_encrypted_root_is_c_until_the_boot_is_verified() {
        let open = sysfs(&[("dev/block/254:1/dm/uuid", b"CRYPT-LUKS2-x-root\n")]);
        assert_eq!(judge(open.path(), MOUNTS, OWN).level, AssuranceLevel::C);
        let verified = sysfs(&[
            ("dev/block/254:1/dm/uuid", b"CRYPT-LUKS2-x-root\n"),
            (SECURE_BOOT, &[6, 0, 0, 0, 1]),
        ]);
        assert_eq!(judge(verified.path(), MOUNTS, OWN).level, AssuranceLevel::B);
    }

    #[test]
    fn a_volume_on_an_encrypted_disk_counts_and_one_plain_half_does_not() {
        let stacked = sysfs(&[("dev/block/254:1/slaves/dm-0/dm/uuid", b"CRYPT-LUKS2-x-disk\n")]);
        assert_eq!(judge(stacked.path(), MOUNTS, OWN).level, AssuranceLevel::C);
        let half = sysfs(&[
            ("dev/block/254:1/slaves/dm-0/dm/uuid", b"CRYPT-LUKS2-x-disk\n"),
            ("dev/block/254:1/slaves/sdb/size", b"1"),
        ]);
        assert_eq!(judge(half.path(), MOUNTS, OWN).level, AssuranceLevel::D);
    }

    #[test]
    fn a_key_in_a_file_is_never_a() {
        let files: &[(&str, &[u8])] = &[
            ("dev/block/254:1/dm/uuid", b"CRYPT-x"),
            (SECURE_BOOT, &[6, 0, 0, 0, 1]),
            ("class/tpm/tpm0/x", b""),
        ];
        assert_eq!(judge(sysfs(files).path(), MOUNTS, OWN).level, AssuranceLevel::A);
        let judged = judge(
            sysfs(files).path(),
            MOUNTS,
            Own {
                credential: false,
                ..OWN
            },
        );
        assert_eq!(
            (judged.level, judged.notes),
            (AssuranceLevel::B, vec!["sealing-key-in-file".to_owned()])
        );
    }
}
