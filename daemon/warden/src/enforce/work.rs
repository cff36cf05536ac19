//! Owed work in the actor's hands: one job at a time, again until it holds.

use std::sync::Arc;
use std::time::Duration;

use belay_proto::backoff::Backoff;
use belay_proto::clock::millis;
use tokio::sync::mpsc;

use super::{EnforceError, Enforcer, Job};
use crate::core::command::lost::{Owed, Setback, Stand};

const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);
const SHORTEST_WAIT: Duration = Duration::from_millis(100);

/// What came of a job.
pub(crate) struct Report {
    number: u64,
    task: Task,
    result: Result<(), EnforceError>,
}

/// Which of the three kinds of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// What the lock wants, or, [`Stand::Ready`], the preparation of a wipe.
    Stand(Stand),
    /// The watch.
    Watch,
}

/// The work under way.
pub(crate) struct Work {
    enforcer: Arc<dyn Enforcer>,
    reports: mpsc::Sender<Report>,
    pub(crate) finished: mpsc::Receiver<Report>,
    stand: Lane,
    /// Beside what the lock wants: a wipe whose preparation fails again and again keeps no lock from holding.
    ready: Lane,
    watch: Lane,
    /// The watch was started for what there is to watch now.
    watched: bool,
    /// How many jobs were started; each is known by its number.
    started: u64,
}

/// One kind of work: what of it runs, and when it may be tried again.
struct Lane {
    running: Option<(u64, Task)>,
    /// The lost target that a wipe overtook. It still runs, and would undo what is started beside it.
    overtaken: Option<u64>,
    backoff: Backoff,
    not_before: Option<Duration>,
    /// What the waits were for.
    of: Option<Stand>,
}

impl Lane {
    fn new() -> Self {
        Self {
            running: None,
            overtaken: None,
            backoff: Backoff::new(FIRST_WAIT, LONGEST_WAIT),
            not_before: None,
            of: None,
        }
    }

    fn is_free(&self, task: Task, now: Duration) -> bool {
        self.has_room(task) && self.not_before.is_none_or(|at| at <= now)
    }

    /// Whether nothing that runs stands in its way.
    fn has_room(&self, task: Task) -> bool {
        // A lost target that takes its time doesn't hold up a wipe, and only a wipe overtakes.
        let wipes = task == Task::Stand(Stand::Wipe);
        match self.running {
            None => wipes || self.overtaken.is_none(),
            Some((_, running)) => wipes && running == Task::Stand(Stand::Lost),
        }
    }

    fn run(&mut self, number: u64, task: Task) {
        if let Some((overtaken, _)) = self.running.replace((number, task)) {
            self.overtaken = Some(overtaken);
        }
    }

    fn start_over(&mut self) {
        self.backoff.reset();
        self.not_before = None;
    }

    /// After a failure: how long to wait.
    fn put_off(&mut self, now: Duration) -> Duration {
        let wait = self.backoff.next().unwrap_or(LONGEST_WAIT).max(SHORTEST_WAIT);
        self.not_before = Some(now.saturating_add(wait));
        wait
    }
}

impl Work {
    pub(crate) fn new(enforcer: Arc<dyn Enforcer>) -> Self {
        let (reports, finished) = mpsc::channel(4);
        Self {
            enforcer,
            reports,
            finished,
            stand: Lane::new(),
            ready: Lane::new(),
            watch: Lane::new(),
            watched: false,
            started: 0,
        }
    }

    /// Starts what is owed and may be tried now. `job` is made for what is owed.
    pub(crate) fn pursue(
        &mut self,
        owed: Owed,
        watch: bool,
        now: Duration,
        mut job: impl FnMut(Stand) -> Option<Job>,
    ) {
        for (is_ready, owed) in [(false, owed.stand), (true, owed.ready.then_some(Stand::Ready))] {
            let lane = self.lane_of(is_ready);
            // Also where nothing is: the next one isn't the one that failed.
            if lane.of != owed {
                lane.of = owed;
                lane.start_over();
            }
            let Some(stand) = owed.filter(|stand| lane.is_free(Task::Stand(*stand), now)) else {
                continue;
            };
            match job(stand) {
                Some(job) => {
                    let task = Task::Stand(stand);
                    let number = self.start(task, job);
                    self.lane_of(is_ready).run(number, task);
                }
                None => drop(lane.put_off(now)),
            }
        }
        if !watch {
            self.watched = false;
        } else if !self.watched && self.watch.is_free(Task::Watch, now) {
            let number = self.start(Task::Watch, Job::Watch);
            self.watch.run(number, Task::Watch);
        }
    }

    /// A job has ended: what the core is told of it.
    pub(crate) fn ended(&mut self, report: Report, now: Duration) -> Option<(Stand, Result<(), Setback>)> {
        let Report { number, task, result } = report;
        let lane = match task {
            Task::Stand(stand) => self.lane_of(stand == Stand::Ready),
            Task::Watch => &mut self.watch,
        };
        if lane.running != Some((number, task)) {
            // It was overtaken: what it did is done again, if it is owed once more.
            lane.overtaken = lane.overtaken.filter(|overtaken| *overtaken != number);
            return None;
        }
        lane.running = None;
        let told = match result {
            Ok(()) => {
                lane.start_over();
                Ok(())
            }
            Err(EnforceError::Refused(reason)) => {
                lane.put_off(now);
                Err(Setback::Refused(reason))
            }
            Err(EnforceError::Failed { reason, detail }) => {
                let retry = lane.put_off(now);
                tracing::warn!(
                    ?task,
                    reason,
                    detail,
                    "the operating system didn't follow; tried again"
                );
                Err(Setback::Failed {
                    reason: reason.to_owned(),
                    retry: millis(retry),
                })
            }
        };
        match task {
            Task::Stand(stand) => Some((stand, told)),
            Task::Watch => {
                self.watched = told.is_ok();
                None
            }
        }
    }

    /// What was done couldn't be written down: it is done again.
    pub(crate) fn put_off(&mut self, stand: Stand, now: Duration) {
        self.lane_of(stand == Stand::Ready).put_off(now);
    }

    const fn lane_of(&mut self, is_ready: bool) -> &mut Lane {
        if is_ready {
            &mut self.ready
        } else {
            &mut self.stand
        }
    }

    /// The boot time at which something is tried again.
    pub(crate) fn next_try(&self, owed: Owed, watch: bool) -> Option<Duration> {
        let stand = self.stand.not_before.filter(|_| {
            owed.stand
                .is_some_and(|stand| self.stand.has_room(Task::Stand(stand)))
        });
        let ready = self
            .ready
            .not_before
            .filter(|_| owed.ready && self.ready.running.is_none());
        let watch = self
            .watch
            .not_before
            .filter(|_| watch && !self.watched && self.watch.running.is_none());
        stand.into_iter().chain(ready).chain(watch).min()
    }

    /// Whether something runs.
    pub(crate) fn is_busy(&self) -> bool {
        let lanes = [&self.stand, &self.ready, &self.watch];
        self.stand.overtaken.is_some() || lanes.iter().any(|lane| lane.running.is_some())
    }

    /// Answers its number.
    fn start(&mut self, task: Task, job: Job) -> u64 {
        self.started += 1;
        let number = self.started;
        let (enforcer, reports) = (Arc::clone(&self.enforcer), self.reports.clone());
        tokio::spawn(async move {
            let result = enforcer.enforce(job).await;
            // Nobody listens once the warden has stopped; the next one starts over.
            let _ = reports.send(Report { number, task, result }).await;
        });
        number
    }
}
