//! Starts the actors, restarts them after a panic, asks whether they are alive, and stops them.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

use super::{Actor, Inbox};

/// How many messages may wait for an actor before senders have to wait.
const MAILBOX: usize = 32;
/// An actor that panics sooner than this after its start waits as long before the next, so that one that
/// panics at once doesn't spin.
const RESTART_PAUSE: Duration = Duration::from_secs(1);

/// The actors of this process.
#[derive(Debug)]
pub struct Supervisor {
    tasks: JoinSet<()>,
    actors: Vec<Watched>,
    stop: watch::Sender<bool>,
}

/// An actor that didn't say in time that it is alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the actor \"{0}\" doesn't answer")]
pub struct Unanswered(pub &'static str);

#[derive(Debug)]
struct Watched {
    name: &'static str,
    questions: mpsc::Sender<oneshot::Sender<()>>,
    panics: Arc<AtomicU64>,
}

impl Default for Supervisor {
    fn default() -> Self {
        Self {
            tasks: JoinSet::new(),
            actors: Vec::new(),
            stop: watch::Sender::new(false),
        }
    }
}

impl Supervisor {
    /// Starts `actor` and returns the sending end of its mailbox.
    pub fn start<A: Actor>(&mut self, name: &'static str, actor: A) -> mpsc::Sender<A::Message> {
        let (messages, inbox) = mpsc::channel(MAILBOX);
        let (questions, asked) = mpsc::channel(1);
        let panics = Arc::new(AtomicU64::new(0));
        let inbox = Inbox::new(inbox, asked, self.stop.subscribe());
        self.tasks
            .spawn(keep_running(name, actor, inbox, Arc::clone(&panics)));
        self.actors.push(Watched {
            name,
            questions,
            panics,
        });
        messages
    }

    /// Asks each actor whether it is alive and waits for the answers, `within` for all of them together.
    ///
    /// # Errors
    /// [`Unanswered`] names the first actor that hangs in its work, or has ended.
    pub async fn ask_all(&self, within: Duration) -> Result<(), Unanswered> {
        let deadline = Instant::now() + within;
        for actor in &self.actors {
            let (answer, answered) = oneshot::channel();
            let asked = async {
                actor.questions.send(answer).await.ok()?;
                answered.await.ok()
            };
            match timeout_at(deadline, asked).await {
                Ok(Some(())) => {}
                Ok(None) | Err(_) => return Err(Unanswered(actor.name)),
            }
        }
        Ok(())
    }

    /// How often an actor panicked since the start.
    pub fn panics(&self) -> u64 {
        self.actors
            .iter()
            .map(|actor| actor.panics.load(Ordering::Relaxed))
            .sum()
    }

    /// Lets each actor finish what was sent to it, and returns once all have ended. Whoever can't wait
    /// drops the supervisor, which aborts those that are left.
    pub async fn stop(&mut self) {
        self.stop.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
    }
}

async fn keep_running<A: Actor>(
    name: &'static str,
    mut actor: A,
    mut inbox: Inbox<A::Message>,
    panics: Arc<AtomicU64>,
) {
    loop {
        let started = Instant::now();
        if AssertUnwindSafe(actor.run(&mut inbox))
            .catch_unwind()
            .await
            .is_ok()
        {
            tracing::debug!(actor = name, "ended");
            return;
        }
        let count = panics.fetch_add(1, Ordering::Relaxed) + 1;
        tracing::error!(
            actor = name,
            panics = count,
            "an actor panicked and is started again"
        );
        if started.elapsed() < RESTART_PAUSE {
            tokio::select! {
                () = sleep(RESTART_PAUSE) => {}
                () = inbox.stopped() => {}
            }
        }
    }
}
