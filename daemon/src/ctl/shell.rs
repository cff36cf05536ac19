//! `completions` and `man`: what a package installs beside belayctl.

use std::io::{self, Write as _};
use std::path::Path;

use clap::CommandFactory as _;

use super::cli::{Cli, Completions, Man};
use super::error::Error;

/// Writes the completions for a shell to standard output.
///
/// # Errors
/// [`Error::Io`].
pub fn completions(args: &Completions) -> Result<(), Error> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "belayctl", &mut script);
    io::stdout()
        .lock()
        .write_all(&script)
        .map_err(Error::io("standard output"))
}

/// Writes a manual page for each command into a folder.
///
/// # Errors
/// [`Error::Io`].
pub fn man(args: &Man) -> Result<(), Error> {
    let name = args.folder.display().to_string();
    std::fs::create_dir_all(&args.folder).map_err(Error::io(name.clone()))?;
    clap_mangen::generate_to(named(), Path::new(&args.folder)).map_err(Error::io(name))
}

/// The commands, with the names that their pages have.
fn named() -> clap::Command {
    Cli::command()
}

#[cfg(test)]
mod tests {
    use clap_complete::Shell;

    use super::*;

    #[test]
    fn every_command_has_a_page_and_no_page_lacks_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let args = Man {
            folder: folder.path().join("man1"),
        };
        man(&args).unwrap();
        let read = |page: &str| std::fs::read_to_string(args.folder.join(page)).unwrap();
        assert!(read("belayctl.1").contains("Binds this device"));
        assert!(read("belayctl-account-password.1").contains("Change the password"));
    }

    #[test]
    fn the_shells_that_people_use_complete_the_commands() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "belayctl", &mut script);
            let script = String::from_utf8(script).unwrap();
            assert!(
                script.contains("recovery-code") && script.contains("sign-in"),
                "{shell}"
            );
        }
    }
}
