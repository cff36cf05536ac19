//! Mi scales: what they advertise and indicate while somebody stands on them, and what they remember.
//!
//! Where nothing is known of the real ones: what isn't understood is ignored; an account's place moves by what it was
//! sent, not by what came in the meantime.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::band::wire::{HARDWARE, PNP, SERIAL, SOFTWARE, SYSTEM, TIME, huami};
use super::script::{Manner, Script};
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
    /// Whether it weighs a thing.
    pub small: bool,
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
    pointers: BTreeMap<[u8; 4], usize>,
    /// Who reads, and up to where it was sent.
    reading: Option<([u8; 4], usize)>,
    /// Only so many of the records announced are sent.
    pub short_by: usize,
    /// Its clock, as last set.
    pub time: Vec<u8>,
    /// What was written to its configuration.
    pub configuration: Vec<Vec<u8>>,
    /// The ATT MTU it agrees to.
    pub mtu: u16,
    /// What it does otherwise than it should.
    pub script: Script,
    /// How many commands of the history weren't as they should be.
    pub wrong: u32,
    connected: bool,
    subscribed: BTreeSet<Uuid>,
}

impl Scale {
    /// A scale nobody stands on. It sleeps.
    #[must_use]
    pub fn new(model: Model, address: Address) -> Self {
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
            mtu: 23,
            script: Script::default(),
            wrong: 0,
            connected: false,
            subscribed: BTreeSet::new(),
        }
    }

    /// It shows this; `None`: it sleeps. A weighing that is over stays in its memory.
    pub fn show(&mut self, frame: Option<Frame>) {
        if let Some(frame) = frame.filter(|f| f.stable && f.removed && f.raw > 0) {
            self.memory.push(frame);
        }
        self.frame = frame;
    }

    /// Somebody stands on it while a central is connected, who is told.
    pub fn weigh(&mut self, air: &mut Air, frame: Frame) {
        air.notify(self.measurement(), self.bytes(frame));
        self.show(Some(frame));
    }

    /// Whether the central listens to `characteristic`.
    #[must_use]
    pub fn listens(&self, characteristic: Uuid) -> bool {
        self.subscribed.contains(&characteristic)
    }

    /// Where it indicates a weighing.
    #[must_use]
    pub const fn measurement(&self) -> Uuid {
        match self.model {
            Model::One => sig(0x2a9d),
            Model::Two => sig(0x2a9c),
        }
    }

    const fn service(&self) -> Uuid {
        match self.model {
            Model::One => sig(0x181d),
            Model::Two => sig(0x181b),
        }
    }

    pub(super) fn bytes(&self, frame: Frame) -> Vec<u8> {
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
                let small = u8::from(frame.small) * 0x40;
                let mut bytes = vec![0x02 | common | pounds | small | (jin * 0x10)];
                bytes.extend(frame.raw.to_le_bytes());
                date(&mut bytes);
                bytes
            }
            Model::Two => {
                let impedance = u8::from(frame.impedance.is_some()) * 0x02;
                let small = u8::from(frame.small) * 0x04;
                let mut bytes = vec![0x02 | pounds | small, 0x04 | common | impedance | (jin * 0x40)];
                date(&mut bytes);
                bytes.extend(frame.impedance.unwrap_or(0).to_le_bytes());
                bytes.extend(frame.raw.to_le_bytes());
                bytes
            }
        }
    }

    fn history(&mut self, value: &[u8], air: &mut Air) {
        match *value {
            [0x01, a, b, c, d] => {
                let id = [a, b, c, d];
                let read = self.pointers.get(&id).copied().unwrap_or(0);
                let left = self.memory.len().saturating_sub(read);
                let mut answer = vec![0x01];
                answer.extend(u16::try_from(left).unwrap_or(u16::MAX).to_le_bytes());
                answer.extend([0, 0]);
                self.reading = Some((id, read));
                air.notify(HISTORY, answer);
            }
            [0x02] => {
                let Some((id, read)) = self.reading else {
                    self.wrong += 1;
                    return;
                };
                let left: Vec<Vec<u8>> = self.memory.iter().skip(read).map(|f| self.bytes(*f)).collect();
                let sent = left.len().saturating_sub(std::mem::take(&mut self.short_by));
                // As many as fit one notification, two at most, and it makes use of that.
                let length = if self.model == Model::One { 10 } else { 13 };
                let together = (usize::from(self.mtu).saturating_sub(3) / length).clamp(1, 2);
                for records in left[..sent].chunks(together) {
                    air.notify(HISTORY, records.concat());
                }
                air.notify(HISTORY, vec![0x03]);
                self.reading = Some((id, self.memory.len()));
            }
            // The end, of one that failed too.
            [0x03] => {}
            [0x04, a, b, c, d] => match self.reading.take() {
                Some((id, sent)) if id == [a, b, c, d] => {
                    self.pointers.insert(id, sent);
                }
                _ => self.wrong += 1,
            },
            _ => self.wrong += 1,
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
        let device = [SYSTEM, SERIAL, HARDWARE, SOFTWARE, PNP].map(|uuid| (uuid, "r"));
        let mut main = vec![(TIME, "rw"), (self.measurement(), "i"), (HISTORY, "wn")];
        if self.model == Model::Two {
            main.insert(1, (sig(0x2a9b), "r"));
        }
        let settings = [
            (huami(0x1531), "wn"),
            (huami(0x1532), "c"),
            (sig(0x2a04), "rwn"),
            (CONFIG, "rwn"),
            (huami(0x1543), "rwn"),
        ];
        vec![
            Service::new(sig(0x1800), &[(sig(0x2a00), "r")]),
            Service::new(sig(0x1801), &[(sig(0x2a05), "i")]),
            Service::new(sig(0x180a), &device),
            Service::new(self.service(), &main),
            Service::new(huami(0x1530), &settings),
        ]
    }

    fn mtu(&self) -> u16 {
        self.mtu
    }

    fn on_connect(&mut self, _air: &mut Air) {
        self.connected = true;
    }

    fn on_disconnect(&mut self) {
        self.connected = false;
        self.reading = None;
        self.subscribed.clear();
    }

    fn on_read(&mut self, characteristic: Uuid, _air: &mut Air) -> Result<Vec<u8>, AttError> {
        match characteristic {
            TIME => Ok(self.time.clone()),
            SERIAL => Ok(b"10023456abcd".to_vec()),
            HARDWARE => Ok(b"V0.1".to_vec()),
            SOFTWARE => Ok(b"V1.2.3".to_vec()),
            _ => Err(AttError::READ_NOT_PERMITTED),
        }
    }

    fn on_write(&mut self, characteristic: Uuid, value: &[u8], air: &mut Air) -> Result<(), AttError> {
        match self.script.take(characteristic) {
            None => {}
            Some(Manner::Refuses(error)) => return Err(error),
            Some(Manner::Ignores) => return Ok(()),
            Some(Manner::Answers(values)) => {
                values.into_iter().for_each(|one| air.notify(characteristic, one));
                return Ok(());
            }
            Some(Manner::HangsUp) => {
                air.hang_up();
                return Ok(());
            }
        }
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

    fn on_subscribe(&mut self, characteristic: Uuid, on: bool, _air: &mut Air) {
        if on {
            self.subscribed.insert(characteristic);
        } else {
            self.subscribed.remove(&characteristic);
        }
    }
}

#[cfg(test)]
mod tests;
