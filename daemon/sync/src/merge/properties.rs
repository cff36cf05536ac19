//! What is known of properties: how many there may be, and which are no one's change.

/// How two changes of a property go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nature {
    /// One in a component: two changes of it are a conflict.
    Single,
    /// Any number: each of its values is a thing of its own.
    Many,
    /// A program's own note of when it wrote: the later one holds.
    Stamp,
    /// Counts revisions (RFC 5545 §3.8.7.4): the greater one holds.
    Counter,
    /// Which program wrote it: whichever did.
    Producer,
}

/// The first of those properties that are one thing to whoever changes them, or the property itself: when something begins
/// and when it is over go together or not at all (RFC 5545 §3.6.1: an event has an end or a duration, never both, and ends
/// after its beginning; §3.6.6: an alarm repeats so often *and* so far apart).
#[must_use]
pub fn thing(name: &str) -> &str {
    match name {
        "DTEND" | "DUE" | "DURATION" | "REPEAT" => "DTSTART",
        other => other,
    }
}

/// The nature of a property that is there at most once in each version; unknown ones are single then, and many else.
#[must_use]
pub fn nature(name: &str) -> Nature {
    match name {
        // When a phone dismissed an alarm or put it off, too (RFC 9074 §6; Thunderbird; one for each occurrence).
        "REV" | "DTSTAMP" | "LAST-MODIFIED" | "CREATED" | "ACKNOWLEDGED" | "X-MOZ-LASTACK" => Nature::Stamp,
        _ if name.starts_with("X-MOZ-SNOOZE-TIME") => Nature::Stamp,
        "SEQUENCE" | "X-MOZ-GENERATION" => Nature::Counter,
        "PRODID" => Nature::Producer,
        // RFC 6350 §6 and RFC 5545 §3.6: what may occur more than once.
        "TEL" | "EMAIL" | "ADR" | "IMPP" | "LANG" | "URL" | "CATEGORIES" | "RELATED" | "MEMBER" | "KEY"
        | "NICKNAME" | "CLIENTPIDMAP" | "ATTENDEE" | "ATTACH" | "COMMENT" | "CONTACT" | "EXDATE"
        | "RDATE" | "RESOURCES" | "RELATED-TO" | "REQUEST-STATUS" | "X-ABLABEL" | "X-SOCIALPROFILE" => {
            Nature::Many
        }
        _ => Nature::Single,
    }
}

/// Whether a property says something of another one of its group, as Apple's Contacts writes it: what that is called, in which
/// country an address is.
#[must_use]
pub fn annotates(name: &str) -> bool {
    name.starts_with("X-AB") || name.starts_with("X-APPLE-")
}

/// Whether the value of a property is a list whose elements stand for themselves.
#[must_use]
pub fn is_list(name: &str) -> bool {
    matches!(name, "CATEGORIES" | "NICKNAME" | "RESOURCES" | "EXDATE" | "RDATE")
}
