mod flood;

use belay_proto::wire::Hint;

use super::*;
use crate::find::heartbeat::{LONGEST, START};
use crate::find::ports::Sign;
use crate::find::trouble::TroubleKind;

const NOW: Duration = Duration::from_secs(1000);

fn broken() -> Trouble {
    Trouble {
        kind: TroubleKind::Broken,
        asked: None,
    }
}

fn no_way() -> Trouble {
    Trouble {
        kind: TroubleKind::NoWay,
        asked: None,
    }
}

fn hint() -> Sign {
    Sign::Hint {
        hint: Some(Hint::Commands),
        id: Some("7".into()),
    }
}

/// Conditions with a network, so that what is learned is to be remembered.
fn home() -> Conditions {
    Conditions {
        network: Some(NetworkKey::of(b"home")),
        ..Conditions::default()
    }
}

/// A link whose stream is open and greeted at `NOW`, and whose commands are fetched.
fn open(conditions: Conditions) -> Link {
    let mut link = Link::new(conditions, None);
    assert!(matches!(link.begin()[..], [Order::Open { heartbeat: START, .. }]));
    greet(&mut link, NOW, START);
    link
}

fn greet(link: &mut Link, now: Duration, heartbeat: Duration) {
    link.opened(now);
    let orders = link.sign(now, &Sign::Greeting(heartbeat));
    assert!(orders.contains(&Order::Fetch { wait: Duration::ZERO }));
    link.fetched(now, false, false);
    assert!(link.is_up());
}

fn opening(orders: &[Order]) -> Option<Duration> {
    orders.iter().find_map(|order| match order {
        Order::Open { heartbeat, .. } => Some(*heartbeat),
        _ => None,
    })
}

#[test]
fn a_heartbeat_that_keeps_coming_grows_until_28_minutes_and_each_step_is_remembered() {
    let mut link = open(home());
    let (mut now, mut asked, mut remembered) = (NOW, START, 0);
    for _ in 0..20 {
        now += asked;
        let orders = link.sign(now, &Sign::Alive);
        if let Some(next) = opening(&orders) {
            assert!(next > asked && orders.contains(&Order::Close));
            asked = next;
            remembered += orders
                .iter()
                .filter(|order| matches!(order, Order::Remember(..)))
                .count();
            greet(&mut link, now, asked);
        }
    }
    assert_eq!(asked, LONGEST);
    assert!((4..=6).contains(&remembered), "{remembered} connections for it");
}

#[test]
fn an_idle_stream_wakes_for_nothing_but_its_heartbeat() {
    let mut link = open(home());
    assert_eq!(link.due(), Some(NOW + START + GRACE));
    let orders = link.sign(NOW + START, &Sign::Alive);
    assert_eq!(orders, [Order::Heard { again: false }]);
    assert_eq!(link.due(), Some(NOW + START * 2 + GRACE));
}

#[test]
fn a_cloud_that_says_more_than_was_asked_for_proves_nothing() {
    let mut link = open(home());
    for second in 1..100 {
        let orders = link.sign(NOW + Duration::from_secs(second), &Sign::Alive);
        assert_eq!(opening(&orders), None);
    }
}

#[test]
fn a_cloud_that_grants_an_endless_heartbeat_is_expected_to_speak_within_the_longest() {
    for granted in [LONGEST * 2, Duration::from_secs(u64::MAX)] {
        let mut link = Link::new(home(), None);
        link.begin();
        greet(&mut link, NOW, granted);
        assert_eq!(link.due(), Some(NOW + LONGEST + GRACE));
        link.sign(NOW + LONGEST, &Sign::Alive);
    }
}

#[test]
fn silence_halves_the_heartbeat_and_opens_another_stream_over_another_connection() {
    let mut link = open(home());
    let due = link.due().unwrap();
    assert_eq!(link.wake(due - Duration::from_secs(1)), []);
    let orders = link.wake(due);
    assert_eq!(opening(&orders), Some(START / 2));
    assert!(orders.contains(&Order::Renew) && orders.contains(&Order::Close));
    assert!(!link.is_up());
}

#[test]
fn a_device_that_slept_blames_no_network() {
    let mut link = open(home());
    let orders = link.wake(NOW + Duration::from_secs(7 * 3600));
    assert_eq!(opening(&orders), Some(START));
    assert!(!orders.iter().any(|order| matches!(order, Order::Remember(..))));
}

#[test]
fn a_stream_that_breaks_is_opened_again_after_a_pause_with_a_cap_from_the_last_event_on() {
    let mut link = open(home());
    link.sign(NOW, &hint());
    link.fetched(NOW, false, false);
    let mut now = NOW;
    for _ in 0..20 {
        link.ended(now, Some(no_way()));
        let due = link.due().unwrap();
        assert!(due - now <= Duration::from_secs(900));
        now = due;
        let orders = link.wake(now);
        let last_event = Some("7".to_owned());
        assert!(
            matches!(&orders[..], [Order::Open { last_event: event, .. }] if *event == last_event),
            "{orders:?}"
        );
    }
}

#[test]
fn streams_that_the_cloud_ends_come_back_spread_over_the_time_it_wishes() {
    let wish = Duration::from_secs(40);
    let mut pauses = Vec::new();
    for _ in 0..64 {
        let mut link = open(home());
        assert_eq!(link.sign(NOW, &Sign::Retry(wish)), []);
        link.ended(NOW, None);
        pauses.push(link.due().unwrap() - NOW);
    }
    assert!(
        pauses
            .iter()
            .all(|pause| *pause >= wish / 2 && *pause <= wish * 3 / 2)
    );
    let (least, most) = (pauses.iter().min().unwrap(), pauses.iter().max().unwrap());
    assert!(*most - *least > wish / 2, "from {least:?} to {most:?}");
}

#[test]
fn no_way_at_all_is_no_reason_for_the_next_best_way() {
    let mut link = Link::new(home(), None);
    link.begin();
    for _ in 0..10 {
        let orders = link.ended(NOW, Some(no_way()));
        assert_eq!(orders, [], "what can't be reached needn't be asked twice");
        link.wake(link.due().unwrap());
    }
    assert_eq!(link.way, Way::Stream);
}

#[test]
fn a_stream_that_comes_to_nothing_three_times_where_fetching_works_gives_way_to_a_long_poll() {
    let mut link = Link::new(home(), None);
    link.begin();
    for tries in 1..=3 {
        let orders = link.ended(NOW, Some(broken()));
        assert_eq!(orders, [Order::Fetch { wait: Duration::ZERO }]);
        let orders = link.fetched(NOW, false, false);
        let polls = orders.contains(&Order::Fetch { wait: LONG_POLL });
        assert_eq!(polls, tries == 3);
        if tries < 3 {
            link.wake(link.due().unwrap());
        }
    }
    assert!(link.is_up());
    // An hour later one try decides.
    let orders = link.wake(NOW + STREAM_AGAIN);
    assert!(opening(&orders).is_some());
    link.fetched(NOW + STREAM_AGAIN, false, false);
    link.ended(NOW + STREAM_AGAIN, Some(broken()));
    let orders = link.fetched(NOW + STREAM_AGAIN, false, false);
    assert!(orders.contains(&Order::Fetch { wait: LONG_POLL }));
}

#[test]
fn a_long_poll_goes_on_once_what_it_brought_is_judged_and_not_before() {
    let mut link = Link::new(home(), None);
    link.begin();
    link.poll(NOW);
    assert_eq!(link.fetched(NOW, false, true), [Order::Heard { again: true }]);
    assert_eq!(link.go_on(NOW), Some(Order::Fetch { wait: LONG_POLL }));
    assert_eq!(link.go_on(NOW), None);
    // Asked for while one is under way, and by then the cloud turns out not to wait.
    for _ in 0..3 {
        let orders = link.fetched(NOW, true, false);
        assert!(orders.iter().any(|order| matches!(order, Order::Fetch { .. })));
        link.fetch.urge();
    }
    assert!(matches!(link.way, Way::TimedPoll { .. }));
}

#[test]
fn a_stream_whose_first_words_are_held_back_counts_as_one_that_came_to_nothing() {
    let mut link = Link::new(home(), None);
    link.begin();
    link.opened(NOW);
    assert_eq!(link.due(), Some(NOW + GREETING_WITHIN));
    let orders = link.wake(NOW + GREETING_WITHIN);
    assert!(orders.contains(&Order::Fetch { wait: Duration::ZERO }));
    link.fetched(NOW, false, false);
    assert_eq!(link.failures, 1);
}

#[test]
fn a_metered_network_and_a_low_battery_mean_longer_waits() {
    let frugal = Conditions {
        metered: true,
        ..home()
    };
    let mut link = Link::new(frugal.clone(), None);
    assert_eq!(opening(&link.begin()), Some(START * 2));
    link.ended(NOW, Some(no_way()));
    assert!(link.due().unwrap() >= NOW + FRUGAL_PAUSE);
    let mut link = Link::new(frugal, None);
    link.begin();
    for _ in 0..3 {
        link.ended(NOW, Some(broken()));
        link.fetched(NOW, false, false);
        link.wake(link.due().unwrap());
    }
    assert!(matches!(link.way, Way::TimedPoll { next, .. } if next >= NOW + POLL_EACH_FRUGAL));
}

#[test]
fn another_network_opens_another_stream_at_once_with_what_is_remembered_of_it() {
    let mut link = open(home());
    link.ended(NOW, Some(no_way()));
    let away = Conditions {
        network: Some(NetworkKey::of(b"away")),
        ..Conditions::default()
    };
    let row = HeartbeatRow {
        interval: Duration::from_secs(600),
        too_long: None,
    };
    let orders = link.surrounded(away.clone(), Some(row));
    assert_eq!(opening(&orders), Some(Duration::from_secs(600)));
    assert!(orders.contains(&Order::Renew));
    assert!(!orders.iter().any(|order| matches!(order, Order::Fetch { .. })));
    let low = Conditions {
        battery_low: true,
        ..away
    };
    assert_eq!(link.surrounded(low, None), [], "less battery is no news");
}

#[test]
fn a_fetch_on_a_connection_of_the_old_network_makes_way_for_one_in_the_new() {
    let mut link = open(home());
    assert_eq!(
        link.sign(NOW, &hint()).last(),
        Some(&Order::Fetch { wait: Duration::ZERO })
    );
    let away = Conditions {
        network: Some(NetworkKey::of(b"away")),
        ..home()
    };
    let orders = link.surrounded(away, None);
    assert_eq!(orders.last(), Some(&Order::Fetch { wait: Duration::ZERO }));
    assert!(orders.contains(&Order::Renew));
}

#[test]
fn without_a_configured_cloud_nothing_is_tried_again() {
    let mut link = Link::new(home(), None);
    link.begin();
    let hopeless = Trouble {
        kind: TroubleKind::Hopeless,
        asked: None,
    };
    assert_eq!(link.ended(NOW, Some(hopeless)), []);
    assert_eq!(link.due(), None);
}

#[test]
fn the_wait_that_the_cloud_asks_for_is_kept() {
    let mut link = Link::new(home(), None);
    link.begin();
    let asked = Duration::from_secs(600);
    let busy = Trouble {
        kind: TroubleKind::NoWay,
        asked: Some(asked),
    };
    link.ended(NOW, Some(busy));
    assert!(link.due().unwrap() >= NOW + asked);
}

#[test]
fn streams_that_the_cloud_ends_right_after_their_first_words_come_ever_more_seldom() {
    let mut link = open(home());
    let mut now = NOW;
    for _ in 0..40 {
        // Else the network's way with idle connections is to blame, and in the end commands are polled.
        link.sign(now, &Sign::Alive);
        link.ended(now, None);
        let due = link.due().unwrap();
        assert!(due - now <= Duration::from_secs(61));
        now = due;
        assert!(opening(&link.wake(now)).is_some());
        link.opened(now);
        link.sign(now, &Sign::Greeting(START));
        link.fetched(now, false, false);
    }
    assert!(now - NOW > Duration::from_secs(200), "{:?}", now - NOW);
    // One that lived is none of them.
    now += Duration::from_secs(60);
    link.sign(now, &Sign::Alive);
    link.ended(now, None);
    assert!(link.due().unwrap() <= now + Duration::from_secs(1));
}
