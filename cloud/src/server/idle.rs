//! Whether a connection is of use: one that asks for nothing gives its place to another.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};

/// How long a connection may ask for nothing after its first request. Clients close theirs earlier.
const QUIET: Duration = Duration::from_secs(300);

/// The requests of one connection; cloning gives another handle to the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Activity(Arc<Requests>);

#[derive(Debug, Default)]
struct Requests {
    begun: AtomicU64,
    ended: AtomicU64,
}

/// A request that runs until this is dropped, also when its caller goes away.
#[derive(Debug)]
pub(super) struct Running(Arc<Requests>);

/// An answer's body whose request runs until the last of it is written, or its caller goes away.
#[derive(Debug)]
pub(super) struct Lasting {
    body: Body,
    _running: Running,
}

impl Lasting {
    pub(super) fn new(body: Body, running: Running) -> Self {
        Self {
            body,
            _running: running,
        }
    }
}

impl HttpBody for Lasting {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Activity {
    /// Notes a request.
    pub(super) fn begin(&self) -> Running {
        self.0.begun.fetch_add(1, Ordering::Relaxed);
        Running(Arc::clone(&self.0))
    }

    /// Ends once nothing was asked for `first` from now, or later nothing for a while, and nothing runs.
    pub(super) async fn idle(&self, first: Duration) {
        let (mut before, mut patience) = (0, first);
        loop {
            tokio::time::sleep(patience).await;
            let begun = self.0.begun.load(Ordering::Relaxed);
            if begun == before && begun == self.0.ended.load(Ordering::Relaxed) {
                return;
            }
            (before, patience) = (begun, QUIET);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, timeout};

    use super::*;

    const FIRST: Duration = Duration::from_secs(15);

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_never_asks_ends_after_the_first_wait() {
        let start = Instant::now();
        Activity::default().idle(FIRST).await;
        assert!(start.elapsed() < FIRST + Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_runs_keeps_its_connection_and_one_that_ended_does_for_a_while() {
        let activity = Activity::default();
        let running = activity.begin();
        assert!(timeout(10 * QUIET, activity.idle(FIRST)).await.is_err());
        drop(running);
        let start = Instant::now();
        activity.idle(FIRST).await;
        assert!(start.elapsed() > QUIET && start.elapsed() < 2 * QUIET);
    }
}
