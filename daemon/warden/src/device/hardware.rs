//! Which piece of hardware this is: the serial numbers that its kernel tells.

use std::fs;
use std::path::Path;

use belay_proto::hardware::{HardwareParts, hardware_id};

use crate::ceremony::Hardware;

/// Serial numbers that makers leave in where none was programmed.
const NOT_PROGRAMMED: [&str; 8] = [
    "0",
    "none",
    "unknown",
    "default string",
    "to be filled by o.e.m.",
    "not specified",
    "not applicable",
    "system serial number",
];

/// Reads the hardware below `sysfs`; `model` from the configuration wins over what the device says.
#[must_use]
pub fn read(sysfs: &Path, model: Option<&str>) -> Hardware {
    let parts = parts(sysfs);
    Hardware {
        id: hardware_id(&parts),
        locked: parts.unprinted(),
        model: model.map_or_else(|| self_told_model(sysfs), str::to_owned),
        // What the plan is worth is asked of belay-wipe later: whoever has none promises nothing.
        wipe_class: "none".to_owned(),
    }
}

/// The serial numbers. The modem isn't asked here: it comes and goes.
#[must_use]
pub fn parts(sysfs: &Path) -> HardwareParts {
    HardwareParts {
        soc: serial(&sysfs.join("devices/soc0/serial_number")),
        storage: storage(sysfs),
        imei: None,
        board: serial(&sysfs.join("class/dmi/id/board_serial"))
            .or_else(|| serial(&sysfs.join("firmware/devicetree/base/serial-number"))),
    }
}

/// The soldered storage: eMMC by its CID, UFS by its descriptor, NVMe by its serial. Cards and USB
/// sticks can be pulled out, so they don't count.
fn storage(sysfs: &Path) -> Option<String> {
    let mut disks: Vec<_> = fs::read_dir(sysfs.join("block"))
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .collect();
    disks.sort();
    disks.iter().find_map(|disk| {
        let device = disk.join("device");
        if text(&disk.join("removable")).is_some_and(|flag| flag == "1") {
            return None;
        }
        match text(&device.join("type")).as_deref() {
            Some("MMC") => serial(&device.join("cid")),
            Some("SD") => None,
            _ => nvme_serial(disk).or_else(|| ufs_serial(&device)),
        }
    })
}

fn nvme_serial(disk: &Path) -> Option<String> {
    let is_nvme = disk.file_name()?.to_str()?.starts_with("nvme");
    is_nvme.then(|| serial(&disk.join("device/serial"))).flatten()
}

fn ufs_serial(device: &Path) -> Option<String> {
    // The SCSI disk's device lies below the host controller, which carries the descriptor.
    let controller = fs::canonicalize(device).ok()?;
    controller
        .ancestors()
        .take(6)
        .find_map(|folder| serial(&folder.join("string_descriptors/serial_number")))
}

fn self_told_model(sysfs: &Path) -> String {
    [
        "firmware/devicetree/base/model",
        "class/dmi/id/product_name",
        "devices/soc0/machine",
    ]
    .iter()
    .find_map(|file| text(&sysfs.join(file)))
    .map_or_else(
        || "unknown".to_owned(),
        |model| model.chars().filter(|c| !c.is_control()).take(64).collect(),
    )
}

fn serial(path: &Path) -> Option<String> {
    text(path).filter(|serial| {
        let meaningless = serial.chars().all(|c| c == '0')
            || NOT_PROGRAMMED.contains(&serial.to_ascii_lowercase().as_str());
        !meaningless
    })
}

/// Device tree strings end with a zero byte, sysfs ones with a newline.
fn text(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sysfs(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (file, content) in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        folder
    }

    #[test]
    fn a_phone_is_known_by_its_chip_and_its_soldered_storage() {
        let sysfs = sysfs(&[
            ("devices/soc0/serial_number", "1234abcd\n"),
            ("block/mmcblk0/device/type", "MMC\n"),
            ("block/mmcblk0/device/cid", "150100\n"),
            ("firmware/devicetree/base/model", "Pocket Phone\0"),
        ]);
        let parts = parts(sysfs.path());
        assert_eq!(
            (parts.soc.as_deref(), parts.storage.as_deref()),
            (Some("1234abcd"), Some("150100"))
        );
        let hardware = read(sysfs.path(), None);
        assert_eq!((hardware.locked, hardware.model.as_str()), (true, "Pocket Phone"));
    }

    #[test]
    fn a_card_that_can_be_pulled_out_does_not_count() {
        let sysfs = sysfs(&[
            ("block/mmcblk1/device/type", "SD\n"),
            ("block/mmcblk1/device/cid", "ff\n"),
        ]);
        assert_eq!(parts(sysfs.path()).storage, None);
    }

    #[test]
    fn a_serial_that_was_never_programmed_does_not_count() {
        let sysfs = sysfs(&[
            ("devices/soc0/serial_number", "0000000000000000\n"),
            ("class/dmi/id/board_serial", "To Be Filled By O.E.M.\n"),
        ]);
        assert_eq!(parts(sysfs.path()), HardwareParts::default());
        assert!(!read(sysfs.path(), None).locked);
    }

    #[test]
    fn a_laptop_is_known_by_its_drive() {
        let sysfs = sysfs(&[
            ("block/nvme0n1/device/serial", "S4EWNX0\n"),
            ("block/nvme0n1/removable", "0\n"),
        ]);
        assert_eq!(parts(sysfs.path()).storage.as_deref(), Some("S4EWNX0"));
    }
}
