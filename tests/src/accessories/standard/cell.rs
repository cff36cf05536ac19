//! A device of which nothing is known but its battery, and that it can be made to be noticed.

use uuid::Uuid;

use super::{BATTERY, Common};
use crate::bluez::{Address, Advertisement, Air, AttError, Peripheral, Service, sig};

/// Alert level.
pub const LEVEL: Uuid = sig(0x2a06);

/// The device.
#[derive(Debug)]
pub struct Cell {
    /// What it is.
    pub common: Common,
    /// The alert levels it got.
    pub levels: Vec<u8>,
}

impl Cell {
    /// A charged one.
    #[must_use]
    pub const fn new(address: Address) -> Self {
        Self {
            common: Common::new(address, "Example Tag"),
            levels: Vec::new(),
        }
    }

    /// The battery is at so many percent.
    pub fn drain(&mut self, air: &mut Air, percent: u8) {
        self.common.battery = percent;
        air.notify(BATTERY, vec![percent]);
    }
}

impl Peripheral for Cell {
    fn address(&self) -> Address {
        self.common.address
    }

    fn advertisement(&self) -> Option<Advertisement> {
        self.common.advertisement(&[0x180f])
    }

    fn services(&self) -> Vec<Service> {
        Common::services([Service::new(sig(0x1802), &[(LEVEL, "c")])])
    }

    fn on_connect(&mut self, _air: &mut Air) {
        self.common.connected = true;
    }

    fn on_disconnect(&mut self) {
        self.common.disconnected();
    }

    fn on_read(&mut self, characteristic: Uuid, _air: &mut Air) -> Result<Vec<u8>, AttError> {
        self.common.read(characteristic)
    }

    fn on_write(&mut self, characteristic: Uuid, value: &[u8], _air: &mut Air) -> Result<(), AttError> {
        match (characteristic, value) {
            (LEVEL, [level @ 0..=2]) => self.levels.push(*level),
            (LEVEL, _) => return Err(AttError::INVALID_LENGTH),
            _ => return Err(AttError::WRITE_NOT_PERMITTED),
        }
        Ok(())
    }

    fn on_subscribe(&mut self, characteristic: Uuid, on: bool, _air: &mut Air) {
        self.common.subscribe(characteristic, on);
    }
}
