//! Through systemd and logind: units that the distribution may extend, and the end of each session.

mod emptying;

use std::path::PathBuf;
use std::time::Duration;

use belay_proto::CommandId;
use belay_proto::clock::BoxFuture;
use futures_util::StreamExt as _;
use zbus::{Connection, OwnedObjectPath};

use super::refused::why_refused;
use super::{EnforceError, Enforcer, Job};

const LOST: &str = "belay-lost.target";
const FREE: &str = "default.target";
const WATCH: &str = "belay-watch.service";
const PREPARE: &str = "belay-wipe-prepare.service";
const WIPE: &str = "belay-wipe.service";
/// The session ended by itself.
const NO_SUCH_SESSION: &str = "org.freedesktop.login1.NoSuchSession";
/// How long a unit may take to start before it is asked again; a wipe takes as long as it takes.
const PATIENCE: Duration = Duration::from_secs(90);

#[zbus::proxy(
    interface = "org.freedesktop.systemd1.Manager",
    default_service = "org.freedesktop.systemd1",
    default_path = "/org/freedesktop/systemd1"
)]
trait Manager {
    /// Signals of the manager reach only those who ask.
    fn subscribe(&self) -> zbus::Result<()>;

    /// Queues a job.
    fn start_unit(&self, name: &str, mode: &str) -> zbus::Result<OwnedObjectPath>;

    /// Queues a job that ends once nothing of the unit runs any more.
    fn stop_unit(&self, name: &str, mode: &str) -> zbus::Result<OwnedObjectPath>;

    /// Sends a signal to processes of a unit.
    fn kill_unit(&self, name: &str, whom: &str, signal: i32) -> zbus::Result<()>;

    /// A job has ended.
    #[zbus(signal)]
    fn job_removed(&self, id: u32, job: OwnedObjectPath, unit: String, result: String) -> zbus::Result<()>;
}

/// A session: id, uid, user, seat, object.
type Listed = (String, u32, String, String, OwnedObjectPath);
/// A user with a session, or one who lingers: uid, name, object.
type User = (u32, String, OwnedObjectPath);

#[zbus::proxy(
    interface = "org.freedesktop.login1.Manager",
    default_service = "org.freedesktop.login1",
    default_path = "/org/freedesktop/login1"
)]
trait Logins {
    /// Who is logged in.
    fn list_sessions(&self) -> zbus::Result<Vec<Listed>>;

    /// Who has anything running.
    fn list_users(&self) -> zbus::Result<Vec<User>>;

    /// Ends a session and everything in it.
    fn terminate_session(&self, id: &str) -> zbus::Result<()>;
}

/// systemd and logind.
pub struct Systemd {
    connection: Connection,
    /// Its session is the one that stays.
    lost_screen_user: String,
    /// Where the wipe says why it doesn't begin.
    wipe_journal: PathBuf,
    patience: Patience,
}

/// How long a wipe waits for what runs.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For what is asked to end.
    pub ends: Duration,
    /// And then for what is killed. What doesn't go even so, in a system call without end, is left.
    pub dies: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            ends: Duration::from_secs(15),
            dies: Duration::from_secs(5),
        }
    }
}

impl Systemd {
    /// Over the warden's connection.
    #[must_use]
    pub fn new(connection: Connection, lost_screen_user: String, wipe_journal: PathBuf) -> Self {
        Self {
            connection,
            lost_screen_user,
            wipe_journal,
            patience: Patience::default(),
        }
    }

    /// With another patience before a wipe.
    #[must_use]
    pub fn patient(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    async fn lose(&self) -> Result<(), EnforceError> {
        // Whoever is logged in loses the session at once, even if the lost screen takes its time or can't be started.
        let lost = within(self.start(LOST, "isolate"));
        let (started, _) = tokio::join!(lost, within(self.end_sessions()));
        // Meanwhile a display manager may have opened another one.
        started.and(within(self.end_sessions()).await)
    }

    async fn end_sessions(&self) -> Result<(), EnforceError> {
        let asked = |error: zbus::Error| EnforceError::failed("sessions-not-ended", error);
        let logins = LoginsProxy::new(&self.connection).await.map_err(asked)?;
        let mut outcome = Ok(());
        for (id, _, user, _, _) in logins.list_sessions().await.map_err(asked)? {
            if user == self.lost_screen_user {
                continue;
            }
            // One that can't be ended keeps none of the others open.
            match logins.terminate_session(&id).await {
                Err(zbus::Error::MethodError(name, _, _)) if name.as_str() == NO_SUCH_SESSION => {}
                ended => outcome = outcome.and(ended.map_err(asked)),
            }
        }
        outcome
    }

    async fn wipe(&self, command: &CommandId) -> Result<(), EnforceError> {
        self.empty().await;
        let ran = self.unless_refused(self.start(WIPE, "replace").await, command);
        if ran.is_err() {
            self.let_belayd_tell().await;
        }
        ran
    }

    /// A unit of the wipe may have failed because it refused.
    fn unless_refused(&self, ran: Result<(), EnforceError>, command: &CommandId) -> Result<(), EnforceError> {
        match (ran, why_refused(&self.wipe_journal, command)) {
            (Err(_), Some(reason)) => Err(EnforceError::Refused(reason)),
            (ran, _) => ran,
        }
    }

    /// Starts a unit and waits for its job's end.
    async fn start(&self, unit: &str, mode: &str) -> Result<(), EnforceError> {
        self.job(unit, async |manager| manager.start_unit(unit, mode).await)
            .await
    }

    /// Queues a job and waits for its end.
    async fn job(
        &self,
        unit: &str,
        queue: impl AsyncFnOnce(&ManagerProxy<'_>) -> zbus::Result<OwnedObjectPath>,
    ) -> Result<(), EnforceError> {
        let asked = |error: zbus::Error| EnforceError::failed("unit-not-started", format!("{unit}: {error}"));
        let manager = ManagerProxy::new(&self.connection).await.map_err(asked)?;
        manager.subscribe().await.map_err(asked)?;
        // Before the call, so that a job which ends at once isn't missed.
        let mut removed = manager.receive_job_removed().await.map_err(asked)?;
        let job = queue(&manager).await.map_err(asked)?;
        while let Some(signal) = removed.next().await {
            let ended = signal.args().map_err(asked)?;
            if *ended.job() == job {
                return match ended.result().as_str() {
                    "done" => Ok(()),
                    other => Err(EnforceError::failed("unit-failed", format!("{unit}: {other}"))),
                };
            }
        }
        Err(EnforceError::failed("unit-not-started", "the bus went away"))
    }
}

impl Enforcer for Systemd {
    fn enforce(&self, job: Job) -> BoxFuture<'_, Result<(), EnforceError>> {
        Box::pin(async move {
            match job {
                Job::Lost => self.lose().await,
                Job::Unlock => within(self.start(FREE, "isolate")).await,
                Job::Watch => within(self.start(WATCH, "replace")).await,
                Job::Prepare(command) => {
                    let ran = within(self.start(PREPARE, "replace")).await;
                    self.unless_refused(ran, &command)
                }
                Job::Wipe(command) => self.wipe(&command).await,
            }
        })
    }
}

async fn within(work: impl Future<Output = Result<(), EnforceError>>) -> Result<(), EnforceError> {
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(done) => done,
        Err(_) => Err(EnforceError::failed(
            "no-answer",
            "systemd or logind doesn't answer",
        )),
    }
}
