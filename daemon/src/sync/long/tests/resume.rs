//! Whatever is there already and whatever fails: the result is the same, and nothing that is there is sent again.

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
