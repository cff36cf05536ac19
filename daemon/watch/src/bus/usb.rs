//! USBGuard, where it is there: what it does with a device that no rule knows.

use super::service::{Service, is_absence};

pub(super) const NAME: &str = "org.usbguard1";
pub(super) const PATH: &str = "/org/usbguard1";

const PARAMETER: &str = "ImplicitPolicyTarget";

/// The target; `None` where USBGuard isn't there.
pub(super) async fn target(service: &Service) -> zbus::Result<Option<String>> {
    if !service.is_there().await? {
        return Ok(None);
    }
    match service.call(PATH, NAME, "getParameter", &PARAMETER).await {
        Ok(target) => Ok(Some(target)),
        Err(error) if is_absence(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Sets it, until USBGuard starts again.
pub(super) async fn set_target(service: &Service, target: &str) -> zbus::Result<()> {
    let _previous: String = service
        .call(PATH, NAME, "setParameter", &(PARAMETER, target))
        .await?;
    Ok(())
}
