//! A heart-rate strap as the Bluetooth SIG describes it: 180D with 2A37, a battery, device information.

use uuid::Uuid;

use crate::bluez::{Address, Advertisement, Air, AttError, Peripheral, Service, sig};

/// Heart rate measurement.
pub const MEASUREMENT: Uuid = sig(0x2a37);
/// Body sensor location.
pub const LOCATION: Uuid = sig(0x2a38);
/// Heart rate control point.
pub const CONTROL: Uuid = sig(0x2a39);
/// Battery level.
pub const BATTERY: Uuid = sig(0x2a19);

const MAKER: Uuid = sig(0x2a29);
const MODEL: Uuid = sig(0x2a24);
const SERIAL: Uuid = sig(0x2a25);
const FIRMWARE: Uuid = sig(0x2a26);

/// A strap around somebody's chest.
#[derive(Debug)]
pub struct Strap {
    address: Address,
    /// Percent.
    pub battery: u8,
    /// What it uses up, in kJ, since the last reset.
    pub energy: u16,
    /// Whether it touches skin; `None`: it can't tell.
    pub contact: Option<bool>,
    connected: bool,
    listening: bool,
}

impl Strap {
    /// A charged strap that is worn.
    #[must_use]
    pub const fn new(address: Address) -> Self {
        Self {
            address,
            battery: 90,
            energy: 0,
            contact: Some(true),
            connected: false,
            listening: false,
        }
    }

    /// The heart beats `bpm` times a minute, with these intervals between beats, in 1/1024 s.
    pub fn beat(&mut self, air: &mut Air, bpm: u16, intervals: &[u16]) {
        let wide = bpm > 255;
        // Whether contact can be told (bit 2) and is there (bit 1); energy is told where there is any (bit 3).
        let flags = u8::from(wide)
            | (u8::from(self.contact.is_some()) << 2)
            | (u8::from(self.contact == Some(true)) << 1)
            | (u8::from(self.energy > 0) << 3)
            | (u8::from(!intervals.is_empty()) << 4);
        let mut value = vec![flags];
        let [low, high] = bpm.to_le_bytes();
        value.push(low);
        if wide {
            value.push(high);
        }
        if self.energy > 0 {
            value.extend(self.energy.to_le_bytes());
        }
        value.extend(intervals.iter().flat_map(|i| i.to_le_bytes()));
        air.notify(MEASUREMENT, value);
    }

    /// Whether somebody listens to its measurements.
    #[must_use]
    pub const fn listening(&self) -> bool {
        self.listening
    }

    /// The battery is at so many percent.
    pub fn drain(&mut self, air: &mut Air, percent: u8) {
        self.battery = percent;
        air.notify(BATTERY, vec![percent]);
    }
}

impl Peripheral for Strap {
    fn address(&self) -> Address {
        self.address
    }

    fn advertisement(&self) -> Option<Advertisement> {
        (!self.connected).then(|| Advertisement {
            name: Some("HR Strap".to_owned()),
            services: vec![sig(0x180d)],
            ..Advertisement::default()
        })
    }

    fn services(&self) -> Vec<Service> {
        vec![
            Service::new(sig(0x1800), &[(sig(0x2a00), "r"), (sig(0x2a01), "r")]),
            Service::new(sig(0x1801), &[(sig(0x2a05), "i")]),
            Service::new(
                sig(0x180d),
                &[(MEASUREMENT, "n"), (LOCATION, "r"), (CONTROL, "w")],
            ),
            Service::new(sig(0x180f), &[(BATTERY, "rn")]),
            Service::new(
                sig(0x180a),
                &[(MAKER, "r"), (MODEL, "r"), (SERIAL, "r"), (FIRMWARE, "r")],
            ),
        ]
    }

    fn on_connect(&mut self, _air: &mut Air) {
        self.connected = true;
    }

    fn on_disconnect(&mut self) {
        self.connected = false;
        self.listening = false;
    }

    fn on_read(&mut self, characteristic: Uuid, _air: &mut Air) -> Result<Vec<u8>, AttError> {
        match characteristic {
            BATTERY => Ok(vec![self.battery]),
            // The chest.
            LOCATION => Ok(vec![1]),
            MAKER => Ok(b"Example".to_vec()),
            MODEL => Ok(b"Strap 1".to_vec()),
            SERIAL => Ok(b"HR-0007".to_vec()),
            FIRMWARE => Ok(b"1.2.0".to_vec()),
            _ => Err(AttError::READ_NOT_PERMITTED),
        }
    }

    fn on_write(&mut self, characteristic: Uuid, value: &[u8], _air: &mut Air) -> Result<(), AttError> {
        match (characteristic, value) {
            (CONTROL, [1]) => {
                self.energy = 0;
                Ok(())
            }
            // "Control point not supported", of the heart rate service.
            (CONTROL, _) => Err(AttError(0x80)),
            _ => Err(AttError::WRITE_NOT_PERMITTED),
        }
    }

    fn on_subscribe(&mut self, characteristic: Uuid, on: bool, _air: &mut Air) {
        if characteristic == MEASUREMENT {
            self.listening = on;
        }
    }
}
