//! What the radio hears, made less: a room full of sensors says the same ten times a second each.

use std::collections::{BTreeMap, HashMap};
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use belay_drivers::advertisement::Unheard;
use belay_drivers::{Address, Key, Kind, Listener, identify};
use belay_proto::clock::Clock;
use belay_proto::id::AccessoryId;
use futures_util::future::BoxFuture;
use jiff::tz::Offset;

use crate::accessory::error::AccessoryError;
use crate::accessory::ports::{Heard, Radio, RadioError, Scan};
use crate::accessory::state::{Sighting, What};

/// How often the state is told of one device.
const EACH: Duration = Duration::from_secs(1);
/// The most devices whose last mention is remembered; beyond that the oldest go.
const MOST: usize = 256;

pub(super) struct Hearing {
    radio: Arc<dyn Radio>,
    clock: Arc<dyn Clock>,
    scan: Scanning,
    listeners: BTreeMap<Address, (AccessoryId, Box<dyn Listener>)>,
    /// The same with other keys, which are tried.
    trials: BTreeMap<Address, (AccessoryId, Box<dyn Listener>)>,
    /// When the state was last told of a device.
    told: HashMap<Address, Duration>,
}

enum Scanning {
    Off,
    Beginning(BoxFuture<'static, Result<Scan, RadioError>>),
    On(Scan),
}

impl Hearing {
    pub(super) fn new(radio: Arc<dyn Radio>, clock: Arc<dyn Clock>) -> Self {
        Self {
            radio,
            clock,
            scan: Scanning::Off,
            listeners: BTreeMap::new(),
            trials: BTreeMap::new(),
            told: HashMap::new(),
        }
    }

    pub(super) fn scan(&mut self, power_on: bool) {
        let radio = Arc::clone(&self.radio);
        self.scan = Scanning::Beginning(Box::pin(async move { radio.scan(power_on).await }));
    }

    pub(super) fn end_scan(&mut self) {
        self.scan = Scanning::Off;
        self.told.clear();
    }

    pub(super) fn listen(
        &mut self,
        id: AccessoryId,
        (kind, address): (Kind, Address),
        key: Option<Key>,
        counter: Option<u32>,
    ) {
        if let Some(mut listener) = belay_drivers::listener(kind, address, key) {
            if let Some(counter) = counter {
                listener.resume(counter);
            }
            self.listeners.insert(address, (id, listener));
        }
    }

    /// What the accessory's own clock shows is that much ahead of UTC.
    pub(super) fn offset(&mut self, id: AccessoryId, offset: Offset) {
        let mut listeners = self.listeners.values_mut();
        if let Some((_, listener)) = listeners.find(|(whose, _)| *whose == id) {
            listener.set_offset(offset);
        }
    }

    pub(super) fn deafen(&mut self, id: AccessoryId) {
        self.listeners.retain(|_, (whose, _)| *whose != id);
    }

    pub(super) fn try_key(&mut self, id: AccessoryId, (kind, address): (Kind, Address), key: Key) {
        if let Some(listener) = belay_drivers::listener(kind, address, Some(key)) {
            self.trials.insert(address, (id, listener));
        }
    }

    pub(super) fn end_try(&mut self, id: AccessoryId) {
        self.trials.retain(|_, (whose, _)| *whose != id);
    }

    /// The next that the state has to know. Cancelling the call loses nothing.
    pub(super) async fn next(&mut self) -> What {
        loop {
            match &mut self.scan {
                Scanning::Off => pending().await,
                Scanning::Beginning(beginning) => match beginning.await {
                    Ok(scan) => self.scan = Scanning::On(scan),
                    Err(error) => {
                        self.scan = Scanning::Off;
                        return What::ScanFailed(error);
                    }
                },
                Scanning::On(scan) => match scan.heard.recv().await {
                    Some(heard) => {
                        if let Some(what) = self.heard(&heard) {
                            return what;
                        }
                    }
                    None => {
                        self.scan = Scanning::Off;
                        return What::ScanFailed(RadioError::AdapterMissing);
                    }
                },
            }
        }
    }

    fn heard(&mut self, heard: &Heard) -> Option<What> {
        let advertisement = &heard.advertisement;
        if let Some((id, trial)) = self.trials.get_mut(&advertisement.address) {
            match trial.hear(advertisement) {
                Ok(readings) if !readings.is_empty() => return Some(What::Tried(*id, Ok(()))),
                Err(Unheard::KeyMismatch) => {
                    return Some(What::Tried(*id, Err(AccessoryError::KeyMismatch)));
                }
                _ => {}
            }
        }
        if let Some((id, listener)) = self.listeners.get_mut(&advertisement.address) {
            match listener.hear(advertisement) {
                Ok(readings) if !readings.is_empty() => {
                    return Some(What::Measured {
                        id: *id,
                        readings,
                        counter: listener.counter(),
                    });
                }
                Err(Unheard::KeyRequired) => {
                    return Some(What::Unheard(*id, AccessoryError::KeyRequired));
                }
                Err(Unheard::KeyMismatch) => {
                    return Some(What::Unheard(*id, AccessoryError::KeyMismatch));
                }
                Err(Unheard::Replayed) => return Some(What::Unheard(*id, AccessoryError::Replayed)),
                // Nothing new, or noise: the next one may be whole.
                Ok(_) | Err(Unheard::Malformed) => {}
            }
        }
        let now = self.clock.boottime();
        let last = self.told.get(&advertisement.address);
        if last.is_some_and(|last| now < *last + EACH) {
            return None;
        }
        let identified = identify(advertisement)?;
        if self.told.len() >= MOST {
            self.told.retain(|_, last| now < *last + EACH);
            if self.told.len() >= MOST {
                return None;
            }
        }
        self.told.insert(advertisement.address, now);
        Some(What::Heard(Sighting {
            fresh: AccessoryId::random(),
            address: advertisement.address,
            kind: identified.kind,
            need: identified.key,
            name: advertisement.name.clone().unwrap_or_default(),
            rssi: advertisement.rssi,
            bonded: heard.bonded,
        }))
    }
}
