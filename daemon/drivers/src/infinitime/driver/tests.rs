use super::*;
use crate::bench::{Bench, characteristic};
use crate::driver::{Information, RequestId};

fn watch() -> Bench<InfiniTime> {
    let mut bench = Bench::new(
        InfiniTime::new(),
        vec![
            characteristic(uuids::DEVICE_INFORMATION, uuids::SERIAL_NUMBER, "r"),
            characteristic(uuids::DEVICE_INFORMATION, uuids::FIRMWARE_REVISION, "r"),
            characteristic(uuids::DEVICE_INFORMATION, uuids::SOFTWARE_REVISION, "r"),
            characteristic(uuids::DEVICE_INFORMATION, uuids::HARDWARE_REVISION, "r"),
            characteristic(uuids::CURRENT_TIME_SERVICE, uuids::CURRENT_TIME, "rw"),
            characteristic(uuids::CURRENT_TIME_SERVICE, uuids::LOCAL_TIME, "rw"),
            characteristic(uuids::BATTERY, uuids::BATTERY_LEVEL, "rn"),
            characteristic(uuids::HEART_RATE, uuids::HEART_RATE_MEASUREMENT, "rn"),
            characteristic(uuids::ALERT_NOTIFICATION, uuids::NEW_ALERT, "w"),
            characteristic(uuids::ALERT_NOTIFICATION, CALL_ANSWER, "n"),
            characteristic(uuids::IMMEDIATE_ALERT, uuids::ALERT_LEVEL, "c"),
            characteristic(MOTION, STEPS, "rn"),
        ],
    );
    let text = |text: &str| text.as_bytes().to_vec();
    bench.values.extend([
        (uuids::SERIAL_NUMBER, text("0")),
        (uuids::FIRMWARE_REVISION, text("1.14.0")),
        (uuids::SOFTWARE_REVISION, text("InfiniTime")),
        (uuids::HARDWARE_REVISION, text("1.0.0")),
        (uuids::BATTERY_LEVEL, vec![64]),
        (STEPS, vec![0xd2, 4, 0, 0]),
    ]);
    bench
}

fn totals(steps: u32) -> Event {
    let reading = Reading::Totals(DailyTotals {
        steps,
        distance: None,
        energy: None,
    });
    Event::Reading { at: None, reading }
}

#[test]
fn opening_sets_the_clock_and_learns_what_there_is() {
    let mut bench = watch();
    bench.open();
    assert_eq!(
        bench.written,
        [
            (uuids::CURRENT_TIME, vec![0xea, 7, 3, 29, 2, 30, 15, 7, 0, 0]),
            (uuids::LOCAL_TIME, vec![12, 0]),
        ]
    );
    let information = Information {
        serial: String::new(),
        firmware: "1.14.0".into(),
        hardware: "1.0.0".into(),
    };
    let battery = Event::Battery {
        level: 64,
        charging: false,
    };
    for event in [
        Event::Information(information),
        battery,
        totals(1234),
        Event::Ready,
    ] {
        assert!(bench.events.contains(&event), "{event:?}");
    }
    assert_eq!(bench.outcome(0), Some(Ok(())));
    assert!(bench.subscribed.contains(&CALL_ANSWER));
}

#[test]
fn steps_are_told_when_they_change_and_may_fall() {
    let mut bench = watch();
    bench.open();
    bench.events.clear();
    for steps in [1234_u32, 1240, 1240, 3] {
        bench.notify(STEPS, &steps.to_le_bytes());
    }
    bench.notify(STEPS, &[1, 2, 3]);
    assert_eq!(bench.events, [totals(1240), totals(3)]);
}

#[test]
fn a_message_and_a_call_are_shown() {
    let mut bench = watch();
    bench.open();
    bench.written.clear();
    let (title, body) = ("Почта".to_owned(), "Привет".to_owned());
    bench.request(1, Request::Alert(Alert::Message { title, body }));
    let caller = "Мама".to_owned();
    bench.request(2, Request::Alert(Alert::Call { caller }));
    bench.request(3, Request::StopAlert(AlertKind::Call));
    let message = [b"\x00\x01\x00", "Почта\0Привет".as_bytes()].concat();
    let call = [b"\x03\x01\x00", "Мама".as_bytes()].concat();
    assert_eq!(
        bench.written,
        [(uuids::NEW_ALERT, message), (uuids::NEW_ALERT, call)]
    );
    for id in 1..=3 {
        assert_eq!(bench.outcome(id), Some(Ok(())));
    }
}

#[test]
fn a_long_message_is_cut_to_what_the_watch_keeps() {
    let mut bench = watch();
    bench.open();
    bench.written.clear();
    let (title, body) = ("т".to_owned(), "я".repeat(500));
    bench.request(1, Request::Alert(Alert::Message { title, body }));
    let (_, value) = &bench.written[0];
    assert_eq!(value.len(), 3 + 3 + 96);
    assert!(std::str::from_utf8(&value[3..]).is_ok());
}

#[test]
fn what_the_wearer_does_about_a_call_is_told() {
    let mut bench = watch();
    bench.open();
    bench.events.clear();
    for answer in [&[0][..], &[1], &[2], &[3], &[], &[0, 0]] {
        bench.notify(CALL_ANSWER, answer);
    }
    assert_eq!(bench.events, [Event::DeclineCall, Event::IgnoreCall]);
}

#[test]
fn a_watch_is_called_again_and_again_until_it_is_found() {
    let mut bench = watch();
    bench.open();
    bench.written.clear();
    bench.request(1, Request::Alert(Alert::Find));
    assert_eq!(bench.outcome(1), Some(Ok(())));
    bench.step(Input::Elapsed(FIND));
    bench.request(2, Request::StopAlert(AlertKind::Find));
    bench.step(Input::Elapsed(FIND));
    let levels: Vec<_> = bench.written.iter().map(|(_, value)| value[0]).collect();
    assert_eq!(levels, [2, 2, 0]);
    assert!(bench.timers.is_empty());
}

#[test]
fn the_pulse_is_measured_as_on_a_strap() {
    let mut bench = watch();
    bench.open();
    bench.request(1, Request::MeasureHeartRate);
    bench.notify(uuids::HEART_RATE_MEASUREMENT, &[0, 0]);
    assert_eq!(bench.outcome(1), None, "the watch hasn't measured yet");
    bench.notify(uuids::HEART_RATE_MEASUREMENT, &[0, 71]);
    assert_eq!(bench.outcome(1), Some(Ok(())));
}

#[test]
fn a_watch_has_no_history_and_no_settings() {
    let mut bench = watch();
    bench.open();
    let now = crate::bench::now();
    bench.request(
        1,
        Request::Fetch {
            since: None,
            now,
            forgets: true,
        },
    );
    let step_goal = Some(8000);
    let settings = Settings {
        step_goal,
        ..Settings::default()
    };
    bench.request(2, Request::Settings(settings));
    for id in 1..=2 {
        assert_eq!(bench.outcome(id), Some(Err(Failure::NotSupported)));
    }
    bench.step(Input::Cancel(RequestId(9)));
    bench.step(Input::Disconnected);
    bench.request(3, Request::Forget);
    assert_eq!(bench.outcome(3), Some(Err(Failure::Lost)));
}

#[test]
fn a_watch_of_an_old_version_is_one_too() {
    let mut bench = Bench::new(
        InfiniTime::new(),
        vec![characteristic(uuids::ALERT_NOTIFICATION, uuids::NEW_ALERT, "w")],
    );
    bench.open();
    assert_eq!(bench.outcome(0), Some(Ok(())));
    let mut other = Bench::new(
        InfiniTime::new(),
        vec![characteristic(uuids::BATTERY, uuids::BATTERY_LEVEL, "r")],
    );
    other.connect();
    assert_eq!(other.failed, Some(Failure::NotSupported));
}
