//! GATT: the objects of services, characteristics and descriptors, and the operations on them.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use uuid::Uuid;
use zbus::{ObjectPath, OwnedVariant, Variant};

use super::adapter::failed;
use super::standard::unknown;
use super::{CHARACTERISTIC, Call, DESCRIPTOR, Later, SERVICE, World};
use crate::bluez::air::{AttError, Characteristic, sig};
use crate::bluez::tree::{Properties, object, owned, properties};
use crate::services::puppet::{Refusal, Values};

/// A characteristic as an object.
#[derive(Debug)]
pub(super) struct Exported {
    pub(super) path: String,
    pub(super) uuid: Uuid,
    notifies: bool,
    /// Who has a notify session, by unique name. Sessions survive a disconnection.
    pub(super) clients: BTreeSet<String>,
}

/// Where an operation goes.
struct Target {
    adapter: usize,
    device: String,
    slot: usize,
    uuid: Uuid,
}

impl World {
    /// Adds the objects of a device's GATT table. GAP (1800) has none with BlueZ.
    pub(super) fn export(&mut self, adapter: usize, device: &str) {
        let Some(it) = self.adapters[adapter].devices.get_mut(device) else {
            return;
        };
        let (false, Some(slot)) = (std::mem::replace(&mut it.exported, true), it.slot) else {
            return;
        };
        let mut handle: u16 = 1;
        let mut exported = Vec::new();
        let path = |text: &str| Variant::from(ObjectPath::from_string_unchecked(text.to_owned()));
        for service in self.slots[slot].peripheral.services() {
            let hidden = service.uuid == sig(0x1800);
            let at = format!("{device}/service{handle:04x}");
            handle += 1;
            if !hidden {
                let values = properties([
                    ("UUID", service.uuid.to_string().into()),
                    ("Device", path(device)),
                    ("Primary", true.into()),
                    ("Includes", Vec::<ObjectPath<'static>>::new().into()),
                ]);
                self.spoilt(slot, &at, SERVICE, values);
            }
            for characteristic in service.characteristics {
                let here = format!("{at}/char{handle:04x}");
                let notifies = characteristic.notifies();
                if !hidden {
                    let values = self.described(slot, &at, &characteristic);
                    self.spoilt(slot, &here, CHARACTERISTIC, values);
                }
                handle += 2;
                if notifies && !hidden {
                    let values = properties([
                        ("UUID", sig(0x2902).to_string().into()),
                        ("Characteristic", path(&here)),
                        ("Value", Vec::<u8>::new().into()),
                    ]);
                    let descriptor = format!("{here}/desc{handle:04x}");
                    self.spoilt(slot, &descriptor, DESCRIPTOR, values);
                }
                handle += u16::from(notifies);
                if !hidden {
                    exported.push(Exported {
                        path: here,
                        uuid: characteristic.uuid,
                        notifies,
                        clients: BTreeSet::new(),
                    });
                }
            }
        }
        if let Some(device) = self.adapters[adapter].devices.get_mut(device) {
            device.characteristics = exported;
        }
    }

    fn described(&self, slot: usize, service: &str, it: &Characteristic) -> Properties {
        let mut flags: Vec<String> = it.flags.iter().map(|f| (*f).to_owned()).collect();
        flags.extend(self.slots[slot].faults.unknown_flag.clone());
        let service = ObjectPath::from_string_unchecked(service.to_owned());
        let mut values = properties([
            ("UUID", it.uuid.to_string().into()),
            ("Service", service.into()),
            ("Value", Vec::<u8>::new().into()),
            ("Flags", flags.into()),
            ("MTU", self.slots[slot].peripheral.mtu().into()),
        ]);
        if it.notifies() {
            values.insert("Notifying".to_owned(), false.into());
        }
        if it.flags.contains(&"notify") {
            values.insert("NotifyAcquired".to_owned(), false.into());
        }
        if it.flags.contains(&"write-without-response") {
            values.insert("WriteAcquired".to_owned(), false.into());
        }
        values
    }

    fn spoilt(&mut self, slot: usize, path: &str, interface: &str, mut values: Properties) {
        self.slots[slot].faults.spoil(interface, &mut values);
        self.add(path, object(interface, values));
    }

    pub(super) fn gatt_call(&mut self, call: &Call) -> Result<Option<Values>, Refusal> {
        let known = ["ReadValue", "WriteValue", "StartNotify", "StopNotify"];
        if !known.contains(&call.member.as_str()) || !self.tree.has(&call.path) {
            return Err(unknown(call));
        }
        let slow = self.target(call).map(|t| self.slots[t.slot].faults.slow);
        let slow = slow.filter(|slow| *slow > Duration::ZERO);
        if let Some(slow) = slow {
            let busy = self.timers.iter().any(|(_, later)| {
                matches!(later, Later::Gatt(other) if other.path == call.path && other.member == call.member)
            });
            if busy {
                return Err(Refusal::new("org.bluez.Error.InProgress", "In Progress"));
            }
            self.later(slow, Later::Gatt(call.clone()));
            return Ok(None);
        }
        self.gatt_now(call.clone());
        Ok(None)
    }

    /// Performs an operation and answers it.
    pub(super) fn gatt_now(&mut self, call: Call) {
        let done = self.target(&call).ok_or_else(|| unknown(&call));
        let done = done.and_then(|target| {
            let value = written(&call).unwrap_or_default();
            let faults = &mut self.slots[target.slot].faults;
            if let Some((name, text)) = faults.refuses(&call.member, target.uuid, &value) {
                return Err(Refusal::new(&name, text));
            }
            let connected = self.slots[target.slot].central == Some(target.adapter);
            match call.member.as_str() {
                "StopNotify" => self.stop_notify(&target, &call),
                "StartNotify" => self.start_notify(&target, &call, connected),
                _ if !connected => Err(failed("Not connected")),
                _ if self.slots[target.slot].faults.cuts() => {
                    self.disconnected(target.adapter, &target.device);
                    Err(att(AttError::UNLIKELY))
                }
                "ReadValue" => self.read(&target, &call),
                _ => self.write(&target, &call),
            }
        });
        match done {
            Ok(None) => {}
            Ok(Some(values)) => self.answer(call, Ok(values)),
            Err(refusal) => self.answer(call, Err(refusal)),
        }
    }

    /// How long a question about what is below a device takes, where it takes long.
    pub(super) fn ponders(&self, call: &Call) -> Option<Duration> {
        let (adapter, device) = self.device_at(&call.path)?;
        let slot = self.adapters[adapter].devices.get(&device)?.slot?;
        let time = self.slots[slot].faults.ponders;
        (call.path != device && time > Duration::ZERO).then_some(time)
    }

    fn target(&self, call: &Call) -> Option<Target> {
        let (adapter, device) = self.device_at(&call.path)?;
        let it = self.adapters[adapter].devices.get(&device)?;
        // A descriptor stands for its characteristic: only the client's configuration is there, which BlueZ owns.
        let of = |c: &&Exported| call.path == c.path || call.path.starts_with(&format!("{}/", c.path));
        let uuid = it.characteristics.iter().find(of)?.uuid;
        Some(Target {
            slot: it.slot?,
            adapter,
            device,
            uuid,
        })
    }

    fn exported(&mut self, target: &Target, path: &str) -> Option<&mut Exported> {
        let device = self.adapters[target.adapter].devices.get_mut(&target.device)?;
        device.characteristics.iter_mut().find(|c| c.path == path)
    }

    fn read(&mut self, target: &Target, call: &Call) -> Result<Option<Values>, Refusal> {
        if call.interface == DESCRIPTOR {
            let parent = call.path.rsplit_once('/').map(|(parent, _)| parent.to_owned());
            let parent = parent.unwrap_or_default();
            let on = self
                .exported(target, &parent)
                .is_some_and(|c| !c.clients.is_empty());
            return Ok(Some(vec![vec![u8::from(on), 0].into()]));
        }
        let mut air = super::Air::at(self.now);
        let it = self.slots[target.slot].peripheral.as_mut();
        let value = it.on_read(target.uuid, &mut air);
        let value = value.map_err(att)?;
        self.change(&call.path, CHARACTERISTIC, [("Value", owned(value.clone()))]);
        self.answer(call.clone(), Ok(vec![value.into()]));
        self.flush(target.slot, air);
        Ok(None)
    }

    fn write(&mut self, target: &Target, call: &Call) -> Result<Option<Values>, Refusal> {
        if call.interface == DESCRIPTOR {
            return Err(Refusal::new(
                "org.bluez.Error.NotPermitted",
                "Write not permitted",
            ));
        }
        let value = written(call).ok_or_else(|| {
            Refusal::new(
                "org.bluez.Error.InvalidArguments",
                "Invalid arguments in method call",
            )
        })?;
        let options = call.arguments.get(1).cloned().map(owned);
        let options = options.and_then(|v| HashMap::<String, OwnedVariant>::try_from(v).ok());
        let kind = options.and_then(|o| o.get("type").cloned());
        let kind = kind.and_then(|k| String::try_from(k).ok());
        let command = kind.as_deref() == Some("command");
        let room = usize::from(self.slots[target.slot].peripheral.mtu().saturating_sub(3));
        if command && value.len() > room {
            return Err(failed("Failed to initiate write"));
        }
        let mut air = super::Air::at(self.now);
        let it = self.slots[target.slot].peripheral.as_mut();
        let written = it.on_write(target.uuid, &value, &mut air);
        // A command has no answer over the air.
        if !command {
            written.map_err(att)?;
        }
        self.answer(call.clone(), Ok(Vec::new()));
        self.flush(target.slot, air);
        Ok(None)
    }

    fn start_notify(
        &mut self,
        target: &Target,
        call: &Call,
        connected: bool,
    ) -> Result<Option<Values>, Refusal> {
        if connected && self.slots[target.slot].faults.cuts() {
            self.disconnected(target.adapter, &target.device);
            return Err(att(AttError::UNLIKELY));
        }
        let Some(it) = self.exported(target, &call.path) else {
            return Err(unknown(call));
        };
        if !it.notifies {
            return Err(Refusal::new(
                "org.bluez.Error.NotSupported",
                "Operation is not supported",
            ));
        }
        let first = it.clients.is_empty();
        it.clients.insert(call.sender.clone());
        if first {
            self.change(&call.path, CHARACTERISTIC, [("Notifying", true.into())]);
        }
        self.answer(call.clone(), Ok(Vec::new()));
        if first && connected {
            let uuid = target.uuid;
            self.act(target.slot, |it, air| it.on_subscribe(uuid, true, air));
        }
        Ok(None)
    }

    fn stop_notify(&mut self, target: &Target, call: &Call) -> Result<Option<Values>, Refusal> {
        let Some(it) = self.exported(target, &call.path) else {
            return Err(unknown(call));
        };
        if !it.clients.remove(&call.sender) {
            return Err(failed("No notify session started"));
        }
        if it.clients.is_empty() {
            self.unsubscribed(target.adapter, target.slot, &call.path, target.uuid);
        }
        Ok(Some(Vec::new()))
    }

    fn unsubscribed(&mut self, adapter: usize, slot: usize, path: &str, uuid: Uuid) {
        self.change(path, CHARACTERISTIC, [("Notifying", false.into())]);
        if self.slots[slot].central == Some(adapter) {
            self.act(slot, |it, air| it.on_subscribe(uuid, false, air));
        }
    }

    /// The notify sessions of a client that has gone.
    pub(super) fn end_notify_sessions(&mut self, adapter: usize, sender: &str) {
        let mut ended = Vec::new();
        for device in self.adapters[adapter].devices.values_mut() {
            for it in &mut device.characteristics {
                if it.clients.remove(sender)
                    && it.clients.is_empty()
                    && let Some(slot) = device.slot
                {
                    ended.push((slot, it.path.clone(), it.uuid));
                }
            }
        }
        for (slot, path, uuid) in ended {
            self.unsubscribed(adapter, slot, &path, uuid);
        }
    }

    /// Operations under way when the link is lost fail.
    pub(super) fn abandon_operations(&mut self, device: &str) {
        let below = format!("{device}/");
        let mut abandoned = Vec::new();
        let timers = std::mem::take(&mut self.timers);
        for (at, later) in timers {
            match later {
                Later::Gatt(call) if call.path.starts_with(&below) => abandoned.push(call),
                Later::Resolve { path, .. } | Later::Disconnect { path, .. } if path == device => {}
                other => self.timers.push((at, other)),
            }
        }
        for call in abandoned {
            self.answer(call, Err(att(AttError::UNLIKELY)));
        }
    }
}

/// The bytes that a call writes; `None` where it has none.
fn written(call: &Call) -> Option<Vec<u8>> {
    let value = call.arguments.first().cloned().map(owned)?;
    Vec::<u8>::try_from(value).ok()
}

impl Characteristic {
    fn notifies(&self) -> bool {
        self.flags.contains(&"notify") || self.flags.contains(&"indicate")
    }
}

/// BlueZ's name and text of an ATT error.
fn att(error: AttError) -> Refusal {
    let (name, text) = match error {
        AttError::READ_NOT_PERMITTED => ("NotPermitted", "Read not permitted"),
        AttError::WRITE_NOT_PERMITTED => ("NotPermitted", "Write not permitted"),
        AttError::INVALID_LENGTH => ("InvalidValueLength", "Invalid Length"),
        AttError(0x05 | 0x0f) => ("NotAuthorized", "Not Authorized"),
        AttError(code) => return failed(&format!("Operation failed with ATT error: 0x{code:02x}")),
    };
    Refusal::new(&format!("org.bluez.Error.{name}"), text)
}
