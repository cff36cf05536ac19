//! The task: performs what [`state`](crate::state) wants, and tells it what came of it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use belay_proto::backoff::Backoff;
use belay_proto::clock::Clock;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::{JoinHandle, JoinSet};
use zbus::OwnedFd;

use crate::before::BeforeFile;
use crate::bus::{Services, Subject};
use crate::event::{Effect, Event, Job};
use crate::state::{State, step};

/// How many events may wait; a service that says more waits with it.
const QUEUE: usize = 64;
/// The first wait and the longest one before something is tried again.
const RETRY: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(60));
/// However often the warden wants to be asked.
const BETWEEN_TICKS: Duration = Duration::from_secs(1);
/// How long putting everything back may take when the watch is told to end.
const FAREWELL: Duration = Duration::from_secs(5);
/// How often the warden may fail to answer before the watch ends, when there is no trace of a lost device.
const PATIENCE: usize = 8;

/// Why the watch ended otherwise than by being done.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The bus went away.
    #[error("the bus is gone")]
    BusGone,
    /// The warden never answered, and nothing says that the device is lost.
    #[error("the warden doesn't answer")]
    NoWarden,
    /// The device was lost, or a policy was armed, while the watch was leaving: another one has to take over.
    #[error("there is something to watch again")]
    NeededAgain,
    /// The system has no signals for us.
    #[error("signals can't be awaited: {0}")]
    Signals(#[from] io::Error),
}

/// Watches until nothing is left to watch, or until SIGTERM.
///
/// # Errors
/// [`WatchError`].
pub async fn watch(
    services: Services,
    file: BeforeFile,
    state: State,
    clock: Arc<dyn Clock>,
) -> Result<(), WatchError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (events, inbox) = channel(QUEUE);
    let (silence, silent) = channel(1);
    let (holding, held) = channel(1);
    let mut followers = JoinSet::new();
    for subject in Subject::ALL {
        followers.spawn(follow(services.clone(), subject, events.clone(), silence.clone()));
    }
    let mut watch = Watch {
        services: services.clone(),
        file,
        state,
        clock,
        inbox,
        events,
        silent,
        holding,
        held_inbox: held,
        held: None,
        due: None,
    };
    // The first tick is wanted before anything is heard.
    watch.take(Event::Due);
    tokio::select! {
        outcome = watch.run(Until::Done) => {
            outcome?;
            return leave(&services).await;
        }
        () = services.closed() => return Err(WatchError::BusGone),
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    // Unlocking may tell us to end while we put things back; a lost device stays as it is.
    match tokio::time::timeout(FAREWELL, watch.run(Until::PutBack)).await {
        Ok(outcome) => outcome,
        Err(_) => Ok(()),
    }
}

/// Who asks for the watch from here on gets the next one; who asked just before would have been told that it runs.
async fn leave(services: &Services) -> Result<(), WatchError> {
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
    match services.is_needed().await {
        Ok(true) => Err(WatchError::NeededAgain),
        _ => Ok(()),
    }
}

/// One service, again and again.
async fn follow(services: Services, subject: Subject, events: Sender<Event>, silence: Sender<()>) {
    let mut waits = Backoff::new(RETRY.0, RETRY.1);
    let mut failures = 0;
    loop {
        let began = tokio::time::Instant::now();
        match services.follow(subject, &events).await {
            Ok(()) => {}
            Err(error) => tracing::warn!(?subject, %error, "can't be followed"),
        }
        if began.elapsed() > RETRY.1 {
            waits.reset();
            failures = 0;
        }
        failures += 1;
        if subject == Subject::Warden && failures >= PATIENCE {
            // Full already: it was told.
            let _ = silence.try_send(());
        }
        tokio::time::sleep(waits.next().unwrap_or(RETRY.1)).await;
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Until {
    Done,
    /// Everything is as it was, or the device is lost.
    PutBack,
}

struct Watch {
    services: Services,
    file: BeforeFile,
    state: State,
    clock: Arc<dyn Clock>,
    inbox: Receiver<Event>,
    events: Sender<Event>,
    /// The warden never answers.
    silent: Receiver<()>,
    /// For the inhibitor, ahead of the event that it is held.
    holding: Sender<OwnedFd>,
    held_inbox: Receiver<OwnedFd>,
    held: Option<OwnedFd>,
    /// Waits for the next tick.
    due: Option<JoinHandle<()>>,
}

impl Watch {
    async fn run(&mut self, until: Until) -> Result<(), WatchError> {
        loop {
            if until == Until::PutBack && (self.state.is_guarded() || self.state.is_clean()) {
                return Ok(());
            }
            let event = tokio::select! {
                Some(event) = self.inbox.recv() => event,
                Some(()) = self.silent.recv() => {
                    if !self.state.knows() && !self.state.is_guarded() {
                        return Err(WatchError::NoWarden);
                    }
                    continue;
                }
                else => return Ok(()),
            };
            if self.take(event) {
                return Ok(());
            }
        }
    }

    /// Takes an event and performs what follows from it; true when nothing is left to watch.
    fn take(&mut self, event: Event) -> bool {
        match &event {
            Event::Login(_) => self.held = None,
            Event::Done(Job::Inhibit) => self.held = self.held_inbox.try_recv().ok(),
            Event::Lock { guarded, .. } => tracing::debug!(guarded, "the warden says"),
            _ => {}
        }
        let (state, effects) = step(&self.state, event);
        self.state = state;
        let mut over = false;
        for effect in effects {
            match effect {
                Effect::Save(before) => {
                    let saved = match self.file.save(&before) {
                        Ok(()) => Event::Saved(before),
                        Err(error) => {
                            tracing::error!(%error, "what was before can't be saved, and so nothing is changed");
                            Event::Failed(Job::Save)
                        }
                    };
                    over |= self.take(saved);
                }
                Effect::Do(Job::Release) => {
                    self.held = None;
                    over |= self.take(Event::Done(Job::Release));
                }
                Effect::Do(job) => self.perform(job),
                Effect::Later(job, tries) => self.later(job, tries),
                Effect::DueAt(at) => self.due_at(at),
                Effect::Leave => over = true,
            }
        }
        over
    }

    fn perform(&self, job: Job) {
        let (services, events, holding) = (self.services.clone(), self.events.clone(), self.holding.clone());
        tokio::spawn(async move {
            let last = match services.perform(&job).await {
                Ok(outcome) => {
                    for event in outcome.events {
                        let _ = events.send(event).await;
                    }
                    if let Some(fd) = outcome.held {
                        let _ = holding.send(fd).await;
                    }
                    tracing::info!(?job, "done");
                    Event::Done(job)
                }
                Err(error) => {
                    tracing::warn!(?job, %error, "failed");
                    Event::Failed(job)
                }
            };
            // A closed queue: the watch is over.
            let _ = events.send(last).await;
        });
    }

    fn later(&self, job: Job, tries: u32) {
        let events = self.events.clone();
        let tries = usize::try_from(tries).unwrap_or(usize::MAX).min(16);
        let wait = Backoff::new(RETRY.0, RETRY.1).nth(tries).unwrap_or(RETRY.1);
        tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            let _ = events.send(Event::Again(job)).await;
        });
    }

    fn due_at(&mut self, at: u64) {
        if let Some(due) = self.due.take() {
            due.abort();
        }
        if at == 0 {
            return;
        }
        let (events, clock) = (self.events.clone(), Arc::clone(&self.clock));
        let at = Duration::from_millis(at).max(clock.boottime() + BETWEEN_TICKS);
        self.due = Some(tokio::spawn(async move {
            clock.sleep_until(at).await;
            let _ = events.send(Event::Due).await;
        }));
    }
}
