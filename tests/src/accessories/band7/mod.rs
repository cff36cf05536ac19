//! Xiaomi Smart Band 7: what bands before had characteristics for goes to endpoints, through a tunnel with a key that
//! both sides agree on.
//!
//! Where nothing is known of the real one: it seals what it says as what it is said, its numbers begin as the phone's
//! do; a wrong key leaves the link up; what should be encrypted and isn't, is ignored.

mod curve;
mod ears;
pub mod history;
mod shown;
mod six;
mod tunnel;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::time::Duration;

use uuid::Uuid;

use super::band::wire::{self, huami};
use crate::bluez::{Address, Advertisement, Air, AttError, Chance, Peripheral, Service, sig};

pub use history::{History, lived};
pub use shown::Shown;
use tunnel::Tunnel;

/// Where the phone writes the pieces of its messages.
pub const TO: Uuid = huami(0x0016);
/// Where the band notifies its own, and the phone confirms them.
pub const FROM: Uuid = huami(0x0017);

/// How often it tells a heart rate while it measures.
const BEAT: Duration = Duration::from_secs(1);
/// How long it measures without a word to go on.
const ALIVE: Duration = Duration::from_secs(15);
/// How long it bears a link without authentication.
const PATIENCE: Duration = Duration::from_secs(30);

/// The band.
#[derive(Debug)]
pub struct Band7 {
    address: Address,
    /// The key that the account's server has issued.
    pub key: [u8; 16],
    /// What it remembers.
    pub history: History,
    /// What was on its display, in order.
    pub shown: Vec<Shown>,
    /// What it was told of its wearer.
    pub wearer: Vec<u8>,
    /// Its clock, as last set: eleven bytes.
    pub time: [u8; 11],
    /// Battery: percent, and whether it charges.
    pub battery: (u8, bool),
    /// Steps, metres and kilocalories of today.
    pub today: (u32, u32, u32),
    /// What its sensor would measure.
    pub rate: u8,
    /// Whether it vibrates to be found.
    pub vibrates: bool,
    /// How often it was told to.
    pub vibrations: u32,
    /// Whether the phone has heard that it is looked for.
    pub phone_heard: bool,
    /// Whether the phone was found.
    pub phone_found: bool,
    /// How many of its messages the phone has confirmed.
    pub confirmed: usize,
    /// How often it was given the answer of another key.
    pub mismatches: u32,
    /// The ATT MTU it agrees to.
    pub mtu: u16,
    /// The configuration commands of a Mi Band 6.
    pub configuration: Vec<Vec<u8>>,
    /// What was written to the user settings of a Mi Band 6.
    pub settings: Vec<Vec<u8>>,
    is_six: bool,
    chance: Chance,
    tunnel: Tunnel,
    trusted: bool,
    /// Its secret, its random block and what both sides arrive at, while it waits for the answer.
    challenge: Option<([u8; 16], [u8; 48])>,
    tells_steps: bool,
    /// When the next value is due, and until when it measures.
    measuring: Option<(Duration, Duration)>,
    drops: Option<Duration>,
    connected: bool,
    subscribed: BTreeSet<Uuid>,
}

impl Band7 {
    /// A band with this key. What it makes up follows from `seed`.
    #[must_use]
    pub fn new(address: Address, key: [u8; 16], seed: u64) -> Self {
        Self {
            address,
            key,
            history: History::default(),
            shown: Vec::new(),
            wearer: Vec::new(),
            time: [0xb2, 0x07, 1, 1, 0, 0, 0, 4, 0, 0, 0],
            battery: (80, false),
            today: (0, 0, 0),
            rate: 68,
            vibrates: false,
            vibrations: 0,
            phone_heard: false,
            phone_found: false,
            confirmed: 0,
            mismatches: 0,
            mtu: 23,
            configuration: Vec::new(),
            settings: Vec::new(),
            is_six: false,
            chance: Chance::new(seed),
            tunnel: Tunnel::default(),
            trusted: false,
            challenge: None,
            tells_steps: false,
            measuring: None,
            drops: None,
            connected: false,
            subscribed: BTreeSet::new(),
        }
    }

    /// Whether the phone has shown that it has the key.
    #[must_use]
    pub const fn trusted(&self) -> bool {
        self.trusted
    }

    /// Whether it tells each change of its steps.
    #[must_use]
    pub const fn tells_steps(&self) -> bool {
        self.tells_steps
    }

    /// Whether it measures the heart rate.
    #[must_use]
    pub const fn measures(&self) -> bool {
        self.measuring.is_some()
    }

    /// How many messages of this connection weren't as they should be.
    #[must_use]
    pub const fn wrong(&self) -> u32 {
        self.tunnel.wrong
    }

    /// The battery has changed.
    pub fn charge(&mut self, air: &mut Air, percent: u8, charging: bool) {
        self.battery = (percent, charging);
        self.tell_battery(air);
    }

    /// The wearer has walked, today so many steps in all.
    pub fn walk(&mut self, air: &mut Air, steps: u32) {
        self.today = (steps, steps.saturating_mul(7) / 10, steps / 25);
        if self.tells_steps {
            let text = [&[7], &self.steps()[..]].concat();
            self.tell(air, 0x0016, false, &text);
        }
    }

    /// The wearer looks for the phone, or has it.
    pub fn look_for_phone(&mut self, air: &mut Air, looks: bool) {
        (self.phone_heard, self.phone_found) = (false, false);
        self.tell(air, 0x001a, true, &[if looks { 0x11 } else { 0x13 }]);
    }

    /// The wearer declines the call, or wants it silent.
    pub fn decline(&mut self, air: &mut Air, silent: bool) {
        self.tell(air, 0x001e, true, &[5, if silent { 2 } else { 1 }]);
    }

    /// The wearer has found the band.
    pub fn is_found(&mut self, air: &mut Air) {
        self.vibrates = false;
        self.tell(air, 0x001a, true, &[7]);
    }

    /// Says it to whoever is trusted.
    pub fn tell(&mut self, air: &mut Air, endpoint: u16, secret: bool, text: &[u8]) {
        if self.trusted {
            self.say(air, endpoint, secret, text);
        }
    }

    fn say(&mut self, air: &mut Air, endpoint: u16, secret: bool, text: &[u8]) {
        let room = usize::from(self.mtu).saturating_sub(3);
        for piece in self.tunnel.give(endpoint, secret, text, room) {
            self.notify(air, FROM, piece);
        }
    }

    const fn name(&self) -> &'static str {
        match self.is_six {
            true => "Mi Smart Band 6",
            false => "Xiaomi Smart Band 7",
        }
    }

    fn notify(&self, air: &mut Air, of: Uuid, value: Vec<u8>) {
        if self.subscribed.contains(&of) {
            air.notify(of, value);
        }
    }

    fn steps(&self) -> Vec<u8> {
        let (steps, metres, energy) = self.today;
        let numbers = [steps, metres, energy];
        let numbers = numbers.iter().flat_map(|number| number.to_le_bytes());
        [0x0c].into_iter().chain(numbers).collect()
    }

    /// Without encryption, as a published trace has it.
    fn tell_battery(&mut self, air: &mut Air) {
        let (percent, charging) = self.battery;
        let mut text = vec![4, 0x0f, percent, u8::from(charging)];
        text.extend([0x3a, 0x08, 2, 5, 22, 28, 16, 0xe0]);
        text.extend([0xe6, 0x07, 12, 10, 13, 59, 2, 0xe0]);
        text.push(100);
        self.tell(air, 0x0029, false, &text);
    }

    fn fetch(&mut self, value: &[u8], air: &mut Air) {
        match value {
            [1, ..] => {
                let answer = self.history.start(value, self.time[10]);
                self.notify(air, wire::FETCH, answer);
            }
            [2] => {
                let room = usize::from(self.mtu).saturating_sub(3);
                let (packets, end) = self.history.transfer(room);
                for packet in packets {
                    self.notify(air, wire::DATA, packet);
                }
                self.notify(air, wire::FETCH, end);
            }
            // A Mi Band 6 knows one word only.
            [3] if self.is_six && self.history.settle(1) => {
                self.notify(air, wire::FETCH, vec![0x10, 3, 1]);
            }
            [3, word] if !self.is_six && self.history.settle(*word) => {
                self.notify(air, wire::FETCH, vec![0x10, 3, 1]);
            }
            _ => self.tunnel.wrong += 1,
        }
    }

    fn measure(&mut self, air: &mut Air) {
        if let Some((next, until)) = self.measuring
            && next <= air.now()
        {
            self.measuring = (air.now() < until).then(|| (air.now() + BEAT, until));
            self.notify(air, wire::HEART, vec![0, self.rate]);
        }
    }
}

impl Peripheral for Band7 {
    fn address(&self) -> Address {
        self.address
    }

    fn advertisement(&self) -> Option<Advertisement> {
        let mut payload = vec![0x02, 0xff, 0xff, 0xff];
        payload.extend([0xff; 13]);
        payload.push(0x03);
        payload.extend(self.address.octets);
        (!self.connected).then(|| Advertisement {
            name: Some(self.name().to_owned()),
            services: vec![sig(0xfee0)],
            manufacturer: vec![(0x0157, payload)],
            service_data: vec![(sig(0xfee0), self.today.0.to_le_bytes().to_vec())],
        })
    }

    fn services(&self) -> Vec<Service> {
        let device = [(wire::SERIAL, "r"), (wire::HARDWARE, "r"), (wire::SOFTWARE, "r")];
        let mut main = vec![
            (wire::TIME, "rwn"),
            (wire::FETCH, "cn"),
            (wire::DATA, "n"),
            (TO, "c"),
            (FROM, "cn"),
        ];
        if self.is_six {
            main.extend(six::MORE);
        }
        vec![
            Service::new(sig(0x1800), &[(wire::NAME, "r")]),
            Service::new(sig(0x180a), &device),
            Service::new(sig(0x1802), &[(wire::LEVEL, "c")]),
            Service::new(sig(0x180d), &[(wire::HEART, "n"), (wire::HEART_CONTROL, "rw")]),
            Service::new(sig(0xfee0), &main),
        ]
    }

    fn mtu(&self) -> u16 {
        self.mtu
    }

    fn on_connect(&mut self, air: &mut Air) {
        self.connected = true;
        self.drops = Some(air.now() + PATIENCE);
    }

    fn on_disconnect(&mut self) {
        self.connected = false;
        self.subscribed.clear();
        self.tunnel = Tunnel::default();
        self.trusted = false;
        self.challenge = None;
        self.tells_steps = false;
        self.measuring = None;
        self.drops = None;
        self.history.abort();
    }

    fn on_read(&mut self, characteristic: Uuid, _air: &mut Air) -> Result<Vec<u8>, AttError> {
        match characteristic {
            wire::NAME => Ok(self.name().as_bytes().to_vec()),
            wire::SERIAL => Ok(b"7a8b9c0d1e2f".to_vec()),
            wire::HARDWARE => Ok(b"V0.93.17.3".to_vec()),
            wire::SOFTWARE => Ok(b"V2.0.0.2".to_vec()),
            wire::TIME if self.trusted => Ok(self.time.to_vec()),
            _ if self.trusted && self.is_six => self.read_six(characteristic),
            _ => Err(AttError::READ_NOT_PERMITTED),
        }
    }

    fn on_write(&mut self, characteristic: Uuid, value: &[u8], air: &mut Air) -> Result<(), AttError> {
        match characteristic {
            TO => {
                let (answer, message) = self.tunnel.take(value);
                if let Some(answer) = answer {
                    self.notify(air, FROM, answer);
                }
                if let Some(message) = message {
                    self.hear(air, &message);
                }
            }
            FROM => self.confirmed += usize::from(matches!(value, [4, 0, _, 1, _])),
            _ if !self.trusted => {}
            wire::TIME => {
                let time: [u8; 11] = value.try_into().map_err(|_| AttError::INVALID_LENGTH)?;
                if !self.takes_time(&time) {
                    return Err(AttError::OUT_OF_RANGE);
                }
                self.time = time;
            }
            wire::FETCH => self.fetch(value, air),
            wire::USER => self.settings.push(value.to_vec()),
            _ => {}
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

    fn deadline(&self) -> Option<Duration> {
        let next = self.measuring.map(|(next, _)| next);
        self.drops.into_iter().chain(next).min()
    }

    fn tick(&mut self, air: &mut Air) {
        if self.drops.is_some_and(|at| at <= air.now()) {
            self.drops = None;
            return air.hang_up();
        }
        self.measure(air);
    }
}
