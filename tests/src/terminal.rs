//! A terminal with somebody in front of it.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;

use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};
use tokio::sync::watch;

use crate::Outcome;
use crate::until::within;

/// A pseudo-terminal: a program has one end, a test reads and types at the other.
#[derive(Debug)]
pub struct Terminal {
    near: File,
    /// Kept open, so that what the program left behind can be looked at.
    far: OwnedFd,
    shown: watch::Receiver<String>,
}

impl Terminal {
    /// A new one, which isn't this process's own.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn open() -> Outcome<Self> {
        let near = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&near)?;
        unlockpt(&near)?;
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let far = ioctl_tiocgptpeer(&near, flags)?;
        let near = File::from(near);
        let (sender, shown) = watch::channel(String::new());
        let mut reader = near.try_clone()?;
        // Ends once nobody has the other end open any more.
        std::thread::spawn(move || {
            let (mut piece, mut all) = ([0; 1_024], Vec::new());
            while let Ok(count @ 1..) = reader.read(&mut piece) {
                // A piece may end within a letter.
                all.extend_from_slice(piece.get(..count).unwrap_or_default());
                sender.send_replace(String::from_utf8_lossy(&all).into_owned());
            }
        });
        Ok(Self { near, far, shown })
    }

    /// A new one so many characters wide.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn wide(columns: u16) -> Outcome<Self> {
        let terminal = Self::open()?;
        let size = Winsize {
            ws_row: 60,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&terminal.near, size)?;
        Ok(terminal)
    }

    /// The program's end.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn end(&self) -> Outcome<OwnedFd> {
        Ok(self.far.try_clone()?)
    }

    /// Waits until this is shown, and returns all that was shown by then.
    ///
    /// # Errors
    /// Where it isn't.
    pub async fn shows(&self, text: &str) -> Outcome<String> {
        let mut shown = self.shown.clone();
        let what = format!("{text:?} on the terminal");
        let read = async {
            let shown = shown.wait_for(|shown| shown.contains(text)).await?;
            Ok(shown.clone())
        };
        within(&what, read).await?
    }

    /// All that programs have shown that have ended by now.
    ///
    /// # Errors
    /// What the kernel says.
    pub async fn all(&self) -> Outcome<String> {
        const END: &str = "(end)";
        File::from(self.end()?).write_all(END.as_bytes())?;
        let shown = self.shows(END).await?;
        Ok(shown.strip_suffix(END).unwrap_or(&shown).to_owned())
    }

    /// Types; `\u{3}` is Ctrl-C.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn types(&self, text: &str) -> Outcome {
        Ok((&self.near).write_all(text.as_bytes())?)
    }

    /// Whether what is typed is shown, line by line, and Ctrl-C is heard, as a shell expects it.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn is_sane(&self) -> Outcome<bool> {
        let modes = tcgetattr(&self.far)?.local_modes;
        Ok(modes.contains(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG))
    }

    /// Whether what is typed is shown.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn echoes(&self) -> Outcome<bool> {
        Ok(tcgetattr(&self.far)?.local_modes.contains(LocalModes::ECHO))
    }
}
