//! NetworkManager's switches.

use std::collections::BTreeMap;

use zbus::Variant;

use super::service::{Service, is_absence, take};
use crate::before::Radio;

pub(super) const NAME: &str = "org.freedesktop.NetworkManager";
pub(super) const PATH: &str = "/org/freedesktop/NetworkManager";

const SWITCHES: [(Radio, &str); 3] = [
    (Radio::Networking, "NetworkingEnabled"),
    (Radio::Wireless, "WirelessEnabled"),
    (Radio::Wwan, "WwanEnabled"),
];

/// The switches as they are; none where NetworkManager isn't there.
pub(super) async fn radios(service: &Service) -> zbus::Result<BTreeMap<Radio, bool>> {
    if !service.is_there().await? {
        return Ok(BTreeMap::new());
    }
    let mut properties = match service.all(PATH, NAME).await {
        Ok(properties) => properties,
        Err(error) if is_absence(&error) => return Ok(BTreeMap::new()),
        Err(error) => return Err(error),
    };
    let mut seen = |(radio, name)| take(&mut properties, name).map(|on| (radio, on));
    Ok(SWITCHES.into_iter().filter_map(&mut seen).collect())
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
