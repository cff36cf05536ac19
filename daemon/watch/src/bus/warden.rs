//! The warden: whether the device is lost, and when it wants to be told the time.

use belay_proto::dbus::LockState;
use belay_proto::dbus::names::{WARDEN_NAME, WARDEN_PATH};
use belay_proto::steps::{Done, TICK, TickOutput};

use super::service::{Properties, Service, take};

pub(super) const NAME: &str = WARDEN_NAME;
pub(super) const PATH: &str = WARDEN_PATH;

/// Whether the device has to be kept. Starts the warden when it isn't there.
pub(super) async fn guarded(service: &Service) -> zbus::Result<bool> {
    let mut properties = service.all(PATH, NAME).await?;
    let lock: String = take(&mut properties, "LockState").ok_or_else(|| {
        zbus::Error::Failure("the warden doesn't say whether the device is lost".to_owned())
    })?;
    if lock == LockState::Wiping.as_str() {
        return is_kept(service).await;
    }
    // What isn't known to be unlocked is kept.
    Ok(lock != LockState::Unlocked.as_str())
}

/// Whether a device that is to be wiped is kept already: until nothing calls the wipe off or refuses it, the sessions
/// aren't to pay for it.
async fn is_kept(service: &Service) -> zbus::Result<bool> {
    let mut identity: Properties = service.call(PATH, NAME, "Identity", &()).await?;
    Ok(take(&mut identity, "kept").unwrap_or(true))
}

/// When to ask again, ms of boot time; 0: never.
pub(super) async fn tick(service: &Service) -> zbus::Result<u64> {
    let body = ("", TICK, Done {}.encode());
    let answer: Vec<u8> = service.call(PATH, NAME, "Use", &body).await?;
    let output = TickOutput::decode(&answer)
        .map_err(|_| zbus::Error::Failure("the warden's answer isn't a tick's".to_owned()))?;
    Ok(output.next)
}
