//! The fetch of the history.

use super::*;
use crate::huami::codec::time::encode_short;
use crate::huami::driver::core::FETCH;

/// 17:00 of that day; the minute before is on disk.
const FROM: u64 = NOW - 3600;

fn begin(band: &mut Played) -> RequestId {
    fetch(band, FROM - 60, NOW)
}

fn fetch(band: &mut Played, since: u64, now: u64) -> RequestId {
    band.request(all_since(Some(since), now))
}

fn all_since(since: Option<u64>, now: u64) -> Request {
    let (since, now, forgets) = (since.map(moment), moment(now), true);
    Request::Fetch { since, now, forgets }
}

/// The answer to a request: so many samples from this moment on.
fn started(count: u32, start: Moment) -> Vec<u8> {
    [&[0x10, 1, 1], &count.to_le_bytes()[..], &encode_short(start)[..]].concat()
}

fn offer(band: &mut Played, count: u32, start: u64) {
    band.told(uuids::FETCH_CONTROL, &started(count, moment(start)));
}

/// A packet of samples that are only a number of steps.
fn packet(band: &mut Played, counter: u8, steps: &[u8]) {
    let samples = steps.iter().flat_map(|steps| [1, 2, *steps, 255]);
    let value: Vec<_> = std::iter::once(counter).chain(samples).collect();
    band.told(uuids::FETCH_DATA, &value);
}

fn end(band: &mut Played) {
    band.told(uuids::FETCH_CONTROL, &[0x10, 2, 1]);
}

fn control(band: &Played) -> Vec<Vec<u8>> {
    band.writes(uuids::FETCH_CONTROL)
}

fn requests(band: &Played) -> usize {
    control(band).iter().filter(|value| value[0] == 1).count()
}

fn acknowledged(band: &Played) -> bool {
    control(band).iter().any(|value| value[0] == 3)
}

#[test]
fn a_transfer_is_acknowledged_only_once_it_is_on_disk() {
    let mut band = Played::ready(Kind::MiBand2);
    let id = fetch(&mut band, FROM - 60, FROM + 360);
    assert_eq!(control(&band), [[1, 1, 0xea, 7, 6, 21, 17, 0, 0, 4]]);
    offer(&mut band, 6, FROM);
    packet(&mut band, 0, &[1, 2, 3, 4]);
    packet(&mut band, 1, &[5, 6]);
    end(&mut band);
    let minutes = band.history();
    assert_eq!(
        minutes.iter().map(|one| one.steps).collect::<Vec<_>>(),
        [1, 2, 3, 4, 5, 6]
    );
    assert_eq!(
        minutes.iter().map(|one| one.start).collect::<Vec<_>>(),
        (0..6).map(|index| FROM + 60 * index).collect::<Vec<_>>()
    );
    assert!(!acknowledged(&band) && band.outcome(id).is_none() && !band.runs(FETCH));

    band.step(Input::Committed);
    band.perform();
    assert_eq!(control(&band)[2], [3]);
    band.told(uuids::FETCH_CONTROL, &[0x10, 3, 1]);
    assert_eq!(band.outcome(id), Some(Ok(())));
    assert!(!band.runs(FETCH));
    let last = band
        .events
        .iter()
        .rev()
        .find(|event| matches!(event, Event::Progress { .. }));
    assert_eq!(last, Some(&Event::Progress { done: 6, total: 6 }));
}

#[test]
fn rounds_follow_one_another_until_now() {
    let mut band = Played::ready(Kind::MiBand3);
    let id = fetch(&mut band, FROM - 60, FROM + 420);
    for (round, from) in [(0, FROM), (1, FROM + 180)] {
        offer(&mut band, 3, from);
        packet(&mut band, 0, &[1, 2, 3]);
        end(&mut band);
        band.step(Input::Committed);
        band.perform();
        band.told(uuids::FETCH_CONTROL, &[0x10, 3, 1]);
        assert_eq!(band.outcome(id), None, "round {round}");
        assert_eq!(band.elapse(FETCH), Duration::from_secs(1));
    }
    let last = control(&band).last().cloned();
    assert_eq!(last, Some(vec![1, 1, 0xea, 7, 6, 21, 17, 6, 0, 4]));
    offer(&mut band, 0, FROM + 360);
    assert_eq!(band.outcome(id), Some(Ok(())));
    assert_eq!(band.history().len(), 6);
}

#[test]
fn the_start_that_the_band_tells_counts_with_its_seconds_and_its_offset() {
    let mut band = Played::ready(Kind::MiBand3);
    begin(&mut band);
    // Two hours ahead of UTC: 18:20:37 there is 17:20:37 here.
    let start = Moment::at(FROM + 20 * 60 + 37, Offset::from_seconds(7200).unwrap()).unwrap();
    let mut reply = started(2, start);
    reply[13] = 37;
    band.told(uuids::FETCH_CONTROL, &reply);
    packet(&mut band, 0, &[1, 2]);
    end(&mut band);
    let starts: Vec<_> = band.history().iter().map(|one| one.start).collect();
    assert_eq!(starts, [FROM + 1200, FROM + 1260]);
}

#[test]
fn a_band_with_nothing_to_tell_ends_the_fetch() {
    let six = [0x10, 1, 1, 9, 0, 0];
    for reply in [
        &started(0, moment(FROM))[..],
        &six,
        &[0x10, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    ] {
        let mut band = Played::ready(Kind::MiBand3);
        let id = begin(&mut band);
        band.told(uuids::FETCH_CONTROL, reply);
        assert_eq!(band.outcome(id), Some(Ok(())), "{reply:?}");
        assert_eq!(control(&band).len(), 1);
        assert!(band.history().is_empty() && !band.runs(FETCH));
    }
    // And one that finds nothing only when it begins.
    let mut band = Played::ready(Kind::MiBand3);
    let id = begin(&mut band);
    offer(&mut band, 4, FROM);
    band.told(uuids::FETCH_CONTROL, &[0x10, 2, 4]);
    assert_eq!(band.outcome(id), Some(Ok(())));
}

#[test]
fn nothing_is_asked_where_no_minute_can_be_new() {
    let mut band = Played::ready(Kind::MiBand3);
    for since in [NOW, NOW - 30, NOW + 86400] {
        let id = fetch(&mut band, since, NOW);
        assert_eq!(band.outcome(id), Some(Ok(())));
    }
    assert!(control(&band).is_empty());
}

#[test]
fn a_first_fetch_goes_100_days_back() {
    let mut band = Played::ready(Kind::MiBand3);
    band.request(all_since(None, NOW));
    // 2026-03-13 17:01 UTC, an hour later there.
    assert_eq!(control(&band), [[1, 1, 0xea, 7, 3, 13, 18, 1, 0, 4]]);
}

#[test]
fn a_refused_start_ends_the_fetch() {
    let mut band = Played::ready(Kind::MiBand3);
    let id = begin(&mut band);
    band.told(uuids::FETCH_CONTROL, &[0x10, 1, 0x32]);
    assert_eq!(band.outcome(id), Some(Err(Failure::Refused)));
    assert_eq!(requests(&band), 1);
}

#[test]
fn a_gap_drops_the_transfer_and_three_more_tries_are_all() {
    let mut band = Played::ready(Kind::MiBand3);
    let id = begin(&mut band);
    for round in 1..=4 {
        offer(&mut band, 3, FROM);
        packet(&mut band, 0, &[1]);
        packet(&mut band, 2, &[3]);
        packet(&mut band, 3, &[4]);
        end(&mut band);
        assert_eq!(requests(&band), round);
        if round < 4 {
            assert_eq!(band.outcome(id), None);
            assert_eq!(band.elapse(FETCH), Duration::from_secs(1));
        }
    }
    assert_eq!(band.outcome(id), Some(Err(Failure::Nonsense)));
    assert!(band.history().is_empty() && !acknowledged(&band));
}

#[test]
fn a_transfer_that_the_band_gives_up_is_asked_for_again() {
    for (packets, end, why) in [
        (0, &[0x10, 2, 0x32, 0, 0, 0, 0][..], Failure::Refused),
        (1, &[0x10, 2, 4], Failure::Refused),
        // The CRC-32 of other data.
        (1, &[0x10, 2, 1, 1, 2, 3, 4], Failure::Nonsense),
    ] {
        let mut band = Played::ready(Kind::MiBand3);
        let id = begin(&mut band);
        for round in 1..=4 {
            assert_eq!(requests(&band), round);
            offer(&mut band, 1, FROM);
            for counter in 0..packets {
                packet(&mut band, counter, &[1]);
            }
            band.told(uuids::FETCH_CONTROL, end);
            if round < 4 {
                band.elapse(FETCH);
            }
        }
        assert_eq!(band.outcome(id), Some(Err(why)));
        assert!(band.history().is_empty());
    }
}

#[test]
fn a_round_that_goes_well_after_a_gap_counts_as_the_first_try() {
    let mut band = Played::ready(Kind::MiBand3);
    let id = begin(&mut band);
    for minute in 0..5 {
        let from = FROM + 60 * minute;
        offer(&mut band, 1, from);
        packet(&mut band, 7, &[1]);
        end(&mut band);
        band.elapse(FETCH);
        offer(&mut band, 1, from);
        packet(&mut band, 0, &[1]);
        end(&mut band);
        band.step(Input::Committed);
        band.perform();
        band.told(uuids::FETCH_CONTROL, &[0x10, 3, 1]);
        band.elapse(FETCH);
    }
    assert_eq!(band.outcome(id), None);
    assert_eq!(band.history().len(), 5);
}

#[test]
fn the_counter_wraps() {
    let mut band = Played::ready(Kind::MiBand3);
    begin(&mut band);
    offer(&mut band, 600, NOW - 600 * 60);
    for index in 0..300_u16 {
        packet(&mut band, index.to_le_bytes()[0], &[1, 2]);
    }
    end(&mut band);
    // Those from before the minute that is on disk are passed over.
    assert_eq!(band.history().len(), 60);
    assert_eq!(band.history()[0].start, FROM);
}

#[test]
fn silence_is_waited_for_ten_seconds_from_the_last_packet() {
    let mut band = Played::ready(Kind::MiBand3);
    let id = begin(&mut band);
    assert_eq!(band.elapse(FETCH), Duration::from_secs(10));
    band.elapse(FETCH);
    offer(&mut band, 5, FROM);
    packet(&mut band, 0, &[1]);
    assert_eq!(band.elapse(FETCH), Duration::from_secs(10));
    band.elapse(FETCH);
    assert_eq!(band.elapse(FETCH), Duration::from_secs(10));
    band.elapse(FETCH);
    assert_eq!(band.elapse(FETCH), Duration::from_secs(10));
    assert_eq!(band.outcome(id), Some(Err(Failure::TimedOut)));
    assert_eq!(requests(&band), 4);
    assert!(band.history().is_empty());
}

#[test]
fn a_band_that_brings_nothing_new_or_lives_in_the_future_ends_the_fetch() {
    let mut band = Played::ready(Kind::MiBand3);
    let id = begin(&mut band);
    offer(&mut band, 2, FROM - 120);
    packet(&mut band, 0, &[1, 2]);
    end(&mut band);
    assert_eq!(band.outcome(id), Some(Ok(())));
    assert!(band.history().is_empty() && !acknowledged(&band));

    let id = begin(&mut band);
    offer(&mut band, 2, NOW + 7200);
    assert_eq!(band.outcome(id), Some(Ok(())));
    let begun = control(&band).iter().filter(|value| **value == [2]).count();
    assert_eq!((requests(&band), begun), (2, 1));

    // A transfer that runs into the future is cut there, and the band keeps it.
    let id = fetch(&mut band, NOW - 120, NOW);
    offer(&mut band, 100, NOW - 60);
    for counter in 0..10 {
        packet(&mut band, counter, &[1; 10]);
    }
    end(&mut band);
    let starts: Vec<_> = band.history().iter().map(|one| one.start).collect();
    assert_eq!(starts, [NOW - 60, NOW]);
    band.step(Input::Committed);
    assert!(!acknowledged(&band));
    assert_eq!(band.outcome(id), Some(Ok(())));
}

#[test]
fn data_that_come_after_the_end_still_count_and_a_lost_tail_is_never_acknowledged() {
    let mut band = Played::ready(Kind::MiBand3);
    begin(&mut band);
    offer(&mut band, 4, FROM);
    packet(&mut band, 0, &[1, 2]);
    end(&mut band);
    assert!(band.history().is_empty());
    packet(&mut band, 1, &[3, 4]);
    assert_eq!(band.history().len(), 4);

    let mut band = Played::ready(Kind::MiBand3);
    let id = begin(&mut band);
    offer(&mut band, 4, FROM);
    packet(&mut band, 0, &[1, 2]);
    end(&mut band);
    assert_eq!(band.elapse(FETCH), Duration::from_secs(1));
    assert_eq!(band.history().len(), 2);
    band.step(Input::Committed);
    band.perform();
    assert!(!acknowledged(&band) && band.outcome(id).is_none());
    // The rest is asked for.
    band.elapse(FETCH);
    let last = control(&band).last().cloned();
    assert_eq!(last, Some(vec![1, 1, 0xea, 7, 6, 21, 17, 2, 0, 4]));
}

#[test]
fn half_a_sample_is_no_transfer() {
    let mut band = Played::ready(Kind::MiBand6);
    begin(&mut band);
    offer(&mut band, 1, FROM);
    packet(&mut band, 0, &[1, 2, 3]);
    end(&mut band);
    assert!(band.history().is_empty());
    band.elapse(FETCH);
    assert_eq!(requests(&band), 2);
}

#[test]
fn later_bands_send_samples_of_eight_bytes() {
    let mut band = Played::ready(Kind::MiBand5);
    begin(&mut band);
    offer(&mut band, 2, FROM);
    band.told(
        uuids::FETCH_DATA,
        &[0, 80, 25, 7, 61, 4, 0, 128, 0, 80, 15, 8, 255, 4, 0, 128, 0],
    );
    end(&mut band);
    let told: Vec<_> = band
        .history()
        .iter()
        .map(|one| (one.steps, one.heart_rate))
        .collect();
    assert_eq!(told, [(7, 61), (8, 255)]);
}

#[test]
fn a_second_fetch_waits_its_turn_and_the_first_can_be_cancelled() {
    let mut band = Played::ready(Kind::MiBand3);
    let id = begin(&mut band);
    let second = begin(&mut band);
    assert_eq!(band.outcome(second), Some(Err(Failure::Busy)));
    offer(&mut band, 4, FROM);
    packet(&mut band, 0, &[1]);
    band.step(Input::Cancel(id));
    assert_eq!(band.outcome(id), Some(Err(Failure::Cancelled)));
    assert!(!band.runs(FETCH));
    // What the band still sends of it is passed over by the next.
    let third = begin(&mut band);
    packet(&mut band, 1, &[2]);
    end(&mut band);
    offer(&mut band, 1, FROM);
    packet(&mut band, 0, &[9]);
    end(&mut band);
    assert_eq!(
        band.history().iter().map(|one| one.steps).collect::<Vec<_>>(),
        [9]
    );
    band.step(Input::Disconnected);
    assert_eq!(band.outcome(third), Some(Err(Failure::Lost)));
    band.step(Input::Committed);
    assert!(!acknowledged(&band));
}

#[test]
fn a_write_that_fails_ends_the_fetch() {
    let mut band = Played::ready(Kind::MiBand3);
    let id = band.ask(all_since(None, NOW));
    band.refuse(OperationError::Refused);
    assert_eq!(band.outcome(id), Some(Err(Failure::Refused)));
    assert!(!band.runs(FETCH));
}
