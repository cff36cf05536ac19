//! The band's GATT table as objects on the bus, and what is to be heard from BlueZ.

use std::collections::HashMap;

use belay_tests::Outcome;
use belay_tests::accessories::Band;
use belay_tests::bluez::tree::{Properties, properties};
use belay_tests::bluez::{Peripheral, sig};
use uuid::Uuid;
use zbus::message::Type;
use zbus::{MatchRule, ObjectPath, OwnedObjectPath};

pub const BLUEZ: &str = "org.bluez";
pub const DEVICE: &str = "org.bluez.Device1";
pub const CHARACTERISTIC: &str = "org.bluez.GattCharacteristic1";
pub const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
const SERVICE: &str = "org.bluez.GattService1";
const OBJECTS: &str = "org.freedesktop.DBus.ObjectManager";

/// Where the GATT table hangs.
pub const ROOT: &str = "/band";

/// Objects by path.
pub type Tree = HashMap<OwnedObjectPath, HashMap<String, Properties>>;

/// What BlueZ says of its devices, and that it is gone.
pub fn rules() -> Outcome<Vec<MatchRule<'static>>> {
    let rule = || MatchRule::builder().msg_type(Type::Signal);
    let changed = rule()
        .sender(BLUEZ)
        .interface(PROPERTIES)
        .member("PropertiesChanged");
    let added = rule().sender(BLUEZ).interface(OBJECTS).member("InterfacesAdded");
    let owners = rule()
        .sender("org.freedesktop.DBus")
        .member("NameOwnerChanged")
        .arg(0, BLUEZ);
    Ok(vec![
        changed.arg(0, DEVICE).build()?,
        added.build()?,
        owners.build()?,
    ])
}

/// The objects by which BlueZ learns the GATT table. It serves 1800 and 1801 by itself.
pub fn table(band: &Band) -> Outcome<(Tree, HashMap<String, Uuid>)> {
    let (mut tree, mut uuids) = (Tree::new(), HashMap::new());
    let own = [sig(0x1800), sig(0x1801)];
    let services = band.services().into_iter().filter(|it| !own.contains(&it.uuid));
    for (number, service) in services.enumerate() {
        let at = format!("{ROOT}/service{number}");
        let says = properties([
            ("UUID", service.uuid.to_string().into()),
            ("Primary", true.into()),
        ]);
        tree.insert(
            at.clone().try_into()?,
            HashMap::from([(SERVICE.to_owned(), says)]),
        );
        for (number, characteristic) in service.characteristics.into_iter().enumerate() {
            let here = format!("{at}/char{number}");
            let flags: Vec<String> = characteristic.flags.iter().map(ToString::to_string).collect();
            let says = properties([
                ("UUID", characteristic.uuid.to_string().into()),
                ("Service", ObjectPath::try_from(at.clone())?.into()),
                ("Flags", flags.into()),
            ]);
            uuids.insert(here.clone(), characteristic.uuid);
            tree.insert(
                here.try_into()?,
                HashMap::from([(CHARACTERISTIC.to_owned(), says)]),
            );
        }
    }
    Ok((tree, uuids))
}
