//! A weight scale: 181D with 2A9D.

use uuid::Uuid;

use super::{COMPOSITION, Common, Date, TIME, WEIGHT, date};
use crate::bluez::{Address, Advertisement, Air, AttError, Peripheral, Service, sig};

const FEATURE: Uuid = sig(0x2a9e);

/// One weighing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Weighing {
    /// In steps of 0.005 kg, or of 0.01 lb; `0xffff`: it didn't succeed.
    pub raw: u16,
    /// Whether it is in pounds.
    pub imperial: bool,
    /// When, by its clock.
    pub time: Option<Date>,
    /// Which of its users; 255: one it doesn't know.
    pub user: Option<u8>,
    /// Body mass index in tenths, and height in mm or tenths of an inch.
    pub body: Option<(u16, u16)>,
}

impl Weighing {
    /// As it goes over the air.
    #[must_use]
    pub fn bytes(self) -> Vec<u8> {
        let flags = u8::from(self.imperial)
            | u8::from(self.time.is_some()) << 1
            | u8::from(self.user.is_some()) << 2
            | u8::from(self.body.is_some()) << 3;
        let mut bytes = vec![flags];
        bytes.extend(self.raw.to_le_bytes());
        if let Some(time) = self.time {
            date(&mut bytes, time);
        }
        bytes.extend(self.user);
        if let Some((index, height)) = self.body {
            bytes.extend(index.to_le_bytes());
            bytes.extend(height.to_le_bytes());
        }
        bytes
    }
}

/// The scale.
#[derive(Debug)]
pub struct WeightScale {
    /// What it is apart from weighing.
    pub common: Common,
    /// What it has told nobody yet.
    pub kept: Vec<Weighing>,
    /// Whether it has Body Composition as well, of which it says nothing.
    pub composes: bool,
}

impl WeightScale {
    /// A scale nobody has stood on.
    #[must_use]
    pub const fn new(address: Address) -> Self {
        Self {
            common: Common::new(address, "Example Scale"),
            kept: Vec::new(),
            composes: false,
        }
    }

    /// Somebody stands on it.
    pub fn weigh(&mut self, air: &mut Air, weighing: Weighing) {
        self.kept.push(weighing);
        self.tell(air);
    }

    fn tell(&mut self, air: &mut Air) {
        if self.common.listens(WEIGHT) {
            for weighing in self.kept.drain(..) {
                air.notify(WEIGHT, weighing.bytes());
            }
        }
    }
}

impl Peripheral for WeightScale {
    fn address(&self) -> Address {
        self.common.address
    }

    fn advertisement(&self) -> Option<Advertisement> {
        self.common.advertisement(&[0x181d])
    }

    fn services(&self) -> Vec<Service> {
        let weight = Service::new(sig(0x181d), &[(FEATURE, "r"), (WEIGHT, "i")]);
        let body = Service::new(sig(0x181b), &[(COMPOSITION, "i")]);
        Common::services(
            [Common::clock(), weight]
                .into_iter()
                .chain(self.composes.then_some(body)),
        )
    }

    fn on_connect(&mut self, _air: &mut Air) {
        self.common.connected = true;
    }

    fn on_disconnect(&mut self) {
        self.common.disconnected();
    }

    fn on_read(&mut self, characteristic: Uuid, _air: &mut Air) -> Result<Vec<u8>, AttError> {
        match characteristic {
            // Time stamps, several users, body mass index.
            FEATURE => Ok(vec![0b111, 0, 0, 0]),
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
