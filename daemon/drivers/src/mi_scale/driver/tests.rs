use super::*;
use crate::bench::{Bench, characteristic, now};
use crate::driver::RequestId;

const READER: u32 = 0x0102_0304;

fn scale(model: Model) -> Bench<MiScale> {
    let service = model.service();
    Bench::new(
        MiScale::new(model, READER),
        vec![
            characteristic(service, uuids::CURRENT_TIME, "rw"),
            characteristic(service, model.measurement(), "i"),
            characteristic(service, HISTORY, "wn"),
        ],
    )
}

/// 70 kg on a day of March 2026, at eight.
fn record(day: u8) -> Vec<u8> {
    vec![0x22, 0xb0, 0x36, 0xea, 7, 3, day, 8, 0, 0]
}

/// The time of the record: three hours ahead of UTC.
fn time(day: u64) -> Option<u64> {
    Some(1_772_323_200 + (day - 1) * 86_400 + 5 * 3600)
}

fn commands(bench: &Bench<MiScale>) -> Vec<Vec<u8>> {
    let written = bench.written.iter();
    written
        .filter(|(uuid, _)| *uuid == HISTORY)
        .map(|(_, value)| value.clone())
        .collect()
}

fn fetching(model: Model, count: u16) -> Bench<MiScale> {
    let mut bench = scale(model);
    bench.open();
    bench.request(
        1,
        Request::Fetch {
            since: None,
            now: now(),
            forgets: true,
        },
    );
    assert_eq!(commands(&bench), [[1, 1, 2, 3, 4]]);
    let [low, high] = count.to_le_bytes();
    bench.notify(HISTORY, &[1, low, high, 0xff, 0xff]);
    bench
}

fn readings(bench: &Bench<MiScale>) -> Option<Vec<(Option<u64>, Reading)>> {
    let mut events = bench.events.iter();
    events.find_map(|event| match event {
        Event::Readings(readings) => Some(readings.clone()),
        _ => None,
    })
}

#[test]
fn opening_sets_the_clock() {
    let mut bench = scale(Model::Weight);
    bench.open();
    assert_eq!(bench.outcome(0), Some(Ok(())));
    assert_eq!(
        bench.written,
        [(uuids::CURRENT_TIME, vec![0xea, 7, 3, 29, 2, 30, 15, 0, 0, 1])]
    );
}

#[test]
fn a_history_is_forgotten_only_when_it_is_on_disk() {
    let mut bench = fetching(Model::Weight, 3);
    bench.notify(HISTORY, &[record(1), record(2)].concat());
    bench.notify(HISTORY, &record(3));
    bench.notify(HISTORY, &[3]);
    let weight = Reading::Weight(70.0);
    let wanted = [1, 2, 3].map(|day| (time(day), weight));
    assert_eq!(readings(&bench).unwrap(), wanted);
    let before = [vec![1, 1, 2, 3, 4], vec![2], vec![3]];
    assert_eq!(commands(&bench), before, "not before the disk has it");
    assert_eq!(bench.outcome(1), None);
    assert!(bench.timers.is_empty(), "the disk takes the time that it takes");
    bench.step(Input::Committed);
    assert_eq!(commands(&bench)[3..], [[4, 1, 2, 3, 4]]);
    assert_eq!(bench.outcome(1), Some(Ok(())));
    bench.step(Input::Committed);
    assert_eq!(commands(&bench).len(), 4, "once");
}

#[test]
fn a_phone_that_is_not_sure_of_its_clock_changes_nothing_at_the_scale() {
    let mut bench = scale(Model::Weight);
    bench.connect();
    let (now, sets_clock, forgets) = (now(), false, false);
    bench.request(
        0,
        Request::Open {
            opening: crate::Opening::Resume(None),
            now,
            sets_clock,
        },
    );
    assert_eq!(bench.written, []);
    let since = None;
    bench.request(1, Request::Fetch { since, now, forgets });
    bench.notify(HISTORY, &[1, 1, 0, 0xff, 0xff]);
    bench.notify(HISTORY, &record(1));
    bench.notify(HISTORY, &[3]);
    assert_eq!(readings(&bench).unwrap().len(), 1);
    bench.step(Input::Committed);
    assert_eq!(commands(&bench), [vec![1, 1, 2, 3, 4], vec![2], vec![3]]);
    assert_eq!(bench.outcome(1), Some(Ok(())));
}

#[test]
fn a_record_counts_though_its_person_has_stepped_off() {
    let mut bench = fetching(Model::Weight, 1);
    let mut over = record(2);
    over[0] |= 0x80;
    bench.notify(HISTORY, &over);
    bench.notify(HISTORY, &[3]);
    assert_eq!(readings(&bench).unwrap(), [(time(2), Reading::Weight(70.0))]);
}

#[test]
fn an_empty_history_ends_at_once() {
    let bench = fetching(Model::Weight, 0);
    assert_eq!(commands(&bench)[1..], [[3]]);
    assert_eq!(bench.outcome(1), Some(Ok(())));
    assert_eq!(readings(&bench), None);
}

#[test]
fn a_history_with_a_gap_is_neither_told_nor_forgotten() {
    let mut bench = fetching(Model::Weight, 3);
    bench.notify(HISTORY, &record(1));
    bench.notify(HISTORY, &[3]);
    assert_eq!(bench.outcome(1), Some(Err(Failure::Nonsense)));
    bench.step(Input::Committed);
    assert_eq!(readings(&bench), None);
    assert_eq!(commands(&bench)[2..], [[3]]);
}

#[test]
fn more_than_was_announced_is_nonsense() {
    let mut bench = fetching(Model::Weight, 1);
    bench.notify(HISTORY, &[record(1), record(2)].concat());
    assert_eq!(bench.outcome(1), Some(Err(Failure::Nonsense)));
    assert_eq!(commands(&bench)[2..], [[3]]);
}

#[test]
fn a_transfer_that_stops_is_ended() {
    for stop in [Input::Elapsed(SILENCE), Input::Cancel(RequestId(1))] {
        let mut bench = fetching(Model::Weight, 2);
        bench.notify(HISTORY, &record(1));
        bench.step(stop);
        assert!(matches!(bench.outcome(1), Some(Err(_))));
        assert_eq!(commands(&bench)[2..], [[3]]);
        assert!(bench.timers.is_empty());
        bench.request(
            2,
            Request::Fetch {
                since: None,
                now: now(),
                forgets: true,
            },
        );
        assert_eq!(commands(&bench)[3..], [[1, 1, 2, 3, 4]], "and can begin again");
    }
}

#[test]
fn nonsense_in_a_transfer_ends_it() {
    for nonsense in [&[][..], &[7], &[0; 9], &[0; 13]] {
        let mut bench = fetching(Model::Weight, 2);
        bench.notify(HISTORY, nonsense);
        assert_eq!(bench.outcome(1), Some(Err(Failure::Nonsense)), "{nonsense:?}");
        assert_eq!(commands(&bench)[2..], [[3]]);
    }
}

#[test]
fn a_scale_that_refuses_is_not_asked_again() {
    let mut bench = scale(Model::Weight);
    bench.open();
    bench.refused.insert(HISTORY);
    bench.request(
        1,
        Request::Fetch {
            since: None,
            now: now(),
            forgets: true,
        },
    );
    assert_eq!(bench.outcome(1), Some(Err(Failure::Refused)));
    assert_eq!(commands(&bench), Vec::<Vec<u8>>::new());
}

#[test]
fn a_second_fetch_waits_for_nobody() {
    let mut bench = fetching(Model::Weight, 2);
    bench.request(
        2,
        Request::Fetch {
            since: None,
            now: now(),
            forgets: true,
        },
    );
    assert_eq!(bench.outcome(2), Some(Err(Failure::Busy)));
    bench.step(Input::Disconnected);
    assert_eq!(bench.outcome(1), Some(Err(Failure::Lost)));
}

#[test]
fn records_that_are_no_weight_of_a_person_count_but_are_not_told() {
    let mut bench = fetching(Model::Composition, 3);
    let composed = |first, flags, year: u16| {
        let [low, high] = year.to_le_bytes();
        vec![first, flags, low, high, 3, 1, 8, 0, 0, 0xf7, 1, 0x9a, 0x38]
    };
    bench.notify(
        HISTORY,
        &[composed(6, 0x26, 2026), composed(2, 0x26, 2026)].concat(),
    );
    bench.notify(HISTORY, &composed(2, 0x24, 1970));
    bench.notify(HISTORY, &[3]);
    let wanted = [
        (time(1), Reading::Weight(72.45)),
        (time(1), Reading::Impedance(503.0)),
        (None, Reading::Weight(72.45)),
    ];
    assert_eq!(readings(&bench).unwrap(), wanted);
}

#[test]
fn a_weighing_while_connected_is_told_once() {
    let mut bench = scale(Model::Weight);
    bench.open();
    bench.events.clear();
    bench.notify(uuids::WEIGHT_MEASUREMENT, &record(28));
    bench.notify(uuids::WEIGHT_MEASUREMENT, &record(28));
    bench.notify(uuids::WEIGHT_MEASUREMENT, &record(31));
    let reading = Reading::Weight(70.0);
    let wanted = [time(28), None].map(|at| Event::Reading { at, reading });
    assert_eq!(bench.events, wanted, "the second is from the future");
}
