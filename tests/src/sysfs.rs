//! A simulated `/sys` of a phone: the serial numbers of which the warden makes the hardware id.

use std::fs;

use crate::place::Place;
use crate::{Outcome, guest};

/// Which serial numbers a device has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hardware {
    /// A phone: a SoC serial and an eMMC with its card identification, which no box has printed on it.
    Phone(u32),
    /// A device that only has what is printed on its box: no activation lock.
    Printed(u32),
}

/// Writes the folder `sys`.
///
/// # Errors
/// What the file system says.
pub fn write(place: &Place, hardware: Hardware) -> Outcome {
    let files: Vec<(&str, String)> = match hardware {
        Hardware::Phone(n) => vec![
            ("devices/soc0/serial_number", format!("{n:016x}")),
            ("devices/soc0/machine", "Simulated Phone".to_owned()),
            (
                "block/mmcblk0/device/cid",
                format!("150100424a5444344207{n:012x}"),
            ),
            ("block/mmcblk0/device/type", "MMC".to_owned()),
            (
                "class/block/mmcblk0/device/cid",
                format!("150100424a5444344207{n:012x}"),
            ),
            ("class/block/mmcblk0/device/type", "MMC".to_owned()),
        ],
        Hardware::Printed(n) => vec![("class/dmi/id/board_serial", format!("BOX{n:08}"))],
    };
    for (file, content) in files {
        let path = place.at("sys").join(file);
        let folder = path.parent().unwrap_or(&path);
        fs::create_dir_all(folder)?;
        fs::write(&path, format!("{content}\n"))?;
    }
    guest::give(&place.at("sys"))
}
