use std::io::Read as _;

use belay_proto::dbus::records::{FrameWriter, MAX_SHORT};
use belay_proto::sync::Attributes;

use super::*;

/// A pipe into which this is written by a thread of its own; it ends once all is read.
fn pouring(bytes: Vec<u8>) -> OwnedFd {
    let (reader, writer) = pipe().unwrap();
    std::thread::spawn(move || File::from(writer).write_all(&bytes));
    reader
}

async fn whole(received: Received) -> (bool, Vec<u8>) {
    match received {
        Received::Short(content) => (false, content.expose().clone()),
        Received::Long(fd) => {
            let read = spawn_blocking(move || {
                let mut all = Vec::new();
                ContentReader::new(fd, PATIENCE)
                    .unwrap()
                    .read_to_end(&mut all)
                    .unwrap();
                all
            });
            (true, read.await.unwrap())
        }
    }
}

fn record(natural: &str) -> FramedRecord {
    FramedRecord {
        id: None,
        revision: 0,
        natural: Some(natural.to_owned()),
        kind: "text/plain".to_owned(),
        attributes: Attributes::default(),
        keep_both: false,
        content: Secret::new(natural.as_bytes().to_vec()),
    }
}

#[tokio::test]
async fn a_content_is_short_up_to_four_mib_and_whole_beyond_however_it_comes() {
    let contents = Contents::default();
    for (length, is_long) in [
        (0, false),
        (MAX_SHORT, false),
        (MAX_SHORT + 1, true),
        (MAX_SHORT + 300_000, true),
    ] {
        let bytes: Vec<u8> = (0..=250).cycle().take(length).collect();
        for fd in [write_bytes(&bytes).unwrap(), pouring(bytes.clone())] {
            let received = contents.receive(fd, MAX_SHORT).await.unwrap();
            assert!(whole(received).await == (is_long, bytes.clone()), "{length}");
        }
    }
}

#[tokio::test]
async fn what_is_no_content_is_an_invalid_argument() {
    let contents = Contents::default();
    let device = File::open("/dev/zero").unwrap();
    let refused = contents.receive(device.into(), MAX_SHORT).await;
    assert!(matches!(refused, Err(Error::InvalidArgument(_))), "{refused:?}");
    let refused = contents.receive_many(write_bytes(b"\0\0\0\x01x").unwrap()).await;
    assert!(matches!(refused, Err(Error::InvalidArgument(_))));
}

#[tokio::test]
async fn a_long_pipe_isnt_read_on_once_nobody_wants_it() {
    let (reader, writer) = pipe().unwrap();
    let contents = Contents::default();
    let mut writer = File::from(writer);
    let writing = std::thread::spawn(move || {
        writer.write_all(&vec![1; MAX_SHORT + 1]).unwrap();
        writer
    });
    let received = contents.receive(reader, MAX_SHORT).await.unwrap();
    let Received::Long(rest) = received else {
        panic!("it is long")
    };
    // Whoever writes is still there, and may write for ever.
    let writer = writing.join().unwrap();
    drop(rest);
    let all = u32::try_from(WRITING).unwrap();
    let back = timeout(Duration::from_secs(60), contents.writing.acquire_many(all)).await;
    assert!(back.is_ok_and(|turns| turns.is_ok()), "the thread has ended");
    drop(writer);
}

#[tokio::test(start_paused = true)]
async fn who_waits_behind_streams_that_dont_end_is_told_that_it_is_busy() {
    let contents = Contents::default();
    let mut stream = FrameWriter::new(Vec::new());
    stream.write(&record("a")).unwrap();
    let stream = stream.finish().unwrap();
    let first = contents.storing.clone().acquire_owned().await.unwrap();
    let busy = contents.receive_many(write_bytes(&stream).unwrap()).await;
    assert!(matches!(busy, Err(Error::Busy(_))));
    drop(first);
    let (records, _turn) = contents
        .receive_many(write_bytes(&stream).unwrap())
        .await
        .unwrap();
    assert_eq!(records.len(), 1);
}

#[tokio::test]
async fn a_stream_ends_where_its_records_do_and_waits_for_whoever_reads() {
    let (reader, writer) = pipe().unwrap();
    let (sender, records) = mpsc::channel(1);
    let writing = spawn_blocking(move || write(records, writer));
    let reading = spawn_blocking(move || {
        let reader = ContentReader::new(reader, PATIENCE).unwrap();
        FrameReader::strict(reader)
            .map(|record| record.unwrap().natural.unwrap())
            .collect::<Vec<_>>()
    });
    let names: Vec<String> = (0..2000).map(|at| format!("{at:0>100}")).collect();
    for batch in names.chunks(300) {
        let batch = batch.iter().map(|natural| record(natural)).collect();
        sender.send(batch).await.unwrap();
    }
    drop(sender);
    assert!(writing.await.unwrap().is_ok());
    assert_eq!(reading.await.unwrap(), names);
}
