//! Scales and others that speak as the Bluetooth SIG describes it and not otherwise: Weight Scale (181D), Body
//! Composition (181B), and a device of which nothing is known but its battery (180F).
//!
//! A scale keeps what it weighs while nobody listens, with the time by its own clock, and indicates it to whoever
//! subscribes next, the oldest first.

mod body;
mod cell;
mod weight;

use std::collections::BTreeSet;

use uuid::Uuid;

use crate::bluez::{Address, Advertisement, AttError, Service, sig};

pub use body::{BodyScale, Composition, Field};
pub use cell::{Cell, LEVEL};
pub use weight::{Weighing, WeightScale};

/// Current time.
pub const TIME: Uuid = sig(0x2a2b);
/// Battery level.
pub const BATTERY: Uuid = sig(0x2a19);
/// Weight measurement.
pub const WEIGHT: Uuid = sig(0x2a9d);
/// Body composition measurement.
pub const COMPOSITION: Uuid = sig(0x2a9c);

const MAKER: Uuid = sig(0x2a29);
const SERIAL: Uuid = sig(0x2a25);
const FIRMWARE: Uuid = sig(0x2a26);

/// Year, month, day, hour, minute and second.
pub type Date = (u16, [u8; 5]);

fn date(bytes: &mut Vec<u8>, (year, rest): Date) {
    bytes.extend(year.to_le_bytes());
    bytes.extend(rest);
}

/// What all of them have.
#[derive(Debug)]
pub struct Common {
    address: Address,
    name: &'static str,
    /// Percent.
    pub battery: u8,
    /// Its clock as last set: ten bytes, or none.
    pub time: Vec<u8>,
    connected: bool,
    subscribed: BTreeSet<Uuid>,
}

impl Common {
    const fn new(address: Address, name: &'static str) -> Self {
        Self {
            address,
            name,
            battery: 90,
            time: Vec::new(),
            connected: false,
            subscribed: BTreeSet::new(),
        }
    }

    /// Whether the central listens to `characteristic`.
    #[must_use]
    pub fn listens(&self, characteristic: Uuid) -> bool {
        self.subscribed.contains(&characteristic)
    }

    fn advertisement(&self, services: &[u16]) -> Option<Advertisement> {
        (!self.connected).then(|| Advertisement {
            name: Some(self.name.to_owned()),
            services: services.iter().map(|short| sig(*short)).collect(),
            ..Advertisement::default()
        })
    }

    /// What every one of them has, and then `more`.
    fn services(more: impl IntoIterator<Item = Service>) -> Vec<Service> {
        let mut all = vec![
            Service::new(sig(0x1800), &[(sig(0x2a00), "r"), (sig(0x2a01), "r")]),
            Service::new(sig(0x1801), &[(sig(0x2a05), "i")]),
            Service::new(sig(0x180a), &[(MAKER, "r"), (SERIAL, "r"), (FIRMWARE, "r")]),
            Service::new(sig(0x180f), &[(BATTERY, "rn")]),
        ];
        all.extend(more);
        all
    }

    fn clock() -> Service {
        Service::new(sig(0x1805), &[(TIME, "rwn")])
    }

    fn disconnected(&mut self) {
        self.connected = false;
        self.subscribed.clear();
    }

    fn read(&self, characteristic: Uuid) -> Result<Vec<u8>, AttError> {
        match characteristic {
            BATTERY => Ok(vec![self.battery]),
            TIME => Ok(self.time.clone()),
            MAKER => Ok(b"Example".to_vec()),
            SERIAL => Ok(b"SN-0042".to_vec()),
            FIRMWARE => Ok(b"3.1.4".to_vec()),
            _ => Err(AttError::READ_NOT_PERMITTED),
        }
    }

    fn set_clock(&mut self, value: &[u8]) -> Result<(), AttError> {
        match value {
            // A day of the week from Monday on, or none that is known.
            [_, _, 1..=12, 1..=31, 0..=23, 0..=59, 0..=59, 0..=7, _, _] => {
                self.time = value.to_vec();
                Ok(())
            }
            [_, _, _, _, _, _, _, _, _, _] => Err(AttError::OUT_OF_RANGE),
            _ => Err(AttError::INVALID_LENGTH),
        }
    }

    fn subscribe(&mut self, characteristic: Uuid, on: bool) {
        if on {
            self.subscribed.insert(characteristic);
        } else {
            self.subscribed.remove(&characteristic);
        }
    }
}
