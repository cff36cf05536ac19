use super::*;
use crate::bench::{Bench, characteristic};
use crate::driver::{Information, RequestId};
use crate::gatt::sig;

fn strap() -> Bench<Standard> {
    let mut bench = Bench::new(
        Standard::heart_rate_monitor(),
        vec![
            characteristic(uuids::DEVICE_INFORMATION, uuids::SERIAL_NUMBER, "r"),
            characteristic(uuids::DEVICE_INFORMATION, uuids::FIRMWARE_REVISION, "r"),
            characteristic(uuids::BATTERY, uuids::BATTERY_LEVEL, "rn"),
            characteristic(uuids::HEART_RATE, uuids::HEART_RATE_MEASUREMENT, "n"),
        ],
    );
    bench.values.insert(uuids::SERIAL_NUMBER, b"A1".to_vec());
    bench.values.insert(uuids::FIRMWARE_REVISION, b"V2.1".to_vec());
    bench.values.insert(uuids::BATTERY_LEVEL, vec![93]);
    bench
}

fn scale() -> Bench<Standard> {
    Bench::new(
        Standard::generic(),
        vec![
            characteristic(uuids::CURRENT_TIME_SERVICE, uuids::CURRENT_TIME, "rw"),
            characteristic(uuids::WEIGHT_SCALE, uuids::WEIGHT_MEASUREMENT, "i"),
            characteristic(uuids::BODY_COMPOSITION, uuids::BODY_COMPOSITION_MEASUREMENT, "i"),
        ],
    )
}

fn beat(bpm: u16) -> Event {
    let reading = Reading::HeartRate(bpm);
    Event::Reading { at: None, reading }
}

#[test]
fn a_strap_tells_of_itself_when_it_is_opened() {
    let mut bench = strap();
    bench.open();
    let information = Information {
        serial: "A1".into(),
        firmware: "2.1".into(),
        hardware: String::new(),
    };
    let wanted = [
        Event::Information(information),
        Event::Battery {
            level: 93,
            charging: false,
        },
        Event::Ready,
        Event::Finished {
            id: RequestId(0),
            outcome: Ok(()),
        },
    ];
    assert_eq!(bench.events, wanted);
    bench.events.clear();
    bench.notify(uuids::BATTERY_LEVEL, &[92]);
    assert_eq!(bench.events.len(), 1, "{:?}", bench.events);
}

#[test]
fn one_measurement_ends_with_its_first_value() {
    let mut bench = strap();
    bench.open();
    bench.events.clear();
    bench.request(1, Request::MeasureHeartRate);
    assert!(bench.subscribed.contains(&uuids::HEART_RATE_MEASUREMENT));
    bench.notify(uuids::HEART_RATE_MEASUREMENT, &[0, 0]);
    bench.notify(uuids::HEART_RATE_MEASUREMENT, &[0, 255]);
    bench.notify(uuids::HEART_RATE_MEASUREMENT, &[4, 80]);
    bench.notify(uuids::HEART_RATE_MEASUREMENT, &[1, 80]);
    assert_eq!(bench.events, [], "none of those is a pulse");
    bench.request(2, Request::MeasureHeartRate);
    assert_eq!(bench.outcome(2), Some(Err(Failure::Busy)));
    bench.notify(uuids::HEART_RATE_MEASUREMENT, &[0, 76]);
    assert_eq!(bench.outcome(1), Some(Ok(())));
    assert!(bench.events.contains(&beat(76)));
    assert!(!bench.subscribed.contains(&uuids::HEART_RATE_MEASUREMENT));
    assert!(bench.timers.is_empty());
    bench.events.clear();
    bench.notify(uuids::HEART_RATE_MEASUREMENT, &[0, 77]);
    assert_eq!(bench.events, [], "nobody asked");
}

#[test]
fn a_measurement_without_a_value_times_out_or_is_cancelled() {
    let mut bench = strap();
    bench.open();
    bench.request(1, Request::MeasureHeartRate);
    bench.step(Input::Elapsed(pulse::PULSE));
    assert_eq!(bench.outcome(1), Some(Err(Failure::TimedOut)));
    bench.request(2, Request::MeasureHeartRate);
    bench.step(Input::Cancel(RequestId(2)));
    assert_eq!(bench.outcome(2), Some(Err(Failure::Cancelled)));
    assert!(bench.subscribed.len() == 1, "only the battery");
    bench.refused.insert(uuids::HEART_RATE_MEASUREMENT);
    bench.request(3, Request::MeasureHeartRate);
    assert_eq!(bench.outcome(3), Some(Err(Failure::Refused)));
}

#[test]
fn following_goes_on_until_it_is_ended() {
    let mut bench = strap();
    bench.open();
    bench.request(1, Request::FollowHeartRate(true));
    assert_eq!(bench.outcome(1), Some(Ok(())));
    bench.request(2, Request::MeasureHeartRate);
    bench.events.clear();
    bench.notify(uuids::HEART_RATE_MEASUREMENT, &[0, 76]);
    bench.notify(uuids::HEART_RATE_MEASUREMENT, &[0, 77]);
    assert!(bench.events.starts_with(&[beat(76)]));
    assert!(bench.events.ends_with(&[beat(77)]));
    bench.request(3, Request::FollowHeartRate(false));
    assert_eq!(bench.outcome(3), Some(Ok(())));
    assert!(!bench.subscribed.contains(&uuids::HEART_RATE_MEASUREMENT));
}

#[test]
fn a_lost_connection_ends_every_request() {
    let mut bench = strap();
    bench.open();
    bench.request(1, Request::MeasureHeartRate);
    bench.step(Input::Disconnected);
    assert_eq!(bench.outcome(1), Some(Err(Failure::Lost)));
    bench.request(2, Request::MeasureHeartRate);
    assert_eq!(bench.outcome(2), Some(Err(Failure::Lost)));
}

#[test]
fn another_device_fails() {
    let mut bench = Bench::new(
        Standard::heart_rate_monitor(),
        vec![characteristic(uuids::BATTERY, uuids::BATTERY_LEVEL, "r")],
    );
    bench.connect();
    assert_eq!(bench.failed, Some(Failure::NotSupported));
    let mut generic = Bench::new(Standard::generic(), vec![characteristic(sig(1), sig(2), "r")]);
    generic.connect();
    assert_eq!(generic.failed, Some(Failure::NotSupported));
}

#[test]
fn a_scale_sends_what_it_weighed_with_its_time() {
    let mut bench = scale();
    bench.open();
    assert_eq!(bench.outcome(0), Some(Ok(())));
    assert_eq!(
        bench.written,
        [(uuids::CURRENT_TIME, vec![0xea, 7, 3, 29, 2, 30, 15, 7, 0, 0])]
    );
    bench.events.clear();
    // 2026-03-28T08:00:00 by the scale's clock, then without a time, then in the year 1970, then next year.
    bench.notify(
        uuids::WEIGHT_MEASUREMENT,
        &[2, 0xb0, 0x36, 0xea, 7, 3, 28, 8, 0, 0],
    );
    bench.notify(uuids::WEIGHT_MEASUREMENT, &[0, 0xb0, 0x36]);
    bench.notify(
        uuids::WEIGHT_MEASUREMENT,
        &[2, 0xb0, 0x36, 0xb2, 7, 3, 28, 8, 0, 0],
    );
    bench.notify(
        uuids::WEIGHT_MEASUREMENT,
        &[2, 0xb0, 0x36, 0xeb, 7, 3, 28, 8, 0, 0],
    );
    bench.notify(uuids::WEIGHT_MEASUREMENT, &[2, 0xb0, 0x36]);
    let weighed = |at| Event::Reading {
        at,
        reading: Reading::Weight(70.0),
    };
    let times = [Some(1_774_674_000), None, None, None];
    assert_eq!(bench.events, times.map(weighed));
}

#[test]
fn a_measurement_in_two_packets_tells_its_body_fat_once() {
    let mut bench = scale();
    bench.open();
    bench.events.clear();
    bench.notify(
        uuids::BODY_COMPOSITION_MEASUREMENT,
        &[0, 0x14, 200, 0, 0x98, 0x3a],
    );
    bench.notify(
        uuids::BODY_COMPOSITION_MEASUREMENT,
        &[0, 0x12, 200, 0, 0x88, 0x13],
    );
    let readings: Vec<_> = bench
        .events
        .iter()
        .map(|event| match event {
            Event::Reading { reading, .. } => *reading,
            other => unreachable!("{other:?}"),
        })
        .collect();
    let wanted = [
        Reading::Weight(75.0),
        Reading::BodyFat(20.0),
        Reading::Impedance(500.0),
    ];
    assert_eq!(readings, wanted);
}

#[test]
fn a_scale_that_refuses_to_send_is_not_open() {
    let mut bench = scale();
    bench.refused.insert(uuids::WEIGHT_MEASUREMENT);
    bench.open();
    assert_eq!(bench.outcome(0), Some(Err(Failure::Refused)));
    assert!(!bench.events.contains(&Event::Ready));
}

#[test]
fn what_a_device_cannot_do_is_refused() {
    let mut bench = strap();
    bench.open();
    bench.request(1, Request::Alert(Alert::Find));
    bench.request(2, Request::PhoneFound);
    bench.request(3, Request::SetTime(crate::bench::now()));
    for id in 1..=3 {
        assert_eq!(bench.outcome(id), Some(Err(Failure::NotSupported)));
    }
    bench.request(4, Request::Forget);
    assert_eq!(bench.outcome(4), Some(Ok(())));
}

#[test]
fn a_device_with_an_alert_level_can_be_found() {
    let mut bench = Bench::new(
        Standard::generic(),
        vec![
            characteristic(uuids::BATTERY, uuids::BATTERY_LEVEL, "r"),
            characteristic(uuids::IMMEDIATE_ALERT, uuids::ALERT_LEVEL, "c"),
        ],
    );
    bench.open();
    bench.request(1, Request::Alert(Alert::Find));
    bench.request(2, Request::StopAlert(AlertKind::Find));
    assert_eq!((bench.outcome(1), bench.outcome(2)), (Some(Ok(())), Some(Ok(()))));
    assert_eq!(
        bench.written,
        [(uuids::ALERT_LEVEL, vec![2]), (uuids::ALERT_LEVEL, vec![0])]
    );
}
