//! The units of Belay as the simulated systemd runs them: `belay-watch.service`, started again when it is killed, and
//! `belay-wipe-prepare.service` and `belay-wipe.service`, which have run when their job is done.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use super::{Roles, Stage};
use crate::process;
use crate::services::systemd::Unit;
use crate::until::within;
use crate::{Outcome, Surprise};

/// The watch's unit.
pub const WATCH: &str = "belay-watch.service";

/// The unit of everything that may refuse a wipe.
pub const PREPARE: &str = "belay-wipe-prepare.service";

/// The wipe's unit.
pub const WIPE: &str = "belay-wipe.service";

/// What runs of the units. Dropping it leaves them to the stage's end.
#[derive(Debug, Clone)]
pub struct Units {
    roles: Roles,
    /// The watch's process id while it runs.
    watch: Arc<watch::Sender<Option<u32>>>,
    task: Arc<Mutex<Option<tokio::task::AbortHandle>>>,
    unit: Unit,
}

impl Stage {
    /// From now on the simulated systemd starts the real programs. Before this it only notes that it was asked to.
    ///
    /// # Errors
    /// What the file system says.
    pub fn install_units(&self) -> Outcome<Units> {
        for folder in ["watch", "wipe-journal", "wipe-run"] {
            self.place.folder(folder, 0o700)?;
        }
        let units = Units {
            roles: self.roles(),
            watch: Arc::new(watch::Sender::new(None)),
            task: Arc::default(),
            unit: self.services.systemd().unit(WATCH),
        };
        let systemd = self.services.systemd();
        let started = units.clone();
        systemd.on_start(WATCH, move || {
            let units = started.clone();
            Box::pin(async move { units.start_watch() })
        });
        for (unit, task) in [(PREPARE, Some("--prepare")), (WIPE, None)] {
            let started = units.clone();
            systemd.on_start(unit, move || {
                let units = started.clone();
                Box::pin(async move { units.wipe(task).await })
            });
        }
        Ok(units)
    }
}

impl Units {
    /// Waits until the watch runs, or doesn't.
    ///
    /// # Errors
    /// Where that doesn't happen.
    pub async fn until_watching(&self, wanted: bool) -> Outcome {
        let mut watch = self.watch.subscribe();
        let what = if wanted {
            "belay-watch to run"
        } else {
            "belay-watch to end"
        };
        let seen = within(what, watch.wait_for(|pid| pid.is_some() == wanted)).await?;
        seen.map(drop).map_err(|_| Surprise::new("the units are gone"))
    }

    /// The watch's process id while it runs.
    #[must_use]
    pub fn watch(&self) -> Option<u32> {
        *self.watch.borrow()
    }

    /// Kills the watch with `SIGKILL` and waits until systemd has started another.
    ///
    /// # Errors
    /// Where none runs, or none comes.
    pub async fn kill_watch(&self) -> Outcome {
        let old = self.watch().ok_or_else(|| Surprise::new("no watch runs"))?;
        let mut watch = self.watch.subscribe();
        process::kill(old)?;
        let another = |pid: &Option<u32>| pid.is_some_and(|pid| pid != old);
        let seen = within("another belay-watch", watch.wait_for(another)).await?;
        seen.map(drop).map_err(|_| Surprise::new("the units are gone"))
    }

    fn start_watch(&self) -> Outcome {
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if task.as_ref().is_some_and(|task| !task.is_finished()) {
            return Ok(());
        }
        let (roles, shown, unit) = (self.roles.clone(), Arc::clone(&self.watch), self.unit.clone());
        let mut process = started(&roles)?;
        shown.send_replace(Some(process.pid()?));
        let running = tokio::spawn(async move {
            // As `Restart=on-failure` does.
            while !process.ends().await.is_ok_and(|end| end.success()) {
                shown.send_replace(None);
                match started(&roles).and_then(|p| Ok((p.pid()?, p))) {
                    Ok((pid, another)) => {
                        process = another;
                        shown.send_replace(Some(pid));
                    }
                    Err(_) => return,
                }
            }
            // Before the process counts as ended: who waits for that looks at the unit next.
            let _no_bus = unit.ended().await;
            shown.send_replace(None);
        });
        *task = Some(running.abort_handle());
        Ok(())
    }

    /// Runs the wipe, or a task of its, to its end.
    async fn wipe(&self, task: Option<&str>) -> Outcome {
        let place = &self.roles.place;
        let config = place.at("wipe.toml").display().to_string();
        let arguments: Vec<&str> = ["--config", &config].into_iter().chain(task).collect();
        let program = self.roles.program("belay-wipe", &arguments);
        let (status, _) = program
            .env("RUNTIME_DIRECTORY", place.at("wipe-run"))
            .output()
            .await?;
        crate::expect!(status.success(), "belay-wipe: {status}");
        Ok(())
    }
}

fn started(roles: &Roles) -> Outcome<process::Process> {
    let config = roles.place.at("belay.toml").display().to_string();
    let program = roles.program("belay-watch", &["--config", &config]);
    program.env("STATE_DIRECTORY", roles.place.at("watch")).start()
}
