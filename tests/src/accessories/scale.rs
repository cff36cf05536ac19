//! Mi scales: what they advertise while somebody stands on them, and what they remember.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::band::wire::{TIME, huami};
use crate::bluez::{Address, Advertisement, Air, AttError, Peripheral, Service, sig};

/// The history.
pub const HISTORY: Uuid = huami(0x2a2f);
/// The configuration.
pub const CONFIG: Uuid = huami(0x1542);

/// Which scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Model {
    /// Mi Smart Scale: weight.
    One,
    /// Mi Body Composition Scale: weight and impedance.
    Two,
}

/// The unit of the display.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unit {
    /// Kilograms.
    #[default]
    Kilogram,
    /// Pounds.
    Pound,
    /// Jin, half a kilogram.
    Jin,
}

/// A moment of a weighing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Frame {
    /// In the unit's steps: 1/200 kg, 1/100 lb, 1/100 jin.
    pub raw: u16,
    /// The unit.
    pub unit: Unit,
    /// Whether it doesn't move any more.
    pub stable: bool,
    /// Whether the person has stepped down.
    pub removed: bool,
    /// Ohm, once measured.
    pub impedance: Option<u16>,
    /// Year, month, day, hour, minute, second by the scale's clock.
    pub date: (u16, [u8; 5]),
}

/// A scale.
#[derive(Debug)]
pub struct Scale {
    model: Model,
    address: Address,
    frame: Option<Frame>,
    /// The weighings it remembers, the oldest first.
    pub memory: Vec<Frame>,
    /// Up to where each account has read.
    pointers: BTreeMap<Vec<u8>, usize>,
    reading: Option<Vec<u8>>,
    /// Only so many of the records announced are sent.
    pub short_by: usize,
    /// Its clock, as last set.
    pub time: Vec<u8>,
    /// What was written to its configuration.
    pub configuration: Vec<Vec<u8>>,
    connected: bool,
}

impl Scale {
    /// A scale nobody stands on. It sleeps.
    #[must_use]
    pub const fn new(model: Model, address: Address) -> Self {
        Self {
            model,
            address,
            frame: None,
            memory: Vec::new(),
            pointers: BTreeMap::new(),
            reading: None,
            short_by: 0,
            time: Vec::new(),
            configuration: Vec::new(),
            connected: false,
        }
    }

    /// It shows this; `None`: it sleeps. A weighing that is over stays in its memory.
    pub fn show(&mut self, frame: Option<Frame>) {
        if let Some(frame) = frame.filter(|f| f.stable && f.removed && f.raw > 0) {
            self.memory.push(frame);
        }
        self.frame = frame;
    }

    const fn service(&self) -> Uuid {
        match self.model {
            Model::One => sig(0x181d),
            Model::Two => sig(0x181b),
        }
    }

    fn bytes(&self, frame: Frame) -> Vec<u8> {
        let date = |bytes: &mut Vec<u8>| {
            bytes.extend(frame.date.0.to_le_bytes());
            bytes.extend(frame.date.1);
        };
        let pounds = u8::from(frame.unit == Unit::Pound);
        let common = (u8::from(frame.stable) * 0x20) | (u8::from(frame.removed) * 0x80);
        let jin = u8::from(frame.unit == Unit::Jin);
        match self.model {
            Model::One => {
                // Bit 1 is set in every frame ever published.
                let mut bytes = vec![0x02 | common | pounds | (jin * 0x10)];
                bytes.extend(frame.raw.to_le_bytes());
                date(&mut bytes);
                bytes
            }
            Model::Two => {
                let impedance = u8::from(frame.impedance.is_some()) * 0x02;
                let mut bytes = vec![0x02 | pounds, 0x04 | common | impedance | (jin * 0x40)];
                date(&mut bytes);
                bytes.extend(frame.impedance.unwrap_or(0).to_le_bytes());
                bytes.extend(frame.raw.to_le_bytes());
                bytes
            }
        }
    }

    fn history(&mut self, value: &[u8], air: &mut Air) {
        match value {
            [0x01, id @ ..] => {
                let read = self.pointers.get(id).copied().unwrap_or(0);
                let left = self.memory.len().saturating_sub(read);
                let mut answer = vec![0x01];
                answer.extend(u16::try_from(left).unwrap_or(u16::MAX).to_le_bytes());
                answer.extend([0, 0]);
                self.reading = Some(id.to_vec());
                air.notify(HISTORY, answer);
            }
            [0x02] => {
                let Some(id) = &self.reading else { return };
                let read = self.pointers.get(id).copied().unwrap_or(0);
                let left: Vec<Vec<u8>> = self.memory.iter().skip(read).map(|f| self.bytes(*f)).collect();
                let sent = left.len().saturating_sub(std::mem::take(&mut self.short_by));
                // Two of the first model fit one notification, and it makes use of that.
                let together = if self.model == Model::One { 2 } else { 1 };
                for records in left[..sent].chunks(together) {
                    air.notify(HISTORY, records.concat());
                }
                air.notify(HISTORY, vec![0x03]);
            }
            [0x03] => self.reading = None,
            [0x04, id @ ..] => {
                self.pointers.insert(id.to_vec(), self.memory.len());
            }
            _ => {}
        }
    }
}

impl Peripheral for Scale {
    fn address(&self) -> Address {
        self.address
    }

    fn advertisement(&self) -> Option<Advertisement> {
        let frame = self.frame.filter(|_| !self.connected)?;
        let name = match self.model {
            Model::One => "MI_SCALE",
            Model::Two => "MIBFS",
        };
        Some(Advertisement {
            name: Some(name.to_owned()),
            services: vec![self.service()],
            manufacturer: vec![(0x0157, self.address.octets.to_vec())],
            service_data: vec![(self.service(), self.bytes(frame))],
        })
    }

    fn services(&self) -> Vec<Service> {
        let measurement = match self.model {
            Model::One => sig(0x2a9d),
            Model::Two => sig(0x2a9c),
        };
        vec![
            Service::new(sig(0x1800), &[(sig(0x2a00), "r")]),
            Service::new(
                self.service(),
                &[(TIME, "rw"), (measurement, "i"), (HISTORY, "wn")],
            ),
            Service::new(huami(0x1530), &[(CONFIG, "rwn"), (huami(0x1543), "rwn")]),
        ]
    }

    fn on_connect(&mut self, _air: &mut Air) {
        self.connected = true;
    }

    fn on_disconnect(&mut self) {
        self.connected = false;
        self.reading = None;
    }

    fn on_read(&mut self, characteristic: Uuid, _air: &mut Air) -> Result<Vec<u8>, AttError> {
        match characteristic {
            TIME => Ok(self.time.clone()),
            _ => Err(AttError::READ_NOT_PERMITTED),
        }
    }

    fn on_write(&mut self, characteristic: Uuid, value: &[u8], air: &mut Air) -> Result<(), AttError> {
        match characteristic {
            TIME if value.len() == 10 => self.time = value.to_vec(),
            TIME => return Err(AttError::INVALID_LENGTH),
            HISTORY => self.history(value, air),
            CONFIG => {
                self.configuration.push(value.to_vec());
                let command = value.get(1).copied().unwrap_or(0);
                air.notify(CONFIG, vec![0x16, 0x06, command, 0x00, 0x01]);
            }
            _ => return Err(AttError::WRITE_NOT_PERMITTED),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: (u16, [u8; 5]) = (2022, [2, 14, 16, 41, 58]);

    fn said(model: Model, frame: Frame) -> Vec<u8> {
        let mut scale = Scale::new(model, Address::public([1, 2, 3, 4, 5, 6]));
        scale.show(Some(frame));
        scale.advertisement().unwrap().service_data[0].1.clone()
    }

    #[test]
    fn frames_are_those_of_real_scales() {
        let stable = Frame {
            raw: 12350,
            stable: true,
            date: DATE,
            ..Frame::default()
        };
        let expected = [0x22, 0x3e, 0x30, 0xe6, 0x07, 2, 14, 16, 41, 58];
        assert_eq!(said(Model::One, stable), expected);
        let composed = Frame {
            raw: 14065,
            unit: Unit::Pound,
            impedance: Some(503),
            ..stable
        };
        let expected = [0x03, 0x26, 0xe6, 0x07, 2, 14, 16, 41, 58, 0xf7, 0x01, 0xf1, 0x36];
        assert_eq!(said(Model::Two, composed), expected);
        let gone = Frame {
            removed: true,
            impedance: None,
            ..composed
        };
        let expected = [0x03, 0xa4, 0xe6, 0x07, 2, 14, 16, 41, 58, 0, 0, 0xf1, 0x36];
        assert_eq!(said(Model::Two, gone), expected);
    }

    #[test]
    fn each_account_reads_what_it_has_not_read() {
        let mut scale = Scale::new(Model::One, Address::public([1, 2, 3, 4, 5, 6]));
        let over = |raw| Frame {
            raw,
            stable: true,
            removed: true,
            date: DATE,
            ..Frame::default()
        };
        for raw in [100, 200, 300] {
            scale.show(Some(over(raw)));
        }
        let mut read = |id: u8, acknowledge: bool| {
            let mut air = Air::at(std::time::Duration::ZERO);
            let commands: &[&[u8]] = match acknowledge {
                true => &[&[1, 0, 0, 0, id], &[2], &[3], &[4, 0, 0, 0, id]],
                false => &[&[1, 0, 0, 0, id], &[2], &[3]],
            };
            for command in commands {
                scale.on_write(HISTORY, command, &mut air).unwrap();
            }
            let lengths = air.notified().iter().map(|(_, value)| value.len());
            (air.notified()[0].1[1], lengths.collect::<Vec<_>>())
        };
        assert_eq!(read(7, false), (3, vec![5, 20, 10, 1]));
        assert_eq!(read(7, true), (3, vec![5, 20, 10, 1]));
        assert_eq!(read(7, true), (0, vec![5, 1]));
        assert_eq!(read(8, true), (3, vec![5, 20, 10, 1]));
    }
}
