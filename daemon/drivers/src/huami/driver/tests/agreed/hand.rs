//! What a band says, shows and is told once it is ready.

use jiff::civil::date;

use super::*;
use crate::alert::{Alert, AlertKind};
use crate::huami::codec::time::encode_short;
use crate::huami::driver::core::{FETCH, FIND, FOLLOW, MEASURE, SETTINGS};
use crate::huami::v2021::notification;
use crate::measure::{DailyTotals, Reading};
use crate::settings::{ClockFormat, Settings, Sex, Wearer};

#[test]
fn a_band_6_is_spoken_with_as_its_firmware_has_it() {
    // The older: its characteristic of the authentication.
    let mut older = Played::new(Kind::MiBand6);
    older.open(Opening::Resume(key()));
    assert_eq!(older.writes(uuids::AUTHENTICATION), [[0x82, 0, 2, 1, 0]]);

    let mut band = Agreed::ready(Kind::MiBand6);
    // Commands are encrypted messages, and so are their replies; the rest is where it was.
    let id = band.phone.request(Request::Settings(Settings {
        clock: Some(ClockFormat::Twelve),
        step_goal: Some(8000),
        ..Settings::default()
    }));
    assert_eq!(band.hear(), [(endpoint::COMPATIBILITY, vec![1, 6, 2, 0, 0])]);
    assert_eq!(
        band.phone.writes(uuids::USER_SETTINGS),
        [[0x10, 0, 0, 0x40, 0x1f, 0, 0]]
    );
    assert!(band.phone.writes(uuids::CONFIGURATION).is_empty());
    assert_eq!(band.phone.outcome(id), None);
    band.say(endpoint::COMPATIBILITY, Seal::Open, &[1, 0x10, 6, 2, 0, 1]);
    assert_eq!(band.phone.outcome(id), None, "anybody can have sent that");
    band.tell(endpoint::COMPATIBILITY, &[1, 0x10, 6, 2, 0, 1]);
    assert_eq!(band.phone.outcome(id), Some(Ok(())));
    assert!(!band.phone.runs(SETTINGS));

    band.phone.told(uuids::DEVICE_EVENT, &[0x08]);
    assert!(band.phone.has(&Event::FindPhone(true)));
    assert_eq!(band.hear(), [(endpoint::COMPATIBILITY, vec![1, 6, 0x14, 0, 0])]);
    let caller = "Ann".to_owned();
    band.phone.request(Request::Alert(Alert::Call { caller }));
    assert_eq!(
        band.phone.writes(uuids::CHUNKED),
        [b"\0\xc0\0\x03\0\0\0\0\x01Ann\0\0"]
    );
}

#[test]
fn battery_and_steps_come_as_messages_when_they_change() {
    let mut band = Agreed::ready(Kind::MiBand7);
    for charging in [0, 0, 1] {
        band.tell(endpoint::BATTERY, &[4, 0x0f, 47, charging]);
    }
    let battery = |charging| Event::Battery { level: 47, charging };
    assert_eq!(band.phone.events, [battery(false), battery(true)]);
    band.phone.events.clear();
    band.tell(endpoint::STEPS, &[4, 1, 0x0c, 13, 0, 0, 0, 9, 0, 0, 0]);
    band.tell(endpoint::STEPS, &[7, 0x0c, 13, 0, 0, 0, 9, 0, 0, 0]);
    let reading = Reading::Totals(DailyTotals {
        steps: 13,
        distance: Some(9),
        energy: None,
    });
    assert_eq!(band.phone.events, [Event::Reading { at: None, reading }]);
}

#[test]
fn a_band_that_asks_whether_we_are_still_there_is_answered() {
    let mut band = Agreed::ready(Kind::MiBand7);
    band.tell(endpoint::CONNECTION, &[3]);
    assert_eq!(band.hear(), [(endpoint::CONNECTION, vec![4])]);
    // What it would take is used, as far as the link has it.
    band.phone.gatt.mtu = 247;
    let gatt = band.phone.gatt.clone();
    band.phone.step(Input::Connected(gatt));
    band.tell(endpoint::CONNECTION, &[2, 97, 0]);
    let body = "x".repeat(200);
    let title = String::new();
    band.phone.request(Request::Alert(Alert::Message { title, body }));
    let chunks = band.phone.writes(uuids::MESSAGES_TO);
    assert_eq!(chunks.iter().map(Vec::len).max(), Some(97));
}

#[test]
fn the_heart_rate_is_measured_once_and_the_sensor_stopped() {
    let mut band = Agreed::ready(Kind::MiBand7);
    let id = band.phone.request(Request::MeasureHeartRate);
    assert_eq!(band.hear(), [(endpoint::HEART_RATE, vec![4, 1])]);
    band.phone.told(uuids::HEART_RATE_MEASUREMENT, &[0, 76]);
    assert_eq!(band.phone.outcome(id), Some(Ok(())));
    assert_eq!(band.hear(), [(endpoint::HEART_RATE, vec![4, 0])]);
    assert!(!band.phone.runs(MEASURE));

    let id = band.phone.request(Request::MeasureHeartRate);
    assert_eq!(band.phone.elapse(MEASURE), Duration::from_secs(30));
    assert_eq!(band.phone.outcome(id), Some(Err(Failure::TimedOut)));
    let stopped = (endpoint::HEART_RATE, vec![4, 0]);
    assert_eq!(band.hear().last(), Some(&stopped));
}

#[test]
fn the_heart_rate_is_followed_and_a_single_one_comes_with_it() {
    let mut band = Agreed::ready(Kind::MiBand7);
    let id = band.phone.request(Request::FollowHeartRate(true));
    assert_eq!(band.phone.outcome(id), Some(Ok(())));
    assert_eq!(band.phone.elapse(FOLLOW), Duration::from_secs(12));
    let once = band.phone.request(Request::MeasureHeartRate);
    band.phone.told(uuids::HEART_RATE_MEASUREMENT, &[0, 70]);
    assert_eq!(band.phone.outcome(once), Some(Ok(())));
    band.phone.request(Request::FollowHeartRate(false));
    let words: Vec<_> = band.hear().into_iter().map(|(_, data)| data[1]).collect();
    assert_eq!(words, [1, 2, 0], "the single one stopped nothing");
    assert!(!band.phone.runs(FOLLOW));
}

#[test]
fn a_search_for_the_band_goes_on_until_it_is_stopped_or_found() {
    let mut band = Agreed::ready(Kind::MiBand7);
    let id = band.phone.request(Request::Alert(Alert::Find));
    assert_eq!(band.phone.outcome(id), Some(Ok(())));
    band.phone.elapse(FIND);
    assert_eq!(band.hear(), vec![(endpoint::FIND, vec![3]); 2]);
    band.phone.request(Request::StopAlert(AlertKind::Find));
    assert_eq!(band.hear(), [(endpoint::FIND, vec![6])]);
    assert!(!band.phone.runs(FIND));

    band.phone.request(Request::Alert(Alert::Find));
    band.tell(endpoint::FIND, &[7]);
    assert!(!band.phone.runs(FIND), "its wearer has found it");
    let id = band.phone.request(Request::Forget);
    assert_eq!(band.phone.outcome(id), Some(Ok(())));
}

#[test]
fn a_search_for_the_phone_is_heard_and_ended_and_calls_can_be_declined() {
    let mut band = Agreed::ready(Kind::MiBand7);
    band.tell(endpoint::FIND, &[0x11]);
    band.tell(endpoint::FIND, &[0x15, 1]);
    assert_eq!(band.hear(), [(endpoint::FIND, vec![0x12, 1])]);
    // Twice before the link has taken the word that it is heard.
    let from = band.phone.characteristic(uuids::MESSAGES_FROM);
    for _ in 0..2 {
        let seal = messages::seal(endpoint::FIND);
        for value in band.tunnel.send(endpoint::FIND, &[0x11], seal, 23).unwrap() {
            band.phone.step(Input::Notified { from, value });
        }
    }
    band.phone.perform();
    assert_eq!(band.hear(), vec![(endpoint::FIND, vec![0x12, 1]); 2]);
    let id = band.phone.request(Request::PhoneFound);
    assert_eq!(band.phone.outcome(id), Some(Ok(())));
    assert_eq!(band.hear(), [(endpoint::FIND, vec![0x14])]);
    for (endpoint, data) in [
        (endpoint::FIND, &[0x13][..]),
        (endpoint::NOTIFICATIONS, &[5, 1]),
        (endpoint::NOTIFICATIONS, &[5, 2]),
        (endpoint::HEART_RATE, &[6, 1]),
        (endpoint::HEART_RATE, &[6, 0]),
    ] {
        band.tell(endpoint, data);
    }
    let events = [
        Event::FindPhone(true),
        Event::FindPhone(true),
        Event::FindPhone(true),
        Event::FindPhone(false),
        Event::DeclineCall,
        Event::IgnoreCall,
        Event::Asleep(true),
        Event::Asleep(false),
    ];
    let ended = |event: &&Event| !matches!(event, Event::Finished { .. });
    let told: Vec<_> = band.phone.events.iter().filter(ended).cloned().collect();
    assert_eq!(told, events);
}

#[test]
fn messages_and_calls_are_shown_and_taken_back() {
    let mut band = Agreed::ready(Kind::MiBand7);
    for (title, body) in [("Ann", "See you"), ("Bob", "Later")] {
        let (title, body) = (title.to_owned(), body.to_owned());
        band.phone.request(Request::Alert(Alert::Message { title, body }));
    }
    band.phone.request(Request::StopAlert(AlertKind::Message));
    let caller = "Ann".to_owned();
    band.phone.request(Request::Alert(Alert::Call { caller }));
    let id = band.phone.request(Request::StopAlert(AlertKind::Call));
    assert_eq!(band.phone.outcome(id), Some(Ok(())));
    let shown: Vec<_> = band.hear().into_iter().map(|(_, data)| data).collect();
    assert_eq!(
        shown,
        [
            notification::message(1, "Ann", "See you"),
            notification::message(2, "Bob", "Later"),
            notification::dismiss(2),
            notification::call("Ann"),
            notification::call_ended(),
        ]
    );
}

#[test]
fn the_wearer_is_the_one_setting_of_a_band_7() {
    let mut band = Agreed::ready(Kind::MiBand7);
    let wearer = Wearer {
        birth: date(1985, 7, 23),
        height: 178,
        weight: 74,
        sex: Sex::Female,
        id: 7,
    };
    let settings = Settings {
        wearer: Some(wearer),
        ..Settings::default()
    };
    let id = band.phone.request(Request::Settings(settings));
    assert_eq!(
        band.hear(),
        [(endpoint::WEARER, messages::wearer(&wearer).unwrap())]
    );
    assert_eq!(band.phone.outcome(id), None);
    band.tell(endpoint::WEARER, &[2, 1]);
    assert_eq!(band.phone.outcome(id), Some(Ok(())));
    let id = band.phone.request(Request::Settings(settings));
    assert_eq!(band.phone.elapse(SETTINGS), Duration::from_secs(10));
    assert_eq!(band.phone.outcome(id), Some(Err(Failure::TimedOut)));
    let goal = Settings {
        step_goal: Some(8000),
        ..settings
    };
    let id = band.phone.request(Request::Settings(goal));
    assert_eq!(band.phone.outcome(id), Some(Err(Failure::NotSupported)));
    let id = band.phone.request(Request::Settings(Settings::default()));
    assert_eq!(band.phone.outcome(id), Some(Ok(())));
}

/// A transfer of two samples; `crc` is what the band says of them.
fn transfer(band: &mut Agreed, crc: u32) {
    let start = encode_short(moment(NOW - 120));
    let reply = [&[0x10, 1, 1, 2, 0, 0, 0], &start[..], &[0]].concat();
    band.phone.told(uuids::FETCH_CONTROL, &reply);
    let samples = [80, 25, 7, 61, 4, 0, 128, 0, 80, 15, 8, 255, 4, 0, 128, 0];
    band.phone.told(uuids::FETCH_DATA, &[&[0], &samples[..]].concat());
    let end = [
        &[0x10, 2, 1],
        &(crc32fast::hash(&samples) ^ crc).to_le_bytes()[..],
    ]
    .concat();
    band.phone.told(uuids::FETCH_CONTROL, &end);
}

#[test]
fn a_transfer_is_kept_until_it_is_on_disk_and_then_deleted() {
    let mut band = Agreed::ready(Kind::MiBand7);
    let since = Some(moment(NOW - 180));
    let now = moment(NOW);
    let id = band.phone.request(Request::Fetch {
        since,
        now,
        forgets: true,
    });
    // The CRC-32 of other data: the band is told to keep them, and asked again.
    transfer(&mut band, 1);
    assert_eq!(
        band.phone.writes(uuids::FETCH_CONTROL)[1..],
        [vec![2], vec![3, 9]]
    );
    band.phone.elapse(FETCH);
    transfer(&mut band, 0);
    let steps: Vec<_> = band.phone.history().iter().map(|one| one.steps).collect();
    assert_eq!(steps, [7, 8]);
    let last = |band: &Agreed| band.phone.writes(uuids::FETCH_CONTROL).last().cloned();
    assert_eq!(last(&band), Some(vec![2]));
    band.phone.step(Input::Committed);
    band.phone.perform();
    assert_eq!(last(&band), Some(vec![3, 1]));
    band.phone.told(uuids::FETCH_CONTROL, &[0x10, 3, 1]);
    assert_eq!(band.phone.outcome(id), Some(Ok(())));
}
