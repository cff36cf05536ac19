//! Nobody's programs before the keys go: what is still open could write back what was destroyed, or be read on.

use std::collections::BTreeSet;

use tokio::time::timeout;

use super::{LOST, LoginsProxy, ManagerProxy, Systemd};
use crate::enforce::EnforceError;

/// It has the owner's data open, and nothing to do any more: what the owner is told of a wipe was fetched before.
const BELAYD: &str = "belayd.service";
const SIGKILL: i32 = 9;

impl Systemd {
    /// Ends every session, what its users left running, and belayd, and waits until they have. Bounded: whoever holds
    /// the device has a program that ignores SIGTERM, and that is to save no key.
    pub(super) async fn empty(&self) {
        let mut users = self.users().await;
        let lost = async {
            // What the target wants is started before belayd, which is among it, is stopped.
            let isolated = timeout(self.patience.ends, self.start(LOST, "isolate")).await;
            logged("the lost target", isolated.unwrap_or_else(|_| Err(no_answer())));
        };
        let sessions = async {
            let ended = timeout(self.patience.ends, self.end_sessions()).await;
            logged("the sessions", ended.unwrap_or_else(|_| Err(no_answer())));
        };
        tokio::join!(lost, sessions);
        // Whoever logged in meanwhile; who left something running is listed no more once the session has ended.
        users.extend(self.users().await);
        let slices = users.into_iter().map(|uid| format!("user-{uid}.slice"));
        let units: Vec<String> = slices.chain([BELAYD.to_owned()]).collect();
        futures_util::future::join_all(units.iter().map(|unit| self.stop(unit))).await;
    }

    /// Of a wipe that wasn't done the owner has to hear.
    pub(super) async fn let_belayd_tell(&self) {
        let started = timeout(self.patience.ends, self.start(BELAYD, "replace")).await;
        logged(BELAYD, started.unwrap_or_else(|_| Err(no_answer())));
    }

    /// Stops a unit and waits until nothing of it runs; kills what won't go.
    async fn stop(&self, unit: &str) {
        let stopping = self.job(unit, async |manager| manager.stop_unit(unit, "replace").await);
        let mut stopping = std::pin::pin!(stopping);
        let stopped = match timeout(self.patience.ends, &mut stopping).await {
            Ok(stopped) => stopped,
            Err(_) => {
                tracing::warn!(unit, "doesn't end: killed");
                logged(unit, self.kill(unit).await);
                let stopped = timeout(self.patience.dies, stopping).await;
                stopped.unwrap_or_else(|_| Err(no_answer()))
            }
        };
        logged(unit, stopped);
    }

    /// Everybody with a session, and who left something running without one, but for the lost screen.
    async fn users(&self) -> BTreeSet<u32> {
        logged("who is logged in", self.listed().await).unwrap_or_default()
    }

    async fn listed(&self) -> Result<BTreeSet<u32>, EnforceError> {
        let asked = |error: zbus::Error| EnforceError::failed("sessions-not-ended", error);
        let logins = LoginsProxy::new(&self.connection).await.map_err(asked)?;
        let listed = timeout(self.patience.dies, logins.list_users()).await;
        let listed = listed.map_err(|_| no_answer())?.map_err(asked)?;
        let others = listed
            .into_iter()
            .filter(|(_, name, _)| *name != self.lost_screen_user);
        Ok(others.map(|(uid, _, _)| uid).collect())
    }

    async fn kill(&self, unit: &str) -> Result<(), EnforceError> {
        let asked = |error: zbus::Error| EnforceError::failed("unit-not-killed", error);
        let manager = ManagerProxy::new(&self.connection).await.map_err(asked)?;
        let killed = timeout(self.patience.dies, manager.kill_unit(unit, "all", SIGKILL)).await;
        killed.map_err(|_| no_answer())?.map_err(asked)
    }
}

fn no_answer() -> EnforceError {
    EnforceError::failed("no-answer", "it takes too long")
}

/// What fails here holds up no wipe.
fn logged<T>(what: &str, outcome: Result<T, impl std::fmt::Display>) -> Option<T> {
    outcome
        .inspect_err(|error| tracing::warn!(what, %error, "the wipe goes on all the same"))
        .ok()
}
