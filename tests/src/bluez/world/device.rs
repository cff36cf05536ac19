//! Devices: how they appear, connect, disconnect and pair.

use std::collections::HashMap;
use std::time::Duration;

use zbus::{ObjectPath, OwnedVariant, Variant};

use super::adapter::failed;
use super::standard::unknown;
use super::{Call, DEVICE, Device, Later, World};
use crate::bluez::air::{Address, Advertisement};
use crate::bluez::tree::{object, owned, properties};
use crate::services::puppet::{Refusal, Values};

impl World {
    /// The accessory in `slot` says its advertisement, which whoever discovers hears. `repeated`: also where it says
    /// nothing new.
    pub fn advertise(&mut self, slot: usize, repeated: bool) {
        self.slots[slot].next = self.now + self.settings.interval;
        let Some(says) = self.slots[slot].peripheral.advertisement() else {
            self.slots[slot].said = None;
            return;
        };
        let fresh = self.slots[slot].said.as_ref() != Some(&says);
        self.slots[slot].said = Some(says.clone());
        if !self.slots[slot].in_range || !(fresh || repeated) {
            return;
        }
        for adapter in 0..self.adapters.len() {
            if let Some(duplicates) = self.wanted(adapter, &says.services)
                && self.adapters[adapter].powered
            {
                self.hear(adapter, slot, &says, fresh || duplicates);
            }
        }
    }

    fn hear(&mut self, adapter: usize, slot: usize, says: &Advertisement, tell: bool) {
        let address = self.slots[slot].peripheral.address();
        let rssi = self.slots[slot].rssi;
        let path = format!("{}/dev_{}", self.adapters[adapter].path, address.in_path());
        let (now, known) = (self.now, self.adapters[adapter].devices.get_mut(&path));
        if let Some(device) = known {
            device.heard = now;
            device.slot = Some(slot);
            let had = self.tree.get(&path, DEVICE, "RSSI").is_some();
            if tell || !had {
                self.change(&path, DEVICE, [("RSSI", rssi.into())]);
                self.say_data(&path, says);
            }
            return;
        }
        let device = Device::new(address, Some(slot), now);
        self.adapters[adapter].devices.insert(path.clone(), device);
        let mut values = seen(&self.adapters[adapter].path, address, says);
        values.insert("RSSI".to_owned(), rssi.into());
        self.slots[slot].faults.spoil(DEVICE, &mut values);
        self.add(&path, object(DEVICE, values));
    }

    /// Data of advertisements, each in a signal of its own, as BlueZ does.
    fn say_data(&mut self, path: &str, says: &Advertisement) {
        if let Some(name) = &says.name
            && self.tree.get(path, DEVICE, "Name") != Some(&owned(name.clone()))
        {
            let name = owned(name.clone());
            self.change(path, DEVICE, [("Name", name.clone()), ("Alias", name)]);
        }
        if !says.manufacturer.is_empty() {
            self.change(path, DEVICE, [("ManufacturerData", manufacturer_data(says))]);
        }
        if !says.service_data.is_empty() {
            self.change(path, DEVICE, [("ServiceData", service_data(says))]);
        }
    }

    pub(super) fn device_call(&mut self, call: &Call) -> Result<Option<Values>, Refusal> {
        let (adapter, path) = self.device_at(&call.path).ok_or_else(|| unknown(call))?;
        match call.member.as_str() {
            "Connect" => self.connect(adapter, &path, call),
            "Disconnect" => {
                self.disconnect(adapter, &path, call);
                Ok(None)
            }
            "Pair" => self.pair(adapter, &path),
            "CancelPairing" => Err(Refusal::new("org.bluez.Error.DoesNotExist", "Does Not Exist")),
            _ => Err(unknown(call)),
        }
    }

    fn device(&mut self, adapter: usize, path: &str) -> Option<&mut Device> {
        self.adapters.get_mut(adapter)?.devices.get_mut(path)
    }

    fn connect(&mut self, adapter: usize, path: &str, call: &Call) -> Result<Option<Values>, Refusal> {
        if !self.adapters[adapter].powered {
            return Err(failed("Input/output error"));
        }
        let Some(device) = self.device(adapter, path) else {
            return Err(unknown(call));
        };
        if device.connected {
            return Ok(Some(Vec::new()));
        }
        if device.connecting.is_some() {
            return Err(failed("Operation already in progress"));
        }
        device.temporary = false;
        let slot = device.slot;
        let is_bonded = self.tree.get(path, DEVICE, "Bonded") == Some(&true.into());
        if is_bonded && slot.is_some_and(|slot| self.slots[slot].faults.lost_bond) {
            return Err(failed("le-connection-abort-by-local"));
        }
        let failure = slot.and_then(|slot| self.slots[slot].faults.connect_failure());
        if let Some(text) = failure {
            return Err(failed(&text));
        }
        if let Some(device) = self.device(adapter, path) {
            device.connecting = Some(call.clone());
        }
        self.try_to_connect(adapter, path);
        Ok(None)
    }

    /// Goes on with a connection under way once its accessory can be reached.
    pub(super) fn try_to_connect(&mut self, adapter: usize, path: &str) {
        let Some(slot) = self.device(adapter, path).and_then(|d| d.slot) else {
            return;
        };
        let it = &self.slots[slot];
        if it.faults.absent || !it.in_range || it.central.is_some() || it.peripheral.advertisement().is_none()
        {
            return;
        }
        let Some(call) = self.device(adapter, path).and_then(|d| d.connecting.take()) else {
            return;
        };
        self.slots[slot].central = Some(adapter);
        if let Some(device) = self.device(adapter, path) {
            device.connected = true;
        }
        self.change(path, DEVICE, [("Connected", true.into())]);
        self.answer(call, Ok(Vec::new()));
        self.act(slot, |peripheral, air| peripheral.on_connect(air));
        self.arm_notifications(adapter, path);
        self.plan_resolution(adapter, path);
    }

    fn disconnect(&mut self, adapter: usize, path: &str, call: &Call) {
        let delay = self.settings.disconnect;
        let Some(device) = self.device(adapter, path) else {
            return;
        };
        let waiting = device.connecting.take();
        let connected = device.connected;
        if let Some(waiting) = waiting {
            self.answer(waiting, Err(failed("br-connection-canceled")));
        }
        if !connected {
            return self.answer(call.clone(), Ok(Vec::new()));
        }
        let first = self.device(adapter, path).is_some_and(|d| {
            d.disconnecting.push(call.clone());
            d.disconnecting.len() == 1
        });
        if delay == Duration::ZERO {
            self.disconnected(adapter, path);
        } else if first {
            let path = path.to_owned();
            self.later(delay, Later::Disconnect { adapter, path });
        }
    }

    fn pair(&mut self, adapter: usize, path: &str) -> Result<Option<Values>, Refusal> {
        let paired = self.tree.get(path, DEVICE, "Paired") == Some(&true.into());
        if paired {
            return Err(Refusal::new("org.bluez.Error.AlreadyExists", "Already Exists"));
        }
        if !self.device(adapter, path).is_some_and(|d| d.connected) {
            return Err(Refusal::new(
                "org.bluez.Error.ConnectionAttemptFailed",
                "Page Timeout",
            ));
        }
        self.change(path, DEVICE, [("Bonded", true.into()), ("Paired", true.into())]);
        Ok(Some(Vec::new()))
    }

    /// When the next silent device is forgotten.
    pub(super) fn forgetting(&self) -> Option<Duration> {
        let devices = self.adapters.iter().flat_map(|a| a.devices.values());
        let silent = devices.filter(|d| d.temporary && !d.connected);
        silent.map(|d| d.heard + self.settings.forget).min()
    }

    pub(super) fn forget(&mut self) {
        let (now, after) = (self.now, self.settings.forget);
        for adapter in 0..self.adapters.len() {
            let devices = &self.adapters[adapter].devices;
            let silent = devices
                .iter()
                .filter(|(_, d)| d.temporary && !d.connected && d.heard + after <= now);
            let silent: Vec<String> = silent.map(|(path, _)| path.clone()).collect();
            for path in silent {
                self.adapters[adapter].devices.remove(&path);
                self.remove(&path);
            }
        }
    }

    /// bluetoothd dies and starts again: links are gone, and so is what nobody ever connected to.
    pub fn restart(&mut self) {
        for adapter in 0..self.adapters.len() {
            let devices: Vec<String> = self.adapters[adapter].devices.keys().cloned().collect();
            for path in devices {
                self.disconnected(adapter, &path);
                let keep = self.device(adapter, &path).is_some_and(|d| !d.temporary);
                let values = self.tree.interface(&path, DEVICE).cloned();
                self.tree.remove(&path);
                if let (true, Some(mut values)) = (keep, values) {
                    values.retain(|name, _| {
                        !["RSSI", "TxPower", "ManufacturerData", "ServiceData"].contains(&name.as_str())
                    });
                    self.tree.add(&path, object(DEVICE, values));
                    if let Some(device) = self.device(adapter, &path) {
                        *device = Device {
                            temporary: false,
                            ..Device::new(device.address, device.slot, device.heard)
                        };
                    }
                } else {
                    self.adapters[adapter].devices.remove(&path);
                }
            }
            self.adapters[adapter].discoverers.clear();
            self.adapters[adapter].filters.clear();
            let path = self.adapters[adapter].path.clone();
            self.tree.set(&path, super::ADAPTER, "Discovering", false.into());
        }
        self.timers.clear();
        // The dead say nothing.
        self.out.clear();
    }
}

impl Device {
    fn new(address: Address, slot: Option<usize>, heard: Duration) -> Self {
        Self {
            address,
            slot,
            connected: false,
            temporary: true,
            heard,
            connecting: None,
            disconnecting: Vec::new(),
            exported: false,
            waits_for_question: false,
            characteristics: Vec::new(),
        }
    }
}

/// The properties of a device just seen.
fn seen(adapter: &str, address: Address, says: &Advertisement) -> crate::bluez::tree::Properties {
    let kind = if address.random { "random" } else { "public" };
    let alias = address.to_string().replace(':', "-");
    let alias = says.name.clone().unwrap_or(alias);
    let services: Vec<String> = says.services.iter().map(ToString::to_string).collect();
    let mut values = properties([
        ("Address", address.to_string().into()),
        ("AddressType", kind.to_owned().into()),
        ("Alias", alias.into()),
        ("Paired", false.into()),
        ("Bonded", false.into()),
        ("Trusted", false.into()),
        ("Blocked", false.into()),
        ("LegacyPairing", false.into()),
        ("Connected", false.into()),
        ("UUIDs", services.into()),
        (
            "Adapter",
            ObjectPath::from_string_unchecked(adapter.to_owned()).into(),
        ),
        ("ServicesResolved", false.into()),
    ]);
    if let Some(name) = &says.name {
        values.insert("Name".to_owned(), owned(name.clone()));
    }
    if !says.manufacturer.is_empty() {
        values.insert("ManufacturerData".to_owned(), manufacturer_data(says));
    }
    if !says.service_data.is_empty() {
        values.insert("ServiceData".to_owned(), service_data(says));
    }
    values
}

fn manufacturer_data(says: &Advertisement) -> OwnedVariant {
    let data = says.manufacturer.iter();
    let data: HashMap<u16, Variant<'static>> = data.map(|(id, bytes)| (*id, bytes.clone().into())).collect();
    owned(data)
}

fn service_data(says: &Advertisement) -> OwnedVariant {
    let data = says.service_data.iter();
    let data: HashMap<String, Variant<'static>> = data
        .map(|(id, bytes)| (id.to_string(), bytes.clone().into()))
        .collect();
    owned(data)
}
