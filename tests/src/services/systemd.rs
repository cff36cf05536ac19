//! A simulated service manager: `org.freedesktop.systemd1` that knows which units run, and does what a test says
//! when one is started.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use tokio::sync::watch;
use zbus::{ObjectPath, OwnedObjectPath, Variant};

use super::puppet::{Behaviour, Call, Puppet, Refusal, Strings, Values, lock, props};
use crate::until::within;
use crate::{Outcome, Surprise};

const NAME: &str = "org.freedesktop.systemd1";
const PATH: &str = "/org/freedesktop/systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const UNIT: &str = "org.freedesktop.systemd1.Unit";

/// Something that the manager was asked to do to a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// `StartUnit`, `StopUnit` or `RestartUnit`.
    pub verb: String,
    /// Such as `belay-lost.target`.
    pub unit: String,
    /// Such as `isolate`.
    pub mode: String,
}

/// What starting or stopping a unit does; an error fails the job.
pub type Reaction = Arc<dyn Fn() -> BoxFuture<'static, Outcome> + Send + Sync>;

/// The service manager.
#[derive(Debug)]
pub struct Systemd {
    strings: Strings,
    units: Units,
}

#[derive(Clone)]
struct Units {
    reactions: Arc<Mutex<HashMap<(&'static str, String), Reaction>>>,
    active: Arc<watch::Sender<BTreeSet<String>>>,
    jobs: Arc<watch::Sender<Vec<Job>>>,
}

struct Manager(Units);

impl Systemd {
    /// Joins the bus with `default.target` reached.
    ///
    /// # Errors
    /// Where the bus refuses.
    pub async fn start(bus: &Path) -> Outcome<Self> {
        let units = Units {
            reactions: Arc::default(),
            active: Arc::new(watch::Sender::new(BTreeSet::from(["default.target".to_owned()]))),
            jobs: Arc::new(watch::Sender::new(Vec::new())),
        };
        let manager = Manager(units.clone());
        let strings = Strings::attach(bus, NAME, manager, async |puppet| {
            puppet.add(PATH, MANAGER, props([])?).await
        });
        Ok(Self {
            strings: strings.await?,
            units,
        })
    }

    /// The service itself.
    #[must_use]
    pub fn puppet(&self) -> &Puppet {
        self.strings.puppet()
    }

    /// Has `reaction` run whenever `unit` is started; the job is done when it is.
    pub fn on_start(
        &self,
        unit: &str,
        reaction: impl Fn() -> BoxFuture<'static, Outcome> + Send + Sync + 'static,
    ) {
        lock(&self.units.reactions).insert(("start", unit.to_owned()), Arc::new(reaction));
    }

    /// Has `reaction` run whenever `unit` is stopped, by name or because another target is isolated.
    pub fn on_stop(
        &self,
        unit: &str,
        reaction: impl Fn() -> BoxFuture<'static, Outcome> + Send + Sync + 'static,
    ) {
        lock(&self.units.reactions).insert(("stop", unit.to_owned()), Arc::new(reaction));
    }

    /// All jobs since the start.
    #[must_use]
    pub fn jobs(&self) -> Vec<Job> {
        self.units.jobs.borrow().clone()
    }

    /// The targets that were isolated, in order.
    #[must_use]
    pub fn isolated(&self) -> Vec<String> {
        let jobs = self.jobs().into_iter();
        jobs.filter(|j| j.mode == "isolate").map(|j| j.unit).collect()
    }

    /// Whether `unit` runs.
    #[must_use]
    pub fn is_active(&self, unit: &str) -> bool {
        self.units.active.borrow().contains(unit)
    }

    /// Waits until `unit` runs, or doesn't.
    ///
    /// # Errors
    /// Where that doesn't happen.
    pub async fn until_active(&self, unit: &str, wanted: bool) -> Outcome {
        let mut active = self.units.active.subscribe();
        let what = format!("{unit} to be {}", if wanted { "started" } else { "stopped" });
        let seen = within(&what, active.wait_for(|a| a.contains(unit) == wanted)).await?;
        seen.map(drop).map_err(|_| Surprise::new("systemd is gone"))
    }

    /// The units that run.
    #[must_use]
    pub fn active(&self) -> BTreeSet<String> {
        self.units.active.borrow().clone()
    }

    /// Something else than the manager started `unit`: the bus, say.
    ///
    /// # Errors
    /// Where the bus has gone.
    pub async fn runs(&self, unit: &str) -> Outcome {
        set(&self.units.active, self.puppet(), unit, true).await
    }

    /// A unit ends by itself, as a service does that crashed or is done.
    ///
    /// # Errors
    /// Where the bus has gone.
    pub async fn ended(&self, unit: &str) -> Outcome {
        self.unit(unit).ended().await
    }

    /// A handle to one unit, for what runs it.
    #[must_use]
    pub fn unit(&self, name: &str) -> Unit {
        Unit {
            name: name.to_owned(),
            active: Arc::clone(&self.units.active),
            puppet: self.puppet().clone(),
        }
    }
}

/// A unit of the service manager.
#[derive(Debug, Clone)]
pub struct Unit {
    name: String,
    /// Not the reactions: they may hold this.
    active: Arc<watch::Sender<BTreeSet<String>>>,
    puppet: Puppet,
}

impl Unit {
    /// It ends by itself.
    ///
    /// # Errors
    /// Where the bus has gone.
    pub async fn ended(&self) -> Outcome {
        set(&self.active, &self.puppet, &self.name, false).await
    }
}

impl Units {
    async fn set(&self, puppet: &Puppet, unit: &str, active: bool) -> Outcome {
        set(&self.active, puppet, unit, active).await
    }

    async fn react(&self, what: &'static str, unit: &str) -> Outcome {
        let reaction = lock(&self.reactions).get(&(what, unit.to_owned())).cloned();
        match reaction {
            Some(reaction) => reaction().await,
            None => Ok(()),
        }
    }

    async fn start(&self, puppet: &Puppet, unit: &str, mode: &str) -> Outcome {
        if mode == "isolate" {
            let others: Vec<String> = self
                .active
                .borrow()
                .iter()
                .filter(|u| *u != unit && !outlives(u, unit))
                .cloned()
                .collect();
            for other in others {
                self.stop(puppet, &other).await?;
            }
        }
        self.react("start", unit).await?;
        self.set(puppet, unit, true).await
    }

    async fn stop(&self, puppet: &Puppet, unit: &str) -> Outcome {
        self.react("stop", unit).await?;
        self.set(puppet, unit, false).await
    }

    async fn run(&self, puppet: &Puppet, job: &Job, id: u32) -> Outcome {
        let done = match job.verb.as_str() {
            "StopUnit" => self.stop(puppet, &job.unit).await,
            "RestartUnit" => match self.stop(puppet, &job.unit).await {
                Ok(()) => self.start(puppet, &job.unit, &job.mode).await,
                failed => failed,
            },
            _ => self.start(puppet, &job.unit, &job.mode).await,
        };
        let result = if done.is_ok() { "done" } else { "failed" };
        let body = (
            id,
            OwnedObjectPath::try_from(job_path(id))?,
            job.unit.as_str(),
            result,
        );
        puppet.emit(PATH, MANAGER, "JobRemoved", &body).await
    }
}

/// Whether `unit` goes on running when `target` is isolated, by the unit files that are shipped: it says so itself, or
/// the target wants it (systemd.unit(5)). What isn't shipped is somebody else's, and is stopped.
fn outlives(unit: &str, target: &str) -> bool {
    let shipped = |name: &str| {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../systemd/");
        std::fs::read_to_string(format!("{folder}{name}")).unwrap_or_default()
    };
    let named = |line: &str| {
        let wanted = line
            .strip_prefix("Wants=")
            .or_else(|| line.strip_prefix("Requires="));
        wanted.is_some_and(|units| units.split_ascii_whitespace().any(|one| one == unit))
    };
    shipped(unit).lines().any(|line| line == "IgnoreOnIsolate=yes") || shipped(target).lines().any(named)
}

/// Shows that a unit runs, or doesn't.
async fn set(all: &watch::Sender<BTreeSet<String>>, puppet: &Puppet, unit: &str, active: bool) -> Outcome {
    let state = if active { "active" } else { "inactive" };
    if puppet.has(&path(unit)) {
        puppet.set(&path(unit), UNIT, "ActiveState", state).await?;
    } else {
        let properties = props([("Id", unit.to_owned().into()), ("ActiveState", state.into())])?;
        puppet.add(&path(unit), UNIT, properties).await?;
    }
    all.send_modify(|all| {
        if active {
            all.insert(unit.to_owned());
        } else {
            all.remove(unit);
        }
    });
    Ok(())
}

impl Behaviour for Manager {
    fn answer(&self, puppet: Puppet, call: Call) -> BoxFuture<'static, Result<Values, Refusal>> {
        let units = self.0.clone();
        Box::pin(async move {
            let word = |n: usize| {
                call.arguments
                    .get(n)
                    .and_then(|v| String::try_from(v.clone()).ok())
            };
            let unit = word(0).unwrap_or_default();
            match call.member.as_str() {
                "Subscribe" | "Unsubscribe" | "Reload" | "KillUnit" => Ok(Vec::new()),
                "GetDefaultTarget" => Ok(vec!["default.target".into()]),
                "GetUnit" if !puppet.has(&path(&unit)) => Err(Refusal::new(
                    "org.freedesktop.systemd1.NoSuchUnit",
                    format!("Unit {unit} not loaded."),
                )),
                "GetUnit" | "LoadUnit" => {
                    if !puppet.has(&path(&unit)) {
                        let set = units.set(&puppet, &unit, false).await;
                        set.map_err(|s| failed(&s))?;
                    }
                    Ok(vec![object(path(&unit))])
                }
                "StartUnit" | "StopUnit" | "RestartUnit" => {
                    let job = Job {
                        verb: call.member.clone(),
                        unit,
                        mode: word(1).unwrap_or_default(),
                    };
                    let mut id = 0;
                    units.jobs.send_modify(|jobs| {
                        jobs.push(job.clone());
                        id = u32::try_from(jobs.len()).unwrap_or(u32::MAX);
                    });
                    // The answer is the job, not its end.
                    tokio::spawn(async move { units.run(&puppet, &job, id).await });
                    Ok(vec![object(job_path(id))])
                }
                _ => Err(Refusal::unknown_method(&call)),
            }
        })
    }
}

impl fmt::Debug for Units {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Units")
            .field("active", &self.active)
            .finish_non_exhaustive()
    }
}

fn failed(surprise: &Surprise) -> Refusal {
    Refusal::new("org.freedesktop.DBus.Error.Failed", surprise.to_string())
}

fn object(path: String) -> Variant<'static> {
    ObjectPath::from_string_unchecked(path).into()
}

fn job_path(id: u32) -> String {
    format!("{PATH}/job/{id}")
}

/// systemd's way to put a unit's name in a path.
fn path(unit: &str) -> String {
    let escaped: String = unit
        .bytes()
        .map(|b| match b {
            b if b.is_ascii_alphanumeric() => char::from(b).to_string(),
            b => format!("_{b:02x}"),
        })
        .collect();
    format!("{PATH}/unit/{escaped}")
}
