//! Authentication, and what follows it.

use super::*;
use crate::driver::Information;
use crate::huami::driver::core::AUTHENTICATION;

const RANDOM: [u8; 19] = [
    0x10, 0x02, 1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
];
/// The answer to it with the key of these tests.
const ANSWER: &str = "f5003494346bffac69990bf7f317e5db";

fn auth_writes(band: &Played) -> Vec<String> {
    let all = band.writes(uuids::AUTHENTICATION);
    all.iter()
        .map(|value| value.iter().map(|byte| format!("{byte:02x}")).collect())
        .collect()
}

fn key_text() -> String {
    KEY.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_band_is_paired_with_a_new_key_and_a_tap() {
    for (kind, flag) in [(Kind::MiBand2, "08"), (Kind::MiBand3, "00")] {
        let mut band = Played::new(kind);
        let id = band.open(Opening::Pair(key()));
        assert_eq!(auth_writes(&band), [format!("01{flag}{}", key_text())]);
        assert!(band.has(&Event::AwaitingConfirmation));
        assert_eq!(band.timers, [(AUTHENTICATION, Duration::from_secs(60))]);

        band.told(uuids::AUTHENTICATION, &[0x10, 1, 1]);
        assert_eq!(auth_writes(&band)[1..], [format!("02{flag}")]);
        assert_eq!(band.timers, [(AUTHENTICATION, Duration::from_secs(10))]);
        band.told(uuids::AUTHENTICATION, &RANDOM);
        assert_eq!(auth_writes(&band)[2..], [format!("03{flag}{ANSWER}")]);
        assert_eq!(band.outcome(id), None);

        band.told(uuids::AUTHENTICATION, &[0x10, 3, 1]);
        assert_eq!(band.outcome(id), Some(Ok(())));
        assert!(band.has(&Event::Ready));
        assert!(band.timers.is_empty());
        assert_eq!(
            band.events
                .iter()
                .filter(|event| **event == Event::AwaitingConfirmation)
                .count(),
            1
        );
    }
}

#[test]
fn a_band_that_is_ours_is_opened_without_a_tap() {
    for (kind, ask, answer) in [
        (Kind::MiBand2, "0208", "0308"),
        (Kind::MiBand3, "0200", "0300"),
        (Kind::MiBand4, "8200020100", "8300"),
        (Kind::MiBand5, "8200020100", "8300"),
        (Kind::MiBand6, "8200020100", "8300"),
    ] {
        let mut band = Played::new(kind);
        let id = band.open(Opening::Resume(key()));
        band.told(uuids::AUTHENTICATION, &RANDOM);
        band.told(uuids::AUTHENTICATION, &[0x10, 3, 1]);
        assert_eq!(auth_writes(&band), [ask.to_owned(), format!("{answer}{ANSWER}")]);
        assert!(!band.has(&Event::AwaitingConfirmation));
        assert_eq!(band.outcome(id), Some(Ok(())));
    }
}

#[test]
fn a_band_with_an_issued_key_never_gets_another() {
    let mut band = Played::new(Kind::MiBand4);
    let id = band.open(Opening::Pair(key()));
    assert_eq!(auth_writes(&band), ["8200020100"]);
    band.told(uuids::AUTHENTICATION, &[&[0x10, 0x82], &RANDOM[2..]].concat());
    band.told(uuids::AUTHENTICATION, &[0x10, 0x83, 1]);
    assert_eq!(band.outcome(id), Some(Ok(())));
}

#[test]
fn a_band_that_is_nobodys_is_claimed_with_a_tap() {
    let mut band = Played::new(Kind::MiBand2);
    let id = band.open(Opening::Claim(key()));
    assert_eq!(auth_writes(&band), ["0208"]);
    assert!(!band.has(&Event::AwaitingConfirmation));
    band.told(uuids::AUTHENTICATION, &[0x10, 2, 4]);
    assert_eq!(auth_writes(&band)[1..], [format!("0108{}", key_text())]);
    assert!(band.has(&Event::AwaitingConfirmation));
    assert_eq!(band.timers, [(AUTHENTICATION, Duration::from_secs(60))]);
    band.told(uuids::AUTHENTICATION, &[0x10, 1, 1]);
    band.told(uuids::AUTHENTICATION, &RANDOM);
    band.told(uuids::AUTHENTICATION, &[0x10, 3, 1]);
    assert_eq!(band.outcome(id), Some(Ok(())));
}

#[test]
fn a_band_that_holds_another_key_is_not_claimed() {
    let mut band = Played::new(Kind::MiBand3);
    let id = band.open(Opening::Claim(key()));
    band.told(uuids::AUTHENTICATION, &RANDOM);
    band.told(uuids::AUTHENTICATION, &[0x10, 3, 4]);
    assert_eq!(band.outcome(id), Some(Err(Failure::KeyMismatch)));
    assert!(auth_writes(&band).iter().all(|write| !write.starts_with("01")));
}

#[test]
fn without_a_key_nothing_is_written() {
    for opening in [Opening::Pair(None), Opening::Claim(None), Opening::Resume(None)] {
        for kind in [Kind::MiBand2, Kind::MiBand4, Kind::MiBand6] {
            let mut band = Played::new(kind);
            let id = band.open(opening.clone());
            assert_eq!(band.outcome(id), Some(Err(Failure::KeyRequired)));
            assert_eq!(band.failed, Some(Failure::KeyRequired));
            assert!(band.written.is_empty());
        }
    }
}

/// Opens a band that says `replies`; the failure.
fn fails(kind: Kind, opening: Opening, replies: &[&[u8]]) -> (Failure, Vec<String>) {
    let mut band = Played::new(kind);
    let id = band.open(opening);
    for reply in replies {
        band.told(uuids::AUTHENTICATION, reply);
    }
    let failure = band.failed.expect("the driver gives up");
    assert_eq!(band.outcome(id), Some(Err(failure)));
    assert!(!band.has(&Event::Ready));
    (failure, auth_writes(&band))
}

#[test]
fn each_way_to_fail_has_its_name() {
    let pair = || Opening::Pair(key());
    let resume = || Opening::Resume(key());
    let cases: [(Kind, Opening, &[&[u8]], Failure); 9] = [
        (Kind::MiBand2, pair(), &[&[0x10, 1, 2]], Failure::NotConfirmed),
        (Kind::MiBand2, pair(), &[&[0x10, 1, 4]], Failure::Refused),
        (Kind::MiBand2, resume(), &[&[0x10, 2, 4]], Failure::NoKey),
        (
            Kind::MiBand2,
            resume(),
            &[&RANDOM, &[0x10, 3, 4]],
            Failure::KeyMismatch,
        ),
        (
            Kind::MiBand4,
            resume(),
            &[&RANDOM, &[0x10, 3, 8]],
            Failure::KeyMismatch,
        ),
        (
            Kind::MiBand4,
            resume(),
            &[&RANDOM, &[0x10, 0x83, 8]],
            Failure::KeyMismatch,
        ),
        (
            Kind::MiBand3,
            resume(),
            &[&RANDOM, &[0x10, 3, 9]],
            Failure::Refused,
        ),
        (Kind::MiBand3, resume(), &[&RANDOM[..18]], Failure::Nonsense),
        (Kind::MiBand3, resume(), &[&[]], Failure::Nonsense),
    ];
    for (kind, opening, replies, failure) in cases {
        let (told, written) = fails(kind, opening.clone(), replies);
        assert_eq!(told, failure, "{replies:?}");
        // A band that holds another key keeps it.
        let keys = written.iter().filter(|value| value.starts_with("01")).count();
        assert_eq!(keys, usize::from(matches!(opening, Opening::Pair(_))));
    }
}

#[test]
fn a_band_that_says_nothing_is_given_up() {
    let mut band = Played::new(Kind::MiBand2);
    let id = band.open(Opening::Pair(key()));
    assert_eq!(band.elapse(AUTHENTICATION), Duration::from_secs(60));
    assert_eq!(band.outcome(id), Some(Err(Failure::TimedOut)));

    let mut band = Played::new(Kind::MiBand2);
    let id = band.open(Opening::Resume(key()));
    assert_eq!(band.elapse(AUTHENTICATION), Duration::from_secs(10));
    assert_eq!(band.outcome(id), Some(Err(Failure::TimedOut)));
    assert_eq!(band.failed, Some(Failure::TimedOut));
}

#[test]
fn the_clock_is_set_and_the_band_says_what_it_is_before_it_is_ready() {
    let mut band = Played::new(Kind::MiBand2);
    band.open(Opening::Resume(key()));
    band.told(uuids::AUTHENTICATION, &RANDOM);
    band.told(uuids::AUTHENTICATION, &[0x10, 3, 1]);
    // A Sunday, one hour ahead of UTC.
    let clock = [0xea, 0x07, 6, 21, 18, 0, 0, 7, 0, 0, 4];
    assert_eq!(band.writes(uuids::CURRENT_TIME), [clock]);
    for uuid in [
        uuids::CONFIGURATION,
        uuids::BATTERY,
        uuids::DEVICE_EVENT,
        uuids::FETCH_CONTROL,
        uuids::FETCH_DATA,
        uuids::HEART_RATE_MEASUREMENT,
    ] {
        assert_eq!(band.subscribed.iter().filter(|one| **one == uuid).count(), 1);
    }
    let information = Event::Information(Information {
        serial: "0123456789ab".to_owned(),
        firmware: "1.0.1.81".to_owned(),
        hardware: "0.1.3.2".to_owned(),
    });
    let place = |wanted: &Event| band.events.iter().position(|event| event == wanted);
    let battery = Event::Battery {
        level: 48,
        charging: false,
    };
    assert!(place(&information).is_some() && place(&battery).is_some());
    assert!(place(&information) < place(&Event::Ready));
    assert!(place(&battery) < place(&Event::Ready));
}

#[test]
fn a_band_with_little_to_offer_is_opened_nevertheless() {
    let without: Vec<_> = all()
        .into_iter()
        .map(|(_, uuid, _)| uuid)
        .filter(|uuid| *uuid != uuids::AUTHENTICATION)
        .collect();
    let mut band = Played::ready_without(Kind::MiBand3, &without);
    for request in [
        Request::SetTime(moment(NOW)),
        Request::Fetch {
            since: None,
            now: moment(NOW),
            forgets: true,
        },
        Request::MeasureHeartRate,
        Request::FollowHeartRate(true),
        Request::Alert(crate::Alert::Find),
        Request::Alert(crate::Alert::Call {
            caller: "A".to_owned(),
        }),
        Request::StopAlert(crate::alert::AlertKind::Call),
        Request::Settings(crate::Settings {
            step_goal: Some(1),
            ..crate::Settings::default()
        }),
        Request::PhoneFound,
    ] {
        let id = band.request(request.clone());
        assert_eq!(band.outcome(id), Some(Err(Failure::NotSupported)), "{request:?}");
    }
    assert!(band.written.is_empty() && band.timers.is_empty());
}

#[test]
fn a_device_that_is_no_band_is_told_apart() {
    let mut band = Played::without(Kind::MiBand3, &[uuids::AUTHENTICATION]);
    let id = band.open(Opening::Pair(key()));
    assert_eq!(band.outcome(id), Some(Err(Failure::NotSupported)));
    assert!(Band::new(Kind::MiScale).is_none());
}

#[test]
fn nothing_is_taken_before_the_band_is_ready() {
    let mut band = Played::new(Kind::MiBand3);
    let early = band.request(Request::MeasureHeartRate);
    assert_eq!(band.outcome(early), Some(Err(Failure::Busy)));
    let open = band.open(Opening::Resume(key()));
    let second = band.open(Opening::Resume(key()));
    assert_eq!(band.outcome(second), Some(Err(Failure::Busy)));
    let early = band.request(Request::PhoneFound);
    assert_eq!(band.outcome(early), Some(Err(Failure::Busy)));
    assert_eq!(band.outcome(open), None);
}

#[test]
fn a_refused_subscription_ends_the_opening() {
    let mut band = Played::new(Kind::MiBand3);
    let id = band.ask(Request::Open {
        opening: Opening::Pair(key()),
        now: moment(NOW),
        sets_clock: true,
    });
    band.refuse(OperationError::Refused);
    assert_eq!(band.outcome(id), Some(Err(Failure::Refused)));
    assert!(band.written.is_empty());
}

#[test]
fn an_opening_can_be_cancelled_or_lost() {
    let mut band = Played::new(Kind::MiBand2);
    let id = band.open(Opening::Pair(key()));
    band.step(Input::Cancel(id));
    assert_eq!(band.outcome(id), Some(Err(Failure::Cancelled)));
    assert_eq!(band.failed, Some(Failure::Cancelled));

    let mut band = Played::new(Kind::MiBand2);
    let id = band.open(Opening::Pair(key()));
    band.step(Input::Disconnected);
    assert_eq!(band.outcome(id), Some(Err(Failure::Lost)));
    let late = band.request(Request::PhoneFound);
    assert_eq!(band.outcome(late), Some(Err(Failure::Lost)));
}
