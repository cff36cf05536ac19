//! Showing and keeping a release: the proof, signed at sign-out, that the owner let this device go.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use super::cli::Release;
use super::error::Error;
use super::output::Output;
use super::qr;

/// The release for people: the QR code where one is wanted, then the text itself.
pub fn draw(release: &str, options: &Release, output: Output) -> String {
    match qr::draw(release, options.qr, output) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ctl::cli::Qr;

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
