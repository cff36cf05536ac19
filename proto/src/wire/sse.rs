//! Reads `text/event-stream` as it comes, piece by piece, in bounded memory.

use std::time::Duration;

/// Bytes of the longest line that is read; hints are short.
const LONGEST_LINE: usize = 4096;

/// Bytes of the longest event id that is remembered: it has to fit a header.
const LONGEST_ID: usize = 128;

/// The longest wait before another try that is believed.
const LONGEST_RETRY: Duration = Duration::from_secs(5 * 60);

/// What one blank line or comment ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A comment line without its colon: the heartbeat.
    Comment(String),
    /// How long to wait before the stream is opened again, once it has ended.
    Retry(Duration),
    /// An event.
    Event {
        /// Its name; `message` where the stream gave none.
        name: String,
        /// The id in force, which is also that of an earlier event where this one has none.
        id: Option<String>,
    },
}

/// A line that no stream of the contract has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a line over {LONGEST_LINE} bytes")]
pub struct TooLong;

/// What has come of an item so far. Data is counted and not kept: hints carry none.
#[derive(Debug, Default)]
pub struct Parser {
    line: Vec<u8>,
    /// The last byte ended a line as CR; an LF now belongs to it.
    after_return: bool,
    /// Whether the stream's first bytes were looked at for a byte order mark.
    begun: bool,
    name: String,
    id: Option<String>,
    has_data: bool,
}

impl Parser {
    /// Reads `bytes` and hands each item that they end to `found`.
    ///
    /// # Errors
    /// [`TooLong`]; the stream can't be read any further.
    pub fn read(&mut self, bytes: &[u8], mut found: impl FnMut(Item)) -> Result<(), TooLong> {
        for &byte in bytes {
            let is_tail = byte == b'\n' && std::mem::take(&mut self.after_return);
            match byte {
                _ if is_tail => {}
                b'\r' | b'\n' => {
                    self.after_return = byte == b'\r';
                    let line = std::mem::take(&mut self.line);
                    if let Some(item) = self.line(&line) {
                        found(item);
                    }
                    self.line = line;
                    self.line.clear();
                }
                _ if self.line.len() == LONGEST_LINE => return Err(TooLong),
                _ => {
                    self.after_return = false;
                    self.line.push(byte);
                }
            }
        }
        Ok(())
    }

    fn line(&mut self, line: &[u8]) -> Option<Item> {
        let line = match line.strip_prefix(b"\xef\xbb\xbf") {
            Some(rest) if !self.begun => rest,
            _ => line,
        };
        self.begun = true;
        let line = String::from_utf8_lossy(line);
        if line.is_empty() {
            return self.end();
        }
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "" => return Some(Item::Comment(value.to_owned())),
            "event" => value.clone_into(&mut self.name),
            "data" => self.has_data = true,
            "id" if !value.contains('\0') && fits_a_header(value) => {
                self.id = (!value.is_empty()).then(|| value.to_owned());
            }
            "retry" if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => {
                let wish = Duration::from_millis(value.parse().unwrap_or(u64::MAX));
                return Some(Item::Retry(wish.min(LONGEST_RETRY)));
            }
            _ => {}
        }
        None
    }

    fn end(&mut self) -> Option<Item> {
        let name = std::mem::take(&mut self.name);
        std::mem::take(&mut self.has_data).then(|| Item::Event {
            name: if name.is_empty() { "message".into() } else { name },
            id: self.id.clone(),
        })
    }
}

fn fits_a_header(id: &str) -> bool {
    id.len() <= LONGEST_ID && id.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn items(parser: &mut Parser, bytes: &[u8]) -> Vec<Item> {
        let mut items = Vec::new();
        parser.read(bytes, |item| items.push(item)).unwrap();
        items
    }

    fn event(name: &str, id: Option<&str>) -> Item {
        Item::Event {
            name: name.into(),
            id: id.map(str::to_owned),
        }
    }

    const STREAM: &str = ": heartbeat 240\n\nid: 7\nevent: commands\ndata: {}\n\n:\n\nevent: sync\ndata\n\n";

    #[test]
    fn comments_and_events_are_told_apart_and_an_id_stays_in_force() {
        let expected = [
            Item::Comment("heartbeat 240".into()),
            event("commands", Some("7")),
            Item::Comment(String::new()),
            event("sync", Some("7")),
        ];
        for ending in ["\n", "\r\n", "\r"] {
            let text = format!("\u{feff}{}", STREAM.replace('\n', ending));
            assert_eq!(
                items(&mut Parser::default(), text.as_bytes()),
                expected,
                "{ending:?}"
            );
        }
    }

    #[test]
    fn the_wish_for_a_wait_is_read_within_bounds() {
        let mut parser = Parser::default();
        let wishes = items(
            &mut parser,
            b"retry: 5000\nretry: 99999999999999999999\nretry: soon\nretry:\n\n",
        );
        assert_eq!(
            wishes,
            [Item::Retry(Duration::from_secs(5)), Item::Retry(LONGEST_RETRY)]
        );
    }

    #[test]
    fn an_event_without_data_is_none_and_one_without_a_name_is_a_message() {
        let mut parser = Parser::default();
        assert_eq!(items(&mut parser, b"event: commands\n\n"), []);
        assert_eq!(items(&mut parser, b"data: {}\n\n"), [event("message", None)]);
    }

    #[test]
    fn an_id_that_no_header_can_carry_is_left_aside() {
        let mut parser = Parser::default();
        items(&mut parser, b"id: 7\ndata\n\n");
        for bad in [
            "id: a b\n",
            "id: \u{e9}\n",
            "id: a\0b\n",
            &format!("id: {}\n", "9".repeat(200)),
        ] {
            let text = format!("{bad}data\n\n");
            assert_eq!(items(&mut parser, text.as_bytes()), [event("message", Some("7"))]);
        }
        assert_eq!(items(&mut parser, b"id\ndata\n\n"), [event("message", None)]);
    }

    #[test]
    fn a_line_without_end_is_refused_before_it_fills_the_memory() {
        let mut parser = Parser::default();
        let chunk = [b'x'; 1000];
        let outcome = (0..10).try_for_each(|_| parser.read(&chunk, |_| ()));
        assert_eq!(outcome, Err(TooLong));
        assert!(parser.line.len() <= LONGEST_LINE);
    }

    proptest! {
        #[test]
        fn where_the_pieces_are_cut_makes_no_difference(cuts in prop::collection::vec(0..STREAM.len(), 0..12)) {
            let mut cuts = cuts;
            cuts.extend([0, STREAM.len()]);
            cuts.sort_unstable();
            let mut parser = Parser::default();
            let pieces: Vec<Item> = cuts
                .windows(2)
                .flat_map(|ends| items(&mut parser, &STREAM.as_bytes()[ends[0]..ends[1]]))
                .collect();
            prop_assert_eq!(pieces, items(&mut Parser::default(), STREAM.as_bytes()));
        }

        #[test]
        fn no_bytes_make_the_parser_panic(bytes: Vec<u8>) {
            let _ = Parser::default().read(&bytes, |_| ());
        }
    }
}
