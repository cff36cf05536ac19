//! New Alert (2A46) as InfiniTime reads it: it is the server, and the phone writes.
//!
//! Category, count, a NUL, then the title, a NUL and the body. A text without a NUL is all body to the watch, so an
//! alert of one line, and a caller, are sent that way.

use super::Invalid;
use crate::standard::alert::cut;

/// The category of a call; every other is shown alike.
pub const CALL: u8 = 3;
/// The category of a message.
pub const SIMPLE: u8 = 0;

/// What stands before the text.
const HEADER: usize = 3;
/// How many bytes of text the watch keeps: 100, with the NUL that it adds.
const MOST_TEXT: usize = 99;

/// An alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// 3: a call.
    pub category: u8,
    /// How many there are.
    pub count: u8,
    /// The first line.
    pub title: String,
    /// The rest; empty where there is one line.
    pub body: String,
}

impl Notification {
    /// Reads one.
    ///
    /// # Errors
    /// [`Invalid`] without a text, which the watch ignores, and for a text that isn't UTF-8.
    pub fn decode(value: &[u8]) -> Result<Self, Invalid> {
        let (&[category, count, _], text) = value.split_first_chunk::<HEADER>().ok_or(Invalid)?;
        if text.is_empty() {
            return Err(Invalid);
        }
        let text = std::str::from_utf8(text).map_err(|_| Invalid)?;
        let (title, body) = text.split_once('\0').unwrap_or((text, ""));
        Ok(Self {
            category,
            count,
            title: title.to_owned(),
            body: body.trim_end_matches('\0').to_owned(),
        })
    }

    /// Its bytes, at most `room`, cut where a character ends. Empty if there is nothing to show.
    #[must_use]
    pub fn encode(&self, room: usize) -> Vec<u8> {
        let (title, body) = (self.title.replace('\0', ""), self.body.replace('\0', ""));
        let most = MOST_TEXT.min(room.saturating_sub(HEADER));
        let text = match (title.is_empty(), body.is_empty()) {
            (_, true) => title,
            (true, false) => body,
            // A title that fills it all would be taken for the body.
            (false, false) => format!("{}\0{body}", cut(&title, most.saturating_sub(1))),
        };
        let text = cut(&text, most);
        if text.is_empty() {
            return Vec::new();
        }
        let mut bytes = vec![self.category, self.count, 0];
        bytes.extend_from_slice(text.as_bytes());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(title: &str, body: &str) -> Notification {
        Notification {
            category: SIMPLE,
            count: 1,
            title: title.into(),
            body: body.into(),
        }
    }

    #[test]
    fn an_alert_is_read_as_it_is_written() {
        let alert = message("Test Title", "Test Body");
        let bytes = alert.encode(240);
        assert_eq!(bytes, b"\x00\x01\x00Test Title\0Test Body");
        assert_eq!(Notification::decode(&bytes), Ok(alert));
    }

    #[test]
    fn one_line_has_no_title_before_it() {
        assert_eq!(
            message("Мама", "").encode(240),
            [b"\x00\x01\x00", "Мама".as_bytes()].concat()
        );
        assert_eq!(message("", "b").encode(240), b"\x00\x01\x00b");
        assert_eq!(message("", "\0").encode(240), b"", "nothing to show");
    }

    #[test]
    fn a_long_text_is_cut_where_a_character_ends() {
        let long = "я".repeat(200);
        for (title, body) in [(&*long, "b"), ("title", &*long), (&*long, &*long), (&*long, "")] {
            for room in [0, 3, 4, 5, 20, 101, 102, 240] {
                let bytes = message(title, body).encode(room);
                assert!(bytes.len() <= room.clamp(0, HEADER + MOST_TEXT), "{room}");
                assert!(bytes.is_empty() || Notification::decode(&bytes).is_ok());
            }
        }
        assert_eq!(message("t", &long).encode(240).len(), 3 + 2 + 96);
        // An embedded NUL would move the rest into the body.
        assert_eq!(message("a\0b", "c").encode(240), b"\x00\x01\x00ab\0c");
    }

    #[test]
    fn a_header_alone_is_no_alert() {
        for value in [&b""[..], b"\x00\x01", b"\x00\x01\x00", b"\x00\x01\x00\xff"] {
            assert_eq!(Notification::decode(value), Err(Invalid));
        }
    }
}
