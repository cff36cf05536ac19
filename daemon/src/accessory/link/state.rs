//! What a connection decides: which operation is next, what reaches the driver, when and how it ends.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use belay_drivers::{Characteristic, Failure, Gatt, Input, Operation, OperationError, Output, Timer};
use uuid::Uuid;

use crate::accessory::ports::{LinkEnd, Order, Report};

/// More operations than this never wait at once in any protocol: whoever makes a driver put out more isn't what it
/// says it is.
pub(super) const MOST_OPERATIONS: usize = 512;
/// As many values of a characteristic may come while it is being read.
const MOST_HELD: usize = 64;

/// A characteristic: its service and its own UUID.
pub(super) type Place = (Uuid, Uuid);

/// Where a characteristic is.
pub(super) const fn place(of: Characteristic) -> Place {
    (of.service, of.uuid)
}

#[derive(Debug, Default, PartialEq)]
enum Phase {
    /// There is no link yet.
    #[default]
    Waiting,
    /// The driver is at work.
    Up,
    /// The driver has been told something after which it ends so.
    Doomed(LinkEnd),
    /// The driver has been told that the connection is gone.
    Ending(LinkEnd),
    /// All is said.
    Over,
}

/// A connection.
#[derive(Debug, Default, PartialEq)]
pub(super) struct State {
    phase: Phase,
    /// What was ordered before there was a link.
    ordered: Vec<Order>,
    queue: VecDeque<Operation>,
    running: Option<Operation>,
    /// What came of the characteristic that is being read, while it is.
    held: Vec<Vec<u8>>,
    subscribed: HashMap<Place, Characteristic>,
}

/// What happened.
#[derive(Debug)]
pub(super) enum Event {
    /// The link is up.
    Up(Gatt),
    /// The driver has put these out, after [`Effect::Tell`].
    Put(Vec<Output>),
    /// The operation that runs has ended.
    Done(Result<Vec<u8>, OperationError>),
    /// BlueZ has a new value of a characteristic, for whatever reason.
    Value(Place, Vec<u8>),
    /// A timer has run out.
    Elapsed(Timer),
    /// An order.
    Order(Order),
    /// It is over.
    Ends(LinkEnd),
}

/// What is to be done.
#[derive(Debug, PartialEq)]
pub(super) enum Effect {
    /// Tell the driver, and then [`Event::Put`], before the next effect.
    Tell(Input),
    /// Perform the operation; there is no other.
    Perform(Operation),
    /// Start a timer, instead of an earlier one of the same name.
    Arm(Timer, Duration),
    /// Stop a timer.
    Disarm(Timer),
    /// Report.
    Report(Report),
    /// Disconnect, and report this; the last effect.
    End(LinkEnd),
}

/// The next state and what is to be done.
pub(super) fn step(mut state: State, event: Event) -> (State, Vec<Effect>) {
    let mut effects = Vec::new();
    match (&state.phase, event) {
        (Phase::Over, _) => {}
        (Phase::Waiting, Event::Up(gatt)) => {
            state.phase = Phase::Up;
            effects.push(Effect::Report(Report::Connected));
            effects.push(Effect::Tell(Input::Connected(gatt)));
            let orders = std::mem::take(&mut state.ordered);
            effects.extend(orders.into_iter().map(|order| Effect::Tell(input(order))));
        }
        (Phase::Waiting, Event::Order(order)) => state.ordered.push(order),
        (Phase::Waiting, Event::Ends(end)) => state.over(end, &mut effects),
        (Phase::Up, Event::Ends(end)) => {
            state.phase = Phase::Ending(end);
            effects.push(Effect::Tell(Input::Disconnected));
        }
        (_, Event::Put(outputs)) => state.put(outputs, &mut effects),
        (Phase::Up, Event::Done(result)) => state.done(result, &mut effects),
        (Phase::Up, Event::Value(from, value)) => state.value(from, value, &mut effects),
        (Phase::Up, Event::Elapsed(timer)) => effects.push(Effect::Tell(Input::Elapsed(timer))),
        (Phase::Up, Event::Order(order)) => effects.push(Effect::Tell(input(order))),
        _ => {}
    }
    (state, effects)
}

fn input(order: Order) -> Input {
    match order {
        Order::Request(id, request) => Input::Request { id, request },
        Order::Committed => Input::Committed,
        Order::Cancel(id) => Input::Cancel(id),
    }
}

impl State {
    /// Whether it takes orders now.
    pub(super) fn takes_orders(&self, most_waiting: usize) -> bool {
        match self.phase {
            Phase::Waiting => self.ordered.len() < most_waiting,
            Phase::Up => true,
            _ => false,
        }
    }

    /// Whether the driver is at work.
    pub(super) const fn is_at_work(&self) -> bool {
        matches!(self.phase, Phase::Up | Phase::Doomed(_))
    }

    /// Whether the driver is only to hear that the connection is gone.
    pub(super) const fn is_ending(&self) -> bool {
        matches!(self.phase, Phase::Ending(_))
    }

    fn over(&mut self, end: LinkEnd, effects: &mut Vec<Effect>) {
        self.phase = Phase::Over;
        self.queue.clear();
        effects.push(Effect::End(end));
    }

    fn put(&mut self, outputs: Vec<Output>, effects: &mut Vec<Effect>) {
        let at_work = self.phase == Phase::Up;
        for output in outputs {
            match output {
                Output::Event(event) => effects.push(Effect::Report(Report::Event(event))),
                Output::Fail(failure) if at_work || matches!(self.phase, Phase::Doomed(_)) => {
                    self.over(LinkEnd::Driver(failure), effects);
                    return;
                }
                Output::Gatt(operation) if at_work => self.queue.push_back(operation),
                Output::Wake(timer, after) if at_work => effects.push(Effect::Arm(timer, after)),
                Output::Sleep(timer) if at_work => effects.push(Effect::Disarm(timer)),
                // Nothing more can be done on it.
                _ => {}
            }
        }
        match self.phase {
            Phase::Up if self.queue.len() > MOST_OPERATIONS => {
                self.phase = Phase::Ending(LinkEnd::Driver(Failure::Nonsense));
                effects.push(Effect::Tell(Input::Disconnected));
            }
            Phase::Up => self.next(effects),
            Phase::Doomed(end) => {
                self.phase = Phase::Ending(end);
                effects.push(Effect::Tell(Input::Disconnected));
            }
            Phase::Ending(end) => self.over(end, effects),
            Phase::Waiting | Phase::Over => {}
        }
    }

    /// Begins the next operation where none runs.
    fn next(&mut self, effects: &mut Vec<Effect>) {
        if self.running.is_some() {
            return;
        }
        let Some(operation) = self.queue.pop_front() else {
            return;
        };
        match &operation {
            // The first notification may be there before the answer.
            Operation::Subscribe(to) => {
                self.subscribed.insert(place(*to), *to);
            }
            Operation::Unsubscribe(from) => {
                self.subscribed.remove(&place(*from));
            }
            Operation::Read(_) => self.held.clear(),
            Operation::Write { .. } => {}
        }
        self.running = Some(operation.clone());
        effects.push(Effect::Perform(operation));
    }

    fn done(&mut self, result: Result<Vec<u8>, OperationError>, effects: &mut Vec<Effect>) {
        let Some(operation) = self.running.take() else {
            return;
        };
        let is_fatal = matches!(result, Err(OperationError::TimedOut | OperationError::Lost));
        match (&operation, &result) {
            _ if is_fatal => self.phase = Phase::Doomed(LinkEnd::Lost),
            (Operation::Read(from), _) => self.release(*from, result.as_deref().ok(), effects),
            (Operation::Subscribe(to), Err(_)) => {
                self.subscribed.remove(&place(*to));
            }
            _ => {}
        }
        effects.push(Effect::Tell(Input::Answered { operation, result }));
    }

    /// What came during a read are notifications, but for the last that is what was read: BlueZ shows that as a new
    /// value too, before it answers.
    fn release(&mut self, from: Characteristic, read: Option<&[u8]>, effects: &mut Vec<Effect>) {
        let mut held = std::mem::take(&mut self.held);
        if let Some(read) = read
            && let Some(echo) = held.iter().rposition(|value| value == read)
        {
            held.remove(echo);
        }
        if self.subscribed.contains_key(&place(from)) {
            let notified = |value| Effect::Tell(Input::Notified { from, value });
            effects.extend(held.into_iter().map(notified));
        }
    }

    fn value(&mut self, from: Place, value: Vec<u8>, effects: &mut Vec<Effect>) {
        let is_read = matches!(&self.running, Some(Operation::Read(read)) if place(*read) == from);
        // Values of what nobody has subscribed to come where another program has.
        let Some(characteristic) = self.subscribed.get(&from) else {
            return;
        };
        if !is_read {
            let from = *characteristic;
            effects.push(Effect::Tell(Input::Notified { from, value }));
        } else if self.held.len() < MOST_HELD {
            self.held.push(value);
        } else {
            self.phase = Phase::Ending(LinkEnd::Driver(Failure::Nonsense));
            effects.push(Effect::Tell(Input::Disconnected));
        }
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
