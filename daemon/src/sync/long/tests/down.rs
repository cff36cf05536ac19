//! What comes out of a pipe, and what ends it.

use std::fs::File;
use std::io::Read;

use futures_util::future::BoxFuture;
use tokio::task::spawn_blocking;

use super::*;
use crate::sync::long::PIPES;
use crate::sync::ports::Fetch;

const COLLECTION: &str = "videos";

/// A cloud that has a content of this length, and its chunks.
fn having(length: usize, fake: Fake) -> (Bench, Chunks, Vec<u8>) {
    let content = noise(length);
    let (chunks, sealed) = expected(COLLECTION, &content);
    let bench = Bench::new(fake);
    {
        let mut kept = bench.cloud.kept();
        kept.whole = sealed.keys().copied().collect();
        kept.chunks = sealed;
    }
    (bench, chunks, content)
}

impl Bench {
    fn fetch(&self, chunks: &Chunks) -> Result<OwnedFd, SyncError> {
        self.fetch_or(chunks, ready(()).boxed())
    }

    fn fetch_from(&self, chunks: &Chunks, from: u64) -> OwnedFd {
        let what = Fetch {
            keys: keys(COLLECTION),
            chunks: chunks.clone(),
            from,
            lost: ready(()).boxed(),
        };
        self.long.fetch(what, self.allowed()).unwrap()
    }

    fn fetch_or(&self, chunks: &Chunks, lost: BoxFuture<'static, ()>) -> Result<OwnedFd, SyncError> {
        let what = Fetch {
            keys: keys(COLLECTION),
            chunks: chunks.clone(),
            from: 0,
            lost,
        };
        self.long.fetch(what, self.allowed())
    }

    /// Waits until no download runs any more.
    async fn all_ended(&self) {
        let places = u32::try_from(PIPES).unwrap();
        drop(self.long.pipes.acquire_many(places).await.unwrap());
    }
}

async fn read(pipe: OwnedFd) -> Vec<u8> {
    let reading = spawn_blocking(move || {
        let mut bytes = Vec::new();
        File::from(pipe).read_to_end(&mut bytes).unwrap();
        bytes
    });
    reading.await.unwrap()
}

#[tokio::test]
async fn a_content_comes_out_as_it_went_in() {
    for length in [1, CHUNK, 3 * CHUNK + 7] {
        let (bench, chunks, content) = having(length, Fake::default());
        assert!(read(bench.fetch(&chunks).unwrap()).await == content);
        bench.all_ended().await;
    }
}

#[tokio::test]
async fn an_outage_on_the_way_is_waited_out_and_a_long_one_ends_the_pipe() {
    let faults = [
        Fault::None,
        Fault::Unheard(OFFLINE),
        Fault::Unanswered,
        Fault::None,
    ];
    let (bench, chunks, content) = having(2 * CHUNK, Fake::failing(faults));
    assert!(read(bench.fetch(&chunks).unwrap()).await == content);
    let outage = [Fault::None].into_iter().chain([Fault::Unheard(OFFLINE); 10]);
    let (bench, chunks, _) = having(CHUNK + 1, Fake::failing(outage));
    assert!(read(bench.fetch(&chunks).unwrap()).await.len() <= CHUNK);
    assert!(bench.cloud.kept().gets > 3);
}

type Harm = fn(&mut Kept, ChunkId, ChunkId);

#[tokio::test]
async fn a_chunk_that_is_missing_or_another_ends_the_pipe_before_a_byte_of_it() {
    let gone: Harm = |kept, id, _| {
        kept.whole.remove(&id);
    };
    let changed: Harm = |kept, id, _| kept.chunks.get_mut(&id).unwrap()[7] ^= 1;
    let other: Harm = |kept, id, other| {
        let bytes = kept.chunks[&other].clone();
        kept.chunks.insert(id, bytes);
    };
    let none: Harm = |kept, id, _| kept.chunks.get_mut(&id).unwrap().clear();
    for harm in [gone, changed, other, none] {
        let (bench, chunks, content) = having(2 * CHUNK + 9, Fake::default());
        harm(&mut bench.cloud.kept(), chunks.0[1].id, chunks.0[0].id);
        let came = read(bench.fetch(&chunks).unwrap()).await;
        assert!(content.starts_with(&came) && came.len() <= CHUNK);
        bench.all_ended().await;
        assert!(bench.cloud.kept().gets <= 2, "nothing is fetched after it");
    }
}

#[tokio::test]
async fn a_chunk_that_the_cloud_doesn_t_have_is_told_and_one_that_is_another_isn_t() {
    for is_gone in [true, false] {
        let (bench, chunks, _) = having(2 * CHUNK + 9, Fake::default());
        let id = chunks.0[1].id;
        match is_gone {
            true => drop(bench.cloud.kept().whole.remove(&id)),
            false => bench.cloud.kept().chunks.get_mut(&id).unwrap()[7] ^= 1,
        }
        let lost = Arc::new(Mutex::new(false));
        let tells = Arc::clone(&lost);
        let tell = async move { *tells.lock().unwrap() = true };
        read(bench.fetch_or(&chunks, tell.boxed()).unwrap()).await;
        bench.all_ended().await;
        assert_eq!(*lost.lock().unwrap(), is_gone);
    }
}

#[tokio::test]
async fn a_reader_that_goes_away_ends_it_whatever_it_waits_for() {
    // While a chunk is written of which nobody reads a byte, and while the cloud says nothing.
    for fake in [Fake::default(), Fake::holding(&Arc::new(Notify::new()))] {
        let (bench, chunks, _) = having(2 * CHUNK, fake);
        let pipe = bench.fetch(&chunks).unwrap();
        bench.cloud.called().await;
        drop(pipe);
        bench.all_ended().await;
    }
}

#[tokio::test]
async fn three_chunks_are_in_memory_while_nobody_reads_until_the_pipe_is_left() {
    let (bench, chunks, _) = having(6 * CHUNK, Fake::default());
    let pipe = bench.fetch(&chunks).unwrap();
    let gets = || bench.cloud.kept().gets;
    // One is written, one waits for that, and one waits to wait.
    while gets() < 3 {
        bench.cloud.called().await;
    }
    let left = bench.all_ended();
    tokio::pin!(left);
    let mut advanced = 0;
    while left.as_mut().now_or_never().is_none() {
        assert_eq!(gets(), 3);
        bench.clock.advance(Duration::from_secs(100));
        advanced += 1;
        tokio::task::yield_now().await;
    }
    assert!(advanced >= 6, "{advanced}");
    assert!(read(pipe).await.len() < CHUNK);
}

#[tokio::test]
async fn what_isnt_allowed_any_more_ends_and_so_do_all_with_what_moves_them() {
    let waiting = || having(CHUNK, Fake::holding(&Arc::new(Notify::new())));
    let (bench, chunks, _) = waiting();
    let pipe = bench.fetch(&chunks).unwrap();
    bench.cloud.called().await;
    bench.allowed.send(Err(SyncError::NotBound)).unwrap();
    assert!(read(pipe).await.is_empty());
    assert_eq!(bench.fetch(&chunks).unwrap_err(), SyncError::NotBound);

    let (bench, chunks, _) = waiting();
    let pipe = bench.fetch(&chunks).unwrap();
    bench.cloud.called().await;
    drop(bench);
    assert!(read(pipe).await.is_empty());
}

#[tokio::test]
async fn pipes_have_a_number() {
    let (bench, chunks, _) = having(1, Fake::holding(&Arc::new(Notify::new())));
    let pipes: Vec<_> = (0..PIPES).map(|_| bench.fetch(&chunks).unwrap()).collect();
    assert_eq!(bench.fetch(&chunks).unwrap_err(), SyncError::Paused);
    drop(pipes);
    bench.all_ended().await;
    assert!(bench.fetch(&chunks).is_ok());
}

#[tokio::test]
async fn how_much_has_come_is_told_until_it_all_has() {
    let go = Arc::new(Notify::new());
    let (bench, chunks, content) = having(3 * CHUNK + 7, Fake::holding(&go));
    let mut moving = bench.long.moving();
    let pipe = bench.fetch(&chunks).unwrap();
    let held = *moving.borrow_and_update();
    assert_eq!((held.contents, held.done, held.all), (1, 0, content.len() as u64));
    let reads = read(pipe);
    let looks = async {
        go.notify_one();
        moving.wait_for(|now| now.done == CHUNK as u64).await.unwrap();
        while moving.borrow_and_update().contents > 0 {
            go.notify_one();
            tokio::task::yield_now().await;
        }
    };
    let (came, ()) = tokio::join!(reads, looks);
    assert!(came == content);
    assert_eq!(*moving.borrow(), Moving::default());
}

#[tokio::test]
async fn a_content_goes_on_at_any_byte_and_nothing_is_fetched_that_lies_before_its_part() {
    for (from, gets) in [
        (0, 4),
        (1, 4),
        (CHUNK - 1, 4),
        (CHUNK, 3),
        (CHUNK + 1, 3),
        (3 * CHUNK + 6, 1),
        (3 * CHUNK + 7, 0),
    ] {
        let (bench, chunks, content) = having(3 * CHUNK + 7, Fake::default());
        assert!(
            read(bench.fetch_from(&chunks, from as u64)).await == content[from..],
            "{from}"
        );
        bench.all_ended().await;
        assert_eq!(bench.cloud.kept().gets, gets, "{from}");
    }
}
