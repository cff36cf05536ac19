//! The login manager: sessions, and who may switch the device off.

use std::collections::BTreeSet;

use zbus::{OwnedFd, OwnedObjectPath};

use super::service::Service;

pub(super) const NAME: &str = "org.freedesktop.login1";
pub(super) const PATH: &str = "/org/freedesktop/login1";
pub(super) const MANAGER: &str = "org.freedesktop.login1.Manager";

// The lid by its own name: logind doesn't ask who blocks sleep when one is closed.
const BLOCKED: &str = "shutdown:sleep:handle-power-key:handle-lid-switch";
/// The session ended by itself.
const NO_SUCH_SESSION: &str = "org.freedesktop.login1.NoSuchSession";

/// A session: id, uid, user, seat, path.
type Session = (String, u32, String, String, OwnedObjectPath);

/// The sessions of everybody but the lost screen.
pub(super) async fn strangers(service: &Service, lost_screen_user: &str) -> zbus::Result<BTreeSet<String>> {
    let sessions: Vec<Session> = service.call(PATH, MANAGER, "ListSessions", &()).await?;
    let stranger = |(id, _, user, _, _): Session| (user != lost_screen_user).then_some(id);
    Ok(sessions.into_iter().filter_map(stranger).collect())
}

/// Ends a session.
pub(super) async fn end(service: &Service, id: &str) -> zbus::Result<()> {
    let ended = service.call(PATH, MANAGER, "TerminateSession", &id).await;
    match ended {
        Err(zbus::Error::MethodError(name, _, _)) if name.as_str() == NO_SUCH_SESSION => Ok(()),
        ended => ended,
    }
}

/// Blocks power-off, suspend, the power key and the lid for as long as the descriptor is held.
pub(super) async fn inhibit(service: &Service) -> zbus::Result<OwnedFd> {
    let body = (BLOCKED, "Belay", "This device is lost", "block");
    service.call(PATH, MANAGER, "Inhibit", &body).await
}
