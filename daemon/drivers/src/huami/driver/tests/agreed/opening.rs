//! The key agreement, and bands that don't keep to the protocol.

use super::*;
use crate::driver::Information;
use crate::huami::driver::core::{AUTHENTICATION, MESSAGE};

#[test]
fn a_band_7_agrees_on_a_key_and_says_what_it_is() {
    let mut band = Agreed::new(Kind::MiBand7);
    let id = band.phone.open(Opening::Pair(key()));
    assert_eq!(band.phone.subscribed, [uuids::MESSAGES_FROM]);
    assert_eq!(band.phone.timers, [(AUTHENTICATION, Duration::from_secs(10))]);
    band.agree();
    assert_eq!(band.phone.outcome(id), Some(Ok(())));
    assert!(!band.phone.has(&Event::AwaitingConfirmation), "nobody has to tap");
    let information = Event::Information(Information {
        serial: "0123456789ab".to_owned(),
        firmware: "1.0.1.81".to_owned(),
        hardware: "0.1.3.2".to_owned(),
    });
    assert!(band.phone.has(&information) && band.phone.has(&Event::Ready));
    // A Sunday, for Zepp OS: day 0, reason 8.
    let clock = [0xea, 0x07, 6, 21, 18, 0, 0, 0, 0, 8, 4];
    assert_eq!(band.phone.writes(uuids::CURRENT_TIME), [clock]);
    let asked = band.hear();
    let expected: [(u16, &[u8]); 4] = [
        (endpoint::CONNECTION, &[1]),
        (endpoint::BATTERY, &[3]),
        (endpoint::STEPS, &[3]),
        (endpoint::STEPS, &[5, 1]),
    ];
    assert_eq!(asked, expected.map(|(to, data)| (to, data.to_vec())));
    let acknowledged = band.phone.writes(uuids::MESSAGES_FROM);
    assert_eq!(acknowledged, [[4, 0, 1, 1, 4], [4, 0, 2, 1, 0]]);
    assert!(band.phone.timers.is_empty());
}

#[test]
fn each_way_in_which_an_agreement_fails_has_its_name() {
    let refused = |reply: &[u8]| {
        let mut band = Agreed::new(Kind::MiBand7);
        let id = band.phone.open(Opening::Resume(key()));
        band.challenge();
        band.say(endpoint::AUTHENTICATION, Seal::Open, reply);
        let failure = band.phone.failed.expect("the driver gives up");
        assert_eq!(band.phone.outcome(id), Some(Err(failure)));
        assert!(!band.phone.has(&Event::Ready));
        failure
    };
    assert_eq!(refused(&[0x10, 5, 0x25]), Failure::KeyMismatch);
    assert_eq!(refused(&[0x10, 5, 2]), Failure::Refused);
    assert_eq!(refused(&[0x10, 5]), Failure::Nonsense);
    assert_eq!(refused(&[]), Failure::Nonsense);

    let first = |reply: &[u8]| {
        let mut band = Agreed::new(Kind::MiBand7);
        band.phone.open(Opening::Resume(key()));
        band.say(endpoint::AUTHENTICATION, Seal::Open, reply);
        assert!(band.phone.writes(uuids::MESSAGES_TO).len() <= 4, "no answer");
        band.phone.failed
    };
    assert_eq!(first(&[0x10, 4, 2]), Some(Failure::Refused));
    assert_eq!(
        first(&[&[0x10, 4, 1], &[7; 63][..]].concat()),
        Some(Failure::Nonsense)
    );
    let mut public = *KeyPair::new(&[2; 24]).unwrap().public();
    public[30] ^= 1;
    let no_point = [&[0x10, 4, 1], &RANDOM[..], &public[..]].concat();
    assert_eq!(first(&no_point), Some(Failure::Nonsense), "no point of the curve");
    assert_eq!(first(&[0x10, 5, 1]), None, "an answer to what wasn't said");
}

#[test]
fn without_a_key_or_chance_nothing_is_written() {
    let mut band = Agreed::new(Kind::MiBand7);
    let id = band.phone.open(Opening::Resume(None));
    assert_eq!(band.phone.outcome(id), Some(Err(Failure::KeyRequired)));
    let mut band = Agreed::new(Kind::MiBand7);
    band.phone.driver.core.entropy = Entropy::default();
    let id = band.phone.open(Opening::Resume(key()));
    assert_eq!(band.phone.outcome(id), Some(Err(Failure::NotSupported)));
    assert!(band.phone.written.is_empty());
    // And where the band hasn't what the protocol needs.
    let mut band = Played::new(Kind::MiBand7);
    let id = band.open(Opening::Resume(key()));
    assert_eq!(band.outcome(id), Some(Err(Failure::NotSupported)));
}

#[test]
fn a_band_that_loses_a_chunk_of_its_key_is_given_up_in_time() {
    let mut band = Agreed::new(Kind::MiBand7);
    let id = band.phone.open(Opening::Resume(key()));
    let reply = [&[0x10, 4, 1], &RANDOM[..], &band.pair.public()[..]].concat();
    let chunks = band
        .tunnel
        .send(endpoint::AUTHENTICATION, &reply, Seal::Open, 23)
        .unwrap();
    for (index, chunk) in chunks.iter().enumerate() {
        if index != 1 {
            band.phone.told(uuids::MESSAGES_FROM, chunk);
        }
    }
    assert_eq!(band.phone.outcome(id), None);
    assert_eq!(band.phone.elapse(AUTHENTICATION), Duration::from_secs(10));
    assert_eq!(band.phone.outcome(id), Some(Err(Failure::TimedOut)));
}

#[test]
fn a_band_that_cheats_is_cut_off() {
    // A message that comes again after another.
    let mut band = Agreed::ready(Kind::MiBand7);
    let again = band
        .tunnel
        .send(endpoint::FIND, &[0x11], Seal::Sealed, 247)
        .unwrap()
        .remove(0);
    for _ in 0..3 {
        band.phone.told(uuids::MESSAGES_FROM, &again);
    }
    band.tell(endpoint::FIND, &[0x13]);
    assert_eq!(band.phone.failed, None);
    let id = band.phone.ask(Request::MeasureHeartRate);
    band.phone.told(uuids::MESSAGES_FROM, &again);
    assert_eq!(band.phone.failed, Some(Failure::Nonsense));
    assert_eq!(band.phone.outcome(id), Some(Err(Failure::Nonsense)));
    let rings = band
        .phone
        .events
        .iter()
        .filter(|one| **one == Event::FindPhone(true));
    assert_eq!(rings.count(), 1);

    // One with another key, one of another length, one that is encrypted before there is a key.
    let mut forged = again.clone();
    *forged.last_mut().unwrap() ^= 1;
    let mut early = Agreed::new(Kind::MiBand7);
    early.phone.open(Opening::Resume(key()));
    for (mut band, chunk) in [
        (Agreed::ready(Kind::MiBand7), forged),
        (
            Agreed::ready(Kind::MiBand7),
            vec![3, 3, 0, 1, 0, 9, 0, 0, 0, 0x29, 0, 4],
        ),
        (
            Agreed::ready(Kind::MiBand7),
            vec![3, 1, 0, 1, 0, 255, 255, 255, 255, 0x29, 0],
        ),
        (early, again),
    ] {
        band.phone.told(uuids::MESSAGES_FROM, &chunk);
        assert_eq!(band.phone.failed, Some(Failure::Nonsense), "{chunk:?}");
    }
}

#[test]
fn a_message_without_an_end_shuts_out_others_for_five_seconds() {
    let mut band = Agreed::ready(Kind::MiBand7);
    let first = [3, 1, 0, 77, 0, 40, 0, 0, 0, 0x29, 0];
    band.phone.told(uuids::MESSAGES_FROM, &first);
    band.phone.told(uuids::MESSAGES_FROM, &[3, 0, 0, 77, 1]);
    band.tell(endpoint::BATTERY, &[4, 0x0f, 47, 0]);
    assert!(band.phone.events.is_empty());
    assert_eq!(band.phone.elapse(MESSAGE), Duration::from_secs(5));
    band.tell(endpoint::BATTERY, &[4, 0x0f, 48, 0]);
    assert_eq!(band.phone.events.len(), 1);
    assert!(!band.phone.runs(MESSAGE));
}

#[test]
fn a_flood_of_messages_that_want_an_answer_fills_no_memory() {
    let mut band = Agreed::ready(Kind::MiBand7);
    for _ in 0..5000 {
        let chunk = band
            .tunnel
            .send(endpoint::CONNECTION, &[3], Seal::Open, 23)
            .unwrap()
            .remove(0);
        let from = band.phone.characteristic(uuids::MESSAGES_FROM);
        // The link performs nothing meanwhile.
        band.phone.step(Input::Notified { from, value: chunk });
    }
    assert!(band.phone.queue.len() < 140, "{}", band.phone.queue.len());
    assert_eq!(band.phone.failed, None);
}
