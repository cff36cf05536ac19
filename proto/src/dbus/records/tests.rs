use std::fs::File;
use std::io::{self, Read, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use proptest::prelude::*;
use rustix::pipe::pipe;

use super::{
    ContentReader, FrameError, FrameReader, FrameWriter, FramedRecord, Listed, MAX_FRAME, MAX_SHORT,
    ReadContentError, read_content,
};
use crate::dbus::fd::write_bytes;
use crate::secret::Secret;
use crate::sync::{Attributes, RecordId};

const PATIENCE: Duration = Duration::from_secs(20);

fn attributes() -> impl Strategy<Value = Attributes> {
    prop::collection::btree_map("[^\\x00]{0,8}", "[^\\x00]{0,20}", 0..8).prop_map(Attributes)
}

prop_compose! {
    fn record()(
        id in any::<Option<[u8; 16]>>(),
        revision in any::<u64>(),
        natural in prop::option::of("[^\\x00]{1,40}"),
        kind in "[ -~]{0,40}",
        attributes in attributes(),
        keep_both in any::<bool>(),
        content in prop::collection::vec(any::<u8>(), 0..300),
    ) -> FramedRecord {
        let content = Secret::new(content);
        FramedRecord { id: id.map(RecordId::from_bytes), revision, natural, kind, attributes, keep_both, content }
    }
}

fn of(content: &[u8]) -> FramedRecord {
    FramedRecord {
        id: None,
        revision: 0,
        natural: None,
        kind: String::new(),
        attributes: Attributes::default(),
        keep_both: false,
        content: Secret::new(content.to_vec()),
    }
}

/// All that a record says, for comparing.
fn said(record: &FramedRecord) -> impl PartialEq + std::fmt::Debug + use<> {
    (
        (
            record.id,
            record.revision,
            record.natural.clone(),
            record.kind.clone(),
        ),
        (
            record.attributes.clone(),
            record.keep_both,
            record.content.expose().clone(),
        ),
    )
}

fn written(records: &[FramedRecord]) -> Vec<u8> {
    let mut stream = FrameWriter::new(Vec::new());
    records.iter().for_each(|record| stream.write(record).unwrap());
    stream.finish().unwrap()
}

/// A frame around these bytes.
fn framed(bytes: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(bytes.len()).unwrap().to_be_bytes().to_vec();
    frame.extend_from_slice(bytes);
    frame
}

/// Answers a few bytes at a time, and is interrupted in between.
struct Slow<'a>(&'a [u8], bool);

impl Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.1 = !self.1;
        if self.1 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let most = buffer.len().min(7);
        self.0.read(&mut buffer[..most])
    }
}

proptest! {
    #[test]
    fn every_record_reads_back_however_the_stream_comes(records in prop::collection::vec(record(), 0..6)) {
        let stream = written(&records);
        for read in [
            FrameReader::strict(stream.as_slice()).collect::<Result<Vec<_>, _>>().unwrap(),
            FrameReader::lenient(Slow(&stream, false)).collect::<Result<Vec<_>, _>>().unwrap(),
        ] {
            prop_assert!(read.iter().map(said).eq(records.iter().map(said)));
        }
    }

    #[test]
    fn a_stream_that_ends_anywhere_else_is_found_out(record in record(), cut: prop::sample::Index) {
        let stream = written(&[record]);
        let cut = 1 + cut.index(stream.len());
        let read: Vec<_> = FrameReader::strict(&stream[..cut]).collect();
        match cut == stream.len() {
            true => prop_assert!(matches!(&read[..], [Ok(_)])),
            false => prop_assert!(matches!(&read[..], [Err(FrameError::Truncated)])),
        }
    }

    #[test]
    fn arbitrary_bytes_are_a_record_that_reads_back_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for stream in [bytes.clone(), framed(&bytes)] {
            let good = FrameReader::lenient(stream.as_slice()).map_while(Result::ok).collect::<Vec<_>>();
            let again: Vec<_> = FrameReader::strict(written(&good).as_slice()).map(Result::unwrap).collect();
            prop_assert!(again.iter().map(said).eq(good.iter().map(said)));
        }
    }

    #[test]
    fn what_is_listed_reads_back(
        id: [u8; 16], numbers: (u64, u64, u64, u64), natural in "[^\\x00]{0,40}", kind in "[^\\x00]{0,20}", attributes in attributes(),
        other: Option<[u8; 16]>, lacking: bool, is_long: bool,
    ) {
        let listed = Listed {
            id: RecordId::from_bytes(id), revision: numbers.0, position: numbers.1, natural, kind, length: numbers.2,
            attributes, conflict_with: other.map(RecordId::from_bytes), lacking, changed_at: numbers.3, is_long,
        };
        let (id, revision, details) = listed.to_entry();
        let details = details.into_iter().map(|(key, value)| (key, value.try_into().unwrap())).collect();
        prop_assert_eq!(Listed::read((id, revision, details)), Ok(listed));
    }
}

#[test]
fn a_frame_is_as_documented() {
    // {"content": bin "hi"}: all else may be left out.
    let least = b"\x81\xa7content\xc4\x02hi";
    let read: Vec<_> = FrameReader::strict(framed(least).as_slice()).collect();
    assert!(matches!(&read[..], [Ok(record)] if said(record) == said(&of(b"hi"))));
    let whole = written(&[of(b"hi")]);
    assert_eq!(
        whole,
        [
            b"\0\0\0\x41\x87\xa2id\xa0\xa8revision\0\xa7natural\xc0\xa4kind\xa0\xaaattributes\x80".as_slice(),
            b"\xa9keep_both\xc2\xa7content\xc4\x02hi",
        ]
        .concat()
    );
}

#[test]
fn what_isnt_a_record_is_refused() {
    let refused: &[&[u8]] = &[
        b"",
        b"\x80",
        // An array in place of the map, and a map in another.
        b"\x91\xc4\x02hi",
        b"\x81\xa7content\x80",
        // Twice the same key, and something behind.
        b"\x82\xa7content\xc4\x01a\xa7content\xc4\x01b",
        b"\x81\xa7content\xc4\x02hi\x91",
        b"\x81\xa7content\xc4\x02hi\xc0",
        // An id that is none, an empty natural key, what no text of the bus can be, an attribute twice.
        b"\x82\xa7content\xc4\x02hi\xa2id\xa1x",
        b"\x82\xa7content\xc4\x02hi\xa7natural\xa0",
        b"\x82\xa7content\xc4\x02hi\xa4kind\xa1\0",
        b"\x82\xa7content\xc4\x02hi\xaaattributes\x82\xa1a\xa1b\xa1a\xa1c",
        // Lengths that lie.
        b"\x81\xa7content\xc6\xff\xff\xff\xffhi",
        b"\x82\xa7content\xc4\x02hi\xaaattributes\xdf\xff\xff\xff\xff",
    ];
    for frame in refused {
        let read: Vec<_> = FrameReader::lenient(framed(frame).as_slice()).collect();
        assert!(
            matches!(&read[..], [Err(FrameError::Malformed(1))]),
            "{} is {read:?}",
            frame.escape_ascii()
        );
    }
}

#[test]
fn an_unknown_key_is_passed_over_where_records_are_shown_and_refused_where_they_are_stored() {
    let frame = framed(b"\x82\xa7content\xc4\x02hi\xa5later\x92\x01\x02");
    assert!(FrameReader::lenient(frame.as_slice()).all(|record| record.is_ok()));
    let read: Vec<_> = FrameReader::strict(frame.as_slice()).collect();
    assert!(matches!(&read[..], [Err(FrameError::Malformed(1))]));
}

#[test]
fn a_stream_keeps_to_its_limits() {
    let announced = |length: usize| u32::try_from(length).unwrap().to_be_bytes();
    let read: Vec<_> = FrameReader::strict(announced(MAX_FRAME + 1).as_slice()).collect();
    assert!(matches!(&read[..], [Err(FrameError::TooLong)]));
    let read: Vec<_> = FrameReader::strict(announced(MAX_FRAME).as_slice()).collect();
    assert!(matches!(&read[..], [Err(FrameError::Truncated)]));

    let longest = of(&vec![7; MAX_SHORT]);
    let read: Vec<_> = FrameReader::strict(written(std::slice::from_ref(&longest)).as_slice()).collect();
    assert!(matches!(&read[..], [Ok(record)] if said(record) == said(&longest)));
    let mut stream = FrameWriter::new(io::sink());
    assert!(matches!(
        stream.write(&of(&vec![7; MAX_SHORT + 1])),
        Err(FrameError::TooLong)
    ));
    let long = FramedRecord {
        natural: Some("n".repeat(4097)),
        ..of(b"")
    };
    assert!(matches!(stream.write(&long), Err(FrameError::TooLong)));
}

fn file_with(bytes: &[u8]) -> OwnedFd {
    // A tmpfs gives files without a name, and knows of no seals where the file wasn't made for them.
    let flags = rustix::fs::OFlags::TMPFILE | rustix::fs::OFlags::RDWR | rustix::fs::OFlags::CLOEXEC;
    let file = rustix::fs::open(std::env::temp_dir(), flags, rustix::fs::Mode::RUSR).unwrap();
    File::from(file.try_clone().unwrap()).write_all(bytes).unwrap();
    file
}

#[test]
fn a_content_comes_from_a_memfd_a_file_or_a_pipe_to_its_end() {
    let content: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
    let read = |fd: OwnedFd, most| read_content(fd, most, PATIENCE);
    for most in [content.len(), MAX_SHORT] {
        let (reader, writer) = pipe().unwrap();
        let bytes = content.clone();
        let writing = std::thread::spawn(move || File::from(writer).write_all(&bytes));
        for fd in [write_bytes(&content).unwrap(), file_with(&content), reader] {
            assert!(*read(fd, most).unwrap().expose() == content);
        }
        writing.join().unwrap().unwrap();
    }
    let (reader, writer) = pipe().unwrap();
    let bytes = content.clone();
    let writing = std::thread::spawn(move || File::from(writer).write_all(&bytes));
    for fd in [write_bytes(&content).unwrap(), file_with(&content), reader] {
        let outcome = read(fd, content.len() - 1);
        assert!(matches!(outcome, Err(ReadContentError::TooLong)));
    }
    // Nobody reads on: the writer may have been done before.
    let _ = writing.join().unwrap();
    assert!(read(write_bytes(b"").unwrap(), 0).unwrap().expose().is_empty());
}

#[test]
fn nothing_else_is_read() {
    let (_reader, writer) = pipe().unwrap();
    let (socket, mut peer) = UnixStream::pair().unwrap();
    peer.write_all(b"secret").unwrap();
    let folder = File::open("/").unwrap();
    let device = File::open("/dev/zero").unwrap();
    let path = rustix::fs::open("/etc/passwd", rustix::fs::OFlags::PATH, rustix::fs::Mode::empty()).unwrap();
    for fd in [
        writer,
        OwnedFd::from(socket.try_clone().unwrap()),
        folder.into(),
        device.into(),
        path,
    ] {
        let outcome = ContentReader::new(fd, PATIENCE);
        assert!(
            matches!(outcome, Err(ReadContentError::NotContent)),
            "{outcome:?}"
        );
    }
    let mut left = [0; 6];
    (&socket).read_exact(&mut left).unwrap();
    assert_eq!(&left, b"secret", "not a byte was read");
}

#[test]
fn a_pipe_that_brings_nothing_is_given_up() {
    let (reader, writer) = pipe().unwrap();
    File::from(writer.try_clone().unwrap())
        .write_all(b"half")
        .unwrap();
    let outcome = read_content(reader, 10, Duration::from_millis(20));
    assert!(matches!(outcome, Err(ReadContentError::TimedOut)), "{outcome:?}");
    drop(writer);
}

#[test]
fn a_record_shows_nothing_of_what_it_says() {
    let framed = FramedRecord {
        natural: Some("Ada".to_owned()),
        kind: "text/Ada".to_owned(),
        attributes: Attributes([("Ada".to_owned(), "Ada's".to_owned())].into()),
        ..of(b"Ada")
    };
    let listed = Listed {
        id: RecordId::from_bytes([1; 16]),
        revision: 7,
        position: 1,
        natural: "Ada".to_owned(),
        kind: framed.kind.clone(),
        length: 3,
        attributes: framed.attributes.clone(),
        conflict_with: None,
        lacking: false,
        changed_at: 1,
        is_long: false,
    };
    let shown = format!("{framed:?} {listed:?}");
    assert!(!shown.contains("Ada") && shown.contains("revision: 7"), "{shown}");
}
