use super::*;

fn note(detail: &str) -> Note {
    Note {
        time: 1_800_000_000,
        boot_time_ms: 42,
        boot: "boot".to_owned(),
        event: "password-check",
        actor: "session",
        detail: detail.to_owned(),
    }
}

fn log_of(entries: usize) -> (Vec<u8>, Vec<Head>) {
    let mut log = Vec::new();
    let mut heads = vec![Head::default()];
    for number in 0..entries {
        let (line, head) = link(heads.last().unwrap(), note(&format!("entry \"{number}\"")));
        log.extend_from_slice(line.as_bytes());
        heads.push(head);
    }
    (log, heads)
}

/// All of it, from the first entry on.
fn to(end: Head) -> Bounds {
    Bounds {
        begin: Head::default(),
        end,
    }
}

#[test]
fn a_log_as_written_holds() {
    let (log, heads) = log_of(5);
    let checked = check(&log, &to(heads[5])).unwrap();
    assert_eq!(
        (checked.entries.len(), checked.head, checked.length),
        (5, heads[5], log.len())
    );
}

#[test]
fn an_empty_log_holds() {
    assert_eq!(check(b"", &Bounds::default()).unwrap().length, 0);
}

#[test]
fn every_flipped_bit_of_a_byte_is_noticed() {
    let (log, heads) = log_of(3);
    for position in 0..log.len() {
        let mut changed = log.clone();
        changed[position] ^= 0x01;
        assert!(check(&changed, &to(heads[3])).is_err(), "byte {position}");
    }
}

#[test]
fn a_log_cut_short_is_noticed_at_every_length() {
    let (log, heads) = log_of(3);
    for length in 0..log.len() {
        assert!(check(&log[..length], &to(heads[3])).is_err(), "length {length}");
    }
}

#[test]
fn an_entry_removed_from_the_middle_is_noticed() {
    let (log, heads) = log_of(4);
    let mut lines = log.split_inclusive(|byte| *byte == b'\n').collect::<Vec<_>>();
    lines.remove(1);
    assert_eq!(check(&lines.concat(), &to(heads[4])), Err(Broken::Unchained(2)));
}

#[test]
fn one_entry_beyond_the_head_is_a_power_cut_and_two_are_not() {
    let (log, heads) = log_of(5);
    assert_eq!(check(&log, &to(heads[4])).unwrap().head, heads[5]);
    assert_eq!(
        check(&log, &to(heads[3])),
        Err(Broken::WrongEnd { found: 5, written: 3 })
    );
}

#[test]
fn a_half_written_last_line_is_left_out() {
    let (mut log, heads) = log_of(2);
    let whole = log.len();
    log.extend_from_slice(b"{\"seq\":3,\"ti");
    assert_eq!(check(&log, &to(heads[2])).unwrap().length, whole);
}

#[test]
fn an_old_head_with_an_old_log_of_another_history_does_not_fit() {
    let (log, _) = log_of(3);
    let (_, other) = link(&Head::default(), note("another history"));
    assert!(check(&log, &to(other)).is_err());
}

#[test]
fn a_log_that_lost_its_beginning_holds_from_where_the_head_says_and_not_a_line_later() {
    let (log, heads) = log_of(6);
    let whole = check(&log, &to(heads[6])).unwrap();
    let (at, begin) = cut(&log, &whole, log.len() / 2).unwrap();
    assert!(log.len() - at <= log.len() / 2);
    let bounds = Bounds { begin, end: heads[6] };
    let kept = check(&log[at..], &bounds).unwrap();
    assert_eq!(
        kept.entries[..],
        whole.entries[usize::try_from(begin.count).unwrap()..]
    );
    // Before the file is replaced it holds more than it has to.
    assert_eq!(check(&log, &bounds).unwrap(), whole);
    let next = log[at..].iter().position(|byte| *byte == b'\n').unwrap() + 1;
    assert_eq!(
        check(&log[at + next..], &bounds),
        Err(Broken::WrongBegin(begin.count + 1))
    );
    assert_eq!(check(&log[at..], &to(heads[6])), Err(Broken::WrongBegin(1)));
    assert!(check(b"", &bounds).is_err());
}

#[test]
fn nothing_is_cut_off_a_log_that_is_short_enough_or_a_single_entry() {
    let (log, heads) = log_of(2);
    let whole = check(&log, &to(heads[2])).unwrap();
    assert_eq!(cut(&log, &whole, log.len()), None);
    let (one, heads) = log_of(1);
    let whole = check(&one, &to(heads[1])).unwrap();
    assert_eq!(cut(&one, &whole, 10), None);
}
