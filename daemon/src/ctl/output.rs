//! Where a command's words go: text or JSON on standard output, failures as text on standard error or as JSON on
//! standard output.

use std::io::{self, IsTerminal as _, Write as _};

use belay_proto::text::misleads;
use rustix::termios::tcgetwinsize;
use serde_json::Value;

use super::advice::exit;
use super::cli::Global;
use super::error::Error;
use super::text::{Ink, printable};

/// What a command has to say: as text for people, and as one JSON object.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// For people; lines, without the last newline.
    pub text: String,
    /// For scripts.
    pub json: Value,
    /// The exit code, one of [`exit`].
    pub exit: u8,
}

impl Report {
    /// A report in both forms.
    pub fn new(text: impl Into<String>, json: Value) -> Self {
        Self {
            text: text.into(),
            json,
            exit: exit::OK,
        }
    }

    /// The same of something that was done in part: the exit code and the JSON's `error` are those of what stopped the rest.
    pub fn in_part(mut self, error: &Error) -> Self {
        if let (Some(fields), Value::Object(more)) = (self.json.as_object_mut(), error.json()) {
            fields.extend(more);
        }
        self.exit = error.exit_code();
        self
    }
}

/// A line on the terminal that is drawn anew until it is done, or nobody waits any more: dropped, it is gone from there.
#[derive(Debug, Default)]
pub struct Line {
    drawn: bool,
}

impl Line {
    /// Draws over what is there.
    ///
    /// # Errors
    /// [`Error::Io`] when nobody takes it.
    pub fn draw(&mut self, text: &str) -> Result<(), Error> {
        self.drawn = true;
        over(text)
    }

    /// Whether it was drawn.
    pub fn is_drawn(&self) -> bool {
        self.drawn
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.drawn {
            // A terminal that is gone needs nothing.
            let _ = over("");
        }
    }
}

/// Standard output and standard error in the form that was asked for.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// JSON instead of text.
    pub json: bool,
    /// Colour for standard output.
    pub ink: Ink,
    /// Whether a person sees standard output.
    pub terminal: bool,
    /// How wide that is, characters; `None` where nobody knows.
    pub columns: Option<usize>,
}

impl Output {
    /// The output for these options and the terminal at hand.
    pub fn new(global: Global) -> Self {
        let terminal = io::stdout().is_terminal();
        Self {
            json: global.json,
            ink: ink(terminal),
            terminal: terminal && !global.json,
            columns: columns(),
        }
    }

    /// Shows a report.
    ///
    /// # Errors
    /// [`Error::Io`] when nobody takes it.
    pub fn show(self, report: &Report) -> Result<(), Error> {
        if self.json {
            line(&plain(&report.json))
        } else if report.text.is_empty() {
            Ok(())
        } else {
            line(&report.text)
        }
    }

    /// Shows a line about something that goes on; JSON has it all at the end.
    ///
    /// # Errors
    /// [`Error::Io`] when nobody takes it.
    pub fn progress(self, text: &str) -> Result<(), Error> {
        if self.json { Ok(()) } else { line(text) }
    }

    /// Says something that isn't as it should be and stops nothing; for scripts it stands in the answer.
    pub fn warn(self, text: &str) {
        if !self.json {
            let ink = ink(io::stderr().is_terminal());
            let _ = writeln!(
                io::stderr().lock(),
                "{} {}",
                ink.bad("belayctl:"),
                printable(text)
            );
        }
    }

    /// Shows why a command failed. That it can't be shown changes nothing any more.
    pub fn fail(self, error: &Error) {
        if self.json {
            let _ = line(&plain(&error.json()));
            return;
        }
        let ink = ink(io::stderr().is_terminal());
        // Whoever wrote a part of it, it moves no cursor.
        let words = error.words();
        let words = words.split('\n').map(printable).collect::<Vec<_>>().join("\n");
        let (first, rest) = words.split_once('\n').unwrap_or((&words, ""));
        let mut stderr = io::stderr().lock();
        let _ = writeln!(stderr, "{} {first}", ink.bad("belayctl:"));
        if !rest.is_empty() {
            let _ = writeln!(stderr, "{rest}");
        }
    }
}

/// JSON on a line, in which what could make a text look like another is escaped: it may be a terminal that reads it.
pub fn plain(json: &Value) -> String {
    let text = json.to_string();
    let mut plain = String::with_capacity(text.len());
    for letter in text.chars() {
        if misleads(letter) {
            // Outside of strings there is none, and inside of them it means the same; all are in the first plane.
            plain.push_str(&format!("\\u{:04x}", u32::from(letter)));
        } else {
            plain.push(letter);
        }
    }
    plain
}

/// A terminal that doesn't know its size says 0.
fn columns() -> Option<usize> {
    let size = tcgetwinsize(io::stdout()).ok()?;
    (size.ws_col > 0).then(|| usize::from(size.ws_col))
}

fn ink(terminal: bool) -> Ink {
    Ink::new(terminal, std::env::var_os("NO_COLOR").as_deref())
}

fn over(text: &str) -> Result<(), Error> {
    let mut stdout = io::stdout().lock();
    write!(stdout, "\r\u{1b}[K{text}")
        .and_then(|()| stdout.flush())
        .map_err(Error::io("standard output"))
}

fn line(text: &str) -> Result<(), Error> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}")
        .and_then(|()| stdout.flush())
        .map_err(Error::io("standard output"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_moves_no_cursor_and_says_the_same() {
        let json = serde_json::json!({"name": "a\u{202e}b\u{1b}[2J\u{9b}\u{7f}ü“”"});
        let text = plain(&json);
        assert!(!text.chars().any(misleads), "{text:?}");
        assert!(text.contains("ü“”"));
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), json);
    }
}
