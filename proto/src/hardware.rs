//! The hardware id: which piece of hardware this is, whoever it belongs to. Reading the serial numbers
//! is the warden's part.

use crate::cbor::MapWriter;
use crate::id::HardwareId;
use crate::keys::sha256;

/// Serial numbers as found, without surrounding space; `None` where the hardware tells none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HardwareParts {
    /// The system-on-chip's serial number.
    pub soc: Option<String>,
    /// The eMMC's or UFS's CID, or the NVMe's serial number.
    pub storage: Option<String>,
    /// The modem's IMEI.
    pub imei: Option<String>,
    /// The board's serial number.
    pub board: Option<String>,
}

impl HardwareParts {
    /// Whether a part is known that stands on no box and goes over no radio: the chip's or the
    /// storage's. Without one anybody could claim the hardware, so there is no activation lock.
    pub fn unprinted(&self) -> bool {
        self.soc.is_some() || self.storage.is_some()
    }
}

/// SHA-256("belay/hardware/1\0" ‖ CBOR map of the known parts).
pub fn hardware_id(parts: &HardwareParts) -> HardwareId {
    let map = MapWriter::new()
        .put("soc", &parts.soc)
        .put("storage", &parts.storage)
        .put("imei", &parts.imei)
        .put("board", &parts.board)
        .finish();
    HardwareId::from_bytes(sha256(&[b"belay/hardware/1\0".as_slice(), &map].concat()))
}

#[cfg(test)]
mod tests {
    use super::{HardwareParts, hardware_id};

    #[test]
    fn the_same_text_in_another_part_is_other_hardware() {
        let soc = HardwareParts {
            soc: Some("1234".into()),
            ..HardwareParts::default()
        };
        let board = HardwareParts {
            board: Some("1234".into()),
            ..HardwareParts::default()
        };
        assert_ne!(hardware_id(&soc), hardware_id(&board));
        assert!(soc.unprinted() && !board.unprinted());
    }
}
