//! The natural key of a vCard or iCalendar file: its UID. Only that is read; merging is belayd's.

/// The longest UID that is taken for one, bytes.
const LONGEST: usize = 512;

/// What a file is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// One contact, or one event with its exceptions.
    Uid(String),
    /// One, without a UID.
    Nameless,
    /// Several, none, or one that is cut off: nothing that a vdir holds.
    Unusable,
}

/// The UID of the one contact in a vCard (RFC 6350).
pub(super) fn of_vcard(bytes: &[u8]) -> Said {
    read(bytes, |path| path == ["VCARD"], "VCARD")
}

/// The UID that the components of an iCalendar object (RFC 5545) share.
pub(super) fn of_calendar(bytes: &[u8]) -> Said {
    let holds = |path: &[String]| match path {
        [outer, inner] => {
            outer == "VCALENDAR" && ["VEVENT", "VTODO", "VJOURNAL", "VFREEBUSY"].contains(&inner.as_str())
        }
        _ => false,
    };
    read(bytes, holds, "VCALENDAR")
}

fn read(bytes: &[u8], holds: impl Fn(&[String]) -> bool, outermost: &str) -> Said {
    let text = String::from_utf8_lossy(bytes);
    // A UTF-8 byte order mark, as some exports have.
    let text = text.trim_start_matches('\u{feff}');
    let mut path: Vec<String> = Vec::new();
    let mut objects = 0;
    let mut uid: Option<String> = None;
    let mut differ = false;
    for line in unfolded(text) {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        let name = name.split(';').next().unwrap_or_default();
        // A group, as in `item1.UID`.
        let name = name.rsplit('.').next().unwrap_or_default();
        if name.eq_ignore_ascii_case("BEGIN") {
            path.push(value.trim().to_ascii_uppercase());
            if path.len() == 1 && path[0] == outermost {
                objects += 1;
            }
        } else if name.eq_ignore_ascii_case("END") {
            path.pop_if(|open| value.trim().eq_ignore_ascii_case(open));
        } else if name.eq_ignore_ascii_case("UID") && holds(&path) {
            let value = value.trim();
            differ |= uid.as_deref().is_some_and(|known| known != value);
            uid.get_or_insert_with(|| value.to_owned());
        }
    }
    let is_plain =
        |uid: &String| !uid.is_empty() && uid.len() <= LONGEST && !uid.chars().any(char::is_control);
    // What is open yet is half written, and so may be its UID.
    match (objects, differ || !path.is_empty(), uid.filter(is_plain)) {
        (1, false, Some(uid)) => Said::Uid(uid),
        (1, false, None) => Said::Nameless,
        _ => Said::Unusable,
    }
}

/// Content lines: those that begin with white space go on the one before.
fn unfolded(text: &str) -> impl Iterator<Item = String> {
    let mut lines = text
        .split('\n')
        .map(|line| line.strip_suffix('\r').unwrap_or(line))
        .peekable();
    std::iter::from_fn(move || {
        let mut line = lines.next()?.to_owned();
        while let Some(rest) = lines.peek().and_then(|next| next.strip_prefix([' ', '\t'])) {
            // A photograph is longer than any UID, and is none.
            if line.len() < 4 * LONGEST {
                line.push_str(rest);
            }
            lines.next();
        }
        Some(line)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(lines: &str) -> Said {
        of_vcard(format!("BEGIN:VCARD\r\nVERSION:3.0\r\n{lines}END:VCARD\r\n").as_bytes())
    }

    #[test]
    fn the_uid_of_a_contact_is_found_however_it_is_written() {
        for lines in [
            "UID:a-1\r\n",
            "uid;VALUE=text:a-1\r\n",
            "item1.UID:a-1\r\n",
            "UI\r\n D:a-\r\n\t1\r\n",
            "FN:UID:no\nUID: a-1 \nUID:a-1\n",
        ] {
            assert_eq!(card(lines), Said::Uid("a-1".to_owned()), "{lines:?}");
        }
        assert_eq!(
            of_vcard("\u{feff}BEGIN:VCARD\nUID:ä\nEND:VCARD\n".as_bytes()),
            Said::Uid("ä".to_owned())
        );
    }

    #[test]
    fn what_has_no_uid_or_several_is_told_apart() {
        assert_eq!(card("FN:Ann\r\n"), Said::Nameless);
        assert_eq!(card("UID:\r\n"), Said::Nameless);
        assert_eq!(card(&format!("UID:{}\r\n", "a".repeat(600))), Said::Nameless);
        assert_eq!(
            card("UID:a\r\nEND:VCARD\r\nBEGIN:VCARD\r\nUID:b\r\n"),
            Said::Unusable
        );
        assert_eq!(of_vcard(b""), Said::Unusable);
        assert_eq!(of_vcard(b"\xff\xfe\0"), Said::Unusable);
    }

    #[test]
    fn what_is_cut_off_before_its_end_is_none() {
        let contact = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:ann-1\r\nFN:Ann\r\nEND:VCARD";
        let event = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:e-1\nEND:VEVENT\nEND:VCALENDAR";
        for (text, of) in [(contact, of_vcard as fn(&[u8]) -> Said), (event, of_calendar)] {
            assert!(matches!(of(text.as_bytes()), Said::Uid(_)), "{text}");
            for end in 0..text.len() {
                assert_eq!(of(&text.as_bytes()[..end]), Said::Unusable, "{:?}", &text[..end]);
            }
        }
        // A component that ends within another one is cut off as well.
        let inner = event.replace("END:VEVENT\n", "");
        assert_eq!(of_calendar(inner.as_bytes()), Said::Unusable);
    }

    #[test]
    fn an_event_is_named_by_its_own_uid_and_not_by_that_of_its_alarm() {
        let text = "BEGIN:VCALENDAR\nBEGIN:VTIMEZONE\nUID:zone\nEND:VTIMEZONE\nBEGIN:VEVENT\nBEGIN:VALARM\nUID:alarm\n\
                    END:VALARM\nUID:event\nEND:VEVENT\nBEGIN:VEVENT\nUID:event\nRECURRENCE-ID:20260101\nEND:VEVENT\n\
                    END:VCALENDAR\n";
        assert_eq!(of_calendar(text.as_bytes()), Said::Uid("event".to_owned()));
        let two = text.replacen("UID:event", "UID:other", 1);
        assert_eq!(of_calendar(two.as_bytes()), Said::Unusable);
    }
}
