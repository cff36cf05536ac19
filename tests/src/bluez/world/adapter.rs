//! Adapters: power, discovery and its filter, and what is heard.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use uuid::Uuid;
use zbus::{OwnedObjectPath, OwnedVariant, Variant};

use super::standard::unknown;
use super::{ADAPTER, Adapter, Call, World};
use crate::bluez::air::{Address, sig};
use crate::bluez::tree::{object, owned, properties};
use crate::services::puppet::{Refusal, Values};

/// What one client wants to hear of.
#[derive(Debug, Clone, Default)]
pub(super) struct Filter {
    services: Vec<Uuid>,
    /// Every advertisement counts, also one that says nothing new.
    duplicates: bool,
}

impl World {
    /// Plugs in the adapter `hciN` and returns its number.
    pub fn plug(&mut self, address: Address) -> usize {
        let adapter = self.adapters.len();
        let path = format!("/org/bluez/hci{adapter}");
        let text = |text: &str| Variant::from(text.to_owned());
        let uuids = [0x1801, 0x1800, 0x1200, 0x110c, 0x110e, 0x180a].map(|short| sig(short).to_string());
        let roles = ["central".to_owned(), "peripheral".to_owned()];
        let mut values = properties([
            ("Address", address.to_string().into()),
            ("AddressType", text("public")),
            ("Name", text("BlueZ 5.66")),
            ("Alias", text("BlueZ 5.66")),
            ("Class", 0_u32.into()),
            ("Powered", true.into()),
            ("Discoverable", false.into()),
            ("DiscoverableTimeout", 180_u32.into()),
            ("Pairable", false.into()),
            ("PairableTimeout", 0_u32.into()),
            ("Discovering", false.into()),
            ("UUIDs", uuids.to_vec().into()),
            ("Modalias", text("usb:v1D6Bp0246d0542")),
            ("Roles", roles.to_vec().into()),
        ]);
        if !self.settings.device_id {
            values.remove("Modalias");
        }
        if !self.tree.has("/org/bluez") {
            let root = object("org.bluez.AgentManager1", HashMap::new());
            self.add("/org/bluez", root);
        }
        self.add(&path, object(ADAPTER, values));
        self.adapters.push(Adapter {
            path,
            powered: true,
            discoverers: BTreeSet::new(),
            filters: BTreeMap::new(),
            devices: BTreeMap::new(),
        });
        adapter
    }

    pub(super) fn adapter_at(&self, path: &str) -> Option<usize> {
        self.adapters.iter().position(|a| a.path == path)
    }

    /// The adapter and the path of the device that `path` is or belongs to.
    pub(super) fn device_at(&self, path: &str) -> Option<(usize, String)> {
        let device: Vec<&str> = path.splitn(6, '/').take(5).collect();
        let device = device.join("/");
        let adapter = self
            .adapters
            .iter()
            .position(|a| a.devices.contains_key(&device))?;
        Some((adapter, device))
    }

    pub(super) fn adapter_call(&mut self, call: &Call) -> Result<Option<Values>, Refusal> {
        let adapter = self.adapter_at(&call.path).ok_or_else(|| unknown(call))?;
        if !self.adapters[adapter].powered && call.member != "RemoveDevice" {
            return Err(Refusal::new("org.bluez.Error.NotReady", "Resource Not Ready"));
        }
        let discovers = self.adapters[adapter].discoverers.contains(&call.sender);
        match call.member.as_str() {
            "SetDiscoveryFilter" => {
                let filter = filter(call);
                self.adapters[adapter].filters.insert(call.sender.clone(), filter);
                Ok(Some(Vec::new()))
            }
            "StartDiscovery" if discovers => Err(Refusal::new(
                "org.bluez.Error.InProgress",
                "Operation already in progress",
            )),
            "StartDiscovery" => {
                self.answer(call.clone(), Ok(Vec::new()));
                self.start_discovery(adapter, &call.sender);
                Ok(None)
            }
            "StopDiscovery" if !discovers => Err(failed("No discovery started")),
            "StopDiscovery" => {
                self.answer(call.clone(), Ok(Vec::new()));
                self.end_discovery(adapter, &call.sender);
                Ok(None)
            }
            "RemoveDevice" => {
                let path = call.arguments.first().cloned();
                let path = path.and_then(|p| OwnedObjectPath::try_from(p).ok());
                let path = path.map(|p| p.to_string()).unwrap_or_default();
                if !self.adapters[adapter].devices.contains_key(&path) {
                    return Err(Refusal::new("org.bluez.Error.DoesNotExist", "Does Not Exist"));
                }
                self.disconnected(adapter, &path);
                self.adapters[adapter].devices.remove(&path);
                self.remove(&path);
                Ok(Some(Vec::new()))
            }
            _ => Err(unknown(call)),
        }
    }

    /// Switches an adapter on or off, as rfkill or a client does.
    ///
    /// # Errors
    /// Where there is no such adapter.
    pub fn power(&mut self, path: &str, on: bool) -> Result<(), Refusal> {
        let adapter = self
            .adapter_at(path)
            .ok_or_else(|| Refusal::new("org.freedesktop.DBus.Error.UnknownObject", "no such adapter"))?;
        if self.adapters[adapter].powered == on {
            return Ok(());
        }
        self.adapters[adapter].powered = on;
        if !on {
            let devices: Vec<String> = self.adapters[adapter].devices.keys().cloned().collect();
            for device in devices {
                self.disconnected(adapter, &device);
            }
            if !std::mem::take(&mut self.adapters[adapter].discoverers).is_empty() {
                self.silence(adapter);
            }
        }
        self.change(path, ADAPTER, [("Powered", on.into())]);
        Ok(())
    }

    pub(super) fn discovering(&self) -> bool {
        self.adapters.iter().any(|a| !a.discoverers.is_empty())
    }

    fn start_discovery(&mut self, adapter: usize, sender: &str) {
        let path = self.adapters[adapter].path.clone();
        let first = self.adapters[adapter].discoverers.is_empty();
        self.adapters[adapter].discoverers.insert(sender.to_owned());
        if first {
            self.change(&path, ADAPTER, [("Discovering", true.into())]);
        }
        for slot in 0..self.slots.len() {
            self.advertise(slot, true);
        }
    }

    /// Ends what a client discovers, and with the last of them the discovery.
    pub(super) fn end_discovery(&mut self, adapter: usize, sender: &str) {
        self.adapters[adapter].filters.remove(sender);
        let ended = self.adapters[adapter].discoverers.remove(sender);
        if ended && self.adapters[adapter].discoverers.is_empty() {
            self.silence(adapter);
        }
    }

    fn silence(&mut self, adapter: usize) {
        let path = self.adapters[adapter].path.clone();
        let devices: Vec<String> = self.adapters[adapter].devices.keys().cloned().collect();
        for device in devices {
            self.invalidate(&device, super::DEVICE, "RSSI");
        }
        self.change(&path, ADAPTER, [("Discovering", false.into())]);
    }

    /// Whether somebody who discovers with `adapter` wants to hear of an accessory that lists `services`, and each
    /// time it says something.
    pub(super) fn wanted(&self, adapter: usize, services: &[Uuid]) -> Option<bool> {
        let adapter = &self.adapters[adapter];
        let filters = adapter.discoverers.iter().map(|d| adapter.filters.get(d));
        let wanting: Vec<Option<&Filter>> = filters
            .filter(|f| {
                f.is_none_or(|f| f.services.is_empty() || f.services.iter().any(|s| services.contains(s)))
            })
            .collect();
        let duplicates = wanting.iter().any(|f| f.is_some_and(|f| f.duplicates));
        (!wanting.is_empty()).then_some(duplicates)
    }
}

/// `org.bluez.Error.Failed` with BlueZ's text.
pub(super) fn failed(text: &str) -> Refusal {
    Refusal::new("org.bluez.Error.Failed", text)
}

fn filter(call: &Call) -> Filter {
    let options = call.arguments.first().cloned().unwrap_or(Variant::Bool(false));
    let options: HashMap<String, OwnedVariant> = HashMap::try_from(owned(options)).unwrap_or_default();
    let services = options.get("UUIDs").cloned();
    let services = services.and_then(|v| Vec::<String>::try_from(v).ok());
    let services = services.unwrap_or_default();
    Filter {
        services: services.iter().filter_map(|s| s.parse().ok()).collect(),
        duplicates: options
            .get("DuplicateData")
            .and_then(|v| bool::try_from(v.clone()).ok())
            .unwrap_or(true),
    }
}
