//! The GATT table of a band, and what it tells everybody who connects.

use uuid::Uuid;

use super::wire::{self, huami};
use super::{Address, Model, Service, sig};

impl Model {
    /// The name it advertises.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Two => "MI Band 2",
            Self::Three => "Mi Band 3",
            Self::Four => "Mi Smart Band 4",
            Self::Five => "Mi Smart Band 5",
            Self::Six => "Mi Smart Band 6",
        }
    }

    /// Whether its key comes from the account's server, and can't be chosen by a phone.
    #[must_use]
    pub const fn key_is_issued(self) -> bool {
        matches!(self, Self::Four | Self::Five | Self::Six)
    }

    /// Whether it remembers eight bytes a minute.
    #[must_use]
    pub const fn remembers_eight(self) -> bool {
        matches!(self, Self::Five | Self::Six)
    }

    const fn firmware(self) -> &'static str {
        match self {
            Self::Two => "V1.0.1.81",
            Self::Three => "V2.4.0.32",
            Self::Four => "V1.0.9.66",
            Self::Five => "V1.0.2.66",
            Self::Six => "V1.0.1.36",
        }
    }
}

/// The table, as a Mi Band 4 was measured to have it.
pub(super) fn services() -> Vec<Service> {
    let device = [
        (wire::SYSTEM, "r"),
        (wire::SERIAL, "r"),
        (wire::HARDWARE, "r"),
        (wire::SOFTWARE, "r"),
        (wire::PNP, "r"),
    ];
    let main = [
        (wire::TIME, "rwn"),
        (sig(0x2a04), "rcn"),
        (huami(0x0001), "cn"),
        (huami(0x0002), "n"),
        (wire::CONFIG, "cn"),
        (wire::FETCH, "cn"),
        (wire::DATA, "n"),
        (wire::BATTERY, "rn"),
        (wire::STEPS, "rn"),
        (wire::USER, "wn"),
        (huami(0x000e), "w"),
        (huami(0x000f), "cn"),
        (wire::EVENTS, "n"),
        (huami(0x0011), "rcn"),
        (huami(0x0012), "rcn"),
        (huami(0x0013), "rwn"),
        (wire::CHUNKED, "rcn"),
    ];
    vec![
        Service::new(
            sig(0x1800),
            &[(wire::NAME, "r"), (sig(0x2a01), "r"), (sig(0x2a04), "r")],
        ),
        Service::new(sig(0x1801), &[(sig(0x2a05), "i")]),
        Service::new(sig(0x180a), &device),
        Service::new(huami(0x1530), &[(huami(0x1531), "wn"), (huami(0x1532), "c")]),
        Service::new(sig(0x1811), &[(sig(0x2a44), "rwn"), (wire::ALERT, "rw")]),
        Service::new(sig(0x1802), &[(wire::LEVEL, "c")]),
        Service::new(sig(0x180d), &[(wire::HEART, "n"), (wire::HEART_CONTROL, "rw")]),
        Service::new(sig(0xfee0), &main),
        Service::new(sig(0xfee1), &[(wire::AUTH, "rcn"), (huami(0xfec1), "rwn")]),
    ]
}

/// What can be read without authentication.
pub(super) fn told_to_all(model: Model, address: Address, characteristic: Uuid) -> Option<Vec<u8>> {
    let [a, b, c, d, e, f] = address.octets;
    match characteristic {
        wire::NAME => Some(model.name().as_bytes().to_vec()),
        wire::SERIAL => Some(format!("{d:02x}{e:02x}{f:02x}4a5b6c").into_bytes()),
        wire::HARDWARE => Some(b"V0.1.3.2".to_vec()),
        wire::SOFTWARE => Some(model.firmware().as_bytes().to_vec()),
        wire::SYSTEM => Some(vec![a, b, c, 0xff, 0xfe, d, e, f]),
        wire::PNP => Some(vec![0x01, 0x57, 0x01, 0x24, 0x00, 0x01, 0x01]),
        _ => None,
    }
}
