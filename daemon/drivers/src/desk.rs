//! Which requests run on a connection, and which operations they wait for.
//!
//! A request ends when its driver has let go of it ([`Desk::release`]) and all its operations have been answered, or
//! when the driver ends it. Each ends exactly once.

use std::collections::VecDeque;

use crate::driver::{Event, Failure, Output, RequestId};
use crate::gatt::{Operation, OperationError};

/// More requests at once are refused: whoever asks that fast doesn't wait for answers.
const MOST_REQUESTS: usize = 32;
/// More operations at once are not put out.
const MOST_OPERATIONS: usize = 256;

/// One request on the desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket(u64);

/// Whether a request fails with its operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// It does.
    Must,
    /// It goes on without.
    May,
}

/// An operation under way; `T` says what for.
#[derive(Debug)]
pub(crate) struct Pending<T> {
    operation: Operation,
    ticket: Option<Ticket>,
    need: Need,
    pub(crate) tag: T,
}

#[derive(Debug)]
struct Running {
    ticket: Ticket,
    id: RequestId,
    /// The operations that it waits for, and one more until it is released.
    left: usize,
    failure: Option<Failure>,
}

/// The requests and operations of one connection.
#[derive(Debug)]
pub(crate) struct Desk<T> {
    pending: VecDeque<Pending<T>>,
    running: Vec<Running>,
    next: u64,
    closed: bool,
}

/// A request that has ended but was not told of yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) ticket: Ticket,
    pub(crate) id: RequestId,
    pub(crate) outcome: Result<(), Failure>,
}

impl Ended {
    /// Tells of it.
    pub(crate) const fn output(self) -> Output {
        let Self { id, outcome, .. } = self;
        Output::Event(Event::Finished { id, outcome })
    }
}

impl From<OperationError> for Failure {
    fn from(error: OperationError) -> Self {
        match error {
            OperationError::Refused => Self::Refused,
            OperationError::TimedOut => Self::TimedOut,
            OperationError::Lost => Self::Lost,
        }
    }
}

impl<T> Desk<T> {
    pub(crate) const fn new() -> Self {
        Self {
            pending: VecDeque::new(),
            running: Vec::new(),
            next: 0,
            closed: false,
        }
    }

    pub(crate) const fn closed(&self) -> bool {
        self.closed
    }

    /// Takes a request. `None`: it has been answered.
    pub(crate) fn begin(&mut self, id: RequestId, out: &mut Vec<Output>) -> Option<Ticket> {
        let refusal = match (self.closed, self.running.len() < MOST_REQUESTS) {
            (false, true) => {
                let ticket = Ticket(self.next);
                self.next += 1;
                self.running.push(Running {
                    ticket,
                    id,
                    left: 1,
                    failure: None,
                });
                return Some(ticket);
            }
            (false, false) => Failure::Busy,
            (true, _) => Failure::Lost,
        };
        let outcome = Err(refusal);
        out.push(Output::Event(Event::Finished { id, outcome }));
        None
    }

    /// The first request with that id.
    pub(crate) fn ticket(&self, id: RequestId) -> Option<Ticket> {
        let mut running = self.running.iter();
        running.find(|one| one.id == id).map(|one| one.ticket)
    }

    /// Puts an operation out, for a request or for none.
    pub(crate) fn put(
        &mut self,
        (ticket, need): (Option<Ticket>, Need),
        operation: Operation,
        tag: T,
        out: &mut Vec<Output>,
    ) {
        if self.closed {
            return;
        }
        let running = self.running.iter_mut().find(|one| Some(one.ticket) == ticket);
        if self.pending.len() == MOST_OPERATIONS {
            if let Some(running) = running
                && need == Need::Must
            {
                running.failure.get_or_insert(Failure::Busy);
            }
            return;
        }
        if let Some(running) = running {
            running.left += 1;
        }
        out.push(Output::Gatt(operation.clone()));
        self.pending.push_back(Pending {
            operation,
            ticket,
            need,
            tag,
        });
    }

    /// Whether an operation is under way for which `what` holds.
    pub(crate) fn waits(&self, what: impl Fn(&T) -> bool) -> bool {
        self.pending.iter().any(|one| what(&one.tag))
    }

    /// The operation that was answered; `None` if it was never put out. To be settled.
    pub(crate) fn answered(&mut self, operation: &Operation) -> Option<Pending<T>> {
        let at = self.pending.iter().position(|one| one.operation == *operation)?;
        self.pending.remove(at)
    }

    /// Notes how an operation went; the request that ended with it.
    pub(crate) fn settle(
        &mut self,
        pending: &Pending<T>,
        result: Result<(), OperationError>,
    ) -> Option<Ended> {
        let ticket = pending.ticket?;
        if let Err(error) = result
            && pending.need == Need::Must
        {
            self.spoil(ticket, error.into());
        }
        self.release(ticket)
    }

    /// Lets the request fail when it ends.
    pub(crate) fn spoil(&mut self, ticket: Ticket, failure: Failure) {
        if let Some(running) = self.running.iter_mut().find(|one| one.ticket == ticket) {
            running.failure.get_or_insert(failure);
        }
    }

    /// The request waits for one thing less.
    pub(crate) fn release(&mut self, ticket: Ticket) -> Option<Ended> {
        let at = self.running.iter().position(|one| one.ticket == ticket)?;
        let running = self.running.get_mut(at)?;
        running.left = running.left.saturating_sub(1);
        if running.left > 0 {
            return None;
        }
        let outcome = running.failure.map_or(Ok(()), Err);
        self.end(ticket, outcome)
    }

    /// Ends a request now; `None` if it has ended.
    pub(crate) fn end(&mut self, ticket: Ticket, outcome: Result<(), Failure>) -> Option<Ended> {
        let at = self.running.iter().position(|one| one.ticket == ticket)?;
        let id = self.running.remove(at).id;
        Some(Ended { ticket, id, outcome })
    }

    /// Ends everything: the connection is gone, or no longer wanted.
    pub(crate) fn close(&mut self, failure: Failure, out: &mut Vec<Output>) {
        self.closed = true;
        self.pending.clear();
        out.extend(self.running.drain(..).map(|one| {
            let Running { ticket, id, .. } = one;
            let outcome = Err(failure);
            Ended { ticket, id, outcome }.output()
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gatt::{Characteristic, Properties, sig};

    fn read(short: u16) -> Operation {
        Operation::Read(Characteristic {
            service: sig(0x180a),
            uuid: sig(short),
            properties: Properties::default(),
        })
    }

    #[test]
    fn a_request_ends_with_its_last_operation() {
        let mut desk = Desk::new();
        let mut out = Vec::new();
        let ticket = desk.begin(RequestId(7), &mut out).unwrap();
        desk.put((Some(ticket), Need::Must), read(1), (), &mut out);
        desk.put((Some(ticket), Need::May), read(2), (), &mut out);
        assert_eq!(desk.release(ticket), None);
        let second = desk.answered(&read(2)).unwrap();
        assert_eq!(desk.settle(&second, Err(OperationError::Refused)), None);
        let first = desk.answered(&read(1)).unwrap();
        let ended = desk.settle(&first, Ok(())).unwrap();
        assert_eq!((ended.id, ended.outcome), (RequestId(7), Ok(())));
        assert!(desk.answered(&read(1)).is_none(), "answered twice");
    }

    #[test]
    fn a_closed_desk_ends_everything_and_takes_nothing() {
        let mut desk = Desk::<()>::new();
        let mut out = Vec::new();
        desk.begin(RequestId(1), &mut out);
        desk.begin(RequestId(2), &mut out);
        desk.close(Failure::Lost, &mut out);
        desk.begin(RequestId(3), &mut out);
        let told: Vec<_> = out
            .iter()
            .map(|one| match one {
                Output::Event(Event::Finished { id, outcome }) => (id.0, *outcome),
                other => unreachable!("{other:?}"),
            })
            .collect();
        let lost = Err(Failure::Lost);
        assert_eq!(told, [(1, lost), (2, lost), (3, lost)]);
    }

    #[test]
    fn a_flood_of_requests_is_refused() {
        let mut desk = Desk::<()>::new();
        let mut out = Vec::new();
        for id in 0..100 {
            desk.begin(RequestId(id), &mut out);
        }
        assert_eq!(out.len(), 100 - MOST_REQUESTS);
    }
}
