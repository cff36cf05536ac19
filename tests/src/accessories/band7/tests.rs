//! The band by itself, without a bus: a phone that is written here too.

use super::*;

const KEY: [u8; 16] = *b"0123456789@ABCDE";

/// A phone and a band; what the band says comes out of the phone's own tunnel.
struct Wrist {
    band: Band7,
    phone: Tunnel,
    now: Duration,
}

impl Wrist {
    fn new() -> Self {
        let address = Address::random([0xc1, 2, 3, 4, 5, 7]);
        let mut wrist = Self {
            band: Band7::new(address, KEY, 7),
            phone: Tunnel::default(),
            now: Duration::ZERO,
        };
        wrist.act(|band, air| {
            band.on_connect(air);
            for uuid in [FROM, wire::FETCH, wire::DATA, wire::HEART] {
                band.on_subscribe(uuid, true, air);
            }
        });
        wrist
    }

    /// What the band notifies meanwhile, by characteristic.
    fn act(&mut self, deed: impl FnOnce(&mut Band7, &mut Air)) -> Vec<(Uuid, Vec<u8>)> {
        let mut air = Air::at(self.now);
        deed(&mut self.band, &mut air);
        air.notified().to_vec()
    }

    fn write(&mut self, to: Uuid, value: &[u8]) -> Vec<(Uuid, Vec<u8>)> {
        self.act(|band, air| band.on_write(to, value, air).unwrap())
    }

    /// Sends a message; the band's.
    fn send(&mut self, endpoint: u16, secret: bool, text: &[u8]) -> Vec<Vec<u8>> {
        let mut said = Vec::new();
        for piece in self.phone.give(endpoint, secret, text, 20) {
            said.extend(self.write(TO, &piece));
        }
        self.read(said)
    }

    fn read(&mut self, notified: Vec<(Uuid, Vec<u8>)>) -> Vec<Vec<u8>> {
        let pieces = notified
            .into_iter()
            .filter(|(of, value)| *of == FROM && value[0] == 3);
        pieces
            .filter_map(|(_, piece)| self.phone.take(&piece).1)
            .map(|message| message.text)
            .collect()
    }

    fn authenticate(&mut self, key: [u8; 16]) -> Vec<Vec<u8>> {
        let secret = [0x11; 24];
        let public = curve::public(&secret).unwrap();
        let told = self.send(0x0082, false, &[&[4, 2, 0, 2], &public[..]].concat());
        let told = &told[0];
        assert_eq!((told.len(), &told[..3]), (67, &[0x10, 4, 1][..]));
        let random = told[3..19].try_into().unwrap();
        let shared = curve::shared(&secret, &told[19..]).unwrap();
        let session: [u8; 16] = std::array::from_fn(|at| shared[8 + at] ^ key[at]);
        let both = [
            super::super::band::encrypt(key, random),
            super::super::band::encrypt(session, random),
        ];
        let answer = self.send(0x0082, false, &[&[5], both.as_flattened()].concat());
        let first = u32::from_le_bytes(*shared.first_chunk().unwrap());
        self.phone.agree(session, first);
        answer
    }
}

#[test]
fn whoever_has_the_key_is_trusted_and_others_are_not() {
    let mut wrist = Wrist::new();
    assert_eq!(wrist.authenticate([1; 16]), [[0x10, 5, 0x25]]);
    assert!(!wrist.band.trusted());
    let mut wrist = Wrist::new();
    assert_eq!(wrist.authenticate(KEY), [[0x10, 5, 1]]);
    assert!(wrist.band.trusted());
    assert_eq!(wrist.send(0x001a, true, &[3]), [[4, 1]]);
    assert!(wrist.band.vibrates);
    // In clear, what should be encrypted isn't heard.
    assert!(wrist.send(0x001a, false, &[6]).is_empty());
    assert!(wrist.band.vibrates && wrist.band.wrong() == 1);
}

#[test]
fn a_link_without_authentication_drops_after_a_while() {
    let mut wrist = Wrist::new();
    wrist.now = wrist.band.deadline().unwrap();
    let mut air = Air::at(wrist.now);
    wrist.band.tick(&mut air);
    assert!(air.hung());
}

#[test]
fn a_transfer_ends_with_its_sum_and_is_deleted_only_when_it_is_said() {
    let mut wrist = Wrist::new();
    wrist.authenticate(KEY);
    wrist.band.history.live(3, 29_000_000, 5);
    let mut request = vec![1, 1];
    request.extend(wire::date(29_000_000 * 60));
    request.push(0);
    for word in [9, 1] {
        let answer = wrist.write(wire::FETCH, &request).remove(0).1;
        assert_eq!((answer.len(), &answer[..7]), (16, &[0x10, 1, 1, 5, 0, 0, 0][..]));
        let said = wrist.write(wire::FETCH, &[2]);
        let data: Vec<u8> = said
            .iter()
            .filter(|(of, _)| *of == wire::DATA)
            .flat_map(|(_, packet)| packet[1..].to_vec())
            .collect();
        assert_eq!(data.len(), 40);
        let end = [&[0x10, 2, 1], &tunnel::crc(&data).to_le_bytes()[..]].concat();
        assert_eq!(said.last(), Some(&(wire::FETCH, end)));
        let again = wrist.write(wire::FETCH, &request).remove(0).1;
        assert_eq!(again, [0x10, 1, 0x32], "nothing was said of the transfer before");
        wrist.write(wire::FETCH, &[3, word]);
        let left = if word == 1 { 0 } else { 5 };
        assert_eq!(wrist.band.history.minutes().len(), left);
    }
}

#[test]
fn it_measures_until_it_is_stopped_or_forgotten() {
    let mut wrist = Wrist::new();
    wrist.authenticate(KEY);
    let measured = |notified: &[(Uuid, Vec<u8>)]| notified.iter().any(|(of, _)| *of == wire::HEART);
    let pieces = wrist.phone.give(0x001d, false, &[4, 1], 20);
    assert!(measured(&wrist.write(TO, &pieces[0])));
    let mut beats = 0;
    while let Some(due) = wrist.band.deadline() {
        wrist.now = due;
        beats += usize::from(measured(&wrist.act(|band, air| band.tick(air))));
    }
    assert_eq!(beats, 15);
}

#[test]
fn the_clock_wants_a_sunday_that_is_0_and_a_reason() {
    let mut wrist = Wrist::new();
    wrist.authenticate(KEY);
    let mut air = Air::at(Duration::ZERO);
    let mut time = [0xea, 0x07, 6, 21, 18, 0, 0, 7, 0, 8, 4];
    for (weekday, reason, taken) in [(7, 8, false), (0, 0, false), (0, 8, true)] {
        (time[7], time[9]) = (weekday, reason);
        let answer = wrist.band.on_write(wire::TIME, &time, &mut air);
        assert_eq!(answer.is_ok(), taken);
    }
    assert_eq!(wrist.band.time, time);
}
