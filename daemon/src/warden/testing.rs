//! A warden that a test writes the answers of.

use std::sync::{Arc, Mutex};

use belay_proto::clock::FakeClock;
use belay_proto::dbus::{AuditEntries, Error};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use tokio::sync::watch;

use super::{Calls, PasswordSteps, Records, WardenError, WardenHandle, WardenView};

/// The step that stands for `Credentials`.
pub(crate) const CREDENTIALS: &str = "Credentials";
/// The step that stands for `Command`, answered with the judgement's text.
pub(crate) const COMMAND: &str = "Command";
/// The step that stands for `Beat`.
pub(crate) const BEAT: &str = "Beat";
/// The step that stands for `Tighten`, with its reason as input.
pub(crate) const TIGHTEN: &str = "Tighten";

type Answer = dyn FnMut(&str, &str, &[u8]) -> Result<Vec<u8>, Error> + Send;

/// Answers `use_step` by a closure (ticket, step, input), `credentials` by the same one with [`CREDENTIALS`] for a
/// step (an answer that isn't empty takes the record), `command`, `beat` and `tighten` with
/// [`COMMAND`], [`BEAT`] and [`TIGHTEN`].
pub(crate) struct FakeWarden {
    steps: Mutex<Box<Answer>>,
    /// Whose sender is gone: then nothing can be read afresh.
    view: watch::Receiver<WardenView>,
    /// Steps aren't answered while it says so.
    holds: watch::Receiver<bool>,
}

impl std::fmt::Debug for FakeWarden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FakeWarden")
    }
}

impl FakeWarden {
    /// A handle to a warden that answers steps with `steps`, and the sender that moves what it shows.
    pub(crate) fn handle(
        view: WardenView,
        steps: impl FnMut(&str, &str, &[u8]) -> Result<Vec<u8>, Error> + Send + 'static,
    ) -> (WardenHandle, watch::Sender<WardenView>) {
        let (handle, sender, _) = Self::holding(view, steps);
        (handle, sender)
    }

    /// The same with the sender that says whether steps are kept waiting.
    pub(crate) fn holding(
        view: WardenView,
        steps: impl FnMut(&str, &str, &[u8]) -> Result<Vec<u8>, Error> + Send + 'static,
    ) -> (WardenHandle, watch::Sender<WardenView>, watch::Sender<bool>) {
        let (sender, receiver) = watch::channel(view);
        let (hold, holds) = watch::channel(false);
        let fake = Self {
            steps: Mutex::new(Box::new(steps)),
            view: receiver.clone(),
            holds,
        };
        (WardenHandle::new(Arc::new(fake), receiver), sender, hold)
    }

    /// The same with the sender that counts its signs of life.
    pub(crate) fn with_signs(
        view: WardenView,
        steps: impl FnMut(&str, &str, &[u8]) -> Result<Vec<u8>, Error> + Send + 'static,
    ) -> (WardenHandle, watch::Sender<WardenView>, watch::Sender<u64>) {
        let (sender, receiver) = watch::channel(view);
        let (signs, signed) = watch::channel(0);
        let fake = Self {
            steps: Mutex::new(Box::new(steps)),
            view: receiver.clone(),
            holds: watch::channel(false).1,
        };
        let handle = WardenHandle::new(Arc::new(fake), receiver).with_signs(signed);
        (handle, sender, signs)
    }
}

impl Calls for FakeWarden {
    fn use_step<'a>(
        &'a self,
        ticket: &'a str,
        step: &'a str,
        input: &'a [u8],
    ) -> BoxFuture<'a, Result<Vec<u8>, WardenError>> {
        async move {
            let _ = self.holds.clone().wait_for(|holds| !holds).await;
            let answer = (self.steps.lock().unwrap())(ticket, step, input);
            answer.map_err(WardenError::from)
        }
        .boxed()
    }

    fn credentials<'a>(&'a self, record: &'a [u8]) -> BoxFuture<'a, Result<bool, WardenError>> {
        let answer = (self.steps.lock().unwrap())("", CREDENTIALS, record);
        ready(answer.map(|taken| !taken.is_empty()).map_err(WardenError::from)).boxed()
    }

    fn command<'a>(&'a self, envelope: &'a [u8]) -> BoxFuture<'a, Result<String, WardenError>> {
        let answer = (self.steps.lock().unwrap())("", COMMAND, envelope);
        let text = answer.map(|text| String::from_utf8(text).unwrap());
        ready(text.map_err(WardenError::from)).boxed()
    }

    fn beat(&self) -> BoxFuture<'_, Result<(), WardenError>> {
        let answer = (self.steps.lock().unwrap())("", BEAT, &[]);
        ready(answer.map(drop).map_err(WardenError::from)).boxed()
    }

    fn tighten<'a>(&'a self, reason: &'a str) -> BoxFuture<'a, Result<(), WardenError>> {
        let answer = (self.steps.lock().unwrap())("", TIGHTEN, reason.as_bytes());
        ready(answer.map(drop).map_err(WardenError::from)).boxed()
    }

    fn history(&self, since: u64) -> BoxFuture<'_, Result<AuditEntries, WardenError>> {
        let entry = [("time".to_owned(), since.into())].into();
        ready(Ok(vec![entry])).boxed()
    }

    fn refresh(&self) -> BoxFuture<'_, Result<(), WardenError>> {
        let read = self.view.has_changed().map(drop);
        ready(read.map_err(|_| WardenError::TimedOut)).boxed()
    }

    fn retry(&self) {}
}

/// Keeps this record for [`PasswordSteps`], or none, or one that never comes.
pub(crate) enum FakeRecords {
    Newest(Vec<u8>),
    None,
    Hang,
}

impl Records for FakeRecords {
    fn newest(&self) -> BoxFuture<'_, Option<Vec<u8>>> {
        match self {
            Self::Newest(record) => ready(Some(record.clone())).boxed(),
            Self::None => ready(None).boxed(),
            Self::Hang => std::future::pending().boxed(),
        }
    }
}

/// Steps at `warden` with `records`.
pub(crate) fn passwords(warden: &WardenHandle, records: FakeRecords) -> PasswordSteps {
    PasswordSteps::new(warden.clone(), Arc::new(records), Arc::new(FakeClock::default()))
}
