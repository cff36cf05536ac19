use std::sync::{Arc, Mutex};

use belay_drivers::gatt::sig;
use belay_drivers::{Driver, Event as Told, Properties, Request, RequestId, WriteKind};
use proptest::prelude::*;

use super::super::conduct::Conductor;
use super::*;

fn at(uuid: u16) -> Characteristic {
    Characteristic {
        service: sig(0x180d),
        uuid: sig(uuid),
        properties: Properties::default(),
    }
}

fn write(byte: u8) -> Operation {
    Operation::Write {
        to: at(1),
        kind: WriteKind::Request,
        value: vec![byte],
    }
}

type Heard = Arc<Mutex<Vec<Input>>>;

/// A driver that keeps what it is told, and answers by a rule.
struct Scripted<F> {
    heard: Heard,
    rule: F,
}

impl<F: FnMut(&Input) -> Vec<Output> + Send> Driver for Scripted<F> {
    fn step(&mut self, input: Input) -> Vec<Output> {
        let outputs = (self.rule)(&input);
        self.heard.lock().unwrap().push(input);
        outputs
    }
}

fn conductor(rule: impl FnMut(&Input) -> Vec<Output> + Send + 'static) -> (Conductor, Heard) {
    let heard = Heard::default();
    let driver = Scripted {
        heard: Arc::clone(&heard),
        rule,
    };
    (Conductor::new(Box::new(driver)), heard)
}

/// One that is up, whose driver began with these and says nothing more.
fn begun(outputs: Vec<Output>) -> (Conductor, Heard, Vec<Effect>) {
    let mut first = Some(outputs);
    let (mut conductor, heard) = conductor(move |_| first.take().unwrap_or_default());
    let effects = conductor.on(Event::Up(Gatt::default()));
    heard.lock().unwrap().clear();
    (conductor, heard, effects)
}

fn inputs(heard: &Heard) -> Vec<Input> {
    std::mem::take(&mut heard.lock().unwrap())
}

fn notified(uuid: u16, byte: u8) -> Input {
    Input::Notified {
        from: at(uuid),
        value: vec![byte],
    }
}

fn value(uuid: u16, byte: u8) -> Event {
    Event::Value(place(at(uuid)), vec![byte])
}

#[test]
fn operations_are_performed_one_after_the_other_in_their_order() {
    let (mut conductor, _, effects) = begun(vec![Output::Gatt(write(1)), Output::Gatt(write(2))]);
    assert_eq!(
        effects,
        [Effect::Report(Report::Connected), Effect::Perform(write(1))]
    );
    assert_eq!(conductor.on(Event::Done(Ok(vec![]))), [Effect::Perform(write(2))]);
    assert_eq!(conductor.on(Event::Done(Ok(vec![]))), []);
}

#[test]
fn what_was_ordered_before_there_is_a_link_comes_after_the_connection() {
    let (mut conductor, heard) = conductor(|_| vec![]);
    let order = Order::Request(RequestId(1), Request::MeasureHeartRate);
    assert_eq!(conductor.on(Event::Order(order)), []);
    assert_eq!(conductor.on(Event::Order(Order::Cancel(RequestId(1)))), []);
    assert!(inputs(&heard).is_empty());
    conductor.on(Event::Up(Gatt::default()));
    let heard = inputs(&heard);
    assert!(matches!(
        heard[..],
        [
            Input::Connected(_),
            Input::Request { .. },
            Input::Cancel(RequestId(1))
        ]
    ));
}

#[test]
fn only_so_many_orders_wait_for_a_link() {
    let (mut conductor, _) = conductor(|_| vec![]);
    assert!(conductor.takes_orders(1));
    conductor.on(Event::Order(Order::Committed));
    assert!(!conductor.takes_orders(1));
}

#[test]
fn values_of_what_was_not_subscribed_are_ignored() {
    let (mut conductor, heard, _) = begun(vec![Output::Gatt(Operation::Subscribe(at(1)))]);
    conductor.on(value(2, 9));
    assert_eq!(inputs(&heard), []);
    // Before the answer to the subscription, too.
    conductor.on(value(1, 7));
    assert_eq!(inputs(&heard), [notified(1, 7)]);
}

#[test]
fn a_refused_or_ended_subscription_brings_nothing() {
    let subscribe = Output::Gatt(Operation::Subscribe(at(1)));
    let (mut conductor, heard, _) = begun(vec![subscribe.clone()]);
    conductor.on(Event::Done(Err(OperationError::Refused)));
    inputs(&heard);
    conductor.on(value(1, 7));
    assert_eq!(inputs(&heard), []);

    let unsubscribe = Output::Gatt(Operation::Unsubscribe(at(1)));
    let (mut conductor, heard, _) = begun(vec![subscribe, unsubscribe]);
    conductor.on(Event::Done(Ok(vec![])));
    inputs(&heard);
    conductor.on(value(1, 7));
    assert_eq!(inputs(&heard), []);
}

#[test]
fn what_a_read_brings_is_no_notification() {
    let read = Output::Gatt(Operation::Read(at(1)));
    let subscribe = Output::Gatt(Operation::Subscribe(at(1)));
    let (mut conductor, heard, _) = begun(vec![subscribe, read]);
    conductor.on(Event::Done(Ok(vec![])));
    inputs(&heard);
    // A notification, its like, and the echo of the read.
    for byte in [5, 6, 6] {
        conductor.on(value(1, byte));
    }
    assert_eq!(inputs(&heard), [], "they wait for the answer");
    conductor.on(Event::Done(Ok(vec![6])));
    let answered = Input::Answered {
        operation: Operation::Read(at(1)),
        result: Ok(vec![6]),
    };
    assert_eq!(inputs(&heard), [notified(1, 5), notified(1, 6), answered]);
}

#[test]
fn after_an_operation_that_was_not_answered_the_driver_hears_of_the_end_and_it_is_lost() {
    for error in [OperationError::TimedOut, OperationError::Lost] {
        let operations = vec![Output::Gatt(write(1)), Output::Gatt(write(2))];
        let (mut conductor, heard, _) = begun(operations);
        let effects = conductor.on(Event::Done(Err(error)));
        let answered = Input::Answered {
            operation: write(1),
            result: Err(error),
        };
        assert_eq!(inputs(&heard), [answered, Input::Disconnected]);
        assert_eq!(effects, [Effect::End(LinkEnd::Lost)]);
    }
}

#[test]
fn a_refused_operation_ends_nothing() {
    let (mut conductor, _, _) = begun(vec![Output::Gatt(write(1)), Output::Gatt(write(2))]);
    let effects = conductor.on(Event::Done(Err(OperationError::Refused)));
    assert_eq!(effects, [Effect::Perform(write(2))]);
}

#[test]
fn a_driver_that_gives_up_is_told_nothing_more() {
    let (mut conductor, heard) = conductor(|input| match input {
        Input::Connected(_) => vec![
            Output::Event(Told::AwaitingConfirmation),
            Output::Fail(Failure::Refused),
            Output::Event(Told::Ready),
        ],
        _ => vec![],
    });
    conductor.on(Event::Order(Order::Committed));
    let effects = conductor.on(Event::Up(Gatt::default()));
    assert_eq!(
        effects,
        [
            Effect::Report(Report::Connected),
            Effect::Report(Report::Event(Told::AwaitingConfirmation)),
            Effect::End(LinkEnd::Driver(Failure::Refused)),
        ]
    );
    assert_eq!(inputs(&heard).len(), 1, "not even the order that waited");
    assert_eq!(conductor.on(Event::Ends(LinkEnd::Lost)), []);
}

#[test]
fn requests_finish_before_the_end_is_told() {
    let finished = Told::Finished {
        id: RequestId(4),
        outcome: Err(Failure::Lost),
    };
    let last = finished.clone();
    let (mut conductor, _) = conductor(move |input| match input {
        Input::Disconnected => vec![
            Output::Event(last.clone()),
            Output::Gatt(write(1)),
            Output::Wake(Timer(1), Duration::ZERO),
        ],
        _ => vec![],
    });
    conductor.on(Event::Up(Gatt::default()));
    assert_eq!(
        conductor.on(Event::Ends(LinkEnd::Closed)),
        [
            Effect::Report(Report::Event(finished)),
            Effect::End(LinkEnd::Closed)
        ]
    );
}

#[test]
fn without_a_link_the_driver_hears_nothing_of_its_end() {
    let (mut conductor, heard) = conductor(|_| vec![]);
    let effects = conductor.on(Event::Ends(LinkEnd::Unreachable));
    assert_eq!(effects, [Effect::End(LinkEnd::Unreachable)]);
    assert_eq!(inputs(&heard), []);
}

#[test]
fn timers_are_the_driver_s() {
    let (mut conductor, heard, effects) = begun(vec![
        Output::Wake(Timer(1), Duration::from_secs(3)),
        Output::Sleep(Timer(2)),
    ]);
    assert_eq!(
        effects[1..],
        [
            Effect::Arm(Timer(1), Duration::from_secs(3)),
            Effect::Disarm(Timer(2))
        ]
    );
    conductor.on(Event::Elapsed(Timer(1)));
    assert_eq!(inputs(&heard), [Input::Elapsed(Timer(1))]);
}

#[test]
fn an_accessory_that_makes_its_driver_write_without_end_is_cut_off() {
    let (mut conductor, heard) = conductor(|input| match input {
        Input::Connected(_) => vec![Output::Gatt(Operation::Subscribe(at(1)))],
        Input::Notified { .. } => vec![Output::Gatt(write(0))],
        _ => vec![],
    });
    conductor.on(Event::Up(Gatt::default()));
    let ends = (0..=MOST_OPERATIONS)
        .find_map(|_| conductor.on(value(1, 0)).pop())
        .unwrap();
    assert_eq!(ends, Effect::End(LinkEnd::Driver(Failure::Nonsense)));
    assert_eq!(inputs(&heard).last(), Some(&Input::Disconnected));
}

#[test]
fn an_accessory_that_floods_what_is_being_read_is_cut_off() {
    let read = Output::Gatt(Operation::Read(at(1)));
    let (mut conductor, _, _) = begun(vec![Output::Gatt(Operation::Subscribe(at(1))), read]);
    conductor.on(Event::Done(Ok(vec![])));
    let ends = (0..=MOST_HELD).find_map(|_| conductor.on(value(1, 0)).pop());
    assert_eq!(ends, Some(Effect::End(LinkEnd::Driver(Failure::Nonsense))));
}

fn any_output() -> impl Strategy<Value = Output> {
    prop_oneof![
        any::<u8>().prop_map(|byte| Output::Gatt(write(byte))),
        (1..3u16).prop_map(|uuid| Output::Gatt(Operation::Read(at(uuid)))),
        (1..3u16).prop_map(|uuid| Output::Gatt(Operation::Subscribe(at(uuid)))),
        (1..3u16).prop_map(|uuid| Output::Gatt(Operation::Unsubscribe(at(uuid)))),
        Just(Output::Event(Told::Button)),
        Just(Output::Wake(Timer(0), Duration::ZERO)),
    ]
}

fn any_event() -> impl Strategy<Value = u8> {
    0..9u8
}

fn event(number: u8) -> Event {
    match number {
        0 => Event::Up(Gatt::default()),
        1 | 2 => Event::Done(Ok(vec![0])),
        3 => Event::Done(Err(OperationError::Refused)),
        4 => value(1, 0),
        5 => value(2, 0),
        6 => Event::Elapsed(Timer(0)),
        7 => Event::Order(Order::Committed),
        _ => Event::Ends(LinkEnd::Lost),
    }
}

proptest! {
    #[test]
    fn whatever_happens_one_operation_runs_at_a_time_and_nothing_follows_the_end(
        events in proptest::collection::vec(any_event(), 0..60),
        outputs in proptest::collection::vec(proptest::collection::vec(any_output(), 0..4), 60),
    ) {
        let mut outputs = outputs.into_iter();
        let (mut conductor, heard) = conductor(move |_| outputs.next().unwrap_or_default());
        let (mut running, mut ended) = (0, false);
        for number in events {
            if matches!(number, 1..=3) && running == 1 {
                running = 0;
            }
            for effect in conductor.on(event(number)) {
                prop_assert!(!ended, "{effect:?} after the end");
                match effect {
                    Effect::Perform(_) => running += 1,
                    Effect::End(_) => ended = true,
                    Effect::Tell(_) => prop_assert!(false, "the conductor tells the driver"),
                    _ => {}
                }
                prop_assert!(running <= 1);
            }
        }
        let heard = inputs(&heard);
        let gone = heard.iter().filter(|input| **input == Input::Disconnected).count();
        prop_assert!(gone <= 1);
        if gone == 1 {
            prop_assert_eq!(heard.last(), Some(&Input::Disconnected));
        }
        prop_assert!(!ended || !conductor.takes_orders(usize::MAX));
    }
}
