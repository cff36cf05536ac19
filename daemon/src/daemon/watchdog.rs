//! The service manager's watchdog: pinged only after each actor has answered.

use std::future::pending;
use std::time::Duration;

use sd_notify::NotifyState;

use crate::actor::Supervisor;

/// Pings at half the interval that the service manager asked for (`WATCHDOG_USEC`); without one there is no
/// timer and this never returns either.
pub(super) async fn run(supervisor: &Supervisor, interval: Option<Duration>) {
    let Some(interval) = interval else {
        return pending().await;
    };
    let half = interval / 2;
    loop {
        tokio::time::sleep(half).await;
        match supervisor.ask_all(half / 2).await {
            Ok(()) => notify(&[NotifyState::Watchdog]),
            // No ping: the service manager ends a belayd that stays like this.
            Err(error) => tracing::error!(%error, "no watchdog ping"),
        }
    }
}

/// Tells the service manager, where there is one.
pub(super) fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "telling the service manager");
    }
}
