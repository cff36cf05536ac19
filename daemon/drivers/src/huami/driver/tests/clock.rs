//! A phone that isn't sure of its clock changes nothing at the band.

use super::*;
use crate::huami::codec::time::encode_short;

/// The minute before this one is on disk; it is the last one that is over.
const FROM: u64 = NOW - 60;

/// Has one minute of the band put on the disk.
fn fetched(band: &mut Played, forgets: bool) -> RequestId {
    let since = Some(moment(FROM - 60));
    let now = moment(NOW);
    let id = band.request(Request::Fetch { since, now, forgets });
    let start = encode_short(moment(FROM));
    let offered = [&[0x10, 1, 1, 1, 0, 0, 0], &start[..]].concat();
    band.told(uuids::FETCH_CONTROL, &offered);
    band.told(uuids::FETCH_DATA, &[0, 1, 2, 3, 255]);
    band.told(uuids::FETCH_CONTROL, &[0x10, 2, 1]);
    assert_eq!(band.history().len(), 1);
    band.step(Input::Committed);
    band.perform();
    id
}

#[test]
fn what_is_not_to_be_forgotten_is_not_acknowledged() {
    let mut band = Played::ready(Kind::MiBand2);
    let id = fetched(&mut band, true);
    assert_eq!(band.writes(uuids::FETCH_CONTROL).last(), Some(&vec![3]));
    assert_eq!(band.outcome(id), None, "the band is to say that it has heard");

    let mut band = Played::ready(Kind::MiBand2);
    let id = fetched(&mut band, false);
    assert_eq!(band.writes(uuids::FETCH_CONTROL).last(), Some(&vec![2]));
    assert_eq!(band.outcome(id), Some(Ok(())));
}

#[test]
fn an_opening_leaves_a_clock_that_is_not_to_be_set() {
    for sets_clock in [true, false] {
        let mut band = Played::new(Kind::MiBand3);
        let opening = Opening::Resume(key());
        let now = moment(NOW);
        let id = band.request(Request::Open {
            opening,
            now,
            sets_clock,
        });
        band.told(uuids::AUTHENTICATION, &[&[0x10, 0x02, 1], &[9; 16][..]].concat());
        band.told(uuids::AUTHENTICATION, &[0x10, 0x03, 1]);
        assert_eq!(band.outcome(id), Some(Ok(())));
        assert_eq!(!band.writes(uuids::CURRENT_TIME).is_empty(), sets_clock);
    }
}
