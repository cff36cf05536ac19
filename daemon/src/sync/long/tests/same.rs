//! Whether a content is what a record says.

use std::pin::pin;

use belay_proto::wire::RECORD_CHUNKS;

use super::*;
use crate::sync::long::{COMPARED_WITHIN, COMPARISONS, UPLOADS};

/// [`keys`] after the account got other ones.
fn newer(collection: &str) -> Arc<CollectionKeys> {
    let epochs = EpochKeys::new(vec![(1, Secret::new([1; 32])), (2, Secret::new([2; 32]))]).unwrap();
    let account = keys(collection).account();
    Arc::new(CollectionKeys::new(
        account,
        collection.to_owned(),
        epochs,
        Secret::new([3; 32]),
    ))
}

impl Bench {
    async fn is_same(&self, collection: &str, content: OwnedFd, chunks: &Chunks) -> Result<bool, SyncError> {
        self.long.is_same(keys(collection), content, chunks.clone()).await
    }
}

#[tokio::test]
async fn a_content_is_known_from_a_file_a_memfd_and_a_pipe_under_newer_keys_too_and_the_cloud_is_asked_nothing()
 {
    let content = noise(5 * CHUNK / 2);
    let bench = Bench::new(Fake::default());
    for collection in ["documents", "pictures"] {
        let (chunks, _) = expected(collection, &content);
        assert!(chunks.0.len() > 2 && chunks.0.iter().all(|chunk| chunk.key_epoch == 1));
        for keys in [keys(collection), newer(collection)] {
            for descriptor in [file(&content), memfd(&content), piped(content.clone())] {
                let same = bench.long.is_same(Arc::clone(&keys), descriptor, chunks.clone());
                assert_eq!(same.await, Ok(true));
            }
        }
    }
    let kept = bench.cloud.kept();
    assert_eq!((kept.asked, kept.puts, kept.wrong.len()), (0, 0, 0));
}

#[tokio::test]
async fn another_byte_and_one_more_or_less_are_another_content() {
    let content = noise(3 * CHUNK / 2);
    let (mut first, mut last) = (content.clone(), content.clone());
    first[0] ^= 1;
    *last.last_mut().unwrap() ^= 1;
    let longer = [content.as_slice(), b"0"].concat();
    let shorter = content[..content.len() - 1].to_vec();
    let bench = Bench::new(Fake::default());
    for collection in ["documents", "pictures"] {
        let (chunks, _) = expected(collection, &content);
        for other in [&first, &last, &longer, &shorter, &Vec::new()] {
            for descriptor in [file(other), piped(other.clone())] {
                assert_eq!(bench.is_same(collection, descriptor, &chunks).await, Ok(false));
            }
        }
    }
}

#[tokio::test]
async fn what_differs_is_read_no_further() {
    let content = noise(3 * CHUNK);
    let (chunks, _) = expected("videos", &content);
    let bench = Bench::new(Fake::default());
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).unwrap();
    let writing = std::thread::spawn(move || {
        let mut writer = File::from(writer);
        writer.write_all(&vec![7; CHUNK]).unwrap();
        writer
    });
    // More could come, and doesn't.
    let same = bench.is_same("videos", reader, &chunks);
    let same = tokio::time::timeout(Duration::from_secs(60), same).await;
    assert_eq!(same.unwrap(), Ok(false));
    drop(writing.join().unwrap());
    // Of a file the length says enough: this one is longer than any content.
    let long = memfd_create("long", MemfdFlags::CLOEXEC).unwrap();
    rustix::fs::ftruncate(&long, (RECORD_CHUNKS * CHUNK) as u64 + 1).unwrap();
    assert_eq!(bench.is_same("videos", long, &chunks).await, Ok(false));
}

#[tokio::test]
async fn what_is_no_content_is_compared_with_nothing() {
    let bench = Bench::new(Fake::default());
    let (chunks, _) = expected("videos", b"a content");
    let (_reader, writer) = pipe_with(PipeFlags::CLOEXEC).unwrap();
    let (socket, _other) = std::os::unix::net::UnixStream::pair().unwrap();
    for descriptor in [writer, socket.into()] {
        let refused = bench.is_same("videos", descriptor, &chunks).await;
        assert!(
            matches!(refused, Err(SyncError::InvalidArgument(_))),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn contents_that_are_compared_and_those_on_their_way_up_dont_wait_for_each_other() {
    let bench = Bench::new(Fake::default());
    let (chunks, _) = expected("documents", b"a content");
    let pipes: Vec<_> = (0..COMPARISONS)
        .map(|_| pipe_with(PipeFlags::CLOEXEC).unwrap())
        .collect();
    let quiet = pipes.iter().map(|(reader, _)| {
        let reader = reader.try_clone().unwrap();
        bench.is_same("documents", reader, &chunks)
    });
    let mut quiet = pin!(futures_util::future::join_all(quiet));
    assert!(quiet.as_mut().now_or_never().is_none());
    assert_eq!(bench.long.comparisons.available_permits(), 0);
    assert_eq!(
        bench.bring("documents", memfd(b"a content")).await,
        Ok(chunks.clone())
    );
    // Whoever can't be compared in time is told.
    let mut next = pin!(bench.is_same("documents", memfd(b"a content"), &chunks));
    assert!(next.as_mut().now_or_never().is_none());
    bench.clock.advance(COMPARED_WITHIN);
    assert_eq!(next.await, Err(SyncError::Paused));

    let bench = Bench::new(Fake::default());
    let _all = bench
        .long
        .uploads
        .acquire_many(u32::try_from(UPLOADS).unwrap())
        .await
        .unwrap();
    assert_eq!(
        bench.is_same("documents", memfd(b"a content"), &chunks).await,
        Ok(true)
    );
}

#[tokio::test]
async fn whoever_leaves_ends_the_comparing_too() {
    let bench = Bench::new(Fake::default());
    let (chunks, _) = expected("documents", b"a content");
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).unwrap();
    assert!(
        bench
            .is_same("documents", reader, &chunks)
            .now_or_never()
            .is_none()
    );
    assert_eq!(bench.long.comparisons.available_permits(), COMPARISONS);
    let threads = u32::try_from(2 * COMPARISONS).unwrap();
    assert!(bench.long.comparing.acquire_many(threads).await.is_ok());
    drop(writer);
}
