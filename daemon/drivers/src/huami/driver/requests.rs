//! The requests that run: each ends exactly once, because ending one takes it out of here.

use crate::alert::AlertKind;
use crate::driver::{Failure, RequestId};

/// The sort of a request; one of each runs at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    Open,
    SetTime,
    Fetch,
    Measure,
    Follow,
    Alert(AlertKind),
    StopAlert(AlertKind),
    Settings,
    PhoneFound,
    Forget,
}

/// Tells the requests of one connection apart, also where their ids come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Serial(u64);

struct Open {
    serial: Serial,
    id: RequestId,
    sort: Sort,
    /// Operations without an answer.
    parts: usize,
    /// Configuration commands without a reply.
    replies: Vec<[u8; 2]>,
    /// More than its operations is waited for.
    held: bool,
}

/// The requests that run.
#[derive(Default)]
pub(super) struct Requests {
    open: Vec<Open>,
    next: u64,
}

impl Requests {
    /// Takes a request in; `None` where another of its sort, or with its id, runs.
    pub(super) fn begin(&mut self, id: RequestId, sort: Sort) -> Option<Serial> {
        if self.open.iter().any(|one| one.sort == sort || one.id == id) {
            return None;
        }
        let serial = Serial(self.next);
        self.next += 1;
        self.open.push(Open {
            serial,
            id,
            sort,
            parts: 0,
            replies: Vec::new(),
            held: false,
        });
        Some(serial)
    }

    pub(super) fn is_open(&self, serial: Serial) -> bool {
        self.open.iter().any(|one| one.serial == serial)
    }

    /// The request that its asker calls `id`.
    pub(super) fn find(&self, id: RequestId) -> Option<(Serial, Sort)> {
        let found = self.open.iter().find(|one| one.id == id)?;
        Some((found.serial, found.sort))
    }

    /// Waits for more than operations: only [`Requests::end`] ends it.
    pub(super) fn hold(&mut self, serial: Serial) {
        if let Some(one) = self.get(serial) {
            one.held = true;
        }
    }

    /// Waits for operations and replies alone.
    pub(super) fn release(&mut self, serial: Serial) {
        if let Some(one) = self.get(serial) {
            one.held = false;
        }
    }

    /// Waits for one more operation.
    pub(super) fn add_part(&mut self, serial: Serial) {
        if let Some(one) = self.get(serial) {
            one.parts += 1;
        }
    }

    /// Waits for the reply to one more command.
    pub(super) fn add_reply(&mut self, serial: Serial, command: [u8; 2]) {
        if let Some(one) = self.get(serial) {
            one.replies.push(command);
        }
    }

    /// An operation was answered.
    pub(super) fn part_done(&mut self, serial: Serial) {
        if let Some(one) = self.get(serial) {
            one.parts = one.parts.saturating_sub(1);
        }
    }

    /// A command was replied to; the request that waited for it.
    pub(super) fn reply_done(&mut self, command: [u8; 2]) -> Option<Serial> {
        self.open.iter_mut().find_map(|one| {
            let at = one.replies.iter().position(|waiting| *waiting == command)?;
            one.replies.swap_remove(at);
            Some(one.serial)
        })
    }

    /// Whether it waits for nothing more.
    pub(super) fn is_complete(&self, serial: Serial) -> bool {
        self.open
            .iter()
            .any(|one| one.serial == serial && one.parts == 0 && one.replies.is_empty() && !one.held)
    }

    /// Takes a request out; its id, unless it was ended before.
    pub(super) fn end(&mut self, serial: Serial) -> Option<RequestId> {
        let at = self.open.iter().position(|one| one.serial == serial)?;
        Some(self.open.remove(at).id)
    }

    /// Takes all of them out.
    pub(super) fn end_all(&mut self) -> Vec<RequestId> {
        self.open.drain(..).map(|one| one.id).collect()
    }

    fn get(&mut self, serial: Serial) -> Option<&mut Open> {
        self.open.iter_mut().find(|one| one.serial == serial)
    }
}

/// What a failed operation means for the request that it was part of.
pub(super) const fn failure(error: crate::gatt::OperationError) -> Failure {
    match error {
        crate::gatt::OperationError::Refused => Failure::Refused,
        crate::gatt::OperationError::TimedOut => Failure::TimedOut,
        crate::gatt::OperationError::Lost => Failure::Lost,
    }
}
