//! Between btleplug's types and those of the drivers.

use std::collections::HashMap;

use belay_drivers::{Address, Advertisement, Characteristic, Gatt, OperationError, Properties, WriteKind};
use btleplug::api::{
    BDAddr, CharPropFlags, Characteristic as Discovered, PeripheralProperties, Service, WriteType,
};

use super::state::{Place, place};
use crate::accessory::ports::RadioError;

/// btleplug's characteristics by where they are.
pub(super) type Known = HashMap<Place, Discovered>;

pub(super) fn address(of: BDAddr) -> Address {
    Address(of.into_inner())
}

pub(super) fn properties(flags: CharPropFlags) -> Properties {
    Properties {
        read: flags.contains(CharPropFlags::READ),
        write: flags.contains(CharPropFlags::WRITE),
        write_without_response: flags.contains(CharPropFlags::WRITE_WITHOUT_RESPONSE),
        notify: flags.contains(CharPropFlags::NOTIFY),
        indicate: flags.contains(CharPropFlags::INDICATE),
    }
}

/// What was discovered. btleplug keeps services and characteristics by UUID, so that is their order.
pub(super) fn gatt(services: impl IntoIterator<Item = Service>, mtu: u16) -> (Gatt, Known) {
    let mut gatt = Gatt {
        characteristics: Vec::new(),
        mtu,
    };
    let mut known = Known::new();
    for service in services {
        for one in service.characteristics {
            let characteristic = Characteristic {
                service: service.uuid,
                uuid: one.uuid,
                properties: properties(one.properties),
            };
            gatt.characteristics.push(characteristic);
            known.insert(place(characteristic), one);
        }
    }
    (gatt, known)
}

pub(super) const fn write_type(kind: WriteKind) -> WriteType {
    match kind {
        WriteKind::Request => WriteType::WithResponse,
        WriteKind::Command => WriteType::WithoutResponse,
    }
}

/// What a device says. Its name is the one it sends: BlueZ's alias is never empty, it is made from the address.
pub(super) fn advertisement(of: PeripheralProperties) -> Advertisement {
    Advertisement {
        address: address(of.address),
        name: of.advertisement_name,
        services: of.services,
        manufacturer: sorted(of.manufacturer_data),
        service_data: sorted(of.service_data),
        rssi: of.rssi,
    }
}

/// In the order of the keys: a map has none.
pub(super) fn sorted<K: Ord, V>(map: HashMap<K, V>) -> Vec<(K, V)> {
    let mut list: Vec<_> = map.into_iter().collect();
    list.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    list
}

/// What an error of btleplug means. It passes on what the bus or BlueZ said, but only as something to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// There is no answer.
    TimedOut,
    /// BlueZ isn't there.
    Absent,
    /// The device isn't connected, or isn't known any more.
    Disconnected,
    /// BlueZ is at it already.
    InProgress,
    /// BlueZ, or the device, refused.
    Refused,
}

impl From<&btleplug::Error> for Trouble {
    fn from(error: &btleplug::Error) -> Self {
        if matches!(
            error,
            btleplug::Error::NotConnected | btleplug::Error::DeviceNotFound
        ) {
            return Self::Disconnected;
        }
        Self::of(&format!("{error:?}"))
    }
}

impl Trouble {
    fn of(shown: &str) -> Self {
        let has = |word| shown.contains(word);
        if has("DBus.Error.NoReply") || has("DBus.Error.Timeout") || has("DiscoveryTimedOut") {
            Self::TimedOut
        } else if has("DBus.Error.ServiceUnknown")
            || has("DBus.Error.NameHasNoOwner")
            || has("DBus.Error.Disconnected")
            || has("DBus.Error.NoServer")
            || has("DBus.Error.FileNotFound")
        {
            Self::Absent
        } else if has("org.bluez.Error.NotConnected")
            || has("Not connected")
            || has("DBus.Error.UnknownObject")
            || has("DBus.Error.UnknownMethod")
        {
            Self::Disconnected
        } else if has("org.bluez.Error.InProgress") || has("already in progress") {
            Self::InProgress
        } else {
            Self::Refused
        }
    }

    pub(super) const fn of_operation(self) -> OperationError {
        match self {
            Self::TimedOut => OperationError::TimedOut,
            Self::Absent | Self::Disconnected => OperationError::Lost,
            Self::InProgress | Self::Refused => OperationError::Refused,
        }
    }

    pub(super) const fn of_radio(self) -> RadioError {
        match self {
            Self::TimedOut => RadioError::TimedOut,
            Self::Absent => RadioError::AdapterMissing,
            Self::Disconnected | Self::InProgress | Self::Refused => RadioError::Refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use belay_drivers::gatt::sig;

    use super::*;

    #[test]
    fn each_flag_is_carried_over() {
        let all = properties(CharPropFlags::all());
        let none = properties(CharPropFlags::empty());
        assert_eq!(none, Properties::default());
        assert!(all.read && all.write && all.write_without_response && all.notify && all.indicate);
        let command = properties(CharPropFlags::WRITE_WITHOUT_RESPONSE);
        assert!(command.write_without_response && !command.write);
    }

    #[test]
    fn a_characteristic_is_found_by_its_service_and_itself() {
        let one = |service, uuid| Discovered {
            uuid: sig(uuid),
            service_uuid: sig(service),
            properties: CharPropFlags::READ,
            descriptors: Default::default(),
        };
        let services = [1, 2].map(|service| Service {
            uuid: sig(service),
            primary: true,
            characteristics: [one(service, 7), one(service, 8)].into(),
        });
        let (gatt, known) = gatt(services, 247);
        assert_eq!((gatt.characteristics.len(), gatt.mtu), (4, 247));
        for characteristic in &gatt.characteristics {
            let found = &known[&place(*characteristic)];
            assert_eq!(
                (found.service_uuid, found.uuid),
                (characteristic.service, characteristic.uuid)
            );
        }
    }

    #[test]
    fn an_error_of_bluez_is_recognised() {
        for (shown, trouble) in [
            (
                "D-Bus error: Did not receive a reply (org.freedesktop.DBus.Error.NoReply)",
                Trouble::TimedOut,
            ),
            ("Other(ServiceDiscoveryTimedOut)", Trouble::TimedOut),
            (
                "D-Bus error: The name is not activatable (org.freedesktop.DBus.Error.ServiceUnknown)",
                Trouble::Absent,
            ),
            (
                "D-Bus error: Not Connected (org.bluez.Error.NotConnected)",
                Trouble::Disconnected,
            ),
            (
                "D-Bus error: Not connected (org.bluez.Error.Failed)",
                Trouble::Disconnected,
            ),
            (
                "D-Bus error: Operation already in progress (org.bluez.Error.Failed)",
                Trouble::InProgress,
            ),
            (
                "D-Bus error: In Progress (org.bluez.Error.InProgress)",
                Trouble::InProgress,
            ),
            (
                "D-Bus error: Input/output error (org.bluez.Error.Failed)",
                Trouble::Refused,
            ),
        ] {
            assert_eq!(Trouble::of(shown), trouble, "{shown}");
        }
    }

    #[test]
    fn an_address_made_a_name_is_no_name() {
        let said = PeripheralProperties {
            address: BDAddr::from([1, 2, 3, 4, 5, 6]),
            local_name: Some("01-02-03-04-05-06".to_owned()),
            ..PeripheralProperties::default()
        };
        let advertisement = advertisement(said);
        assert_eq!(advertisement.address, Address([1, 2, 3, 4, 5, 6]));
        assert_eq!(advertisement.name, None);
    }
}
