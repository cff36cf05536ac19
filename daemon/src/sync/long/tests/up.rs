//! What is brought, from what, and what ends it.

use std::fs::OpenOptions;
use std::pin::pin;

use belay_proto::sync::{MAX_SEALED_CHUNK, sealed_length};
use belay_proto::wire::RECORD_CHUNKS;
use futures_util::future::join_all;

use super::*;
use crate::sync::long::{MEMORY, PART_WITHIN, THREADS, UPLOADS, WHOLE};

#[tokio::test]
async fn a_content_is_the_same_from_a_file_a_memfd_and_a_pipe() {
    let content = noise(3 * CHUNK / 2);
    for collection in ["documents", "pictures"] {
        let (chunks, sealed) = expected(collection, &content);
        for descriptor in [file(&content), memfd(&content), piped(content.clone())] {
            let bench = Bench::new(Fake::default());
            assert_eq!(bench.bring(collection, descriptor).await, Ok(chunks.clone()));
            let kept = bench.cloud.kept();
            assert!(kept.chunks == sealed && kept.wrong.is_empty(), "{:?}", kept.wrong);
        }
    }
    assert_eq!(expected("pictures", &content).0.0.len(), 2);
}

#[tokio::test]
async fn what_the_cloud_has_is_neither_sealed_nor_sent() {
    let content = noise(2 * CHUNK);
    let bench = Bench::new(Fake::default());
    let first = bench.bring("videos", memfd(&content)).await.unwrap();
    let longer = [content, b"more".to_vec()].concat();
    let second = bench.bring("videos", memfd(&longer)).await.unwrap();
    assert_eq!(second.0[..2], first.0);
    let kept = bench.cloud.kept();
    assert_eq!((kept.puts, kept.wrong.len()), (3, 0));
}

#[tokio::test]
async fn a_part_that_comes_again_and_again_is_sent_once() {
    let bench = Bench::new(Fake::default());
    let zeros = memfd_create("zeros", MemfdFlags::CLOEXEC).unwrap();
    rustix::fs::ftruncate(&zeros, 6 * CHUNK as u64).unwrap();
    let chunks = bench.bring("pictures", zeros).await.unwrap();
    assert_eq!(chunks.0, vec![chunks.0[0]; 6]);
    let kept = bench.cloud.kept();
    assert_eq!((kept.puts, kept.wrong.len()), (1, 0));
}

#[tokio::test]
async fn a_content_of_nothing_and_what_is_no_content_are_refused() {
    let bench = Bench::new(Fake::default());
    let (_reader, writer) = pipe_with(PipeFlags::CLOEXEC).unwrap();
    let (socket, _other) = std::os::unix::net::UnixStream::pair().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut options = OpenOptions::new();
    let written = options
        .append(true)
        .create(true)
        .open(folder.path().join("written"));
    for descriptor in [
        memfd(b""),
        piped(Vec::new()),
        writer,
        socket.into(),
        File::open(folder.path()).unwrap().into(),
        File::open("/dev/zero").unwrap().into(),
        written.unwrap().into(),
    ] {
        let refused = bench.bring("documents", descriptor).await;
        assert!(
            matches!(refused, Err(SyncError::InvalidArgument(_))),
            "{refused:?}"
        );
    }
    assert_eq!(bench.cloud.kept().asked, 0);
}

#[tokio::test]
async fn a_content_longer_than_a_record_names_is_refused_before_it_is_read() {
    let bench = Bench::new(Fake::default());
    let long = memfd_create("long", MemfdFlags::CLOEXEC).unwrap();
    rustix::fs::ftruncate(&long, (RECORD_CHUNKS * CHUNK) as u64 + 1).unwrap();
    assert_eq!(bench.bring("videos", long).await, Err(SyncError::TooLong));
    assert_eq!(bench.cloud.kept().asked, 0);
}

#[tokio::test]
async fn a_content_that_changes_its_length_while_it_is_read_is_refused() {
    for length in [7 * CHUNK as u64, 10 * CHUNK as u64, 8 * CHUNK as u64 + 1] {
        let go = Arc::new(Notify::new());
        let bench = Bench::new(Fake::holding(&go));
        let content = sparse(8);
        let other = content.try_clone().unwrap();
        let change = async {
            // Some of it is read, and no more than there is room for.
            bench.cloud.called().await;
            rustix::fs::ftruncate(&other, length).unwrap();
            loop {
                go.notify_one();
                tokio::task::yield_now().await;
            }
        };
        let outcome = tokio::select! {
            outcome = bench.bring("pictures", content) => outcome,
            () = change => Ok(Chunks::default()),
        };
        let changed = SyncError::InvalidArgument("the content changed while it was read");
        assert_eq!(outcome, Err(changed), "{length}");
    }
}

#[tokio::test]
async fn a_pipe_that_brings_nothing_more_is_left() {
    let mut bench = Bench::new(Fake::default());
    bench.long.quiet = Duration::from_millis(50);
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).unwrap();
    rustix::io::write(&writer, b"a beginning").unwrap();
    let late = SyncError::InvalidArgument("the content didn't come in time");
    assert_eq!(bench.bring("documents", reader).await, Err(late));
}

#[tokio::test]
async fn a_content_of_which_nothing_comes_for_long_gives_its_turn_to_the_next() {
    let bench = Bench::new(Fake::default());
    let pipes: Vec<_> = (0..UPLOADS)
        .map(|_| pipe_with(PipeFlags::CLOEXEC).unwrap())
        .collect();
    let reading = pipes.iter().map(|(reader, _)| {
        let reader = reader.try_clone().unwrap();
        bench.bring("documents", reader)
    });
    let mut stalled = pin!(join_all(reading));
    let mut next = pin!(bench.bring("documents", memfd(b"the next")));
    assert!(stalled.as_mut().now_or_never().is_none() && next.as_mut().now_or_never().is_none());
    let time = async {
        loop {
            bench.clock.advance(PART_WITHIN);
            tokio::task::yield_now().await;
        }
    };
    let late = Err(SyncError::InvalidArgument("the content didn't come in time"));
    let outcomes = tokio::select! {
        outcomes = tokio::time::timeout(Duration::from_secs(60), stalled) => outcomes.unwrap(),
        () = time => unreachable!(),
    };
    assert_eq!(outcomes, vec![late; UPLOADS]);
    assert_eq!(next.await.unwrap().0.len(), 1);
}

#[tokio::test]
async fn who_finds_no_thread_that_reads_is_told() {
    let bench = Bench::new(Fake::default());
    let threads = u32::try_from(THREADS).unwrap();
    let _all = bench.long.threads.acquire_many(threads).await.unwrap();
    let brought = bench.bring("documents", memfd(b"a content")).await;
    assert_eq!(brought, Err(SyncError::Paused));
    assert_eq!(bench.long.uploads.available_permits(), UPLOADS);
}

#[tokio::test]
async fn whoever_leaves_ends_the_reading_too() {
    let bench = Bench::new(Fake::default());
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).unwrap();
    assert!(bench.bring("documents", reader).now_or_never().is_none());
    // Its turn comes back at once, and its thread when it waits for the pipe no more.
    assert_eq!(bench.long.uploads.available_permits(), UPLOADS);
    let threads = u32::try_from(THREADS).unwrap();
    assert!(bench.long.threads.acquire_many(threads).await.is_ok());
    drop(writer);
}

#[tokio::test]
async fn what_isnt_allowed_any_more_ends() {
    let go = Arc::new(Notify::new());
    let bench = Bench::new(Fake::holding(&go));
    let (outcome, ()) = tokio::join!(bench.bring("pictures", sparse(8)), async {
        bench.cloud.called().await;
        bench.allowed.send(Err(SyncError::Paused)).unwrap();
    });
    assert_eq!(outcome, Err(SyncError::Paused));
    assert_eq!(bench.bring("pictures", sparse(1)).await, Err(SyncError::Paused));
}

#[tokio::test]
async fn four_chunks_are_on_their_way_at_once_and_no_more() {
    let (cloud, answer) = Fake::taking();
    let bench = Bench::new(cloud);
    let (chunks, ()) = tokio::join!(bench.bring("pictures", sparse(24)), async {
        bench.cloud.has(4).await;
        answer.send_replace(true);
    });
    assert_eq!(chunks.unwrap().0.len(), 24);
    let kept = bench.cloud.kept();
    assert_eq!((kept.most_ways, kept.puts), (4, 24));
    assert!(kept.most_live <= 4 * MAX_SEALED_CHUNK);
}

#[tokio::test]
async fn of_short_ones_as_many_go_at_once_as_there_is_memory_for() {
    let (cloud, answer) = Fake::taking();
    let bench = Bench::new(cloud);
    let contents: Vec<_> = (0_u8..20).map(|number| vec![number; 500_000]).collect();
    let all = contents
        .iter()
        .map(|content| bench.bring("pictures", memfd(content)));
    let (all, ()) = tokio::join!(futures_util::future::try_join_all(all), async {
        bench.cloud.has(MEMORY).await;
        assert_eq!(bench.long.room.chunks.available_permits(), 0);
        answer.send_replace(true);
    });
    assert!(all.unwrap().iter().all(|chunks| chunks.0.len() == 1));
    let kept = bench.cloud.kept();
    assert_eq!((kept.most_ways, kept.puts), (MEMORY, 20));
    // Each takes the memory that it needs.
    assert_eq!(kept.most_live, MEMORY * sealed_length(500_000));
    assert_eq!(bench.long.room.chunks.available_permits(), MEMORY);
}

#[tokio::test]
async fn of_large_photos_fewer_go_at_once_and_the_largest_alone() {
    // Of one chunk each, of two, and of more than there is for all of them.
    for (length, at_once, chunks) in [(4_000_000, 3, 1), (5_000_000, 2, 2), (14_000_000, 1, 4)] {
        let (mut cloud, answer) = Fake::taking();
        cloud.forgets = true;
        let bench = Bench::new(cloud);
        let all = (1..5).map(|number| bench.bring("pictures", numbered(length, number)));
        let (all, ()) = tokio::join!(futures_util::future::try_join_all(all), async {
            bench.cloud.has(at_once * chunks).await;
            assert!(bench.long.room.whole.available_permits() * 1024 < length);
            answer.send_replace(true);
        });
        assert!(all.unwrap().iter().all(|all| all.0.len() == chunks));
        assert_eq!(bench.long.room.whole.available_permits(), WHOLE);
        let kept = bench.cloud.kept();
        assert_eq!((kept.most_ways, kept.puts), (at_once * chunks, 4 * chunks));
    }
}

#[tokio::test]
async fn two_long_ones_are_brought_at_once_and_no_more() {
    let (cloud, answer) = Fake::taking();
    let bench = Bench::new(cloud);
    let all = (0..4).map(|more| bench.bring("videos", sparse(9 + more)));
    let (all, ()) = tokio::join!(futures_util::future::try_join_all(all), async {
        bench.cloud.has(MEMORY).await;
        answer.send_replace(true);
    });
    all.unwrap();
    let kept = bench.cloud.kept();
    assert_eq!(kept.most_ways, MEMORY);
    assert!(kept.most_live <= MEMORY * MAX_SEALED_CHUNK, "{}", kept.most_live);
}

#[tokio::test]
async fn the_wait_that_the_cloud_asks_for_is_kept_and_a_long_one_is_told() {
    let wait = |seconds| Fault::Unheard(SyncFailure::Offline(Some(Duration::from_secs(seconds))));
    let bench = Bench::new(Fake::failing([wait(5), wait(7)]));
    bench.bring("pictures", sparse(1)).await.unwrap();
    let waits = bench.clock.waits();
    let asked = [5, 7].map(Duration::from_secs);
    assert!(waits[0] >= asked[0] && waits[1] >= asked[1], "{waits:?}");
    let bench = Bench::new(Fake::failing([wait(31)]));
    assert_eq!(bench.bring("pictures", sparse(1)).await, Err(SyncError::Offline));
    assert!(bench.clock.waits().is_empty());
}

#[tokio::test]
async fn what_doesnt_pass_isnt_tried_again() {
    for (failure, error) in [
        (SyncFailure::Quota, SyncError::QuotaExceeded),
        (SyncFailure::Reauthentication, SyncError::ReauthenticationRequired),
        (SyncFailure::Refused, SyncError::CloudRefused),
        (SyncFailure::Nonsense, SyncError::CloudRefused),
    ] {
        let bench = Bench::new(Fake::failing([Fault::None, Fault::Unheard(failure)]));
        assert_eq!(bench.bring("pictures", sparse(1)).await, Err(error));
        assert_eq!(bench.cloud.kept().puts, 1);
    }
}

#[tokio::test]
async fn how_much_is_done_is_told_while_it_is_and_is_nothing_afterwards() {
    let (cloud, answer) = Fake::taking();
    let bench = Bench::new(cloud);
    let all = 6 * CHUNK as u64;
    let mut moving = bench.long.moving();
    let looks = async {
        bench.cloud.has(4).await;
        let held = *moving.borrow_and_update();
        assert_eq!((held.contents, held.done, held.all), (1, 0, all));
        answer.send_replace(true);
        let some = moving.wait_for(|now| now.done > 0).await.unwrap();
        assert!(some.done < all && some.all == all, "{some:?}");
    };
    let (brought, ()) = tokio::join!(bench.bring("videos", sparse(6)), looks);
    brought.unwrap();
    assert_eq!(*bench.long.moving().borrow(), Moving::default());
    // Of a pipe as much is known as was read; what the cloud has is done; and what fails is forgotten.
    let (reader, _writer) = pipe_with(PipeFlags::CLOEXEC).unwrap();
    bench.allowed.send_modify(|may| *may = Err(SyncError::Paused));
    bench.bring("videos", reader).await.unwrap_err();
    assert_eq!(*bench.long.moving().borrow(), Moving::default());
}
