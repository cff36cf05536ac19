//! The system underneath, as much of it as a wipe needs; a trait, so that a test can stop it at every write.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What lies at a path, symlinks followed, except below a folder that was listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Missing,
    /// A block device of so many bytes.
    Device(u64),
    /// A file of so many bytes.
    File(u64),
    /// A folder.
    Folder,
    /// A socket, a pipe …
    Other,
}

/// Reading, destroying, remembering.
pub trait Machine {
    /// What lies there.
    ///
    /// # Errors
    /// It can't be looked at.
    fn look(&self, path: &Path) -> io::Result<Found>;

    /// Up to `length` bytes from `offset`; less at the end.
    ///
    /// # Errors
    /// It can't be read.
    fn read(&self, path: &Path, offset: u64, length: usize) -> io::Result<Vec<u8>>;

    /// Writes over what is there, without making it longer than it was meant to be.
    ///
    /// # Errors
    /// Any part may have been written.
    fn write(&mut self, path: &Path, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Brings what was written to the medium; what is read afterwards comes from there.
    ///
    /// # Errors
    /// Any part may be on the medium.
    fn flush(&mut self, path: &Path) -> io::Result<()>;

    /// Discards a device's or a file's blocks, keeping its size.
    ///
    /// # Errors
    /// It can't be discarded; any part may have been.
    fn discard(&mut self, path: &Path, forced: bool) -> io::Result<()>;

    /// The file itself, or each regular file below the folder, without following symlinks. From then on nothing below
    /// the folder is looked at, read or written through a symlink, whatever somebody puts there meanwhile.
    ///
    /// # Errors
    /// It can't be listed.
    fn files(&mut self, path: &Path) -> io::Result<Vec<PathBuf>>;

    /// Removes a file, a symlink or a folder with everything in it, durably. What is mounted below stays.
    ///
    /// # Errors
    /// Something is left.
    fn remove(&mut self, path: &Path) -> io::Result<()>;

    /// Replaces a small file in one step, durably; makes its folder.
    ///
    /// # Errors
    /// The old bytes may still be there.
    fn save(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()>;

    /// Adds at the end of a small file, durably.
    ///
    /// # Errors
    /// Any part of `bytes` may have been added.
    fn append(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()>;

    /// A small file, `None` when there is none.
    ///
    /// # Errors
    /// It is there and can't be read.
    fn load(&self, path: &Path) -> io::Result<Option<Vec<u8>>>;

    /// Where a program is installed; an absolute path only if it can be run.
    fn program(&self, name: &str) -> Option<PathBuf>;

    /// Runs a program to its end; it is killed when its time is over.
    ///
    /// # Errors
    /// It couldn't be run, failed, or took too long; what it said is in the message.
    fn run(&mut self, program: &Path, arguments: &[&str], patience: Duration) -> io::Result<()>;

    /// Whether a device is mounted or swapped to, directly or by what lies on it.
    ///
    /// # Errors
    /// It can't be told.
    fn in_use(&self, device: &Path) -> io::Result<bool>;

    /// Where a path really is: without symlinks, also where its last parts aren't there yet.
    ///
    /// # Errors
    /// It can't be told.
    fn real(&self, path: &Path) -> io::Result<PathBuf>;

    /// Whether the file system that `folder` lies on uses the device.
    ///
    /// # Errors
    /// It can't be told.
    fn lies_on(&self, folder: &Path, device: &Path) -> io::Result<bool>;

    /// Whether a file system keeps its files across a power cut.
    ///
    /// # Errors
    /// It can't be told.
    fn durable(&self, folder: &Path) -> io::Result<bool>;

    /// Random bytes.
    ///
    /// # Errors
    /// There are none.
    fn random(&mut self, length: usize) -> io::Result<Vec<u8>>;

    /// Lets some time pass.
    fn pause(&mut self, time: Duration);

    /// Cuts the power by the system call.
    ///
    /// # Errors
    /// The power is still on.
    fn power_off(&mut self) -> io::Result<()>;
}
