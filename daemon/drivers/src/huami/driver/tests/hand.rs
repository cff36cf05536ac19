//! Heart rate, alerts, settings, and what happens at the device.

use jiff::civil::date;

use super::*;
use crate::alert::{Alert, AlertKind};
use crate::huami::driver::core::{FIND, FOLLOW, MEASURE, SETTINGS};
use crate::measure::{DailyTotals, Reading};
use crate::settings::{ClockFormat, Settings, Sex, Units, Wearer, Wrist};

fn rate(value: u16) -> Event {
    Event::Reading {
        at: None,
        reading: Reading::HeartRate(value),
    }
}

fn control(band: &Played) -> Vec<Vec<u8>> {
    band.writes(uuids::HEART_RATE_CONTROL)
}

#[test]
fn one_heart_rate_is_measured() {
    let mut band = Played::ready(Kind::MiBand2);
    let id = band.request(Request::MeasureHeartRate);
    assert_eq!(control(&band), [[0x15, 1, 0], [0x15, 2, 0], [0x15, 2, 1]]);
    let busy = band.request(Request::MeasureHeartRate);
    assert_eq!(band.outcome(busy), Some(Err(Failure::Busy)));
    for nothing in [&[0, 0][..], &[0, 255], &[0], &[]] {
        band.told(uuids::HEART_RATE_MEASUREMENT, nothing);
        assert_eq!(band.outcome(id), None);
    }
    band.told(uuids::HEART_RATE_MEASUREMENT, &[0, 76]);
    assert_eq!(band.outcome(id), Some(Ok(())));
    assert!(band.has(&rate(76)) && !band.runs(MEASURE));
    // What the band goes on to say was not asked for.
    band.told(uuids::HEART_RATE_MEASUREMENT, &[0, 77]);
    assert!(!band.has(&rate(77)));
}

#[test]
fn a_heart_rate_that_isnt_found_is_given_up_after_30_seconds() {
    let mut band = Played::ready(Kind::MiBand3);
    let id = band.request(Request::MeasureHeartRate);
    assert_eq!(band.elapse(MEASURE), Duration::from_secs(30));
    assert_eq!(band.outcome(id), Some(Err(Failure::TimedOut)));
    assert_eq!(control(&band).last(), Some(&vec![0x15, 2, 0]));
    let id = band.request(Request::MeasureHeartRate);
    band.step(Input::Cancel(id));
    assert_eq!(band.outcome(id), Some(Err(Failure::Cancelled)));
    assert!(!band.runs(MEASURE));
}

#[test]
fn a_refused_measurement_ends_at_once() {
    let mut band = Played::ready(Kind::MiBand3);
    let id = band.ask(Request::MeasureHeartRate);
    band.refuse(OperationError::Refused);
    band.perform();
    assert_eq!(band.outcome(id), Some(Err(Failure::Refused)));
    assert!(!band.runs(MEASURE));
}

#[test]
fn the_heart_rate_is_followed_as_long_as_the_band_is_told_to() {
    let mut band = Played::ready(Kind::MiBand2);
    let id = band.request(Request::FollowHeartRate(true));
    assert_eq!(band.outcome(id), Some(Ok(())));
    assert_eq!(control(&band), [[0x15, 2, 0], [0x15, 1, 0], [0x15, 1, 1]]);
    for beats in [70, 71] {
        band.told(uuids::HEART_RATE_MEASUREMENT, &[0, beats]);
        assert!(band.has(&rate(u16::from(beats))));
        assert_eq!(band.elapse(FOLLOW), Duration::from_secs(12));
        assert_eq!(control(&band).last(), Some(&vec![0x16]));
    }
    // One that is asked for meanwhile comes with it.
    let writes = control(&band).len();
    let once = band.request(Request::MeasureHeartRate);
    band.told(uuids::HEART_RATE_MEASUREMENT, &[0, 72]);
    assert_eq!(band.outcome(once), Some(Ok(())));
    assert_eq!(control(&band).len(), writes);

    let id = band.request(Request::FollowHeartRate(false));
    assert_eq!(band.outcome(id), Some(Ok(())));
    assert_eq!(control(&band).last(), Some(&vec![0x15, 1, 0]));
    assert!(!band.runs(FOLLOW));
    band.told(uuids::HEART_RATE_MEASUREMENT, &[0, 73]);
    assert!(!band.has(&rate(73)));
}

#[test]
fn a_refused_following_keeps_nothing_going() {
    let mut band = Played::ready(Kind::MiBand2);
    let id = band.ask(Request::FollowHeartRate(true));
    band.refuse(OperationError::Refused);
    band.perform();
    assert_eq!(band.outcome(id), Some(Err(Failure::Refused)));
    assert!(!band.runs(FOLLOW));
}

#[test]
fn a_search_vibrates_again_and_again_until_it_is_stopped() {
    let mut band = Played::ready(Kind::MiBand3);
    let id = band.request(Request::Alert(Alert::Find));
    assert_eq!(band.outcome(id), Some(Ok(())));
    for times in 2..5 {
        assert_eq!(band.elapse(FIND), Duration::from_secs(4));
        assert_eq!(band.writes(uuids::ALERT_LEVEL), vec![vec![3]; times]);
    }
    let id = band.request(Request::StopAlert(AlertKind::Find));
    assert_eq!(band.outcome(id), Some(Ok(())));
    assert_eq!(band.writes(uuids::ALERT_LEVEL).last(), Some(&vec![0]));
    assert!(!band.runs(FIND));
    let alerts = band.written.iter().filter(|(to, _, _)| *to == uuids::ALERT_LEVEL);
    assert!(alerts.into_iter().all(|(_, _, kind)| *kind == WriteKind::Command));
}

#[test]
fn a_message_on_a_mi_band_2_is_one_short_line() {
    let mut band = Played::ready(Kind::MiBand2);
    let message = Alert::Message {
        title: "Ann".to_owned(),
        body: "See you at eight".to_owned(),
    };
    band.request(Request::Alert(message));
    assert_eq!(
        band.writes(uuids::NEW_ALERT),
        [b"\x05\x01Ann: See you at ei".to_vec()]
    );
    let caller = "Ann".to_owned();
    band.request(Request::Alert(Alert::Call { caller }));
    let id = band.request(Request::StopAlert(AlertKind::Call));
    assert_eq!(band.outcome(id), Some(Ok(())));
    assert_eq!(
        band.writes(uuids::NEW_ALERT)[1..],
        [b"\x03\x01Ann".to_vec(), vec![3, 0]]
    );
}

#[test]
fn a_mi_band_2_with_old_firmware_only_gives_a_sign() {
    let mut band = Played::new(Kind::MiBand2);
    band.values[2].1 = b"V1.0.0.53".to_vec();
    band.open(Opening::Resume(key()));
    band.told(uuids::AUTHENTICATION, &[&[0x10, 2, 1], &[9; 16][..]].concat());
    band.told(uuids::AUTHENTICATION, &[0x10, 3, 1]);
    let caller = "Ann".to_owned();
    band.request(Request::Alert(Alert::Call { caller }));
    band.request(Request::StopAlert(AlertKind::Call));
    assert!(band.writes(uuids::NEW_ALERT).is_empty());
    assert_eq!(band.writes(uuids::ALERT_LEVEL), [[2], [0]]);
}

#[test]
fn a_message_on_later_bands_goes_in_chunks() {
    for (kind, head) in [(Kind::MiBand3, &[5, 1][..]), (Kind::MiBand4, &[5, 0, 0, 0, 0, 1])] {
        let mut band = Played::ready(kind);
        let id = band.request(Request::Alert(Alert::Message {
            title: "Ann".to_owned(),
            body: "See you at eight".to_owned(),
        }));
        assert_eq!(band.outcome(id), Some(Ok(())));
        let chunks = band.writes(uuids::CHUNKED);
        assert_eq!(chunks.len(), 2);
        assert_eq!(
            (chunks[0][..3].to_vec(), chunks[1][..3].to_vec()),
            (vec![0, 0, 0], vec![0, 0x80, 1])
        );
        let whole = [&chunks[0][3..], &chunks[1][3..]].concat();
        assert_eq!(whole, [head, b"Ann\0See you at eight\0"].concat());
    }
}

#[test]
fn a_larger_mtu_is_used_only_as_far_as_the_link_has_it() {
    let long = Alert::Message {
        title: String::new(),
        body: "x".repeat(200),
    };
    let mut band = Played::ready(Kind::MiBand3);
    band.told(uuids::DEVICE_EVENT, &[0x16, 247, 0]);
    band.request(Request::Alert(long.clone()));
    assert!(band.writes(uuids::CHUNKED).iter().all(|chunk| chunk.len() <= 20));

    let mut band = Played::ready(Kind::MiBand3);
    band.gatt.mtu = 247;
    let gatt = band.gatt.clone();
    band.step(Input::Connected(gatt));
    band.request(Request::Alert(long.clone()));
    assert_eq!(band.writes(uuids::CHUNKED).len(), 1);
    band.told(uuids::DEVICE_EVENT, &[0x16, 100, 0]);
    band.request(Request::Alert(long));
    assert!(
        band.writes(uuids::CHUNKED)[1..]
            .iter()
            .all(|chunk| chunk.len() <= 97)
    );
}

#[test]
fn settings_are_written_and_end_with_the_replies() {
    let mut band = Played::ready(Kind::MiBand4);
    let id = band.request(Request::Settings(Settings {
        step_goal: Some(8000),
        wearer: Some(Wearer {
            birth: date(1985, 7, 23),
            height: 178,
            weight: 74,
            sex: Sex::Female,
            id: 0x1234_5678,
        }),
        wrist: Some(Wrist::Right),
        clock: Some(ClockFormat::TwentyFour),
        units: Some(Units::Imperial),
    }));
    assert_eq!(
        band.writes(uuids::USER_SETTINGS),
        [
            vec![
                0x4f, 0, 0, 0xc1, 7, 7, 23, 1, 178, 0, 0xd0, 0x39, 0x78, 0x56, 0x34, 0x12
            ],
            vec![0x10, 0, 0, 0x40, 0x1f, 0, 0],
            vec![0x20, 0, 0, 0x82],
        ]
    );
    assert_eq!(band.writes(uuids::CONFIGURATION), [[6, 2, 0, 1], [6, 3, 0, 1]]);
    let user = band
        .written
        .iter()
        .filter(|(to, _, _)| *to == uuids::USER_SETTINGS);
    assert!(user.into_iter().all(|(_, _, kind)| *kind == WriteKind::Request));
    band.told(uuids::CONFIGURATION, &[0x10, 6, 3, 0, 1]);
    assert_eq!(band.outcome(id), None);
    band.told(uuids::CONFIGURATION, &[0x10, 6, 2, 0, 1]);
    assert_eq!(band.outcome(id), Some(Ok(())));
    assert!(!band.runs(SETTINGS));
}

#[test]
fn settings_can_be_refused_or_go_unanswered() {
    let clock = Settings {
        clock: Some(ClockFormat::Twelve),
        ..Settings::default()
    };
    let mut band = Played::ready(Kind::MiBand3);
    let id = band.request(Request::Settings(clock));
    band.told(uuids::CONFIGURATION, &[0x10, 6, 2, 0, 2]);
    assert_eq!(band.outcome(id), Some(Err(Failure::Refused)));
    assert!(!band.runs(SETTINGS));
    let id = band.request(Request::Settings(clock));
    assert_eq!(band.elapse(SETTINGS), Duration::from_secs(10));
    assert_eq!(band.outcome(id), Some(Err(Failure::TimedOut)));
    let id = band.request(Request::Settings(Settings::default()));
    assert_eq!(band.outcome(id), Some(Ok(())));
    let beyond = Settings {
        step_goal: Some(70_000),
        ..Settings::default()
    };
    let id = band.request(Request::Settings(beyond));
    assert_eq!(band.outcome(id), Some(Err(Failure::NotSupported)));
}

#[test]
fn what_happens_at_the_device_is_told() {
    let mut band = Played::ready(Kind::MiBand3);
    for (bytes, event) in [
        (&[0x01][..], Event::Asleep(true)),
        (&[0x02], Event::Asleep(false)),
        (&[0x04], Event::Button),
        (&[0x06], Event::NotWorn),
        (&[0x07], Event::DeclineCall),
        (&[0x09], Event::IgnoreCall),
        (&[0x0e], Event::HistoryGrew),
        (&[0x0f], Event::FindPhone(false)),
    ] {
        band.told(uuids::DEVICE_EVENT, bytes);
        assert_eq!(band.events, [event]);
        band.events.clear();
    }
    for nothing in [&[][..], &[0x16], &[0x14, 0, 1], &[0x77]] {
        band.told(uuids::DEVICE_EVENT, nothing);
        assert!(band.events.is_empty());
    }
}

#[test]
fn a_search_for_the_phone_is_heard_and_ended() {
    let mut band = Played::ready(Kind::MiBand3);
    band.told(uuids::DEVICE_EVENT, &[0x08]);
    assert!(band.has(&Event::FindPhone(true)));
    assert_eq!(band.writes(uuids::CONFIGURATION), [[6, 0x14, 0, 0]]);
    let id = band.request(Request::PhoneFound);
    assert_eq!(band.outcome(id), Some(Ok(())));
    assert_eq!(band.writes(uuids::CONFIGURATION)[1..], [[6, 0x14, 0, 1]]);
}

#[test]
fn a_search_that_begins_again_before_it_is_heard_is_heard_once_more() {
    for again in 1..3 {
        let mut band = Played::ready(Kind::MiBand3);
        let from = band.characteristic(uuids::DEVICE_EVENT);
        for _ in 0..=again {
            let value = vec![0x08];
            band.step(Input::Notified { from, value });
        }
        assert_eq!(band.writes(uuids::CONFIGURATION).len(), 1, "one at a time");
        band.perform();
        assert_eq!(band.writes(uuids::CONFIGURATION), vec![vec![6, 0x14, 0, 0]; 2]);
    }
    // Not where it has ended.
    let mut band = Played::ready(Kind::MiBand3);
    let from = band.characteristic(uuids::DEVICE_EVENT);
    for value in [0x08, 0x08, 0x0f] {
        let value = vec![value];
        band.step(Input::Notified { from, value });
    }
    band.perform();
    assert_eq!(band.writes(uuids::CONFIGURATION).len(), 1);
}

#[test]
fn battery_and_steps_are_told_when_they_change() {
    let mut band = Played::ready(Kind::MiBand3);
    for charging in [0, 0, 1] {
        band.told(uuids::BATTERY, &[0x0f, 47, charging]);
    }
    band.told(uuids::BATTERY, &[0x0f, 101, 0]);
    let battery = |charging| Event::Battery { level: 47, charging };
    assert_eq!(band.events, [battery(false), battery(true)]);
    band.events.clear();
    for steps in [13, 13] {
        band.told(uuids::STEPS, &[0x0c, steps, 0, 0, 0, 9, 0, 0, 0]);
    }
    let totals = DailyTotals {
        steps: 13,
        distance: Some(9),
        energy: None,
    };
    let reading = Reading::Totals(totals);
    assert_eq!(band.events, [Event::Reading { at: None, reading }]);
}

#[test]
fn forgetting_ends_what_goes_on_and_changes_nothing_at_the_band() {
    let mut band = Played::ready(Kind::MiBand2);
    band.request(Request::FollowHeartRate(true));
    band.request(Request::Alert(Alert::Find));
    let id = band.request(Request::Forget);
    assert_eq!(band.outcome(id), Some(Ok(())));
    assert!(band.timers.is_empty());
    assert!(band.writes(uuids::CONFIGURATION).is_empty());
    let id = band.request(Request::Forget);
    assert_eq!(band.outcome(id), Some(Ok(())));
}

#[test]
fn a_lost_connection_ends_every_request() {
    let mut band = Played::ready(Kind::MiBand3);
    let ids = [
        band.ask(Request::MeasureHeartRate),
        band.ask(Request::SetTime(moment(NOW))),
        band.ask(Request::Fetch {
            since: None,
            now: moment(NOW),
            forgets: true,
        }),
        band.ask(Request::Alert(Alert::Find)),
    ];
    band.step(Input::Disconnected);
    for id in ids {
        assert_eq!(band.outcome(id), Some(Err(Failure::Lost)));
    }
}
