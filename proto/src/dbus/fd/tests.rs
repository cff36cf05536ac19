use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;

use proptest::prelude::*;
use rustix::fs::SealFlags;
use rustix::pipe::pipe;
use tokio::time::Instant;

use super::{MAX_BYTES, PATIENCE, ReadSecretError, read_secret, write_secret};
use crate::dbus::Error;
use crate::secret::Secret;

fn read(fd: impl Into<OwnedFd>) -> Result<Secret<String>, ReadSecretError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(read_secret(fd))
}

/// A pipe that holds these bytes and has ended.
fn pipe_with(bytes: &[u8]) -> OwnedFd {
    let (reader, writer) = pipe().unwrap();
    File::from(writer).write_all(bytes).unwrap();
    reader
}

/// A memfd with these bytes, unsealed, its position at the end.
fn memfd_with(bytes: &[u8]) -> OwnedFd {
    let fd = rustix::fs::memfd_create("test", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
    File::from(fd.try_clone().unwrap()).write_all(bytes).unwrap();
    fd
}

#[test]
fn a_written_secret_reads_back_from_any_position_and_is_sealed() {
    let fd = write_secret(&Secret::of_text("pässword")).unwrap();
    let seals = rustix::fs::fcntl_get_seals(&fd).unwrap();
    assert!(seals.contains(SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL));
    assert!(rustix::io::write(&fd, b"x").is_err());
    assert_eq!(read(fd).unwrap().expose(), "pässword");
    assert_eq!(read(memfd_with(b"typed")).unwrap().expose(), "typed");
}

#[test]
fn a_pipe_reads_to_its_end() {
    assert_eq!(read(pipe_with(b"typed")).unwrap().expose(), "typed");
    assert_eq!(read(pipe_with(b"")).unwrap().expose(), "");
    let (reader, writer) = pipe().unwrap();
    let typist = std::thread::spawn(move || {
        let mut writer = File::from(writer);
        for byte in b"slowly" {
            writer.write_all(&[*byte]).unwrap();
            std::thread::yield_now();
        }
    });
    assert_eq!(read(reader).unwrap().expose(), "slowly");
    typist.join().unwrap();
}

#[test]
fn the_longest_secret_fits_and_one_byte_more_doesnt() {
    let longest = "x".repeat(MAX_BYTES);
    let longer = "x".repeat(MAX_BYTES + 1);
    for fill in [pipe_with, memfd_with] {
        assert_eq!(read(fill(longest.as_bytes())).unwrap().expose(), &longest);
        assert!(matches!(
            read(fill(longer.as_bytes())),
            Err(ReadSecretError::TooLong)
        ));
        assert!(matches!(
            read(fill(&[b'x'; 60_000])),
            Err(ReadSecretError::TooLong)
        ));
        assert!(matches!(read(fill(&[0xff, 0xfe])), Err(ReadSecretError::NotUtf8)));
        assert!(matches!(read(fill(&[b'a', 0xc3])), Err(ReadSecretError::NotUtf8)));
    }
}

#[test]
fn a_pipe_that_never_ends_is_given_up_after_two_seconds_without_blocking_others() {
    let (reader, writer) = pipe().unwrap();
    File::from(writer.try_clone().unwrap())
        .write_all(b"half a pass")
        .unwrap();
    // Time passes only where nobody has anything to do: a busy machine takes none of it.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let (outcome, others, whole) = runtime.block_on(async {
        let start = Instant::now();
        let (outcome, others) = tokio::join!(read_secret(reader), async { start.elapsed() });
        (outcome, others, start.elapsed())
    });
    assert!(matches!(outcome, Err(ReadSecretError::TimedOut)));
    assert!(others < PATIENCE && whole >= PATIENCE && whole < 2 * PATIENCE);
    drop(writer);
}

#[test]
fn a_pipe_that_pours_without_end_is_too_long() {
    let (reader, writer) = pipe().unwrap();
    let pouring = std::thread::spawn(move || {
        let mut writer = File::from(writer);
        while writer.write_all(&[b'x'; 512]).is_ok() {}
    });
    assert!(matches!(read(reader), Err(ReadSecretError::TooLong)));
    pouring.join().unwrap();
}

#[test]
fn anything_else_is_refused_unread() {
    let mut file = tempfile();
    file.write_all(b"password").unwrap();
    let (socket, mut other) = UnixStream::pair().unwrap();
    other.write_all(b"password").unwrap();
    let (_reader, writer) = pipe().unwrap();
    let folder = File::open("/").unwrap();
    let fds: [(&str, OwnedFd); 6] = [
        ("a file", file.try_clone().unwrap().into()),
        ("a socket", socket.try_clone().unwrap().into()),
        ("/dev/zero", File::open("/dev/zero").unwrap().into()),
        ("/dev/null", File::open("/dev/null").unwrap().into()),
        ("a folder", folder.into()),
        ("the writing end of a pipe", writer),
    ];
    for (what, fd) in fds {
        assert!(matches!(read(fd), Err(ReadSecretError::NotMemfdOrPipe)), "{what}");
    }
    let mut unread = [0; 8];
    assert_eq!(
        rustix::io::read(socket.as_fd(), &mut unread).unwrap(),
        8,
        "the socket was read"
    );
    assert_eq!(rustix::fs::tell(&file).unwrap(), 8, "the file was moved");
}

#[test]
fn every_refusal_is_an_invalid_argument_on_the_bus() {
    let errors = [
        ReadSecretError::NotMemfdOrPipe,
        ReadSecretError::TooLong,
        ReadSecretError::TimedOut,
        ReadSecretError::NotUtf8,
        ReadSecretError::Io(std::io::ErrorKind::Other.into()),
    ];
    for error in errors {
        assert!(matches!(Error::from(error), Error::InvalidArgument(_)));
    }
}

proptest! {
    #[test]
    fn any_text_crosses_in_a_memfd_and_in_a_pipe(text in ".{0,250}") {
        let secret = Secret::of_text(&text);
        let read_back = read(write_secret(&secret).unwrap()).unwrap();
        prop_assert_eq!(read_back.expose(), &text);
        let read_back = read(pipe_with(text.as_bytes())).unwrap();
        prop_assert_eq!(read_back.expose(), &text);
    }
}

/// An unnamed file on a real file system: on tmpfs seals can be asked for, as on a memfd.
fn tempfile() -> File {
    let folder = env!("CARGO_MANIFEST_DIR");
    let flags = rustix::fs::OFlags::TMPFILE | rustix::fs::OFlags::RDWR;
    rustix::fs::open(folder, flags, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR)
        .unwrap()
        .into()
}
