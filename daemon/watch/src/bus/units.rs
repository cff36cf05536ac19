//! systemd: the lost screen's target.

use zbus::{MessageStream, OwnedObjectPath};

use super::service::{Service, is_absence, take};

pub(super) const NAME: &str = "org.freedesktop.systemd1";

const PATH: &str = "/org/freedesktop/systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const UNIT: &str = "org.freedesktop.systemd1.Unit";
const TARGET: &str = "belay-lost.target";

/// A unit's job that ended tells that it may be up or down now. systemd sends signals only to who subscribes.
pub(super) async fn hints(service: &Service) -> zbus::Result<Vec<MessageStream>> {
    let mut hints = Vec::new();
    for (member, index) in [("JobRemoved", 2), ("UnitNew", 0), ("UnitRemoved", 0)] {
        let which = (PATH, MANAGER, member);
        hints.push(service.signals_about(which, index, TARGET).await?);
    }
    if service.is_there().await? {
        let _subscribed: zbus::Result<()> = service.call(PATH, MANAGER, "Subscribe", &()).await;
    }
    Ok(hints)
}

/// Whether the target is up, or on its way; `None` where there is no systemd or no such target.
pub(super) async fn is_up(service: &Service) -> zbus::Result<Option<bool>> {
    if !service.is_there().await? {
        return Ok(None);
    }
    let loaded: zbus::Result<OwnedObjectPath> = service.call(PATH, MANAGER, "LoadUnit", &TARGET).await;
    let unit = match loaded {
        Ok(unit) => unit,
        Err(error) if is_absence(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut properties = service.all(unit.as_str(), UNIT).await?;
    if take::<String>(&mut properties, "LoadState").as_deref() == Some("not-found") {
        return Ok(None);
    }
    let state = take::<String>(&mut properties, "ActiveState").unwrap_or_default();
    Ok(Some(
        ["active", "activating", "reloading"].contains(&state.as_str()),
    ))
}

/// Starts it, and stops what doesn't belong to it.
pub(super) async fn start(service: &Service) -> zbus::Result<()> {
    let _job: OwnedObjectPath = service
        .call(PATH, MANAGER, "StartUnit", &(TARGET, "isolate"))
        .await?;
    Ok(())
}
