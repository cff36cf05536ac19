//! All that the simulated BlueZ and its air are, without a bus: calls, commands and time go in, replies and signals
//! come out in the order in which they go over the wire.

mod adapter;
mod device;
mod gatt;
mod link;
mod out;
mod standard;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use zbus::Message;

use super::air::{Address, Advertisement, Air, Peripheral};
use super::fault::{Chance, Faults};
use super::tree::Tree;
use crate::services::puppet::{Refusal, Values};

pub use out::Out;

pub(super) const ADAPTER: &str = "org.bluez.Adapter1";
pub(super) const DEVICE: &str = "org.bluez.Device1";
pub(super) const SERVICE: &str = "org.bluez.GattService1";
pub(super) const CHARACTERISTIC: &str = "org.bluez.GattCharacteristic1";
pub(super) const DESCRIPTOR: &str = "org.bluez.GattDescriptor1";

/// When services count as resolved after a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Resolve {
    /// Together with the answer to `Connect`.
    #[default]
    AtOnce,
    /// Once somebody has read that `ServicesResolved` is false, as happens with a real radio.
    OnceAsked,
    /// After this time of the simulation.
    After(Duration),
    /// Never.
    Never,
}

/// How the simulation behaves as a whole.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whether time passes by itself. Else only a test lets it pass.
    pub flowing: bool,
    /// When services are resolved.
    pub resolve: Resolve,
    /// How long `Disconnect` takes: about 2 s with a real one.
    pub disconnect: Duration,
    /// How often an accessory advertises.
    pub interval: Duration,
    /// After which time without a sign of life a device is forgotten that was never connected.
    pub forget: Duration,
    /// `DeviceID` of its `main.conf`.
    pub device_id: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            flowing: false,
            resolve: Resolve::default(),
            disconnect: Duration::ZERO,
            interval: Duration::from_secs(1),
            forget: Duration::from_secs(30),
            device_id: true,
        }
    }
}

/// A method call.
#[derive(Debug, Clone)]
pub struct Call {
    /// The object.
    pub path: String,
    /// The interface.
    pub interface: String,
    /// The method.
    pub member: String,
    /// Who called, by unique name.
    pub sender: String,
    /// Its arguments.
    pub arguments: Values,
    /// What is answered.
    pub message: Message,
}

/// An accessory in the air.
pub struct Slot {
    /// The accessory itself.
    pub peripheral: Box<dyn Peripheral>,
    /// Its faults.
    pub faults: Faults,
    /// Whether a radio hears it.
    pub in_range: bool,
    /// How strongly, in dBm.
    pub rssi: i16,
    chance: Chance,
    /// The adapter it is connected to.
    central: Option<usize>,
    said: Option<Advertisement>,
    next: Duration,
}

impl std::fmt::Debug for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slot")
            .field("address", &self.peripheral.address())
            .finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Adapter {
    path: String,
    powered: bool,
    /// Who discovers, by unique name.
    discoverers: BTreeSet<String>,
    filters: BTreeMap<String, adapter::Filter>,
    devices: BTreeMap<String, Device>,
}

#[derive(Debug)]
struct Device {
    address: Address,
    slot: Option<usize>,
    connected: bool,
    /// Never connected by anybody: forgotten when silent.
    temporary: bool,
    heard: Duration,
    connecting: Option<Call>,
    disconnecting: Vec<Call>,
    exported: bool,
    waits_for_question: bool,
    characteristics: Vec<gatt::Exported>,
}

#[derive(Debug)]
enum Later {
    Gatt(Call),
    Standard(Call),
    Resolve { adapter: usize, path: String },
    Export { adapter: usize, path: String },
    Disconnect { adapter: usize, path: String },
}

/// BlueZ and the air around it.
#[derive(Debug)]
pub struct World {
    /// How it behaves.
    pub settings: Settings,
    /// The objects.
    pub tree: Tree,
    now: Duration,
    slots: Vec<Slot>,
    adapters: Vec<Adapter>,
    timers: Vec<(Duration, Later)>,
    out: Vec<Out>,
    journal: Vec<String>,
}

impl World {
    /// Without an adapter.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            tree: Tree::default(),
            now: Duration::ZERO,
            slots: Vec::new(),
            adapters: Vec::new(),
            timers: Vec::new(),
            out: Vec::new(),
            journal: Vec::new(),
        }
    }

    /// Since the simulation began.
    #[must_use]
    pub const fn now(&self) -> Duration {
        self.now
    }

    /// What goes over the wire now, in this order.
    pub fn take(&mut self) -> Vec<Out> {
        std::mem::take(&mut self.out)
    }

    /// Whether something goes over the wire now.
    pub(super) const fn has_more(&self) -> bool {
        !self.out.is_empty()
    }

    /// Every call, reply and signal so far, a line each.
    #[must_use]
    pub fn journal(&self) -> &[String] {
        &self.journal
    }

    /// Begins the journal anew, for tests that run long.
    pub fn forget_journal(&mut self) {
        self.journal.clear();
    }

    /// Answers a call, now or later.
    pub fn call(&mut self, call: Call) {
        self.note_call(&call);
        let done = match call.interface.as_str() {
            ADAPTER => self.adapter_call(&call),
            DEVICE => self.device_call(&call),
            CHARACTERISTIC | DESCRIPTOR => self.gatt_call(&call),
            _ => {
                match self.ponders(&call) {
                    Some(time) => self.later(time, Later::Standard(call)),
                    None => self.standard_call(call),
                }
                return;
            }
        };
        match done {
            Ok(Some(values)) => self.answer(call, Ok(values)),
            // Answered already, or later.
            Ok(None) => {}
            Err(refusal) => self.answer(call, Err(refusal)),
        }
        self.follow_up();
    }

    /// A client of the bus has gone.
    pub fn gone(&mut self, sender: &str) {
        for adapter in 0..self.adapters.len() {
            self.end_discovery(adapter, sender);
            self.end_notify_sessions(adapter, sender);
        }
    }

    /// Time goes on to `now`, with all that is due until then in its order.
    pub fn advance(&mut self, now: Duration) {
        while let Some(due) = self.deadline().filter(|due| *due <= now) {
            self.now = self.now.max(due);
            self.perform_due();
        }
        self.now = self.now.max(now);
    }

    /// When something happens next by itself.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        let timers = self.timers.iter().map(|(at, _)| *at);
        let accessories = self.slots.iter().filter_map(|s| s.peripheral.deadline());
        let adverts = self.slots.iter().filter(|_| self.discovering()).map(|s| s.next);
        let forgotten = self.forgetting();
        timers.chain(accessories).chain(adverts).chain(forgotten).min()
    }

    fn perform_due(&mut self) {
        while let Some(at) = self.timers.iter().position(|(at, _)| *at <= self.now) {
            let (_, what) = self.timers.remove(at);
            match what {
                Later::Gatt(call) => self.gatt_now(call),
                Later::Standard(call) => self.standard_call(call),
                Later::Resolve { adapter, path } => self.resolve(adapter, &path),
                Later::Export { adapter, path } => self.export(adapter, &path),
                Later::Disconnect { adapter, path } => self.disconnected(adapter, &path),
            }
        }
        for slot in 0..self.slots.len() {
            let due = self.slots[slot].peripheral.deadline();
            if due.is_some_and(|due| due <= self.now) {
                self.act(slot, |peripheral, air| peripheral.tick(air));
            }
            if self.discovering() && self.slots[slot].next <= self.now {
                self.advertise(slot, true);
            }
        }
        self.forget();
        self.follow_up();
    }

    /// Has the accessory in `slot` do something, and what it sent goes out.
    pub fn act<T>(&mut self, slot: usize, deed: impl FnOnce(&mut dyn Peripheral, &mut Air) -> T) -> T {
        let mut air = Air::at(self.now);
        let result = deed(self.slots[slot].peripheral.as_mut(), &mut air);
        self.flush(slot, air);
        result
    }

    /// The accessory in `slot`.
    pub fn slot(&mut self, slot: usize) -> &mut Slot {
        &mut self.slots[slot]
    }

    /// Whether an adapter has a link to the accessory in `slot`.
    #[must_use]
    pub fn connected(&self, slot: usize) -> bool {
        self.slots[slot].central.is_some()
    }

    /// Puts an accessory into the air and returns its place.
    pub fn put(&mut self, peripheral: Box<dyn Peripheral>) -> usize {
        let slot = self.slots.len();
        let [.., last] = peripheral.address().octets;
        self.slots.push(Slot {
            peripheral,
            faults: Faults::default(),
            in_range: true,
            rssi: -50,
            chance: Chance::new(u64::from(last)),
            central: None,
            said: None,
            next: self.now,
        });
        self.advertise(slot, false);
        slot
    }

    /// From now on this is wrong with the accessory in `slot`. Connections under way go on where they can.
    pub fn spoil(&mut self, slot: usize, faults: Faults) {
        self.slots[slot].faults = faults;
        self.reachable(slot);
    }

    /// The accessory in `slot` comes into range or leaves it.
    pub fn range(&mut self, slot: usize, is: bool) {
        self.slots[slot].in_range = is;
        if is {
            self.advertise(slot, true);
            self.reachable(slot);
        } else {
            self.lose(slot);
        }
    }

    /// Connections to the accessory in `slot` that are under way go on.
    fn reachable(&mut self, slot: usize) {
        for adapter in 0..self.adapters.len() {
            let devices = self.adapters[adapter].devices.iter();
            let waiting = devices.filter(|(_, d)| d.slot == Some(slot) && d.connecting.is_some());
            let waiting: Vec<String> = waiting.map(|(path, _)| path.clone()).collect();
            for path in waiting {
                self.try_to_connect(adapter, &path);
            }
        }
    }

    /// From now on what is lost and doubled follows from `seed`.
    pub fn seed(&mut self, slot: usize, seed: u64) {
        self.slots[slot].chance = Chance::new(seed);
    }

    /// What accessories advertise newly is heard at once.
    pub fn follow_up(&mut self) {
        for slot in 0..self.slots.len() {
            let says = self.slots[slot].peripheral.advertisement();
            if says.is_some() && says != self.slots[slot].said {
                self.advertise(slot, false);
                self.reachable(slot);
            } else if says.is_none() {
                self.slots[slot].said = None;
            }
        }
    }

    fn later(&mut self, after: Duration, what: Later) {
        self.timers.push((self.now + after, what));
        // Stable: what is due at the same time stays in its order.
        self.timers.sort_by_key(|(at, _)| *at);
    }

    fn answer(&mut self, call: Call, answer: Result<Values, Refusal>) {
        self.say(Out::Answer { call, answer });
    }
}
