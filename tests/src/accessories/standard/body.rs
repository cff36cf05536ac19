//! A body composition scale: 181B with 2A9C, whose measurements may be more than one packet holds.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{COMPOSITION, Common, Date, TIME, date};
use crate::bluez::{Address, Advertisement, Air, AttError, Peripheral, Service, sig};

const FEATURE: Uuid = sig(0x2a9b);
/// This is one of several packets.
const SEVERAL: u16 = 1 << 12;

/// A quantity of two bytes, by the bit that announces it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// Basal metabolism, kJ.
    Basal = 3,
    /// Muscle, tenths of a percent.
    Muscle = 4,
    /// Muscle, as a mass.
    MuscleMass = 5,
    /// All but fat, as a mass.
    FatFree = 6,
    /// All but fat and bone, as a mass.
    SoftLean = 7,
    /// Water, as a mass.
    Water = 8,
    /// Impedance, tenths of an ohm.
    Impedance = 9,
    /// Weight. Masses are in steps of 0.005 kg, or of 0.01 lb.
    Weight = 10,
    /// Height, mm or tenths of an inch.
    Height = 11,
}

/// One measurement.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Composition {
    /// Body fat, tenths of a percent; `0xffff`: it didn't succeed.
    pub fat: u16,
    /// Whether it is in pounds and inches.
    pub imperial: bool,
    /// When, by its clock.
    pub time: Option<Date>,
    /// Which of its users.
    pub user: Option<u8>,
    /// The rest.
    pub fields: BTreeMap<Field, u16>,
}

impl Composition {
    /// As it goes over the air, in packets of at most `room` bytes: each begins with its own flags and the body fat.
    #[must_use]
    pub fn packets(&self, room: usize) -> Vec<Vec<u8>> {
        let mut parts: Vec<(u16, Vec<u8>)> = Vec::new();
        if let Some(time) = self.time {
            let mut bytes = Vec::new();
            date(&mut bytes, time);
            parts.push((1 << 1, bytes));
        }
        parts.extend(self.user.map(|user| (1 << 2, vec![user])));
        for (field, value) in &self.fields {
            parts.push((1 << (*field as u16), value.to_le_bytes().to_vec()));
        }
        let mut packets = vec![(0, Vec::new())];
        for (flag, bytes) in parts {
            if packets
                .last()
                .is_some_and(|(_, before): &(u16, Vec<u8>)| 4 + before.len() + bytes.len() > room)
            {
                packets.push((0, Vec::new()));
            }
            if let Some((flags, before)) = packets.last_mut() {
                *flags |= flag;
                before.extend(bytes);
            }
        }
        let common = u16::from(self.imperial) | if packets.len() > 1 { SEVERAL } else { 0 };
        let whole = |(flags, bytes): (u16, Vec<u8>)| {
            let mut packet = (flags | common).to_le_bytes().to_vec();
            packet.extend(self.fat.to_le_bytes());
            packet.extend(bytes);
            packet
        };
        packets.into_iter().map(whole).collect()
    }
}

/// The scale.
#[derive(Debug)]
pub struct BodyScale {
    /// What it is apart from weighing.
    pub common: Common,
    /// What it has told nobody yet.
    pub kept: Vec<Composition>,
}

impl BodyScale {
    /// A scale nobody has stood on.
    #[must_use]
    pub const fn new(address: Address) -> Self {
        Self {
            common: Common::new(address, "Example Body"),
            kept: Vec::new(),
        }
    }

    /// Somebody stands on it, with bare feet.
    pub fn measure(&mut self, air: &mut Air, composition: Composition) {
        self.kept.push(composition);
        self.tell(air);
    }

    fn tell(&mut self, air: &mut Air) {
        let room = usize::from(self.mtu()).saturating_sub(3);
        if self.common.listens(COMPOSITION) {
            for packet in self.kept.drain(..).flat_map(|one| one.packets(room)) {
                air.notify(COMPOSITION, packet);
            }
        }
    }
}

impl Peripheral for BodyScale {
    fn address(&self) -> Address {
        self.common.address
    }

    fn advertisement(&self) -> Option<Advertisement> {
        self.common.advertisement(&[0x181b])
    }

    fn services(&self) -> Vec<Service> {
        let body = Service::new(sig(0x181b), &[(FEATURE, "r"), (COMPOSITION, "i")]);
        Common::services([Common::clock(), body])
    }

    fn on_connect(&mut self, _air: &mut Air) {
        self.common.connected = true;
    }

    fn on_disconnect(&mut self) {
        self.common.disconnected();
    }

    fn on_read(&mut self, characteristic: Uuid, _air: &mut Air) -> Result<Vec<u8>, AttError> {
        match characteristic {
            // All quantities that there are.
            FEATURE => Ok(vec![0xff, 0x07, 0, 0]),
            _ => self.common.read(characteristic),
        }
    }

    fn on_write(&mut self, characteristic: Uuid, value: &[u8], _air: &mut Air) -> Result<(), AttError> {
        match characteristic {
            TIME => self.common.set_clock(value),
            _ => Err(AttError::WRITE_NOT_PERMITTED),
        }
    }

    fn on_subscribe(&mut self, characteristic: Uuid, on: bool, air: &mut Air) {
        self.common.subscribe(characteristic, on);
        self.tell(air);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_packet_does_not_hold_comes_in_several() {
        let fields = [(Field::Impedance, 5000), (Field::Weight, 15_000)];
        let small = Composition {
            fat: 200,
            fields: fields.into(),
            ..Composition::default()
        };
        let expected = [[0x00, 0x06, 0xc8, 0x00, 0x88, 0x13, 0x98, 0x3a]];
        assert_eq!(small.packets(20), expected);
        let large = Composition {
            time: Some((2023, [12, 25, 14, 30, 45])),
            user: Some(2),
            fields: [
                (Field::Basal, 1600),
                (Field::Muscle, 400),
                (Field::Water, 8000),
                (Field::Impedance, 5000),
                (Field::Weight, 15_000),
                (Field::Height, 1750),
            ]
            .into(),
            ..small
        };
        // Four of head, eight of time and user, and four quantities are as much as there may be.
        let first = vec![
            0x1e, 0x13, 0xc8, 0x00, 0xe7, 0x07, 12, 25, 14, 30, 45, 2, 0x40, 0x06, 0x90, 0x01, 0x40, 0x1f,
            0x88, 0x13,
        ];
        let second = vec![0x00, 0x1c, 0xc8, 0x00, 0x98, 0x3a, 0xd6, 0x06];
        assert_eq!(large.packets(20), [first, second]);
    }
}
