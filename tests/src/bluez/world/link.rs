//! A link: its services, its loss, what comes over it.

use std::time::Duration;

use zbus::OwnedVariant;

use super::gatt::Exported;
use super::{Air, CHARACTERISTIC, DEVICE, Later, Resolve, World};
use crate::bluez::air::sig;
use crate::bluez::fault::Faults;
use crate::bluez::tree::{Properties, owned};

/// How late the objects are where services count as resolved too early.
const LATE: Duration = Duration::from_millis(500);

impl World {
    /// Services are resolved now, later or once somebody asks.
    pub(super) fn plan_resolution(&mut self, adapter: usize, path: &str) {
        if !self.adapters[adapter]
            .devices
            .get(path)
            .is_some_and(|d| d.connected)
        {
            return;
        }
        match self.settings.resolve {
            Resolve::AtOnce => self.resolve(adapter, path),
            Resolve::OnceAsked => {
                if let Some(device) = self.adapters[adapter].devices.get_mut(path) {
                    device.waits_for_question = true;
                }
            }
            Resolve::After(time) => {
                let path = path.to_owned();
                self.later(time, Later::Resolve { adapter, path });
            }
            Resolve::Never => {}
        }
    }

    pub(super) fn asked_for_services(&mut self, path: &str) {
        if let Some((adapter, path)) = self.device_at(path)
            && let Some(device) = self.adapters[adapter].devices.get_mut(&path)
            && std::mem::take(&mut device.waits_for_question)
        {
            self.resolve(adapter, &path);
        }
    }

    /// The GATT objects appear, the first time, and the services are resolved.
    pub(super) fn resolve(&mut self, adapter: usize, path: &str) {
        let Some(device) = self.adapters[adapter].devices.get_mut(path) else {
            return;
        };
        let (true, Some(slot)) = (device.connected, device.slot) else {
            return;
        };
        let early = std::mem::take(&mut self.slots[slot].faults.resolved_early);
        if device.exported || early {
            self.change(path, DEVICE, [("ServicesResolved", true.into())]);
            if early {
                let path = path.to_owned();
                self.later(LATE, Later::Export { adapter, path });
            }
            return;
        }
        self.export(adapter, path);
        let services = self.slots[slot].peripheral.services();
        let said = self.tree.get(path, DEVICE, "UUIDs").cloned();
        let said = said.and_then(|v| Vec::<String>::try_from(v).ok());
        let mut services: Vec<String> = services.iter().map(|s| s.uuid.to_string()).collect();
        services.extend(said.unwrap_or_default());
        services.extend([sig(0x1800), sig(0x1801)].map(|uuid| uuid.to_string()));
        services.sort();
        services.dedup();
        let resolved = [("UUIDs", owned(services)), ("ServicesResolved", true.into())];
        self.change(path, DEVICE, resolved);
    }

    /// The accessory in `slot` says that its services have changed, while it is connected: their objects go, and what
    /// it has now comes at other handles or not at all.
    pub fn change_services(&mut self, slot: usize) {
        let Some(adapter) = self.slots[slot].central else {
            return;
        };
        let devices = self.adapters[adapter].devices.iter_mut();
        let Some((path, device)) = devices.into_iter().find(|(_, d)| d.slot == Some(slot)) else {
            return;
        };
        device.exported = false;
        device.characteristics.clear();
        let path = path.clone();
        let below = format!("{path}/");
        let objects = self.tree.objects().map(|(object, _)| object.clone());
        let objects: Vec<String> = objects.filter(|object| object.starts_with(&below)).collect();
        for object in objects.iter().rev() {
            self.remove(object);
        }
        self.export(adapter, &path);
    }

    /// The link to the accessory in `slot` is lost.
    pub fn lose(&mut self, slot: usize) {
        let Some(adapter) = self.slots[slot].central else {
            return;
        };
        let devices = self.adapters[adapter].devices.iter();
        let path = devices
            .filter(|(_, d)| d.slot == Some(slot))
            .map(|(path, _)| path.clone())
            .next();
        if let Some(path) = path {
            self.disconnected(adapter, &path);
        }
    }

    /// The device isn't connected any more, nor about to be.
    pub(super) fn disconnected(&mut self, adapter: usize, path: &str) {
        let Some(device) = self.adapters[adapter].devices.get_mut(path) else {
            return;
        };
        device.waits_for_question = false;
        let was = std::mem::take(&mut device.connected);
        let waiting = device.connecting.take();
        let asked = std::mem::take(&mut device.disconnecting);
        let slot = device.slot;
        if let Some(waiting) = waiting {
            let refusal = super::adapter::failed("br-connection-canceled");
            self.answer(waiting, Err(refusal));
        }
        if !was {
            return;
        }
        self.abandon_operations(path);
        if self.tree.get(path, DEVICE, "ServicesResolved") == Some(&true.into()) {
            self.change(path, DEVICE, [("ServicesResolved", false.into())]);
        }
        for call in asked {
            self.answer(call, Ok(Vec::new()));
        }
        self.change(path, DEVICE, [("Connected", false.into())]);
        if let Some(slot) = slot {
            self.slots[slot].central = None;
            self.slots[slot].peripheral.on_disconnect();
        }
    }

    /// After a reconnection BlueZ switches on again what clients still want to hear.
    pub(super) fn arm_notifications(&mut self, adapter: usize, path: &str) {
        let Some(device) = self.adapters[adapter].devices.get(path) else {
            return;
        };
        let Some(slot) = device.slot else { return };
        let wanted = device.characteristics.iter();
        let wanted: Vec<uuid::Uuid> = wanted.filter(|c| !c.clients.is_empty()).map(|c| c.uuid).collect();
        for uuid in wanted {
            self.act(slot, |peripheral, air| peripheral.on_subscribe(uuid, true, air));
        }
    }

    /// What an accessory sent goes out, as far as its faults and its central let it.
    pub(super) fn flush(&mut self, slot: usize, air: Air) {
        let hung_up = air.hung_up;
        for (uuid, mut value) in air.notifications {
            let Some((path, mtu)) = self.listening(slot, uuid) else {
                continue;
            };
            let it = &mut self.slots[slot];
            let times = match (
                it.chance.per_mille(it.faults.lost),
                it.chance.per_mille(it.faults.doubled),
            ) {
                (true, _) => 0,
                (false, true) => 2,
                (false, false) => 1,
            };
            value.truncate(usize::from(mtu.saturating_sub(3)));
            for _ in 0..times {
                self.change(&path, CHARACTERISTIC, [("Value", owned(value.clone()))]);
            }
            if self.slots[slot].faults.cuts_after() {
                self.lose(slot);
                return;
            }
        }
        if hung_up {
            self.lose(slot);
        }
    }

    /// The object of a characteristic that somebody wants to hear, and the MTU.
    fn listening(&self, slot: usize, uuid: uuid::Uuid) -> Option<(String, u16)> {
        let adapter = self.slots[slot].central?;
        let device = self.adapters[adapter]
            .devices
            .values()
            .find(|d| d.slot == Some(slot))?;
        let heard = |c: &&Exported| c.uuid == uuid && !c.clients.is_empty();
        let found = device.characteristics.iter().find(heard)?;
        Some((found.path.clone(), self.slots[slot].peripheral.mtu()))
    }
}

impl Faults {
    /// Takes away and bends what these faults say of `interface`.
    pub(super) fn spoil(&self, interface: &str, properties: &mut Properties) {
        for (_, name) in self.missing.iter().filter(|(i, _)| i == interface) {
            properties.remove(name);
        }
        for (_, name, value) in self.odd.iter().filter(|(i, ..)| i == interface) {
            properties.insert(name.clone(), OwnedVariant::clone(value));
        }
    }
}
