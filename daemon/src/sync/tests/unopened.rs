//! Records of the cloud that don't open are told of, and keep nothing else from being synced.

use std::sync::Arc;

use belay_proto::sync::{RecordId, Revision};
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
    assert_eq!(two.comes_to(Phase::Attention).await.last_error, "CloudRefused");
    assert_eq!(
        (told(&two), two.has().await),
        (("CloudRefused", 1), all(&[("m", "b")]))
    );
    // Neither another round nor a restart makes it less so.
    two.handle.sync_now(vec![]).await.unwrap_err();
    let two = two.restarts(&cloud).await;
    two.handle.sync_now(vec![]).await.unwrap_err();
    assert_eq!(told(&two), ("CloudRefused", 1));
    // The rest is synced all the same, in both directions.
    two.puts("o", "c").await;
    two.handle.sync_now(vec![]).await.unwrap_err();
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
    let (one, two) = (phone(&cloud).await, phone(&cloud).await);
    one.puts("n", "a").await;
    one.syncs().await;
    two.syncs().await;
    let n = id(&one, "n").await;
    one.puts("n", "aa").await;
    one.syncs().await;
    *cloud.about_results.lock().unwrap() = Some(Box::new(move |answer: &mut PushAnswer| {
        let current = answer
            .results
            .iter_mut()
            .filter_map(|result| result.current.as_mut());
        current.filter(|record| record.id == n).for_each(flip);
    }));
    *cloud.about_changes.lock().unwrap() = Some(Box::new(move |answer| {
        answer
            .records
            .iter_mut()
            .filter(|record| record.id == n)
            .for_each(flip);
    }));
    two.puts("n", "b").await;
    two.puts("m", "c").await;
    let before = cloud.counted.lock().unwrap().1;
    let ended = two.handle.sync_now(vec![CONTACTS]).await;
    assert_eq!(ended.map_err(SyncError::name), Err("CloudRefused"));
    // The round has ended: its last part, asking after chunks, is noted, and nothing is sent again and again.
    assert_eq!(cloud.counted.lock().unwrap().1, before + 2);
    assert_eq!(told(&two), ("CloudRefused", 1));
    two.handle.sync_now(vec![]).await.unwrap_err();
    assert_eq!(
        cloud.counted.lock().unwrap().1,
        before + 2,
        "it isn't tried by itself"
    );
    one.syncs().await;
    assert_eq!(one.has().await["m"], "c");
    // Once the cloud shows what it has the versions are merged, or stand beside each other.
    *cloud.about_results.lock().unwrap() = None;
    *cloud.about_changes.lock().unwrap() = None;
    two.syncs().await;
    assert_eq!(
        (told(&two), two.handle.view().collections[CONTACTS].pending),
        (("", 0), 0)
    );
    one.syncs().await;
    assert_eq!((one.has().await, one.has().await.len()), (two.has().await, 3));
}
