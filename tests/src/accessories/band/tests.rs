//! The band by itself, without a bus.

use super::wire::{
    ALERT, AUTH, CHUNKED, CONFIG, DATA, EVENTS, FETCH, HEART, HEART_CONTROL, LEVEL, TIME, date,
};
use super::*;

const KEY: [u8; 16] = *b"0123456789@ABCDE";

struct Wrist {
    band: Band,
    now: Duration,
    hung: bool,
}

impl Wrist {
    fn with(model: Model, key: Option<[u8; 16]>) -> Self {
        let address = Address::random([0xc1, 2, 3, 4, 5, 6]);
        let mut wrist = Self {
            band: Band::new(model, address, key, 7),
            now: Duration::ZERO,
            hung: false,
        };
        wrist.connect();
        wrist
    }

    fn connect(&mut self) {
        let mut air = Air::at(self.now);
        self.band.on_connect(&mut air);
        for uuid in [AUTH, CONFIG, FETCH, DATA, EVENTS, HEART] {
            self.band.on_subscribe(uuid, true, &mut air);
        }
    }

    fn act(&mut self, deed: impl FnOnce(&mut Band, &mut Air)) -> Vec<Vec<u8>> {
        let mut air = Air::at(self.now);
        deed(&mut self.band, &mut air);
        self.hung |= air.hung();
        air.notified().iter().map(|(_, value)| value.clone()).collect()
    }

    fn write(&mut self, to: Uuid, value: &[u8]) -> Vec<Vec<u8>> {
        self.act(|band, air| band.on_write(to, value, air).unwrap())
    }

    fn pass(&mut self, time: Duration) -> Vec<Vec<u8>> {
        let end = self.now + time;
        let mut said = Vec::new();
        while let Some(due) = self.band.deadline().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            said.extend(self.act(|band, air| band.tick(air)));
        }
        self.now = end;
        said
    }

    fn authenticate(&mut self, key: [u8; 16]) -> Vec<u8> {
        let challenge = self.write(AUTH, &[2, 0]).remove(0);
        assert_eq!(challenge[..3], [0x10, 2, 1]);
        let block = auth::encrypt(key, challenge[3..].try_into().unwrap());
        let mut answer = vec![3, 0];
        answer.extend(block);
        self.write(AUTH, &answer).remove(0)
    }
}

fn key_to_send() -> Vec<u8> {
    [&[1, 8][..], &KEY].concat()
}

#[test]
fn a_tap_makes_a_key_the_bands() {
    let mut wrist = Wrist::with(Model::Two, Some([9; 16]));
    assert!(wrist.write(AUTH, &key_to_send()).is_empty());
    assert!(wrist.band.auth.asking());
    assert_eq!(wrist.act(|band, air| band.tap(air)), [[0x10, 1, 1]]);
    assert_eq!(wrist.authenticate(KEY), [0x10, 3, 1]);
    assert_eq!(wrist.act(|band, air| band.tap(air)), [[0x04]]);
}

#[test]
fn without_a_tap_the_old_key_stays() {
    let mut wrist = Wrist::with(Model::Three, Some([9; 16]));
    wrist.write(AUTH, &key_to_send());
    assert_eq!(wrist.pass(Duration::from_secs(30)), [[0x10, 1, 2]]);
    assert_eq!(wrist.authenticate(KEY), [0x10, 3, 4]);
    assert_eq!(wrist.authenticate([9; 16]), [0x10, 3, 1]);
}

#[test]
fn the_answer_to_a_challenge_is_known_from_elsewhere() {
    // AES-128 of FIPS 197, appendix C.1.
    let key = std::array::from_fn(|at| u8::try_from(at).unwrap());
    let plain = std::array::from_fn(|at| u8::try_from(at * 0x11).unwrap());
    let hex: String = auth::encrypt(key, plain)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    assert_eq!(hex, "69c4e0d86a7b0430d8cdb78070b4c55a");
}

#[test]
fn a_challenge_counts_once_and_a_key_has_sixteen_bytes() {
    let mut wrist = Wrist::with(Model::Two, Some(KEY));
    assert_eq!(
        wrist.write(AUTH, &[&[3, 8][..], &[0; 16]].concat()),
        [[0x10, 3, 4]]
    );
    assert_eq!(wrist.write(AUTH, &[1, 8, 1, 2, 3]), [[0x10, 1, 4]]);
    let mut nobodys = Wrist::with(Model::Two, None);
    assert_eq!(nobodys.write(AUTH, &[2, 8]), [[0x10, 2, 4]]);
}

#[test]
fn a_band_four_takes_no_key_and_says_so_in_its_own_way() {
    let mut wrist = Wrist::with(Model::Four, Some(KEY));
    assert_eq!(wrist.write(AUTH, &key_to_send()), [[0x10, 1, 4]]);
    assert_eq!(wrist.band.refused_keys, 1);
    let challenge = wrist.write(AUTH, &[0x82, 0, 2, 1, 0]).remove(0);
    assert_eq!(challenge[..3], [0x10, 0x82, 1]);
    assert_eq!(
        wrist.write(AUTH, &[&[0x83, 0][..], &[0; 16]].concat()),
        [[0x10, 0x83, 8]]
    );
    assert_eq!(wrist.authenticate(KEY), [0x10, 3, 1]);
}

#[test]
fn an_unauthenticated_link_is_dropped_and_does_nothing() {
    let mut wrist = Wrist::with(Model::Two, Some(KEY));
    assert!(wrist.write(LEVEL, &[2]).is_empty());
    assert!(wrist.write(FETCH, &[3]).is_empty());
    assert!(wrist.band.alerts.is_empty());
    wrist.pass(Duration::from_secs(29));
    assert!(!wrist.hung);
    wrist.pass(Duration::from_secs(1));
    assert!(wrist.hung);
}

#[test]
fn an_authenticated_link_stays() {
    let mut wrist = Wrist::with(Model::Two, Some(KEY));
    wrist.authenticate(KEY);
    wrist.pass(Duration::from_secs(3600));
    assert!(!wrist.hung);
}

/// Fetches from the minute `from` on: the control notifications, and the data.
fn fetch(wrist: &mut Wrist, from: i64) -> (Vec<u8>, Vec<Vec<u8>>) {
    let mut request = vec![1, 1];
    request.extend(date(from * 60));
    request.push(0);
    let agreed = wrist.write(FETCH, &request).remove(0);
    let mut data = wrist.write(FETCH, &[2]);
    assert_eq!(data.pop().unwrap(), [0x10, 2, 1]);
    (agreed, data)
}

#[test]
fn a_month_comes_in_rounds_and_goes_when_it_is_acknowledged() {
    let first = 28_000_000;
    let mut wrist = Wrist::with(Model::Two, Some(KEY));
    wrist.authenticate(KEY);
    wrist.band.history.live(3, first, 30 * 1440);
    wrist.band.history.round = 1442;
    let mut next = first;
    while !wrist.band.history.minutes().is_empty() {
        let (agreed, data) = fetch(&mut wrist, next);
        let count = u32::from_le_bytes(agreed[3..7].try_into().unwrap());
        assert_eq!(agreed[7..14], date(next * 60));
        for (at, packet) in data.iter().enumerate() {
            assert_eq!(usize::from(packet[0]), at % 256);
            for sample in packet[1..].chunks(4) {
                let minute = Minute::lived(3, next);
                assert_eq!(
                    sample,
                    [minute.kind, minute.intensity, minute.steps, minute.heart]
                );
                next += 1;
            }
        }
        // 1442 is four times 360 and two: the last packet is shorter, and 360 packets wrap the counter.
        assert_eq!(data.len(), usize::try_from(count).unwrap().div_ceil(4));
        assert_eq!(wrist.write(FETCH, &[3]), [[0x10, 3, 1]]);
    }
    assert_eq!(next, first + 30 * 1440);
    let (agreed, data) = fetch(&mut wrist, next);
    assert_eq!(agreed[..7], [0x10, 1, 1, 0, 0, 0, 0]);
    assert!(data.is_empty());
    assert_eq!(wrist.write(FETCH, &[3]), [[0x10, 3, 1]]);
}

#[test]
fn a_round_ends_at_a_gap_and_starts_behind_it() {
    let mut wrist = Wrist::with(Model::Two, Some(KEY));
    wrist.authenticate(KEY);
    wrist.band.history.live(3, 1000, 10);
    wrist.band.history.live(3, 1100, 5);
    let (agreed, _) = fetch(&mut wrist, 1004);
    assert_eq!(agreed[3], 6);
    let (agreed, _) = fetch(&mut wrist, 1010);
    assert_eq!((agreed[3], &agreed[7..14]), (5, &date(1100 * 60)[..]));
}

#[test]
fn nothing_goes_without_an_acknowledgement_or_with_a_broken_transfer() {
    let mut wrist = Wrist::with(Model::Two, Some(KEY));
    wrist.authenticate(KEY);
    wrist.band.history.live(3, 1000, 10);
    fetch(&mut wrist, 1000);
    wrist.band.on_disconnect();
    wrist.connect();
    wrist.authenticate(KEY);
    assert_eq!(wrist.write(FETCH, &[3]), [[0x10, 3, 1]]);
    assert_eq!(wrist.band.history.minutes().len(), 10);
    wrist.band.history.skip = Some(1);
    let (_, data) = fetch(&mut wrist, 1000);
    assert_eq!(data.iter().map(|p| p[0]).collect::<Vec<_>>(), [0, 2]);
    wrist.band.history.refuse = Some(0x32);
    let mut request = vec![1, 1];
    request.extend(date(60_000));
    request.push(0);
    assert_eq!(wrist.write(FETCH, &request), [[0x10, 1, 0x32]]);
}

#[test]
fn the_zone_of_a_request_is_heeded_and_that_of_the_band_is_answered() {
    let mut wrist = Wrist::with(Model::Two, Some(KEY));
    wrist.authenticate(KEY);
    wrist.write(TIME, &[0xea, 7, 7, 6, 12, 0, 0, 1, 0, 0, 8]);
    wrist.band.history.live(3, 30_000, 3);
    // 30 000 minutes UTC are 30 120 two hours east of it.
    let mut request = vec![1, 1];
    request.extend(date(30_121 * 60));
    request.push(8);
    let agreed = wrist.write(FETCH, &request).remove(0);
    assert_eq!(
        (agreed[3], &agreed[7..14], agreed[14]),
        (2, &date(30_121 * 60)[..], 8)
    );
}

#[test]
fn continuous_measuring_ends_without_a_sign_of_life() {
    let mut wrist = Wrist::with(Model::Two, Some(KEY));
    wrist.authenticate(KEY);
    assert_eq!(wrist.write(HEART_CONTROL, &[0x15, 2, 1]), [[0, 68]]);
    assert_eq!(wrist.write(HEART_CONTROL, &[0x15, 1, 1]), [[0, 68]]);
    assert_eq!(wrist.pass(Duration::from_secs(12)).len(), 12);
    wrist.write(HEART_CONTROL, &[0x16]);
    assert_eq!(wrist.pass(Duration::from_secs(12)).len(), 12);
    assert_eq!(wrist.pass(Duration::from_secs(12)).len(), 2);
    assert!(!wrist.band.heart.continuous());
}

#[test]
fn alerts_are_seen_as_the_wearer_sees_them() {
    let mut wrist = Wrist::with(Model::Three, Some(KEY));
    wrist.authenticate(KEY);
    wrist.write(LEVEL, &[3]);
    wrist.write(LEVEL, &[0xff, 100, 0, 0x2c, 1, 4]);
    wrist.write(ALERT, b"\x05\x01This text is longer than eighteen bytes");
    wrist.write(ALERT, &[3, 0]);
    wrist.write(CHUNKED, b"\x00\x00\x00\xfa\x01\x07WhatsApp\x00Hello\x00");
    wrist.write(CHUNKED, b"\x00\x80\x01App\x00");
    let shown = |category, icon, texts: &[&str]| Alert::Shown {
        category,
        icon,
        texts: texts.iter().map(|t| (*t).to_owned()).collect(),
    };
    let expected = [
        Alert::Level(3),
        Alert::Pattern {
            on: 100,
            off: 300,
            times: 4,
        },
        shown(5, None, &["This text is longe"]),
        Alert::Gone { category: 3 },
        shown(0xfa, Some(7), &["WhatsApp", "Hello", "App"]),
    ];
    assert_eq!(wrist.band.alerts, expected);
}

#[test]
fn the_configuration_is_answered_and_a_factory_reset_makes_it_nobodys() {
    let mut wrist = Wrist::with(Model::Two, Some(KEY));
    wrist.authenticate(KEY);
    assert_eq!(wrist.write(CONFIG, &[6, 6, 0, 1]), [[0x10, 6, 6, 0, 1]]);
    assert_eq!(wrist.write(CONFIG, &[0x0d]), [[0x10, 0x0d, 5]]);
    wrist.band.history.live(3, 1000, 10);
    wrist.write(CONFIG, &[6, 0x0b, 0, 1]);
    assert!(wrist.hung);
    assert!(wrist.band.auth.key.is_none() && wrist.band.history.minutes().is_empty());
}

#[test]
fn it_advertises_steps_and_address_and_nothing_while_connected() {
    let mut wrist = Wrist::with(Model::Two, Some(KEY));
    assert!(wrist.band.advertisement().is_none());
    wrist.band.on_disconnect();
    wrist.act(|band, air| band.walk(air, 9101));
    let said = wrist.band.advertisement().unwrap();
    assert_eq!(said.service_data, [(sig(0xfee0), vec![0x8d, 0x23, 0, 0])]);
    let (company, payload) = &said.manufacturer[0];
    assert_eq!((*company, payload.len()), (0x0157, 24));
    assert_eq!(payload[18..], [0xc1, 2, 3, 4, 5, 6]);
    wrist.connect();
    wrist.authenticate(KEY);
    wrist.write(CONFIG, &[6, 1, 0, 1]);
    assert!(wrist.band.advertisement().is_some());
}
