//! The driver against a link and a band that do anything.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::alert::{Alert, AlertKind};
use crate::settings::{ClockFormat, Settings, Units, Wrist};

/// What is done to the driver.
#[derive(Clone, Debug)]
pub(super) enum Deed {
    Told(usize, Vec<u8>),
    /// Answers the oldest operation, or another one.
    Answer(bool, Result<Vec<u8>, OperationError>),
    Elapse(u8),
    Ask(Request),
    Committed,
    Cancel(u32),
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..24),
        // What comes near to answers.
        (1_u8..4, any::<u8>(), prop::collection::vec(any::<u8>(), 0..16)).prop_map(|(to, status, rest)| [
            &[0x10, to, status & 0x0f],
            &rest[..]
        ]
        .concat()),
        Just([&[0x10, 2, 1], &[3; 16][..]].concat()),
        Just(vec![0x10, 3, 1]),
        Just(vec![0x10, 2, 1]),
        (0_u32..40, 0_u64..4000).prop_map(|(count, back)| {
            let start = crate::huami::codec::time::encode_short(moment(NOW - back * 60));
            [&[0x10, 1, 1], &count.to_le_bytes()[..], &start[..]].concat()
        }),
        (0_u8..3, 0_usize..5).prop_map(|(counter, samples)| [&[counter], &[1; 16][..samples * 4]].concat()),
    ]
}

fn request() -> impl Strategy<Value = Request> {
    let now = moment(NOW);
    prop_oneof![
        2 => any::<bool>().prop_map(move |pair| Request::Open {
            opening: if pair { Opening::Pair(key()) } else { Opening::Resume(key()) },
            now,
            sets_clock: true,
        }),
        1 => Just(Request::SetTime(now)),
        3 => (0_u64..5000).prop_map(move |back| Request::Fetch {
            since: Some(moment(NOW - back * 60)),
            now,
            forgets: true,
        }),
        1 => Just(Request::Fetch { since: None, now, forgets: true }),
        1 => Just(Request::MeasureHeartRate),
        1 => any::<bool>().prop_map(Request::FollowHeartRate),
        1 => Just(Request::Alert(Alert::Find)),
        1 => ".{0,40}".prop_map(|title| Request::Alert(Alert::Message { body: title.clone(), title })),
        1 => ".{0,40}".prop_map(|caller| Request::Alert(Alert::Call { caller })),
        1 => prop_oneof![Just(AlertKind::Find), Just(AlertKind::Message), Just(AlertKind::Call)]
            .prop_map(Request::StopAlert),
        1 => Just(Request::Settings(Settings {
            step_goal: Some(9000),
            wrist: Some(Wrist::Left),
            clock: Some(ClockFormat::Twelve),
            units: Some(Units::Metric),
            wearer: None,
        })),
        1 => Just(Request::PhoneFound),
        1 => Just(Request::Forget),
    ]
}

pub(super) fn deed() -> impl Strategy<Value = Deed> {
    let error = prop_oneof![
        Just(OperationError::Refused),
        Just(OperationError::TimedOut),
        Just(OperationError::Lost)
    ];
    prop_oneof![
        4 => (0_usize..17, bytes()).prop_map(|(from, value)| Deed::Told(from, value)),
        6 => prop::collection::vec(any::<u8>(), 0..20).prop_map(|value| Deed::Answer(true, Ok(value))),
        1 => (any::<bool>(), error).prop_map(|(oldest, error)| Deed::Answer(oldest, Err(error))),
        2 => (0_u8..8).prop_map(Deed::Elapse),
        3 => request().prop_map(Deed::Ask),
        1 => Just(Deed::Committed),
        1 => (0_u32..60).prop_map(Deed::Cancel),
    ]
}

pub(super) fn do_it(band: &mut Played, deed: Deed) {
    match deed {
        Deed::Told(from, value) => {
            let all = &band.gatt.characteristics;
            let from = all[from % all.len()];
            band.step(Input::Notified { from, value });
        }
        Deed::Answer(oldest, result) => {
            let operation = if oldest {
                band.queue.pop_front()
            } else {
                band.queue.pop_back()
            };
            let never = || Operation::Unsubscribe(band.characteristic(uuids::CURRENT_TIME));
            let operation = operation.unwrap_or_else(never);
            band.step(Input::Answered { operation, result });
        }
        Deed::Elapse(timer) => band.step(Input::Elapsed(Timer(timer))),
        Deed::Ask(request) => {
            band.ask(request);
        }
        Deed::Committed => band.step(Input::Committed),
        Deed::Cancel(id) => band.step(Input::Cancel(RequestId(id))),
    }
}

/// How often each request ended.
pub(super) fn ends(band: &Played) -> HashMap<u32, usize> {
    let mut ends = HashMap::new();
    for event in &band.events {
        if let Event::Finished { id, .. } = event {
            *ends.entry(id.0).or_default() += 1;
        }
    }
    ends
}

fn kinds() -> impl Strategy<Value = Kind> {
    prop_oneof![Just(Kind::MiBand2), Just(Kind::MiBand3), Just(Kind::MiBand5)]
}

proptest! {
    #[test]
    fn every_request_ends_exactly_once(
        kind in kinds(),
        ready in any::<bool>(),
        deeds in prop::collection::vec(deed(), 0..120),
    ) {
        let mut band = if ready { Played::ready(kind) } else { Played::new(kind) };
        let first = band.next;
        for deed in deeds {
            do_it(&mut band, deed);
        }
        band.step(Input::Disconnected);
        let ends = ends(&band);
        for id in first..band.next {
            prop_assert_eq!(ends.get(&id), Some(&1), "request {}", id);
        }
        prop_assert!(band.history().iter().all(|one| one.start % 60 == 0));
    }

    #[test]
    fn a_transfer_is_handed_over_in_order_or_not_at_all(
        packets in prop::collection::vec(bytes(), 0..40),
        start in 0_u64..4_000_000_000,
        count in any::<u32>(),
    ) {
        let mut band = Played::ready(Kind::MiBand2);
        band.request(Request::Fetch { since: None, now: moment(NOW), forgets: true });
        let time = crate::huami::codec::time::encode_short(moment(start));
        let reply = [&[0x10, 1, 1], &count.to_le_bytes()[..], &time[..]].concat();
        band.told(uuids::FETCH_CONTROL, &reply);
        for packet in packets {
            band.told(uuids::FETCH_DATA, &packet);
        }
        band.told(uuids::FETCH_CONTROL, &[0x10, 2, 1]);
        let history = band.history();
        prop_assert!(history.windows(2).all(|pair| pair[0].start < pair[1].start));
        prop_assert!(history.iter().all(|one| one.start <= NOW));
    }
}

#[test]
fn a_band_that_sends_for_ever_fills_no_memory() {
    let mut band = Played::ready(Kind::MiBand6);
    let now = moment(NOW);
    let id = band.request(Request::Fetch {
        since: None,
        now,
        forgets: true,
    });
    let start = crate::huami::codec::time::encode_short(moment(NOW - 86400));
    let reply = [&[0x10, 1, 1, 0xff, 0xff, 0xff, 0xff], &start[..]].concat();
    band.told(uuids::FETCH_CONTROL, &reply);
    let from = band.characteristic(uuids::FETCH_DATA);
    let mut counter = 0_u8;
    while band.outcome(id).is_none() {
        let value = [&[counter], &[1; 16][..]].concat();
        for output in band.driver.step(Input::Notified { from, value }) {
            if let Output::Event(event @ Event::Finished { .. }) = output {
                band.events.push(event);
            }
        }
        counter = counter.wrapping_add(1);
    }
    assert_eq!(band.outcome(id), Some(Err(Failure::Nonsense)));
}

#[test]
fn a_link_that_answers_nothing_is_given_up() {
    let mut band = Played::ready(Kind::MiBand3);
    for _ in 0..2000 {
        let id = band.ask(Request::PhoneFound);
        band.step(Input::Cancel(id));
        band.queue.clear();
        if band.outcome(id) == Some(Err(Failure::Busy)) {
            return;
        }
        band.events.clear();
    }
    panic!("requests are taken without end");
}
