//! What the known answers don't ask of the decoders.

use proptest::prelude::*;

use crate::huami::codec::{
    alarm, auth, battery, chunked, config, event, fetch, heart_rate, information, sample, steps, time,
};
use crate::huami::{activity, advertisement};
use crate::kind::Kind;
use crate::moment::Moment;

proptest! {
    #[test]
    fn no_decoder_panics(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = time::Clock::decode(&bytes).map(time::Clock::encode);
        let _ = time::decode_short(&bytes).map(time::encode_short);
        let _ = battery::decode(&bytes);
        let _ = steps::decode(&bytes);
        let _ = heart_rate::decode(&bytes);
        let _ = auth::decode(&bytes);
        let _ = fetch::decode(&bytes);
        let _ = config::decode(&bytes);
        let _ = alarm::Alarm::decode(&bytes);
        let _ = event::decode(&bytes);
        let _ = sample::packet(&bytes);
        let _ = sample::decode(&bytes, sample::Size::Four);
        let _ = sample::decode(&bytes, sample::Size::Eight);
        let _ = advertisement::manufacturer(&bytes);
        let _ = advertisement::steps(&bytes);
        prop_assert!(information::version(&bytes).chars().count() <= 64);
        let _ = auth::key_of_text(&String::from_utf8_lossy(&bytes));
        for kind in Kind::ALL {
            let _ = activity::classify_all(kind, activity::Activity::Unknown, bytes.clone()).count();
        }
    }

    #[test]
    fn a_moment_is_read_back_as_it_was_written(seconds in 0_u64..4_000_000_000, quarters in -48_i32..=56) {
        let offset = jiff::tz::Offset::from_seconds(quarters * 900).unwrap();
        let moment = Moment::at(seconds, offset).unwrap();
        let clock = time::Clock::decode(&time::Clock::showing(moment).encode()).unwrap();
        prop_assert_eq!((clock.civil, clock.offset), (moment.civil, Some(offset)));
        prop_assert!((1..=7).contains(&clock.weekday));
        let minute = Moment::at(seconds - seconds % 60, offset).unwrap();
        prop_assert_eq!(time::decode_short(&time::encode_short(moment)), Ok(minute));
    }

    #[test]
    fn chunks_carry_everything_and_say_where_they_belong(
        data in prop::collection::vec(any::<u8>(), 0..600),
        mtu in 0_u16..300,
    ) {
        let chunks = chunked::chunks(0, &data, mtu).unwrap();
        let limit = usize::from(mtu.max(23)) - 3;
        let last = chunks.len() - 1;
        for (index, chunk) in chunks.iter().enumerate() {
            prop_assert!(chunk.len() <= limit);
            let flags = match (index == 0, index == last) {
                (true, true) => 0xc0,
                (true, false) => 0,
                (false, false) => 0x40,
                (false, true) => 0x80,
            };
            prop_assert_eq!(&chunk[..3], &[0, flags, u8::try_from(index).unwrap()]);
        }
        let whole: Vec<u8> = chunks.iter().flat_map(|chunk| chunk[3..].to_vec()).collect();
        prop_assert_eq!(whole, data);
    }
}

#[test]
fn what_has_more_chunks_than_an_index_counts_is_refused() {
    assert!(chunked::chunks(0, &[0; 17 * 256], 23).is_some());
    assert!(chunked::chunks(0, &[0; 17 * 256 + 1], 23).is_none());
}

#[test]
fn what_is_out_of_range_is_malformed() {
    assert!(battery::decode(&[0x0f, 101, 0]).is_err());
    assert!(battery::decode(&[0x0f, 100]).is_err());
    assert!(steps::decode(&[0x0c, 1, 0, 0]).is_err());
    assert!(time::decode_short(&[0xea, 7, 13, 1, 0, 0, 0, 0]).is_err());
    assert!(time::decode_short(&[0xea, 7, 2, 30, 0, 0, 0, 0]).is_err());
    assert!(time::decode_short(&[0xea, 7, 2, 3, 24, 0, 0, 0]).is_err());
    assert!(time::decode_short(&[0xea, 7, 2, 3, 0, 0, 0, 0x80]).is_err());
    assert!(alarm::Alarm::decode(&[2, 0x80, 24, 0, 0]).is_err());
}

#[test]
fn a_heart_rate_of_two_bytes_is_read_too() {
    assert_eq!(heart_rate::decode(&[1, 200, 0]), Ok(Some(200)));
    assert!(heart_rate::decode(&[1, 200]).is_err());
}

#[test]
fn a_weekday_begins_with_monday() {
    for (day, weekday) in [(22, 1), (23, 2), (27, 6), (28, 7)] {
        let civil = jiff::civil::date(2026, 6, day).at(12, 0, 0, 0);
        let offset = jiff::tz::Offset::UTC;
        assert_eq!(time::Clock::showing(Moment { civil, offset }).weekday, weekday);
    }
}
