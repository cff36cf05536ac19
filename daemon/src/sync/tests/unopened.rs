//! Records of the cloud that don't open are told of, and keep nothing else from being synced.

use std::sync::Arc;
use std::time::Duration;

use belay_proto::sync::{ChunkId, RecordId, Revision};
use belay_proto::wire::{Bytes, PushAnswer, SyncRecord};

use super::super::{Phase, SyncError};
use super::rig::{CONTACTS, Cloud, Phone, all, phone};

/// One bit of what is sealed is another, and the cloud says that it is so.
fn flip(record: &mut SyncRecord) {
    let mut sealed = record.sealed.0.clone();
    sealed[40] ^= 1;
    record.revision = Revision::of(&sealed);
    record.sealed = Bytes(sealed);
}

impl Cloud {
    /// A bit of what it keeps of a record is another; said once more it is as before.
    fn spoils(&self, id: RecordId) {
        let mut kept = self.kept.lock().unwrap();
        let found = kept.records.iter_mut().find(|((_, of), _)| *of == id);
        let (_, (_, record)) = found.unwrap();
        flip(record);
    }
}

impl Cloud {
    /// What it answers of a record is damaged on the way: with the conflict that it is in, or where that doesn't show it.
    fn damages(&self, id: RecordId, is_shown: bool) {
        *self.about_results.lock().unwrap() = Some(Box::new(move |answer: &mut PushAnswer| {
            for result in &mut answer.results {
                match &mut result.current {
                    Some(record) if record.id == id && is_shown => flip(record),
                    Some(record) if record.id == id => result.current = None,
                    _ => {}
                }
            }
        }));
        *self.about_changes.lock().unwrap() = Some(Box::new(move |answer| {
            let of_it = answer.records.iter_mut().filter(|record| record.id == id);
            of_it.for_each(flip);
        }));
    }

    fn is_honest(&self) {
        *self.about_results.lock().unwrap() = None;
        *self.about_changes.lock().unwrap() = None;
    }
}

/// Two devices with a contact "n" that was changed on both; the first one's change is at the cloud.
async fn edited_on_both(cloud: &Arc<Cloud>) -> (Phone, Phone) {
    let (one, two) = (phone(cloud).await, phone(cloud).await);
    one.puts("n", "a").await;
    one.syncs().await;
    two.syncs().await;
    one.puts("n", "aa").await;
    one.syncs().await;
    two.puts("n", "b").await;
    (one, two)
}

async fn id(phone: &Phone, natural: &str) -> RecordId {
    phone
        .handle
        .identify(CONTACTS, vec![natural.into()])
        .await
        .unwrap()[0]
}

/// What is shown: the error, and how many records don't open.
fn told(phone: &Phone) -> (&'static str, u64) {
    let view = phone.handle.view();
    (view.last_error, view.collections[CONTACTS].unopened)
}

#[tokio::test]
async fn a_restore_that_couldn_t_open_a_record_says_so_until_it_opens() {
    let cloud = Arc::new(Cloud::default());
    let one = phone(&cloud).await;
    one.puts("n", "a").await;
    one.puts("m", "b").await;
    one.syncs().await;
    let n = id(&one, "n").await;
    cloud.spoils(n);
    let two = phone(&cloud).await;
    let ended = two.handle.sync_now(vec![CONTACTS]).await;
    assert_eq!(ended.map_err(SyncError::name), Err("CloudRefused"));
    assert_eq!(
        (told(&two), two.has().await),
        (("CloudRefused", 1), all(&[("m", "b")]))
    );
    // Nobody here can do anything about it: it calls for nobody, and all else is done.
    let first = two.comes_to(Phase::Idle).await.last_sync;
    assert!(first > 0);
    two.clock.advance(Duration::from_secs(60));
    two.handle.sync_now(vec![]).await.unwrap();
    assert!(two.comes_to(Phase::Idle).await.last_sync >= first + 60);
    // Neither another round nor a restart makes it less so, nor that it was off.
    assert_eq!(told(&two), ("CloudRefused", 1));
    let two = two.restarts(&cloud).await;
    two.handle.sync_now(vec![]).await.unwrap();
    assert_eq!(told(&two), ("CloudRefused", 1));
    two.handle.set_enabled(CONTACTS, false).await.unwrap();
    assert_eq!(told(&two), ("", 1), "nothing of it is synced");
    two.handle.set_enabled(CONTACTS, true).await.unwrap();
    two.handle.sync_now(vec![]).await.unwrap();
    assert_eq!(told(&two), ("CloudRefused", 1));
    // The rest is synced all the same, in both directions.
    two.puts("o", "c").await;
    two.handle.sync_now(vec![]).await.unwrap();
    one.syncs().await;
    assert_eq!(one.has().await, all(&[("n", "a"), ("m", "b"), ("o", "c")]));
    // Whoever runs the cloud mends it, which no cursor tells: it is looked at again for who asks for the collection.
    cloud.spoils(n);
    two.syncs().await;
    assert_eq!(two.comes_to(Phase::Idle).await.last_error, "");
    assert_eq!((told(&two), two.has().await.len()), (("", 0), 3));
}

#[tokio::test]
async fn a_record_without_a_key_that_doesn_t_come_is_told_until_it_comes() {
    let cloud = Arc::new(Cloud::default());
    let (one, two) = (phone(&cloud).await, phone(&cloud).await);
    one.epochs.lock().unwrap().0.push(2);
    one.warden.send_modify(|view| view.identity.key_epoch = 2);
    one.puts("n", "a").await;
    one.syncs().await;
    let ended = two.handle.sync_now(vec![CONTACTS]).await;
    assert_eq!(ended.map_err(SyncError::name), Err("CloudRefused"));
    assert_eq!(told(&two), ("CloudRefused", 1));
    // What it says of the record itself waits until it knows what is there, and what it says of others doesn't.
    two.puts("n", "b").await;
    two.puts("m", "c").await;
    two.handle.sync_now(vec![CONTACTS]).await.unwrap_err();
    one.syncs().await;
    assert_eq!(one.has().await, all(&[("n", "a"), ("m", "c")]));
    two.made_elsewhere.lock().unwrap().push(2);
    two.syncs().await;
    assert_eq!(
        (told(&two), two.has().await.len()),
        (("", 0), 3),
        "and both versions of it"
    );
}

#[tokio::test]
async fn a_record_that_doesn_t_open_in_the_way_of_another_keeps_the_others_from_nothing() {
    let cloud = Arc::new(Cloud::default());
    let (one, two) = edited_on_both(&cloud).await;
    cloud.damages(id(&one, "n").await, true);
    two.puts("m", "c").await;
    let before = cloud.counted.lock().unwrap().1;
    let ended = two.handle.sync_now(vec![CONTACTS]).await;
    assert_eq!(ended, Err(SyncError::InTheWay));
    // The round has ended: its last part, asking after chunks, is noted, and nothing is sent again and again.
    assert_eq!(cloud.counted.lock().unwrap().1, before + 2);
    assert_eq!(told(&two), ("CloudRefused", 1));
    two.handle.sync_now(vec![]).await.unwrap_err();
    assert_eq!(
        cloud.counted.lock().unwrap().1,
        before + 2,
        "it isn't tried again at once"
    );
    one.syncs().await;
    assert_eq!(one.has().await["m"], "c");
    // Once the cloud shows what it has the versions are merged, or stand beside each other.
    cloud.is_honest();
    two.syncs().await;
    assert_eq!(
        (told(&two), two.handle.view().collections[CONTACTS].pending),
        (("", 0), 0)
    );
    one.syncs().await;
    assert_eq!((one.has().await, one.has().await.len()), (two.has().await, 3));
}

#[tokio::test]
async fn what_a_damaged_answer_kept_from_the_cloud_goes_there_by_itself_once_the_cloud_shows_what_it_has() {
    for is_shown in [true, false] {
        let cloud = Arc::new(Cloud::default());
        let (one, two) = edited_on_both(&cloud).await;
        cloud.damages(id(&one, "n").await, is_shown);
        two.puts("m", "c").await;
        let ended = two.handle.sync_now(vec![CONTACTS]).await;
        assert_eq!(
            ended,
            Err(SyncError::InTheWay),
            "and the round didn't come to nothing"
        );
        assert_eq!(told(&two), ("CloudRefused", 1));
        // It is the owner's own edit: it is told as what isn't done.
        two.comes_to(Phase::Attention).await;
        assert_eq!(two.handle.view().collections[CONTACTS].pending, 1);
        cloud.is_honest();
        // Not with each edit of another one.
        let before = cloud.counted.lock().unwrap().1;
        two.puts("o", "d").await;
        two.handle.sync_now(vec![]).await.unwrap_err();
        assert_eq!(cloud.counted.lock().unwrap().1, before + 1);
        let mut watch = two.handle.watch();
        two.clock.advance(Duration::from_secs(19 * 60));
        let is_done = watch.wait_for(|view| view.collections[CONTACTS].pending == 0);
        tokio::time::timeout(Duration::from_secs(60), is_done)
            .await
            .expect("it is tried again")
            .unwrap();
        assert_eq!(two.comes_to(Phase::Idle).await.last_error, "");
        one.syncs().await;
        assert_eq!((one.has().await, one.has().await.len()), (two.has().await, 4));
    }
}

#[tokio::test]
async fn a_restart_tries_again_what_a_damaged_answer_kept_from_the_cloud() {
    let cloud = Arc::new(Cloud::default());
    let (one, two) = edited_on_both(&cloud).await;
    cloud.damages(id(&one, "n").await, true);
    two.handle.sync_now(vec![CONTACTS]).await.unwrap_err();
    cloud.is_honest();
    let two = two.restarts(&cloud).await;
    two.handle.sync_now(vec![]).await.unwrap();
    assert_eq!((told(&two), two.has().await.len()), (("", 0), 2));
}

/// A cloud that damages what it answers of a contact which both devices changed, and has lost a content of the second one, which
/// tells so.
async fn lacking_and_damaged() -> (Arc<Cloud>, Phone) {
    let cloud = Arc::new(Cloud::default());
    *cloud.epoch_of_longs.lock().unwrap() = 1;
    let (one, two) = edited_on_both(&cloud).await;
    two.brings("long").await;
    cloud.damages(id(&one, "n").await, true);
    two.handle.sync_now(vec![CONTACTS]).await.unwrap_err();
    cloud.lost.lock().unwrap().insert(ChunkId::from_bytes([1; 32]));
    cloud.kept.lock().unwrap().epoch += 1;
    assert_eq!(two.handle.sync_now(vec![]).await, Err(SyncError::Lacking));
    (cloud, two)
}

#[tokio::test]
async fn what_the_cloud_lacks_is_told_whatever_else_it_damages() {
    let (_cloud, two) = lacking_and_damaged().await;
    assert_eq!(two.handle.sync_now(vec![CONTACTS]).await, Err(SyncError::Lacking));
}

#[tokio::test]
async fn what_is_in_the_way_of_isn_t_sent_with_each_edit_while_something_graver_is_told() {
    let (cloud, two) = lacking_and_damaged().await;
    let before = cloud.counted.lock().unwrap().1;
    for natural in ["o", "p"] {
        two.puts(natural, "d").await;
        assert_eq!(two.handle.sync_now(vec![]).await, Err(SyncError::Lacking));
    }
    assert_eq!(cloud.counted.lock().unwrap().1, before + 2);
}
