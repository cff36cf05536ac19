//! A cloud that says more than it was asked for.

use super::*;

#[test]
fn hints_without_end_have_a_burst_fetched_and_then_wait_and_the_first_after_a_while_doesn_t() {
    let mut link = open(home());
    let fetch = Order::Fetch { wait: Duration::ZERO };
    let (mut fetches, mut is_under_way) = (0, false);
    for _ in 0..1000 {
        let mut orders = link.sign(NOW, &hint());
        orders.extend(link.sign(NOW, &hint()));
        if !link.is_up() {
            // It said too much; as if its wait were over.
            link.opened(NOW);
            orders.extend(link.sign(NOW, &Sign::Greeting(START)));
        }
        is_under_way |= orders.contains(&fetch);
        if std::mem::take(&mut is_under_way) {
            fetches += 1;
            is_under_way = link.fetched(NOW, false, false).contains(&fetch);
        }
    }
    assert!((10..100).contains(&fetches), "{fetches}");
    // What was hinted at is fetched in the end, once.
    let due = loop {
        let due = link.due().unwrap();
        if link.wake(due).contains(&fetch) {
            break due;
        }
    };
    assert!(due <= NOW + Duration::from_secs(60));
    link.fetched(due, false, false);
    greet(&mut link, due + Duration::from_secs(600), START);
}

#[test]
fn a_stream_that_says_something_all_the_while_is_left_alone_for_longer_each_time() {
    let mut link = open(home());
    let (mut now, mut heard) = (NOW, Vec::new());
    for _ in 0..12 {
        let mut signs = 0;
        while !link.sign(now, &Sign::Alive).contains(&Order::Close) {
            now += Duration::from_millis(100);
            signs += 1;
            assert!(signs < 100, "a device that is kept awake");
        }
        heard.push(signs);
        assert!(!link.is_up());
        now = link.due().unwrap();
        assert!(opening(&link.wake(now)).is_some());
        greet(&mut link, now, START);
    }
    assert!(heard.iter().all(|signs| *signs >= SIGNS), "{heard:?}");
    // Twelve waits, of up to a minute in the end.
    assert!(now > NOW + Duration::from_secs(90), "{now:?}");
}

#[test]
fn a_stream_that_says_no_more_than_it_was_asked_for_lives_on() {
    let mut link = open(home());
    let mut now = NOW;
    for _ in 0..500 {
        now += Duration::from_secs(16);
        assert!(!link.sign(now, &hint()).contains(&Order::Close));
        link.fetched(now, false, false);
    }
}

#[test]
fn a_stream_that_says_nothing_but_how_long_to_stay_away_is_left_before_and_after_its_greeting() {
    let wish = Duration::from_secs(5);
    for is_greeted in [true, false] {
        let mut link = open(home());
        if !is_greeted {
            link.ended(NOW, None);
            link.wake(link.due().unwrap());
            link.opened(NOW);
        }
        let left = (1..1000).find(|_| link.sign(NOW, &Sign::Retry(wish)).contains(&Order::Close));
        assert_eq!(left, Some(SIGNS + 1), "greeted: {is_greeted}");
        assert!(!link.is_up() && link.due().is_some());
    }
}
