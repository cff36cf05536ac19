//! The task of one source: it looks, asks the core, and has its work carried out.

mod keep;
mod look;
mod orders;
mod pace;

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use belay_proto::backoff::Backoff;
use belay_proto::clock::Clock;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};

use crate::left_out::Left;
use crate::memory::MemoryFile;
use crate::model::{Binding, Change, Remote, Scan};
use crate::ports::{Failure, Records, Source, Watch};
use crate::queue::{Lane, Queue};
use crate::state::{Doubt, Effect, Event, Gone, Outcome, State, Stop, step};
use crate::work::Worker;
use keep::Keep;
use look::Look;

/// How long a source isn't looked at of which not all is watched.
const WITHOUT_WATCH: Duration = Duration::from_secs(15 * 60);
/// Waits before what failed is tried again.
const RETRY: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(15 * 60));

/// What a mirror is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// The collection is on, under this binding.
    On(Binding),
    /// It is off, or belayd is gone.
    Off,
    /// Its records may have changed.
    Changed,
    /// What couldn't be done may go now.
    Again,
}

/// How a mirror stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Whether its collection is on.
    pub is_on: bool,
    /// Whether both sides were compared and nothing is to be done now.
    pub is_settled: bool,
    /// Why nothing is done.
    pub stopped: Option<Stop>,
    /// Why what is gone isn't removed on the other side.
    pub doubt: Option<Doubt>,
    /// Whether something couldn't be done, and is tried again.
    pub waits: bool,
    /// Items and records that can't be mirrored as they stand.
    pub refused: usize,
    /// These, and what is left alone at once.
    pub left: Left,
    /// Whether what changes in it is told; else it is looked at now and then.
    pub is_watched: bool,
}

/// What a mirror is made of.
#[derive(Clone)]
pub struct Parts {
    /// The source's name in the configuration.
    pub name: String,
    /// The source.
    pub source: Arc<dyn Source>,
    /// The collection.
    pub records: Arc<dyn Records>,
    /// Its memory.
    pub memory: MemoryFile,
    /// For how long nothing may change before it is looked at.
    pub settle: Duration,
    /// What its owner says of what is gone.
    pub gone: Gone,
    /// For retries.
    pub clock: Arc<dyn Clock>,
}

/// The task.
struct Mirror {
    parts: Parts,
    state: State,
    queue: Queue,
    tasks: JoinSet<Ended>,
    watch: Option<Box<dyn Watch>>,
    /// Counts the times it was switched on: what was begun before counts no more.
    era: u64,
    scans: Look,
    lists: Look,
    is_first: bool,
    keep: Keep,
    retry_at: Option<Duration>,
    /// Whether all of it was watched with the last look.
    is_watched: bool,
    /// When it is looked at though nothing tells that it changed.
    look_at: Option<Duration>,
    waits: Backoff,
    status: watch::Sender<Status>,
}

/// A task that ended.
enum Ended {
    Scanned(u64, u64, Result<Scan, Stop>),
    Listed(u64, u64, Result<Vec<(String, Remote)>, Failure>),
    Worked(Lane, Vec<String>, Vec<(String, Outcome)>),
    Saved(io::Result<()>),
}

/// Runs a mirror until its orders end; then what is under way is given up, which harms nothing.
pub async fn mirror(parts: Parts, mut orders: mpsc::Receiver<Order>, status: watch::Sender<Status>) {
    let mut mirror = Mirror::new(parts, status);
    loop {
        mirror.begin_what_is_due();
        mirror.tell();
        let due = mirror.next_due();
        let (retry, look) = (mirror.retry_at, mirror.look_at);
        tokio::select! {
            order = orders.recv() => match order {
                Some(order) => mirror.ordered(order),
                None => break,
            },
            Some(ended) = mirror.tasks.join_next() => mirror.ended(ended),
            changed = changed(&mut mirror.watch) => mirror.noticed(changed),
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
            () = mirror.parts.clock.sleep_until(retry.unwrap_or_default()), if retry.is_some() => mirror.retry(),
            () = mirror.parts.clock.sleep_until(look.unwrap_or_default()), if look.is_some() => {
                mirror.look_at = None;
                mirror.scans.want();
            }
        }
    }
    // One after the other: both write the same file.
    while mirror.keep.is_running() {
        match mirror.tasks.join_next().await {
            Some(Ok(Ended::Saved(saved))) => mirror.saved(saved),
            Some(_) => {}
            None => break,
        }
    }
    // Its last words: what was done is remembered.
    if mirror.keep.is_wanted() {
        let (parts, change) = (mirror.parts.clone(), mirror.state.memory.take_change());
        let _ = tokio::task::spawn_blocking(move || save(&parts, &change)).await;
    }
}

async fn changed(watch: &mut Option<Box<dyn Watch>>) -> io::Result<()> {
    match watch {
        Some(watch) => watch.changed().await,
        None => std::future::pending().await,
    }
}

fn save(parts: &Parts, change: &Change) -> io::Result<()> {
    // What the memory says is there has to be there after a power cut: a file that isn't would be one that was removed.
    if change.root.is_some() {
        parts.source.sync()?;
    }
    parts.memory.save(change)
}

impl Mirror {
    fn new(parts: Parts, status: watch::Sender<Status>) -> Self {
        let memory = parts.memory.load();
        let state =
            State::new(memory, parts.source.shows_siblings(), parts.gone).kept_on(parts.memory.device());
        Self {
            scans: Look::new(parts.settle),
            lists: Look::new(parts.settle),
            parts,
            state,
            queue: Queue::default(),
            tasks: JoinSet::new(),
            watch: None,
            era: 0,
            is_first: true,
            keep: Keep::new(),
            retry_at: None,
            is_watched: true,
            look_at: None,
            waits: Backoff::new(RETRY.0, RETRY.1),
            status,
        }
    }

    fn event(&mut self, event: Event) {
        let (state, effects) = step(std::mem::take(&mut self.state), event);
        self.state = state;
        for effect in effects {
            match effect {
                Effect::Scan { make } => {
                    self.scans.make |= make;
                    self.scans.want();
                }
                Effect::List => self.lists.want(),
                Effect::Save => self.keep.want(Instant::now()),
                Effect::Say(stop) => {
                    tracing::warn!(source = self.parts.name, why = %stop, "nothing is mirrored until this is over");
                }
                Effect::SayDoubt(doubt) => {
                    tracing::warn!(source = self.parts.name, why = %doubt, "what is gone isn't removed on the other side");
                }
                Effect::Work(natural, work) => self.queue.push(natural, *work),
            }
        }
        if self.state.stopped().is_some() {
            self.take_back();
        }
    }

    fn retry(&mut self) {
        self.retry_at = None;
        if self.lists.failed {
            self.lists.want();
        }
        // Where a folder was missing this is how it is seen.
        if self.scans.failed || self.state.stopped().is_some() {
            self.scans.want();
        }
        self.event(Event::Again);
    }

    fn ended(&mut self, ended: Result<Ended, JoinError>) {
        match ended {
            Ok(Ended::Scanned(era, at, scan)) => {
                if era != self.era {
                    return;
                }
                self.scans.end(scan.is_err());
                match scan {
                    Ok(scan) => {
                        self.is_first = false;
                        self.is_watched = scan.is_watched;
                        let rests = !self.sees_changes();
                        self.look_at = rests.then(|| self.parts.clock.boottime() + WITHOUT_WATCH);
                        self.event(Event::Scanned(at, scan));
                    }
                    Err(stop) => self.event(Event::NotScanned(stop)),
                }
            }
            Ok(Ended::Listed(era, at, records)) => {
                if era != self.era {
                    return;
                }
                self.lists.end(records.is_err());
                if let Ok(records) = records {
                    self.event(Event::Listed(at, records));
                }
            }
            Ok(Ended::Worked(lane, naturals, mut outcomes)) => {
                self.queue.end(lane);
                let told: BTreeSet<&String> = outcomes.iter().map(|(natural, _)| natural).collect();
                let silent: Vec<String> = naturals
                    .into_iter()
                    .filter(|natural| !told.contains(natural))
                    .collect();
                outcomes.extend(silent.into_iter().map(|natural| (natural, Outcome::Later)));
                if outcomes.iter().any(|(_, outcome)| is_done(outcome)) {
                    self.waits.reset();
                }
                self.event(Event::Done(outcomes));
            }
            Ok(Ended::Saved(saved)) => self.saved(saved),
            // It panicked, and what it was about will never be answered: the supervisor begins anew.
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => {}
        }
    }

    fn saved(&mut self, saved: io::Result<()>) {
        self.keep.end(Instant::now(), saved.is_err());
        if let Err(error) = saved {
            self.state.memory.wasnt_written();
            tracing::warn!(source = self.parts.name, %error, "the memory can't be kept");
        }
    }

    fn begin_what_is_due(&mut self) {
        if self.state.is_on() && self.scans.begins() {
            let (era, at, first) = (self.era, self.state.now(), self.is_first);
            let (source, make) = (Arc::clone(&self.parts.source), self.scans.make);
            self.tasks
                .spawn_blocking(move || Ended::Scanned(era, at, source.scan(first, make)));
        }
        if self.state.is_on() && self.lists.begins() {
            let (era, at) = (self.era, self.state.now());
            let records = Arc::clone(&self.parts.records);
            self.tasks
                .spawn(async move { Ended::Listed(era, at, records.list().await) });
        }
        // What is under way beyond a look that finds another root belongs to the one before.
        if let (None, Some(root)) = (self.state.stopped(), &self.state.memory.root) {
            self.parts.source.keep_to(&self.state.memory.binding, root);
        }
        while let Some(job) = self.queue.begin() {
            let worker = Worker {
                source: Arc::clone(&self.parts.source),
                records: Arc::clone(&self.parts.records),
                settle: self.parts.settle,
            };
            let (lane, naturals) = (
                job.lane,
                job.items.iter().map(|(natural, _)| natural.clone()).collect(),
            );
            self.tasks
                .spawn(async move { Ended::Worked(lane, naturals, worker.carry_out(job).await) });
        }
        if self.keep.begins(Instant::now(), self.state.is_busy()) {
            let (parts, change) = (self.parts.clone(), self.state.memory.take_change());
            self.tasks
                .spawn_blocking(move || Ended::Saved(save(&parts, &change)));
        }
        let has_failed =
            self.scans.failed || self.lists.failed || self.state.stopped().is_some() || self.state.waits();
        if has_failed && self.state.is_on() && self.retry_at.is_none() {
            // Not at once, whatever is drawn.
            let wait = self.waits.next().map(|wait| wait.max(RETRY.0 / 4));
            self.retry_at = wait.map(|wait| self.parts.clock.boottime() + wait);
        }
    }

    /// When something is due next that isn't a retry.
    fn next_due(&self) -> Option<Instant> {
        let looks = [&self.scans, &self.lists]
            .into_iter()
            .filter_map(|look| look.due());
        looks.chain(self.keep.due()).min()
    }

    /// Whether all that changes is told.
    fn sees_changes(&self) -> bool {
        self.is_watched && self.watch.is_some()
    }

    fn tell(&self) {
        let is_quiet = self.scans.is_over() && self.lists.is_over() && !self.state.is_busy();
        let status = Status {
            is_on: self.state.is_on(),
            is_settled: self.state.is_on() && is_quiet && self.keep.is_over(),
            stopped: self.state.stopped(),
            doubt: self.state.doubt(),
            waits: self.state.waits() || self.scans.failed || self.lists.failed || self.keep.failed(),
            refused: self.state.refused(),
            left: self.state.left(),
            is_watched: self.sees_changes(),
        };
        self.status.send_if_modified(|before| {
            let is_other = *before != status;
            *before = status;
            is_other
        });
    }
}

const fn is_done(outcome: &Outcome) -> bool {
    matches!(
        outcome,
        Outcome::Stored { .. } | Outcome::Written { .. } | Outcome::Moved { .. } | Outcome::Gone
    )
}

#[cfg(test)]
mod tests;
