//! Mi Band 2 to 6 before the protocol of 2021: whom they believe, what they measure, remember and show.
//!
//! Where nothing is known of the real ones: a band without notifications of the authentication is silent; it bears an
//! unauthenticated link as long as it asks for a tap; a wrong key leaves the link up; what isn't understood is
//! ignored; Mi Band 5 and 6 have the table of Mi Band 4 and don't answer the authentication of the bands before.

mod alert;
mod auth;
mod heart;
mod history;
mod table;
#[cfg(test)]
mod tests;
pub mod wire;

use std::collections::BTreeSet;
use std::time::Duration;

use uuid::Uuid;

use crate::bluez::{Address, Advertisement, Air, AttError, Peripheral, Service, sig};

pub use super::script::{Manner, Script};
pub use alert::Alert;
pub use auth::Auth;
pub(crate) use auth::encrypt;
pub use heart::Heart;
pub use history::{History, Minute, Once};

/// Which band.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Model {
    /// Mi Band 2.
    Two,
    /// Mi Band 3.
    Three,
    /// Mi Band 4, the first whose key is issued by the account's server.
    Four,
    /// Mi Band 5, the first that remembers eight bytes a minute.
    Five,
    /// Mi Band 6 with the firmware it came with.
    Six,
}

/// A band.
#[derive(Debug)]
pub struct Band {
    model: Model,
    address: Address,
    /// Authentication.
    pub auth: Auth,
    /// The heart rate sensor.
    pub heart: Heart,
    /// What it remembers.
    pub history: History,
    /// What the wearer noticed, in its order.
    pub alerts: Vec<Alert>,
    /// What was written to the configuration.
    pub configuration: Vec<Vec<u8>>,
    /// What was written to the user settings.
    pub settings: Vec<Vec<u8>>,
    /// Its clock, as last set: eleven bytes.
    pub time: [u8; 11],
    /// Battery: percent, and whether it charges.
    pub battery: (u8, bool),
    /// Steps, metres and kilocalories of today.
    pub today: (u32, u32, u32),
    /// Whether it advertises while connected.
    pub advertises_connected: bool,
    /// Whether others may see the heart rate.
    pub shares_heart: bool,
    /// How often the key was sent to a band whose key can't be chosen.
    pub refused_keys: u32,
    /// What it does otherwise than it should.
    pub script: Script,
    /// Whether its advertisements have no name, as those between two scan responses.
    pub nameless: bool,
    chunks: alert::Chunks,
    connected: bool,
    subscribed: BTreeSet<Uuid>,
}

impl Band {
    /// A band that belongs to the phone with `key`, or to nobody. What it makes up follows from `seed`.
    #[must_use]
    pub fn new(model: Model, address: Address, key: Option<[u8; 16]>, seed: u64) -> Self {
        Self {
            model,
            address,
            auth: Auth::new(key, seed),
            heart: Heart::default(),
            history: History::of(model),
            alerts: Vec::new(),
            configuration: Vec::new(),
            settings: Vec::new(),
            // A Thursday, the first of January 1970.
            time: [0xb2, 0x07, 1, 1, 0, 0, 0, 4, 0, 0, 0],
            battery: (80, false),
            today: (0, 0, 0),
            advertises_connected: false,
            shares_heart: false,
            refused_keys: 0,
            script: Script::default(),
            nameless: false,
            chunks: alert::Chunks::default(),
            connected: false,
            subscribed: BTreeSet::new(),
        }
    }

    /// The wearer taps the button, which confirms where it asks for that and is an event else.
    pub fn tap(&mut self, air: &mut Air) {
        match self.auth.tap() {
            Some(answer) => self.reply(air, wire::AUTH, answer),
            None => self.event(air, &[0x04]),
        }
    }

    /// Something happens on the band: its number and what belongs to it. 04 button, 07 call rejected, 08 find the
    /// phone, 0E the half hour, 0F found.
    pub fn event(&self, air: &mut Air, event: &[u8]) {
        self.tell(air, wire::EVENTS, event.to_vec());
    }

    /// The battery has changed.
    pub fn charge(&mut self, air: &mut Air, percent: u8, charging: bool) {
        self.battery = (percent, charging);
        let value = self.battery_value();
        self.tell(air, wire::BATTERY, value);
    }

    /// The wearer has walked, today so many steps in all.
    pub fn walk(&mut self, air: &mut Air, steps: u32) {
        self.today = (steps, steps.saturating_mul(7) / 10, steps / 25);
        let value = self.steps_value();
        self.tell(air, wire::STEPS, value);
    }

    /// Whether the central listens to `characteristic`.
    #[must_use]
    pub fn listens(&self, characteristic: Uuid) -> bool {
        self.subscribed.contains(&characteristic)
    }

    /// As after the wearer chose it in the menu: nobody's, with nothing in it.
    pub fn factory_reset(&mut self, air: &mut Air) {
        self.auth.key = None;
        self.history.clear();
        self.today = (0, 0, 0);
        self.advertises_connected = false;
        self.shares_heart = false;
        air.hang_up();
    }

    /// Notifies those who are trusted.
    fn tell(&self, air: &mut Air, of: Uuid, value: Vec<u8>) {
        if self.auth.trusted() {
            self.reply(air, of, value);
        }
    }

    fn reply(&self, air: &mut Air, of: Uuid, value: Vec<u8>) {
        if self.subscribed.contains(&of) {
            air.notify(of, value);
        }
    }

    fn battery_value(&self) -> Vec<u8> {
        let (percent, charging) = self.battery;
        let mut value = vec![0x0f, percent, u8::from(charging)];
        // Never set, then the last charge with its offset and level.
        value.extend([0xb2, 0x07, 1, 1, 0, 0, 0, 0]);
        value.extend([0xe9, 0x07, 11, 2, 7, 30, 0, 4]);
        value.push(100);
        value
    }

    fn steps_value(&self) -> Vec<u8> {
        let (steps, metres, energy) = self.today;
        let mut value = vec![0x0c];
        value.extend([steps, metres, energy].iter().flat_map(|n| n.to_le_bytes()));
        value
    }

    fn configure(&mut self, value: &[u8], air: &mut Air) {
        self.configuration.push(value.to_vec());
        match value {
            [0x06, 0x01, 0x00, on] => self.advertises_connected = *on == 1,
            [0x06, 0x1f, 0x00, on] => self.shares_heart = *on == 1,
            [0x06, 0x0b, 0x00, 0x01] => self.factory_reset(air),
            _ => {}
        }
        let answer = match value {
            // Alarms and the version of the satellite receiver: not supported.
            [command @ (0x0d | 0x0e), ..] => vec![0x10, *command, 0x05],
            [endpoint, command, ..] => vec![0x10, *endpoint, *command, 0x00, 0x01],
            _ => return,
        };
        self.tell(air, wire::CONFIG, answer);
    }

    fn fetch(&mut self, value: &[u8], air: &mut Air) {
        match value.first() {
            Some(0x01) => {
                let answer = self.history.start(value, self.time[10]);
                self.tell(air, wire::FETCH, answer);
            }
            Some(0x02) => {
                let room = usize::from(self.mtu()).saturating_sub(3);
                for packet in self.history.packets(room) {
                    self.tell(air, wire::DATA, packet);
                }
                self.tell(air, wire::FETCH, vec![0x10, 0x02, 0x01]);
            }
            Some(0x03) => {
                self.history.acknowledge();
                self.tell(air, wire::FETCH, vec![0x10, 0x03, 0x01]);
            }
            _ => {}
        }
    }

    fn measure(&mut self, air: &mut Air) {
        for value in self.heart.tick(air.now()) {
            self.tell(air, wire::HEART, value);
        }
    }
}

impl Peripheral for Band {
    fn address(&self) -> Address {
        self.address
    }

    fn advertisement(&self) -> Option<Advertisement> {
        if self.connected && !self.advertises_connected {
            return None;
        }
        let mut payload = vec![0x02, 0xff, 0xff, 0xff];
        if self.shares_heart && self.heart.continuous() {
            payload = vec![0x02, 0x02, 0x01, self.heart.rate];
        }
        payload.extend([0xff; 13]);
        payload.push(0x03);
        payload.extend(self.address.octets);
        Some(Advertisement {
            name: (!self.nameless).then(|| self.model.name().to_owned()),
            services: vec![sig(0xfee0)],
            manufacturer: vec![(0x0157, payload)],
            service_data: vec![(sig(0xfee0), self.today.0.to_le_bytes().to_vec())],
        })
    }

    fn services(&self) -> Vec<Service> {
        table::services()
    }

    fn on_connect(&mut self, air: &mut Air) {
        self.connected = true;
        self.auth.connected(air.now());
    }

    fn on_disconnect(&mut self) {
        self.connected = false;
        self.subscribed.clear();
        self.auth.disconnected();
        self.heart.stop();
        self.history.abort();
        self.chunks = alert::Chunks::default();
    }

    fn on_read(&mut self, characteristic: Uuid, _air: &mut Air) -> Result<Vec<u8>, AttError> {
        if let Some(told) = table::told_to_all(self.model, self.address, characteristic) {
            return Ok(told);
        }
        match characteristic {
            _ if !self.auth.trusted() => Err(AttError::READ_NOT_PERMITTED),
            wire::TIME => Ok(self.time.to_vec()),
            wire::BATTERY => Ok(self.battery_value()),
            wire::STEPS => Ok(self.steps_value()),
            wire::HEART_CONTROL => Ok(vec![self.heart.every()]),
            _ => Err(AttError::READ_NOT_PERMITTED),
        }
    }

    fn on_write(&mut self, characteristic: Uuid, value: &[u8], air: &mut Air) -> Result<(), AttError> {
        match self.script.take(characteristic) {
            None => {}
            Some(Manner::Refuses(error)) => return Err(error),
            Some(Manner::Ignores) => return Ok(()),
            Some(Manner::Answers(values)) => {
                for value in values {
                    self.reply(air, characteristic, value);
                }
                return Ok(());
            }
            Some(Manner::HangsUp) => {
                air.hang_up();
                return Ok(());
            }
        }
        if characteristic == wire::AUTH {
            if !self.subscribed.contains(&wire::AUTH) {
                return Ok(());
            }
            let asks = self.model.key_is_issued() && value.first().is_some_and(|c| c & 0x0f == 1);
            self.refused_keys += u32::from(asks);
            if let Some(answer) = self.auth.hear(self.model, value, air.now()) {
                self.reply(air, wire::AUTH, answer);
            }
            return Ok(());
        }
        let shows = matches!(characteristic, wire::LEVEL | wire::ALERT | wire::CHUNKED);
        let listens = self.auth.trusted() || (shows && self.model == Model::Four);
        if !listens {
            return Ok(());
        }
        match characteristic {
            wire::TIME => self.time = value.try_into().map_err(|_| AttError::INVALID_LENGTH)?,
            wire::CONFIG => self.configure(value, air),
            wire::FETCH => self.fetch(value, air),
            wire::USER => self.settings.push(value.to_vec()),
            wire::LEVEL => self.alerts.extend(Alert::level(value)),
            wire::ALERT => self.alerts.extend(Alert::new_alert(value)),
            wire::CHUNKED => {
                if let Some((0, message)) = self.chunks.take(value) {
                    let padded = self.model.key_is_issued();
                    self.alerts.extend(Alert::chunked(&message, padded));
                }
            }
            wire::HEART_CONTROL => {
                if !self.heart.command(value, air.now()) {
                    return Err(AttError::INVALID_LENGTH);
                }
                self.measure(air);
            }
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
        let drops = self.auth.deadline().into_iter();
        drops.chain(self.heart.deadline()).min()
    }

    fn tick(&mut self, air: &mut Air) {
        let (answer, drops) = self.auth.tick(air.now());
        if let Some(answer) = answer {
            self.reply(air, wire::AUTH, answer);
        }
        if drops {
            return air.hang_up();
        }
        self.measure(air);
    }
}
