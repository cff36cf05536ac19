//! Passwords and codes: from the terminal without echo, or from the first line of a file. Never from the arguments.
//!
//! Nothing here blocks the task that waits, so that Ctrl-C is heard at once; then the terminal is left as it was found.

use std::fs::File;
use std::io::{self, Read, Write as _};
use std::os::fd::AsFd as _;
use std::path::Path;

use belay_proto::Secret;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use super::error::Error;

/// The most that goes over the bus as one secret, in bytes.
const MOST: usize = 1_024;

/// Reads a secret: the first line of `file` (`-` is standard input), else what is typed after `prompt` on the
/// terminal.
///
/// # Errors
/// [`Error::NoTerminal`] without a terminal to ask on, [`Error::Data`] for a secret that is empty, too long or not UTF-8,
/// [`Error::Io`] when reading fails.
pub async fn read(file: Option<&Path>, prompt: &str) -> Result<Secret<String>, Error> {
    let secret = read_optional(file, prompt).await?;
    if secret.expose().is_empty() {
        return Err(Error::Data(
            "Nothing was typed, or the file's first line is empty.".to_owned(),
        ));
    }
    Ok(secret)
}

/// Reads a new secret: from the terminal it is asked for twice.
///
/// # Errors
/// As [`read`], and [`Error::Data`] when the two differ.
pub async fn read_new(file: Option<&Path>, prompt: &str, again: &str) -> Result<Secret<String>, Error> {
    let secret = read(file, prompt).await?;
    if file.is_none() && ask(again, false).await?.expose() != secret.expose() {
        return Err(Error::Data(
            "The two passwords differ; nothing was done.".to_owned(),
        ));
    }
    Ok(secret)
}

/// Reads a secret that may be empty.
///
/// # Errors
/// As [`read`].
pub async fn read_optional(file: Option<&Path>, prompt: &str) -> Result<Secret<String>, Error> {
    match file {
        None => ask(prompt, false).await,
        Some(path) => {
            let path = path.to_owned();
            aside(move || from_file(&path)).await
        }
    }
}

/// Whether there is a terminal to ask on.
pub fn can_ask() -> bool {
    terminal().is_ok()
}

/// Asks a question on the terminal, with echo; the answer without blanks around it.
///
/// # Errors
/// [`Error::NoTerminal`] without a terminal, [`Error::Io`] when it fails.
pub async fn ask_openly(question: &str) -> Result<String, Error> {
    let answer = ask(&format!("{question} "), true).await?;
    Ok(answer.expose().trim().to_owned())
}

fn terminal() -> io::Result<File> {
    File::options().read(true).write(true).open("/dev/tty")
}

/// Asks on the terminal, with or without showing what is typed.
async fn ask(prompt: &str, openly: bool) -> Result<Secret<String>, Error> {
    const WHERE: &str = "the terminal";
    let mut terminal = terminal().map_err(|_| Error::NoTerminal { instead: Vec::new() })?;
    let mut found = AsFound::of(&terminal).map_err(Error::io(WHERE))?;
    if !openly {
        found.hide().map_err(Error::io(WHERE))?;
    }
    terminal
        .write_all(prompt.as_bytes())
        .and_then(|()| terminal.flush())
        .map_err(Error::io(WHERE))?;
    let typed = aside(move || first_line(terminal, WHERE)).await;
    found.answered = true;
    typed
}

/// Does what may block on a thread of its own. One that still blocks when nobody waits any more ends with the process.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|_| Err(Error::named("Internal", "reading ended before it was done")))
}

/// The terminal as it was found, and as it is again when this is dropped, whether somebody answered or left.
struct AsFound {
    terminal: File,
    modes: Termios,
    answered: bool,
}

impl AsFound {
    fn of(terminal: &File) -> io::Result<Self> {
        let terminal = terminal.try_clone()?;
        Ok(Self {
            modes: tcgetattr(&terminal)?,
            terminal,
            answered: false,
        })
    }

    /// Shows nothing of what is typed but the end of the line.
    fn hide(&self) -> io::Result<()> {
        let mut hidden = self.modes.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        hidden.local_modes.insert(LocalModes::ECHONL);
        // What was typed before the question is no answer to it.
        Ok(tcsetattr(&self.terminal, OptionalActions::Flush, &hidden)?)
    }
}

impl Drop for AsFound {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing.
        let _ = tcsetattr(&self.terminal, OptionalActions::Now, &self.modes);
        if !self.answered {
            let _ = self.terminal.write_all(b"\n");
        }
    }
}

fn from_file(path: &Path) -> Result<Secret<String>, Error> {
    if path == Path::new("-") {
        // Past the standard library's buffer, which would keep a copy.
        let input = io::stdin()
            .as_fd()
            .try_clone_to_owned()
            .map_err(Error::io("standard input"))?;
        return first_line(File::from(input), "standard input");
    }
    let name = path.display().to_string();
    first_line(File::open(path).map_err(Error::io(name.clone()))?, &name)
}

/// The first line without its end. Read into a buffer that never moves, so that no copy is left behind; no further than
/// the longest line that could be taken.
fn first_line(mut source: impl Read, name: &str) -> Result<Secret<String>, Error> {
    let mut line = Zeroizing::new(vec![0; MOST + 2]);
    let mut filled = 0;
    let end = loop {
        match source.read(&mut line[filled..]) {
            Ok(0) => break filled,
            Ok(count) => {
                let new = filled..filled + count;
                filled = new.end;
                if let Some(end) = line[new.clone()].iter().position(|byte| *byte == b'\n') {
                    break new.start + end;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::io(name)(error)),
        }
    };
    line.truncate(end);
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    if line.len() > MOST {
        return Err(too_long());
    }
    match std::str::from_utf8(&line) {
        Ok(text) => Ok(Secret::of_text(text)),
        Err(_) => Err(Error::Data(format!("{name}: the first line isn't UTF-8."))),
    }
}

fn too_long() -> Error {
    Error::Data(format!("That is longer than {MOST} bytes."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(bytes: &[u8]) -> Result<String, Error> {
        first_line(bytes, "file").map(|secret| secret.expose().clone())
    }

    #[test]
    fn a_password_file_is_its_first_line() {
        assert_eq!(line(b"correct horse 7\nsecond").unwrap(), "correct horse 7");
        assert_eq!(line(b"correct horse 7\r\n").unwrap(), "correct horse 7");
        assert_eq!(line(b" spaces stay ").unwrap(), " spaces stay ");
        assert_eq!(line(b"").unwrap(), "");
    }

    #[test]
    fn a_line_that_comes_in_pieces_is_put_together() {
        let pieces = "corr".as_bytes().chain("ect 7\nrest".as_bytes());
        assert_eq!(first_line(pieces, "pipe").unwrap().expose(), "correct 7");
    }

    #[test]
    fn a_secret_that_cant_be_is_refused_here() {
        assert_eq!(line(&[b'a'; MOST]).unwrap().len(), MOST);
        assert!(matches!(line(&[b'a'; MOST + 1]), Err(Error::Data(_))));
        assert!(matches!(line(&[b'a'; 1 << 20]), Err(Error::Data(_))));
        assert!(matches!(line(b"\xff\xfe\n"), Err(Error::Data(_))));
    }

    #[tokio::test]
    async fn a_missing_file_is_named() {
        let error = read(Some(Path::new("/nonexistent/belay")), "").await.unwrap_err();
        assert_eq!(error.exit_code(), 74);
        assert!(error.words().contains("/nonexistent/belay"));
    }

    #[tokio::test]
    async fn an_empty_file_isnt_a_password() {
        let error = read(Some(Path::new("/dev/null")), "").await.unwrap_err();
        assert_eq!(error.exit_code(), 65);
    }
}
