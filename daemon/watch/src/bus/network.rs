//! NetworkManager's switches.

use std::collections::{BTreeMap, BTreeSet};

use zbus::Variant;

use super::service::{Service, is_absence, take};
use crate::before::Radio;
use crate::event::Event;

pub(super) const NAME: &str = "org.freedesktop.NetworkManager";
pub(super) const PATH: &str = "/org/freedesktop/NetworkManager";

const SWITCHES: [(Radio, &str); 3] = [
    (Radio::Networking, "NetworkingEnabled"),
    (Radio::Wireless, "WirelessEnabled"),
    (Radio::Wwan, "WwanEnabled"),
];

/// What a switch of the device's own allows.
const HARDWARE: [(Radio, &str); 2] = [
    (Radio::Wireless, "WirelessHardwareEnabled"),
    (Radio::Wwan, "WwanHardwareEnabled"),
];

/// The switches as they are; none where NetworkManager isn't there.
pub(super) async fn radios(service: &Service) -> zbus::Result<Vec<Event>> {
    let nobody = || vec![Event::Radios(BTreeMap::new())];
    if !service.is_there().await? {
        return Ok(nobody());
    }
    let mut properties = match service.all(PATH, NAME).await {
        Ok(properties) => properties,
        Err(error) if is_absence(&error) => return Ok(nobody()),
        Err(error) => return Err(error),
    };
    let mut seen = |(radio, name)| take(&mut properties, name).map(|on: bool| (radio, on));
    let radios = SWITCHES.into_iter().filter_map(&mut seen).collect();
    let hardware = HARDWARE.into_iter().filter_map(&mut seen);
    let held: BTreeSet<_> = hardware.filter(|(_, on)| !on).map(|(radio, _)| radio).collect();
    Ok(vec![Event::Held(held), Event::Radios(radios)])
}

/// Switches one.
pub(super) async fn switch(service: &Service, radio: Radio, on: bool) -> zbus::Result<()> {
    match radio {
        // Read-only as a property.
        Radio::Networking => service.call(PATH, NAME, "Enable", &on).await,
        Radio::Wireless => {
            service
                .set(PATH, NAME, "WirelessEnabled", Variant::from(on))
                .await
        }
        Radio::Wwan => service.set(PATH, NAME, "WwanEnabled", Variant::from(on)).await,
    }
}
