//! Streams of records as a program of the user sends them to belayd, and belayd to it.

#![no_main]

use belay_proto::dbus::records::{FrameReader, FrameWriter, FramedRecord};
use libfuzzer_sys::fuzz_target;

fn written(records: &[FramedRecord]) -> Vec<u8> {
    let mut stream = FrameWriter::new(Vec::new());
    for record in records {
        assert!(stream.write(record).is_ok(), "what was read can be written");
    }
    stream.finish().unwrap_or_default()
}

fuzz_target!(|data: &[u8]| {
    // As a stream, and as what is in a frame, which a stream seldom gets to.
    let mut framed = u32::try_from(data.len())
        .unwrap_or(u32::MAX)
        .to_be_bytes()
        .to_vec();
    framed.extend_from_slice(data);
    for stream in [data, &framed] {
        let strict: Vec<_> = FrameReader::strict(stream).map_while(Result::ok).collect();
        let lenient: Vec<_> = FrameReader::lenient(stream).map_while(Result::ok).collect();
        assert!(written(&lenient).starts_with(&written(&strict)));
        let again: Vec<_> = FrameReader::strict(written(&lenient).as_slice())
            .map_while(Result::ok)
            .collect();
        assert_eq!(written(&again), written(&lenient));
    }
});
