//! An edit that is about to be made, and what it writes.

use std::collections::BTreeSet;

use belay_tests::app::{Answer, App, New};
use belay_tests::bluez::Chance;

use super::book::{Edit, root};

/// Where a card has something to say, and where an event.
const OF_CARDS: [&str; 3] = ["ORG", "TITLE", "NOTE"];
const OF_EVENTS: [&str; 3] = ["SUMMARY", "LOCATION", "DESCRIPTION"];
/// How many properties of either there are.
pub const PROPERTIES: usize = OF_CARDS.len();
/// A content of several chunks, bytes; documents and notes are cut where they say so, after a mebibyte or so.
const LONG: usize = 1_500_000;

/// An edit that is about to be made.
#[derive(Debug, Clone)]
pub struct Draft {
    pub who: usize,
    pub name: &'static str,
    pub natural: String,
    pub kind: String,
    pub id: String,
    pub revision: u64,
    pub wrote: Option<String>,
    pub saw: BTreeSet<String>,
    pub dropped: BTreeSet<String>,
    pub kept: BTreeSet<String>,
    pub content: Vec<u8>,
}

impl Draft {
    pub async fn put(&self, app: &App) -> Answer<u64> {
        let new = New {
            natural: &self.natural,
            kind: &self.kind,
            content: &self.content,
        };
        let id = if self.revision == 0 { "" } else { self.id.as_str() };
        app.put(self.name, id, self.revision, &new).await.unwrap()
    }

    /// What the book says of it.
    pub fn edit(&self, answered: bool) -> Edit {
        Edit {
            what: match &self.wrote {
                Some(token) => format!("{token} put by device {} in {}", self.who, self.natural),
                None => format!("{} deleted by device {}", self.natural, self.who),
            },
            of: root(self.natural.trim_start_matches(BESIDE)).to_owned(),
            wrote: self.wrote.clone(),
            dropped: self.dropped.clone(),
            kept: self.kept.clone(),
            answered,
        }
    }
}

/// What stands before the natural key of a record where it is about another version of it.
pub const BESIDE: &str = "the other version of ";

/// In what the records of a collection are written.
pub fn kind(name: &str) -> &'static str {
    match name {
        "contacts" => "text/vcard",
        "calendars" => "text/calendar",
        _ => "application/x-note",
    }
}

/// What a record says once its token is this: a card or an event with another text in one property, or a note.
pub fn content(name: &str, natural: &str, before: &[u8], property: usize, token: &str) -> Vec<u8> {
    // A version that is kept gets another UID in place of this one, and stays in the history's folder.
    let uid = natural.rsplit('/').next().unwrap_or(natural);
    let (properties, begin, end) = match name {
        "contacts" => (
            OF_CARDS,
            format!("BEGIN:VCARD\r\nVERSION:4.0\r\nUID:{uid}\r\nFN:Somebody\r\n"),
            "END:VCARD\r\n",
        ),
        "calendars" => (
            OF_EVENTS,
            format!(
                "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Belay//Tests//EN\r\nBEGIN:VEVENT\r\nUID:{uid}\r\n\
                 DTSTAMP:20260101T000000Z\r\nDTSTART:20260102T100000Z\r\n"
            ),
            "END:VEVENT\r\nEND:VCALENDAR\r\n",
        ),
        _ => return format!("{token} is what it says\n").into_bytes(),
    };
    let before = String::from_utf8_lossy(before);
    let is_of = |line: &str, property: &str| {
        line.strip_prefix(property)
            .is_some_and(|rest| rest.starts_with(':'))
    };
    let written = properties[property];
    let mut text = begin;
    for line in before.lines().map(str::trim_end) {
        if properties.iter().any(|one| is_of(line, one)) && !is_of(line, written) {
            text.push_str(line);
            text.push_str("\r\n");
        }
    }
    text.push_str(&format!("{written}:{token}\r\n{end}"));
    text.into_bytes()
}

/// A content that fits no record, in which the token is the only word, and its kind, by which a list tells what it says.
pub fn long(token: &str, mut chance: Chance) -> (String, Vec<u8>) {
    let mut content = format!("{token}\n").into_bytes();
    content.extend((0..LONG).map(|_| chance.byte() | 0x80));
    (format!("application/x.{token}"), content)
}

#[test]
fn an_event_and_a_card_keep_what_they_said_in_other_properties() {
    for name in ["contacts", "calendars"] {
        let first = content(name, "s1/2", b"", 0, "tok-1-0");
        let second = content(name, "s1/2", &first, 2, "tok-1-1");
        let third = content(name, "s1/2", &second, 0, "tok-1-2");
        let said: Vec<_> = super::book::tokens(&third).into_iter().collect();
        assert_eq!(said, ["tok-1-1", "tok-1-2"], "{name}");
        assert!(String::from_utf8(third).unwrap().contains("\r\nUID:2\r\n"));
    }
}
