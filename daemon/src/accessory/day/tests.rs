use belay_drivers::{ActivityMinute, Reading};
use proptest::prelude::*;

use super::{DAY, Minutes, NotADay, Readings, day_of};

fn minute(start: u64, steps: u8) -> ActivityMinute {
    ActivityMinute {
        start,
        kind: 1,
        intensity: 20,
        steps,
        heart_rate: 255,
    }
}

#[test]
fn a_minute_that_is_stored_never_changes_and_is_never_there_twice() {
    let day = 20_000;
    let mut minutes = Minutes::default();
    assert!(minutes.put(&minute(day * DAY, 3)));
    assert!(!minutes.put(&minute(day * DAY, 9)));
    assert!(minutes.put(&minute(day * DAY + DAY - 60, 4)));
    let stored: Vec<_> = minutes.iter(day).collect();
    assert_eq!(stored, [minute(day * DAY, 3), minute(day * DAY + DAY - 60, 4)]);
}

#[test]
fn a_whole_day_takes_less_than_six_kilobytes() {
    let mut minutes = Minutes::default();
    for slot in 0..1440 {
        minutes.put(&minute(slot * 60, 1));
    }
    assert_eq!(minutes.encode().len(), 1 + 180 + 5760);
}

#[test]
fn readings_of_one_second_stand_beside_each_other_by_quantity() {
    let day = 20_000;
    let mut readings = Readings::default();
    assert!(readings.put(day * DAY + 5, Reading::Weight(70.5)));
    assert!(readings.put(day * DAY + 5, Reading::Impedance(503.0)));
    assert!(!readings.put(day * DAY + 5, Reading::Weight(71.0)));
    assert!(!readings.put(day * DAY + 6, Reading::Press));
    let stored: Vec<_> = readings.iter(day).collect();
    assert_eq!(
        stored,
        [
            (day * DAY + 5, Reading::Weight(70.5)),
            (day * DAY + 5, Reading::Impedance(503.0))
        ]
    );
}

#[test]
fn what_is_no_day_is_refused() {
    for bytes in [&[][..], &[2], &[1, 0]] {
        assert_eq!(Minutes::decode(bytes), Err(NotADay));
    }
    for bytes in [&[][..], &[2], &[1, 0]] {
        assert_eq!(Readings::decode(bytes), Err(NotADay));
    }
    // A bitmap that promises more than there is.
    let mut short = Minutes::default().encode();
    short[1] = 1;
    assert_eq!(Minutes::decode(&short), Err(NotADay));
}

proptest! {
    #[test]
    fn a_day_is_read_as_it_was_written(minutes in prop::collection::vec((0..1440_u64, any::<u8>(), any::<u8>()), 0..200)) {
        let mut day = Minutes::default();
        for (slot, steps, kind) in minutes {
            day.put(&ActivityMinute { kind, ..minute(day_of(1_700_000_000) * DAY + slot * 60, steps) });
        }
        prop_assert_eq!(Minutes::decode(&day.encode()), Ok(day));
    }

    #[test]
    fn readings_are_read_as_they_were_written(readings in prop::collection::vec((0..DAY, -50.0..200.0), 0..100)) {
        let mut day = Readings::default();
        for (second, value) in readings {
            day.put(second, Reading::Temperature(value));
        }
        prop_assert_eq!(Readings::decode(&day.encode()), Ok(day));
    }

    #[test]
    fn any_bytes_are_a_day_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = Minutes::decode(&bytes);
        let _ = Readings::decode(&bytes);
    }
}
