//! A PineTime with InfiniTime: no authentication, the phone writes what the watch shows.

use std::collections::BTreeSet;

use uuid::Uuid;

use crate::bluez::{Address, Advertisement, Air, AttError, Peripheral, Service, sig};

/// A UUID of InfiniTime: service and characteristic.
#[must_use]
pub const fn infinitime(service: u16, characteristic: u16) -> Uuid {
    let head = ((service as u128) << 112) | ((characteristic as u128) << 96);
    Uuid::from_u128(head | 0x78fc_48fe_8e23_433b_3a19_42d0)
}

/// Steps of today.
pub const STEPS: Uuid = infinitime(3, 1);
/// Acceleration.
pub const MOTION: Uuid = infinitime(3, 2);
/// The answer to a call.
pub const CALL: Uuid = infinitime(2, 1);
/// Events of the music application.
pub const MUSIC: Uuid = infinitime(0, 1);
/// Weather.
pub const WEATHER: Uuid = infinitime(5, 1);
/// Heart rate.
pub const HEART: Uuid = sig(0x2a37);
/// Battery.
pub const BATTERY: Uuid = sig(0x2a19);
/// Current time.
pub const TIME: Uuid = sig(0x2a2b);
/// Local time.
pub const LOCAL: Uuid = sig(0x2a0f);
/// New alert.
pub const ALERT: Uuid = sig(0x2a46);
/// Alert level.
pub const LEVEL: Uuid = sig(0x2a06);

/// What a message holds at most, with its end.
const MESSAGE: usize = 100;

/// What the watch has shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Whether it is a call.
    pub call: bool,
    /// The title.
    pub title: String,
    /// The text.
    pub body: String,
}

/// The watch.
#[derive(Debug)]
pub struct InfiniTime {
    address: Address,
    /// Steps of today.
    pub steps: u32,
    /// Beats a minute.
    pub heart: u8,
    /// Percent.
    pub battery: u8,
    /// What it has shown.
    pub messages: Vec<Message>,
    /// The alert levels it got.
    pub levels: Vec<u8>,
    /// The weather it got.
    pub weather: Vec<Vec<u8>>,
    /// What was written of music and navigation, with the characteristic.
    pub texts: Vec<(Uuid, Vec<u8>)>,
    /// Its clock as last set.
    pub time: Vec<u8>,
    /// Offset and daylight saving as last set.
    pub local: Vec<u8>,
    connected: bool,
    subscribed: BTreeSet<Uuid>,
}

impl InfiniTime {
    /// A watch on a wrist.
    #[must_use]
    pub const fn new(address: Address) -> Self {
        Self {
            address,
            steps: 0,
            heart: 64,
            battery: 75,
            messages: Vec::new(),
            levels: Vec::new(),
            weather: Vec::new(),
            texts: Vec::new(),
            time: Vec::new(),
            local: Vec::new(),
            connected: false,
            subscribed: BTreeSet::new(),
        }
    }

    /// The wearer has walked, today so many steps in all.
    pub fn walk(&mut self, air: &mut Air, steps: u32) {
        self.steps = steps;
        air.notify(STEPS, steps.to_le_bytes());
    }

    /// It has measured the heart rate.
    pub fn beat(&mut self, air: &mut Air, bpm: u8) {
        self.heart = bpm;
        air.notify(HEART, [0, bpm]);
    }

    /// The wearer answers a call: 0 declined, 1 accepted, 2 muted.
    pub fn answer(&self, air: &mut Air, how: u8) {
        air.notify(CALL, [how]);
    }

    /// The wearer uses the music application: E0 open, 0 play, 1 pause, 3 next, 4 previous, 5 and 6 volume.
    pub fn music(&self, air: &mut Air, event: u8) {
        air.notify(MUSIC, [event]);
    }

    /// Whether the central listens to `characteristic`.
    #[must_use]
    pub fn listens(&self, characteristic: Uuid) -> bool {
        self.subscribed.contains(&characteristic)
    }

    fn show(&mut self, value: &[u8]) {
        // Category, count and a zero; what has nothing after them is ignored.
        let [category, _, _, text @ ..] = value else {
            return;
        };
        if text.is_empty() {
            return;
        }
        let text = text.get(..MESSAGE - 1).unwrap_or(text);
        let mut parts = text.splitn(2, |byte| *byte == 0);
        let mut part = || String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
        self.messages.push(Message {
            call: *category == 3,
            title: part(),
            body: part(),
        });
    }
}

impl Peripheral for InfiniTime {
    fn address(&self) -> Address {
        self.address
    }

    fn advertisement(&self) -> Option<Advertisement> {
        let update = Uuid::from_u128(0x0000_1530_1212_efde_1523_785f_eabc_d123);
        (!self.connected).then(|| Advertisement {
            name: Some("InfiniTime".to_owned()),
            services: vec![sig(0x180d), update],
            ..Advertisement::default()
        })
    }

    fn services(&self) -> Vec<Service> {
        let device = [0x2a29, 0x2a24, 0x2a25, 0x2a26, 0x2a27, 0x2a28].map(|short| (sig(short), "r"));
        let texts = |service: u16| [2, 3, 4, 5].map(|c| (infinitime(service, c), "w"));
        let mut music = vec![(MUSIC, "n")];
        music.extend(texts(0));
        let navigation: Vec<(Uuid, &str)> = (1..=4).map(|c| (infinitime(1, c), "w")).collect();
        vec![
            Service::new(sig(0x1800), &[(sig(0x2a00), "r"), (sig(0x2a01), "r")]),
            Service::new(sig(0x1801), &[(sig(0x2a05), "i")]),
            Service::new(sig(0x180a), &device),
            Service::new(sig(0x1805), &[(TIME, "rw"), (LOCAL, "rw")]),
            Service::new(infinitime(0, 0), &music),
            Service::new(infinitime(1, 0), &navigation),
            Service::new(sig(0x1811), &[(ALERT, "w"), (CALL, "n")]),
            Service::new(sig(0x180f), &[(BATTERY, "rn")]),
            Service::new(sig(0x1802), &[(LEVEL, "c")]),
            Service::new(infinitime(3, 0), &[(STEPS, "rn"), (MOTION, "rn")]),
            Service::new(sig(0x180d), &[(HEART, "rn")]),
            Service::new(infinitime(5, 0), &[(WEATHER, "w")]),
        ]
    }

    fn mtu(&self) -> u16 {
        256
    }

    fn on_connect(&mut self, _air: &mut Air) {
        self.connected = true;
    }

    fn on_disconnect(&mut self) {
        self.connected = false;
        self.subscribed.clear();
    }

    fn on_read(&mut self, characteristic: Uuid, _air: &mut Air) -> Result<Vec<u8>, AttError> {
        let texts = [
            (0x2a00, "InfiniTime"),
            (0x2a29, "PINE64"),
            (0x2a24, "PineTime"),
            (0x2a25, "0"),
            (0x2a26, "1.14.0"),
            (0x2a27, "1.0.0"),
            (0x2a28, "InfiniTime"),
        ];
        if let Some((_, text)) = texts.iter().find(|(short, _)| sig(*short) == characteristic) {
            return Ok(text.as_bytes().to_vec());
        }
        match characteristic {
            BATTERY => Ok(vec![self.battery]),
            HEART => Ok(vec![0, self.heart]),
            STEPS => Ok(self.steps.to_le_bytes().to_vec()),
            // At rest, face up.
            MOTION => Ok(vec![0, 0, 0, 0, 0x00, 0x04]),
            TIME => Ok(self.time.clone()),
            LOCAL => Ok(self.local.clone()),
            _ => Err(AttError::READ_NOT_PERMITTED),
        }
    }

    fn on_write(&mut self, characteristic: Uuid, value: &[u8], _air: &mut Air) -> Result<(), AttError> {
        match (characteristic, value) {
            (TIME, value) if value.len() >= 10 => self.time = value.to_vec(),
            (LOCAL, [_, _]) => self.local = value.to_vec(),
            (TIME | LOCAL, _) => return Err(AttError::INVALID_LENGTH),
            (ALERT, _) => self.show(value),
            (LEVEL, [level]) => self.levels.push(*level),
            (WEATHER, _) => self.weather.push(value.to_vec()),
            _ => self.texts.push((characteristic, value.to_vec())),
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
