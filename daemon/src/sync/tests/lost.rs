//! Chunks that the cloud has lost are asked for again.

use std::sync::Arc;
use std::time::Duration;

use belay_proto::clock::Clock as _;
use belay_proto::sync::{Attributes, ChunkId};
use belay_proto::wire::{MISSING_CHUNKS, PushResult, PushStatus};

use super::super::ports::Moving;
use super::super::{Phase, PutLong, SyncError};
use super::rig::{CONTACTS, Cloud, Phone, phone};

const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

/// The chunk of every long content here.
const CHUNK: ChunkId = ChunkId::from_bytes([1; 32]);

impl Phone {
    /// A long content is put in place of what there is.
    pub async fn brings(&self, natural: &str) {
        self.tries(natural).await.unwrap();
    }

    pub async fn tries(&self, natural: &str) -> Result<u64, SyncError> {
        let revision = self.entry(natural).await.map_or(0, |entry| entry.revision);
        let put = PutLong {
            id: None,
            revision,
            natural: Some(natural.to_owned()),
            kind: "image/jpeg".to_owned(),
            attributes: Attributes::default(),
            keep_both: false,
            content: std::io::pipe().unwrap().0.into(),
        };
        self.handle.put_long(CONTACTS, put).await
    }

    pub async fn lacks(&self) -> bool {
        self.entry("long").await.unwrap().lacking
    }
}

/// Two devices with a long content.
async fn two(cloud: &Arc<Cloud>) -> (Phone, Phone) {
    *cloud.epoch_of_longs.lock().unwrap() = 1;
    let (one, two) = (phone(cloud).await, phone(cloud).await);
    one.brings("long").await;
    one.syncs().await;
    two.syncs().await;
    assert_eq!(
        *cloud.asked_after.lock().unwrap(),
        0,
        "nothing says that any is lost"
    );
    (one, two)
}

#[tokio::test]
async fn what_a_restored_cloud_lacks_is_asked_for_again_and_shown_until_it_is_there() {
    let cloud = Arc::new(Cloud::default());
    let (one, two) = two(&cloud).await;
    let mut told = one.handle.changes();
    cloud.lost.lock().unwrap().insert(CHUNK);
    cloud.kept.lock().unwrap().epoch += 1;
    for phone in [&one, &two] {
        assert_eq!(phone.handle.sync_now(vec![]).await, Err(SyncError::Lacking));
        let view = phone.comes_to(Phase::Attention).await;
        assert_eq!(
            (view.last_error, view.collections[CONTACTS].pending),
            ("CloudRefused", 0)
        );
        assert!(phone.lacks().await);
    }
    let id = one.entry("long").await.unwrap().id;
    assert_eq!(told.recv().await.unwrap().ids, [id]);
    // Its source puts it again.
    one.brings("long").await;
    for phone in [&one, &two] {
        phone.syncs().await;
        assert_eq!(phone.comes_to(Phase::Idle).await.last_error, "");
        assert!(!phone.lacks().await);
    }
    let revision = one.entry("long").await.unwrap().revision;
    assert_eq!(revision, 1, "it is what it was");
}

#[tokio::test]
async fn what_is_lost_without_a_word_is_found_within_a_week() {
    let cloud = Arc::new(Cloud::default());
    let (one, _) = two(&cloud).await;
    cloud.lost.lock().unwrap().insert(CHUNK);
    let wall = one.clock.wall();
    one.clock.set_wall(wall + WEEK / 2);
    one.syncs().await;
    assert_eq!(*cloud.asked_after.lock().unwrap(), 0);
    one.clock.set_wall(wall + WEEK);
    assert_eq!(one.handle.sync_now(vec![]).await, Err(SyncError::Lacking));
    assert!(one.lacks().await);
    let asked = *cloud.asked_after.lock().unwrap();
    one.brings("long").await;
    one.syncs().await;
    one.syncs().await;
    assert_eq!(*cloud.asked_after.lock().unwrap(), asked, "all was asked after");
}

#[tokio::test]
async fn a_chunk_that_the_cloud_turns_out_not_to_have_is_asked_for_again() {
    let cloud = Arc::new(Cloud::default());
    let (_, two) = two(&cloud).await;
    let mut told = two.handle.changes();
    cloud.lost.lock().unwrap().insert(CHUNK);
    let entry = two.entry("long").await.unwrap();
    drop(two.handle.get(CONTACTS, entry.id).await.unwrap());
    assert_eq!(told.recv().await.unwrap().ids, [entry.id]);
    assert!(two.lacks().await);
    // It was said only once, and isn't so.
    cloud.lost.lock().unwrap().clear();
    two.syncs().await;
    assert!(!two.lacks().await);
}

#[tokio::test]
async fn a_record_that_the_cloud_won_t_have_without_its_chunks_is_told_and_no_idle_state() {
    let cloud = Arc::new(Cloud::default());
    *cloud.epoch_of_longs.lock().unwrap() = 1;
    let one = phone(&cloud).await;
    *cloud.about_results.lock().unwrap() = Some(Box::new(|answer| {
        answer.results.fill(PushStatus::MissingChunks.into())
    }));
    *cloud.about_changes.lock().unwrap() = Some(Box::new(|answer| answer.records.clear()));
    one.brings("long").await;
    cloud.lost.lock().unwrap().insert(CHUNK);
    let mut told = one.handle.changes();
    assert_eq!(one.handle.sync_now(vec![]).await, Err(SyncError::Lacking));
    let view = one.comes_to(Phase::Attention).await;
    assert_eq!(
        (view.last_error, view.collections[CONTACTS].pending),
        ("CloudRefused", 1)
    );
    let id = one.entry("long").await.unwrap().id;
    assert_eq!(told.recv().await.unwrap().ids, [id]);
}

#[tokio::test]
async fn a_record_whose_chunks_came_after_all_is_sent_again_and_nobody_told() {
    let cloud = Arc::new(Cloud::default());
    *cloud.epoch_of_longs.lock().unwrap() = 1;
    let one = phone(&cloud).await;
    one.syncs().await;
    let mut refused = false;
    *cloud.about_results.lock().unwrap() = Some(Box::new(move |answer| {
        if !std::mem::replace(&mut refused, true) {
            answer.results.fill(PushResult {
                missing: vec![CHUNK],
                ..PushStatus::MissingChunks.into()
            });
        }
    }));
    one.brings("long").await;
    let mut told = one.handle.changes();
    one.syncs().await;
    assert_eq!(*cloud.asked_after.lock().unwrap(), 1);
    assert_eq!(one.handle.view().collections[CONTACTS].pending, 0);
    assert!(told.try_recv().is_err() && !one.lacks().await);
}

/// The cloud says of the last record of a push that it lacks these chunks, so many times, and shows nobody that it has it.
fn says_that_it_lacks(cloud: &Cloud, chunks: &[ChunkId], mut times: usize) {
    let result = PushResult {
        missing: chunks.to_vec(),
        ..PushStatus::MissingChunks.into()
    };
    *cloud.about_results.lock().unwrap() = Some(Box::new(move |answer| {
        if let (Some(left), Some(last)) = (times.checked_sub(1), answer.results.last_mut()) {
            (times, *last) = (left, result.clone());
        }
    }));
    *cloud.about_changes.lock().unwrap() = Some(Box::new(|answer| answer.records.clear()));
}

#[tokio::test]
async fn however_many_chunks_came_after_all_each_is_asked_after() {
    let cloud = Arc::new(Cloud::default());
    *cloud.epoch_of_longs.lock().unwrap() = 1;
    let one = phone(&cloud).await;
    one.syncs().await;
    let number =
        |n: usize| ChunkId::from_bytes([&n.to_be_bytes()[..], &[2; 24]].concat().try_into().unwrap());
    let many: Vec<ChunkId> = (0..MISSING_CHUNKS + 500).map(number).chain([CHUNK]).collect();
    says_that_it_lacks(&cloud, &many, 1);
    one.brings("long").await;
    one.syncs().await;
    assert_eq!(*cloud.asked_after.lock().unwrap(), 2);
    assert_eq!(one.handle.view().collections[CONTACTS].pending, 0);
    // And one that didn't come is found, whichever it is.
    says_that_it_lacks(&cloud, &many, 1);
    one.brings("other").await;
    cloud.lost.lock().unwrap().insert(CHUNK);
    assert_eq!(one.handle.sync_now(vec![]).await, Err(SyncError::Lacking));
    assert!(one.entry("other").await.unwrap().lacking && !one.lacks().await);
}

#[tokio::test]
async fn what_a_cloud_lacks_and_has_at_once_is_refused_after_a_few_tries_and_tried_again_by_name() {
    let cloud = Arc::new(Cloud::default());
    *cloud.epoch_of_longs.lock().unwrap() = 1;
    let one = phone(&cloud).await;
    one.syncs().await;
    says_that_it_lacks(&cloud, &[CHUNK], usize::MAX);
    one.brings("long").await;
    let mut told = one.handle.changes();
    assert_eq!(one.handle.sync_now(vec![]).await, Err(SyncError::CloudRefused));
    assert_eq!(cloud.counted.lock().unwrap().1, 3);
    let view = one.comes_to(Phase::Attention).await;
    assert_eq!(
        (view.last_error, view.collections[CONTACTS].pending),
        ("CloudRefused", 1)
    );
    assert!(
        told.try_recv().is_err() && !one.lacks().await,
        "nobody can bring it"
    );
    assert_eq!(one.handle.sync_now(vec![]).await, Err(SyncError::CloudRefused));
    assert_eq!(cloud.counted.lock().unwrap().1, 3, "it is left alone");
    *cloud.about_results.lock().unwrap() = None;
    one.syncs().await;
    let view = one.comes_to(Phase::Idle).await;
    assert_eq!((view.last_error, view.collections[CONTACTS].pending), ("", 0));
}

#[tokio::test]
async fn a_question_that_fails_takes_nothing_from_what_the_push_was_answered() {
    let cloud = Arc::new(Cloud::default());
    *cloud.epoch_of_longs.lock().unwrap() = 1;
    let one = phone(&cloud).await;
    one.syncs().await;
    says_that_it_lacks(&cloud, &[CHUNK], 1);
    one.puts("anna", "a").await;
    one.brings("long").await;
    *cloud.is_silent.lock().unwrap() = true;
    assert_eq!(one.handle.sync_now(vec![]).await, Err(SyncError::Offline));
    assert_eq!(
        one.comes_to(Phase::Offline).await.collections[CONTACTS].pending,
        1
    );
    one.syncs().await;
    assert_eq!(one.handle.view().collections[CONTACTS].pending, 0);
    assert_eq!(
        cloud.counted.lock().unwrap().1,
        3,
        "the other one alone went again"
    );
}

#[tokio::test]
async fn long_contents_that_move_are_in_the_progress() {
    let cloud = Arc::new(Cloud::default());
    let one = phone(&cloud).await;
    let mut watch = one.handle.watch();
    let (done, all) = (7, 9);
    cloud.moving.send_replace(Moving {
        contents: 1,
        done,
        all,
    });
    watch.wait_for(|view| view.progress == (7, 9)).await.unwrap();
    one.puts("anna", "a").await;
    one.syncs().await;
    assert_eq!(one.handle.view().progress, (7, 9), "that of the records is over");
    cloud.moving.send_replace(Moving::default());
    watch.wait_for(|view| view.progress == (0, 0)).await.unwrap();
}
