//! Whatever is there already and whatever fails: the result is the same, and nothing that is there is sent again.

use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;

use super::*;

/// A few parts where it is cut by content.
const LENGTH: usize = 3 * 1024 * 1024 + 17;

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        3 => Just(Fault::None),
        2 => Just(Fault::Unheard(OFFLINE)),
        2 => any::<u8>().prop_map(Fault::Part),
        2 => Just(Fault::Unanswered),
    ]
}

fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(work)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn an_upload_goes_on_from_whatever_is_there_through_whatever_fails(
        there in prop::collection::vec(0_u16..=300, 0..8),
        faults in prop::collection::vec(fault(), 0..40),
    ) {
        let content = noise(LENGTH);
        let (chunks, sealed) = expected("documents", &content);
        let bench = Bench::new(Fake::failing(faults));
        // Of each of the first chunks so many 256ths have come; over 256 all of it.
        for (chunk, share) in chunks.0.iter().zip(&there) {
            let all = &sealed[&chunk.id];
            let came = (all.len() * usize::from(*share) / 256).min(all.len());
            let mut kept = bench.cloud.kept();
            kept.chunks.insert(chunk.id, all[..came].to_vec());
            if came == all.len() {
                kept.whole.insert(chunk.id);
            }
        }
        run(async {
            // Each call that fails has used up a fault, so that the last one doesn't.
            for _ in 0..=40 {
                match bench.bring("documents", memfd(&content)).await {
                    Ok(brought) => {
                        prop_assert_eq!(&brought, &chunks);
                        break;
                    }
                    Err(error) => prop_assert_eq!(error, SyncError::Offline),
                }
            }
            let kept = bench.cloud.kept();
            prop_assert!(kept.chunks == sealed, "what the cloud has isn't what it should");
            prop_assert_eq!(kept.whole.len(), chunks.0.len());
            prop_assert!(kept.wrong.is_empty(), "{:?}", kept.wrong);
            Ok(())
        })?;
    }
}

/// Takes nothing, and has now one byte of a chunk, now none.
#[derive(Debug, Default)]
struct Swaying(AtomicU64);

impl SyncCloud for Swaying {
    fn push(&self, _: PushRequest) -> Reply<'_, PushAnswer> {
        async { Err(SyncFailure::Refused) }.boxed()
    }

    fn changes<'a>(&'a self, _: Option<&'a str>, _: CollectionId, _: usize) -> Reply<'a, ChangesAnswer> {
        async { Err(SyncFailure::Refused) }.boxed()
    }

    fn missing(&self, chunks: Vec<ChunkId>) -> Reply<'_, MissingAnswer> {
        let times = self.0.fetch_add(1, Ordering::Relaxed);
        assert!(times < 100, "it is asked without end");
        let offset = times % 2;
        let missing = chunks.into_iter().map(|id| MissingChunk { id, offset });
        let missing = missing.collect();
        async { Ok(MissingAnswer { missing }) }.boxed()
    }

    fn put_chunk(&self, _: ChunkId, _: u64, _: SealedChunk) -> Reply<'_, ()> {
        async { Err(OFFLINE) }.boxed()
    }

    fn get_chunk(&self, _: ChunkId) -> Reply<'_, Vec<u8>> {
        async { Err(SyncFailure::Refused) }.boxed()
    }
}

#[tokio::test]
async fn a_cloud_that_goes_back_and_forth_gets_nowhere() {
    let clock = Arc::new(SkippingClock::skipping(TRIED));
    let long = Long::new(Arc::new(Swaying::default()), clock);
    let allowed = watch::Sender::new(Ok(()));
    let brought = long.bring(keys("pictures"), memfd(&noise(CHUNK)), allowed.subscribe());
    assert_eq!(brought.await, Err(SyncError::Offline));
}
