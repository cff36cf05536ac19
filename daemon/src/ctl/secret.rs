//! Passwords and codes: from the terminal without echo, or from the first line of a file. Never from the arguments.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd as _;
use std::path::Path;

use belay_proto::Secret;
use zeroize::Zeroizing;

use super::error::Error;

/// The most that goes over the bus as one secret, in bytes.
const MOST: usize = 1_024;

/// Reads a secret: the first line of `file` (`-` is standard input), else what is typed after `prompt` on the
/// terminal.
///
/// # Errors
/// [`Error::Usage`] without a terminal to ask on, [`Error::Data`] for a secret that is empty, too long or not UTF-8,
/// [`Error::Io`] when reading fails.
pub fn read(file: Option<&Path>, prompt: &str) -> Result<Secret<String>, Error> {
    let secret = match file {
        None => ask(prompt)?,
        Some(path) => from_file(path)?,
    };
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
pub fn read_new(file: Option<&Path>, prompt: &str, again: &str) -> Result<Secret<String>, Error> {
    let secret = read(file, prompt)?;
    if file.is_none() && ask(again)?.expose() != secret.expose() {
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
pub fn read_optional(file: Option<&Path>, prompt: &str) -> Result<Secret<String>, Error> {
    file.map_or_else(|| ask(prompt), from_file)
}

/// Whether there is a terminal to ask on.
pub fn can_ask() -> bool {
    terminal().is_ok()
}

/// Asks a question on the terminal, with echo; the answer without blanks around it.
///
/// # Errors
/// [`Error::Usage`] without a terminal, [`Error::Io`] when it fails.
pub fn ask_openly(question: &str) -> Result<String, Error> {
    use std::io::{BufRead as _, Write as _};
    let mut terminal = terminal().map_err(|_| no_terminal())?;
    write!(terminal, "{question} ")
        .and_then(|()| terminal.flush())
        .map_err(Error::io("the terminal"))?;
    let mut answer = String::new();
    io::BufReader::new(terminal)
        .read_line(&mut answer)
        .map_err(Error::io("the terminal"))?;
    Ok(answer.trim().to_owned())
}

fn terminal() -> io::Result<File> {
    File::options().read(true).write(true).open("/dev/tty")
}

fn no_terminal() -> Error {
    Error::Usage("There is no terminal to ask on: give everything as arguments, and secrets with --password-file, --code-file or --key-file.".to_owned())
}

fn ask(prompt: &str) -> Result<Secret<String>, Error> {
    if !can_ask() {
        return Err(no_terminal());
    }
    let typed = rpassword::prompt_password(prompt).map_err(Error::io("the terminal"))?;
    if typed.len() > MOST {
        return Err(too_long());
    }
    Ok(Secret::new(typed))
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

    #[test]
    fn a_missing_file_is_named() {
        let error = read(Some(Path::new("/nonexistent/belay")), "").unwrap_err();
        assert_eq!(error.exit_code(), 74);
        assert!(error.words().contains("/nonexistent/belay"));
    }

    #[test]
    fn an_empty_file_isnt_a_password() {
        let error = read(Some(Path::new("/dev/null")), "").unwrap_err();
        assert_eq!(error.exit_code(), 65);
    }
}
