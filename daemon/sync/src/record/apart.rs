//! A sibling that its owner keeps beside the original: a record of its own.

use belay_proto::Secret;
use belay_proto::sync::{Content, RecordId, version_name};

use super::{Body, CONFLICT_WITH, New, SEPARATOR, bytes};
use crate::merge::{Renamed, with_uid};

/// What begins the UID of many contacts (RFC 9562 §4).
const URN: &str = "urn:uuid:";

/// What a sibling says, as the record that it is another version of; nothing where it says nothing.
#[must_use]
pub fn again(sibling: &Content) -> Option<New> {
    let body = match bytes(sibling) {
        Some(bytes) => Body::Short(bytes),
        None if sibling.chunks.0.is_empty() => return None,
        None => Body::Long(sibling.chunks.clone()),
    };
    let mut attributes = sibling.attributes.clone();
    attributes.0.remove(CONFLICT_WITH);
    Some(New {
        natural: sibling.natural.split(SEPARATOR).next()?.to_owned(),
        kind: sibling.kind.clone(),
        attributes,
        body,
    })
}

/// What the sibling `id` says, as a record of its own: every device makes the same of it. It is called as another version
/// of its original; a contact or an event gets a UID of its own too, without which programs would take it for a double of
/// the original, and is known by that.
#[must_use]
pub fn apart(sibling: &Content, id: &RecordId) -> Option<New> {
    let version = again(sibling)?;
    let uid = uuid(id);
    let renamed = match &version.body {
        Body::Short(bytes) => {
            let has_urn = |was: &Renamed| was.was.as_ref().is_some_and(|was| was.starts_with(URN));
            let with = |uid: &str| with_uid(&version.kind, bytes.expose(), uid);
            match with(&uid) {
                Some(renamed) if has_urn(&renamed) => {
                    let uid = format!("{URN}{uid}");
                    with(&uid).map(|renamed| (renamed, uid))
                }
                renamed => renamed.map(|renamed| (renamed, uid)),
            }
        }
        Body::Long(_) => None,
    };
    Some(match renamed {
        Some((renamed, uid)) => New {
            natural: format!("{}{uid}", folder(&version.natural, renamed.was.as_deref())),
            body: Body::Short(Secret::new(renamed.bytes)),
            ..version
        },
        None => New {
            natural: version_name(&version.natural, id),
            ..version
        },
    })
}

/// What stands before the UID in a natural key, as an event's calendar does.
fn folder<'a>(natural: &'a str, uid: Option<&str>) -> &'a str {
    uid.and_then(|uid| natural.strip_suffix(uid))
        .filter(|folder| folder.ends_with('/'))
        .unwrap_or_default()
}

/// A UUID whose bits are the record id's, but for those that say so (RFC 9562 §5.8, version 8).
fn uuid(id: &RecordId) -> String {
    let mut bytes = *id.as_bytes();
    let [_, _, _, _, _, _, version, _, variant, ..] = &mut bytes;
    *version = *version & 0x0f | 0x80;
    *variant = *variant & 0x3f | 0x80;
    let digits = belay_proto::text::hex(&bytes);
    let part = |range| digits.get(range).unwrap_or_default();
    let parts = [part(0..8), part(8..12), part(12..16), part(16..20), part(20..32)];
    parts.join("-")
}

#[cfg(test)]
mod tests {
    use belay_proto::sync::Attributes;

    use super::*;
    use crate::record::version;

    const UUID: &str = "ffffffff-ffff-8fff-bfff-ffffffffffff";

    fn of(natural: &str, kind: &str, text: &str) -> (String, String) {
        let new = New {
            natural: natural.to_owned(),
            kind: kind.to_owned(),
            attributes: Attributes::default(),
            body: Body::Short(Secret::new(text.as_bytes().to_vec())),
        };
        let sibling = version(new, &RecordId::from_bytes([1; 16]), 1);
        let own = apart(&sibling, &RecordId::from_bytes([0xff; 16])).unwrap();
        assert!(own.attributes.0.is_empty());
        let Body::Short(bytes) = own.body else {
            panic!("a long one");
        };
        (own.natural, String::from_utf8(bytes.expose().clone()).unwrap())
    }

    #[test]
    fn a_file_is_called_another_version_and_says_what_it_said() {
        let (natural, text) = of("a/letter.odt", "application/octet-stream", "x");
        assert_eq!(
            (natural.as_str(), text.as_str()),
            ("a/letter (version ffffffff).odt", "x")
        );
    }

    #[test]
    fn a_contact_and_an_event_are_known_by_a_uid_of_their_own() {
        let card = |uid: &str| format!("BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{uid}\r\nEND:VCARD\r\n");
        assert_eq!(
            of("ann", "text/vcard", &card("ann")),
            (UUID.to_owned(), card(UUID))
        );
        let urn = format!("{URN}{UUID}");
        let old = "urn:uuid:00000000-0000-4000-8000-000000000000";
        assert_eq!(of(old, "text/vcard", &card(old)), (urn.clone(), card(&urn)));
        let event = |uid: &str| {
            format!("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:{uid}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n")
        };
        let (natural, text) = of("work/tea", "text/calendar", &event("tea"));
        assert_eq!((natural, text), (format!("work/{UUID}"), event(UUID)));
    }
}
