//! The driver against a link and a band of the protocol of 2021 that do anything.

use proptest::prelude::*;

use super::*;
use crate::huami::driver::tests::anything::{Deed, deed, do_it, ends};

/// What the band says.
#[derive(Clone, Debug)]
enum Word {
    /// A whole message, sealed with the session's key or in clear.
    Message(u16, bool, Vec<u8>),
    /// The same message again, or an earlier one.
    Again(prop::sample::Index),
    /// A chunk with a header that comes near to one.
    Chunk(u8, u8, u8, Vec<u8>),
    Other(Deed),
}

fn word() -> impl Strategy<Value = Word> {
    let endpoint = prop::sample::select(vec![
        endpoint::CONNECTION,
        endpoint::STEPS,
        endpoint::WEARER,
        endpoint::FIND,
        endpoint::HEART_RATE,
        endpoint::NOTIFICATIONS,
        endpoint::BATTERY,
        endpoint::AUTHENTICATION,
        endpoint::COMPATIBILITY,
        0x4711,
    ]);
    let data = (0_u8..0x16, prop::collection::vec(any::<u8>(), 0..80))
        .prop_map(|(command, rest)| [&[command], &rest[..]].concat());
    prop_oneof![
        4 => (endpoint, any::<bool>(), data).prop_map(|(to, sealed, data)| Word::Message(to, sealed, data)),
        1 => any::<prop::sample::Index>().prop_map(Word::Again),
        2 => (0_u8..16, 0_u8..4, 0_u8..3, prop::collection::vec(any::<u8>(), 0..15))
            .prop_map(|(flags, handle, index, body)| Word::Chunk(flags, handle, index, body)),
        6 => deed().prop_map(Word::Other),
    ]
}

impl Agreed {
    fn utter(&mut self, said: &mut Vec<Vec<u8>>, word: Word) {
        let chunks = match word {
            Word::Other(deed) => return do_it(&mut self.phone, deed),
            Word::Chunk(flags, handle, index, body) => {
                vec![[&[3, flags, 0, handle, index], &body[..]].concat()]
            }
            Word::Again(_) if said.is_empty() => return,
            Word::Again(index) => vec![index.get(said).clone()],
            Word::Message(endpoint, sealed, data) => {
                let seal = if sealed { Seal::Sealed } else { Seal::Open };
                // Before there is a key nothing can be sealed.
                self.tunnel.send(endpoint, &data, seal, 23).unwrap_or_default()
            }
        };
        for value in chunks {
            said.push(value.clone());
            let from = self.phone.characteristic(uuids::MESSAGES_FROM);
            self.phone.step(Input::Notified { from, value });
        }
    }
}

proptest! {
    // Each connection costs five multiplications of a point.
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_request_ends_exactly_once_and_nothing_piles_up(
        kind in prop::sample::select(vec![Kind::MiBand6, Kind::MiBand7]),
        ready in prop::bool::weighted(0.8),
        words in prop::collection::vec(word(), 0..120),
    ) {
        let mut band = if ready { Agreed::ready(kind) } else { Agreed::new(kind) };
        let first = band.phone.next;
        let mut said = Vec::new();
        for word in words {
            band.utter(&mut said, word);
            prop_assert!(band.phone.queue.len() < 1100, "operations pile up");
        }
        band.phone.step(Input::Disconnected);
        let ends = ends(&band.phone);
        for id in first..band.phone.next {
            prop_assert_eq!(ends.get(&id), Some(&1), "request {}", id);
        }
    }
}
