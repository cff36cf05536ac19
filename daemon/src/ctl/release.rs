//! Showing and keeping a release: the proof, signed at sign-out, that the owner let this device go.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

use super::cli::{Qr, Release};
use super::error::Error;
use super::output::Output;
use super::text::Ink;

/// The release for people: the QR code where one is wanted, then the text itself.
pub fn draw(release: &str, options: &Release, output: Output) -> String {
    let wanted = match options.qr {
        Qr::Auto => output.terminal,
        Qr::Yes => !output.json,
        Qr::No => false,
    };
    match wanted.then(|| qr_code(release, output.ink)).flatten() {
        Some(drawn) => format!("{drawn}\n{release}"),
        None => release.to_owned(),
    }
}

/// Saves the release where asked, durably, and never over another file.
///
/// # Errors
/// [`Error::Io`].
pub fn save(release: &str, options: &Release) -> Result<(), Error> {
    let Some(path) = &options.release_file else {
        return Ok(());
    };
    let failed = || Error::io(path.display().to_string());
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .open(path)
        .map_err(failed())?;
    writeln!(file, "{release}")
        .and_then(|()| file.sync_all())
        .map_err(failed())
}

/// Makes sure that a file to be written later can be: sign-out can't be repeated for a second release.
///
/// # Errors
/// [`Error::Io`] when it exists, or its folder doesn't.
pub fn check_free(options: &Release) -> Result<(), Error> {
    let Some(path) = &options.release_file else {
        return Ok(());
    };
    if path.symlink_metadata().is_ok() {
        return Err(Error::io(path.display().to_string())(
            io::ErrorKind::AlreadyExists.into(),
        ));
    }
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    folder
        .metadata()
        .map_err(Error::io(folder.display().to_string()))
        .map(|_| ())
}

/// Half blocks, two modules a character. With colour, black on white whatever the terminal's own colours are; without,
/// light modules are drawn, which is right on a dark terminal.
fn qr_code(text: &str, ink: Ink) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    let mut renderer = code.render::<Dense1x2>();
    if ink.is_on() {
        let drawn = renderer
            .dark_color(Dense1x2::Dark)
            .light_color(Dense1x2::Light)
            .build();
        return Some(
            drawn
                .lines()
                .map(|line| ink.paper(line))
                .collect::<Vec<_>>()
                .join("\n"),
        );
    }
    Some(
        renderer
            .dark_color(Dense1x2::Light)
            .light_color(Dense1x2::Dark)
            .build(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIPED: Output = Output {
        json: false,
        ink: Ink::OFF,
        terminal: false,
    };

    #[test]
    fn a_pipe_gets_the_release_alone() {
        assert_eq!(
            draw("belay-release:abc", &Release::default(), PIPED),
            "belay-release:abc"
        );
    }

    #[test]
    fn a_terminal_gets_a_qr_code_unless_told_no() {
        let terminal = Output {
            terminal: true,
            ..PIPED
        };
        let text = draw("belay-release:abc", &Release::default(), terminal);
        assert!(
            text.contains('█') && text.ends_with("\nbelay-release:abc"),
            "{text}"
        );
        let no = Release {
            qr: Qr::No,
            ..Release::default()
        };
        assert_eq!(draw("belay-release:abc", &no, terminal), "belay-release:abc");
    }

    #[test]
    fn a_release_as_long_as_they_get_fits_a_qr_code() {
        assert!(qr_code(&"x".repeat(1_024), Ink::OFF).is_some());
    }

    #[test]
    fn a_release_is_saved_once_and_never_over_another_file() {
        let folder = tempfile::tempdir().unwrap();
        let options = Release {
            qr: Qr::No,
            release_file: Some(folder.path().join("release")),
        };
        check_free(&options).unwrap();
        save("belay-release:abc", &options).unwrap();
        let saved = std::fs::read_to_string(folder.path().join("release")).unwrap();
        assert_eq!(saved, "belay-release:abc\n");
        assert_eq!(check_free(&options).unwrap_err().exit_code(), 74);
        assert_eq!(save("other", &options).unwrap_err().exit_code(), 74);
        let elsewhere = Release {
            release_file: Some(folder.path().join("no/release")),
            ..options
        };
        assert_eq!(check_free(&elsewhere).unwrap_err().exit_code(), 74);
    }
}
