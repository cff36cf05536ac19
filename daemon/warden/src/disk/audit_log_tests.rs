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

#[test]
fn a_log_as_written_holds() {
    let (log, heads) = log_of(5);
    let checked = check(&log, &heads[5]).unwrap();
    assert_eq!(
        (checked.entries.len(), checked.head, checked.length),
        (5, heads[5], log.len())
    );
}

#[test]
fn an_empty_log_holds() {
    assert_eq!(check(b"", &Head::default()).unwrap().length, 0);
}

#[test]
fn every_flipped_bit_of_a_byte_is_noticed() {
    let (log, heads) = log_of(3);
    for position in 0..log.len() {
        let mut changed = log.clone();
        changed[position] ^= 0x01;
        assert!(check(&changed, &heads[3]).is_err(), "byte {position}");
    }
}

#[test]
fn a_log_cut_short_is_noticed_at_every_length() {
    let (log, heads) = log_of(3);
    for length in 0..log.len() {
        assert!(check(&log[..length], &heads[3]).is_err(), "length {length}");
    }
}

#[test]
fn an_entry_removed_from_the_middle_is_noticed() {
    let (log, heads) = log_of(4);
    let mut lines = log.split_inclusive(|byte| *byte == b'\n').collect::<Vec<_>>();
    lines.remove(1);
    assert_eq!(check(&lines.concat(), &heads[4]), Err(Broken::Unchained(2)));
}

#[test]
fn one_entry_beyond_the_head_is_a_power_cut_and_two_are_not() {
    let (log, heads) = log_of(5);
    assert_eq!(check(&log, &heads[4]).unwrap().head, heads[5]);
    assert_eq!(
        check(&log, &heads[3]),
        Err(Broken::WrongEnd { found: 5, written: 3 })
    );
}

#[test]
fn a_half_written_last_line_is_left_out() {
    let (mut log, heads) = log_of(2);
    let whole = log.len();
    log.extend_from_slice(b"{\"seq\":3,\"ti");
    assert_eq!(check(&log, &heads[2]).unwrap().length, whole);
}

#[test]
fn an_old_head_with_an_old_log_of_another_history_does_not_fit() {
    let (log, _) = log_of(3);
    let (_, other) = link(&Head::default(), note("another history"));
    assert!(check(&log, &other).is_err());
}
