//! What the cloud lacks, asked for several contents at once.

use belay_proto::wire::MISSING_CHUNKS;
use futures_util::future::join_all;

use super::super::questions::{Lacking, Questions};
use super::*;

fn ids(numbers: std::ops::Range<u16>) -> Vec<ChunkId> {
    let id = |number: u16| {
        let mut bytes = [0; 32];
        bytes[..2].copy_from_slice(&number.to_be_bytes());
        ChunkId::from_bytes(bytes)
    };
    numbers.map(id).collect()
}

fn lacking(chunks: Vec<ChunkId>) -> Lacking {
    chunks.into_iter().map(|id| (id, 0)).collect()
}

/// A cloud whose answers wait until they are let go.
fn slow() -> (Fake, Arc<Notify>) {
    let go = Arc::new(Notify::new());
    (Fake::holding(&go), go)
}

#[tokio::test]
async fn those_that_come_while_one_is_on_its_way_go_together_and_each_hears_of_its_own() {
    let (cloud, go) = slow();
    cloud.kept().whole.extend(ids(2..3));
    // Two contents may have a chunk in common.
    let asked = [ids(0..1), ids(1..4), ids(3..5), ids(5..6)];
    let questions = Questions::default();
    let asking = asked
        .iter()
        .map(|chunks| questions.lacking(&cloud, chunks.clone()));
    let (answers, ()) = tokio::join!(join_all(asking), async {
        cloud.called().await;
        go.notify_one();
        cloud.called().await;
        go.notify_one();
    });
    let mut expected = asked.map(lacking);
    expected[1].remove(&ids(2..3)[0]);
    assert_eq!(answers, expected.map(Ok));
    let kept = cloud.kept();
    assert_eq!((kept.asked, kept.wrong.len()), (2, 0), "{:?}", kept.wrong);
}

#[tokio::test]
async fn whoever_asked_for_others_and_is_given_up_leaves_them_to_ask_themselves() {
    let (cloud, go) = slow();
    let questions = Questions::default();
    let ask = |number: u16| Box::pin(questions.lacking(&cloud, ids(number..number + 1)));
    let (mut first, mut second, mut third) = (ask(0), ask(1), ask(2));
    for asking in [&mut first, &mut second, &mut third] {
        assert!(asking.now_or_never().is_none());
    }
    go.notify_one();
    assert_eq!(first.await, Ok(lacking(ids(0..1))));
    // It asks for both now.
    assert!((&mut second).now_or_never().is_none());
    drop(second);
    go.notify_one();
    assert_eq!(third.await, Ok(lacking(ids(2..3))));
    // What was given up before it was asked isn't asked after.
    let mut given_up = ask(3);
    let (mut now, mut next) = (ask(4), ask(5));
    for asking in [&mut now, &mut given_up, &mut next] {
        assert!(asking.now_or_never().is_none());
    }
    drop(given_up);
    let (answers, ()) = tokio::join!(join_all([now, next]), async {
        go.notify_one();
        cloud.called().await;
        go.notify_one();
    });
    assert_eq!(answers, [4, 5].map(|number| Ok(lacking(ids(number..number + 1)))));
}

#[tokio::test]
async fn a_call_that_fails_fails_for_all_whose_questions_it_had() {
    let (cloud, go) = slow();
    cloud.kept().faults.extend([Fault::None, Fault::Unanswered]);
    let questions = Questions::default();
    let asking = (0..4).map(|number| questions.lacking(&cloud, ids(number..number + 1)));
    let (answers, ()) = tokio::join!(join_all(asking), async {
        cloud.called().await;
        go.notify_one();
        cloud.called().await;
        go.notify_one();
    });
    let expected = [Ok(lacking(ids(0..1))), Err(OFFLINE), Err(OFFLINE), Err(OFFLINE)];
    assert_eq!(answers, expected);
    assert_eq!(cloud.kept().asked, 2);
}

#[tokio::test]
async fn no_more_are_asked_after_at_once_than_the_cloud_takes() {
    let (cloud, go) = slow();
    let most = u16::try_from(MISSING_CHUNKS).unwrap();
    let asked = [
        ids(0..1),
        ids(1..most),
        ids(most..most + 1),
        ids(most + 1..2 * most + 1),
    ];
    let questions = Questions::default();
    let asking = asked
        .iter()
        .map(|chunks| questions.lacking(&cloud, chunks.clone()));
    let (answers, ()) = tokio::join!(join_all(asking), async {
        for _ in 0..3 {
            cloud.called().await;
            go.notify_one();
        }
    });
    assert_eq!(answers, asked.map(lacking).map(Ok));
    assert_eq!(cloud.kept().asked, 3);
}
