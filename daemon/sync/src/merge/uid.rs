//! Another UID for a contact or an event, so that programs don't take it for the one that it is a version of.

use super::component::Component;
use super::content_lines::parse;

const UID: &str = "UID";
/// What an iCalendar object holds of one UID (RFC 5545 §3.6).
const CALENDAR: [&str; 4] = ["VEVENT", "VTODO", "VJOURNAL", "VFREEBUSY"];

/// An object whose UID was replaced.
#[derive(Debug, PartialEq, Eq)]
pub struct Renamed {
    /// The UID it had, if it had one.
    pub was: Option<String>,
    /// The object.
    pub bytes: Vec<u8>,
}

/// Gives a vCard (RFC 6350 §6.7.6) or an iCalendar object (RFC 5545 §3.8.4.7) this UID, an event's exceptions with it; all
/// else keeps its text. Nothing for what is neither, or can't be read, or is an iCalendar object without any.
#[must_use]
pub fn with_uid(kind: &str, bytes: &[u8], uid: &str) -> Option<Renamed> {
    let kind = kind.split(';').next().map(str::trim);
    let mut object = parse(std::str::from_utf8(bytes).ok()?)?;
    let was = match (kind, object.name.as_str()) {
        (Some("text/vcard"), "VCARD") => {
            let was = replace(&mut object, uid);
            if was.is_none() {
                object.properties.push(object.begin.like(&format!("{UID}:{uid}")));
            }
            was
        }
        (Some("text/calendar"), "VCALENDAR") => {
            let inner = object.components.iter_mut();
            let named = inner.filter(|component| CALENDAR.contains(&component.name.as_str()));
            let was: Vec<String> = named.filter_map(|component| replace(component, uid)).collect();
            Some(was.into_iter().next()?)
        }
        _ => return None,
    };
    let bytes = object.to_string().into_bytes();
    Some(Renamed { was, bytes })
}

/// The UID that a component had.
fn replace(component: &mut Component, uid: &str) -> Option<String> {
    let was = component.value(UID);
    for property in &mut component.properties {
        if property.name().as_deref() == Some(UID) {
            *property = property.like(&format!("{UID}:{uid}"));
        }
    }
    was.map(|was| was.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: &str, text: &str) -> Option<(Option<String>, String)> {
        let renamed = with_uid(kind, text.as_bytes(), "new")?;
        Some((renamed.was, String::from_utf8(renamed.bytes).unwrap()))
    }

    #[test]
    fn a_contact_gets_another_uid_and_keeps_everything_else() {
        let card =
            |uid: &str| format!("BEGIN:VCARD\nVERSION:4.0\n{uid}FN:Ann\n  Lee\nX-Odd;A=b:c\nEND:VCARD\n");
        let (was, text) = of("text/vcard", &card("item1.UID;VALUE=text:o\n ld\n")).unwrap();
        assert_eq!((was.as_deref(), text), (Some("old"), card("UID:new\n")));
        // One without a UID was known by its file's name, and has one from now on.
        let (was, text) = of("text/vcard; charset=utf-8", &card("")).unwrap();
        assert_eq!((was, text), (None, card("").replace("END", "UID:new\nEND")));
    }

    #[test]
    fn an_event_and_its_exceptions_get_another_uid_and_its_alarm_keeps_its_own() {
        let text = |uid: &str| {
            format!(
                "BEGIN:VCALENDAR\r\nBEGIN:VTIMEZONE\r\nTZID:z\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT\r\nUID:{uid}\r\n\
                 BEGIN:VALARM\r\nUID:alarm\r\nEND:VALARM\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nUID:{uid}\r\n\
                 RECURRENCE-ID:1\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
            )
        };
        let (was, renamed) = of("text/calendar", &text("old")).unwrap();
        assert_eq!((was.as_deref(), renamed), (Some("old"), text("new")));
    }

    #[test]
    fn what_has_no_uid_to_replace_is_left_as_it_is() {
        for (kind, text) in [
            ("text/plain", "BEGIN:VCARD\nEND:VCARD\n"),
            ("text/vcard", "BEGIN:VCALENDAR\nEND:VCALENDAR\n"),
            ("text/vcard", "BEGIN:VCARD\nEND:VCARD\nBEGIN:VCARD\nEND:VCARD\n"),
            (
                "text/calendar",
                "BEGIN:VCALENDAR\nBEGIN:VEVENT\nEND:VEVENT\nEND:VCALENDAR\n",
            ),
            ("text/vcard", ""),
        ] {
            assert_eq!(of(kind, text), None, "{text:?}");
        }
    }
}
