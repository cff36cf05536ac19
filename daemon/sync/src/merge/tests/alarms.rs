//! Alarms that go off on two phones.

use super::{event, of};

const CALENDAR: &str = "text/calendar";
const ALARM: &str = "TRIGGER:-PT5M\r\n";

/// Tea, whose alarm says this besides.
fn tea(also: &str) -> String {
    event("Tea", "").replace(ALARM, &format!("{ALARM}{also}"))
}

fn acknowledged(minute: u32) -> String {
    format!("ACKNOWLEDGED:20260101T09{minute:02}00Z\r\n")
}

#[test]
fn an_alarm_that_was_dismissed_on_two_phones_is_one_dismissed_when_it_was_last() {
    for uid in [
        "",
        "UID:a\r\n",
        "X-WR-ALARMUID:a\r\n",
        "X-EVOLUTION-ALARM-UID:a\r\n",
    ] {
        let [base, first, last] =
            [String::new(), acknowledged(55), acknowledged(56)].map(|also| tea(&format!("{uid}{also}")));
        for (mine, theirs) in [(&first, &last), (&last, &first)] {
            assert_eq!(of(CALENDAR, Some(&base), mine, theirs), (true, last.clone()));
        }
    }
}

#[test]
fn an_alarm_that_one_moved_or_removed_while_another_dismissed_it_isnt_there_twice() {
    for uid in ["", "X-WR-ALARMUID:a\r\n"] {
        let (base, dismissed) = (tea(uid), tea(&format!("{uid}{}", acknowledged(55))));
        let moved = base.replace("-PT5M", "-PT10M");
        let (start, end) = (
            base.find("BEGIN:VALARM").unwrap(),
            base.find("END:VEVENT").unwrap(),
        );
        let removed = format!("{}{}", &base[..start], &base[end..]);
        for (one, other) in [(&dismissed, &moved), (&moved, &dismissed)] {
            let (whole, merged) = of(CALENDAR, Some(&base), one, other);
            assert_eq!(
                (whole, merged.matches("BEGIN:VALARM").count()),
                (true, 1),
                "{merged}"
            );
            assert!(merged.contains("-PT10M"));
        }
        for (one, other) in [(&dismissed, &removed), (&removed, &dismissed)] {
            assert_eq!(of(CALENDAR, Some(&base), one, other), (true, removed.clone()));
        }
    }
}

#[test]
fn an_alarm_that_was_moved_outlives_its_removal() {
    let base = tea("UID:a\r\n");
    let moved = base.replace("-PT5M", "-PT10M");
    let (start, end) = (
        base.find("BEGIN:VALARM").unwrap(),
        base.find("END:VEVENT").unwrap(),
    );
    let removed = format!("{}{}", &base[..start], &base[end..]);
    assert_eq!(of(CALENDAR, Some(&base), &moved, &removed), (true, moved.clone()));
}

#[test]
fn an_alarm_that_was_put_off_on_two_phones_is_put_off_until_the_later_time() {
    let put_off = |minute: u32| {
        let lines = format!(
            "X-MOZ-SNOOZE-TIME:20260101T10{minute:02}00Z\r\nX-MOZ-SNOOZE-TIME-1767261600000000:20260101T10{minute:02}00Z\r\n"
        );
        event("Tea", "").replace("RRULE", &format!("{lines}RRULE"))
    };
    let (base, first, last) = (event("Tea", ""), put_off(5), put_off(15));
    for (mine, theirs) in [(&first, &last), (&last, &first)] {
        assert_eq!(of(CALENDAR, Some(&base), mine, theirs), (true, last.clone()));
    }
}
