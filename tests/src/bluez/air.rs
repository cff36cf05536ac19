//! What an accessory is to the air: it advertises, has a GATT table, is read, written and subscribed to.

use std::any::Any;
use std::fmt;
use std::time::Duration;

use uuid::Uuid;

/// The UUID of a 16-bit number, by the Bluetooth base UUID.
#[must_use]
pub const fn sig(short: u16) -> Uuid {
    Uuid::from_u128(((short as u128) << 96) | 0x1000_8000_0080_5f9b_34fb)
}

/// A Bluetooth address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// As displayed, the most significant octet first.
    pub octets: [u8; 6],
    /// Whether it is a random address; else it is public.
    pub random: bool,
}

impl Address {
    /// A random static address.
    #[must_use]
    pub const fn random(octets: [u8; 6]) -> Self {
        Self { octets, random: true }
    }

    /// A public address.
    #[must_use]
    pub const fn public(octets: [u8; 6]) -> Self {
        Self {
            octets,
            random: false,
        }
    }

    /// As it stands in an object path.
    pub(super) fn in_path(self) -> String {
        self.to_string().replace(':', "_")
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.octets;
        write!(f, "{a:02X}:{b:02X}:{c:02X}:{d:02X}:{e:02X}:{g:02X}")
    }
}

/// What an accessory says to everybody.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Advertisement {
    /// The complete local name.
    pub name: Option<String>,
    /// The listed services.
    pub services: Vec<Uuid>,
    /// Payload by company, without the company's number.
    pub manufacturer: Vec<(u16, Vec<u8>)>,
    /// Payload by service.
    pub service_data: Vec<(Uuid, Vec<u8>)>,
}

/// A primary service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its UUID.
    pub uuid: Uuid,
    /// Its characteristics in the order of their handles.
    pub characteristics: Vec<Characteristic>,
}

/// A characteristic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Characteristic {
    /// Its UUID.
    pub uuid: Uuid,
    /// Its properties, by BlueZ's names (`read`, `write`, `write-without-response`, `notify`, `indicate`).
    pub flags: Vec<&'static str>,
}

impl Service {
    /// A service of `characteristics`, each with its properties as letters: `r` read, `w` write, `c` write without
    /// response ("command"), `n` notify, `i` indicate.
    #[must_use]
    pub fn new(uuid: Uuid, characteristics: &[(Uuid, &str)]) -> Self {
        let named = |letter| match letter {
            'r' => Some("read"),
            'w' => Some("write"),
            'c' => Some("write-without-response"),
            'n' => Some("notify"),
            'i' => Some("indicate"),
            _ => None,
        };
        let characteristics = characteristics.iter().map(|(uuid, letters)| Characteristic {
            uuid: *uuid,
            flags: letters.chars().filter_map(named).collect(),
        });
        Self {
            uuid,
            characteristics: characteristics.collect(),
        }
    }
}

/// The ATT error by which an accessory refuses, by its number in the Core specification (Vol 3, Part F, 3.4.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttError(pub u8);

impl AttError {
    /// It can't be read.
    pub const READ_NOT_PERMITTED: Self = Self(0x02);
    /// It can't be written.
    pub const WRITE_NOT_PERMITTED: Self = Self(0x03);
    /// The length is wrong.
    pub const INVALID_LENGTH: Self = Self(0x0d);
    /// Something unlikely: also what a lost link makes of an operation under way.
    pub const UNLIKELY: Self = Self(0x0e);
    /// A value is out of range.
    pub const OUT_OF_RANGE: Self = Self(0xff);
}

/// An accessory's way to act: the time, its notifications, and the end of the link.
#[derive(Debug)]
pub struct Air {
    now: Duration,
    pub(super) notifications: Vec<(Uuid, Vec<u8>)>,
    pub(super) hung_up: bool,
}

impl Air {
    /// At this time of the simulation.
    #[must_use]
    pub const fn at(now: Duration) -> Self {
        Self {
            now,
            notifications: Vec::new(),
            hung_up: false,
        }
    }

    /// Since the simulation began.
    #[must_use]
    pub const fn now(&self) -> Duration {
        self.now
    }

    /// Notifies `value` of `characteristic`; it goes out if the central has asked for notifications, and is cut to
    /// what the link takes.
    pub fn notify(&mut self, characteristic: Uuid, value: impl Into<Vec<u8>>) {
        self.notifications.push((characteristic, value.into()));
    }

    /// Drops the link, after the notifications so far.
    pub const fn hang_up(&mut self) {
        self.hung_up = true;
    }

    /// What was notified, for tests without a bus.
    #[must_use]
    pub fn notified(&self) -> &[(Uuid, Vec<u8>)] {
        &self.notifications
    }

    /// Whether the link was dropped, for tests without a bus.
    #[must_use]
    pub const fn hung(&self) -> bool {
        self.hung_up
    }
}

/// A virtual accessory. One central at a time is connected to it.
pub trait Peripheral: Any + Send {
    /// Its address.
    fn address(&self) -> Address;

    /// What it advertises; `None` while it advertises nothing.
    fn advertisement(&self) -> Option<Advertisement>;

    /// Its GATT table.
    fn services(&self) -> Vec<Service>;

    /// The ATT MTU it agrees to.
    fn mtu(&self) -> u16 {
        23
    }

    /// A central has connected.
    fn on_connect(&mut self, _air: &mut Air) {}

    /// The link is gone.
    fn on_disconnect(&mut self) {}

    /// The value of `characteristic` is read.
    ///
    /// # Errors
    /// The ATT error it answers.
    fn on_read(&mut self, characteristic: Uuid, _air: &mut Air) -> Result<Vec<u8>, AttError> {
        let _none_by_default = characteristic;
        Err(AttError::READ_NOT_PERMITTED)
    }

    /// `value` is written to `characteristic`.
    ///
    /// # Errors
    /// The ATT error it answers; a write without response shows none.
    fn on_write(&mut self, characteristic: Uuid, value: &[u8], _air: &mut Air) -> Result<(), AttError> {
        let _none_by_default = (characteristic, value);
        Err(AttError::WRITE_NOT_PERMITTED)
    }

    /// Notifications or indications of `characteristic` are switched on or off.
    fn on_subscribe(&mut self, _characteristic: Uuid, _on: bool, _air: &mut Air) {}

    /// When, since the simulation began, it wants to be told of the time next.
    fn deadline(&self) -> Option<Duration> {
        None
    }

    /// The time of [`Self::deadline`] has come.
    fn tick(&mut self, _air: &mut Air) {}
}
