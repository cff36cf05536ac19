//! Sealed records: what is stored, in which order it is told, and what the cloud refuses to believe.

mod lasting;

use belay_proto::sync::{ChunkId, CollectionId, MAX_SEALED_RECORD, RecordId, Revision};
use belay_proto::wire::{
    ChangesAnswer, MESSAGE_PACK, PushAnswer, PushRecord, PushRequest, PushResult, PushStatus, SyncRecord,
};
use serde::de::DeserializeOwned;

use super::orders::Home;
use super::rig::{Client, Reply, Rig};
use crate::sync::table;

const CONTACTS: CollectionId = CollectionId::from_bytes([1; 16]);
/// What a record uses besides what is sealed and the ids of its chunks.
pub const AROUND: u64 = table::AROUND as u64;
const NOTES: CollectionId = CollectionId::from_bytes([2; 16]);

fn sealed(collection: CollectionId, id: u8, bytes: &[u8]) -> SyncRecord {
    SyncRecord {
        collection,
        id: RecordId::from_bytes([id; 16]),
        revision: Revision::of(bytes),
        key_epoch: 1,
        removed: false,
        chunks: Vec::new(),
        sealed: bytes.to_vec().into(),
    }
}

pub fn new(id: u8, bytes: &[u8]) -> PushRecord {
    PushRecord {
        base: None,
        record: sealed(CONTACTS, id, bytes),
    }
}

/// A change of `before`.
pub fn change(before: &PushRecord, bytes: &[u8]) -> PushRecord {
    let record = &before.record;
    PushRecord {
        base: Some(record.revision),
        record: SyncRecord {
            revision: Revision::of(bytes),
            sealed: bytes.to_vec().into(),
            ..record.clone()
        },
    }
}

pub fn removal(before: &PushRecord) -> PushRecord {
    let mut push = change(before, b"removed");
    push.record.removed = true;
    push
}

fn request(cursor: Option<&str>, records: &[PushRecord]) -> PushRequest {
    PushRequest {
        cursor: cursor.map(str::to_owned),
        records: records.to_vec(),
    }
}

fn read<T: DeserializeOwned>(reply: Reply) -> T {
    let reply = reply.is(200);
    assert_eq!(reply.header("content-type").as_deref(), Some(MESSAGE_PACK));
    rmp_serde::from_slice(&reply.body).unwrap()
}

async fn send(client: &Client<'_>, body: Vec<u8>) -> Reply {
    for _ in 0..2 {
        let mut request = client.request("POST", "/v1/sync/push", None, None);
        *request.body_mut() = body.clone();
        request
            .headers_mut()
            .insert("content-type", MESSAGE_PACK.parse().unwrap());
        let reply = client.rig.send(request).await;
        *client.nonce.lock().unwrap() = reply.header("dpop-nonce");
        if reply.problem() != "use-dpop-nonce" {
            return reply;
        }
    }
    panic!("no nonce is good");
}

pub async fn push(client: &Client<'_>, cursor: Option<&str>, records: &[PushRecord]) -> PushAnswer {
    let body = rmp_serde::to_vec_named(&request(cursor, records)).unwrap();
    read(send(client, body).await)
}

/// Pushes one record; what became of it.
pub async fn one(client: &Client<'_>, record: &PushRecord) -> PushResult {
    push(client, None, std::slice::from_ref(record))
        .await
        .results
        .remove(0)
}

pub async fn changes(client: &Client<'_>, query: &str) -> ChangesAnswer {
    read(client.get(&format!("/v1/sync/changes?{query}")).await)
}

fn told(answer: &ChangesAnswer) -> Vec<(u8, &[u8])> {
    let part = |record: &'_ SyncRecord| record.id.as_bytes()[0];
    answer
        .records
        .iter()
        .map(|record| (part(record), &record.sealed[..]))
        .collect()
}

#[tokio::test]
async fn what_one_device_pushes_the_other_is_told_in_order_and_once() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let (first, second) = (new(1, b"a"), new(2, b"b"));
    push(&home.client, None, &[first.clone(), second]).await;
    one(&home.client, &change(&first, b"c")).await;
    let all = changes(&home.client, "").await;
    assert_eq!(told(&all), [(2, &b"b"[..]), (1, b"c")]);
    assert!(!all.more);
    let none = changes(&home.client, &format!("cursor={}", all.cursor)).await;
    assert_eq!((told(&none), &none.cursor), (vec![], &all.cursor));
}

#[tokio::test]
async fn a_change_of_another_revision_than_the_present_one_conflicts_with_it() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let first = new(1, b"a");
    assert_eq!(one(&home.client, &first).await.status, PushStatus::Ok);
    let theirs = change(&first, b"b");
    one(&home.client, &theirs).await;
    for stale in [change(&first, b"c"), new(1, b"d")] {
        let result = one(&home.client, &stale).await;
        assert_eq!(result.status, PushStatus::Conflict);
        assert_eq!(result.current.as_ref(), Some(&theirs.record));
    }
    assert_eq!(
        one(&home.client, &change(&new(9, b"x"), b"y")).await.status,
        PushStatus::Absent
    );
    assert_eq!(told(&changes(&home.client, "").await), [(1, &b"b"[..])]);
}

#[tokio::test]
async fn one_bad_record_leaves_the_others_stored() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let mut lies = new(2, b"b");
    lies.record.revision = Revision::of(b"c");
    let mut endless = new(3, b"c");
    endless.record.key_epoch = u64::MAX;
    let mut chunked = removal(&new(4, b"d"));
    (chunked.base, chunked.record.chunks) = (None, vec![ChunkId::from_bytes([1; 32])]);
    let long = new(5, &vec![0; MAX_SEALED_RECORD + 1]);
    let batch = [
        new(1, b"a"),
        lies,
        endless,
        chunked,
        long,
        new(1, b"z"),
        new(6, b""),
        new(7, b"g"),
    ];
    let answer = push(&home.client, None, &batch).await;
    let results: Vec<_> = answer.results.iter().map(|result| result.status).collect();
    use PushStatus::{Bad, Ok, TooLarge};
    assert_eq!(results, [Ok, Bad, Bad, Bad, TooLarge, Bad, Bad, Ok]);
    assert_eq!(
        told(&changes(&home.client, "").await),
        [(1, &b"a"[..]), (7, b"g")]
    );
}

#[tokio::test]
async fn the_same_push_again_changes_nothing() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let first = new(1, b"a");
    let before = push(&home.client, None, &[first.clone(), new(2, b"b")]).await;
    let again = push(&home.client, None, &[first.clone(), new(2, b"b")]).await;
    assert_eq!((&before.results, &before.cursor), (&again.results, &again.cursor));
    // Also once another change of the same device has its answer lost.
    let later = change(&first, b"c");
    one(&home.client, &later).await;
    assert_eq!(one(&home.client, &later).await.status, PushStatus::Ok);
}

#[tokio::test]
async fn who_knows_all_but_what_he_pushes_neednt_fetch_it() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let start = push(&home.client, None, &[new(1, b"a")]).await;
    assert!(start.contiguous);
    let next = push(&home.client, Some(&start.cursor), &[new(2, b"b"), new(3, b"c")]).await;
    assert!(next.contiguous);
    // Somebody who has not seen those.
    let gap = push(&home.client, Some(&start.cursor), &[new(4, b"d")]).await;
    assert!(!gap.contiguous);
    assert_eq!(
        told(&changes(&home.client, &format!("cursor={}", next.cursor)).await),
        [(4, &b"d"[..])]
    );
    assert!(!push(&home.client, None, &[new(5, b"e")]).await.contiguous);
}

#[tokio::test]
async fn one_collection_is_told_alone() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let mut note = new(2, b"b");
    note.record.collection = NOTES;
    let answer = push(&home.client, None, &[new(1, b"a"), note, new(3, b"c")]).await;
    let notes = changes(&home.client, &format!("collection={NOTES}")).await;
    assert_eq!(
        (told(&notes), &notes.cursor),
        (vec![(2, &b"b"[..])], &answer.cursor)
    );
    let page = changes(&home.client, &format!("collection={CONTACTS}&limit=1")).await;
    assert_eq!((told(&page), page.more), (vec![(1, &b"a"[..])], true));
    // What is to come is told once, and of this collection.
    assert_eq!((page.left, notes.left), (1, 0));
    let all = changes(&home.client, "limit=1").await;
    assert_eq!(all.left, 2);
    let on = changes(&home.client, &format!("limit=1&cursor={}", all.cursor)).await;
    assert_eq!((on.more, on.left), (true, 0));
    let rest = changes(
        &home.client,
        &format!("collection={CONTACTS}&cursor={}", page.cursor),
    )
    .await;
    assert_eq!((told(&rest), rest.more), (vec![(3, &b"c"[..])], false));
}

#[tokio::test]
async fn long_records_come_on_more_pages_each_with_one_at_least() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    for id in 0..3 {
        one(&home.client, &new(id, &vec![id + 1; 300 * 1024])).await;
    }
    assert_eq!(
        one(&home.client, &new(9, &vec![9; 100 * 1024])).await.status,
        PushStatus::Quota
    );
    let mut cursor = String::new();
    let mut seen = Vec::new();
    loop {
        let page = changes(&home.client, &cursor).await;
        assert!((1..=3).contains(&page.records.len()));
        seen.extend(page.records.iter().map(|record| record.id.as_bytes()[0]));
        cursor = format!("limit=2&cursor={}", page.cursor);
        if !page.more {
            break;
        }
    }
    assert_eq!(seen, [0, 1, 2]);
}

#[tokio::test]
async fn a_full_account_fetches_and_removes_and_changes_what_doesnt_grow() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let big = |id| new(id, &vec![id; 300 * 1024]);
    for id in 1..=3 {
        assert_eq!(one(&home.client, &big(id)).await.status, PushStatus::Ok);
    }
    assert_eq!(one(&home.client, &big(4)).await.status, PushStatus::Quota);
    assert_eq!(
        one(&home.client, &change(&big(3), &vec![7; 300 * 1024]))
            .await
            .status,
        PushStatus::Ok
    );
    assert_eq!(one(&home.client, &removal(&big(1))).await.status, PushStatus::Ok);
    let answer = push(&home.client, None, &[big(4)]).await;
    assert_eq!(answer.results[0].status, PushStatus::Ok);
    assert_eq!(answer.quota.total, 1_000_000);
    assert_eq!(answer.quota.used, 3 * (300 * 1024 + AROUND) + 7 + AROUND);
}

#[tokio::test]
async fn an_older_key_epoch_is_refused_whole_once_a_newer_one_was_pushed_in() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let mut newer = new(1, b"a");
    newer.record.key_epoch = 2;
    one(&home.client, &newer).await;
    let mut both = new(3, b"c");
    both.record.key_epoch = 2;
    let body = rmp_serde::to_vec_named(&request(None, &[both, new(2, b"b")])).unwrap();
    send(&home.client, body).await.refuses(412, "key-epoch-old");
    assert_eq!(told(&changes(&home.client, "").await), [(1, &b"a"[..])]);
}

#[tokio::test]
async fn one_device_alone_does_not_raise_the_key_epoch_out_of_the_others_reach() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let mut far = [new(1, b"a"), new(2, b"b")];
    (far[0].record.key_epoch, far[1].record.key_epoch) = (1000, 1001);
    let answer = push(&home.client, None, &far).await;
    let became: Vec<PushStatus> = answer.results.iter().map(|result| result.status).collect();
    assert_eq!(became, [PushStatus::Ok, PushStatus::Bad]);
    let account = home.owner.account;
    let counts = rig.app.store.transact(move |tx| {
        let counted = table::Counted {
            key_epoch: (1 << 31) - 2,
            ..table::counted(tx, &account)?
        };
        table::count(tx, &account, &counted)
    });
    counts.await.unwrap();
    for (epoch, status) in [(1 << 31, PushStatus::Bad), ((1 << 31) - 1, PushStatus::Ok)] {
        let mut last = new(3, b"c");
        last.record.key_epoch = epoch;
        assert_eq!(one(&home.client, &last).await.status, status, "{epoch}");
    }
}

#[tokio::test]
async fn a_push_in_two_key_epochs_leaves_the_newer_one_behind() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let mut newer = new(1, b"a");
    newer.record.key_epoch = 2;
    push(&home.client, None, &[newer, new(2, b"b")]).await;
    let body = rmp_serde::to_vec_named(&request(None, &[new(3, b"c")])).unwrap();
    send(&home.client, body).await.refuses(412, "key-epoch-old");
}

#[tokio::test]
async fn a_full_account_isnt_filled_with_removals() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    for id in 1..=3 {
        one(&home.client, &new(id, &vec![id; 300 * 1024])).await;
    }
    let small = new(4, b"d");
    one(&home.client, &small).await;
    let mut unknown = new(5, &[5; 300 * 1024]);
    unknown.record.removed = true;
    assert_eq!(one(&home.client, &unknown).await.status, PushStatus::Quota);
    let mut long = change(&small, &[6; 300 * 1024]);
    long.record.removed = true;
    assert_eq!(one(&home.client, &long).await.status, PushStatus::Quota);
    assert_eq!(one(&home.client, &removal(&small)).await.status, PushStatus::Ok);
}

#[tokio::test]
async fn what_isnt_a_push_is_refused() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let good = rmp_serde::to_vec_named(&request(None, &[new(1, b"a")])).unwrap();
    for bad in [
        &b""[..],
        b"\xc0",
        b"{}",
        &good[..good.len() - 1],
        &[&good[..], b"\x00"].concat(),
    ] {
        send(&home.client, bad.to_vec()).await.refuses(400, "malformed");
    }
    let many: Vec<_> = (0..=500_u16)
        .map(|n| {
            let mut push = new(1, b"a");
            push.record.id = RecordId::from_bytes([n.to_be_bytes(); 8].concat().try_into().unwrap());
            push
        })
        .collect();
    let body = rmp_serde::to_vec_named(&request(None, &many)).unwrap();
    send(&home.client, body).await.refuses(413, "too-large");
    let json = serde_json::json!({ "records": [] });
    home.client
        .call("POST", "/v1/sync/push", Some(&json), None)
        .await
        .refuses(415, "unsupported-media-type");
    assert!(changes(&home.client, "").await.records.is_empty());
}
