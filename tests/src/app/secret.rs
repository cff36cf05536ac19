//! Secrets as file descriptors, as a client makes and reads them.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::fd::OwnedFd;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};

use crate::Outcome;

/// A sealed memfd with this content, at its beginning.
///
/// # Errors
/// What the kernel says.
pub fn memfd(content: &[u8]) -> Outcome<OwnedFd> {
    let mut file = File::from(memfd_create(
        "secret",
        MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING,
    )?);
    file.write_all(content)?;
    file.rewind()?;
    fcntl_add_seals(
        &file,
        SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL,
    )?;
    Ok(file.into())
}

/// The reading end of a pipe with this content (at most 64 KiB), its writing end closed.
///
/// # Errors
/// What the kernel says.
pub fn pipe(content: &[u8]) -> Outcome<OwnedFd> {
    let (reader, writer) = std::io::pipe()?;
    let mut writer = File::from(OwnedFd::from(writer));
    writer.write_all(content)?;
    Ok(reader.into())
}

/// What a descriptor that a method answered holds.
///
/// # Errors
/// What the kernel says.
pub fn read_text(fd: OwnedFd) -> Outcome<String> {
    let mut text = String::new();
    let mut file = File::from(fd);
    // A memfd shares its offset with whoever made it.
    let _pipes_have_none = file.rewind();
    file.read_to_string(&mut text)?;
    Ok(text)
}
